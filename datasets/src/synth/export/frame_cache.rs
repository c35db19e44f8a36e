//! Frames and masks of many generated clips in two files, so that training need not draw them again.
//! Needs no FFmpeg. The files are arrays: `frames.npy` `[clips, time, height, width, rgb]` and `masks.npy`
//! `[clips, time, height, width]`, both bytes.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use ndarray::{Array4, Array5, ArrayView3, ArrayView4, Axis};
use rayon::prelude::*;

use crate::clip::Sample;
use crate::error::DataError;
use crate::partial::PartialFolder;
use crate::source::interface::Source;
use crate::synth::source::SynthSource;
use crate::window::Window;

/// Clips that are drawn before they are written: bounds the memory that drawing takes.
const BATCH: usize = 32;

/// Frames and masks of many clips, in memory.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameCache {
    /// `[clips, time, height, width, rgb]`
    frames: Array5<u8>,
    /// `[clips, time, height, width]`
    masks: Array4<u8>,
}

impl FrameCache {
    /// The clips of `source`, read from a folder in `dir` that is named by all that they depend on; drawn and kept
    /// there first if it does not exist.
    ///
    /// # Errors
    /// When the window holds no frame, or the folder cannot be written or read.
    pub fn open_or_generate(
        dir: &Path,
        source: &SynthSource,
        window: &Window,
    ) -> Result<Self, DataError> {
        let folder = dir.join(folder_name(source, window));
        if !folder.join(MASKS).is_file() {
            generate(&folder, source, window)?;
        }
        Self::open(&folder)
    }

    /// The clips in a folder.
    ///
    /// # Errors
    /// When its files cannot be read or do not belong together.
    pub fn open(folder: &Path) -> Result<Self, DataError> {
        let (frames_path, masks_path) = (folder.join(FRAMES), folder.join(MASKS));
        let malformed = |path: &Path, reason: String| DataError::Malformed {
            reason,
            path: path.to_owned(),
        };
        let (shape, bytes) = read_npy(&frames_path)?;
        let [clips, time, height, width, 3] = shape[..] else {
            return Err(malformed(
                &frames_path,
                format!("shape {shape:?} is not clips, time, height, width, 3"),
            ));
        };
        let (mask_shape, mask_bytes) = read_npy(&masks_path)?;
        if mask_shape != [clips, time, height, width] {
            return Err(malformed(
                &masks_path,
                format!("shape {mask_shape:?} does not go with frames of {shape:?}"),
            ));
        }
        let frames = Array5::from_shape_vec((clips, time, height, width, 3), bytes);
        let masks = Array4::from_shape_vec((clips, time, height, width), mask_bytes);
        Ok(Self {
            frames: frames.map_err(|error| malformed(&frames_path, error.to_string()))?,
            masks: masks.map_err(|error| malformed(&masks_path, error.to_string()))?,
        })
    }

    /// All pixels and all masks, in the shapes of the files.
    pub fn into_arrays(self) -> (Array5<u8>, Array4<u8>) {
        (self.frames, self.masks)
    }

    /// How many clips there are.
    pub fn len(&self) -> usize {
        self.frames.len_of(Axis(0))
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many frames each clip has.
    pub fn time(&self) -> usize {
        self.frames.len_of(Axis(1))
    }

    /// The pixels of a clip, `[time, height, width, rgb]`.
    ///
    /// # Panics
    /// When `clip` is not below [`FrameCache::len`].
    pub fn frames(&self, clip: usize) -> ArrayView4<'_, u8> {
        self.frames.index_axis(Axis(0), clip)
    }

    /// The masks of a clip, `[time, height, width]`: object ids plus one, 0 is background. For scores, never for
    /// training an encoder.
    ///
    /// # Panics
    /// When `clip` is not below [`FrameCache::len`].
    pub fn masks(&self, clip: usize) -> ArrayView3<'_, u8> {
        self.masks.index_axis(Axis(0), clip)
    }
}

