//! Three stages of an 18-layer residual network with group norms (He et al. 2016), for small images:
//! the first convolution keeps the size and nothing is pooled.
//! Reference: SlotDiffusion `models/resnet.py` with `use_layer4=False`.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use serde::{Deserialize, Serialize};

use crate::models::blocks::layers::Kernel;
use crate::models::blocks::{Conv2d, GroupNorm};
use crate::rng::Init;

/// Sizes of a [`ResNet`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct ResNetConfig {
    /// Channels of the three stages; the last come out at a quarter of the size.
    pub widths: [usize; 3],
    /// Groups of every norm.
    pub norm_groups: usize,
}

impl Default for ResNetConfig {
    fn default() -> Self {
        Self {
            widths: [64, 128, 256],
            norm_groups: 32,
        }
    }
}

/// A first convolution and three stages of two blocks.
#[derive(Module, Debug)]
pub struct ResNet {
    /// `[width, 3, 3, 3]`
    pub conv1: Conv2d,
    /// Behind the first convolution.
    pub bn1: GroupNorm,
    /// Full size.
    pub layer1: Vec<BasicBlock>,
    /// Half the size.
    pub layer2: Vec<BasicBlock>,
    /// A quarter of the size.
    pub layer3: Vec<BasicBlock>,
}

/// Two convolutions beside a shortcut.
#[derive(Module, Debug)]
pub struct BasicBlock {
    /// 3×3
    pub conv1: Conv2d,
    /// Behind the first convolution.
    pub bn1: GroupNorm,
    /// 3×3
    pub conv2: Conv2d,
    /// Behind the second convolution.
    pub bn2: GroupNorm,
    /// 1×1, where size or channels change.
    pub shortcut: Option<Conv2d>,
    /// Behind the shortcut.
    pub shortcut_norm: Option<GroupNorm>,
}

impl ResNet {
    /// A network with Kaiming's first values over the fan-in.
    pub fn new(init: &mut Init, config: &ResNetConfig) -> Self {
        let ([one, two, three], groups) = (config.widths, config.norm_groups);
        Self {
            conv1: convolution(init, 3, one, Kernel::same(3)),
            bn1: norm(init, groups, one),
            layer1: stage(init, groups, [one, one], 1),
            layer2: stage(init, groups, [one, two], 2),
            layer3: stage(init, groups, [two, three], 2),
        }
    }

    /// `[batch, rgb, height, width]` → `[batch, channels, height / 4, width / 4]`
    pub fn forward(&self, frames: Tensor<4>) -> Tensor<4> {
        let x = relu(self.bn1.forward(self.conv1.forward(frames)));
        let stages = [&self.layer1, &self.layer2, &self.layer3];
        let blocks = stages.into_iter().flatten();
        blocks.fold(x, |x, block| block.forward(x))
    }
}

impl BasicBlock {
    fn new(init: &mut Init, groups: usize, [input, output]: [usize; 2], stride: usize) -> Self {
        let changes = stride != 1 || input != output;
        let point = Kernel {
            size: 1,
            stride,
            padding: 0,
        };
        Self {
            conv1: convolution(init, input, output, Kernel::same(3).strided(stride)),
            bn1: norm(init, groups, output),
            conv2: convolution(init, output, output, Kernel::same(3)),
            bn2: norm(init, groups, output),
            shortcut: changes.then(|| convolution(init, input, output, point)),
            shortcut_norm: changes.then(|| norm(init, groups, output)),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let hidden = relu(self.bn1.forward(self.conv1.forward(x.clone())));
        let hidden = self.bn2.forward(self.conv2.forward(hidden));
        let x = match (&self.shortcut, &self.shortcut_norm) {
            (Some(conv), Some(norm)) => norm.forward(conv.forward(x)),
            _ => x,
        };
        relu(hidden + x)
    }
}

fn stage(
    init: &mut Init,
    groups: usize,
    [input, output]: [usize; 2],
    stride: usize,
) -> Vec<BasicBlock> {
    vec![
        BasicBlock::new(init, groups, [input, output], stride),
        BasicBlock::new(init, groups, [output, output], 1),
    ]
}

fn convolution(init: &mut Init, input: usize, output: usize, kernel: Kernel) -> Conv2d {
    let mut conv = Conv2d::without_bias(init, input, output, kernel);
    let fan_in = input * kernel.size * kernel.size;
    let weight: Param<Tensor<4>> = init.normal(
        [output, input, kernel.size, kernel.size],
        (2.0 / fan_in as f64).sqrt(),
    );
    conv.weight = weight;
    conv
}

fn norm(init: &mut Init, groups: usize, channels: usize) -> GroupNorm {
    GroupNorm::new(init, groups, channels, 1e-5)
}
