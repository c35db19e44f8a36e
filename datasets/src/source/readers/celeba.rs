//! `CelebA`: pictures of faces.
//!
//! ```text
//! celeba/img_align_celeba/000001.jpg
//! celeba/list_eval_partition.txt      a line a picture: its name, and 0 (train), 1 (validation) or 2 (test)
//! ```
//!
//! # Source
//! torchvision `datasets/celeba.py`. The papers stretch the faces to a square (`fit = "stretch"`).

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use super::still::{Still, content, decoder, first_folder, missing};
use crate::clip::{ClipId, Sample};
use crate::error::DataError;
use crate::listing::{entries, unreadable};
use crate::regular;
use crate::source::config::SourceConfig;
use crate::source::interface::Source;
use crate::source::split::Split;
use crate::video::read_picture;
use crate::window::Window;

/// The file of the official partition.
const PARTITION: &str = "list_eval_partition.txt";

/// The reader of `CelebA`.
///
/// # Errors
/// When no root is named, pictures or the partition are missing, or it names no picture of the split.
pub fn open(dataset: &'static str, config: &SourceConfig) -> Result<Box<dyn Source>, DataError> {
    let root = config.named_root(dataset)?;
    Ok(Box::new(CelebaSource::open(dataset, root, config.split)?))
}

/// The pictures of a split, in the order of the partition.
#[derive(Debug)]
struct CelebaSource {
    folder: PathBuf,
    names: Vec<Box<str>>,
    unjoined: Vec<(String, String)>,
}

impl CelebaSource {
    fn open(dataset: &str, root: &Path, split: Split) -> Result<Self, DataError> {
        let below = first_folder(root, &["celeba", "CelebA/celeba"]);
        let base = below.unwrap_or_else(|| root.to_owned());
        let folder = base.join("img_align_celeba");
        let partition = base.join(PARTITION);
        for path in [&folder, &partition] {
            if !path.exists() {
                return Err(missing(dataset, path));
            }
        }
        let there: BTreeSet<PathBuf> = entries(&folder)?.into_iter().collect();
        let mut source = Self {
            folder,
            names: Vec::new(),
            unjoined: Vec::new(),
        };
        let io = |source| unreadable(source, &partition);
        let file = BufReader::new(regular::open(&partition).map_err(io)?);
        for (number, line) in file.lines().enumerate() {
            source.take(&line.map_err(io)?, number + 1, split, &there);
        }
        if source.names.is_empty() {
            let reason = format!(
                "it names no picture of the split `{split}` in `{}`",
                source.folder.display()
            );
            return Err(DataError::Malformed {
                reason,
                path: partition,
            });
        }
        Ok(source)
    }

    /// Takes a line of the partition, or names it.
    fn take(&mut self, line: &str, number: usize, split: Split, there: &BTreeSet<PathBuf>) {
        let mut words = line.split_whitespace();
        let Some(name) = words.next() else {
            return;
        };
        let part = words.next().unwrap_or_default();
        let of = match part {
            "0" => Split::Train,
            "1" => Split::Val,
            "2" => Split::Test,
            _ => {
                let reason = format!("line {number} of {PARTITION} says `{part}`, not 0, 1 or 2");
                self.unjoined.push((name.to_owned(), reason));
                return;
            }
        };
        if of != split {
            return;
        }
        if there.contains(&self.folder.join(name)) {
            self.names.push(name.into());
        } else {
            let reason = format!("{PARTITION} names it and there is no such picture");
            self.unjoined.push((name.to_owned(), reason));
        }
    }

    fn path(&self, index: usize) -> PathBuf {
        self.folder.join(&*self.names[index])
    }
}

impl Source for CelebaSource {
    fn len(&self) -> usize {
        self.names.len()
    }

    fn id(&self, index: usize) -> ClipId {
        let name = &*self.names[index];
        ClipId::new(name.rsplit_once('.').map_or(name, |(stem, _)| stem))
    }

    fn identity(&self, index: usize) -> Result<String, DataError> {
        Ok(content(&self.files(index))?.finalize().to_hex().to_string())
    }

    fn files(&self, index: usize) -> Vec<PathBuf> {
        vec![self.path(index)]
    }

    fn pixel_decoder(&self, index: usize) -> Option<String> {
        decoder(&self.path(index))
    }

