//! Decode, encode, compose, render, evaluate, report: new scenes from slots of different clips.

use std::path::Path;

use slotflow_datasets::Source;
use slotflow_datasets::source::open;

use super::fits;
use super::video_predict::{FlowError, Outcome};
use crate::artifacts::{Options, Run, RunError};
use crate::metrics::pretrained::PretrainedStore;
use crate::models::WeightsKind;
use crate::models::dynamics::SlotFormerConfig;
use crate::models::encoder::SlotEncoderConfig;
use crate::plan::PlanError;
use crate::plan::compose::{ComposePlan, DecoderConfig, Mode, Protocol};
use crate::plan::video_predict::{EncodeConfig, RolloutConfig};
use crate::stages::compose::evaluate::{Drawn, EvaluateScenes};
use crate::stages::compose::protocol::batch_shift;
use crate::stages::compose::render::RenderScenes;
use crate::stages::compose::report::{SceneReport, SceneSlots};
use crate::stages::compose::scenes::Compose;
use crate::stages::perceive::decode::{Clips, Decode, source_config, window};
use crate::stages::perceive::encode::Encode;
use crate::stages::predict::render::Render;
use crate::stages::predict::rollout::Rollout;
use crate::stages::{Loaded, load};

/// Runs a plan of composition and writes its folder.
///
/// # Errors
/// What stopped it.
pub fn compose(plan: &ComposePlan, out: &Path, options: Options) -> Result<Outcome, FlowError> {
    let decoders = plan.decoders.iter();
    let decoders: Vec<Decoder<'_>> = decoders
        .map(|(name, config)| Decoder::open(plan, name, config))
        .collect::<Result<_, _>>()?;
    let motion = plan.evaluate.motion.as_ref().map(load).transpose()?;
    let run = Run::open(options)?;
    let window = window(&plan.decode, trained_fps(&decoders));
    let source = open(plan.decode.dataset, &source_config(&plan.decode, &window))?;
    check(plan, &decoders, motion.as_ref(), &*source)?;
    let clips = run.stage(&Decode {
        config: &plan.decode,
        source: &*source,
        window,
    })?;
    let (mut drawn, mut slots) = (Vec::new(), Vec::new());
    for decoder in &decoders {
        let (made, of) = decoder.scenes(&run, plan, &clips)?;
        drawn.push(made);
        slots.push(of);
    }
    let cache = run.options().cache.clone();
    let pretrained = PretrainedStore::of_cache(&cache).entries();
    let pretrained = pretrained.map_err(|error| RunError::Unfit {
        reason: error.to_string(),
    })?;
    let scores = run.stage(&EvaluateScenes {
        config: &plan.evaluate,
        cache: &cache,
        pretrained: &pretrained,
        motion: motion.as_ref(),
        clips: &clips,
        drawn: &drawn,
        checkpoint: checkpoint(&decoders),
    })?;
    let failures = scores.failures().iter();
    let failures = failures.map(|(clip, why)| (clip.to_string(), why.clone()));
    let failures = failures.collect();
    let report = SceneReport {
        plan,
        clips: &clips,
        drawn: &drawn,
        slots: &slots,
        scores: &scores,
    };
    let report = if run.options().dry {
        None
    } else {
        Some(report.write(out, &run)?)
    };
    Ok(Outcome {
        report,
        stages: run.records(),
        failures,
    })
}

/// A decoder of a plan with the encoder and SlotFormer of its slots, read and hashed.
struct Decoder<'a> {
    name: &'a str,
    config: &'a DecoderConfig,
    encode: EncodeConfig,
    rollout: RolloutConfig,
    encoder: Loaded,
    /// Where scenes are rolled out.
    dynamics: Option<Loaded>,
    weights: Loaded,
}

impl<'a> Decoder<'a> {
    fn open(
        plan: &ComposePlan,
        name: &'a str,
        config: &'a DecoderConfig,
    ) -> Result<Self, FlowError> {
        let encode = EncodeConfig {
            weights: config
                .encoder
                .clone()
                .unwrap_or_else(|| plan.encode.weights.clone()),
            ..plan.encode.clone()
        };
        let slotformer = config.slotformer.clone();
        let rollout = RolloutConfig {
            weights: slotformer.unwrap_or_else(|| plan.rollout.weights.clone()),
            ..plan.rollout.clone()
        };
        let rolls_out = plan.compose.mode == Mode::Rollout;
        let decoder = Self {
            name,
            config,
            encoder: load(&encode.weights)?,
            dynamics: rolls_out.then(|| load(&rollout.weights)).transpose()?,
            weights: load(&config.weights)?,
            encode,
            rollout,
        };
        decoder.check_widths()?;
        Ok(decoder)
    }

