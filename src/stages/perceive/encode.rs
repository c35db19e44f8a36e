//! Frames → slots and masks.

use ndarray::{Array3, Axis, Ix3};
use slotflow_datasets::ClipId;

use crate::artifacts::{Artifact, ClipFile, Context, Input, Partial, RunError, Stage};
use crate::inference::encode::ClipEncoder;
use crate::models::encoder::{SlotEncoder, SlotEncoderConfig};
use crate::plan::video_predict::EncodeConfig;
use crate::rng::SeededRng;

use crate::stages::Loaded;
use crate::stages::perceive::decode::Clips;

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

    fn config(&self) -> &EncodeConfig {
        self.config
    }

    fn inputs(&self) -> Vec<Input> {
        vec![
            Input::new("clips", &*self.clips.0.id.0),
            Input::new("weights", &*self.weights.id),
        ]
    }

    fn is_random(&self) -> bool {
        true
    }

    fn run(&self, out: &mut Partial, context: &Context) -> Result<(), RunError> {
        let loaded = self
            .weights
            .model("slot-encoder", &context.device, SlotEncoderConfig::init);
        let (config, encoder) = loaded.map_err(RunError::weights)?;
        out.inherit(&self.clips.0);
        out.expect(self.clips.0.clips().to_vec());
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
    let (_, height, width, _) = frames.dim();
    if [height, width] != config.resolution {
        let [rows, columns] = config.resolution;
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
    };
    let encoded = encoder.encode(frames.view().insert_axis(Axis(0)), &mut noise);
    let slots = encoded.slots.index_axis_move(Axis(0), 0);
    let masks = encoded.masks.unwrap_or_default();
    let masks = masks.index_axis_move(Axis(0), 0);
    if slots.iter().any(|value| !value.is_finite()) {
        return Err(RunError::Unfit {
            reason: "the slots are not numbers".to_owned(),
        });
    }
    Ok(ClipFile::default()
        .with_floats("slots", &slots)
        .with_bytes("masks", &masks))
}

/// Slots on disk, seen or imagined.
#[derive(Debug, Clone)]
pub struct Slots(pub Artifact);

impl Slots {
    /// A clip's slots, `[time, slots, dim]`.
    ///
    /// # Errors
    /// When the file is not there or not whole.
    pub fn slots(&self, clip: &ClipId) -> Result<Array3<f32>, RunError> {
        self.0.read(clip)?.floats::<Ix3>("slots")
    }

    /// The slot of every pixel, `[time, height, width]`; only of slots that were seen.
    ///
    /// # Errors
    /// When the file is not there or not whole.
    pub fn masks(&self, clip: &ClipId) -> Result<Array3<u8>, RunError> {
        self.0.read(clip)?.bytes::<Ix3>("masks")
    }
}
