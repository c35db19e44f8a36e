//! Metrics of published networks on imagined frames: LPIPS frame by frame, and distances between sets.

use ndarray::Array4;
use slotflow_datasets::ClipId;
use slotflow_eval::metric::definition::Compute;
use slotflow_eval::profile::LpipsProfile;
use slotflow_eval::report::IMAGINED;
use slotflow_eval::{MetricId, MetricSamples, Score};

use super::inputs::{Evaluate, ImaginedFrames};
use super::rows::Rows;
use crate::artifacts::{Context, RunError};
use crate::metrics::MetricsError;
use crate::metrics::distribution_metrics::{CLIP_LENGTH, FeatureSets, look, named};
use crate::metrics::features::{FeatureExtractor, Look};
use crate::metrics::lpips::{backbone, model, of_frames};
use crate::metrics::pretrained::{PretrainedStore, PretrainedWeights};
use crate::weights::pretrained::Network;

/// What looks at imagined frames.
#[derive(Clone, Copy)]
enum Kind {
    /// LPIPS.
    Frames(LpipsProfile),
    /// A distance between sets.
    Sets(Look),
}

/// Adds the rows of `evaluate.metrics`.
pub(crate) fn measure(
    stage: &Evaluate<'_>,
    clips: &[ClipId],
    context: &Context,
    rows: &mut Rows,
) -> Result<(), RunError> {
    let store = PretrainedStore::of_cache(stage.cache);
    for &id in stage.config.metrics.ids() {
        let (network, kind) = match (id.compute(), look(id, CLIP_LENGTH)) {
            (Compute::Lpips(profile), _) => {
                (Network::Backbone(backbone(profile)), Kind::Frames(profile))
            }
            (_, Some(look)) => (look.network(), Kind::Sets(look)),
            _ => {
                let reason = format!("no published network computes `{id}`");
                return Err(RunError::Internal { reason });
            }
        };
        let weights = match store.load_or_reason(network) {
            Ok(weights) => weights,
            Err(reason) => {
                rows.add_score(Score::not_computed(id, IMAGINED, &reason));
                continue;
            }
        };
        let metric = NetworkMetric {
            id,
            weights: &weights,
        };
        match kind {
            Kind::Frames(profile) => metric.lpips(profile, stage, clips, context, rows)?,
            Kind::Sets(look) => match metric.extractor(look, stage, context) {
                Ok(extractor) => {
                    let score = metric.distance(look, &extractor, (stage, clips), context.seed)?;
                    rows.add_score(score);
                }
                Err(error) => {
                    rows.add_computed((id, IMAGINED), Err::<Score, _>(error));
                }
            },
        }
    }
    Ok(())
}

/// A metric and the weights of its network.
struct NetworkMetric<'a> {
    id: MetricId,
    weights: &'a PretrainedWeights,
}

impl NetworkMetric<'_> {
    /// LPIPS of every imagined frame, with the last observed frame as the floor.
    fn lpips(
        &self,
        profile: LpipsProfile,
        stage: &Evaluate<'_>,
        clips: &[ClipId],
        context: &Context,
        rows: &mut Rows,
    ) -> Result<(), RunError> {
        let model = match model(profile, self.weights, &context.device) {
            Ok(model) => model,
            Err(error) => {
                rows.add_computed((self.id, IMAGINED), Err::<Score, _>(error));
                return Ok(());
            }
        };
        let [mut samples, mut floor] = [(); 2].map(|()| MetricSamples::new(self.id, IMAGINED));
        for clip in clips {
            let (frames, window) = stage.imagined_frames(clip)?;
            let (video, first) = (window.video.as_str(), window.start + frames.first);
            let copied = frames.copied();
            for (samples, prediction) in [(&mut samples, &frames.prediction), (&mut floor, &copied)]
            {
                let (truth, prediction) = (frames.truth.view(), prediction.view());
                match of_frames(&model, truth, prediction, &context.device) {
                    Ok(values) => samples.push_frames(video, first, values),
                    Err(reason) => samples.leave_out(video, &reason),
                }
            }
        }
        let score = rows.add(&samples, Some(&floor), None);
        *score = self.weights.named(score.clone());
        Ok(())
    }

    fn extractor(
        &self,
        look: Look,
        stage: &Evaluate<'_>,
        context: &Context,
    ) -> Result<FeatureExtractor, MetricsError> {
        FeatureExtractor::new(look, self.weights, stage.cache, &context.device)
    }

    /// A distance between the set of imagined and the set of true clips.
    fn distance(
        &self,
        look: Look,
        extractor: &FeatureExtractor,
        (stage, clips): (&Evaluate<'_>, &[ClipId]),
        seed: u64,
    ) -> Result<Score, RunError> {
        let mut sets = FeatureSets::default();
        for clip in clips {
            let (frames, window) = stage.imagined_frames(clip)?;
            let ImaginedFrames {
                first,
                truth,
                prediction,
                ..
            } = frames;
            let features = |id: &str, frames: Array4<u8>| {
                let identity = format!("{id} {clip} imagined from {first}");
                extractor.rows(&identity, || Ok(frames))
            };
            match (
                features(&stage.clips.id().0, truth),
                features(&stage.frames.id().0, prediction),
            ) {
                (Ok(truth), Ok(prediction)) => {
                    sets.push_of_video(window.video.as_str(), prediction, truth);
                }
                (Err(reason), _) | (_, Err(reason)) => sets.leave_out(clip.as_str(), &reason),
            }
        }
        let score = sets.score(self.id, IMAGINED, look, seed);
        Ok(named(score, self.weights, look))
    }
}
