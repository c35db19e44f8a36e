//! Objects that differ from the empty scene, found without labels: targets for attention.
//!
//! A pixel is foreground where its colour is not the background's, darker or not; connected components are segments;
//! segments keep their label over time. Bao et al. (CVPR 2022) use segments from motion in this place.

#![expect(
    clippy::needless_pass_by_value,
    reason = "views are handed over as slices are"
)]

/// What counts as an object.
pub mod config;

/// Masks of pixels: connected components, majority, holes, distances.
pub mod grid;

/// Pixels that are not background.
pub mod foreground;

/// Parts of two colours, or with a narrow waist, cut in two.
pub mod split;

/// The same object over time.
pub mod tracks;

/// Cross-entropy that pulls attention towards segments.
pub mod loss;

use ndarray::{Array3, ArrayView3, ArrayView4, Axis};

pub use config::SegmentConfig;
use foreground::{Foreground, Relative};
use grid::Grid;
use split::{round_out, split_by_colour, split_by_shape};
use tracks::Tracker;

/// The segments of a clip, numbered from 1 by how much of the clip they fill; 0 is background.
///
/// # Shape
/// - `frames`: `[time, height, width, rgb]`
/// - `background`: `[height, width, rgb]`
/// - result: `[time, height, width]`
///
/// # Panics
/// When the background has another size than the frames.
pub fn segments(
    frames: ArrayView4<u8>,
    background: ArrayView3<u8>,
    config: &SegmentConfig,
) -> Array3<u8> {
    let (time, height, width, _) = frames.dim();
    assert_eq!(
        background.dim(),
        (height, width, 3),
        "the background must cover the frames' pixels"
    );
    let grid = Grid { height, width };
    let relative: Vec<Relative> = frames
        .axis_iter(Axis(0))
        .map(|frame| Relative::new(frame, background))
        .collect();
    let foreground = Foreground::new(&relative, grid, config);

    let mut parts = Vec::with_capacity(time);
    for (relative, mask) in relative.iter().zip(&foreground.masks) {
        let whole = grid.components(mask, config.least_pixels);
        let coloured = split_by_colour(grid, &whole, relative, config);
        let rounded = round_out(grid, &coloured, relative);
        parts.push(split_by_shape(grid, &rounded, config.least_pixels));
    }
    let tracker = Tracker::new(grid, &relative, config);
    let labels = tracker.link(&parts);
    let labels = most_filled(labels, config.most);
    Array3::from_shape_fn((time, height, width), |(frame, row, column)| {
        labels[frame][row * width + column]
    })
}

/// The labels renumbered by how many pixels they have, the least dropped.
fn most_filled(labels: Vec<Vec<u16>>, most: usize) -> Vec<Vec<u8>> {
    let highest = labels.iter().flatten().copied().max().unwrap_or(0) as usize;
    let mut counts = vec![0usize; highest + 1];
    for &label in labels.iter().flatten() {
        counts[label as usize] += 1;
    }
    let mut order: Vec<usize> = (1..=highest).filter(|label| counts[*label] > 0).collect();
    order.sort_by_key(|label| (std::cmp::Reverse(counts[*label]), *label));
    let mut number = vec![0u8; highest + 1];
    for (place, label) in order.into_iter().take(most.min(255)).enumerate() {
        number[label] = place as u8 + 1;
    }
    let renumber = |frame: Vec<u16>| {
        frame
            .into_iter()
            .map(|label| number[label as usize])
            .collect()
    };
    labels.into_iter().map(renumber).collect()
}

#[cfg(test)]
mod tests {
    use ndarray::{Array4, stack};
    use slotflow_datasets::synth::{Renderer, SynthPreset, World};
    use slotflow_eval::segmentation::{MaskPair, SegProfile, measure};

    use super::*;
    use crate::train::data::clip_dataset::ClipDataset;

    const FLOOR: [u8; 3] = [130, 130, 130];

    /// Row, column, radius, colour.
    type Disc = (i32, i32, i32, [u8; 3]);

    /// Discs on the floor, one list per frame.
    fn clip(frames: &[Vec<Disc>]) -> Array4<u8> {
        let mut clip = Array4::from_shape_fn((frames.len(), 32, 32, 3), |(_, _, _, channel)| {
            FLOOR[channel]
        });
        for (frame, discs) in frames.iter().enumerate() {
            for &(row, column, radius, colour) in discs {
                for ((y, x, channel), value) in
                    clip.index_axis_mut(Axis(0), frame).indexed_iter_mut()
                {
                    if (y as i32 - row).pow(2) + (x as i32 - column).pow(2) <= radius * radius {
                        *value = colour[channel];
                    }
                }
            }
        }
        clip
    }

