//! Folders: their entries by name, pictures by number, and the folder that a file is to lie in.

/// Entries of folders.
pub mod entries;

/// Files whose names differ in a number.
pub mod series;

pub use entries::{create_parent, ending, entries, hash_file, read_text, unreadable};
pub use series::{Role, Series, pictures, series};
