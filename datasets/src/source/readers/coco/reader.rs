//! COCO's pictures with their instances, classes and void pixels.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ndarray::Array2;
use serde::Deserialize;

use super::index::{Index, Picture};
use super::polygon::fill_polygons;
use crate::clip::{ClipId, Sample};
use crate::error::DataError;
use crate::listing::entries;
use crate::rle::{Rle, fill};
use crate::source::config::SourceConfig;
use crate::source::interface::{GroundTruth, Source};
use crate::source::readers::still::{Still, check_size, content, decoder, first_folder, missing};
use crate::source::split::Split;
use crate::video::read_picture;
use crate::window::Window;

/// The reader of COCO 2017.
///
/// # Errors
/// When no root is named, pictures or annotations are missing, or the annotation file is damaged.
pub fn open(dataset: &'static str, config: &SourceConfig) -> Result<Box<dyn Source>, DataError> {
    let root = config.named_root(dataset)?;
    Ok(Box::new(CocoSource::open(dataset, root, config.split)?))
}

/// The pictures of a split, in the annotation file's order.
#[derive(Debug)]
struct CocoSource {
    folder: PathBuf,
    index: Index,
}

/// An annotation, as far as it is used.
#[derive(Debug, Deserialize)]
struct Annotation {
    category_id: u64,
    #[serde(default)]
    iscrowd: Flag,
    #[serde(default)]
    ignore: Flag,
    segmentation: Option<Segmentation>,
}

/// 0, 1, false or true.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Flag {
    Bool(bool),
    Number(f64),
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Segmentation {
    Polygons(Vec<Vec<f64>>),
    Runs { size: [usize; 2], counts: Vec<u64> },
    Packed(Rle),
}

impl Default for Flag {
    fn default() -> Self {
        Self::Bool(false)
    }
}

impl Flag {
    fn is_set(&self) -> bool {
        match self {
            Self::Bool(set) => *set,
            Self::Number(number) => *number != 0.0,
        }
    }
}

impl Segmentation {
    fn mask(&self, size: [usize; 2]) -> Result<Array2<bool>, String> {
        let of = match self {
            Self::Polygons(outlines) => return fill_polygons(outlines, size),
            Self::Runs { size, .. } | Self::Packed(Rle { size, .. }) => *size,
        };
        if of != size {
            return Err(format!("a mask of {of:?} pixels for a picture of {size:?}"));
        }
        match self {
            Self::Runs { size, counts } => fill(*size, counts).map_err(|error| error.to_string()),
            Self::Packed(rle) => rle.decode().map_err(|error| error.to_string()),
            Self::Polygons(_) => Ok(Array2::default(size)),
        }
    }
}

impl CocoSource {
    fn open(dataset: &str, root: &Path, split: Split) -> Result<Self, DataError> {
        let set = match split {
            Split::Train => "train2017",
            Split::Val | Split::Test => "val2017",
        };
        let file = root.join(format!("annotations/instances_{set}.json"));
        if !file.is_file() {
            return Err(missing(dataset, &file));
        }
        let folder = format!("images/{set}");
        let found = first_folder(root, &[&folder, set]);
        let folder = found.ok_or_else(|| missing(dataset, &root.join(folder)))?;
        let mut index = Index::open(&file)?;
        if split == Split::Train {
            index.pictures.retain(Picture::is_annotated);
        }
        let there: BTreeSet<PathBuf> = entries(&folder)?.into_iter().collect();
        let unjoined = &mut index.unjoined;
        index.pictures.retain(|picture| {
            let found = there.contains(&folder.join(&*picture.file_name));
            if !found {
                let reason = "it has annotations and there is no such picture".to_owned();
                unjoined.push((picture.file_name.to_string(), reason));
            }
            found
        });
        if index.pictures.is_empty() {
            return Err(DataError::Malformed {
                reason: format!("it names no picture in `{}`", folder.display()),
                path: file,
            });
        }
        Ok(Self { folder, index })
    }

    fn path(&self, index: usize) -> PathBuf {
        self.folder.join(&*self.index.pictures[index].file_name)
    }

