//! Per-clip files of all shards as whole artifacts of a cache: what one run would have made there.

use std::path::{Path, PathBuf};

use super::error::MergeError;
use super::set::{ShardSet, WholeStage};
use super::stage_share::ClipShare;
use crate::artifacts::error::RunError;
use crate::artifacts::execution::run::Record;
use crate::artifacts::store::artifact::Artifact;
use crate::artifacts::store::kind::{ArtifactKind, PerClip};
use crate::artifacts::store::partial::Partial;

/// Artifacts of one file for each clip, whatever is in it.
#[derive(Debug)]
enum AnyClips {}

impl ArtifactKind for AnyClips {}
impl PerClip for AnyClips {}

/// Refuses shards whose stages are not those that a run would find here, which [`Record`]s of a dry run name.
///
/// # Errors
/// When weights, clips, settings or the device are others here.
pub fn check_is_of(set: &ShardSet, stages: &[Record]) -> Result<(), MergeError> {
    for (place, stage) in set.stages().enumerate() {
        let made = &stage.first().recipe;
        let what = match stages.get(place) {
            Some(here) if here.id == made.id() => continue,
            Some(here) if here.stage == made.stage => here.recipe.differences(made).join(", "),
            Some(here) => format!("the stage is `{}` here", here.stage),
            None => "there is no such stage here".to_owned(),
        };
        return Err(MergeError::Elsewhere {
            what: format!("in the stage `{}`: {what}", made.stage),
        });
    }
    Ok(())
}

/// Puts the files of all shards into a cache, as the artifacts that one run would have made. On one file system they are links:
/// nothing is copied.
///
/// # Errors
/// When the file system says no, or another process makes one of the artifacts.
pub fn put_into(set: &ShardSet, cache: &Path) -> Result<(), RunError> {
    set.stages().try_for_each(|stage| whole(stage, cache))
}

fn whole(stage: WholeStage<'_>, cache: &Path) -> Result<(), RunError> {
    let first = stage.first();
    let id = first.recipe.id();
    let bucket = format!("{}-v{}", first.recipe.stage, first.recipe.version);
    let target = cache.join(bucket).join(&id.0);
    if Artifact::<AnyClips>::open(&target, &id, false).is_some() {
        return Ok(());
    }
    let mut clips: Vec<(&ClipShare, PathBuf)> = Vec::new();
    for (folder, share) in stage.shares() {
        let paths = share.clips.iter();
        clips.extend(paths.map(|clip| (clip, folder.join(share.path(&clip.clip)))));
    }
    clips.sort_by_key(|(clip, _)| clip.place);
    if clips.iter().all(|(clip, _)| clip.failure.is_some()) {
        // The run says so itself, as one run would.
        return Ok(());
    }
    let mut out = Partial::<AnyClips>::open(&target, first.recipe.clone())?;
    for (clip, path) in clips {
        match &clip.failure {
            None => out.take(&clip.clip, &path)?,
            Some(reason) => out.fail(&clip.clip, reason, clip.retried),
        }
    }
    out.commit()?;
    Ok(())
}
