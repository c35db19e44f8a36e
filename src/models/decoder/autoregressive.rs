//! The decoder of SLATE and STEVE: a Transformer writes the tokens of an image one after another, looking
//! at the slots (Singh et al., ICLR 2022; NeurIPS 2022).
//! Reference: SlotDiffusion `img_based/models/slate/slate_transformer.py`.

use burn::module::{Module, Param};
use burn::tensor::{Int, Tensor};

use super::dvae::Dvae;
use crate::models::blocks::{Dropout, Embedding, LayerNorm, Linear};
use crate::rng::Init;

mod config;
mod layer;

pub use config::AutoregressiveConfig;
use layer::{Cache, TokenLayer};

impl AutoregressiveConfig {
    /// Initial parameters. The dVAE is not trained with the rest.
    pub fn init(&self, init: &mut Init) -> Autoregressive {
        let dvae = self.dvae.init(init);
        self.with_dvae(dvae, init)
    }

    /// Initial parameters around a dVAE that was trained before.
    pub fn with_dvae(&self, dvae: Dvae, init: &mut Init) -> Autoregressive {
        let [height, width] = self.grid();
        let tokens = TokenDecoder {
            input: Linear::new(init, self.dim, self.width),
            embedding: Embedding::new(init, self.dvae.vocabulary + 1, self.width),
            position: init.normal([1, height * width, self.width], 1.0),
            layers: (0..self.layers)
                .map(|index| TokenLayer::new(init, self, index))
                .collect(),
            norm: LayerNorm::new(init, self.width),
            head: Linear::without_bias(init, self.width, self.dvae.vocabulary),
            dropout: Dropout::new(self.dropout),
        };
        Autoregressive {
            dvae: dvae.no_grad(),
            tokens,
            grid: [height, width],
        }
    }
}

/// Slots → frames, token by token (SLATE, STEVE).
#[derive(Module, Debug)]
pub struct Autoregressive {
    /// Images ↔ tokens; frozen.
    pub dvae: Dvae,
    /// Slots → tokens.
    pub tokens: TokenDecoder,
    #[module(skip)]
    grid: [usize; 2],
}

impl Autoregressive {
    /// The likeliest image of each set of slots, without gradients.
    ///
    /// # Shape
    /// `[batch, slots, dim]` → `[batch, rgb, height, width]`
    pub fn render(&self, slots: Tensor<3>) -> Tensor<4> {
        let model = self.valid();
        let written = model.tokens.generate(slots.without_autodiff());
        model.dvae.decode_tokens(written.tokens, self.grid)
    }

    /// Frames as their tokens say, without gradients: what no writing of tokens can surpass.
    ///
    /// # Shape
    /// - `frames`: `[batch, rgb, height, width]`
    pub fn through_tokens(&self, frames: Tensor<4>) -> Tensor<4> {
        let dvae = self.dvae.valid();
        let tokens = dvae.tokens(frames.without_autodiff());
        dvae.decode_tokens(tokens, self.grid)
    }

    /// How surprised the decoder is by the tokens of `frames`: the training loss.
    ///
    /// # Shape
    /// - `frames`: `[batch, rgb, height, width]`
    /// - `slots`: `[batch, slots, dim]`
    pub fn loss(&self, frames: Tensor<4>, slots: Tensor<3>) -> Tensor<1> {
        let targets = self.dvae.tokens(frames);
        token_loss(self.tokens.forward(slots, targets.clone()), targets)
    }
}

/// Mean cross-entropy of logits with tokens.
///
/// # Shape
/// - `logits`: `[batch, tokens, vocabulary]`
/// - `targets`: `[batch, tokens]`
pub fn token_loss(logits: Tensor<3>, targets: Tensor<2, Int>) -> Tensor<1> {
    let [batch, count] = targets.dims();
    let chosen = burn::tensor::activation::log_softmax(logits, 2)
        .gather(2, targets.reshape([batch, count, 1]));
    -chosen.mean()
}

/// Greedily generated tokens and their logits.
#[derive(Debug, Clone)]
pub struct GeneratedTokens {
    /// `[batch, tokens]`
    pub tokens: Tensor<2, Int>,
    /// `[batch, tokens, vocabulary]`
    pub logits: Tensor<3>,
}

/// Transformer decoder over tokens with cross-attention to slots.
#[derive(Module, Debug)]
pub struct TokenDecoder {
    /// Slots to what is looked at, `[width, dim]`.
    pub input: Linear,
    /// `[vocabulary + 1, width]`; the last entry begins every image.
    pub embedding: Embedding,
    /// `[1, tokens, width]`
    pub position: Param<Tensor<3>>,
    /// In order.
    pub layers: Vec<TokenLayer>,
    /// Behind the last layer.
    pub norm: LayerNorm,
    /// `[vocabulary, width]`
    pub head: Linear,
    dropout: Dropout,
}

