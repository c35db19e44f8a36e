//! Distances between two sets of clips, by what a network says of them.

use std::collections::BTreeMap;

use ndarray::Array2;
use slotflow_eval::fid_infinity::{frechet_infinity, sample_sizes};
use slotflow_eval::frechet::frechet;
use slotflow_eval::mmd::{Subsets, kid_of, kvd};
use slotflow_eval::moments::Covariance;
use slotflow_eval::score::NOT_APPLICABLE;
use slotflow_eval::stats::normal::Z95;
use slotflow_eval::stats::subsample::{Halves, METHOD, delete_half};
use slotflow_eval::{Direction, EvalError, Score};

use crate::artifacts::progress::Progress;
use crate::metrics::features::{FeatureExtractor, Kept, Look, gathered, moments};
use crate::metrics::metric::{Distance, Metric};
use crate::metrics::pairs::{Matches, Videos};
use crate::metrics::pixels::SUBSET;
use crate::metrics::pretrained::{PretrainedStore, PretrainedWeights};
use crate::metrics::{About, Judged, MetricsError, Request};
use crate::weights::pretrained::Network;

/// Halves that are drawn where a distance takes milliseconds, and where it takes seconds. Of `n` halves the spread is
/// itself known to `1/√(2(n − 1))`: to 5 % and to 10 %.
const HALVES: [usize; 2] = [200, 51];
/// The rank of a covariance up to which a distance takes milliseconds.
const SMALL: usize = 512;
/// Reasons that a note spells out.
const SPELLED_OUT: usize = 3;
/// Most numbers that are held at once where a statistic needs all rows.
const HELD: usize = 1 << 27;

/// Adds the rows of all distances between sets.
pub(crate) fn judge(
    request: &Request,
    sides: &[Videos; 2],
    matches: &Matches,
    about: &About,
    judged: &mut Judged,
) -> Result<(), MetricsError> {
    let library = PretrainedStore::of_cache(&request.cache);
    let mut looks: BTreeMap<Look, Vec<Metric>> = BTreeMap::new();
    for metric in &request.metrics {
        if let Some(look) = look(*metric, request.clip_length) {
            looks.entry(look).or_default().push(*metric);
        }
    }
    let mut shelf: BTreeMap<Network, Option<PretrainedWeights>> = BTreeMap::new();
    for (look, metrics) in looks {
        let network = look.network();
        if let std::collections::btree_map::Entry::Vacant(place) = shelf.entry(network) {
            place.insert(library.load(network)?);
        }
        let Some(Some(shelved)) = shelf.get(&network) else {
            for metric in metrics {
                let blank = blank(metric);
                let why = PretrainedStore::missing(network);
                let score = Score::not_computed(
                    &blank.metric,
                    &blank.profile,
                    SUBSET,
                    Direction::Lower,
                    &why,
                );
                judged.add_score(score, Vec::new(), about);
            }
            continue;
        };
        let looker = FeatureExtractor::new(look, shelved, &request.cache, &request.device)?;
        let sets = Sets::gather(request, sides, matches, &looker, judged);
        for metric in metrics {
            let score = sets.score(metric, look, request.resampling.seed);
            judged.add_score(named(score, shelved, look), Vec::new(), about);
        }
    }
    Ok(())
}

/// How a metric looks at clips; none if it does not compare sets.
pub const fn look(metric: Metric, length: usize) -> Option<Look> {
    match metric {
        Metric::Videos(_, profile) => Some(Look::Videos { profile, length }),
        Metric::Frames(_, profile) => Some(Look::Frames(profile)),
        _ => None,
    }
}

fn blank(metric: Metric) -> Score {
    Score::new(metric.name(), metric.profile(), SUBSET, Direction::Lower)
}

/// The same with its provenance; numbers of weights that papers do not use are called otherwise.
pub fn named(score: Score, shelved: &PretrainedWeights, look: Look) -> Score {
    let (clip_len, order, offset) = match look {
        Look::Videos { profile, length } => (Some(length), profile.frame_order(), "first frames"),
        Look::Frames(_) => (None, NOT_APPLICABLE, "every frame"),
    };
    Score {
        metric: shelved.called(&score.metric),
        clip_len,
        frame_order: order.to_owned(),
        offset_policy: offset.to_owned(),
        resize_kernel: look.kernel().name().to_owned(),
        weights_sha256: shelved.entry.sha256.clone(),
        ..score
    }
}

/// The rows of both sides, a list of clips each.
#[derive(Debug, Clone, Default)]
pub struct Sets {
    /// Predictions.
    pub guess: Vec<Kept>,
    /// Truth.
    pub truth: Vec<Kept>,
    skipped: usize,
    reasons: Vec<String>,
}

