//! `pipeline eval` from outside: two folders in, two tables out.

use std::fs::{self, File};
use std::path::Path;

use ndarray::{Array3, Array4, Axis};
use ndarray_npy::NpzWriter;
use slotflow_datasets::video::write_png;
use slotflow_eval::{ItemTable, Score, ScoreTable};

use crate::support::Product;

/// Truth and prediction of a clip that anyone can rebuild.
fn clip(number: usize) -> [Array4<u8>; 2] {
    let truth = Array4::from_shape_fn((3, 20, 24, 3), |(t, y, x, c)| {
        ((t * 31 + y * 7 + x * 3 + c * 50 + number * 11) % 256) as u8
    });
    let prediction = Array4::from_shape_fn(truth.dim(), |(t, y, x, c)| {
        truth[[t, y, x, c]].saturating_add(((t * 5 + y * x + c) % 17) as u8)
    });
    [truth, prediction]
}

/// What scikit-image says of the pixels of the first two clips (`tests/golden/lossless/make.py`).
fn expected() -> Vec<(String, f64)> {
    let path = golden("lossless/expected.json");
    let text = fs::read_to_string(path).unwrap();
    let values: std::collections::BTreeMap<String, f64> = serde_json::from_str(&text).unwrap();
    values.into_iter().collect()
}

fn golden(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name)
}

fn assert_expected(scores: &ScoreTable) {
    let wanted = expected();
    assert_eq!(wanted.len(), 4);
    for (name, expected) in wanted {
        let (metric, profile) = name.split_once(':').unwrap();
        let row = score(scores, metric, profile);
        let found = row.value.unwrap();
        assert!(
            (found - expected).abs() < 1e-10 * expected,
            "{name}: {found}"
        );
        assert!(
            row.ci_low <= row.value && row.value <= row.ci_high,
            "{row:?}"
        );
        assert_eq!(
            (row.n_items, row.n_skipped, row.provenance.seed),
            (2, 0, Some(0))
        );
        assert_eq!(row.unknown_fields(), Vec::<&str>::new());
    }
}

fn write_frames(folder: &Path, frames: &Array4<u8>) {
    fs::create_dir_all(folder).unwrap();
    for (time, frame) in frames.axis_iter(Axis(0)).enumerate() {
        write_png(&folder.join(format!("{time:04}.png")), frame).unwrap();
    }
}

/// A folder `truth` and a folder `pred` of `count` clips.
fn folders(product: &Product, count: usize) {
    for number in 0..count {
        let [truth, prediction] = clip(number);
        write_frames(&product.path(&format!("truth/clip_{number}")), &truth);
        write_frames(&product.path(&format!("pred/clip_{number}")), &prediction);
    }
}

/// `pipeline eval` of the two folders.
fn of_videos(list: &str) -> [&str; 7] {
    [
        "eval",
        "--pred",
        "pred",
        "--truth",
        "truth",
        "--metrics",
        list,
    ]
}

fn score<'a>(table: &'a ScoreTable, metric: &str, profile: &str) -> &'a Score {
    let found = table
        .rows
        .iter()
        .find(|row| row.metric == metric && row.profile == profile);
    found.unwrap_or_else(|| panic!("no {metric}:{profile}"))
}

#[test]
fn frame_folders_get_the_numbers_of_scikit_image() {
    let product = Product::new();
    folders(&product, 2);
    let list = "psnr,ssim,ssim:uniform7-skimage,mse";
    product.succeed(&of_videos(list));
    let scores = ScoreTable::load(&product.path("scores.csv")).unwrap();
    assert_expected(&scores);
    let items = ItemTable::load(&product.path("items.csv")).unwrap();
    assert_eq!(items.rows.len(), 4 * 6);
    let again = fs::read(product.path("scores.csv")).unwrap();
    product.succeed(&of_videos(list));
    assert_eq!(fs::read(product.path("scores.csv")).unwrap(), again);
}

