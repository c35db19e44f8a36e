//! Frames of a clip as a strip of frames of a page: some of its frames, one row a panel, and what each slot owns.

use std::collections::BTreeSet;

use ndarray::{Array3, ArrayView3, ArrayView4, Axis};
use slotflow_datasets::Fit;
use slotflow_datasets::video::fit::resize;
use slotflow_datasets::video::png_bytes;
use slotflow_eval::report::{Strip, StripRow};

use super::media::of_data;
use super::panels::Panel;
use crate::artifacts::RunError;

/// Columns of a strip, where the clip has as many frames.
const COLUMNS: usize = 12;
/// The longer side of a picture at most, pixels: a page of large videos stays small.
const LONGEST: usize = 128;
/// What stands where a slot owns nothing.
const NOTHING: [u8; 3] = [128, 128, 128];

/// A strip of these panels, of which the first `observed` frames were observed; nought where nothing was imagined. Panels of
/// different lengths are cut to the shortest.
///
/// # Errors
/// When a panel has frames without pixels.
pub(super) fn frame_strip(panels: &[&Panel<'_>], observed: usize) -> Result<Strip, RunError> {
    let time = panels.iter().map(|panel| panel.count).min();
    let frames = columns(time.unwrap_or(0), observed);
    let rows = panels.iter().map(|panel| {
        let shown = frames.iter().map(|&time| panel.frame(time));
        row(panel.label.clone(), shown)
    });
    Ok(Strip {
        imagined_from: frames
            .iter()
            .copied()
            .find(|frame| observed > 0 && *frame >= observed),
        rows: rows.collect::<Result<_, _>>()?,
        frames,
        slots: Vec::new(),
    })
}

/// A row for each slot that owns a pixel of a shown frame: the pixels that it owns, grey elsewhere. Each of `slots` is called
/// `slot N`.
///
/// # Shape
/// - `frames`: `[time, height, width, rgb]`
/// - `masks`: `[time, height, width]`
///
/// # Errors
/// When frames have no pixels.
pub(super) fn slot_rows(
    shown: &[usize],
    frames: ArrayView4<'_, u8>,
    masks: ArrayView3<'_, u8>,
) -> Result<Vec<StripRow>, RunError> {
    let shown_masks = masks.select(Axis(0), shown);
    let owners: BTreeSet<u8> = shown_masks.iter().copied().collect();
    let of_slot = |slot: u8| {
        let mut own = frames.select(Axis(0), shown);
        for ((time, y, x), owner) in shown_masks.indexed_iter() {
            if *owner != slot {
                for (channel, value) in NOTHING.into_iter().enumerate() {
                    own[[time, y, x, channel]] = value;
                }
            }
        }
        let own = own.outer_iter().map(|frame| frame.to_owned());
        row(format!("slot {slot}"), own)
    };
    owners.into_iter().map(of_slot).collect()
}

/// Which of `time` frames are shown: the first, the last, those on both sides of where imagination starts, and others evenly
/// between.
fn columns(time: usize, observed: usize) -> Vec<usize> {
    if time <= COLUMNS {
        return (0..time).collect();
    }
    if observed == 0 || observed >= time {
        return spread(0, time - 1, COLUMNS);
    }
    // Two of the observed frames at least, and of the imagined ones most.
    let share = (COLUMNS * observed + time / 2) / time;
    let seen = share.clamp(2, COLUMNS / 2).min(observed);
    let mut frames = spread(0, observed - 1, seen);
    frames.extend(spread(observed, time - 1, COLUMNS - seen));
    frames
}

/// At most `count` numbers from `first` to `last`, both among them, evenly apart.
fn spread(first: usize, last: usize, count: usize) -> Vec<usize> {
    let steps = count.saturating_sub(1).max(1);
    let mut numbers: Vec<usize> = (0..count)
        .map(|step| first + ((last - first) * step + steps / 2) / steps)
        .collect();
    numbers.dedup();
    numbers
}

fn row(label: String, frames: impl Iterator<Item = Array3<u8>>) -> Result<StripRow, RunError> {
    let picture = |frame: Array3<u8>| png_bytes(small(frame.view()).view()).map_err(of_data);
    Ok(StripRow {
        label,
        pictures: frames.map(picture).collect::<Result<_, _>>()?,
    })
}

/// A picture with no side longer than [`LONGEST`].
fn small(picture: ArrayView3<'_, u8>) -> Array3<u8> {
    let (height, width, _) = picture.dim();
    let longest = height.max(width);
    if longest <= LONGEST {
        return picture.to_owned();
    }
    let shrunk = |side: usize| (side * LONGEST / longest).max(1);
    resize(picture, [shrunk(height), shrunk(width)], Fit::Stretch)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use ndarray::Array4;
    use slotflow_datasets::video::png::read_png_bytes;

    use super::*;

    #[test]
    fn both_sides_of_the_start_of_imagination_are_shown() {
        for (time, observed) in [(24, 6), (48, 6), (300, 2), (13, 12), (200, 100)] {
            let shown = columns(time, observed);
            for frame in [0, observed - 1, observed, time - 1] {
                assert!(
                    shown.contains(&frame),
                    "{frame} of {time}, {observed}: {shown:?}"
                );
            }
            assert!(shown.len() <= COLUMNS && shown.is_sorted(), "{shown:?}");
        }
        assert_eq!(columns(24, 6), [0, 3, 5, 6, 8, 10, 12, 15, 17, 19, 21, 23]);
        assert_eq!(columns(5, 2), [0, 1, 2, 3, 4]);
        assert_eq!(columns(1, 0), [0]);
        assert!(columns(0, 0).is_empty());
        assert_eq!(columns(100, 0).len(), COLUMNS);
    }

    #[test]
    fn a_strip_holds_the_frames_that_its_columns_name() {
        let frames = Array4::from_shape_fn((24, 4, 6, 3), |(t, y, x, c)| (9 * t + y + x + c) as u8);
        let strip = frame_strip(&[&Panel::frames("truth", frames.view())], 6).unwrap();
        assert_eq!(
            (strip.imagined_from, strip.rows[0].label.as_str()),
            (Some(6), "truth")
        );
        for (frame, png) in strip.frames.iter().zip(&strip.rows[0].pictures) {
            let picture = read_png_bytes(png, Path::new("strip")).unwrap();
            assert_eq!(picture, frames.index_axis(Axis(0), *frame));
        }
        let large = Array4::<u8>::zeros((1, 100, 400, 3));
        let strip = frame_strip(&[&Panel::frames("large", large.view())], 0).unwrap();
        let picture = read_png_bytes(&strip.rows[0].pictures[0], Path::new("strip")).unwrap();
        assert_eq!((picture.dim(), strip.imagined_from), ((32, 128, 3), None));
    }

    #[test]
    fn a_slot_shows_its_own_pixels_and_one_that_owns_none_has_no_row() {
        let frames = Array4::from_elem((2, 1, 3, 3), 7);
        let masks = Array3::from_shape_vec((2, 1, 3), vec![0, 2, 2, 0, 0, 2]).unwrap();
        let rows = slot_rows(&[1], frames.view(), masks.view()).unwrap();
        let labels: Vec<&str> = rows.iter().map(|row| row.label.as_str()).collect();
        assert_eq!(labels, ["slot 0", "slot 2"]);
        let picture = read_png_bytes(&rows[0].pictures[0], Path::new("slot")).unwrap();
        let first: Vec<u8> = picture.index_axis(Axis(2), 0).iter().copied().collect();
        assert_eq!(first, [7, 7, NOTHING[0]]);
    }
}
