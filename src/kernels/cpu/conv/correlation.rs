//! How a correlation is split into tasks, and what each copies from its images.

use rayon::prelude::*;

use super::super::scratch::{Shared, with_scratch};
use super::super::tile::{PANEL, SLACK, VECTORS};
use super::run::Run;
use crate::kernels::cpu::simd::Isa;

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
pub struct Frames {
    /// Windows, hence images, of a clip.
    pub windows: usize,
    /// Planes of a clip.
    pub planes: usize,
    /// Planes from one window to the next.
    pub step: usize,
    /// Planes of the first window that are before the clip.
    pub before: usize,
}

impl Frames {
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
    fn of(&self, image: usize, channels: usize) -> (usize, [usize; 2]) {
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
    pub frames: Frames,
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

impl Correlation<'_> {
    /// Writes its part of the target for every image.
    pub fn run(&self, isa: Isa, batch: usize, target: &mut [f32]) {
        let [height, width] = self.grid;
        if batch * height * width * self.outputs == 0 {
            return;
        }
        let window = self.window();
        let panels = self.outputs.div_ceil(PANEL);
        let threads = rayon::current_num_threads();
        let group = self.images_per_task(&window, batch, isa);
        let groups = batch.div_ceil(group);
        let rows = if group > 1 {
            height
        } else {
            self.rows_per_band(&window, batch, threads)
        };
        let bands = height.div_ceil(rows);
        let parts = (2 * threads).div_ceil(groups * bands).clamp(1, panels);
        let target = Shared::new(target);
        (0..groups * bands * parts)
            .into_par_iter()
            .for_each(|task| {
                let (first, band, part) =
                    (task / parts / bands, task / parts % bands, task % parts);
                let first = first * group;
                let (plane, channels) = self.frames.of(first, self.channels);
                let task = Task {
                    correlation: self,
                    window: &window,
                    images: [first, group.min(batch - first)],
                    plane,
                    channels,
                    rows: [band * rows, ((band + 1) * rows).min(height)],
                    panels: [panels * part / parts, panels * (part + 1) / parts],
                    target,
                };
                task.run(isa);
            });
    }

    /// Small images share a task, so that the tiles over their pixels are full.
    fn images_per_task(&self, window: &Window, batch: usize, isa: Isa) -> usize {
        const LENT: usize = 256 * 1024;
        let [height, width] = self.grid;
        let (pixels, tile) = (height * width, VECTORS * isa.width());
        let Frames {
            windows,
            planes,
            step,
            before,
        } = self.frames;
        // Whole images one behind the other, none with a frame outside its clip.
        let adjacent = (before, step, windows * step) == (0, self.channels, planes);
        if pixels >= 2 * tile || !adjacent {
            return 1;
        }
        let copied = self.channels * window.phases.len() * (height + window.span[0]) * window.pitch;
        let most = (8 * tile / pixels)
            .min(LENT / copied.max(1))
            .clamp(1, batch);
        batch.div_ceil(batch.div_ceil(most))
    }

    fn window(&self) -> Window {
        let shifts = |axis: usize| self.taps.iter().map(move |tap| tap.shift[axis]);
        let least = |axis| shifts(axis).min().unwrap_or(0);
        let most = |axis| shifts(axis).max().unwrap_or(0);
        let mut phases: Vec<_> = self.taps.iter().map(|tap| tap.phase).collect();
        phases.sort_unstable();
        phases.dedup();
        let span = [0, 1].map(|axis| (most(axis) - least(axis)) as usize);
        Window {
            phases,
            origin: [least(0), least(1)],
            span,
            pitch: self.grid[1] + span[1],
        }
    }

    /// Few enough that a band's window stays in the cache and that all threads have work.
    fn rows_per_band(&self, window: &Window, batch: usize, threads: usize) -> usize {
        const CACHED: usize = 96 * 1024;
        let [height, width] = self.grid;
        let row = self.channels * window.phases.len() * window.pitch;
        let cached = (CACHED / row.max(1)).max(1);
        let shared = (height * batch)
            .div_ceil(4 * threads)
            .max(48_usize.div_ceil(width));
        let rows = cached.min(shared).min(height);
        height.div_ceil(height.div_ceil(rows))
    }
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
    fn run(&self, isa: Isa) {
        let Correlation {
            height,
            width,
            ref taps,
            grid,
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
        let count = self.rows[1] - self.rows[0];
        let depth = channels * taps.len();
        // A kernel of one pixel reads the source where it lies.
        let borrowed = step == 1
            && phases.len() == 1
            && (span, origin) == ([0, 0], [0, 0])
            && grid == [height, width];
        let plane = if borrowed {
            height * width
        } else {
            (count + span[0]) * pitch
        };
        let image = channels * phases.len() * plane;
        let local = if borrowed { 0 } else { self.images[1] * image };
        let unrolled = depth * VECTORS * isa.width();
        with_scratch(local + SLACK + unrolled, |memory| {
            let (local, unrolled) = memory.split_at_mut(local + SLACK);
            let source = if borrowed {
                &self.correlation.source[self.plane * plane + self.rows[0] * width..]
            } else {
                let images = local.chunks_exact_mut(image.max(1)).take(self.images[1]);
                for (index, local) in images.enumerate() {
                    self.fill(index, local);
                }
                &*local
            };
            let offsets = &self.offsets(plane);
            let pixels = self.images[1] * count * grid[1];
            isa.run(Run {
                task: self,
                source,
                borrowed,
                image,
                offsets,
                depth,
                pixels,
                unrolled,
            });
        });
    }

    /// Where each channel and tap lies from the first pixel of a plane.
    fn offsets(&self, plane: usize) -> Vec<u32> {
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
    fn fill(&self, index: usize, local: &mut [f32]) {
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
