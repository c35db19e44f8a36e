//! Pixels of pairs of videos, frame by frame.

use std::path::Path;

use ndarray::{Array4, ArrayView3, ArrayView4};
use rayon::prelude::*;
use slotflow_eval::metric_samples::MetricSamples;
use slotflow_eval::pixel::{MseProfile, PsnrProfile, SquaredError};
use slotflow_eval::ssim::ssim;
use slotflow_eval::{Direction, EvalError, ItemValue, Score};

use crate::metrics::metric::Metric;
use crate::metrics::pairs::{Matches, Videos};
use crate::metrics::{About, Judged, MetricsError, Request};

/// What rows about videos stand under.
pub(crate) const SUBSET: &str = slotflow_eval::report::JUDGED;

/// What one metric gives of one clip.
type Frames = Result<Vec<f64>, String>;

/// Adds the rows of all metrics that look at videos.
pub(crate) fn judge(
    request: &Request,
    [guess, truth]: [&Path; 2],
    judged: &mut Judged,
) -> Result<(), MetricsError> {
    let sides = [Videos::open(guess)?, Videos::open(truth)?];
    let matches = Matches::new(&sides[0].names(guess), &sides[1].names(truth));
    let sets = request.metrics.iter().any(|metric| is_of_sets(*metric));
    let matches = if request.unpaired && sets {
        matches
    } else {
        matches.or_none(guess, truth)?
    };
    judged.note_alone(&matches);
    let about = about(&sides, &matches, request)?;
    let wanted: Vec<Metric> = request
        .metrics
        .iter()
        .copied()
        .filter(|metric| is_of_pixels(*metric))
        .collect();
    let found: Vec<Vec<Frames>> = matches
        .pairs
        .par_iter()
        .map(|(_, guess, truth)| of_pair(&sides, [*guess, *truth], &wanted, request.skip))
        .collect();
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
    crate::metrics::lpips::judge(request, &sides, &matches, &about, judged)?;
    if request.metrics.contains(&Metric::Jedi) && request.features.is_none() {
        let (name, profile) = (Metric::Jedi.name(), Metric::Jedi.profile());
        let reason = "V-JEPA, the network behind it, is not built in; give its features with `--pred-features` and `--truth-features`";
        let score = Score::not_computed(name, profile, SUBSET, Direction::Lower, reason);
        judged.add_score(score, Vec::new(), &about);
    }
    crate::metrics::distribution_metrics::judge(request, &sides, &matches, &about, judged)
}

fn is_of_sets(metric: Metric) -> bool {
    matches!(metric, Metric::Videos(..) | Metric::Frames(..))
}

fn is_of_pixels(metric: Metric) -> bool {
    matches!(metric, Metric::Mse(_) | Metric::Psnr(_) | Metric::Ssim(_))
}

/// Hashes every clip that is judged.
fn about(sides: &[Videos; 2], matches: &Matches, request: &Request) -> Result<About, MetricsError> {
    let mut clips: Vec<(&'static str, &str, usize, usize)> = Vec::new();
    for (name, guess, truth) in &matches.pairs {
        clips.extend(
            [("prediction", name, 0, *guess), ("truth", name, 1, *truth)]
                .map(|(word, name, side, index)| (word, name.as_str(), side, index)),
        );
    }
    if request.unpaired {
        let guess = matches
            .only_guess
            .iter()
            .map(|(name, index)| ("prediction", name.as_str(), 0, *index));
        let truth = matches
            .only_truth
            .iter()
            .map(|(name, index)| ("truth", name.as_str(), 1, *index));
        clips.extend(guess.chain(truth));
    }
    let of = |&(word, name, side, index): &(&'static str, &str, usize, usize)| {
        Ok((word, name.to_owned(), sides[side].identity(index)?))
    };
    let hashed: Vec<_> = clips
        .par_iter()
        .map(of)
        .collect::<Result<_, MetricsError>>()?;
    Ok(About::new(matches, hashed.into_iter(), request.skip))
}

/// Every metric on one pair; a reason where there is no number.
fn of_pair(
    sides: &[Videos; 2],
    [guess, truth]: [usize; 2],
    wanted: &[Metric],
    skip: usize,
) -> Vec<Frames> {
    match read_pair(sides, [guess, truth], skip) {
        Ok([truth, guess]) => wanted
            .iter()
            .map(|metric| of_frames(*metric, truth.view(), guess.view()))
            .collect(),
        Err(reason) => vec![Err(reason); wanted.len()],
    }
}

/// Truth and prediction from frame `skip` on, if they are alike; a reason where they are not.
pub(crate) fn read_pair(
    sides: &[Videos; 2],
    [guess, truth]: [usize; 2],
    skip: usize,
) -> Result<[Array4<u8>; 2], String> {
    let (guess, truth) = (sides[0].whole(guess, skip)?, sides[1].whole(truth, skip)?);
    let same = slotflow_eval::error::same_shape("clips", truth.shape(), guess.shape());
    same.map_err(|error| error.to_string())?;
    Ok([truth, guess])
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
    measured: MetricSamples,
}

impl Gathered {
    fn new(metric: Metric) -> Self {
        let direction = match metric {
            Metric::Psnr(PsnrProfile::PerImageMean) | Metric::Ssim(_) => Direction::Higher,
            _ => Direction::Lower,
        };
        let measured = MetricSamples::new(metric.name(), metric.profile(), SUBSET, direction);
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
