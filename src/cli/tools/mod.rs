//! Commands about this machine and what lies on it: runs, the cache, networks, copies of data sets, shells.

/// Times of layers and networks.
pub(super) mod bench;
/// Contents of the cache, and their removal.
pub(super) mod clean;
/// Completions of shells.
pub(super) mod completions;
/// A copy of a data set → what is missing or broken.
pub(super) mod doctor;
/// Pages for `man`.
pub(super) mod man;
/// Finished runs.
pub(super) mod runs;
/// Pretrained networks behind metrics.
pub(super) mod weights;
