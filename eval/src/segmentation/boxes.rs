//! Boxes around masks: precision and recall at IoU ½ as SlotFormer counts them. This is not COCO's AP.
//!
//! Quirks that are kept because published numbers contain them: corners are pixel indices without "+1", so a mask one
//! pixel wide has no area and is never matched; each true box looks at its best prediction only; the background slot
//! has a box too, which lowers precision.
//!
//! Reference: SlotFormer `slotformer/video_prediction/vp_utils.py` (`postproc_mask`, `masks_to_boxes`, box AR).

use ndarray::{Array2, ArrayView2, ArrayView3, Axis};
use serde::{Deserialize, Serialize};

use crate::error::EvalError;

/// Corners of a box in pixels, both inclusive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoundingBox {
    /// Least column.
    pub left: f64,
    /// Least row.
    pub top: f64,
    /// Greatest column.
    pub right: f64,
    /// Greatest row.
    pub bottom: f64,
}

/// How the boxes of one frame did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// Matched boxes over predicted boxes; `None` where nothing was predicted.
    pub precision: Option<f64>,
    /// Matched boxes over true boxes; `None` where there are none.
    pub recall: Option<f64>,
}

impl BoundingBox {
    fn area(&self) -> f64 {
        (self.right - self.left) * (self.bottom - self.top)
    }

    /// Intersection over union; `None` if the union has no area.
    pub fn iou(&self, other: &Self) -> Option<f64> {
        let width = (self.right.min(other.right) - self.left.max(other.left)).max(0.0);
        let height = (self.bottom.min(other.bottom) - self.top.max(other.top)).max(0.0);
        let union = self.area() + other.area() - width * height;
        (union > 0.0).then(|| width * height / union)
    }
}

/// The box of every label below `count`; `None` for labels that do not occur.
pub fn boxes_of(labels: ArrayView2<u8>, count: usize) -> Vec<Option<BoundingBox>> {
    boxes_where(labels, count, |_| true)
}

/// The boxes of pixels that count, each pixel named by its row and column.
pub(super) fn boxes_where(
    labels: ArrayView2<u8>,
    count: usize,
    counts: impl Fn((usize, usize)) -> bool,
) -> Vec<Option<BoundingBox>> {
    let mut boxes: Vec<Option<BoundingBox>> = vec![None; count];
    let counted = labels.indexed_iter().filter(|(place, _)| counts(*place));
    for ((row, column), &label) in counted {
        let (x, y) = (column as f64, row as f64);
        let Some(known) = boxes.get_mut(usize::from(label)) else {
            continue;
        };
        let known = known.get_or_insert(BoundingBox {
            left: x,
            top: y,
            right: x,
            bottom: y,
        });
        known.left = known.left.min(x);
        known.right = known.right.max(x);
        known.bottom = y;
    }
    boxes
}

/// Precision and recall of predicted boxes at IoU ½. Each true box, in order, takes its best prediction; the match
/// counts if it reaches ½ and nobody took that prediction before.
///
/// Differs: where the reference stops with an error (no boxes on a side), the number is absent, or a recall of 0.
pub fn detect(truth: &[BoundingBox], prediction: &[BoundingBox]) -> Detection {
    let mut used = vec![false; prediction.len()];
    let mut matched = 0;
    for truth in truth {
        let mut best: Option<(usize, f64)> = None;
        for (index, prediction) in prediction.iter().enumerate() {
            if let Some(iou) = truth.iou(prediction)
                && best.is_none_or(|(_, highest)| iou > highest)
            {
                best = Some((index, iou));
            }
        }
        if let Some((index, iou)) = best
            && iou >= 0.5
            && !used[index]
        {
            used[index] = true;
            matched += 1;
        }
    }
    let share = |of: usize| (of > 0).then(|| f64::from(matched) / of as f64);
    Detection {
        precision: share(prediction.len()),
        recall: share(truth.len()),
    }
}

/// Labels of soft masks in which doubtful pixels go to the background: the slot with the smallest maximum is called
/// background and takes every pixel where no slot reaches ½; elsewhere the largest slot wins.
///
/// # Shape
/// - `masks`: `[slots, height, width]`, sums to 1 over slots
///
/// # Errors
/// No slots, more than 256 of them, or a NaN.
pub fn labels_of(masks: ArrayView3<f32>) -> Result<Array2<u8>, EvalError> {
    let (slots, height, width) = masks.dim();
    if masks.is_empty() {
        return Err(EvalError::Empty {
            what: "mask pixels",
        });
    }
    if slots > 256 {
        let place = "the predicted masks".to_owned();
        return Err(EvalError::OutOfRange {
            what: "slots",
            range: "1..=256",
            value: slots as f64,
            place,
        });
    }
    if let Some(((slot, row, column), _)) =
        masks.indexed_iter().find(|(_, value)| !value.is_finite())
    {
        return Err(EvalError::NotFinite {
            what: "masks",
            place: format!("slot {slot}, row {row}, column {column}"),
        });
    }
    let peak = |slot: usize| {
        masks
            .index_axis(Axis(0), slot)
            .fold(f32::NEG_INFINITY, |peak, &value| peak.max(value))
    };
    let peaks: Vec<f32> = (0..slots).map(peak).collect();
    let background = (0..slots).fold(0, |least, slot| {
        if peaks[slot] < peaks[least] {
            slot
        } else {
            least
        }
    });
    Ok(Array2::from_shape_fn((height, width), |(row, column)| {
        let at = |slot: usize| masks[[slot, row, column]];
        let best = (0..slots).fold(
            0,
            |best, slot| if at(slot) > at(best) { slot } else { best },
        );
        (if at(best) < 0.5 { background } else { best }) as u8
    }))
}

#[cfg(test)]
mod tests {
    use ndarray::{Array3, array};

    use super::*;

    #[test]
    fn a_mask_one_pixel_wide_is_never_matched() {
        let labels = array![[0_u8, 1, 0], [0, 1, 0]];
        let line = boxes_of(labels.view(), 2)[1].unwrap();
        assert_eq!(
            detect(&[line], &[line]),
            Detection {
                precision: Some(0.0),
                recall: Some(0.0)
            }
        );
    }

    #[test]
    fn without_boxes_a_share_is_absent() {
        let one = BoundingBox {
            left: 0.0,
            top: 0.0,
            right: 4.0,
            bottom: 4.0,
        };
        assert_eq!(
            detect(&[one], &[]),
            Detection {
                precision: None,
                recall: Some(0.0)
            }
        );
        assert_eq!(
            detect(&[], &[one]),
            Detection {
                precision: Some(0.0),
                recall: None
            }
        );
    }

    #[test]
    fn doubtful_pixels_go_to_the_weakest_slot() {
        let masks = array![[[0.9_f32, 0.4]], [[0.1, 0.35]], [[0.0, 0.25]]];
        assert_eq!(labels_of(masks.view()).unwrap(), array![[0, 2]]);
        assert!(labels_of(Array3::zeros((0, 1, 1)).view()).is_err());
    }
}
