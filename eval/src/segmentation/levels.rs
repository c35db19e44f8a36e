//! Granularity: the same masks at several numbers of segments, from parts to wholes.
//!
//! Segments merge two by two, those most alike first (average linkage: Sokal & Michener 1958), so that every level is
//! nested in the next coarser one and a segment of one level is part of exactly one of the next.

use ndarray::{Array2, Array3, ArrayView2, ArrayView3};

use super::overlap::best_overlaps;
use crate::error::{EvalError, same_shape};

/// How alike the rows of a matrix are: the cosine of the angle between each two, −1..1; 0 where a row is all zeros.
///
/// # Shape
/// `[segments, dim]` → `[segments, segments]`
pub fn cosines(vectors: ArrayView2<f64>) -> Array2<f64> {
    let lengths: Vec<f64> = vectors
        .rows()
        .into_iter()
        .map(|row| row.dot(&row).sqrt())
        .collect();
    let products = vectors.dot(&vectors.t());
    Array2::from_shape_fn(products.dim(), |(one, other)| {
        let length = lengths[one] * lengths[other];
        if length > 0.0 {
            products[[one, other]] / length
        } else {
            0.0
        }
    })
}

/// The order in which segments merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merges {
    segments: usize,
    /// Each step merges the group of the second segment into that of the first, the lower of both.
    steps: Vec<(u8, u8)>,
}

impl Merges {
    /// Merges of segments by how alike they are, until one is left. Of pairs that are equally alike, that of the lowest
    /// numbers merges first.
    ///
    /// # Shape
    /// - `similarity`: `[segments, segments]`, symmetric
    ///
    /// # Errors
    /// When the matrix is not square, holds what is no number, or has over 256 segments.
    pub fn of(similarity: ArrayView2<f64>) -> Result<Self, EvalError> {
        let (segments, columns) = similarity.dim();
        same_shape("similarities", &[segments, segments], &[segments, columns])?;
        let wrong = similarity.iter().find(|value| !value.is_finite());
        if let Some(value) = wrong {
            return Err(out_of_range("similarities", "finite", *value));
        }
        if segments > 256 {
            return Err(out_of_range("segments", "0..=256", segments as f64));
        }
        let mut similarity = similarity.to_owned();
        let mut sizes = vec![1.0; segments];
        let mut open: Vec<usize> = (0..segments).collect();
        let mut steps = Vec::new();
        while let Some((one, other)) = most_alike(&similarity, &open) {
            for &third in open.iter().filter(|third| ![one, other].contains(third)) {
                let mean = (sizes[one] * similarity[[one, third]]
                    + sizes[other] * similarity[[other, third]])
                    / (sizes[one] + sizes[other]);
                similarity[[one, third]] = mean;
                similarity[[third, one]] = mean;
            }
            sizes[one] += sizes[other];
            open.retain(|group| *group != other);
            steps.push((one as u8, other as u8));
        }
        Ok(Self { segments, steps })
    }

    /// The group of every segment where `groups` are left, or as many as there are segments: the number of its lowest
    /// segment.
    pub fn level(&self, groups: usize) -> Vec<u8> {
        let mut group: Vec<u8> = (0..self.segments).map(|segment| segment as u8).collect();
        let merged = self.segments.saturating_sub(groups.max(1));
        for (one, other) in self.steps.iter().take(merged) {
            for of in group.iter_mut().filter(|of| **of == *other) {
                *of = *one;
            }
        }
        group
    }

    /// Part–whole links: every group of the level with `parts` groups beside the group that it is part of where
    /// `wholes` are left.
    pub fn links(&self, parts: usize, wholes: usize) -> Vec<(u8, u8)> {
        let (parts, wholes) = (self.level(parts.max(wholes)), self.level(wholes));
        let groups = parts.iter().zip(&wholes).enumerate();
        // A group is called after its lowest segment.
        let first = groups.filter(|(segment, (part, _))| *segment == usize::from(**part));
        first.map(|(_, (part, whole))| (*part, *whole)).collect()
    }
}

/// The two open groups that are most alike; none where fewer than two are left.
fn most_alike(similarity: &Array2<f64>, open: &[usize]) -> Option<(usize, usize)> {
    let mut best: Option<(usize, usize)> = None;
    for (place, &one) in open.iter().enumerate() {
        for &other in &open[place + 1..] {
            if best.is_none_or(|best| similarity[[one, other]] > similarity[best]) {
                best = Some((one, other));
            }
        }
    }
    best
}

fn out_of_range(what: &'static str, range: &'static str, value: f64) -> EvalError {
    EvalError::OutOfRange {
        what,
        range,
        value,
        place: "the merges of segments".to_owned(),
    }
}

/// Masks with the segments of a level for labels; labels without a group keep their own.
///
/// # Shape
/// `[time, height, width]`, before and after
pub fn merged(masks: ArrayView3<u8>, level: &[u8]) -> Array3<u8> {
    masks.mapv(|label| level.get(usize::from(label)).copied().unwrap_or(label))
}

