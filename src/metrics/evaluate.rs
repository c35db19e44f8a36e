//! Two folders → scores: predictions against truth, paired by name.

use std::path::Path;

use rayon::prelude::*;
use slotflow_eval::{MetricId, Score};

use crate::artifacts::files::content_hash;
use crate::metrics::error::MetricsError;
use crate::metrics::evaluation::{Evaluation, RowContext, VideoFolders};
use crate::metrics::files::{Matches, Videos};
use crate::metrics::folders::{masks, motion, pixels, precomputed};
use crate::metrics::pretrained::PretrainedStore;
use crate::metrics::request::Request;
use crate::metrics::{distribution_metrics, lpips};

/// Evaluates what is asked.
///
/// # Errors
/// When a folder cannot be read, no name occurs on both sides, or a metric has no folder to look at. A clip that cannot
/// be measured stops nothing: it is counted, and stands in [`Evaluation::failures`].
pub fn evaluate(request: &Request) -> Result<Evaluation, MetricsError> {
    request.check()?;
    let mut evaluation = Evaluation::default();
    if let Some([prediction, truth]) = &request.videos {
        videos(request, [prediction, truth], &mut evaluation)?;
    }
    if let Some([prediction, truth]) = &request.masks {
        masks::evaluate(request, [prediction, truth], &mut evaluation)?;
    }
    // Files of features are looked at as a whole.
    let features = request
        .features
        .as_ref()
        .filter(|_| !request.pairs.is_share());
    if let (Some([prediction, truth]), Some(id)) = (features, request.of_features()) {
        precomputed::evaluate(request, id, [prediction, truth], &mut evaluation)?;
    }
    Ok(evaluation)
}

/// The hash of all that an evaluation reads: predictions, truth, and the networks that are there.
///
/// # Errors
/// As [`evaluate`].
pub fn inputs_identity(request: &Request) -> Result<String, MetricsError> {
    request.check()?;
    let mut hash = blake3::Hasher::new();
    let mut add = |what: &str, id: &str| {
        hash.update(format!("{what}\t{id}\n").as_bytes());
    };
    if let Some([prediction, truth]) = &request.videos {
        let (sides, matches) = open(request, [prediction, truth])?;
        add("videos", row_context(&sides, &matches, request).identity());
    }
    if let Some([prediction, truth]) = &request.masks {
        add("masks", &masks::identity(request, [prediction, truth])?);
    }
    for path in request.features.iter().flatten() {
        add("features", &content_hash(path)?);
    }
    for (network, entry) in PretrainedStore::of_cache(&request.cache).entries()? {
        add(network.name(), &entry.sha256);
    }
    Ok(hash.finalize().to_hex()[..32].to_owned())
}

/// Both folders of videos, and which clips of them are partners.
fn open(
    request: &Request,
    [prediction, truth]: [&Path; 2],
) -> Result<([Videos; 2], Matches), MetricsError> {
    let sides = [Videos::open(prediction)?, Videos::open(truth)?];
    let matches = Matches::new(&sides[0].names(prediction), &sides[1].names(truth));
    let sets = |id: &MetricId| distribution_metrics::look(*id, request.clip_length).is_some();
    let matches = if request.unpaired && request.metrics.iter().any(sets) {
        matches
    } else {
        matches.or_none(prediction, truth)?
    };
    Ok((sides, matches))
}

/// Adds the rows of all metrics that look at videos.
fn videos(
    request: &Request,
    [prediction, truth]: [&Path; 2],
    evaluation: &mut Evaluation,
) -> Result<(), MetricsError> {
    let (sides, matches) = open(request, [prediction, truth])?;
    evaluation.note_unmatched(&matches);
    let shared = if request.pairs.is_share() {
        // No row is told.
        RowContext::new(&matches, std::iter::empty(), request.skip)
    } else {
        row_context(&sides, &matches, request)
    };
    let folders = VideoFolders {
        request,
        sides: &sides,
        matches: &matches,
        shared: &shared,
    };
    pixels::evaluate(&folders, evaluation)?;
    lpips::evaluate(&folders, evaluation)?;
    motion::evaluate(&folders, evaluation)?;
    if let (Some(id), None) = (request.of_features(), &request.features) {
        let reason = "V-JEPA, the network behind it, is not built in; give its features with `--pred-features` and `--truth-features`";
        let score = Score::not_computed(id, pixels::SUBSET, reason);
        evaluation.add_score(score, Vec::new(), &shared);
    }
    distribution_metrics::evaluate(&folders, evaluation);
    Ok(())
}

/// What rows about videos share: every clip that is measured is hashed.
fn row_context(sides: &[Videos; 2], matches: &Matches, request: &Request) -> RowContext {
    let mut clips: Vec<(&'static str, &str, usize, usize)> = Vec::new();
    for (name, prediction, truth) in &matches.pairs {
        clips.extend(
            [
                ("prediction", name, 0, *prediction),
                ("truth", name, 1, *truth),
            ]
            .map(|(word, name, side, index)| (word, name.as_str(), side, index)),
        );
    }
    if request.unpaired {
        let prediction = matches
            .only_prediction
            .iter()
            .map(|(name, index)| ("prediction", name.as_str(), 0, *index));
        let truth = matches
            .only_truth
            .iter()
            .map(|(name, index)| ("truth", name.as_str(), 1, *index));
        clips.extend(prediction.chain(truth));
    }
    let identity = |&(word, name, side, index): &(&'static str, &str, usize, usize)| {
        // A file that cannot be read is known by the reason, and its clip is left out with it.
        let content = sides[side].identity(index);
        let content = content.unwrap_or_else(|error| error.to_string());
        (word, name.to_owned(), content)
    };
    let hashed: Vec<_> = clips.par_iter().map(identity).collect();
    let decoders = clips
        .iter()
        .filter_map(|&(_, _, side, index)| sides[side].pixel_decoder(index))
        .collect();
    RowContext::new(matches, hashed.into_iter(), request.skip).decoded_by(&decoders)
}
