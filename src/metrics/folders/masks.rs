//! Segmentation of pairs of mask files.

use std::path::Path;

use ndarray::{Array3, s};
use rayon::prelude::*;
use slotflow_datasets::Fit;
use slotflow_datasets::video::fit::resize_ids;
use slotflow_eval::metric::definition::Needs;
use slotflow_eval::segmentation::{MaskPair, MaskScores};
use slotflow_eval::{MetricId, MetricSamples};

use crate::metrics::error::MetricsError;
use crate::metrics::evaluation::{Evaluation, RowContext};
use crate::metrics::files::{Labels, MaskFile, Matches, places};
use crate::metrics::request::Request;

/// Subset of rows about masks.
const SUBSET: &str = "masks";

/// Adds the rows of all metrics that look at masks.
pub(crate) fn evaluate(
    request: &Request,
    [prediction, truth]: [&Path; 2],
    evaluation: &mut Evaluation,
) -> Result<(), MetricsError> {
    let sides = [places(prediction)?, places(truth)?];
    let names = |side: usize| sides[side].keys().cloned().collect::<Vec<String>>();
    let matches = Matches::new(&names(0), &names(1)).or_none(prediction, truth)?;
    evaluation.note_unmatched(&matches);
    let wanted: Vec<MetricId> = request
        .metrics
        .iter()
        .copied()
        .filter(|id| id.compute().needs() == Needs::Masks)
        .collect();
    let pairs: Vec<(&str, &MaskFile, &MaskFile)> = matches
        .pairs
        .iter()
        .filter_map(|(name, ..)| Some((name.as_str(), sides[0].get(name)?, sides[1].get(name)?)))
        .collect();
    let identity = |side, name: &str, file: &MaskFile| {
        // A file that cannot be read is known by the reason, and its clip is left out with it.
        let content = file.identity().unwrap_or_else(|error| error.to_string());
        (side, name.to_owned(), content)
    };
    let identities = pairs.iter().flat_map(|(name, prediction, truth)| {
        [
            identity("prediction", name, prediction),
            identity("truth", name, truth),
        ]
    });
    let shared =
        RowContext::new(&matches, identities, request.skip).with_note(&request.about_masks());
    let found: Vec<Result<MaskScores, MetricsError>> = pairs
        .par_iter()
        .map(|(_, prediction, truth)| measure(request, &wanted, prediction, truth))
        .collect();
    for id in wanted {
        let mut samples = MetricSamples::new(id, SUBSET);
        for ((name, ..), found) in pairs.iter().zip(&found) {
            match found {
                Ok(found) => found.push_to(&mut samples, name, request.skip),
                Err(error) => {
                    let reason = error.to_string();
                    samples.leave_out(name, &reason);
                    evaluation.failures.insert((*name).to_owned(), reason);
                }
            }
        }
        evaluation.add(&samples, request, &shared);
    }
    Ok(())
}

/// Scores of one clip.
fn measure(
    request: &Request,
    wanted: &[MetricId],
    prediction: &MaskFile,
    truth: &MaskFile,
) -> Result<MaskScores, MetricsError> {
    let Labels { masks, void } = truth.read(request.void)?;
    let masks = from_frame(masks, request.skip);
    let mut guess = from_frame(
        prediction.read(request.void)?.with_void_as_label(),
        request.skip,
    );
    if request.resize.is_some() {
        guess = at_size_of(&guess, &masks);
    }
    let pair = MaskPair::new(masks.view(), guess.view());
    Ok(if request.void.is_some() {
        let void = from_frame(void, request.skip);
        MaskScores::measure(wanted, pair.without(void.view()))?
    } else {
        MaskScores::measure(wanted, pair)?
    })
}

/// The frames from number `first` on.
fn from_frame<T: Clone>(clip: Array3<T>, first: usize) -> Array3<T> {
    let first = first.min(clip.dim().0);
    clip.slice_move(s![first.., .., ..])
}

/// Masks with the height and width of others, each pixel the nearest one's label.
fn at_size_of(masks: &Array3<u8>, others: &Array3<u8>) -> Array3<u8> {
    let (_, height, width) = others.dim();
    let mut resized = Array3::zeros((masks.dim().0, height, width));
    if !masks.is_empty() {
        for (mut to, from) in resized.outer_iter_mut().zip(masks.outer_iter()) {
            to.assign(&resize_ids(from, [height, width], Fit::Stretch));
        }
    }
    resized
}
