//! Slots observed and rolled out → will two objects touch?

use std::path::Path;

use crate::artifacts::{Context, Input, Partial, RunError, Stage, Table};
use crate::plan::physion_vqa::PhysionConfig;
use crate::stages::physion::column::Column;
use crate::stages::physion::labelled_slots::PhysionPart;
use crate::stages::physion::protocol::Protocol;
use crate::stages::physion::tables::ContactTables;

/// Trains readouts that predict contacts from slots, and scores them.
pub struct ContactPrediction<'a> {
    /// `[physion]` of the plan.
    pub config: &'a PhysionConfig,
    /// What readouts learn from.
    pub readout: PhysionPart<'a>,
    /// What they are scored on.
    pub test: PhysionPart<'a>,
    /// Where trainings keep their checkpoints.
    pub scratch: &'a Path,
    /// Hash of the models under test.
    pub checkpoint: String,
}

impl Stage for ContactPrediction<'_> {
    const NAME: &'static str = "physion";
    const FORMER_NAME: Option<&'static str> = Some("contact");
    const VERSION: u32 = 2;
    type Config = PhysionConfig;
    type Output = Table<ContactTables>;

    fn config(&self) -> &PhysionConfig {
        self.config
    }

    fn inputs(&self) -> Vec<Input> {
        let mut inputs = vec![
            self.readout.slots.as_input("readout slots"),
            self.test.slots.as_input("test slots"),
        ];
        inputs.extend(self.readout.truth("readout truth"));
        inputs.extend(self.test.truth("test truth"));
        inputs
    }

    fn is_random(&self) -> bool {
        true
    }

    fn run(&self, out: &mut Partial<Self::Output>, context: &Context) -> Result<(), RunError> {
        out.inherit(self.readout.slots);
        out.inherit(self.test.slots);
        let (readout, test) = (self.readout.read()?, self.test.read()?);
        let protocol = Protocol {
            config: self.config,
            readout_slots: self.readout.slots.id(),
            test_slots: self.test.slots.id(),
            scratch: self.scratch,
            checkpoint: &self.checkpoint,
        };
        let mut tables = ContactTables::default();
        for (name, time) in [
            ("observed", readout.observed.min(test.observed)),
            ("dynamics", readout.slots.dim().1.min(test.slots.dim().1)),
        ] {
            let column = Column {
                name,
                time,
                protocol: &protocol,
                readout: &readout,
                test: &test,
            };
            column.score_readouts(context, &mut tables)?;
        }
        out.write(&tables)
    }
}
