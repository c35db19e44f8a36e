//! Masks against masks: ARI, FG-ARI, mIoU, FG-mIoU, mBO, and how many objects were found.
//!
//! Masks are labels, `[time, height, width]` u8; 0 in the truth is background, labels of the prediction mean nothing
//! but "together". Everything is counted from one table of how often each pair of labels meets.
//!
//! Reference: SlotDiffusion `video_based/models/eval_utils.py` (profiles `slotdiffusion-*`, with its quirks) and the
//! object-centric library of Dittadi et al. (profiles `exact-*`).

use std::collections::BTreeMap;

use ndarray::{Array2, Array3, ArrayView2, ArrayView3, Axis, Zip, s};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::matching::best_sum;
use crate::error::{EvalError, same_shape};
use crate::metric::profiles_macro::profiles;

profiles! {
    /// Which rules, and whether a clip is one item or each of its frames is.
    pub enum SegProfile as "profile of segmentation" {
        /// SlotDiffusion's rules on whole clips, true labels made consecutive: exchanged identities cost.
        SlotdiffusionVideo = "slotdiffusion-video",
        /// SlotDiffusion's rules frame by frame.
        SlotdiffusionFrame = "slotdiffusion-frame",
        /// Only labels that occur count as objects; whole clips.
        ExactVideo = "exact-video",
        /// Only labels that occur count as objects; frame by frame.
        ExactFrame = "exact-frame",
        /// SlotDiffusion's rules on whole clips, true labels as they are stored: gaps between them count as objects.
        SlotdiffusionRawVideo = "slotdiffusion-raw-video",
        /// The same frame by frame.
        SlotdiffusionRawFrame = "slotdiffusion-raw-frame",
    }
}

impl SegProfile {
    /// Whether each frame is an item, rather than the whole clip.
    pub const fn by_frame(self) -> bool {
        matches!(
            self,
            Self::SlotdiffusionFrame | Self::ExactFrame | Self::SlotdiffusionRawFrame
        )
    }

    /// Whether only labels that occur count as objects.
    const fn is_exact(self) -> bool {
        matches!(self, Self::ExactVideo | Self::ExactFrame)
    }

    /// Whether true labels are made consecutive first, as SlotDiffusion's loaders do before anything is measured.
    const fn is_compacted(self) -> bool {
        matches!(self, Self::SlotdiffusionVideo | Self::SlotdiffusionFrame)
    }
}

/// Masks of one clip, and what is true of the same pixels.
#[derive(Debug, Clone, Copy)]
pub struct MaskPair<'a> {
    /// True labels, `[time, height, width]`; 0 is background.
    pub truth: ArrayView3<'a, u8>,
    /// Labels under test, of the same shape.
    pub prediction: ArrayView3<'a, u8>,
    /// Pixels that do not count, of the same shape.
    pub void: Option<ArrayView3<'a, bool>>,
}

impl<'a> MaskPair<'a> {
    /// A pair of which every pixel counts.
    pub fn new(truth: ArrayView3<'a, u8>, prediction: ArrayView3<'a, u8>) -> Self {
        let void = None;
        Self {
            truth,
            prediction,
            void,
        }
    }

    /// The pair without the pixels that are marked.
    #[must_use]
    pub fn without(self, void: ArrayView3<'a, bool>) -> Self {
        let void = Some(void);
        Self { void, ..self }
    }

    /// Refuses masks of different size, and those without a pixel that counts.
    pub(super) fn check(&self) -> Result<(), EvalError> {
        same_shape("masks", self.truth.shape(), self.prediction.shape())?;
        if let Some(void) = self.void {
            same_shape("masks", self.truth.shape(), void.shape())?;
        }
        if self.truth.is_empty() || self.void.is_some_and(|void| void.iter().all(|void| *void)) {
            return Err(EvalError::Empty {
                what: "mask pixels",
            });
        }
        Ok(())
    }

