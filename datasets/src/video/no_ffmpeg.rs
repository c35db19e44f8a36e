//! The functions that need FFmpeg, in a build without it: each answers with an error.

use std::convert::Infallible;
use std::path::{Path, PathBuf};

use ndarray::{Array3, ArrayView3, ArrayView4};

use crate::clip::Clip;
use crate::error::DataError;
use crate::video::info::{DecodeOptions, Extent, Format, Read, VideoInfo};
use crate::window::Window;

fn closed<T>(path: &Path) -> Result<T, DataError> {
    Err(DataError::WithoutVideo {
        path: path.to_owned(),
    })
}

/// What a file's header says.
///
/// # Errors
/// Always: this build has no FFmpeg.
pub fn probe(path: &Path) -> Result<VideoInfo, DataError> {
    closed(path)
}

/// Frames and seconds that a file's packets hold.
///
/// # Errors
/// Always: this build has no FFmpeg.
pub fn extent(path: &Path) -> Result<Extent, DataError> {
    closed(path)
}

/// The frames in `window`.
///
/// # Errors
/// Always: this build has no FFmpeg.
pub fn read(path: &Path, _window: &Window) -> Result<Clip, DataError> {
    closed(path)
}

/// The frames in `window` and what was wrong with the file.
///
/// # Errors
/// Always: this build has no FFmpeg.
pub fn read_with(path: &Path, _window: &Window, _decode: DecodeOptions) -> Result<Read, DataError> {
    closed(path)
}

/// The frames in `window`, one at a time.
///
/// # Errors
/// Always: this build has no FFmpeg.
pub fn frames(path: &Path, _window: &Window, _decode: DecodeOptions) -> Result<Frames, DataError> {
    closed(path)
}

/// Writes a clip.
///
/// # Errors
/// Always: this build has no FFmpeg.
pub fn write(
    path: &Path,
    _frames: ArrayView4<u8>,
    _fps: f32,
    _format: Format,
) -> Result<(), DataError> {
    closed(path)
}

/// Frames of a file; there are none in this build.
pub struct Frames(Infallible);

impl Frames {
    /// What the file's header says.
    pub fn info(&self) -> &VideoInfo {
        match self.0 {}
    }

    /// Frames a second of what is delivered.
    pub fn fps(&self) -> f32 {
        match self.0 {}
    }

    /// What was wrong with the file.
    pub fn note(&self) -> Option<String> {
        match self.0 {}
    }
}

impl Iterator for Frames {
    type Item = Result<Array3<u8>, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.0 {}
    }
}

/// Windows of one file; none is read in this build.
pub struct ConsecutiveWindows(PathBuf);

impl ConsecutiveWindows {
    /// Windows of the file at `path`.
    pub fn new(path: &Path, _decode: DecodeOptions) -> Self {
        Self(path.to_owned())
    }

    /// The frames in `window`.
    ///
    /// # Errors
    /// Always: this build has no FFmpeg.
    pub fn read(&mut self, _window: &Window, _next: Option<usize>) -> Result<Read, DataError> {
        closed(&self.0)
    }
}

/// A video file on its way; there is none in this build.
pub struct Writer(Infallible);

impl Writer {
    /// A file for frames of `[height, width]`.
    ///
    /// # Errors
    /// Always: this build has no FFmpeg.
    pub fn create(
        path: &Path,
        _size: [usize; 2],
        _fps: f32,
        _format: Format,
    ) -> Result<Self, DataError> {
        closed(path)
    }

    /// Adds a frame.
    ///
    /// # Errors
    /// Never: there is no writer.
    pub fn push(&mut self, _frame: ArrayView3<u8>) -> Result<(), DataError> {
        match self.0 {}
    }

    /// Ends the file.
    ///
    /// # Errors
    /// Never: there is no writer.
    pub fn finish(self) -> Result<(), DataError> {
        match self.0 {}
    }
}
