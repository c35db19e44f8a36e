//! Perceived masks against true ones, with masks beside them that never looked at a picture.

use ndarray::{Array3, ArrayView3, s};
use rayon::prelude::*;
use slotflow_datasets::{ClipId, VideoWindow};
use slotflow_eval::segmentation::overlap::set_aside;
use slotflow_eval::segmentation::{MaskPair, MaskScores};
use slotflow_eval::trivial_baselines::{Partition, blind_masks};
use slotflow_eval::{EvalError, MetricId, MetricSamples};

use super::rows::Rows;
use crate::artifacts::RunError;
use crate::stages::perceive::decode::Labels;

const PARTITIONS: [Partition; 4] = [
    Partition::Stripes,
    Partition::Grid,
    Partition::Voronoi,
    Partition::Whole,
];

/// Subset of frames whose slots were encoded, against true instances.
const INSTANCES: &str = "observed";
/// The same against true classes.
const CLASSES: &str = "observed-classes";

/// Masks and what is true of the same pixels.
pub(crate) struct MaskComparison<'a> {
    /// What is true of a clip; `None` where it has no masks.
    pub(crate) truth: &'a (dyn Fn(&ClipId) -> Result<Option<Labels>, RunError> + Sync),
    /// Where a clip lies in its video: frames that the window before it has as well are not scored again.
    pub(crate) window: &'a (dyn Fn(&ClipId) -> Result<VideoWindow, RunError> + Sync),
    /// A clip's masks, `[time, height, width]`.
    pub(crate) masks: &'a (dyn Fn(&ClipId) -> Result<Array3<u8>, RunError> + Sync),
    /// Metrics of masks.
    pub(crate) metrics: &'a [MetricId],
    /// Slots of a frame: how many parts a mask that never looks has.
    pub(crate) slots: usize,
    /// Seed of masks that never look.
    pub(crate) seed: u64,
    /// What the note of every row says first; may be empty.
    pub(crate) about: &'a str,
}

/// What one clip gives; reasons where it cannot be measured.
struct ClipScores {
    window: VideoWindow,
    instances: Result<Scored, String>,
    /// Where the truth has classes.
    classes: Option<Result<Scored, String>>,
}

/// Scores against one kind of truth.
struct Scored {
    /// Perceived masks.
    perceived: MaskScores,
    /// Masks that never looked, in the order of [`PARTITIONS`].
    blind: Vec<MaskScores>,
}

impl MaskComparison<'_> {
    /// Adds one row a metric, with the best mask that never looked as its floor; and one more where classes are known.
    pub(crate) fn measure(&self, clips: &[ClipId], rows: &mut Rows) -> Result<(), RunError> {
        let found: Vec<Option<ClipScores>> = clips
            .par_iter()
            .map(|clip| self.of_clip(clip))
            .collect::<Result<_, _>>()?;
        let found: Vec<ClipScores> = found.into_iter().flatten().collect();
        let instances = found.iter().map(|one| (&one.window, &one.instances));
        self.rows(INSTANCES, &instances.collect::<Vec<_>>(), rows);
        let classes = found
            .iter()
            .filter_map(|one| Some((&one.window, one.classes.as_ref()?)));
        let classes: Vec<_> = classes.collect();
        if !classes.is_empty() {
            self.rows(CLASSES, &classes, rows);
        }
        Ok(())
    }

    fn rows(
        &self,
        subset: &str,
        found: &[(&VideoWindow, &Result<Scored, String>)],
        rows: &mut Rows,
    ) {
        for &id in self.metrics {
            let mut samples = MetricSamples::new(id, subset);
            let mut floors = PARTITIONS
                .map(|partition| MetricSamples::new(id, &format!("floor-{}", partition.name())));
            for (window, found) in found {
                let (video, first) = (window.video.as_str(), window.start + window.shared);
                let found = match found {
                    Ok(found) => found,
                    Err(reason) => {
                        samples.leave_out(video, reason);
                        continue;
                    }
                };
                found.perceived.push_to(&mut samples, video, first);
                for (floor, blind) in floors.iter_mut().zip(&found.blind) {
                    blind.push_to(floor, video, first);
                }
            }
            let (best, note) = best_floor(&floors);
            let score = rows.add(&samples, None, None);
            (score.floor, score.ceiling) = (best, Some(1.0));
            let notes = [self.about, &score.note, &note];
            let said: Vec<&str> = notes.into_iter().filter(|note| !note.is_empty()).collect();
            score.note = said.join("; ");
        }
    }

    /// Scores of a clip; none where the truth has no masks.
    fn of_clip(&self, clip: &ClipId) -> Result<Option<ClipScores>, RunError> {
        let Some(truth) = (self.truth)(clip)? else {
            return Ok(None);
        };
        let window = (self.window)(clip)?;
        let new = |labels: &Array3<u8>| labels.slice(s![window.shared.., .., ..]).to_owned();
        let perceived = new(&(self.masks)(clip)?);
        let void = truth.void.as_ref();
        let void = void.map(|void| void.slice(s![window.shared.., .., ..]).to_owned());
        let of = |labels: &Array3<u8>| {
            let scored = self.scored(&new(labels), &perceived, void.as_ref());
            scored.map_err(|error| error.to_string())
        };
        Ok(Some(ClipScores {
            instances: of(&truth.masks),
            classes: truth.classes.as_ref().map(of),
            window: window.clone(),
        }))
    }

    fn scored(
        &self,
        truth: &Array3<u8>,
        perceived: &Array3<u8>,
        void: Option<&Array3<bool>>,
    ) -> Result<Scored, EvalError> {
        let scores = |masks: &Array3<u8>| {
            let measure = |truth: ArrayView3<'_, u8>, masks: ArrayView3<'_, u8>| {
                MaskScores::measure(self.metrics, MaskPair::new(truth, masks))
            };
            match void {
                None => measure(truth.view(), masks.view()),
                Some(void) => {
                    let (truth, masks) = set_aside(truth.view(), masks.view(), void.view())?;
                    measure(truth.view(), masks.view())
                }
            }
        };
        let size: [usize; 3] = truth.dim().into();
        let blind = PARTITIONS
            .iter()
            .map(|&partition| scores(&blind_masks(partition, self.slots, size, self.seed)?));
        Ok(Scored {
            perceived: scores(perceived)?,
            blind: blind.collect::<Result<_, _>>()?,
        })
    }
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
