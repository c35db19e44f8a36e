//! Plans from their text: built in or a file, with changes, former names and checks.

/// Plans that are compiled in.
pub(super) mod builtin;

/// Former names, and settings that nothing reads any more.
mod earlier;

/// Plans of any flow from their text.
mod load;

/// Changes of one value: `table.key=value`.
mod set;

/// One plan under every combination of values.
pub mod sweep;
