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
        let not = |reason: String| MetricsError::NotMasks {
            reason,
            path: self.path().to_owned(),
        };
        match self {
            Self::Npz(_) | Self::Npy(_) => self.labels_of_array(void).map_err(not),
            Self::Pictures(_, pictures) => {
                let frames: Vec<Array2<u8>> = pictures
                    .iter()
                    .map(|path| read_png_ids(path))
                    .collect::<Result<_, DataError>>()?;
                let views: Vec<_> = frames.iter().map(|frame| frame.view()).collect();
                let ids = stack(Axis(0), &views)
                    .map_err(|error| not(format!("frames differ in size: {error}")))?;
                labels(&ids, void).map_err(not)
            }
        }
    }

    /// Labels of an array of any whole numbers or truth values, which is read twice: first to number its ids. Neither its
    /// bytes nor its ids are held, masks take two bytes a pixel in memory.
    fn labels_of_array(&self, void: Option<i64>) -> Result<Labels, String> {
        let mut numbering = Numbering::new(void);
        self.with_array(|array| array.each_whole_number(|id| numbering.see(id)))?;
        let numbering = numbering.numbered()?;
        let masks = self.with_array(|array| array.map_whole_numbers(|id| numbering.label(id)))?;
        let is_void = match void {
            None => ArrayD::from_elem(masks.shape(), false),
            Some(_) => {
                self.with_array(|array| array.map_whole_numbers(|id| numbering.is_void(id)))?
            }
        };
        Ok(Labels {
            masks: clip_of(masks)?,
            void: clip_of(is_void)?,
        })
    }

    /// Gives the array of the file to `read`.
    fn with_array<T>(
        &self,
        read: impl FnOnce(NumpyArray<'_>) -> Result<T, NumpyError>,
    ) -> Result<T, String> {
        let said = |error: NumpyError| error.to_string();
        if let Self::Npz(path) = self {
            let mut archive = NpzArchive::open(path).map_err(said)?;
            let name = name_of_array(&archive)?;
            return archive.array(&name).and_then(read).map_err(said);
        }
        NumpyArray::open(self.path()).and_then(read).map_err(said)
    }

    fn path(&self) -> &Path {
        match self {
            Self::Npz(path) | Self::Npy(path) | Self::Pictures(path, _) => path,
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

/// The name of the array that is read of an archive: its only one, or [`ARRAY`].
fn name_of_array(archive: &NpzArchive) -> Result<String, String> {
    let names = archive.names().map_err(|error| error.to_string())?;
    let name = match &names[..] {
        [only] => only,
        several => several.iter().find(|name| *name == ARRAY).ok_or_else(|| {
            let named = several.join("`, `");
            format!("several arrays and none is `{ARRAY}`: `{named}`")
        })?,
    };
    Ok(name.clone())
}

/// Frames as a clip: a single frame is a clip of one, and a channel of its own is no axis.
///
/// # Shape
/// - `array`: `[time, height, width]`, `[height, width]`, `[time, height, width, 1]` or `[time, 1, height, width]`
fn clip_of<T>(array: ArrayD<T>) -> Result<Array3<T>, String> {
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

/// Labels of eight bits of ids.
fn labels<T: Copy + Into<i64>>(ids: &Array3<T>, void: Option<i64>) -> Result<Labels, String> {
    let mut numbering = Numbering::new(void);
    ids.iter().for_each(|id| numbering.see((*id).into()));
    let numbering = numbering.numbered()?;
    Ok(Labels {
        masks: ids.mapv(|id| numbering.label(id.into())),
        void: ids.mapv(|id| numbering.is_void(id.into())),
    })
}

/// The most ids that are told apart before a clip is refused; no label file of anyone has as many.
const MOST_IDS: usize = 1 << 16;

/// Ids → labels of eight bits: ids above 255 are numbered anew in their order, 0 stays 0.
struct Numbering {
    void: Option<i64>,
    distinct: BTreeSet<i64>,
    last: Option<i64>,
    labels: BTreeMap<i64, u8>,
}

impl Numbering {
    fn new(void: Option<i64>) -> Self {
        Self {
            void,
            distinct: BTreeSet::new(),
            last: None,
            labels: BTreeMap::new(),
        }
    }

    /// Takes note of an id. Neighbours are mostly alike.
    fn see(&mut self, id: i64) {
        if self.last == Some(id) || self.is_void(id) || self.distinct.len() > MOST_IDS {
            return;
        }
        self.last = Some(id);
        self.distinct.insert(id);
    }

    /// The labels of all ids that were seen.
    fn numbered(mut self) -> Result<Self, String> {
        if let Some(negative) = self.distinct.first().filter(|id| **id < 0) {
            return Err(format!("the id {negative} is below 0"));
        }
        let fits = self.distinct.iter().all(|id| (0..=255).contains(id));
        let objects = self.distinct.iter().filter(|id| **id > 0);
        self.labels = if fits {
            objects.map(|id| (*id, *id as u8)).collect()
        } else {
            objects.copied().zip(1..=u8::MAX).collect()
        };
        let count = self.distinct.iter().filter(|id| **id > 0).count();
        if self.labels.len() < count {
            let more = if self.distinct.len() > MOST_IDS {
                "more than "
            } else {
                ""
            };
            let count = count.min(MOST_IDS);
            return Err(format!("{more}{count} ids in one clip; 255 are the most"));
        }
        Ok(self)
    }

    fn label(&self, id: i64) -> u8 {
        self.labels.get(&id).copied().unwrap_or(0)
    }

    fn is_void(&self, id: i64) -> bool {
        Some(id) == self.void
    }
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
        let said = clip_of(ArrayD::<i64>::zeros(vec![1, 2, 3, 4])).unwrap_err();
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
        let endless: Vec<i64> = (0..100_000).collect();
        let said = labels(&ids(&endless), None).unwrap_err();
        assert_eq!(said, "more than 65536 ids in one clip; 255 are the most");
    }
}
