//! Slots of all clips of one part of Physion, and the outcome of each.

use ndarray::{Array4, Axis, s};
use slotflow_datasets::source::Outcome;
use slotflow_datasets::{ClipId, Source};

use crate::artifacts::{Input, RunError, Slots};
use crate::stages::perceive::decode::truth_of;

/// One part of Physion, readout or test: its slots on disk, and where its outcomes come from.
pub struct PhysionPart<'a> {
    /// Where outcomes come from.
    pub source: &'a dyn Source,
    /// Slots observed, and rolled out behind.
    pub slots: &'a Slots,
}

/// Slots of all clips of a part that have an outcome.
pub(crate) struct LabelledSlots {
    /// The clips.
    pub(crate) names: Vec<ClipId>,
    /// `[clips, time, slots, dim]`, cut to the shortest clip.
    pub(crate) slots: Array4<f32>,
    /// How many of the frames were observed, of every clip.
    pub(crate) observed: usize,
    /// Whether the two objects touch, clip by clip.
    pub(crate) outcomes: Vec<Outcome>,
}

impl PhysionPart<'_> {
    /// The outcomes of its clips as an input of a stage.
    pub(crate) fn truth(&self, name: &str) -> Option<Input> {
        truth_of(name, self.source, self.slots.clips())
    }

    fn outcome(&self, clip: &ClipId) -> Option<Outcome> {
        let index = (0..self.source.len()).find(|index| self.source.id(*index) == *clip)?;
        self.source.outcome(index)
    }

    /// The slots of all clips that have an outcome.
    ///
    /// # Errors
    /// When there are none, or their slots are of different shapes.
    pub(crate) fn read(&self) -> Result<LabelledSlots, RunError> {
        let (mut names, mut clips, mut outcomes) = (Vec::new(), Vec::new(), Vec::new());
        for clip in self.slots.clips() {
            if let Some(outcome) = self.outcome(clip) {
                clips.push(self.slots.of_clip(clip)?);
                outcomes.push(outcome);
                names.push(clip.clone());
            }
        }
        let lengths = clips.iter().map(|clip| clip.slots.dim().0);
        let shortest = lengths.min().unwrap_or(0);
        let observed = clips.iter().map(|clip| clip.observed).min().unwrap_or(0);
        let cut: Vec<_> = clips
            .iter()
            .map(|clip| {
                let slots = clip.slots.slice(s![..shortest, .., ..]);
                slots.insert_axis(Axis(0))
            })
            .collect();
        let slots = ndarray::concatenate(Axis(0), &cut).map_err(|error| RunError::Unfit {
            reason: format!("no labelled clips of one shape ({error})"),
        })?;
        Ok(LabelledSlots {
            names,
            slots,
            observed,
            outcomes,
        })
    }
}