    /// One frame of the pair.
    pub(super) fn frame(self, time: usize) -> Self {
        let one = s![time..=time, .., ..];
        Self {
            truth: self.truth.slice_move(one),
            prediction: self.prediction.slice_move(one),
            void: self.void.map(|void| void.slice_move(one)),
        }
    }
}

/// All scores of one clip or frame.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Segmentation {
    /// Adjusted Rand index over all pixels.
    pub ari: f64,
    /// Adjusted Rand index over the pixels of true objects.
    pub fg_ari: f64,
    /// Whether `fg_ari` is 1 by convention, the denominator being 0: no object, or both sides in one piece.
    pub fg_ari_degenerate: bool,
    /// Mean IoU over true labels with background after the best matching; `None` without labels.
    pub miou: Option<f64>,
    /// Mean IoU over true objects after the best matching; `None` without objects.
    pub fg_miou: Option<f64>,
    /// Mean over true objects of the best IoU with any predicted mask; `None` without objects.
    pub mbo: Option<f64>,
    /// True objects, and how many of them overlap a predicted mask by more than half.
    pub found: Discovery,
}

/// How many objects there are and how many were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Discovery {
    /// True objects.
    pub objects: usize,
    /// Those whose best IoU is above ½.
    pub found: usize,
}

/// `CorLoc`: share of images with objects in which one at least was found. `None` without such images.
pub fn corloc(images: &[Discovery]) -> Option<f64> {
    let with: Vec<_> = images.iter().filter(|image| image.objects > 0).collect();
    let hits = with.iter().filter(|image| image.found > 0).count();
    (!with.is_empty()).then(|| hits as f64 / with.len() as f64)
}

/// Share of all objects that were found. `None` without objects.
pub fn recall(images: &[Discovery]) -> Option<f64> {
    let objects: usize = images.iter().map(|image| image.objects).sum();
    let found: usize = images.iter().map(|image| image.found).sum();
    (objects > 0).then(|| found as f64 / objects as f64)
}

/// Scores of a clip: one for the whole of it, or one for each frame, as the profile says.
///
/// # Errors
/// Masks of different size, or without a pixel that counts.
pub fn measure(profile: SegProfile, pair: MaskPair<'_>) -> Result<Vec<Segmentation>, EvalError> {
    pair.check()?;
    let exact = profile.is_exact();
    if !profile.is_compacted() {
        return Ok(scores(pair, Rules { exact, first: 0 }, profile.by_frame()));
    }
    let (truth, first) = compacted(pair);
    let pair = MaskPair {
        truth: truth.view(),
        ..pair
    };
    Ok(scores(pair, Rules { exact, first }, profile.by_frame()))
}

fn scores(pair: MaskPair<'_>, rules: Rules, by_frame: bool) -> Vec<Segmentation> {
    if !by_frame {
        return vec![Contingency::count(pair).score(rules)];
    }
    (0..pair.truth.len_of(Axis(0)))
        .into_par_iter()
        .map(|time| Contingency::count(pair.frame(time)).score(rules))
        .collect()
}

/// True labels with consecutive numbers in their order, and the first label that counts.
///
/// Differs: where no pixel of the clip is background, SlotDiffusion's loader makes the first object background. Here it
/// stays an object, and there is no background to be found.
fn compacted(pair: MaskPair<'_>) -> (Array3<u8>, usize) {
    let mut occurs = [false; 256];
    each_pixel(pair, |truth, _| occurs[usize::from(truth)] = true);
    let mut renamed = [0; 256];
    let objects = (1..256).filter(|&label| occurs[label]);
    for (label, number) in objects.zip(1..=u8::MAX) {
        renamed[label] = number;
    }
    let truth = pair.truth.mapv(|label| renamed[usize::from(label)]);
    (truth, usize::from(!occurs[0]))
}

