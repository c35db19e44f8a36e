//! PASCAL VOC 2012, segmentation: photographs with instances and classes.
//!
//! ```text
//! images/2007_000033.jpg                  or JPEGImages/…
//! SegmentationClass/2007_000033.png       classes 1 to 20, 255 = void
//! SegmentationObject/2007_000033.png      instances
//! SegmentationClassAug/2007_000032.png    classes of the larger training set
//! sets/{trainaug,train,val}.txt           or ImageSets/Segmentation/…
//! ```
//!
//! all of it below the root or below `VOCdevkit/VOC2012`. Training reads `trainaug.txt` with `SegmentationClassAug` where
//! both are there, which has classes and no instances, and else `train.txt`. The test split has no published labels:
//! papers report on `val`, and so `test` reads it too.
//!
//! # Source
//! SlotDiffusion `img_based/datasets/voc.py`: pixels of 255 in either picture are void and background in both.

use std::path::{Path, PathBuf};

use ndarray::Array2;

use super::still::{Still, content, decoder, first_folder, missing};
use crate::clip::{ClipId, Sample};
use crate::error::DataError;
use crate::listing::unreadable;
use crate::regular;
use crate::source::config::SourceConfig;
use crate::source::interface::{GroundTruth, Source};
use crate::source::split::Split;
use crate::video::fit::resize_ids;
use crate::video::png::read_png_ids;
use crate::video::read_picture;
use crate::window::{Fit, Window};

/// The label of pixels that are not counted.
const VOID: u8 = 255;

/// The reader of PASCAL VOC 2012.
///
/// # Errors
/// When no root is named, or a folder or the split's list is missing, or none of its pictures is there.
pub fn open(dataset: &'static str, config: &SourceConfig) -> Result<Box<dyn Source>, DataError> {
    let root = config.named_root(dataset)?;
    Ok(Box::new(VocSource::open(dataset, root, config.split)?))
}

/// The pictures of a split, in the order of its list.
#[derive(Debug)]
struct VocSource {
    names: Vec<Box<str>>,
    pictures: PathBuf,
    classes: PathBuf,
    /// `None` where a split has no instances.
    instances: Option<PathBuf>,
    unjoined: Vec<(String, String)>,
}

impl VocSource {
    fn open(dataset: &str, root: &Path, split: Split) -> Result<Self, DataError> {
        let candidates = ["VOCdevkit/VOC2012", "VOC2012", "VOC", ""];
        let folder = |base: &Path, names: &[&str]| first_folder(base, names);
        let with_pictures = candidates.iter().find_map(|base| {
            let base = root.join(base);
            Some((folder(&base, &["images", "JPEGImages"])?, base))
        });
        let wanted = || missing(dataset, &root.join("JPEGImages"));
        let (pictures, base) = with_pictures.ok_or_else(wanted)?;
        let needed = |names: &[&str]| {
            folder(&base, names).ok_or_else(|| missing(dataset, &base.join(names[0])))
        };
        let lists = needed(&["sets", "ImageSets/Segmentation"])?;
        let augmented = folder(&base, &["SegmentationClassAug"])
            .filter(|_| split == Split::Train && lists.join("trainaug.txt").is_file());
        let (list, classes, instances) = match (split, augmented) {
            (Split::Train, Some(classes)) => ("trainaug.txt", classes, None),
            (Split::Train, None) => (
                "train.txt",
                needed(&["SegmentationClass"])?,
                folder(&base, &["SegmentationObject"]),
            ),
            (Split::Val | Split::Test, _) => (
                "val.txt",
                needed(&["SegmentationClass"])?,
                folder(&base, &["SegmentationObject"]),
            ),
        };
        let list = lists.join(list);
        let mut source = Self {
            names: names(&list)?,
            pictures,
            classes,
            instances,
            unjoined: Vec::new(),
        };
        source.leave_out_missing();
        if source.names.is_empty() {
            return Err(DataError::Malformed {
                reason: format!("it names no picture in `{}`", source.pictures.display()),
                path: list,
            });
        }
        Ok(source)
    }

