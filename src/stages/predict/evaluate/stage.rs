//! The stage `evaluate`.

use slotflow_eval::metric::registry::Registry;
use slotflow_eval::{Provenance, answers};

use super::inputs::Evaluate;
use super::masks::MaskComparison;
use super::rows::Rows;
use super::scores::EvaluationTables;
use super::{motion, perceptual, pixels};
use crate::artifacts::{Context, Input, Partial, RunError, Stage, Table};
use crate::plan::video_predict::EvaluateConfig;

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
            Input::new("metrics", Registry::default().names_of_runs().join(",")),
        ];
        inputs.extend(self.answers.map(|answers| answers.as_input("answers")));
        inputs.extend(
            self.motion
                .map(|motion| Input::new("motion weights", &*motion.id)),
        );
        inputs.extend(
            self.pretrained
                .iter()
                .map(|(network, entry)| Input::new(network.name(), &*entry.sha256)),
        );
        inputs
    }

    fn run(&self, out: &mut Partial<Self::Output>, context: &Context) -> Result<(), RunError> {
        out.inherit(self.frames);
        let mut rows = Rows::new(self.config.resamples);
        let clips = self.frames.clips();
        let registry = Registry::default();
        pixels::measure(self, clips, &registry)?.add_to(&mut rows);
        let masks = MaskComparison {
            truth: &|clip| self.clips.labels(clip),
            window: &|clip| self.clips.window(clip),
            masks: &|clip| self.seen.masks(clip),
            metrics: &registry.mask_metrics_of_runs(),
            slots: self.slots,
            seed: context.seed,
            about: "",
        };
        masks.measure(clips, &mut rows)?;
        perceptual::measure(self, clips, context, &mut rows)?;
        motion::measure(self, clips, context, &mut rows)?;
        if let Some(given) = self.answers {
            let graded = given.graded()?;
            rows.extend(
                answers::scores(&graded.answered, &graded.blind, &[]),
                answers::items(&graded.answered),
            );
        }
        let shared = Provenance {
            checkpoint_sha256: self.checkpoint.clone(),
            ..Provenance::of_clips(&self.clips.id().0, env!("CARGO_PKG_VERSION"), "none")
        };
        out.write(&rows.finish(&shared))
    }
}
