//! The stage `evaluate`.

use slotflow_datasets::ClipId;
use slotflow_eval::metric::registry::Registry;
use slotflow_eval::report::IMAGINED;
use slotflow_eval::{Provenance, answers};

use super::inputs::Evaluate;
use super::masks::{MaskComparison, OBSERVED};
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
            subset: OBSERVED,
            imagined: None,
            metrics: &registry.mask_metrics_of_runs(),
            slots: self.slots,
            seed: context.seed,
            about: "",
        };
        masks.measure(clips, &mut rows)?;
        if self.has_imagined_masks(clips)? {
            let perceived = |clip: &ClipId| -> Result<_, RunError> {
                Ok((self.imagined.observed(clip)?, self.seen.masks(clip)?))
            };
            let imagined = MaskComparison {
                masks: &|clip| {
                    let masks = self.frames.prediction_masks(clip)?;
                    masks.ok_or_else(|| RunError::Unfit {
                        reason: "the decoder gave no masks of this clip".to_owned(),
                    })
                },
                subset: IMAGINED,
                imagined: Some(&perceived),
                about: "masks of the decoder, which saw no frame behind the burn-in",
                ..masks
            };
            imagined.measure(clips, &mut rows)?;
        }
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

impl Evaluate<'_> {
    /// Whether the decoder says which slot draws which pixel.
    fn has_imagined_masks(&self, clips: &[ClipId]) -> Result<bool, RunError> {
        let first = clips.first();
        let masks = first
            .map(|clip| self.frames.prediction_masks(clip))
            .transpose()?;
        Ok(masks.flatten().is_some())
    }
}
