//! What a page shows: [`Page`] and its parts, and the subsets that it draws.

use crate::tables::{ItemTable, ScoreTable};

/// What the subset of a floor's items ends in: `imagined-floor` is drawn as a second line beside `imagined`.
pub const FLOOR_SUFFIX: &str = "-floor";
/// What the subset of a ceiling's items ends in.
pub const CEILING_SUFFIX: &str = "-ceiling";
/// The subset of frames that were predicted; curves are drawn for it and for those whose names begin with it.
pub const IMAGINED: &str = "imagined";
/// The subset of videos that were evaluated where they lay; curves are drawn for it as well.
pub const IN_FOLDERS: &str = "videos";
/// The subset of frames drawn from the slots of the frame itself.
pub const RECONSTRUCTION: &str = "reconstruction";

/// The subset of scenes composed of slots of different clips.
pub const COMPOSED: &str = "composed";

/// Metrics by which clips are ranked: the first that a clip was measured by. More is better in each.
pub const RANKS: [&str; 5] = ["psnr", "fg-ari", "miou", "mbo", "ari"];

/// All that a page shows.
#[derive(Debug, Clone)]
pub struct Page<'a> {
    /// Name of the run.
    pub title: String,
    /// What was run, in one sentence.
    pub subtitle: String,
    /// One row a number.
    pub scores: &'a ScoreTable,
    /// One row a value of a clip or frame: curves are made of them.
    pub items: &'a ItemTable,
    /// Clips with their videos; the best and the worst by the first of [`RANKS`] among their scores are shown first.
    pub clips: Vec<ClipView>,
    /// What was answered.
    pub answers: Vec<AnswerRow>,
    /// What was run, in order.
    pub stages: Vec<StageRow>,
    /// How the run was made, where that is known.
    pub made: Option<Made>,
    /// The plan with every value resolved, as TOML.
    pub plan: String,
    /// What a reader must know before believing the numbers.
    pub notes: Vec<String>,
    /// Clips that were left out, each with the reason.
    pub failures: Vec<(String, String)>,
    /// Frames that were seen before imagination starts; nought when nothing was imagined.
    pub burn_in: usize,
}

/// How a run was made: what one needs to make it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The command line.
    pub command: String,
    /// Day and time of its beginning.
    pub date: String,
    /// Name and version of the program.
    pub version: String,
    /// What else it hangs on, each with its name: device, weights.
    pub facts: Vec<(String, String)>,
}

/// One clip, side by side.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ClipView {
    /// Name of the clip.
    pub name: String,
    /// Some of its frames as pictures, which need no playing.
    pub strip: Option<Strip>,
    /// How many frames its videos have; nought where that is unknown.
    pub frames: usize,
    /// Its videos, in the order of the columns: truth, reconstruction, prediction, masks.
    pub videos: Vec<VideoView>,
    /// Share of the clip that was seen before imagination starts, 0..1.
    pub observed_share: f64,
    /// Named scores of this clip, such as (`psnr`, 24.3).
    pub scores: Vec<(String, f64)>,
    /// What a reader must know about this clip.
    pub note: Option<String>,
}

/// Frames of a clip as pictures: time to the right, one row a panel.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Strip {
    /// Numbers of the frames, in the order of the columns.
    pub frames: Vec<usize>,
    /// The first frame that was imagined; `None` where all were seen.
    pub imagined_from: Option<usize>,
    /// Truth, prediction, masks.
    pub rows: Vec<StripRow>,
    /// What each slot owns, shown behind a fold.
    pub slots: Vec<StripRow>,
}

/// A row of a [`Strip`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StripRow {
    /// What it shows.
    pub label: String,
    /// One PNG a column.
    pub pictures: Vec<Vec<u8>>,
}

/// An encoded video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VideoView {
    /// What it shows.
    pub label: String,
    /// Media type; what begins with `image/` (a GIF) is shown as an image, anything else as a video.
    pub mime: String,
    /// The file.
    pub bytes: Vec<u8>,
}

/// A question and its answer, or one option of a question with its answer.
#[derive(Debug, Clone, PartialEq)]
pub struct AnswerRow {
    /// The video that it is about.
    pub video: String,
    /// The question in words.
    pub question: String,
    /// Its type, such as `predictive`.
    pub kind: String,
    /// What a question of one word asks for, such as `query_color`; confusions are counted for each.
    pub subtype: Option<String>,
    /// The option, where the question has some. Options of a question follow one another.
    pub option: Option<String>,
    /// The true answer, where it is known.
    pub truth: Option<String>,
    /// The answer that was given.
    pub answer: String,
    /// What the model gave that answer, 0..1.
    pub probability: f64,
    /// How it was found, where a program was run; shown of wrong answers.
    pub trace: Vec<TraceStep>,
}

/// A step on the way to an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct TraceStep {
    /// What is looked for.
    pub module: String,
    /// What is found.
    pub found: String,
    /// How sure that is, 0..1.
    pub probability: f64,
}

/// A stage of the run. Its time stands in `run.json`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageRow {
    /// Name of the stage.
    pub stage: String,
    /// What it did and why.
    pub why: String,
}
