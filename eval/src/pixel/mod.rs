//! Pixels against pixels. A frame is `[height, width, rgb]`, pixels are u8, or f32 in 0..1; every sum is f64.

/// Error on the pixels that change.
mod changed;
/// One metric on every frame of a clip.
mod clip;
/// Squared error of two frames.
mod frame;
/// Learned perceptual distance.
pub mod lpips;
/// Mean squared error.
pub mod mse;
/// Peak signal-to-noise ratio.
pub mod psnr;
/// Resize kernels.
pub mod resize;
/// Structural similarity.
pub mod ssim;

pub use changed::changed_error;
pub use clip::frame_values;
pub use frame::{Pixel, SquaredError, squared_error};
pub use mse::{MseProfile, mse};
pub use psnr::{PsnrProfile, psnr};
