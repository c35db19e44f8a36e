//! A vision transformer trained without labels: DINO (Caron et al. 2021) and `DINOv2` (Oquab et al. 2024).
//!
//! The two differ in the scale per branch that `DINOv2` adds, in ε and in the size of patches.
//! Parameters are those of Hugging Face's `ViTModel` and `Dinov2Model`.

use burn::module::{Module, Param};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use crate::kernels;
use crate::models::blocks::layers::Kernel;
use crate::models::blocks::{Conv2d, LayerNorm, Linear};
use crate::noise::Init;

/// Sizes of a [`Vit`]; the default is DINO's ViT-S/8.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct VitConfig {
    /// Height and width of the pictures it takes.
    pub resolution: [usize; 2],
    /// Side of a patch, pixels.
    pub patch: usize,
    /// Width of a token.
    pub dim: usize,
    /// Transformer layers.
    pub layers: usize,
    /// Heads of attention.
    pub heads: usize,
    /// Width inside the two dense layers.
    pub ffn: usize,
    /// Learned scale behind each branch, as `DINOv2` has.
    pub layer_scale: bool,
    /// ε of the norms: 1e-12 in DINO, 1e-6 in `DINOv2`.
    pub epsilon: f64,
}

impl Default for VitConfig {
    fn default() -> Self {
        Self {
            resolution: [224, 224],
            patch: 8,
            dim: 384,
            layers: 12,
            heads: 6,
            ffn: 1536,
            layer_scale: false,
            epsilon: 1e-12,
        }
    }
}

/// Patches to tokens.
#[derive(Module, Debug)]
pub struct Vit {
    /// `[1, 1, dim]`
    pub class_token: Param<Tensor<3>>,
    /// `[1, 1 + patches, dim]`
    pub positions: Param<Tensor<3>>,
    /// `[dim, 3, patch, patch]`
    pub patches: Conv2d,
    /// In order.
    pub layers: Vec<VitLayer>,
    /// Behind the last layer.
    pub norm: LayerNorm,
}

/// Attention and two dense layers, each beside a shortcut.
#[derive(Module, Debug)]
pub struct VitLayer {
    /// Before attention.
    pub norm1: LayerNorm,
    /// `[dim, dim]`
    pub query: Linear,
    /// `[dim, dim]`
    pub key: Linear,
    /// `[dim, dim]`
    pub value: Linear,
    /// `[dim, dim]`
    pub output: Linear,
    /// `[dim]`, behind attention.
    pub scale1: Option<Param<Tensor<1>>>,
    /// Before the dense layers.
    pub norm2: LayerNorm,
    /// `[ffn, dim]`
    pub widen: Linear,
    /// `[dim, ffn]`
    pub narrow: Linear,
    /// `[dim]`, behind the dense layers.
    pub scale2: Option<Param<Tensor<1>>>,
    #[module(skip)]
    heads: usize,
}

impl Vit {
    /// A transformer with small random first values.
    pub fn new(init: &mut Init, config: &VitConfig) -> Self {
        let (dim, patch) = (config.dim, config.patch);
        let [height, width] = config.resolution.map(|size| size / patch);
        let kernel = Kernel {
            size: patch,
            stride: patch,
            padding: 0,
        };
        Self {
            class_token: init.normal([1, 1, dim], 0.02),
            positions: init.normal([1, 1 + height * width, dim], 0.02),
            patches: Conv2d::new(init, 3, dim, kernel),
            layers: (0..config.layers)
                .map(|_| VitLayer::new(init, config))
                .collect(),
            norm: LayerNorm::with_epsilon(init, dim, config.epsilon),
        }
    }

    /// The tokens behind the final norm, the class token first.
    ///
    /// # Shape
    /// - `frames`: `[batch, rgb, height, width]` at the resolution of the positions
    /// - result: `[batch, 1 + patches, dim]`
    pub fn tokens(&self, frames: Tensor<4>) -> Tensor<3> {
        self.encode(self.patches.forward(frames))
    }

    /// The tokens of the patches as a picture, `[batch, dim, height / patch, width / patch]`.
    pub fn features(&self, frames: Tensor<4>) -> Tensor<4> {
        let patches = self.patches.forward(frames);
        let [batch, dim, height, width] = patches.dims();
        let tokens = self.encode(patches).narrow(1, 1, height * width);
        tokens.swap_dims(1, 2).reshape([batch, dim, height, width])
    }

    fn encode(&self, patches: Tensor<4>) -> Tensor<3> {
        let [batch, dim, height, width] = patches.dims();
        let count = height * width;
        let [_, places, _] = self.positions.dims();
        assert_eq!(
            places,
            count + 1,
            "the picture must have the resolution of the positions"
        );
        let tokens = patches.reshape([batch, dim, count]).swap_dims(1, 2);
        let class = self.class_token.val().expand([batch, 1, dim]);
        let x = Tensor::cat(vec![class, tokens], 1) + self.positions.val();
        let x = self.layers.iter().fold(x, |x, layer| layer.forward(x));
        self.norm.forward(x)
    }
}

impl VitLayer {
    fn new(init: &mut Init, config: &VitConfig) -> Self {
        let (dim, epsilon) = (config.dim, config.epsilon);
        let scaled = config.layer_scale;
        Self {
            norm1: LayerNorm::with_epsilon(init, dim, epsilon),
            query: Linear::new(init, dim, dim),
            key: Linear::new(init, dim, dim),
            value: Linear::new(init, dim, dim),
            output: Linear::new(init, dim, dim),
            scale1: scaled.then(|| init.constant([dim], 1.0)),
            norm2: LayerNorm::with_epsilon(init, dim, epsilon),
            widen: Linear::new(init, dim, config.ffn),
            narrow: Linear::new(init, config.ffn, dim),
            scale2: scaled.then(|| init.constant([dim], 1.0)),
            heads: config.heads,
        }
    }

    fn forward(&self, x: Tensor<3>) -> Tensor<3> {
        let branch = self.attend(&self.norm1.forward(x.clone()));
        let x = x + scaled(branch, self.scale1.as_ref());
        let hidden = kernels::gelu(self.widen.forward(self.norm2.forward(x.clone())));
        x + scaled(self.narrow.forward(hidden), self.scale2.as_ref())
    }

    fn attend(&self, x: &Tensor<3>) -> Tensor<3> {
        let [batch, tokens, dim] = x.dims();
        let width = dim / self.heads;
        let split = |layer: &Linear| {
            let x = layer.forward(x.clone());
            x.reshape([batch, tokens, self.heads, width])
                .swap_dims(1, 2)
        };
        let (query, key, value) = (split(&self.query), split(&self.key), split(&self.value));
        let seen = kernels::attention(query, key, value, None, (width as f64).powf(-0.5));
        self.output
            .forward(seen.swap_dims(1, 2).reshape([batch, tokens, dim]))
    }
}

fn scaled(branch: Tensor<3>, scale: Option<&Param<Tensor<1>>>) -> Tensor<3> {
    match scale {
        Some(scale) => branch * scale.val().unsqueeze::<3>(),
        None => branch,
    }
}
