//! The network behind `fvd-motion`, on events.

use std::path::PathBuf;

use super::run::TrainingRun;
use crate::models::WeightsKind;
use crate::plan::training::objectives::MotionPlan;
use crate::train::TrainError;
use crate::train::data::source::Splits;
use crate::train::objectives::motion::{EventClips, MotionObjective};

impl TrainingRun<'_> {
    pub(super) fn motion(&self, plan: &MotionPlan) -> Result<Vec<PathBuf>, TrainError> {
        let (source, clips) = (self.source(), self.clips()?);
        let events = Splits::read(|split| -> Result<EventClips, TrainError> {
            let clips = clips.of(split).clone();
            let labels = source.event_labels(split, clips.numbers())?;
            Ok(EventClips { clips, labels })
        })?;
        let objective = MotionObjective {
            model: plan.model.clone(),
            config: plan.objective.clone(),
            train: events.train,
            held_out: events.held_out,
        };
        let result = self.fit(&objective)?;
        let facts = result.facts();
        let file = self.write(WeightsKind::Motion, &plan.model, &result.model, facts)?;
        Ok(vec![file])
    }
}
