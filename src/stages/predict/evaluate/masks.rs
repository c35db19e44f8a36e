//! Perceived masks against true ones, with masks beside them that never looked at a picture.

use ndarray::Array3;
use rayon::prelude::*;
use slotflow_datasets::ClipId;
use slotflow_eval::metric::registry::Registry;
use slotflow_eval::segmentation::MaskScores;
use slotflow_eval::trivial_baselines::{Partition, blind_masks};
use slotflow_eval::{MetricId, MetricSamples};

use super::inputs::Evaluate;
use super::rows::{Rows, unfit};
use crate::artifacts::RunError;

const PARTITIONS: [Partition; 4] = [
    Partition::Stripes,
    Partition::Grid,
    Partition::Voronoi,
    Partition::Whole,
];

/// Subset of frames whose slots were encoded.
const SUBSET: &str = "observed";

/// What one clip gives.
struct ClipScores {
    /// Perceived masks.
    perceived: MaskScores,
    /// Masks that never looked, in the order of [`PARTITIONS`].
    blind: Vec<MaskScores>,
}

/// Adds one row a metric, with the best mask that never looked as its floor.
pub(crate) fn measure(
    stage: &Evaluate<'_>,
    clips: &[ClipId],
    registry: &Registry,
    seed: u64,
    rows: &mut Rows,
) -> Result<(), RunError> {
    let metrics = registry.mask_metrics_of_runs();
    let found: Vec<Option<ClipScores>> = clips
        .par_iter()
        .map(|clip| of_clip(stage, clip, &metrics, seed))
        .collect::<Result<_, _>>()?;
    for id in metrics {
        let mut samples = MetricSamples::new(id, SUBSET);
        let mut floors = PARTITIONS
            .map(|partition| MetricSamples::new(id, &format!("floor-{}", partition.name())));
        for (clip, found) in clips.iter().zip(&found) {
            let Some(found) = found else { continue };
            found.perceived.push_to(&mut samples, clip.as_str(), 0);
            for (floor, blind) in floors.iter_mut().zip(&found.blind) {
                blind.push_to(floor, clip.as_str(), 0);
            }
        }
        let (best, note) = best_floor(&floors);
        let score = rows.add(&samples, None, None);
        (score.floor, score.ceiling) = (best, Some(1.0));
        if score.note.is_empty() {
            score.note = note;
        }
    }
    Ok(())
}

/// The best of the partitions that never look, and what each of them scores, in words.
fn best_floor(floors: &[MetricSamples]) -> (Option<f64>, String) {
    let means: Vec<Option<f64>> = floors.iter().map(MetricSamples::mean).collect();
    let named: Vec<String> = PARTITIONS
        .iter()
        .zip(&means)
        .filter_map(|(partition, mean)| mean.map(|mean| format!("{} {mean:.3}", partition.name())))
        .collect();
    let best = means.into_iter().flatten().reduce(f64::max);
    (best, format!("masks that never look: {}", named.join(", ")))
}

/// Scores of a clip; none where the truth has no masks.
fn of_clip(
    stage: &Evaluate<'_>,
    clip: &ClipId,
    metrics: &[MetricId],
    seed: u64,
) -> Result<Option<ClipScores>, RunError> {
    let Some(truth) = stage.clips.masks(clip)? else {
        return Ok(None);
    };
    let perceived = stage.seen.masks(clip)?;
    let scores = |masks: &Array3<u8>| {
        MaskScores::measure(metrics, truth.view(), masks.view()).map_err(unfit)
    };
    let (time, height, width) = truth.dim();
    let blind = PARTITIONS.iter().map(|&partition| {
        let size = [time, height, width];
        scores(&blind_masks(partition, stage.slots, size, seed).map_err(unfit)?)
    });
    Ok(Some(ClipScores {
        perceived: scores(&perceived)?,
        blind: blind.collect::<Result<_, _>>()?,
    }))
}
