//! Clips of the kind that Physion asks about: one red and one yellow object, and whether they will touch after the
//! first second and a half. Half of the clips say yes.
//!
//! Differs: Physion's scenes have eight mechanisms in three dimensions; these have two kinds of scenes on a floor.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{SynthPreset, World};
use crate::clip::{Clip, ClipId, Sample};
use crate::error::DataError;
use crate::listing::{create_parent, read_text};
use crate::partial::write_whole;
use crate::source::config::SourceConfig;
use crate::source::interface::{GroundTruth, Outcome, Source};
use crate::source::physion::Part;
use crate::source::split::Split;
use crate::synth::physics::record::{Color, Event, Record};
use crate::synth::physics::simulate::simulate;
use crate::synth::render::renderer::Renderer;
use crate::video::{self, Format};
use crate::window::{FrameSampling, Window};

/// Frames that are observed: 1.5 seconds at 30 frames a second, as people saw of Physion.
pub const OBSERVED: usize = 45;
/// Frames of a clip.
pub const FRAMES: usize = 150;
/// Frames a second.
const FPS: f32 = 30.0;
/// The two kinds of scenes.
const SCENARIOS: [&str; 2] = ["Collide", "Roll"];
/// Seeds from one clip to the next: as many are tried for each.
const TRIES: u64 = 100;
/// A label's word for yes.
const YES: &str = "True";

/// Generated clips with a red and a yellow object.
#[derive(Debug, Clone)]
pub struct ContactSource {
    split: Split,
    count: usize,
}

/// A clip whose outcome is known.
struct ContactClip {
    preset: SynthPreset,
    record: Record,
    outcome: Outcome,
}

/// The reader of generated contact clips.
///
/// # Errors
/// None.
pub fn open(_: &str, config: &SourceConfig) -> Result<Box<dyn Source>, DataError> {
    Ok(Box::new(ContactSource::new(config.split, config.clips)))
}

impl ContactSource {
    /// The first clips of a split.
    pub fn new(split: Split, count: usize) -> Self {
        Self { split, count }
    }

    /// The kind of clip behind a scenario.
    fn preset(scenario: usize) -> Result<SynthPreset, DataError> {
        let mut preset = SynthPreset::synth_metal()?;
        "contact".clone_into(&mut preset.name);
        preset.fps = FPS;
        preset.rendered_frames = FRAMES;
        preset.simulated_frames = FRAMES;
        preset.cast.late = 0.0;
        if scenario == 0 {
            preset.cast.objects = [3, 4];
            preset.cast.entering_delay = [0.0, 0.5];
        } else {
            preset.cast.objects = [4, 6];
            preset.cast.entering_delay = [0.0, 1.0];
            preset.physics.friction = 0.03;
        }
        Ok(preset)
    }

    /// The clip's world, with a pair in red and yellow that gives the outcome which its number asks for.
    fn stage(&self, index: usize) -> Result<ContactClip, DataError> {
        let (scenario, wanted) = (index % 2, (index / 2).is_multiple_of(2));
        let preset = Self::preset(scenario)?;
        for attempt in 0..TRIES {
            let seed = self.split.seed(index as u64 * TRIES + attempt);
            let mut world = World::new(&preset, seed);
            let record = simulate(&world, None);
            let Some(pair) = pair(&record, wanted) else {
                continue;
            };
            if !paint(&mut world, pair) {
                continue;
            }
            return Ok(ContactClip {
                record: simulate(&world, None),
                preset,
                outcome: Outcome {
                    scenario: SCENARIOS[scenario].to_owned(),
                    yes: wanted,
                },
            });
        }
        Err(DataError::Malformed {
            reason: format!("no world of {TRIES} has the outcome that is asked for"),
            path: self.id(index).as_str().into(),
        })
    }

    /// Writes the clips in Physion's layout below `root`: this split's test clips, or all others as readout clips.
    /// `done` hears of every clip.
    ///
    /// # Errors
    /// When the disk says no, or this binary or its FFmpeg cannot write videos.
    pub fn write(
        &self,
        root: &Path,
        size: [usize; 2],
        done: impl FnMut(usize),
    ) -> Result<(), DataError> {
        let all: Vec<usize> = (0..self.count).collect();
        self.write_clips(root, size, (&all, false), done)
    }