    /// Instances, classes and void pixels of a picture, or the reason that they cannot be had.
    fn labels(&self, picture: &Picture) -> Result<Result<Labels, String>, DataError> {
        let size = picture.size.map(|side| side as usize);
        let annotations = self.index.annotations::<Annotation>(picture)?;
        Ok(annotations.and_then(|annotations| self.draw(&annotations, size)))
    }

    fn draw(&self, annotations: &[Annotation], size: [usize; 2]) -> Result<Labels, String> {
        let mut labels = Labels::new(size);
        let mut instance = 0_u8;
        for (number, annotation) in annotations.iter().enumerate() {
            let class = self.index.classes.get(&annotation.category_id);
            let (false, false, Some(class)) = (
                annotation.iscrowd.is_set(),
                annotation.ignore.is_set(),
                class,
            ) else {
                continue;
            };
            let next = instance.checked_add(1);
            instance = next.ok_or("more than 255 instances")?;
            let segmentation = annotation.segmentation.as_ref();
            let mask = segmentation
                .ok_or_else(|| "no segmentation".to_owned())
                .and_then(|segmentation| segmentation.mask(size))
                .map_err(|reason| format!("annotation {number}: {reason}"))?;
            labels.add(&mask, instance, *class);
        }
        Ok(labels)
    }
}

/// Labels of a picture's pixels.
struct Labels {
    masks: Array2<u8>,
    classes: Array2<u8>,
    void: Array2<bool>,
}

impl Labels {
    fn new(size: [usize; 2]) -> Self {
        Self {
            masks: Array2::zeros(size),
            classes: Array2::zeros(size),
            void: Array2::from_elem(size, false),
        }
    }

    /// Lays an instance over what is there.
    fn add(&mut self, mask: &Array2<bool>, instance: u8, class: u8) {
        let labels = self
            .masks
            .iter_mut()
            .zip(&mut self.classes)
            .zip(&mut self.void);
        for (set, ((id, label), void)) in mask.iter().zip(labels) {
            if *set {
                *void |= *id != 0;
                (*id, *label) = (instance, class);
            }
        }
    }
}

impl Source for CocoSource {
    fn len(&self) -> usize {
        self.index.pictures.len()
    }

    fn id(&self, index: usize) -> ClipId {
        let name = &*self.index.pictures[index].file_name;
        ClipId::new(name.rsplit_once('.').map_or(name, |(stem, _)| stem))
    }

    fn identity(&self, index: usize) -> Result<String, DataError> {
        let mut hash = content(&[self.path(index)])?;
        for text in self.index.texts(&self.index.pictures[index])? {
            hash.update(blake3::hash(&text).as_bytes());
        }
        Ok(hash.finalize().to_hex().to_string())
    }

    fn files(&self, index: usize) -> Vec<PathBuf> {
        vec![self.path(index), self.index.file.clone()]
    }

    fn pixel_decoder(&self, index: usize) -> Option<String> {
        decoder(&self.path(index))
    }

    fn sample(&self, index: usize, window: &Window) -> Result<Sample, DataError> {
        let (path, picture) = (self.path(index), &self.index.pictures[index]);
        let rgb = read_picture(&path)?;
        let [height, width] = picture.size.map(|side| side as usize);
        check_size((height, width), &rgb, &path)?;
        let labels = self.labels(picture)?;
        let labels = labels.map_err(|reason| DataError::Malformed {
            reason: format!("picture {} ({}): {reason}", picture.id, picture.file_name),
            path: self.index.file.clone(),
        })?;
        let still = Still {
            rgb,
            masks: Some(labels.masks),
            classes: Some(labels.classes),
            void: Some(labels.void),
        };
        still.sample(self.id(index), window, &path)
    }

    fn knows(&self, truth: GroundTruth) -> bool {
        matches!(truth, GroundTruth::Masks | GroundTruth::Classes)
    }

    fn unjoined(&self) -> Vec<(String, String)> {
        self.index.unjoined.clone()
    }
}
