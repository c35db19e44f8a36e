//! Masks as files: `NumPy` archives, indexed PNG, and COCO's result format.

use std::path::Path;

use ndarray::{Array3, ArrayView2};
use serde::Serialize;
use slotflow_datasets::ClipId;
use slotflow_datasets::rle::Rle;
use slotflow_datasets::video::write_png_ids;
use slotflow_eval::segmentation::boxes::boxes_of;

use crate::artifacts::RunError;
use crate::artifacts::files::{make_dir, write_atomic};
use crate::masks::colours;
use crate::plan::segment::MaskFormat;
use crate::stages::report::media::{of_data, write_npz};

/// File of all masks in COCO's result format.
const COCO: &str = "masks-coco.json";

/// Masks on their way into files of the kinds that a plan asks for.
pub(super) struct MaskWriter<'a> {
    folder: &'a Path,
    formats: &'a [MaskFormat],
    annotations: Vec<Annotation>,
}

/// A mask of a slot in one frame, in COCO's result format.
#[derive(Debug, Serialize)]
struct Annotation {
    /// Clip, and frame where it has several.
    image_id: String,
    /// The slot: it names no class.
    category_id: usize,
    /// Left, top, width, height.
    bbox: [usize; 4],
    area: usize,
    segmentation: Rle,
}

impl<'a> MaskWriter<'a> {
    /// A writer into a run's folder.
    ///
    /// # Errors
    /// When the file system says no.
    pub(super) fn new(folder: &'a Path, formats: &'a [MaskFormat]) -> Result<Self, RunError> {
        for (format, name) in [(MaskFormat::Npz, "masks"), (MaskFormat::Png, "masks-png")] {
            if formats.contains(&format) {
                make_dir(&folder.join(name))?;
            }
        }
        Ok(Self {
            folder,
            formats,
            annotations: Vec::new(),
        })
    }

    /// Writes the masks of a clip, `[time, height, width]`.
    ///
    /// # Errors
    /// When the file system says no.
    pub(super) fn add(&mut self, clip: &ClipId, masks: &Array3<u8>) -> Result<(), RunError> {
        for format in self.formats {
            match format {
                MaskFormat::Npz => {
                    let path = self.folder.join("masks").join(format!("{clip}.npz"));
                    write_npz(&path, |file| file.add_array("masks", masks))?;
                }
                MaskFormat::Png => self.write_pictures(clip, masks)?,
                MaskFormat::CocoRle => {
                    let single = masks.dim().0 == 1;
                    for (time, frame) in masks.outer_iter().enumerate() {
                        let image_id = if single {
                            clip.to_string()
                        } else {
                            format!("{clip}/{time:04}")
                        };
                        self.annotations.extend(annotations(&image_id, frame));
                    }
                }
            }
        }
        Ok(())
    }

    fn write_pictures(&self, clip: &ClipId, masks: &Array3<u8>) -> Result<(), RunError> {
        let folder = self.folder.join("masks-png").join(clip.as_str());
        make_dir(&folder)?;
        let palette = colours();
        for (time, frame) in masks.outer_iter().enumerate() {
            let path = folder.join(format!("{time:04}.png"));
            write_png_ids(&path, frame, &palette).map_err(of_data)?;
        }
        Ok(())
    }

    /// Writes what waits for the last clip.
    ///
    /// # Errors
    /// When the file system says no.
    pub(super) fn finish(self) -> Result<(), RunError> {
        if !self.formats.contains(&MaskFormat::CocoRle) {
            return Ok(());
        }
        let text = serde_json::to_vec(&self.annotations).map_err(|error| RunError::Internal {
            reason: error.to_string(),
        })?;
        write_atomic(&self.folder.join(COCO), &text)
    }
}

/// One annotation for each slot that owns a pixel of a frame.
fn annotations(image_id: &str, frame: ArrayView2<'_, u8>) -> Vec<Annotation> {
    let boxes = boxes_of(frame, 256).into_iter().enumerate();
    boxes
        .filter_map(|(slot, found)| {
            let found = found?;
            let mask = frame.mapv(|pixel| usize::from(pixel) == slot);
            let [left, top] = [found.left as usize, found.top as usize];
            let [right, bottom] = [found.right as usize, found.bottom as usize];
            Some(Annotation {
                image_id: image_id.to_owned(),
                category_id: slot,
                bbox: [left, top, right - left + 1, bottom - top + 1],
                area: mask.iter().filter(|&&own| own).count(),
                segmentation: Rle::encode(mask.view()),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use slotflow_datasets::video::png::read_png_ids;

    use super::*;

    #[test]
    fn every_format_holds_the_same_masks() {
        let masks = Array3::from_shape_fn((2, 4, 5), |(t, y, x)| {
            u8::from(y > 1) * (1 + u8::from(x > 2) + t as u8)
        });
        let folder = tempfile::tempdir().unwrap();
        let formats = [MaskFormat::Npz, MaskFormat::Png, MaskFormat::CocoRle];
        let mut writer = MaskWriter::new(folder.path(), &formats).unwrap();
        writer.add(&ClipId::new("a"), &masks).unwrap();
        writer.finish().unwrap();

        let file = std::fs::File::open(folder.path().join("masks/a.npz")).unwrap();
        let mut archive = ndarray_npy::NpzReader::new(file).unwrap();
        let read: Array3<u8> = archive.by_name("masks").unwrap();
        assert_eq!(read, masks);
        let picture = read_png_ids(&folder.path().join("masks-png/a/0001.png")).unwrap();
        assert_eq!(picture, masks.index_axis(ndarray::Axis(0), 1));
        let text = std::fs::read_to_string(folder.path().join(COCO)).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let all = json.as_array().unwrap();
        assert_eq!(all.len(), 6, "three slots in each of two frames");
        let last = all.last().unwrap();
        assert_eq!(last["image_id"], "a/0001");
        assert_eq!(last["bbox"], serde_json::json!([3, 2, 2, 2]));
        let rle: Rle = serde_json::from_value(last["segmentation"].clone()).unwrap();
        let mask = rle.decode().unwrap();
        assert_eq!(
            mask.mapv(|own| u8::from(own) * 3),
            masks
                .index_axis(ndarray::Axis(0), 1)
                .mapv(|slot| if slot == 3 { 3 } else { 0 })
        );
    }
}
