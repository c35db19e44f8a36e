//! Slots → frames, by a slot decoder.

use burn::tensor::{Device, Tensor};
use ndarray::{Array4, Axis, concatenate, s};
use slotflow_datasets::ClipId;

use crate::artifacts::{ClipFile, ClipSlots, Context, Input, Partial, RunError, Slots, Stage};
use crate::inference::render::{CHUNK, ClipRenderer};
use crate::masks::enlarged;
use crate::models::decoder::SlotDecoder;
use crate::plan::video_predict::{RenderConfig, RenderStart};
use crate::tensor_conversion::{clip_from_frames, frames_from_clip};

use crate::stages::Loaded;
use crate::stages::perceive::decode::Clips;
use crate::stages::predict::frames::RenderedFrames;

/// Renders every encoded frame and every predicted one.
pub struct Render<'a> {
    /// `[render]` of the plan.
    pub config: &'a RenderConfig,
    /// The decoder's file.
    pub weights: &'a Loaded,
    /// The clips.
    pub clips: &'a Clips,
    /// Slots of every frame.
    pub encoded: &'a Slots,
    /// Slots of the observed frames and those rolled out behind them.
    pub rollout: &'a Slots,
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
            self.encoded.as_input("seen slots"),
            self.rollout.as_input("imagined slots"),
            Input::new("weights", &*self.weights.id),
        ]
    }

    fn is_random(&self) -> bool {
        true
    }

    fn run(&self, out: &mut Partial<RenderedFrames>, context: &Context) -> Result<(), RunError> {
        let loaded = self.weights.decoder(&context.device);
        let (config, decoder) = loaded.map_err(RunError::weights)?;
        out.inherit(self.rollout);
        out.expect(self.rollout.clips().to_vec());
        out.each(context, |clip| {
            let rollout = self.rollout.of_clip(clip)?;
            let dim = rollout.slots.dim().2;
            if dim != config.dim() {
                let reason = format!(
                    "slots are {dim} wide but the decoder expects {}: it was trained with another encoder",
                    config.dim()
                );
                return Err(RunError::Unfit { reason });
            }
            self.render_clip(&decoder, clip, &rollout, context)
        })
    }
}

impl Render<'_> {
    /// What sampling starts from, if not from noise: the last of the `observed` frames, `[1, rgb, height, width]`.
    fn start_frame(
        &self,
        truth: &Array4<u8>,
        observed: usize,
        device: &Device,
    ) -> Option<Tensor<4>> {
        let last = observed.checked_sub(1)?;
        let last = truth.slice(s![last..=last, .., .., ..]);
        (self.config.start == RenderStart::LastSeen).then(|| frames_from_clip(last, device))
    }

    fn render_clip(
        &self,
        decoder: &SlotDecoder,
        clip: &ClipId,
        rollout: &ClipSlots,
        context: &Context,
    ) -> Result<ClipFile, RunError> {
        let truth = self.clips.frames(clip)?;
        let encoded = self.encoded.slots(clip)?;
        let encoded_and_predicted = [encoded.view(), rollout.rolled_out()];
        let slots =
            concatenate(Axis(0), &encoded_and_predicted).map_err(|error| RunError::Internal {
                reason: error.to_string(),
            })?;
        let (_, height, width, _) = truth.dim();
        let renderer = ClipRenderer {
            decoder,
            sampler: &self.config.sampler,
            shared_noise: self.config.shared_noise,
            start_frame: self.start_frame(&truth, rollout.observed, &context.device),
            seed: context.seed,
            device: &context.device,
        };
        let rendered = renderer.render(clip.as_str(), slots.view())?;
        let rendered = enlarged(rendered.view(), [height, width]);
        let time = encoded.dim().0;
        let reconstruction = rendered.slice(s![..time, .., .., ..]).to_owned();
        let observed = rendered.slice(s![..rollout.observed, .., .., ..]);
        let prediction = concatenate(Axis(0), &[observed, rendered.slice(s![time.., .., .., ..])])
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

/// The frames through a decoder's own auto-encoder, where it has one: the best that it can render.
///
/// # Shape
/// `[time, height, width, rgb]`, before and after
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
