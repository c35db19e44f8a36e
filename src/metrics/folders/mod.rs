//! Metrics of what lies in two folders, apart from those of published networks.

/// Masks.
pub(super) mod masks;
/// `fvd-motion`.
pub(super) mod motion;
/// Pixels.
pub(super) mod pixels;
/// Files of features that a person gives.
pub(super) mod precomputed;