impl Sets {
    /// Looks at every clip of both sides. Of a pair that fails on one side, the other is left out too.
    fn gather(
        request: &Request,
        sides: &[Videos; 2],
        matches: &Matches,
        looker: &FeatureExtractor,
        judged: &mut Judged,
    ) -> Self {
        let mut sets = Self::default();
        let one = |side: usize, index: usize| -> Result<Kept, String> {
            let identity = sides[side]
                .identity(index)
                .map_err(|error| error.to_string())?;
            let identity = format!("{identity} from {}", request.skip);
            looker.rows(&identity, || sides[side].whole(index, request.skip))
        };
        let mut fail = |sets: &mut Self, name: &str, reason: String| {
            sets.leave_out(name, &reason);
            judged.failures.insert(name.to_owned(), reason);
        };
        let progress = Progress::new("features", matches.pairs.len(), request.quiet);
        for (name, guess, truth) in &matches.pairs {
            match (one(0, *guess), one(1, *truth)) {
                (Ok(guess), Ok(truth)) => {
                    sets.guess.push(guess);
                    sets.truth.push(truth);
                }
                (Err(reason), _) | (_, Err(reason)) => fail(&mut sets, name, reason),
            }
            progress.advance();
        }
        if request.unpaired {
            for (names, side) in [(&matches.only_guess, 0), (&matches.only_truth, 1)] {
                for (name, index) in names {
                    match one(side, *index) {
                        Ok(kept) if side == 0 => sets.guess.push(kept),
                        Ok(kept) => sets.truth.push(kept),
                        Err(reason) => fail(&mut sets, name, reason),
                    }
                }
            }
        }
        sets
    }

    /// Counts a clip that has no rows, with the reason.
    pub fn leave_out(&mut self, name: &str, reason: &str) {
        self.skipped += 1;
        if self.reasons.len() < SPELLED_OUT {
            self.reasons.push(format!("`{name}` left out: {reason}"));
        }
    }

    /// The row of a distance; a reason where it is not defined.
    pub fn score(&self, metric: Metric, look: Look, seed: u64) -> Score {
        let blank = Score {
            n_skipped: self.skipped,
            n_real: Some(count(&self.truth)),
            n_fake: Some(count(&self.guess)),
            seed: Some(seed),
            ..blank(metric)
        };
        let made = match metric {
            Metric::Videos(Distance::Frechet, profile) => {
                self.frechet(blank.clone(), look.dim(), profile.covariance(), seed)
            }
            Metric::Frames(Distance::Frechet, _) => {
                self.frechet(blank.clone(), look.dim(), Covariance::Unbiased, seed)
            }
            Metric::Videos(Distance::Infinity, _) | Metric::Frames(Distance::Infinity, _) => {
                self.infinity(blank.clone(), look.dim(), seed)
            }
            Metric::Videos(Distance::Kernel, _) => self.kvd(blank.clone(), look.dim(), seed),
            _ => self.kid(blank.clone(), look.dim(), seed),
        };
        let score = match made {
            Ok(score) => score,
            Err(error) => Score {
                note: format!("not computed: {error}"),
                ..blank
            },
        };
        let notes: Vec<&str> = std::iter::once(score.note.as_str())
            .chain(self.reasons.iter().map(String::as_str))
            .filter(|note| !note.is_empty())
            .collect();
        Score {
            note: notes.join("; "),
            ..score
        }
    }

    fn frechet(
        &self,
        blank: Score,
        dim: usize,
        covariance: Covariance,
        seed: u64,
    ) -> Result<Score, EvalError> {
        let distance = |guess: &mut dyn Iterator<Item = &Kept>,
                        truth: &mut dyn Iterator<Item = &Kept>| {
            frechet(&moments(truth, dim)?, &moments(guess, dim)?, covariance)
        };
        let whole = distance(&mut self.guess.iter(), &mut self.truth.iter())?;
        let items = count(&self.guess);
        let score = Score {
            cov_estimator: covariance.name().to_owned(),
            note: whole.warning(items.min(count(&self.truth))),
            ..blank.with_value(whole.distance, items)
        };
        self.with_halves(score, dim, seed, |truth, guess| {
            let of = distance(
                &mut guess.iter().map(|index| &self.guess[*index]),
                &mut truth.iter().map(|index| &self.truth[*index]),
            );
            of.map(|found| found.distance)
        })
    }

    fn kvd(&self, blank: Score, dim: usize, seed: u64) -> Result<Score, EvalError> {
        let (truth, guess) = (all(&self.truth, dim)?, all(&self.guess, dim)?);
        let score = blank.with_value(kvd(truth.view(), guess.view())?, guess.nrows());
        self.with_halves(score, dim, seed, |of_truth, of_guess| {
            let axis = ndarray::Axis(0);
            kvd(
                truth.select(axis, of_truth).view(),
                guess.select(axis, of_guess).view(),
            )
        })
    }

