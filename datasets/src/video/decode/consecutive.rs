//! Windows of a file, one after another: a decoder goes on where the last window ended.

use std::path::{Path, PathBuf};

use super::read::{Frames, frames};
use crate::error::DataError;
use crate::video::info::{DecodeOptions, Read};
use crate::window::Window;

/// Reads windows of one file. Each is what [`read_with`](super::read::read_with) gives; those that come in the order of their
/// starts are decoded in one pass.
pub struct ConsecutiveWindows {
    path: PathBuf,
    decode: DecodeOptions,
    open: Option<Open>,
}

/// A decoder that stopped at the end of a window.
struct Open {
    frames: Frames,
    /// Pixels of the window's last frames, which the next window has as well.
    shared: Vec<u8>,
}

impl ConsecutiveWindows {
    /// Windows of the file at `path`, which is not opened yet.
    pub fn new(path: &Path, decode: DecodeOptions) -> Self {
        Self {
            path: path.to_owned(),
            decode,
            open: None,
        }
    }

    /// The frames in `window` and what was wrong with the file. `next` is the first frame of the window that will be read
    /// after it, where that is known: frames that both have are decoded once.
    ///
    /// # Errors
    /// As [`read_with`](super::read::read_with).
    pub fn read(&mut self, window: &Window, next: Option<usize>) -> Result<Read, DataError> {
        let size = 3 * window.size[0] * window.size[1];
        let going = self.open.take().and_then(|open| open.go_on(window, size));
        let (mut frames, mut pixels) = match going {
            Some(going) => going,
            None => (frames(&self.path, window, self.decode)?, Vec::new()),
        };
        for frame in frames.by_ref() {
            pixels.extend(frame?);
        }
        let shared = next.map_or(0, |next| frames.place().saturating_sub(next) * size);
        let shared = pixels[pixels.len().saturating_sub(shared)..].to_vec();
        let read = frames.read(pixels)?;
        self.open = Some(Open { frames, shared });
        Ok(read)
    }
}

impl Open {
    /// The decoder on its way to the end of `window` and the pixels that the window has already; `None` where it has to
    /// begin anew. `size` is that of a frame, bytes.
    fn go_on(mut self, window: &Window, size: usize) -> Option<(Frames, Vec<u8>)> {
        let shared = self.frames.place().saturating_sub(window.start) * size;
        let rest = self.shared.len().checked_sub(shared)?;
        if !self.frames.go_on(window) {
            return None;
        }
        Some((self.frames, self.shared.split_off(rest)))
    }
}
