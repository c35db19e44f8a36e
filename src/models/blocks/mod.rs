//! Layers that more than one model uses, with PyTorch's parameter names and layouts, so that
//! importing a checkpoint is renaming and never tensor surgery.

/// Convolutions, dense layers, norms, embeddings.
pub mod layers;
/// Where a pixel is, as a vector.
pub mod soft_position;

pub use layers::{
    Conv2d, ConvTranspose2d, Dropout, Embedding, GroupNorm, Kernel, LayerNorm, Linear,
};
