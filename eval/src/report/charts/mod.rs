//! Numbers as inline SVG.

/// A number between its floor and its ceiling.
pub(super) mod bar;

/// A measure along the horizon.
pub(super) mod curve;

/// One measure against another, a point a run.
pub(super) mod scatter;
