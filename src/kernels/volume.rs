//! Convolution and pool over time, height and width. Clips are `[batch, time, channels, height, width]`: frames lie one
//! behind the other, so what a kernel over time sees is a run of planes.
//!
//! Forward only: where gradients are wanted, and on other devices, the same is put together from operations on images.

use burn::tensor::activation::relu;
use burn::tensor::ops::{MaxPoolOptions, PadMode};
use burn::tensor::{Int, Tensor, module};

use super::extension;
use super::operation::Operation;
use super::windows::Windows;
use super::{conv2d, takes};

/// Convolution, then a rectifier if `rectify`.
///
/// # Shape
/// - `x`: `[batch, time, inputs, height, width]`
/// - `weight`: `[outputs, kernel time · inputs, kernel height, kernel width]`, frame after frame
/// - `bias`: `[outputs]`
pub fn conv3d(
    x: Tensor<5>,
    weight: Tensor<4>,
    bias: Tensor<1>,
    windows: Windows,
    rectify: bool,
) -> Tensor<5> {
    if takes(&x) && !x.is_autodiff() {
        return extension::three(x, weight, bias, Operation::Conv3d { windows, rectify });
    }
    composed_conv3d(x, weight, bias, windows, rectify)
}

/// The largest value of every window; zeros around count for nothing.
///
/// # Shape
/// `[batch, time, channels, height, width]`
///
/// # Panics
/// When a window holds zeros only.
pub fn max_pool3d(x: Tensor<5>, windows: Windows) -> Tensor<5> {
    if takes(&x) && !x.is_autodiff() {
        return extension::one(x, Operation::MaxPool3d { windows });
    }
    composed_max_pool3d(x, windows)
}

/// [`conv3d`] of the frames under each window, side by side in the channels.
pub fn composed_conv3d(
    x: Tensor<5>,
    weight: Tensor<4>,
    bias: Tensor<1>,
    windows: Windows,
    rectify: bool,
) -> Tensor<5> {
    let frames = Tensor::cat(under(x, windows, 0.0), 2);
    let [batch, time, channels, height, width] = frames.dims();
    let x = frames.reshape([batch * time, channels, height, width]);
    let [_, vertical, horizontal] = windows.zeros;
    let step = windows.step[1];
    assert_eq!(step, windows.step[2], "steps over height and width");
    let y = if vertical == horizontal && vertical.0 == vertical.1 {
        conv2d(x, weight, Some(bias), step, vertical.0)
    } else {
        let x = x.pad([vertical, horizontal], PadMode::Constant(0.0));
        conv2d(x, weight, Some(bias), step, 0)
    };
    let y = if rectify { relu(y) } else { y };
    let [_, channels, height, width] = y.dims();
    y.reshape([batch, time, channels, height, width])
}

/// [`max_pool3d`] of the largest of the frames under each window.
pub fn composed_max_pool3d(x: Tensor<5>, windows: Windows) -> Tensor<5> {
    let mut frames = under(x, windows, f32::NEG_INFINITY).into_iter();
    let Some(first) = frames.next() else {
        unreachable!("a window has a frame");
    };
    let x = frames.fold(first, Tensor::max_pair);
    let [batch, time, channels, height, width] = x.dims();
    let x = x.reshape([batch * time, channels, height, width]);
    let [_, vertical, horizontal] = windows.zeros;
    let x = if vertical == (0, 0) && horizontal == (0, 0) {
        x
    } else {
        x.pad([vertical, horizontal], PadMode::Constant(f32::NEG_INFINITY))
    };
    let mut options = MaxPoolOptions::new([windows.size[1], windows.size[2]]);
    options.stride = [windows.step[1], windows.step[2]];
    let y = module::max_pool2d(x, options);
    let [_, channels, height, width] = y.dims();
    y.reshape([batch, time, channels, height, width])
}

/// The first, second, … frame under every window over time, `nothing` before the first frame and after the last.
fn under(x: Tensor<5>, windows: Windows, nothing: f32) -> Vec<Tensor<5>> {
    let [_, time, _, height, width] = x.dims();
    let (size, step) = (windows.size[0], windows.step[0]);
    if size == 1 && step == 1 {
        return vec![x];
    }
    let [count, ..] = windows.count([time, height, width]);
    let zeros = [windows.zeros[0], (0, 0), (0, 0), (0, 0)];
    let padded = x.pad(zeros, PadMode::Constant(nothing));
    let device = padded.device();
    let at = |shift: usize| {
        if step == 1 {
            return padded.clone().narrow(1, shift, count);
        }
        let places: Vec<i64> = (0..count)
            .map(|window| (window * step + shift) as i64)
            .collect();
        let places = Tensor::<1, Int>::from_data(places.as_slice(), &device);
        padded.clone().select(1, places)
    };
    (0..size).map(at).collect()
}
