//! Masks and boxes.

use ndarray::{Array2, Array3, Axis};
use serde_json::Value;
use slotflow_eval::boxes::{BoundingBox, boxes_of, detect, labels_of};
use slotflow_eval::segmentation::{MaskPair, SegProfile, Segmentation, measure, set_aside};

use crate::support::{agree, golden, number, numbers, u01};

/// Labels of one or several frames, `[time, height, width]`.
fn labels(value: &Value) -> Array3<u8> {
    let mut shape = Vec::new();
    let mut inner = value;
    while let Value::Array(list) = inner {
        shape.push(list.len());
        inner = &list[0];
    }
    let flat: Vec<u8> = numbers(value)
        .into_iter()
        .map(|label| label as u8)
        .collect();
    let (width, height) = (shape[shape.len() - 1], shape[shape.len() - 2]);
    Array3::from_shape_vec((flat.len() / width / height, height, width), flat).unwrap()
}

fn whole(profile: SegProfile, case: &Value) -> Segmentation {
    let (truth, prediction) = (labels(&case["gt"]), labels(&case["pred"]));
    let pair = MaskPair::new(truth.view(), prediction.view());
    measure(profile, pair).unwrap()[0]
}

/// Fails unless a score that may be absent agrees with a number, "nan" or "skip".
#[track_caller]
fn agree_if_defined(found: Option<f64>, expected: &Value, what: &str) {
    match (found, expected) {
        (None, Value::String(_)) => {}
        (Some(found), expected) => agree(found, number(expected), 1e-6, what),
        (None, expected) => assert!(
            expected.is_null(),
            "{what}: found nothing, expected {expected}"
        ),
    }
}

#[test]
fn label_maps_agree_with_four_implementations() {
    let all = golden("segmentation.json");
    for (name, case) in all["cases"].as_object().unwrap() {
        let quirky = whole(SegProfile::SlotdiffusionRawVideo, case);
        let exact = whole(SegProfile::ExactVideo, case);
        for found in [quirky, exact] {
            agree(found.ari, number(&case["ari"]["exact"]), 1e-12, name);
            agree(found.fg_ari, number(&case["fari"]["exact"]), 1e-12, name);
            agree(
                found.fg_ari,
                number(&case["fari"]["slotdiff_f32"]),
                5e-6,
                name,
            );
        }
        agree_if_defined(quirky.miou, &case["miou"], name);
        agree_if_defined(quirky.fg_miou, &case["fmiou"], name);
        agree_if_defined(quirky.mbo, &case["mbo"], name);
        agree_if_defined(exact.miou, &case["oclf"]["miou_hungarian_all"], name);
        agree_if_defined(exact.fg_miou, &case["oclf"]["miou_hungarian_fg"], name);
        agree_if_defined(exact.mbo, &case["oclf"]["abo_fg"], name);
    }
}

#[test]
fn exchanged_identities_cost_a_video_and_not_its_frames() {
    let case = &golden("segmentation.json")["video_vs_frame"];
    let (truth, prediction) = (labels(&case["gt"]), labels(&case["pred"]));
    for (profile, level) in [
        (SegProfile::SlotdiffusionVideo, "video_level"),
        (SegProfile::SlotdiffusionFrame, "frame_level"),
    ] {
        for found in measure(profile, MaskPair::new(truth.view(), prediction.view())).unwrap() {
            agree(found.fg_ari, number(&case[level]["fari"]), 5e-6, level);
            agree_if_defined(found.miou, &case[level]["miou"], level);
            agree_if_defined(found.mbo, &case[level]["mbo"], level);
        }
    }
}

#[test]
fn a_large_clip_agrees_although_the_reference_rounds() {
    let case = &golden("segmentation.json")["big_24x128x128"];
    let (time, height, width) = (24, 128, 128);
    let truth: Vec<u8> = (0..time * height * width)
        .map(|i| (i / (height * width / 8) % 9) as u8)
        .collect();
    let swap = |(i, &label): (usize, &u8)| {
        if u01("seg.big", i) < 0.1 {
            (label * 3 + 1) % 11
        } else {
            (label + 1) % 11
        }
    };
    let prediction: Vec<u8> = truth.iter().enumerate().map(swap).collect();
    let [truth, prediction] = [truth, prediction]
        .map(|flat| Array3::from_shape_vec((time, height, width), flat).unwrap());
    let pair = MaskPair::new(truth.view(), prediction.view());
    let found = measure(SegProfile::SlotdiffusionVideo, pair).unwrap()[0];
    agree(found.fg_ari, number(&case["fari_exact"]), 1e-12, "fg-ari");
    agree(
        found.fg_ari,
        number(&case["fari_f32"]),
        5e-6,
        "fg-ari in f32",
    );
    agree(found.ari, number(&case["ari_exact"]), 1e-12, "ari");
}

