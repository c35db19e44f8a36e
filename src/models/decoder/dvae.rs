//! The discrete VAE of SLATE and STEVE: images ↔ a grid of tokens (Ramesh et al. 2021; Singh et al. 2022).
//! Reference: SlotDiffusion `img_based/models/slate/dVAE.py`.

use burn::module::Module;
use burn::tensor::activation::{log_softmax, relu, softmax};
use burn::tensor::{Int, Tensor};
use serde::{Deserialize, Serialize};

use crate::models::blocks::{Conv2d, GroupNorm, Kernel};
use crate::rng::Init;

/// Pixels along one side of a token.
pub const PATCH: usize = 4;

/// Sizes of a [`Dvae`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct DvaeConfig {
    /// Colours of an image.
    pub rgb: usize,
    /// Width of the layers.
    pub channels: usize,
    /// Tokens in the vocabulary.
    pub vocabulary: usize,
}

impl Default for DvaeConfig {
    fn default() -> Self {
        Self {
            rgb: 3,
            channels: 64,
            vocabulary: 4096,
        }
    }
}

impl DvaeConfig {
    /// Initial parameters.
    pub fn init(&self, init: &mut Init) -> Dvae {
        let Self {
            rgb,
            channels: wide,
            vocabulary,
        } = *self;
        let one = Kernel::same(1);
        let patch = Kernel {
            size: PATCH,
            stride: PATCH,
            padding: 0,
        };
        let mut encoder = vec![ConvBlock::new(init, rgb, wide, patch)];
        encoder.extend((0..6).map(|_| ConvBlock::new(init, wide, wide, one)));
        let mut stage = |input| {
            let kernels = [Kernel::same(3), one, one];
            let mut blocks: Vec<ConvBlock> = kernels
                .map(|kernel| ConvBlock::new(init, wide, wide, kernel))
                .into();
            if let Some(input) = input {
                blocks.insert(0, ConvBlock::new(init, input, wide, one));
            }
            blocks.push(ConvBlock::new(init, wide, 4 * wide, one));
            blocks
        };
        let (coarse, fine) = (stage(Some(vocabulary)), stage(None));
        let logits = Conv2d::new(init, wide, vocabulary, one);
        Dvae {
            encoder,
            logits,
            coarse,
            fine,
            output: Conv2d::new(init, wide, rgb, one),
        }
    }
}

/// Convolution, norm over everything, `ReLU`.
#[derive(Module, Debug)]
pub struct ConvBlock {
    /// Without a bias: the norm has one.
    pub conv: Conv2d,
    /// One group.
    pub norm: GroupNorm,
}

impl ConvBlock {
    fn new(init: &mut Init, input: usize, output: usize, kernel: Kernel) -> Self {
        let mut conv = Conv2d::without_bias(init, input, output, kernel);
        let bound = (6.0 / (input * kernel.size * kernel.size) as f64).sqrt(); // He et al. 2015
        conv.weight = init.uniform([output, input, kernel.size, kernel.size], bound);
        Self {
            conv,
            norm: GroupNorm::new(init, 1, output, 1e-5),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.normed(self.conv.forward(x))
    }

    /// What stands behind the convolution.
    fn normed(&self, x: Tensor<4>) -> Tensor<4> {
        relu(self.norm.forward(x))
    }
}

/// Images to logits of tokens, and tokens to images.
#[derive(Module, Debug)]
pub struct Dvae {
    /// Patches to features.
    pub encoder: Vec<ConvBlock>,
    /// Features to logits.
    pub logits: Conv2d,
    /// Tokens to features of half the image's size.
    pub coarse: Vec<ConvBlock>,
    /// To features of the image's size.
    pub fine: Vec<ConvBlock>,
    /// Features to colours.
    pub output: Conv2d,
}

/// How random tokens are drawn, with gradients (Jang et al. 2017).
#[derive(Debug, Clone)]
pub struct Gumbel {
    /// Draws from Exp(1), `[batch, vocabulary, height, width]`.
    pub draws: Tensor<4>,
    /// Near zero the tokens are nearly certain.
    pub temperature: f64,
}

impl Dvae {
    /// Logits of the token of every patch.
    ///
    /// # Shape
    /// `[batch, rgb, height, width]` → `[batch, vocabulary, height / 4, width / 4]`
    pub fn encode(&self, frames: Tensor<4>) -> Tensor<4> {
        self.logits.forward(
            self.encoder
                .iter()
                .fold(frames, |x, block| block.forward(x)),
        )
    }

    /// The likeliest token of every patch, row by row.
    ///
    /// # Shape
    /// `[batch, rgb, height, width]` → `[batch, tokens]`
    pub fn tokens(&self, frames: Tensor<4>) -> Tensor<2, Int> {
        let logits = self.encode(frames);
        let [batch, _, height, width] = logits.dims();
        logits.argmax(1).reshape([batch, height * width])
    }

