//! Perceived or imagined masks against true ones, with simple masks beside them.

use ndarray::{Array3, ArrayView3, Axis, s};
use rayon::prelude::*;
use slotflow_datasets::{ClipId, VideoWindow};
use slotflow_eval::segmentation::overlap::set_aside;
use slotflow_eval::segmentation::{MaskPair, MaskScores};
use slotflow_eval::trivial_baselines::{BlindScores, MaskFloor};
use slotflow_eval::{EvalError, MetricId, MetricSamples};

use super::rows::Rows;
use crate::artifacts::RunError;
use crate::stages::perceive::decode::Labels;

/// Subset of frames whose slots were encoded.
pub(crate) const OBSERVED: &str = "observed";
/// What the subset ends in where the truth is classes, not instances.
const CLASSES: &str = "-classes";
/// Name of the floor that keeps the masks of the last observed frame.
const KEPT: &str = "last observed masks, kept";

/// Masks and what is true of the same pixels.
pub(crate) struct MaskComparison<'a> {
    /// What is true of a clip; `None` where it has no masks.
    pub(crate) truth: &'a (dyn Fn(&ClipId) -> Result<Option<Labels>, RunError> + Sync),
    /// Where a clip lies in its video: frames that the window before it has as well are not scored again.
    pub(crate) window: &'a (dyn Fn(&ClipId) -> Result<VideoWindow, RunError> + Sync),
    /// A clip's masks, `[time, height, width]`.
    pub(crate) masks: &'a (dyn Fn(&ClipId) -> Result<Array3<u8>, RunError> + Sync),
    /// What the rows are called.
    pub(crate) subset: &'a str,
    /// Where the masks are imagined: how many frames of a clip were observed, which are left out, and the masks perceived in
    /// all frames. Those of the last observed frame are then a floor, those of the same frames the ceiling.
    pub(crate) imagined: Option<&'a PerceivedBeside<'a>>,
    /// Metrics of masks.
    pub(crate) metrics: &'a [MetricId],
    /// Slots of a frame: how many parts a mask that never looks has.
    pub(crate) slots: usize,
    /// Seed of masks that never look.
    pub(crate) seed: u64,
    /// What the note of every row says first; may be empty.
    pub(crate) about: &'a str,
}

/// Observed frames of a clip, and the masks perceived in all frames, `[time, height, width]`.
pub(crate) type PerceivedBeside<'a> =
    dyn Fn(&ClipId) -> Result<(usize, Array3<u8>), RunError> + Sync + 'a;

/// What one clip gives; reasons where it cannot be measured.
struct ClipScores {
    window: VideoWindow,
    instances: Result<Scored, String>,
    /// Where the truth has classes.
    classes: Option<Result<Scored, String>>,
}

/// Scores against one kind of truth.
struct Scored {
    /// Frames of the clip before the first that was measured.
    skipped: usize,
    /// The masks under test.
    tested: MaskScores,
    /// Masks that never looked.
    blind: BlindScores,
    /// Of imagined masks: those of the last observed frame in every frame, and those perceived in the frames themselves.
    beside: Option<[MaskScores; 2]>,
}

impl MaskComparison<'_> {
    /// Adds one row a metric, with the best of simple masks as its floor; and one more where classes are known.
    pub(crate) fn measure(&self, clips: &[ClipId], rows: &mut Rows) -> Result<(), RunError> {
        let found: Vec<Option<ClipScores>> = clips
            .par_iter()
            .map(|clip| self.of_clip(clip))
            .collect::<Result<_, _>>()?;
        let found: Vec<ClipScores> = found.into_iter().flatten().collect();
        let instances = found.iter().map(|one| (&one.window, &one.instances));
        self.rows(self.subset, &instances.collect::<Vec<_>>(), rows);
        let classes = found
            .iter()
            .filter_map(|one| Some((&one.window, one.classes.as_ref()?)));
        let classes: Vec<_> = classes.collect();
        if !classes.is_empty() {
            self.rows(&[self.subset, CLASSES].concat(), &classes, rows);
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
            let mut ceiling = MetricSamples::new(id, subset);
            let mut floor = MaskFloor::new(id);
            for (window, found) in found {
                let video = window.video.as_str();
                let found = match found {
                    Ok(found) => found,
                    Err(reason) => {
                        samples.leave_out(video, reason);
                        continue;
                    }
                };
                let first = window.start + found.skipped;
                found.tested.push_to(&mut samples, video, first);
                floor.push(&found.blind, video, first);
                if let Some([kept, perceived]) = &found.beside {
                    floor.push_named(KEPT, kept, video, first);
                    perceived.push_to(&mut ceiling, video, first);
                }
            }
            let (best, note) = floor.best();
            let score = rows.add(&samples, None, None);
            (score.floor, score.ceiling) = (best, Some(ceiling.mean().unwrap_or(1.0)));
            let said = std::mem::replace(&mut score.note, self.about.to_owned());
            score.add_note(&said);
            score.add_note(&note);
        }
    }

    /// Scores of a clip; none where the truth has no masks.
    fn of_clip(&self, clip: &ClipId) -> Result<Option<ClipScores>, RunError> {
        let Some(truth) = (self.truth)(clip)? else {
            return Ok(None);
        };
        let window = (self.window)(clip)?;
        let tested = (self.masks)(clip)?;
        let beside = self.imagined.map(|beside| beside(clip)).transpose()?;
        let void = truth.void.as_ref();
        let of = |labels: &Array3<u8>| {
            let scored = self.scored([labels, &tested], void, window.shared, beside.as_ref());
            scored.map_err(|error| error.to_string())
        };
        Ok(Some(ClipScores {
            instances: of(&truth.masks),
            classes: truth.classes.as_ref().map(of),
            window,
        }))
    }

    fn scored(
        &self,
        [truth, tested]: [&Array3<u8>; 2],
        void: Option<&Array3<bool>>,
        shared: usize,
        beside: Option<&(usize, Array3<u8>)>,
    ) -> Result<Scored, EvalError> {
        // A roll-out may go on behind the truth, or end before it.
        let shortest = truth.dim().0.min(tested.dim().0);
        let (from, until) = match beside {
            Some((observed, _)) => ((*observed).max(shared).min(shortest), shortest),
            None => (shared.min(shortest), truth.dim().0),
        };
        let truth = truth.slice(s![from..until, .., ..]);
        let void = void.map(|void| void.slice(s![from..until, .., ..]));
        let scores = |masks: ArrayView3<'_, u8>| {
            let measure = |truth: ArrayView3<'_, u8>, masks: ArrayView3<'_, u8>| {
                MaskScores::measure(self.metrics, MaskPair::new(truth, masks))
            };
            match void {
                None => measure(truth, masks),
                Some(void) => {
                    let (truth, masks) = set_aside(truth, masks, void)?;
                    measure(truth.view(), masks.view())
                }
            }
        };
        let of_perceived = |(observed, perceived): &(usize, Array3<u8>)| {
            let last = observed.saturating_sub(1);
            let kept = perceived.select(Axis(0), &vec![last; until - from]);
            let same = perceived.slice(s![from..until, .., ..]);
            Ok::<_, EvalError>([scores(kept.view())?, scores(same)?])
        };
        let tested = match beside {
            Some(_) => tested.slice(s![from..until, .., ..]),
            None => tested.slice(s![from.., .., ..]),
        };
        Ok(Scored {
            skipped: from,
            tested: scores(tested)?,
            blind: BlindScores::measure(self.slots, truth.dim().into(), self.seed, scores)?,
            beside: beside.map(of_perceived).transpose()?,
        })
    }
}
