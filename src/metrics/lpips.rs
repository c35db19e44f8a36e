//! LPIPS of pairs of videos, frame by frame.

use burn::tensor::{Device, Tensor};
use ndarray::{ArrayView4, Axis};
use slotflow_eval::metric_samples::MetricSamples;
use slotflow_eval::profile::LpipsProfile;
use slotflow_eval::{Direction, Score};

use crate::artifacts::progress::Progress;
use crate::metrics::metric::Metric;
use crate::metrics::pairs::{Matches, Videos};
use crate::metrics::pixels::{SUBSET, read_pair};
use crate::metrics::pretrained::{PretrainedStore, PretrainedWeights};
use crate::metrics::{About, Judged, MetricsError, Request};
use crate::models::perceptual::lpips::{Backbone, Lpips};
use crate::rng::Init;
use crate::tensor_conversion::{floats, frames_from_clip};
use crate::weights::load_into;
use crate::weights::pretrained::{Network, folded};

/// Frames that are compared at once.
const BATCH: usize = 4;

/// The network of a profile.
pub const fn backbone(profile: LpipsProfile) -> Backbone {
    match profile {
        LpipsProfile::Vgg => Backbone::Vgg,
        LpipsProfile::Alex => Backbone::Alex,
        LpipsProfile::Squeeze => Backbone::Squeeze,
    }
}

/// The distance of a profile, with weights from the library.
///
/// # Errors
/// When the arrays do not fit.
pub fn model(
    profile: LpipsProfile,
    shelved: &PretrainedWeights,
    device: &Device,
) -> Result<Lpips, MetricsError> {
    let backbone = backbone(profile);
    let state = folded(Network::Backbone(backbone), &shelved.state, 0.0)?;
    Ok(load_into(
        Lpips::new(backbone, &mut Init::blank(device)),
        state,
    )?)
}

/// A value a frame; a reason where frames are too small.
///
/// # Errors
/// In words.
pub fn of_frames(
    model: &Lpips,
    truth: ArrayView4<'_, u8>,
    guess: ArrayView4<'_, u8>,
    device: &Device,
) -> Result<Vec<f64>, String> {
    let (_, height, width, _) = truth.dim();
    let smallest = model.smallest();
    if height.min(width) < smallest {
        return Err(format!(
            "frames of {width}×{height} pixels, and {smallest} a side are needed"
        ));
    }
    let mut values = Vec::new();
    let batches = truth
        .axis_chunks_iter(Axis(0), BATCH)
        .zip(guess.axis_chunks_iter(Axis(0), BATCH));
    for (truth, guess) in batches {
        let pictures =
            |frames: ArrayView4<'_, u8>| -> Tensor<4> { frames_from_clip(frames, device) };
        let found = floats(model.forward(pictures(truth), pictures(guess)));
        if found.iter().any(|value| !value.is_finite()) {
            return Err("lpips is a NaN or an infinity".to_owned());
        }
        values.extend(found.into_iter().map(f64::from));
    }
    Ok(values)
}

/// Adds the rows of all LPIPS profiles that are asked for.
pub(crate) fn judge(
    request: &Request,
    sides: &[Videos; 2],
    matches: &Matches,
    about: &About,
    judged: &mut Judged,
) -> Result<(), MetricsError> {
    let library = PretrainedStore::of_cache(&request.cache);
    for metric in &request.metrics {
        let Metric::Lpips(profile) = *metric else {
            continue;
        };
        let network = Network::Backbone(backbone(profile));
        let mut measured =
            MetricSamples::new(metric.name(), metric.profile(), SUBSET, Direction::Lower);
        let Some(shelved) = library.load(network)? else {
            let why = PretrainedStore::missing(network);
            let score = Score::not_computed(
                metric.name(),
                metric.profile(),
                SUBSET,
                Direction::Lower,
                &why,
            );
            judged.add_score(score, Vec::new(), about);
            continue;
        };
        let model = model(profile, &shelved, &request.device)?;
        let progress = Progress::new("lpips", matches.pairs.len(), request.quiet);
        for (name, guess, truth) in &matches.pairs {
            let found =
                read_pair(sides, [*guess, *truth], request.skip).and_then(|[truth, guess]| {
                    of_frames(&model, truth.view(), guess.view(), &request.device)
                });
            match found {
                Ok(values) => measured.push_frames(name, request.skip, values),
                Err(reason) => {
                    measured.leave_out(name, &reason);
                    judged.failures.insert(name.clone(), reason);
                }
            }
            progress.advance();
        }
        let mut score = measured.score(request.resampling);
        score.weights_sha256.clone_from(&shelved.entry.sha256);
        score.metric = shelved.called(&score.metric);
        judged.add_score(score, measured.rows(), about);
    }
    Ok(())
}
