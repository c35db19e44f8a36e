//! Slot encoder and diffusion decoder learn together (Wu et al. 2023, SlotDiffusion §3.2): the noise in a frame's
//! latents is to be predicted from its slots. A window of one frame is the model for images.
//! Reference: SlotDiffusion `video_based/models/savi_diffusion.py`, `img_based/models/sa_diffusion.py`.

use crate::train::error::TrainError;
use crate::train::interface::Figures;
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array4, Array5};
use serde::{Deserialize, Serialize};
use slotflow_datasets::DataError;

use crate::models::decoder::latent_diffusion::{LatentDiffusion, LatentDiffusionConfig};
use crate::models::decoder::sampler::SamplerConfig;
use crate::models::decoder::vqvae::VqVae;
use crate::models::encoder::stem::Stem;
use crate::models::encoder::{SlotEncoder, Vit};
use crate::rng::{Init, SeededRng};
use crate::tensor_conversion::{batch_from_clips, clip_from_frames, floats};
use crate::train::data::clip_dataset::{ClipDataset, WindowStart};
use crate::train::interface::{Losses, Objective, StepContext};
use crate::train::objectives::parts::encoder_init::EncoderInit;
use crate::train::objectives::parts::figures::{decibel, squared_error};

/// `[slotdiffusion.objective]` of a training plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct SlotDiffusionObjectiveConfig {
    /// Windows a step.
    pub batch: usize,
    /// Frames of a window.
    pub window: usize,
    /// Learning rate of the decoder, as a multiple of the encoder's.
    pub decoder_rate: f64,
    /// Sampler of the frames that validation decodes.
    pub sampler: SamplerConfig,
}

impl Default for SlotDiffusionObjectiveConfig {
    fn default() -> Self {
        Self {
            batch: 32,
            window: 3,
            decoder_rate: 2.0,
            sampler: SamplerConfig::default(),
        }
    }
}

/// An encoder and the decoder that it learns with.
#[derive(Module, Debug)]
pub struct SlotDiffusion {
    /// Frames → slots.
    pub encoder: SlotEncoder,
    /// Slots → frames.
    pub decoder: LatentDiffusion,
}

/// Slot encoder and diffusion decoder learn together.
#[derive(Debug)]
pub struct SlotDiffusionObjective<'a> {
    /// The encoder.
    pub encoder: EncoderInit,
    /// What stands in its stem, trained before, where that is a vision transformer.
    pub vit: Option<Vit>,
    /// The decoder.
    pub decoder: LatentDiffusionConfig,
    /// Its VQ-VAE, trained before; on the device of inference.
    pub vqvae: VqVae,
    /// Settings of the batches and the loss.
    pub config: SlotDiffusionObjectiveConfig,
    /// What it is trained on.
    pub train: &'a ClipDataset,
    /// What it is validated on.
    pub held_out: &'a ClipDataset,
}

impl SlotDiffusionObjective<'_> {
    /// Frames `[batch · time, rgb, height, width]` and their slots `[batch · time, slots, dim]`.
    fn encode(
        model: &SlotDiffusion,
        windows: &Array5<u8>,
        noise: &mut SeededRng,
        device: &Device,
    ) -> (Tensor<4>, Tensor<3>) {
        let frames = batch_from_clips(windows.view(), device);
        let [clips, time, ..] = frames.dims();
        let shape = model.encoder.noise_shape(clips, time, true);
        let noise = shape.map(|shape| noise.normal(shape, device));
        let slots = model
            .encoder
            .encode(frames.clone(), None, noise.as_ref())
            .slots;
        (frames.flatten(0, 1), slots.flatten(0, 1))
    }

    fn loss(
        model: &SlotDiffusion,
        windows: &Array5<u8>,
        noise: &mut SeededRng,
        device: &Device,
    ) -> Tensor<1> {
        let (frames, slots) = Self::encode(model, windows, noise, device);
        let (times, values) = model.decoder.draw(frames.dims()[0], noise);
        let latents = model.decoder.encode(frames);
        let noise = TensorData::new(values, latents.dims());
        let noise = Tensor::from_data(noise, device);
        let latents = Tensor::from_data(latents.into_data(), device);
        model
            .decoder
            .loss_of_latents(latents, &slots, &times, noise)
    }

    /// The beginnings of held-out clips, evenly spread.
    fn held_out_windows(&self, count: usize) -> Result<Array5<u8>, DataError> {
        let clips = self.held_out.clips();
        let count = count.min(clips).max(1);
        let windows: Vec<_> = (0..count)
            .map(|index| WindowStart::new(index * clips / count, 0))
            .collect();
        self.held_out.windows(&windows, self.config.window)
    }

    /// Held-out frames and their reconstructions, `[count, height, width, rgb]` each.
    fn reconstruct(
        &self,
        model: &SlotDiffusion,
        clips: usize,
        device: &Device,
    ) -> Result<[Array4<u8>; 2], DataError> {
        let mut noise = SeededRng::new(0, &["validate"]);
        let (frames, slots) =
            Self::encode(model, &self.held_out_windows(clips)?, &mut noise, device);
        let drawn = model
            .decoder
            .render(&slots, &noise, &self.config.sampler, None);
        Ok([frames, drawn].map(clip_from_frames))
    }
}

