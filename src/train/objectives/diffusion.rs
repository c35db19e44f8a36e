//! A latent-diffusion decoder learns to reconstruct frames from slots (Wu et al. 2023, SlotDiffusion §3.2).
//!
//! Slots and auto-encoder were trained before and stay as they are, so both are computed once.
//! Differs: the paper trains the encoder with it; slots of a short training separate objects better without.

use crate::train::error::TrainError;
use crate::train::interface::Figures;
use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array2, Array3, Array4, Axis, s};
use serde::{Deserialize, Serialize};
use slotflow_datasets::DataError;

use crate::models::decoder::latent_decoder::{LatentDecoder, draw_dropped};
use crate::models::decoder::latent_diffusion::LatentStats;
use crate::models::decoder::sampler::SamplerConfig;
use crate::models::decoder::vqvae::VqVae;
use crate::rng::{Init, SeededRng};
use crate::tensor_conversion::{clip_from_frames, floats, frames_from_clip};
use crate::train::data::array_store::StoredArray;
use crate::train::data::clip_dataset::{ClipDataset, WindowStart};
use crate::train::interface::{Losses, Objective, StepContext};
use crate::train::objectives::parts::decoder_init::DecoderInit;
use crate::train::objectives::parts::figures::{decibel, squared_error};
use crate::train::objectives::parts::slot_dropout::{Reduced, SlotDropout};

/// `[diffusion]` of a training plan, beside the model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct DiffusionObjectiveConfig {
    /// Frames a step.
    pub batch: usize,
    /// Sampler of the frames that validation decodes.
    pub sampler: SamplerConfig,
    /// Share of the steps, 0..1, whose frames go without one to three of their slots: the decoder learns to leave the
    /// empty scene where a slot is missing.
    ///
    /// Differs: the paper has none; without it a removed object comes back.
    #[serde(skip_serializing_if = "is_none")]
    pub slot_dropout: f64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
/// Left out of recipes, so that trainings without it stay what they were.
fn is_none(share: &f64) -> bool {
    *share == 0.0
}

impl Default for DiffusionObjectiveConfig {
    fn default() -> Self {
        Self {
            batch: 32,
            sampler: SamplerConfig::default(),
            slot_dropout: 0.0,
        }
    }
}

/// Slots of clips, the latents of their frames, and the frames.
#[derive(Debug)]
pub struct DiffusionFrames<'a> {
    /// `[clips, time, slots, dim]`
    pub slots: StoredArray,
    /// Latents as the network knows them, `[clips, time, 1, channels · height · width]`.
    pub latents: StoredArray,
    /// The frames.
    pub clips: &'a ClipDataset,
    /// Frames without some of their slots, where the objective asks for them.
    pub dropout: Option<SlotDropout<'a>>,
}

impl DiffusionFrames<'_> {
    fn gather(&self, frames: &[usize]) -> DiffusionBatch {
        let (all, known) = (self.slots.view(), self.latents.view());
        let (_, time, slots, dim) = all.dim();
        let mut context = Array3::zeros((frames.len(), slots, dim));
        let mut latents = Array2::zeros((frames.len(), known.dim().3));
        for (row, &frame) in frames.iter().enumerate() {
            context.index_axis_mut(Axis(0), row).assign(&all.slice(s![
                frame / time,
                frame % time,
                ..,
                ..
            ]));
            let latent = known.slice(s![frame / time, frame % time, 0, ..]);
            latents.row_mut(row).assign(&latent);
        }
        DiffusionBatch {
            slots: context,
            latents,
            times: Vec::new(),
            noise: Vec::new(),
            dropped: Vec::new(),
        }
    }

    fn frames(&self) -> usize {
        let (clips, time, ..) = self.latents.dim();
        clips * time
    }
}

/// Slots, latents, and how they are made noisy.
#[derive(Debug)]
pub struct DiffusionBatch {
    slots: Array3<f32>,
    latents: Array2<f32>,
    times: Vec<usize>,
    noise: Vec<f32>,
    /// Frames all of whose slots are dropped.
    dropped: Vec<bool>,
}

/// A latent-diffusion decoder learns to reconstruct frames from slots.
#[derive(Debug)]
pub struct DiffusionObjective<'a, I: DecoderInit> {
    /// The decoder.
    pub decoder: I,
    /// What turns frames into latents: the decoder with a U-Net that says nothing. On the device of inference.
    pub latent_encoder: I::Decoder,
    /// Settings of the batches and the loss.
    pub config: DiffusionObjectiveConfig,
    /// What it is trained on.
    pub train: DiffusionFrames<'a>,
    /// What it is validated on.
    pub held_out: DiffusionFrames<'a>,
}

