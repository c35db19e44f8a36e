//! The gradient of a convolution's weights.
//!
//! The input is laid out with channels last, so that a row of the kernel over all channels is one
//! run of numbers: sums over pixels are then tiles of eight outputs by runs of (tap, input).

use rayon::prelude::*;

use super::conv::Shape;
use super::scratch::{Shared, unwritten, with_scratch};
use super::tile::{self, Accumulate, PANEL, SLACK, Tile, VECTORS};
use crate::kernels::cpu::simd::{Isa, Lanes, Work};

/// The gradient `[outputs][inputs][kernel]` of the weights, from input `x` and the gradient of the
/// output.
pub fn gradient(isa: Isa, x: &[f32], output: &[f32], shape: Shape) -> Vec<f32> {
    let Shape {
        inputs,
        outputs,
        kernel,
        ..
    } = shape;
    let [height, width] = shape.output();
    let line = kernel[1] * inputs;
    let size = kernel[0] * outputs.next_multiple_of(PANEL) * line;
    let rows = rows_per_unit(shape);
    let units = shape.batch * height.div_ceil(rows);
    if units * width * size == 0 {
        return vec![0.0; outputs * inputs * shape.taps()];
    }
    // Partial sums: their number hangs on the sizes alone, never on the number of threads.
    let partials = ((1 << 19) / size).clamp(4, 16).min(units);
    let panels = outputs.div_ceil(PANEL);
    let parts = (2 * rayon::current_num_threads())
        .div_ceil(partials)
        .clamp(1, panels.div_ceil(4));
    let mut sums = vec![0.0; partials * size];
    let target = Shared::new(&mut sums);
    (0..partials * parts).into_par_iter().for_each(|task| {
        let (partial, part) = (task / parts, task % parts);
        let task = Task {
            x,
            output,
            shape,
            rows,
            panels: [panels * part / parts, panels * (part + 1) / parts],
            target: target.at(partial * size),
        };
        task.run(
            isa,
            units * partial / partials..units * (partial + 1) / partials,
        );
    });
    tile::add_up(&mut sums, size, partials);
    let sums = &sums[..size];

    let mut gradient = unwritten(outputs * inputs * shape.taps());
    let plane = outputs.next_multiple_of(PANEL) * line;
    gradient
        .par_chunks_mut(inputs * shape.taps())
        .enumerate()
        .for_each(|(output, gradient)| {
            for (index, to) in gradient.iter_mut().enumerate() {
                let (input, y, x) = (
                    index / shape.taps(),
                    index / kernel[1] % kernel[0],
                    index % kernel[1],
                );
                *to = sums[y * plane + output * line + x * inputs + input];
            }
        });
    gradient
}

/// The gradient of the bias: the sum over images and pixels.
pub fn bias_gradient(output: &[f32], outputs: usize, pixels: usize) -> Vec<f32> {
    let images = output.chunks_exact((outputs * pixels).max(1));
    let channel = |channel: usize| {
        let planes = images
            .clone()
            .map(|image| &image[channel * pixels..][..pixels]);
        planes
            .map(|plane| {
                plane
                    .chunks(64)
                    .map(|part| part.iter().sum::<f32>())
                    .sum::<f32>()
            })
            .sum()
    };
    (0..outputs).into_par_iter().map(channel).collect()
}

/// Output rows whose pixels, in and out, stay in the cache.
fn rows_per_unit(shape: Shape) -> usize {
    const CACHED: usize = 128 * 1024;
    let [height, width] = shape.output();
    let row =
        shape.inputs * (shape.width + 2 * shape.padding) * shape.stride + shape.outputs * width;
    let rows = (CACHED / row.max(1)).clamp(1, height.max(1));
    height.max(1).div_ceil(height.max(1).div_ceil(rows))
}

/// Some units (rows of images), some panels of outputs, one partial sum.
struct Task<'a> {
    x: &'a [f32],
    output: &'a [f32],
    shape: Shape,
    rows: usize,
    panels: [usize; 2],
    target: *mut f32,
}

