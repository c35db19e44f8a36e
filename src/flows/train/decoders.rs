//! Auto-encoders, and the decoders around them.

use std::path::PathBuf;

use burn::module::Module;
use serde::Serialize;
use serde_json::json;
use slotflow_datasets::Split;
use slotflow_eval::profile::LpipsProfile;

use super::{Data, Training};

use crate::artifacts::Input;
use crate::metrics::pretrained::PretrainedStore;
use crate::metrics::{MetricsError, lpips};
use crate::models::decoder::autoregressive::AutoregressiveConfig;
use crate::models::decoder::dvae::DvaeConfig;
use crate::models::decoder::latent_diffusion::{LatentDiffusionConfig, LatentStats};
use crate::models::decoder::vqvae::{VqVae, VqVaeConfig};
use crate::models::encoder::{StemConfig, Vit, VitConfig};
use crate::models::perceptual::lpips::{Backbone, Lpips};
use crate::plan::training::{DiffusionPlan, DvaePlan, SlotDiffusionPlan, StevePlan, VqVaePlan};
use crate::rng::{Init, SeededRng};
use crate::train::objectives::diffusion::{DiffusionObjective, Drawings};
use crate::train::objectives::reconstruct::Reconstruct;
use crate::train::objectives::slotdiffusion::SlotDiffusionObjective;
use crate::train::objectives::steve::{Perception, SteveObjective};
use crate::train::{Objective, TrainError};
use crate::weights::pretrained::Network;

