//! Convolution and its adjoint, without unrolled copies of the input.
//!
//! Everything is a [`Correlation`]: a sum over channels and taps, each tap a shift of the source.
//! A stride splits the source into phases (one plane per remainder); the adjoint of a stride splits
//! the target instead. A task copies the part of one image that it needs, with its zero border,
//! into scratch memory that stays in the cache, and runs [`tile`] over it.

use correlation::{Correlation, PlaneWindows, Tap, Target};

use super::super::windows::Windows;
use super::scratch::unwritten;
use super::tile::{self, PANEL};
use super::transpose::transpose;
use crate::kernels::cpu::simd::Isa;

mod correlation;
mod schedule;
mod tiles;

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
        let windows = Windows::flat(self.kernel, self.stride, self.padding);
        let [_, height, width] = windows.count([1, self.height, self.width]);
        [height, width]
    }

    /// Numbers in a kernel plane.
    pub fn taps(&self) -> usize {
        self.kernel[0] * self.kernel[1]
    }
}

/// Sizes of a convolution over time, height and width, of `x` that is `[clips][time][inputs][height][width]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Volume {
    /// Clips.
    pub clips: usize,
    /// Channels in.
    pub inputs: usize,
    /// Time, height and width of the input.
    pub size: [usize; 3],
    /// Channels out.
    pub outputs: usize,
    /// What is under each output; steps over height and width are equal.
    pub windows: Windows,
    /// Whether a rectifier is behind it.
    pub rectify: bool,
}

/// The convolution of `x` with `weight`, `[outputs][inputs][kernel]`.
pub fn forward(
    isa: Isa,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    shape: Shape,
) -> Vec<f32> {
    let volume = Volume {
        clips: shape.batch,
        inputs: shape.inputs,
        size: [1, shape.height, shape.width],
        outputs: shape.outputs,
        windows: Windows::flat(shape.kernel, shape.stride, shape.padding),
        rectify: false,
    };
    volume_forward(isa, x, weight, bias, volume)
}

/// The convolution of clips with `weight`, `[outputs][kernel time][inputs][kernel height][kernel width]`.
pub fn volume_forward(
    isa: Isa,
    x: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    volume: Volume,
) -> Vec<f32> {
    let Volume {
        inputs,
        outputs,
        windows,
        ..
    } = volume;
    let [long, kernel_height, kernel_width] = windows.size;
    let [time, height, width] = windows.count(volume.size);
    let stride = windows.step[1];
    assert_eq!(stride, windows.step[2], "steps over height and width");
    let mut y = unwritten(volume.clips * time * outputs * height * width);
    let depth = long * inputs * kernel_height * kernel_width;
    let packed = tile::pack(outputs, depth, |first, count, packed| {
        transpose(
            isa,
            (&weight[first * depth..], depth),
            [count, depth],
            (packed, PANEL),
        );
    });
    let before = windows.zeros[0].0;
    let correlation = Correlation {
        source: x,
        channels: long * inputs,
        planes: PlaneWindows {
            windows: time,
            planes: volume.size[0] * inputs,
            step: windows.step[0] * inputs,
            before: before * inputs,
        },
        height: volume.size[1],
        width: volume.size[2],
        step: stride,
        taps: taps(windows),
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
        rectify: volume.rectify,
    };
    correlation.run(isa, volume.clips * time, &mut y);
    y
}

/// The taps of a kernel over height and width, row after row.
fn taps(windows: Windows) -> Vec<Tap> {
    let step = windows.step[1] as isize;
    let axis = |position: usize, axis: usize| {
        let shift = position as isize - windows.zeros[axis].0 as isize;
        (shift.div_euclid(step), shift.rem_euclid(step) as usize)
    };
    let [_, height, width] = windows.size;
    let pairs = (0..height).flat_map(|y| (0..width).map(move |x| (axis(y, 1), axis(x, 2))));
    pairs
        .map(|(y, x)| Tap {
            shift: [y.0, x.0],
            phase: [y.1, x.1],
        })
        .collect()
}

/// The adjoint of [`forward`] in `x`: what reaches the input from `y`, which has the output's size.
pub fn adjoint(
    isa: Isa,
    y: &[f32],
    weight: &[f32],
    bias: Option<&[f32]>,
    shape: Shape,
) -> Vec<f32> {
    let mut x = unwritten(shape.batch * shape.inputs * shape.height * shape.width);
    for phase_y in 0..shape.stride.min(shape.height) {
        for phase_x in 0..shape.stride.min(shape.width) {
            adjoint_phase(isa, [y, weight], bias, shape, [phase_y, phase_x], &mut x);
        }
    }
    x
}

/// The pixels of [`adjoint`] whose row and column have the remainders `phase` modulo the stride.
fn adjoint_phase(
    isa: Isa,
    [y, weight]: [&[f32]; 2],
    bias: Option<&[f32]>,
    shape: Shape,
    phase: [usize; 2],
    x: &mut [f32],
) {
    let Shape { stride, kernel, .. } = shape;
    let [height, width] = shape.output();
    let reach = |axis: usize| taps_of_phase(kernel[axis], phase[axis] + shape.padding, stride);
    let (rows, columns) = (reach(0), reach(1));
    let pairs = |&row: &(usize, isize)| columns.iter().map(move |&column| (row, column));
    let (places, taps): (Vec<_>, Vec<_>) = rows
        .iter()
        .flat_map(pairs)
        .map(|((row, up), (column, left))| {
            let (shift, phase) = ([up, left], [0, 0]);
            (row * kernel[1] + column, Tap { shift, phase })
        })
        .unzip();
    let packed = pack_adjoint(weight, shape, &places);
    let correlation = Correlation {
        source: y,
        channels: shape.outputs,
        planes: PlaneWindows::still(shape.outputs),
        height,
        width,
        step: 1,
        taps,
        packed: &packed,
        bias,
        outputs: shape.inputs,
        grid: [
            (shape.height - phase[0]).div_ceil(stride),
            (shape.width - phase[1]).div_ceil(stride),
        ],
        target: Target {
            height: shape.height,
            width: shape.width,
            stride,
            offset: phase,
        },
        rectify: false,
    };
    correlation.run(isa, shape.batch, x);
}

/// The weights at some places of the kernel, packed with inputs as rows.
fn pack_adjoint(weight: &[f32], shape: Shape, places: &[usize]) -> Vec<f32> {
    let Shape {
        inputs, outputs, ..
    } = shape;
    let area = shape.taps();
    tile::pack(inputs, outputs * places.len(), |first, count, packed| {
        let starts = (0..outputs).map(|output| (output * inputs + first) * area);
        let starts = starts.flat_map(|start| places.iter().map(move |place| start + place));
        for (step, start) in packed.chunks_exact_mut(PANEL).zip(starts) {
            let numbers = weight[start..].iter().step_by(area).take(count);
            step.iter_mut()
                .zip(numbers)
                .for_each(|(to, &from)| *to = from);
        }
    })
}

/// The taps that reach pixels at `position` modulo `stride`, each with its shift.
fn taps_of_phase(kernel: usize, position: usize, stride: usize) -> Vec<(usize, isize)> {
    (0..kernel)
        .filter(|tap| (position + kernel * stride - tap).is_multiple_of(stride))
        .map(|tap| (tap, (position as isize - tap as isize) / stride as isize))
        .collect()
}
