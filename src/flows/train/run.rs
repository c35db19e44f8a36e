//! A training in its folder: weights that it starts from, clips, the loop, weights files that it writes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use burn::module::Module;
use burn::tensor::Device;
use serde::Serialize;
use serde_json::{Map, Value, json};
use slotflow_datasets::Split;
use slotflow_datasets::source::Needs;

use crate::artifacts::files::{content_hash, write_atomic};
use crate::artifacts::progress::say;
use crate::artifacts::{Input, Options, Recipe, RunError};
use crate::kernels::memory;
use crate::models::WeightsKind;
use crate::models::decoder::latent_decoder::LatentDecoder;
use crate::models::dynamics::{SlotFormer, SlotFormerConfig};
use crate::models::encoder::{SlotEncoder, SlotEncoderConfig};
use crate::plan::training::TrainPlan;
use crate::plan::video_predict::WeightsName;
use crate::stages::{Loaded, load};
use crate::train::data::array_store::StoredArray;
use crate::train::data::clip_dataset::ClipDataset;
use crate::train::data::latent_store::LatentStore;
use crate::train::data::rollouts::Rollouts;
use crate::train::data::slot_store::SlotStore;
use crate::train::data::source::{Splits, TrainingSource};
use crate::train::fit::ranks::group::Ranks;
use crate::train::fit::resume_identity::{LABELS, check_or_write_recipe};
use crate::train::fit::training_loop::{FitContext, fit};
use crate::train::objectives::parts::encoder_init::EncoderInit;
use crate::train::{Objective, TrainError, TrainingResult};
use crate::weights::{Header, Precision, WeightsFile, collect};

/// How a training is executed: nothing of this is visible in its weights but the device's arithmetic.
#[derive(Debug, Clone)]
pub(super) struct Execution<'a> {
    /// Cache and verbosity.
    pub options: &'a Options,
    /// Where tensors live.
    pub device: Device,
    /// Steps after which it stops, to go on later; unset = it trains to the end.
    pub until: Option<u64>,
    /// Clips that could not be read, by name, with the reason.
    pub left_out: Arc<Mutex<LeftOut>>,
    /// The processes that train together.
    pub ranks: &'a dyn Ranks,
}

/// Clips that could not be read, by name, with the reason.
pub type LeftOut = BTreeMap<String, String>;

/// A training in its folder.
pub(super) struct TrainingRun<'a> {
    pub plan: &'a TrainPlan,
    pub execution: Execution<'a>,
    folder: &'a Path,
    /// Hashes of the files that it starts from.
    inputs: Vec<Input>,
}

/// A slot encoder that was trained before.
pub(super) struct PretrainedEncoder {
    pub config: SlotEncoderConfig,
    pub model: SlotEncoder,
    /// Content hash of its file.
    pub id: String,
}

/// A SlotFormer that was trained before.
pub(super) struct PretrainedDynamics {
    pub config: SlotFormerConfig,
    pub model: SlotFormer,
}

impl<'a> TrainingRun<'a> {
    pub fn new(plan: &'a TrainPlan, folder: &'a Path, execution: Execution<'a>) -> Self {
        Self {
            plan,
            execution,
            folder,
            inputs: Vec::new(),
        }
    }

