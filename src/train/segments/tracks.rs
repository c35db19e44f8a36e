//! Segments over time: parts of one frame are matched with the tracks so far by position and colour; where two objects
//! touch, each pixel goes to the track that it is near and alike. Once forwards and once backwards, so that objects are
//! also split in frames before they have been apart.

use std::collections::BTreeMap;

use crate::train::segments::config::SegmentConfig;
use crate::train::segments::foreground::Relative;
use crate::train::segments::grid::Grid;

/// Bins of a hue, each way.
const HUES: usize = 12;
/// Bins of the brightness: shade, light, glint.
const LIGHTS: usize = 3;
/// Least probability of a colour, though the object never had it.
const SURPRISE: f32 = 0.02;
/// Cost of one pixel of distance from where an object is expected.
const STEP: f32 = 0.35;
/// Distance at most, pixels.
const FAR: u8 = 10;
/// Least share of a part or of a track, whichever is smaller, that must overlap for a match.
const OVERLAP: f32 = 0.25;
/// Frames without a match after which a track ends.
const PATIENCE: usize = 2;

/// Links the parts of a clip's frames to tracks.
pub struct Tracker<'a> {
    grid: Grid,
    frames: &'a [Relative],
    /// Pixels of the smallest segment.
    least_pixels: usize,
}

/// One object over time.
#[derive(Debug, Clone)]
struct Track {
    /// Pixels in the last frame with a match.
    pixels: Vec<usize>,
    /// Rows and columns moved a frame.
    shift: [f32; 2],
    /// Histogram of colours, running average.
    colours: Vec<f32>,
    /// Frames since the last match.
    unseen: usize,
}

/// Labels so far.
struct Labels {
    last: u16,
    /// Track that each fragment was cut off from.
    parents: BTreeMap<u16, u16>,
}

