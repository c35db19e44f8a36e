//! Figures of a validation, and what several of them are made of.

use std::collections::BTreeMap;

use ndarray::Array4;

/// A mean squared error of pixels in 0..1, in decibel: the peak signal-to-noise ratio.
pub fn decibel(squared: f64) -> f64 {
    -10.0 * squared.max(1e-12).log10()
}

/// Mean of figures by name.
pub fn mean_figures(figures: &[Vec<(&'static str, f64)>]) -> Vec<(&'static str, f64)> {
    let mut sums: BTreeMap<&'static str, (f64, usize)> = BTreeMap::new();
    for (name, value) in figures.iter().flatten() {
        let entry = sums.entry(name).or_default();
        *entry = (entry.0 + value, entry.1 + 1);
    }
    let order = figures.first().cloned().unwrap_or_default();
    order
        .into_iter()
        .map(|(name, _)| (name, sums[name].0 / sums[name].1 as f64))
        .collect()
}

/// Mean squared difference of frames as shares of 255, `[count, height, width, rgb]` each.
pub fn squared_error(truth: &Array4<u8>, drawn: &Array4<u8>) -> f64 {
    let apart = |(a, b): (&u8, &u8)| ((f64::from(*a) - f64::from(*b)) / 255.0).powi(2);
    truth.iter().zip(drawn).map(apart).sum::<f64>() / truth.len().max(1) as f64
}
