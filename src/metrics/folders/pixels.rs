//! Pixels of pairs of videos, frame by frame.

use rayon::prelude::*;
use slotflow_eval::metric::definition::{Compute, FrameMetric};
use slotflow_eval::pixel::frame_values;
use slotflow_eval::{MetricId, MetricSamples};

use crate::artifacts::RunError;
use crate::metrics::evaluation::{Evaluation, VideoFolders};
use crate::metrics::files::{Videos, each_piece};

/// Subset of rows about videos.
pub(crate) const SUBSET: &str = slotflow_eval::report::IN_FOLDERS;

/// Values of one metric on the frames of one clip; a reason where there are none.
type Values = Result<Vec<f64>, String>;

/// Adds the rows of all metrics of frames that no network computes.
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
    let wanted: Vec<(MetricId, FrameMetric)> = request
        .metrics
        .iter()
        .filter_map(|id| match id.compute() {
            Compute::Frame(metric) => Some((*id, metric)),
            _ => None,
        })
        .collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let measured = |(name, prediction, truth): &(String, usize, usize)| {
        let pair = [*prediction, *truth];
        let measure = || of_pair(&wanted, sides, pair, request.skip);
        request.pairs.of("pixels", name, measure)
    };
    let own = request.pairs.own(&matches.pairs);
    let found = own.into_par_iter().map(measured);
    let found: Vec<Vec<Values>> = found.collect::<Result<_, RunError>>()?;
    if request.pairs.is_share() {
        return Ok(());
    }
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
    Ok(())
}

/// Every metric on one pair. A metric that cannot be computed of one frame has none of the clip.
fn of_pair(
    wanted: &[(MetricId, FrameMetric)],
    sides: &[Videos; 2],
    pair: [usize; 2],
    skip: usize,
) -> Vec<Values> {
    let mut found: Vec<Values> = vec![Ok(Vec::new()); wanted.len()];
    let read = each_piece(sides, pair, skip, |truth, prediction| {
        for ((_, metric), values) in wanted.iter().zip(&mut found) {
            if let Ok(so_far) = values {
                match frame_values(*metric, truth, prediction) {
                    Ok(more) => so_far.extend(more),
                    Err(error) => *values = Err(error.to_string()),
                }
            }
        }
        Ok(())
    });
    match read {
        Ok(()) => found,
        Err(reason) => vec![Err(reason); wanted.len()],
    }
}