    /// Refuses models whose slots are not of one width.
    fn check_widths(&self) -> Result<(), FlowError> {
        let encoder = self
            .encoder
            .config::<SlotEncoderConfig>(WeightsKind::SlotEncoder)?;
        let refuse = |what: &str, expected: usize| {
            Err(FlowError::Run(RunError::Refused {
                reason: format!(
                    "slots are {} wide but the {what} of `{}` expects {expected}: it was trained with another encoder",
                    encoder.dim, self.name
                ),
                hint: "name the encoder that it was trained with as `encoder` of the decoder's table, and its SlotFormer as `slotformer`",
            }))
        };
        let decoder = self.weights.decoder_config()?;
        if decoder.dim() != encoder.dim {
            return refuse("decoder", decoder.dim());
        }
        if let Some(dynamics) = &self.dynamics {
            let dynamics = dynamics.config::<SlotFormerConfig>(WeightsKind::SlotFormer)?;
            if dynamics.dim != encoder.dim {
                return refuse("SlotFormer", dynamics.dim);
            }
        }
        Ok(())
    }

    /// Scenes of this decoder's slots, and real clips reconstructed from theirs.
    fn scenes(
        &self,
        run: &Run,
        plan: &ComposePlan,
        clips: &Clips,
    ) -> Result<(Drawn, SceneSlots), RunError> {
        let encoded = run.stage(&Encode {
            config: &self.encode,
            weights: &self.encoder,
            clips,
        })?;
        let composed = run.stage(&Compose {
            config: &plan.compose,
            burn_in: plan.rollout.burn_in,
            slots: &encoded,
        })?;
        let scenes = match &self.dynamics {
            None => composed.clone(),
            Some(dynamics) => run.stage(&Rollout {
                config: &self.rollout,
                weights: dynamics,
                slots: &composed,
            })?,
        };
        let render = self.config.render();
        let scenes = run.stage(&RenderScenes {
            config: &render,
            weights: &self.weights,
            scenes: &scenes,
            size: plan.decode.size,
        })?;
        let reconstructions = run.stage(&Render {
            config: &render,
            weights: &self.weights,
            clips,
            encoded: &encoded,
            rollout: &encoded,
        })?;
        let drawn = Drawn {
            name: self.name.to_owned(),
            scenes,
            reconstructions,
        };
        Ok((drawn, SceneSlots { encoded, composed }))
    }
}

/// The rate that the first decoder's encoder was trained at.
fn trained_fps(decoders: &[Decoder<'_>]) -> Option<f32> {
    let fps = decoders.first()?.encoder.trained("fps")?.as_f64()?;
    Some(fps as f32)
}

/// Refuses models, frames and clips that do not go together.
fn check(
    plan: &ComposePlan,
    decoders: &[Decoder<'_>],
    motion: Option<&Loaded>,
    source: &dyn Source,
) -> Result<(), FlowError> {
    fits::clips(&plan.decode, source)?;
    fits::motion(motion)?;
    for decoder in decoders {
        let encoder = fits::encoder(&plan.decode, &decoder.encode, &decoder.encoder)?;
        let sampler = &decoder.config.sampler;
        fits::decoder(("decoders", &decoder.weights), sampler, encoder.as_ref())?;
    }
    let there = source.len() - plan.decode.first;
    let clips = plan.decode.clips.map_or(there, |clips| clips.min(there));
    check_enough(plan, clips)
}

/// Refuses what cannot be composed of so many clips.
fn check_enough(plan: &ComposePlan, clips: usize) -> Result<(), FlowError> {
    let compose = &plan.compose;
    match compose.protocol {
        Protocol::BatchShift => {
            batch_shift(clips, compose.batch, 1).map_err(|unsuited| RunError::Refused {
                reason: unsuited.reason,
                hint: unsuited.hint,
            })?;
        }
        Protocol::Objects => {
            let needed = compose.donors.unwrap_or(1) + usize::from(!compose.own_objects);
            if clips < needed {
                return Err(FlowError::Plan(PlanError::Value {
                    key: "decode.clips",
                    reason: format!(
                        "gives {clips}, and scenes of other clips' objects take {needed} at least"
                    ),
                }));
            }
        }
    }
    Ok(())
}

/// One hash over all models under test.
fn checkpoint(decoders: &[Decoder<'_>]) -> String {
    let mut hash = blake3::Hasher::new();
    for decoder in decoders {
        for loaded in [
            Some(&decoder.encoder),
            decoder.dynamics.as_ref(),
            Some(&decoder.weights),
        ] {
            hash.update(loaded.map_or("", |loaded| loaded.id.as_str()).as_bytes());
        }
    }
    hash.finalize().to_hex()[..32].to_owned()
}
