//! Slots → frames, by a slot decoder.

use burn::tensor::{Device, Tensor};
use ndarray::{Array4, Axis, concatenate, s};
use slotflow_datasets::ClipId;

use crate::artifacts::progress::Progress;
use crate::artifacts::{ClipFile, ClipSlots, Context, Input, Partial, RunError, Slots, Stage};
use crate::inference::frames_at_once;
use crate::inference::render::{ClipRenderer, RenderedClip};
use crate::masks::{enlarged, enlarged_masks};
use crate::models::WeightsKind;
use crate::models::decoder::SlotDecoder;
use crate::plan::video_predict::{RenderConfig, RenderStart};
use crate::tensor_conversion::{clip_from_frames, frames_from_clip};

use crate::stages::Loaded;
use crate::stages::perceive::decode::Clips;
use crate::stages::predict::frames::{PREDICTION_MASKS as MASKS, RenderedFrames};

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
    const IS_PER_CLIP: bool = true;
    type Config = RenderConfig;
    type Output = RenderedFrames;

    fn config(&self) -> &RenderConfig {
        self.config
    }

    fn inputs(&self) -> Vec<Input> {
        let mut inputs = vec![
            self.clips.as_input("clips"),
            self.encoded.as_input("seen slots"),
            self.rollout.as_input("imagined slots"),
            Input::new("weights", &*self.weights.id),
        ];
        // What decoders without masks rendered before masks were kept is still whole.
        if self.weights.header().model == WeightsKind::Mixture {
            inputs.push(Input::new("masks", "largest share of a pixel"));
        }
        inputs
    }

    fn is_random(&self) -> bool {
        true
    }

    fn run(&self, out: &mut Partial<RenderedFrames>, context: &Context) -> Result<(), RunError> {
        let loaded = self.weights.decoder(&context.device);
        let (config, decoder) = loaded.map_err(RunError::weights)?;
        out.inherit(self.rollout);
        out.expect(self.rollout.clips().to_vec());
        out.each(context, |clip, progress| {
            let rollout = self.rollout.of_clip(clip)?;
            let dim = rollout.slots.dim().2;
            if dim != config.dim() {
                let reason = format!(
                    "slots are {dim} wide but the decoder expects {}: it was trained with another encoder",
                    config.dim()
                );
                return Err(RunError::Unfit { reason });
            }
            self.render_clip((&decoder, clip), &rollout, context, progress)
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
        (decoder, clip): (&SlotDecoder, &ClipId),
        rollout: &ClipSlots,
        context: &Context,
        progress: &Progress,
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
        let RenderedClip { frames, masks } =
            renderer.render(clip.as_str(), slots.view(), progress)?;
        let frames = enlarged(frames.view(), [height, width]);
        let time = encoded.dim().0;
        let shown: Vec<usize> = (0..rollout.observed).chain(time..slots.dim().0).collect();
        let file = ClipFile::default()
            .with_bytes(
                "reconstruction",
                &frames.slice(s![..time, .., .., ..]).to_owned(),
            )
            .with_bytes("prediction", &frames.select(Axis(0), &shown));
        let file = match masks {
            Some(masks) => {
                let masks = masks.select(Axis(0), &shown);
                file.with_bytes(MASKS, &enlarged_masks(masks.view(), [height, width]))
            }
            None => file,
        };
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
    let at_once = frames_at_once(device);
    for (part, mut out) in frames
        .axis_chunks_iter(Axis(0), at_once)
        .zip(out.axis_chunks_iter_mut(Axis(0), at_once))
    {
        let best = decoder.ceiling(frames_from_clip(part, device))?;
        out.assign(&clip_from_frames(best));
    }
    Some(out)
}
