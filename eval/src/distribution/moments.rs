//! Mean and covariance of features that arrive in a stream: a million rows take no more memory than a thousand.
//!
//! Rows are gathered into blocks of a fixed size, each block is centred on its own mean, and blocks are joined by the
//! update of Chan, Golub & `LeVeque` 1983. The block size does not depend on how rows are pushed, so neither do the bits.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use serde::{Deserialize, Serialize};

use crate::error::EvalError;
use crate::metric::profiles_macro::profiles;

profiles! {
    /// What a sum of products is divided by.
    pub enum Covariance as "covariance estimator" {
        /// By the count of rows (StyleGAN-V).
        Biased = "biased",
        /// By one less (numpy, pytorch-fid, TF-GAN).
        Unbiased = "unbiased",
    }
}

/// Rows in a block.
const BLOCK: usize = 128;

/// Collects feature rows; [`FeatureStream::finish`] gives their [`Moments`].
#[derive(Debug, Clone)]
pub struct FeatureStream {
    done: Moments,
    pending: Vec<f64>,
}

/// Count, mean and scatter matrix of feature rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    /// How many rows.
    pub count: usize,
    /// Their mean, `[dim]`.
    pub mean: Array1<f64>,
    /// Sum over rows of the outer product of what is left after the mean, `[dim, dim]`.
    pub scatter: Array2<f64>,
}

impl FeatureStream {
    /// An empty stream of rows that are `dim` wide.
    pub fn new(dim: usize) -> Self {
        Self {
            done: Moments::empty(dim),
            pending: Vec::new(),
        }
    }

    /// Adds rows that belong to the item called `name`.
    ///
    /// # Errors
    /// Rows of another width; a NaN or infinity, with the item's name.
    pub fn push<A: Copy + Into<f64>>(
        &mut self,
        name: &str,
        rows: ArrayView2<A>,
    ) -> Result<(), EvalError> {
        let dim = self.done.mean.len();
        if rows.ncols() != dim {
            return Err(EvalError::Shapes {
                what: "feature rows",
                truth: vec![dim],
                prediction: vec![rows.ncols()],
            });
        }
        if rows.iter().any(|&value| !value.into().is_finite()) {
            return Err(EvalError::NotFinite {
                what: "features",
                place: name.to_owned(),
            });
        }
        for row in rows.rows() {
            self.pending.extend(row.iter().map(|&value| value.into()));
            if self.pending.len() == BLOCK * dim {
                self.flush();
            }
        }
        Ok(())
    }

    /// How many rows came so far.
    pub fn count(&self) -> usize {
        self.done.count + self.pending.len() / self.done.mean.len().max(1)
    }

    /// The moments of all rows.
    pub fn finish(mut self) -> Moments {
        self.flush();
        self.done
    }

    /// Joins the pending rows to what is done.
    fn flush(&mut self) {
        let dim = self.done.mean.len();
        let rows = self.pending.len() / dim.max(1);
        if let Ok(block) = ArrayView2::from_shape((rows, dim), &self.pending)
            && rows > 0
        {
            self.done.merge(&Moments::of_block(block));
        }
        self.pending.clear();
    }
}

impl Moments {
    /// Moments of no rows.
    fn empty(dim: usize) -> Self {
        Self {
            count: 0,
            mean: Array1::zeros(dim),
            scatter: Array2::zeros((dim, dim)),
        }
    }

    /// The moments of a whole matrix of rows, which are called `row 0`, `row 1`, … in errors.
    ///
    /// # Errors
    /// A NaN or infinity.
    pub fn of_rows<A: Copy + Into<f64>>(rows: ArrayView2<A>) -> Result<Self, EvalError> {
        let mut stream = FeatureStream::new(rows.ncols());
        for (index, row) in rows.axis_iter(Axis(0)).enumerate() {
            stream.push(&format!("row {index}"), row.insert_axis(Axis(0)))?;
        }
        Ok(stream.finish())
    }

