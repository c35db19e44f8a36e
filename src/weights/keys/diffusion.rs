//! Names of the VQ-VAE and the U-Net: `VQVAE`, `SADiffusion`, `SAViDiffusion`.

use super::encoder;
use crate::models::WeightsKind;

use super::rule::{Part, Rule, Section};

pub const VQVAE_RULES: &[Rule] = &[
    ("encoder.{..}", "encoder.{..}"),
    ("decoder.{..}", "decoder.{..}"),
    ("quantize.{..}", "quantize.{..}"),
    ("quant_conv.{}", "quant_conv.{}"),
    ("post_quant_conv.{}", "post_quant_conv.{}"),
];

/// Layers lie in lists of lists, except those in the middle, which lie in one list.
pub const UNET_RULES: &[Rule] = &[
    ("time_embed.0.{}", "time_embed.expand.{}"),
    ("time_embed.2.{}", "time_embed.mix.{}"),
    ("out.0.{}", "norm_out.{}"),
    ("out.2.{}", "conv_out.{}"),
    // The way in is a bare convolution.
    ("input_blocks.0.0.{}", "input_blocks.0.0.{}"),
    ("{}.{}.{}.in_layers.0.{}", "{}.{}.{}.norm_in.{}"),
    ("{}.{}.{}.in_layers.2.{}", "{}.{}.{}.conv_in.{}"),
    ("{}.{}.{}.emb_layers.1.{}", "{}.{}.{}.time.{}"),
    ("{}.{}.{}.out_layers.0.{}", "{}.{}.{}.norm_out.{}"),
    ("{}.{}.{}.out_layers.3.{}", "{}.{}.{}.conv_out.{}"),
    ("{}.{}.{}.skip_connection.{}", "{}.{}.{}.shortcut.{}"),
    (
        "{}.{}.{}.transformer_blocks.0.attn1.to_out.0.{}",
        "{}.{}.{}.block.attn1.to_out.{}",
    ),
    (
        "{}.{}.{}.transformer_blocks.0.attn2.to_out.0.{}",
        "{}.{}.{}.block.attn2.to_out.{}",
    ),
    (
        "{}.{}.{}.transformer_blocks.0.ff.net.0.proj.{}",
        "{}.{}.{}.block.gate.{}",
    ),
    (
        "{}.{}.{}.transformer_blocks.0.ff.net.2.{}",
        "{}.{}.{}.block.shrink.{}",
    ),
    ("{}.{}.{}.transformer_blocks.0.{..}", "{}.{}.{}.block.{..}"),
    (
        "middle_block.{}.in_layers.0.{}",
        "middle_block.{}.norm_in.{}",
    ),
    (
        "middle_block.{}.in_layers.2.{}",
        "middle_block.{}.conv_in.{}",
    ),
    ("middle_block.{}.emb_layers.1.{}", "middle_block.{}.time.{}"),
    (
        "middle_block.{}.out_layers.0.{}",
        "middle_block.{}.norm_out.{}",
    ),
    (
        "middle_block.{}.out_layers.3.{}",
        "middle_block.{}.conv_out.{}",
    ),
    (
        "middle_block.{}.transformer_blocks.0.attn1.to_out.0.{}",
        "middle_block.{}.block.attn1.to_out.{}",
    ),
    (
        "middle_block.{}.transformer_blocks.0.attn2.to_out.0.{}",
        "middle_block.{}.block.attn2.to_out.{}",
    ),
    (
        "middle_block.{}.transformer_blocks.0.ff.net.0.proj.{}",
        "middle_block.{}.block.gate.{}",
    ),
    (
        "middle_block.{}.transformer_blocks.0.ff.net.2.{}",
        "middle_block.{}.block.shrink.{}",
    ),
    (
        "middle_block.{}.transformer_blocks.0.{..}",
        "middle_block.{}.block.{..}",
    ),
    // Norms and projections around a transformer, and what changes the size, have one name.
    ("input_blocks.{..}", "input_blocks.{..}"),
    ("middle_block.{..}", "middle_block.{..}"),
    ("output_blocks.{..}", "output_blocks.{..}"),
];

/// A VQ-VAE in its own checkpoint.
pub const VQVAE_ALONE: &[Part] = &[Part {
    name: "vqvae",
    model: WeightsKind::VqVae,
    sections: &[&Section::new("", "", VQVAE_RULES)],
}];

/// The diffusion decoder: U-Net and VQ-VAE.
pub const DIFFUSION: Part = Part {
    name: "decoder",
    model: WeightsKind::LatentDiffusion,
    sections: &[
        &Section::new("dm_decoder.vae.vqvae.", "vae.", VQVAE_RULES),
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
