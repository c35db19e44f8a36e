//! Decode, encode, segment, score, report: unsupervised segmentation of clips and pictures.

use std::path::Path;

use slotflow_datasets::GroundTruth;
use slotflow_datasets::source::open;

use super::fits;
use super::video_predict::{FlowError, Outcome};
use crate::artifacts::{Options, Run};
use crate::masks::Interpolation;
use crate::plan::SegmentPlan;
use crate::plan::segment::SegmentConfig;
use crate::plan::video_predict::{DecodeConfig, EncodeConfig};
use crate::stages::load;
use crate::stages::perceive::decode::{Decode, source_config, window};
use crate::stages::perceive::encode::{Encode, slot_count};
use crate::stages::report::run_folder::made;
use crate::stages::report::segment_report::SegmentReport;
use crate::stages::segment::levels::MergeSlots;
use crate::stages::segment::score_masks::ScoreMasks;
use crate::stages::segment::segmentation::Segment;

/// Runs a plan of segmentation and writes its folder.
///
/// # Errors
/// What stopped it.
#[expect(clippy::too_many_lines, reason = "the whole pipeline on one screen")]
pub fn segment(plan: &SegmentPlan, out: &Path, options: Options) -> Result<Outcome, FlowError> {
    let weights = load(&plan.encode.weights)?;
    let slots = slot_count(&plan.encode, &weights)?;
    let run = Run::open(options)?;
    let trained_fps = weights.trained("fps").and_then(serde_json::Value::as_f64);
    let window = window(&plan.decode, trained_fps.map(|fps| fps as f32));
    let source = open(plan.decode.dataset, &source_config(&plan.decode, &window))?;
    fits::clips(&plan.decode, &*source)?;
    fits::encoder(&plan.decode, &plan.encode, &weights)?;
    let wanted = Wanted::of(plan);
    fits::levels(&plan.segment.levels, slots)?;

    let clips = run.stage(&Decode {
        config: &plan.decode,
        source: &*source,
        window,
    })?;
    let encoded = run.stage(&Encode {
        config: &EncodeConfig {
            attention: plan.encode.attention || wanted.resized,
            ..plan.encode.clone()
        },
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
    // Frames and truth at the size of the masks: the same ones where that is the encoder's.
    let shown = if wanted.size == plan.decode.size {
        clips
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
    let scores = if source.knows(GroundTruth::Masks) {
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
        scores: scores.as_ref(),
        made: made(&run, &[("encoder", &plan.encode.weights, &weights)]),
    };
    let failures = segmentations.failures().iter();
    Ok(Outcome {
        failures: failures
            .map(|(clip, why)| (clip.to_string(), why.clone()))
            .collect(),
        report: (!run.options().dry)
            .then(|| report.write(out, &run))
            .transpose()?,
        stages: run.records(),
    })
}

/// The masks that a plan asks for.
struct Wanted {
    /// Height and width, pixels.
    size: [usize; 2],
    /// Whether they are made of the attention anew, and not those of the encoder's frames.
    resized: bool,
    /// `[segment]`, its size set where they are.
    config: SegmentConfig,
}

impl Wanted {
    fn of(plan: &SegmentPlan) -> Self {
        let size = plan.segment.size.unwrap_or(plan.decode.size);
        let nearest = plan.segment.interpolation == Interpolation::Nearest;
        let resized = nearest || size != plan.decode.size;
        Self {
            size,
            resized,
            config: SegmentConfig {
                size: resized.then_some(size),
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
