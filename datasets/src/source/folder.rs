//! Videos of one's own: files, folders of files, and folders of numbered pictures.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use ndarray::{Array4, Axis};

use super::interface::Source;
use crate::clip::{Clip, ClipId, Sample};
use crate::error::DataError;
use crate::listing::{ending, entries, nothing_in, pictures, unreadable};
use crate::video::fit::resize;
use crate::video::png::png_size;
use crate::video::{DecodeOptions, UNKNOWN_FPS, probe, read_png, read_with};
use crate::window::{Fit, FrameSampling, Window};

/// The endings that make a file in a folder a video. A file that is named by itself may have any.
const ENDINGS: &str = "3gp avi flv gif m2ts m4v mkv mov mp4 mpeg mpg mts mxf ogv ts webm wmv y4m";

/// Clips from paths that a person named.
///
/// A path is a video file; a folder with numbered pictures (`0000.png`, `0001.png`, …), which is one clip; or a folder
/// of these two, which is many, by name. A folder of pictures names no rate: at [`FrameSampling::Fps`] every picture is one
/// sampled frame, at [`FrameSampling::Stride`] they are taken to be [`UNKNOWN_FPS`] a second.
#[derive(Debug)]
pub struct FolderSource {
    clips: Vec<(ClipId, ClipFiles)>,
    decode: DecodeOptions,
}

/// Files of a clip.
#[derive(Debug, Clone, PartialEq, Eq)]
enum ClipFiles {
    File(PathBuf),
    /// The pictures, in order, and their folder.
    Pictures(PathBuf, Vec<PathBuf>),
}

impl FolderSource {
    /// The clips at `paths`. Files are not opened yet.
    ///
    /// # Errors
    /// When there is no path, or one of them does not exist or is a folder without videos.
    pub fn open(paths: &[PathBuf]) -> Result<Self, DataError> {
        let mut places = Vec::new();
        for path in paths {
            let meta = fs::metadata(path).map_err(|source| unreadable(source, path))?;
            if !meta.is_dir() {
                places.push(ClipFiles::File(path.clone()));
                continue;
            }
            let before = places.len();
            places.extend(look_into(path)?);
            if places.len() == before {
                return Err(nothing_in(path)?);
            }
        }
        if places.is_empty() {
            return Err(DataError::NoVideos {
                path: PathBuf::new(),
            });
        }
        Ok(Self {
            clips: name(places),
            decode: DecodeOptions::default(),
        })
    }

    /// The same clips, decoded in another way.
    #[must_use]
    pub fn decoded(self, decode: DecodeOptions) -> Self {
        Self { decode, ..self }
    }

    /// The clip's file, or its folder of pictures.
    ///
    /// # Panics
    /// When `index` is not below [`Source::len`].
    pub fn path(&self, index: usize) -> &Path {
        match &self.clips[index].1 {
            ClipFiles::File(path) | ClipFiles::Pictures(path, _) => path,
        }
    }

    /// The whole clip, every frame as large as it is stored.
    ///
    /// # Errors
    /// When the clip cannot be read, or its pictures differ in size.
    ///
    /// # Panics
    /// When `index` is not below [`Source::len`].
    pub fn whole(&self, index: usize) -> Result<Sample, DataError> {
        let size = match &self.clips[index].1 {
            ClipFiles::File(path) => {
                let info = probe(path)?;
                [info.height, info.width]
            }
            ClipFiles::Pictures(folder, pictures) => same_size(folder, pictures)?,
        };
        let window = Window {
            start: 0,
            count: None,
            pace: FrameSampling::Stride(1),
            size,
            fit: Fit::Stretch,
        };
        self.read(index, &window)
    }

    /// The frames in a window, of any size.
    fn read(&self, index: usize, window: &Window) -> Result<Sample, DataError> {
        let (id, place) = &self.clips[index];
        match place {
            ClipFiles::File(path) => {
                let read = read_with(path, window, self.decode)?;
                let clip = Clip {
                    id: id.clone(),
                    ..read.clip
                };
                Ok(Sample {
                    note: read.note,
                    ..clip.into()
                })
            }
            ClipFiles::Pictures(folder, pictures) => {
                Ok(read_pictures(id, folder, pictures, window)?.into())
            }
        }
    }

    /// Number of sampled frames of a clip at the pace of `window`, by its header; counted where that does not say.
    ///
    /// # Errors
    /// When the clip cannot be read.
    pub fn frames(&self, index: usize, window: &Window) -> Result<usize, DataError> {
        let path = match &self.clips[index].1 {
            ClipFiles::File(path) => path,
            ClipFiles::Pictures(_, pictures) => {
                return Ok(match window.pace {
                    FrameSampling::Stride(stride) => pictures.len().div_ceil(stride.max(1)),
                    FrameSampling::Fps(_) => pictures.len(),
                });
            }
        };
        let info = probe(path)?;
        let said = match window.pace {
            FrameSampling::Stride(stride) => {
                info.frames.map(|frames| frames.div_ceil(stride.max(1)))
            }
            FrameSampling::Fps(fps) => info
                .secs
                .map(|secs| (secs * f64::from(fps)).ceil() as usize),
        };
        if let Some(said) = said {
            return Ok(said);
        }
        let small = Window {
            start: 0,
            count: None,
            size: [LEAST_SIDE; 2],
            ..*window
        };
        let mut count = 0;
        for frame in crate::video::frames(path, &small, self.decode)? {
            frame?;
            count += 1;
        }
        Ok(count)
    }
}

