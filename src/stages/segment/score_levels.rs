//! Levels against true masks → rows: every level by itself, and each object at the level that shows it best.

use ndarray::Array3;
use rayon::prelude::*;
use slotflow_datasets::ClipId;
use slotflow_eval::segmentation::levels::{ObjectLevels, object_levels};
use slotflow_eval::segmentation::overlap::{SegProfile, set_aside};
use slotflow_eval::{EvalError, MetricId, MetricSamples};

use crate::artifacts::RunError;
use crate::stages::perceive::decode::Clips;
use crate::stages::predict::evaluate::{MaskComparison, OBSERVED, Rows};
use crate::stages::segment::levels::{Level, Levels};
use crate::stages::segment::segmentation::Segmentations;

/// Rows in which an object counts at the level that shows it best.
const BEST_LEVEL: &str = "observed-best-level";

/// The metric of objects and their best masks.
const MBO: &str = "mbo";

/// Levels under test, and what is true.
pub(super) struct LevelScores<'a> {
    pub(super) clips: &'a Clips,
    pub(super) segmentations: &'a Segmentations,
    pub(super) levels: &'a Levels,
    /// Numbers of segments, as the plan has them.
    pub(super) counts: &'a [usize],
    pub(super) metrics: &'a [MetricId],
    pub(super) seed: u64,
    pub(super) about: &'a str,
}

/// Mean overlap of a clip's objects with the best mask: of all levels, of all levels that were drawn, of the slots alone.
struct ClipOverlaps {
    clip: String,
    objects: usize,
    sums: [f64; 3],
}

impl LevelScores<'_> {
    /// Adds the rows of every level, subset `observed-N-segments`, and that of the best levels.
    pub(super) fn measure(&self, rows: &mut Rows) -> Result<(), RunError> {
        for (index, count) in self.counts.iter().enumerate() {
            let masks = |clip: &ClipId| {
                let level = &self.levels.of(clip)?.alike[index];
                Ok(level.masks(self.segmentations.masks(clip)?.view()))
            };
            let comparison = MaskComparison {
                truth: &|clip| self.clips.labels(clip),
                window: &|clip| self.clips.window(clip),
                masks: &masks,
                subset: &format!("{OBSERVED}-{count}-segments"),
                imagined: None,
                metrics: self.metrics,
                slots: *count,
                seed: self.seed,
                about: self.about,
            };
            comparison.measure(self.segmentations.clips(), rows)?;
        }
        let of_clips =
            |id: &&MetricId| id.name() == MBO && id.profile() == SegProfile::ExactVideo.name();
        if let Some(&id) = self.metrics.iter().find(of_clips) {
            self.best(id, rows)?;
        }
        Ok(())
    }

    fn best(&self, id: MetricId, rows: &mut Rows) -> Result<(), RunError> {
        let clips = self.segmentations.clips();
        let found: Vec<Option<ClipOverlaps>> = clips
            .par_iter()
            .map(|clip| self.of_clip(clip))
            .collect::<Result<_, _>>()?;
        let samples = |which: usize| {
            let mut samples = MetricSamples::new(id, BEST_LEVEL);
            for of in found.iter().flatten() {
                let mean = of.sums[which] / of.objects.max(1) as f64;
                samples.push(&of.clip, None, (of.objects > 0).then_some(mean));
            }
            samples
        };
        let [best, drawn, alone] = [0, 1, 2].map(samples);
        let alone = alone.mean();
        let score = rows.add(&best, Some(&drawn), None);
        score.ceiling = Some(1.0);
        let slots = alone.map_or_else(String::new, |alone| format!("; slots alone {alone:.3}"));
        let about = self.about;
        score.note = format!(
            "{about}; each object at the level of {} segments or slots that shows it best{slots}; floor: slots merged in an order that was drawn",
            self.counts
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        );
        Ok(())
    }

    /// What one clip gives; none where it has no true masks.
    fn of_clip(&self, clip: &ClipId) -> Result<Option<ClipOverlaps>, RunError> {
        let Some(truth) = self.clips.labels(clip)? else {
            return Ok(None);
        };
        let window = self.clips.window(clip)?;
        let masks = self.segmentations.masks(clip)?;
        let levels = self.levels.of(clip)?;
        let overlaps = |levels: &[Level]| {
            let found = self::overlaps(&truth.masks, truth.void.as_ref(), &masks, levels);
            found.map_err(|error| RunError::Unfit {
                reason: format!("clip {clip}: {error}"),
            })
        };
        let (alike, drawn) = (overlaps(&levels.alike)?, overlaps(&levels.drawn)?);
        let best = |found: &[ObjectLevels]| {
            let best = found.iter().filter_map(ObjectLevels::best);
            best.map(|(_, overlap)| overlap).sum()
        };
        let alone = alike.iter().filter_map(|object| object.overlaps.first());
        Ok(Some(ClipOverlaps {
            clip: window.video.as_str().to_owned(),
            objects: alike.len(),
            sums: [best(&alike), best(&drawn), alone.sum()],
        }))
    }
}

/// Every true object's overlap with the best of the slots' masks, and with the best of each level's.
fn overlaps(
    truth: &Array3<u8>,
    void: Option<&Array3<bool>>,
    slots: &Array3<u8>,
    levels: &[Level],
) -> Result<Vec<ObjectLevels>, EvalError> {
    let coarser = levels.iter().map(|level| level.masks(slots.view()));
    let all: Vec<Array3<u8>> = std::iter::once(slots.clone()).chain(coarser).collect();
    let Some(void) = void else {
        return object_levels(truth.view(), &all);
    };
    let mut known = truth.clone();
    let mut counted = Vec::new();
    for masks in &all {
        let (truth, masks) = set_aside(truth.view(), masks.view(), void.view())?;
        known = truth;
        counted.push(masks);
    }
    object_levels(known.view(), &counted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_of_two_slots_is_found_where_they_are_one() {
        let row =
            |labels: &[u8]| Array3::from_shape_vec((1, 1, labels.len()), labels.to_vec()).unwrap();
        let (truth, slots) = (
            row(&[0, 0, 1, 1, 1, 1, 2, 2]),
            row(&[0, 0, 1, 1, 2, 2, 3, 3]),
        );
        let level = Level {
            count: 3,
            segments: vec![0, 1, 1, 3],
        };
        let found = overlaps(&truth, None, &slots, std::slice::from_ref(&level)).unwrap();
        assert_eq!(found[0].overlaps, [0.5, 1.0]);
        assert_eq!(found[1].overlaps, [1.0, 1.0]);
        // Half of the second slot's pixels do not count.
        let void = Array3::from_shape_fn((1, 1, 8), |(_, _, x)| x == 5);
        let found = overlaps(&truth, Some(&void), &slots, &[level]).unwrap();
        assert!((found[0].overlaps[0] - 2.0 / 3.0).abs() < 1e-9, "{found:?}");
    }
}
