//! One item through every model at its shapes, without weights or with those of a file: what no model can be built of is
//! refused before any work.

use burn::module::Module;
use burn::tensor::{Bool, Device, Int, Tensor};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::artifacts::fault;
use crate::models::decoder::autoencoder_kl::{AutoencoderKl, AutoencoderKlConfig};
use crate::models::decoder::autoregressive::AutoregressiveConfig;
use crate::models::decoder::dvae::{Dvae, DvaeConfig};
use crate::models::decoder::latent_diffusion::LatentDiffusionConfig;
use crate::models::decoder::stable_diffusion::StableDiffusionConfig;
use crate::models::decoder::stable_diffusion::slots_as_text::SlotStableDiffusionConfig;
use crate::models::decoder::vqvae::{VqVae, VqVaeConfig};
use crate::models::decoder::{SlotDecoder, SlotDecoderConfig};
use crate::models::dynamics::{SlotFormer, SlotFormerConfig};
use crate::models::encoder::{SlotEncoder, SlotEncoderConfig, StemConfig};
use crate::models::perceptual::motion::{Motion, MotionConfig};
use crate::models::reasoner::{Aloe, AloeConfig, ObjectEventHeadConfig};
use crate::models::{SlotSequence, WeightsKind};
use crate::plan::training::objectives::{
    DecoderParts, FrozenPart, SlotDiffusionPlan, SlotsPlan, StevePlan,
};
use crate::plan::training::{ObjectivePlan, TrainPlan};
use crate::plan::video_predict::WeightsName;
use crate::rng::{Init, SeededRng};
use crate::stages::{Loaded, load};
use crate::train::objectives::readout::ReadoutConfig;

use super::unfit::{UnfitError, refused, resolution};

/// Slots of a frame where no encoder says how many; a pair of them has no less.
const SLOTS: usize = 2;

/// Frames of a clip: the second one is expected from the first.
const FRAMES: usize = 2;

/// The largest number that a model's sizes may be.
const MOST: u64 = 1 << 16;

/// A number in a configuration that no model has among its sizes.
fn large(config: &Value) -> Option<f64> {
    match config {
        Value::Number(number) => number.as_f64().filter(|number| number.abs() > MOST as f64),
        Value::Array(items) => items.iter().find_map(large),
        Value::Object(fields) => fields.values().find_map(large),
        _ => None,
    }
}

/// Does what needs a model of the settings or the file that `key` names; what it panics with becomes a refusal.
fn tried<T>(key: &'static str, work: impl FnOnce(&mut Init) -> T) -> Result<T, UnfitError> {
    fault::tried(|| work(&mut Init::blank(&Device::flex()))).or_else(|said| {
        let reason = format!("gives a model that cannot be built ({said})");
        refused(key, reason)
    })
}

