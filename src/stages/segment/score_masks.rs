//! Masks against the truth → scores: `ScoreMasks`.

use slotflow_eval::Provenance;

use crate::artifacts::{Context, Input, Partial, RunError, Stage, Table};
use crate::plan::segment::SegmentEvaluateConfig;
use crate::stages::perceive::decode::Clips;
use crate::stages::predict::evaluate::{EvaluationTables, MaskComparison, OBSERVED, Rows};
use crate::stages::segment::levels::Levels;
use crate::stages::segment::score_levels::LevelScores;
use crate::stages::segment::segmentation::Segmentations;

/// Scores masks against true ones of the same size.
pub struct ScoreMasks<'a> {
    /// `[evaluate]` of the plan.
    pub config: &'a SegmentEvaluateConfig,
    /// True masks.
    pub clips: &'a Clips,
    /// Masks under test.
    pub segmentations: &'a Segmentations,
    /// Their levels, where the plan asks for some, and the numbers of their segments.
    pub levels: Option<(&'a Levels, &'a [usize])>,
    /// Slots of a frame.
    pub slots: usize,
    /// How the masks came to their size, for the notes of rows.
    pub about: String,
    /// Hash of the models under test.
    pub checkpoint: String,
}

impl Stage for ScoreMasks<'_> {
    const NAME: &'static str = "score-masks";
    const VERSION: u32 = 1;
    type Config = SegmentEvaluateConfig;
    type Output = Table<EvaluationTables>;

    fn config(&self) -> &SegmentEvaluateConfig {
        self.config
    }

    fn inputs(&self) -> Vec<Input> {
        let mut inputs = vec![
            self.clips.as_input("clips"),
            self.segmentations.as_input("masks"),
        ];
        inputs.extend(self.levels.map(|(levels, _)| levels.as_input("levels")));
        inputs
    }

    fn run(&self, out: &mut Partial<Self::Output>, context: &Context) -> Result<(), RunError> {
        out.inherit(self.segmentations);
        let mut rows = Rows::new(self.config.resamples);
        let comparison = MaskComparison {
            truth: &|clip| self.clips.labels(clip),
            window: &|clip| self.clips.window(clip),
            masks: &|clip| self.segmentations.masks(clip),
            subset: OBSERVED,
            imagined: None,
            metrics: self.config.metrics.ids(),
            slots: self.slots,
            seed: context.seed,
            about: &self.about,
        };
        comparison.measure(self.segmentations.clips(), &mut rows)?;
        if let Some((levels, counts)) = self.levels {
            let scores = LevelScores {
                clips: self.clips,
                segmentations: self.segmentations,
                levels,
                counts,
                metrics: self.config.metrics.ids(),
                seed: context.seed,
                about: &self.about,
            };
            scores.measure(&mut rows)?;
        }
        let shared = Provenance {
            checkpoint_sha256: self.checkpoint.clone(),
            ..Provenance::of_clips(&self.clips.id().0, env!("CARGO_PKG_VERSION"), "none")
        };
        out.write(&rows.finish(&shared))
    }
}
