//! The network behind `fvd-motion`, and the generator's events that it learns from.

use std::path::PathBuf;

use ndarray::Array3;
use slotflow_datasets::Split;
use slotflow_datasets::synth::Event;

use super::Training;
use crate::plan::training::MotionPlan;
use crate::train::TrainError;
use crate::train::data::clip_dataset::ClipDataset;
use crate::train::objectives::motion::{Events, MotionObjective};

impl Training<'_> {
    pub(super) fn motion(&self, plan: &MotionPlan) -> Result<Vec<PathBuf>, TrainError> {
        let events = |split: Split| -> Result<Events, TrainError> {
            let footage = self.footage(split)?;
            let truth = self.event_steps(split, &footage)?;
            Ok(Events { footage, truth })
        };
        let (train, held_out) = (events(Split::Train)?, events(Split::Val)?);
        let objective = MotionObjective {
            model: plan.model.clone(),
            config: plan.objective.clone(),
            train,
            held_out,
        };
        let fitted = self.fit(&objective)?;
        Ok(vec![self.keep(
            "motion",
            &plan.model,
            &fitted.model,
            fitted.facts(),
        )?])
    }

    /// Which events fall between two sampled frames, `[clips, time − 1, events]`.
    pub(super) fn event_steps(
        &self,
        split: Split,
        footage: &ClipDataset,
    ) -> Result<Array3<f32>, TrainError> {
        let (source, stride, steps) = (
            self.source(split)?,
            self.plan.data.stride,
            footage.time() - 1,
        );
        let mut truth = Array3::zeros((
            footage.clips(),
            steps,
            crate::models::perceptual::motion::EVENTS,
        ));
        for clip in 0..footage.clips() {
            for event in &source.record(clip).events {
                let kind = match event {
                    Event::Collision { .. } => 0,
                    Event::Enter { .. } => 1,
                    Event::Leave { .. } => 2,
                };
                let step = event.frame().saturating_sub(1) / stride;
                if step < steps {
                    truth[[clip, step, kind]] = 1.0;
                }
            }
        }
        Ok(truth)
    }
}
