//! Sets of clips by how they move: features of the bundled motion network, and Fréchet distances between them.

use burn::tensor::Device;
use ndarray::{Array2, ArrayView4, Axis, concatenate, s};
use slotflow_eval::distribution::metrics::FVD_MOTION;
use slotflow_eval::distribution::subsample::{Halves, METHOD, delete_half};
use slotflow_eval::frechet::frechet;
use slotflow_eval::moments::{Covariance, FeatureStream, Moments};
use slotflow_eval::stats::normal::Z95;
use slotflow_eval::{EvalError, MetricId, Provenance, Score};

use crate::artifacts::RunError;
use crate::models::perceptual::motion::{Motion, MotionConfig};
use crate::tensor_conversion::{batch_from_clips, floats};

/// `fvd-motion` in its one definition.
pub const ID: MetricId = FVD_MOTION.default_id();
/// Subset of the distance between true clips and other true clips.
pub const REAL: &str = "real-against-real";
/// Frames from the start of one window to that of the next.
const STRIDE: usize = 4;

/// The motion network and where it came from.
pub struct MotionExtractor<'a> {
    /// Its configuration.
    pub config: MotionConfig,
    /// The network.
    pub model: Motion,
    /// Hash of its weights.
    pub weights: &'a str,
    /// Where it computes.
    pub device: &'a Device,
}

/// A row a window, one matrix a clip.
pub type MotionFeatures = Vec<Array2<f64>>;

impl MotionExtractor<'_> {
    /// One row a window of a clip; none where it is shorter than a window or of another size.
    ///
    /// # Shape
    /// - `frames`: `[time, height, width, rgb]`
    ///
    /// # Errors
    /// A fault of ours.
    pub fn features(&self, frames: ArrayView4<'_, u8>) -> Result<Option<Array2<f64>>, RunError> {
        let (time, height, width, _) = frames.dim();
        if time < self.config.window || [height, width] != self.config.resolution {
            return Ok(None);
        }
        let starts = (0..=time - self.config.window).step_by(STRIDE);
        let windows: Vec<_> = starts
            .map(|start| {
                frames
                    .slice(s![start..start + self.config.window, .., .., ..])
                    .insert_axis(Axis(0))
            })
            .collect();
        let internal = |error: ndarray::ShapeError| RunError::Internal {
            reason: error.to_string(),
        };
        let windows = concatenate(Axis(0), &windows).map_err(internal)?;
        let values = floats(
            self.model
                .features(batch_from_clips(windows.view(), self.device)),
        );
        let rows = windows.dim().0;
        let values = values.into_iter().map(f64::from).collect();
        let found = Array2::from_shape_vec((rows, self.config.dim), values).map_err(internal)?;
        Ok(Some(found))
    }

    /// A row without its number.
    pub fn blank(&self, subset: &str) -> Score {
        Score {
            provenance: Provenance {
                clip_len: Some(self.config.window),
                cov_estimator: Covariance::Unbiased.name().to_owned(),
                weights_sha256: self.weights.to_owned(),
                ..Provenance::default()
            },
            note: format!(
                "windows of {} frames; features of our own network, not I3D",
                self.config.window
            ),
            ..Score::new(ID, subset)
        }
    }

    /// The row of a distance between true clips and others, with an interval where there are four of both.
    ///
    /// # Errors
    /// When a feature is no number.
    pub fn score(
        &self,
        subset: &str,
        [truth, prediction]: [&[Array2<f64>]; 2],
        seed: u64,
    ) -> Result<Score, EvalError> {
        let value = distance(truth, prediction)?;
        let mut score = self.blank(subset).with_value(value, prediction.len());
        if let Some(sd) = spread([truth, prediction], seed)? {
            score = score.with_interval(value - Z95 * sd, value + Z95 * sd, METHOD);
            score.provenance.seed = Some(seed);
        }
        Ok(Score {
            n_real: Some(windows(truth)),
            n_fake: Some(windows(prediction)),
            ..score
        })
    }

    /// The row of the distance between every second clip and the others: what equal sets have at half the size.
    ///
    /// # Errors
    /// When a feature is no number.
    pub fn score_of_halves(&self, subset: &str, clips: &[Array2<f64>]) -> Result<Score, EvalError> {
        let half = |odd: usize| clips.iter().skip(odd).step_by(2);
        let value = between(half(0), half(1))?;
        let windows = |odd: usize| Some(half(odd).map(Array2::nrows).sum());
        Ok(Score {
            n_real: windows(0),
            n_fake: windows(1),
            ..self.blank(subset).with_value(value, clips.len())
        })
    }
}

/// Distance between two sets of clips.
///
/// # Errors
/// When a feature is no number.
pub fn distance(one: &[Array2<f64>], other: &[Array2<f64>]) -> Result<f64, EvalError> {
    between(one.iter(), other.iter())
}

fn windows(set: &[Array2<f64>]) -> usize {
    set.iter().map(Array2::nrows).sum()
}

/// Standard deviation of the distance over halves of the clips; none where there are too few.
fn spread([truth, prediction]: [&[Array2<f64>]; 2], seed: u64) -> Result<Option<f64>, EvalError> {
    if truth.len().min(prediction.len()) < 4 {
        return Ok(None);
    }
    let halves = Halves {
        seed,
        ..Halves::default()
    };
    let sd = delete_half([truth.len(), prediction.len()], halves, |one, other| {
        between(
            one.iter().map(|clip| &truth[*clip]),
            other.iter().map(|clip| &prediction[*clip]),
        )
    });
    sd.map(Some)
}

fn between<'a>(
    one: impl Iterator<Item = &'a Array2<f64>>,
    other: impl Iterator<Item = &'a Array2<f64>>,
) -> Result<f64, EvalError> {
    let found = frechet(&moments(one)?, &moments(other)?, Covariance::Unbiased)?;
    Ok(found.distance.max(0.0))
}

fn moments<'a>(set: impl Iterator<Item = &'a Array2<f64>>) -> Result<Moments, EvalError> {
    let mut set = set.peekable();
    let dim = set.peek().map_or(0, |clip| clip.ncols());
    let mut stream = FeatureStream::new(dim);
    for clip in set {
        stream.push("a clip", clip.view())?;
    }
    Ok(stream.finish())
}
