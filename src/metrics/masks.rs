//! Segmentation of pairs of mask files.

use std::path::Path;

use ndarray::{Array3, s};
use rayon::prelude::*;
use slotflow_eval::metric::definition::Needs;
use slotflow_eval::segmentation::MaskScores;
use slotflow_eval::{MetricId, MetricSamples};

use crate::metrics::error::MetricsError;
use crate::metrics::evaluation::{Evaluation, RowContext};
use crate::metrics::files::{MaskFile, Matches, places};
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
    let mut identities = Vec::new();
    for (name, prediction, truth) in &pairs {
        identities.push(("prediction", (*name).to_owned(), prediction.identity()?));
        identities.push(("truth", (*name).to_owned(), truth.identity()?));
    }
    let shared = RowContext::new(&matches, identities.into_iter(), request.skip);
    let found: Vec<Result<MaskScores, MetricsError>> = pairs
        .par_iter()
        .map(|(_, prediction, truth)| {
            let [truth, prediction] =
                [truth.read()?, prediction.read()?].map(|masks| from_frame(&masks, request.skip));
            Ok(MaskScores::measure(
                &wanted,
                truth.view(),
                prediction.view(),
            )?)
        })
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

/// Masks from frame `first` on, `[time, height, width]`.
fn from_frame(masks: &Array3<u8>, first: usize) -> Array3<u8> {
    let first = first.min(masks.dim().0);
    masks.slice(s![first.., .., ..]).to_owned()
}
