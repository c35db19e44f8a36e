//! CLEVRTex: pictures of textured objects, with instances.
//!
//! ```text
//! clevrtex_full/0/CLEVRTEX_full_000000.png          pictures, in folders of any depth
//! clevrtex_full/0/CLEVRTEX_full_000000_flat.png     instances, as indices of a palette
//! ```
//!
//! The first 5,000 ids are the test split, the next 5,000 validation, the rest training. Every picture is cropped to its
//! centre, 192 pixels of 240, before it is fitted to a window.
//!
//! # Source
//! `karazijal/clevrtex-generation`, `clevrtex_eval.py` (crop of 0.8 of the shorter side) and `img_utils.py` (format of the
//! masks); SlotDiffusion `img_based/datasets/clevrtex.py`, whose index is keyed by the true id.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ndarray::{Array2, Array3, s};

use super::still::{Still, check_size, content, decoder, first_folder, missing};
use crate::clip::{ClipId, Sample};
use crate::error::DataError;
use crate::listing::entries;
use crate::source::config::SourceConfig;
use crate::source::interface::{GroundTruth, Source};
use crate::source::split::Split;
use crate::video::png::read_png_ids;
use crate::video::read_picture;
use crate::window::Window;

/// Ids of a split that is held out.
const HELD_OUT: usize = 5000;
/// Folders above a picture at most.
const DEPTH: usize = 4;
const PREFIX: &str = "CLEVRTEX_full_";
const MASK: &str = "_flat";

/// The reader of CLEVRTex.
///
/// # Errors
/// When no root is named, or no picture of the split lies there.
pub fn open(dataset: &'static str, config: &SourceConfig) -> Result<Box<dyn Source>, DataError> {
    let root = config.named_root(dataset)?;
    Ok(Box::new(ClevrtexSource::open(dataset, root, config.split)?))
}

/// The pictures of a split, by id.
#[derive(Debug)]
struct ClevrtexSource {
    pictures: Vec<(usize, PathBuf)>,
    masks: bool,
    unjoined: Vec<(String, String)>,
}

impl ClevrtexSource {
    fn open(dataset: &str, root: &Path, split: Split) -> Result<Self, DataError> {
        let below = first_folder(root, &["clevrtex_full", "CLEVRTex/clevrtex_full"]);
        let folder = below.unwrap_or_else(|| root.to_owned());
        let mut found = Pictures::default();
        found.look_into(&folder, DEPTH)?;
        let in_split = |id: usize| match split {
            Split::Test => id < HELD_OUT,
            Split::Val => (HELD_OUT..2 * HELD_OUT).contains(&id),
            Split::Train => id >= 2 * HELD_OUT,
        };
        found.pictures.retain(|id, _| in_split(*id));
        if found.pictures.is_empty() {
            let first = match split {
                Split::Test => 0,
                Split::Val => HELD_OUT,
                Split::Train => 2 * HELD_OUT,
            };
            return Err(missing(
                dataset,
                &folder.join(format!("…/{PREFIX}{first:06}.png")),
            ));
        }
        let masks = found
            .pictures
            .values()
            .any(|path| mask_path(path).is_file());
        let mut unjoined = found.unjoined;
        let mut pictures: Vec<_> = found.pictures.into_iter().collect();
        if masks {
            pictures.retain(|(_, path)| {
                let there = mask_path(path).is_file();
                if !there {
                    let reason = "it has no mask beside it, as others have".to_owned();
                    unjoined.push((path.display().to_string(), reason));
                }
                there
            });
        }
        Ok(Self {
            pictures,
            masks,
            unjoined,
        })
    }
}

/// Pictures by id, and what was left out.
#[derive(Default)]
struct Pictures {
    pictures: BTreeMap<usize, PathBuf>,
    unjoined: Vec<(String, String)>,
}