/// Calls with the true and the predicted label of every pixel that counts.
fn each_pixel(pair: MaskPair<'_>, mut call: impl FnMut(u8, u8)) {
    let labels = pair.truth.iter().zip(&pair.prediction);
    match pair.void {
        None => labels.for_each(|(&truth, &prediction)| call(truth, prediction)),
        Some(void) => labels
            .zip(&void)
            .filter(|(_, void)| !**void)
            .for_each(|((&truth, &prediction), _)| call(truth, prediction)),
    }
}

/// Masks in which pixels claimed by several objects count for none: background in the truth, and a label of their own
/// in the prediction (what the references do with the overlaps of COCO and the void of VOC).
///
/// # Errors
/// Masks of different size; a prediction that uses all 256 labels.
pub fn set_aside(
    truth: ArrayView3<u8>,
    prediction: ArrayView3<u8>,
    overlap: ArrayView3<bool>,
) -> Result<(Array3<u8>, Array3<u8>), EvalError> {
    same_shape("masks", truth.shape(), prediction.shape())?;
    same_shape("masks", truth.shape(), overlap.shape())?;
    let highest = prediction.iter().copied().max().unwrap_or(0);
    let Some(own) = highest.checked_add(1) else {
        let place = "the predicted masks".to_owned();
        return Err(EvalError::OutOfRange {
            what: "labels",
            range: "0..=254",
            value: 255.0,
            place,
        });
    };
    let (mut truth, mut prediction) = (truth.to_owned(), prediction.to_owned());
    Zip::from(&mut truth)
        .and(&mut prediction)
        .and(overlap)
        .for_each(|truth, prediction, &overlap| {
            if overlap {
                (*truth, *prediction) = (0, own);
            }
        });
    Ok((truth, prediction))
}

/// The best IoU of every true object with any predicted mask over the whole clip, by the object's label; background is
/// no object.
///
/// # Errors
/// Masks of different size.
pub fn best_overlaps(
    truth: ArrayView3<u8>,
    prediction: ArrayView3<u8>,
) -> Result<BTreeMap<u8, f64>, EvalError> {
    same_shape("masks", truth.shape(), prediction.shape())?;
    let table = Contingency::count(MaskPair::new(truth, prediction));
    let rows = table.counts.rows().into_iter().enumerate();
    let present = rows.filter(|(label, row)| *label > 0 && row.sum() > 0);
    let best = table.ious(1, true);
    let best = best.rows().into_iter();
    let best = best.map(|row| row.fold(0.0, |best: f64, &iou| best.max(iou)));
    Ok(present.map(|(label, _)| label as u8).zip(best).collect())
}

/// How often each true label (row) meets each predicted label (column).
#[derive(Debug, Clone, PartialEq)]
struct Contingency {
    counts: Array2<u64>,
}

/// Which labels count as objects.
#[derive(Debug, Clone, Copy)]
struct Rules {
    /// Labels that do not occur do not.
    exact: bool,
    /// The first label that does, where background counts too.
    first: usize,
}

impl Contingency {
    /// The table of two masks, with a row and a column for every label up to the highest.
    fn count(pair: MaskPair<'_>) -> Self {
        let mut size = [0; 2];
        each_pixel(pair, |truth, prediction| {
            let labels = [truth, prediction].map(usize::from);
            size = [0, 1].map(|side| size[side].max(labels[side] + 1));
        });
        let mut counts = Array2::zeros(size);
        each_pixel(pair, |truth, prediction| {
            counts[[usize::from(truth), usize::from(prediction)]] += 1;
        });
        Self { counts }
    }

