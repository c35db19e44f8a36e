//! Pictures of one's own: each is a clip of one frame.
//!
//! ```text
//! NAME.png or NAME.jpg, in folders of any depth
//! NAME_mask.png beside it, or masks/NAME.png      object ids; optional
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::discover::{Gathered, inside, pictures_below};
use super::partition::{Chosen, choose};
use crate::clip::{ClipId, Sample};
use crate::error::DataError;
use crate::source::config::SourceConfig;
use crate::source::frames::frame_files::{FrameFiles, MaskPictures};
use crate::source::interface::{GroundTruth, Source};
use crate::window::Window;

/// What the name of a mask adds to that of its picture.
const MASK: &str = "_mask";

/// Own pictures of one split, by path.
#[derive(Debug, Clone)]
pub struct PictureSource {
    pictures: Vec<Picture>,
    left_out: Vec<(PathBuf, String)>,
    unjoined: Vec<(String, String)>,
}

/// A picture and its mask.
#[derive(Debug, Clone)]
struct Picture {
    id: ClipId,
    /// Its path below the root, `/` between folders.
    name: String,
    path: PathBuf,
    mask: Option<PathBuf>,
}

/// The reader of own pictures, split where the configuration says so.
///
/// # Errors
/// When no root is named, or no picture lies there or belongs to the split.
pub fn open(dataset: &str, config: &SourceConfig) -> Result<Box<dyn Source>, DataError> {
    let source = PictureSource::open(config.named_root(dataset)?)?;
    Ok(Box::new(source.of_split(config)?))
}

impl PictureSource {
    /// All pictures below a folder. None is opened yet.
    ///
    /// # Errors
    /// When the folder cannot be read, or holds none.
    pub fn open(root: &Path) -> Result<Self, DataError> {
        let Gathered {
            pictures,
            masks: folders,
            left_out,
        } = pictures_below(root)?;
        let stems: BTreeSet<String> = pictures
            .iter()
            .map(|(name, _)| stem(name).to_owned())
            .collect();
        let of_picture = |name: &str| {
            let picture = stem(name).strip_suffix(MASK)?;
            stems.contains(picture).then(|| picture.to_owned())
        };
        let (masks, pictures): (Vec<_>, Vec<_>) = pictures
            .into_iter()
            .partition(|(name, _)| of_picture(name).is_some());
        let beside: BTreeMap<String, PathBuf> = masks
            .into_iter()
            .filter_map(|(name, path)| Some((of_picture(&name)?, path)))
            .collect();
        let apart = |stem: &str| {
            folders.iter().find_map(|(folder, base)| {
                let inside = inside(stem, base)?;
                Some(folder.join(format!("{inside}.png"))).filter(|path| path.is_file())
            })
        };
        if pictures.is_empty() {
            return Err(DataError::NoPictures {
                path: root.to_owned(),
            });
        }
        let mut taken = BTreeSet::new();
        let pictures = pictures.into_iter().map(|(name, path)| Picture {
            id: free_id(stem(&name), &mut taken),
            mask: beside
                .get(stem(&name))
                .cloned()
                .or_else(|| apart(stem(&name))),
            name,
            path,
        });
        Ok(Self {
            pictures: pictures.collect(),
            left_out,
            unjoined: Vec::new(),
        })
    }

    /// The pictures of one split; all where the configuration does not split own material.
    ///
    /// # Errors
    /// As [`choose`].
    pub fn of_split(mut self, config: &SourceConfig) -> Result<Self, DataError> {
        let names = self
            .pictures
            .iter()
            .map(|one| (stem(&one.name), one.name.as_str()));
        let Chosen { keep, unjoined } = choose(config, &names.collect::<Vec<_>>())?;
        let mut keep = keep.into_iter();
        self.pictures.retain(|_| keep.next() == Some(true));
        self.unjoined = unjoined;
        Ok(self)
    }

    fn files_of(&self, index: usize) -> FrameFiles {
        let picture = &self.pictures[index];
        FrameFiles {
            path: picture.path.clone(),
            frames: vec![picture.path.clone()],
            masks: match &picture.mask {
                Some(mask) => MaskPictures::Ids(vec![mask.clone()]),
                None => MaskPictures::None,
            },
            note: None,
        }
    }
}

impl Source for PictureSource {
    fn len(&self) -> usize {
        self.pictures.len()
    }

    fn id(&self, index: usize) -> ClipId {
        self.pictures[index].id.clone()
    }

