//! Masks in files: `CLIP.npz`, `CLIP.npy`, `CLIP.png`, or a folder `CLIP/0000.png`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ndarray::{Array2, Array3, ArrayD, Axis, Ix3, Zip, stack};
use slotflow_datasets::DataError;
use slotflow_datasets::listing::{ending, entries, hash_file, pictures};
use slotflow_datasets::numpy::{NpzArchive, NumpyArray, NumpyError};
use slotflow_datasets::video::png::read_png_ids;

use crate::metrics::error::MetricsError;

/// The array that is read where a file holds several.
const ARRAY: &str = "masks";

/// Where the masks of a clip lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MaskFile {
    Npz(PathBuf),
    Npy(PathBuf),
    /// Pictures in the order of their numbers.
    Pictures(PathBuf, Vec<PathBuf>),
}

/// Labels of a clip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Labels {
    /// `[time, height, width]`; 0 also where there is no label.
    pub masks: Array3<u8>,
    /// Pixels without a label, of the same shape.
    pub void: Array3<bool>,
}

impl Labels {
    /// Labels in which the pixels without one have a label of their own, as a prediction's have: they belong together
    /// as much as any other part.
    pub fn with_void_as_label(self) -> Array3<u8> {
        let Self { mut masks, void } = self;
        let unused = (0..=u8::MAX)
            .rev()
            .find(|label| !masks.iter().any(|used| used == label));
        if let Some(unused) = unused.filter(|_| void.iter().any(|void| *void)) {
            Zip::from(&mut masks).and(&void).for_each(|label, &void| {
                if void {
                    *label = unused;
                }
            });
        }
        masks
    }
}

/// Where the masks of every clip in a folder lie, by name.
///
/// # Errors
/// When the folder cannot be read, or has none, or two of one name.
pub(crate) fn places(folder: &Path) -> Result<BTreeMap<String, MaskFile>, MetricsError> {
    let mut found = BTreeMap::new();
    for path in entries(folder)? {
        let place = if path.is_dir() {
            let pictures = pictures(&path)?;
            (!pictures.is_empty()).then(|| MaskFile::Pictures(path.clone(), pictures))
        } else {
            match ending(&path).as_str() {
                "npz" => Some(MaskFile::Npz(path.clone())),
                "npy" => Some(MaskFile::Npy(path.clone())),
                "png" => Some(MaskFile::Pictures(path.clone(), vec![path.clone()])),
                _ => None,
            }
        };
        let Some(place) = place else { continue };
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if found.insert(name.clone(), place).is_some() {
            let reason = format!("two files are called `{name}`");
            return Err(MetricsError::NotMasks {
                reason,
                path: folder.to_owned(),
            });
        }
    }
    if found.is_empty() {
        return Err(MetricsError::NoMasks {
            path: folder.to_owned(),
        });
    }
    Ok(found)
}

impl MaskFile {
    /// Labels of a clip; the id `void` marks pixels without a label.
    ///
    /// # Errors
    /// When the file is not readable or holds no masks.
    pub fn read(&self, void: Option<i64>) -> Result<Labels, MetricsError> {
        labels(&self.ids()?, void).map_err(|reason| MetricsError::NotMasks {
            reason,
            path: self.path().to_owned(),
        })
    }

    fn path(&self) -> &Path {
        match self {
            Self::Npz(path) | Self::Npy(path) | Self::Pictures(path, _) => path,
        }
    }

    /// Ids as they are stored, `[time, height, width]`.
    fn ids(&self) -> Result<Array3<i64>, MetricsError> {
        match self {
            Self::Npz(path) => read_npz(path),
            Self::Npy(path) => ids(NumpyArray::read(path), path),
            Self::Pictures(folder, pictures) => {
                let frames: Vec<Array2<u8>> = pictures
                    .iter()
                    .map(|path| read_png_ids(path))
                    .collect::<Result<_, DataError>>()?;
                let views: Vec<_> = frames.iter().map(|frame| frame.view()).collect();
                let ids = stack(Axis(0), &views).map_err(|error| MetricsError::NotMasks {
                    reason: format!("frames differ in size: {error}"),
                    path: folder.clone(),
                })?;
                Ok(ids.mapv(i64::from))
            }
        }
    }

    /// Hash of the content.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn identity(&self) -> Result<String, DataError> {
        let files = match self {
            Self::Npz(path) | Self::Npy(path) => std::slice::from_ref(path),
            Self::Pictures(_, pictures) => pictures,
        };
        let mut all = blake3::Hasher::new();
        for path in files {
            let mut one = blake3::Hasher::new();
            hash_file(&mut one, path)?;
            all.update(one.finalize().as_bytes());
        }
        Ok(all.finalize().to_hex().to_string())
    }
}