impl Pictures {
    fn look_into(&mut self, folder: &Path, depth: usize) -> Result<(), DataError> {
        for path in entries(folder)? {
            if path.is_dir() {
                if depth > 0 {
                    self.look_into(&path, depth - 1)?;
                }
                continue;
            }
            let Some(id) = id(&path) else {
                continue;
            };
            if let Some(first) = self.pictures.get(&id) {
                let reason = format!("another picture has its id: `{}`", first.display());
                self.unjoined.push((path.display().to_string(), reason));
            } else {
                self.pictures.insert(id, path);
            }
        }
        Ok(())
    }
}

/// The id of a picture; `None` of masks and all other files.
fn id(path: &Path) -> Option<usize> {
    if path.extension()? != "png" {
        return None;
    }
    let digits = path.file_stem()?.to_str()?.strip_prefix(PREFIX)?;
    digits.parse().ok()
}

fn mask_path(picture: &Path) -> PathBuf {
    let stem = picture.file_stem().unwrap_or_default().to_string_lossy();
    picture.with_file_name(format!("{stem}{MASK}.png"))
}

/// The centre of a picture: rows and columns from the first number to before the second.
fn centre(height: usize, width: usize) -> [(usize, usize); 2] {
    let side = (height.min(width) * 4 / 5).max(1);
    [height, width].map(|length| ((length - side) / 2, (length - side) / 2 + side))
}

fn crop_picture(rgb: &Array3<u8>) -> Array3<u8> {
    let (height, width, _) = rgb.dim();
    let [rows, columns] = centre(height, width);
    rgb.slice(s![rows.0..rows.1, columns.0..columns.1, ..])
        .to_owned()
}

fn crop_ids(ids: &Array2<u8>) -> Array2<u8> {
    let (height, width) = ids.dim();
    let [rows, columns] = centre(height, width);
    ids.slice(s![rows.0..rows.1, columns.0..columns.1])
        .to_owned()
}

impl Source for ClevrtexSource {
    fn len(&self) -> usize {
        self.pictures.len()
    }

    fn id(&self, index: usize) -> ClipId {
        ClipId::new(&format!("{PREFIX}{:06}", self.pictures[index].0))
    }

    fn identity(&self, index: usize) -> Result<String, DataError> {
        Ok(content(&self.files(index))?.finalize().to_hex().to_string())
    }

    fn files(&self, index: usize) -> Vec<PathBuf> {
        let picture = &self.pictures[index].1;
        let mut files = vec![picture.clone()];
        files.extend(self.masks.then(|| mask_path(picture)));
        files
    }

    fn pixel_decoder(&self, index: usize) -> Option<String> {
        decoder(&self.pictures[index].1)
    }

    fn sample(&self, index: usize, window: &Window) -> Result<Sample, DataError> {
        let picture = &self.pictures[index].1;
        let rgb = read_picture(picture)?;
        let mut masks = None;
        if self.masks {
            let path = mask_path(picture);
            let ids = read_png_ids(&path)?;
            check_size(ids.dim(), &rgb, &path)?;
            masks = Some(crop_ids(&ids));
        }
        let still = Still {
            rgb: crop_picture(&rgb),
            masks,
            classes: None,
            void: None,
        };
        still.sample(self.id(index), window, picture)
    }

    fn knows(&self, truth: GroundTruth) -> bool {
        truth == GroundTruth::Masks && self.masks
    }

    fn unjoined(&self) -> Vec<(String, String)> {
        self.unjoined.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::video::write_png;
    use crate::window::{Fit, FrameSampling};

    /// Ids as the published masks hold them: indices of a palette of 14 colours, four bits a pixel.
    fn write_mask(path: &Path, ids: &[u8; 200]) {
        let file = fs::File::create(path).unwrap();
        let mut encoder = png::Encoder::new(file, 20, 10);
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_depth(png::BitDepth::Four);
        encoder.set_palette((0..42).collect::<Vec<u8>>());
        let packed: Vec<u8> = ids.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect();
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&packed).unwrap();
    }

