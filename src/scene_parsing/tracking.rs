//! Objects, and the slots that hold them frame by frame.

use super::appearance::{Confidence, WORD_COUNT, colour};
use super::head_output::{HeadOutput, ParseSettings};

/// The slot that holds an object, frame by frame; unset where none does.
pub type Track = Vec<Option<usize>>;

/// Distance within which two slots hold one object, scene units.
const SAME_PLACE: f32 = 0.4;
/// Frames that an object may be hidden for without having left.
const HIDDEN: usize = 3;
/// Frames that an object must be seen at.
const LEAST_SEEN: usize = 2;

impl HeadOutput {
    /// The objects and the slots that hold them. A slot's run of frames goes on with an object of its colour that no
    /// slot holds meanwhile, or that stands where the run does; else it is another object.
    pub(super) fn tracked_objects(&self, settings: ParseSettings) -> Vec<(Confidence, Track)> {
        let (time, slots, _) = self.objects.dim();
        let observed = settings.observed.min(time);
        let mut runs: Vec<(usize, Vec<usize>)> = (0..slots)
            .flat_map(|slot| {
                self.runs(slot, observed)
                    .into_iter()
                    .map(move |run| (slot, run))
            })
            .collect();
        // The longest first: what is certain takes up what is not.
        runs.sort_by_key(|(_, run)| std::cmp::Reverse(run.len()));
        let mut found: Vec<([f32; WORD_COUNT], Track)> = Vec::new();
        for (slot, run) in runs {
            let logits = self.word_logits(slot, &run);
            let same = |(sum, track): &([f32; WORD_COUNT], Track)| {
                colour(sum) == colour(&logits) && self.goes_on(track, slot, &run)
            };
            let place = found.iter().position(same).unwrap_or_else(|| {
                found.push(([0.0; WORD_COUNT], vec![None; time]));
                found.len() - 1
            });
            let (sum, track) = &mut found[place];
            for (all, more) in sum.iter_mut().zip(logits) {
                *all += more;
            }
            for t in run {
                let better =
                    track[t].is_none_or(|other| self.in_view(t, slot) > self.in_view(t, other));
                if better {
                    track[t] = Some(slot);
                }
            }
        }
        found.retain(|(_, track)| track.iter().flatten().count() >= LEAST_SEEN);
        found.sort_by_key(|(_, track)| track.iter().position(Option::is_some));
        let mut objects = Vec::new();
        for (sum, mut track) in found {
            let count = track.iter().flatten().count().max(1) as f32;
            bridge(&mut track[..observed]);
            // Behind the observed frames a slot keeps what it held at their end, as long as that is in view.
            if let Some(Some(slot)) = track.get(observed.wrapping_sub(1)).copied() {
                for (t, at) in track.iter_mut().enumerate().skip(observed) {
                    *at = (self.in_view(t, slot) > 0.0).then_some(slot);
                }
            }
            objects.push((Confidence::of_logits(sum.map(|logit| logit / count)), track));
        }
        objects
    }

    /// Whether a run of a slot may be of an object that was found: they never meet, or only in one place.
    fn goes_on(&self, track: &Track, slot: usize, run: &[usize]) -> bool {
        let apart: Vec<f32> = run
            .iter()
            .filter_map(|t| {
                let ([x, y], [u, v]) = (self.position(*t, slot), self.position(*t, track[*t]?));
                Some((x - u).hypot(y - v))
            })
            .collect();
        apart.iter().sum::<f32>() <= SAME_PLACE * apart.len() as f32
    }

    /// The runs of frames at which a slot holds something in view, short gaps and single frames smoothed away.
    fn runs(&self, slot: usize, observed: usize) -> Vec<Vec<usize>> {
        let raw: Vec<bool> = (0..observed).map(|t| self.in_view(t, slot) > 0.0).collect();
        let smooth = |t: usize| {
            let about = t.saturating_sub(1)..(t + 2).min(observed);
            2 * raw[about.clone()].iter().filter(|seen| **seen).count() > about.len()
                || (raw[t] && (t == 0 || t + 1 == observed))
        };
        let mut runs: Vec<Vec<usize>> = Vec::new();
        for t in (0..observed).filter(|t| smooth(*t)) {
            match runs.last_mut() {
                Some(run) if run.last() == Some(&(t - 1)) && !self.changes(slot, t, observed) => {
                    run.push(t);
                }
                _ => runs.push(vec![t]),
            }
        }
        runs
    }

    /// Whether a slot holds another object from a frame on: two frames before and two behind differ in colour.
    fn changes(&self, slot: usize, t: usize, observed: usize) -> bool {
        if t < 2 || t + 2 > observed {
            return false;
        }
        let before = self.word_logits(slot, &[t - 2, t - 1]);
        let behind = self.word_logits(slot, &[t, t + 1]);
        colour(&before) != colour(&behind)
    }
}

/// Fills short gaps: what is hidden for a moment has not left.
fn bridge(track: &mut [Option<usize>]) {
    let seen: Vec<usize> = (0..track.len()).filter(|t| track[*t].is_some()).collect();
    for pair in seen.windows(2) {
        if pair[1] - pair[0] <= HIDDEN + 1 {
            let held = track[pair[0]];
            track[pair[0] + 1..pair[1]].fill(held);
        }
    }
}
