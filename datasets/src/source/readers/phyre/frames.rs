//! Frames of a simulation: pictures, or an array.

use std::fs;
use std::path::{Path, PathBuf};

use ndarray::{Array3, Array4, ArrayView3, Axis, Ix3, s};

use super::actions::{malformed, stem};
use crate::error::DataError;
use crate::listing::{entries, unreadable};
use crate::numpy::NumpyArray;
use crate::video::fit::resize;
use crate::video::read_picture;
use crate::window::Window;

/// Frames a second that the papers simulate.
const FPS: f32 = 1.0;
/// The most bytes of a clip's array that is read.
const MAX_BYTES: u64 = 1 << 30;
/// The simulator's colours, with black and white swapped: ground, red, green, blue, purple, grey, black bodies, light red.
const COLOURS: [[u8; 3]; 8] = [
    [0, 0, 0],
    [0xf3, 0x4f, 0x46],
    [0x6b, 0xce, 0xbb],
    [0x18, 0x77, 0xf2],
    [0x4b, 0x4a, 0xa4],
    [0xb9, 0xca, 0xd2],
    [255, 255, 255],
    [0xfc, 0xdf, 0xe3],
];

/// Where a simulation's frames lie.
#[derive(Debug)]
pub(super) enum Frames {
    Array(PathBuf),
    Pictures(PathBuf),
}

impl Frames {
    /// The files, in the order of frames.
    pub(super) fn files(&self) -> Result<Vec<PathBuf>, DataError> {
        match self {
            Self::Array(path) => Ok(vec![path.clone()]),
            Self::Pictures(folder) => {
                let number = |path: &Path| stem(path).parse::<usize>().ok();
                let mut numbered: Vec<_> = entries(folder)?
                    .into_iter()
                    .filter_map(|path| Some((number(&path)?, path)))
                    .collect();
                numbered.sort();
                for (place, (number, path)) in numbered.iter().enumerate() {
                    if *number != place {
                        let reason =
                            format!("frame {place} is missing, or there twice, before this");
                        return Err(malformed(reason, path));
                    }
                }
                Ok(numbered.into_iter().map(|(_, path)| path).collect())
            }
        }
    }

    /// The sampled frames in RGB, fitted to the window, and their rate.
    pub(super) fn read(&self, window: &Window) -> Result<(Array4<u8>, f32), DataError> {
        match self {
            Self::Array(path) => {
                let size = fs::metadata(path).map_err(|source| unreadable(source, path))?;
                if size.len() > MAX_BYTES {
                    let reason = format!("{} bytes for one clip", size.len());
                    return Err(malformed(reason, path));
                }
                let array = NumpyArray::open(path).and_then(NumpyArray::whole_numbers::<u8>);
                let array = array.map_err(|error| {
                    malformed(
                        format!("not frames of whole numbers below 256 ({error})"),
                        path,
                    )
                })?;
                let shape = array.shape().to_vec();
                match shape[..] {
                    [time, _, _, 3] => fitted(window, time, path, |frame| {
                        let rgb = array.index_axis(Axis(0), frame).to_owned();
                        rgb.into_dimensionality::<Ix3>()
                            .map_err(|error| malformed(error.to_string(), path))
                    }),
                    [time, _, _] => {
                        let scenes = array.view().into_dimensionality::<Ix3>();
                        let scenes = scenes.map_err(|error| malformed(error.to_string(), path))?;
                        fitted(window, time, path, |frame| coloured(scenes, frame, path))
                    }
                    _ => Err(malformed(format!("frames of shape {shape:?}"), path)),
                }
            }
            Self::Pictures(folder) => {
                let files = self.files()?;
                fitted(window, files.len(), folder, |frame| {
                    read_picture(&files[frame])
                })
            }
        }
    }
}

/// A frame as the papers show it: rows from the top, in colours.
fn coloured(scenes: ArrayView3<u8>, frame: usize, path: &Path) -> Result<Array3<u8>, DataError> {
    let (_, height, width) = scenes.dim();
    let flipped = scenes.slice(s![frame, ..;-1, ..]);
    let mut rgb = Array3::zeros((height, width, 3));
    for ((row, column), number) in flipped.indexed_iter() {
        let colour = COLOURS.get(usize::from(*number)).ok_or_else(|| {
            malformed(
                format!("frame {frame}: the colour number {number} of 8"),
                path,
            )
        })?;
        for (channel, value) in colour.iter().enumerate() {
            rgb[[row, column, channel]] = *value;
        }
    }
    Ok(rgb)
}

/// The frames of a window, fitted to its size.
fn fitted(
    window: &Window,
    total: usize,
    path: &Path,
    read: impl Fn(usize) -> Result<Array3<u8>, DataError>,
) -> Result<(Array4<u8>, f32), DataError> {
    let (numbers, fps) = window.frames(total, FPS)?;
    if numbers.is_empty() {
        return Err(DataError::NoFrames {
            reason: format!(
                "asked to start at sampled frame {}; there are {total} frames",
                window.start
            ),
            path: path.to_owned(),
        });
    }
    let [height, width] = window.size;
    let mut frames = Array4::zeros((numbers.len(), height, width, 3));
    for (mut frame, number) in frames.axis_iter_mut(Axis(0)).zip(numbers) {
        let picture = read(number)?;
        if picture.is_empty() {
            return Err(malformed(format!("frame {number} has no pixels"), path));
        }
        frame.assign(&resize(picture.view(), window.size, window.fit));
    }
    Ok((frames, fps))
}
