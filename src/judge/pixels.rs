//! Pixels of pairs of videos, frame by frame.

use std::path::Path;

use ndarray::{Array4, ArrayView3, ArrayView4, Axis, s};
use rayon::prelude::*;
use slotflow_eval::measured::Measured;
use slotflow_eval::pixel::{MseProfile, PsnrProfile, SquaredError};
use slotflow_eval::ssim::ssim;
use slotflow_eval::{Direction, EvalError, ItemValue, Score};

use super::metric::Metric;
use super::pairs::{Matches, Videos};
use super::{About, JudgeError, Judged, Request};

/// What rows about videos stand under.
pub(super) const SUBSET: &str = "videos";

/// What one metric gives of one clip.
type Frames = Result<Vec<f64>, String>;

/// Adds the rows of all metrics that look at videos.
pub(super) fn judge(
    request: &Request,
    [guess, truth]: [&Path; 2],
    judged: &mut Judged,
) -> Result<(), JudgeError> {
    let sides = [Videos::open(guess)?, Videos::open(truth)?];
    let matches = Matches::new(&sides[0].names(guess), &sides[1].names(truth));
    let matches = matches.or_none(guess, truth)?;
    judged.note_alone(&matches);
    let about = about(&sides, &matches, request.skip)?;
    let wanted: Vec<Metric> = request
        .metrics
        .iter()
        .copied()
        .filter(|metric| !metric.wants_masks() && !is_of_sets(*metric))
        .collect();
    let found: Vec<Vec<Frames>> = matches
        .pairs
        .par_iter()
        .map(|(_, guess, truth)| of_pair(&sides, [*guess, *truth], &wanted, request.skip))
        .collect();
    for metric in request.metrics.iter().filter(|metric| is_of_sets(**metric)) {
        let (name, profile) = (metric.name(), metric.profile());
        let reason = "its network is not at hand";
        let score = Score::not_computed(name, profile, SUBSET, Direction::Lower, reason);
        judged.add_score(score, Vec::new(), &about);
    }
    for (place, metric) in wanted.iter().enumerate() {
        let mut gathered = Gathered::new(*metric);
        for ((name, ..), of_clip) in matches.pairs.iter().zip(&found) {
            match &of_clip[place] {
                Ok(values) => gathered.push(name, request.skip, values),
                Err(reason) => {
                    gathered.measured.leave_out(name, reason);
                    judged.failures.insert(name.clone(), reason.clone());
                }
            }
        }
        let (score, items) = gathered.finish(request);
        judged.add_score(score, items, &about);
    }
    Ok(())
}

fn is_of_sets(metric: Metric) -> bool {
    !matches!(metric, Metric::Mse(_) | Metric::Psnr(_) | Metric::Ssim(_))
}

/// Hashes both sides of every pair.
fn about(sides: &[Videos; 2], matches: &Matches, skip: usize) -> Result<About, JudgeError> {
    let of = |(name, guess, truth): &(String, usize, usize)| {
        let guess = sides[0].identity(*guess)?;
        Ok((name.clone(), guess, sides[1].identity(*truth)?))
    };
    let hashed: Vec<_> = matches
        .pairs
        .par_iter()
        .map(of)
        .collect::<Result<_, JudgeError>>()?;
    let lines = hashed.into_iter().flat_map(|(name, guess, truth)| {
        [("prediction", name.clone(), guess), ("truth", name, truth)]
    });
    Ok(About::new(matches, lines, skip))
}

