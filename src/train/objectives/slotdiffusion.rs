//! Slot encoder and diffusion decoder learn together (Wu et al. 2023, SlotDiffusion §3.2): the noise in a frame's
//! latents is to be predicted from its slots. A window of one frame is the model for images.
//! Reference: SlotDiffusion `video_based/models/savi_diffusion.py`, `img_based/models/sa_diffusion.py`.

use crate::train::error::TrainError;
use crate::train::interface::Figures;
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use ndarray::{Array4, Array5};
use serde::{Deserialize, Serialize};
use slotflow_datasets::DataError;

use crate::models::decoder::latent_decoder::LatentDecoder;
use crate::models::decoder::mixture::features::{FeatureMixture, FeatureMixtureSizes};
use crate::models::decoder::sampler::SamplerConfig;
use crate::models::encoder::stem::Stem;
use crate::models::encoder::{SlotEncoder, Vit};
use crate::rng::{Init, SeededRng};
use crate::tensor_conversion::{batch_from_clips, clip_from_frames, floats};
use crate::train::data::clip_dataset::{ClipDataset, WindowStart};
use crate::train::interface::{Losses, Objective, StepContext};
use crate::train::objectives::parts::decoder_init::DecoderInit;
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
    /// Weight of the squared error of the stem's features, reconstructed from the slots beside the frames, where the stem is
    /// a frozen vision transformer (Seitzer et al. 2023, DINOSAUR); zero = none.
    ///
    /// Differs: the paper has none.
    #[serde(skip_serializing_if = "is_zero")]
    pub feature_weight: f64,
    /// Sampler of the frames that validation decodes.
    pub sampler: SamplerConfig,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
/// Left out of recipes, so that trainings without it stay what they were.
fn is_zero(weight: &f64) -> bool {
    *weight == 0.0
}

impl Default for SlotDiffusionObjectiveConfig {
    fn default() -> Self {
        Self {
            batch: 32,
            window: 3,
            decoder_rate: 2.0,
            feature_weight: 0.0,
            sampler: SamplerConfig::default(),
        }
    }
}

/// An encoder and the decoder that it learns with.
#[derive(Module, Debug)]
pub struct SlotDiffusion<D: LatentDecoder> {
    /// Frames → slots.
    pub encoder: SlotEncoder,
    /// Slots → frames.
    pub decoder: D,
    /// Slots → features of the stem, where they are reconstructed too.
    pub features: Option<FeatureMixture>,
}

/// Slot encoder and diffusion decoder learn together.
#[derive(Debug)]
pub struct SlotDiffusionObjective<'a, I> {
    /// The encoder.
    pub encoder: EncoderInit,
    /// What stands in its stem, trained before, where that is a vision transformer.
    pub vit: Option<Vit>,
    /// The decoder.
    pub decoder: I,
    /// Settings of the batches and the loss.
    pub config: SlotDiffusionObjectiveConfig,
    /// What it is trained on.
    pub train: &'a ClipDataset,
    /// What it is validated on.
    pub held_out: &'a ClipDataset,
}

/// Width within the decoder of features; 2,048 in DINOSAUR, whose slots are four times as wide.
const FEATURE_HIDDEN: usize = 1024;

/// Frames and what an encoder makes of them.
struct EncodedWindows {
    /// `[batch · time, rgb, height, width]`
    frames: Tensor<4>,
    /// `[batch · time, slots, dim]`
    slots: Tensor<3>,
}

impl<I: DecoderInit> SlotDiffusionObjective<'_, I> {
    fn encode(
        model: &SlotDiffusion<I::Decoder>,
        windows: &Array5<u8>,
        noise: &mut SeededRng,
        device: &Device,
    ) -> EncodedWindows {
        let frames = batch_from_clips(windows.view(), device);
        let [clips, time, ..] = frames.dims();
        let shape = model.encoder.noise_shape(clips, time, true);
        let noise = shape.map(|shape| noise.normal(shape, device));
        let slots = model
            .encoder
            .encode(frames.clone(), None, noise.as_ref())
            .slots;
        EncodedWindows {
            frames: frames.flatten(0, 1),
            slots: slots.flatten(0, 1),
        }
    }

    /// Squared error of the stem's features as the slots reconstruct them.
    fn features(model: &SlotDiffusion<I::Decoder>, encoded: &EncodedWindows) -> Option<Tensor<1>> {
        let reconstructed = model.features.as_ref()?.forward(&encoded.slots);
        let seen = model
            .encoder
            .stem
            .valid()
            .forward(encoded.frames.clone().inner());
        let seen = seen.flatten::<3>(2, 3).swap_dims(1, 2);
        let seen = Tensor::from_data(seen.into_data(), &reconstructed.device());
        Some((reconstructed - seen).square().mean())
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
        model: &SlotDiffusion<I::Decoder>,
        clips: usize,
        device: &Device,
    ) -> Result<[Array4<u8>; 2], DataError> {
        let mut noise = SeededRng::new(0, &["validate"]);
        let windows = self.held_out_windows(clips)?;
        let encoded = Self::encode(model, &windows, &mut noise, device);
        let sampler = &self.config.sampler;
        let drawn = model.decoder.render(&encoded.slots, &noise, sampler, None);
        Ok([encoded.frames, drawn].map(clip_from_frames))
    }
}

