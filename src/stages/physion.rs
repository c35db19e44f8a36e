//! Slots observed and imagined → will two objects touch? Readouts learn it from other clips, and are judged as Physion's
//! papers judge and as one should.

mod column;
mod learned;

use std::path::Path;

use ndarray::{Array4, Axis, s};
use slotflow_datasets::source::Outcome;
use slotflow_datasets::{ClipId, Source};
use slotflow_eval::ScoreTable;

use crate::artifacts::{Artifact, ClipFile, Context, Input, Partial, RunError, Stage};
use crate::plan::physion_vqa::ContactConfig;

use crate::stages::perceive::encode::Slots;
use column::Column;

/// Clips of one part: what was seen of them, what was imagined, what happens.
pub struct Half<'a> {
    /// Where outcomes come from.
    pub source: &'a dyn Source,
    /// Slots observed, and imagined behind.
    pub slots: &'a Slots,
}

/// Judges how well slots tell of contacts.
pub struct Contact<'a> {
    /// How.
    pub config: &'a ContactConfig,
    /// What readouts learn from.
    pub readout: Half<'a>,
    /// What they are judged by.
    pub test: Half<'a>,
    /// Frames of a clip that were observed.
    pub observed: usize,
    /// Where trainings keep their checkpoints.
    pub scratch: &'a Path,
    /// Hash of the models under test.
    pub checkpoint: String,
}

/// Slots of all clips and their outcomes.
struct Clips {
    names: Vec<ClipId>,
    slots: Array4<f32>,
    outcomes: Vec<Outcome>,
}

impl Half<'_> {
    fn outcome(&self, clip: &ClipId) -> Option<Outcome> {
        let index = (0..self.source.len()).find(|index| self.source.id(*index) == *clip)?;
        self.source.outcome(index)
    }

    fn read(&self) -> Result<Clips, RunError> {
        let (mut names, mut slots, mut outcomes) = (Vec::new(), Vec::new(), Vec::new());
        for clip in self.slots.0.clips() {
            if let Some(outcome) = self.outcome(clip) {
                slots.push(self.slots.slots(clip)?);
                outcomes.push(outcome);
                names.push(clip.clone());
            }
        }
        let shortest = slots.iter().map(|clip| clip.dim().0).min().unwrap_or(0);
        let cut: Vec<_> = slots
            .iter()
            .map(|clip| clip.slice(s![..shortest, .., ..]).insert_axis(Axis(0)))
            .collect();
        let slots = ndarray::concatenate(Axis(0), &cut).map_err(|error| RunError::Unfit {
            reason: format!("no labelled clips of one shape ({error})"),
        })?;
        Ok(Clips {
            names,
            slots,
            outcomes,
        })
    }
}

impl Stage for Contact<'_> {
    const NAME: &'static str = "contact";
    const VERSION: u32 = 1;
    type Config = ContactConfig;

    fn config(&self) -> &ContactConfig {
        self.config
    }

    fn inputs(&self) -> Vec<Input> {
        vec![
            Input::new("readout slots", &*self.readout.slots.0.id.0),
            Input::new("test slots", &*self.test.slots.0.id.0),
            Input::new("observed", self.observed.to_string()),
        ]
    }

    fn is_random(&self) -> bool {
        true
    }

    fn run(&self, out: &mut Partial, context: &Context) -> Result<(), RunError> {
        out.inherit(&self.readout.slots.0);
        out.inherit(&self.test.slots.0);
        let (readout, test) = (self.readout.read()?, self.test.read()?);
        let mut scores = Vec::new();
        let mut said = Vec::new();
        for (column, time) in [
            ("observed", self.observed),
            ("dynamics", readout.slots.dim().1.min(test.slots.dim().1)),
        ] {
            let column = Column {
                name: column,
                time,
                stage: self,
                readout: &readout,
                test: &test,
            };
            column.score_readouts(context, &mut scores, &mut said)?;
        }
        let file = ClipFile::default().with_note(&(scores, said))?;
        out.put(&ClipId::new("scores"), &file)
    }
}

/// Scores and answers on disk.
#[derive(Debug, Clone)]
pub struct Contacts(pub Artifact);

impl Contacts {
    /// One row a number, and one a clip and way.
    ///
    /// # Errors
    /// When the file is not there or not whole.
    pub fn tables(&self) -> Result<(ScoreTable, Vec<[String; 6]>), RunError> {
        let (rows, said) = self.0.read(&ClipId::new("scores"))?.note()?;
        Ok((ScoreTable { rows }, said))
    }
}
