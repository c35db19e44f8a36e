//! Distances between two sets of clips, by features of a network.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use ndarray::Array2;
use slotflow_eval::distribution::subsample::{Halves, METHOD, delete_half};
use slotflow_eval::fid_infinity::{frechet_infinity, sample_sizes};
use slotflow_eval::frechet::frechet;
use slotflow_eval::metric::definition::{Compute, SetDistance};
use slotflow_eval::mmd::{Subsets, kid_of, kvd};
use slotflow_eval::moments::Covariance;
use slotflow_eval::stats::normal::Z95;
use slotflow_eval::tables::NOT_APPLICABLE;
use slotflow_eval::{EvalError, MetricId, Provenance, Score};

use crate::artifacts::progress::Progress;
use crate::metrics::evaluation::{Evaluation, VideoFolders};
use crate::metrics::features::{CachedFeatures, FeatureExtractor, Look, gathered, moments};
use crate::metrics::files::{Matches, Videos};
use crate::metrics::folders::pixels::SUBSET;
use crate::metrics::pretrained::{PretrainedStore, PretrainedWeights};
use crate::metrics::request::Request;
use crate::weights::pretrained::Network;

/// Frames of a clip that a network for videos sees in a run, as in papers.
pub const CLIP_LENGTH: usize = 16;
/// Halves that are drawn where a distance takes milliseconds, and where it takes seconds. Of `n` halves the spread is
/// itself known to `1/√(2(n − 1))`: to 5 % and to 10 %.
const HALVES: [usize; 2] = [200, 51];
/// The rank of a covariance up to which a distance takes milliseconds.
const SMALL: usize = 512;
/// Reasons that a note names.
const SPELLED_OUT: usize = 3;
/// Most numbers that are held at once where a statistic needs all rows.
const HELD: usize = 1 << 27;

/// Adds the rows of all distances between sets.
pub(crate) fn evaluate(folders: &VideoFolders<'_>, evaluation: &mut Evaluation) {
    let &VideoFolders {
        request,
        sides,
        matches,
        shared,
    } = folders;
    let store = PretrainedStore::of_cache(&request.cache);
    let mut looks: BTreeMap<Look, Vec<MetricId>> = BTreeMap::new();
    for id in &request.metrics {
        if let Some(look) = look(*id, request.clip_length) {
            looks.entry(look).or_default().push(*id);
        }
    }
    let mut loaded: BTreeMap<Network, Result<PretrainedWeights, String>> = BTreeMap::new();
    for (look, ids) in looks {
        let network = look.network();
        if let Entry::Vacant(place) = loaded.entry(network) {
            place.insert(store.load_or_reason(network));
        }
        let Some(weights) = loaded.get(&network) else {
            continue;
        };
        let extractor = weights.as_ref().map_err(Clone::clone).and_then(|weights| {
            let new =
                FeatureExtractor::new(look, weights, request.feature_cache(), &request.device);
            let new = new.map_err(|error| error.to_string());
            new.map(|extractor| (extractor, weights))
        });
        let (extractor, weights) = match extractor {
            Ok(extractor) => extractor,
            Err(reason) => {
                for id in ids {
                    let score = Score::not_computed(id, SUBSET, &reason);
                    evaluation.add_score(score, Vec::new(), shared);
                }
                continue;
            }
        };
        let sets = FeatureSets::gather(request, sides, matches, &extractor, evaluation);
        if request.pairs.is_share() {
            continue;
        }
        for id in ids {
            let score = sets.score(id, SUBSET, look, request.resampling.seed);
            evaluation.add_score(named(score, weights, look), Vec::new(), shared);
        }
    }
}

/// How the network behind a metric looks at clips of `length` frames; none if it does not compare sets.
pub const fn look(id: MetricId, length: usize) -> Option<Look> {
    match id.compute() {
        Compute::VideoSet(_, profile) => Some(Look::Videos { profile, length }),
        Compute::FrameSet(_, profile) => Some(Look::Frames(profile)),
        _ => None,
    }
}

