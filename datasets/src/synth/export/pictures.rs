//! Generated pictures on disk as COCO or `CelebA` lay theirs out: the frame in the middle of each clip, when most of its objects
//! have come.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ndarray::{Array2, Array3, Axis};
use serde::{Deserialize, Serialize};

use crate::error::DataError;
use crate::listing::{create_parent, unreadable};
use crate::partial::write_whole;
use crate::regular;
use crate::rle::Rle;
use crate::source::clevrer::files::write_json;
use crate::source::split::Split;
use crate::synth::physics::record::{Record, Shape};
use crate::synth::{AnnotatedClip, Renderer, SynthPreset};
use crate::video::write_png;

/// Height and width of pictures in COCO's layout.
pub const COCO_SIZE: [usize; 2] = [320, 480];

/// Height and width of `CelebA`'s aligned pictures.
pub const CELEBA_SIZE: [usize; 2] = [218, 178];

/// `CelebA`'s list of splits.
const PARTITION: &str = "list_eval_partition.txt";

/// A range of pictures to write, and their form.
#[derive(Debug, Clone, PartialEq)]
pub struct PictureLayout {
    /// The kind of clip.
    pub preset: SynthPreset,
    /// The split: its seeds, and its folders.
    pub split: Split,
    /// Number of pictures.
    pub count: usize,
    /// Height and width.
    pub size: [usize; 2],
}

/// A picture, the slot of truth of every pixel (0 the background), and what is in it.
struct Picture {
    number: u64,
    rgb: Array3<u8>,
    masks: Array2<u8>,
    record: Record,
}

/// The part of a file of instances that differs from one to the other.
#[derive(Deserialize)]
struct Instances {
    images: Vec<Image>,
    annotations: Vec<Annotation>,
}

#[derive(Serialize)]
struct InstanceFile<'a> {
    images: &'a [Image],
    annotations: &'a [Annotation],
    categories: Vec<Category>,
}

impl Instances {
    fn write(&self, path: &Path) -> Result<(), DataError> {
        let file = InstanceFile {
            images: &self.images,
            annotations: &self.annotations,
            categories: categories(),
        };
        write_json(path, &file)
    }
}

#[derive(Serialize, Deserialize)]
struct Image {
    id: u64,
    file_name: String,
    height: usize,
    width: usize,
}

#[derive(Serialize, Deserialize)]
struct Annotation {
    id: u64,
    image_id: u64,
    category_id: usize,
    segmentation: Rle,
    /// Pixels.
    area: usize,
    /// Left, top, width and height, pixels.
    bbox: [usize; 4],
    iscrowd: u8,
}

#[derive(Serialize)]
struct Category {
    id: usize,
    name: &'static str,
    supercategory: &'static str,
}