    fn identity(&self, index: usize) -> Result<String, DataError> {
        self.files_of(index).identity()
    }

    fn files(&self, index: usize) -> Vec<PathBuf> {
        self.files_of(index).files()
    }

    fn pixel_decoder(&self, index: usize) -> Option<String> {
        self.files_of(index).pixel_decoder()
    }

    fn sample(&self, index: usize, window: &Window) -> Result<Sample, DataError> {
        self.files_of(index).sample(self.id(index), window, None)
    }

    fn knows(&self, truth: GroundTruth) -> bool {
        truth == GroundTruth::Masks && self.pictures.iter().all(|picture| picture.mask.is_some())
    }

    fn unjoined(&self) -> Vec<(String, String)> {
        self.unjoined.clone()
    }

    fn side_files(&self) -> Vec<(PathBuf, String)> {
        self.left_out.clone()
    }
}

/// A path without its ending.
fn stem(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// An id that no clip has: the name, and a number where two share it.
fn free_id(name: &str, taken: &mut BTreeSet<ClipId>) -> ClipId {
    let mut id = ClipId::new(name);
    let mut number = 2;
    while !taken.insert(id.clone()) {
        id = ClipId::new(&format!("{name}-{number}"));
        number += 1;
    }
    id
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};

    use ndarray::Array3;

    use super::*;
    use crate::source::split::Split;
    use crate::video::write_png;
    use crate::window::{Fit, FrameSampling};

    const WINDOW: Window = Window {
        start: 0,
        count: Some(1),
        pace: FrameSampling::Stride(1),
        size: [8, 8],
        fit: Fit::Crop,
    };

    fn write(root: &Path, name: &str, value: u8) {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        write_png(&path, Array3::from_elem((8, 8, 3), value).view()).unwrap();
    }

    fn write_ids(root: &Path, name: &str, id: u8) {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut encoder = png::Encoder::new(File::create(path).unwrap(), 8, 8);
        encoder.set_color(png::ColorType::Grayscale);
        encoder
            .write_header()
            .unwrap()
            .write_image_data(&[id; 64])
            .unwrap();
    }

    #[test]
    fn every_picture_is_a_clip_of_one_frame_and_masks_are_found_beside_or_apart() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        write(root, "a.png", 1);
        write(root, "deep/er/b.png", 2);
        write_ids(root, "a_mask.png", 9);
        write_ids(root, "masks/deep/er/b.png", 4);
        fs::write(root.join("notes.txt"), "").unwrap();
        let source = PictureSource::open(root).unwrap();
        let ids: Vec<String> = (0..source.len())
            .map(|index| source.id(index).to_string())
            .collect();
        assert_eq!(ids, ["a", "deep-er-b"]);
        assert!(source.knows(GroundTruth::Masks));
        for (index, value) in [(0, 1), (1, 2)] {
            let sample = source.sample(index, &WINDOW).unwrap();
            assert_eq!(sample.clip.frames.dim(), (1, 8, 8, 3));
            assert_eq!(sample.clip.frames[[0, 0, 0, 0]], value);
            assert_eq!(sample.masks.unwrap()[[0, 0, 0]], 1);
        }
        assert_eq!(source.side_files().len(), 1);
        write(root, "c.png", 3);
        let source = PictureSource::open(root).unwrap();
        assert!(!source.knows(GroundTruth::Masks));
        let late = Window { start: 1, ..WINDOW };
        assert!(matches!(
            source.sample(0, &late),
            Err(DataError::NoFrames { .. })
        ));
    }

    #[test]
    fn every_picture_is_in_exactly_one_split() {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..40 {
            write(folder.path(), &format!("{number}.png"), number);
        }
        let mut seen = Vec::new();
        for split in Split::ALL {
            let config = SourceConfig {
                root: Some(folder.path().to_owned()),
                split,
                split_own: true,
                ..SourceConfig::default()
            };
            let source = open("pictures", &config).unwrap();
            assert!(!source.is_empty());
            seen.extend((0..source.len()).map(|index| source.id(index)));
        }
        seen.sort();
        let all: BTreeSet<&ClipId> = seen.iter().collect();
        assert_eq!((seen.len(), all.len()), (40, 40));
    }

    #[test]
    fn a_folder_without_pictures_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let error = PictureSource::open(folder.path()).unwrap_err();
        assert!(matches!(error, DataError::NoPictures { .. }), "{error}");
    }
}