/// The same with its provenance; numbers of weights that papers do not use have another name.
pub fn named(score: Score, weights: &PretrainedWeights, look: Look) -> Score {
    let (clip_len, order, offset) = match look {
        Look::Videos { profile, length } => (Some(length), profile.frame_order(), "first frames"),
        Look::Frames(_) => (None, NOT_APPLICABLE, "every frame"),
    };
    let provenance = Provenance {
        clip_len,
        frame_order: order.to_owned(),
        offset_policy: offset.to_owned(),
        resize_kernel: look.kernel().name().to_owned(),
        ..score.provenance
    };
    weights.named(Score {
        provenance,
        ..score
    })
}

/// Features of two sets of clips, a list of clips each; windows of one video are one clip.
#[derive(Debug, Clone, Default)]
pub struct FeatureSets {
    /// The video that the last pair is of, where it is known.
    last: Option<String>,
    /// Of predictions.
    pub prediction: Vec<CachedFeatures>,
    /// Of the truth.
    pub truth: Vec<CachedFeatures>,
    skipped: usize,
    reasons: Vec<String>,
}

impl FeatureSets {
    /// Features of every clip of both sides. Of a pair that fails on one side, the other is left out too.
    fn gather(
        request: &Request,
        sides: &[Videos; 2],
        matches: &Matches,
        extractor: &FeatureExtractor,
        evaluation: &mut Evaluation,
    ) -> Self {
        let mut sets = Self::default();
        let one = |side: usize, index: usize| -> Result<CachedFeatures, String> {
            let identity = sides[side]
                .identity(index)
                .map_err(|error| error.to_string())?;
            let identity = format!("{identity} from {}", request.skip);
            extractor.rows(&identity, || sides[side].whole(index, request.skip))
        };
        let mut fail = |sets: &mut Self, name: &str, reason: String| {
            sets.leave_out(name, &reason);
            evaluation.failures.insert(name.to_owned(), reason);
        };
        let own = request.pairs.own(&matches.pairs);
        let progress = Progress::new("features", own.len(), request.quiet);
        for (name, prediction, truth) in own {
            match (one(0, *prediction), one(1, *truth)) {
                (Ok(prediction), Ok(truth)) => {
                    sets.prediction.push(prediction);
                    sets.truth.push(truth);
                }
                (Err(reason), _) | (_, Err(reason)) => fail(&mut sets, name, reason),
            }
            progress.advance();
        }
        if request.unpaired {
            for (names, side) in [(&matches.only_prediction, 0), (&matches.only_truth, 1)] {
                for (name, index) in request.pairs.own(names) {
                    match one(side, *index) {
                        Ok(features) if side == 0 => sets.prediction.push(features),
                        Ok(features) => sets.truth.push(features),
                        Err(reason) => fail(&mut sets, name, reason),
                    }
                }
            }
        }
        sets
    }

    /// Adds a pair: of the video that the last pair was of, its rows go to that pair's.
    pub fn push_of_video(
        &mut self,
        video: &str,
        prediction: CachedFeatures,
        truth: CachedFeatures,
    ) {
        let is_next = self.last.as_deref() == Some(video);
        self.last = Some(video.to_owned());
        for (set, rows) in [(&mut self.prediction, prediction), (&mut self.truth, truth)] {
            match set.last_mut().filter(|_| is_next) {
                Some(of_video) => of_video.append(rows),
                None => set.push(rows),
            }
        }
    }

    /// Counts a clip that has no rows, with the reason.
    pub fn leave_out(&mut self, name: &str, reason: &str) {
        self.skipped += 1;
        if self.reasons.len() < SPELLED_OUT {
            self.reasons.push(format!("`{name}` left out: {reason}"));
        }
    }

