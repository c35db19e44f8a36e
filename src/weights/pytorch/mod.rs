//! Readers of files that PyTorch and pickle write; no code in them is executed.

/// Bytes that may be made of a file.
mod budget;
/// Pickles as data.
mod pickle;
/// `.pth` checkpoints.
pub mod pth;
/// Official slot files, `.pkl`.
pub mod slot_pickle;

/// Inputs of few bytes that ask for much.
#[cfg(test)]
mod tests;
