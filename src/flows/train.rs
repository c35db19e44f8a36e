//! Train one model: clips, what was trained before, objective, loop, weights file.

use std::path::{Path, PathBuf};

use burn::module::Module;
use burn::tensor::Device;
use ndarray::{Array4, Axis, concatenate, s};
use serde::Serialize;
use serde_json::{Map, Value, json};
use slotflow_datasets::source::open_generated;
use slotflow_datasets::synth::{FrameCache, SynthSource};
use slotflow_datasets::{Fit, FrameSampling, Source, SourceConfig, Split, Window};

use crate::artifacts::files::{content_hash, write_atomic};
use crate::artifacts::lock::FolderLock;
use crate::artifacts::{Input, Options, Recipe, RunError};
use crate::models::dynamics::SlotFormerConfig;
use crate::models::encoder::{SlotEncoder, SlotEncoderConfig};
use crate::plan::training::{SlotsPlan, TrainPlan};
use crate::plan::video_predict::WeightsName;
use crate::stages::predict::rollout::continued;
use crate::stages::{Loaded, load};
use crate::train::data::clip_dataset::ClipDataset;
use crate::train::data::slot_store::{Slots, open_or_encode};
use crate::train::fit::resume_identity::claim;
use crate::train::fit::training_loop::{FitContext, fit};
use crate::train::objectives::encoder_init::EncoderInit;
use crate::train::objectives::slots::SlotsObjective;
use crate::train::{Objective, TrainError, TrainingResult};
use crate::weights::{Header, Precision, WeightsError, WeightsFile, collect};

mod aloe;
mod decoders;
mod dynamics;
mod motion;
mod object_event_head;
mod readout;
mod seeds;

/// A training in its folder.
struct Training<'a> {
    plan: &'a TrainPlan,
    folder: &'a Path,
    options: &'a Options,
    device: Device,
    /// Steps after which it stops for a while.
    until: Option<u64>,
    /// Hashes of the weights files that it starts from.
    inputs: Vec<Input>,
}

/// Where a training runs, and how far for now.
struct Stretch {
    device: Device,
    until: Option<u64>,
}

/// What is trained on and what is judged by.
struct Data {
    train: ClipDataset,
    held_out: ClipDataset,
}

/// Trains the model of a plan in `folder`, from its newest checkpoint on; the weights files that it wrote there.
///
/// # Errors
/// What stopped the training.
pub fn train(
    plan: &TrainPlan,
    folder: &Path,
    options: &Options,
    device: Device,
) -> Result<Vec<PathBuf>, TrainError> {
    match &plan.seeds {
        Some(several) => seeds::train(plan, several, folder, (options, &device)),
        None => stretch(
            plan,
            folder,
            options,
            Stretch {
                device,
                until: None,
            },
        ),
    }
}

/// The same for one seed, and only up to some step.
fn stretch(
    plan: &TrainPlan,
    folder: &Path,
    options: &Options,
    Stretch { device, until }: Stretch,
) -> Result<Vec<PathBuf>, TrainError> {
    let _lock = FolderLock::take(folder)?;
    let mut training = Training {
        plan,
        folder,
        options,
        device,
        until,
        inputs: Vec::new(),
    };
    if let Some(vqvae) = &plan.vqvae {
        return training.vqvae(vqvae);
    }
    if let Some(slots) = &plan.slots {
        return training.slots(slots);
    }
    if let Some(diffusion) = &plan.diffusion {
        return training.diffusion(diffusion);
    }
    if let Some(dvae) = &plan.dvae {
        return training.dvae(dvae);
    }
    if let Some(steve) = &plan.steve {
        return training.steve(steve);
    }
    if let Some(slotdiffusion) = &plan.slotdiffusion {
        return training.slotdiffusion(slotdiffusion);
    }
    if let Some(slotformer) = &plan.slotformer {
        return training.slotformer(slotformer);
    }
    if let Some(aloe) = &plan.aloe {
        return training.aloe(aloe);
    }
    if let Some(readout) = &plan.readout {
        return training.readout(readout);
    }
    if let Some(sight) = &plan.sight {
        return training.sight(sight);
    }
    match &plan.motion {
        Some(motion) => training.motion(motion),
        None => Err(TrainError::Data {
            reason: "the plan names no objective".to_owned(),
        }),
    }
}

