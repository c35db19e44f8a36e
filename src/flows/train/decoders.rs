//! Decoders around auto-encoders that were trained before: diffusion and autoregressive, alone or with their encoder.

use std::path::PathBuf;

use serde_json::json;

use super::run::{PretrainedEncoder, TrainingRun};
use crate::models::WeightsKind;
use crate::models::decoder::autoregressive::AutoregressiveConfig;
use crate::models::decoder::dvae::DvaeConfig;
use crate::models::decoder::latent_diffusion::LatentDiffusionConfig;
use crate::models::decoder::vqvae::VqVaeConfig;
use crate::models::encoder::{StemConfig, Vit, VitConfig};
use crate::plan::training::objectives::{DiffusionPlan, SlotDiffusionPlan, StevePlan};
use crate::rng::Init;
use crate::train::TrainError;
use crate::train::data::clip_dataset::ClipDataset;
use crate::train::data::source::Splits;
use crate::train::objectives::diffusion::{DiffusionFrames, DiffusionObjective, latent_stats};
use crate::train::objectives::parts::slot_dropout::SlotDropout;
use crate::train::objectives::slotdiffusion::SlotDiffusionObjective;
use crate::train::objectives::steve::{SlotsFrom, SteveObjective};

impl TrainingRun<'_> {
    pub(super) fn diffusion(&mut self, plan: &DiffusionPlan) -> Result<Vec<PathBuf>, TrainError> {
        let encoder = self.pretrained_encoder(&plan.encoder)?;
        let vqvae = self.pretrained("vqvae", &plan.vqvae)?;
        let vqvae_id = vqvae.id.clone();
        let device = self.execution.device.clone();
        let (vae, vqvae) = vqvae.model(WeightsKind::VqVae, &device, VqVaeConfig::init)?;
        let clips = self.clips()?;
        let mut model = LatentDiffusionConfig {
            vae,
            ..plan.model.clone()
        };
        model.unet.context = encoder.config.dim;
        if plan.normalise {
            model.latent_stats = Some(latent_stats(&vqvae, &clips.train, self.plan.seed, &device)?);
        }
        let blank = model.with_vae(vqvae.clone(), &mut Init::blank(&device));
        // Before the slots: the same file then holds both.
        let dropout = self.slot_dropout(plan, &encoder, &clips)?;
        let slots = self.encoded(&encoder, &clips)?;
        let scaled = json!([vqvae_id, model.vae, model.z_scale, model.latent_stats]);
        let latents = self.latents(&blank, &scaled.to_string(), &clips)?;
        let objective = DiffusionObjective {
            latent_encoder: blank,
            config: plan.objective.clone(),
            train: DiffusionFrames {
                slots: slots.train,
                latents: latents.train,
                clips: &clips.train,
                dropout: dropout.train,
            },
            held_out: DiffusionFrames {
                slots: slots.held_out,
                latents: latents.held_out,
                clips: &clips.held_out,
                dropout: dropout.held_out,
            },
            model,
        };
        let result = self.fit(&objective)?;
        let mut facts = result.facts();
        let range = objective.reconstruction_range(&result.model, &device)?;
        facts.insert("reconstruction-psnr-range".to_owned(), json!(range));
        let file = self.write(
            WeightsKind::LatentDiffusion,
            &objective.model,
            &result.model,
            facts,
        )?;
        Ok(vec![file])
    }

    /// What slot dropout needs of both splits, where the objective asks for it: attention masks and empty scenes.
    fn slot_dropout<'c>(
        &self,
        plan: &DiffusionPlan,
        encoder: &PretrainedEncoder,
        clips: &'c Splits<ClipDataset>,
    ) -> Result<Splits<Option<SlotDropout<'c>>>, TrainError> {
        if plan.objective.slot_dropout == 0.0 {
            return Splits::read(|_| Ok(None));
        }
        let backgrounds = clips.backgrounds()?;
        let folder = self.store_folder();
        let store = self.slot_store(encoder, &folder);
        Splits::read(|split| {
            let key = self.encoding_key(encoder, split)?;
            Ok(Some(SlotDropout {
                masks: store.slots_and_masks(&key, clips.of(split))?.masks,
                clips: clips.of(split),
                background: backgrounds.of(split).clone(),
            }))
        })
    }

    pub(super) fn slotdiffusion(
        &mut self,
        plan: &SlotDiffusionPlan,
    ) -> Result<Vec<PathBuf>, TrainError> {
        let device = self.execution.device.clone();
        let vqvae = self.pretrained("vqvae", &plan.vqvae)?;
        let (vae, vqvae) = vqvae.model(WeightsKind::VqVae, &device, VqVaeConfig::init)?;
        let mut encoder = self.encoder_init(&plan.slots, plan.start_encoder.as_ref())?;
        let vit = match &plan.vit {
            None => None,
            Some(file) => {
                let loaded = self.pretrained("vit", file)?;
                let init = |config: &VitConfig, init: &mut Init| Vit::new(init, config);
                let (config, vit) = loaded.model(WeightsKind::Vit, &device, init)?;
                encoder.config.stem = StemConfig::Vit(config);
                Some(vit)
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
        let clips = self.clips()?;
        if plan.normalise {
            let stats = latent_stats(&vqvae, &clips.train, self.plan.seed, &device)?;
            decoder.latent_stats = Some(stats);
        }
        let objective = SlotDiffusionObjective {
            encoder,
            vit,
            decoder,
            vqvae,
            config: plan.objective.clone(),
            train: &clips.train,
            held_out: &clips.held_out,
        };
        let result = self.fit(&objective)?;
        let (facts, model) = (result.facts(), &result.model);
        let (encoder, decoder) = (&objective.encoder.config, &objective.decoder);
        Ok(vec![
            self.write(
                WeightsKind::SlotEncoder,
                encoder,
                &model.encoder,
                facts.clone(),
            )?,
            self.write(WeightsKind::LatentDiffusion, decoder, &model.decoder, facts)?,
        ])
    }

    pub(super) fn steve(&mut self, plan: &StevePlan) -> Result<Vec<PathBuf>, TrainError> {
        let dvae = self.pretrained("dvae", &plan.dvae)?;
        let (dvae_config, dvae) =
            dvae.model(WeightsKind::Dvae, &self.execution.device, DvaeConfig::init)?;
        let clips = self.clips()?;
        let (slots, config) = match &plan.encoder {
            None => {
                let encoder = self.encoder_init(&plan.slots, plan.start_encoder.as_ref())?;
                let config = encoder.config.clone();
                (SlotsFrom::Learned(Box::new(encoder)), config)
            }
            Some(file) => {
                let encoder = self.pretrained_encoder(file)?;
                let encoded = self.encoded(&encoder, &clips)?;
                (SlotsFrom::Precomputed(encoded), encoder.config)
            }
        };
        let objective = SteveObjective {
            slots,
            model: AutoregressiveConfig {
                dim: config.dim,
                resolution: self.plan.data.size,
                dvae: dvae_config,
                ..plan.model.clone()
            },
            dvae,
            config: plan.objective.clone(),
            train: &clips.train,
            held_out: &clips.held_out,
        };
        let result = self.fit(&objective)?;
        let facts = result.facts();
        let mut files = Vec::new();
        if let Some(encoder) = &result.model.encoder {
            files.push(self.write(WeightsKind::SlotEncoder, &config, encoder, facts.clone())?);
        }
        let decoder = &result.model.decoder;
        files.push(self.write(
            WeightsKind::Autoregressive,
            &objective.model,
            decoder,
            facts,
        )?);
        Ok(files)
    }
}