    /// Names what the list has and the folders have not.
    fn leave_out_missing(&mut self) {
        let names = std::mem::take(&mut self.names);
        for name in names {
            match self.paths(&name).iter().find(|path| !path.is_file()) {
                Some(path) => {
                    let reason = format!("the list names it and there is no `{}`", path.display());
                    self.unjoined.push((name.into(), reason));
                }
                None => self.names.push(name),
            }
        }
    }

    /// The picture, its classes, and its instances where the split has them.
    fn paths(&self, name: &str) -> Vec<PathBuf> {
        let png = format!("{name}.png");
        let mut paths = vec![
            self.pictures.join(format!("{name}.jpg")),
            self.classes.join(&png),
        ];
        paths.extend(self.instances.as_ref().map(|folder| folder.join(&png)));
        paths
    }
}

/// The names of a list: one a line, or paths of a picture and of its labels a line.
fn names(list: &Path) -> Result<Vec<Box<str>>, DataError> {
    let text = regular::read_to_string(list).map_err(|source| unreadable(source, list))?;
    let stem = |line: &str| {
        let first = Path::new(line.split_whitespace().next()?);
        let written = first
            .extension()
            .is_some_and(|ending| ending == "jpg" || ending == "png");
        let stem = if written {
            first.file_stem()
        } else {
            first.file_name()
        };
        stem?.to_str().map(Box::from)
    };
    Ok(text.lines().filter_map(stem).collect())
}

/// Labels of a picture's pixels; resized to the picture where they differ, as the published code does.
fn labels(path: &Path, size: [usize; 2]) -> Result<Array2<u8>, DataError> {
    let labels = read_png_ids(path)?;
    Ok(resize_ids(labels.view(), size, Fit::Stretch))
}

impl Source for VocSource {
    fn len(&self) -> usize {
        self.names.len()
    }

    fn id(&self, index: usize) -> ClipId {
        ClipId::new(&self.names[index])
    }

    fn identity(&self, index: usize) -> Result<String, DataError> {
        Ok(content(&self.files(index))?.finalize().to_hex().to_string())
    }

    fn files(&self, index: usize) -> Vec<PathBuf> {
        self.paths(&self.names[index])
    }

    fn pixel_decoder(&self, index: usize) -> Option<String> {
        decoder(&self.files(index)[0])
    }

    fn sample(&self, index: usize, window: &Window) -> Result<Sample, DataError> {
        let paths = self.files(index);
        let rgb = read_picture(&paths[0])?;
        let (height, width, _) = rgb.dim();
        let mut classes = labels(&paths[1], [height, width])?;
        let instances = paths.get(2).map(|path| labels(path, [height, width]));
        let mut masks = instances.transpose()?;
        let mut void = classes.mapv(|class| class == VOID);
        if let Some(masks) = &masks {
            void.zip_mut_with(masks, |void, id| *void |= *id == VOID);
        }
        for labels in std::iter::once(&mut classes).chain(&mut masks) {
            labels.zip_mut_with(&void, |label, void| {
                if *void {
                    *label = 0;
                }
            });
        }
        let still = Still {
            rgb,
            masks,
            classes: Some(classes),
            void: Some(void),
        };
        still.sample(self.id(index), window, &paths[0])
    }

    fn knows(&self, truth: GroundTruth) -> bool {
        truth == GroundTruth::Masks && self.instances.is_some()
    }

    fn unjoined(&self) -> Vec<(String, String)> {
        self.unjoined.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use ndarray::{Array3, arr3};

    use super::*;
    use crate::video::write_png;
    use crate::window::FrameSampling;

    const WINDOW: Window = Window {
        start: 0,
        count: None,
        pace: FrameSampling::Stride(1),
        size: [2, 4],
        fit: Fit::Crop,
    };

    /// A picture of 2×4 pixels in a palette of 256 colours, as VOC's labels are.
    fn palette(path: &Path, ids: [u8; 8]) {
        let file = fs::File::create(path).unwrap();
        let mut encoder = png::Encoder::new(file, 4, 2);
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_palette((0..768).map(|at| (at % 251) as u8).collect::<Vec<u8>>());
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&ids).unwrap();
    }

