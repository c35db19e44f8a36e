//! `fvd-motion`: the Fréchet distance between how true and imagined clips move, by features of the bundled network.

use ndarray::Axis;
use slotflow_datasets::ClipId;
use slotflow_eval::Score;
use slotflow_eval::report::IMAGINED;

use super::inputs::Evaluate;
use super::rows::Rows;
use crate::artifacts::{Context, RunError};
use crate::metrics::motion::{ID, MotionExtractor, MotionFeatures, REAL, distance};
use crate::stages::model_loading::motion_extractor;

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
    let extractor = motion_extractor(weights, &context.device)?;
    let Some(sets) = WindowSets::gather(stage, clips, &extractor)? else {
        let reason = "clips are shorter or of another size than the network's windows";
        rows.add_score(without(reason));
        return Ok(());
    };
    let floor = distance(&sets.truth, &sets.copied).ok();
    let imagined = extractor.score(IMAGINED, [&sets.truth, &sets.prediction], context.seed);
    let imagined = imagined.map(|score| score.with_bounds(floor, None));
    rows.add_computed((ID, IMAGINED), imagined);
    if sets.truth.len() < 2 {
        rows.add_score(Score::not_computed(ID, REAL, "fewer than two videos"));
        return Ok(());
    }
    rows.add_computed((ID, REAL), extractor.score_of_halves(REAL, &sets.truth));
    Ok(())
}

/// Features of true, imagined and copied windows, one matrix a video.
#[derive(Default)]
struct WindowSets {
    truth: MotionFeatures,
    prediction: MotionFeatures,
    copied: MotionFeatures,
}

impl WindowSets {
    /// Windows of every video; none where one has none.
    fn gather(
        stage: &Evaluate<'_>,
        clips: &[ClipId],
        extractor: &MotionExtractor<'_>,
    ) -> Result<Option<Self>, RunError> {
        let mut sets = Self::default();
        let mut last = None;
        for clip in clips {
            let (frames, window) = stage.imagined_frames(clip)?;
            let copied = frames.copied();
            let all = [&frames.truth, &frames.prediction, &copied];
            let features: Vec<_> = all
                .into_iter()
                .filter_map(|frames| extractor.features(frames.view()).transpose())
                .collect::<Result<_, _>>()?;
            let Ok(features) = <[_; 3]>::try_from(features) else {
                if window.shared > 0 {
                    // What is new at a video's end may be shorter than the network's windows.
                    continue;
                }
                return Ok(None);
            };
            let is_next = last.as_ref() == Some(&window.video);
            let of_sets = [&mut sets.truth, &mut sets.prediction, &mut sets.copied];
            for (set, features) in of_sets.into_iter().zip(features) {
                match set.last_mut().filter(|_| is_next) {
                    Some(video) => video.append(Axis(0), features.view()).map_err(|error| {
                        RunError::Internal {
                            reason: error.to_string(),
                        }
                    })?,
                    None => set.push(features),
                }
            }
            last = Some(window.video);
        }
        Ok(Some(sets))
    }
}