/// A part of a frame, and its label from the pass before.
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
            least_pixels: config.least_pixels,
        }
    }

    /// The label of every pixel in every frame, 0 where there is no object.
    pub fn link(&self, parts: &[Vec<Vec<usize>>]) -> Vec<Vec<u16>> {
        let mut ids = Labels {
            last: 0,
            parents: BTreeMap::new(),
        };
        let forwards: Vec<usize> = (0..parts.len()).collect();
        let unlabelled =
            |parts: &Vec<Vec<usize>>| parts.iter().map(|part| (None, part.clone())).collect();
        let parts: Vec<Vec<(Option<u16>, Vec<usize>)>> = parts.iter().map(unlabelled).collect();
        let mut labels = self.pass(&forwards, &parts, &mut ids);
        ids.merge_fragments(&mut labels);

        let backwards: Vec<usize> = forwards.into_iter().rev().collect();
        let parts: Vec<_> = labels.iter().map(|frame| parts_of(frame)).collect();
        let mut labels = self.pass(&backwards, &parts, &mut ids);
        ids.merge_fragments(&mut labels);
        labels
    }

    fn pass(
        &self,
        order: &[usize],
        parts: &[Vec<(Option<u16>, Vec<usize>)>],
        ids: &mut Labels,
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
            let taken = self.assign(frame, &parts, &tracks, ids);
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
        ids: &mut Labels,
    ) -> BTreeMap<u16, Vec<usize>> {
        let expected: BTreeMap<u16, Vec<u8>> = tracks
            .iter()
            .map(|(label, track)| {
                (
                    *label,
                    self.grid
                        .distance(self.expected_pixels(track).into_iter(), FAR),
                )
            })
            .collect();
        let overlaps_of = |part: &Part| -> BTreeMap<u16, usize> {
            let overlap = |(label, track): (&u16, &Track)| {
                Some((*label, self.overlap(frame, part, track, &expected[label])?))
            };
            tracks.iter().filter_map(overlap).collect()
        };
        let overlaps: Vec<BTreeMap<u16, usize>> = parts.iter().map(overlaps_of).collect();
        let mut taken: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
        for (index, part) in parts.iter().enumerate() {
            // Where an object falls into parts, the one that is most of it goes on with its number.
            let most = |label: &u16, pixels: usize| {
                overlaps.iter().enumerate().all(|(other, overlaps)| {
                    let rival = overlaps.get(label).copied().unwrap_or(0);
                    rival < pixels || (rival == pixels && other >= index)
                })
            };
            let matched: Vec<u16> = overlaps[index]
                .iter()
                .filter(|(label, pixels)| most(label, **pixels))
                .map(|(label, _)| *label)
                .collect();
            match matched[..] {
                [] => {
                    let parent = overlaps[index]
                        .iter()
                        .max_by_key(|(_, pixels)| **pixels)
                        .map(|(label, _)| *label);
                    let own = part
                        .label
                        .filter(|label| !taken.contains_key(label) && !tracks.contains_key(label));
                    let label = own.unwrap_or_else(|| ids.next(parent));
                    taken.insert(label, part.pixels.to_vec());
                }
                [label] => {
                    taken.insert(label, part.pixels.to_vec());
                }
                _ => taken.extend(self.split_among(frame, part, &matched, tracks, &expected)),
            }
        }
        taken
    }

    /// Pixels of a part that match a track in position and colour, if they are enough.
    fn overlap(&self, frame: usize, part: &Part, track: &Track, expected: &[u8]) -> Option<usize> {
        let near = part.pixels.iter().filter(|pixel| expected[**pixel] <= 1);
        let alike = near.filter(|pixel| track.colours[self.colour(frame, **pixel)] > SURPRISE);
        let least = part.pixels.len().min(track.pixels.len()) as f32 * OVERLAP;
        let count = alike.count();
        (count >= self.least_pixels.min(part.pixels.len()) && count as f32 >= least)
            .then_some(count)
    }

    /// Splits a part among several tracks by distance and colour; pieces that are too small go to the largest.
    fn split_among(
        &self,
        frame: usize,
        part: &Part,
        matched: &[u16],
        tracks: &BTreeMap<u16, Track>,
        expected: &BTreeMap<u16, Vec<u8>>,
    ) -> BTreeMap<u16, Vec<usize>> {
        let cost = |label: u16, pixel: usize| {
            let like = tracks[&label].colours[self.colour(frame, pixel)] + SURPRISE;
            STEP * f32::from(expected[&label][pixel]) - like.ln()
        };
        let mut owner = vec![0u16; self.grid.pixels()];
        for &pixel in part.pixels {
            let best = matched
                .iter()
                .min_by(|one, other| cost(**one, pixel).total_cmp(&cost(**other, pixel)));
            owner[pixel] = best.copied().unwrap_or(0);
        }
        let mut shares: BTreeMap<u16, Vec<usize>> = BTreeMap::new();
        for &pixel in part.pixels {
            shares
                .entry(self.majority_label(&owner, pixel))
                .or_default()
                .push(pixel);
        }
        let largest = shares
            .iter()
            .max_by_key(|(_, pixels)| pixels.len())
            .map_or(0, |(label, _)| *label);
        let small: Vec<u16> = shares
            .iter()
            .filter(|(_, pixels)| pixels.len() < self.least_pixels)
            .map(|(label, _)| *label)
            .collect();
        for piece in small.into_iter().filter(|piece| *piece != largest) {
            let pixels = shares.remove(&piece).unwrap_or_default();
            shares.entry(largest).or_default().extend(pixels);
        }
        for pixels in shares.values_mut() {
            pixels.sort_unstable();
        }
        shares
    }

    /// The label of most pixels around.
    fn majority_label(&self, owner: &[u16], pixel: usize) -> u16 {
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
            let current = self.colours(frame, pixels);
            let before = tracks.remove(label);
            let shift = before.as_ref().map_or([0.0; 2], |before| {
                let (now, then) = (self.centre(pixels), self.centre(&before.pixels));
                let frames = before.unseen.max(1) as f32;
                [(now[0] - then[0]) / frames, (now[1] - then[1]) / frames]
            });
            let colours = match before {
                None => current,
                Some(before) => before
                    .colours
                    .iter()
                    .zip(&current)
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

    /// Pixels where a track is expected, inside the frame.
    fn expected_pixels(&self, track: &Track) -> Vec<usize> {
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

    /// Histogram of an object's colours, summing to 1.
    fn colours(&self, frame: usize, pixels: &[usize]) -> Vec<f32> {
        let mut colours = vec![0.0; HUES * HUES * LIGHTS];
        let weight = 1.0 / pixels.len().max(1) as f32;
        for &pixel in pixels {
            colours[self.colour(frame, pixel)] += weight;
        }
        colours
    }

    /// The bin of a pixel's colour.
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

impl Labels {
    fn next(&mut self, parent: Option<u16>) -> u16 {
        self.last += 1;
        self.parents
            .extend(parent.map(|parent| (self.last, parent)));
        self.last
    }

    /// Fragments that were seen in fewer than three frames become parts of what they were cut off from.
    fn merge_fragments(&self, labels: &mut [Vec<u16>]) {
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
