//! The page that shows a run: one HTML file that needs nothing beside it.
//!
//! Typed scores, items, answers and encoded clips go in, a string comes out. It holds no time and no path that the
//! caller did not write into it, so equal runs give equal bytes. Styles and the one script (playing and scrubbing clips in
//! step) stand in the page and are the only ones that its content policy allows; every text is escaped.

/// Questions and answers.
mod answers;
/// Numbers as pictures.
mod charts;
/// Clips with their videos.
mod clips;
/// Several runs on one page.
mod compare;
/// Before and after an edit.
mod edited;
/// The page of a run as a whole.
mod html;
/// Text and numbers in HTML.
mod markup;
/// What a page shows.
mod page;
/// Differences between runs on the same clips.
mod paired;
/// Tables of scores.
mod scores;
/// The run in a paragraph.
mod summary;

pub use charts::scatter::{Measure, Scatter};
pub use compare::{Comparison, compare};
pub use edited::benchmark::{EditBenchmarkPage, EditMeasure, edit_benchmark};
pub use edited::{AnswerChange, EditPage, edited};
pub use html::html;
pub use page::{
    AnswerRow, CEILING_SUFFIX, COMPOSED, ClipView, FLOOR_SUFFIX, IMAGINED, IN_FOLDERS, Made, Page,
    RANKS, RECONSTRUCTION, StageRow, Strip, StripRow, TraceStep, VideoView,
};
pub use paired::{Difference, RunView, differences};
