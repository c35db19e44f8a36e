//! Tables of a segmentation: slots, boxes, and of which slots the segments of every level are made.

use std::path::Path;

use ndarray::Array3;
use slotflow_datasets::ClipId;
use slotflow_eval::segmentation::boxes::{BoundingBox, boxes_of};

use crate::artifacts::RunError;
use crate::artifacts::files::write_rows;
use crate::stages::segment::levels::Level;
use crate::stages::segment::segmentation::SlotFigures;

/// `slots.csv`, `boxes.csv` and `levels.csv` while they are gathered.
pub(super) struct Tables {
    slots: Vec<[String; 5]>,
    boxes: Vec<[String; 8]>,
    levels: Vec<[String; 5]>,
}

impl Default for Tables {
    fn default() -> Self {
        Self {
            slots: vec![["clip", "slot", "share", "frames", "stability"].map(str::to_owned)],
            boxes: vec![
                [
                    "clip", "frame", "slot", "left", "top", "right", "bottom", "pixels",
                ]
                .map(str::to_owned),
            ],
            levels: vec![["clip", "segments", "segment", "slots", "part-of"].map(str::to_owned)],
        }
    }
}

impl Tables {
    /// Adds a clip's slots and boxes.
    pub(super) fn add(&mut self, clip: &ClipId, masks: &Array3<u8>, figures: &[SlotFigures]) {
        let slots = figures.iter().enumerate().map(|(slot, figure)| {
            let SlotFigures { share, frames, .. } = figure;
            let stability = figure.stability.map(|value| format!("{value:.4}"));
            let stability = stability.unwrap_or_default();
            [
                clip.to_string(),
                slot.to_string(),
                format!("{share:.5}"),
                frames.to_string(),
                stability,
            ]
        });
        self.slots.extend(slots);
        for (time, frame) in masks.outer_iter().enumerate() {
            let mut pixels = [0_usize; 256];
            frame
                .iter()
                .for_each(|&slot| pixels[usize::from(slot)] += 1);
            let boxes = boxes_of(frame, figures.len()).into_iter().enumerate();
            let rows = boxes.filter_map(|(slot, found)| {
                let BoundingBox {
                    left,
                    top,
                    right,
                    bottom,
                } = found?;
                let [left, top, right, bottom] =
                    [left, top, right, bottom].map(|edge| edge.to_string());
                Some([
                    clip.to_string(),
                    time.to_string(),
                    slot.to_string(),
                    left,
                    top,
                    right,
                    bottom,
                    pixels[slot].to_string(),
                ])
            });
            self.boxes.extend(rows);
        }
    }

    /// Adds a clip's levels, the finest first: a row for each segment of two slots or more, and for each slot that owns a
    /// pixel. `part-of` is the segment of the next coarser level that it lies in. Nothing where there are no levels.
    pub(super) fn add_levels(&mut self, clip: &ClipId, figures: &[SlotFigures], levels: &[Level]) {
        if levels.is_empty() {
            return;
        }
        let owns = |slot: &usize| figures[*slot].frames > 0;
        let owners: Vec<usize> = (0..figures.len()).filter(owns).collect();
        let itself = Level {
            count: figures.len(),
            segments: (0..figures.len()).map(|slot| slot as u8).collect(),
        };
        let all: Vec<&Level> = std::iter::once(&itself).chain(levels).collect();
        for (place, level) in all.iter().enumerate() {
            let mut names: Vec<u8> = owners.iter().map(|&slot| level.segments[slot]).collect();
            names.sort_unstable();
            names.dedup();
            for name in names {
                let of = owners.iter().filter(|&&slot| level.segments[slot] == name);
                let slots: Vec<String> = of.map(ToString::to_string).collect();
                let whole = all.get(place + 1);
                let whole = whole.map(|whole| whole.segments[usize::from(name)].to_string());
                self.levels.push([
                    clip.to_string(),
                    level.count.to_string(),
                    name.to_string(),
                    slots.join(" "),
                    whole.unwrap_or_default(),
                ]);
            }
        }
    }

    /// Writes them.
    ///
    /// # Errors
    /// When the file system says no.
    pub(super) fn write(&self, folder: &Path) -> Result<(), RunError> {
        write_rows(&folder.join("slots.csv"), &self.slots)?;
        if self.levels.len() > 1 {
            write_rows(&folder.join("levels.csv"), &self.levels)?;
        }
        write_rows(&folder.join("boxes.csv"), &self.boxes)
    }
}