impl PictureLayout {
    /// Writes the pictures as COCO 2017 lays them out, with their instances; classes are shapes. As papers report on
    /// `val2017`, the test split lies there, too. `done` hears of every picture.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn write_coco(&self, root: &Path, done: impl FnMut(usize)) -> Result<(), DataError> {
        self.write_coco_share(root, &self.all(), done)
    }

    /// Writes some of the pictures, with the file of their instances. `done` hears of every picture.
    ///
    /// # Errors
    /// As [`PictureLayout::write_coco`].
    pub fn write_coco_share(
        &self,
        root: &Path,
        pictures: &[usize],
        mut done: impl FnMut(usize),
    ) -> Result<(), DataError> {
        let set = self.coco_set();
        let mut instances = Instances {
            images: Vec::new(),
            annotations: Vec::new(),
        };
        for &index in pictures {
            let picture = self.picture(index);
            let image = picture.image();
            let path = root.join("images").join(set).join(&image.file_name);
            create_parent(&path)?;
            write_png(&path, picture.rgb.view())?;
            instances.images.push(image);
            instances.annotations.extend(picture.annotations());
            done(index);
        }
        instances.write(&self.coco_file(root))
    }

    /// Writes the instances of `parts`, each of which is the root of some of the pictures, as the one file below `root`.
    ///
    /// # Errors
    /// When a file of instances cannot be read or written.
    pub fn join_coco(&self, root: &Path, parts: &[PathBuf]) -> Result<(), DataError> {
        let mut all = Instances {
            images: Vec::new(),
            annotations: Vec::new(),
        };
        for part in parts {
            let path = self.coco_file(part);
            let text = regular::read(&path).map_err(|source| unreadable(source, &path))?;
            let found = serde_json::from_slice::<Instances>(&text);
            let found = found.map_err(|error| DataError::Malformed {
                reason: error.to_string(),
                path: path.clone(),
            })?;
            all.images.extend(found.images);
            all.annotations.extend(found.annotations);
        }
        // Numbers rise with the pictures, and within one with the objects.
        all.images.sort_by_key(|image| image.id);
        all.annotations.sort_by_key(|annotation| annotation.id);
        all.write(&self.coco_file(root))
    }

    /// The file of the instances.
    pub fn coco_file(&self, root: &Path) -> PathBuf {
        root.join(format!("annotations/instances_{}.json", self.coco_set()))
    }

    fn coco_set(&self) -> &'static str {
        match self.split {
            Split::Train => "train2017",
            Split::Val | Split::Test => "val2017",
        }
    }

    fn all(&self) -> Vec<usize> {
        (0..self.count).collect()
    }

    /// Writes the pictures as `CelebA` lays them out, and their split among those that its list has already. `done` hears of
    /// every picture.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn write_celeba(&self, root: &Path, done: impl FnMut(usize)) -> Result<(), DataError> {
        self.write_celeba_share(root, &self.all(), done)
    }

    /// Writes some of the pictures, and the list of their split. `done` hears of every picture.
    ///
    /// # Errors
    /// As [`PictureLayout::write_celeba`].
    pub fn write_celeba_share(
        &self,
        root: &Path,
        pictures: &[usize],
        mut done: impl FnMut(usize),
    ) -> Result<(), DataError> {
        let folder = root.join("celeba").join("img_align_celeba");
        let mut names = Vec::new();
        for &index in pictures {
            let picture = self.picture(index);
            let name = format!("{:06}.png", picture.number);
            let path: PathBuf = folder.join(&name);
            create_parent(&path)?;
            write_png(&path, picture.rgb.view())?;
            names.push(name);
            done(index);
        }
        self.list_celeba(root, names)
    }

    /// Puts the pictures of `parts`, each of which is the root of some of them, into the one list below `root`.
    ///
    /// # Errors
    /// When a list cannot be read or written.
    pub fn join_celeba(&self, root: &Path, parts: &[PathBuf]) -> Result<(), DataError> {
        let mut names = Vec::new();
        for part in parts {
            names.extend(read_partition(&self.celeba_file(part))?.into_keys());
        }
        self.list_celeba(root, names)
    }

    /// The list of splits.
    pub fn celeba_file(&self, root: &Path) -> PathBuf {
        root.join("celeba").join(PARTITION)
    }

    /// Writes the list of splits, in which these are all of this one.
    fn list_celeba(&self, root: &Path, names: Vec<String>) -> Result<(), DataError> {
        let part = match self.split {
            Split::Train => '0',
            Split::Val => '1',
            Split::Test => '2',
        };
        let list = self.celeba_file(root);
        let mut splits = read_partition(&list)?;
        splits.retain(|_, of| *of != part);
        splits.extend(names.into_iter().map(|name| (name, part)));
        create_parent(&list)?;
        let lines = splits.iter().map(|(name, part)| format!("{name} {part}\n"));
        let text: String = lines.collect();
        write_whole(&list, text.as_bytes()).map_err(|source| DataError::Io {
            action: "write",
            source,
            path: list.clone(),
        })
    }

    fn picture(&self, index: usize) -> Picture {
        let seed = self.split.seed(index as u64);
        let record = AnnotatedClip::simulate(&self.preset, seed).record;
        let middle = record.rendered_frames / 2;
        let (rgb, masks) = Renderer::new(&self.preset, &record, self.size).clip(&[middle]);
        Picture {
            number: seed + 1,
            rgb: rgb.index_axis_move(Axis(0), 0),
            masks: masks.index_axis_move(Axis(0), 0),
            record,
        }
    }
}

impl Picture {
    fn image(&self) -> Image {
        let (height, width) = self.masks.dim();
        Image {
            id: self.number,
            file_name: format!("{:012}.png", self.number),
            height,
            width,
        }
    }

    /// The objects that own a pixel.
    fn annotations(&self) -> Vec<Annotation> {
        let mut all = Vec::new();
        for object in &self.record.objects {
            let own = self.masks.mapv(|pixel| usize::from(pixel) == object.id + 1);
            let Some((area, bbox)) = extent(&own) else {
                continue;
            };
            all.push(Annotation {
                id: 1000 * self.number + object.id as u64,
                image_id: self.number,
                category_id: category(object.shape),
                segmentation: Rle::encode(own.view()),
                area,
                bbox,
                iscrowd: 0,
            });
        }
        all
    }
}

