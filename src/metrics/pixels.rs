//! Pixels of pairs of videos, frame by frame.

use ndarray::ArrayView4;
use rayon::prelude::*;
use slotflow_eval::metric::definition::{Compute, FrameMetric};
use slotflow_eval::pixel::frame_values;
use slotflow_eval::{MetricId, MetricSamples};

use crate::metrics::evaluation::{Evaluation, RowContext};
use crate::metrics::files::{Matches, Videos, read_pair};
use crate::metrics::request::Request;

/// Subset of rows about videos.
pub(crate) const SUBSET: &str = slotflow_eval::report::IN_FOLDERS;

/// Values of one metric on the frames of one clip; a reason where there are none.
type Values = Result<Vec<f64>, String>;

/// Adds the rows of all metrics of frames that no network computes.
pub(crate) fn evaluate(
    request: &Request,
    sides: &[Videos; 2],
    matches: &Matches,
    shared: &RowContext,
    evaluation: &mut Evaluation,
) {
    let wanted: Vec<(MetricId, FrameMetric)> = request
        .metrics
        .iter()
        .filter_map(|id| match id.compute() {
            Compute::Frame(metric) => Some((*id, metric)),
            _ => None,
        })
        .collect();
    let found: Vec<Vec<Values>> = matches
        .pairs
        .par_iter()
        .map(
            |(_, prediction, truth)| match read_pair(sides, [*prediction, *truth], request.skip) {
                Ok([truth, prediction]) => of_clip(&wanted, truth.view(), prediction.view()),
                Err(reason) => vec![Err(reason); wanted.len()],
            },
        )
        .collect();
    for (place, (id, _)) in wanted.iter().enumerate() {
        let mut samples = MetricSamples::new(*id, SUBSET);
        for ((name, ..), of_clip) in matches.pairs.iter().zip(&found) {
            match &of_clip[place] {
                Ok(values) => samples.push_frames(name, request.skip, values.iter().copied()),
                Err(reason) => {
                    samples.leave_out(name, reason);
                    evaluation.failures.insert(name.clone(), reason.clone());
                }
            }
        }
        evaluation.add(&samples, request, shared);
    }
}

/// Every metric on one pair.
fn of_clip(
    wanted: &[(MetricId, FrameMetric)],
    truth: ArrayView4<'_, u8>,
    prediction: ArrayView4<'_, u8>,
) -> Vec<Values> {
    let values = |(_, metric): &(MetricId, FrameMetric)| {
        frame_values(*metric, truth, prediction).map_err(|error| error.to_string())
    };
    wanted.iter().map(values).collect()
}
