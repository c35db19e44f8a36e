//! Readers of files that PyTorch and pickle write; no code in them is executed.

/// Pickles as data.
mod pickle;
/// `.pth` checkpoints.
pub mod pth;
/// Official slot files, `.pkl`.
pub mod slot_pickle;