/// Pixels of a mask, and their box: left, top, width, height. None of an empty mask.
fn extent(mask: &Array2<bool>) -> Option<(usize, [usize; 4])> {
    let (mut area, mut low, mut high) = (0, [usize::MAX; 2], [0; 2]);
    for ((y, x), _) in mask.indexed_iter().filter(|(_, own)| **own) {
        area += 1;
        low = [low[0].min(x), low[1].min(y)];
        high = [high[0].max(x), high[1].max(y)];
    }
    let [left, top] = low;
    (area > 0).then(|| (area, [left, top, high[0] + 1 - left, high[1] + 1 - top]))
}

/// The number of a shape among COCO's classes, from 1.
fn category(shape: Shape) -> usize {
    let place = Shape::ALL.iter().position(|one| *one == shape);
    place.unwrap_or(0) + 1
}

fn categories() -> Vec<Category> {
    let all = Shape::ALL.into_iter();
    all.map(|shape| Category {
        id: category(shape),
        name: shape.word(),
        supercategory: "object",
    })
    .collect()
}

/// The pictures that a list names, with their splits; none where there is no list yet.
fn read_partition(list: &Path) -> Result<BTreeMap<String, char>, DataError> {
    if !list.is_file() {
        return Ok(BTreeMap::new());
    }
    let text = regular::read_to_string(list).map_err(|source| unreadable(source, list))?;
    let lines = text.lines().filter_map(|line| {
        let (name, part) = line.split_once(char::is_whitespace)?;
        Some((name.to_owned(), part.trim().chars().next()?))
    });
    Ok(lines.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Dataset;
    use crate::source::config::SourceConfig;
    use crate::source::open;
    use crate::window::{Fit, FrameSampling, Window};

    fn layout(split: Split) -> PictureLayout {
        PictureLayout {
            preset: SynthPreset::synth().unwrap(),
            split,
            count: 3,
            size: [48, 64],
        }
    }

    fn whole() -> Window {
        Window {
            start: 0,
            count: Some(1),
            pace: FrameSampling::Stride(1),
            size: [48, 64],
            fit: Fit::Stretch,
        }
    }

    #[test]
    fn what_is_written_as_coco_reads_back_with_its_masks() {
        let root = tempfile::tempdir().unwrap();
        let layout = layout(Split::Val);
        let mut written = Vec::new();
        layout
            .write_coco(root.path(), |index| written.push(index))
            .unwrap();
        assert_eq!(written, [0, 1, 2]);
        let coco: Dataset = "coco".parse().unwrap();
        let source = open(coco, &SourceConfig::of(root.path(), Split::Val)).unwrap();
        assert_eq!((source.len(), source.unjoined().len()), (3, 0));
        for index in 0..3 {
            let sample = source.sample(index, &whole()).unwrap();
            let picture = layout.picture(index);
            assert_eq!(sample.clip.frames.index_axis(Axis(0), 0), picture.rgb);
            // Instances are numbered anew, in order; what is covered wholly has no number.
            let labels = sample.masks.unwrap();
            let pairs: std::collections::BTreeSet<(u8, u8)> = labels
                .iter()
                .copied()
                .zip(picture.masks.iter().copied())
                .collect();
            let owners: std::collections::BTreeSet<u8> = picture.masks.iter().copied().collect();
            assert_eq!(pairs.len(), owners.len(), "{pairs:?}");
        }
    }

    #[test]
    fn splits_written_as_celeba_stand_in_one_list() {
        let root = tempfile::tempdir().unwrap();
        for split in [Split::Train, Split::Test, Split::Train] {
            layout(split).write_celeba(root.path(), |_| {}).unwrap();
        }
        let celeba: Dataset = "celeba".parse().unwrap();
        for split in [Split::Train, Split::Test] {
            let source = open(celeba, &SourceConfig::of(root.path(), split)).unwrap();
            assert_eq!((source.len(), source.unjoined().len()), (3, 0), "{split}");
            let sample = source.sample(1, &whole()).unwrap();
            let picture = layout(split).picture(1);
            assert_eq!(sample.clip.frames.index_axis(Axis(0), 0), picture.rgb);
        }
        let refused = open(celeba, &SourceConfig::of(root.path(), Split::Val));
        assert!(refused.is_err(), "nothing of `val` was written");
    }
}
