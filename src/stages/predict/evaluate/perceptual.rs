//! What published networks say of imagined frames: LPIPS frame by frame, and distances between sets.

use ndarray::{Array4, s};
use slotflow_datasets::ClipId;
use slotflow_eval::metric_samples::MetricSamples;
use slotflow_eval::profile::LpipsProfile;
use slotflow_eval::report::IMAGINED;
use slotflow_eval::{Direction, Score};

use crate::artifacts::{Context, RunError};
use crate::metrics::MetricsError;
use crate::metrics::distribution_metrics::{Sets, look, named};
use crate::metrics::features::{FeatureExtractor, Look};
use crate::metrics::lpips::{backbone, model, of_frames};
use crate::metrics::metric::Metric;
use crate::metrics::pretrained::{PretrainedStore, PretrainedWeights};
use crate::weights::pretrained::Network;

use crate::stages::predict::evaluate::pixels::repeated;
use crate::stages::predict::evaluate::{Evaluate, Rows};

/// Frames of a clip that a network for videos sees.
const CLIP_LENGTH: usize = 16;

/// Adds the rows of `evaluate.metrics`.
pub(crate) fn measure(
    stage: &Evaluate<'_>,
    clips: &[ClipId],
    context: &Context,
    rows: &mut Rows,
) -> Result<(), RunError> {
    let library = PretrainedStore::of_cache(stage.cache);
    for metric in Metric::parse_list(&stage.config.metrics).map_err(unfit)? {
        let (network, look) = match (metric, look(metric, CLIP_LENGTH)) {
            (Metric::Lpips(profile), _) => (Network::Backbone(backbone(profile)), None),
            (_, Some(look)) => (look.network(), Some(look)),
            _ => {
                let reason = format!(
                    "`evaluate.metrics` names `{metric}`, which is not of a published network"
                );
                return Err(RunError::Unfit { reason });
            }
        };
        let Some(shelved) = library.load(network).map_err(unfit)? else {
            let why = PretrainedStore::missing(network);
            let (name, profile) = (metric.name(), metric.profile());
            let blank = Score::not_computed(name, profile, IMAGINED, Direction::Lower, &why);
            rows.scores.push(blank);
            continue;
        };
        match (metric, look) {
            (Metric::Lpips(profile), _) => {
                lpips(stage, clips, context, rows, (profile, &shelved))?;
            }
            (metric, Some(look)) => {
                let score = distance(stage, clips, context, (metric, look, &shelved))?;
                rows.scores.push(score);
            }
            _ => {}
        }
    }
    Ok(())
}

/// LPIPS of every imagined frame, with the last seen frame as the floor.
fn lpips(
    stage: &Evaluate<'_>,
    clips: &[ClipId],
    context: &Context,
    rows: &mut Rows,
    (profile, shelved): (LpipsProfile, &PretrainedWeights),
) -> Result<(), RunError> {
    let model = model(profile, shelved, &context.device).map_err(unfit)?;
    let name = Metric::Lpips(profile).name();
    let new = || MetricSamples::new(name, profile.name(), IMAGINED, Direction::Lower);
    let (mut main, mut floor) = (new(), new());
    for clip in clips {
        let [truth, guess, copied] = imagined(stage, clip)?;
        let first = stage.imagined.observed(clip)?;
        for (measured, guess) in [(&mut main, &guess), (&mut floor, &copied)] {
            match of_frames(&model, truth.view(), guess.view(), &context.device) {
                Ok(values) => measured.push_frames(clip.as_str(), first, values),
                Err(reason) => measured.leave_out(clip.as_str(), &reason),
            }
        }
    }
    rows.add(&main, Some(&floor), None);
    if let Some(score) = rows.scores.last_mut() {
        score.weights_sha256.clone_from(&shelved.entry.sha256);
        score.metric = shelved.called(&score.metric);
    }
    Ok(())
}

/// A distance between the set of imagined and the set of true clips.
fn distance(
    stage: &Evaluate<'_>,
    clips: &[ClipId],
    context: &Context,
    (metric, look, shelved): (Metric, Look, &PretrainedWeights),
) -> Result<Score, RunError> {
    let looker =
        FeatureExtractor::new(look, shelved, stage.cache, &context.device).map_err(unfit)?;
    let mut sets = Sets::default();
    for clip in clips {
        let [truth, guess, _] = imagined(stage, clip)?;
        let first = stage.imagined.observed(clip)?;
        let rows = |id: &str, frames: Array4<u8>| {
            let identity = format!("{id} {clip} imagined from {first}");
            looker.rows(&identity, || Ok(frames))
        };
        match (
            rows(&stage.clips.id().0, truth),
            rows(&stage.frames.id().0, guess),
        ) {
            (Ok(truth), Ok(guess)) => {
                sets.truth.push(truth);
                sets.guess.push(guess);
            }
            (Err(reason), _) | (_, Err(reason)) => sets.leave_out(clip.as_str(), &reason),
        }
    }
    let score = Score {
        subset: IMAGINED.to_owned(),
        ..named(sets.score(metric, look, context.seed), shelved, look)
    };
    Ok(score)
}

/// Frames after the burn-in: true, imagined, and the last seen one again and again.
fn imagined(stage: &Evaluate<'_>, clip: &ClipId) -> Result<[Array4<u8>; 3], RunError> {
    let (truth, guess) = (stage.clips.frames(clip)?, stage.frames.prediction(clip)?);
    let time = truth.dim().0.min(guess.dim().0);
    let first = stage.imagined.observed(clip)?;
    let copied = repeated(truth.slice(s![first - 1..first, .., .., ..]), time - first);
    let later = |frames: &Array4<u8>| frames.slice(s![first..time, .., .., ..]).to_owned();
    Ok([later(&truth), later(&guess), copied])
}

fn unfit(error: MetricsError) -> RunError {
    RunError::Unfit {
        reason: error.to_string(),
    }
}
