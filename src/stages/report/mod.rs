//! Run folders and their pages.

/// Puts a run's folder in its place whole or not at all.
pub mod run_folder;

/// The page, tables, videos and arrays of a prediction.
pub mod run_report;

/// Runs side by side.
pub mod comparison;

/// Videos as they stand in a page.
pub mod embedded_video;

/// The page about predictions in folders.
pub mod evaluation_page;

/// Folders of finished runs, read.
pub mod finished_run;

/// `answers.csv`.
pub mod answers_csv;

/// Video files.
pub(crate) mod video_files;

/// Columns of a clip's video side by side.
pub mod video_columns;

/// The page and tables of question answering.
pub mod answer_report;