    fn tree(names: [&str; 2]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let [pictures, lists] = names.map(|name| root.path().join(name));
        let folders = [
            "SegmentationClass",
            "SegmentationObject",
            "SegmentationClassAug",
        ];
        let labels = folders.map(|name| pictures.with_file_name(name));
        for folder in [&pictures, &lists].into_iter().chain(&labels) {
            fs::create_dir_all(folder).unwrap();
        }
        for (number, name) in ["2007_000032", "2007_000033"].iter().enumerate() {
            let picture = Array3::from_elem((2, 4, 3), number as u8);
            write_png(&pictures.join(format!("{name}.jpg")), picture.view()).unwrap();
            let png = format!("{name}.png");
            palette(&labels[0].join(&png), [0, 0, 15, 15, 0, 255, 15, 15]);
            palette(&labels[1].join(&png), [0, 0, 1, 2, 0, 0, 255, 2]);
            palette(&labels[2].join(&png), [7, 7, 7, 7, 0, 0, 0, 255]);
        }
        fs::write(lists.join("train.txt"), "2007_000032\n").unwrap();
        fs::write(lists.join("val.txt"), "2007_000033\n2007_999999\n\n").unwrap();
        root
    }

    fn opened(root: &Path, split: Split) -> Result<Box<dyn Source>, DataError> {
        open("voc", &SourceConfig::of(root, split))
    }

    #[test]
    fn labels_are_palette_indices_and_255_is_void_in_both() {
        for names in [
            ["images", "sets"],
            [
                "VOCdevkit/VOC2012/JPEGImages",
                "VOCdevkit/VOC2012/ImageSets/Segmentation",
            ],
        ] {
            let root = tree(names);
            let source = opened(root.path(), Split::Val).unwrap();
            assert_eq!((source.len(), source.id(0).as_str()), (1, "2007_000033"));
            let sample = source.sample(0, &WINDOW).unwrap();
            assert_eq!(sample.clip.frames[[0, 0, 0, 0]], 1);
            assert_eq!(sample.masks.unwrap(), arr3(&[[[0, 0, 1, 2], [0, 0, 0, 2]]]));
            assert_eq!(
                sample.classes.unwrap(),
                arr3(&[[[0, 0, 15, 15], [0, 0, 0, 15]]])
            );
            let void = arr3(&[[[false; 4], [false, true, true, false]]]);
            assert_eq!(sample.void.unwrap(), void);
            assert!(source.knows(GroundTruth::Masks));
            assert_eq!(source.files(0).len(), 3);
            let (name, reason) = &source.unjoined()[0];
            assert!(
                name == "2007_999999" && reason.contains("2007_999999.jpg"),
                "{reason}"
            );
        }
    }

    #[test]
    fn the_larger_training_set_has_classes_and_no_instances() {
        let root = tree(["images", "sets"]);
        let train = opened(root.path(), Split::Train).unwrap();
        assert_eq!(train.id(0).as_str(), "2007_000032");
        assert!(train.knows(GroundTruth::Masks));
        let line = "/JPEGImages/2007_000033.jpg /SegmentationClassAug/2007_000033.png\n";
        fs::write(root.path().join("sets/trainaug.txt"), line).unwrap();
        let source = opened(root.path(), Split::Train).unwrap();
        assert_eq!(source.id(0).as_str(), "2007_000033");
        let sample = source.sample(0, &WINDOW).unwrap();
        assert_eq!(sample.masks, None);
        assert_eq!(
            sample.classes.unwrap(),
            arr3(&[[[7, 7, 7, 7], [0, 0, 0, 0]]])
        );
        assert!(sample.void.unwrap()[[0, 1, 3]]);
        assert!(!source.knows(GroundTruth::Masks));
    }

    #[test]
    fn a_list_without_a_picture_is_refused_and_damage_is_named() {
        let root = tree(["images", "sets"]);
        fs::write(root.path().join("sets/val.txt"), "2008_1\n").unwrap();
        let said = opened(root.path(), Split::Val).err().unwrap().to_string();
        assert!(said.starts_with("it names no picture"), "{said}");
        fs::write(root.path().join("SegmentationClass/2007_000032.png"), "no").unwrap();
        let source = opened(root.path(), Split::Train).unwrap();
        let said = source.sample(0, &WINDOW).unwrap_err().to_string();
        assert!(said.contains("SegmentationClass/2007_000032.png"), "{said}");
        let error = opened(&root.path().join("sets"), Split::Val).err().unwrap();
        assert!(matches!(error, DataError::Missing { .. }), "{error}");
    }
}
