//! What the object and event head predicts of one clip, and how it is read.

use ndarray::{Array2, Array3};

use super::appearance::WORD_COUNT;

/// Channel of the logit that a slot's object is in view.
const IN_VIEW: usize = 0;
/// Channel of the logit that it moves.
const MOVING: usize = 1;
/// First channel of the logits of words for its appearance.
const WORDS_FROM: usize = 2;
/// Channels of its position on the ground, scene units.
const POSITION: [usize; 2] = [15, 16];

/// What the head predicts from one clip's slots.
#[derive(Debug, Clone)]
pub struct HeadOutput {
    /// Logits and positions of every slot's object, `[time, slots, channels]`.
    pub objects: Array3<f32>,
    /// Logits of a collision between a frame and the next, `[time − 1, pairs]`; pairs in order of their first slot.
    pub collisions: Array2<f32>,
}

/// How a head's output is read.
#[derive(Debug, Clone, Copy)]
pub struct ParseSettings {
    /// Frames of the video from one sampled frame to the next.
    pub stride: usize,
    /// Sampled frames that were observed; those behind are rolled out.
    pub observed: usize,
    /// Frames of the video.
    pub video_frames: usize,
    /// Logit above which objects collide in observed frames.
    pub collision_threshold: f32,
    /// Logit above which they collide in rolled-out frames.
    pub rolled_out_collision_threshold: f32,
}

impl HeadOutput {
    /// Logit that a slot holds an object in view.
    pub fn in_view(&self, time: usize, slot: usize) -> f32 {
        self.objects[[time, slot, IN_VIEW]]
    }

    /// Whether a slot's object moves.
    pub fn is_moving(&self, time: usize, slot: usize) -> bool {
        self.objects[[time, slot, MOVING]] > 0.0
    }

    /// Where a slot's object is on the ground, scene units.
    pub fn position(&self, time: usize, slot: usize) -> [f32; 2] {
        POSITION.map(|axis| self.objects[[time, slot, axis]])
    }

    /// Sums over some frames of the logits of words for a slot's appearance.
    pub fn word_logits(&self, slot: usize, frames: &[usize]) -> [f32; WORD_COUNT] {
        std::array::from_fn(|word| {
            let logits = frames
                .iter()
                .map(|time| self.objects[[*time, slot, WORDS_FROM + word]]);
            logits.sum()
        })
    }

    /// Logit that what two slots hold collides between a frame and the next.
    pub fn collision(&self, step: usize, one: usize, other: usize) -> f32 {
        let slots = self.objects.dim().1;
        let (low, high) = (one.min(other), one.max(other));
        let pair = low * (2 * slots - low - 1) / 2 + (high - low - 1);
        self.collisions[[step, pair]]
    }
}
