//! Composed scenes against real clips and against the decoder's own reconstructions of them → scores, a set of rows for
//! each decoder.

use std::path::Path;

use ndarray::{Array2, Array4};
use slotflow_datasets::ClipId;
use slotflow_eval::report::{COMPOSED, RECONSTRUCTION};
use slotflow_eval::{MetricId, Provenance, Score};

use super::render::SceneFrames;
use crate::artifacts::{Context, Input, Partial, RunError, Stage, Table};
use crate::metrics::distribution_metrics::{CLIP_LENGTH, FeatureSets, look, named};
use crate::metrics::features::{CachedFeatures, FeatureExtractor, Look};
use crate::metrics::motion::{ID, REAL, distance};
use crate::metrics::pretrained::{Entry, PretrainedStore, PretrainedWeights};
use crate::plan::compose::SceneEvaluateConfig;
use crate::stages::Loaded;
use crate::stages::model_loading::motion_extractor;
use crate::stages::perceive::decode::Clips;
use crate::stages::predict::evaluate::{EvaluationTables, MovingSet, computed_or_reason};
use crate::stages::predict::frames::Frames;
use crate::weights::pretrained::Network;

/// Subset of the distance between composed scenes and what the decoder makes of real clips.
const AGAINST_RECONSTRUCTION: &str = "composed-against-reconstruction";

/// Scores what was composed.
pub struct EvaluateScenes<'a> {
    /// `[evaluate]` of the plan.
    pub config: &'a SceneEvaluateConfig,
    /// The network behind `fvd-motion`, where there is one.
    pub motion: Option<&'a Loaded>,
    /// Folder of downloaded weights and cached features.
    pub cache: &'a Path,
    /// The downloaded weights that are there.
    pub pretrained: &'a [(Network, Entry)],
    /// Real clips.
    pub clips: &'a Clips,
    /// What every decoder made.
    pub drawn: &'a [Drawn],
    /// Hash of the models under test.
    pub checkpoint: String,
}

/// What one decoder made.
pub struct Drawn {
    /// Its name in the plan.
    pub name: String,
    /// Scenes.
    pub scenes: SceneFrames,
    /// Real clips from their own slots.
    pub reconstructions: Frames,
}

impl Stage for EvaluateScenes<'_> {
    const NAME: &'static str = "evaluate-scenes";
    const VERSION: u32 = 1;
    type Config = SceneEvaluateConfig;
    type Output = Table<EvaluationTables>;

    fn config(&self) -> &SceneEvaluateConfig {
        self.config
    }

    fn inputs(&self) -> Vec<Input> {
        let mut inputs = vec![self.clips.as_input("clips")];
        for drawn in self.drawn {
            inputs.push(drawn.scenes.as_input(&format!("scenes of {}", drawn.name)));
            let name = format!("reconstructions of {}", drawn.name);
            inputs.push(drawn.reconstructions.as_input(&name));
        }
        let motion = self.motion.iter();
        inputs.extend(motion.map(|motion| Input::new("motion weights", &*motion.id)));
        let published = self.pretrained.iter();
        inputs.extend(published.map(|(network, entry)| Input::new(network.name(), &*entry.sha256)));
        inputs
    }

    fn is_random(&self) -> bool {
        true
    }

    fn run(&self, out: &mut Partial<Self::Output>, context: &Context) -> Result<(), RunError> {
        for drawn in self.drawn {
            out.inherit(&drawn.scenes);
            out.inherit(&drawn.reconstructions);
        }
        let mut scores = Vec::new();
        for id in self.config.metrics.ids() {
            match look(*id, CLIP_LENGTH) {
                Some(Look::Videos { .. }) if self.are_stills()? => {}
                Some(look) => scores.extend(self.published(*id, look, context)),
                None => {
                    let reason = format!("`{id}` compares no sets");
                    return Err(RunError::Internal { reason });
                }
            }
        }
        if !self.are_stills()? {
            scores.extend(self.motion(context)?);
        }
        let shared = Provenance {
            checkpoint_sha256: self.checkpoint.clone(),
            ..Provenance::of_clips(&self.clips.id().0, env!("CARGO_PKG_VERSION"), "none")
        };
        let scores = scores.into_iter();
        out.write(&EvaluationTables {
            scores: scores.map(|score| score.with_provenance(&shared)).collect(),
            items: Vec::new(),
        })
    }
}

