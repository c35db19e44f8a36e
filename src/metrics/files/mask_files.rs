//! Masks in files: `CLIP.npz`, `CLIP.npy`, `CLIP.png`, or a folder `CLIP/0000.png`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::BufReader;
use std::path::{Path, PathBuf};

use ndarray::{Array2, Array3, ArrayD, Axis, Ix3, stack};
use ndarray_npy::{NpzReader, ReadNpyError, ReadNpyExt, ReadNpzError, ReadableElement};
use slotflow_datasets::DataError;
use slotflow_datasets::listing::{ending, entries, pictures, unreadable};
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
    /// Labels, `[time, height, width]`.
    ///
    /// # Errors
    /// When the file is not readable or holds no masks.
    pub fn read(&self) -> Result<Array3<u8>, MetricsError> {
        match self {
            Self::Npz(path) => read_npz(path),
            Self::Npy(path) => with_any_kind(path, |kind| match kind {
                Kind::U8 => npy::<u8>(path),
                Kind::I32 => npy::<i32>(path),
                Kind::I64 => npy::<i64>(path),
            }),
            Self::Pictures(folder, pictures) => {
                let frames: Vec<Array2<u8>> = pictures
                    .iter()
                    .map(|path| read_png_ids(path))
                    .collect::<Result<_, DataError>>()?;
                let views: Vec<_> = frames.iter().map(|frame| frame.view()).collect();
                stack(Axis(0), &views).map_err(|error| MetricsError::NotMasks {
                    reason: format!("frames differ in size: {error}"),
                    path: folder.clone(),
                })
            }
        }
    }

    /// Hash of the content.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn identity(&self) -> Result<String, MetricsError> {
        let files = match self {
            Self::Npz(path) | Self::Npy(path) => std::slice::from_ref(path),
            Self::Pictures(_, pictures) => pictures,
        };
        let mut hash = blake3::Hasher::new();
        for path in files {
            let bytes = fs::read(path).map_err(|source| unreadable(source, path))?;
            hash.update(blake3::hash(&bytes).as_bytes());
        }
        Ok(hash.finalize().to_hex().to_string())
    }
}

/// Kinds of whole numbers that masks are stored in.
#[derive(Clone, Copy)]
enum Kind {
    U8,
    I32,
    I64,
}

/// What reading as one kind gave: masks, another kind, or a failure.
enum Tried {
    Read(Result<Array3<u8>, MetricsError>),
    OtherKind(String),
}

fn with_any_kind(path: &Path, read: impl Fn(Kind) -> Tried) -> Result<Array3<u8>, MetricsError> {
    let mut reason = String::new();
    for kind in [Kind::U8, Kind::I32, Kind::I64] {
        match read(kind) {
            Tried::Read(done) => return done,
            Tried::OtherKind(why) => reason = why,
        }
    }
    Err(MetricsError::NotMasks {
        reason,
        path: path.to_owned(),
    })
}

fn npy<T: ReadableElement + Copy + Into<i64>>(path: &Path) -> Tried {
    let file = match File::open(path) {
        Ok(file) => BufReader::new(file),
        Err(source) => return Tried::Read(Err(unreadable(source, path).into())),
    };
    tried(ArrayD::<T>::read_npy(file), path)
}

fn read_npz(path: &Path) -> Result<Array3<u8>, MetricsError> {
    let not = |reason: String| MetricsError::NotMasks {
        reason,
        path: path.to_owned(),
    };
    let open = || -> Result<NpzReader<File>, MetricsError> {
        let file = File::open(path).map_err(|source| unreadable(source, path))?;
        NpzReader::new(file).map_err(|error| not(error.to_string()))
    };
    let names = open()?.names().map_err(|error| not(error.to_string()))?;
    let plain: Vec<&str> = names
        .iter()
        .map(|name| name.trim_end_matches(".npy"))
        .collect();
    let name = match plain.as_slice() {
        [only] => *only,
        several if several.contains(&ARRAY) => ARRAY,
        several => {
            let named = several.join("`, `");
            return Err(not(format!(
                "several arrays and none is `{ARRAY}`: `{named}`"
            )));
        }
    };
    with_any_kind(path, |kind| {
        let mut file = match open() {
            Ok(file) => file,
            Err(error) => return Tried::Read(Err(error)),
        };
        match kind {
            Kind::U8 => npz::<u8>(&mut file, name, path),
            Kind::I32 => npz::<i32>(&mut file, name, path),
            Kind::I64 => npz::<i64>(&mut file, name, path),
        }
    })
}

fn npz<T: ReadableElement + Copy + Into<i64>>(
    file: &mut NpzReader<File>,
    name: &str,
    path: &Path,
) -> Tried {
    match file.by_name::<ndarray::OwnedRepr<T>, ndarray::IxDyn>(name) {
        Err(ReadNpzError::Npy(error)) => tried::<T>(Err(error), path),
        Err(error) => Tried::Read(Err(MetricsError::NotMasks {
            reason: error.to_string(),
            path: path.to_owned(),
        })),
        Ok(array) => tried(Ok(array), path),
    }
}

fn tried<T: Copy + Into<i64>>(read: Result<ArrayD<T>, ReadNpyError>, path: &Path) -> Tried {
    let not = |reason: String| MetricsError::NotMasks {
        reason,
        path: path.to_owned(),
    };
    match read {
        Err(ReadNpyError::WrongDescriptor(found)) => {
            Tried::OtherKind(format!("labels are not whole numbers: {found}"))
        }
        Err(error) => Tried::Read(Err(not(error.to_string()))),
        Ok(array) => Tried::Read(labels(array).map_err(not)),
    }
}

/// Numbers as labels; a single frame becomes a clip of one.
fn labels<T: Copy + Into<i64>>(array: ArrayD<T>) -> Result<Array3<u8>, String> {
    let shape = array.shape().to_vec();
    let array = if array.ndim() == 2 {
        array.insert_axis(Axis(0))
    } else {
        array
    };
    let array = array
        .into_dimensionality::<Ix3>()
        .map_err(|_| format!("shape {shape:?} is not [time, height, width]"))?;
    if let Some(wrong) = array
        .iter()
        .map(|&label| label.into())
        .find(|label| !(0..=255).contains(label))
    {
        return Err(format!("label {wrong} is not in 0..=255"));
    }
    Ok(array.mapv(|label| label.into() as u8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_of_any_whole_number_becomes_a_clip_of_labels() {
        let frame = Array2::from_shape_fn((2, 3), |(y, x)| (y * 100 + x) as i64).into_dyn();
        assert_eq!(labels(frame.clone()).unwrap()[[0, 1, 2]], 102);
        let said = labels(frame * 3).unwrap_err();
        assert!(said.contains("label 300"), "{said}");
        let said = labels(ArrayD::<u8>::zeros(vec![1, 2, 3, 4])).unwrap_err();
        assert!(said.contains("[1, 2, 3, 4]"), "{said}");
    }
}
