//! Edits against the truth: an object's slot is taken away, exchanged or recoloured, and the decoded frames are compared with
//! the same trajectories rendered so. Nothing is simulated anew; what would happen without the object is another question.

use std::collections::BTreeMap;

use ndarray::{Array3, Array4, Array5, ArrayView3, Axis, Ix5, s};
use serde::{Deserialize, Serialize};
use slotflow_datasets::synth::{Record, Renderer, SynthSource};
use slotflow_datasets::{ClipId, Source, Window};

use super::appearance::Looks;
use super::library::SlotLibrary;
use super::{Donors, apply};
use crate::artifacts::progress::Progress;
use crate::artifacts::{
    Artifact, ArtifactKind, ClipFile, Context, Input, Partial, PerClip, RunError, Slots, Stage,
};
use crate::inference::render::ClipRenderer;
use crate::masks::enlarged;
use crate::plan::edit::benchmark::EditsConfig;
use crate::plan::edit::{Operation, OtherSlot};
use crate::plan::video_predict::RenderConfig;
use crate::stages::Loaded;
use crate::stages::perceive::decode::Clips;

/// Array of a clip's file: pictures of each case, `[cases, 4, height, width, rgb]`.
const PICTURES: &str = "pictures";

/// Settings of the stage: two tables of its plan.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct BenchmarkConfig {
    /// What is edited and measured.
    pub edits: EditsConfig,
    /// Slots → frames.
    pub render: RenderConfig,
}

/// Edits every visible object of every clip, and measures what comes out.
pub struct EditBenchmark<'a> {
    /// What is edited, and how slots are rendered.
    pub config: &'a BenchmarkConfig,
    /// The decoder's file.
    pub weights: &'a Loaded,
    /// Where the clips come from.
    pub source: &'a SynthSource,
    /// Which of a clip's frames were decoded.
    pub window: Window,
    /// The clips, with their true masks.
    pub clips: &'a Clips,
    /// Slots of every frame.
    pub encoded: &'a Slots,
}

/// What is done to an object's slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EditKind {
    /// It is taken away.
    Removed,
    /// The slot of another clip's object takes its place, and that object is where it is in its own clip.
    Exchanged,
    /// The slot of the library that looks like another clip's object and is nearest to its own place takes its place.
    Recoloured,
}

impl EditKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Removed, Self::Exchanged, Self::Recoloured];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Removed => "removed",
            Self::Exchanged => "exchanged",
            Self::Recoloured => "recoloured",
        }
    }
}

/// Squared error against the edited truth, summed over some pixels (each 0..1, mean of its three values).
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct ErrorSums {
    /// Of the reconstruction without the edit.
    pub before: f64,
    /// Of the edited reconstruction.
    pub after: f64,
    /// Pixels.
    pub pixels: usize,
}

/// One edit of one object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct EditCase {
    /// The clip.
    pub clip: String,
    /// What was done.
    pub kind: EditKind,
    /// The object's number.
    pub object: usize,
    /// Its slot: the one whose masks overlap most with the object's.
    pub slot: usize,
    /// Intersection over union of the two over the clip, 0..1.
    pub overlap: f64,
    /// Where the object is, or what takes its place.
    pub own: ErrorSums,
    /// All other pixels.
    pub rest: ErrorSums,
}

/// Edits of clips with their errors and pictures.
#[derive(Debug)]
pub enum EditCasesOfClips {}

impl ArtifactKind for EditCasesOfClips {}
impl PerClip for EditCasesOfClips {}

/// Measured edits on disk.
pub type EditCases = Artifact<EditCasesOfClips>;

impl EditCases {
    /// The edits of a clip.
    ///
    /// # Errors
    /// When the file is not there or not whole.
    pub fn cases(&self, clip: &ClipId) -> Result<Vec<EditCase>, RunError> {
        self.read(clip)?.note()
    }

    /// Pictures of each edit of a clip: seen, reconstruction, edited reconstruction, edited truth;
    /// `[cases, 4, height, width, rgb]`.
    ///
    /// # Errors
    /// When the file is not there or not whole.
    pub fn pictures(&self, clip: &ClipId) -> Result<Array5<u8>, RunError> {
        self.read(clip)?.bytes::<Ix5>(PICTURES)
    }
}

/// An object that is seen, with its slot.
#[derive(Debug, Clone, Copy)]
struct SeenObject {
    id: usize,
    slot: usize,
    overlap: f64,
}

/// A clip as it was simulated, seen and encoded, in the measured frames.
struct Scene {
    record: Record,
    /// Numbers of the measured frames in the record.
    frames: Vec<usize>,
    /// `[time, height, width, rgb]`
    seen: Array4<u8>,
    /// True masks: numbers of objects plus one.
    masks: Array3<u8>,
    /// `[time, slots, dim]`
    slots: Array3<f32>,
    looks: Looks,
    objects: Vec<SeenObject>,
}