    fn segments_of(frames: &[Vec<Disc>]) -> Array3<u8> {
        let floor = clip(&[vec![]]);
        segments(
            clip(frames).view(),
            floor.index_axis(Axis(0), 0),
            &SegmentConfig::default(),
        )
    }

    const RED: [u8; 3] = [200, 30, 30];
    const BLUE: [u8; 3] = [30, 40, 200];
    const SHADOW: [u8; 3] = [100, 100, 100];

    #[test]
    fn a_shadow_is_no_object() {
        let labels = segments_of(&[vec![(20, 10, 5, SHADOW), (14, 10, 5, RED)]]);
        assert_eq!(
            (labels[[0, 14, 10]], labels[[0, 23, 10]], labels[[0, 5, 28]]),
            (1, 0, 0)
        );
    }

    #[test]
    fn objects_that_touch_are_split_by_colour() {
        let labels = segments_of(&[vec![(16, 10, 5, RED), (16, 20, 5, BLUE)]]);
        let (one, other) = (labels[[0, 16, 10]], labels[[0, 16, 20]]);
        assert!(one != other && one * other > 0, "{one} {other}");
    }

    #[test]
    fn objects_of_one_colour_that_touch_are_split_by_shape() {
        let labels = segments_of(&[vec![(16, 9, 5, RED), (16, 19, 5, RED)]]);
        let (one, other) = (labels[[0, 16, 9]], labels[[0, 16, 19]]);
        assert!(one != other && one * other > 0, "{one} {other}");
    }

    #[test]
    fn an_object_keeps_its_label_in_motion_and_behind_another() {
        let frames: Vec<_> = (0..8)
            .map(|time| vec![(16, 6 + 3 * time, 4, RED), (16, 16, 4, BLUE)])
            .collect();
        let labels = segments_of(&frames);
        assert_eq!(labels[[0, 16, 6]], labels[[1, 16, 9]]);
        assert_eq!(labels[[0, 16, 16]], labels[[7, 16, 16]]);
        assert_ne!(labels[[0, 16, 6]], labels[[0, 16, 16]]);
    }

    #[test]
    fn the_median_of_frames_is_the_empty_scene() {
        let frames: Vec<_> = (0..7).map(|time| vec![(16, 4 * time, 3, RED)]).collect();
        let clips = ClipDataset::in_memory(clip(&frames).insert_axis(Axis(0)), None);
        let background = clips.background().unwrap().of(0).unwrap();
        assert_eq!(background, clip(&[vec![]]).index_axis(Axis(0), 0));
    }

    #[test]
    fn segments_of_generated_clips_are_nearly_their_true_masks() {
        let preset = SynthPreset::synth().unwrap();
        let generated = |seed| {
            let record = World::simulate(&preset, seed);
            let frames: Vec<usize> = (0..8).map(|frame| 20 + 8 * frame).collect();
            Renderer::new(&preset, &record, [64, 64]).clip(&frames)
        };
        let clips: Vec<_> = (0..8).map(generated).collect();
        let frames: Vec<_> = clips.iter().map(|(frames, _)| frames.view()).collect();
        let background = ClipDataset::in_memory(stack(Axis(0), &frames).unwrap(), None)
            .background()
            .unwrap()
            .of(0)
            .unwrap();
        let scores = clips.iter().map(|(frames, truth)| {
            let guess = segments(frames.view(), background.view(), &SegmentConfig::default());
            let pair = MaskPair::new(truth.view(), guess.view());
            measure(SegProfile::ExactVideo, pair).unwrap()[0]
        });
        let scores: Vec<_> = scores.collect();
        let mean = |value: fn(&slotflow_eval::segmentation::Segmentation) -> f64| {
            scores.iter().map(value).sum::<f64>() / scores.len() as f64
        };
        let (ari, miou) = (
            mean(|score| score.ari),
            mean(|score| score.fg_miou.unwrap_or(1.0)),
        );
        assert!(
            ari > 0.85 && miou > 0.75,
            "ARI {ari:.3}, IoU of objects {miou:.3}"
        );
    }
}
