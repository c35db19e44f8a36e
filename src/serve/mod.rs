//! The slot editor: one page on this machine, from which a person edits the slots of a finished run.
//!
//! The page builds an [`EditPlan`](crate::plan::edit::EditPlan), and [`OpenRun`](crate::flows::edit::OpenRun) checks it, makes
//! it and says why it cannot be made: there is no second way to edit. This is the only room that knows HTTP. It listens on the
//! loopback interface alone and answers only who has the token of its address.

/// What the page asks for and sends.
mod api;

/// A run, its port and its page.
mod editor;

/// Why an editor cannot be opened.
mod error;

/// Who is answered.
mod gate;

/// The edit that is being made, and the last one.
mod job;

/// Why a request could not be answered.
mod problem;

/// What all requests share.
mod shared;

/// The secret of an editor's address.
mod token;

/// The page's files.
mod page;

pub use editor::{Editor, EditorSettings};
pub use error::ServeError;
pub use token::Token;
