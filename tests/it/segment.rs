//! Segmentation: generated clips and own pictures to masks, tables and a page.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use ndarray::{Array3, Array4, s};
use slotflow_datasets::video::png::read_png_ids;
use slotflow_datasets::video::write_png;
use slotflow_eval::ScoreTable;

use crate::support::{Product, contents};

const SMALL: [&str; 8] = [
    "run", "segment", "--quiet", "--device", "cpu", "--frames", "6", "--out",
];

fn small<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let own = SMALL.iter().copied().chain([out]);
    own.chain(more.iter().copied()).collect()
}

/// Paths of all files in a folder, below it, with `/` between.
fn names_of(folder: &Path) -> Vec<String> {
    let files = contents(folder).into_iter();
    files.map(|(path, _)| path.display().to_string()).collect()
}

fn masks(product: &Product, path: &str) -> Array3<u8> {
    let file = fs::File::open(product.path(path)).unwrap();
    let mut archive = ndarray_npy::NpzReader::new(file).unwrap();
    archive.by_name("masks").unwrap()
}

#[test]
fn clips_are_segmented_and_scored_where_the_truth_is_known() {
    let product = Product::new();
    let said = product.succeed(&small("out", &["--clips", "2"]));
    assert_eq!(said.trim(), "out/report.html");
    let names = names_of(&product.path("out"));
    for name in ["boxes.csv", "items.csv", "report.html", "slots.csv"] {
        assert!(names.contains(&name.to_owned()), "no {name} in {names:?}");
    }
    assert!(
        !names.contains(&"levels.csv".to_owned()),
        "nobody asked for levels"
    );
    for folder in ["masks/", "overlays/", "slots/"] {
        let found = names.iter().filter(|name| name.starts_with(folder));
        assert_eq!(found.count(), 2, "{folder} in {names:?}");
    }
    let scores = ScoreTable::load(&product.path("out/scores.csv")).unwrap();
    let value = |metric: &str| {
        let row = scores.rows.iter().find(|row| row.metric == metric).unwrap();
        (row.value.unwrap(), row.floor.unwrap())
    };
    for metric in ["miou", "ari", "mbo", "corloc", "box-ar"] {
        let (value, floor) = value(metric);
        assert!(value > floor, "{metric}: {value} against {floor}");
    }
    let page = fs::read_to_string(product.path("out/report.html")).unwrap();
    for part in [
        "alt=\"frames, frame 5\"",
        "alt=\"overlay, frame 0\"",
        "alt=\"true masks, frame 5\"",
        "alt=\"slot 0, frame 0\"",
        "<dt>FG-ARI</dt>",
        "class=\"badge best\"",
    ] {
        assert!(page.contains(part), "no {part}");
    }
    let slots = fs::read_to_string(product.path("out/slots.csv")).unwrap();
    assert_eq!(slots.lines().count(), 1 + 2 * 7, "one row a clip and slot");

    // The frames and truth are decoded at the other size, the clips are not encoded anew for a second size.
    product.succeed(&small(
        "large",
        &["--clips", "2", "--set", "segment.size=[96, 128]"],
    ));
    let first = names_of(&product.path("large/masks")).remove(0);
    assert_eq!(
        masks(&product, &format!("large/masks/{first}")).dim(),
        (6, 96, 128)
    );
    let scores = ScoreTable::load(&product.path("large/scores.csv")).unwrap();
    assert!(
        scores.rows[0]
            .note
            .contains("masks of 96×128, attention enlarged by `bilinear`")
    );
}

#[test]
fn slots_that_are_alike_merge_to_levels_that_lie_within_one_another() {
    let product = Product::new();
    let levels = ["--clips", "2", "--set", "segment.levels=[5, 2]"];
    product.succeed(&small("out", &levels));
    let table = fs::read_to_string(product.path("out/levels.csv")).unwrap();
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split(',').collect())
        .collect();
    assert_eq!(rows[0], ["clip", "segments", "segment", "slots", "part-of"]);
    let clips = names_of(&product.path("out/levels"));
    assert_eq!(clips.len(), 2);
    for clip in &clips {
        let file = fs::File::open(product.path("out/levels").join(clip)).unwrap();
        let mut archive = ndarray_npy::NpzReader::new(file).unwrap();
        let mut level =
            |count| -> Array3<u8> { archive.by_name(&format!("segments-{count}")).unwrap() };
        let maps = [
            masks(&product, &format!("out/masks/{clip}")),
            level(5),
            level(2),
        ];
        let name = clip.trim_end_matches(".npz");
        for (place, count) in ["7", "5", "2"].iter().enumerate() {
            let of_level = rows.iter().filter(|row| row[0] == name && row[1] == *count);
            let mut named = BTreeSet::new();
            for row in of_level {
                let segment: u8 = row[2].parse().unwrap();
                named.insert(segment);
                let Some(coarser) = maps.get(place + 1) else {
                    assert_eq!(row[4], "");
                    continue;
                };
                let pixels = maps[place].iter().zip(coarser);
                let mut inside = pixels.filter(|(part, _)| **part == segment);
                let whole: u8 = row[4].parse().unwrap();
                assert!(inside.all(|(_, of)| *of == whole), "{row:?}");
            }
            assert_eq!(named, maps[place].iter().copied().collect(), "{count}");
        }
    }
    let scores = ScoreTable::load(&product.path("out/scores.csv")).unwrap();
    let mbo = |subset: &str| {
        let of = |row: &&slotflow_eval::Score| row.metric == "mbo" && row.subset == subset;
        scores.rows.iter().find(of).unwrap().value.unwrap()
    };
    assert!(
        mbo("observed-best-level") >= mbo("observed"),
        "{:?}",
        scores.rows
    );
    assert!(
        mbo("observed-2-segments") < mbo("observed"),
        "{:?}",
        scores.rows
    );
    let page = fs::read_to_string(product.path("out/report.html")).unwrap();
    assert!(
        page.contains("alt=\"2 segments, frame 0\""),
        "no level in the page"
    );
}

