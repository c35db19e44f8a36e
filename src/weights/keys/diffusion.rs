//! Names of the VQ-VAE and the U-Net: `VQVAE`, `SADiffusion`, `SAViDiffusion`.

use super::{Part, Rule, Section, encoder};

const VQVAE_RULES: &[Rule] = &[("{..}", "{..}")];

const UNET_RULES: &[Rule] = &[("{..}", "{..}")];

/// A VQ-VAE in its own checkpoint.
pub const VQVAE_ALONE: &[Part] = &[Part {
    name: "vqvae",
    sections: &[&Section::new("", "", VQVAE_RULES)],
}];

/// The diffusion decoder: U-Net and VQ-VAE.
pub const DIFFUSION: Part = Part {
    name: "decoder",
    sections: &[
        &Section::new("dm_decoder.vae.vqvae.", "vqvae.", VQVAE_RULES),
        &Section::new("dm_decoder.model.diffusion_model.", "unet.", UNET_RULES),
    ],
};

/// Encoder and diffusion decoder in one checkpoint.
pub const WITH_ENCODER: &[Part] = &[DIFFUSION, encoder::ENCODER];

/// Grid and noise schedule are recomputed; no output depends on the pooler or on LPIPS.
pub const IGNORED: &[&str] = &[
    "encoder_pos_embedding.grid",
    "encoder.dino.pooler.{..}",
    "dm_decoder.vae.vqvae.loss.{..}",
    "dm_decoder.betas",
    "dm_decoder.alphas_bar",
    "dm_decoder.alphas_bar_prev",
    "dm_decoder.sqrt_alphas_bar",
    "dm_decoder.sqrt_one_minus_alphas_bar",
    "dm_decoder.log_one_minus_alphas_bar",
    "dm_decoder.sqrt_recip_alphas_bar",
    "dm_decoder.sqrt_recipm1_alphas_bar",
    "dm_decoder.posterior_variance",
    "dm_decoder.posterior_log_variance_clipped",
    "dm_decoder.posterior_mean_coef1",
    "dm_decoder.posterior_mean_coef2",
];