impl EvaluateScenes<'_> {
    /// Whether the clips are pictures, which do not move.
    fn are_stills(&self) -> Result<bool, RunError> {
        let first = self.clips.clips().first();
        let frames = first.map(|clip| self.clips.frames(clip)).transpose()?;
        Ok(frames.is_some_and(|frames| frames.dim().0 == 1))
    }

    /// The clips that every decoder reconstructed.
    fn real(&self) -> Vec<ClipId> {
        let everywhere = |clip: &&ClipId| {
            let mut drawn = self.drawn.iter();
            drawn.all(|drawn| drawn.reconstructions.clips().contains(*clip))
        };
        self.clips
            .clips()
            .iter()
            .filter(everywhere)
            .cloned()
            .collect()
    }

    /// The rows of a distance by a published network.
    fn published(&self, id: MetricId, look: Look, context: &Context) -> Vec<Score> {
        let store = PretrainedStore::of_cache(self.cache);
        let without = |reason: &str| -> Vec<Score> {
            let names = self.drawn.iter();
            let missing = names.map(|drawn| Score {
                run: drawn.name.clone(),
                ..Score::not_computed(id, COMPOSED, reason)
            });
            missing.collect()
        };
        let weights = match store.load_or_reason(look.network()) {
            Ok(weights) => weights,
            Err(reason) => return without(&reason),
        };
        let extractor = FeatureExtractor::new(look, &weights, self.cache, &context.device);
        let extractor = match extractor {
            Ok(extractor) => extractor,
            Err(error) => return without(&error.to_string()),
        };
        let published = PublishedDistance {
            id,
            look,
            weights: &weights,
            extractor,
            seed: context.seed,
        };
        published.rows(self)
    }

    /// The rows of `fvd-motion`.
    fn motion(&self, context: &Context) -> Result<Vec<Score>, RunError> {
        let without = |reason: &str| vec![Score::not_computed(ID, COMPOSED, reason)];
        let Some(weights) = self.motion else {
            return Ok(without("`evaluate.motion` names no weights"));
        };
        let extractor = motion_extractor(weights, &context.device)?;
        let real = self.real();
        if real.len() < 4 {
            return Ok(without("fewer than four clips"));
        }
        let truth = MovingSet::gather(&extractor, &real, |clip| self.clips.frames(clip))?;
        let Some(truth) = truth else {
            let reason = "clips are shorter or of another size than the network's windows";
            return Ok(without(reason));
        };
        let halves = |clips: &[Array2<f64>]| {
            computed_or_reason((ID, REAL), extractor.score_of_halves(REAL, clips))
        };
        let real_against_real = halves(&truth.moving);
        let mut rows = Vec::new();
        for drawn in self.drawn {
            let scenes = drawn.scenes.clips();
            let composed =
                MovingSet::gather(&extractor, scenes, |scene| drawn.scenes.frames(scene))?;
            let own = MovingSet::gather(&extractor, &real, |clip| {
                drawn.reconstructions.reconstruction(clip)
            })?;
            let (Some(composed), Some(own)) = (composed, own) else {
                continue;
            };
            let own_halves = halves(&own.moving);
            let pairs = [
                (COMPOSED, &truth, &composed, &real_against_real),
                (RECONSTRUCTION, &truth, &own, &real_against_real),
                (AGAINST_RECONSTRUCTION, &own, &composed, &own_halves),
            ];
            for (subset, truth, other, halves) in pairs {
                let sets = [&*truth.moving, &*other.moving];
                let score = extractor.score(subset, sets, context.seed);
                let floor = distance(&truth.moving, &truth.still).ok();
                rows.push(Score {
                    run: drawn.name.clone(),
                    ..computed_or_reason((ID, subset), score).with_bounds(floor, halves.value)
                });
            }
        }
        rows.push(real_against_real);
        Ok(rows)
    }
}

/// A distance by the features of a published network.
struct PublishedDistance<'a> {
    id: MetricId,
    look: Look,
    weights: &'a PretrainedWeights,
    extractor: FeatureExtractor,
    seed: u64,
}

/// Features of a set of clips, and those that have none.
struct Featured {
    clips: Vec<CachedFeatures>,
    left_out: Vec<(ClipId, String)>,
}

impl PublishedDistance<'_> {
    fn rows(&self, stage: &EvaluateScenes<'_>) -> Vec<Score> {
        let real = stage.real();
        let of_clips = format!("{} clip", stage.clips.id().0);
        let truth = self.featured(&of_clips, &real, |clip| stage.clips.frames(clip));
        let halves = self.halves(&truth, REAL);
        let mut rows = Vec::new();
        for drawn in stage.drawn {
            let identity = format!("{} scene", drawn.scenes.id().0);
            let composed = self.featured(&identity, drawn.scenes.clips(), |scene| {
                drawn.scenes.frames(scene)
            });
            let identity = format!("{} reconstruction", drawn.reconstructions.id().0);
            let own = self.featured(&identity, &real, |clip| {
                drawn.reconstructions.reconstruction(clip)
            });
            let own_halves = self.halves(&own, REAL);
            let pairs = [
                (COMPOSED, &truth, &composed, &halves),
                (RECONSTRUCTION, &truth, &own, &halves),
                (AGAINST_RECONSTRUCTION, &own, &composed, &own_halves),
            ];
            rows.extend(pairs.map(|(subset, truth, other, halves)| {
                Score {
                    run: drawn.name.clone(),
                    ..self
                        .between(subset, truth, other)
                        .with_bounds(None, halves.value)
                }
            }));
        }
        rows.push(halves);
        rows
    }

    /// Features of every clip; those of `identity` that were made before are read.
    fn featured(
        &self,
        identity: &str,
        clips: &[ClipId],
        frames: impl Fn(&ClipId) -> Result<Array4<u8>, RunError>,
    ) -> Featured {
        let mut found = Featured {
            clips: Vec::new(),
            left_out: Vec::new(),
        };
        for clip in clips {
            let frames = || frames(clip).map_err(|error| error.to_string());
            match self.extractor.rows(&format!("{identity} {clip}"), frames) {
                Ok(rows) => found.clips.push(rows),
                Err(reason) => found.left_out.push((clip.clone(), reason)),
            }
        }
        found
    }

    /// The row of a distance between two sets.
    fn between(&self, subset: &str, truth: &Featured, other: &Featured) -> Score {
        let mut sets = FeatureSets::default();
        sets.truth.clone_from(&truth.clips);
        sets.prediction.clone_from(&other.clips);
        for (clip, reason) in truth.left_out.iter().chain(&other.left_out) {
            sets.leave_out(clip.as_str(), reason);
        }
        let score = sets.score(self.id, subset, self.look, self.seed);
        named(score, self.weights, self.look)
    }

    /// The row of the distance between every second clip and the others: what equal sets have at half the size.
    fn halves(&self, clips: &Featured, subset: &str) -> Score {
        let half = |odd: usize| Featured {
            clips: clips.clips.iter().skip(odd).step_by(2).cloned().collect(),
            left_out: Vec::new(),
        };
        self.between(subset, &half(0), &half(1))
    }
}