impl Stage for EditBenchmark<'_> {
    const NAME: &'static str = "edit-benchmark";
    const VERSION: u32 = 1;
    type Config = BenchmarkConfig;
    type Output = EditCasesOfClips;

    fn config(&self) -> &BenchmarkConfig {
        self.config
    }

    fn inputs(&self) -> Vec<Input> {
        vec![
            self.clips.as_input("clips"),
            self.encoded.as_input("seen slots"),
            Input::new("weights", &*self.weights.id),
        ]
    }

    fn is_random(&self) -> bool {
        true
    }

    fn run(&self, out: &mut Partial<EditCasesOfClips>, context: &Context) -> Result<(), RunError> {
        let (config, decoder) = self
            .weights
            .decoder(&context.device)
            .map_err(RunError::weights)?;
        let library = SlotLibrary::of_run(self.clips, self.encoded)?;
        let clips = self.encoded.clips().to_vec();
        let renderer = ClipRenderer {
            decoder: &decoder,
            sampler: &self.config.render.sampler,
            shared_noise: self.config.render.shared_noise,
            start_frame: None,
            seed: context.seed,
            device: &context.device,
        };
        out.inherit(self.encoded);
        out.expect(clips.clone());
        out.each(context, |clip, _| {
            let at = clips.iter().position(|known| known == clip).unwrap_or(0);
            let scene = self.scene(clip, &library)?;
            if scene.slots.dim().2 != config.dim() {
                return Err(RunError::Unfit {
                    reason: "the decoder was trained with another encoder".to_owned(),
                });
            }
            let other = &clips[(at + 1) % clips.len()];
            let other = (other.clone(), self.scene(other, &library)?);
            Bench {
                clip,
                scene: &scene,
                other: &other,
                library: &library,
                renderer: &renderer,
                source: self.source,
                size: self.window.size,
            }
            .measured()
        })
    }
}

impl EditBenchmark<'_> {
    fn scene(&self, clip: &ClipId, library: &SlotLibrary) -> Result<Scene, RunError> {
        let lost = |what: &str| RunError::Internal {
            reason: format!("{what} of `{clip}` is not known"),
        };
        let edits = &self.config.edits;
        let index = (0..self.source.count).find(|index| self.source.id(*index) == *clip);
        let record = self.source.record(index.ok_or_else(|| lost("the seed"))?);
        let masks = self.clips.masks(clip)?.ok_or_else(|| lost("the mask"))?;
        let (slots, looks) = library.of(clip).ok_or_else(|| lost("the looks"))?;
        let time = slots.dim().0;
        let measured: Vec<usize> = (0..time).step_by(edits.every).collect();
        let (numbers, _) = self.source.frames(&self.window);
        let objects = seen_objects(&record, &masks, &self.encoded.masks(clip)?);
        let measured_masks = masks.select(Axis(0), &measured);
        let is_large = |object: &SeenObject| {
            measured_masks.axis_iter(Axis(0)).any(|mask| {
                let own = mask.iter().filter(|value| is_of(**value, object.id));
                own.count() >= edits.least_pixels
            })
        };
        Ok(Scene {
            frames: measured.iter().map(|at| numbers[*at]).collect(),
            seen: self.clips.frames(clip)?.select(Axis(0), &measured),
            slots: slots.select(Axis(0), &measured),
            looks: looks.select(Axis(0), &measured),
            objects: objects.into_iter().filter(is_large).collect(),
            masks: measured_masks,
            record,
        })
    }
}

/// Whether a true mask's value is that of an object.
fn is_of(value: u8, object: usize) -> bool {
    usize::from(value) == object + 1
}

/// Every object with the slot whose masks overlap most with its own, over the whole clip.
fn seen_objects(record: &Record, truth: &Array3<u8>, masks: &Array3<u8>) -> Vec<SeenObject> {
    let slots = masks.iter().max().map_or(0, |last| usize::from(*last) + 1);
    let best = |id: usize| {
        let overlap = |slot: usize| {
            let (mut both, mut either) = (0_usize, 0_usize);
            for (value, own) in truth.iter().zip(masks) {
                let (is_object, is_slot) = (is_of(*value, id), usize::from(*own) == slot);
                both += usize::from(is_object && is_slot);
                either += usize::from(is_object || is_slot);
            }
            both as f64 / either.max(1) as f64
        };
        let all = (0..slots).map(|slot| SeenObject {
            id,
            slot,
            overlap: overlap(slot),
        });
        all.max_by(|one, other| one.overlap.total_cmp(&other.overlap))
    };
    record
        .objects
        .iter()
        .filter_map(|object| best(object.id))
        .collect()
}

/// One clip under test, and the clip that others' objects come from.
struct Bench<'a> {
    clip: &'a ClipId,
    scene: &'a Scene,
    other: &'a (ClipId, Scene),
    library: &'a SlotLibrary,
    renderer: &'a ClipRenderer<'a>,
    source: &'a SynthSource,
    size: [usize; 2],
}

