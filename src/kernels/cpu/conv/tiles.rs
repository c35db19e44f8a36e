//! A task's arithmetic: tiles over its pixels and outputs.

use super::super::tile::{self, Accumulate, PANEL, Tile, VECTORS};
use super::correlation::{Correlation, Task};
use crate::kernels::cpu::simd::{Lanes, Work};

/// A task with its source in place.
pub struct TaskTiles<'a> {
    pub task: &'a Task<'a>,
    pub source: &'a [f32],
    pub borrowed: bool,
    /// Numbers of the source from one image to the next.
    pub image: usize,
    pub offsets: &'a [u32],
    pub depth: usize,
    pub pixels: usize,
    pub unrolled: &'a mut [f32],
}

impl Work for TaskTiles<'_> {
    type Output = ();

    /// Whole registers never cross a row's end where tiles are read where they lie.
    #[inline(always)]
    fn run<L: Lanes>(mut self) {
        let width = self.task.correlation.grid[1];
        let columns = VECTORS * L::WIDTH;
        let alone = self.task.images[1] == 1;
        let direct = alone && (self.task.window.pitch == width || width.is_multiple_of(L::WIDTH));
        // The last registers of a borrowed source may reach past its end: they are copied first.
        let whole = match (direct, self.borrowed) {
            (true, false) => self.pixels,
            (true, true) => self.pixels / columns * columns,
            (false, _) => 0,
        };
        for panel in self.task.panels[0]..self.task.panels[1] {
            for first in (0..whole).step_by(columns) {
                let mut right = [self.source.as_ptr(); VECTORS];
                for (v, right) in right.iter_mut().enumerate() {
                    let pixel = (first + v * L::WIDTH).min(self.pixels - 1);
                    *right = right.wrapping_add(self.position(pixel));
                }
                let count = columns.min(whole - first);
                self.tile::<L>(panel, [first, count], right, self.offsets);
            }
        }
        for first in (whole..self.pixels).step_by(columns) {
            self.unrolled::<L>(first);
        }
    }
}

impl TaskTiles<'_> {
    /// Where a pixel of the task's images lies in the source's first plane.
    #[inline(always)]
    fn position(&self, pixel: usize) -> usize {
        let width = self.task.correlation.grid[1];
        let (image, pixel) = self.image_of(pixel);
        image * self.image + pixel / width * self.task.window.pitch + pixel % width
    }

    /// The image of the task that a pixel belongs to, and its place in that image's rows.
    #[inline(always)]
    fn image_of(&self, pixel: usize) -> (usize, usize) {
        if self.task.images[1] == 1 {
            return (0, pixel);
        }
        let pixels = (self.task.rows[1] - self.task.rows[0]) * self.task.correlation.grid[1];
        (pixel / pixels, pixel % pixels)
    }

    /// One tile of every panel, its columns copied side by side first.
    #[inline(always)]
    fn unrolled<L: Lanes>(&mut self, first: usize) {
        let columns = VECTORS * L::WIDTH;
        let count = columns.min(self.pixels - first);
        let width = self.task.correlation.grid[1];
        let mut positions = [0; 48];
        for (column, position) in positions[..count].iter_mut().enumerate() {
            *position = self.position(first + column);
        }
        let positions = &positions[..count];
        let run = if !width.is_multiple_of(4) || !count.is_multiple_of(4) {
            1
        } else if !width.is_multiple_of(8) || !count.is_multiple_of(8) {
            4
        } else {
            8
        };
        for (line, &offset) in self.unrolled.chunks_exact_mut(columns).zip(self.offsets) {
            let source = &self.source[offset as usize..];
            match run {
                1 => gather::<1>(line, source, positions),
                4 => gather::<4>(line, source, positions),
                _ => gather::<8>(line, source, positions),
            }
        }
        let offsets: Vec<u32> = (0..self.depth)
            .map(|step| (step * columns) as u32)
            .collect();
        for panel in self.task.panels[0]..self.task.panels[1] {
            let mut right = [self.unrolled.as_ptr(); VECTORS];
            for (v, right) in right.iter_mut().enumerate() {
                *right = right.wrapping_add(v * L::WIDTH);
            }
            self.tile::<L>(panel, [first, count], right, &offsets);
        }
    }

    /// Computes one tile and puts it where the target wants it.
    #[inline(always)]
    fn tile<L: Lanes>(
        &self,
        panel: usize,
        [first, columns]: [usize; 2],
        right: [*const f32; VECTORS],
        offsets: &[u32],
    ) {
        let Correlation {
            packed,
            bias,
            outputs,
            grid,
            target,
            channels,
            ref taps,
            rectify,
            ..
        } = *self.task.correlation;
        let plane = target.height * target.width;
        let output = panel * PANEL;
        let rows = PANEL.min(outputs - output);
        let [image, images] = self.task.images;
        let base = (image * outputs + output) * plane;
        let start = self.task.rows[0] * grid[1];
        let mut buffer = [0.0; PANEL * 48];
        let dense = target.stride == 1 && images == 1;
        let left = (panel * channels + self.task.channels[0]) * taps.len() * PANEL;
        let tile = Tile {
            depth: self.depth,
            left: packed[left..].as_ptr(),
            right,
            offsets: offsets.as_ptr(),
            target: if dense {
                self.task.target.at(base + start + first)
            } else {
                buffer.as_mut_ptr()
            },
            pitch: if dense { plane } else { 48 },
            rows,
            columns,
            start: bias.map_or(Accumulate::Zero, |bias| {
                Accumulate::Rows(bias[output..].as_ptr())
            }),
        };
        // SAFETY: panels hold `depth` steps; every register of `right` starts at a pixel of the
        // task, and its offsets stay inside the source with its slack; the target's pixels belong
        // to this task alone; the bias has one number per output.
        unsafe { tile::compute::<L>(&tile) };
        for row in 0..rows {
            if rectify {
                // SAFETY: the numbers that the tile has just written.
                let sums = unsafe {
                    std::slice::from_raw_parts_mut(tile.target.add(row * tile.pitch), columns)
                };
                for sum in sums {
                    *sum = if *sum < 0.0 { 0.0 } else { *sum };
                }
            }
            if dense {
                continue;
            }
            for column in 0..columns {
                let (image, pixel) = self.image_of(first + column);
                let (y, x) = ((start + pixel) / grid[1], (start + pixel) % grid[1]);
                let y = y * target.stride + target.offset[0];
                let x = x * target.stride + target.offset[1];
                let to = base + (image * outputs + row) * plane + y * target.width + x;
                // SAFETY: a pixel of the target that belongs to this task's rows and this phase.
                unsafe { self.task.target.at(to).write(buffer[row * 48 + column]) };
            }
        }
    }
}

/// Copies the numbers at `positions`, in runs of `RUN`, side by side.
#[inline(always)]
fn gather<const RUN: usize>(line: &mut [f32], source: &[f32], positions: &[usize]) {
    for (to, from) in line
        .chunks_exact_mut(RUN)
        .zip(positions.iter().step_by(RUN))
    {
        to.copy_from_slice(&source[*from..*from + RUN]);
    }
}
