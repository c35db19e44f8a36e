//! `fvd-motion`: the Fréchet distance between how true and imagined clips move, by features of the bundled network.

use burn::tensor::Device;
use ndarray::{Array2, Array4, Axis, concatenate, s};
use slotflow_datasets::ClipId;
use slotflow_eval::distribution::metrics::FVD_MOTION;
use slotflow_eval::distribution::subsample::{Halves, METHOD, delete_half};
use slotflow_eval::frechet::frechet;
use slotflow_eval::moments::{Covariance, FeatureStream, Moments};
use slotflow_eval::report::IMAGINED;
use slotflow_eval::stats::normal::Z95;
use slotflow_eval::{EvalError, MetricId, Provenance, Score};

use super::inputs::Evaluate;
use super::rows::{Rows, unfit};

use crate::artifacts::{Context, RunError};
use crate::models::WeightsKind;
use crate::models::perceptual::motion::{Motion, MotionConfig};
use crate::tensor_conversion::{batch_from_clips, floats};

/// The metric in its one definition.
const ID: MetricId = FVD_MOTION.default_id();
/// Subset of the distance between true clips and other true clips.
const REAL: &str = "real-against-real";
/// Frames from the start of one window to that of the next.
const STRIDE: usize = 4;

/// Adds the rows: imagined against true, copies of the last frame as its floor, and true against true.
pub(crate) fn measure(
    stage: &Evaluate<'_>,
    clips: &[ClipId],
    context: &Context,
    rows: &mut Rows,
) -> Result<(), RunError> {
    let without = |reason: &str| Score::not_computed(ID, IMAGINED, reason);
    let Some(weights) = stage.motion else {
        rows.add_score(without("`evaluate.motion` names no weights"));
        return Ok(());
    };
    if clips.len() < 2 {
        rows.add_score(without("fewer than two clips"));
        return Ok(());
    }
    let loaded = weights.model(WeightsKind::Motion, &context.device, MotionConfig::init);
    let (config, model) = loaded.map_err(RunError::weights)?;
    let mut sets = WindowSets::default();
    for clip in clips {
        if !sets.add(stage, clip, &config, &model, &context.device)? {
            let reason = "clips are shorter or of another size than the network's windows";
            rows.add_score(without(reason));
            return Ok(());
        }
    }
    let note = format!(
        "windows of {} frames; features of our own network, not I3D",
        config.window
    );
    let score = |subset: &str| Score {
        provenance: Provenance {
            clip_len: Some(config.window),
            cov_estimator: Covariance::Unbiased.name().to_owned(),
            weights_sha256: weights.id.clone(),
            ..Provenance::default()
        },
        note: note.clone(),
        ..Score::new(ID, subset)
    };
    sets.add_to(rows, &score, context.seed)
}

/// Features of true, imagined and copied windows, one matrix a clip.
#[derive(Default)]
struct WindowSets {
    truth: Vec<Array2<f64>>,
    prediction: Vec<Array2<f64>>,
    copied: Vec<Array2<f64>>,
}

impl WindowSets {
    /// Adds a clip's windows; false where it has none.
    fn add(
        &mut self,
        stage: &Evaluate<'_>,
        clip: &ClipId,
        config: &MotionConfig,
        model: &Motion,
        device: &Device,
    ) -> Result<bool, RunError> {
        let frames = stage.imagined_frames(clip)?;
        let (time, height, width, _) = frames.truth.dim();
        if time < config.window || [height, width] != config.resolution {
            return Ok(false);
        }
        let features = |frames: &Array4<u8>| features(model, config, frames, device);
        self.truth.push(features(&frames.truth)?);
        self.prediction.push(features(&frames.prediction)?);
        self.copied.push(features(&frames.copied())?);
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
            [self.truth.len(), self.prediction.len()],
            halves,
            |one, other| {
                between(
                    one.iter().map(|clip| &self.truth[*clip]),
                    other.iter().map(|clip| &self.prediction[*clip]),
                )
            },
        );
        sd.map(Some).map_err(unfit)
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
        let value = distance(&self.truth, &self.prediction)?;
        let mut imagined = score(IMAGINED).with_value(value, clips);
        if let Some(sd) = self.spread(seed)? {
            imagined = imagined.with_interval(value - Z95 * sd, value + Z95 * sd, METHOD);
            imagined.provenance.seed = Some(seed);
        }
        rows.add_score(Score {
            n_real: windows(&self.truth),
            n_fake: windows(&self.prediction),
            ..imagined.with_bounds(Some(floor), None)
        });
        let real = score(REAL).with_value(distance(&even, &odd)?, clips);
        rows.add_score(Score {
            n_real: windows(&even),
            n_fake: windows(&odd),
            ..real
        });
        Ok(())
    }
}

fn distance(one: &[Array2<f64>], other: &[Array2<f64>]) -> Result<f64, RunError> {
    between(one.iter(), other.iter()).map_err(unfit)
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
