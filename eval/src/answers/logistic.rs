//! Logistic regression of wide features: what Physion's `physopt` reads outcomes off with.
//!
//! There are far more features than clips, so the weights are kept as a sum over clips (the representer theorem), and
//! Newton's method works on as many numbers as there are clips, in double precision.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use crate::error::{EvalError, same_shape};

/// Inverse strengths of the penalty that are tried: 10⁻⁸ … 10⁸, as in `physopt`.
pub const STRENGTHS: [f64; 17] = [
    1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8,
];

/// Steps of Newton's method at most.
const STEPS: usize = 50;
/// Change of a logit below which it has settled.
const SETTLED: f64 = 1e-8;

/// Features to mean 0 and deviation 1, as those of the clips that are learned from; constant ones become 0.
#[derive(Debug, Clone, PartialEq)]
pub struct Scaler {
    mean: Array1<f64>,
    scale: Array1<f64>,
}

impl Scaler {
    /// The scaler of these features, `[clips, features]`.
    pub fn of(features: ArrayView2<'_, f64>) -> Self {
        let count = features.nrows().max(1) as f64;
        let mean = features.sum_axis(Axis(0)) / count;
        let squares = (&features - &mean)
            .mapv(|value| value * value)
            .sum_axis(Axis(0))
            / count;
        let scale = squares.mapv(|square| {
            if square > 0.0 {
                square.sqrt().recip()
            } else {
                0.0
            }
        });
        Self { mean, scale }
    }

    /// The features scaled.
    pub fn scale(&self, features: ArrayView2<'_, f64>) -> Array2<f64> {
        (&features - &self.mean) * &self.scale
    }
}

/// A fitted regression: one number a clip that was learned from, and one for all.
#[derive(Debug, Clone, PartialEq)]
pub struct Logistic {
    shares: Array1<f64>,
    intercept: f64,
}

impl Logistic {
    /// The regression that makes `strength · Σ log-loss + ½ |weights|²` least; the intercept costs nothing.
    ///
    /// # Shape
    /// - `products`: inner products of the features of clips, `[clips, clips]`
    ///
    /// # Source
    /// The minimum is that of scikit-learn's `LogisticRegression(C=strength)`.
    pub fn fit(products: ArrayView2<'_, f64>, labels: &[bool], strength: f64) -> Self {
        let count = labels.len();
        let truth: Array1<f64> = labels
            .iter()
            .map(|label| f64::from(u8::from(*label)))
            .collect();
        let mut found = Self {
            shares: Array1::zeros(count),
            intercept: 0.0,
        };
        let mut logits = found.logits(products);
        for _ in 0..STEPS {
            let said = logits.mapv(sigmoid);
            let weight = said.mapv(|p| (p * (1.0 - p)).max(1e-12));
            let goal = &logits + &((&truth - &said) / &weight);
            let root = weight.mapv(f64::sqrt);
            // (K + W⁻¹ / C) a + b = z, written so that small weights do not blow it up.
            let mut matrix = Array2::from_shape_fn((count, count), |(i, j)| {
                root[i] * products[[i, j]] * root[j]
            });
            for i in 0..count {
                matrix[[i, i]] += strength.recip();
            }
            let factor = cholesky(matrix);
            let solve = |right: &Array1<f64>| &root * &solved(&factor, &(&root * right));
            let (towards, ones) = (solve(&goal), solve(&Array1::ones(count)));
            let intercept = towards.sum() / ones.sum();
            found = Self {
                shares: towards - ones * intercept,
                intercept,
            };
            let next = found.logits(products);
            let change = (&next - &logits)
                .iter()
                .fold(0.0_f64, |most, step| most.max(step.abs()));
            logits = next;
            if change < SETTLED {
                break;
            }
        }
        found
    }

    /// Logits of clips by their inner products with those that were learned from, `[clips, learned]`.
    pub fn logits(&self, products: ArrayView2<'_, f64>) -> Array1<f64> {
        products.dot(&self.shares) + self.intercept
    }
}

