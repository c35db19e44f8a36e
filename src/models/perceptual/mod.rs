//! Networks whose features judge pictures and videos.
//!
//! | file | paper | reference |
//! |---|---|---|
//! | `motion` | none: our own, small enough to ship | none |

/// Features of how things move.
pub mod motion;
