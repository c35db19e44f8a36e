//! Run folders and their pages.

/// Puts a run's folder in its place whole or not at all.
pub mod run_folder;

/// The page, tables, videos and arrays of a prediction.
pub mod run_report;

/// The page, tables, masks and overlays of a segmentation.
pub mod segment_report;

/// Frames of a clip as a strip of frames of a page.
mod frame_strip;

/// Runs side by side.
pub mod comparison;

/// Videos and arrays as files, and videos as they stand in a page.
pub mod media;

/// The page about predictions in folders.
pub mod evaluation_page;

/// Folders of finished runs, read.
pub mod finished_run;

/// The folder of an edit.
pub mod edit_report;

/// `answers.csv`.
pub mod answers_csv;

/// What stands in a clip's videos, alone or side by side.
pub mod panels;

/// The page and tables of question answering.
pub mod answer_report;