impl<I: DecoderInit> Objective for SlotDiffusionObjective<'_, I> {
    type Model = SlotDiffusion<I::Decoder>;
    type Batch = Array5<u8>;

    fn init(&self, init: &mut Init) -> Self::Model {
        let mut encoder = self.encoder.init(init);
        if let Some(vit) = &self.vit {
            encoder.stem = Stem::Vit(vit.clone().fork(init.device()).no_grad());
        }
        let decoder = self.decoder.init(init);
        let config = &self.encoder.config;
        let features = (self.config.feature_weight > 0.0).then(|| {
            let sizes = FeatureMixtureSizes {
                dim: config.dim,
                hidden: FEATURE_HIDDEN,
                features: config.stem.channels(),
                patches: config.stem.grid(config.resolution).iter().product(),
            };
            FeatureMixture::new(init, sizes)
        });
        SlotDiffusion {
            encoder,
            decoder,
            features,
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

    fn losses(&self, model: &Self::Model, batch: &Array5<u8>, step: &StepContext<'_>) -> Losses {
        let mut noise = step.noise("denoise");
        let encoded = Self::encode(model, batch, &mut noise, step.device);
        let EncodedWindows { frames, slots } = &encoded;
        let dropped = self.decoder.condition_dropout();
        let denoise = model
            .decoder
            .loss_with_dropout(frames.clone(), slots, dropped, &mut noise);
        match Self::features(model, &encoded) {
            None => Losses::single("denoise", denoise),
            Some(features) => Losses::weighted(vec![
                ("denoise", 1.0, denoise),
                ("features", self.config.feature_weight, features),
            ]),
        }
    }

    fn rate(&self, path: &str) -> f64 {
        if path.starts_with("decoder.") {
            self.config.decoder_rate
        } else {
            1.0
        }
    }

    fn validate(&self, model: &Self::Model, device: &Device) -> Result<Figures, TrainError> {
        let mut noise = SeededRng::new(1, &["validate"]);
        let encoded = Self::encode(model, &self.held_out_windows(24)?, &mut noise, device);
        let EncodedWindows { frames, slots } = &encoded;
        let denoise = model.decoder.loss(frames.clone(), slots, &mut noise);
        let [truth, drawn] = self.reconstruct(model, 8, device)?;
        let squared = squared_error(&truth, &drawn);
        let mut figures = vec![
            ("denoise", f64::from(floats(denoise)[0])),
            ("squared", squared),
            ("psnr", decibel(squared)),
        ];
        if let Some(features) = Self::features(model, &encoded) {
            figures.push(("features", f64::from(floats(features)[0])));
        }
        Ok(figures)
    }

    fn sheet(&self, model: &Self::Model, device: &Device) -> Result<Vec<Array4<u8>>, TrainError> {
        Ok(self.reconstruct(model, 8, device)?.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::decoder::latent_diffusion::LatentDiffusionConfig;
    use crate::models::decoder::stable_diffusion::slots_as_text::SlotStableDiffusionConfig;
    use crate::models::decoder::unet::{TrainedPart, UNetConfig};
    use crate::models::decoder::vqvae::VqVaeConfig;
    use crate::models::encoder::{CnnConfig, SlotEncoderConfig, StemConfig, VitConfig};
    use crate::train::objectives::parts::decoder_init::{
        AroundStableDiffusion, AroundVqVae, Pretrained,
    };
    use crate::weights::collect_gradients;

    fn around_vqvae() -> AroundVqVae {
        let vae = VqVaeConfig {
            channels: 4,
            multipliers: vec![1, 1],
            residual_blocks: 1,
            codes: 8,
            norm_groups: 2,
            ..VqVaeConfig::default()
        };
        AroundVqVae {
            vqvae: vae.init(&mut Init::seeded(1, &Device::flex())),
            config: LatentDiffusionConfig {
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
        }
    }

    fn objective<I: DecoderInit>(
        clips: &ClipDataset,
        decoder: I,
        (stem, vit): (StemConfig, Option<Vit>),
    ) -> SlotDiffusionObjective<'_, I> {
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
            decoder,
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

    fn clips() -> ClipDataset {
        ClipDataset::in_memory(
            Array5::from_shape_fn((2, 4, 8, 8, 3), |(clip, t, y, x, c)| {
                (90 * clip + 20 * t + 7 * y + 5 * x + c) as u8
            }),
            None,
        )
    }

    /// A stem of a frozen vision transformer.
    fn frozen() -> (StemConfig, Option<Vit>) {
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
        (StemConfig::Vit(config), Some(vit))
    }

    /// Paths of the parameters with gradients after one step.
    fn learning<I: DecoderInit>(objective: &SlotDiffusionObjective<'_, I>) -> Vec<String> {
        let device = Device::flex().autodiff();
        let model = objective.init(&mut Init::seeded(2, &device));
        let step = StepContext::of_test(3, &device);
        let batch = objective.batch(&mut SeededRng::new(1, &[])).unwrap();
        let losses = objective.losses(&model, &batch, &step);
        let gradients = collect_gradients(&model, &losses.total.backward());
        let flex = Device::flex();
        let blank = objective.init(&mut Init::seeded(2, &flex));
        let figures = objective.validate(&blank, &flex).unwrap();
        assert!(figures.iter().all(|(_, value)| value.is_finite()));
        gradients.entries.into_keys().collect()
    }

    #[test]
    fn encoder_and_decoder_learn_together_and_what_was_trained_before_stays() {
        let clips = clips();
        let cnn = StemConfig::Cnn(CnnConfig {
            channels: vec![4],
            kernels: vec![3],
            strides: vec![1],
            norm_groups: None,
        });
        for stem in [(cnn, None), frozen()] {
            let frozen = stem.1.is_some();
            let objective = objective(&clips, around_vqvae(), stem);
            let found = learning(&objective);
            let some = |start: &str| found.iter().any(|key| key.starts_with(start));
            assert!(some("decoder.unet.") && some("encoder.attention.") && !some("decoder.vae."));
            assert_eq!(some("encoder.stem."), !frozen);
            assert!((objective.rate("decoder.unet.norm_out.weight") - 2.0).abs() < 1e-12);
        }
    }

    #[test]
    fn slots_learn_what_the_frozen_features_are() {
        let clips = clips();
        let mut objective = objective(&clips, around_vqvae(), frozen());
        objective.config.feature_weight = 0.5;
        let found = learning(&objective);
        assert!(
            found
                .iter()
                .any(|path| path.starts_with("features.layers.3."))
        );
        let device = Device::flex().autodiff();
        let model = objective.init(&mut Init::seeded(2, &device));
        let batch = objective.batch(&mut SeededRng::new(1, &[])).unwrap();
        let losses = objective.losses(&model, &batch, &StepContext::of_test(3, &device));
        let parts: Vec<f32> = losses
            .parts
            .iter()
            .map(|part| floats(part.1.clone())[0])
            .collect();
        let expected = parts[0] + 0.5 * parts[1];
        assert_eq!(losses.parts[1].0, "features");
        assert!((floats(losses.total)[0] - expected).abs() < 1e-5);
    }

    #[test]
    fn stable_diffusion_stays_as_it_is_while_slots_learn_to_be_its_text() {
        let clips = clips();
        let mut model = crate::models::decoder::stable_diffusion::tests::tiny();
        model.resolution = [8, 8];
        let pretrained = model.init(&mut Init::seeded(1, &Device::flex()));
        let decoder = AroundStableDiffusion {
            config: SlotStableDiffusionConfig {
                dim: 4,
                registers: 1,
                null_token: true,
                model,
            },
            pretrained: Pretrained::Whole(Box::new(pretrained)),
            learns: TrainedPart::KeysValues,
            condition_dropout: 0.5,
        };
        let found = learning(&objective(&clips, decoder, frozen()));
        assert!(
            found
                .iter()
                .any(|path| path.starts_with("encoder.attention."))
        );
        let of_decoder = found
            .iter()
            .filter(|path| path.starts_with("decoder.model."));
        let mut read = of_decoder.filter(|path| !path.contains(".attn2.to_"));
        assert_eq!(read.next(), None);
        assert!(found.contains(&"decoder.text.null".to_owned()));
    }
}
