//! Slots → pictures.
//!
//! | file | paper | reference |
//! |---|---|---|
//! | `mixture` | Watters et al. 2019; Locatello et al. 2020 | SlotDiffusion `img_based/models/slot_attention.py` |
//! | `dvae` | Ramesh et al. 2021; Singh et al. 2022 | SlotDiffusion `img_based/models/slate/dVAE.py` |
//! | `autoregressive` | Singh et al. 2022 (SLATE, STEVE) | SlotDiffusion `img_based/models/slate/slate_transformer.py` |
//! | `vqvae` | Esser et al. 2021; Rombach et al. 2022 §3.1 | SlotDiffusion `models/vqvae/` |
//! | `unet` | Rombach et al. 2022 §3.3; Wu et al. 2023 (SlotDiffusion) §3.2 | SlotDiffusion `models/unet/` |
//! | `diffusion` | Ho et al. 2020 | SlotDiffusion `models/ddpm/` |
//! | `sampler` | Song et al. 2021; Lu et al. 2022 | SlotDiffusion `models/ddpm/` |
//! | `latent_diffusion` | Wu et al. 2023 (SlotDiffusion) §3.2 | SlotDiffusion `models/ddpm/ldm.py` |

use burn::module::Module;
use burn::tensor::Tensor;

use crate::noise::Noise;

use autoregressive::Autoregressive;
use latent_diffusion::LatentDiffusion;
use mixture::Mixture;
use sampler::SamplerConfig;

/// Each slot drawn by itself and blended by its mask.
pub mod mixture;

/// Doubling and halving pictures.
pub mod resample;

/// Frames ↔ a small grid of tokens.
pub mod dvae;

/// Tokens written one after another.
pub mod autoregressive;

/// Frames ↔ a small grid of codes.
pub mod vqvae;

/// The network that removes noise.
pub mod unet;

/// How noise is added, and what is learnt from that.
pub mod diffusion;

/// Ways from noise to a picture.
pub mod sampler;

/// All of these together.
pub mod latent_diffusion;

/// Whatever draws frames from slots.
#[derive(Module, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "a program holds one decoder, not many"
)]
pub enum SlotDecoder {
    /// Each slot by itself, blended by masks.
    Mixture(Mixture),
    /// Token by token.
    Autoregressive(Autoregressive),
    /// Noise removed from latents.
    Diffusion(LatentDiffusion),
}

/// Frames drawn from slots.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// `[batch, rgb, height, width]`, about −1..1
    pub frames: Tensor<4>,
    /// Share of each slot in each pixel, `[batch, slots, height, width]`; the others have none.
    pub masks: Option<Tensor<4>>,
}

impl SlotDecoder {
    /// Frames from slots, without gradients.
    ///
    /// The same `noise` gives the same frame for the same slots, whatever else is in the batch;
    /// only [`SlotDecoder::Diffusion`] uses it and `sampler`.
    ///
    /// # Shape
    /// - `slots`: `[batch, slots, dim]`
    pub fn render(&self, slots: Tensor<3>, noise: &Noise, sampler: &SamplerConfig) -> Rendered {
        match self {
            Self::Mixture(mixture) => {
                let mixed = mixture.valid().forward(slots.inner());
                Rendered {
                    frames: mixed.frames,
                    masks: Some(mixed.masks),
                }
            }
            Self::Autoregressive(decoder) => Rendered {
                frames: decoder.render(slots),
                masks: None,
            },
            Self::Diffusion(diffusion) => Rendered {
                frames: diffusion.render(&slots, noise, sampler),
                masks: None,
            },
        }
    }
}
