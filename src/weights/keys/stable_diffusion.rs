//! Names of Stable Diffusion: those of diffusers, and those of its authors' checkpoints.
//!
//! Source: diffusers `UNet2DConditionModel` and `AutoencoderKL`; CompVis `ldm/models/diffusion/ddpm.py`.

use super::diffusion::{UNET_RULES, VQVAE_RULES};
use super::rule::{Rule, Section, rewrite};

const ENDS: &[Rule] = &[
    ("time_embedding.linear_1.{}", "time_embed.expand.{}"),
    ("time_embedding.linear_2.{}", "time_embed.mix.{}"),
    ("conv_norm_out.{}", "norm_out.{}"),
    ("conv_out.{}", "conv_out.{}"),
];

const RESIDUAL: &[Rule] = &[
    ("norm1.{}", "norm_in.{}"),
    ("conv1.{}", "conv_in.{}"),
    ("time_emb_proj.{}", "time.{}"),
    ("norm2.{}", "norm_out.{}"),
    ("conv2.{}", "conv_out.{}"),
    ("conv_shortcut.{}", "shortcut.{}"),
];

const ATTENTION: &[Rule] = &[
    (
        "transformer_blocks.0.attn1.to_out.0.{}",
        "block.attn1.to_out.{}",
    ),
    (
        "transformer_blocks.0.attn2.to_out.0.{}",
        "block.attn2.to_out.{}",
    ),
    ("transformer_blocks.0.ff.net.0.proj.{}", "block.gate.{}"),
    ("transformer_blocks.0.ff.net.2.{}", "block.shrink.{}"),
    ("transformer_blocks.0.{..}", "block.{..}"),
    ("norm.{}", "norm.{}"),
    ("proj_in.{}", "proj_in.{}"),
    ("proj_out.{}", "proj_out.{}"),
];

/// Names of an auto-encoder; levels of the way up are counted as in ours.
const AUTOENCODER: &[Rule] = &[
    ("quant_conv.{}", "quant_conv.{}"),
    ("post_quant_conv.{}", "post_quant_conv.{}"),
    ("{}.conv_in.{}", "{}.conv_in.{}"),
    ("{}.conv_norm_out.{}", "{}.norm_out.{}"),
    ("{}.conv_out.{}", "{}.conv_out.{}"),
    (
        "{}.down_blocks.{}.resnets.{}.conv_shortcut.{}",
        "{}.down.{}.block.{}.nin_shortcut.{}",
    ),
    (
        "{}.down_blocks.{}.resnets.{}.{..}",
        "{}.down.{}.block.{}.{..}",
    ),
    (
        "{}.down_blocks.{}.downsamplers.0.conv.{}",
        "{}.down.{}.downsample.conv.{}",
    ),
    (
        "{}.up_blocks.{}.resnets.{}.conv_shortcut.{}",
        "{}.up.{}.block.{}.nin_shortcut.{}",
    ),
    ("{}.up_blocks.{}.resnets.{}.{..}", "{}.up.{}.block.{}.{..}"),
    (
        "{}.up_blocks.{}.upsamplers.0.conv.{}",
        "{}.up.{}.upsample.conv.{}",
    ),
    ("{}.mid_block.resnets.0.{..}", "{}.mid.block_1.{..}"),
    ("{}.mid_block.resnets.1.{..}", "{}.mid.block_2.{..}"),
    (
        "{}.mid_block.attentions.0.group_norm.{}",
        "{}.mid.attn_1.norm.{}",
    ),
    ("{}.mid_block.attentions.0.to_q.{}", "{}.mid.attn_1.q.{}"),
    ("{}.mid_block.attentions.0.to_k.{}", "{}.mid.attn_1.k.{}"),
    ("{}.mid_block.attentions.0.to_v.{}", "{}.mid.attn_1.v.{}"),
    (
        "{}.mid_block.attentions.0.to_out.0.{}",
        "{}.mid.attn_1.proj_out.{}",
    ),
];

/// What attention in an auto-encoder was called before diffusers 0.15.
const EARLIER: [(&str, &str); 4] = [
    (".attentions.0.query.", ".attentions.0.to_q."),
    (".attentions.0.key.", ".attentions.0.to_k."),
    (".attentions.0.value.", ".attentions.0.to_v."),
    (".attentions.0.proj_attn.", ".attentions.0.to_out.0."),
];

/// The name today of an array of an auto-encoder in diffusers' layout.
pub fn current_name(name: &str) -> String {
    let earlier = EARLIER.iter().find(|(old, _)| name.contains(old));
    earlier.map_or_else(|| name.to_owned(), |(old, new)| name.replace(old, new))
}

