//! Segmentation of pairs of mask files.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ndarray::{Array3, ArrayView3, s};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use slotflow_datasets::Fit;
use slotflow_datasets::video::fit::resize_ids;
use slotflow_eval::metric::definition::Needs;
use slotflow_eval::segmentation::{MaskPair, MaskScores};
use slotflow_eval::trivial_baselines::{BlindScores, MaskFloor};
use slotflow_eval::{MetricId, MetricSamples};

use crate::artifacts::RunError;
use crate::metrics::error::MetricsError;
use crate::metrics::evaluation::{Evaluation, RowContext};
use crate::metrics::files::{Labels, MaskFile, Matches, places};
use crate::metrics::request::Request;

/// Subset of rows about masks.
const SUBSET: &str = "masks";

/// Adds the rows of all metrics that look at masks.
pub(crate) fn evaluate(
    request: &Request,
    [prediction, truth]: [&Path; 2],
    evaluation: &mut Evaluation,
) -> Result<(), MetricsError> {
    let sides = [places(prediction)?, places(truth)?];
    let matches = matches(&sides, [prediction, truth])?;
    evaluation.note_unmatched(&matches);
    let is_of_masks = |id: &MetricId| id.compute().needs() == Needs::Masks;
    let wanted: Vec<MetricId> = request
        .metrics
        .iter()
        .copied()
        .filter(is_of_masks)
        .collect();
    let pairs = pairs(&sides, &matches);
    let own = request.pairs.own(&pairs).into_par_iter();
    let measured = |(name, prediction, truth): &NamedPair<'_>| {
        let measure = || -> Result<Scored, String> {
            let scored = Pair::read(request, prediction, truth)
                .and_then(|pair| pair.scored(&wanted, request));
            scored.map_err(|error| error.to_string())
        };
        request.pairs.of("masks", name, measure)
    };
    let found = own.map(measured);
    let found: Vec<Result<Scored, String>> = found.collect::<Result<_, RunError>>()?;
    if request.pairs.is_share() {
        return Ok(());
    }
    let shared = row_context(request, &matches, &pairs);
    add_rows(request, &wanted, (&pairs, &found), &shared, evaluation);
    Ok(())
}

/// Files of one name on both sides: the name, the prediction, the truth.
type NamedPair<'a> = (&'a str, &'a MaskFile, &'a MaskFile);

/// The hash of all masks that are compared.
///
/// # Errors
/// As [`evaluate`].
pub(crate) fn identity(
    request: &Request,
    [prediction, truth]: [&Path; 2],
) -> Result<String, MetricsError> {
    let sides = [places(prediction)?, places(truth)?];
    let matches = matches(&sides, [prediction, truth])?;
    let shared = row_context(request, &matches, &pairs(&sides, &matches));
    Ok(shared.identity().to_owned())
}

fn matches(
    sides: &[BTreeMap<String, MaskFile>; 2],
    [prediction, truth]: [&Path; 2],
) -> Result<Matches, MetricsError> {
    let names = |side: usize| sides[side].keys().cloned().collect::<Vec<String>>();
    Matches::new(&names(0), &names(1)).or_none(prediction, truth)
}

fn pairs<'a>(
    sides: &'a [BTreeMap<String, MaskFile>; 2],
    matches: &'a Matches,
) -> Vec<NamedPair<'a>> {
    let pairs = matches.pairs.iter();
    pairs
        .filter_map(|(name, ..)| Some((name.as_str(), sides[0].get(name)?, sides[1].get(name)?)))
        .collect()
}

