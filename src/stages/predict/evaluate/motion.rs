//! `fvd-motion`: the Fréchet distance between how true and imagined clips move, by the shipped network's features.

use burn::tensor::Device;
use ndarray::{Array2, Array4, Axis, concatenate, s};
use slotflow_datasets::ClipId;
use slotflow_eval::frechet::frechet;
use slotflow_eval::moments::{Covariance, FeatureStream, Moments};
use slotflow_eval::stats::normal::Z95;
use slotflow_eval::stats::subsample::{Halves, METHOD, delete_half};
use slotflow_eval::{Direction, EvalError, Score};

use crate::artifacts::{Context, RunError};
use crate::models::WeightsKind;
use crate::models::perceptual::motion::{Motion, MotionConfig};
use crate::tensor_conversion::{batch_from_clips, floats};

use crate::stages::predict::evaluate::{Evaluate, Rows, fault};

const METRIC: &str = "fvd-motion";
const PROFILE: &str = "shipped";
/// Frames from the start of one window to that of the next.
const STRIDE: usize = 4;

/// Adds the rows: imagined against true, copies of the last frame as its floor, and true against true.
pub(crate) fn measure(
    stage: &Evaluate<'_>,
    clips: &[ClipId],
    context: &Context,
    rows: &mut Rows,
) -> Result<(), RunError> {
    let without = |metric: &str, profile: &str, reason: &str| {
        Score::not_computed(metric, profile, "imagined", Direction::Lower, reason)
    };
    let Some(weights) = stage.motion else {
        let reason = "`evaluate.motion` names no weights";
        rows.scores.push(without(METRIC, PROFILE, reason));
        return Ok(());
    };
    if clips.len() < 2 {
        let reason = "fewer than two clips";
        rows.scores.push(without(METRIC, PROFILE, reason));
        return Ok(());
    }
    let loaded = weights.model(WeightsKind::Motion, &context.device, MotionConfig::init);
    let (config, model) = loaded.map_err(RunError::weights)?;
    let mut sets = Sets::default();
    for clip in clips {
        if !sets.add(stage, clip, &config, &model, &context.device)? {
            let reason = "clips are shorter or of another size than the network's windows";
            rows.scores.push(without(METRIC, PROFILE, reason));
            return Ok(());
        }
    }
    let note = format!(
        "windows of {} frames; features of our own network, not I3D",
        config.window
    );
    let score = |subset: &str| Score {
        clip_len: Some(config.window),
        cov_estimator: "unbiased".to_owned(),
        weights_sha256: weights.id.clone(),
        note: note.clone(),
        ..Score::new(METRIC, PROFILE, subset, Direction::Lower)
    };
    sets.add_to(rows, &score, context.seed)
}

/// Features of true, imagined and copied windows, one matrix a clip.
#[derive(Default)]
struct Sets {
    truth: Vec<Array2<f64>>,
    guess: Vec<Array2<f64>>,
    copied: Vec<Array2<f64>>,
}

impl Sets {
    /// Adds a clip's windows; false where it has none.
    fn add(
        &mut self,
        stage: &Evaluate<'_>,
        clip: &ClipId,
        config: &MotionConfig,
        model: &Motion,
        device: &Device,
    ) -> Result<bool, RunError> {
        let (truth, guess) = (stage.clips.frames(clip)?, stage.frames.prediction(clip)?);
        let time = truth.dim().0.min(guess.dim().0);
        let first = stage.imagined.observed(clip)?;
        if time - first < config.window || truth.shape()[1..3] != config.resolution {
            return Ok(false);
        }
        let later = |frames: &Array4<u8>| frames.slice(s![first..time, .., .., ..]).to_owned();
        let last = truth.slice(s![first - 1..first, .., .., ..]);
        let copies = concatenate(Axis(0), &vec![last; time - first]).map_err(|error| {
            RunError::Internal {
                reason: error.to_string(),
            }
        })?;
        self.truth
            .push(features(model, config, &later(&truth), device)?);
        self.guess
            .push(features(model, config, &later(&guess), device)?);
        self.copied.push(features(model, config, &copies, device)?);
        Ok(true)
    }

    /// Standard deviation of the distance over halves of the clips; none where there are too few.
    fn spread(&self, seed: u64) -> Result<Option<f64>, RunError> {
        if self.truth.len() < 4 {
            return Ok(None);
        }
        let halves = Halves {
            seed,
            ..Halves::default()
        };
        let sd = delete_half(
            [self.truth.len(), self.guess.len()],
            halves,
            |one, other| {
                between(
                    one.iter().map(|clip| &self.truth[*clip]),
                    other.iter().map(|clip| &self.guess[*clip]),
                )
            },
        );
        sd.map(Some).map_err(fault)
    }

    fn add_to(
        &self,
        rows: &mut Rows,
        score: &dyn Fn(&str) -> Score,
        seed: u64,
    ) -> Result<(), RunError> {
        let clips = self.truth.len();
        let half = |odd: usize| {
            self.truth
                .iter()
                .skip(odd)
                .step_by(2)
                .cloned()
                .collect::<Vec<_>>()
        };
        let (even, odd) = (half(0), half(1));
        let windows = |set: &[Array2<f64>]| Some(set.iter().map(Array2::nrows).sum());
        let floor = distance(&self.truth, &self.copied)?;
        let value = distance(&self.truth, &self.guess)?;
        let mut imagined = score("imagined").with_value(value, clips);
        if let Some(sd) = self.spread(seed)? {
            imagined = imagined.with_interval(value - Z95 * sd, value + Z95 * sd, METHOD);
            imagined.seed = Some(seed);
        }
        rows.scores.push(Score {
            n_real: windows(&self.truth),
            n_fake: windows(&self.guess),
            ..imagined.with_bounds(Some(floor), None)
        });
        let real = score("real-against-real").with_value(distance(&even, &odd)?, clips);
        rows.scores.push(Score {
            n_real: windows(&even),
            n_fake: windows(&odd),
            ..real
        });
        Ok(())
    }
}

fn distance(one: &[Array2<f64>], other: &[Array2<f64>]) -> Result<f64, RunError> {
    between(one.iter(), other.iter()).map_err(fault)
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

/// One row a window of the clip.
fn features(
    model: &Motion,
    config: &MotionConfig,
    frames: &Array4<u8>,
    device: &Device,
) -> Result<Array2<f64>, RunError> {
    let starts = (0..=frames.dim().0 - config.window).step_by(STRIDE);
    let windows: Vec<_> = starts
        .map(|start| {
            frames
                .slice(s![start..start + config.window, .., .., ..])
                .insert_axis(Axis(0))
        })
        .collect();
    let internal = |error: ndarray::ShapeError| RunError::Internal {
        reason: error.to_string(),
    };
    let windows = concatenate(Axis(0), &windows).map_err(internal)?;
    let values = floats(model.features(batch_from_clips(windows.view(), device)));
    let rows = windows.dim().0;
    let values = values.into_iter().map(f64::from).collect();
    Array2::from_shape_vec((rows, config.dim), values).map_err(internal)
}
