//! Features that a person brings: `JEDi` of two files.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use ndarray::{Array2, Axis};
use ndarray_npy::ReadNpyExt;
use slotflow_eval::mmd::jedi;
use slotflow_eval::stats::normal::Z95;
use slotflow_eval::stats::subsample::{Halves, METHOD, delete_half};
use slotflow_eval::{Direction, Score};

use crate::artifacts::RunError;
use crate::metrics::metric::Metric;
use crate::metrics::pairs::Matches;
use crate::metrics::{About, Judged, MetricsError, Request};

/// What the row stands under.
const SUBSET: &str = "features";
/// The definition: a statistic, whatever made the features.
const PROFILE: &str = "given-features";

/// Adds the row of `jedi`.
pub(crate) fn judge(
    request: &Request,
    [guess, truth]: [&Path; 2],
    judged: &mut Judged,
) -> Result<(), MetricsError> {
    let (guess, of_guess) = read(guess)?;
    let (truth, of_truth) = read(truth)?;
    let value = jedi(truth.view(), guess.view())?;
    let mut score = Score {
        n_real: Some(truth.nrows()),
        n_fake: Some(guess.nrows()),
        note: "the network behind the features is not known here".to_owned(),
        ..Score::new(Metric::Jedi.name(), PROFILE, SUBSET, Direction::Lower)
    }
    .with_value(value, guess.nrows());
    if truth.nrows().min(guess.nrows()) >= 4 {
        let seed = request.resampling.seed;
        let halves = Halves {
            seed,
            ..Halves::default()
        };
        let sd = delete_half([truth.nrows(), guess.nrows()], halves, |one, other| {
            let axis = Axis(0);
            jedi(
                truth.select(axis, one).view(),
                guess.select(axis, other).view(),
            )
        })?;
        score = score.with_interval(value - Z95 * sd, value + Z95 * sd, METHOD);
        score.seed = Some(seed);
    }
    let files = [("prediction", of_guess), ("truth", of_truth)];
    let lines = files.map(|(side, hash)| (side, SUBSET.to_owned(), hash));
    let about = About::new(&Matches::default(), lines.into_iter(), 0);
    judged.add_score(score, Vec::new(), &about);
    Ok(())
}

/// Rows of a file, and the hash of its bytes.
fn read(path: &Path) -> Result<(Array2<f64>, String), MetricsError> {
    let bytes = fs::read(path).map_err(|source| RunError::Io {
        action: "read",
        source,
        path: path.to_owned(),
    })?;
    let hash = blake3::hash(&bytes).to_hex().to_string();
    let single = Array2::<f32>::read_npy(Cursor::new(&bytes)).map(|rows| rows.mapv(f64::from));
    let rows = single.or_else(|_| Array2::<f64>::read_npy(Cursor::new(&bytes)));
    match rows {
        Ok(rows) => Ok((rows, hash)),
        Err(error) => Err(MetricsError::NotFeatures {
            reason: error.to_string(),
            path: path.to_owned(),
        }),
    }
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