/// How well one true object is found at each level.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectLevels {
    /// Its label in the truth.
    pub object: u8,
    /// Best IoU with any mask of each level, in the order of the levels.
    pub overlaps: Vec<f64>,
}

impl ObjectLevels {
    /// The level that shows the object best, the first of equals, and its IoU there.
    pub fn best(&self) -> Option<(usize, f64)> {
        let overlaps = self.overlaps.iter().copied().enumerate();
        overlaps.reduce(|best, other| if other.1 > best.1 { other } else { best })
    }
}

/// Every true object of a clip at every level.
///
/// # Shape
/// - `truth`, each of `levels`: labels `[time, height, width]`; 0 in `truth` is background
///
/// # Errors
/// Masks of different size.
pub fn object_levels(
    truth: ArrayView3<u8>,
    levels: &[Array3<u8>],
) -> Result<Vec<ObjectLevels>, EvalError> {
    let mut found: Vec<ObjectLevels> = Vec::new();
    for level in levels {
        for (place, (object, overlap)) in
            best_overlaps(truth, level.view())?.into_iter().enumerate()
        {
            if place == found.len() {
                found.push(ObjectLevels {
                    object,
                    overlaps: Vec::new(),
                });
            }
            found[place].overlaps.push(overlap);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    /// Screen and keyboard are alike, and table and wall.
    fn computer() -> Array2<f64> {
        array![
            [1.0, 0.0, 0.1, 0.8],
            [0.0, 1.0, 0.9, 0.0],
            [0.1, 0.9, 1.0, 0.2],
            [0.8, 0.0, 0.2, 1.0]
        ]
    }

    #[test]
    fn what_is_most_alike_merges_first_and_levels_are_nested() {
        let merges = Merges::of(computer().view()).unwrap();
        assert_eq!(merges.level(9), [0, 1, 2, 3]);
        assert_eq!(merges.level(4), [0, 1, 2, 3]);
        assert_eq!(merges.level(3), [0, 1, 1, 3]);
        assert_eq!(merges.level(2), [0, 1, 1, 0]);
        assert_eq!(merges.level(1), [0, 0, 0, 0]);
        assert_eq!(merges.level(0), merges.level(1));
        assert_eq!(merges.links(4, 2), [(0, 0), (1, 1), (2, 1), (3, 0)]);
        assert_eq!(merges.links(3, 1), [(0, 0), (1, 0), (3, 0)]);
        for groups in 1..=4 {
            let mut names = merges.level(groups);
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), groups);
        }
    }

    #[test]
    fn linkage_is_the_mean_over_all_pairs() {
        // 0 and 1 merge; 2 is alike to both at 0.5, 3 to one alone at 0.9.
        let similarity = array![
            [1.0, 0.95, 0.5, 0.9],
            [0.95, 1.0, 0.5, 0.0],
            [0.5, 0.5, 1.0, 0.4],
            [0.9, 0.0, 0.4, 1.0]
        ];
        assert_eq!(
            Merges::of(similarity.view()).unwrap().level(2),
            [0, 0, 0, 3]
        );
    }

    #[test]
    fn cosines_do_not_know_lengths() {
        let found = cosines(array![[1.0, 0.0], [3.0, 0.0], [0.0, -2.0], [0.0, 0.0]].view());
        assert_eq!(found.row(0).to_vec(), [1.0, 1.0, 0.0, 0.0]);
        assert_eq!(found.row(3).to_vec(), [0.0; 4]);
    }

    #[test]
    fn each_object_is_scored_at_the_level_that_shows_it_best() {
        // A computer of screen and keyboard, and a cup of one piece.
        let parts = Array3::from_shape_vec((1, 1, 8), vec![0, 0, 1, 1, 2, 2, 3, 3]).unwrap();
        let truth = Array3::from_shape_vec((1, 1, 8), vec![0, 0, 1, 1, 1, 1, 2, 2]).unwrap();
        let wholes = merged(parts.view(), &[0, 1, 1, 3]);
        assert_eq!(
            wholes.iter().copied().collect::<Vec<_>>(),
            [0, 0, 1, 1, 1, 1, 3, 3]
        );
        let one = merged(parts.view(), &[0, 1, 1, 1]);
        let found = object_levels(truth.view(), &[parts, wholes, one]).unwrap();
        assert_eq!(found[0].object, 1);
        assert_eq!(found[0].overlaps, [0.5, 1.0, 4.0 / 6.0]);
        assert_eq!(found[0].best(), Some((1, 1.0)));
        assert_eq!(found[1].best(), Some((0, 1.0)), "the finest of equals");
    }

    #[test]
    fn what_is_no_matrix_of_similarities_is_refused() {
        assert!(Merges::of(Array2::zeros((2, 3)).view()).is_err());
        assert!(Merges::of(array![[1.0, f64::NAN], [f64::NAN, 1.0]].view()).is_err());
        let none = Merges::of(Array2::zeros((0, 0)).view()).unwrap();
        assert!(none.level(4).is_empty());
    }
}
