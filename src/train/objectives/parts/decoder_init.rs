//! Diffusion decoders around what was trained before: how each is before its first step.

use std::fmt;

use burn::module::Module;
use serde::Serialize;

use crate::models::WeightsKind;
use crate::models::decoder::autoencoder_kl::AutoencoderKl;
use crate::models::decoder::latent_decoder::LatentDecoder;
use crate::models::decoder::latent_diffusion::{LatentDiffusion, LatentDiffusionConfig};
use crate::models::decoder::stable_diffusion::StableDiffusion;
use crate::models::decoder::stable_diffusion::slots_as_text::{
    SlotStableDiffusion, SlotStableDiffusionConfig,
};
use crate::models::decoder::unet::TrainedPart;
use crate::models::decoder::vqvae::VqVae;
use crate::rng::Init;
use crate::weights::{collect, load_into};

/// A diffusion decoder around what was trained before.
pub trait DecoderInit: fmt::Debug + Sync {
    /// What learns.
    type Decoder: LatentDecoder;
    /// Its sizes.
    type Config: Serialize;

    /// The kind of its weights files.
    const KIND: WeightsKind;

    /// Its sizes, for the header of its weights file.
    fn config(&self) -> &Self::Config;

    /// The decoder before the first step, on the device of `init`.
    fn init(&self, init: &mut Init) -> Self::Decoder;

    /// Share of the frames, 0..1, all of whose slots are dropped, so that it can be sampled with guidance.
    fn condition_dropout(&self) -> f64 {
        0.0
    }
}

/// A fresh U-Net in the latents of a VQ-VAE.
#[derive(Debug)]
pub struct AroundVqVae {
    /// The decoder.
    pub config: LatentDiffusionConfig,
    /// Its VQ-VAE, on the device of inference.
    pub vqvae: VqVae,
}

impl DecoderInit for AroundVqVae {
    type Decoder = LatentDiffusion;
    type Config = LatentDiffusionConfig;

    const KIND: WeightsKind = WeightsKind::LatentDiffusion;

    fn config(&self) -> &LatentDiffusionConfig {
        &self.config
    }

    fn init(&self, init: &mut Init) -> LatentDiffusion {
        let vqvae = self.vqvae.clone().fork(init.device());
        self.config.with_vae(vqvae, init)
    }
}

/// What of Stable Diffusion was trained before; on the device of inference.
#[derive(Debug)]
pub enum Pretrained {
    /// The auto-encoder alone: the U-Net begins with random parameters.
    Autoencoder(Box<AutoencoderKl>),
    /// All of it.
    Whole(Box<StableDiffusion>),
}

/// Stable Diffusion that learns to read slots.
#[derive(Debug)]
pub struct AroundStableDiffusion {
    /// The decoder.
    pub config: SlotStableDiffusionConfig,
    /// What was trained before.
    pub pretrained: Pretrained,
    /// What of the U-Net learns.
    pub learns: TrainedPart,
    /// Share of the frames all of whose slots are dropped.
    pub condition_dropout: f64,
}

impl DecoderInit for AroundStableDiffusion {
    type Decoder = SlotStableDiffusion;
    type Config = SlotStableDiffusionConfig;

    const KIND: WeightsKind = WeightsKind::SlotStableDiffusion;

    fn config(&self) -> &SlotStableDiffusionConfig {
        &self.config
    }

    fn init(&self, init: &mut Init) -> SlotStableDiffusion {
        let sizes = &self.config.model;
        let model = match &self.pretrained {
            Pretrained::Autoencoder(vae) => {
                sizes.with_vae((**vae).clone().fork(init.device()), init)
            }
            // Loaded into a blank one: moved there, what was read for inference would record no gradients.
            Pretrained::Whole(model) => {
                let blank = sizes.init(&mut Init::blank(init.device()));
                load_into(blank, collect(&**model))
                    .unwrap_or_else(|error| unreachable!("a model fits itself: {error}"))
            }
        };
        self.config.with_model(model.learning(self.learns), init)
    }

    fn condition_dropout(&self) -> f64 {
        self.condition_dropout
    }
}
