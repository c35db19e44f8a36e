//! I3D: a network for actions, inflated from Inception v1 (Carreira & Zisserman 2017), RGB, 400 classes.
//!
//! Every convolution and pool pads as TensorFlow's `SAME`, separately per axis.
//!
//! Reference: the graph of TF-Hub `deepmind/i3d-kinetics-400/1`; `pytorch_i3d.py` of piergiaj (names).

use burn::module::Module;
use burn::tensor::Tensor;

use super::conv::{Conv, ConvSpec};
use crate::kernels::{self, Windows};
use crate::rng::Init;

/// Classes, hence width of the features.
pub const DIM: usize = 400;
/// Height and width of the frames that it was trained on.
pub const SIZE: usize = 224;
/// The shortest clip with an output.
pub const SHORTEST: usize = 9;

/// Name and channels of an inception block: in, then `[a, b→c, d→e, f]` of its branches.
const BLOCKS: [(&str, usize, [usize; 6]); 9] = [
    ("Mixed_3b", 192, [64, 96, 128, 16, 32, 32]),
    ("Mixed_3c", 256, [128, 128, 192, 32, 96, 64]),
    ("Mixed_4b", 480, [192, 96, 208, 16, 48, 64]),
    ("Mixed_4c", 512, [160, 112, 224, 24, 64, 64]),
    ("Mixed_4d", 512, [128, 128, 256, 24, 64, 64]),
    ("Mixed_4e", 512, [112, 144, 288, 32, 64, 64]),
    ("Mixed_4f", 528, [256, 160, 320, 32, 128, 128]),
    ("Mixed_5b", 832, [256, 160, 320, 32, 128, 128]),
    ("Mixed_5c", 832, [384, 192, 384, 48, 128, 128]),
];
/// Convolutions in front of the blocks.
const STEM: usize = 3;
/// Convolutions in a block.
const BRANCHES: usize = 6;

/// All convolutions in the order of [`I3d`]'s list; the last one makes the logits and has no norm.
pub fn layers() -> Vec<ConvSpec> {
    let layer = |name: &str, input, output, size| ConvSpec {
        kernel: [size; 3],
        ..ConvSpec::square(name, [input, output], size)
    };
    let mut all = vec![
        layer("Conv3d_1a_7x7", 3, 64, 7).strided(2),
        layer("Conv3d_2b_1x1", 64, 64, 1),
        layer("Conv3d_2c_3x3", 64, 192, 3),
    ];
    for (block, input, [a, b, c, d, e, f]) in BLOCKS {
        for (branch, input, output, size) in [
            ("b0", input, a, 1),
            ("b1a", input, b, 1),
            ("b1b", b, c, 3),
            ("b2a", input, d, 1),
            ("b2b", d, e, 3),
            ("b3b", input, f, 1),
        ] {
            all.push(layer(&format!("{block}.{branch}"), input, output, size));
        }
    }
    all.push(layer("logits", 1024, DIM, 1));
    all
}

/// The network.
#[derive(Module, Debug)]
pub struct I3d {
    convs: Vec<Conv>,
}

impl I3d {
    /// A network that waits for its weights.
    pub fn new(init: &mut Init) -> Self {
        let convs = layers()
            .iter()
            .map(|layer| Conv::new(init, layer))
            .collect();
        Self { convs }
    }

    /// Logits of 400 actions, averaged over time.
    ///
    /// # Shape
    /// `[batch, time, rgb, 224, 224]` in −1..1, nine frames at least → `[batch, 400]`
    ///
    /// # Panics
    /// When frames have another size.
    pub fn forward(&self, clips: Tensor<5>) -> Tensor<2> {
        let x = self.last_block(clips);
        let [batch, time, channels, height, width] = x.dims();
        assert_eq!([height, width], [SIZE / 32; 2], "frames of {SIZE}×{SIZE}");
        let x = x
            .reshape([batch, time, channels, height * width])
            .mean_dim(3);
        // Two cells of time to a window, step one.
        let windows = time - 1;
        let x = (x.clone().narrow(1, 0, windows) + x.narrow(1, 1, windows)) / 2.0;
        let x = x.reshape([batch, windows, channels, 1, 1]);
        let logits = self.convs[STEM + BRANCHES * BLOCKS.len()].same(x, false);
        logits
            .reshape([batch, windows, DIM])
            .mean_dim(1)
            .reshape([batch, DIM])
    }

    /// The output of `Mixed_5c`.
    ///
    /// # Shape
    /// `[batch, time, rgb, height, width]` → `[batch, ⌈time/8⌉, 1024, ⌈height/32⌉, ⌈width/32⌉]`
    pub fn last_block(&self, clips: Tensor<5>) -> Tensor<5> {
        let x = self.convs[0].same(clips, true);
        let x = pool(x, [1, 3], [1, 2]);
        let x = self.convs[1].same(x, true);
        let x = self.convs[2].same(x, true);
        let mut x = pool(x, [1, 3], [1, 2]);
        for (block, convs) in self.convs[STEM..].chunks_exact(BRANCHES).enumerate() {
            x = match block {
                2 => pool(x, [3, 3], [2, 2]),
                7 => pool(x, [2, 2], [2, 2]),
                _ => x,
            };
            x = mixed(convs, x);
        }
        x
    }
}

/// Four views of the same place, side by side in the channels.
fn mixed(convs: &[Conv], x: Tensor<5>) -> Tensor<5> {
    let unit = |index: usize, x: Tensor<5>| convs[index].same(x, true);
    let branches = vec![
        unit(0, x.clone()),
        unit(2, unit(1, x.clone())),
        unit(4, unit(3, x.clone())),
        unit(5, pool(x, [3, 3], [1, 1])),
    ];
    Tensor::cat(branches, 2)
}

/// The largest value under a window of `[time, height and width]`. What comes in is not below zero, so that zeros around
/// count for nothing changes nothing.
fn pool(x: Tensor<5>, [long, size]: [usize; 2], [step, stride]: [usize; 2]) -> Tensor<5> {
    let [_, time, _, height, width] = x.dims();
    let (size, step) = ([long, size, size], [step, stride, stride]);
    kernels::max_pool3d(x, Windows::same(size, step, [time, height, width]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_as_many_parameters_as_the_reference() {
        let layers = layers();
        let weights: usize = layers
            .iter()
            .map(|layer| layer.official_shape(true).iter().product::<usize>())
            .sum();
        let norms: usize = layers[..57].iter().map(|layer| 2 * layer.output).sum();
        assert_eq!((layers.len(), weights + norms + DIM), (58, 12_697_264));
    }
}