#[cfg(feature = "video")]
#[test]
fn folders_of_videos_get_the_numbers_of_scikit_image() {
    let product = Product::new();
    let [pred, truth] = ["pred", "truth"].map(|side| golden("lossless").join(side));
    let [pred, truth] = [pred.to_str().unwrap(), truth.to_str().unwrap()];
    let list = "psnr,ssim,ssim:uniform7-skimage,mse";
    let page = ["--report", "out/page.html"];
    let folders = ["eval", "--pred", pred, "--truth", truth, "--metrics", list];
    product.succeed(&[&folders[..], &page].concat());
    assert_expected(&ScoreTable::load(&product.path("scores.csv")).unwrap());
    let page = fs::read_to_string(product.path("out/page.html")).unwrap();
    for words in ["PSNR", "SSIM", "clip_1", "against frame</title>"] {
        assert!(page.contains(words), "no {words}");
    }
    assert_eq!(
        page.matches("<video").count(),
        2 * 2,
        "two clips, two sides"
    );
    assert!(!page.contains("src=\"http") && !page.contains("href=\"http"));
}

#[cfg(feature = "video")]
#[test]
fn a_video_gets_the_numbers_of_its_decoded_frames() {
    use slotflow_datasets::video::{Format, read, write};
    use slotflow_datasets::{Fit, FrameSampling, Window};

    let product = Product::new();
    let window = Window {
        start: 0,
        count: None,
        pace: FrameSampling::Stride(1),
        size: [20, 24],
        fit: Fit::Stretch,
    };
    for number in 0..2 {
        for (side, frames) in ["truth", "pred"].iter().zip(clip(number)) {
            let folder = product.path(&format!("video/{side}"));
            fs::create_dir_all(&folder).unwrap();
            let path = folder.join(format!("clip_{number}.mp4"));
            write(&path, frames.view(), 12.0, Format::Mp4).unwrap();
            let decoded = read(&path, &window).unwrap().frames;
            write_frames(
                &product.path(&format!("png/{side}/clip_{number}")),
                &decoded,
            );
        }
    }
    let mut tables = Vec::new();
    for kind in ["video", "png"] {
        let [pred, truth] = ["pred", "truth"].map(|side| format!("{kind}/{side}"));
        let out = format!("{kind}.csv");
        product.succeed(&[
            "eval",
            "--pred",
            &pred,
            "--truth",
            &truth,
            "--metrics",
            "psnr,ssim",
            "--out",
            &out,
        ]);
        let table = ScoreTable::load(&product.path(&out)).unwrap();
        tables.push(
            table
                .rows
                .into_iter()
                .map(|row| row.value.unwrap())
                .collect::<Vec<_>>(),
        );
    }
    assert_eq!(tables[0], tables[1]);
}

