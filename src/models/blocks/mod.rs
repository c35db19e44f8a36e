//! Layers that more than one model uses, with PyTorch's parameter names and layouts, so that
//! importing a checkpoint is renaming and never tensor surgery.

/// Convolutions, dense layers, norms, embeddings.
pub mod layers;
/// When a frame was, as a vector.
pub mod position;
/// Where a pixel is, as a vector.
pub mod soft_position;
/// Tokens that look at each other.
pub mod transformer;

pub use layers::{
    Conv2d, ConvTranspose2d, Dropout, Embedding, GroupNorm, Kernel, LayerNorm, Linear,
};
pub use transformer::{Transformer, TransformerConfig};
