//! K-means on feature vectors: the floor beside learned slots on features of a pretrained network.
//!
//! Written here and not taken from a crate: those that are kept up hold arrays of another version of `ndarray`, and what is
//! needed is one screen.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use rayon::prelude::*;

use crate::rng::SeededRng;

/// Rounds at most; most clips settle in fewer.
const ROUNDS: usize = 50;
/// Starts, of which the best is kept.
const STARTS: usize = 3;

/// The cluster of every row, below `count`: the best of several starts by the sum of squared distances (Lloyd 1982, started
/// after Arthur & Vassilvitskii 2007). Numbers fall with size: cluster 0 has most rows.
///
/// # Shape
/// - `rows`: `[rows, dim]`
pub fn k_means(rows: ArrayView2<'_, f32>, count: usize, rng: &mut SeededRng) -> Vec<usize> {
    let count = count.min(rows.nrows());
    let mut best: Option<(f64, Vec<usize>)> = None;
    for _ in 0..STARTS {
        let (cost, labels) = settled(rows, count, rng);
        if best.as_ref().is_none_or(|(lowest, _)| cost < *lowest) {
            best = Some((cost, labels));
        }
    }
    by_size(best.map(|(_, labels)| labels).unwrap_or_default(), count)
}

/// One start, until no row changes its cluster: the sum of squared distances, and the clusters.
fn settled(rows: ArrayView2<'_, f32>, count: usize, rng: &mut SeededRng) -> (f64, Vec<usize>) {
    let mut centres = first_centres(rows, count, rng);
    let mut nearest = assigned(rows, centres.view());
    for _ in 0..ROUNDS {
        let mut sums = Array2::<f32>::zeros(centres.dim());
        let mut sizes = vec![0_usize; count];
        for (row, &(cluster, _)) in rows.outer_iter().zip(&nearest) {
            let mut sum = sums.row_mut(cluster);
            sum += &row;
            sizes[cluster] += 1;
        }
        for (cluster, &size) in sizes.iter().enumerate().filter(|(_, size)| **size > 0) {
            centres
                .row_mut(cluster)
                .assign(&(&sums.row(cluster) / size as f32));
        }
        let again = assigned(rows, centres.view());
        let same = again.iter().zip(&nearest).all(|(new, old)| new.0 == old.0);
        nearest = again;
        if same {
            break;
        }
    }
    let cost = nearest
        .iter()
        .map(|(_, distance)| f64::from(*distance))
        .sum();
    (
        cost,
        nearest.into_iter().map(|(cluster, _)| cluster).collect(),
    )
}

/// Rows drawn with a probability that grows with the squared distance from those drawn before.
fn first_centres(rows: ArrayView2<'_, f32>, count: usize, rng: &mut SeededRng) -> Array2<f32> {
    let mut centres = Array2::zeros((count, rows.ncols()));
    let mut distances = Array1::from_elem(rows.nrows(), f32::INFINITY);
    for cluster in 0..count {
        let chosen = if cluster == 0 {
            rng.below(rows.nrows())
        } else {
            let mut left =
                f64::from(rng.uniform()) * distances.iter().map(|d| f64::from(*d)).sum::<f64>();
            let at = distances.iter().position(|distance| {
                left -= f64::from(*distance);
                left < 0.0
            });
            at.unwrap_or(rows.nrows() - 1)
        };
        centres.row_mut(cluster).assign(&rows.row(chosen));
        for (distance, row) in distances.iter_mut().zip(rows.outer_iter()) {
            *distance = distance.min(squared_distance(row, rows.row(chosen)));
        }
    }
    centres
}

/// The nearest centre of every row, and its squared distance.
fn assigned(rows: ArrayView2<'_, f32>, centres: ArrayView2<'_, f32>) -> Vec<(usize, f32)> {
    let rows: Vec<ArrayView1<'_, f32>> = rows.outer_iter().collect();
    rows.into_par_iter()
        .map(|row| {
            let mut best = (0, f32::INFINITY);
            for (cluster, centre) in centres.axis_iter(Axis(0)).enumerate() {
                let distance = squared_distance(row, centre);
                if distance < best.1 {
                    best = (cluster, distance);
                }
            }
            best
        })
        .collect()
}

fn squared_distance(left: ArrayView1<'_, f32>, right: ArrayView1<'_, f32>) -> f32 {
    left.iter()
        .zip(right)
        .map(|(left, right)| (left - right) * (left - right))
        .sum()
}

/// The same clusters, numbered from the largest on.
fn by_size(labels: Vec<usize>, count: usize) -> Vec<usize> {
    let mut sizes = vec![0_usize; count];
    for &label in &labels {
        sizes[label] += 1;
    }
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|&cluster| std::cmp::Reverse(sizes[cluster]));
    let mut number = vec![0; count];
    for (new, old) in order.into_iter().enumerate() {
        number[old] = new;
    }
    labels.into_iter().map(|label| number[label]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clouds_of_points_are_told_apart_and_the_largest_comes_first() {
        let centres = [[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]];
        let cloud = |row: usize| [0, 0, 0, 1, 1, 2][row % 6];
        let rows = Array2::from_shape_fn((60, 2), |(row, d)| {
            centres[cloud(row)][d] + ((row * 7 + d * 3) % 5) as f32 * 0.1
        });
        for seed in 0..5 {
            let labels = k_means(rows.view(), 3, &mut SeededRng::new(seed, &["test"]));
            let expected: Vec<usize> = (0..60).map(cloud).collect();
            assert_eq!(labels, expected, "seed {seed}");
        }
    }

    #[test]
    fn no_more_clusters_are_made_than_there_are_rows() {
        let rows = Array2::from_shape_fn((2, 3), |(row, _)| row as f32);
        let mut labels = k_means(rows.view(), 5, &mut SeededRng::new(1, &["test"]));
        labels.sort_unstable();
        assert_eq!(labels, [0, 1]);
    }
}
