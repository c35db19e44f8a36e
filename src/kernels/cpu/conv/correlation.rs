//! A correlation (a sum over channels and taps, for every image), and what a task of it copies from its images.

use super::super::scratch::Shared;

/// Which source pixel a weight meets: pixel `step · (grid + shift) + phase`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tap {
    pub shift: [isize; 2],
    pub phase: [usize; 2],
}

/// Where grid points go in the target: pixel `stride · grid + offset`.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    pub height: usize,
    pub width: usize,
    pub stride: usize,
    pub offset: [usize; 2],
}

/// Which planes of the source an image is made of. Frames of a clip lie one behind the other, so what is under a window
/// over time is a run of planes; one that begins before the clip or ends after it is shorter.
#[derive(Debug, Clone, Copy)]
pub struct PlaneWindows {
    /// Windows, hence images, of a clip.
    pub windows: usize,
    /// Planes of a clip.
    pub planes: usize,
    /// Planes from one window to the next.
    pub step: usize,
    /// Planes of the first window that are before the clip.
    pub before: usize,
}

impl PlaneWindows {
    /// A clip is one image.
    pub const fn still(channels: usize) -> Self {
        Self {
            windows: 1,
            planes: channels,
            step: channels,
            before: 0,
        }
    }

    /// The first plane of an image's part in the source, and which of its `channels` have one.
    pub fn of(&self, image: usize, channels: usize) -> (usize, [usize; 2]) {
        let (clip, window) = (image / self.windows, image % self.windows);
        let first = (window * self.step) as isize - self.before as isize;
        let missing = first.min(0).unsigned_abs().min(channels);
        let past = (self.planes as isize - first).clamp(missing as isize, channels as isize);
        let plane = clip * self.planes + (first + missing as isize) as usize;
        (plane, [missing, past as usize])
    }
}

/// A sum over channels and taps, for every image.
pub struct Correlation<'a> {
    pub source: &'a [f32],
    pub channels: usize,
    pub planes: PlaneWindows,
    pub height: usize,
    pub width: usize,
    pub step: usize,
    pub taps: Vec<Tap>,
    /// Weights in panels; their depth runs over channels, then taps.
    pub packed: &'a [f32],
    pub bias: Option<&'a [f32]>,
    pub outputs: usize,
    pub grid: [usize; 2],
    pub target: Target,
    /// Sums below nought become nought.
    pub rectify: bool,
}

/// The part of an image that a task copies: for each channel and phase a plane of rows.
pub struct Window {
    pub phases: Vec<[usize; 2]>,
    /// Least shift, vertical and horizontal.
    pub origin: [isize; 2],
    /// Greatest shift less least.
    pub span: [usize; 2],
    /// Length of a row.
    pub pitch: usize,
}

/// Some rows of one image or all rows of several, some panels of outputs.
pub struct Task<'a> {
    pub correlation: &'a Correlation<'a>,
    pub window: &'a Window,
    /// The first, and how many.
    pub images: [usize; 2],
    /// Of the source, the first that is read.
    pub plane: usize,
    /// Of the depth, those that lie in the source.
    pub channels: [usize; 2],
    pub rows: [usize; 2],
    pub panels: [usize; 2],
    pub target: Shared,
}

impl Task<'_> {
    /// Where each channel and tap lies from the first pixel of a plane.
    pub fn offsets(&self, plane: usize) -> Vec<u32> {
        let Window {
            ref phases,
            origin,
            pitch,
            ..
        } = *self.window;
        let channels = self.channels[1] - self.channels[0];
        let mut offsets = Vec::with_capacity(channels * self.correlation.taps.len());
        for channel in 0..channels {
            for tap in &self.correlation.taps {
                let phase = phases
                    .iter()
                    .position(|&phase| phase == tap.phase)
                    .unwrap_or(0);
                let [y, x] = [0, 1].map(|axis| (tap.shift[axis] - origin[axis]) as usize);
                offsets.push(((channel * phases.len() + phase) * plane + y * pitch + x) as u32);
            }
        }
        offsets
    }

    /// Copies the part of the task's image `index` that its rows need, zeros outside the image.
    pub fn fill(&self, index: usize, local: &mut [f32]) {
        let Correlation {
            source,
            height,
            width,
            step,
            ..
        } = *self.correlation;
        let Window {
            ref phases,
            origin,
            span,
            pitch,
        } = *self.window;
        let channels = self.channels[1] - self.channels[0];
        let rows = self.rows[1] - self.rows[0] + span[0];
        let first = (self.plane + index * channels) * height * width;
        let image = &source[first..][..channels * height * width];
        let mut planes = local.chunks_exact_mut(pitch);
        for channel in image.chunks_exact((height * width).max(1)) {
            for &[phase_y, phase_x] in phases {
                // Columns of the window that lie inside the image.
                let inside = |column: isize| {
                    let pixel = (origin[1] + column) * step as isize + phase_x as isize;
                    (0..width as isize).contains(&pixel)
                };
                let first = (0..pitch).position(|column| inside(column as isize));
                let first = first.unwrap_or(pitch);
                let past = (first..pitch).find(|&column| !inside(column as isize));
                let past = past.unwrap_or(pitch);
                for (row, line) in (0..rows).zip(planes.by_ref()) {
                    let y = (self.rows[0] as isize + origin[0] + row as isize) * step as isize
                        + phase_y as isize;
                    if !(0..height as isize).contains(&y) || first == past {
                        line.fill(0.0);
                        continue;
                    }
                    let start = (origin[1] + first as isize) * step as isize + phase_x as isize;
                    let from = &channel[y as usize * width + start as usize..][..];
                    line[..first].fill(0.0);
                    line[past..].fill(0.0);
                    if step == 1 {
                        line[first..past].copy_from_slice(&from[..past - first]);
                    } else {
                        let pixels = from.iter().step_by(step);
                        line[first..past]
                            .iter_mut()
                            .zip(pixels)
                            .for_each(|(to, &from)| *to = from);
                    }
                }
            }
        }
    }
}
