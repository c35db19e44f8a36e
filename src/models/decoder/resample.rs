//! Images twice and half as large, as latent diffusion's auto-encoder and U-Net make them.

use burn::module::Module;
use burn::tensor::Tensor;

use crate::models::blocks::Conv2d;
use crate::models::blocks::layers::Kernel;
use crate::rng::Init;

/// Twice as large: nearest neighbour, then a convolution.
#[derive(Module, Debug)]
pub struct Upsample {
    conv: Conv2d,
}

impl Upsample {
    /// A layer that keeps the number of channels.
    pub fn new(init: &mut Init, channels: usize) -> Self {
        let conv = Conv2d::new(init, channels, channels, Kernel::same(3));
        Self { conv }
    }

    /// `[batch, channels, height, width]` → `[batch, channels, 2·height, 2·width]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.conv.forward(doubled(x))
    }

    /// The same, to a size of twice the image's or a pixel less: what an odd size was before it was halved.
    ///
    /// # Panics
    /// When the size is another.
    pub fn forward_to(&self, x: Tensor<4>, [height, width]: [usize; 2]) -> Tensor<4> {
        let x = doubled(x);
        let [_, _, rows, columns] = x.dims();
        if [rows, columns] == [height, width] {
            return self.conv.forward(x);
        }
        assert!(
            rows - height <= 1 && columns - width <= 1,
            "{rows}×{columns} is cut by a pixel at most, not to {height}×{width}"
        );
        self.conv
            .forward(x.narrow(2, 0, height).narrow(3, 0, width))
    }
}

/// Half as large: zeros on the right and at the bottom alone, then a convolution with step two.
#[derive(Module, Debug)]
pub struct Downsample {
    conv: Conv2d,
}

impl Downsample {
    /// A layer that keeps the number of channels.
    pub fn new(init: &mut Init, channels: usize) -> Self {
        let kernel = Kernel {
            size: 3,
            stride: 2,
            padding: 0,
        };
        let conv = Conv2d::new(init, channels, channels, kernel);
        Self { conv }
    }

    /// `[batch, channels, height, width]` → `[batch, channels, height/2, width/2]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.conv.forward(x.pad((0, 1, 0, 1), 0.0))
    }
}

/// An image made smaller: the mean over rectangles of pixels.
///
/// # Panics
/// When the size does not divide the image's.
pub fn shrunk(x: Tensor<4>, [height, width]: [usize; 2]) -> Tensor<4> {
    let [batch, channels, rows, columns] = x.dims();
    if [rows, columns] == [height, width] {
        return x;
    }
    let (tall, wide) = (rows / height, columns / width);
    assert_eq!(
        [rows, columns],
        [height * tall, width * wide],
        "the smaller size must divide the picture's"
    );
    let x = x.reshape([batch * channels * height, tall, width, wide]);
    let x: Tensor<4> = x.mean_dim(3).mean_dim(1);
    x.reshape([batch, channels, height, width])
}

/// Every pixel four times, `[batch, channels, 2·height, 2·width]`.
fn doubled(x: Tensor<4>) -> Tensor<4> {
    let [batch, channels, height, width] = x.dims();
    x.reshape([batch * channels, height, 1, width, 1])
        .expand([batch * channels, height, 2, width, 2])
        .reshape([batch, channels, 2 * height, 2 * width])
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn a_doubled_image_repeats_every_pixel_in_both_directions() {
        let x = Tensor::<4>::from_data([[[[1.0, 2.0], [3.0, 4.0]]]], &Device::flex());
        let expected = [
            1.0, 1.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0, 3.0, 3.0, 4.0, 4.0,
        ];
        assert_eq!(
            doubled(x).into_data().try_to_vec::<f32>().unwrap(),
            expected
        );
    }

    #[test]
    fn halving_looks_past_the_right_and_lower_edge_only() {
        let mut init = Init::blank(&Device::flex());
        let mut layer = Downsample::new(&mut init, 1);
        layer.conv.weight = init.constant([1, 1, 3, 3], 1.0);
        let halved = layer.forward(Tensor::ones([1, 1, 4, 4], &Device::flex()));
        assert_eq!(
            halved.into_data().try_to_vec::<f32>().unwrap(),
            [9.0, 6.0, 6.0, 4.0]
        );
    }
}