    /// Its data set.
    pub fn source(&self) -> TrainingSource<'a> {
        TrainingSource {
            data: &self.plan.data,
            cache: &self.execution.options.cache,
        }
    }

    /// Frames of both splits.
    pub fn clips(&self) -> Result<Splits<ClipDataset>, TrainError> {
        let source = self.source();
        let quiet = self.execution.options.quiet;
        let splits = Splits::read(|split| source.clips(split, quiet))?;
        let mut left_out = self.execution.left_out.lock();
        for clips in [&splits.train, &splits.held_out] {
            for (clip, reason) in clips.left_out() {
                let new = left_out
                    .as_mut()
                    .is_ok_and(|known| known.insert(clip.clone(), reason.clone()).is_none());
                if new {
                    say(&format!("warning: `{clip}` is left out: {reason}"));
                }
            }
        }
        drop(left_out);
        Ok(splits)
    }

    /// Makes a file's content part of the training's identity.
    pub fn depends_on(&mut self, name: &str, id: impl Into<String>) {
        self.inputs.push(Input::new(name, id));
    }

    /// A weights file that the training starts from.
    pub fn pretrained(&mut self, name: &str, file: &WeightsName) -> Result<Loaded, TrainError> {
        let loaded = load(file)?;
        self.depends_on(name, &*loaded.id);
        Ok(loaded)
    }

    /// The slot encoder that the training starts from.
    pub fn pretrained_encoder(
        &mut self,
        file: &WeightsName,
    ) -> Result<PretrainedEncoder, TrainError> {
        let loaded = self.pretrained("encoder", file)?;
        let device = &self.execution.device;
        let (config, model) =
            loaded.model(WeightsKind::SlotEncoder, device, SlotEncoderConfig::init)?;
        Ok(PretrainedEncoder {
            config,
            model,
            id: loaded.id,
        })
    }

    /// The SlotFormer that the training starts from.
    pub fn pretrained_dynamics(
        &mut self,
        file: &WeightsName,
    ) -> Result<PretrainedDynamics, TrainError> {
        let loaded = self.pretrained("slotformer", file)?;
        let device = &self.execution.device;
        let (config, model) =
            loaded.model(WeightsKind::SlotFormer, device, SlotFormerConfig::init)?;
        Ok(PretrainedDynamics { config, model })
    }

    /// The encoder that learns with a decoder: as the plan describes it, or on from an earlier training.
    pub fn encoder_init(
        &mut self,
        fresh: &SlotEncoderConfig,
        start: Option<&WeightsName>,
    ) -> Result<EncoderInit, TrainError> {
        let Some(file) = start else {
            return Ok(EncoderInit::fresh(fresh.clone()));
        };
        let encoder = self.pretrained_encoder(file)?;
        Ok(EncoderInit {
            config: encoder.config,
            start: Some(encoder.model),
        })
    }

    /// Slots of a split's clips, and under which name they are kept.
    pub fn slot_store<'b>(
        &'b self,
        encoder: &'b PretrainedEncoder,
        folder: &'b Path,
    ) -> SlotStore<'b> {
        SlotStore {
            folder,
            encoder: &encoder.model,
            device: &self.execution.device,
            seed: self.plan.seed,
            quiet: self.execution.options.quiet,
        }
    }

    /// The name of a split's slots in the store.
    pub fn encoding_key(
        &self,
        encoder: &PretrainedEncoder,
        split: Split,
    ) -> Result<String, TrainError> {
        let (source, seed) = (self.source(), self.plan.seed);
        source.encoding_key(split, &encoder.model, &encoder.id, seed)
    }

    /// Folder of the slot store.
    pub fn store_folder(&self) -> PathBuf {
        self.execution.options.cache.join("slots")
    }

    /// Slots of every clip of both splits, encoded once.
    pub fn encoded(
        &self,
        encoder: &PretrainedEncoder,
        clips: &Splits<ClipDataset>,
    ) -> Result<Splits<StoredArray>, TrainError> {
        let folder = self.store_folder();
        let store = self.slot_store(encoder, &folder);
        Splits::read(|split| {
            let key = self.encoding_key(encoder, split)?;
            store.slots(&key, clips.of(split))
        })
    }

    /// Latents of every frame of both splits under a decoder's auto-encoder, which `depends` names; encoded once.
    pub fn latents(
        &self,
        decoder: &impl LatentDecoder,
        depends: &str,
        clips: &Splits<ClipDataset>,
    ) -> Result<Splits<StoredArray>, TrainError> {
        let store = LatentStore {
            folder: &self.execution.options.cache.join("latents"),
            decoder,
            device: &self.execution.device,
            quiet: self.execution.options.quiet,
        };
        Splits::read(|split| {
            let frames = self.source().frames_key(split)?;
            let hash = blake3::hash(format!("{frames} {depends}").as_bytes()).to_hex();
            let key = format!("{}-{split:?}-{}", self.plan.data.dataset, &hash[..16]);
            store.latents(&key, clips.of(split))
        })
    }

    /// Rolls out slots by a SlotFormer, so many frames at a time.
    pub fn rollouts<'b>(&'b self, dynamics: &'b PretrainedDynamics, steps: usize) -> Rollouts<'b> {
        Rollouts {
            dynamics: &dynamics.model,
            burn_in: dynamics.config.burn_in,
            steps,
            device: &self.execution.device,
        }
    }

    fn recipe(&self) -> Result<Recipe, TrainError> {
        let config = serde_json::to_value(self.plan);
        let mut inputs = self.inputs.clone();
        if let Some(start) = &self.plan.fit.start {
            inputs.push(Input::new("start", content_hash(start)?));
        }
        let table = self.plan.objective.table();
        let on_disk = self.plan.data.dataset.needs() != Needs::Nothing;
        if on_disk && table.imported_slots().is_none() {
            for split in [Split::Train, Split::Val] {
                let name = format!("{split}-frames");
                inputs.push(Input::new(&name, self.source().frames_key(split)?));
                if !table.needs().truth.is_empty() {
                    let name = format!("{split}{LABELS}");
                    inputs.push(Input::new(&name, self.source().labels_key(split)?));
                }
            }
        }
        Ok(Recipe {
            stage: "train".to_owned(),
            version: 1,
            config: config.map_err(|error| internal(&error))?,
            inputs,
            seed: Some(self.plan.seed),
            arithmetic: self.execution.options.device.kind().to_owned(),
        })
    }

    /// Trains, from the newest checkpoint in the folder on. Of several ranks the first comes here alone, when all data is
    /// prepared.
    pub fn fit<O: Objective>(&self, objective: &O) -> Result<TrainingResult<O::Model>, TrainError> {
        let (recipe, ranks) = (self.recipe()?, self.execution.ranks);
        if ranks.is_first() {
            check_or_write_recipe(self.folder, &recipe, |earlier| {
                let plan = serde_json::from_value::<TrainPlan>(earlier.clone());
                plan.and_then(serde_json::to_value).unwrap_or(earlier)
            })?;
            let text = toml::to_string(self.plan).map_err(|error| internal(&error))?;
            write_atomic(&self.folder.join("plan.toml"), text.as_bytes())?;
            // What is prepared lies in the cache: the others find it there.
            ranks.wait();
        }
        let context = FitContext {
            folder: self.folder,
            device: &self.execution.device,
            seed: self.plan.seed,
            until: self.execution.until,
            quiet: self.execution.options.quiet,
            ranks,
            recipe: &recipe.id().0,
        };
        memory::at_work("train");
        fit(objective, &self.plan.fit, &context)
    }

    /// Writes one module with its configuration and how it came to be, on rank 0.
    pub fn write<M: Module>(
        &self,
        kind: WeightsKind,
        config: &impl Serialize,
        module: &M,
        facts: Map<String, Value>,
    ) -> Result<PathBuf, TrainError> {
        let origin = match self.plan.data.dataset.needs() {
            Needs::Nothing => "trained by `pipeline train` on generated clips".to_owned(),
            _ => format!(
                "trained by `pipeline train` on `{}`",
                self.plan.data.dataset
            ),
        };
        let origin = &*origin;
        let mut header = Header::new(kind, config, origin)?;
        header.recipe = Some(self.recipe()?.id().0);
        let data = &self.plan.data;
        let mut training = Map::from_iter([("dataset".to_owned(), json!(data.dataset))]);
        if let Some(clips) = data.clips {
            training.insert("clips".to_owned(), json!(clips));
        }
        if let Some(fps) = self.source().fps()? {
            training.insert("fps".to_owned(), json!(fps));
        }
        training.extend(facts);
        header.training = Value::Object(training);
        let path = self.folder.join(format!("{kind}.safetensors"));
        if !self.execution.ranks.is_first() {
            return Ok(path);
        }
        let state = collect(module);
        WeightsFile { header, state }.write(&path, Precision::Half)?;
        Ok(path)
    }
}

pub(super) fn internal(error: &dyn std::fmt::Display) -> RunError {
    RunError::Internal {
        reason: error.to_string(),
    }
}