/// Every metric on one pair; a reason where there is no number.
fn of_pair(
    sides: &[Videos; 2],
    [guess, truth]: [usize; 2],
    wanted: &[Metric],
    skip: usize,
) -> Vec<Frames> {
    let read = || -> Result<[Array4<u8>; 2], String> {
        let guess = sides[0].read(guess).map_err(|error| error.to_string())?;
        let truth = sides[1].read(truth).map_err(|error| error.to_string())?;
        for (sample, side) in [(&guess, "prediction"), (&truth, "truth")] {
            if let Some(note) = &sample.note {
                return Err(format!("the {side} is damaged: {note}"));
            }
        }
        later(truth.clip.frames, guess.clip.frames, skip)
    };
    match read() {
        Ok([truth, guess]) => wanted
            .iter()
            .map(|metric| of_frames(*metric, truth.view(), guess.view()))
            .collect(),
        Err(reason) => vec![Err(reason); wanted.len()],
    }
}

/// Both clips from frame `skip` on, if they are alike and long enough.
fn later(truth: Array4<u8>, guess: Array4<u8>, skip: usize) -> Result<[Array4<u8>; 2], String> {
    let same = slotflow_eval::error::same_shape("clips", truth.shape(), guess.shape());
    same.map_err(|error| error.to_string())?;
    let time = truth.len_of(Axis(0));
    if time <= skip {
        return Err(format!(
            "{time} frames, and the first {skip} are not judged"
        ));
    }
    if skip == 0 {
        return Ok([truth, guess]);
    }
    Ok([truth, guess].map(|frames| frames.slice(s![skip.., .., .., ..]).to_owned()))
}

/// One metric on every frame.
fn of_frames(metric: Metric, truth: ArrayView4<'_, u8>, guess: ArrayView4<'_, u8>) -> Frames {
    let pairs = truth.outer_iter().into_par_iter().zip(guess.outer_iter());
    let values: Result<Vec<f64>, EvalError> = pairs
        .map(|(truth, guess)| of_frame(metric, truth, guess))
        .collect();
    values.map_err(|error| error.to_string())
}

fn of_frame(
    metric: Metric,
    truth: ArrayView3<'_, u8>,
    guess: ArrayView3<'_, u8>,
) -> Result<f64, EvalError> {
    match metric {
        Metric::Mse(profile) => slotflow_eval::pixel::mse(profile, truth, guess),
        // Errors are pooled before the logarithm; the items show each frame's own.
        Metric::Psnr(PsnrProfile::Global) => {
            slotflow_eval::pixel::mse(MseProfile::Mean, truth, guess)
        }
        Metric::Psnr(PsnrProfile::PerImageMean) => slotflow_eval::pixel::psnr(truth, guess),
        Metric::Ssim(profile) => ssim(profile, truth, guess),
        _ => Err(EvalError::Empty { what: "networks" }),
    }
}

/// The values of one metric over all clips.
struct Gathered {
    metric: Metric,
    measured: Measured,
}

impl Gathered {
    fn new(metric: Metric) -> Self {
        let direction = match metric {
            Metric::Psnr(PsnrProfile::PerImageMean) | Metric::Ssim(_) => Direction::Higher,
            _ => Direction::Lower,
        };
        let measured = Measured::new(metric.name(), metric.profile(), SUBSET, direction);
        Self { metric, measured }
    }

    fn push(&mut self, name: &str, first: usize, values: &[f64]) {
        self.measured
            .push_frames(name, first, values.iter().copied());
    }

    fn finish(self, request: &Request) -> (Score, Vec<ItemValue>) {
        let score = self.measured.score(request.resampling);
        if self.metric != Metric::Psnr(PsnrProfile::Global) {
            return (score, self.measured.rows());
        }
        // A quantile goes through a falling function as it is: only its end changes.
        let decibels = |mean: f64| {
            SquaredError {
                sum: mean,
                count: 1,
            }
            .psnr()
        };
        let score = Score {
            value: score.value.and_then(decibels),
            ci_low: score.ci_high.and_then(decibels),
            ci_high: score.ci_low.and_then(decibels),
            direction: Direction::Higher,
            ..score
        };
        let rows = self.measured.rows().into_iter().map(|row| ItemValue {
            value: row.value.and_then(decibels),
            ..row
        });
        (score, rows.collect())
    }
}
