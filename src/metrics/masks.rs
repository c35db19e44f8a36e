//! Segmentation of pairs of mask files.

use std::collections::BTreeMap;
use std::path::Path;

use ndarray::{Array3, ArrayView3, s};
use rayon::prelude::*;
use slotflow_eval::boxes::{Detection, boxes_of, detect};
use slotflow_eval::metric_samples::MetricSamples;
use slotflow_eval::segmentation::{SegProfile, Segmentation, measure};
use slotflow_eval::{Direction, EvalError};

use crate::metrics::mask_files::{MaskFile, places};
use crate::metrics::metric::{BoxMetric, MaskMetric, Metric};
use crate::metrics::pairs::Matches;
use crate::metrics::{About, Judged, MetricsError, Request};

/// What rows about masks stand under.
const SUBSET: &str = "masks";

/// What one clip gives: segmentations a profile, and boxes a frame.
struct OfClip {
    found: BTreeMap<SegProfile, Vec<Segmentation>>,
    boxes: Vec<Detection>,
}

/// Adds the rows of all metrics that look at masks.
pub(crate) fn judge(
    request: &Request,
    [guess, truth]: [&Path; 2],
    judged: &mut Judged,
) -> Result<(), MetricsError> {
    let sides = [places(guess)?, places(truth)?];
    let [of_guess, of_truth] = [0, 1].map(|side: usize| {
        let names: Vec<String> = sides[side].keys().cloned().collect();
        names
    });
    let matches = Matches::new(&of_guess, &of_truth).or_none(guess, truth)?;
    judged.note_alone(&matches);
    let wanted: Vec<Metric> = request
        .metrics
        .iter()
        .copied()
        .filter(|metric| metric.wants_masks())
        .collect();
    let pairs: Vec<(&str, &MaskFile, &MaskFile)> = matches
        .pairs
        .iter()
        .filter_map(|(name, ..)| Some((name.as_str(), sides[0].get(name)?, sides[1].get(name)?)))
        .collect();
    let mut lines = Vec::new();
    for (name, guess, truth) in &pairs {
        lines.push(("prediction", (*name).to_owned(), guess.identity()?));
        lines.push(("truth", (*name).to_owned(), truth.identity()?));
    }
    let about = About::new(&matches, lines.into_iter(), request.skip);
    let found: Vec<Result<OfClip, MetricsError>> = pairs
        .par_iter()
        .map(|(_, guess, truth)| of_pair(guess, truth, &wanted, request.skip))
        .collect();
    for metric in wanted {
        let mut measured =
            MetricSamples::new(metric.name(), metric.profile(), SUBSET, Direction::Higher);
        for ((name, ..), found) in pairs.iter().zip(&found) {
            match found {
                Ok(found) => push(&mut measured, name, metric, found, request.skip),
                Err(error) => {
                    measured.leave_out(name, &error.to_string());
                    judged
                        .failures
                        .insert((*name).to_owned(), error.to_string());
                }
            }
        }
        judged.add(&measured, request, &about);
    }
    Ok(())
}

fn of_pair(
    guess: &MaskFile,
    truth: &MaskFile,
    wanted: &[Metric],
    skip: usize,
) -> Result<OfClip, MetricsError> {
    let [truth, guess] = [later(&truth.read()?, skip), later(&guess.read()?, skip)];
    let mut found = BTreeMap::new();
    let mut boxes = Vec::new();
    for metric in wanted {
        match metric {
            Metric::Masks(_, profile) if !found.contains_key(profile) => {
                found.insert(*profile, measure(*profile, truth.view(), guess.view())?);
            }
            Metric::Boxes(_) if boxes.is_empty() => boxes = detections(truth.view(), guess.view())?,
            _ => {}
        }
    }
    Ok(OfClip { found, boxes })
}

fn later(masks: &Array3<u8>, skip: usize) -> Array3<u8> {
    let skip = skip.min(masks.dim().0);
    masks.slice(s![skip.., .., ..]).to_owned()
}

/// Boxes of every frame; the truth's background is no object.
fn detections(
    truth: ArrayView3<'_, u8>,
    guess: ArrayView3<'_, u8>,
) -> Result<Vec<Detection>, EvalError> {
    slotflow_eval::error::same_shape("masks", truth.shape(), guess.shape())?;
    let labels = usize::from(u8::MAX) + 1;
    let frames = truth.outer_iter().zip(guess.outer_iter());
    let of = frames.map(|(truth, guess)| {
        let truth: Vec<_> = boxes_of(truth, labels)
            .into_iter()
            .skip(1)
            .flatten()
            .collect();
        let guess: Vec<_> = boxes_of(guess, labels).into_iter().flatten().collect();
        detect(&truth, &guess)
    });
    Ok(of.collect())
}

fn push(measured: &mut MetricSamples, name: &str, metric: Metric, found: &OfClip, skip: usize) {
    let Metric::Masks(wanted, profile) = metric else {
        for (frame, detection) in found.boxes.iter().enumerate() {
            let value = match metric {
                Metric::Boxes(BoxMetric::Precision) => detection.precision,
                _ => detection.recall,
            };
            measured.push(name, Some(skip + frame), value);
        }
        return;
    };
    let by_frame = matches!(
        profile,
        SegProfile::SlotdiffusionFrame | SegProfile::ExactFrame
    );
    let values = found.found.get(&profile).map_or(&[][..], Vec::as_slice);
    for (index, one) in values.iter().enumerate() {
        let frame = by_frame.then_some(skip + index);
        let objects = one.found.objects;
        match wanted {
            MaskMetric::Ari => measured.push(name, frame, Some(one.ari)),
            MaskMetric::FgAri => {
                measured.push(name, frame, Some(one.fg_ari));
                if one.fg_ari_degenerate {
                    measured.note_degenerate();
                }
            }
            MaskMetric::Miou => measured.push(name, frame, one.miou),
            MaskMetric::FgMiou => measured.push(name, frame, one.fg_miou),
            MaskMetric::Mbo => measured.push(name, frame, one.mbo),
            MaskMetric::Corloc => {
                let hit = f64::from(u8::from(one.found.found > 0));
                measured.push(name, frame, (objects > 0).then_some(hit));
            }
            MaskMetric::Recall => {
                measured.push_ratio(name, frame, one.found.found as f64, objects as f64);
            }
        }
    }
}
