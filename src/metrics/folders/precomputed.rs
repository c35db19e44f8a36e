//! Features that a person gives: `JEDi` of two files.

use std::path::Path;

use ndarray::{Array2, Axis, Ix2};
use slotflow_datasets::listing::hash_file;
use slotflow_datasets::numpy::NumpyArray;
use slotflow_eval::distribution::subsample::{Halves, METHOD, delete_half};
use slotflow_eval::mmd::jedi;
use slotflow_eval::stats::normal::Z95;
use slotflow_eval::{MetricId, Score};

use crate::metrics::error::MetricsError;
use crate::metrics::evaluation::{Evaluation, RowContext};
use crate::metrics::files::Matches;
use crate::metrics::request::Request;

/// Subset of the row.
const SUBSET: &str = "features";
/// Definition of the row: the statistic, whatever network made the features.
const PROFILE: &str = "given-features";

/// Adds the row of a metric of features (`jedi`) for what two files hold.
pub(crate) fn evaluate(
    request: &Request,
    asked: MetricId,
    [prediction, truth]: [&Path; 2],
    evaluation: &mut Evaluation,
) -> Result<(), MetricsError> {
    let id = asked.metric().id(PROFILE).unwrap_or(asked);
    let (prediction, of_prediction) = read(prediction)?;
    let (truth, of_truth) = read(truth)?;
    let value = jedi(truth.view(), prediction.view())?;
    let mut score = Score {
        n_real: Some(truth.nrows()),
        n_fake: Some(prediction.nrows()),
        note: "the network behind the features is not known here".to_owned(),
        ..Score::new(id, SUBSET)
    }
    .with_value(value, prediction.nrows());
    if truth.nrows().min(prediction.nrows()) >= 4 {
        let seed = request.resampling.seed;
        let halves = Halves {
            seed,
            ..Halves::default()
        };
        let sd = delete_half([truth.nrows(), prediction.nrows()], halves, |one, other| {
            let axis = Axis(0);
            jedi(
                truth.select(axis, one).view(),
                prediction.select(axis, other).view(),
            )
        })?;
        score = score.with_interval(value - Z95 * sd, value + Z95 * sd, METHOD);
        score.provenance.seed = Some(seed);
    }
    let files = [("prediction", of_prediction), ("truth", of_truth)];
    let identities = files.map(|(side, hash)| (side, SUBSET.to_owned(), hash));
    let shared = RowContext::new(&Matches::default(), identities.into_iter(), 0);
    evaluation.add_score(score, Vec::new(), &shared);
    Ok(())
}

/// Rows of a file, and the hash of its bytes.
fn read(path: &Path) -> Result<(Array2<f64>, String), MetricsError> {
    let not = |reason: String| MetricsError::NotFeatures {
        reason,
        path: path.to_owned(),
    };
    let mut hash = blake3::Hasher::new();
    hash_file(&mut hash, path)?;
    let rows = NumpyArray::open(path).and_then(NumpyArray::floats);
    let rows = rows.map_err(|error| not(error.to_string()))?;
    let shape = rows.shape().to_vec();
    let rows = rows
        .into_dimensionality::<Ix2>()
        .map_err(|_| not(format!("shape {shape:?} is not [items, dim]")))?;
    Ok((rows, hash.finalize().to_hex().to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_of_both_precisions_are_read_and_pictures_are_not() {
        use ndarray_npy::write_npy;
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("a.npy");
        let rows = Array2::from_shape_fn((3, 2), |(i, j)| (i * 2 + j) as f32);
        write_npy(&path, &rows).unwrap();
        assert_eq!(read(&path).unwrap().0, rows.mapv(f64::from));
        write_npy(&path, &rows.mapv(f64::from)).unwrap();
        assert_eq!(read(&path).unwrap().0[[2, 1]], 5.0);
        write_npy(&path, &ndarray::Array3::<f32>::zeros((1, 2, 3))).unwrap();
        assert!(matches!(read(&path), Err(MetricsError::NotFeatures { .. })));
    }
}
