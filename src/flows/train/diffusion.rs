//! Diffusion decoders around what was trained before, alone or with their encoder.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::run::{PretrainedEncoder, TrainingRun, internal};
use crate::artifacts::files::content_hash;
use crate::models::WeightsKind;
use crate::models::decoder::autoencoder_kl::AutoencoderKlConfig;
use crate::models::decoder::latent_diffusion::LatentDiffusionConfig;
use crate::models::decoder::stable_diffusion::StableDiffusionConfig;
use crate::models::decoder::stable_diffusion::slots_as_text::SlotStableDiffusionConfig;
use crate::models::decoder::unet::{TrainedPart, UNetConfig};
use crate::models::decoder::vqvae::{VqVae, VqVaeConfig};
use crate::models::encoder::{StemConfig, Vit, VitConfig};
use crate::plan::training::objectives::{
    DecoderParts, DiffusionPlan, FrozenPart, SlotDiffusionPlan,
};
use crate::rng::Init;
use crate::stages::open_stored;
use crate::train::TrainError;
use crate::train::data::clip_dataset::ClipDataset;
use crate::train::data::source::Splits;
use crate::train::objectives::diffusion::{DiffusionFrames, DiffusionObjective, latent_stats};
use crate::train::objectives::parts::decoder_init::{
    AroundStableDiffusion, AroundVqVae, DecoderInit, Pretrained,
};
use crate::train::objectives::parts::encoder_init::EncoderInit;
use crate::train::objectives::parts::slot_dropout::SlotDropout;
use crate::train::objectives::slotdiffusion::SlotDiffusionObjective;
use crate::weights::load_stored;

/// What a decoder is built around, with its content hash.
enum Frozen {
    VqVae(String, VqVaeConfig, Box<VqVae>),
    StableDiffusion(String, Box<StableDiffusionConfig>, Pretrained),
}