    /// All scores by the rules of a profile.
    fn score(&self, rules: Rules) -> Segmentation {
        // A frame of which no pixel counts has no labels at all.
        let foreground = self.counts.slice(s![1.min(self.counts.nrows()).., ..]);
        let (ari, _) = adjusted_rand(self.counts.view());
        let (fg_ari, fg_ari_degenerate) = adjusted_rand(foreground);
        let (all, objects) = (
            self.ious(rules.first, rules.exact),
            self.ious(1, rules.exact),
        );
        let best: Vec<f64> = objects
            .rows()
            .into_iter()
            .map(|row| row.fold(0.0, |best: f64, &iou| best.max(iou)))
            .collect();
        let mean = |sum: f64, count: usize| (count > 0).then(|| sum / count as f64);
        // An absent label drags SlotDiffusion's means down as an object of IoU 0, but nobody could have found it.
        let present = self
            .counts
            .rows()
            .into_iter()
            .skip(1)
            .filter(|row| row.sum() > 0)
            .count();
        Segmentation {
            ari,
            fg_ari,
            fg_ari_degenerate,
            miou: mean(best_sum(all.view()), all.nrows()),
            fg_miou: mean(best_sum(objects.view()), objects.nrows()),
            mbo: mean(best.iter().sum(), best.len()),
            found: Discovery {
                objects: present,
                found: best.iter().filter(|&&iou| iou > 0.5).count(),
            },
        }
    }

    /// IoU of every true label from `first` on with every predicted label, over all pixels.
    fn ious(&self, first: usize, exact: bool) -> Array2<f64> {
        let (truth, prediction) = (self.counts.sum_axis(Axis(1)), self.counts.sum_axis(Axis(0)));
        let rows: Vec<usize> = (first..truth.len())
            .filter(|&row| !exact || truth[row] > 0)
            .collect();
        // SlotDiffusion's guard against 0/0. Without it no row is empty, so the union is not either.
        let guard = if exact { 0.0 } else { 1e-8 };
        Array2::from_shape_fn((rows.len(), prediction.len()), |(row, column)| {
            let both = self.counts[[rows[row], column]];
            let either = truth[rows[row]] + prediction[column] - both;
            both as f64 / (either as f64 + guard)
        })
    }
}

