//! Whether settings, weights and clips go together, as far as headers tell: what does not is refused before any work.

use std::path::Path;

use slotflow_datasets::Source;

use crate::models::WeightsKind;
use crate::models::decoder::sampler::SamplerConfig;
use crate::models::decoder::stable_diffusion::StableDiffusionConfig;
use crate::models::dynamics::SlotFormerConfig;
use crate::models::encoder::SlotEncoderConfig;
use crate::models::perceptual::motion::MotionConfig;
use crate::models::reasoner::AloeConfig;
use crate::plan::TrainPlan;
use crate::plan::training::StartWeights;
use crate::plan::video_predict::{DecodeConfig, EncodeConfig};
use crate::stages::{Loaded, load, open_stored};
use crate::weights::bundled;

pub(super) use unfit::UnfitError;
use unfit::{refused, resolution};

/// Every model once, before any work.
mod trial;

/// Refusals.
mod unfit;

/// The size of frames for a model that sees none.
const NO_SIZE: [usize; 2] = [0, 0];

/// The slot encoder of a plan; none where slots are pooled over regions.
///
/// # Errors
/// When the file holds no slot encoder, or one of frames of another size.
pub(super) fn encoder(
    decode: &DecodeConfig,
    encode: &EncodeConfig,
    weights: &Loaded,
) -> Result<Option<SlotEncoderConfig>, UnfitError> {
    if encode.regions.is_some() {
        return Ok(None);
    }
    let config: SlotEncoderConfig = weights.config(WeightsKind::SlotEncoder)?;
    resolution("decode.size", decode.size, &config)?;
    trial::weights(("encode.weights", weights), decode.size)?;
    Ok(Some(config))
}

/// Refuses a model that reads slots of another width than the encoder's.
fn width(
    key: &'static str,
    encoder: Option<&SlotEncoderConfig>,
    expected: usize,
) -> Result<(), UnfitError> {
    match encoder {
        Some(encoder) if encoder.dim != expected => {
            let reason = format!(
                "takes slots of {expected} numbers, and the encoder's have {}: it was trained with another encoder",
                encoder.dim
            );
            refused(key, reason)
        }
        _ => Ok(()),
    }
}

