//! LPIPS: how different two images look to a network that knows objects (Zhang et al. 2018), version 0.1.
//!
//! Features of several layers are normalised over channels, squared differences are weighed by a head per layer, and
//! means over pixels are added up. Differentiable, so it serves as a loss too.
//!
//! Reference: `lpips/lpips.py` and `lpips/pretrained_networks.py` of richzhang/PerceptualSimilarity.

use burn::module::{Module, Param};
use burn::tensor::Tensor;

use super::conv::{Conv, ConvSpec, max_pool};
use crate::rng::Init;

/// Backbone whose features LPIPS compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Backbone {
    /// VGG-16 (Simonyan & Zisserman 2015).
    Vgg,
    /// `AlexNet`, in torchvision's widths (Krizhevsky 2014).
    Alex,
    /// `SqueezeNet` 1.1 (Iandola et al. 2016).
    Squeeze,
}

/// One step through a backbone.
#[derive(Debug, Clone, Copy, PartialEq)]
enum LayerSpec {
    /// A convolution and a rectifier.
    Conv,
    /// A squeeze, then two convolutions side by side.
    Fire,
    /// A pool of that size with step two; the flag keeps windows that hang over the edge.
    Pool(usize, bool),
    /// Here features are compared.
    Tap,
}

/// Constants that are added to a norm so that it is not zero.
const EPSILON: f64 = 1e-10;
/// What the mean image is, and how far pixels are from it.
const SHIFT: [f32; 3] = [-0.030, -0.088, -0.188];
const SCALE: [f32; 3] = [0.458, 0.448, 0.450];

impl Backbone {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Vgg, Self::Alex, Self::Squeeze];

    /// Name in the file of heads.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vgg => "vgg",
            Self::Alex => "alex",
            Self::Squeeze => "squeeze",
        }
    }

    /// Channels of the layers that are compared.
    pub const fn taps(self) -> &'static [usize] {
        match self {
            Self::Vgg => &[64, 128, 256, 512, 512],
            Self::Alex => &[64, 192, 384, 256, 256],
            Self::Squeeze => &[64, 128, 256, 384, 384, 512, 512],
        }
    }

    /// The shortest side of an image that still has features everywhere.
    pub const fn smallest(self) -> usize {
        match self {
            Self::Vgg => 16,
            Self::Alex => 31,
            Self::Squeeze => 25,
        }
    }

    /// All convolutions under torchvision's names, in the order in which they are used.
    pub fn layers(self) -> Vec<ConvSpec> {
        let plain = |index: usize, channels, size, padding| {
            ConvSpec::square(&format!("features.{index}"), channels, size).padded(padding)
        };
        match self {
            Self::Alex => vec![
                plain(0, [3, 64], 11, 2).strided(4),
                plain(3, [64, 192], 5, 2),
                plain(6, [192, 384], 3, 1),
                plain(8, [384, 256], 3, 1),
                plain(10, [256, 256], 3, 1),
            ],
            Self::Vgg => {
                let places = [0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28];
                let widths = [
                    64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512,
                ];
                let inputs = std::iter::once(3).chain(widths);
                let sizes = inputs.zip(widths).zip(places);
                sizes
                    .map(|((input, output), place)| plain(place, [input, output], 3, 1))
                    .collect()
            }
            Self::Squeeze => {
                let mut all = vec![plain(0, [3, 64], 3, 0).strided(2)];
                for (place, input, squeezed, half) in [
                    (3, 64, 16, 64),
                    (4, 128, 16, 64),
                    (6, 128, 32, 128),
                    (7, 256, 32, 128),
                    (9, 256, 48, 192),
                    (10, 384, 48, 192),
                    (11, 384, 64, 256),
                    (12, 512, 64, 256),
                ] {
                    let name = |part: &str| format!("features.{place}.{part}");
                    all.push(ConvSpec::square(&name("squeeze"), [input, squeezed], 1));
                    all.push(ConvSpec::square(&name("expand1x1"), [squeezed, half], 1));
                    all.push(ConvSpec::square(&name("expand3x3"), [squeezed, half], 3).padded(1));
                }
                all
            }
        }
    }

    fn steps(self) -> Vec<LayerSpec> {
        use LayerSpec::{Conv, Fire, Pool, Tap};
        match self {
            Self::Alex => vec![
                Conv,
                Tap,
                Pool(3, false),
                Conv,
                Tap,
                Pool(3, false),
                Conv,
                Tap,
                Conv,
                Tap,
                Conv,
                Tap,
            ],
            Self::Vgg => {
                let mut steps = Vec::new();
                for (block, convs) in [2, 2, 3, 3, 3].into_iter().enumerate() {
                    if block > 0 {
                        steps.push(Pool(2, false));
                    }
                    steps.extend(std::iter::repeat_n(Conv, convs));
                    steps.push(Tap);
                }
                steps
            }
            Self::Squeeze => vec![
                Conv,
                Tap,
                Pool(3, true),
                Fire,
                Fire,
                Tap,
                Pool(3, true),
                Fire,
                Fire,
                Tap,
                Pool(3, true),
                Fire,
                Tap,
                Fire,
                Tap,
                Fire,
                Tap,
                Fire,
                Tap,
            ],
        }
    }
}

