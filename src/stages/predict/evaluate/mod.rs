//! Truth against what was drawn, perceived and answered: scores with floors and ceilings.

mod masks;
mod motion;
mod perceptual;
mod pixels;

use std::path::Path;

use slotflow_datasets::ClipId;
use slotflow_eval::answers;
use slotflow_eval::metric_samples::MetricSamples;
use slotflow_eval::stats::bootstrap::Resampling;
use slotflow_eval::{EvalError, ItemTable, Score, ScoreTable};

use crate::artifacts::{Artifact, ClipFile, Context, Input, Partial, RunError, Stage};
use crate::metrics::pretrained::Entry;
use crate::plan::video_predict::EvaluateConfig;
use crate::weights::pretrained::Network;

use crate::stages::Loaded;
use crate::stages::clevrer::answer::Answers;
use crate::stages::perceive::decode::Clips;
use crate::stages::perceive::encode::Slots;
use crate::stages::predict::render::Frames;

/// Judges what a run made.
pub struct Evaluate<'a> {
    /// How.
    pub config: &'a EvaluateConfig,
    /// The network behind `fvd-motion`, where there is one.
    pub motion: Option<&'a Loaded>,
    /// Where downloaded weights and features are kept.
    pub cache: &'a Path,
    /// The downloaded weights that are there.
    pub shelf: &'a [(Network, Entry)],
    /// The truth.
    pub clips: &'a Clips,
    /// What was perceived.
    pub seen: &'a Slots,
    /// What was drawn.
    pub frames: &'a Frames,
    /// What was answered.
    pub answers: Option<&'a Answers>,
    /// Frames of the burn-in.
    pub burn_in: usize,
    /// Slots of a frame.
    pub slots: usize,
    /// Hash of the models under test.
    pub checkpoint: String,
}

impl Stage for Evaluate<'_> {
    const NAME: &'static str = "evaluate";
    const VERSION: u32 = 3;
    type Config = EvaluateConfig;

    fn config(&self) -> &EvaluateConfig {
        self.config
    }

    fn inputs(&self) -> Vec<Input> {
        let mut inputs = vec![
            Input::new("clips", &*self.clips.0.id.0),
            Input::new("seen slots", &*self.seen.0.id.0),
            Input::new("frames", &*self.frames.0.id.0),
        ];
        inputs.extend(
            self.answers
                .map(|answers| Input::new("answers", &*answers.0.id.0)),
        );
        inputs.extend(
            self.motion
                .map(|motion| Input::new("motion weights", &*motion.id)),
        );
        inputs.extend(
            self.shelf
                .iter()
                .map(|(network, entry)| Input::new(network.name(), &*entry.sha256)),
        );
        inputs
    }

    fn run(&self, out: &mut Partial, context: &Context) -> Result<(), RunError> {
        out.inherit(&self.frames.0);
        let mut rows = Rows::new(self.config.resamples);
        let clips = self.frames.0.clips();
        let pixels = pixels::measure(self, clips)?;
        pixels.add_to(&mut rows);
        rows.extend(masks::measure(self, clips, context.seed)?);
        perceptual::measure(self, clips, context, &mut rows)?;
        motion::measure(self, clips, context, &mut rows)?;
        if let Some(given) = self.answers {
            let graded = given.graded()?;
            rows.scores
                .extend(answers::scores(&graded.answered, &graded.blind, &[]));
            rows.items.rows.extend(answers::items(&graded.answered));
        }
        let (scores, items) = rows.finish(self);
        let file = ClipFile::default().with_note(&(scores.rows, items.rows))?;
        out.put(&ClipId::new("scores"), &file)
    }
}

/// Rows of the tables while they are gathered.
pub(crate) struct Rows {
    /// `scores.csv`
    scores: Vec<Score>,
    /// `items.csv`
    items: ItemTable,
    resampling: Resampling,
}

impl Rows {
    fn new(resamples: usize) -> Self {
        let resampling = Resampling {
            count: resamples,
            ..Resampling::default()
        };
        Self {
            scores: Vec::new(),
            items: ItemTable { rows: Vec::new() },
            resampling,
        }
    }

    /// The mean of what was measured, with floor and ceiling beside it, and every value as an item.
    fn add(
        &mut self,
        measured: &MetricSamples,
        floor: Option<&MetricSamples>,
        ceiling: Option<&MetricSamples>,
    ) {
        let mean = |measured: &MetricSamples| {
            let clusters: Vec<_> = measured.clusters().into_values().collect();
            slotflow_eval::stats::bootstrap::mean(&clusters)
        };
        let score = measured.score(self.resampling);
        self.scores
            .push(score.with_bounds(floor.and_then(mean), ceiling.and_then(mean)));
        self.items.rows.extend(measured.rows());
        for (bound, suffix) in [
            (floor, slotflow_eval::report::FLOOR_SUFFIX),
            (ceiling, slotflow_eval::report::CEILING_SUFFIX),
        ] {
            let rows = bound.map(MetricSamples::rows).unwrap_or_default();
            self.items.rows.extend(rows.into_iter().map(|mut row| {
                row.subset.push_str(suffix);
                row
            }));
        }
    }

    fn extend(&mut self, rows: Vec<(MetricSamples, Option<f64>, String)>) {
        for (measured, floor, note) in rows {
            let mut score = measured
                .score(self.resampling)
                .with_bounds(floor, Some(1.0));
            if score.note.is_empty() {
                score.note = note;
            }
            self.scores.push(score);
            self.items.rows.extend(measured.rows());
        }
    }

    /// The tables, with what all rows have in common.
    fn finish(mut self, stage: &Evaluate<'_>) -> (ScoreTable, ItemTable) {
        for score in &mut self.scores {
            env!("CARGO_PKG_VERSION").clone_into(&mut score.code_version);
            score.data_manifest_sha256.clone_from(&stage.clips.0.id.0);
            score.checkpoint_sha256.clone_from(&stage.checkpoint);
            let fill = |text: &mut String, with: &str| {
                if text.is_empty() {
                    text.push_str(with);
                }
            };
            fill(&mut score.offset_policy, "first frames");
            fill(&mut score.frame_order, "numeric");
            fill(&mut score.resize_kernel, "none");
            fill(&mut score.cov_estimator, "none");
            fill(&mut score.weights_sha256, "none");
            fill(&mut score.ci_method, "none");
        }
        (ScoreTable { rows: self.scores }, self.items)
    }
}

/// A fault in the arithmetic is a fault of ours: shapes were made here.
pub(crate) fn fault(error: EvalError) -> RunError {
    RunError::Unfit {
        reason: error.to_string(),
    }
}

/// Scores on disk.
#[derive(Debug, Clone)]
pub struct Scores(pub Artifact);

impl Scores {
    /// The two tables: one row a number, one row a value of an item.
    ///
    /// # Errors
    /// When the file is not there or not whole.
    pub fn tables(&self) -> Result<(ScoreTable, ItemTable), RunError> {
        let (scores, items) = self.0.read(&ClipId::new("scores"))?.note()?;
        Ok((ScoreTable { rows: scores }, ItemTable { rows: items }))
    }
}
