//! What an editor shows of a run's clip.

use ndarray::{Array3, Array4};

/// Pixels and slots of a run's clip, before any edit.
#[derive(Debug, Clone)]
pub struct RunClip {
    /// Frames that were seen, `[time, height, width, rgb]`.
    pub seen: Array4<u8>,
    /// The observed frames reconstructed, then those predicted, `[time, height, width, rgb]`.
    pub prediction: Array4<u8>,
    /// Every seen frame rendered from its own slots, `[time, height, width, rgb]`.
    pub reconstruction: Array4<u8>,
    /// The slot of every pixel of the seen frames, `[time, height, width]`.
    pub masks: Array3<u8>,
    /// Slots of a frame.
    pub slots: usize,
    /// Frames that were observed before the roll-out.
    pub observed: usize,
    /// Frames a second.
    pub fps: f32,
}
