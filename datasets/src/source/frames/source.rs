//! A data set whose clips are one folder of pictures each.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::frame_files::FrameFiles;
use crate::clip::{ClipId, Sample};
use crate::error::DataError;
use crate::listing::entries;
use crate::source::interface::{GroundTruth, Source};
use crate::window::Window;

/// Finds the files of a clip in its folder.
pub type Layout = fn(&Path) -> Result<FrameFiles, DataError>;

/// Clips of a split by name, each a folder of pictures.
///
/// Only the folders' paths are held; what lies in one is looked up when its clip is read.
#[derive(Debug, Clone)]
pub struct FrameFolders {
    folders: Vec<PathBuf>,
    layout: Layout,
    fps: Option<f32>,
    has_masks: bool,
}

impl FrameFolders {
    /// The clips of a split's folder, of `fps` frames a second where the data set says so.
    ///
    /// Every clip's folder is looked into and no picture is opened. A clip in which `layout` finds none stays one, whose
    /// sample says why.
    ///
    /// # Errors
    /// When the folder cannot be read, or no clip in it has frames.
    pub fn open(split: &Path, layout: Layout, fps: Option<f32>) -> Result<Self, DataError> {
        let mut folders = entries(split)?;
        folders.retain(|path| path.is_dir());
        let found: Vec<Result<bool, DataError>> = folders
            .par_iter()
            .map(|folder| layout(folder).map(|clip| clip.has_masks()))
            .collect();
        let has_masks = found.iter().flatten().any(|has| *has);
        if found.iter().all(Result::is_err) {
            let first = found.into_iter().find_map(Result::err);
            return Err(first.unwrap_or_else(|| DataError::NoVideos {
                path: split.to_owned(),
            }));
        }
        Ok(Self {
            folders,
            layout,
            fps,
            has_masks,
        })
    }

    /// A clip's files.
    fn clip(&self, index: usize) -> Result<FrameFiles, DataError> {
        let clip = (self.layout)(&self.folders[index])?;
        if self.has_masks && !clip.has_masks() {
            return Err(DataError::Malformed {
                reason: "no masks, and other clips have some".to_owned(),
                path: clip.path,
            });
        }
        Ok(clip)
    }
}

impl Source for FrameFolders {
    fn len(&self) -> usize {
        self.folders.len()
    }

    fn id(&self, index: usize) -> ClipId {
        let name = self.folders[index].file_name().unwrap_or_default();
        ClipId::new(&name.to_string_lossy())
    }

    fn identity(&self, index: usize) -> Result<String, DataError> {
        self.clip(index)?.identity()
    }

    fn files(&self, index: usize) -> Vec<PathBuf> {
        self.clip(index)
            .map(|clip| clip.files())
            .unwrap_or_default()
    }

    fn pixel_decoder(&self, index: usize) -> Option<String> {
        self.clip(index).ok()?.pixel_decoder()
    }

    fn sample(&self, index: usize, window: &Window) -> Result<Sample, DataError> {
        self.clip(index)?.sample(self.id(index), window, self.fps)
    }

    fn knows(&self, truth: GroundTruth) -> bool {
        truth == GroundTruth::Masks && self.has_masks
    }
}

/// The first folder of a split that is there, of all pairs of a root and a name.
///
/// # Errors
/// When there is none; names the first.
pub fn split_folder(
    dataset: &str,
    roots: &[PathBuf],
    names: &[&str],
) -> Result<PathBuf, DataError> {
    let mut all = roots
        .iter()
        .flat_map(|root| names.iter().map(|name| root.join(name)));
    let first = all.clone().next().unwrap_or_default();
    all.find(|folder| folder.is_dir())
        .ok_or_else(|| DataError::Missing {
            dataset: dataset.to_owned(),
            path: first,
        })
}
