//! Frames rendered from their own slots against the truth → scores: `ScoreReconstructions`.

use ndarray::{Array4, Axis, concatenate};
use slotflow_datasets::ClipId;
use slotflow_eval::metric::registry::Registry;
use slotflow_eval::report::RECONSTRUCTION;
use slotflow_eval::{Provenance, Score};

use crate::artifacts::{Context, Input, Partial, RunError, Stage, Table};
use crate::metrics::motion::{ID, REAL, distance};
use crate::plan::segment::SegmentEvaluateConfig;
use crate::stages::Loaded;
use crate::stages::model_loading::motion_extractor;
use crate::stages::perceive::decode::Clips;
use crate::stages::predict::evaluate::{
    EvaluationTables, MovingSet, Reconstructed, ReconstructionSamples, Rows, computed_or_reason,
    median,
};
use crate::stages::predict::frames::Frames;

/// Pictures that the median of all of them is taken of, at most.
const OF_MEDIAN: usize = 256;

/// Scores what was rendered of the slots of every frame.
///
/// The floor of clips is their own median frame, that of pictures the median of all pictures.
pub struct ScoreReconstructions<'a> {
    /// `[evaluate]` of the plan.
    pub config: &'a SegmentEvaluateConfig,
    /// The network behind `fvd-motion`, where there is one.
    pub motion: Option<&'a Loaded>,
    /// True frames.
    pub clips: &'a Clips,
    /// Rendered frames.
    pub frames: &'a Frames,
    /// Hash of the models under test.
    pub checkpoint: String,
}

impl Stage for ScoreReconstructions<'_> {
    const NAME: &'static str = "score-reconstructions";
    const VERSION: u32 = 1;
    type Config = SegmentEvaluateConfig;
    type Output = Table<EvaluationTables>;

    fn config(&self) -> &SegmentEvaluateConfig {
        self.config
    }

    fn inputs(&self) -> Vec<Input> {
        let mut inputs = vec![
            self.clips.as_input("clips"),
            self.frames.as_input("frames"),
            Input::new("metrics", Registry::default().names_of_runs().join(",")),
        ];
        let motion = self.motion.iter();
        inputs.extend(motion.map(|motion| Input::new("motion weights", &*motion.id)));
        inputs
    }

    fn is_random(&self) -> bool {
        true
    }

    fn run(&self, out: &mut Partial<Self::Output>, context: &Context) -> Result<(), RunError> {
        out.inherit(self.frames);
        let clips = self.frames.clips();
        let mut rows = Rows::new(self.config.resamples);
        let mut samples = ReconstructionSamples::new(&Registry::default());
        let common = self.common_picture(clips)?;
        for clip in clips {
            let (truth, frames) = (self.clips.frames(clip)?, self.frames.reconstruction(clip)?);
            let (window, ceiling) = (self.clips.window(clip)?, self.frames.ceiling(clip)?);
            let compared = Reconstructed {
                window: &window,
                truth: truth.view(),
                frames: frames.view(),
                ceiling: ceiling.as_ref().map(|frames| frames.view()),
            };
            let still = common.clone().unwrap_or_else(|| median(truth.view()));
            let found = samples.of_clip(&compared, still.view());
            samples.push(window.video.as_str(), found);
        }
        let note = match &common {
            Some(_) => "floor: the median of all pictures",
            None => "floor: the median of the clip's frames",
        };
        samples.add_to(&mut rows, note);
        for score in self.motion_rows(clips, context)? {
            rows.add_score(score);
        }
        let shared = Provenance {
            checkpoint_sha256: self.checkpoint.clone(),
            ..Provenance::of_clips(&self.clips.id().0, env!("CARGO_PKG_VERSION"), "none")
        };
        out.write(&rows.finish(&shared))
    }
}

impl ScoreReconstructions<'_> {
    /// The median of all pictures, `[1, height, width, rgb]`, where the clips are pictures; none where they have more frames.
    fn common_picture(&self, clips: &[ClipId]) -> Result<Option<Array4<u8>>, RunError> {
        let mut pictures = Vec::new();
        for clip in clips.iter().take(OF_MEDIAN) {
            let frames = self.clips.frames(clip)?;
            if frames.len_of(Axis(0)) > 1 {
                return Ok(None);
            }
            pictures.push(frames);
        }
        let views: Vec<_> = pictures.iter().map(|frames| frames.view()).collect();
        let all = concatenate(Axis(0), &views);
        Ok(all.ok().map(|all| median(all.view())))
    }

    /// The rows of `fvd-motion`, where the plan names its network: reconstructions against clips, clips that stand still in
    /// their first frame as its floor, and clips against clips.
    fn motion_rows(&self, clips: &[ClipId], context: &Context) -> Result<Vec<Score>, RunError> {
        let Some(weights) = self.motion else {
            return Ok(Vec::new());
        };
        let without = |reason: &str| Ok(vec![Score::not_computed(ID, RECONSTRUCTION, reason)]);
        if clips.len() < 4 {
            return without("fewer than four clips");
        }
        let extractor = motion_extractor(weights, &context.device)?;
        let truth = MovingSet::gather(&extractor, clips, |clip| self.clips.frames(clip))?;
        let own = MovingSet::gather(&extractor, clips, |clip| self.frames.reconstruction(clip))?;
        let (Some(truth), Some(own)) = (truth, own) else {
            return without("clips are shorter or of another size than the network's windows");
        };
        let halves = extractor.score_of_halves(REAL, &truth.moving);
        let halves = computed_or_reason((ID, REAL), halves);
        let sets = [&*truth.moving, &*own.moving];
        let score = extractor.score(RECONSTRUCTION, sets, context.seed);
        let floor = distance(&truth.moving, &truth.still).ok();
        let score = computed_or_reason((ID, RECONSTRUCTION), score);
        let score = score.with_bounds(floor, halves.value);
        Ok(vec![score, halves])
    }
}
