//! Losses that jump: a loss is held against the median of those before it.

use std::collections::VecDeque;

/// Losses that the median is taken of.
const WINDOW: usize = 100;
/// Losses before a median means anything.
const LEAST: usize = 20;
/// Steps in a row that may be left out.
const PATIENCE: usize = 10;

/// The newest losses, and how many steps in a row were left out.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LossHistory {
    recent: VecDeque<f32>,
    /// Steps in a row that were left out.
    skipped: usize,
}

impl LossHistory {
    /// The history that a checkpoint kept as numbers.
    pub fn from_numbers(numbers: &[f32]) -> Self {
        Self {
            recent: numbers.iter().skip(1).copied().collect(),
            skipped: numbers.first().map_or(0, |count| *count as usize),
        }
    }

    /// What a checkpoint keeps: how many steps in a row were left out, and the losses before them.
    pub fn numbers(&self) -> Vec<f32> {
        let recent = self.recent.iter().copied();
        std::iter::once(self.skipped as f32).chain(recent).collect()
    }

    /// Notes that a step is left out; whether there were so many in a row that it is not the batches' fault.
    pub fn skip(&mut self) -> bool {
        self.skipped += 1;
        self.skipped > PATIENCE
    }

    /// Notes the loss of a step that was taken.
    pub fn push(&mut self, loss: f64) {
        if self.recent.len() == WINDOW {
            self.recent.pop_front();
        }
        self.recent.push_back(loss as f32);
        self.skipped = 0;
    }

    /// The median of the losses so far, if `loss` is more than `factor` times that.
    pub fn spike(&self, loss: f64, factor: f64) -> Option<f64> {
        if self.recent.len() < LEAST || factor <= 0.0 {
            return None;
        }
        let mut sorted: Vec<f32> = self.recent.iter().copied().collect();
        sorted.sort_by(f32::total_cmp);
        let median = f64::from(sorted[sorted.len() / 2]);
        (median > 0.0 && loss > factor * median).then_some(median)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spike_is_measured_by_the_median_and_not_by_one_bad_batch() {
        let mut losses = LossHistory::default();
        (0..LEAST - 1).for_each(|_| losses.push(0.1));
        assert_eq!(losses.spike(1e6, 10.0), None, "too early to say");
        losses.push(0.9);
        assert_eq!(losses.spike(0.9, 10.0), None);
        assert!(
            losses
                .spike(1.1, 10.0)
                .is_some_and(|median| (median - 0.1).abs() < 1e-6)
        );
        assert_eq!(losses.spike(1e6, 0.0), None, "switched off");
    }

    #[test]
    fn only_the_newest_losses_count() {
        let mut losses = LossHistory::default();
        (0..WINDOW).for_each(|_| losses.push(100.0));
        (0..WINDOW).for_each(|_| losses.push(1.0));
        assert!(losses.spike(20.0, 10.0).is_some());
        losses.skip();
        assert_eq!(LossHistory::from_numbers(&losses.numbers()), losses);
    }
}
