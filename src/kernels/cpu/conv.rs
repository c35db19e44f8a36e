//! Convolution and its adjoint, without unrolled copies of the input.
//!
//! Everything is a [`Correlation`]: a sum over channels and taps, each tap a shift of the source.
//! A stride splits the source into phases (one plane per remainder); the adjoint of a stride splits
//! the target instead. A task copies the part of one image that it needs, with its zero border,
//! into scratch memory that stays in the cache, and runs [`tile`] over it.

use correlation::{Correlation, Tap, Target};

use super::lanes::Isa;
use super::scratch::unwritten;
use super::tile::{self, PANEL};
use super::transpose::transpose;

mod correlation;
mod run;

/// Sizes of a convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Images.
    pub batch: usize,
    /// Channels in.
    pub inputs: usize,
    /// Of the input.
    pub height: usize,
    /// Of the input.
    pub width: usize,
    /// Channels out.
    pub outputs: usize,
    /// Height and width of the kernel.
    pub kernel: [usize; 2],
    /// Input pixels per output pixel.
    pub stride: usize,
    /// Zeros around the input.
    pub padding: usize,
}

impl Shape {
    /// Height and width of the output.
    pub fn output(&self) -> [usize; 2] {
        let size = |size: usize, kernel: usize| {
            (size + 2 * self.padding)
                .checked_sub(kernel)
                .map_or(0, |room| room / self.stride + 1)
        };
        [
            size(self.height, self.kernel[0]),
            size(self.width, self.kernel[1]),
        ]
    }

    /// Numbers in a kernel plane.
    pub fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }
}

/// The convolution of `x` with `weight`, `[outputs][inputs][kernel]`.
pub fn forward(
    isa: Isa,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    shape: Shape,
) -> Vec<f32> {
    let Shape {
        inputs,
        outputs,
        kernel,
        stride,
        ..
    } = shape;
    let [height, width] = shape.output();
    let mut y = unwritten(shape.batch * outputs * height * width);
    let depth = inputs * shape.taps();
    let packed = tile::pack(outputs, depth, |first, count, packed| {
        transpose(
            isa,
            (&weight[first * depth..], depth),
            [count, depth],
            (packed, PANEL),
        );
    });
    let axis = |position: usize| {
        let shift = position as isize - shape.padding as isize;
        let (shift, phase) = (
            shift.div_euclid(stride as isize),
            shift.rem_euclid(stride as isize),
        );
        (shift, phase as usize)
    };
    let taps = (0..kernel[0]).flat_map(|y| (0..kernel[1]).map(move |x| (axis(y), axis(x))));
    let correlation = Correlation {
        source: x,
        channels: inputs,
        height: shape.height,
        width: shape.width,
        step: stride,
        taps: taps
            .map(|(y, x)| Tap {
                shift: [y.0, x.0],
                phase: [y.1, x.1],
            })
            .collect(),
        packed: &packed,
        bias,
        outputs,
        grid: [height, width],
        target: Target {
            height,
            width,
            stride: 1,
            offset: [0, 0],
        },
    };
    correlation.run(isa, shape.batch, &mut y);
    y
}

/// The adjoint of [`forward`] in `x`: what reaches the input from `y`, which has the output's size.
pub fn adjoint(
    isa: Isa,
    y: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    shape: Shape,
) -> Vec<f32> {
    let Shape {
        inputs,
        outputs,
        kernel,
        stride,
        padding,
        ..
    } = shape;
    let [height, width] = shape.output();
    let mut x = unwritten(shape.batch * inputs * shape.height * shape.width);
    let area = shape.taps();
    for phase_y in 0..stride.min(shape.height) {
        for phase_x in 0..stride.min(shape.width) {
            let rows = taps_of_phase(kernel[0], phase_y + padding, stride);
            let columns = taps_of_phase(kernel[1], phase_x + padding, stride);
            let taps: Vec<_> = rows
                .iter()
                .flat_map(|&row| columns.iter().map(move |&column| (row, column)))
                .collect();
            let depth = outputs * taps.len();
            let packed = tile::pack(inputs, depth, |first, count, packed| {
                let steps = packed.chunks_exact_mut(PANEL);
                let places = (0..outputs).flat_map(|output| {
                    let start = (output * inputs + first) * area;
                    taps.iter()
                        .map(move |&((y, _), (x, _))| start + y * kernel[1] + x)
                });
                for (step, place) in steps.zip(places) {
                    let numbers = weight[place..].iter().step_by(area);
                    step.iter_mut()
                        .zip(numbers)
                        .take(count)
                        .for_each(|(to, &from)| *to = from);
                }
            });
            let grid = [
                (shape.height - phase_y).div_ceil(stride),
                (shape.width - phase_x).div_ceil(stride),
            ];
            let correlation = Correlation {
                source: y,
                channels: outputs,
                height,
                width,
                step: 1,
                taps: taps
                    .iter()
                    .map(|&((_, y), (_, x))| Tap {
                        shift: [y, x],
                        phase: [0, 0],
                    })
                    .collect(),
                packed: &packed,
                bias,
                outputs: inputs,
                grid,
                target: Target {
                    height: shape.height,
                    width: shape.width,
                    stride,
                    offset: [phase_y, phase_x],
                },
            };
            correlation.run(isa, shape.batch, &mut x);
        }
    }
    x
}

/// The taps that reach pixels at `position` modulo `stride`, each with its shift.
fn taps_of_phase(kernel: usize, position: usize, stride: usize) -> Vec<(usize, isize)> {
    (0..kernel)
        .filter(|tap| (position + kernel * stride - tap) % stride == 0)
        .map(|tap| (tap, (position as isize - tap as isize) / stride as isize))
        .collect()
}