impl Training<'_> {
    pub(super) fn vqvae(&mut self, plan: &VqVaePlan) -> Result<Vec<PathBuf>, TrainError> {
        let lpips = if plan.objective.perceptual > 0.0 {
            Some(self.lpips()?)
        } else {
            None
        };
        self.reconstruct("vqvae", &plan.model, &plan.objective, lpips)
    }

    pub(super) fn dvae(&self, plan: &DvaePlan) -> Result<Vec<PathBuf>, TrainError> {
        self.reconstruct("dvae", &plan.model, &plan.objective, None)
    }

    /// Trains an auto-encoder of frames.
    fn reconstruct<M, C>(
        &self,
        name: &str,
        model: &M,
        config: &C,
        lpips: Option<Lpips>,
    ) -> Result<Vec<PathBuf>, TrainError>
    where
        M: Clone + Serialize,
        C: Clone,
        for<'a> Reconstruct<'a, M, C>: Objective,
    {
        let data = self.data()?;
        let objective = Reconstruct {
            model: model.clone(),
            config: config.clone(),
            lpips,
            background: data.train.background(),
            train: &data.train,
            held_out: &data.held_out,
        };
        let fitted = self.fit(&objective)?;
        Ok(vec![self.keep(
            name,
            model,
            &fitted.model,
            fitted.facts(),
        )?])
    }

    /// LPIPS with VGG-16 from the weights that were downloaded, frozen; its content becomes part of the training's
    /// identity.
    fn lpips(&mut self) -> Result<Lpips, TrainError> {
        let smallest = Backbone::Vgg.smallest();
        if self.plan.data.size.iter().any(|&side| side < smallest) {
            return Err(TrainError::Perceptual {
                reason: format!("it sees nothing in frames below {smallest} pixels a side"),
            });
        }
        let network = Network::Backbone(Backbone::Vgg);
        let wrong = |error: MetricsError| TrainError::Perceptual {
            reason: error.to_string(),
        };
        let shelved = PretrainedStore::of_cache(&self.options.cache)
            .load(network)
            .map_err(wrong)?;
        let shelved = shelved.ok_or_else(|| TrainError::Perceptual {
            reason: PretrainedStore::missing(network),
        })?;
        self.inputs
            .push(Input::new("lpips", &*shelved.entry.sha256));
        let device = self.device.clone().autodiff();
        let model = lpips::model(LpipsProfile::Vgg, &shelved, &device).map_err(wrong)?;
        Ok(model.no_grad())
    }

    pub(super) fn diffusion(&mut self, plan: &DiffusionPlan) -> Result<Vec<PathBuf>, TrainError> {
        let (encoder_config, encoder, id) = self.encoder(&plan.encoder)?;
        let (vae_config, vqvae) =
            self.before("vqvae", &plan.vqvae)?
                .model("vqvae", &self.device, VqVaeConfig::init)?;
        let data = self.data()?;
        let mut model = LatentDiffusionConfig {
            vae: vae_config,
            ..plan.model.clone()
        };
        model.unet.context = encoder_config.dim;
        if plan.normalise {
            model.latent_stats = Some(self.latent_stats(&vqvae, &data));
        }
        let blank = model.with_vae(vqvae.clone(), &mut Init::blank(&self.device));
        let train_slots = self.perceived(&encoder, &id, &data.train, Split::Train)?;
        let held_out_slots = self.perceived(&encoder, &id, &data.held_out, Split::Val)?;
        let objective = DiffusionObjective {
            vqvae,
            config: plan.objective.clone(),
            train: Drawings::new(train_slots, &data.train, &blank, &self.device),
            held_out: Drawings::new(held_out_slots, &data.held_out, &blank, &self.device),
            model,
        };
        let fitted = self.fit(&objective)?;
        let mut facts = fitted.facts();
        let range = objective.reconstruction_range(&fitted.model, &self.device);
        facts.insert("reconstruction-psnr-range".to_owned(), json!(range));
        Ok(vec![self.keep(
            "latent-diffusion",
            &objective.model,
            &fitted.model,
            facts,
        )?])
    }

    /// Mean and deviation of the latents of some frames.
    fn latent_stats(&self, vqvae: &VqVae, data: &Data) -> LatentStats {
        let mut noise = SeededRng::new(self.plan.seed, &["latents"]);
        let frames = data.train.draw_frames(256, &mut noise);
        let frames = crate::tensor_conversion::frames_from_clip(frames.view(), &self.device);
        LatentStats::measure(&vqvae.encode(frames))
    }

    pub(super) fn slotdiffusion(
        &mut self,
        plan: &SlotDiffusionPlan,
    ) -> Result<Vec<PathBuf>, TrainError> {
        let (vae, vqvae) =
            self.before("vqvae", &plan.vqvae)?
                .model("vqvae", &self.device, VqVaeConfig::init)?;
        let mut encoder = self.learned(&plan.slots, plan.start_encoder.as_ref())?;
        let vit = match &plan.vit {
            None => None,
            Some(file) => {
                let loaded = self.before("vit", file)?.model(
                    "vit",
                    &self.device,
                    |config: &VitConfig, init| Vit::new(init, config),
                )?;
                encoder.config.stem = StemConfig::Vit(loaded.0);
                Some(loaded.1)
            }
        };
        let mut decoder = LatentDiffusionConfig {
            resolution: self.plan.data.size,
            vae,
            ..plan.model.clone()
        };
        decoder.unet.context = encoder.config.dim;
        if encoder.start.is_none() {
            encoder.config.resolution = self.plan.data.size;
        }
        let data = self.data()?;
        if plan.normalise {
            decoder.latent_stats = Some(self.latent_stats(&vqvae, &data));
        }
        let objective = SlotDiffusionObjective {
            encoder,
            vit,
            decoder,
            vqvae,
            config: plan.objective.clone(),
            train: &data.train,
            held_out: &data.held_out,
        };
        let fitted = self.fit(&objective)?;
        let facts = fitted.facts();
        let model = &fitted.model;
        Ok(vec![
            self.keep(
                "slot-encoder",
                &objective.encoder.config,
                &model.encoder,
                facts.clone(),
            )?,
            self.keep(
                "latent-diffusion",
                &objective.decoder,
                &model.decoder,
                facts,
            )?,
        ])
    }

    pub(super) fn steve(&mut self, plan: &StevePlan) -> Result<Vec<PathBuf>, TrainError> {
        let (dvae_config, dvae) =
            self.before("dvae", &plan.dvae)?
                .model("dvae", &self.device, DvaeConfig::init)?;
        let data = self.data()?;
        let (perception, config) = match &plan.encoder {
            None => {
                let encoder = self.learned(&plan.slots, plan.start_encoder.as_ref())?;
                let config = encoder.config.clone();
                (Perception::Learned(Box::new(encoder)), config)
            }
            Some(file) => {
                let (config, encoder, id) = self.encoder(file)?;
                let given = Perception::Given {
                    train: self.perceived(&encoder, &id, &data.train, Split::Train)?,
                    held_out: self.perceived(&encoder, &id, &data.held_out, Split::Val)?,
                };
                (given, config)
            }
        };
        let objective = SteveObjective {
            perception,
            model: AutoregressiveConfig {
                dim: config.dim,
                resolution: self.plan.data.size,
                dvae: dvae_config,
                ..plan.model.clone()
            },
            dvae,
            config: plan.objective.clone(),
            train: &data.train,
            held_out: &data.held_out,
        };
        let fitted = self.fit(&objective)?;
        let facts = fitted.facts();
        let mut files = Vec::new();
        if let Some(encoder) = &fitted.model.encoder {
            files.push(self.keep("slot-encoder", &config, encoder, facts.clone())?);
        }
        let decoder = &fitted.model.decoder;
        files.push(self.keep("autoregressive", &objective.model, decoder, facts)?);
        Ok(files)
    }
}
