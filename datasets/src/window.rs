//! Windows: the sampled frames of a clip, their size and how they are fitted to it.

use serde::{Deserialize, Serialize};

use crate::error::DataError;
use crate::video::limits::MAX_SIDE;

/// Fitting of frames of another aspect ratio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    /// The largest centred part of the right shape.
    #[default]
    Crop,
    /// The whole frame between black bars.
    Pad,
    /// The whole frame, its shape changed.
    Stretch,
}

/// Distance between sampled frames.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FrameSampling {
    /// Every n-th frame of the file; at least 1.
    Stride(usize),
    /// Frames a second by presentation time: the frame shown at each instant, whatever the file's own rate.
    /// A file that is slower shows a frame more than once.
    Fps(f32),
}

/// Sampled frames of a clip and their size.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Window {
    /// The first frame, counted in sampled frames.
    pub start: usize,
    /// How many sampled frames at most; all if absent.
    pub count: Option<usize>,
    /// Distance between sampled frames.
    pub pace: FrameSampling,
    /// Height and width of a delivered frame, pixels.
    pub size: [usize; 2],
    /// Fitting of frames of another aspect ratio.
    pub fit: Fit,
}

impl Window {
    /// Refuses a window that no clip could fill.
    ///
    /// # Errors
    /// When a size, a count or a pace is nothing or not a number.
    pub fn check(&self) -> Result<(), DataError> {
        let fine_size = self.size.iter().all(|side| (1..=MAX_SIDE).contains(side));
        let reason = match self.pace {
            FrameSampling::Stride(0) => "a stride of 0".to_owned(),
            FrameSampling::Fps(fps) if !(fps.is_finite() && fps > 0.0) => {
                format!("{fps} frames a second")
            }
            _ if self.count == Some(0) => "a count of 0".to_owned(),
            _ if !fine_size => format!("frames of {}×{} pixels", self.size[1], self.size[0]),
            _ => return Ok(()),
        };
        Err(DataError::Window { reason })
    }

    /// The sampled frames of a clip of `total` frames at `fps`, by number, and their rate; none when the clip ends
    /// before the window starts.
    ///
    /// # Errors
    /// As [`Window::check`].
    pub fn frames(&self, total: usize, fps: f32) -> Result<(Vec<usize>, f32), DataError> {
        self.check()?;
        let (step, sampled_fps) = match self.pace {
            FrameSampling::Stride(stride) => (stride as f64, fps / stride as f32),
            FrameSampling::Fps(wanted) => (f64::from(fps) / f64::from(wanted), wanted),
        };
        // A frame is shown until the next: the small share makes up for what fractions lose.
        let shown = |sampled: usize| (sampled as f64 * step + 1e-3) as usize;
        let count = self.count.unwrap_or(usize::MAX);
        let numbers = (self.start..).map(shown).take_while(|frame| *frame < total);
        Ok((numbers.take(count).collect(), sampled_fps))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_sampled_by_number_or_by_time() {
        let window = |start, count, pace| Window {
            start,
            count,
            pace,
            size: [8, 8],
            fit: Fit::Crop,
        };
        let (by_number, by_time) = (FrameSampling::Stride(3), FrameSampling::Fps(8.0));
        let frames = |start, count, pace| window(start, count, pace).frames(10, 12.0).unwrap();
        assert_eq!(frames(0, None, by_number), (vec![0, 3, 6, 9], 4.0));
        assert_eq!(frames(1, Some(2), by_number), (vec![3, 6], 4.0));
        assert_eq!(frames(0, None, by_time), (vec![0, 1, 3, 4, 6, 7, 9], 8.0));
        let faster = FrameSampling::Fps(24.0);
        assert_eq!(frames(0, Some(5), faster), (vec![0, 0, 1, 1, 2], 24.0));
        assert!(frames(4, None, by_number).0.is_empty());
        let zero = window(0, None, FrameSampling::Stride(0));
        assert!(zero.frames(10, 12.0).is_err());
    }

    #[test]
    fn a_window_that_no_clip_fills_is_refused() {
        let fine = Window {
            start: 0,
            count: None,
            pace: FrameSampling::Stride(1),
            size: [64, 64],
            fit: Fit::Crop,
        };
        assert!(fine.check().is_ok());
        for broken in [
            Window {
                count: Some(0),
                ..fine
            },
            Window {
                pace: FrameSampling::Stride(0),
                ..fine
            },
            Window {
                pace: FrameSampling::Fps(f32::NAN),
                ..fine
            },
            Window {
                pace: FrameSampling::Fps(0.0),
                ..fine
            },
            Window {
                size: [0, 64],
                ..fine
            },
        ] {
            assert!(broken.check().is_err(), "{broken:?}");
        }
    }
}