impl TrainingRun<'_> {
    pub(super) fn diffusion(&mut self, plan: &DiffusionPlan) -> Result<Vec<PathBuf>, TrainError> {
        let encoder = self.pretrained_encoder(&plan.encoder)?;
        let (parts, dim) = (plan.decoder(), encoder.config.dim);
        let frozen = self.frozen(&parts)?;
        let clips = self.clips()?;
        match frozen {
            Frozen::VqVae(id, vae, vqvae) => {
                let mut config = LatentDiffusionConfig {
                    vae,
                    ..plan.model.clone()
                };
                config.unet.context = dim;
                let decoder = self.around_vqvae(&parts, (config, *vqvae), &clips)?;
                let model = &decoder.config;
                let depends = json!([id, model.vae, model.z_scale, model.latent_stats]);
                self.diffusion_of(plan, (&encoder, &clips), decoder, &depends)
            }
            Frozen::StableDiffusion(id, model, pretrained) => {
                let decoder = around_stable_diffusion(&parts, dim, *model, pretrained);
                let depends = json!([id, decoder.config.model.vae]);
                self.diffusion_of(plan, (&encoder, &clips), decoder, &depends)
            }
        }
    }

    /// Trains a decoder on slots of an encoder that stays as it is; `depends` names all that the latents depend on.
    fn diffusion_of<I: DecoderInit>(
        &self,
        plan: &DiffusionPlan,
        (encoder, clips): (&PretrainedEncoder, &Splits<ClipDataset>),
        decoder: I,
        depends: &Value,
    ) -> Result<Vec<PathBuf>, TrainError> {
        let device = &self.execution.device;
        let blank = decoder.init(&mut Init::blank(device));
        // Before the slots: the same file then holds both.
        let dropout = self.slot_dropout(plan, encoder, clips)?;
        let slots = self.encoded(encoder, clips)?;
        let latents = self.latents(&blank, &depends.to_string(), clips)?;
        let objective = DiffusionObjective {
            decoder,
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
        };
        let result = self.fit(&objective)?;
        let mut facts = result.facts();
        let range = objective.reconstruction_range(&result.model, device)?;
        facts.insert("reconstruction-psnr-range".to_owned(), json!(range));
        let config = objective.decoder.config();
        Ok(vec![self.write(I::KIND, config, &result.model, facts)?])
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

    /// What a decoder is built around.
    fn frozen(&mut self, parts: &DecoderParts<'_>) -> Result<Frozen, TrainError> {
        let device = self.execution.device.clone();
        match parts.frozen().map_err(|error| internal(&error))? {
            FrozenPart::VqVae(file) => {
                let loaded = self.pretrained("vqvae", file)?;
                let (config, model) =
                    loaded.model(WeightsKind::VqVae, &device, VqVaeConfig::init)?;
                Ok(Frozen::VqVae(loaded.id, config, Box::new(model)))
            }
            FrozenPart::AutoencoderKl(file) => {
                let loaded = self.pretrained("autoencoder-kl", file)?;
                let (vae, model) = loaded.model(
                    WeightsKind::AutoencoderKl,
                    &device,
                    AutoencoderKlConfig::init,
                )?;
                let config = StableDiffusionConfig {
                    resolution: self.plan.data.size,
                    unet: UNetConfig {
                        latent_channels: vae.latent_channels,
                        ..parts.model.unet.clone()
                    },
                    vae,
                    diffusion: parts.model.diffusion.clone(),
                };
                let model = Pretrained::Autoencoder(Box::new(model));
                Ok(Frozen::StableDiffusion(loaded.id, Box::new(config), model))
            }
            FrozenPart::StableDiffusion(file) => {
                let (config, stored) =
                    open_stored::<StableDiffusionConfig>(file, WeightsKind::StableDiffusion)?;
                let id = content_hash(file.0.as_ref())?;
                self.depends_on("stable-diffusion", &*id);
                let config = StableDiffusionConfig {
                    resolution: self.plan.data.size,
                    ..config
                };
                let blank = config.init(&mut Init::blank(&device));
                let model = load_stored(blank, stored.arrays, file.0.as_ref())?;
                let model = Pretrained::Whole(Box::new(model));
                Ok(Frozen::StableDiffusion(id, Box::new(config), model))
            }
        }
    }

    /// A fresh U-Net in the latents of a VQ-VAE, their deviation measured where the plan asks for it.
    fn around_vqvae(
        &self,
        parts: &DecoderParts<'_>,
        (mut config, vqvae): (LatentDiffusionConfig, VqVae),
        clips: &Splits<ClipDataset>,
    ) -> Result<AroundVqVae, TrainError> {
        if parts.normalise {
            let (seed, device) = (self.plan.seed, &self.execution.device);
            config.latent_stats = Some(latent_stats(&vqvae, &clips.train, seed, device)?);
        }
        Ok(AroundVqVae { config, vqvae })
    }

    pub(super) fn slotdiffusion(
        &mut self,
        plan: &SlotDiffusionPlan,
    ) -> Result<Vec<PathBuf>, TrainError> {
        let parts = plan.decoder();
        let frozen = self.frozen(&parts)?;
        let mut encoder = self.encoder_init(&plan.slots, plan.start_encoder.as_ref())?;
        let vit = match &plan.vit {
            None => None,
            Some(file) => {
                let loaded = self.pretrained("vit", file)?;
                let init = |config: &VitConfig, init: &mut Init| Vit::new(init, config);
                let device = &self.execution.device;
                let (config, vit) = loaded.model(WeightsKind::Vit, device, init)?;
                encoder.config.stem = StemConfig::Vit(config);
                Some(vit)
            }
        };
        if encoder.start.is_none() {
            encoder.config.resolution = self.plan.data.size;
        }
        let dim = encoder.config.dim;
        let clips = self.clips()?;
        match frozen {
            Frozen::VqVae(_, vae, vqvae) => {
                let mut config = LatentDiffusionConfig {
                    resolution: self.plan.data.size,
                    vae,
                    ..plan.model.clone()
                };
                config.unet.context = dim;
                let decoder = self.around_vqvae(&parts, (config, *vqvae), &clips)?;
                self.slotdiffusion_of(plan, (encoder, vit), decoder, &clips)
            }
            Frozen::StableDiffusion(_, model, pretrained) => {
                let decoder = around_stable_diffusion(&parts, dim, *model, pretrained);
                self.slotdiffusion_of(plan, (encoder, vit), decoder, &clips)
            }
        }
    }

    /// Trains an encoder and a decoder together.
    fn slotdiffusion_of<I: DecoderInit>(
        &self,
        plan: &SlotDiffusionPlan,
        (encoder, vit): (EncoderInit, Option<Vit>),
        decoder: I,
        clips: &Splits<ClipDataset>,
    ) -> Result<Vec<PathBuf>, TrainError> {
        let objective = SlotDiffusionObjective {
            encoder,
            vit,
            decoder,
            config: plan.objective.clone(),
            train: &clips.train,
            held_out: &clips.held_out,
        };
        let result = self.fit(&objective)?;
        let (facts, model) = (result.facts(), &result.model);
        let (encoder, decoder) = (&objective.encoder.config, objective.decoder.config());
        Ok(vec![
            self.write(
                WeightsKind::SlotEncoder,
                encoder,
                &model.encoder,
                facts.clone(),
            )?,
            self.write(I::KIND, decoder, &model.decoder, facts)?,
        ])
    }
}

/// Stable Diffusion that learns to read slots of a width.
fn around_stable_diffusion(
    parts: &DecoderParts<'_>,
    dim: usize,
    model: StableDiffusionConfig,
    pretrained: Pretrained,
) -> AroundStableDiffusion {
    let tokens = parts.tokens.cloned().unwrap_or_default();
    let usual = match pretrained {
        Pretrained::Autoencoder(_) => TrainedPart::UNet,
        Pretrained::Whole(_) => TrainedPart::KeysValues,
    };
    AroundStableDiffusion {
        config: SlotStableDiffusionConfig {
            dim,
            registers: tokens.registers,
            null_token: tokens.condition_dropout > 0.0,
            model,
        },
        pretrained,
        learns: tokens.learns.unwrap_or(usual),
        condition_dropout: tokens.condition_dropout,
    }
}
