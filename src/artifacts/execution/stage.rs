//! One step of a pipeline.

use serde::Serialize;
use slotflow_datasets::ClipId;

use super::options::Context;
use crate::artifacts::error::RunError;
use crate::artifacts::store::key::Input;
use crate::artifacts::store::kind::ArtifactKind;
use crate::artifacts::store::partial::Partial;

/// One step of a pipeline: settings, inputs and work.
pub trait Stage {
    /// Its table in a plan, its bucket in the cache, its name in messages.
    const NAME: &'static str;
    /// Its name in earlier versions: what they made is still found, and `--fresh` still knows it.
    const FORMER_NAME: Option<&'static str> = None;
    /// Rises when the same settings would give other bytes.
    const VERSION: u32;
    /// Whether what it makes of a clip depends on no other clip, so that shards of a run can share the clips out.
    const IS_PER_CLIP: bool = false;
    /// Its settings.
    type Config: Serialize;
    /// What it gives.
    type Output: ArtifactKind;

    /// The settings.
    fn config(&self) -> &Self::Config;

    /// What it reads.
    fn inputs(&self) -> Vec<Input>;

    /// All clips that it reads from a source, in their order; none where it reads an earlier stage's.
    fn planned(&self) -> Vec<ClipId> {
        Vec::new()
    }

    /// Whether it draws random numbers.
    fn is_random(&self) -> bool {
        false
    }

    /// The work.
    ///
    /// # Errors
    /// What stops the stage; a clip that fails is noted in `out` instead.
    fn run(&self, out: &mut Partial<Self::Output>, context: &Context) -> Result<(), RunError>;
}