#[test]
fn levels_that_slots_do_not_have_are_refused() {
    let product = Product::new();
    for wrong in ["[7]", "[2, 5]", "[6, 5, 4]", "[0]"] {
        let change = format!("segment.levels={wrong}");
        let said = product.fail(2, &small("wrong", &["--clips", "2", "--set", &change]));
        assert!(said.contains("segment.levels"), "{said}");
    }
}

#[test]
fn own_pictures_become_masks_of_every_format() {
    let product = Product::new();
    fs::create_dir(product.path("pictures")).unwrap();
    for (name, left) in [("a.png", 10), ("b.png", 40)] {
        let mut picture = Array4::from_elem((1, 80, 80, 3), 128);
        picture
            .slice_mut(s![.., 30..50, left..left + 20, 0])
            .fill(250);
        let path = product.path("pictures").join(name);
        write_png(&path, picture.index_axis(ndarray::Axis(0), 0)).unwrap();
    }
    let formats = "report.masks=[\"npz\", \"png\", \"coco-rle\"]";
    product.succeed(&small(
        "out",
        &[
            "--dataset",
            "pictures",
            "--root",
            "pictures",
            "--set",
            formats,
        ],
    ));
    let picture = read_png_ids(&product.path("out/masks-png/a/0000.png")).unwrap();
    let archive = masks(&product, "out/masks/a.npz");
    assert_eq!(picture, archive.index_axis(ndarray::Axis(0), 0));
    let text = fs::read_to_string(product.path("out/masks-coco.json")).unwrap();
    let annotations: serde_json::Value = serde_json::from_str(&text).unwrap();
    let of = |name: &str| {
        let all = annotations.as_array().unwrap().iter();
        all.filter(|one| one["image_id"] == name).count()
    };
    assert!(of("a") > 0 && of("b") > 0, "{text}");
    assert!(
        product.path("out/overlays/a.png").is_file(),
        "a picture, no video"
    );
    let page = fs::read_to_string(product.path("out/report.html")).unwrap();
    assert!(page.contains("there is nothing to score") && page.contains("data:image/png"));
}

#[test]
fn any_run_ends_behind_the_stage_that_is_named() {
    let product = Product::new();
    let until = |plan: &'static str, stage: &'static str| {
        let common = ["run", plan, "--clips", "1", "--quiet", "--device", "cpu"];
        [&common[..], &["--until", stage, "--out", "out"]].concat()
    };
    let said = product.succeed(&until("video-predict", "encode"));
    let folder = product.path(said.trim());
    assert!(folder.join("manifest.json").is_file(), "{said}");
    assert!(!product.path("out").exists(), "nothing is reported");
    let cached = names_of(&product.path(".cache"));
    assert!(
        !cached.iter().any(|name| name.starts_with("rollout")),
        "{cached:?}"
    );

    let said = product.fail(2, &until("segment", "rollout"));
    assert!(
        said.contains("this plan has no stage `rollout`")
            && said.contains("decode, encode, segment, score-masks"),
        "{said}"
    );
}

#[test]
fn slots_come_of_regions_without_a_slot_encoder() {
    let product = Product::new();
    let pixels = [
        "--clips",
        "1",
        "--set",
        "encode.regions={ count = 4, features = \"pixels\" }",
    ];
    product.succeed(&small("k-means", &pixels));
    let scores = ScoreTable::load(&product.path("k-means/scores.csv")).unwrap();
    let found = scores.rows.iter().find(|row| row.metric == "miou").unwrap();
    assert!(found.value.unwrap() > 0.0, "{found:?}");

    let elsewhere = |count: usize| {
        format!(
            "encode.regions={{ count = {count}, masks = \"k-means/masks\", features = \"network\" }}"
        )
    };
    let masked = elsewhere(4);
    product.succeed(&small("masked", &["--clips", "1", "--set", &masked]));
    let name = names_of(&product.path("k-means/masks")).remove(0);
    let read = |run: &str| masks(&product, &format!("{run}/masks/{name}"));
    assert_eq!(read("masked"), read("k-means"), "the masks that were given");
    let few = elsewhere(2);
    let said = product.fail(1, &small("few", &["--clips", "1", "--set", &few]));
    assert!(said.contains("`encode.regions.count` is 2"), "{said}");
    let output = product.run(&small("two", &["--clips", "2", "--set", &masked]));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        output.status.code(),
        Some(3),
        "the other clip is done: {said}"
    );
    assert!(said.contains("has no masks of"), "{said}");
}