impl TokenDecoder {
    /// Logits of every token, given those before it.
    ///
    /// # Shape
    /// - `slots`: `[batch, slots, dim]`
    /// - `targets`: `[batch, tokens]`
    /// - result: `[batch, tokens, vocabulary]`
    pub fn forward(&self, slots: Tensor<3>, targets: Tensor<2, Int>) -> Tensor<3> {
        let [batch, count] = targets.dims();
        let slots = self.input.forward(slots);
        let before = Tensor::cat(vec![self.begin(batch), targets.narrow(1, 0, count - 1)], 1);
        let tokens = self.embedding.forward(before) + self.position.val().narrow(1, 0, count);
        let tokens = self.dropout.forward(tokens);
        let tokens = self
            .layers
            .iter()
            .fold(tokens, |tokens, layer| layer.forward(tokens, &slots));
        self.head.forward(self.norm.forward(tokens))
    }

    /// The likeliest tokens, one after another: what was computed for a token is kept for those after it.
    ///
    /// # Shape
    /// - `slots`: `[batch, slots, dim]`
    pub fn generate(&self, slots: Tensor<3>) -> GeneratedTokens {
        let [batch, ..] = slots.dims();
        let [_, count, width] = self.position.dims();
        let slots = self.input.forward(slots);
        let mut caches: Vec<Cache> = self
            .layers
            .iter()
            .map(|layer| layer.cache(&slots, count))
            .collect();
        let mut newest = self.begin(batch);
        let (mut tokens, mut logits) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for at in 0..count {
            let position = self.position.val().slice([0..1, at..at + 1, 0..width]);
            let mut token = self.embedding.forward(newest) + position;
            for (layer, cache) in self.layers.iter().zip(&mut caches) {
                token = layer.step(token, cache, at);
            }
            let next = self.head.forward(self.norm.forward(token));
            newest = next.clone().argmax(2).reshape([batch, 1]);
            tokens.push(newest.clone());
            logits.push(next);
        }
        GeneratedTokens {
            tokens: Tensor::cat(tokens, 1),
            logits: Tensor::cat(logits, 1),
        }
    }

    /// The token that begins every image, `[batch, 1]`.
    fn begin(&self, batch: usize) -> Tensor<2, Int> {
        let [entries, _] = self.embedding.weight.dims();
        Tensor::full(
            [batch, 1],
            (entries - 1) as i64,
            &self.position.val().device(),
        )
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, Tolerance};

    use super::*;
    use crate::models::decoder::dvae::DvaeConfig;
    use crate::rng::SeededRng;

    fn small(device: &Device) -> Autoregressive {
        let dvae = DvaeConfig {
            channels: 8,
            vocabulary: 7,
            ..DvaeConfig::default()
        };
        let sizes = AutoregressiveConfig {
            dim: 6,
            width: 8,
            resolution: [8, 12],
            layers: 2,
            heads: 2,
            dropout: 0.1,
            dvae,
        };
        sizes.init(&mut Init::seeded(1, device))
    }

    #[test]
    fn what_was_written_is_what_teaching_would_have_expected() {
        let device = Device::flex();
        let model = small(&device);
        let slots = SeededRng::new(1, &[]).normal([2, 3, 6], &device);
        let written = model.tokens.generate(slots.clone());
        let taught = model.tokens.forward(slots, written.tokens);
        written
            .logits
            .into_data()
            .assert_approx_eq::<f32>(&taught.into_data(), Tolerance::default());
    }

    #[test]
    fn a_token_does_not_see_those_after_it() {
        let device = Device::flex();
        let model = small(&device);
        let slots = SeededRng::new(1, &[]).normal([1, 3, 6], &device);
        let logits = |tokens: [i64; 6]| {
            let tokens = Tensor::<2, Int>::from_data([tokens], &device);
            model
                .tokens
                .forward(slots.clone(), tokens)
                .narrow(1, 0, 4)
                .into_data()
        };
        logits([1, 2, 3, 4, 5, 6])
            .assert_approx_eq::<f32>(&logits([1, 2, 3, 0, 0, 0]), Tolerance::default());
    }

    #[test]
    fn images_have_the_size_that_was_asked_for() {
        let device = Device::flex();
        let slots = SeededRng::new(1, &[]).normal([2, 3, 6], &device);
        assert_eq!(small(&device).render(slots).dims(), [2, 3, 8, 12]);
    }
}