#[test]
fn items_without_objects_count_for_fg_ari_and_are_skipped_for_mbo() {
    let case = &golden("segmentation.json")["nan_batch"];
    let (truth, prediction) = (labels(&case["gt"]), labels(&case["pred"]));
    let pair = MaskPair::new(truth.view(), prediction.view());
    let items = measure(SegProfile::SlotdiffusionFrame, pair).unwrap();
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
    agree(
        mean(items.iter().map(|item| item.fg_ari).collect()),
        number(&case["fari_mean"]),
        1e-12,
        "fg-ari",
    );
    agree(
        mean(items.iter().filter_map(|item| item.mbo).collect()),
        number(&case["mbo_nanmean"]),
        1e-6,
        "mbo",
    );
    agree(
        mean(items.iter().filter_map(|item| item.miou).collect()),
        number(&case["miou"]),
        1e-6,
        "miou",
    );
    assert_eq!(
        items.iter().filter(|item| item.fg_ari_degenerate).count(),
        2
    );
}

#[test]
fn overlapping_pixels_count_for_nobody() {
    let case = &golden("segmentation.json")["coco_overlap"];
    let overlap = labels(&case["overlap"]).mapv(|flag| flag == 1);
    let (truth, prediction) = set_aside(
        labels(&case["gt"]).view(),
        labels(&case["pred"]).view(),
        overlap.view(),
    )
    .unwrap();
    let pair = MaskPair::new(truth.view(), prediction.view());
    let found = measure(SegProfile::SlotdiffusionVideo, pair).unwrap()[0];
    agree(found.fg_ari, number(&case["fari"]), 1e-6, "fg-ari");
    agree_if_defined(found.miou, &case["miou"], "miou");
    agree_if_defined(found.mbo, &case["mbo"], "mbo");
}

/// A row `[left, top, right, bottom]`; −1 means that there is no box.
fn bounding_box(row: &Value) -> Option<BoundingBox> {
    let row = numbers(row);
    (row[0] >= 0.0).then(|| BoundingBox {
        left: row[0],
        top: row[1],
        right: row[2],
        bottom: row[3],
    })
}

#[test]
fn boxes_agree_with_the_reference() {
    let all = golden("segmentation.json");
    for case in all["boxes"].as_array().unwrap() {
        let present = numbers(&case["present"]);
        let truth = case["gt"]
            .as_array()
            .unwrap()
            .iter()
            .zip(present)
            .filter(|(_, present)| *present > 0.0);
        let truth: Vec<_> = truth.filter_map(|(row, _)| bounding_box(row)).collect();
        let prediction: Vec<_> = case["pred"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(bounding_box)
            .collect();
        let (found, expected) = (
            detect(&truth, &prediction),
            numbers(&case["precision_recall"]),
        );
        agree(
            found.precision.unwrap(),
            expected[0],
            1e-12,
            case["name"].as_str().unwrap(),
        );
        agree(
            found.recall.unwrap(),
            expected[1],
            1e-12,
            case["name"].as_str().unwrap(),
        );
    }
    let case = &all["mask_to_box"];
    let mask = labels(&case["mask"]);
    let found = boxes_of(
        mask.index_axis(Axis(0), 0),
        number(&case["num_boxes"]) as usize,
    );
    let expected: Vec<_> = case["boxes"]
        .as_array()
        .unwrap()
        .iter()
        .map(bounding_box)
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn soft_masks_become_the_labels_of_the_reference() {
    let case = &golden("segmentation.json")["postproc_mask"];
    let masks = Array3::from_shape_fn((3, 4, 6), |(slot, y, x)| {
        0.8 * u01(&format!("pp.{slot}"), y * 6 + x) as f32
    });
    let expected = labels(&case["masks"]).index_axis_move(Axis(0), 0);
    let found: Array2<u8> = labels_of(masks.view()).unwrap();
    assert_eq!(found, expected);
}
