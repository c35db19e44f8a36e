//! Slots → frames.

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array4, Axis, concatenate, s};
use slotflow_datasets::ClipId;

use crate::artifacts::{ClipFile, ClipSlots, Context, Input, Partial, RunError, Slots, Stage};
use crate::masks::enlarged;
use crate::models::decoder::SlotDecoder;
use crate::plan::video_predict::{RenderConfig, RenderStart};
use crate::rng::SeededRng;
use crate::tensor_conversion::{clip_from_frames, frames_from_clip};

use crate::stages::Loaded;
use crate::stages::perceive::decode::Clips;
use crate::stages::predict::frames::RenderedFrames;

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
}

impl Stage for Render<'_> {
    const NAME: &'static str = "render";
    const VERSION: u32 = 1;
    type Config = RenderConfig;
    type Output = RenderedFrames;

    fn config(&self) -> &RenderConfig {
        self.config
    }

    fn inputs(&self) -> Vec<Input> {
        vec![
            self.clips.as_input("clips"),
            self.seen.as_input("seen slots"),
            self.imagined.as_input("imagined slots"),
            Input::new("weights", &*self.weights.id),
        ]
    }

    fn is_random(&self) -> bool {
        true
    }

    fn run(&self, out: &mut Partial<RenderedFrames>, context: &Context) -> Result<(), RunError> {
        let loaded = self.weights.decoder(&context.device);
        let (config, decoder) = loaded.map_err(RunError::weights)?;
        out.inherit(self.imagined);
        out.expect(self.imagined.clips().to_vec());
        out.each(context, |clip| {
            let imagined = self.imagined.of_clip(clip)?;
            let dim = imagined.slots.dim().2;
            if dim != config.dim() {
                let reason = format!(
                    "slots are {dim} wide but the decoder expects {}: it was trained with another encoder",
                    config.dim()
                );
                return Err(RunError::Unfit { reason });
            }
            self.draw(&decoder, clip, &imagined, context)
        })
    }
}

impl Render<'_> {
    /// What sampling starts from, if not from noise: the last of the `observed` frames, `[1, rgb, height, width]`.
    fn picture(&self, truth: &Array4<u8>, observed: usize, device: &Device) -> Option<Tensor<4>> {
        let last = observed.checked_sub(1)?;
        let last = truth.slice(s![last..=last, .., .., ..]);
        (self.config.start == RenderStart::LastSeen).then(|| frames_from_clip(last, device))
    }

    fn draw(
        &self,
        decoder: &SlotDecoder,
        clip: &ClipId,
        imagined: &ClipSlots,
        context: &Context,
    ) -> Result<ClipFile, RunError> {
        let truth = self.clips.frames(clip)?;
        let seen = self.seen.slots(clip)?;
        let seen_and_imagined = [seen.view(), imagined.rolled_out()];
        let slots =
            concatenate(Axis(0), &seen_and_imagined).map_err(|error| RunError::Internal {
                reason: error.to_string(),
            })?;
        let (_, height, width, _) = truth.dim();
        let picture = self.picture(&truth, imagined.observed, &context.device);
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
        let observed = drawn.slice(s![..imagined.observed, .., .., ..]);
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