#[test]
fn what_cannot_be_measured_is_counted_with_its_reason() {
    let product = Product::new();
    folders(&product, 5);
    fs::remove_file(product.path("pred/clip_0/0002.png")).unwrap();
    fs::write(product.path("truth/clip_1/0001.png"), "no picture").unwrap();
    let small = Array3::zeros((9, 9, 3));
    write_png(&product.path("pred/clip_2/0001.png"), small.view()).unwrap();
    fs::rename(product.path("pred/clip_3"), product.path("pred/other")).unwrap();
    let output = product.run(&of_videos("psnr"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{said}");
    for words in [
        "no partner for the prediction `other`",
        "no partner for the truth `clip_3`",
        "left out clip_0: clips differ in shape",
        "left out clip_1: neither a PNG nor a JPEG picture",
        "left out clip_2: pictures differ in size",
    ] {
        assert!(said.contains(words), "{said}");
    }
    let scores = ScoreTable::load(&product.path("scores.csv")).unwrap();
    let row = score(&scores, "psnr", "per-image-mean");
    assert_eq!((row.n_items, row.n_skipped, row.ci_low), (1, 3, None));
    assert!(
        row.note.contains("1 truths without a partner"),
        "{}",
        row.note
    );
}

#[test]
fn frames_are_partners_by_number_and_a_broken_link_costs_its_own_clip() {
    let product = Product::new();
    folders(&product, 3);
    for (side, frame) in [("pred", "0001"), ("truth", "0002")] {
        let lost = product.path(&format!("{side}/clip_0/{frame}.png"));
        let last = product.path(&format!("{side}/clip_0/0009.png"));
        fs::copy(&lost, last).unwrap();
        fs::remove_file(lost).unwrap();
    }
    let video = product.path("pred/clip_1");
    fs::remove_dir_all(&video).unwrap();
    std::os::unix::fs::symlink("nowhere", video).unwrap();
    let output = product.run(&of_videos("psnr"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{said}");
    for words in [
        "left out clip_0: frames differ by number: the prediction lacks frame",
        "clip_1",
    ] {
        assert!(said.contains(words), "{said}");
    }
    let scores = ScoreTable::load(&product.path("scores.csv")).unwrap();
    assert_eq!(score(&scores, "psnr", "per-image-mean").n_items, 1);
}

#[test]
fn nothing_is_written_when_nothing_can_be_measured() {
    let product = Product::new();
    folders(&product, 1);
    fs::create_dir(product.path("empty")).unwrap();
    let eval = |arguments: &[&str]| {
        let mut all = vec!["eval"];
        all.extend(arguments);
        product.fail(2, &all)
    };
    let said = eval(&["--pred", "empty", "--truth", "truth", "--metrics", "psnr"]);
    assert!(said.contains("no videos in the folder: `empty`"), "{said}");
    let said = eval(&["--pred", "pred", "--truth", "truth", "--metrics", "psnrr"]);
    assert!(said.contains("unknown metric `psnrr`"), "{said}");
    let said = eval(&["--pred", "pred", "--truth", "truth", "--metrics", "fg-ari"]);
    assert!(said.contains("looks at masks"), "{said}");
    fs::rename(product.path("pred/clip_0"), product.path("pred/other")).unwrap();
    let said = eval(&["--pred", "pred", "--truth", "truth", "--metrics", "psnr"]);
    assert!(
        said.contains("no name of `pred` occurs in `truth`"),
        "{said}"
    );
    assert!(!product.path("scores.csv").exists() && !product.path("items.csv").exists());
}

#[test]
fn masks_of_both_kinds_are_measured() {
    let product = Product::new();
    let truth = Array3::from_shape_fn((2, 8, 8), |(t, y, x)| {
        u8::from(y < 4 && x < 4) + 2 * u8::from(y >= 5 && x >= 5 - t)
    });
    let prediction = truth.mapv(|label| [7_u8, 3, 5][usize::from(label)]);
    for (side, masks) in [("truth", &truth), ("pred", &prediction)] {
        fs::create_dir(product.path(side)).unwrap();
        let file = File::create(product.path(&format!("{side}/a.npz"))).unwrap();
        let mut npz = NpzWriter::new_compressed(file);
        npz.add_array("masks", masks).unwrap();
        npz.finish().unwrap();
    }
    let list = "fg-ari,ari,miou:exact-video,mbo:exact-frame,recall";
    let folders = ["eval", "--pred-masks", "pred", "--truth-masks", "truth"];
    product.succeed(&[&folders[..], &["--metrics", list]].concat());
    let scores = ScoreTable::load(&product.path("scores.csv")).unwrap();
    let values: Vec<_> = scores.rows.iter().map(|row| row.value).collect();
    assert_eq!(values, [Some(1.0); 5]);
}

#[test]
fn metrics_of_networks_say_which_weights_are_missing_and_how_to_get_them() {
    let product = Product::new();
    folders(&product, 2);
    let list = "lpips,fvd,fid,jedi";
    product.succeed(&of_videos(list));
    let scores = ScoreTable::load(&product.path("scores.csv")).unwrap();
    for (metric, words) in [
        ("lpips", "`pipeline weights fetch vgg16`"),
        ("fvd", "`pipeline weights add FILE`"),
        ("fid", "`pipeline weights fetch inception`"),
        ("jedi", "V-JEPA"),
    ] {
        let row = scores.rows.iter().find(|row| row.metric == metric).unwrap();
        assert_eq!(row.value, None);
        assert!(
            row.note.starts_with("not computed:") && row.note.contains(words),
            "{row:?}"
        );
    }
    let short = [&of_videos("fvd")[..], &["--clip-length", "8"]].concat();
    let said = product.fail(2, &short);
    assert!(said.contains("needs clips of 9 frames at least"), "{said}");
    let listed = product.succeed(&["weights", "list"]);
    for words in [
        "i3d: not here",
        "6726825d",
        "vgg16-397923af.pth",
        "compiled in: synth-metal/slot-encoder, ",
        "beside the program (",
    ] {
        assert!(listed.contains(words), "{listed}");
    }
}

/// A bright square that crosses a dark clip, another way in each.
fn moving(number: usize) -> Array4<u8> {
    Array4::from_shape_fn((16, 32, 40, 3), |(t, y, x, c)| {
        let (down, right) = (
            (t * (number % 3 + 1) / 2 + number) % 24,
            (t + number * 5) % 32,
        );
        let inside = (down..down + 8).contains(&y) && (right..right + 8).contains(&x);
        if inside { 220 - 60 * c as u8 } else { 30 }
    })
}

#[test]
fn clips_of_any_size_are_compared_by_how_they_move() {
    let product = Product::new();
    for number in 0..6 {
        let clip = moving(number);
        let first = clip.slice(ndarray::s![..1, .., .., ..]);
        let still = first.broadcast(clip.dim()).unwrap().to_owned();
        write_frames(&product.path(&format!("truth/clip_{number}")), &clip);
        write_frames(&product.path(&format!("same/clip_{number}")), &clip);
        write_frames(&product.path(&format!("pred/clip_{number}")), &still);
    }
    let distance = |folder: &str| {
        let asked = ["eval", "--pred", folder, "--truth", "truth"];
        product.succeed(&[&asked[..], &["--metrics", "fvd-motion", "--quiet"]].concat());
        let scores = ScoreTable::load(&product.path("scores.csv")).unwrap();
        let row = scores.find("fvd-motion", "videos").unwrap().clone();
        assert!(row.note.contains("frames at 64×64"), "{row:?}");
        assert!(scores.find("fvd-motion", "real-against-real").is_some());
        row.value.unwrap()
    };
    let (same, still) = (distance("same"), distance("pred"));
    assert!(same.abs() < 0.01 * still, "{same} and {still}");
    // A clip that is shorter than the network's windows is left out by name.
    write_frames(
        &product.path("truth/short"),
        &moving(0).slice_move(ndarray::s![..2, .., .., ..]),
    );
    write_frames(
        &product.path("same/short"),
        &moving(0).slice_move(ndarray::s![..2, .., .., ..]),
    );
    let asked = ["eval", "--pred", "same", "--truth", "truth"];
    let said = product.leave_out(&[&asked[..], &["--metrics", "fvd-motion"]].concat());
    assert!(said.contains("left out short: 2 frames, and"), "{said}");
}

#[test]
fn a_file_of_no_known_network_is_not_taken_in() {
    let product = Product::new();
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/published/zip.pth");
    let said = product.fail(2, &["weights", "add", file.to_str().unwrap()]);
    assert!(said.contains("missing"), "{said}");
    assert!(!product.path(".cache").exists());
}

#[test]
fn features_of_any_origin_get_the_statistic_of_jedi() {
    let product = Product::new();
    let rows = |shift: f32| {
        ndarray::Array2::from_shape_fn((12, 3), |(i, j)| {
            ((i * 7 + j * 5) % 11) as f32 / 5.0 + shift
        })
    };
    for (name, shift) in [("pred.npy", 0.5), ("truth.npy", 0.0)] {
        ndarray_npy::write_npy(product.path(name), &rows(shift)).unwrap();
    }
    let of_features = |pred, truth| {
        let files = ["eval", "--pred-features", pred, "--truth-features", truth];
        [&files[..], &["--metrics", "jedi"]].concat()
    };
    product.succeed(&of_features("pred.npy", "truth.npy"));
    let scores = ScoreTable::load(&product.path("scores.csv")).unwrap();
    let row = score(&scores, "jedi", "given-features");
    let [prediction, truth] = [0.5, 0.0].map(|shift| rows(shift).mapv(f64::from));
    let expected = slotflow_eval::mmd::jedi(truth.view(), prediction.view()).unwrap();
    assert_eq!(row.value, Some(expected));
    assert!(row.ci_low < row.value && row.value < row.ci_high, "{row:?}");
    let said = product.fail(2, &of_features("pred.npy", "scores.csv"));
    assert!(said.contains("not features"), "{said}");
    let mut spoiled = rows(0.0);
    spoiled[[4, 1]] = f32::NAN;
    ndarray_npy::write_npy(product.path("spoiled.npy"), &spoiled).unwrap();
    let said = product.fail(2, &of_features("spoiled.npy", "truth.npy"));
    assert!(said.contains("NaN"), "{said}");
}