/// Height and width of pictures that are all of one size.
fn same_size(folder: &Path, pictures: &[PathBuf]) -> Result<[usize; 2], DataError> {
    let mut first = None;
    for picture in pictures {
        let size = png_size(picture)?;
        let expected = *first.get_or_insert(size);
        if size != expected {
            let name = picture.file_name().unwrap_or_default().to_string_lossy();
            return Err(DataError::Malformed {
                reason: format!(
                    "pictures differ in size: {expected:?} at first, {size:?} in {name}"
                ),
                path: folder.to_owned(),
            });
        }
    }
    first.ok_or_else(|| DataError::NoVideos {
        path: folder.to_owned(),
    })
}

impl Source for FolderSource {
    fn len(&self) -> usize {
        self.clips.len()
    }

    fn id(&self, index: usize) -> ClipId {
        self.clips[index].0.clone()
    }

    fn identity(&self, index: usize) -> Result<String, DataError> {
        let mut hash = blake3::Hasher::new();
        match &self.clips[index].1 {
            ClipFiles::File(path) => hash_file(&mut hash, path)?,
            ClipFiles::Pictures(_, pictures) => {
                for picture in pictures {
                    // Of its own each, so that no bytes wander from one picture to the next.
                    let mut own = blake3::Hasher::new();
                    hash_file(&mut own, picture)?;
                    hash.update(own.finalize().as_bytes());
                }
            }
        }
        Ok(hash.finalize().to_hex().to_string())
    }

    fn files(&self, index: usize) -> Vec<PathBuf> {
        match &self.clips[index].1 {
            ClipFiles::File(path) => vec![path.clone()],
            ClipFiles::Pictures(_, pictures) => pictures.clone(),
        }
    }

    fn sample(&self, index: usize, window: &Window) -> Result<Sample, DataError> {
        match &self.clips[index].1 {
            ClipFiles::File(path) => {
                let info = probe(path)?;
                large_enough([info.height, info.width], path)?;
            }
            ClipFiles::Pictures(_, pictures) => {
                for picture in pictures.iter().take(1) {
                    large_enough(png_size(picture)?, picture)?;
                }
            }
        }
        self.read(index, window)
    }
}

/// The shortest side of a frame in which an object could be seen, pixels.
const LEAST_SIDE: usize = 8;

/// Refuses frames in which no object could be seen.
fn large_enough([height, width]: [usize; 2], path: &Path) -> Result<(), DataError> {
    if height.min(width) >= LEAST_SIDE {
        return Ok(());
    }
    Err(DataError::TooSmall {
        width,
        height,
        least: LEAST_SIDE,
        path: path.to_owned(),
    })
}

/// A clip of numbered pictures.
fn read_pictures(
    id: &ClipId,
    folder: &Path,
    pictures: &[PathBuf],
    window: &Window,
) -> Result<Clip, DataError> {
    window.check()?;
    let (stride, fps) = match window.pace {
        FrameSampling::Stride(stride) => (stride, UNKNOWN_FPS / stride as f32),
        FrameSampling::Fps(fps) => (1, fps),
    };
    let count = window.count.unwrap_or(usize::MAX);
    let wanted: Vec<&PathBuf> = pictures
        .iter()
        .step_by(stride)
        .skip(window.start)
        .take(count)
        .collect();
    if wanted.is_empty() {
        let reason = format!(
            "asked to start at frame {} of every {stride}-th; there are {}",
            window.start,
            pictures.len()
        );
        return Err(DataError::NoFrames {
            reason,
            path: folder.to_owned(),
        });
    }
    let [height, width] = window.size;
    let mut frames = Array4::zeros((wanted.len(), height, width, 3));
    for (mut frame, picture) in frames.axis_iter_mut(Axis(0)).zip(wanted) {
        frame.assign(&resize(read_png(picture)?.view(), window.size, window.fit));
    }
    Ok(Clip {
        id: id.clone(),
        frames,
        fps,
    })
}

/// The clips in a folder, by name.
fn look_into(folder: &Path) -> Result<Vec<ClipFiles>, DataError> {
    if let Some(pictures) = numbered(folder)? {
        return Ok(vec![pictures]);
    }
    let mut places = Vec::new();
    for path in entries(folder)? {
        if path.is_dir() {
            places.extend(numbered(&path)?);
        } else if is_video(&path) {
            places.push(ClipFiles::File(path));
        }
    }
    Ok(places)
}

/// A folder's numbered pictures in the order of their numbers, if it has any.
fn numbered(folder: &Path) -> Result<Option<ClipFiles>, DataError> {
    let pictures = pictures(folder)?;
    Ok((!pictures.is_empty()).then(|| ClipFiles::Pictures(folder.to_owned(), pictures)))
}

