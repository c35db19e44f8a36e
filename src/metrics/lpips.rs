//! LPIPS of pairs of videos, frame by frame.

use burn::tensor::{Device, Tensor};
use ndarray::{ArrayView4, Axis};
use slotflow_eval::metric::definition::Compute;
use slotflow_eval::profile::LpipsProfile;
use slotflow_eval::{MetricSamples, Score};

use crate::artifacts::RunError;
use crate::artifacts::progress::Progress;
use crate::metrics::error::MetricsError;
use crate::metrics::evaluation::{Evaluation, VideoFolders};
use crate::metrics::files::each_piece;
use crate::metrics::folders::pixels::SUBSET;
use crate::metrics::pretrained::{PretrainedStore, PretrainedWeights};
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

/// The distance of a profile, with weights from the store.
///
/// # Errors
/// When the arrays do not fit.
pub fn model(
    profile: LpipsProfile,
    weights: &PretrainedWeights,
    device: &Device,
) -> Result<Lpips, MetricsError> {
    let backbone = backbone(profile);
    let state = folded(Network::Backbone(backbone), &weights.state, 0.0)?;
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
    prediction: ArrayView4<'_, u8>,
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
        .zip(prediction.axis_chunks_iter(Axis(0), BATCH));
    for (truth, prediction) in batches {
        let pictures =
            |frames: ArrayView4<'_, u8>| -> Tensor<4> { frames_from_clip(frames, device) };
        let found = floats(model.forward(pictures(truth), pictures(prediction)));
        if found.iter().any(|value| !value.is_finite()) {
            return Err("lpips is a NaN or an infinity".to_owned());
        }
        values.extend(found.into_iter().map(f64::from));
    }
    Ok(values)
}

/// Adds the rows of all LPIPS profiles that are asked for.
///
/// # Errors
/// When values of pairs cannot be kept.
pub(crate) fn evaluate(
    folders: &VideoFolders<'_>,
    evaluation: &mut Evaluation,
) -> Result<(), RunError> {
    let &VideoFolders {
        request,
        sides,
        matches,
        shared,
    } = folders;
    let store = PretrainedStore::of_cache(&request.cache);
    for id in &request.metrics {
        let Compute::Lpips(profile) = id.compute() else {
            continue;
        };
        let network = Network::Backbone(backbone(profile));
        let loaded = store.load_or_reason(network).and_then(|weights| {
            let model = model(profile, &weights, &request.device);
            let model = model.map_err(|error| error.to_string());
            model.map(|model| (weights, model))
        });
        let (weights, model) = match loaded {
            Ok(loaded) => loaded,
            Err(reason) => {
                let score = Score::not_computed(*id, SUBSET, &reason);
                evaluation.add_score(score, Vec::new(), shared);
                continue;
            }
        };
        let mut samples = MetricSamples::new(*id, SUBSET);
        let own = request.pairs.own(&matches.pairs);
        let progress = Progress::new("lpips", own.len(), request.quiet);
        for (name, prediction, truth) in own {
            let measure = || -> Result<Vec<f64>, String> {
                let mut values = Vec::new();
                let pair = [*prediction, *truth];
                each_piece(sides, pair, request.skip, |truth, prediction| {
                    values.extend(of_frames(&model, truth, prediction, &request.device)?);
                    Ok(())
                })?;
                Ok(values)
            };
            match request.pairs.of(&id.to_string(), name, measure)? {
                Ok(values) => samples.push_frames(name, request.skip, values),
                Err(reason) => {
                    samples.leave_out(name, &reason);
                    evaluation.failures.insert(name.clone(), reason);
                }
            }
            progress.advance();
        }
        if request.pairs.is_share() {
            continue;
        }
        let score = weights.named(samples.score(request.resampling));
        evaluation.add_score(score, samples.rows(), shared);
    }
    Ok(())
}
