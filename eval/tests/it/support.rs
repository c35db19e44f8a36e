//! The golden vectors, and the hash stream that their inputs are drawn from.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot read its golden must fail"
)]

use std::path::Path;

use ndarray::{Array2, Array4, ArrayD, IxDyn};
use serde_json::Value;

/// A golden file.
pub fn golden(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/golden/metrics")
        .join(name);
    let text = std::fs::read_to_string(&path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

/// A number in a golden file.
pub fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("not a number: {value}"))
}

/// A list of numbers, however nested.
pub fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(list) => list.iter().flat_map(numbers).collect(),
        one => vec![number(one)],
    }
}

/// Fails unless the numbers agree to `tolerance` relative to the expected one, or absolutely below 1.
#[track_caller]
pub fn agree(found: f64, expected: f64, tolerance: f64, what: &str) {
    let error = (found - expected).abs() / expected.abs().max(1.0);
    assert!(
        error <= tolerance,
        "{what}: found {found}, expected {expected}, off by {error:e}"
    );
}

/// FNV-1a of a name.
pub fn fnv1a64(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    })
}

/// Number `index` of the stream called `name`, in 0..1.
pub fn u01(name: &str, index: usize) -> f64 {
    let mut z = fnv1a64(name)
        .wrapping_add(index as u64)
        .wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    (z >> 40) as f64 / f64::from(1_u32 << 24)
}

/// Uniform numbers in −s..s.
pub fn uni(name: &str, shape: &[usize], s: f64) -> ArrayD<f32> {
    let mut index = 0..;
    ArrayD::from_shape_simple_fn(IxDyn(shape), || {
        ((2.0 * u01(name, index.next().unwrap()) - 1.0) * s) as f32
    })
}

/// Pictures with soft waves and noise, `[…, height, width]`.
pub fn smooth_img(name: &str, shape: &[usize]) -> ArrayD<f32> {
    let (height, width) = (shape[shape.len() - 2], shape[shape.len() - 1]);
    let at = |index: usize| {
        let (k, y, x) = (
            index / (height * width),
            index / width % height,
            index % width,
        );
        let (y, x) = (
            (y as f64 + 0.5) / height as f64,
            (x as f64 + 0.5) / width as f64,
        );
        let wave = y * (k % 3 + 1) as f64 + x * (k % 2 + 1) as f64;
        let wave = (2.0 * wave.fract() - 1.0).abs();
        (0.7 * wave + 0.3 * u01(name, index)) as f32
    };
    let count = shape.iter().product();
    ArrayD::from_shape_vec(IxDyn(shape), (0..count).map(at).collect()).unwrap()
}

/// `[n, rgb, height, width]` → `[n, height, width, rgb]`.
pub fn channels_last(frames: ArrayD<f32>) -> Array4<f32> {
    let (height, width) = (
        frames.shape()[frames.ndim() - 2],
        frames.shape()[frames.ndim() - 1],
    );
    let count = frames.len() / (3 * height * width);
    let frames = frames
        .into_shape_with_order((count, 3, height, width))
        .unwrap();
    frames
        .permuted_axes([0, 2, 3, 1])
        .as_standard_layout()
        .to_owned()
}

/// Correlated feature rows, as the `generator` line of `frechet.json` says; `gen` is `[name, n, d, rank, shift, scale]`.
pub fn features(recipe: &Value) -> Array2<f64> {
    let (name, n, d) = (
        recipe[0].as_str().unwrap(),
        number(&recipe[1]) as usize,
        number(&recipe[2]) as usize,
    );
    let rank = recipe[3].as_u64().map_or(d, |rank| rank as usize);
    let (shift, scale) = (number(&recipe[4]), number(&recipe[5]));
    let uniform = |name: &str, rows, columns| {
        Array2::from_shape_fn((rows, columns), |(i, j)| {
            2.0 * u01(name, i * columns + j) - 1.0
        })
    };
    let mixed = uniform(&format!("{name}.z"), n, rank).dot(&uniform(&format!("{name}.A"), rank, d));
    Array2::from_shape_fn((n, d), |(i, j)| {
        f64::from((scale * mixed[[i, j]] + shift * j as f64 / d as f64) as f32)
    })
}

#[test]
fn the_hash_stream_is_that_of_the_goldens() {
    let check = golden("hash_check.json");
    assert_eq!(
        format!("{:#x}", fnv1a64("i3d.test")),
        check["fnv1a64"]["i3d.test"].as_str().unwrap()
    );
    for (index, expected) in numbers(&check["u01_i3d_test"]).into_iter().enumerate() {
        agree(u01("i3d.test", index), expected, 1e-12, "u01");
    }
}