    /// Writes some of the clips below a `root` that holds no others, with the file of their labels. A clip whose video is there
    /// already is not painted again. `done` hears of every clip.
    ///
    /// # Errors
    /// As [`ContactSource::write`].
    pub fn write_share(
        &self,
        root: &Path,
        size: [usize; 2],
        clips: &[usize],
        done: impl FnMut(usize),
    ) -> Result<(), DataError> {
        self.write_clips(root, size, (clips, true), done)
    }

    /// Writes the labels of `parts`, each of which is the root of some of the clips, as the one file below `root`.
    ///
    /// # Errors
    /// When a file of labels cannot be read or written.
    pub fn join_labels(&self, root: &Path, parts: &[PathBuf]) -> Result<(), DataError> {
        let mut labels = BTreeMap::new();
        for part in parts {
            let text = read_text(&self.label_file(part))?;
            let text = String::from_utf8_lossy(&text).into_owned();
            let rows = text.lines().skip(1);
            let rows = rows.filter_map(|row| row.rsplit_once(','));
            labels.extend(rows.map(|(name, said)| (name.to_owned(), said == YES)));
        }
        write_labels(&self.label_file(root), labels)
    }

    /// The file of the labels.
    pub fn label_file(&self, root: &Path) -> PathBuf {
        let part = Part::from(self.split);
        let folder = root.join(part.folder());
        folder.join(part.label_file().unwrap_or_default())
    }

    fn write_clips(
        &self,
        root: &Path,
        size: [usize; 2],
        (clips, keeps): (&[usize], bool),
        mut done: impl FnMut(usize),
    ) -> Result<(), DataError> {
        let part = Part::from(self.split);
        let mut labels = BTreeMap::new();
        for &index in clips {
            let staged = self.stage(index)?;
            let name = self.id(index);
            let path = part.video(root, &staged.outcome.scenario, name.as_str());
            if !(keeps && path.is_file()) {
                let frames: Vec<usize> = (0..FRAMES).collect();
                let (rgb, _) = Renderer::new(&staged.preset, &staged.record, size).clip(&frames);
                create_parent(&path)?;
                video::write(&path, rgb.view(), FPS, Format::Mp4)?;
            }
            labels.insert(name.to_string(), staged.outcome.yes);
            done(index);
        }
        write_labels(&self.label_file(root), labels)
    }
}

/// Writes a file of labels: the name of every clip, and whether its answer is yes.
fn write_labels(path: &Path, labels: BTreeMap<String, bool>) -> Result<(), DataError> {
    let rows = labels.into_iter().map(|(name, yes)| {
        let said = if yes { YES } else { "False" };
        format!("{name},{said}\n")
    });
    let text: String = std::iter::once(",ground truth outcome\n".to_owned())
        .chain(rows)
        .collect();
    create_parent(path)?;
    write_whole(path, text.as_bytes()).map_err(|source| DataError::Io {
        action: "write",
        source,
        path: path.to_owned(),
    })
}

/// Two objects that first touch after what is observed, or two of which neither ever touches the other though one of
/// them touches something.
fn pair(record: &Record, touch: bool) -> Option<[usize; 2]> {
    let touches: Vec<([usize; 2], usize)> = record
        .events
        .iter()
        .filter_map(|event| match event {
            Event::Collision { objects, frame, .. } => Some((*objects, *frame)),
            _ => None,
        })
        .collect();
    let first = |pair: [usize; 2]| {
        touches
            .iter()
            .find(|(one, _)| *one == pair)
            .map(|(_, at)| *at)
    };
    let seen = |id: usize| {
        let place = record.index_of(id);
        place.is_some_and(|place| record.motion[OBSERVED - 1][place].inside_camera_view)
    };
    let ids: Vec<usize> = record
        .objects
        .iter()
        .map(|object| object.id)
        .filter(|id| seen(*id))
        .collect();
    let pairs = ids.iter().flat_map(|one| {
        ids.iter()
            .filter(move |other| one < other)
            .map(move |other| [*one, *other])
    });
    let busy = |[one, other]: [usize; 2]| {
        touches
            .iter()
            .any(|(pair, at)| *at >= OBSERVED && (pair.contains(&one) || pair.contains(&other)))
    };
    let fits = |pair: &[usize; 2]| match first(*pair) {
        Some(at) => touch && (OBSERVED..FRAMES).contains(&at),
        None => !touch && busy(*pair),
    };
    pairs
        .filter(|pair| fits(pair))
        .max_by_key(|pair| first(*pair))
}

