//! Frames → slots and attention masks.

use ndarray::{Array4, Axis, Ix4};
use slotflow_datasets::ClipId;

use crate::artifacts::progress::Progress;
use crate::artifacts::slots::{ATTENTION, ClipSlots, SlotsOfClips};
use crate::artifacts::{ClipFile, Context, Input, Partial, RunError, Stage};
use crate::inference::encode::ClipEncoder;
use crate::models::WeightsKind;
use crate::models::encoder::{SlotEncoder, SlotEncoderConfig};
use crate::plan::video_predict::EncodeConfig;
use crate::rng::SeededRng;

use crate::stages::Loaded;
use crate::stages::perceive::decode::Clips;
use crate::stages::perceive::encode_regions::EncodeRegions;
use crate::weights::WeightsError;

/// Encodes every frame of every clip as slots.
pub struct Encode<'a> {
    /// `[encode]` of the plan.
    pub config: &'a EncodeConfig,
    /// The encoder's file.
    pub weights: &'a Loaded,
    /// The clips.
    pub clips: &'a Clips,
}

impl Stage for Encode<'_> {
    const NAME: &'static str = "encode";
    const VERSION: u32 = 1;
    const IS_PER_CLIP: bool = true;
    type Config = EncodeConfig;
    type Output = SlotsOfClips;

    fn config(&self) -> &EncodeConfig {
        self.config
    }

    fn inputs(&self) -> Vec<Input> {
        let mut inputs = vec![
            self.clips.as_input("clips"),
            Input::new("weights", &*self.weights.id),
        ];
        let masks = self.regions().and_then(|regions| regions.identity());
        inputs.extend(masks.map(|masks| Input::new("masks", masks)));
        inputs
    }

    fn is_random(&self) -> bool {
        true
    }

    fn run(&self, out: &mut Partial<SlotsOfClips>, context: &Context) -> Result<(), RunError> {
        if let Some(regions) = self.regions() {
            return regions.run(out, context);
        }
        let (config, encoder) = self.encoder(context)?;
        out.inherit(self.clips);
        out.expect(self.clips.clips().to_vec());
        out.each(context, |clip, progress| {
            let encoder = (&encoder, config.resolution);
            self.encode_clip(encoder, clip, context, progress)
        })
    }
}

/// Slots of a frame that an encoder gives, or pooling over regions.
///
/// # Errors
/// When the file holds no slot encoder, where one is asked for.
pub fn slot_count(config: &EncodeConfig, weights: &Loaded) -> Result<usize, WeightsError> {
    if let Some(regions) = &config.regions {
        return Ok(regions.count);
    }
    let encoder: SlotEncoderConfig = weights.config(WeightsKind::SlotEncoder)?;
    Ok(encoder.slots)
}

impl Encode<'_> {
    /// Share of every place that each slot of one clip gets, `[time, slots, height', width']`, computed whether or not the plan
    /// keeps it; `None` where slots are pooled over regions.
    ///
    /// # Errors
    /// When the clip or the weights cannot be read.
    pub fn attention(
        &self,
        clip: &ClipId,
        context: &Context,
    ) -> Result<Option<Array4<f32>>, RunError> {
        if self.config.regions.is_some() {
            return Ok(None);
        }
        let config = EncodeConfig {
            attention: true,
            ..self.config.clone()
        };
        let (encoder_config, encoder) = self.encoder(context)?;
        let stage = Encode {
            config: &config,
            ..*self
        };
        let encoder = (&encoder, encoder_config.resolution);
        let file = stage.encode_clip(encoder, clip, context, &Progress::silent())?;
        file.floats::<Ix4>(ATTENTION).map(Some)
    }

    fn encoder(&self, context: &Context) -> Result<(SlotEncoderConfig, SlotEncoder), RunError> {
        let loaded = self.weights.model(
            WeightsKind::SlotEncoder,
            &context.device,
            SlotEncoderConfig::init,
        );
        loaded.map_err(RunError::weights)
    }

    /// The same clips by pooling over regions, where the plan asks for it.
    fn regions(&self) -> Option<EncodeRegions<'_>> {
        Some(EncodeRegions {
            config: self.config.regions.as_ref()?,
            weights: self.weights,
            clips: self.clips,
            attention: self.config.attention,
        })
    }

    /// A clip's file: its slots and masks, and its attention where the plan keeps that.
    fn encode_clip(
        &self,
        (encoder, resolution): (&SlotEncoder, [usize; 2]),
        clip: &ClipId,
        context: &Context,
        progress: &Progress,
    ) -> Result<ClipFile, RunError> {
        let frames = self.clips.frames(clip)?;
        let (_, height, width, _) = frames.dim();
        if [height, width] != resolution {
            let [rows, columns] = resolution;
            let reason = format!(
                "frames of {height}×{width} for an encoder of {rows}×{columns}; set `decode.size`"
            );
            return Err(RunError::Unfit { reason });
        }
        let mut noise = SeededRng::new(context.seed, &["encode", clip.as_str()]);
        let encoder = ClipEncoder {
            encoder,
            device: &context.device,
            with_masks: true,
            with_attention: self.config.attention,
        };
        let encoded = encoder.encode(frames.view().insert_axis(Axis(0)), &mut noise, progress);
        let slots = encoded.slots.index_axis_move(Axis(0), 0);
        let masks = encoded.masks.unwrap_or_default();
        let masks = masks.index_axis_move(Axis(0), 0);
        let file = ClipSlots::all_observed(slots).to_file_with_masks(&masks);
        Ok(match encoded.attention {
            Some(attention) => file.with_floats(ATTENTION, &attention.index_axis_move(Axis(0), 0)),
            None => file,
        })
    }
}