/// Adjusted Rand index of a contingency table, and whether it is 1 because its denominator is 0.
///
/// # Source
/// Hubert & Arabie 1985; agrees with `sklearn.metrics.adjusted_rand_score`.
fn adjusted_rand(counts: ArrayView2<u64>) -> (f64, bool) {
    let pairs = |count: u64| u128::from(count) * u128::from(count.saturating_sub(1));
    let together: u128 = counts.iter().map(|&count| pairs(count)).sum();
    let truth: u128 = counts
        .sum_axis(Axis(1))
        .iter()
        .map(|&count| pairs(count))
        .sum();
    let prediction: u128 = counts
        .sum_axis(Axis(0))
        .iter()
        .map(|&count| pairs(count))
        .sum();
    let all = pairs(counts.sum()).max(1);
    // In whole numbers, so that "the denominator is 0" does not hang on rounding.
    if (truth + prediction) * all == 2 * truth * prediction {
        return (1.0, true);
    }
    let expected = truth as f64 * prediction as f64 / all as f64;
    let highest = (truth + prediction) as f64 / 2.0;
    ((together as f64 - expected) / (highest - expected), false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masks(salt: usize, labels: usize) -> Array3<u8> {
        Array3::from_shape_fn((3, 8, 9), |(t, y, x)| {
            ((t * 5 + y / 3 * 7 + x / 2 * 3 + salt) % labels) as u8
        })
    }

    #[test]
    fn names_of_predicted_labels_do_not_matter() {
        let (truth, prediction) = (masks(0, 4), masks(2, 5));
        let renamed = prediction.mapv(|label| [7, 3, 9, 0, 1][usize::from(label)]);
        for &profile in SegProfile::ALL {
            let [one, other] = [&prediction, &renamed].map(|prediction| {
                measure(profile, MaskPair::new(truth.view(), prediction.view())).unwrap()
            });
            for (one, other) in one.iter().zip(&other) {
                assert!(
                    (one.ari - other.ari).abs() < 1e-12
                        && (one.fg_ari - other.fg_ari).abs() < 1e-12
                );
                assert!(
                    (one.miou.unwrap() - other.miou.unwrap()).abs() < 1e-12,
                    "{profile}"
                );
            }
        }
    }

    #[test]
    fn the_truth_scores_one_and_matching_never_beats_the_best_overlap() {
        let truth = masks(0, 4);
        let itself = measure(
            SegProfile::ExactVideo,
            MaskPair::new(truth.view(), truth.view()),
        )
        .unwrap()[0];
        assert_eq!(
            (itself.fg_ari, itself.miou, itself.mbo),
            (1.0, Some(1.0), Some(1.0))
        );
        assert_eq!(
            itself.found,
            Discovery {
                objects: 3,
                found: 3
            }
        );
        for salt in 0..9 {
            let other = masks(salt, 6);
            let pair = MaskPair::new(truth.view(), other.view());
            let score = measure(SegProfile::ExactVideo, pair).unwrap()[0];
            assert!(score.fg_miou <= score.mbo, "{score:?}");
        }
    }

    #[test]
    fn without_objects_there_is_nothing_to_average() {
        let empty = Array3::zeros((1, 2, 2));
        let other = masks(0, 3);
        let pair = MaskPair::new(empty.view(), other.slice(s![..1, ..2, ..2]));
        let score = measure(SegProfile::ExactFrame, pair).unwrap()[0];
        assert_eq!(
            (score.fg_miou, score.mbo, score.fg_ari_degenerate),
            (None, None, true)
        );
        assert_eq!(
            (corloc(&[score.found]), recall(&[score.found])),
            (None, None)
        );
    }

    #[test]
    fn masks_of_other_sizes_are_refused() {
        let (one, other) = (Array3::zeros((1, 2, 2)), Array3::zeros((1, 2, 3)));
        let of = |one: &Array3<u8>, other: &Array3<u8>| {
            measure(
                SegProfile::default(),
                MaskPair::new(one.view(), other.view()),
            )
        };
        assert!(of(&one, &other).is_err());
        let none = Array3::zeros((0, 2, 2));
        assert!(of(&none, &none).is_err());
    }
    #[test]
    fn gaps_between_labels_are_no_objects_and_void_pixels_do_not_count() {
        let truth = masks(0, 4);
        let gaps = truth.mapv(|label| [0, 3, 7, 200][usize::from(label)]);
        let void = Array3::from_shape_fn(truth.dim(), |(t, y, x)| (t + y + x) % 5 == 0);
        let mut wrong = gaps.clone();
        Zip::from(&mut wrong).and(&void).for_each(|label, &void| {
            if void {
                *label = 9;
            }
        });
        for profile in [
            SegProfile::SlotdiffusionVideo,
            SegProfile::SlotdiffusionFrame,
            SegProfile::ExactVideo,
        ] {
            let pair = MaskPair::new(gaps.view(), wrong.view()).without(void.view());
            for found in measure(profile, pair).unwrap() {
                assert!((found.miou.unwrap() - 1.0).abs() < 1e-6, "{found:?}");
                assert!((found.mbo.unwrap() - 1.0).abs() < 1e-6, "{found:?}");
                assert_eq!(found.fg_ari, 1.0, "{found:?}");
            }
        }
        let raw = SegProfile::SlotdiffusionRawVideo;
        let found = measure(raw, MaskPair::new(gaps.view(), gaps.view())).unwrap()[0];
        assert!(found.miou.unwrap() < 0.1, "{found:?}");
        let all = void.mapv(|_| true);
        let pair = MaskPair::new(gaps.view(), gaps.view()).without(all.view());
        assert!(measure(raw, pair).is_err());
    }

    #[test]
    fn a_clip_without_background_has_objects_alone() {
        let truth = masks(0, 4).mapv(|label| label + 1);
        let pair = MaskPair::new(truth.view(), truth.view());
        let found = measure(SegProfile::SlotdiffusionVideo, pair).unwrap()[0];
        assert!((found.miou.unwrap() - 1.0).abs() < 1e-6, "{found:?}");
        assert_eq!(found.found.objects, 4);
    }
}
