//! How readouts are trained and scored, and on which artifacts.

use std::path::Path;

use crate::artifacts::ArtifactId;
use crate::plan::physion_vqa::PhysionConfig;

/// How readouts are trained and scored, and on which artifacts.
pub(crate) struct Protocol<'a> {
    /// `[physion]` of the plan.
    pub(crate) config: &'a PhysionConfig,
    /// The slots that readouts learn from.
    pub(crate) readout_slots: &'a ArtifactId,
    /// The slots that they are scored on.
    pub(crate) test_slots: &'a ArtifactId,
    /// Where trainings keep their checkpoints.
    pub(crate) scratch: &'a Path,
    /// Hash of the models under test.
    pub(crate) checkpoint: &'a str,
}