    /// An interval from the spread over halves of the clips, where there are enough of them.
    fn with_halves(
        &self,
        score: Score,
        dim: usize,
        seed: u64,
        statistic: impl Fn(&[usize], &[usize]) -> Result<f64, EvalError> + Sync,
    ) -> Result<Score, EvalError> {
        let clips = [self.truth.len(), self.guess.len()];
        let Some(value) = score.value.filter(|_| clips.into_iter().min() >= Some(4)) else {
            return Ok(score);
        };
        let halves = Halves {
            count: HALVES[usize::from(self.rank(dim) > SMALL)],
            seed,
        };
        match delete_half(clips, halves, statistic) {
            Ok(sd) => {
                let method = halves_method(METHOD, halves.count);
                Ok(score.with_interval(value - Z95 * sd, value + Z95 * sd, &method))
            }
            // Halves of few frames may be too small for what the whole still has.
            Err(EvalError::TooFew { .. }) => Ok(score),
            Err(error) => Err(error),
        }
    }

    /// The greatest rank that a covariance of half of the rows has.
    fn rank(&self, dim: usize) -> usize {
        (count(&self.truth).max(count(&self.guess)) / 2).min(dim)
    }

    fn kid(&self, blank: Score, dim: usize, seed: u64) -> Result<Score, EvalError> {
        let counts = [count(&self.truth), count(&self.guess)];
        let subsets = Subsets {
            seed,
            ..Subsets::default()
        };
        let sides = [&self.truth, &self.guess];
        let found = kid_of(counts, subsets, |side, chosen| {
            gathered(sides[side], dim, chosen)
        })?;
        let method = format!(
            "± sd over {} subsets, not a confidence interval",
            subsets.count
        );
        let score = blank.with_value(found.mean, counts[1]);
        Ok(score.with_interval(found.mean - found.sd, found.mean + found.sd, &method))
    }

    fn infinity(&self, blank: Score, dim: usize, seed: u64) -> Result<Score, EvalError> {
        let (truth, guess) = (all(&self.truth, dim)?, all(&self.guess, dim)?);
        let sizes = sample_sizes(guess.nrows(), dim)?;
        let found = frechet_infinity(truth.view(), guess.view(), &sizes, Some(seed))?;
        let mut note = format!(
            "a line over 1/N through {} sizes from {}, slope {:.4}",
            sizes.len(),
            sizes.first().copied().unwrap_or_default(),
            found.slope
        );
        let mut score = Score {
            cov_estimator: Covariance::Unbiased.name().to_owned(),
            ..blank.with_value(found.value, guess.nrows())
        };
        let clips = [self.truth.len(), self.guess.len()];
        if self.rank(dim) > SMALL {
            note.push_str("; no interval, which would take hundreds of distances of seconds each");
        } else if clips.into_iter().min() >= Some(4) {
            let halves = Halves {
                count: HALVES[1],
                seed,
            };
            let places = [&self.truth, &self.guess].map(|clips| Places::of(clips));
            let spread = delete_half(clips, halves, |of_truth, of_guess| {
                let of_guess = places[1].rows(of_guess);
                let axis = ndarray::Axis(0);
                let (truth, guess) = (
                    truth.select(axis, &places[0].rows(of_truth)),
                    guess.select(axis, &of_guess),
                );
                let sizes = sample_sizes(guess.nrows(), dim)?;
                let line = frechet_infinity(truth.view(), guess.view(), &sizes, Some(seed))?;
                Ok(line.value)
            });
            match spread {
                Ok(sd) => {
                    let method = halves_method(INFINITY_METHOD, halves.count);
                    let reach = Z95 * sd;
                    score = score.with_interval(found.value - reach, found.value + reach, &method);
                }
                Err(EvalError::TooFew { .. }) => note.push_str("; too few clips for an interval"),
                Err(error) => return Err(error),
            }
        }
        Ok(Score { note, ..score })
    }
}

/// What stands beside an interval of a distance at infinity: the line takes the bias away.
const INFINITY_METHOD: &str = "delete-half subsampling: sampling sd of the line's end";

fn halves_method(method: &str, halves: usize) -> String {
    let known = 100.0 / (2.0 * (halves as f64 - 1.0)).sqrt();
    format!("{method}, by clip, {halves} halves, width known to ±{known:.0} %")
}

/// Where the rows of each clip lie among all.
struct Places(Vec<std::ops::Range<usize>>);

impl Places {
    fn of(clips: &[Kept]) -> Self {
        let mut next = 0;
        let ranges = clips.iter().map(|clip| {
            next += clip.rows;
            next - clip.rows..next
        });
        Self(ranges.collect())
    }

    fn rows(&self, clips: &[usize]) -> Vec<usize> {
        clips
            .iter()
            .flat_map(|&clip| self.0[clip].clone())
            .collect()
    }
}

fn count(clips: &[Kept]) -> usize {
    clips.iter().map(|clip| clip.rows).sum()
}

/// All rows at once.
fn all(clips: &[Kept], dim: usize) -> Result<Array2<f64>, EvalError> {
    let rows = count(clips);
    if rows.saturating_mul(dim) > HELD {
        return Err(EvalError::OutOfRange {
            what: "rows that are held at once",
            range: "what fits into a gigabyte",
            value: rows as f64,
            place: "the features".to_owned(),
        });
    }
    gathered(clips, dim, &(0..rows).collect::<Vec<_>>())
}
