//! An autoregressive decoder learns to write the tokens of frames from slots (Singh et al. 2022: SLATE, STEVE).
//!
//! With an encoder of its own both learn together, as in the papers: a window of one frame is SLATE, a longer one
//! STEVE. With slots that were encoded before, the decoder learns alone.

use crate::train::error::TrainError;
use crate::train::interface::Figures;
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array4, Array5, ArrayView4, s};
use serde::{Deserialize, Serialize};
use slotflow_datasets::DataError;

use crate::models::decoder::autoregressive::{Autoregressive, AutoregressiveConfig};
use crate::models::decoder::dvae::Dvae;
use crate::models::encoder::SlotEncoder;
use crate::rng::{Init, SeededRng};
use crate::tensor_conversion::{batch_from_clips, clip_from_frames, floats};
use crate::train::data::array_store::StoredArray;
use crate::train::data::clip_dataset::{ClipDataset, WindowStart};
use crate::train::data::source::Splits;
use crate::train::interface::{Losses, Objective, StepContext};
use crate::train::objectives::parts::encoder_init::EncoderInit;
use crate::train::objectives::parts::figures::{decibel, squared_error};

/// `[steve.objective]` of a training plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct SteveObjectiveConfig {
    /// Windows a step.
    pub batch: usize,
    /// Frames of a window.
    pub window: usize,
    /// Learning rate of the decoder, as a multiple of the encoder's.
    pub decoder_rate: f64,
}

impl Default for SteveObjectiveConfig {
    fn default() -> Self {
        Self {
            batch: 8,
            window: 3,
            decoder_rate: 3.0,
        }
    }
}

/// Where slots come from.
#[derive(Debug)]
pub enum SlotsFrom {
    /// An encoder that learns with the decoder.
    Learned(Box<EncoderInit>),
    /// Slots of every frame of both splits, `[clips, time, slots, dim]`, encoded before.
    Precomputed(Splits<StoredArray>),
}

/// A decoder, and the encoder that learns with it.
#[derive(Module, Debug)]
pub struct Steve {
    /// Frames → slots, where they are not precomputed.
    pub encoder: Option<SlotEncoder>,
    /// Slots → tokens → frames.
    pub decoder: Autoregressive,
}

/// An autoregressive decoder learns to write the tokens of frames.
#[derive(Debug)]
pub struct SteveObjective<'a> {
    /// Where slots come from.
    pub slots: SlotsFrom,
    /// The decoder.
    pub model: AutoregressiveConfig,
    /// Its dVAE, trained before; on the device of inference.
    pub dvae: Dvae,
    /// Settings of the batches and the loss.
    pub config: SteveObjectiveConfig,
    /// What it is trained on.
    pub train: &'a ClipDataset,
    /// What it is validated on.
    pub held_out: &'a ClipDataset,
}

/// Windows of clips, and their slots where these are precomputed.
#[derive(Debug)]
pub struct SteveBatch {
    frames: Array5<u8>,
    slots: Option<Array4<f32>>,
}

