//! Layers that more than one model uses, with PyTorch's parameter names and layouts, so that
//! importing a checkpoint is renaming and never tensor surgery.

/// Convolutions, dense layers, norms, embeddings.
pub mod layers;
/// One dense layer at every pixel.
pub mod pointwise;
/// Position codes of frames.
pub mod position;
/// Learned position codes of pixels.
pub mod soft_position;
/// Transformer encoder.
pub mod transformer;

pub use layers::{
    Conv2d, ConvTranspose2d, Dropout, Embedding, GroupNorm, Kernel, LayerNorm, Linear,
};
pub use pointwise::Pointwise;
pub use transformer::{Transformer, TransformerConfig};
