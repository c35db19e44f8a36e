//! Metric networks images and videos.
//!
//! | file | paper | reference |
//! |---|---|---|
//! | `i3d` | Carreira & Zisserman 2017 | TF-Hub `deepmind/i3d-kinetics-400/1` |
//! | `inception` | Szegedy et al. 2016 | `pytorch-fid` |
//! | `lpips` | Zhang et al. 2018 | `PerceptualSimilarity` |
//! | `motion` | none: our own, small enough to ship | none |

/// What the published networks are made of.
pub mod conv;
/// Features of actions, for distances between sets of videos.
pub mod i3d;
/// Features of objects, for distances between sets of images.
pub mod inception;
/// How different two images look.
pub mod lpips;
/// Features of how things move.
pub mod motion;