impl<I: DecoderInit> DiffusionObjective<'_, I> {
    fn draw(
        &self,
        from: &DiffusionFrames<'_>,
        frames: &[usize],
        noise: &mut SeededRng,
    ) -> DiffusionBatch {
        let mut drawn = from.gather(frames);
        (drawn.times, drawn.noise) = self.latent_encoder.draw(frames.len(), noise);
        drawn
    }

    fn loss(&self, model: &I::Decoder, drawn: &DiffusionBatch, device: &Device) -> Tensor<1> {
        let [channels, height, width] = self.latent_encoder.latent_shape();
        let shape = [drawn.times.len(), channels, height, width];
        let latents = TensorData::new(drawn.latents.iter().copied().collect(), shape);
        let latents = Tensor::from_data(latents, device);
        let noise = Tensor::from_data(TensorData::new(drawn.noise.clone(), shape), device);
        let slots = slots_tensor(&drawn.slots, device);
        let tokens = model.tokens_in_training(&slots, &drawn.dropped);
        model.loss_of_tokens(latents, &tokens, &drawn.times, noise)
    }

    /// Frames of `from` that went without some of their slots, made noisy as [`DiffusionObjective::draw`] does.
    fn draw_reduced(
        &self,
        from: &DiffusionFrames<'_>,
        frames: &[usize],
        reduced: Reduced,
        noise: &mut SeededRng,
    ) -> DiffusionBatch {
        let mut drawn = self.draw(from, frames, noise);
        for (to, from) in drawn.latents.iter_mut().zip(self.latents(&reduced.frames)) {
            *to = from;
        }
        drawn.slots = reduced.slots;
        drawn
    }

    /// Latents of frames as the network knows them.
    fn latents(&self, frames: &Array4<u8>) -> Vec<f32> {
        let device = self
            .latent_encoder
            .devices()
            .into_iter()
            .next()
            .unwrap_or_default();
        floats(
            self.latent_encoder
                .encode(frames_from_clip(frames.view(), &device)),
        )
    }

    /// Held-out frames, evenly spread.
    fn sample(&self, count: usize) -> Vec<usize> {
        let all = self.held_out.frames();
        let count = count.min(all).max(1);
        (0..count).map(|index| index * all / count).collect()
    }

    /// Held-out frames with their largest object painted over, and what the decoder renders without its slot,
    /// `[count, height, width, rgb]` each; `None` where it does not learn that.
    fn without_an_object(
        &self,
        model: &I::Decoder,
        count: usize,
        device: &Device,
    ) -> Result<Option<[Array4<u8>; 2]>, DataError> {
        let Some(dropout) = &self.held_out.dropout else {
            return Ok(None);
        };
        let slots = self.held_out.slots.view();
        let reduced = dropout.without_largest_object(&self.sample(count), slots)?;
        let rendered = self.rendered(model, &reduced.slots, device);
        Ok(Some([reduced.frames, rendered]))
    }

    /// What the decoder renders from slots as validation samples it, `[count, height, width, rgb]`.
    fn rendered(&self, model: &I::Decoder, slots: &Array3<f32>, device: &Device) -> Array4<u8> {
        let noise = SeededRng::new(0, &["validate"]);
        let slots = slots_tensor(slots, device);
        clip_from_frames(model.render(&slots, &noise, &self.config.sampler, None))
    }

    /// Frames of `from`, and what the decoder reconstructs from their slots, `[count, height, width, rgb]` each.
    fn render(
        &self,
        model: &I::Decoder,
        from: &DiffusionFrames<'_>,
        frames: &[usize],
        device: &Device,
    ) -> Result<(Array4<u8>, Array4<u8>), DataError> {
        let drawn = from.gather(frames);
        let time = from.clips.time();
        let starts: Vec<WindowStart> = frames
            .iter()
            .map(|frame| WindowStart::new(frame / time, frame % time))
            .collect();
        let rendered = self.rendered(model, &drawn.slots, device);
        Ok((from.clips.single(&starts)?, rendered))
    }

    /// PSNR of training clips decoded from their own slots, dB: what 99 % of them reach, and what 1 % do.
    ///
    /// Measured on a few frames of up to 96 clips; a clip that falls below the first is unlike the training's.
    ///
    /// # Errors
    /// When frames cannot be read.
    pub fn reconstruction_range(
        &self,
        model: &I::Decoder,
        device: &Device,
    ) -> Result<[f64; 2], DataError> {
        let (clips, time) = (self.train.clips.clips().min(96), self.train.clips.time());
        let mut reached = Vec::with_capacity(clips);
        for clip in 0..clips {
            let frames: Vec<usize> = (0..4).map(|part| clip * time + part * time / 4).collect();
            let (truth, guess) = self.render(model, &self.train, &frames, device)?;
            reached.push(decibel(squared_error(&truth, &guess)));
        }
        reached.sort_by(f64::total_cmp);
        let at = |share: f64| reached[((clips.max(1) - 1) as f64 * share).round() as usize];
        Ok([at(0.01), at(0.99)])
    }
}