impl Task<'_> {
    fn run(&self, isa: Isa, units: std::ops::Range<usize>) {
        let Shape {
            inputs,
            kernel,
            stride,
            padding,
            ..
        } = self.shape;
        let [height, width] = self.shape.output();
        let pitch = self.shape.width + 2 * padding;
        let window = ((self.rows - 1) * stride + kernel[0]) * pitch * inputs;
        let packed = (self.panels[1] - self.panels[0]) * self.rows * width * PANEL;
        let bands = height.div_ceil(self.rows);
        with_scratch(window + SLACK + packed, |memory| {
            let (window, packed) = memory.split_at_mut(window + SLACK);
            for unit in units {
                let (image, first) = (unit / bands, unit % bands * self.rows);
                let rows = self.rows.min(height - first);
                self.fill(window, image, first, rows);
                self.pack(packed, image, first, rows);
                let offsets: Vec<u32> = (0..rows * width)
                    .map(|pixel| ((pixel / width * pitch + pixel % width) * stride * inputs) as u32)
                    .collect();
                isa.run(Unit {
                    task: self,
                    window,
                    packed,
                    offsets: &offsets,
                });
            }
        });
    }

    /// The input that `rows` output rows from `first` see, channels last, zeros around the image.
    fn fill(&self, window: &mut [f32], image: usize, first: usize, rows: usize) {
        let Shape {
            inputs,
            height,
            width,
            kernel,
            stride,
            padding,
            ..
        } = self.shape;
        let image = &self.x[image * inputs * height * width..][..inputs * height * width];
        let lines = window.chunks_exact_mut((width + 2 * padding) * inputs);
        for (line, row) in lines.zip(0..(rows - 1) * stride + kernel[0]) {
            let row = (first * stride + row)
                .checked_sub(padding)
                .filter(|&row| row < height);
            let Some(row) = row else {
                line.fill(0.0);
                continue;
            };
            line[..padding * inputs].fill(0.0);
            line[(padding + width) * inputs..].fill(0.0);
            let line = &mut line[padding * inputs..][..width * inputs];
            // Blocks of channels, so that lines of the cache are written whole.
            for block in (0..inputs).step_by(16) {
                for (pixel, to) in line.chunks_exact_mut(inputs).enumerate() {
                    let to = &mut to[block..inputs.min(block + 16)];
                    for (channel, to) in to.iter_mut().enumerate() {
                        *to = image[((block + channel) * height + row) * width + pixel];
                    }
                }
            }
        }
    }

    /// The output's gradient in panels, `[panel][pixel][PANEL]`.
    fn pack(&self, packed: &mut [f32], image: usize, first: usize, rows: usize) {
        let [height, width] = self.shape.output();
        let outputs = self.shape.outputs;
        let pixels = rows * width;
        let panels = packed.chunks_exact_mut(pixels * PANEL);
        for (packed, panel) in panels.zip(self.panels[0]..self.panels[1]) {
            let count = PANEL.min(outputs - panel * PANEL);
            if count < PANEL {
                packed.fill(0.0);
            }
            for row in 0..count {
                let plane = (image * outputs + panel * PANEL + row) * height * width;
                let from = &self.output[plane + first * width..][..pixels];
                for (to, &from) in packed[row..].iter_mut().step_by(PANEL).zip(from) {
                    *to = from;
                }
            }
        }
    }
}

/// One unit, laid out.
struct Unit<'a> {
    task: &'a Task<'a>,
    window: &'a [f32],
    packed: &'a [f32],
    offsets: &'a [u32],
}

impl Work for Unit<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Shape {
            inputs,
            width,
            outputs,
            kernel,
            padding,
            ..
        } = self.task.shape;
        let line = kernel[1] * inputs;
        let depth = self.offsets.len();
        let columns = VECTORS * L::WIDTH;
        for (index, panel) in (self.task.panels[0]..self.task.panels[1]).enumerate() {
            for y in 0..kernel[0] {
                let window = &self.window[y * (width + 2 * padding) * inputs..];
                let row = (y * outputs.div_ceil(PANEL) + panel) * PANEL;
                for first in (0..line).step_by(columns) {
                    let mut right = [window.as_ptr(); VECTORS];
                    for (v, right) in right.iter_mut().enumerate() {
                        *right = right.wrapping_add(first + v * L::WIDTH);
                    }
                    let tile = Tile {
                        depth,
                        left: self.packed[index * depth * PANEL..].as_ptr(),
                        right,
                        offsets: self.offsets.as_ptr(),
                        target: self.task.target.wrapping_add(row * line + first),
                        pitch: line,
                        rows: PANEL,
                        columns: columns.min(line - first),
                        start: Accumulate::Target,
                    };
                    // SAFETY: the panel holds a step for every pixel; the last pixel's run of the
                    // last kernel row ends inside the window, a register past it inside its slack;
                    // rows of this panel in this partial sum belong to this task alone.
                    unsafe { tile::compute::<L>(&tile) };
                }
            }
        }
    }
}
