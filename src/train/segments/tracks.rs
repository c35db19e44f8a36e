//! The same object over time: parts of one frame are matched with those of the frame before by where they are,
//! and where two objects hang together, each pixel goes to the one that it is like and near.
//! Once forwards and once backwards, so that objects are also parted before they have been seen apart.

use std::collections::BTreeMap;

use crate::train::segments::config::SegmentConfig;
use crate::train::segments::foreground::Relative;
use crate::train::segments::grid::Grid;

/// Hues are counted in so many steps each way.
const HUES: usize = 12;
/// Brightness is counted in so many steps: shade, light, glint.
const LIGHTS: usize = 3;
/// What any colour counts for, though an object was never seen in it.
const SURPRISE: f32 = 0.02;
/// What one step away from where an object is expected counts for.
const STEP: f32 = 0.35;
/// Steps beyond which distance no longer grows.
const FAR: u8 = 10;
/// Share of a part or of an object that must overlap for the two to be one.
const OVERLAP: f32 = 0.25;
/// Frames after which an unseen object is no longer looked for.
const PATIENCE: usize = 2;

/// Follows objects through a clip.
pub struct Tracker<'a> {
    grid: Grid,
    frames: &'a [Relative],
    least: usize,
}

/// One object on its way.
#[derive(Debug, Clone)]
struct Track {
    pixels: Vec<usize>,
    /// Rows and columns that it moved in the last frame.
    shift: [f32; 2],
    colours: Vec<f32>,
    /// Frames since it was seen.
    unseen: usize,
}

/// Numbers that were given out.
struct Names {
    last: u16,
    /// Whom each fragment was cut off from.
    parents: BTreeMap<u16, u16>,
}

/// A part of a frame, and the number it has so far.
struct Part<'a> {
    pixels: &'a [usize],
    label: Option<u16>,
}

impl<'a> Tracker<'a> {
    /// For the frames of one clip.
    pub fn new(grid: Grid, frames: &'a [Relative], config: &SegmentConfig) -> Self {
        Self {
            grid,
            frames,
            least: config.least_pixels,
        }
    }

    /// The number of each pixel's object in each frame, 0 where there is none.
    pub fn link(&self, parts: &[Vec<Vec<usize>>]) -> Vec<Vec<u16>> {
        let mut names = Names {
            last: 0,
            parents: BTreeMap::new(),
        };
        let forwards: Vec<usize> = (0..parts.len()).collect();
        let unnamed =
            |parts: &Vec<Vec<usize>>| parts.iter().map(|part| (None, part.clone())).collect();
        let parts: Vec<Vec<(Option<u16>, Vec<usize>)>> = parts.iter().map(unnamed).collect();
        let mut labels = self.pass(&forwards, &parts, &mut names);
        names.take_back_fragments(&mut labels);

        let backwards: Vec<usize> = forwards.into_iter().rev().collect();
        let parts: Vec<_> = labels.iter().map(|frame| parts_of(frame)).collect();
        let mut labels = self.pass(&backwards, &parts, &mut names);
        names.take_back_fragments(&mut labels);
        labels
    }

    fn pass(
        &self,
        order: &[usize],
        parts: &[Vec<(Option<u16>, Vec<usize>)>],
        names: &mut Names,
    ) -> Vec<Vec<u16>> {
        let mut labels = vec![vec![0; self.grid.pixels()]; order.len()];
        let mut tracks: BTreeMap<u16, Track> = BTreeMap::new();
        for &frame in order {
            let parts: Vec<Part> = parts[frame]
                .iter()
                .map(|(label, pixels)| Part {
                    pixels,
                    label: *label,
                })
                .collect();
            let taken = self.assign(frame, &parts, &tracks, names);
            self.update(frame, &taken, &mut tracks);
            for (label, pixels) in taken {
                for pixel in pixels {
                    labels[frame][pixel] = label;
                }
            }
        }
        labels
    }