/// Refuses a SlotFormer of other slots, or one that must observe more frames than `observed`, which `key` sets.
///
/// # Errors
/// Also when the file holds no SlotFormer.
pub(super) fn dynamics(
    weights: (&'static str, &Loaded),
    encoder: Option<&SlotEncoderConfig>,
    (key, observed): (&'static str, usize),
) -> Result<(), UnfitError> {
    let config: SlotFormerConfig = weights.1.config(WeightsKind::SlotFormer)?;
    width(weights.0, encoder, config.dim)?;
    if observed >= config.burn_in {
        return trial::weights(weights, NO_SIZE);
    }
    let reason = format!(
        "leaves {observed} observed frames, and the SlotFormer was trained on {} at least",
        config.burn_in
    );
    refused(key, reason)
}

/// Refuses a decoder of other slots, or one that cannot be sampled as asked for.
///
/// # Errors
/// Also when the file holds no decoder.
pub(super) fn decoder(
    weights: (&'static str, &Loaded),
    sampler: &SamplerConfig,
    encoder: Option<&SlotEncoderConfig>,
) -> Result<(), UnfitError> {
    let config = weights.1.decoder_config()?;
    if sampler.guidance != 1.0 && !config.knows_guidance() {
        let reason = format!(
            "is a {}, which has no null token to be guided from; leave the sampler's `guidance` of {} out",
            config.kind(),
            sampler.guidance
        );
        return refused(weights.0, reason);
    }
    if let Some(times) = config.timesteps()
        && sampler.is_discrete()
        && sampler.steps > times
    {
        let reason = format!(
            "was trained on {times} timesteps, and the sampler's method visits each once; {} `steps` are too many",
            sampler.steps
        );
        return refused(weights.0, reason);
    }
    width(weights.0, encoder, config.dim())?;
    trial::weights(weights, config.resolution())
}

/// Refuses a reasoner of other slots, or one whose questions are about more frames than clips have; `instead` is what may
/// be done where answers can be left out.
///
/// # Errors
/// Also when the file holds no Aloe.
pub(super) fn reasoner(
    weights: (&'static str, &Loaded),
    encoder: Option<&SlotEncoderConfig>,
    decode: &DecodeConfig,
    instead: &str,
) -> Result<(), UnfitError> {
    let config: AloeConfig = weights.1.config(WeightsKind::Aloe)?;
    width(weights.0, encoder, config.dim)?;
    if let Some(encoder) = encoder.filter(|encoder| encoder.slots != config.slots) {
        let reason = format!(
            "reads {} slots of a frame, and the encoder gives {}: it was trained with another encoder",
            config.slots, encoder.slots
        );
        return refused(weights.0, reason);
    }
    match decode.frames {
        Some(frames) if frames < config.frames => {
            let reason = format!(
                "is {frames}, and questions are about {} frames{instead}",
                config.frames
            );
            refused("decode.frames", reason)
        }
        _ => trial::weights(weights, decode.size),
    }
}

/// Refuses levels of no fewer segments than there are slots.
///
/// # Errors
/// Names how many slots there are.
pub(super) fn levels(levels: &[usize], slots: usize) -> Result<(), UnfitError> {
    match levels.iter().find(|count| **count >= slots) {
        Some(count) => refused(
            "segment.levels",
            format!("holds {count}, and a frame has {slots} slots: levels have fewer segments"),
        ),
        None => Ok(()),
    }
}

/// Refuses weights that are no motion network.
///
/// # Errors
/// When they are of another model.
pub(super) fn motion(weights: Option<&Loaded>) -> Result<(), UnfitError> {
    let Some(weights) = weights else {
        return Ok(());
    };
    let config: MotionConfig = weights.config(WeightsKind::Motion)?;
    trial::weights(("evaluate.motion", weights), config.resolution)
}

/// Refuses a first clip behind the last one that there is.
///
/// # Errors
/// Names how many there are.
pub(super) fn clips(decode: &DecodeConfig, source: &dyn Source) -> Result<(), UnfitError> {
    let (first, there) = (decode.first, source.len());
    if there > first {
        return Ok(());
    }
    let (split, dataset) = (decode.split, decode.dataset);
    if there == 0 {
        let reason = format!("is `{split}`, and the data set `{dataset}` has no clips there");
        return refused("decode.split", reason);
    }
    let reason =
        format!("is {first}, and the data set `{dataset}` has {there} clips, counted from 0");
    refused("decode.first", reason)
}

/// Refuses weights files that a training starts from and that are absent, of another model, or of frames of another size.
///
/// # Errors
/// Names the file, or the key of the size.
pub(super) fn training(plan: &TrainPlan) -> Result<(), UnfitError> {
    for start in plan.objective.table().starts_from() {
        there(&start)?;
        let on_disk = bundled::name_of(&start.name.0).is_none();
        if let (Some(kind @ WeightsKind::StableDiffusion), true) = (start.kind, on_disk) {
            let (config, _) = open_stored::<StableDiffusionConfig>(start.name, kind)?;
            whole_latents(plan.data.size, config.vae.autoencoder().down_factor())?;
            continue;
        }
        let weights = load(start.name)?;
        match start.kind {
            None => drop(weights.decoder_config()?),
            Some(WeightsKind::SlotEncoder) => {
                let config: SlotEncoderConfig = weights.config(WeightsKind::SlotEncoder)?;
                resolution("data.size", plan.data.size, &config)?;
            }
            Some(kind) => drop(weights.config::<serde_json::Value>(kind)?),
        }
        trial::weights((start.key, &weights), plan.data.size)?;
    }
    trial::training(plan)
}

/// Refuses frames that an auto-encoder would give back smaller.
fn whole_latents(size: [usize; 2], factor: usize) -> Result<(), UnfitError> {
    if size.iter().all(|side| side.is_multiple_of(factor)) {
        return Ok(());
    }
    let reason = format!("is {size:?}; the auto-encoder takes multiples of {factor} pixels");
    refused("data.size", reason)
}

/// Refuses a file that is not there, with the training that writes it where its folder tells.
fn there(start: &StartWeights<'_>) -> Result<(), UnfitError> {
    let name = &start.name.0;
    if bundled::name_of(name).is_some() || Path::new(name).exists() {
        return Ok(());
    }
    let run = name
        .strip_prefix("runs/")
        .and_then(|rest| rest.split_once('/'));
    let step = run.map_or_else(String::new, |(run, _)| {
        format!("; `pipeline train {run}` writes it")
    });
    refused(
        start.key,
        format!("names `{name}`, which is not there{step}"),
    )
}
