//! `fvd-motion` of two folders: clips of any size, by the bundled network.

use burn::tensor::Device;
use ndarray::{Array2, Array3, Array4, ArrayView4, Axis, stack};
use slotflow_datasets::Fit;
use slotflow_datasets::video::fit::resize;
use slotflow_eval::metric::definition::Compute;
use slotflow_eval::{MetricId, Score};

use crate::artifacts::RunError;
use crate::artifacts::progress::Progress;
use crate::metrics::evaluation::{Evaluation, VideoFolders};
use crate::metrics::files::{Videos, each_piece};
use crate::metrics::folders::pixels::SUBSET;
use crate::metrics::motion::{ID, MotionExtractor, MotionFeatures, REAL};
use crate::models::WeightsKind;
use crate::models::perceptual::motion::{Motion, MotionConfig};
use crate::rng::Init;
use crate::weights::{WeightsError, WeightsFile, bundled, load_into};

/// The network's weights.
const WEIGHTS: &str = "synth-metal/motion";

/// Adds the rows, where `fvd-motion` is asked for: predictions against the truth, and true clips against other true
/// ones.
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
    let is_motion = |id: &MetricId| matches!(id.compute(), Compute::Motion);
    if !request.metrics.iter().any(is_motion) {
        return Ok(());
    }
    let (config, model, id) = match network(&request.device) {
        Ok(loaded) => loaded,
        Err(error) => {
            let score = Score::not_computed(ID, SUBSET, &error.to_string());
            evaluation.add_score(score, Vec::new(), shared);
            return Ok(());
        }
    };
    let extractor = MotionExtractor {
        config,
        model,
        weights: &id,
        device: &request.device,
    };
    let own = request.pairs.own(&matches.pairs);
    let progress = Progress::new("motion", own.len(), request.quiet);
    let (mut truth, mut prediction) = (MotionFeatures::new(), MotionFeatures::new());
    let mut left_out = Vec::new();
    for (name, one, other) in own {
        let measure = || of_pair(&extractor, sides, [*one, *other], request.skip);
        match request.pairs.of("motion", name, measure)? {
            Ok([of_truth, of_prediction]) => {
                truth.push(of_truth);
                prediction.push(of_prediction);
            }
            Err(reason) => {
                left_out.push(format!("`{name}` left out: {reason}"));
                evaluation.failures.insert(name.clone(), reason);
            }
        }
        progress.advance();
    }
    if request.pairs.is_share() {
        return Ok(());
    }
    let [height, width] = extractor.config.resolution;
    left_out.insert(0, format!("frames at {height}×{width}"));
    let seed = request.resampling.seed;
    let imagined = extractor.score(SUBSET, [&truth, &prediction], seed);
    let rows = [
        (SUBSET, imagined),
        (REAL, extractor.score_of_halves(REAL, &truth)),
    ];
    for (subset, score) in rows {
        let mut score =
            score.unwrap_or_else(|error| Score::not_computed(ID, subset, &error.to_string()));
        score.note = [&[score.note], &left_out[..]].concat().join("; ");
        evaluation.add_score(score, Vec::new(), shared);
    }
    Ok(())
}

/// The bundled network, and the hash of its weights.
fn network(device: &Device) -> Result<(MotionConfig, Motion, String), WeightsError> {
    let bytes = bundled::bytes(WEIGHTS)?;
    let file = WeightsFile::from_bytes(&bytes, WEIGHTS)?;
    let config: MotionConfig = file.config(WeightsKind::Motion)?;
    let blank = config.init(&mut Init::blank(device));
    let id = blake3::hash(&bytes).to_hex()[..32].to_owned();
    Ok((config, load_into(blank, file.state)?, id))
}

/// Features of truth and prediction, a row a window.
fn of_pair(
    extractor: &MotionExtractor<'_>,
    sides: &[Videos; 2],
    pair: [usize; 2],
    skip: usize,
) -> Result<[Array2<f64>; 2], String> {
    let mut small: [Vec<Array3<u8>>; 2] = Default::default();
    each_piece(sides, pair, skip, |truth, prediction| {
        for (small, piece) in small.iter_mut().zip([truth, prediction]) {
            small.extend(at_size(piece, extractor.config.resolution));
        }
        Ok(())
    })?;
    let window = extractor.config.window;
    let [truth, prediction] = small.map(|frames| -> Result<Array2<f64>, String> {
        let views: Vec<_> = frames.iter().map(|frame| frame.view()).collect();
        let clip: Array4<u8> = stack(Axis(0), &views).map_err(|error| error.to_string())?;
        let found = extractor
            .features(clip.view())
            .map_err(|error| error.to_string())?;
        found.ok_or_else(|| format!("{} frames, and {window} are needed", frames.len()))
    });
    Ok([truth?, prediction?])
}

fn at_size(piece: ArrayView4<'_, u8>, size: [usize; 2]) -> Vec<Array3<u8>> {
    piece
        .axis_iter(Axis(0))
        .map(|frame| resize(frame, size, Fit::Stretch))
        .collect()
}