    /// The pixels of each object in a frame.
    fn assign(
        &self,
        frame: usize,
        parts: &[Part],
        tracks: &BTreeMap<u16, Track>,
        names: &mut Names,
    ) -> BTreeMap<u16, Vec<usize>> {
        let expected: BTreeMap<u16, Vec<u8>> = tracks
            .iter()
            .map(|(label, track)| {
                (
                    *label,
                    self.grid.distance(self.moved(track).into_iter(), FAR),
                )
            })
            .collect();
        let claims = |part: &Part| -> BTreeMap<u16, usize> {
            let claim = |(label, track): (&u16, &Track)| {
                Some((*label, self.claim(frame, part, track, &expected[label])?))
            };
            tracks.iter().filter_map(claim).collect()
        };
        let claims: Vec<BTreeMap<u16, usize>> = parts.iter().map(claims).collect();
        let mut taken: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
        for (index, part) in parts.iter().enumerate() {
            // Where an object falls into parts, the one that is most of it goes on with its number.
            let most = |label: &u16, pixels: usize| {
                claims.iter().enumerate().all(|(other, claims)| {
                    let rival = claims.get(label).copied().unwrap_or(0);
                    rival < pixels || (rival == pixels && other >= index)
                })
            };
            let held: Vec<u16> = claims[index]
                .iter()
                .filter(|(label, pixels)| most(label, **pixels))
                .map(|(label, _)| *label)
                .collect();
            match held[..] {
                [] => {
                    let parent = claims[index]
                        .iter()
                        .max_by_key(|(_, pixels)| **pixels)
                        .map(|(label, _)| *label);
                    let own = part
                        .label
                        .filter(|label| !taken.contains_key(label) && !tracks.contains_key(label));
                    let label = own.unwrap_or_else(|| names.next(parent));
                    taken.insert(label, part.pixels.to_vec());
                }
                [label] => {
                    taken.insert(label, part.pixels.to_vec());
                }
                _ => taken.extend(self.share_out(frame, part, &held, tracks, &expected)),
            }
        }
        taken
    }

    /// Pixels of a part that may be this object, if they are enough.
    fn claim(&self, frame: usize, part: &Part, track: &Track, expected: &[u8]) -> Option<usize> {
        let near = part.pixels.iter().filter(|pixel| expected[**pixel] <= 1);
        let alike = near.filter(|pixel| track.colours[self.colour(frame, **pixel)] > SURPRISE);
        let least = part.pixels.len().min(track.pixels.len()) as f32 * OVERLAP;
        let count = alike.count();
        (count >= self.least.min(part.pixels.len()) && count as f32 >= least).then_some(count)
    }

    /// Each pixel of a part to the object that it is like and near; crumbs go to the largest.
    fn share_out(
        &self,
        frame: usize,
        part: &Part,
        claims: &[u16],
        tracks: &BTreeMap<u16, Track>,
        expected: &BTreeMap<u16, Vec<u8>>,
    ) -> BTreeMap<u16, Vec<usize>> {
        let cost = |label: u16, pixel: usize| {
            let like = tracks[&label].colours[self.colour(frame, pixel)] + SURPRISE;
            STEP * f32::from(expected[&label][pixel]) - like.ln()
        };
        let mut owner = vec![0u16; self.grid.pixels()];
        for &pixel in part.pixels {
            let best = claims
                .iter()
                .min_by(|one, other| cost(**one, pixel).total_cmp(&cost(**other, pixel)));
            owner[pixel] = best.copied().unwrap_or(0);
        }
        let mut shares: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
        for &pixel in part.pixels {
            shares
                .entry(self.usual(&owner, pixel))
                .or_default()
                .push(pixel);
        }
        let largest = shares
            .iter()
            .max_by_key(|(_, pixels)| pixels.len())
            .map_or(0, |(label, _)| *label);
        let crumbs: Vec<u16> = shares
            .iter()
            .filter(|(_, pixels)| pixels.len() < self.least)
            .map(|(label, _)| *label)
            .collect();
        for crumb in crumbs.into_iter().filter(|crumb| *crumb != largest) {
            let pixels = shares.remove(&crumb).unwrap_or_default();
            shares.entry(largest).or_default().extend(pixels);
        }
        for pixels in shares.values_mut() {
            pixels.sort_unstable();
        }
        shares
    }

    /// Whom most pixels around belong to.
    fn usual(&self, owner: &[u16], pixel: usize) -> u16 {
        let mut votes: BTreeMap<u16, usize> = BTreeMap::new();
        for near in self.grid.around(pixel).filter(|near| owner[*near] != 0) {
            *votes.entry(owner[near]).or_default() += 1;
        }
        let most = votes
            .iter()
            .max_by_key(|(label, votes)| (**votes, **label == owner[pixel]));
        most.map_or(owner[pixel], |(label, _)| *label)
    }

