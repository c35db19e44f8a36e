//! Sizes of the diffusion decoder, and its schedule.

use super::decoder::{divisor, multiple, vqvae};
use super::encoder::resolution;
use super::{OfficialConfig, Shapes};
use crate::models::decoder::diffusion::{
    Betas, DiffusionConfig, PredictionType, StepWeight, TimeSampling,
};
use crate::models::decoder::latent_diffusion::LatentDiffusionConfig;
use crate::models::decoder::unet::UNetConfig;
use crate::weights::official::config::setting;
use crate::weights::{StateDict, WeightsError};

/// Sizes of a diffusion decoder.
pub fn latent_diffusion(
    shapes: &Shapes,
    official: &Shapes,
    facts: &OfficialConfig,
) -> Result<LatentDiffusionConfig, WeightsError> {
    Ok(LatentDiffusionConfig {
        resolution: resolution(official, facts)?,
        vae: vqvae(&shapes.under("vae."), facts, "dec_dict/vae_dict/")?,
        unet: unet(&shapes.under("unet."), facts)?,
        diffusion: process(official, facts)?,
        z_scale: facts.number_or("dec_dict/diffusion_dict/z_scale_factor", 1.0)?,
        latent_stats: None,
    })
}

fn unet(shapes: &Shapes, facts: &OfficialConfig) -> Result<UNetConfig, WeightsError> {
    let key = |name: &str| format!("dec_dict/unet_dict/{name}");
    let [channels, latent_channels, ..] = shapes.axes::<4>("input_blocks.0.0.weight")?;
    let (mut multipliers, mut attention_factors) = (Vec::new(), Vec::new());
    let (mut widths, mut attended) = (vec![channels], Vec::new());
    let (mut level, mut blocks) = (0, vec![0]);
    for index in 1..shapes.count("input_blocks.") {
        if shapes.has(&format!("input_blocks.{index}.0.op.weight")) {
            level += 1;
            blocks.push(0);
            continue;
        }
        let [width, ..] = shapes.axes::<4>(&format!("input_blocks.{index}.0.conv_in.weight"))?;
        blocks[level] += 1;
        widths.push(width);
        multipliers.resize(level + 1, 0);
        multipliers[level] = multiple(width, channels, &key("model_channels"))?;
        if shapes.any(&format!("input_blocks.{index}.1.")) {
            attended.push(width);
            if !attention_factors.contains(&(1 << level)) {
                attention_factors.push(1 << level);
            }
        }
    }
    attended.push(widths[widths.len() - 1]);
    let [_, context] = shapes.axes("middle_block.1.block.attn2.to_k.weight")?;
    facts.confirm(&key("model_channels"), channels)?;
    facts.confirm(&key("in_channels"), latent_channels)?;
    facts.confirm(&key("num_res_blocks"), blocks[0])?;
    facts.confirm(&key("channel_mult"), multipliers.clone())?;
    facts.confirm(&key("context_dim"), context)?;
    Ok(UNetConfig {
        latent_channels,
        channels,
        multipliers,
        residual_blocks: blocks[0],
        attention_factors,
        head_width: divisor(facts, &key("num_head_channels"), Some(32), &attended)?,
        norm_groups: divisor(facts, &key("norm_groups"), Some(32), &widths)?,
        context,
        ..UNetConfig::default()
    })
}

/// Key of a setting of the diffusion process.
fn of_process(name: &str) -> String {
    format!("dec_dict/diffusion_dict/{name}")
}

fn process(official: &Shapes, facts: &OfficialConfig) -> Result<DiffusionConfig, WeightsError> {
    let default = DiffusionConfig::default();
    let timesteps = if official.has(BETAS) {
        official.axes::<1>(BETAS)?[0]
    } else {
        default.timesteps
    };
    facts.confirm(&of_process("timesteps"), timesteps)?;
    let unknown = |name: &str, word: &str, known: &str| {
        setting(&of_process(name), format!("is `{word}`; there are {known}"))
    };
    let betas = match facts.word(&of_process("beta_schedule"))? {
        None | Some("linear") => Betas::RootLinear,
        Some("sqrt_linear") => Betas::Linear,
        Some(word) => return Err(unknown("beta_schedule", word, "linear and sqrt_linear")),
    };
    let target = match facts.word(&of_process("pred_target"))? {
        None | Some("eps") => PredictionType::Noise,
        Some("x0") => PredictionType::Image,
        Some("v") => PredictionType::Velocity,
        Some(word) => return Err(unknown("pred_target", word, "eps, x0 and v")),
    };
    Ok(DiffusionConfig {
        timesteps,
        betas,
        linear_start: facts.number_or(&of_process("linear_start"), default.linear_start)?,
        linear_end: facts.number_or(&of_process("linear_end"), default.linear_end)?,
        prediction_type: target,
        weight: StepWeight::Uniform,
        times: TimeSampling::Uniform,
    })
}

/// The buffer with the variance that each step adds.
const BETAS: &str = "dm_decoder.betas";

/// Refuses a configuration whose schedule is not the one in the checkpoint.
pub fn check_schedule(
    config: &LatentDiffusionConfig,
    official: &StateDict,
) -> Result<(), WeightsError> {
    let Some(betas) = official.get(BETAS).and_then(|value| value.as_f32()) else {
        return Ok(());
    };
    let ours = config.diffusion.schedule();
    let ours = &ours.betas;
    let apart = |(ours, theirs): (&f32, &f32)| (ours - theirs).abs() > 1e-5 * ours.abs();
    match betas
        .iter()
        .zip(ours)
        .position(|(theirs, ours)| apart((ours, theirs)))
    {
        None => Ok(()),
        Some(at) => Err(setting(
            &of_process("beta_schedule"),
            format!(
                "gives {} at step {at} where `{BETAS}` has {}: give the schedule with `--config`",
                ours[at], betas[at]
            ),
        )),
    }
}
