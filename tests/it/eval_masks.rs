//! `pipeline eval` of masks: every way that they are stored, gaps between ids, pixels that do not count, other sizes.

use std::fs::{self, File};
use std::path::Path;

use ndarray::{Array3, Array4, Axis, Dimension, OwnedRepr};
use ndarray_npy::{NpzWriter, WritableElement};
use slotflow_eval::ScoreTable;

use crate::support::Product;

/// Four parts of a clip, numbered from 0.
fn parts() -> Array3<u8> {
    Array3::from_shape_fn((2, 8, 12), |(t, y, x)| (y / 4 * 2 + (x + t) / 6 % 2) as u8)
}

fn write<T: WritableElement, D: Dimension>(
    path: &Path,
    masks: &ndarray::ArrayBase<OwnedRepr<T>, D>,
) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut npz = NpzWriter::new(File::create(path).unwrap());
    npz.add_array("masks", masks).unwrap();
    npz.finish().unwrap();
}

fn scored(product: &Product, metrics: &str, more: &[&str]) -> ScoreTable {
    let folders = ["eval", "--pred-masks", "pred", "--truth-masks", "truth"];
    let asked = [&folders[..], &["--metrics", metrics], more].concat();
    product.succeed(&asked);
    ScoreTable::load(&product.path("scores.csv")).unwrap()
}

#[test]
fn masks_of_every_kind_of_whole_number_are_read() {
    let product = Product::new();
    let parts = parts();
    macro_rules! kinds {
        ($($kind:ty),*) => {$(
            let masks = parts.mapv(|label| <$kind>::try_from(label).unwrap());
            write(&product.path(concat!("pred/", stringify!($kind), ".npz")), &masks);
            write(&product.path(concat!("truth/", stringify!($kind), ".npz")), &parts);
        )*};
    }
    kinds!(u8, u16, u32, u64, i8, i16, i32, i64);
    let channel: Array4<i32> = parts.mapv(i32::from).insert_axis(Axis(3));
    write(&product.path("pred/channel.npz"), &channel);
    write(&product.path("truth/channel.npz"), &parts);
    let large = parts.mapv(|label| 1000 * u32::from(label));
    write(&product.path("pred/large.npz"), &large);
    write(&product.path("truth/large.npz"), &large);
    let flags = parts.mapv(|label| label > 1);
    write(&product.path("pred/flags.npz"), &flags);
    write(&product.path("truth/flags.npz"), &flags.mapv(u8::from));
    let table = scored(&product, "ari,miou", &[]);
    for metric in ["ari", "miou"] {
        let row = table.find(metric, "masks").unwrap();
        assert_eq!((row.n_items, row.n_skipped), (11, 0), "{row:?}");
        assert!((row.value.unwrap() - 1.0).abs() < 1e-6, "{row:?}");
    }
}

#[test]
fn gaps_between_ids_are_no_objects_and_void_pixels_do_not_count() {
    let product = Product::new();
    let gaps = parts().mapv(|label| [0_i64, 3, 7, 255][usize::from(label)]);
    write(&product.path("truth/v.npz"), &gaps);
    write(&product.path("pred/v.npz"), &gaps);
    let table = scored(&product, "miou,mbo,miou:slotdiffusion-raw-video", &[]);
    assert!((table.find("mbo", "masks").unwrap().value.unwrap() - 1.0).abs() < 1e-6);
    let of = |profile: &str| {
        let mut rows = table.rows.iter();
        let row = rows.find(|row| row.metric == "miou" && row.profile == profile);
        row.unwrap().value.unwrap()
    };
    assert!((of("slotdiffusion-video") - 1.0).abs() < 1e-6);
    assert!((of("slotdiffusion-raw-video") - 4.0 / 256.0).abs() < 1e-6);

    // Wrong exactly where the truth is void.
    let wrong = gaps.mapv(|id| if id == 255 { 3 } else { id });
    write(&product.path("pred/v.npz"), &wrong);
    let row = |table: &ScoreTable| table.find("fg-ari", "masks").unwrap().clone();
    let without = row(&scored(&product, "fg-ari,miou", &[]));
    assert!(without.value.unwrap() < 1.0, "{without:?}");
    let table = scored(&product, "fg-ari,miou,box-ar", &["--void", "255"]);
    for metric in ["fg-ari", "miou", "box-ar"] {
        let row = table.find(metric, "masks").unwrap();
        assert!((row.value.unwrap() - 1.0).abs() < 1e-6, "{row:?}");
        assert!(row.note.contains("the true id 255 left out"), "{row:?}");
    }
}

