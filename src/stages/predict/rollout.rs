//! Observed slots → slots predicted by SlotFormer.

use ndarray::s;

use crate::artifacts::slots::SlotsOfClips;
use crate::artifacts::{Context, Input, Partial, RunError, Slots, Stage};
use crate::inference::rollout::rolled_out;
use crate::models::WeightsKind;
use crate::models::dynamics::SlotFormerConfig;
use crate::plan::video_predict::RolloutConfig;

use crate::stages::Loaded;

/// Rolls SlotFormer out behind the burn-in of every clip.
pub struct Rollout<'a> {
    /// `[rollout]` of the plan.
    pub config: &'a RolloutConfig,
    /// The model's file.
    pub weights: &'a Loaded,
    /// Slots of every frame.
    pub slots: &'a Slots,
}

impl Stage for Rollout<'_> {
    const NAME: &'static str = "rollout";
    const VERSION: u32 = 1;
    const IS_PER_CLIP: bool = true;
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
        let loaded = self.weights.model(
            WeightsKind::SlotFormer,
            &context.device,
            SlotFormerConfig::init,
        );
        let (config, dynamics) = loaded.map_err(RunError::weights)?;
        out.inherit(self.slots);
        out.expect(self.slots.clips().to_vec());
        out.each(context, |clip, _| {
            let encoded = self.slots.slots(clip)?;
            let (time, _, dim) = encoded.dim();
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
                let reason = format!("{time} frames leave nothing to predict after {burn_in} observed");
                return Err(RunError::Unfit { reason });
            }
            let history = encoded.slice(s![..burn_in, .., ..]);
            Ok(rolled_out(&dynamics, history, steps, &context.device)?.to_file())
        })
    }
}