    fn sample(&self, index: usize, window: &Window) -> Result<Sample, DataError> {
        let path = self.path(index);
        let still = Still {
            rgb: read_picture(&path)?,
            masks: None,
            classes: None,
            void: None,
        };
        still.sample(self.id(index), window, &path)
    }

    fn unjoined(&self) -> Vec<(String, String)> {
        self.unjoined.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use ndarray::Array3;

    use super::*;
    use crate::source::interface::GroundTruth;
    use crate::video::write_png;
    use crate::window::{Fit, FrameSampling};

    fn tree(partition: &str) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("celeba/img_align_celeba");
        fs::create_dir_all(&folder).unwrap();
        for number in 1..=4_u8 {
            let picture = Array3::from_elem((218, 178, 3), number);
            write_png(&folder.join(format!("{number:06}.jpg")), picture.view()).unwrap();
        }
        fs::write(root.path().join("celeba").join(PARTITION), partition).unwrap();
        root
    }

    fn opened(root: &Path, split: Split) -> Result<Box<dyn Source>, DataError> {
        open("celeba", &SourceConfig::of(root, split))
    }

    #[test]
    fn every_face_is_in_the_split_that_the_partition_says() {
        let root = tree("000001.jpg 0\n000002.jpg 2\r\n000003.jpg 1\n000004.jpg 0\n");
        for (split, numbers) in [
            (Split::Train, &[1, 4][..]),
            (Split::Val, &[3]),
            (Split::Test, &[2]),
        ] {
            let source = opened(root.path(), split).unwrap();
            let window = Window {
                start: 0,
                count: Some(1),
                pace: FrameSampling::Fps(8.0),
                size: [16, 16],
                fit: Fit::Stretch,
            };
            let seen: Vec<u8> = (0..source.len())
                .map(|index| source.sample(index, &window).unwrap().clip.frames[[0, 3, 3, 1]])
                .collect();
            assert_eq!(seen, numbers);
            assert!(GroundTruth::ALL.iter().all(|truth| !source.knows(*truth)));
        }
        let celeba = root.path().join("celeba");
        assert_eq!(
            opened(&celeba, Split::Val).unwrap().id(0).as_str(),
            "000003"
        );
    }

    #[test]
    fn a_jpeg_names_its_decoder() {
        let root = tree("000001.jpg 0\n000002.jpg 0\n");
        let path = root.path().join("celeba/img_align_celeba/000001.jpg");
        let encoder = jpeg_encoder::Encoder::new_file(&path, 100).unwrap();
        let grey = [90; 16 * 16 * 3];
        let encoded = encoder.encode(&grey, 16, 16, jpeg_encoder::ColorType::Rgb);
        encoded.unwrap();
        let source = opened(root.path(), Split::Train).unwrap();
        let decoder = crate::video::jpeg::DECODER;
        assert_eq!(source.pixel_decoder(0).as_deref(), Some(decoder));
        assert_eq!(source.pixel_decoder(1), None);
        let window = Window {
            start: 0,
            count: None,
            pace: FrameSampling::Stride(1),
            size: [8, 8],
            fit: Fit::Stretch,
        };
        let frames = source.sample(0, &window).unwrap().clip.frames;
        assert!(frames.iter().all(|value| value.abs_diff(90) <= 1));
    }

    #[test]
    fn lines_that_say_something_else_and_missing_pictures_are_named() {
        let root = tree("000001.jpg 7\n000002.jpg\n000003.jpg 2\n999999.jpg 2\n");
        let source = opened(root.path(), Split::Test).unwrap();
        assert_eq!((source.len(), source.id(0).as_str()), (1, "000003"));
        let named: Vec<String> = source
            .unjoined()
            .into_iter()
            .map(|(name, _)| name)
            .collect();
        assert_eq!(named, ["000001.jpg", "000002.jpg", "999999.jpg"]);
        let said = opened(root.path(), Split::Train).err().unwrap().to_string();
        assert!(
            said.starts_with("it names no picture of the split `train`"),
            "{said}"
        );
        fs::remove_file(root.path().join("celeba").join(PARTITION)).unwrap();
        let error = opened(root.path(), Split::Test).err().unwrap();
        assert!(error.to_string().contains(PARTITION), "{error}");
    }
}
