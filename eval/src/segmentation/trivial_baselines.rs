//! Masks that never looked: partitions of the frame that are the same for every clip. What they score is the floor that
//! stands beside every segmentation score, for FG-ARI alone rewards any partition into compact pieces.

use ndarray::{Array2, Array3, ArrayView3, Axis};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::clip::MaskScores;
use crate::error::EvalError;
use crate::metric::MetricId;
use crate::metric::profiles_macro::profiles;
use crate::tables::MetricSamples;

profiles! {
    /// A way to cut a frame into slots without looking at it.
    pub enum Partition as "partition" {
        /// Upright stripes of equal width.
        Stripes = "stripes",
        /// Cells in rows, as square as the count allows: six slots make 2×3.
        Grid = "grid",
        /// Each pixel to the nearest of random points in the part of the frame where objects are.
        Voronoi = "voronoi",
        /// One slot over everything: FG-ARI 0, but a background that overlaps well.
        Whole = "whole",
    }
}

/// The same partition for every frame of a clip.
///
/// # Shape
/// `[time, height, width]`, labels below `slots`
///
/// # Errors
/// A frame without pixels, no slots, or more than 256.
pub fn blind_masks(
    partition: Partition,
    slots: usize,
    [time, height, width]: [usize; 3],
    seed: u64,
) -> Result<Array3<u8>, EvalError> {
    if slots == 0 || height == 0 || width == 0 || time == 0 {
        return Err(EvalError::Empty {
            what: "mask pixels",
        });
    }
    if slots > 256 {
        let place = "the partition".to_owned();
        return Err(EvalError::OutOfRange {
            what: "slots",
            range: "1..=256",
            value: slots as f64,
            place,
        });
    }
    let frame = match partition {
        Partition::Stripes => {
            Array2::from_shape_fn((height, width), |(_, x)| (x * slots / width) as u8)
        }
        Partition::Grid => grid(slots, height, width),
        Partition::Voronoi => voronoi(slots, height, width, seed),
        Partition::Whole => Array2::zeros((height, width)),
    };
    let frames = frame.insert_axis(Axis(0));
    Ok(frames
        .broadcast((time, height, width))
        .map_or(frames.clone(), |all| all.to_owned()))
}

/// `⌊√slots⌋` rows of cells; the first rows hold one more where the count does not divide.
fn grid(slots: usize, height: usize, width: usize) -> Array2<u8> {
    let rows = slots.isqrt();
    let in_row = |row: usize| slots / rows + usize::from(row < slots % rows);
    let before = |row: usize| (0..row).map(in_row).sum::<usize>();
    Array2::from_shape_fn((height, width), |(y, x)| {
        let row = y * rows / height;
        (before(row) + x * in_row(row) / width) as u8
    })
}

/// Cells about random points in the middle four fifths of the width, from a quarter of the height down to the last
/// twentieth: where a camera that looks down on a floor sees things stand.
fn voronoi(slots: usize, height: usize, width: usize, seed: u64) -> Array2<u8> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let points: Vec<(f64, f64)> = (0..slots)
        .map(|_| {
            (
                rng.random_range(0.25..0.95) * height as f64,
                rng.random_range(0.1..0.9) * width as f64,
            )
        })
        .collect();
    Array2::from_shape_fn((height, width), |(y, x)| {
        let away = |slot: usize| {
            (y as f64 + 0.5 - points[slot].0).powi(2) + (x as f64 + 0.5 - points[slot].1).powi(2)
        };
        (0..slots).fold(
            0,
            |best, slot| if away(slot) < away(best) { slot } else { best },
        ) as u8
    })
}

/// What masks that never looked score on one clip, one kind after another.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BlindScores(Vec<MaskScores>);