impl SteveObjective<'_> {
    fn cut(
        dataset: &ClipDataset,
        slots: Option<ArrayView4<'_, f32>>,
        windows: &[WindowStart],
        window: usize,
    ) -> Result<SteveBatch, DataError> {
        let slots = slots.map(|all| {
            let (_, _, count, dim) = all.dim();
            let mut cut = Array4::zeros((windows.len(), window, count, dim));
            for (mut out, &WindowStart { clip, frame, .. }) in cut.outer_iter_mut().zip(windows) {
                out.assign(&all.slice(s![clip, frame..frame + window, .., ..]));
            }
            cut
        });
        Ok(SteveBatch {
            frames: dataset.windows(windows, window)?,
            slots,
        })
    }

    /// Frames `[batch · time, rgb, height, width]` and their slots `[batch · time, slots, dim]`.
    fn encode(
        model: &Steve,
        batch: &SteveBatch,
        noise: &mut SeededRng,
        device: &Device,
    ) -> (Tensor<4>, Tensor<3>) {
        let frames = batch_from_clips(batch.frames.view(), device);
        let [clips, time, ..] = frames.dims();
        let slots = match (&model.encoder, &batch.slots) {
            (Some(encoder), _) => {
                let shape = encoder.noise_shape(clips, time, true);
                let noise = shape.map(|shape| noise.normal(shape, device));
                encoder.encode(frames.clone(), None, noise.as_ref()).slots
            }
            (None, Some(slots)) => {
                let (clips, time, count, dim) = slots.dim();
                let values = slots.iter().copied().collect();
                Tensor::from_data(TensorData::new(values, [clips, time, count, dim]), device)
            }
            (None, None) => unreachable!("a batch has slots where no encoder makes them"),
        };
        (frames.flatten(0, 1), slots.flatten(0, 1))
    }

    /// The beginnings of held-out clips, evenly spread.
    fn held_out_windows(&self, count: usize) -> Result<SteveBatch, DataError> {
        let clips = self.held_out.clips();
        let count = count.min(clips).max(1);
        let windows: Vec<_> = (0..count)
            .map(|index| {
                let clip = index * clips / count;
                // Not the first frame alone: objects come in later.
                let last = self.held_out.time() - self.config.window;
                WindowStart::new(clip, last.min(index % (last + 1)))
            })
            .collect();
        let slots = match &self.slots {
            SlotsFrom::Precomputed(slots) => Some(slots.held_out.view()),
            SlotsFrom::Learned(_) => None,
        };
        Self::cut(self.held_out, slots, &windows, self.config.window)
    }

    /// Held-out frames and their reconstructions, `[count, height, width, rgb]` each.
    fn reconstruct(
        &self,
        model: &Steve,
        clips: usize,
        device: &Device,
    ) -> Result<[Array4<u8>; 2], DataError> {
        let mut noise = SeededRng::new(0, &["validate"]);
        let (frames, slots) =
            Self::encode(model, &self.held_out_windows(clips)?, &mut noise, device);
        Ok([frames, model.decoder.render(slots)].map(clip_from_frames))
    }
}

