//! What a shard made in one stage: its clips, each with its place among all.

use serde::{Deserialize, Serialize};
use slotflow_datasets::ClipId;

use super::shard::Shard;
use crate::artifacts::error::RunError;
use crate::artifacts::store::artifact::Artifact;
use crate::artifacts::store::key::Recipe;
use crate::artifacts::store::kind::ArtifactKind;

/// What a shard made in one stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StageShare {
    /// Everything that the bytes of the whole artifact depend on.
    pub recipe: Recipe,
    /// Clips of all shards together.
    pub total: usize,
    /// The shard's clips, in the order of the source.
    pub clips: Vec<ClipShare>,
}

/// What became of one clip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClipShare {
    /// Its place among the clips of all shards, from 0.
    pub place: usize,
    /// Its name.
    pub clip: ClipId,
    /// Why it could not be done; unset where its file is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Whether the machine failed, not the clip: it is tried again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub retried: bool,
}

impl StageShare {
    /// What a shard's artifact is of the whole.
    ///
    /// # Errors
    /// When a clip of the share was neither done nor has failed.
    pub fn new<K: ArtifactKind>(shard: Shard, artifact: &Artifact<K>) -> Result<Self, RunError> {
        let planned = artifact.planned();
        let done: std::collections::BTreeSet<&ClipId> = artifact.clips().iter().collect();
        let clips = planned.iter().enumerate();
        let clips = clips.filter(|(place, _)| shard.has(*place));
        let clips = clips.map(|(place, clip)| {
            let failure = artifact.failures().get(clip).cloned();
            if failure.is_none() && !done.contains(clip) {
                return Err(RunError::Internal {
                    reason: format!("{}: {clip} was not done", artifact.recipe().stage),
                });
            }
            Ok(ClipShare {
                place,
                clip: clip.clone(),
                retried: artifact.retried().contains(clip),
                failure,
            })
        });
        Ok(Self {
            recipe: artifact.recipe().clone(),
            total: planned.len(),
            clips: clips.collect::<Result<_, _>>()?,
        })
    }

    /// The path of a clip's file below the folder of the shard, or of a cache.
    pub fn path(&self, clip: &ClipId) -> String {
        let Recipe { stage, version, .. } = &self.recipe;
        format!(
            "{stage}-v{version}/{}/{clip}.safetensors",
            self.recipe.id().0
        )
    }

    /// The paths of the files that are there.
    pub fn paths(&self) -> impl Iterator<Item = String> {
        let done = self.clips.iter().filter(|clip| clip.failure.is_none());
        done.map(|clip| self.path(&clip.clip))
    }
}
