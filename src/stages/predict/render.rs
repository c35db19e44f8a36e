//! Slots → frames.

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array4, Axis, Ix4, concatenate, s};
use slotflow_datasets::ClipId;

use crate::artifacts::{Artifact, ClipFile, Context, Input, Partial, RunError, Stage};
use crate::masks::enlarged;
use crate::models::decoder::SlotDecoder;
use crate::plan::video_predict::{RenderConfig, RenderStart};
use crate::rng::SeededRng;
use crate::tensor_conversion::{clip_from_frames, frames_from_clip};

use crate::stages::Loaded;
use crate::stages::perceive::decode::Clips;
use crate::stages::perceive::encode::Slots;

/// Frames that are drawn at once: bounds the memory, changes no number.
const CHUNK: usize = 48;

/// Draws what was seen and what was imagined.
pub struct Render<'a> {
    /// How.
    pub config: &'a RenderConfig,
    /// The decoder's file.
    pub weights: &'a Loaded,
    /// The clips that were seen.
    pub clips: &'a Clips,
    /// Slots of every frame that was seen.
    pub seen: &'a Slots,
    /// Slots of the burn-in and what was imagined after it.
    pub imagined: &'a Slots,
    /// Frames of the burn-in.
    pub burn_in: usize,
}

impl Stage for Render<'_> {
    const NAME: &'static str = "render";
    const VERSION: u32 = 1;
    type Config = RenderConfig;

    fn config(&self) -> &RenderConfig {
        self.config
    }

    fn inputs(&self) -> Vec<Input> {
        vec![
            Input::new("clips", &*self.clips.0.id.0),
            Input::new("seen slots", &*self.seen.0.id.0),
            Input::new("imagined slots", &*self.imagined.0.id.0),
            Input::new("weights", &*self.weights.id),
        ]
    }

    fn is_random(&self) -> bool {
        true
    }

    fn run(&self, out: &mut Partial, context: &Context) -> Result<(), RunError> {
        let loaded = self.weights.decoder(&context.device);
        let (config, decoder) = loaded.map_err(RunError::weights)?;
        out.inherit(&self.imagined.0);
        out.expect(self.imagined.0.clips().to_vec());
        out.each(context, |clip| {
            let dim = self.imagined.slots(clip)?.dim().2;
            if dim != config.dim() {
                let reason = format!(
                    "slots are {dim} wide but the decoder expects {}: it was trained with another encoder",
                    config.dim()
                );
                return Err(RunError::Unfit { reason });
            }
            self.draw(&decoder, clip, context)
        })
    }
}

impl Render<'_> {
    /// What sampling starts from, if not from noise.
    fn picture(&self, truth: &Array4<u8>, device: &Device) -> Option<Tensor<4>> {
        let last = self.burn_in.min(truth.dim().0).checked_sub(1)?;
        let last = truth.slice(s![last..=last, .., .., ..]);
        (self.config.start == RenderStart::LastSeen).then(|| frames_from_clip(last, device))
    }

    fn draw(
        &self,
        decoder: &SlotDecoder,
        clip: &ClipId,
        context: &Context,
    ) -> Result<ClipFile, RunError> {
        let truth = self.clips.frames(clip)?;
        let seen = self.seen.slots(clip)?;
        let imagined = self.imagined.slots(clip)?;
        let seen_and_imagined = [seen.view(), imagined.slice(s![self.burn_in.., .., ..])];
        let slots =
            concatenate(Axis(0), &seen_and_imagined).map_err(|error| RunError::Internal {
                reason: error.to_string(),
            })?;
        let (_, height, width, _) = truth.dim();
        let picture = self.picture(&truth, &context.device);
        let mut frames = Vec::new();
        for (index, part) in slots.axis_chunks_iter(Axis(0), CHUNK).enumerate() {
            let (count, number, dim) = part.dim();
            let data = TensorData::new(part.iter().copied().collect(), [count, number, dim]);
            let part = Tensor::<3>::from_data(data, &context.device);
            let sampler = &self.config.sampler;
            let drawn = if self.config.shared_noise || !decoder.is_random() {
                let noise = SeededRng::new(context.seed, &["render", clip.as_str()]);
                decoder
                    .render(&part, &noise, sampler, picture.clone())
                    .frames
            } else {
                let each = (0..count).map(|frame| {
                    let place = (index * CHUNK + frame).to_string();
                    let noise = SeededRng::new(context.seed, &["render", clip.as_str(), &place]);
                    let slots = part.clone().narrow(0, frame, 1);
                    decoder
                        .render(&slots, &noise, sampler, picture.clone())
                        .frames
                });
                Tensor::cat(each.collect(), 0)
            };
            frames.push(clip_from_frames(drawn));
        }
        let views: Vec<_> = frames.iter().map(|part| part.view()).collect();
        let drawn = concatenate(Axis(0), &views).map_err(|error| RunError::Internal {
            reason: error.to_string(),
        })?;
        let drawn = enlarged(drawn.view(), [height, width]);
        let time = seen.dim().0;
        let reconstruction = drawn.slice(s![..time, .., .., ..]).to_owned();
        let observed = drawn.slice(s![..self.burn_in.min(time), .., .., ..]);
        let prediction = concatenate(Axis(0), &[observed, drawn.slice(s![time.., .., .., ..])])
            .map_err(|error| RunError::Internal {
                reason: error.to_string(),
            })?;
        let file = ClipFile::default()
            .with_bytes("reconstruction", &reconstruction)
            .with_bytes("prediction", &prediction);
        Ok(match ceiling(decoder, &truth, &context.device) {
            Some(best) => file.with_bytes("ceiling", &best),
            None => file,
        })
    }
}

/// The best that a decoder with an auto-encoder inside can reach.
fn ceiling(decoder: &SlotDecoder, frames: &Array4<u8>, device: &Device) -> Option<Array4<u8>> {
    let mut out = Array4::zeros(frames.dim());
    for (part, mut out) in frames
        .axis_chunks_iter(Axis(0), CHUNK)
        .zip(out.axis_chunks_iter_mut(Axis(0), CHUNK))
    {
        let best = decoder.ceiling(frames_from_clip(part, device))?;
        out.assign(&clip_from_frames(best));
    }
    Some(out)
}

/// Drawn frames on disk.
#[derive(Debug, Clone)]
pub struct Frames(pub Artifact);

impl Frames {
    /// What was drawn from slots that were seen, `[time, height, width, rgb]`.
    ///
    /// # Errors
    /// When the file is not there or not whole.
    pub fn reconstruction(&self, clip: &ClipId) -> Result<Array4<u8>, RunError> {
        self.0.read(clip)?.bytes::<Ix4>("reconstruction")
    }

    /// The burn-in as it was reconstructed, then what was imagined, `[time, height, width, rgb]`.
    ///
    /// # Errors
    /// When the file is not there or not whole.
    pub fn prediction(&self, clip: &ClipId) -> Result<Array4<u8>, RunError> {
        self.0.read(clip)?.bytes::<Ix4>("prediction")
    }

    /// The best that the decoder could draw, where it has such a bound.
    ///
    /// # Errors
    /// When the file is not there or not whole.
    pub fn ceiling(&self, clip: &ClipId) -> Result<Option<Array4<u8>>, RunError> {
        let file = self.0.read(clip)?;
        if file.has("ceiling") {
            file.bytes::<Ix4>("ceiling").map(Some)
        } else {
            Ok(None)
        }
    }
}