const FRAMES: &str = "frames.npy";
const MASKS: &str = "masks.npy";

/// A folder's name for all that its bytes depend on, beginning with what a person looks for.
fn folder_name(source: &SynthSource, window: &Window) -> String {
    let SynthSource {
        preset,
        first_seed,
        count,
        ..
    } = source;
    let [height, width] = window.size;
    let (start, frames, pace) = (window.start, window.count, window.pace);
    let key = blake3::hash(format!("{} {start} {frames:?} {pace:?}", preset.identity()).as_bytes());
    format!(
        "{}-{first_seed:07}-{count}-{height}x{width}-{}",
        preset.name,
        &key.to_hex()[..12]
    )
}

/// Draws all clips into a folder that appears only when it is complete.
fn generate(folder: &Path, source: &SynthSource, window: &Window) -> Result<(), DataError> {
    let partial = PartialFolder::unique(folder).map_err(failed("create", folder))?;
    draw(partial.path(), source, window)?;
    // Another process that was faster drew the same bytes.
    partial.keep_first().map_err(failed("create", folder))
}

/// Draws all clips into an existing folder.
fn draw(folder: &Path, source: &SynthSource, window: &Window) -> Result<(), DataError> {
    let (frames_path, masks_path) = (folder.join(FRAMES), folder.join(MASKS));
    let create = |path: &Path| {
        File::create(path)
            .map(BufWriter::new)
            .map_err(failed("create", path))
    };
    let (mut frames, mut masks) = (create(&frames_path)?, create(&masks_path)?);
    let all: Vec<usize> = (0..source.len()).collect();
    for (batch, clips) in all.chunks(BATCH).enumerate() {
        let samples = clips.par_iter().map(|clip| source.sample(*clip, window));
        let samples: Vec<Sample> = samples.collect::<Result<_, _>>()?;
        for (k, sample) in samples.iter().enumerate() {
            let (pixels, ids) = (&sample.clip.frames, sample.masks.as_ref());
            if batch == 0 && k == 0 {
                let (time, height, width, rgb) = pixels.dim();
                let (mask_shape, shape) = (
                    [all.len(), time, height, width],
                    [all.len(), time, height, width, rgb],
                );
                frames
                    .write_all(&npy_header(&shape))
                    .map_err(failed("write", &frames_path))?;
                masks
                    .write_all(&npy_header(&mask_shape))
                    .map_err(failed("write", &masks_path))?;
            }
            let pixels = pixels.as_slice().unwrap_or_default();
            frames
                .write_all(pixels)
                .map_err(failed("write", &frames_path))?;
            let ids = ids.and_then(|ids| ids.as_slice()).unwrap_or_default();
            masks.write_all(ids).map_err(failed("write", &masks_path))?;
        }
    }
    frames.flush().map_err(failed("write", &frames_path))?;
    masks.flush().map_err(failed("write", &masks_path))
}

/// What stands before bytes of this shape in an `.npy` file.
///
/// # Source
/// Format version 1.0 of <https://numpy.org/neps/nep-0001-npy-format.html>.
fn npy_header(shape: &[usize]) -> Vec<u8> {
    let numbers: Vec<String> = shape.iter().map(ToString::to_string).collect();
    let mut words = format!(
        "{{'descr': '|u1', 'fortran_order': False, 'shape': ({},), }}",
        numbers.join(", ")
    );
    let start = MAGIC.len() + 2;
    let length = (start + words.len() + 1).next_multiple_of(64) - start;
    words.push_str(&" ".repeat(length - words.len() - 1));
    words.push('\n');
    [&MAGIC[..], &(length as u16).to_le_bytes(), words.as_bytes()].concat()
}

/// How `.npy` files of version 1.0 begin.
const MAGIC: [u8; 8] = *b"\x93NUMPY\x01\x00";

