//! Convolution and its adjoint, without unrolled copies of the input.
//!
//! Everything is a [`Correlation`]: a sum over channels and taps, each tap a shift of the source.
//! A stride splits the source into phases (one plane per remainder); the adjoint of a stride splits
//! the target instead. A task copies the part of one image that it needs, with its zero border,
//! into scratch memory that stays in the cache, and runs [`tile`] over it.

use rayon::prelude::*;

use super::lanes::{Isa, Lanes, Work};
use super::scratch::{Shared, unwritten, with_scratch};
use super::tile::{self, PANEL, SLACK, Start, Tile, VECTORS};

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
    let packed = tile::pack(outputs, depth, |row, step| weight[row * depth + step]);
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
        stride,
        padding,
        ..
    } = shape;
    let [height, width] = shape.output();
    let mut x = unwritten(shape.batch * inputs * shape.height * shape.width);
    let area = shape.taps();
    for phase_y in 0..stride.min(shape.height) {
        for phase_x in 0..stride.min(shape.width) {
            let rows = taps_of_phase(shape.kernel[0], phase_y + padding, stride);
            let columns = taps_of_phase(shape.kernel[1], phase_x + padding, stride);
            let taps: Vec<_> = rows
                .iter()
                .flat_map(|&row| columns.iter().map(move |&column| (row, column)))
                .collect();
            let depth = outputs * taps.len();
            let packed = tile::pack(inputs, depth, |row, step| {
                let ((y, _), (x, _)) = taps[step % taps.len()];
                let output = step / taps.len();
                weight[(output * inputs + row) * area + y * shape.kernel[1] + x]
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

/// Which source pixel a weight meets: pixel `step · (grid + shift) + phase`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tap {
    shift: [isize; 2],
    phase: [usize; 2],
}

/// Where grid points go in the target: pixel `stride · grid + offset`.
#[derive(Debug, Clone, Copy)]
struct Target {
    height: usize,
    width: usize,
    stride: usize,
    offset: [usize; 2],
}

struct Correlation<'a> {
    source: &'a [f32],
    channels: usize,
    height: usize,
    width: usize,
    step: usize,
    taps: Vec<Tap>,
    /// Weights in panels; their depth runs over channels, then taps.
    packed: &'a [f32],
    bias: Option<&'a [f32]>,
    outputs: usize,
    grid: [usize; 2],
    target: Target,
}

/// The part of an image that a task copies: for each channel and phase a plane of rows.
struct Window {
    phases: Vec<[usize; 2]>,
    /// Least shift, vertical and horizontal.
    origin: [isize; 2],
    /// Greatest shift less least.
    span: [usize; 2],
    /// Length of a row.
    pitch: usize,
}

impl Correlation<'_> {
    fn run(&self, isa: Isa, batch: usize, target: &mut [f32]) {
        let [height, width] = self.grid;
        if batch * height * width * self.outputs == 0 {
            return;
        }
        let window = self.window();
        let panels = self.outputs.div_ceil(PANEL);
        let threads = rayon::current_num_threads();
        let rows = self.rows_per_band(&window, batch, threads);
        let bands = height.div_ceil(rows);
        let parts = (2 * threads).div_ceil(batch * bands).clamp(1, panels);
        let target = Shared::new(target);
        (0..batch * bands * parts).into_par_iter().for_each(|task| {
            let (image, band, part) = (task / parts / bands, task / parts % bands, task % parts);
            let task = Task {
                correlation: self,
                window: &window,
                image,
                rows: [band * rows, ((band + 1) * rows).min(height)],
                panels: [panels * part / parts, panels * (part + 1) / parts],
                target,
            };
            task.run(isa);
        });
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

/// Some rows of one image, some panels of outputs.
struct Task<'a> {
    correlation: &'a Correlation<'a>,
    window: &'a Window,
    image: usize,
    rows: [usize; 2],
    panels: [usize; 2],
    target: Shared,
}

impl Task<'_> {
    fn run(&self, isa: Isa) {
        let Correlation {
            channels,
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
        let count = self.rows[1] - self.rows[0];
        let depth = channels * taps.len();
        // A kernel of one pixel reads the source where it lies.
        let borrowed = step == 1
            && phases.len() == 1
            && (span, origin) == ([0, 0], [0, 0])
            && grid == [height, width];
        let local = if borrowed {
            0
        } else {
            channels * phases.len() * (count + span[0]) * pitch
        };
        let plane = if borrowed {
            height * width
        } else {
            (count + span[0]) * pitch
        };
        let unrolled = depth * VECTORS * isa.width();
        with_scratch(local + SLACK + unrolled, |memory| {
            let (local, unrolled) = memory.split_at_mut(local + SLACK);
            let source = if borrowed {
                &self.correlation.source[self.image * channels * plane + self.rows[0] * width..]
            } else {
                self.fill(local);
                &*local
            };
            let offsets = &self.offsets(plane);
            let pixels = count * grid[1];
            isa.run(Run {
                task: self,
                source,
                borrowed,
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
        let mut offsets =
            Vec::with_capacity(self.correlation.channels * self.correlation.taps.len());
        for channel in 0..self.correlation.channels {
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

    /// Copies the part of the image that the task's rows need, zeros outside the image.
    fn fill(&self, local: &mut [f32]) {
        let Correlation {
            source,
            channels,
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
        let rows = self.rows[1] - self.rows[0] + span[0];
        let image = &source[self.image * channels * height * width..][..channels * height * width];
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

/// A task with its source in place.
struct Run<'a> {
    task: &'a Task<'a>,
    source: &'a [f32],
    borrowed: bool,
    offsets: &'a [u32],
    depth: usize,
    pixels: usize,
    unrolled: &'a mut [f32],
}

impl Work for Run<'_> {
    type Output = ();

    /// Whole registers never cross a row's end where tiles are read where they lie.
    #[inline(always)]
    fn run<L: Lanes>(mut self) {
        let width = self.task.correlation.grid[1];
        let columns = VECTORS * L::WIDTH;
        let direct = self.task.window.pitch == width || width.is_multiple_of(L::WIDTH);
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

impl Run<'_> {
    /// Where a pixel of the task's rows lies in a plane of the source.
    #[inline(always)]
    fn position(&self, pixel: usize) -> usize {
        let width = self.task.correlation.grid[1];
        pixel / width * self.task.window.pitch + pixel % width
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
            ..
        } = *self.task.correlation;
        let plane = target.height * target.width;
        let output = panel * PANEL;
        let rows = PANEL.min(outputs - output);
        let base = (self.task.image * outputs + output) * plane;
        let first = self.task.rows[0] * grid[1] + first;
        let mut buffer = [0.0; PANEL * 48];
        let dense = target.stride == 1;
        let tile = Tile {
            depth: self.depth,
            left: packed[panel * self.depth * PANEL..].as_ptr(),
            right,
            offsets: offsets.as_ptr(),
            target: if dense {
                self.task.target.at(base + first)
            } else {
                buffer.as_mut_ptr()
            },
            pitch: if dense { plane } else { 48 },
            rows,
            columns,
            start: bias.map_or(Start::Zero, |bias| Start::Rows(bias[output..].as_ptr())),
        };
        // SAFETY: panels hold `depth` steps; every register of `right` starts at a pixel of the
        // task, and its offsets stay inside the source with its slack; the target's pixels belong
        // to this task alone; the bias has one number per output.
        unsafe { tile::compute::<L>(&tile) };
        if dense {
            return;
        }
        for row in 0..rows {
            for column in 0..columns {
                let (y, x) = ((first + column) / grid[1], (first + column) % grid[1]);
                let y = y * target.stride + target.offset[0];
                let x = x * target.stride + target.offset[1];
                let to = self
                    .task
                    .target
                    .at(base + row * plane + y * target.width + x);
                // SAFETY: a pixel of the target that belongs to this task's rows and this phase.
                unsafe { to.write(buffer[row * 48 + column]) };
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
