//! Distances between two sets of feature vectors.

/// Fréchet distance at infinitely many items.
pub mod fid_infinity;
/// Fréchet distance.
pub mod frechet;
/// The metrics of sets in the registry.
pub mod metrics;
/// Maximum mean discrepancy.
pub mod mmd;
/// Mean and covariance of a stream of features.
pub mod moments;
/// Spread of a distance over halves of its items.
pub mod subsample;
