//! Frames of a training's clips, decoded once and kept in files from which any window is read by its place.
//!
//! A cache is a folder. Its arrays are NumPy files of bytes that hold the kept clips in order:
//!
//! | file | shape | what |
//! |---|---|---|
//! | `frames.npy` | `[clips, time, height, width, 3]` | pixels |
//! | `masks.npy` | `[clips, time, height, width]` | object ids, 0 = background; only of a data set that has masks |
//! | `backgrounds.npy` | `[clips, height, width, 3]` | every clip's empty scene; only where it is taken clip by clip |
//! | `clips.jsonl` | | one line a clip of the data set: its name, its rate, and why it was left out |
//!
//! Nothing of it is held in memory, whatever its size: reading a window copies that window. The folder appears under
//! its name when it is complete; a build that was stopped goes on at the next clip. Clips with damaged rows are decoded again
//! alone, once a file `damaged` lies beside them. Needs no FFmpeg.

/// NumPy files of bytes, written part by part and read by place.
pub mod byte_array;

/// What is known of every clip in a cache.
pub mod index;

/// Decoding clips into a cache.
pub mod build;

/// Damaged clips of a cache, decoded again alone.
mod mend;

/// Windows of clips from a cache.
pub mod read;

/// Every pixel's median over frames: the empty scene.
pub mod background;

pub use build::{CacheRequest, Progress};
pub use index::{CachedClip, mark_damaged};
pub use read::FrameCache;
