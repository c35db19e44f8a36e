//! Which way is better.

use serde::{Deserialize, Serialize};

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Larger is better, as for PSNR.
    Higher,
    /// Smaller is better, as for a distance.
    Lower,
}