fn is_video(path: &Path) -> bool {
    let ending = ending(path);
    ENDINGS.split(' ').any(|known| known == ending)
}

/// A name of its own for every clip: the file's, and a number where two share it.
fn name(places: Vec<ClipFiles>) -> Vec<(ClipId, ClipFiles)> {
    let mut taken = BTreeSet::new();
    let mut named = Vec::with_capacity(places.len());
    for place in places {
        let plain = match &place {
            ClipFiles::File(path) => path.file_stem(),
            ClipFiles::Pictures(folder, _) => folder.file_name(),
        };
        let plain = plain.unwrap_or_default().to_string_lossy().into_owned();
        let mut id = ClipId::new(&plain);
        let mut number = 2;
        while !taken.insert(id.clone()) {
            id = ClipId::new(&format!("{plain}-{number}"));
            number += 1;
        }
        named.push((id, place));
    }
    named
}

pub(super) fn hash_file(hash: &mut blake3::Hasher, path: &Path) -> Result<(), DataError> {
    let file = File::open(path).map_err(|source| unreadable(source, path))?;
    hash.update_reader(file)
        .map_err(|source| unreadable(source, path))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use ndarray::Array3;

    use super::*;
    use crate::video::write_png;
    use crate::window::Fit;

    const WINDOW: Window = Window {
        start: 0,
        count: None,
        pace: FrameSampling::Stride(1),
        size: [4, 4],
        fit: Fit::Crop,
    };

    fn ids(source: &FolderSource) -> Vec<String> {
        (0..source.len())
            .map(|index| source.id(index).to_string())
            .collect()
    }

    #[test]
    fn files_and_folders_become_clips_with_names_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("more");
        fs::create_dir(&inside).unwrap();
        for name in ["b.webm", "a.mp4", "a.MOV", "notes.txt", ".hidden.mp4"] {
            fs::write(inside.join(name), name).unwrap();
        }
        let odd = folder.path().join("a.video");
        fs::write(&odd, "named by itself").unwrap();
        let source = FolderSource::open(&[odd, inside.clone()]).unwrap();
        assert_eq!(ids(&source), ["a", "a-2", "a-3", "b"]);
        assert_eq!(source.path(3), inside.join("b.webm"));
    }

    #[test]
    fn numbered_pictures_are_frames_in_the_order_of_their_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let clip = folder.path().join("ball");
        fs::create_dir(&clip).unwrap();
        for number in [0_u8, 2, 10, 1] {
            let picture = Array3::from_elem((8, 8, 3), number);
            write_png(&clip.join(format!("{number}.png")), picture.view()).unwrap();
        }
        for path in [folder.path(), &clip] {
            let source = FolderSource::open(&[path.to_owned()]).unwrap();
            assert_eq!(ids(&source), ["ball"]);
            let sample = source.sample(0, &WINDOW).unwrap();
            let numbers: Vec<u8> = sample
                .clip
                .frames
                .outer_iter()
                .map(|frame| frame[[0, 0, 0]])
                .collect();
            assert_eq!(numbers, [0, 1, 2, 10]);
            assert_eq!(sample.clip.frames.dim(), (4, 4, 4, 3));
            let late = Window {
                start: 1,
                pace: FrameSampling::Stride(2),
                ..WINDOW
            };
            assert_eq!(
                source.sample(0, &late).unwrap().clip.frames[[0, 0, 0, 0]],
                2
            );
            let past = Window { start: 9, ..WINDOW };
            assert!(matches!(
                source.sample(0, &past),
                Err(DataError::NoFrames { .. })
            ));
        }
    }

    #[test]
    fn what_a_clip_is_follows_its_bytes_and_not_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["a.mp4", "b.mp4", "c.mp4"].map(|name| folder.path().join(name));
        for (path, text) in paths.iter().zip(["same", "same", "other"]) {
            fs::write(path, text).unwrap();
        }
        let source = FolderSource::open(&paths).unwrap();
        let identity = |index| source.identity(index).unwrap();
        assert_eq!(identity(0), identity(1));
        assert_ne!(identity(0), identity(2));
    }

    #[test]
    fn nothing_at_a_path_is_said_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("no.mp4");
        assert!(matches!(
            FolderSource::open(&[missing]),
            Err(DataError::Io { .. })
        ));
        assert!(matches!(
            FolderSource::open(&[folder.path().to_owned()]),
            Err(DataError::NoVideos { .. })
        ));
        assert!(matches!(
            FolderSource::open(&[]),
            Err(DataError::NoVideos { .. })
        ));
    }

    #[cfg(feature = "video")]
    #[test]
    fn a_video_file_is_read_under_its_own_name_with_what_was_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("two words.mp4");
        let frames = Array4::from_elem((40, 16, 16, 3), 90);
        crate::video::write(&path, frames.view(), 10.0, crate::video::Format::Mp4).unwrap();
        let source = FolderSource::open(std::slice::from_ref(&path)).unwrap();
        let sample = source.sample(0, &WINDOW).unwrap();
        assert_eq!(
            (sample.clip.id.as_str(), sample.clip.frames.dim().0),
            ("two-words", 40)
        );
        assert_eq!(sample.note, None);
    }
}