fn row_context(request: &Request, matches: &Matches, pairs: &[NamedPair<'_>]) -> RowContext {
    let identity = |side, name: &str, file: &MaskFile| {
        // A file that cannot be read is known by the reason, and its clip is left out with it.
        let content = file.identity().unwrap_or_else(|error| error.to_string());
        (side, name.to_owned(), content)
    };
    let identities = pairs.iter().flat_map(|(name, prediction, truth)| {
        [("prediction", prediction), ("truth", truth)]
            .map(|(side, file)| identity(side, name, file))
    });
    RowContext::new(matches, identities, request.skip).with_note(&request.about_masks())
}

/// Adds a row a metric, by what was found of every pair.
fn add_rows(
    request: &Request,
    wanted: &[MetricId],
    (pairs, found): (&[NamedPair<'_>], &[Result<Scored, String>]),
    shared: &RowContext,
    evaluation: &mut Evaluation,
) {
    for &id in wanted {
        let mut samples = MetricSamples::new(id, SUBSET);
        let mut floor = MaskFloor::new(id);
        for ((name, ..), found) in pairs.iter().zip(found) {
            match found {
                Ok(found) => {
                    found.tested.push_to(&mut samples, name, request.skip);
                    floor.push(&found.blind, name, request.skip);
                }
                Err(reason) => {
                    samples.leave_out(name, reason);
                    evaluation
                        .failures
                        .insert((*name).to_owned(), reason.clone());
                }
            }
        }
        let (best, note) = floor.best();
        let mut score = samples
            .score(request.resampling)
            .with_bounds(best, Some(1.0));
        if best.is_some() {
            let notes = [score.note.as_str(), &note];
            let said: Vec<&str> = notes.into_iter().filter(|note| !note.is_empty()).collect();
            score.note = said.join("; ");
        }
        evaluation.add_score(score, samples.rows(), shared);
    }
}

/// Masks of one clip on both sides, `[time, height, width]` each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaskClipPair {
    /// Name of the clip.
    pub name: String,
    /// Predicted masks.
    pub prediction: Array3<u8>,
    /// True masks.
    pub truth: Array3<u8>,
}

/// Masks of the named clips as they are measured. Names without a pair, and clips that cannot be read, are left out.
///
/// # Errors
/// When a folder cannot be read.
pub fn both_masks(request: &Request, names: &[&str]) -> Result<Vec<MaskClipPair>, MetricsError> {
    let Some([prediction, truth]) = &request.masks else {
        return Ok(Vec::new());
    };
    let [predictions, truths] = [places(prediction)?, places(truth)?];
    let read = |name: &&str| {
        let pair = Pair::read(request, predictions.get(*name)?, truths.get(*name)?).ok()?;
        Some(MaskClipPair {
            name: (*name).to_owned(),
            prediction: pair.guess,
            truth: pair.masks,
        })
    };
    Ok(names.iter().filter_map(read).collect())
}

/// Masks of a clip as they are compared.
struct Pair {
    masks: Array3<u8>,
    guess: Array3<u8>,
    /// Pixels that do not count, where the request says so.
    void: Option<Array3<bool>>,
}

/// Scores of a clip, and of masks that never looked.
#[derive(Serialize, Deserialize)]
struct Scored {
    tested: MaskScores,
    blind: BlindScores,
}

impl Pair {
    fn read(
        request: &Request,
        prediction: &MaskFile,
        truth: &MaskFile,
    ) -> Result<Self, MetricsError> {
        let Labels { masks, void } = truth.read(request.void)?;
        let masks = from_frame(masks, request.skip);
        let guess = prediction.read(request.void)?.with_void_as_label();
        let mut guess = from_frame(guess, request.skip);
        if request.resize.is_some() {
            guess = at_size_of(&guess, &masks);
        }
        let void = request.void.map(|_| from_frame(void, request.skip));
        Ok(Self { masks, guess, void })
    }

    /// Masks that never looked have as many parts as the prediction has labels.
    fn scored(&self, wanted: &[MetricId], request: &Request) -> Result<Scored, MetricsError> {
        let measure = |masks: ArrayView3<'_, u8>| {
            let pair = MaskPair::new(self.masks.view(), masks);
            let pair = match &self.void {
                Some(void) => pair.without(void.view()),
                None => pair,
            };
            MaskScores::measure(wanted, pair)
        };
        let tested = measure(self.guess.view())?;
        let labels: BTreeSet<u8> = self.guess.iter().copied().collect();
        let size = self.masks.dim().into();
        let seed = request.resampling.seed;
        Ok(Scored {
            tested,
            blind: BlindScores::measure(labels.len(), size, seed, measure)?,
        })
    }
}

/// The frames from number `first` on.
fn from_frame<T: Clone>(clip: Array3<T>, first: usize) -> Array3<T> {
    let first = first.min(clip.dim().0);
    clip.slice_move(s![first.., .., ..])
}

/// Masks with the height and width of others, each pixel the nearest one's label.
fn at_size_of(masks: &Array3<u8>, others: &Array3<u8>) -> Array3<u8> {
    let (_, height, width) = others.dim();
    let mut resized = Array3::zeros((masks.dim().0, height, width));
    if !masks.is_empty() {
        for (mut to, from) in resized.outer_iter_mut().zip(masks.outer_iter()) {
            to.assign(&resize_ids(from, [height, width], Fit::Stretch));
        }
    }
    resized
}
