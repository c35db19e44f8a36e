//! Trainings on own clips: which of them are read, and what of them.

use std::fs::{self, File};
use std::path::Path;

use ndarray::Array3;
use slotflow_datasets::video::write_png;

use super::LOG;
use crate::support::Product;

/// A slot encoder that learns from segments and foreground weights, with figures on masks.
const SLOTS: &str = r#"
flow = "train"
[data]
dataset = "videos"
videos = ["films"]
list = "splits.txt"
frames = 4
stride = 1
size = [16, 16]
[fit]
steps = 4
validate-every = 2
[slots.objective]
batch = 2
window = 2
foreground-weight = 4.0
segments = 0.5
drawn-segments = 0.5
appearance-probe = 1.0
[slots.encoder]
slots = 3
dim = 8
slot-mlp = 8
resolution = [16, 16]
[slots.encoder.stem.cnn]
channels = [8]
kernels = [3]
strides = [1]
norm-groups = 2
[slots.decoder]
dim = 8
channels = [8]
kernel = 3
start = [4, 4]
resolution = [8, 8]
"#;

/// The films of each split.
const SPLITS: &str =
    "[train]\nfilm-0\nfilm-1\nfilm-2\nfilm-3\nfilm-4\n[val]\nfilm-5\nfilm-6\n[test]\nfilm-7\n";

/// Films of a square that walks over a grey floor, and masks with the ids that `id` gives it and the floor.
fn films(product: &Product, id: impl Fn(usize, bool) -> u8) {
    drop(fs::remove_dir_all(product.path("films")));
    for film in 0..8 {
        let name = |folder: &str| product.path(&format!("films/{folder}film-{film}"));
        let (frames, masks) = (name(""), name("masks/"));
        for folder in [&frames, &masks] {
            fs::create_dir_all(folder).unwrap();
        }
        for at in 0..4 {
            let square = |y: usize, x: usize| {
                (4..10).contains(&y) && (film + at..film + at + 6).contains(&x)
            };
            let value = |(y, x, c): (usize, usize, usize)| {
                if square(y, x) {
                    255 - 40 * c as u8
                } else {
                    90 + film as u8
                }
            };
            let picture = Array3::from_shape_fn((16, 20, 3), value);
            write_png(&frames.join(format!("{at:04}.png")), picture.view()).unwrap();
            let ids: Vec<u8> = (0..16 * 20)
                .map(|pixel| id(pixel, square(pixel / 20, pixel % 20)))
                .collect();
            write_mask(&masks.join(format!("{at:04}.png")), &ids);
        }
    }
}

fn write_mask(path: &Path, ids: &[u8]) {
    let mut encoder = png::Encoder::new(File::create(path).unwrap(), 20, 16);
    encoder.set_color(png::ColorType::Grayscale);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(ids).unwrap();
}

/// Trains in a folder; the exit code, what is said, and the bytes of the weights.
fn train(product: &Product, out: &str) -> (Option<i32>, String, Vec<Vec<u8>>) {
    fs::write(product.path("slots.toml"), SLOTS).unwrap();
    fs::write(product.path("splits.txt"), SPLITS).unwrap();
    let output = product.run(&["train", "slots.toml", "--device", "cpu", "--out", out]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let weights = ["slot-encoder", "mixture"].map(|kind| {
        let file = product.path(&format!("{out}/{kind}.safetensors"));
        fs::read(&file).unwrap_or_else(|error| panic!("{error}: {said}"))
    });
    (output.status.code(), said, weights.to_vec())
}

/// Bytes behind a safetensors header, which names the figures of the validation.
fn numbers(file: &[u8]) -> &[u8] {
    let length = u64::from_le_bytes(file[..8].try_into().unwrap());
    &file[8 + length as usize..]
}

#[test]
fn masks_of_a_data_set_reach_figures_and_nothing_that_learns() {
    let product = Product::new();
    let figures = |out: &str| -> Vec<f64> {
        let log = fs::read_to_string(product.path(&format!("{out}/{LOG}"))).unwrap();
        let rows = log
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        rows.filter_map(|row| row["val/miou"].as_f64()).collect()
    };
    films(&product, |_, square| u8::from(square));
    let (code, said, right) = train(&product, "right");
    assert_eq!(code, Some(0), "{said}");
    films(&product, |pixel, _| (pixel % 7) as u8);
    let (code, said, wrong) = train(&product, "wrong");
    assert_eq!(code, Some(0), "{said}");
    assert!(!figures("right").is_empty());
    assert_ne!(figures("right"), figures("wrong"));
    for (right, wrong) in right.iter().zip(&wrong) {
        assert!(numbers(right) == numbers(wrong));
    }
}

#[test]
fn a_clip_that_cannot_be_read_is_left_out_by_name_and_frames_need_no_cache() {
    let product = Product::new();
    films(&product, |_, square| u8::from(square));
    let (code, said, kept) = train(&product, "whole");
    assert_eq!(code, Some(0), "{said}");
    let (decoded, said, live) = {
        let text = SLOTS.replace("stride = 1", "stride = 1\ncache = \"none\"");
        fs::write(product.path("live.toml"), text).unwrap();
        let all = [
            "train",
            "live.toml",
            "--device",
            "cpu",
            "--out",
            "live",
            "--cache",
            "empty",
        ];
        let output = product.run(&all);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (
            output.status.code(),
            said,
            fs::read(product.path("live/mixture.safetensors")),
        )
    };
    assert_eq!(decoded, Some(0), "{said}");
    assert!(numbers(&live.unwrap()) == numbers(&kept[1]));
    assert!(!product.path("empty/frames").exists());
    for film in 0..3 {
        let picture = product.path(&format!("films/film-{film}/0002.png"));
        fs::write(picture, "no picture").unwrap();
    }
    let (code, said, _) = train(&product, "damaged");
    assert_eq!(code, Some(3), "{said}");
    assert!(
        said.contains("is left out") && said.contains("0002.png"),
        "{said}"
    );
}