/// Refuses data that nothing here can read.
///
/// # Errors
/// Names the data set.
pub fn check_readable(plan: &TrainPlan) -> Result<(), TrainError> {
    let slotformer = plan
        .slotformer
        .as_ref()
        .and_then(|plan| plan.slots.as_ref());
    let readout = plan.readout.as_ref().and_then(|plan| plan.slots.as_ref());
    let imported = slotformer.or(readout).map(|folder| folder.join("train"));
    match imported {
        Some(folder) if !super::slots::holds_slots(&folder) => {
            Err(WeightsError::NoSlots { path: folder }.into())
        }
        Some(_) => Ok(()),
        None => {
            plan.data.dataset.generator()?;
            Ok(())
        }
    }
}

impl Training<'_> {
    /// A weights file that the training starts from; its content becomes part of the training's identity.
    fn before(&mut self, name: &str, file: &WeightsName) -> Result<Loaded, TrainError> {
        let loaded = load(file)?;
        self.inputs.push(Input::new(name, &*loaded.id));
        Ok(loaded)
    }

    fn encoder(
        &mut self,
        file: &WeightsName,
    ) -> Result<(SlotEncoderConfig, SlotEncoder, String), TrainError> {
        let loaded = self.before("encoder", file)?;
        let (config, model) =
            loaded.model("slot-encoder", &self.device, SlotEncoderConfig::init)?;
        Ok((config, model, loaded.id))
    }

    fn recipe(&self) -> Result<Recipe, TrainError> {
        let config = serde_json::to_value(self.plan);
        let mut inputs = self.inputs.clone();
        if let Some(start) = &self.plan.fit.start {
            inputs.push(Input::new("start", content_hash(start)?));
        }
        Ok(Recipe {
            stage: "train".to_owned(),
            version: 1,
            config: config.map_err(|error| RunError::Internal {
                reason: error.to_string(),
            })?,
            inputs,
            seed: Some(self.plan.seed),
            arithmetic: self.options.device.kind().to_owned(),
        })
    }

    fn source(&self, split: Split) -> Result<SynthSource, TrainError> {
        let data = &self.plan.data;
        let count = if split == Split::Train {
            data.clips
        } else {
            data.held_out
        };
        Ok(open_generated(&SourceConfig {
            dataset: data.dataset,
            split,
            clips: count,
            ..SourceConfig::default()
        })?)
    }

    fn window(&self) -> Window {
        let data = &self.plan.data;
        let pace = FrameSampling::Stride(data.stride);
        Window {
            start: 0,
            count: Some(data.frames),
            pace,
            size: data.size,
            fit: Fit::Crop,
        }
    }

    fn footage(&self, split: Split) -> Result<ClipDataset, TrainError> {
        let folder = self.options.cache.join("footage");
        let cache = FrameCache::open_or_generate(&folder, &self.source(split)?, &self.window())?;
        let (wanted, found) = (self.plan.data.frames, cache.time());
        if found < wanted {
            let reason = format!(
                "clips of `{}` have {found} frames {} apart, and `data.frames` asks for {wanted}",
                self.plan.data.dataset, self.plan.data.stride
            );
            return Err(TrainError::Data { reason });
        }
        let (frames, masks) = cache.into_arrays();
        Ok(ClipDataset {
            frames,
            masks: Some(masks),
        })
    }

    fn data(&self) -> Result<Data, TrainError> {
        Ok(Data {
            train: self.footage(Split::Train)?,
            held_out: self.footage(Split::Val)?,
        })
    }

    /// Slots of every clip of a footage, perceived once.
    fn perceived(
        &self,
        encoder: &SlotEncoder,
        id: &str,
        footage: &ClipDataset,
        split: Split,
    ) -> Result<Slots, TrainError> {
        let data = &self.plan.data;
        let identity = self.source(split)?.identity(0)?;
        let mut what = format!("{identity} {:?} {} {id}", self.window(), footage.clips());
        if encoder.noise_shape(1, 1, true).is_some() {
            // Stochastic slots differ by the seed.
            what = format!("{what} {}", self.plan.seed);
        }
        let key = format!(
            "{}-{split:?}-{}",
            data.dataset,
            &blake3::hash(what.as_bytes()).to_hex()[..16]
        );
        let folder = self.options.cache.join("slots");
        Ok(open_or_encode(
            &folder,
            &key,
            encoder,
            footage,
            &self.device,
            self.plan.seed,
        )?)
    }

    fn fit<O: Objective>(&self, objective: &O) -> Result<TrainingResult<O::Model>, TrainError> {
        let complete = |earlier: Value| {
            let plan = serde_json::from_value::<TrainPlan>(earlier.clone());
            plan.and_then(serde_json::to_value).unwrap_or(earlier)
        };
        claim(self.folder, &self.recipe()?, complete)?;
        let text = toml::to_string(self.plan).map_err(|error| RunError::Internal {
            reason: error.to_string(),
        })?;
        write_atomic(&self.folder.join("plan.toml"), text.as_bytes())?;
        let place = FitContext {
            folder: self.folder,
            device: &self.device,
            seed: self.plan.seed,
            until: self.until,
            quiet: self.options.quiet,
        };
        fit(objective, &self.plan.fit, &place)
    }

    /// Writes one module with its configuration and how it came to be.
    fn keep<M: Module>(
        &self,
        name: &str,
        config: &impl Serialize,
        module: &M,
        facts: Map<String, Value>,
    ) -> Result<PathBuf, TrainError> {
        let mut header = Header::new(
            name,
            config,
            "trained by `pipeline train` on generated clips",
        )?;
        header.recipe = Some(self.recipe()?.id().0);
        let data = &self.plan.data;
        let mut training = Map::from_iter([
            ("dataset".to_owned(), json!(data.dataset)),
            ("clips".to_owned(), json!(data.clips)),
        ]);
        // Imported slots do not say how fast their clips were.
        if let Ok(preset) = data.dataset.generator() {
            let fps = preset.fps / data.stride as f32;
            training.insert("fps".to_owned(), json!(fps));
        }
        training.extend(facts);
        header.training = Value::Object(training);
        let path = self.folder.join(format!("{name}.safetensors"));
        WeightsFile {
            header,
            state: collect(module),
        }
        .write(&path, Precision::Half)?;
        Ok(path)
    }

    /// The encoder that learns with a decoder: as the plan describes it, or on from an earlier training.
    fn learned(
        &mut self,
        fresh: &SlotEncoderConfig,
        start: Option<&WeightsName>,
    ) -> Result<EncoderInit, TrainError> {
        let Some(file) = start else {
            return Ok(EncoderInit::fresh(fresh.clone()));
        };
        let (config, encoder, _) = self.encoder(file)?;
        Ok(EncoderInit {
            config,
            start: Some(encoder),
        })
    }

    fn slots(&mut self, plan: &SlotsPlan) -> Result<Vec<PathBuf>, TrainError> {
        let data = self.data()?;
        let objective = SlotsObjective {
            encoder: self.learned(&plan.encoder, plan.start_encoder.as_ref())?,
            decoder: plan.decoder.clone(),
            config: plan.objective.clone(),
            background: data.train.background(),
            train: &data.train,
            held_out: &data.held_out,
        };
        let fitted = self.fit(&objective)?;
        let facts = fitted.facts();
        Ok(vec![
            self.keep(
                "slot-encoder",
                &objective.encoder.config,
                &fitted.model.encoder,
                facts.clone(),
            )?,
            self.keep("mixture", &plan.decoder, &fitted.model.decoder, facts)?,
        ])
    }
}

/// The first frames of every clip and what is imagined behind them, `[clips, frames + steps, slots, dim]`.
fn with_futures(
    seen: &Slots,
    (config, dynamics): &(SlotFormerConfig, crate::models::dynamics::SlotFormer),
    frames: usize,
    steps: usize,
    device: &Device,
) -> Result<Array4<f32>, TrainError> {
    let seen = seen.view();
    let (clips, _, slots, dim) = seen.dim();
    let mut all = Array4::zeros((clips, frames + steps, slots, dim));
    for (mut out, clip) in all.outer_iter_mut().zip(seen.outer_iter()) {
        let clip = clip.slice(s![..frames, .., ..]);
        let history = clip.slice(s![frames.saturating_sub(config.burn_in).., .., ..]);
        let future = continued(dynamics, history, steps, device)?;
        let future = future.slice(s![history.dim().0.., .., ..]);
        let joined = concatenate(Axis(0), &[clip, future]);
        out.assign(&joined.map_err(|error| RunError::Internal {
            reason: error.to_string(),
        })?);
    }
    Ok(all)
}
