//! A head that reads objects and collisions off slots.

use std::path::PathBuf;

use burn::tensor::Device;
use ndarray::{Array2, Array3, Array4, ArrayView2, ArrayView4, Axis, concatenate, s};
use rayon::prelude::*;
use serde_json::json;
use slotflow_datasets::Source;
use slotflow_datasets::Split;
use slotflow_datasets::synth::States;

use crate::artifacts::{ClipFile, RunError, interrupt};
use crate::flows::train::Training;
use crate::masks::masks_from_attention;
use crate::models::dynamics::{SlotFormer, SlotFormerConfig};
use crate::models::encoder::SlotEncoder;
use crate::plan::training::ObjectEventHeadPlan;
use crate::rng::SeededRng;
use crate::stages::predict::rollout::continued;
use crate::tensor_conversion::{batch_from_clips, floats};
use crate::train::TrainError;
use crate::train::data::clip_dataset::ClipDataset;
use crate::train::objectives::object_event_head::{
    HeadDataset, ObjectEventHeadObjective, Scenes, best_threshold,
};

/// Clips that are perceived together.
const BATCH: usize = 4;
/// Least overlap of a slot's pixels with an object's, intersection over union, by which the slot is the object's.
const LEAST_OVERLAP: f64 = 0.2;

impl Training<'_> {
    pub(crate) fn sight(&mut self, plan: &ObjectEventHeadPlan) -> Result<Vec<PathBuf>, TrainError> {
        let (encoder_config, encoder, id) = self.encoder(&plan.encoder)?;
        let (dynamics_config, dynamics) = self.before("slotformer", &plan.slotformer)?.model(
            "slotformer",
            &self.device,
            SlotFormerConfig::init,
        )?;
        let mut model = plan.model.clone();
        model.dim = encoder_config.dim;
        let lessons = |split: Split| -> Result<HeadDataset, TrainError> {
            let footage = self.footage(split)?;
            let states = self.states(split)?;
            let seen = self.owned(&encoder, &id, &footage, &states, split)?;
            let ahead = Ahead {
                dynamics: &dynamics,
                burn_in: dynamics_config.burn_in,
                steps: plan.objective.imagined,
                device: &self.device,
            };
            let imagined = ahead.of(&seen)?;
            Ok(HeadDataset {
                versions: [seen, imagined],
                states,
            })
        };
        let objective = ObjectEventHeadObjective {
            model,
            config: plan.objective.clone(),
            train: lessons(Split::Train)?,
            held_out: lessons(Split::Val)?,
        };
        let fitted = self.fit(&objective)?;
        let mut facts = fitted.facts();
        for (version, name) in ["touch-threshold", "imagined-touch-threshold"]
            .into_iter()
            .enumerate()
        {
            let said = objective.touches(&fitted.model, &self.device, version);
            facts.insert(name.to_owned(), json!(best_threshold(&said).0));
        }
        facts.insert("stride".to_owned(), json!(self.plan.data.stride));
        Ok(vec![self.keep(
            "sight",
            &objective.model,
            &fitted.model,
            facts,
        )?])
    }

    /// True states of every clip at its sampled frames.
    fn states(&self, split: Split) -> Result<Vec<States>, TrainError> {
        let source = self.source(split)?;
        let data = &self.plan.data;
        let frames: Vec<usize> = (0..data.frames).map(|t| t * data.stride).collect();
        let clips = (0..source.len()).into_par_iter();
        Ok(clips
            .map(|clip| States::new(&source.record(clip), &frames))
            .collect())
    }

    /// Slots of every clip, and whose each is by the pixels that it attends to; kept on disk.
    fn owned(
        &self,
        encoder: &SlotEncoder,
        id: &str,
        footage: &ClipDataset,
        states: &[States],
        split: Split,
    ) -> Result<Scenes, TrainError> {
        let identity = self.source(split)?.identity(0)?;
        let what = format!("{identity} {:?} {} {id}", self.window(), footage.clips());
        let key = &blake3::hash(what.as_bytes()).to_hex()[..16];
        let folder = self.options.cache.join("owners");
        crate::artifacts::files::make_dir(&folder)?;
        let path = folder.join(format!(
            "{}-{split:?}-{key}.safetensors",
            self.plan.data.dataset
        ));
        if let Ok(file) = ClipFile::read(&path)
            && let (Ok(slots), Ok(owners)) = (file.floats("slots"), file.bytes("owners"))
        {
            return Ok(Scenes { slots, owners });
        }
        let masks = footage.masks.as_ref().ok_or_else(|| TrainError::Data {
            reason: "the clips have no masks".to_owned(),
        })?;
        let scenes = self.perceive_owned(encoder, footage, masks.view(), states)?;
        ClipFile::default()
            .with_floats("slots", &scenes.slots)
            .with_bytes("owners", &scenes.owners)
            .write(&path)?;
        Ok(scenes)
    }

    fn perceive_owned(
        &self,
        encoder: &SlotEncoder,
        footage: &ClipDataset,
        masks: ArrayView4<'_, u8>,
        states: &[States],
    ) -> Result<Scenes, TrainError> {
        let (mut slots, mut owners) = (Vec::new(), Vec::new());
        let (clips, time) = (footage.clips(), footage.time());
        let progress =
            crate::artifacts::progress::Progress::new("perceive", clips, self.options.quiet);
        let [_, height, width] = [time, masks.dim().2, masks.dim().3];
        for first in (0..clips).step_by(BATCH) {
            interrupt::check()?;
            let last = (first + BATCH).min(clips);
            let batch = footage.frames.slice(s![first..last, .., .., .., ..]);
            let shape = encoder.noise_shape(last - first, time, true);
            let noise = shape.map(|shape| {
                SeededRng::new(self.plan.seed, &["slots", &first.to_string()])
                    .normal(shape, &self.device)
            });
            let encoded =
                encoder.encode(batch_from_clips(batch, &self.device), None, noise.as_ref());
            let [count, _, number, dim] = encoded.slots.dims();
            let found = masks_from_attention(encoded.attention, [height, width]);
            slots.push(
                Array4::from_shape_vec((count, time, number, dim), floats(encoded.slots))
                    .map_err(internal)?,
            );
            for (clip, truth) in states.iter().enumerate().take(last).skip(first) {
                let mut owner = Array3::zeros((1, time, number));
                for t in 0..time {
                    let mine = found.slice(s![clip - first, t, .., ..]);
                    let row = owners_of(mine, masks.slice(s![clip, t, .., ..]), number, truth);
                    owner.slice_mut(s![0, t, ..]).assign(&ndarray::arr1(&row));
                }
                owners.push(owner);
                progress.advance();
            }
        }
        let slots: Vec<_> = slots.iter().map(|part| part.view()).collect();
        let owners: Vec<_> = owners.iter().map(|part| part.view()).collect();
        Ok(Scenes {
            slots: concatenate(Axis(0), &slots).map_err(internal)?,
            owners: concatenate(Axis(0), &owners).map_err(internal)?,
        })
    }
}