/// What diffusers calls a parameter of ours, of a U-Net with so many residual blocks per resolution.
pub fn diffusers_unet(path: &str, residual_blocks: usize) -> Option<String> {
    let (list, rest) = path.split_once('.')?;
    let place = || {
        let (block, rest) = rest.split_once('.')?;
        let (layer, rest) = rest.split_once('.')?;
        Some((block.parse::<usize>().ok()?, layer, rest))
    };
    match list {
        "input_blocks" => {
            let (block, layer, rest) = place()?;
            let Some(block) = block.checked_sub(1) else {
                return Some(format!("conv_in.{rest}"));
            };
            // Behind the residual blocks of a resolution stands what halves it.
            let level = block / (residual_blocks + 1);
            let index = block % (residual_blocks + 1);
            let end = rest.strip_prefix("op.");
            end.map(|end| format!("down_blocks.{level}.downsamplers.0.conv.{end}"))
                .or_else(|| within(&format!("down_blocks.{level}"), index, layer, rest))
        }
        "output_blocks" => {
            let (block, layer, rest) = place()?;
            let level = block / (residual_blocks + 1);
            let index = block % (residual_blocks + 1);
            let end = rest.strip_prefix("conv.");
            end.map(|end| format!("up_blocks.{level}.upsamplers.0.conv.{end}"))
                .or_else(|| within(&format!("up_blocks.{level}"), index, layer, rest))
        }
        "middle_block" => {
            let (layer, rest) = rest.split_once('.')?;
            match layer {
                "1" => within("mid_block", 0, "1", rest),
                first => within("mid_block", usize::from(first == "2"), "0", rest),
            }
        }
        _ => renamed(ENDS, path),
    }
}

/// The name of a parameter within the residual block (layer 0) or the attention (layer 1) of a list.
fn within(list: &str, index: usize, layer: &str, rest: &str) -> Option<String> {
    let (kind, rules) = match layer {
        "0" => ("resnets", RESIDUAL),
        _ => ("attentions", ATTENTION),
    };
    let rest = renamed(rules, rest)?;
    Some(format!("{list}.{kind}.{index}.{rest}"))
}

/// What diffusers calls a parameter of ours, of an auto-encoder with so many resolutions.
pub fn diffusers_autoencoder(path: &str, levels: usize) -> Option<String> {
    let Some(rest) = path.strip_prefix("decoder.up.") else {
        return renamed(AUTOENCODER, path);
    };
    // Ours begin with the highest resolution, theirs with the one that comes first.
    let (level, rest) = rest.split_once('.')?;
    let level = (levels - 1).checked_sub(level.parse().ok()?)?;
    renamed(AUTOENCODER, &format!("decoder.up.{level}.{rest}"))
}

fn renamed(rules: &[Rule], path: &str) -> Option<String> {
    rules
        .iter()
        .find_map(|(theirs, ours)| rewrite(path, ours, theirs))
}

/// Names in the checkpoints of the authors.
const AUTHORS: [Section; 2] = [
    Section::new("model.diffusion_model.", "unet.", UNET_RULES),
    Section::new("first_stage_model.", "vae.", VQVAE_RULES),
];

/// What the authors' checkpoints call a parameter of ours.
pub fn authors(path: &str) -> Option<String> {
    AUTHORS.iter().find_map(|section| section.to_official(path))
}

/// What stands in the authors' checkpoints beside U-Net and auto-encoder: the text encoder, running averages, and tables
/// that are recomputed.
const ASIDE: &[&str] = &[
    "cond_stage_model.{..}",
    "model_ema.{..}",
    "betas",
    "alphas_cumprod",
    "alphas_cumprod_prev",
    "sqrt_alphas_cumprod",
    "sqrt_one_minus_alphas_cumprod",
    "log_one_minus_alphas_cumprod",
    "sqrt_recip_alphas_cumprod",
    "sqrt_recipm1_alphas_cumprod",
    "posterior_variance",
    "posterior_log_variance_clipped",
    "posterior_mean_coef1",
    "posterior_mean_coef2",
    "logvar",
    "scale_factor",
];

/// Whether an array of the authors' checkpoints is left out.
pub fn is_aside(name: &str) -> bool {
    ASIDE
        .iter()
        .any(|pattern| rewrite(name, pattern, pattern).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_in_lists_become_places_in_blocks() {
        let name = |path: &str| diffusers_unet(path, 2).unwrap();
        for (ours, theirs) in [
            ("input_blocks.0.0.weight", "conv_in.weight"),
            (
                "input_blocks.3.0.op.bias",
                "down_blocks.0.downsamplers.0.conv.bias",
            ),
            (
                "input_blocks.5.0.time.bias",
                "down_blocks.1.resnets.1.time_emb_proj.bias",
            ),
            (
                "output_blocks.2.1.conv.bias",
                "up_blocks.0.upsamplers.0.conv.bias",
            ),
            (
                "output_blocks.3.1.block.attn2.to_out.bias",
                "up_blocks.1.attentions.0.transformer_blocks.0.attn2.to_out.0.bias",
            ),
            (
                "middle_block.2.norm_in.bias",
                "mid_block.resnets.1.norm1.bias",
            ),
        ] {
            assert_eq!(name(ours), theirs);
        }
        assert_eq!(
            diffusers_autoencoder("decoder.up.3.block.1.conv1.bias", 4).unwrap(),
            "decoder.up_blocks.0.resnets.1.conv1.bias"
        );
    }

    #[test]
    fn the_authors_checkpoints_name_lists_as_ours() {
        assert_eq!(
            authors("unet.input_blocks.1.1.block.gate.bias").unwrap(),
            "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.ff.net.0.proj.bias"
        );
        assert_eq!(
            authors("vae.decoder.mid.attn_1.q.weight").unwrap(),
            "first_stage_model.decoder.mid.attn_1.q.weight"
        );
        assert!(is_aside("cond_stage_model.transformer.x") && !is_aside("model.x"));
    }
}
