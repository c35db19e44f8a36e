//! Data sets of photographs: COCO 2017 and PASCAL VOC 2012.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use ndarray::{Array2, ArrayView2};
use serde_json::{Value, json};
use slotflow_datasets::Split;
use slotflow_datasets::rle::Rle;

use crate::scene::{CLIPS, Fault, still, write_jpeg, write_palette};

/// The label of pixels that are not counted.
const VOID: u8 = 255;

/// Height and width of a picture: lying or standing.
fn size(clip: usize) -> [usize; 2] {
    if clip.is_multiple_of(2) {
        [96, 128]
    } else {
        [128, 96]
    }
}

/// COCO 2017: outlines, compressed runs, and a crowd in plain runs.
pub fn coco(root: &Path) -> Result<(), Fault> {
    for (split, set) in [(Split::Train, "train2017"), (Split::Val, "val2017")] {
        let (mut images, mut annotations) = (Vec::new(), Vec::new());
        for clip in 0..CLIPS {
            let (picture, mask) = still(split, clip, size(clip))?;
            let (id, [height, width]) = (100 + clip, size(clip));
            let name = format!("{id:012}.jpg");
            write_jpeg(&root.join("images").join(set).join(&name), picture.view())?;
            images.push(json!({"id": id, "file_name": name, "height": height, "width": width}));
            for object in 1..=mask.iter().copied().max().unwrap_or(0) {
                let own = mask.mapv(|pixel| pixel == object);
                if let Some(segmentation) = segmentation(object, own.view()) {
                    annotations.push(annotation(annotations.len(), id, 0, segmentation));
                }
            }
            let crowd =
                json!({"size": [height, width], "counts": [0, height, (width - 1) * height]});
            annotations.push(annotation(annotations.len(), id, 1, crowd));
        }
        let text = json!({"info": {"year": 2017}, "licenses": [], "images": images, "annotations": annotations,
            "categories": [{"id": 1, "name": "person"}, {"id": 90, "name": "toothbrush"}]});
        fs::create_dir_all(root.join("annotations"))?;
        let path = root.join(format!("annotations/instances_{set}.json"));
        fs::write(path, text.to_string())?;
    }
    Ok(())
}

/// An instance: of every second object the outline of its box, of the others compressed runs.
fn segmentation(object: u8, own: ArrayView2<'_, bool>) -> Option<Value> {
    let pixels = || {
        own.indexed_iter()
            .filter(|(_, own)| **own)
            .map(|(at, _)| at)
    };
    let (top, bottom) = (
        pixels().map(|at| at.0).min()?,
        pixels().map(|at| at.0).max()? + 1,
    );
    let (left, right) = (
        pixels().map(|at| at.1).min()?,
        pixels().map(|at| at.1).max()? + 1,
    );
    if object % 2 == 1 {
        return Some(json!([[
            left, top, right, top, right, bottom, left, bottom
        ]]));
    }
    let runs = Rle::encode(own);
    Some(json!({"size": runs.size, "counts": runs.counts}))
}

fn annotation(id: usize, image: usize, crowd: u8, segmentation: Value) -> Value {
    json!({"id": id, "image_id": image, "category_id": if id.is_multiple_of(2) { 1 } else { 90 }, "iscrowd": crowd,
        "area": 1.0, "bbox": [0, 0, 1, 1], "segmentation": segmentation})
}

/// PASCAL VOC 2012: the larger training set has classes alone, validation classes and instances.
pub fn voc(root: &Path) -> Result<(), Fault> {
    fs::create_dir_all(root.join("sets"))?;
    for (split, list, year) in [(Split::Train, "trainaug", 2008), (Split::Val, "val", 2007)] {
        let mut names = String::new();
        for clip in 0..CLIPS {
            let name = format!("{year}_{clip:06}");
            let (picture, mask) = still(split, clip, size(clip))?;
            write_jpeg(&root.join(format!("images/{name}.jpg")), picture.view())?;
            let instances = outlined(&mask);
            let classes = instances.mapv(|id| {
                if id == 0 || id == VOID {
                    id
                } else {
                    id % 20 + 1
                }
            });
            if split == Split::Train {
                write_palette(
                    &root.join(format!("SegmentationClassAug/{name}.png")),
                    classes.view(),
                )?;
            } else {
                write_palette(
                    &root.join(format!("SegmentationClass/{name}.png")),
                    classes.view(),
                )?;
                write_palette(
                    &root.join(format!("SegmentationObject/{name}.png")),
                    instances.view(),
                )?;
            }
            writeln!(names, "{name}")?;
        }
        fs::write(root.join(format!("sets/{list}.txt")), names)?;
    }
    fs::create_dir_all(root.join("SegmentationClass"))?;
    Ok(())
}

/// Instances with a void line where two meet.
fn outlined(mask: &Array2<u8>) -> Array2<u8> {
    Array2::from_shape_fn(mask.dim(), |(y, x)| {
        let right = mask.get((y, x + 1)).copied();
        if right.is_some_and(|right| right != mask[[y, x]]) {
            VOID
        } else {
            mask[[y, x]]
        }
    })
}