    fn update(
        &self,
        frame: usize,
        taken: &BTreeMap<u16, Vec<usize>>,
        tracks: &mut BTreeMap<u16, Track>,
    ) {
        for track in tracks.values_mut() {
            track.unseen += 1;
        }
        for (label, pixels) in taken {
            let seen = self.colours(frame, pixels);
            let before = tracks.remove(label);
            let shift = before.as_ref().map_or([0.0; 2], |before| {
                let (now, then) = (self.centre(pixels), self.centre(&before.pixels));
                let frames = before.unseen.max(1) as f32;
                [(now[0] - then[0]) / frames, (now[1] - then[1]) / frames]
            });
            let colours = match before {
                None => seen,
                Some(before) => before
                    .colours
                    .iter()
                    .zip(&seen)
                    .map(|(old, new)| 0.7 * old + 0.3 * new)
                    .collect(),
            };
            tracks.insert(
                *label,
                Track {
                    pixels: pixels.clone(),
                    shift,
                    colours,
                    unseen: 0,
                },
            );
        }
        tracks.retain(|_, track| track.unseen <= PATIENCE);
    }

    /// Where an object is expected, inside the picture.
    fn moved(&self, track: &Track) -> Vec<usize> {
        let frames = (track.unseen + 1) as f32;
        let [down, right] = track.shift.map(|shift| (shift * frames).round() as isize);
        let width = self.grid.width;
        let moved = track.pixels.iter().filter_map(|pixel| {
            let row = (pixel / width)
                .checked_add_signed(down)
                .filter(|row| *row < self.grid.height)?;
            let column = (pixel % width)
                .checked_add_signed(right)
                .filter(|column| *column < width)?;
            Some(row * width + column)
        });
        moved.collect()
    }

    fn centre(&self, pixels: &[usize]) -> [f32; 2] {
        let count = pixels.len().max(1) as f32;
        let rows: usize = pixels.iter().map(|pixel| pixel / self.grid.width).sum();
        let columns: usize = pixels.iter().map(|pixel| pixel % self.grid.width).sum();
        [rows as f32 / count, columns as f32 / count]
    }

    /// Share of an object's pixels in each colour.
    fn colours(&self, frame: usize, pixels: &[usize]) -> Vec<f32> {
        let mut colours = vec![0.0; HUES * HUES * LIGHTS];
        let weight = 1.0 / pixels.len().max(1) as f32;
        for &pixel in pixels {
            colours[self.colour(frame, pixel)] += weight;
        }
        colours
    }

    /// The step that a pixel's colour falls into.
    fn colour(&self, frame: usize, pixel: usize) -> usize {
        let relative = &self.frames[frame];
        let [red, green] = relative
            .hue(pixel)
            .map(|part| ((part.mul_add(0.5, 0.5) * HUES as f32) as usize).min(HUES - 1));
        let light = match relative.brightness(pixel) {
            share if share < 0.35 => 0,
            share if share < 1.3 => 1,
            _ => 2,
        };
        (red * HUES + green) * LIGHTS + light
    }
}

impl Names {
    fn next(&mut self, parent: Option<u16>) -> u16 {
        self.last += 1;
        self.parents
            .extend(parent.map(|parent| (self.last, parent)));
        self.last
    }

    /// Fragments that were seen in fewer than three frames become parts of what they were cut off from.
    fn take_back_fragments(&self, labels: &mut [Vec<u16>]) {
        let least = 3.min(labels.len());
        let seen = |label: u16| labels.iter().filter(|frame| frame.contains(&label)).count();
        let brief: BTreeMap<u16, u16> = self
            .parents
            .iter()
            .filter(|(label, _)| seen(**label) < least)
            .map(|(label, parent)| (*label, *parent))
            .collect();
        for label in labels.iter_mut().flatten() {
            // A parent is older than its fragment, so this ends.
            while let Some(parent) = brief.get(label) {
                *label = *parent;
            }
        }
    }
}

/// The pixels of each number.
fn parts_of(labels: &[u16]) -> Vec<(Option<u16>, Vec<usize>)> {
    let mut parts: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
    for (pixel, &label) in labels.iter().enumerate().filter(|(_, label)| **label != 0) {
        parts.entry(label).or_default().push(pixel);
    }
    parts
        .into_iter()
        .map(|(label, pixels)| (Some(label), pixels))
        .collect()
}
