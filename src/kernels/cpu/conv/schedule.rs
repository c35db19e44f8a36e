//! How a correlation is split into tasks that fit the cache and keep all threads busy.

use rayon::prelude::*;

use super::super::scratch::{Shared, with_scratch};
use super::super::tile::{PANEL, SLACK, VECTORS};
use super::correlation::{Correlation, PlaneWindows, Task, Window};
use super::tiles::TaskTiles;
use crate::kernels::cpu::simd::Isa;

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
                let (plane, channels) = self.planes.of(first, self.channels);
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
        let PlaneWindows {
            windows,
            planes,
            step,
            before,
        } = self.planes;
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
            isa.run(TaskTiles {
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
}