/// The model in a file, and its configuration.
fn read<C: DeserializeOwned, M: Module>(
    (key, weights): (&'static str, &Loaded),
    kind: WeightsKind,
    init: impl FnOnce(&C, &mut Init) -> M,
) -> Result<(C, M), UnfitError> {
    let read = tried(key, |_| weights.model(kind, &Device::flex(), init))?;
    Ok(read?)
}

/// Tries the model in a file; kinds of which a training takes nothing but arrays are left out.
///
/// # Errors
/// When no model can be built of its header, or its arrays are not the model's.
pub fn weights(named: (&'static str, &Loaded), size: [usize; 2]) -> Result<(), UnfitError> {
    let (key, kind) = (named.0, named.1.header().model);
    if let Some(number) = large(&named.1.header().config) {
        let reason = format!("has {number} among its sizes; {MOST} is the most");
        return refused(key, reason);
    }
    match kind {
        WeightsKind::SlotEncoder => {
            let (config, model) = read(named, kind, SlotEncoderConfig::init)?;
            tried(key, |_| encode(&model, &config))
        }
        WeightsKind::Mixture
        | WeightsKind::Autoregressive
        | WeightsKind::LatentDiffusion
        | WeightsKind::SlotStableDiffusion => {
            let (config, model) = tried(key, |_| named.1.decoder(&Device::flex()))??;
            let (size, slots) = (config.resolution(), [1, SLOTS, config.dim()]);
            tried(key, |_| decode(&model, size, slots))
        }
        WeightsKind::VqVae => {
            let (config, model): (VqVaeConfig, _) = read(named, kind, VqVaeConfig::init)?;
            tried(key, |_| through_vqvae(&model, picture(config.rgb, size)))
        }
        WeightsKind::AutoencoderKl => {
            let (config, model) = read(named, kind, AutoencoderKlConfig::init)?;
            tried(key, |_| {
                through_autoencoder(&model, picture(config.rgb, size));
            })
        }
        WeightsKind::Dvae => {
            let (config, model): (DvaeConfig, _) = read(named, kind, DvaeConfig::init)?;
            tried(key, |_| through_dvae(&model, picture(config.rgb, size)))
        }
        WeightsKind::SlotFormer => {
            let (config, model) = read(named, kind, SlotFormerConfig::init)?;
            tried(key, |_| roll_out(&model, &config))
        }
        WeightsKind::Aloe => {
            let (config, model) = read(named, kind, AloeConfig::init)?;
            tried(key, |_| answer(&model, &config))
        }
        WeightsKind::Motion => {
            let (config, model) = read(named, kind, MotionConfig::init)?;
            tried(key, |_| feel(&model, &config))
        }
        _ => Ok(()),
    }
}

/// Tries the models that a training is to make.
///
/// # Errors
/// Names the table of settings of which no model can be built, or a file.
pub fn training(plan: &TrainPlan) -> Result<(), UnfitError> {
    let size = plan.data.size;
    match &plan.objective {
        ObjectivePlan::VqVae(plan) => tried("vqvae.model", |init| {
            through_vqvae(&plan.model.init(init), picture(plan.model.rgb, size));
        }),
        ObjectivePlan::AutoencoderKl(plan) => tried("autoencoder-kl.model", |init| {
            through_autoencoder(&plan.model.init(init), picture(plan.model.rgb, size));
        }),
        ObjectivePlan::Dvae(plan) => tried("dvae.model", |init| {
            through_dvae(&plan.model.init(init), picture(plan.model.rgb, size));
        }),
        ObjectivePlan::Slots(plan) => slots(plan, size),
        ObjectivePlan::Diffusion(plan) => {
            let encoder = config(&plan.encoder, WeightsKind::SlotEncoder)?;
            let resolution = match plan.vqvae {
                Some(_) => plan.model.resolution,
                None => size,
            };
            diffusion("diffusion.model", &plan.decoder(), &encoder, resolution)
        }
        ObjectivePlan::SlotDiffusion(plan) => slotdiffusion(plan, size),
        ObjectivePlan::Steve(plan) => steve(plan, size),
        ObjectivePlan::SlotFormer(plan) => tried("slotformer.model", |init| {
            roll_out(&plan.model.init(init), &plan.model);
        }),
        ObjectivePlan::Aloe(plan) => tried("aloe.model", |init| {
            answer(&plan.model.init(init), &plan.model);
        }),
        ObjectivePlan::Readout(plan) => tried("readout.model", |init| {
            let (dim, frames) = (dim_of(&plan.model), plan.model.frames());
            plan.model
                .init(init)
                .forward(&zeros([1, frames, SLOTS, dim]));
        }),
        ObjectivePlan::ObjectEventHead(plan) => tried("object-event-head.model", |init| {
            let slots = zeros([1, FRAMES, SLOTS, plan.model.dim]);
            ObjectEventHeadConfig::init(&plan.model, init).forward(&slots);
        }),
        ObjectivePlan::Motion(plan) => tried("motion.model", |init| {
            feel(&plan.model.init(init), &plan.model);
        }),
    }
}

/// The configuration in a file.
fn config<C: DeserializeOwned>(file: &WeightsName, kind: WeightsKind) -> Result<C, UnfitError> {
    Ok(load(file)?.config(kind)?)
}

fn dim_of(readout: &ReadoutConfig) -> usize {
    match readout {
        ReadoutConfig::Physion(config) => config.dim,
        ReadoutConfig::Phyre(config) => config.dim,
    }
}

/// The encoder that a training begins with: that of a file, or a new one, which is tried.
fn begun(
    key: &'static str,
    (new, start): (&SlotEncoderConfig, Option<&WeightsName>),
) -> Result<SlotEncoderConfig, UnfitError> {
    if let Some(file) = start {
        return config(file, WeightsKind::SlotEncoder);
    }
    tried(key, |init| encode(&new.init(init), new))?;
    Ok(new.clone())
}

fn slots(plan: &SlotsPlan, size: [usize; 2]) -> Result<(), UnfitError> {
    let encoder = begun(
        "slots.encoder",
        (&plan.encoder, plan.start_encoder.as_ref()),
    )?;
    resolution("data.size", size, &encoder)?;
    tried("slots.decoder", |init| {
        let decoder = SlotDecoderConfig::Mixture(plan.decoder.clone()).init(init);
        decode(&decoder, size, [1, encoder.slots, encoder.dim]);
    })
}

fn slotdiffusion(plan: &SlotDiffusionPlan, size: [usize; 2]) -> Result<(), UnfitError> {
    let mut new = plan.slots.clone();
    if let Some(vit) = &plan.vit {
        new.stem = StemConfig::Vit(config(vit, WeightsKind::Vit)?);
    }
    if plan.start_encoder.is_none() {
        new.resolution = size;
    }
    let encoder = begun("slotdiffusion.slots", (&new, plan.start_encoder.as_ref()))?;
    let is_vit = matches!(encoder.stem, StemConfig::Vit(_));
    if plan.objective.feature_weight > 0.0 && !is_vit {
        let reason = "asks for features of a frozen vision transformer, and the encoder's stem is none: \
             name one with `slotdiffusion.vit`";
        return refused("slotdiffusion.objective.feature-weight", reason.to_owned());
    }
    diffusion("slotdiffusion.model", &plan.decoder(), &encoder, size)
}

/// A diffusion decoder of an encoder's slots. All of Stable Diffusion is not tried: it was checked when it was imported, and
/// one frame takes it longer than all other trials.
fn diffusion(
    key: &'static str,
    parts: &DecoderParts<'_>,
    encoder: &SlotEncoderConfig,
    resolution: [usize; 2],
) -> Result<(), UnfitError> {
    let model = parts.model;
    let decoder = match parts.frozen() {
        Err(_) | Ok(FrozenPart::StableDiffusion(_)) => return Ok(()),
        Ok(FrozenPart::VqVae(file)) => {
            let mut decoder = LatentDiffusionConfig {
                resolution,
                vae: config(file, WeightsKind::VqVae)?,
                ..model.clone()
            };
            decoder.unet.context = encoder.dim;
            SlotDecoderConfig::Diffusion(decoder)
        }
        Ok(FrozenPart::AutoencoderKl(file)) => {
            let vae: AutoencoderKlConfig = config(file, WeightsKind::AutoencoderKl)?;
            let mut unet = model.unet.clone();
            unet.latent_channels = vae.latent_channels;
            SlotDecoderConfig::StableDiffusion(SlotStableDiffusionConfig {
                dim: encoder.dim,
                registers: parts.tokens.map_or(0, |tokens| tokens.registers),
                null_token: true,
                model: StableDiffusionConfig {
                    resolution,
                    vae,
                    unet,
                    diffusion: model.diffusion.clone(),
                },
            })
        }
    };
    tried(key, |init| {
        let shape = [1, encoder.slots, encoder.dim];
        decode(&decoder.init(init), resolution, shape);
    })
}

fn steve(plan: &StevePlan, size: [usize; 2]) -> Result<(), UnfitError> {
    let start = plan.encoder.as_ref().or(plan.start_encoder.as_ref());
    let encoder = begun("steve.slots", (&plan.slots, start))?;
    let config = AutoregressiveConfig {
        dim: encoder.dim,
        resolution: size,
        dvae: config(&plan.dvae, WeightsKind::Dvae)?,
        ..plan.model.clone()
    };
    tried("steve.model", |init| {
        let decoder = SlotDecoderConfig::Autoregressive(config).init(init);
        decode(&decoder, size, [1, encoder.slots, encoder.dim]);
    })
}

/// The most numbers of one item; two frames of a million pixels each have fewer.
const MOST_NUMBERS: usize = 1 << 23;

/// An item of zeros.
///
/// # Panics
/// When it has more than [`MOST_NUMBERS`]: no model of sane sizes takes it.
fn zeros<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    let numbers = shape
        .iter()
        .try_fold(1_usize, |all, &part| all.checked_mul(part));
    assert!(
        numbers.is_some_and(|numbers| numbers <= MOST_NUMBERS),
        "it takes {shape:?} numbers at once"
    );
    Tensor::zeros(shape, &Device::flex())
}

/// A picture of a batch of one, `[1, rgb, height, width]`.
fn picture(rgb: usize, [height, width]: [usize; 2]) -> Tensor<4> {
    zeros([1, rgb, height, width])
}

/// The most rounds of slot attention in a frame; the papers have one to three.
const MOST_ROUNDS: usize = 64;

fn encode(model: &SlotEncoder, config: &SlotEncoderConfig) {
    let rounds = config.iterations.max(config.first_iterations.unwrap_or(0));
    assert!(
        rounds <= MOST_ROUNDS,
        "{rounds} rounds of slot attention; {MOST_ROUNDS} are the most"
    );
    let [height, width] = config.resolution;
    let noise = model.noise_shape(1, FRAMES, true).map(zeros);
    model.encode(zeros([1, FRAMES, 3, height, width]), None, noise.as_ref());
}

fn decode(model: &SlotDecoder, size: [usize; 2], slots: [usize; 3]) {
    model.loss(
        picture(3, size),
        zeros(slots),
        &mut SeededRng::new(0, &["trial"]),
    );
}

fn through_autoencoder(model: &AutoencoderKl, picture: Tensor<4>) {
    let drawn = model.decode(model.encode(picture.clone()).mean);
    compare_sizes(&drawn, &picture);
}

fn through_vqvae(model: &VqVae, picture: Tensor<4>) {
    let drawn = model.forward(picture.clone()).frames;
    compare_sizes(&drawn, &picture);
}

fn through_dvae(model: &Dvae, picture: Tensor<4>) {
    let drawn = model.decode(model.encode(picture.clone()));
    compare_sizes(&drawn, &picture);
}

fn compare_sizes(drawn: &Tensor<4>, picture: &Tensor<4>) {
    let ([_, _, height, width], [_, _, rows, columns]) = (picture.dims(), drawn.dims());
    assert_eq!(
        [height, width],
        [rows, columns],
        "pictures of {height}×{width} come out as {rows}×{columns}"
    );
}

fn roll_out(model: &SlotFormer, config: &SlotFormerConfig) {
    let history = zeros([1, config.burn_in, SLOTS, config.dim]);
    model.rollout(&SlotSequence::observed(history), 1);
}

fn answer(model: &Aloe, config: &AloeConfig) {
    let device = Device::flex();
    let slots = zeros([1, config.frames, config.slots, config.dim]);
    let words = Tensor::<2, Int>::zeros([1, config.text], &device);
    let padding = Tensor::<2, Bool>::full([1, config.text], false, &device);
    model.answer(slots, words, padding);
}

fn feel(model: &Motion, config: &MotionConfig) {
    let [height, width] = config.resolution;
    model.steps(zeros([1, config.window, 3, height, width]));
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::weights::{Precision, WeightsFile};

    use super::*;

    /// Bundled files of every kind that a run loads, small ones.
    const FILES: [&str; 6] = [
        "slot-encoder",
        "slotformer",
        "vqvae",
        "mixture",
        "motion",
        "aloe",
    ];

    /// Every place of a number in a configuration, as a JSON pointer.
    fn numbers(config: &Value, at: &str, found: &mut Vec<String>) {
        match config {
            Value::Number(_) => found.push(at.to_owned()),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    numbers(item, &format!("{at}/{index}"), found);
                }
            }
            Value::Object(fields) => {
                for (name, field) in fields {
                    numbers(field, &format!("{at}/{name}"), found);
                }
            }
            _ => {}
        }
    }

    /// Whether a file is taken with another number in its header.
    fn is_taken(file: &WeightsFile, place: &str, number: u64, path: &Path) -> bool {
        let mut changed = file.clone();
        let there = changed.header.config.pointer_mut(place).unwrap();
        *there = number.into();
        changed.write(path, Precision::Single).unwrap();
        let name = WeightsName(path.display().to_string());
        load(&name).is_ok_and(|loaded| weights(("rollout.weights", &loaded), [64, 64]).is_ok())
    }

    #[test]
    fn no_number_in_a_header_brings_the_program_down() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("changed.safetensors");
        let (mut taken, mut refused) = (0, 0);
        for name in FILES {
            let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines/weights/synth-metal");
            let file = WeightsFile::read(home.join(format!("{name}.safetensors"))).unwrap();
            let mut places = Vec::new();
            numbers(&file.header.config, "", &mut places);
            for place in places {
                for number in [0, 7, 3_000, 1 << 40] {
                    if is_taken(&file, &place, number, &path) {
                        taken += 1;
                    } else {
                        refused += 1;
                    }
                }
            }
        }
        // A dropout, a scale or a frame more are taken; sizes are not.
        assert!(
            taken > 20 && refused > 200,
            "{taken} taken, {refused} refused"
        );
    }
}
