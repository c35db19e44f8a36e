//! Frames → slots and masks.

use ndarray::{Array3, Axis, s};
use slotflow_datasets::ClipId;

use crate::artifacts::slots::{ClipSlots, SlotsOfClips};
use crate::artifacts::{ClipFile, Context, Input, Partial, RunError, Stage};
use crate::masks::masks_from_attention;
use crate::models::encoder::{SlotEncoder, SlotEncoderConfig};
use crate::plan::video_predict::EncodeConfig;
use crate::rng::SeededRng;
use crate::tensor_conversion::{batch_from_clips, floats};

use crate::stages::Loaded;
use crate::stages::perceive::decode::Clips;

/// Frames that are perceived at once: bounds the memory, changes no number.
const CHUNK: usize = 48;

/// Perceives every frame of every clip as slots.
pub struct Encode<'a> {
    /// Which encoder.
    pub config: &'a EncodeConfig,
    /// The encoder's file.
    pub weights: &'a Loaded,
    /// What is perceived.
    pub clips: &'a Clips,
}

impl Stage for Encode<'_> {
    const NAME: &'static str = "encode";
    const VERSION: u32 = 1;
    type Config = EncodeConfig;
    type Output = SlotsOfClips;

    fn config(&self) -> &EncodeConfig {
        self.config
    }

    fn inputs(&self) -> Vec<Input> {
        vec![
            self.clips.as_input("clips"),
            Input::new("weights", &*self.weights.id),
        ]
    }

    fn is_random(&self) -> bool {
        true
    }

    fn run(&self, out: &mut Partial<SlotsOfClips>, context: &Context) -> Result<(), RunError> {
        let loaded = self
            .weights
            .model("slot-encoder", &context.device, SlotEncoderConfig::init);
        let (config, encoder) = loaded.map_err(RunError::weights)?;
        out.inherit(self.clips);
        out.expect(self.clips.clips().to_vec());
        out.each(context, |clip| {
            perceive(&encoder, &config, self.clips, clip, context)
        })
    }
}

fn perceive(
    encoder: &SlotEncoder,
    config: &SlotEncoderConfig,
    clips: &Clips,
    clip: &ClipId,
    context: &Context,
) -> Result<ClipFile, RunError> {
    let frames = clips.frames(clip)?;
    let (time, height, width, _) = frames.dim();
    if [height, width] != config.resolution {
        let [rows, columns] = config.resolution;
        let reason = format!(
            "frames of {height}×{width} for an encoder of {rows}×{columns}; set `decode.size`"
        );
        return Err(RunError::Unfit { reason });
    }
    let mut noise = SeededRng::new(context.seed, &["encode", clip.as_str()]);
    let (mut state, mut slots, mut masks) =
        (None, Vec::new(), Array3::zeros((time, height, width)));
    for first in (0..time).step_by(CHUNK) {
        let last = (first + CHUNK).min(time);
        let part = frames
            .slice(s![first..last, .., .., ..])
            .insert_axis(Axis(0));
        let shape = encoder.noise_shape(1, last - first, first == 0);
        let drawn = shape.map(|shape| noise.normal(shape, &context.device));
        let encoded = encoder.encode(
            batch_from_clips(part, &context.device),
            state,
            drawn.as_ref(),
        );
        state = Some(encoded.state);
        let found = masks_from_attention(encoded.attention, [height, width]);
        masks
            .slice_mut(s![first..last, .., ..])
            .assign(&found.index_axis(Axis(0), 0));
        slots.extend(floats(encoded.slots));
    }
    let slots =
        Array3::from_shape_vec((time, config.slots, config.dim), slots).map_err(|error| {
            RunError::Internal {
                reason: error.to_string(),
            }
        })?;
    if slots.iter().any(|value| !value.is_finite()) {
        return Err(RunError::Unfit {
            reason: "the slots are not numbers".to_owned(),
        });
    }
    Ok(ClipSlots::all_observed(slots).to_file_with_masks(&masks))
}