/// Learned non-negative weights of one layer's channels.
#[derive(Module, Debug)]
pub struct LinearHead {
    weight: Param<Tensor<1>>,
}

/// LPIPS (Zhang et al. 2018): weighted squared distance of unit-normalised features, averaged over pixels.
#[derive(Module, Debug)]
pub struct Lpips {
    convs: Vec<Conv>,
    heads: Vec<LinearHead>,
    #[module(skip)]
    backbone: Backbone,
}

impl Lpips {
    /// A distance that waits for its weights.
    pub fn new(backbone: Backbone, init: &mut Init) -> Self {
        let convs = backbone
            .layers()
            .iter()
            .map(|layer| Conv::new(init, layer))
            .collect();
        let heads = backbone.taps().iter().map(|&channels| LinearHead {
            weight: init.constant([channels], 1.0),
        });
        Self {
            convs,
            heads: heads.collect(),
            backbone,
        }
    }

    /// Distance of each pair of images.
    ///
    /// # Shape
    /// - `truth`, `prediction`: `[batch, rgb, height, width]` in −1..1
    /// - result: `[batch]`
    pub fn forward(&self, truth: Tensor<4>, prediction: Tensor<4>) -> Tensor<1> {
        let [batch, ..] = truth.dims();
        let device = truth.device();
        let mut sum = Tensor::<1>::zeros([batch], &device);
        let taps = self.taps(Tensor::cat(vec![truth, prediction], 0));
        for (head, tap) in self.heads.iter().zip(taps) {
            let [_, channels, height, width] = tap.dims();
            let tap = normalised(tap.reshape([2 * batch, channels, height * width]));
            let difference = tap.clone().narrow(0, 0, batch) - tap.narrow(0, batch, batch);
            let weight = head.weight.val().reshape([1, channels, 1]);
            let weighed: Tensor<3> = (difference.square() * weight).sum_dim(1).mean_dim(2);
            sum = sum + weighed.reshape([batch]);
        }
        sum
    }

    /// The shortest side of images that it takes.
    pub const fn smallest(&self) -> usize {
        self.backbone.smallest()
    }

    /// Features at every tap.
    fn taps(&self, images: Tensor<4>) -> Vec<Tensor<4>> {
        let device = images.device();
        let row =
            |values: [f32; 3]| Tensor::<1>::from_floats(values, &device).reshape([1, 3, 1, 1]);
        let mut x: Tensor<4> = (images - row(SHIFT)) / row(SCALE);
        let (mut taps, mut next) = (Vec::new(), 0);
        for step in self.backbone.steps() {
            x = match step {
                LayerSpec::Tap => {
                    taps.push(x.clone());
                    x
                }
                LayerSpec::Pool(size, overhang) => max_pool(x, size, 2, overhang),
                LayerSpec::Conv => {
                    next += 1;
                    self.convs[next - 1].forward(x)
                }
                LayerSpec::Fire => {
                    next += 3;
                    let [squeeze, one, three] = [3, 2, 1].map(|back| &self.convs[next - back]);
                    let squeezed = squeeze.forward(x);
                    Tensor::cat(
                        vec![one.forward(squeezed.clone()), three.forward(squeezed)],
                        1,
                    )
                }
            };
        }
        taps
    }
}

/// Every pixel's channels with norm one.
fn normalised(x: Tensor<3>) -> Tensor<3> {
    let norm = x.clone().square().sum_dim(1).sqrt() + EPSILON;
    x / norm
}
