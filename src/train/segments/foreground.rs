//! Foreground: pixels of another colour than the background's, too dark for a shadow or too bright for a reflection.

#![expect(
    clippy::needless_pass_by_value,
    reason = "views are handed over as slices are"
)]

use ndarray::ArrayView3;

use crate::train::segments::config::SegmentConfig;
use crate::train::segments::grid::Grid;

/// A frame's linear light relative to the background's.
#[derive(Debug, Clone)]
pub struct Relative {
    /// Red, green, blue of each pixel; 1 where it is as bright as the background.
    pub share: Vec<[f32; 3]>,
}

impl Relative {
    /// The frame `[height, width, rgb]` beside the background of the same size.
    pub fn new(frame: ArrayView3<u8>, background: ArrayView3<u8>) -> Self {
        let mut shares = frame
            .iter()
            .zip(background.iter())
            .map(|(&seen, &empty)| light(seen) / light(empty).max(1e-3));
        let mut share = Vec::with_capacity(frame.len() / 3);
        while let (Some(red), Some(green), Some(blue)) =
            (shares.next(), shares.next(), shares.next())
        {
            share.push([red, green, blue]);
        }
        Self { share }
    }

    /// Whether a pixel is not just as in the background.
    pub fn changed(&self, pixel: usize) -> bool {
        let (brightness, colour) = self.differs(pixel);
        (brightness - 1.0).abs() > 0.1 || colour > 0.04
    }

    /// How bright a pixel is, and how far its colour is from the background's.
    fn differs(&self, pixel: usize) -> (f32, f32) {
        let share = self.share[pixel];
        let mean = share.iter().sum::<f32>() / 3.0;
        let far = share
            .iter()
            .map(|part| (part - mean).abs())
            .fold(0.0, f32::max);
        (mean, far)
    }

    /// Which way a pixel's colour is from the background's, −1..1 each way and near 0 where it has none: a glint or a
    /// shade on an object changes how far a colour is from grey more than which way.
    pub fn hue(&self, pixel: usize) -> [f32; 2] {
        const GREY: f32 = 0.1;
        let [red, green, blue] = self.share[pixel];
        let sum = red + green + blue + 0.02; // black has no hue
        let [across, up] = [red, green].map(|part| (part + 0.02 / 3.0) / sum - 1.0 / 3.0);
        let far = (across * across + up * up).sqrt() + GREY;
        [across / far, up / far]
    }

    /// How bright a pixel is beside the background.
    pub fn brightness(&self, pixel: usize) -> f32 {
        self.share[pixel].iter().sum::<f32>() / 3.0
    }
}

/// Linear light of a stored value, with gamma 2.
fn light(value: u8) -> f32 {
    let value = f32::from(value) / 255.0;
    value * value
}

/// The foreground of every frame of a clip.
#[derive(Debug, Clone)]
pub struct Foreground {
    /// One mask per frame, in rows.
    pub masks: Vec<Vec<bool>>,
    /// Least difference in colour that counted.
    pub threshold: f32,
}

impl Foreground {
    /// The foreground of a clip's frames, with one threshold for all.
    pub fn new(frames: &[Relative], grid: Grid, config: &SegmentConfig) -> Self {
        let scores: Vec<Vec<f32>> = frames.iter().map(|frame| score(frame, config)).collect();
        let threshold = otsu(&scores, config.least_difference);
        let masks = scores.iter().map(|scores| {
            let mask: Vec<bool> = scores.iter().map(|score| *score > threshold).collect();
            grid.filled(&grid.majority(&mask), config.least_pixels)
        });
        Self {
            masks: masks.collect(),
            threshold,
        }
    }
}

/// Foreground score of each pixel: the difference in colour, or what brightness goes beyond shadows and reflections.
fn score(frame: &Relative, config: &SegmentConfig) -> Vec<f32> {
    let beyond = |brightness: f32| {
        (config.shadow - brightness)
            .max(brightness - config.reflection)
            .max(0.0)
    };
    let score = |pixel| {
        let (brightness, colour) = frame.differs(pixel);
        if beyond(brightness) > 0.0 {
            1.0
        } else {
            colour
        }
    };
    (0..frame.share.len()).map(score).collect()
}

/// The threshold that splits the scores above `least` into the two most different halves (Otsu 1979), at most twice `least`.
fn otsu(scores: &[Vec<f32>], least: f32) -> f32 {
    const BINS: usize = 64;
    let width = 1.0 / BINS as f32;
    let mut counts = [0.0f64; BINS];
    for &score in scores
        .iter()
        .flatten()
        .filter(|score| **score > least / 2.0)
    {
        counts[((score / width) as usize).min(BINS - 1)] += 1.0;
    }
    let total: f64 = counts.iter().sum();
    let all: f64 = counts
        .iter()
        .enumerate()
        .map(|(bin, count)| bin as f64 * count)
        .sum();
    let (mut below, mut sum, mut best) = (0.0, 0.0, (0.0, 0));
    for (bin, count) in counts.iter().enumerate() {
        below += count;
        sum += bin as f64 * count;
        let above = total - below;
        if below == 0.0 || above == 0.0 {
            continue;
        }
        let between = below * above * (sum / below - (all - sum) / above).powi(2);
        if between > best.0 {
            best = (between, bin + 1);
        }
    }
    (best.1 as f32 * width).clamp(least, 2.0 * least)
}