    fn of_block(rows: ArrayView2<f64>) -> Self {
        let count = rows.nrows();
        let mean = rows.sum_axis(Axis(0)) / count as f64;
        let centred = &rows - &mean;
        Self {
            count,
            mean,
            scatter: centred.t().dot(&centred),
        }
    }

    /// Adds the rows of another shard.
    ///
    /// # Panics
    /// If the shards differ in width.
    pub fn merge(&mut self, other: &Self) {
        assert_eq!(
            self.mean.len(),
            other.mean.len(),
            "shards hold features of one width"
        );
        let (here, there) = (self.count as f64, other.count as f64);
        if other.count == 0 {
            return;
        }
        let shift = &other.mean - &self.mean;
        let weight = here * there / (here + there);
        self.scatter += &other.scatter;
        if self.count > 0 {
            for (mut row, &by) in self.scatter.rows_mut().into_iter().zip(&shift) {
                row.scaled_add(by * weight, &shift);
            }
        }
        self.mean.scaled_add(there / (here + there), &shift);
        self.count += other.count;
    }

    /// Width of a row.
    pub fn dim(&self) -> usize {
        self.mean.len()
    }

    /// The mean.
    pub fn mean(&self) -> ArrayView1<'_, f64> {
        self.mean.view()
    }

    /// The covariance matrix.
    ///
    /// # Errors
    /// Fewer than two rows.
    pub fn covariance(&self, estimator: Covariance) -> Result<Array2<f64>, EvalError> {
        if self.count < 2 {
            return Err(EvalError::TooFew {
                statistic: "a covariance",
                what: "rows",
                needed: 2,
                found: self.count,
            });
        }
        let divisor = match estimator {
            Covariance::Biased => self.count,
            Covariance::Unbiased => self.count - 1,
        };
        Ok(&self.scatter / divisor as f64)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::s;

    use super::*;

    fn rows(count: usize) -> Array2<f64> {
        Array2::from_shape_fn((count, 5), |(i, j)| {
            ((i * 37 + j * 11) % 101) as f64 * 0.37 + 1e3
        })
    }

    #[test]
    fn the_size_of_pushes_does_not_change_a_bit() {
        let rows = rows(300);
        let by = |step: usize| {
            let mut stream = FeatureStream::new(5);
            for start in (0..300).step_by(step) {
                stream
                    .push("clip", rows.slice(s![start..(start + step).min(300), ..]))
                    .unwrap();
            }
            stream.finish()
        };
        assert_eq!(by(1), by(300));
        assert_eq!(by(8), by(300));
    }

    #[test]
    fn shards_merge_to_the_whole() {
        let rows = rows(50);
        let whole = Moments::of_rows(rows.view()).unwrap();
        let mut shards = Moments::of_rows(rows.slice(s![..13, ..])).unwrap();
        shards.merge(&Moments::of_rows(rows.slice(s![13.., ..])).unwrap());
        assert_eq!(shards.count, 50);
        for (one, other) in shards.scatter.iter().zip(&whole.scatter) {
            assert!(
                (one - other).abs() < 1e-9 * whole.scatter[[0, 0]],
                "{one} {other}"
            );
        }
    }

    #[test]
    fn a_nan_is_refused_with_the_name_of_its_clip() {
        let mut rows = rows(3);
        rows[[2, 1]] = f64::NAN;
        let error = FeatureStream::new(5)
            .push("video_7", rows.view())
            .unwrap_err();
        assert!(error.to_string().contains("video_7"), "{error}");
        assert!(
            matches!(Moments::of_rows(rows.view()), Err(EvalError::NotFinite { place, .. }) if place == "row 2")
        );
    }

    #[test]
    fn one_row_has_no_covariance() {
        let one = Moments::of_rows(rows(1).view()).unwrap();
        assert!(matches!(
            one.covariance(Covariance::Biased),
            Err(EvalError::TooFew { .. })
        ));
    }
}