impl BlindScores {
    /// Scores of masks of `slots` parts; `measure` compares masks with the clip's truth.
    ///
    /// # Shape
    /// - `size`: `[time, height, width]` of the truth
    ///
    /// # Errors
    /// As [`blind_masks`], and those of `measure`.
    pub fn measure(
        slots: usize,
        size: [usize; 3],
        seed: u64,
        measure: impl Fn(ArrayView3<'_, u8>) -> Result<MaskScores, EvalError>,
    ) -> Result<Self, EvalError> {
        let of =
            |&partition: &Partition| measure(blind_masks(partition, slots, size, seed)?.view());
        Partition::ALL
            .iter()
            .map(of)
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

/// The floor of a metric of masks while it is gathered: what masks that never looked score, and other simple masks.
#[derive(Debug, Clone)]
pub struct MaskFloor {
    named: Vec<(String, MetricSamples)>,
    id: MetricId,
}

impl MaskFloor {
    /// Nothing yet.
    pub fn new(id: MetricId) -> Self {
        Self {
            named: Vec::new(),
            id,
        }
    }

    /// Adds a clip. `first`: number of its first frame that was measured.
    pub fn push(&mut self, blind: &BlindScores, clip: &str, first: usize) {
        for (partition, scores) in Partition::ALL.iter().zip(&blind.0) {
            self.push_named(partition.name(), scores, clip, first);
        }
    }

    /// Adds a clip as other simple masks score on it.
    pub fn push_named(&mut self, name: &str, scores: &MaskScores, clip: &str, first: usize) {
        let place = self.named.iter().position(|(known, _)| known == name);
        let place = place.unwrap_or_else(|| {
            let samples = MetricSamples::new(self.id, &format!("floor-{name}"));
            self.named.push((name.to_owned(), samples));
            self.named.len() - 1
        });
        scores.push_to(&mut self.named[place].1, clip, first);
    }

    /// The best of them, and what each scores, in words.
    pub fn best(&self) -> (Option<f64>, String) {
        let means = self.named.iter();
        let means: Vec<(&str, f64)> = means
            .filter_map(|(name, samples)| Some((name.as_str(), samples.mean()?)))
            .collect();
        let named: Vec<String> = means
            .iter()
            .map(|(name, mean)| format!("{name} {mean:.3}"))
            .collect();
        let best = means.iter().map(|(_, mean)| *mean).reduce(f64::max);
        (best, format!("masks that never look: {}", named.join(", ")))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_partition_uses_every_slot() {
        for &partition in Partition::ALL {
            for slots in [1, 5, 6, 7, 11] {
                let masks = blind_masks(partition, slots, [2, 64, 64], 3).unwrap();
                let labels: BTreeSet<u8> = masks.iter().copied().collect();
                let expected = if partition == Partition::Whole {
                    1
                } else {
                    slots
                };
                assert_eq!(labels.len(), expected, "{partition} of {slots}");
            }
        }
    }

    #[test]
    fn only_voronoi_cells_depend_on_the_seed() {
        for &partition in Partition::ALL {
            let [one, other] =
                [1, 2].map(|seed| blind_masks(partition, 6, [1, 32, 32], seed).unwrap());
            assert_eq!(one == other, partition != Partition::Voronoi, "{partition}");
        }
    }

    #[test]
    fn six_slots_make_two_rows_of_three() {
        let masks = blind_masks(Partition::Grid, 6, [1, 4, 6], 0).unwrap();
        assert_eq!(masks.row_of(0), [0, 0, 1, 1, 2, 2]);
        assert_eq!(masks.row_of(3), [3, 3, 4, 4, 5, 5]);
        assert!(blind_masks(Partition::Grid, 0, [1, 4, 6], 0).is_err());
    }

    #[test]
    fn the_floor_is_the_best_of_what_never_looked() {
        use crate::segmentation::MaskPair;
        use crate::segmentation::metrics::ARI;
        let truth = Array3::from_shape_fn((1, 4, 8), |(_, _, x)| u8::from(x > 3));
        let id = ARI.default_id();
        let blind = BlindScores::measure(2, [1, 4, 8], 0, |masks| {
            MaskScores::measure(&[id], MaskPair::new(truth.view(), masks))
        });
        let mut floor = MaskFloor::new(id);
        floor.push(&blind.unwrap(), "a", 0);
        let (best, note) = floor.best();
        assert!(
            (best.unwrap() - 1.0).abs() < 1e-9,
            "two stripes are the truth"
        );
        assert!(
            note.starts_with("masks that never look: stripes 1.000, grid "),
            "{note}"
        );
    }

    trait RowOf {
        fn row_of(&self, row: usize) -> Vec<u8>;
    }

    impl RowOf for Array3<u8> {
        fn row_of(&self, row: usize) -> Vec<u8> {
            self.slice(ndarray::s![0, row, ..]).to_vec()
        }
    }
}
