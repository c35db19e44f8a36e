//! The largest value under every window.

use rayon::prelude::*;

use super::super::windows::Windows;
use super::scratch::{unwritten, with_scratch};
use crate::kernels::cpu::simd::{Isa, Lanes, Work};

/// The largest of every window over `x`, `[clips][time][channels][height][width]`; zeros around count for nothing.
///
/// # Panics
/// When a window holds zeros only.
pub fn largest(
    isa: Isa,
    x: &[f32],
    channels: usize,
    size: [usize; 3],
    windows: Windows,
) -> Vec<f32> {
    let [time, height, width] = size;
    for (zeros, size) in windows.zeros.into_iter().zip(windows.size) {
        assert!(zeros.0.max(zeros.1) < size, "a window of zeros only");
    }
    let [out_time, out_height, out_width] = windows.count(size);
    let plane = height * width;
    let clips = x.len().checked_div(time * channels * plane).unwrap_or(0);
    let mut y = unwritten(clips * out_time * channels * out_height * out_width);
    if y.is_empty() {
        return y;
    }
    y.par_chunks_mut(out_height * out_width)
        .enumerate()
        .with_min_len((4096 / (out_height * out_width)).max(1))
        .for_each(|(index, out)| {
            let (image, channel) = (index / channels, index % channels);
            let (clip, window) = (image / out_time, image % out_time);
            let frames = under(window, 0, windows, time)
                .map(|frame| &x[((clip * time + frame) * channels + channel) * plane..][..plane]);
            let frames: Vec<&[f32]> = frames.collect();
            with_scratch(width + 2 * windows.size[2], |line| {
                isa.run(Plane {
                    frames: &frames,
                    size: [height, width],
                    windows,
                    line,
                    out,
                });
            });
        });
    y
}

/// The places along an axis that a window covers.
fn under(window: usize, axis: usize, windows: Windows, length: usize) -> std::ops::Range<usize> {
    let (before, _) = windows.zeros[axis];
    let first = window * windows.step[axis];
    let past = (first + windows.size[axis]).saturating_sub(before);
    first.saturating_sub(before)..past.min(length)
}

/// One plane of the output.
struct Plane<'a> {
    /// The planes under it.
    frames: &'a [&'a [f32]],
    size: [usize; 2],
    windows: Windows,
    /// Room for a row with its border.
    line: &'a mut [f32],
    out: &'a mut [f32],
}

impl Work for Plane<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self {
            frames,
            size: [height, width],
            windows,
            line,
            out,
        } = self;
        let (left, _) = windows.zeros[2];
        let (size, step) = (windows.size[2], windows.step[2]);
        let [_, _, out_width] = windows.count([frames.len(), height, width]);
        line.fill(f32::NEG_INFINITY);
        for (row, out) in out.chunks_exact_mut(out_width).enumerate() {
            let inner = &mut line[left..left + width];
            inner.fill(f32::NEG_INFINITY);
            for frame in frames {
                for y in under(row, 1, windows, height) {
                    take_larger(inner, &frame[y * width..][..width]);
                }
            }
            for (to, &from) in out.iter_mut().zip(line.iter().step_by(step)) {
                *to = from;
            }
            for tap in 1..size {
                let shifted = &line[tap..];
                if step == 1 {
                    take_larger(out, &shifted[..out_width]);
                } else {
                    for (to, &from) in out.iter_mut().zip(shifted.iter().step_by(step)) {
                        *to = larger(*to, from);
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn take_larger(to: &mut [f32], from: &[f32]) {
    for (to, &from) in to.iter_mut().zip(from) {
        *to = larger(*to, from);
    }
}

/// What is not a number stays so.
#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if b > a || b.is_nan() { b } else { a }
}