impl Objective for SteveObjective<'_> {
    type Model = Steve;
    type Batch = SteveBatch;

    fn init(&self, init: &mut Init) -> Steve {
        let dvae = self.dvae.clone().fork(init.device());
        Steve {
            encoder: match &self.slots {
                SlotsFrom::Learned(encoder) => Some(encoder.init(init)),
                SlotsFrom::Precomputed(_) => None,
            },
            decoder: self.model.with_dvae(dvae, init),
        }
    }

    fn samples(&self) -> usize {
        self.config.batch
    }

    fn batch(&self, noise: &mut SeededRng) -> Result<SteveBatch, TrainError> {
        let SteveObjectiveConfig { batch, window, .. } = self.config;
        let windows = self.train.draw_windows(batch, window, noise);
        let slots = match &self.slots {
            SlotsFrom::Precomputed(slots) => Some(slots.train.view()),
            SlotsFrom::Learned(_) => None,
        };
        Ok(Self::cut(self.train, slots, &windows, window)?)
    }

    fn losses(&self, model: &Steve, batch: &SteveBatch, step: &StepContext<'_>) -> Losses {
        let (frames, slots) = Self::encode(model, batch, &mut step.noise("slots"), step.device);
        Losses::single("tokens", model.decoder.loss(frames, slots))
    }

    fn rate(&self, path: &str) -> f64 {
        if path.starts_with("decoder.") && matches!(self.slots, SlotsFrom::Learned(_)) {
            self.config.decoder_rate
        } else {
            1.0
        }
    }

    fn validate(&self, model: &Steve, device: &Device) -> Result<Figures, TrainError> {
        let mut noise = SeededRng::new(0, &["validate"]);
        let (frames, slots) = Self::encode(model, &self.held_out_windows(48)?, &mut noise, device);
        let tokens = f64::from(floats(model.decoder.loss(frames, slots))[0]);
        let [truth, drawn] = self.reconstruct(model, 12, device)?;
        let squared = squared_error(&truth, &drawn);
        Ok(vec![
            ("tokens", tokens),
            ("squared", squared),
            ("psnr", decibel(squared)),
        ])
    }

    fn sheet(&self, model: &Steve, device: &Device) -> Result<Vec<Array4<u8>>, TrainError> {
        Ok(self.reconstruct(model, 10, device)?.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::decoder::dvae::DvaeConfig;
    use crate::models::encoder::{CnnConfig, SlotEncoderConfig, StemConfig};

    fn tiny_clips() -> ClipDataset {
        ClipDataset::in_memory(
            Array5::from_shape_fn((2, 4, 8, 8, 3), |(clip, t, y, x, c)| {
                (90 * clip + 20 * t + 7 * y + 5 * x + c) as u8
            }),
            None,
        )
    }

    fn objective(clips: &ClipDataset, slots: SlotsFrom) -> SteveObjective<'_> {
        let dvae = DvaeConfig {
            channels: 4,
            vocabulary: 6,
            ..DvaeConfig::default()
        };
        SteveObjective {
            slots,
            model: AutoregressiveConfig {
                dim: 4,
                width: 8,
                resolution: [8, 8],
                layers: 1,
                heads: 2,
                dropout: 0.1,
                dvae: dvae.clone(),
            },
            dvae: dvae.init(&mut Init::seeded(1, &Device::flex())),
            config: SteveObjectiveConfig {
                batch: 2,
                window: 2,
                ..SteveObjectiveConfig::default()
            },
            train: clips,
            held_out: clips,
        }
    }

    fn learned() -> SlotsFrom {
        SlotsFrom::Learned(Box::new(EncoderInit::fresh(SlotEncoderConfig {
            resolution: [8, 8],
            slots: 2,
            dim: 4,
            slot_mlp: 8,
            stem: StemConfig::Cnn(CnnConfig {
                channels: vec![4],
                kernels: vec![3],
                strides: vec![1],
                norm_groups: None,
            }),
            ..SlotEncoderConfig::default()
        })))
    }

    fn precomputed() -> SlotsFrom {
        let slots =
            Array4::from_shape_fn((2, 4, 2, 4), |(a, b, c, d)| (a + b * c + d) as f32 * 0.1);
        SlotsFrom::Precomputed(Splits {
            train: slots.clone().into(),
            held_out: slots.into(),
        })
    }

    #[test]
    fn encoder_and_decoder_learn_together_and_the_dvae_stays() {
        let clips = tiny_clips();
        for slots in [learned(), precomputed()] {
            let alone = matches!(slots, SlotsFrom::Precomputed(_));
            let objective = objective(&clips, slots);
            let device = Device::flex().autodiff();
            let model = objective.init(&mut Init::seeded(2, &device));
            let step = StepContext::of_test(3, &device);
            let batch = objective.batch(&mut SeededRng::new(1, &[])).unwrap();
            let losses = objective.losses(&model, &batch, &step);
            let gradients = crate::weights::collect_gradients(&model, &losses.total.backward());
            let some = |start: &str| gradients.entries.keys().any(|key| key.starts_with(start));
            assert!(some("decoder.tokens.") && !some("decoder.dvae."));
            assert_eq!(some("encoder."), !alone);
            let rate = if alone { 1.0 } else { 3.0 };
            assert!((objective.rate("decoder.tokens.norm.weight") - rate).abs() < 1e-12);
            let flex = Device::flex();
            let figures = objective
                .validate(&objective.init(&mut Init::seeded(2, &flex)), &flex)
                .unwrap();
            assert!(figures.iter().all(|(_, value)| value.is_finite()));
        }
    }
}
