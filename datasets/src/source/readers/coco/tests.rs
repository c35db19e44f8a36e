//! COCO: miniature trees in the published layout.

use std::fs;
use std::path::Path;

use ndarray::{Array3, Axis, s};
use serde_json::{Value, json};

use super::open;
use crate::error::DataError;
use crate::source::config::SourceConfig;
use crate::source::interface::{GroundTruth, Source};
use crate::source::split::Split;
use crate::video::write_png;
use crate::window::{Fit, FrameSampling, Window};

const WINDOW: Window = Window {
    start: 0,
    count: None,
    pace: FrameSampling::Stride(1),
    size: [8, 8],
    fit: Fit::Crop,
};

/// A rectangle's outline.
fn rectangle([left, top, right, bottom]: [u32; 4]) -> Value {
    json!([[left, top, right, top, right, bottom, left, bottom]])
}

fn annotation(image: u64, category: u64, segmentation: Value) -> Value {
    json!({"id": 5, "image_id": image, "category_id": category, "iscrowd": 0, "area": 1.5,
        "bbox": [0, 0, 1, 1], "segmentation": segmentation})
}

fn write(root: &Path, set: &str, folder: &str, annotations: &[Value]) {
    fs::create_dir_all(root.join(folder)).unwrap();
    fs::create_dir_all(root.join("annotations")).unwrap();
    let mut images = Vec::new();
    for id in [30_u64, 9, 25] {
        let name = format!("{id:012}.jpg");
        let pixel = |(y, x, _): (usize, usize, usize)| (20 * y + x) as u8;
        let picture = Array3::from_shape_fn((8, 8, 3), pixel);
        write_png(&root.join(folder).join(&name), picture.view()).unwrap();
        images.push(json!({"license": 1, "file_name": name, "height": 8, "width": 8, "id": id}));
    }
    let text = json!({"info": {"year": 2017}, "licenses": [], "images": images, "annotations": annotations,
        "categories": [{"supercategory": "person", "id": 1, "name": "person"}, {"id": 90, "name": "toothbrush"}]});
    let path = root.join(format!("annotations/instances_{set}.json"));
    fs::write(path, text.to_string()).unwrap();
}

fn opened(root: &Path, split: Split) -> Result<Box<dyn Source>, DataError> {
    let config = SourceConfig {
        root: Some(root.to_owned()),
        split,
        ..SourceConfig::default()
    };
    open("coco", &config)
}

#[test]
fn instances_lie_over_each_other_and_where_they_meet_is_void() {
    let root = tempfile::tempdir().unwrap();
    let mut crowd = annotation(9, 1, json!({"size": [8, 8], "counts": [0, 64]}));
    crowd["iscrowd"] = json!(1);
    let mut ignored = annotation(9, 1, rectangle([0, 0, 8, 8]));
    ignored["ignore"] = json!(true);
    let annotations = [
        annotation(9, 90, rectangle([0, 0, 4, 4])),
        annotation(25, 1, json!({"size": [8, 8], "counts": [8, 16, 40]})),
        crowd,
        annotation(9, 1, rectangle([2, 2, 6, 6])),
        ignored,
        annotation(9, 77, rectangle([0, 0, 8, 8])),
        annotation(25, 1, json!({"size": [8, 8], "counts": "8`0X1"})),
    ];
    write(root.path(), "val2017", "images/val2017", &annotations);
    let source = opened(root.path(), Split::Test).unwrap();
    assert_eq!(source.len(), 3);
    let names: Vec<String> = (0..3).map(|index| source.id(index).to_string()).collect();
    assert_eq!(names, ["000000000030", "000000000009", "000000000025"]);
    let sample = source.sample(1, &WINDOW).unwrap();
    let frame = |labels: Array3<u8>| labels.index_axis_move(Axis(0), 0);
    let (masks, classes) = (frame(sample.masks.unwrap()), frame(sample.classes.unwrap()));
    let void = sample.void.unwrap().index_axis_move(Axis(0), 0);
    assert!(masks.slice(s![..2, ..4]).iter().all(|id| *id == 1));
    assert!(masks.slice(s![2..6, 2..6]).iter().all(|id| *id == 2));
    assert_eq!(masks.iter().filter(|id| **id != 0).count(), 16 + 16 - 4);
    assert_eq!(
        (classes[[0, 0]], classes[[5, 5]], classes[[7, 7]]),
        (2, 1, 0)
    );
    assert!(void.slice(s![2..4, 2..4]).iter().all(|void| *void));
    assert_eq!(void.iter().filter(|void| **void).count(), 4);
    let runs = frame(source.sample(2, &WINDOW).unwrap().masks.unwrap());
    assert_eq!(
        (runs[[0, 1]], runs[[7, 2]], runs[[0, 0]], runs[[0, 3]]),
        (1, 1, 0, 0)
    );
    let empty = source.sample(0, &WINDOW).unwrap();
    assert!(empty.masks.unwrap().iter().all(|id| *id == 0));
    assert!(source.knows(GroundTruth::Masks));
    assert_ne!(source.identity(0).unwrap(), source.identity(1).unwrap());
}

#[test]
fn training_leaves_out_what_has_no_annotation() {
    let root = tempfile::tempdir().unwrap();
    let annotations = [
        annotation(25, 1, rectangle([0, 0, 4, 4])),
        annotation(77, 1, rectangle([0, 0, 4, 4])),
    ];
    write(root.path(), "train2017", "train2017", &annotations);
    let source = opened(root.path(), Split::Train).unwrap();
    assert_eq!((source.len(), source.id(0).as_str()), (1, "000000000025"));
    assert_eq!(source.unjoined()[0].0, "image_id 77");
    fs::remove_file(root.path().join("train2017/000000000025.jpg")).unwrap();
    let said = opened(root.path(), Split::Train).err().unwrap().to_string();
    assert!(said.starts_with("it names no picture"), "{said}");
    let error = opened(root.path(), Split::Val).err().unwrap();
    assert!(matches!(error, DataError::Missing { .. }), "{error}");
}

#[test]
fn a_damaged_annotation_leaves_out_its_picture_by_name() {
    for (segmentation, reason) in [
        (
            json!([[20, 20, 30, 20, 30, 30]]),
            "wholly outside the picture",
        ),
        (json!([[1, 2, 3, 4]]), "a polygon of 4 numbers"),
        (
            json!({"size": [8, 8], "counts": [3, 4]}),
            "cover 7 pixels of 64",
        ),
        (
            json!({"size": [8, 9], "counts": [72]}),
            "a mask of [8, 9] pixels for a picture of [8, 8]",
        ),
        (
            json!({"size": [8, 8], "counts": "0"}),
            "cover 0 pixels of 64",
        ),
        (json!("none"), "did not match any variant"),
        (Value::Null, "no segmentation"),
    ] {
        let root = tempfile::tempdir().unwrap();
        let annotations = [
            annotation(9, 1, rectangle([0, 0, 4, 4])),
            annotation(30, 1, rectangle([0, 0, 4, 4])),
            annotation(30, 1, segmentation),
        ];
        write(root.path(), "val2017", "images/val2017", &annotations);
        let source = opened(root.path(), Split::Val).unwrap();
        assert!(source.sample(1, &WINDOW).is_ok());
        let said = source.sample(0, &WINDOW).unwrap_err().to_string();
        for part in [
            "picture 30 (000000000030.jpg)",
            "annotation 1",
            reason,
            "instances_val2017.json",
        ] {
            assert!(said.contains(part), "{said}");
        }
    }
}