/// Mean and deviation of the latents of frames drawn at random.
///
/// # Errors
/// When frames cannot be read.
pub fn latent_stats(
    vqvae: &VqVae,
    clips: &ClipDataset,
    seed: u64,
    device: &Device,
) -> Result<LatentStats, DataError> {
    let mut noise = SeededRng::new(seed, &["latents"]);
    let frames = clips.single(&clips.draw_windows(256, 1, &mut noise))?;
    let latents = vqvae.encode(frames_from_clip(frames.view(), device));
    Ok(LatentStats::measure(&latents))
}

/// `[batch, slots, dim]` on a device.
fn slots_tensor(slots: &Array3<f32>, device: &Device) -> Tensor<3> {
    let (batch, count, dim) = slots.dim();
    Tensor::from_data(
        TensorData::new(slots.iter().copied().collect(), [batch, count, dim]),
        device,
    )
}

impl<I: DecoderInit> Objective for DiffusionObjective<'_, I> {
    type Model = I::Decoder;
    type Batch = DiffusionBatch;

    fn init(&self, init: &mut Init) -> I::Decoder {
        self.decoder.init(init)
    }

    fn samples(&self) -> usize {
        self.config.batch
    }

    fn batch(&self, noise: &mut SeededRng) -> Result<DiffusionBatch, TrainError> {
        let frames: Vec<usize> = (0..self.config.batch)
            .map(|_| noise.below(self.train.frames()))
            .collect();
        let share = self.config.slot_dropout;
        let dropout = self.train.dropout.as_ref();
        let dropout = dropout.filter(|_| share > 0.0 && f64::from(noise.uniform()) < share);
        let mut drawn = match dropout {
            None => self.draw(&self.train, &frames, noise),
            Some(dropout) => {
                let slots = self.train.slots.view();
                let count = SlotDropout::draw_count(slots.dim().2, noise);
                let reduced = dropout.draw(&frames, slots, count, noise)?;
                self.draw_reduced(&self.train, &frames, reduced, noise)
            }
        };
        drawn.dropped = draw_dropped(frames.len(), self.decoder.condition_dropout(), noise);
        Ok(drawn)
    }

    fn losses(&self, model: &I::Decoder, batch: &DiffusionBatch, step: &StepContext<'_>) -> Losses {
        Losses::single("denoise", self.loss(model, batch, step.device))
    }

    fn validate(&self, model: &I::Decoder, device: &Device) -> Result<Figures, TrainError> {
        let drawn = self.draw(
            &self.held_out,
            &self.sample(128),
            &mut SeededRng::new(1, &["validate"]),
        );
        let denoise = f64::from(floats(self.loss(model, &drawn, device))[0]);
        let (truth, guess) = self.render(model, &self.held_out, &self.sample(24), device)?;
        let squared = squared_error(&truth, &guess);
        let mut figures = vec![
            ("denoise", denoise),
            ("squared", squared),
            ("psnr", decibel(squared)),
        ];
        if let Some([truth, guess]) = self.without_an_object(model, 24, device)? {
            figures.push((
                "psnr-without-an-object",
                decibel(squared_error(&truth, &guess)),
            ));
        }
        Ok(figures)
    }

    fn sheet(&self, model: &I::Decoder, device: &Device) -> Result<Vec<Array4<u8>>, TrainError> {
        let (truth, guess) = self.render(model, &self.held_out, &self.sample(12), device)?;
        let mut rows = vec![truth, guess];
        if let Some([truth, guess]) = self.without_an_object(model, 12, device)? {
            rows.extend([truth, guess]);
        }
        Ok(rows)
    }
}