/// Ids of an array of any whole numbers or truth values.
fn ids(array: Result<NumpyArray, NumpyError>, path: &Path) -> Result<Array3<i64>, MetricsError> {
    let not = |reason: String| MetricsError::NotMasks {
        reason,
        path: path.to_owned(),
    };
    let ids = array.and_then(|array| array.whole_numbers::<i64>());
    clip_of(ids.map_err(|error| not(error.to_string()))?).map_err(not)
}

fn read_npz(path: &Path) -> Result<Array3<i64>, MetricsError> {
    let not = |reason: String| MetricsError::NotMasks {
        reason,
        path: path.to_owned(),
    };
    let mut archive = NpzArchive::open(path).map_err(|error| not(error.to_string()))?;
    let names = archive.names().map_err(|error| not(error.to_string()))?;
    let name = match &names[..] {
        [only] => only,
        several => several.iter().find(|name| *name == ARRAY).ok_or_else(|| {
            let named = several.join("`, `");
            not(format!("several arrays and none is `{ARRAY}`: `{named}`"))
        })?,
    };
    ids(archive.array(name), path)
}

/// Frames as a clip: a single frame is a clip of one, and a channel of its own is no axis.
///
/// # Shape
/// - `array`: `[time, height, width]`, `[height, width]`, `[time, height, width, 1]` or `[time, 1, height, width]`
fn clip_of(array: ArrayD<i64>) -> Result<Array3<i64>, String> {
    let shape = array.shape().to_vec();
    let array = match shape[..] {
        [_, _] => array.insert_axis(Axis(0)),
        [_, _, _, 1] => array.remove_axis(Axis(3)),
        [_, 1, _, _] => array.remove_axis(Axis(1)),
        _ => array,
    };
    array
        .into_dimensionality::<Ix3>()
        .map_err(|_| format!("shape {shape:?} is not [time, height, width]"))
}

/// Labels of eight bits: ids above 255 are numbered anew in their order, 0 stays 0.
fn labels(ids: &Array3<i64>, void: Option<i64>) -> Result<Labels, String> {
    let is_void = |id: i64| Some(id) == void;
    let distinct: BTreeSet<i64> = ids.iter().copied().filter(|id| !is_void(*id)).collect();
    let fits = distinct.iter().all(|id| (0..=255).contains(id));
    if let Some(negative) = distinct.first().filter(|id| **id < 0) {
        return Err(format!("the id {negative} is below 0"));
    }
    let objects = distinct.iter().filter(|id| **id > 0);
    let renamed: BTreeMap<i64, u8> = if fits {
        objects.map(|id| (*id, *id as u8)).collect()
    } else {
        objects.copied().zip(1..=u8::MAX).collect()
    };
    let count = distinct.iter().filter(|id| **id > 0).count();
    if renamed.len() < count {
        return Err(format!("{count} ids in one clip; 255 are the most"));
    }
    let label = |id: &i64| renamed.get(id).copied().unwrap_or(0);
    Ok(Labels {
        masks: ids.map(label),
        void: ids.map(|id| is_void(*id)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_or_a_channel_of_its_own_becomes_a_clip() {
        let frame = Array2::from_shape_fn((2, 3), |(y, x)| (y * 100 + x) as i64);
        let clip = clip_of(frame.clone().into_dyn()).unwrap();
        assert_eq!(clip[[0, 1, 2]], 102);
        for axis in [1, 3] {
            let array = clip.clone().insert_axis(Axis(axis)).into_dyn();
            assert_eq!(clip_of(array).unwrap(), clip, "{axis}");
        }
        let said = clip_of(ArrayD::zeros(vec![1, 2, 3, 4])).unwrap_err();
        assert!(said.contains("[1, 2, 3, 4]"), "{said}");
    }

    #[test]
    fn ids_above_255_are_numbered_anew_and_void_is_no_label() {
        let ids = |ids: &[i64]| Array3::from_shape_vec((1, 1, ids.len()), ids.to_vec()).unwrap();
        let found = labels(&ids(&[0, 70_000, 7, -1]), Some(-1)).unwrap();
        assert_eq!(found.masks.as_slice().unwrap(), [0, 2, 1, 0]);
        assert_eq!(found.void.as_slice().unwrap(), [false, false, false, true]);
        let found = labels(&ids(&[0, 3, 255]), None).unwrap();
        assert_eq!(found.masks.as_slice().unwrap(), [0, 3, 255]);
        let said = labels(&ids(&[0, -1]), None).unwrap_err();
        assert_eq!(said, "the id -1 is below 0");
        let many: Vec<i64> = (0..300).collect();
        let said = labels(&ids(&many), None).unwrap_err();
        assert_eq!(said, "299 ids in one clip; 255 are the most");
    }
}