impl Objective for SlotDiffusionObjective<'_> {
    type Model = SlotDiffusion;
    type Batch = Array5<u8>;

    fn init(&self, init: &mut Init) -> SlotDiffusion {
        let vqvae = self.vqvae.clone().fork(init.device());
        let mut encoder = self.encoder.init(init);
        if let Some(vit) = &self.vit {
            encoder.stem = Stem::Vit(vit.clone().fork(init.device()).no_grad());
        }
        SlotDiffusion {
            encoder,
            decoder: self.decoder.with_vae(vqvae, init),
        }
    }

    fn samples(&self) -> usize {
        self.config.batch
    }

    fn batch(&self, noise: &mut SeededRng) -> Result<Array5<u8>, TrainError> {
        let SlotDiffusionObjectiveConfig { batch, window, .. } = self.config;
        let windows = self.train.draw_windows(batch, window, noise);
        Ok(self.train.windows(&windows, window)?)
    }

    fn losses(&self, model: &SlotDiffusion, batch: &Array5<u8>, step: &StepContext<'_>) -> Losses {
        let mut noise = step.noise("denoise");
        Losses::single("denoise", Self::loss(model, batch, &mut noise, step.device))
    }

    fn rate(&self, path: &str) -> f64 {
        if path.starts_with("decoder.") {
            self.config.decoder_rate
        } else {
            1.0
        }
    }

    fn validate(&self, model: &SlotDiffusion, device: &Device) -> Result<Figures, TrainError> {
        let mut noise = SeededRng::new(1, &["validate"]);
        let denoise = Self::loss(model, &self.held_out_windows(24)?, &mut noise, device);
        let [truth, drawn] = self.reconstruct(model, 8, device)?;
        let squared = squared_error(&truth, &drawn);
        Ok(vec![
            ("denoise", f64::from(floats(denoise)[0])),
            ("squared", squared),
            ("psnr", decibel(squared)),
        ])
    }

    fn sheet(&self, model: &SlotDiffusion, device: &Device) -> Result<Vec<Array4<u8>>, TrainError> {
        Ok(self.reconstruct(model, 8, device)?.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::decoder::unet::UNetConfig;
    use crate::models::decoder::vqvae::VqVaeConfig;
    use crate::models::encoder::{CnnConfig, SlotEncoderConfig, StemConfig, VitConfig};
    use crate::weights::collect_gradients;

    fn objective(
        clips: &ClipDataset,
        stem: StemConfig,
        vit: Option<Vit>,
    ) -> SlotDiffusionObjective<'_> {
        let vae = VqVaeConfig {
            channels: 4,
            multipliers: vec![1, 1],
            residual_blocks: 1,
            codes: 8,
            norm_groups: 2,
            ..VqVaeConfig::default()
        };
        SlotDiffusionObjective {
            encoder: EncoderInit::fresh(SlotEncoderConfig {
                resolution: [8, 8],
                slots: 2,
                dim: 4,
                slot_mlp: 8,
                stem,
                ..SlotEncoderConfig::default()
            }),
            vit,
            vqvae: vae.init(&mut Init::seeded(1, &Device::flex())),
            decoder: LatentDiffusionConfig {
                resolution: [8, 8],
                vae,
                unet: UNetConfig {
                    channels: 4,
                    multipliers: vec![1],
                    residual_blocks: 1,
                    attention_factors: vec![1],
                    head_width: 2,
                    norm_groups: 2,
                    context: 4,
                    ..UNetConfig::default()
                },
                ..LatentDiffusionConfig::default()
            },
            config: SlotDiffusionObjectiveConfig {
                batch: 2,
                window: 2,
                sampler: SamplerConfig {
                    steps: 2,
                    ..SamplerConfig::default()
                },
                ..SlotDiffusionObjectiveConfig::default()
            },
            train: clips,
            held_out: clips,
        }
    }

    #[test]
    fn encoder_and_decoder_learn_together_and_what_was_trained_before_stays() {
        let clips = ClipDataset::in_memory(
            Array5::from_shape_fn((2, 4, 8, 8, 3), |(clip, t, y, x, c)| {
                (90 * clip + 20 * t + 7 * y + 5 * x + c) as u8
            }),
            None,
        );
        let cnn = StemConfig::Cnn(CnnConfig {
            channels: vec![4],
            kernels: vec![3],
            strides: vec![1],
            norm_groups: None,
        });
        let config = VitConfig {
            resolution: [8, 8],
            patch: 4,
            dim: 4,
            layers: 1,
            heads: 2,
            ffn: 8,
            ..VitConfig::default()
        };
        let vit = Vit::new(&mut Init::seeded(3, &Device::flex()), &config);
        for (stem, vit) in [(cnn, None), (StemConfig::Vit(config), Some(vit))] {
            let frozen = vit.is_some();
            let objective = objective(&clips, stem, vit);
            let device = Device::flex().autodiff();
            let model = objective.init(&mut Init::seeded(2, &device));
            let step = StepContext::of_test(3, &device);
            let batch = objective.batch(&mut SeededRng::new(1, &[])).unwrap();
            let losses = objective.losses(&model, &batch, &step);
            let gradients = collect_gradients(&model, &losses.total.backward());
            let some = |start: &str| gradients.entries.keys().any(|key| key.starts_with(start));
            assert!(some("decoder.unet.") && some("encoder.attention.") && !some("decoder.vae."));
            assert_eq!(some("encoder.stem."), !frozen);
            assert!((objective.rate("decoder.unet.norm_out.weight") - 2.0).abs() < 1e-12);
            let flex = Device::flex();
            let figures = objective
                .validate(&objective.init(&mut Init::seeded(2, &flex)), &flex)
                .unwrap();
            assert!(figures.iter().all(|(_, value)| value.is_finite()));
        }
    }
}
