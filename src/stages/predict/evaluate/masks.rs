//! Perceived masks against true ones, with the masks beside them that never looked at a picture.

use ndarray::Array3;
use rayon::prelude::*;
use slotflow_datasets::ClipId;
use slotflow_eval::Direction;
use slotflow_eval::metric_samples::MetricSamples;
use slotflow_eval::segmentation::{SegProfile, Segmentation, measure as segment};
use slotflow_eval::trivial_baselines::{Partition, blind_masks};

use crate::artifacts::RunError;

use crate::stages::predict::evaluate::{Evaluate, fault};

const PARTITIONS: [Partition; 4] = [
    Partition::Stripes,
    Partition::Grid,
    Partition::Voronoi,
    Partition::Whole,
];

type Value = fn(&Segmentation) -> Option<f64>;

const METRICS: [(&str, Value); 5] = [
    ("miou", |found| found.miou),
    ("ari", |found| Some(found.ari)),
    ("fg-ari", |found| Some(found.fg_ari)),
    ("fg-miou", |found| found.fg_miou),
    ("mbo", |found| found.mbo),
];

/// One row a metric: what was measured, its floor, and what the floor is.
pub(crate) fn measure(
    stage: &Evaluate<'_>,
    clips: &[ClipId],
    seed: u64,
) -> Result<Vec<(MetricSamples, Option<f64>, String)>, RunError> {
    let profile = SegProfile::ExactVideo;
    let found: Vec<_> = clips
        .par_iter()
        .map(|clip| of_clip(stage, clip, profile, seed))
        .collect::<Result<_, _>>()?;
    let mut rows = Vec::new();
    for (metric, value) in METRICS {
        let mut measured =
            MetricSamples::new(metric, profile.name(), "observed", Direction::Higher);
        let mut floors = PARTITIONS.map(|partition| {
            MetricSamples::new(
                metric,
                profile.name(),
                &format!("floor-{}", partition.name()),
                Direction::Higher,
            )
        });
        for (clip, found) in clips.iter().zip(&found) {
            let Some((seen, blind)) = found else { continue };
            measured.push(clip.as_str(), None, value(seen));
            if metric == "fg-ari" && seen.fg_ari_degenerate {
                measured.note_degenerate();
            }
            for (floor, blind) in floors.iter_mut().zip(blind) {
                floor.push(clip.as_str(), None, value(blind));
            }
        }
        let (best, named) = best_floor(&floors);
        rows.push((measured, best, named));
    }
    Ok(rows)
}

/// The best of the partitions that never look, and what each of them scores.
fn best_floor(floors: &[MetricSamples]) -> (Option<f64>, String) {
    let means: Vec<Option<f64>> = floors
        .iter()
        .map(|floor| {
            slotflow_eval::stats::bootstrap::mean(
                &floor.clusters().into_values().collect::<Vec<_>>(),
            )
        })
        .collect();
    let named: Vec<String> = PARTITIONS
        .iter()
        .zip(&means)
        .filter_map(|(partition, mean)| mean.map(|mean| format!("{} {mean:.3}", partition.name())))
        .collect();
    let best = means.into_iter().flatten().reduce(f64::max);
    (best, format!("masks that never look: {}", named.join(", ")))
}

type Found = Option<(Segmentation, Vec<Segmentation>)>;

fn of_clip(
    stage: &Evaluate<'_>,
    clip: &ClipId,
    profile: SegProfile,
    seed: u64,
) -> Result<Found, RunError> {
    let Some(truth) = stage.clips.masks(clip)? else {
        return Ok(None);
    };
    let guess = stage.seen.masks(clip)?;
    let one = |guess: &Array3<u8>| -> Result<Segmentation, RunError> {
        let found = segment(profile, truth.view(), guess.view()).map_err(fault)?;
        found.into_iter().next().ok_or_else(|| RunError::Internal {
            reason: "no segmentation score".to_owned(),
        })
    };
    let (time, height, width) = truth.dim();
    let blind = PARTITIONS.iter().map(|&partition| {
        let masks =
            blind_masks(partition, stage.slots, [time, height, width], seed).map_err(fault)?;
        one(&masks)
    });
    Ok(Some((one(&guess)?, blind.collect::<Result<_, _>>()?)))
}