#[test]
fn masks_alone_have_a_floor_and_pictures() {
    let product = Product::new();
    for (name, shift) in [("a", 0), ("b", 1)] {
        write(&product.path(&format!("truth/{name}.npz")), &parts());
        let shifted =
            Array3::from_shape_fn((2, 8, 12), |(t, y, x)| parts()[[t, y, (x + shift) % 12]]);
        write(&product.path(&format!("pred/{name}.npz")), &shifted);
    }
    let table = scored(&product, "fg-ari,miou", &["--report", "page.html"]);
    for metric in ["fg-ari", "miou"] {
        let row = table.find(metric, "masks").unwrap();
        let floor = row.floor.unwrap();
        assert!(
            floor < row.value.unwrap() && row.ceiling == Some(1.0),
            "{row:?}"
        );
        assert!(
            row.note.contains("masks that never look: stripes "),
            "{row:?}"
        );
    }
    let page = fs::read_to_string(product.path("page.html")).unwrap();
    for part in [
        "alt=\"true masks, frame 1\"",
        "alt=\"predicted masks, frame 0\"",
        "<span class=\"badge best\">best</span>",
        "pipeline eval --pred-masks pred",
    ] {
        assert!(page.contains(part), "no {part}");
    }
    assert_eq!(
        page.matches("<video").count(),
        2 * 2,
        "two clips, two sides"
    );
}

#[test]
fn ids_below_zero_are_void_or_refused_by_name() {
    let product = Product::new();
    let masks = parts().mapv(|label| i64::from(label) - 1);
    write(&product.path("truth/v.npz"), &masks);
    write(&product.path("pred/v.npz"), &masks);
    let folders = ["eval", "--pred-masks", "pred", "--truth-masks", "truth"];
    let said = product.leave_out(&[&folders[..], &["--metrics", "ari"]].concat());
    assert!(said.contains("the id -1 is below 0"), "{said}");
    let table = scored(&product, "ari", &["--void", "-1"]);
    assert_eq!(table.find("ari", "masks").unwrap().value, Some(1.0));
}

#[test]
fn masks_of_another_size_are_resized_where_that_is_asked_for() {
    let product = Product::new();
    let small = parts();
    let large = Array3::from_shape_fn((2, 16, 24), |(t, y, x)| small[[t, y / 2, x / 2]]);
    write(&product.path("truth/v.npz"), &large);
    write(&product.path("pred/v.npz"), &small);
    let folders = ["eval", "--pred-masks", "pred", "--truth-masks", "truth"];
    product.leave_out(&[&folders[..], &["--metrics", "ari"]].concat());
    let table = scored(&product, "ari", &["--resize", "nearest"]);
    let row = table.find("ari", "masks").unwrap();
    assert_eq!(row.value, Some(1.0));
    assert!(row.note.contains("nearest neighbour"), "{row:?}");
}

/// What hostile or broken writers make: a header without end, lengths that no memory holds, an archive cut short.
#[test]
fn a_broken_array_costs_its_clip_and_no_more() {
    let product = Product::new();
    let header = |text: &str| {
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend((text.len() as u16).to_le_bytes());
        file.extend(text.as_bytes());
        file
    };
    let kinds = [
        header(&"{".repeat(60_000)),
        header(
            "{'descr': '|u1', 'fortran_order': False, 'shape': (0, 9000000000000000000, 9000000000000000000), }",
        ),
        header("{'descr': '|u1', 'fortran_order': False, 'shape': (8000000000000000000,), }"),
        b"no array".to_vec(),
    ];
    for (number, bytes) in kinds.iter().enumerate() {
        for side in ["pred", "truth"] {
            write(&product.path(&format!("{side}/good.npz")), &parts());
            fs::write(product.path(&format!("{side}/{number}.npy")), bytes).unwrap();
        }
    }
    std::os::unix::fs::symlink("nowhere", product.path("pred/link.npz")).unwrap();
    write(&product.path("truth/link.npz"), &parts());
    let folders = ["eval", "--pred-masks", "pred", "--truth-masks", "truth"];
    let said = product.leave_out(&[&folders[..], &["--metrics", "ari"]].concat());
    for clip in [
        "left out 0",
        "left out 1",
        "left out 2",
        "left out 3",
        "left out link",
    ] {
        assert!(said.contains(clip), "{clip}: {said}");
    }
    let table = ScoreTable::load(&product.path("scores.csv")).unwrap();
    assert_eq!(table.find("ari", "masks").unwrap().value, Some(1.0));
}
