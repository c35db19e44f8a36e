//! Slots → pictures.
//!
//! | file | paper | reference |
//! |---|---|---|
//! | `mixture` | Watters et al. 2019; Locatello et al. 2020 | SlotDiffusion `img_based/models/slot_attention.py` |
//! | `vqvae` | Esser et al. 2021; Rombach et al. 2022 §3.1 | SlotDiffusion `models/vqvae/` |
//! | `unet` | Rombach et al. 2022 §3.3; Wu et al. 2023 (SlotDiffusion) §3.2 | SlotDiffusion `models/unet/` |
//! | `diffusion` | Ho et al. 2020 | SlotDiffusion `models/ddpm/` |
//! | `sampler` | Song et al. 2021; Lu et al. 2022 | SlotDiffusion `models/ddpm/` |
//! | `latent_diffusion` | Wu et al. 2023 (SlotDiffusion) §3.2 | SlotDiffusion `models/ddpm/ldm.py` |

/// Each slot drawn by itself and blended by its mask.
pub mod mixture;

/// Doubling and halving pictures.
pub mod resample;

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
