//! Slots seen → slots imagined.

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array3, ArrayView3, s};

use crate::artifacts::slots::SlotsOfClips;
use crate::artifacts::{ClipSlots, Context, Input, Partial, RunError, Slots, Stage};
use crate::models::dynamics::{SlotFormer, SlotFormerConfig};
use crate::models::slots::SlotSequence;
use crate::plan::video_predict::RolloutConfig;
use crate::tensor_conversion::floats;

use crate::stages::Loaded;

/// Imagines the frames after the burn-in of every clip.
pub struct Rollout<'a> {
    /// How far, and with which model.
    pub config: &'a RolloutConfig,
    /// The model's file.
    pub weights: &'a Loaded,
    /// What was seen.
    pub slots: &'a Slots,
}

impl Stage for Rollout<'_> {
    const NAME: &'static str = "rollout";
    const VERSION: u32 = 1;
    type Config = RolloutConfig;
    type Output = SlotsOfClips;

    fn config(&self) -> &RolloutConfig {
        self.config
    }

    fn inputs(&self) -> Vec<Input> {
        vec![
            self.slots.as_input("slots"),
            Input::new("weights", &*self.weights.id),
        ]
    }

    fn run(&self, out: &mut Partial<SlotsOfClips>, context: &Context) -> Result<(), RunError> {
        let loaded = self
            .weights
            .model("slotformer", &context.device, SlotFormerConfig::init);
        let (config, dynamics) = loaded.map_err(RunError::weights)?;
        out.inherit(self.slots);
        out.expect(self.slots.clips().to_vec());
        out.each(context, |clip| {
            let seen = self.slots.slots(clip)?;
            let (time, _, dim) = seen.dim();
            if dim != config.dim {
                let reason = format!(
                    "slots are {dim} wide but the rollout expects {}: it was trained with another encoder",
                    config.dim
                );
                return Err(RunError::Unfit { reason });
            }
            let burn_in = self.config.burn_in;
            let steps = self.config.steps.unwrap_or(time.saturating_sub(burn_in));
            if time < burn_in || steps == 0 {
                let reason = format!("{time} frames leave nothing to imagine after {burn_in} seen");
                return Err(RunError::Unfit { reason });
            }
            let history = seen.slice(s![..burn_in, .., ..]);
            Ok(rolled_out(&dynamics, history, steps, &context.device)?.to_file())
        })
    }
}

/// An observed history and the `steps` frames that are rolled out behind it.
///
/// # Shape
/// `[history, slots, dim]` → `[history + steps, slots, dim]`
///
/// # Errors
/// When the model predicts what is no number.
pub fn rolled_out(
    dynamics: &SlotFormer,
    history: ArrayView3<'_, f32>,
    steps: usize,
    device: &Device,
) -> Result<ClipSlots, RunError> {
    let (time, count, dim) = history.dim();
    let data = TensorData::new(history.iter().copied().collect(), [1, time, count, dim]);
    let history = SlotSequence::seen(Tensor::from_data(data, device));
    let sequence = dynamics.rollout(&history, steps);
    let observed = sequence.observed;
    let all = floats(sequence.slots);
    if all.iter().any(|value| !value.is_finite()) {
        return Err(RunError::Unfit {
            reason: "the imagined slots are not numbers".to_owned(),
        });
    }
    let slots = Array3::from_shape_vec((time + steps, count, dim), all);
    let slots = slots.map_err(|error| RunError::Internal {
        reason: error.to_string(),
    })?;
    Ok(ClipSlots { slots, observed })
}