impl Bench<'_> {
    /// The clip's file: every edit of every object.
    fn measured(&self) -> Result<ClipFile, RunError> {
        let before = self.rendered(self.scene.slots.view())?;
        let (mut cases, mut pictures) = (Vec::new(), Vec::new());
        for (index, object) in self.scene.objects.iter().enumerate() {
            for kind in EditKind::ALL {
                if let Some((case, picture)) = self.case(kind, index, object, &before)? {
                    cases.push(case);
                    pictures.push(picture);
                }
            }
        }
        let [height, width] = self.size;
        let mut all = Array5::zeros((pictures.len(), 4, height, width, 3));
        for (mut place, picture) in all.outer_iter_mut().zip(&pictures) {
            place.assign(picture);
        }
        ClipFile::default()
            .with_bytes(PICTURES, &all)
            .with_note(&cases)
    }

    fn rendered(&self, slots: ArrayView3<'_, f32>) -> Result<Array4<u8>, RunError> {
        let frames = self
            .renderer
            .render(self.clip.as_str(), slots, &Progress::silent())?
            .frames;
        Ok(enlarged(frames.view(), self.size))
    }

    /// One edit of one object with its pictures; `None` where the other clip shows no object.
    fn case(
        &self,
        kind: EditKind,
        index: usize,
        object: &SeenObject,
        before: &Array4<u8>,
    ) -> Result<Option<(EditCase, Array4<u8>)>, RunError> {
        let Some((operation, record)) = self.edit(kind, index, object) else {
            return Ok(None);
        };
        let truth = Renderer::new(&self.source.preset, &record, self.size).clip(&self.scene.frames);
        let after = self.rendered(self.edited(&operation).view())?;
        let own = self.own_pixels(object.id, &truth.1);
        let shown = most(&own);
        let frames = [&self.scene.seen, before, &after, &truth.0];
        let (_, height, width, rgb) = before.dim();
        let mut picture = Array4::zeros((frames.len(), height, width, rgb));
        for (mut place, frames) in picture.outer_iter_mut().zip(frames) {
            place.assign(&frames.index_axis(Axis(0), shown));
        }
        let errors = |is_own: bool| {
            let mut sums = ErrorSums::default();
            for ((t, y, x), own) in own.indexed_iter() {
                if *own == is_own {
                    sums.before += squared(before, &truth.0, [t, y, x]);
                    sums.after += squared(&after, &truth.0, [t, y, x]);
                    sums.pixels += 1;
                }
            }
            sums
        };
        let case = EditCase {
            clip: self.clip.to_string(),
            kind,
            object: object.id,
            slot: object.slot,
            overlap: object.overlap,
            own: errors(true),
            rest: errors(false),
        };
        Ok(Some((case, picture)))
    }

    /// The change of the slots and the clip as it would be.
    fn edit(
        &self,
        kind: EditKind,
        index: usize,
        object: &SeenObject,
    ) -> Option<(Operation, Record)> {
        let (SeenObject { id, slot, .. }, own) = (*object, &self.scene.record);
        if kind == EditKind::Removed {
            return Some((Operation::Remove { slot }, own.without(id)));
        }
        let (clip, scene) = self.other;
        let donor = scene.objects.get(index % scene.objects.len().max(1))?;
        let other = OtherSlot {
            clip: clip.clone(),
            slot: donor.slot,
        };
        if kind == EditKind::Exchanged {
            let record = own.with_object(id, &scene.record, donor.id)?;
            return Some((Operation::Replace { slot, with: other }, record));
        }
        let looks = &scene.record.objects[scene.record.index_of(donor.id)?];
        Some((
            Operation::Recolour { slot, like: other },
            own.with_looks(id, looks),
        ))
    }

    fn edited(&self, operation: &Operation) -> Array3<f32> {
        let (clip, other) = self.other;
        let others = BTreeMap::from([(clip.clone(), (other.slots.clone(), other.looks.clone()))]);
        let donors = Donors {
            looks: &self.scene.looks,
            others: &others,
            library: self.library,
        };
        let operations = std::slice::from_ref(operation);
        apply(operations, self.scene.slots.view(), &donors).slots
    }

    /// The pixels of an object before the edit, and of what took its place.
    fn own_pixels(&self, object: usize, edited: &Array3<u8>) -> Array3<bool> {
        Array3::from_shape_fn(edited.dim(), |at| {
            is_of(self.scene.masks[at], object) || is_of(edited[at], object)
        })
    }
}

/// The frame with most pixels of an object.
fn most(own: &Array3<bool>) -> usize {
    let counts = own
        .axis_iter(Axis(0))
        .map(|frame| frame.iter().filter(|own| **own).count());
    let best = counts
        .enumerate()
        .max_by_key(|(at, count)| (*count, usize::MAX - at));
    best.map_or(0, |(at, _)| at)
}

/// Squared error of a pixel, mean over its three values of 0..1.
fn squared(one: &Array4<u8>, other: &Array4<u8>, [t, y, x]: [usize; 3]) -> f64 {
    let (one, other) = (one.slice(s![t, y, x, ..]), other.slice(s![t, y, x, ..]));
    let squares = one
        .iter()
        .zip(other)
        .map(|(a, b)| ((f64::from(*a) - f64::from(*b)) / 255.0).powi(2));
    squares.sum::<f64>() / 3.0
}
