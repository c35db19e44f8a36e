//! Images → features: what slot attention looks at.

use burn::module::Module;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use serde::{Deserialize, Serialize};

use super::resnet::{ResNet, ResNetConfig};
use super::vit::{Vit, VitConfig};
use crate::models::blocks::layers::Kernel;
use crate::models::blocks::{Conv2d, GroupNorm};
use crate::rng::Init;

/// The kind and sizes of a stem.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StemConfig {
    /// Plain convolutions.
    Cnn(CnnConfig),
    /// The first three stages of a residual network.
    Resnet18(ResNetConfig),
    /// A frozen vision transformer.
    Vit(VitConfig),
}

/// Sizes of a [`Cnn`]; the three lists are equally long.
///
/// # Source
/// Reference: SlotDiffusion `video_based/models/savi.py`, `_build_encoder`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct CnnConfig {
    /// Channels behind each convolution.
    pub channels: Vec<usize>,
    /// Height and width of each kernel, odd.
    pub kernels: Vec<usize>,
    /// Step of each convolution.
    pub strides: Vec<usize>,
    /// Groups of a norm behind each convolution; no norms if absent.
    ///
    /// Differs: the references have no norms. With them `SiLU` takes the place of `ReLU`.
    pub norm_groups: Option<usize>,
}

impl Default for CnnConfig {
    fn default() -> Self {
        Self {
            channels: vec![64; 4],
            kernels: vec![5; 4],
            strides: vec![1; 4],
            norm_groups: None,
        }
    }
}

impl Default for StemConfig {
    fn default() -> Self {
        Self::Cnn(CnnConfig::default())
    }
}

/// Stem: images → features.
#[derive(Module, Debug)]
pub enum Stem {
    /// Plain convolutions.
    Cnn(Cnn),
    /// The first three stages of a residual network.
    Resnet18(ResNet),
    /// A frozen vision transformer.
    Vit(Vit),
}

/// Plain convolutions, without an activation behind the last.
#[derive(Module, Debug)]
pub struct Cnn {
    /// The convolutions in order.
    pub convs: Vec<Conv2d>,
    /// A norm behind each, or none at all.
    pub norms: Vec<GroupNorm>,
}

impl StemConfig {
    /// Initial parameters.
    pub fn init(&self, init: &mut Init) -> Stem {
        match self {
            Self::Cnn(config) => Stem::Cnn(Cnn::new(init, config)),
            Self::Resnet18(config) => Stem::Resnet18(ResNet::new(init, config)),
            Self::Vit(config) => Stem::Vit(Vit::new(init, config).no_grad()),
        }
    }

    /// Channels that come out.
    pub fn channels(&self) -> usize {
        match self {
            Self::Cnn(config) => config.channels.last().copied().unwrap_or(3),
            Self::Resnet18(config) => config.widths[2],
            Self::Vit(config) => config.dim,
        }
    }

    /// Height and width that come out.
    pub fn grid(&self, [height, width]: [usize; 2]) -> [usize; 2] {
        let shrink = |size: usize, strides: &[usize]| {
            strides
                .iter()
                .fold(size, |size, stride| size.div_ceil(*stride))
        };
        match self {
            Self::Cnn(config) => [height, width].map(|size| shrink(size, &config.strides)),
            Self::Resnet18(_) => [height, width].map(|size| shrink(size, &[2, 2])),
            Self::Vit(config) => [height / config.patch, width / config.patch],
        }
    }
}

impl Stem {
    /// `[batch, rgb, height, width]` in −1..1 → `[batch, channels, height', width']`
    pub fn forward(&self, frames: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Cnn(cnn) => cnn.forward(frames),
            Self::Resnet18(resnet) => resnet.forward(frames),
            Self::Vit(vit) => vit.features(frames).detach(),
        }
    }
}

impl Cnn {
    fn new(init: &mut Init, config: &CnnConfig) -> Self {
        let (kernels, strides) = (&config.kernels, &config.strides);
        assert_eq!(
            config.channels.len(),
            kernels.len(),
            "one kernel size per convolution"
        );
        assert_eq!(
            config.channels.len(),
            strides.len(),
            "one stride per convolution"
        );
        let mut input = 3;
        let mut cnn = Self {
            convs: Vec::new(),
            norms: Vec::new(),
        };
        for ((&output, &size), &stride) in config.channels.iter().zip(kernels).zip(strides) {
            let kernel = Kernel::same(size).strided(stride);
            cnn.convs.push(Conv2d::new(init, input, output, kernel));
            if let Some(groups) = config.norm_groups {
                cnn.norms.push(GroupNorm::new(init, groups, output, 1e-5));
            }
            input = output;
        }
        cnn
    }

    fn forward(&self, frames: Tensor<4>) -> Tensor<4> {
        let last = self.convs.len() - 1;
        let mut x = frames;
        for (index, conv) in self.convs.iter().enumerate() {
            x = conv.forward(x);
            x = match (self.norms.get(index), index == last) {
                (None, true) => x,
                (None, false) => relu(x),
                (Some(norm), true) => norm.forward(x),
                (Some(norm), false) => norm.forward_silu(x),
            };
        }
        x
    }
}