fn internal(error: ndarray::ShapeError) -> RunError {
    RunError::Internal {
        reason: error.to_string(),
    }
}

/// By slot: the place of its object among the states, plus one; 0 where it has none. The best overlaps first, each slot
/// and object once.
fn owners_of(
    found: ArrayView2<'_, u8>,
    truth: ArrayView2<'_, u8>,
    slots: usize,
    states: &States,
) -> Vec<u8> {
    let objects = states.ids.len();
    let mut both = Array2::<f64>::zeros((slots, objects));
    let (mut of_slot, mut of_object) = (vec![0.0; slots], vec![0.0; objects]);
    for (slot, id) in found.iter().zip(&truth) {
        let slot = usize::from(*slot).min(slots - 1);
        of_slot[slot] += 1.0;
        let object = usize::from(*id)
            .checked_sub(1)
            .and_then(|id| states.ids.iter().position(|known| *known == id));
        if let Some(object) = object {
            of_object[object] += 1.0;
            both[[slot, object]] += 1.0;
        }
    }
    let overlap = |(slot, object): (usize, usize)| {
        both[[slot, object]] / (of_slot[slot] + of_object[object] - both[[slot, object]]).max(1.0)
    };
    let mut candidates: Vec<(usize, usize)> = (0..slots)
        .flat_map(|slot| (0..objects).map(move |object| (slot, object)))
        .filter(|pair| overlap(*pair) >= LEAST_OVERLAP)
        .collect();
    candidates.sort_by(|a, b| overlap(*b).total_cmp(&overlap(*a)));
    let (mut owners, mut taken) = (vec![0; slots], vec![false; objects]);
    for (slot, object) in candidates {
        if owners[slot] == 0 && !taken[object] {
            owners[slot] = object as u8 + 1;
            taken[object] = true;
        }
    }
    owners
}

/// Imagines clips piece by piece.
struct Ahead<'a> {
    dynamics: &'a SlotFormer,
    burn_in: usize,
    steps: usize,
    device: &'a Device,
}

impl Ahead<'_> {
    /// Every clip with its frames after the burn-in imagined, `steps` at a time behind perceived ones; a slot keeps the
    /// object of the last frame before its piece.
    fn of(&self, seen: &Scenes) -> Result<Scenes, TrainError> {
        let (mut slots, mut owners) = (seen.slots.clone(), seen.owners.clone());
        let (clips, time, ..) = slots.dim();
        for clip in 0..clips {
            interrupt::check()?;
            for first in (self.burn_in..time).step_by(self.steps.max(1)) {
                let last = (first + self.steps).min(time);
                let history = seen
                    .slots
                    .slice(s![clip, first - self.burn_in..first, .., ..]);
                let all = continued(self.dynamics, history, last - first, self.device)?;
                slots
                    .slice_mut(s![clip, first..last, .., ..])
                    .assign(&all.slice(s![self.burn_in.., .., ..]));
                let before = seen.owners.slice(s![clip, first - 1, ..]).to_owned();
                for t in first..last {
                    owners.slice_mut(s![clip, t, ..]).assign(&before);
                }
            }
        }
        Ok(Scenes { slots, owners })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use slotflow_datasets::synth::{SynthPreset, World};

    #[test]
    fn a_slot_that_covers_an_object_is_its_own() {
        let preset = SynthPreset::synth().unwrap();
        let states = States::new(&World::simulate(&preset, 1), &[0]);
        let (one, other) = (states.ids[0] as u8 + 1, states.ids[1] as u8 + 1);
        let truth = ndarray::arr2(&[[one, one, 0, 0], [other, other, 0, 0]]);
        let found = ndarray::arr2(&[[2, 2, 0, 0], [1, 0, 0, 0]]);
        assert_eq!(owners_of(found.view(), truth.view(), 3, &states), [0, 2, 1]);
    }
}
