//! Something that can be timed, and what cases are made of.

use std::hint::black_box;

use burn::tensor::{Device, Tensor};

use crate::rng::SeededRng;

/// What is timed once; it does not return before its result is there.
pub type Work = Box<dyn FnMut()>;

/// Makes what is timed, on a device and of these sizes.
pub type Make = Box<dyn Fn(&Device, &[usize]) -> Work>;

/// Something that can be timed.
pub struct Case {
    /// `room/thing`.
    pub name: String,
    /// Sizes of what goes in.
    pub shape: Vec<usize>,
    /// Makes what is timed.
    pub make: Make,
}

impl Case {
    /// A case `room/thing` on an input of shape `shape`.
    pub fn new(
        room: &str,
        thing: &str,
        shape: &[usize],
        make: impl Fn(&Device, &[usize]) -> Work + 'static,
    ) -> Self {
        Self {
            name: format!("{room}/{thing}"),
            shape: shape.to_vec(),
            make: Box::new(make),
        }
    }
}

/// Numbers in −1..1, the same every time.
pub fn input<const D: usize>(shape: &[usize], device: &Device) -> Tensor<D> {
    let mut noise = SeededRng::new(0, &["bench"]);
    let count = shape.iter().product();
    let numbers: Vec<f32> = (0..count).map(|_| 2.0 * noise.uniform() - 1.0).collect();
    Tensor::from_data(
        burn::tensor::TensorData::new(numbers, shape.to_vec()),
        device,
    )
}

/// Waits until a result is there.
pub fn finish<const D: usize>(result: Tensor<D>) {
    black_box(result.into_data());
}