/// Shape and bytes of a file as [`npy_header`] begins it.
fn read_npy(path: &Path) -> Result<(Vec<usize>, Vec<u8>), DataError> {
    let malformed = |reason: &str| DataError::Malformed {
        reason: reason.to_owned(),
        path: path.to_owned(),
    };
    let file = File::open(path).map_err(failed("read", path))?;
    let length = file.metadata().map_err(failed("read", path))?.len();
    let mut file = BufReader::new(file);
    let mut start = [0; MAGIC.len() + 2];
    file.read_exact(&mut start).map_err(failed("read", path))?;
    if start[..MAGIC.len()] != MAGIC {
        return Err(malformed("not a NumPy file of version 1.0"));
    }
    let mut words = vec![0; usize::from(u16::from_le_bytes([start[8], start[9]]))];
    file.read_exact(&mut words).map_err(failed("read", path))?;
    let words = String::from_utf8_lossy(&words).into_owned();
    if !words.contains("'|u1'") || !words.contains("'fortran_order': False") {
        return Err(malformed("not bytes in rows"));
    }
    let shape = words
        .split_once('(')
        .and_then(|(_, rest)| rest.split_once(')'))
        .map(|(shape, _)| shape);
    let numbers = shape
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|number| !number.is_empty());
    let shape: Vec<usize> = numbers
        .map(str::parse)
        .collect::<Result<_, _>>()
        .map_err(|_| malformed("odd shape"))?;
    let total = shape
        .iter()
        .try_fold(1usize, |product, part| product.checked_mul(*part));
    let rest = length.saturating_sub((start.len() + words.len()) as u64);
    if total.map(|total| total as u64) != Some(rest) {
        return Err(malformed(
            "the file does not hold as many bytes as its shape says",
        ));
    }
    let mut bytes = Vec::with_capacity(rest as usize);
    file.read_to_end(&mut bytes).map_err(failed("read", path))?;
    Ok((shape, bytes))
}

/// The error of a file operation.
fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DataError {
    let path: PathBuf = path.to_owned();
    move |source| DataError::Io {
        action,
        source,
        path,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::source::split::Split;
    use crate::synth::preset::SynthPreset;
    use crate::window::{Fit, FrameSampling};

    fn source(count: usize) -> SynthSource {
        SynthSource::new(SynthPreset::synth().unwrap(), Split::Train, 7, count)
    }

    fn window() -> Window {
        Window {
            start: 1,
            count: Some(3),
            pace: FrameSampling::Stride(8),
            size: [12, 12],
            fit: Fit::Crop,
        }
    }

    #[test]
    fn what_is_read_back_is_what_was_drawn() {
        let dir = tempfile::tempdir().unwrap();
        let drawn = FrameCache::open_or_generate(dir.path(), &source(3), &window()).unwrap();
        let again = FrameCache::open_or_generate(dir.path(), &source(3), &window()).unwrap();
        assert_eq!(drawn, again);
        assert_eq!((drawn.len(), drawn.time()), (3, 3));
        let sample = source(3).sample(2, &window()).unwrap();
        assert_eq!(drawn.frames(2), sample.clip.frames);
        assert_eq!(drawn.masks(2), sample.masks.unwrap());
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            1,
            "nothing half-written stays"
        );
    }

    #[test]
    fn another_window_is_another_folder() {
        let later = Window {
            start: 2,
            ..window()
        };
        assert_ne!(
            folder_name(&source(3), &window()),
            folder_name(&source(3), &later)
        );
    }

    #[test]
    fn a_cut_file_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let cache = FrameCache::open_or_generate(dir.path(), &source(1), &window());
        cache.unwrap();
        let path = dir
            .path()
            .join(folder_name(&source(1), &window()))
            .join(FRAMES);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        let error = FrameCache::open_or_generate(dir.path(), &source(1), &window()).unwrap_err();
        assert!(matches!(error, DataError::Malformed { .. }), "{error}");
    }
}
