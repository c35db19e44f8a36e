//! Decode, encode, segment, render where a decoder is named, score, report: unsupervised segmentation of clips and pictures.

use std::path::Path;

use slotflow_datasets::GroundTruth;
use slotflow_datasets::source::open;

use super::fits;
use super::video_predict::{FlowError, Outcome};
use crate::artifacts::{Options, Run};
use crate::plan::SegmentPlan;
use crate::plan::segment::SegmentConfig;
use crate::plan::video_predict::{DecodeConfig, WeightsName};
use crate::stages::perceive::decode::{Decode, source_config, window};
use crate::stages::perceive::encode::{Encode, slot_count};
use crate::stages::predict::render::Render;
use crate::stages::report::run_folder::made;
use crate::stages::report::segment_report::SegmentReport;
use crate::stages::segment::levels::MergeSlots;
use crate::stages::segment::score_masks::ScoreMasks;
use crate::stages::segment::score_reconstructions::ScoreReconstructions;
use crate::stages::segment::segmentation::Segment;
use crate::stages::{Loaded, load};

/// Runs a plan of segmentation and writes its folder.
///
/// # Errors
/// What stopped it.
#[expect(clippy::too_many_lines, reason = "the whole pipeline on one screen")]
pub fn segment(plan: &SegmentPlan, out: &Path, options: Options) -> Result<Outcome, FlowError> {
    let weights = load(&plan.encode.weights)?;
    let render = plan.render.as_ref();
    let decoder = render.map(|render| load(&render.weights)).transpose()?;
    let motion = plan.evaluate.motion.as_ref().map(load).transpose()?;
    let slots = slot_count(&plan.encode, &weights)?;
    let run = Run::open(options)?;
    let trained_fps = weights.trained("fps").and_then(serde_json::Value::as_f64);
    let window = window(&plan.decode, trained_fps.map(|fps| fps as f32));
    let source = open(plan.decode.dataset, &source_config(&plan.decode, &window))?;
    fits::clips(&plan.decode, &*source)?;
    let encoder = fits::encoder(&plan.decode, &plan.encode, &weights)?;
    if let (Some(decoder), Some(render)) = (&decoder, render) {
        let weights = ("render.weights", decoder);
        fits::decoder(weights, &render.sampler, encoder.as_ref())?;
    }
    fits::motion(motion.as_ref())?;
    let wanted = Wanted::of(plan);
    fits::levels(&plan.segment.levels, slots)?;

    let clips = run.stage(&Decode {
        config: &plan.decode,
        source: &*source,
        window,
    })?;
    let encoded = run.stage(&Encode {
        config: &plan.encoding(),
        weights: &weights,
        clips: &clips,
    })?;
    let segmentations = run.stage(&Segment {
        config: &wanted.config,
        encoded: &encoded,
    })?;
    let levels = match &plan.segment.levels {
        none if none.is_empty() => None,
        counts => Some(run.stage(&MergeSlots {
            counts,
            encoded: &encoded,
            segmentations: &segmentations,
        })?),
    };
    let frames = match (render, &decoder) {
        (Some(config), Some(weights)) => Some(run.stage(&Render {
            config,
            weights,
            clips: &clips,
            encoded: &encoded,
            rollout: &encoded,
        })?),
        _ => None,
    };
    // Frames and truth at the size of the masks: the same ones where that is the encoder's.
    let shown = if wanted.size == plan.decode.size {
        clips.clone()
    } else {
        let config = DecodeConfig {
            size: wanted.size,
            ..plan.decode.clone()
        };
        let window = slotflow_datasets::Window {
            size: wanted.size,
            ..window
        };
        run.stage(&Decode {
            config: &config,
            source: &*source,
            window,
        })?
    };
    let drawn = match &frames {
        Some(frames) => Some(run.stage(&ScoreReconstructions {
            config: &plan.evaluate,
            motion: motion.as_ref(),
            clips: &clips,
            frames,
            checkpoint: checkpoint(&weights, decoder.as_ref()),
        })?),
        None => None,
    };
    let has_truth = source.knows(GroundTruth::Masks);
    let masks = if has_truth {
        Some(run.stage(&ScoreMasks {
            config: &plan.evaluate,
            clips: &shown,
            segmentations: &segmentations,
            levels: levels.as_ref().map(|of| (of, &plan.segment.levels[..])),
            slots,
            about: wanted.about(),
            checkpoint: weights.id.clone(),
        })?)
    } else {
        None
    };
    let report = SegmentReport {
        plan,
        clips: &shown,
        encoded: &encoded,
        segmentations: &segmentations,
        levels: levels.as_ref(),
        frames: frames.as_ref(),
        scores: masks.iter().chain(&drawn).collect(),
        has_truth,
        made: made(
            &run,
            &named(plan, &weights, decoder.as_ref(), motion.as_ref()),
        ),
    };
    let failures = report.failures();
    Ok(Outcome {
        failures,
        report: (!run.options().dry)
            .then(|| report.write(out, &run))
            .transpose()?,
        stages: run.records(),
    })
}

/// The weights files of a plan, each with its role and its name there.
fn named<'a>(
    plan: &'a SegmentPlan,
    encoder: &'a Loaded,
    decoder: Option<&'a Loaded>,
    motion: Option<&'a Loaded>,
) -> Vec<(&'a str, &'a WeightsName, &'a Loaded)> {
    let render = plan.render.as_ref().map(|render| &render.weights);
    let more = [
        ("decoder", render, decoder),
        ("motion network", plan.evaluate.motion.as_ref(), motion),
    ];
    let there = more
        .into_iter()
        .filter_map(|(role, name, loaded)| Some((role, name?, loaded?)));
    std::iter::once(("encoder", &plan.encode.weights, encoder))
        .chain(there)
        .collect()
}

/// One hash over encoder and decoder.
fn checkpoint(encoder: &Loaded, decoder: Option<&Loaded>) -> String {
    let decoder = decoder.map_or("", |decoder| &decoder.id);
    blake3::hash([&encoder.id, decoder].concat().as_bytes()).to_hex()[..32].to_owned()
}

/// The masks that a plan asks for.
struct Wanted {
    /// Height and width, pixels.
    size: [usize; 2],
    /// `[segment]`, its size set where they are.
    config: SegmentConfig,
}

impl Wanted {
    fn of(plan: &SegmentPlan) -> Self {
        let size = plan.segment.size.unwrap_or(plan.decode.size);
        Self {
            size,
            config: SegmentConfig {
                size: plan.resizes_masks().then_some(size),
                // A stage of their own makes them.
                levels: Vec::new(),
                ..plan.segment.clone()
            },
        }
    }

    /// How the masks came to their size, in words.
    fn about(&self) -> String {
        let ([height, width], how) = (self.size, self.config.interpolation.name());
        format!("masks of {height}×{width}, attention enlarged by `{how}`")
    }
}
