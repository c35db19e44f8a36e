//! Slots that were imported from the official code: an artifact, or one for each split.

use std::path::Path;

use ndarray::{Array3, Array4, ArrayBase, s};

use crate::artifacts::files::entries;
use crate::artifacts::{RunError, Slots};

/// The artifacts in a folder: itself without a name, or those in it by their names.
///
/// # Errors
/// When the folder cannot be read.
pub fn artifacts(from: &Path) -> Result<Vec<(Option<String>, Slots)>, RunError> {
    if let Ok(artifact) = Slots::open_any(from) {
        return Ok(vec![(None, artifact)]);
    }
    let mut found = Vec::new();
    for path in entries(from)? {
        if let Ok(artifact) = Slots::open_any(&path) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            found.push((Some(name.into_owned()), artifact));
        }
    }
    Ok(found)
}

/// Whether a folder holds slots: an artifact, or one for each split.
pub fn holds_slots(folder: &Path) -> bool {
    artifacts(folder).is_ok_and(|found| !found.is_empty())
}

/// Slots of an imported split.
#[derive(Debug)]
pub struct ImportedSlots {
    /// Hash of the slots.
    pub id: String,
    /// `[clips · stride, time / stride, slots, dim]`
    pub slots: Array4<f32>,
}

/// The slots of an imported split, every `stride`-th frame from every beginning: each
/// clip becomes `stride` clips, all cut to the shortest.
///
/// # Errors
/// When there is no artifact, or its clips have slots of different shapes.
pub fn strided(folder: &Path, stride: usize) -> Result<ImportedSlots, RunError> {
    let artifact = Slots::open_any(folder)?;
    let clips = artifact.clips().iter();
    let clips = clips.map(|clip| artifact.slots(clip));
    let clips = clips.collect::<Result<Vec<Array3<f32>>, RunError>>()?;
    let shortest = clips
        .iter()
        .map(|clip| clip.dim().0 / stride)
        .min()
        .unwrap_or(0);
    let (_, slots, dim) = clips.first().map_or((0, 0, 0), ArrayBase::dim);
    let mut all = Array4::zeros((clips.len() * stride, shortest, slots, dim));
    for (index, mut out) in all.outer_iter_mut().enumerate() {
        let clip = &clips[index / stride];
        if (clip.dim().1, clip.dim().2) != (slots, dim) {
            let reason = format!(
                "slots of {:?} beside slots of {:?}",
                clip.dim(),
                clips[0].dim()
            );
            return Err(RunError::Unfit { reason });
        }
        let frames = clip.slice(s![index % stride..;stride as isize, .., ..]);
        out.assign(&frames.slice(s![..shortest, .., ..]));
    }
    let mut hash = blake3::Hasher::new();
    all.iter().for_each(|value| {
        hash.update(&value.to_le_bytes());
    });
    Ok(ImportedSlots {
        id: hash.finalize().to_hex()[..32].to_owned(),
        slots: all,
    })
}
