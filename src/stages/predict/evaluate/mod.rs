//! Truth against what was drawn, perceived and answered: scores with floors and ceilings.

mod masks;
mod motion;
mod perceptual;
mod pixels;

use std::path::Path;

use serde::{Deserialize, Serialize};
use slotflow_eval::answers;
use slotflow_eval::metric_samples::MetricSamples;
use slotflow_eval::stats::bootstrap::Resampling;
use slotflow_eval::{EvalError, ItemTable, ItemValue, Score, ScoreTable};

use crate::artifacts::{Artifact, Context, Input, Partial, RunError, Slots, Stage, Table};
use crate::metrics::pretrained::Entry;
use crate::plan::video_predict::EvaluateConfig;
use crate::weights::pretrained::Network;

use crate::stages::Loaded;
use crate::stages::clevrer::answer::Answers;
use crate::stages::perceive::decode::Clips;
use crate::stages::predict::frames::Frames;

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
    /// Slots of the observed frames and those rolled out behind them.
    pub imagined: &'a Slots,
    /// Slots of a frame.
    pub slots: usize,
    /// Hash of the models under test.
    pub checkpoint: String,
}

impl Stage for Evaluate<'_> {
    const NAME: &'static str = "evaluate";
    const VERSION: u32 = 4;
    type Config = EvaluateConfig;
    type Output = Table<EvaluationTables>;

    fn config(&self) -> &EvaluateConfig {
        self.config
    }

    fn inputs(&self) -> Vec<Input> {
        let mut inputs = vec![
            self.clips.as_input("clips"),
            self.seen.as_input("seen slots"),
            self.frames.as_input("frames"),
        ];
        inputs.extend(self.answers.map(|answers| answers.as_input("answers")));
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

    fn run(&self, out: &mut Partial<Self::Output>, context: &Context) -> Result<(), RunError> {
        out.inherit(self.frames);
        let mut rows = Rows::new(self.config.resamples);
        let clips = self.frames.clips();
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
        out.write(&rows.finish(self))
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
    fn finish(mut self, stage: &Evaluate<'_>) -> EvaluationTables {
        for score in &mut self.scores {
            env!("CARGO_PKG_VERSION").clone_into(&mut score.code_version);
            score.data_manifest_sha256.clone_from(&stage.clips.id().0);
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
        EvaluationTables {
            scores: self.scores,
            items: self.items.rows,
        }
    }
}

/// A fault in the arithmetic is a fault of ours: shapes were made here.
pub(crate) fn fault(error: EvalError) -> RunError {
    RunError::Unfit {
        reason: error.to_string(),
    }
}

/// The tables of an evaluation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EvaluationTables {
    /// Rows of `scores.csv`: one a number.
    pub scores: Vec<Score>,
    /// Rows of `items.csv`: one a value of an item.
    pub items: Vec<ItemValue>,
}

impl EvaluationTables {
    /// The tables as they are written: `scores.csv` and `items.csv`.
    pub fn into_tables(self) -> (ScoreTable, ItemTable) {
        let scores = ScoreTable { rows: self.scores };
        (scores, ItemTable { rows: self.items })
    }
}

/// The tables of an evaluation on disk.
pub type Scores = Artifact<Table<EvaluationTables>>;