    /// The row of a distance; a reason where it is not defined.
    pub fn score(&self, id: MetricId, subset: &str, look: Look, seed: u64) -> Score {
        let blank = Score {
            n_skipped: self.skipped,
            n_real: Some(count(&self.truth)),
            n_fake: Some(count(&self.prediction)),
            provenance: Provenance {
                seed: Some(seed),
                ..Provenance::default()
            },
            ..Score::new(id, subset)
        };
        let dim = look.dim();
        let made = match id.compute() {
            Compute::VideoSet(SetDistance::Frechet, profile) => {
                self.frechet(blank.clone(), dim, profile.covariance(), seed)
            }
            Compute::FrameSet(SetDistance::Frechet, _) => {
                self.frechet(blank.clone(), dim, Covariance::Unbiased, seed)
            }
            Compute::VideoSet(SetDistance::FrechetInfinity, _)
            | Compute::FrameSet(SetDistance::FrechetInfinity, _) => {
                self.infinity(blank.clone(), dim, seed)
            }
            Compute::VideoSet(SetDistance::Mmd, _) => self.kvd(blank.clone(), dim, seed),
            Compute::FrameSet(SetDistance::Mmd, _) => self.kid(blank.clone(), dim, seed),
            _ => Err(EvalError::Empty {
                what: "distances between sets",
            }),
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
        let distance = |prediction: &mut dyn Iterator<Item = &CachedFeatures>,
                        truth: &mut dyn Iterator<Item = &CachedFeatures>| {
            frechet(
                &moments(truth, dim)?,
                &moments(prediction, dim)?,
                covariance,
            )
        };
        let whole = distance(&mut self.prediction.iter(), &mut self.truth.iter())?;
        let items = count(&self.prediction);
        let mut score = blank.with_value(whole.distance, items);
        score.note = whole.warning(items.min(count(&self.truth)));
        covariance
            .name()
            .clone_into(&mut score.provenance.cov_estimator);
        self.with_halves(score, dim, seed, |truth, prediction| {
            let of = distance(
                &mut prediction.iter().map(|index| &self.prediction[*index]),
                &mut truth.iter().map(|index| &self.truth[*index]),
            );
            of.map(|found| found.distance)
        })
    }

    fn kvd(&self, blank: Score, dim: usize, seed: u64) -> Result<Score, EvalError> {
        let (truth, prediction) = (all(&self.truth, dim)?, all(&self.prediction, dim)?);
        let score = blank.with_value(kvd(truth.view(), prediction.view())?, prediction.nrows());
        let places = [&self.truth, &self.prediction].map(|clips| Places::of(clips));
        self.with_halves(score, dim, seed, |of_truth, of_prediction| {
            let axis = ndarray::Axis(0);
            kvd(
                truth.select(axis, &places[0].rows(of_truth)).view(),
                prediction
                    .select(axis, &places[1].rows(of_prediction))
                    .view(),
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
        let clips = [self.truth.len(), self.prediction.len()];
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
        (count(&self.truth).max(count(&self.prediction)) / 2).min(dim)
    }

    fn kid(&self, blank: Score, dim: usize, seed: u64) -> Result<Score, EvalError> {
        let counts = [count(&self.truth), count(&self.prediction)];
        let subsets = Subsets {
            seed,
            ..Subsets::default()
        };
        let sides = [&self.truth, &self.prediction];
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
        let (truth, prediction) = (all(&self.truth, dim)?, all(&self.prediction, dim)?);
        let sizes = sample_sizes(prediction.nrows(), dim)?;
        let found = frechet_infinity(truth.view(), prediction.view(), &sizes, Some(seed))?;
        let mut note = format!(
            "a line over 1/N through {} sizes from {}, slope {:.4}",
            sizes.len(),
            sizes.first().copied().unwrap_or_default(),
            found.slope
        );
        let mut score = blank.with_value(found.value, prediction.nrows());
        Covariance::Unbiased
            .name()
            .clone_into(&mut score.provenance.cov_estimator);
        let clips = [self.truth.len(), self.prediction.len()];
        if self.rank(dim) > SMALL {
            note.push_str("; no interval, which would take hundreds of distances of seconds each");
        } else if clips.into_iter().min() >= Some(4) {
            let halves = Halves {
                count: HALVES[1],
                seed,
            };
            let places = [&self.truth, &self.prediction].map(|clips| Places::of(clips));
            let spread = delete_half(clips, halves, |of_truth, of_prediction| {
                let of_prediction = places[1].rows(of_prediction);
                let axis = ndarray::Axis(0);
                let (truth, prediction) = (
                    truth.select(axis, &places[0].rows(of_truth)),
                    prediction.select(axis, &of_prediction),
                );
                let sizes = sample_sizes(prediction.nrows(), dim)?;
                let line = frechet_infinity(truth.view(), prediction.view(), &sizes, Some(seed))?;
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
    fn of(clips: &[CachedFeatures]) -> Self {
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

fn count(clips: &[CachedFeatures]) -> usize {
    clips.iter().map(|clip| clip.rows).sum()
}

/// All rows at once.
fn all(clips: &[CachedFeatures], dim: usize) -> Result<Array2<f64>, EvalError> {
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
