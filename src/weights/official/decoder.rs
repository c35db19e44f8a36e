//! Sizes of the dVAE, of the token decoder and of the VQ-VAE.

use super::encoder::resolution;
use super::{OfficialConfig, Shapes};
use crate::models::decoder::autoregressive::AutoregressiveConfig;
use crate::models::decoder::dvae::DvaeConfig;
use crate::models::decoder::vqvae::VqVaeConfig;
use crate::weights::WeightsError;
use crate::weights::official::config::setting;

/// Sizes of a dVAE; `key` names its vocabulary in the configuration.
pub fn dvae(
    shapes: &Shapes,
    facts: &OfficialConfig,
    key: &str,
) -> Result<DvaeConfig, WeightsError> {
    let [rgb, channels, _, _] = shapes.axes("output.weight")?;
    let [vocabulary, ..] = shapes.axes::<4>("logits.weight")?;
    facts.confirm(key, vocabulary)?;
    Ok(DvaeConfig {
        rgb,
        channels,
        vocabulary,
    })
}

/// Sizes of a token decoder and its dVAE.
pub fn autoregressive(
    shapes: &Shapes,
    official: &Shapes,
    facts: &OfficialConfig,
) -> Result<AutoregressiveConfig, WeightsError> {
    let [width, dim] = shapes.axes("tokens.input.weight")?;
    let layers = shapes.count("tokens.layers.");
    facts.confirm("dec_dict/dec_num_layers", layers)?;
    facts.confirm("dec_dict/dec_d_model", width)?;
    Ok(AutoregressiveConfig {
        dim,
        width,
        resolution: resolution(official, facts)?,
        layers,
        heads: divisor(facts, "dec_dict/dec_num_heads", None, &[width])?,
        dvae: dvae(&shapes.under("dvae."), facts, "dvae_dict/vocab_size")?,
        ..AutoregressiveConfig::default()
    })
}

/// Sizes of a VQ-VAE; `place` is where its dicts stand in the configuration.
pub fn vqvae(
    shapes: &Shapes,
    facts: &OfficialConfig,
    place: &str,
) -> Result<VqVaeConfig, WeightsError> {
    let [channels, rgb, ..] = shapes.axes::<4>("encoder.conv_in.weight")?;
    let [latent_channels, ..] = shapes.axes::<4>("encoder.conv_out.weight")?;
    let [codes, code_channels] = shapes.axes("quantize.embedding.weight")?;
    let levels = shapes.count("encoder.down.").max(1);
    let (mut widths, mut multipliers) = (vec![channels], Vec::new());
    for level in 0..levels {
        let [width, ..] =
            shapes.axes::<4>(&format!("encoder.down.{level}.block.0.conv1.weight"))?;
        multipliers.push(multiple(width, channels, "ch")?);
        widths.push(width);
    }
    let residual_blocks = shapes.count("encoder.down.0.block.");
    let key = |name: &str| format!("{place}{name}");
    facts.confirm(&key("enc_dec_dict/ch"), channels)?;
    facts.confirm(&key("enc_dec_dict/ch_mult"), multipliers.clone())?;
    facts.confirm(&key("enc_dec_dict/num_res_blocks"), residual_blocks)?;
    facts.confirm(&key("enc_dec_dict/z_channels"), latent_channels)?;
    facts.confirm(&key("vq_dict/n_embed"), codes)?;
    facts.confirm(&key("vq_dict/embed_dim"), code_channels)?;
    Ok(VqVaeConfig {
        rgb,
        channels,
        multipliers,
        residual_blocks,
        latent_channels,
        code_channels,
        codes,
        norm_groups: divisor(facts, &key("enc_dec_dict/norm_groups"), Some(32), &widths)?,
        mid_attention: shapes.any("encoder.mid.attn_1."),
    })
}

/// How many times `unit` a width is.
pub fn multiple(width: usize, unit: usize, key: &str) -> Result<usize, WeightsError> {
    if unit == 0 || !width.is_multiple_of(unit) {
        return Err(setting(
            key,
            format!("is {unit}, of which {width} channels are no multiple"),
        ));
    }
    Ok(width / unit)
}

/// A number of groups, heads or channels that divides all of some widths.
pub fn divisor(
    facts: &OfficialConfig,
    key: &str,
    default: Option<usize>,
    widths: &[usize],
) -> Result<usize, WeightsError> {
    let number = match default {
        Some(default) => facts.size_or(key, default)?,
        None => facts.size(key)?,
    };
    match widths.iter().find(|width| !width.is_multiple_of(number)) {
        Some(width) => Err(setting(
            key,
            format!("is {number}, which does not divide {width}"),
        )),
        None => Ok(number),
    }
}