    /// Pictures of 10×20 pixels: the centre of 8×8 begins at row 1 and column 6.
    fn tree() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for id in [3, 4999, 5000, 10_000, 31_364] {
            let folder = root.path().join(format!("clevrtex_full/{}", id / 1000));
            fs::create_dir_all(&folder).unwrap();
            let name = format!("CLEVRTEX_full_{id:06}");
            let pixel = |(y, x, _): (usize, usize, usize)| (20 * y + x) as u8;
            let picture = Array3::from_shape_fn((10, 20, 3), pixel);
            write_png(&folder.join(format!("{name}.png")), picture.view()).unwrap();
            // Objects 2 and 5 in the centre, and object 9 outside it.
            let ids = std::array::from_fn(|at| match at % 20 {
                0..6 => 9,
                6..8 => 5,
                8..10 => 2,
                _ => 0,
            });
            write_mask(&folder.join(format!("{name}_flat.png")), &ids);
        }
        root
    }

    fn opened(root: &Path, split: Split) -> Result<Box<dyn Source>, DataError> {
        open("clevrtex", &SourceConfig::of(root, split))
    }

    #[test]
    fn splits_follow_the_ids_and_the_crop_comes_before_the_window() {
        let root = tree();
        for (split, ids) in [
            (
                Split::Test,
                &["CLEVRTEX_full_000003", "CLEVRTEX_full_004999"][..],
            ),
            (Split::Val, &["CLEVRTEX_full_005000"]),
            (
                Split::Train,
                &["CLEVRTEX_full_010000", "CLEVRTEX_full_031364"],
            ),
        ] {
            let source = opened(root.path(), split).unwrap();
            let found: Vec<String> = (0..source.len())
                .map(|i| source.id(i).to_string())
                .collect();
            assert_eq!(found, ids);
        }
        let source = opened(&root.path().join("clevrtex_full"), Split::Val).unwrap();
        assert!(source.knows(GroundTruth::Masks));
        for size in [[8, 8], [4, 8]] {
            let window = Window {
                start: 0,
                count: Some(1),
                pace: FrameSampling::Stride(1),
                size,
                fit: Fit::Stretch,
            };
            let sample = source.sample(0, &window).unwrap();
            let masks = sample.masks.unwrap();
            let row: Vec<u8> = masks.slice(s![0, 0, ..]).to_vec();
            assert_eq!(row, [2, 2, 1, 1, 0, 0, 0, 0]);
            if size == [8, 8] {
                assert_eq!(sample.clip.frames[[0, 0, 0, 0]], 26);
                assert_eq!(sample.clip.frames[[0, 7, 7, 0]], 173);
            }
        }
        assert_eq!(centre(240, 320), [(24, 216), (64, 256)]);
    }

    #[test]
    fn pictures_without_a_mask_and_twins_are_named() {
        let root = tree();
        let folder = root.path().join("clevrtex_full/4");
        let twin = root.path().join("clevrtex_full/9");
        fs::create_dir(&twin).unwrap();
        let name = "CLEVRTEX_full_004999.png";
        fs::copy(folder.join(name), twin.join(name)).unwrap();
        fs::remove_file(
            root.path()
                .join("clevrtex_full/0/CLEVRTEX_full_000003_flat.png"),
        )
        .unwrap();
        let source = opened(root.path(), Split::Test).unwrap();
        assert_eq!(source.len(), 1);
        let named = source.unjoined();
        assert!(
            named[0].0.ends_with("9/CLEVRTEX_full_004999.png"),
            "{named:?}"
        );
        assert!(
            named[1].0.ends_with("CLEVRTEX_full_000003.png"),
            "{named:?}"
        );
        fs::remove_file(folder.join("CLEVRTEX_full_004999_flat.png")).unwrap();
        let without = opened(root.path(), Split::Test).unwrap();
        assert!(!without.knows(GroundTruth::Masks));
        assert_eq!(without.len(), 2);
        let empty = tempfile::tempdir().unwrap();
        let error = opened(empty.path(), Split::Train).err().unwrap();
        assert!(
            error.to_string().contains("CLEVRTEX_full_010000.png"),
            "{error}"
        );
    }
}
