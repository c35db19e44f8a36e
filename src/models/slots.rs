//! Slots of a batch of clips, and how many of their frames were observed.

use burn::tensor::Tensor;

/// Slots of a batch of clips.
#[derive(Debug, Clone)]
pub struct SlotSequence {
    /// `[batch, time, slots, dim]`
    pub slots: Tensor<4>,
    /// Observed frames; those after them are predicted.
    pub observed: usize,
}

impl SlotSequence {
    /// Slots of observed frames.
    pub fn observed(slots: Tensor<4>) -> Self {
        let observed = slots.dims()[1];
        Self { slots, observed }
    }

    /// How many frames there are.
    pub fn time(&self) -> usize {
        self.slots.dims()[1]
    }

    /// The first `frames` frames.
    #[must_use]
    pub fn first(self, frames: usize) -> Self {
        Self {
            slots: self.slots.narrow(1, 0, frames),
            observed: self.observed.min(frames),
        }
    }

    /// The last `frames` frames.
    #[must_use]
    pub fn last(self, frames: usize) -> Self {
        let dropped = self.time() - frames;
        Self {
            slots: self.slots.narrow(1, dropped, frames),
            observed: self.observed.saturating_sub(dropped),
        }
    }

    /// The observed frames.
    #[must_use]
    pub fn history(self) -> Self {
        let observed = self.observed;
        self.first(observed)
    }

    /// The slots of the predicted frames, `[batch, time, slots, dim]`.
    ///
    /// # Panics
    /// When there are none.
    pub fn imagined(self) -> Tensor<4> {
        let (observed, time) = (self.observed, self.time());
        self.slots.narrow(1, observed, time - observed)
    }
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    #[test]
    fn cutting_keeps_track_of_what_was_seen() {
        let slots = Tensor::zeros([2, 7, 3, 4], &Device::flex());
        let sequence = SlotSequence { slots, observed: 4 };
        assert_eq!(sequence.clone().first(2).observed, 2);
        assert_eq!(sequence.clone().first(6).observed, 4);
        assert_eq!(sequence.clone().last(5).observed, 2);
        assert_eq!(sequence.clone().last(2).observed, 0);
        assert_eq!(sequence.imagined().dims(), [2, 3, 3, 4]);
    }
}