    /// Images from shares of every token.
    ///
    /// # Shape
    /// `[batch, vocabulary, height, width]` → `[batch, rgb, 4 · height, 4 · width]`
    pub fn decode(&self, shares: Tensor<4>) -> Tensor<4> {
        self.draw(self.coarse[0].conv.forward(shares))
    }

    /// Images from tokens, row by row, of a grid of that height and width.
    ///
    /// # Shape
    /// `[batch, tokens]` → `[batch, rgb, 4 · height, 4 · width]`
    pub fn decode_tokens(&self, tokens: Tensor<2, Int>, [height, width]: [usize; 2]) -> Tensor<4> {
        let [batch, count] = tokens.dims();
        let [wide, vocabulary, _, _] = self.coarse[0].conv.weight.dims();
        // A convolution of one-hot shares is a look-up of its columns.
        let table = self.coarse[0]
            .conv
            .weight
            .val()
            .reshape([wide, vocabulary])
            .transpose();
        let features = table.select(0, tokens.reshape([batch * count]));
        let features = features
            .reshape([batch, height, width, wide])
            .permute([0, 3, 1, 2]);
        self.draw(features)
    }

    /// Images from what the first convolution of the decoder gave.
    fn draw(&self, first: Tensor<4>) -> Tensor<4> {
        let x = self.coarse[0].normed(first);
        let x = shuffle(self.coarse[1..].iter().fold(x, |x, block| block.forward(x)));
        let x = shuffle(self.fine.iter().fold(x, |x, block| block.forward(x)));
        self.output.forward(x)
    }

    /// Images of themselves through random tokens, for training: their mean squared error is the loss.
    ///
    /// # Shape
    /// `[batch, rgb, height, width]` → the same
    pub fn reconstruct(&self, frames: Tensor<4>, gumbel: &Gumbel) -> Tensor<4> {
        self.decode(gumbel.soft(self.encode(frames)))
    }
}

impl Gumbel {
    /// Shares of tokens drawn by their logits, `[batch, vocabulary, height, width]`.
    pub fn soft(&self, logits: Tensor<4>) -> Tensor<4> {
        let noise = -(self.draws.clone() + f32::MIN_POSITIVE).log();
        softmax((log_softmax(logits, 1) + noise) / self.temperature, 1)
    }

    /// One token for each place, with the gradients of [`Gumbel::soft`].
    pub fn hard(&self, logits: Tensor<4>) -> Tensor<4> {
        let soft = self.soft(logits);
        let index = soft.clone().argmax(1);
        let one_hot = soft.zeros_like().scatter(
            1,
            index.clone(),
            index.ones_like().float(),
            burn::tensor::IndexingUpdateOp::Add,
        );
        one_hot - soft.clone().detach() + soft
    }
}

/// Channels to pixels: an image of twice the height and width (Shi et al. 2016).
fn shuffle(x: Tensor<4>) -> Tensor<4> {
    let [batch, channels, height, width] = x.dims();
    let x = x
        .reshape([batch, channels / 4, 2, 2, height, width])
        .permute([0, 1, 4, 2, 5, 3]);
    x.reshape([batch, channels / 4, 2 * height, 2 * width])
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tolerance};

    use super::*;
    use crate::rng::SeededRng;

    #[test]
    fn tokens_are_drawn_as_their_one_hot_shares_are() {
        let device = Device::flex();
        let config = DvaeConfig {
            channels: 8,
            vocabulary: 5,
            ..DvaeConfig::default()
        };
        let dvae = config.init(&mut Init::seeded(1, &device));
        let logits = dvae.encode(SeededRng::new(1, &[]).normal([2, 3, 8, 12], &device));
        assert_eq!(logits.dims(), [2, 5, 2, 3]);
        let tokens = logits.clone().argmax(1);
        let shares = logits.zeros_like().scatter(
            1,
            tokens.clone(),
            tokens.ones_like().float(),
            burn::tensor::IndexingUpdateOp::Add,
        );
        let ours = dvae.decode_tokens(tokens.reshape([2, 6]), [2, 3]);
        ours.into_data()
            .assert_approx_eq::<f32>(&dvae.decode(shares).into_data(), Tolerance::default());
    }

    #[test]
    fn shuffling_puts_four_channels_into_a_square() {
        let x =
            Tensor::<1>::from_floats([1.0, 2.0, 3.0, 4.0], &Device::flex()).reshape([1, 4, 1, 1]);
        assert_eq!(
            shuffle(x).into_data().try_to_vec::<f32>().unwrap(),
            [1.0, 2.0, 3.0, 4.0]
        );
        let x = Tensor::<1, Int>::arange(0..8, &Device::flex())
            .float()
            .reshape([1, 4, 1, 2]);
        assert_eq!(
            shuffle(x).into_data().try_to_vec::<f32>().unwrap(),
            [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0]
        );
    }
}