/// Probabilities of "yes" for clips, from a regression whose strength is chosen by cross-validation.
///
/// `folds` says for every clip that is learned from in which part it is left out.
///
/// # Errors
/// Unequal counts, or nothing to learn from.
///
/// # Source
/// `physopt`: standardised features, five folds, [`STRENGTHS`]. Differs: features are standardised once and not in
/// every fold.
pub fn cross_validated(
    train: ArrayView2<'_, f64>,
    labels: &[bool],
    folds: &[usize],
    test: ArrayView2<'_, f64>,
) -> Result<Vec<f64>, EvalError> {
    same_shape("labels", &[train.nrows()], &[labels.len()])?;
    same_shape("folds", &[train.nrows()], &[folds.len()])?;
    same_shape("features", &[train.ncols()], &[test.ncols()])?;
    if labels.is_empty() {
        return Err(EvalError::Empty { what: "labels" });
    }
    let scaler = Scaler::of(train);
    let train = scaler.scale(train);
    let products = train.dot(&train.t());
    let parts = folds.iter().max().map_or(0, |last| last + 1);
    let mut best = (STRENGTHS[0], -1.0);
    for strength in STRENGTHS {
        let mut right = 0.0;
        for part in 0..parts {
            let (inside, outside): (Vec<usize>, Vec<usize>) =
                (0..labels.len()).partition(|clip| folds[*clip] != part);
            let of = |clips: &[usize]| clips.iter().map(|clip| labels[*clip]).collect::<Vec<_>>();
            let own = products.select(Axis(0), &inside).select(Axis(1), &inside);
            let cross = products.select(Axis(0), &outside).select(Axis(1), &inside);
            let logits = Logistic::fit(own.view(), &of(&inside), strength).logits(cross.view());
            right += agreed(logits.view(), &of(&outside));
        }
        if right > best.1 {
            best = (strength, right);
        }
    }
    let fitted = Logistic::fit(products.view(), labels, best.0);
    let test = scaler.scale(test).dot(&train.t());
    Ok(fitted.logits(test.view()).mapv(sigmoid).to_vec())
}

fn agreed(logits: ArrayView1<'_, f64>, labels: &[bool]) -> f64 {
    logits
        .iter()
        .zip(labels)
        .filter(|(logit, label)| (**logit > 0.0) == **label)
        .count() as f64
}

fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}

/// The lower factor of a symmetric positive matrix.
fn cholesky(mut matrix: Array2<f64>) -> Array2<f64> {
    let count = matrix.nrows();
    for i in 0..count {
        for j in 0..=i {
            let inner = matrix
                .slice(ndarray::s![i, ..j])
                .dot(&matrix.slice(ndarray::s![j, ..j]));
            let rest = matrix[[i, j]] - inner;
            matrix[[i, j]] = if i == j {
                rest.max(1e-300).sqrt()
            } else {
                rest / matrix[[j, j]]
            };
        }
    }
    matrix
}

/// The solution of `L Lᵀ x = right`.
fn solved(factor: &Array2<f64>, right: &Array1<f64>) -> Array1<f64> {
    let count = right.len();
    let mut x = right.clone();
    for i in 0..count {
        let inner = factor
            .slice(ndarray::s![i, ..i])
            .dot(&x.slice(ndarray::s![..i]));
        x[i] = (x[i] - inner) / factor[[i, i]];
    }
    for i in (0..count).rev() {
        let inner = factor
            .slice(ndarray::s![i + 1.., i])
            .dot(&x.slice(ndarray::s![i + 1..]));
        x[i] = (x[i] - inner) / factor[[i, i]];
    }
    x
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Features and labels that overlap: a number between −1 and 1 beside two that say nothing.
    fn clips(count: usize) -> (Array2<f64>, Vec<bool>) {
        let features = Array2::from_shape_fn((count, 3), |(i, j)| {
            let turn = ((i * (7 + 4 * j) + 3 * j) % 23) as f64 / 11.5 - 1.0;
            if j == 2 { 0.5 } else { turn }
        });
        let labels = (0..count).map(|i| features[[i, 0]] + 0.3 * f64::from((i % 5) as u8) > 0.5);
        let labels = labels.collect();
        (features, labels)
    }

    #[test]
    fn the_gradient_is_nought_at_the_minimum() {
        let (features, labels) = clips(40);
        let products = features.dot(&features.t());
        for strength in [1e-3, 1.0, 1e3] {
            let found = Logistic::fit(products.view(), &labels, strength);
            let said = found.logits(products.view()).mapv(sigmoid);
            let error: Array1<f64> = labels
                .iter()
                .zip(&said)
                .map(|(label, said)| said - f64::from(u8::from(*label)))
                .collect();
            let weights = features.t().dot(&found.shares);
            let gradient = features.t().dot(&error) * strength + weights;
            assert!(
                gradient
                    .iter()
                    .all(|part| part.abs() < 1e-6 * strength.max(1.0)),
                "{gradient}"
            );
            assert!(
                error.sum().abs() * strength < 1e-6 * strength.max(1.0),
                "{}",
                error.sum()
            );
        }
    }

    #[test]
    fn what_tells_is_found_among_what_does_not() {
        let (features, labels) = clips(60);
        let folds: Vec<usize> = (0..40).map(|clip| clip % 5).collect();
        let [train, test] = [0..40, 40..60].map(|rows| features.slice(ndarray::s![rows, ..]));
        let said = cross_validated(train, &labels[..40], &folds, test).unwrap();
        let right = said
            .iter()
            .zip(&labels[40..])
            .filter(|(p, label)| (**p > 0.5) == **label);
        assert!(right.count() >= 15, "{said:?}");
        assert!(cross_validated(train, &labels, &folds, test).is_err());
    }
}