/// Paints the pair red and yellow and the others in other colours; whether all still look different.
fn paint(world: &mut World, [red, yellow]: [usize; 2]) -> bool {
    let others = [Color::Gray, Color::Blue, Color::Green, Color::Purple];
    let mut place = 0;
    for (object, _) in &mut world.cast {
        object.color = if object.id == red {
            Color::Red
        } else if object.id == yellow {
            Color::Yellow
        } else {
            place += 1;
            others[(place - 1) % others.len()]
        };
    }
    let looks: std::collections::BTreeSet<_> = world
        .cast
        .iter()
        .map(|(object, _)| (object.color, object.shape, object.material))
        .collect();
    looks.len() == world.cast.len()
}

impl Source for ContactSource {
    fn len(&self) -> usize {
        self.count
    }

    fn id(&self, index: usize) -> ClipId {
        assert!(index < self.count, "clip {index} of {}", self.count);
        ClipId::new(&format!("contact-{:?}-{index:05}", self.split).to_lowercase())
    }

    fn identity(&self, index: usize) -> Result<String, DataError> {
        Ok(format!(
            "{}-{:?}-{index}",
            Self::preset(index % 2)?.identity(),
            self.split
        ))
    }

    fn sample(&self, index: usize, window: &Window) -> Result<Sample, DataError> {
        let (step, fps) = match window.pace {
            FrameSampling::Stride(stride) => (stride.max(1) as f64, FPS / stride.max(1) as f32),
            FrameSampling::Fps(rate) => (f64::from(FPS) / f64::from(rate), rate),
        };
        let sampled = (window.start..).map(|k| (k as f64 * step) as usize);
        let frames: Vec<usize> = sampled
            .take_while(|frame| *frame < FRAMES)
            .take(window.count.unwrap_or(FRAMES))
            .collect();
        let staged = self.stage(index)?;
        let (frames, masks) =
            Renderer::new(&staged.preset, &staged.record, window.size).clip(&frames);
        Ok(Sample {
            masks: Some(masks),
            ..Sample::from(Clip {
                id: self.id(index),
                frames,
                fps,
            })
        })
    }

    fn knows(&self, truth: GroundTruth) -> bool {
        matches!(truth, GroundTruth::Masks | GroundTruth::Outcomes)
    }

    fn outcome(&self, index: usize) -> Option<Outcome> {
        self.stage(index).ok().map(|staged| staged.outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn red_touches_yellow_where_the_label_says_so_and_not_before_it_is_asked() {
        let source = ContactSource::new(Split::Val, 8);
        let mut yes = 0;
        for index in 0..source.len() {
            let staged = source.stage(index).unwrap();
            let id = |color: Color| {
                let of = staged
                    .record
                    .objects
                    .iter()
                    .filter(|object| object.color == color);
                let ids: Vec<usize> = of.map(|object| object.id).collect();
                assert_eq!(ids.len(), 1, "clip {index}");
                ids[0]
            };
            let (red, yellow) = (id(Color::Red), id(Color::Yellow));
            let touches: Vec<usize> = staged
                .record
                .events
                .iter()
                .filter_map(|event| match event {
                    Event::Collision { objects, frame, .. }
                        if objects.contains(&red) && objects.contains(&yellow) =>
                    {
                        Some(*frame)
                    }
                    _ => None,
                })
                .collect();
            assert_eq!(!touches.is_empty(), staged.outcome.yes, "clip {index}");
            assert!(
                touches.iter().all(|frame| *frame >= OBSERVED),
                "clip {index}: {touches:?}"
            );
            yes += usize::from(staged.outcome.yes);
        }
        assert_eq!(yes, 4);
    }

    #[cfg(feature = "video")]
    #[test]
    fn what_is_written_in_physions_layout_is_read_back() {
        use crate::source::physion::PhysionSource;
        use crate::window::Fit;
        let root = tempfile::tempdir().unwrap();
        let source = ContactSource::new(Split::Test, 4);
        source.write(root.path(), [32, 32], |_| ()).unwrap();
        let read = PhysionSource::open(root.path(), Part::Test).unwrap();
        assert_eq!(read.len(), 4);
        let window = Window {
            start: 0,
            count: Some(25),
            pace: FrameSampling::Stride(6),
            size: [32, 32],
            fit: Fit::Stretch,
        };
        for index in 0..4 {
            let sample = read.sample(index, &window).unwrap();
            assert_eq!(sample.clip.frames.dim(), (25, 32, 32, 3));
            let same = (0..4)
                .find(|one| source.id(*one) == read.id(index))
                .unwrap();
            assert_eq!(read.outcome(index), source.outcome(same));
        }
    }
}
