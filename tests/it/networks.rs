//! The published networks against their references, with weights that anyone can rebuild (`tests/golden/metrics`).

use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array, Array4, Ix4, IxDyn};
use serde_json::Value as Json;
use slotflow::models::perceptual::i3d::I3d;
use slotflow::models::perceptual::inception::Inception;
use slotflow::models::perceptual::lpips::{Backbone, Lpips};
use slotflow::rng::Init;
use slotflow::tensor_conversion::floats;
use slotflow::weights::pretrained::{Network, folded, recognised};
use slotflow::weights::{Container, StateDict, Value, load_into, read_published};
use slotflow_eval::resize::{Kernel, resize};

fn golden(name: &str) -> Json {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/metrics")
        .join(name);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn numbers(value: &Json) -> Vec<f64> {
    match value {
        Json::Array(list) => list.iter().flat_map(numbers).collect(),
        one => vec![one.as_f64().unwrap()],
    }
}

/// `count` numbers in 0..1 of the stream called `name`.
fn u01(name: &str, count: usize) -> Vec<f64> {
    let start = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)
    });
    let mix = |index: usize| {
        let mut z = start
            .wrapping_add(index as u64)
            .wrapping_add(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        (z >> 40) as f64 / f64::from(1_u32 << 24)
    };
    (0..count).map(mix).collect()
}

fn uni(name: &str, shape: &[usize], scale: f64) -> Value {
    let count = shape.iter().product();
    let values = u01(name, count)
        .into_iter()
        .map(|u| ((2.0 * u - 1.0) * scale) as f32);
    Value::f32(shape, values.collect())
}

fn he(name: &str, shape: &[usize]) -> Value {
    let inputs: usize = shape[1..].iter().product();
    uni(name, shape, (6.0 / inputs as f64).sqrt())
}

/// The four parts of a batch norm.
fn norm(state: &mut StateDict, stream: &str, key: &str, width: usize) {
    state.insert(
        format!("{key}.weight"),
        Value::f32([width], vec![1.0; width]),
    );
    for part in ["bias", "running_mean"] {
        let name = format!("{key}.{part}");
        state.insert(
            name.clone(),
            uni(&format!("{stream}.{name}"), &[width], 0.1),
        );
    }
    let name = format!("{key}.running_var");
    let variance = u01(&format!("{stream}.{name}"), width);
    let variance = variance.into_iter().map(|u| (0.5 + u) as f32).collect();
    state.insert(name, Value::f32([width], variance));
}

fn i3d_state() -> StateDict {
    let mut state = StateDict::new("i3d");
    for layer in slotflow::models::perceptual::i3d::layers() {
        let name = format!("{}.conv3d.weight", layer.name);
        state.insert(
            name.clone(),
            he(&format!("i3d.{name}"), &layer.official_shape(true)),
        );
        if layer.name == "logits" {
            let name = "logits.conv3d.bias";
            state.insert(name, uni(&format!("i3d.{name}"), &[400], 0.1));
        } else {
            norm(
                &mut state,
                "i3d",
                &format!("{}.bn", layer.name),
                layer.output,
            );
        }
    }
    state
}

fn inception_state() -> StateDict {
    let mut state = StateDict::new("inception");
    for layer in slotflow::models::perceptual::inception::layers() {
        let name = format!("{}.conv.weight", layer.name);
        state.insert(
            name.clone(),
            he(&format!("inception.{name}"), &layer.official_shape(false)),
        );
        norm(
            &mut state,
            "inception",
            &format!("{}.bn", layer.name),
            layer.output,
        );
    }
    state.insert(
        "fc.weight",
        Value::f32([1008, 2048], vec![0.0; 1008 * 2048]),
    );
    state.insert("fc.bias", Value::f32([1008], vec![0.0; 1008]));
    state
}

fn i3d(epsilon: f64, device: &Device) -> I3d {
    let (network, state) = recognised(i3d_state()).unwrap();
    assert_eq!(network, Network::I3d);
    load_into(
        I3d::new(&mut Init::blank(device)),
        folded(network, &state, epsilon).unwrap(),
    )
    .unwrap()
}

/// `[batch, rgb, time, height, width]` → `[batch, time, rgb, height, width]`.
fn clips(values: Vec<f32>, [batch, time, height, width]: [usize; 4], device: &Device) -> Tensor<5> {
    let data = TensorData::new(values, [batch, 3, time, height, width]);
    Tensor::from_data(data, device).swap_dims(1, 2)
}

#[track_caller]
fn close(found: &[f32], expected: &[f64], relative: f64) {
    assert_eq!(found.len(), expected.len());
    let largest = expected
        .iter()
        .fold(0.0_f64, |largest, value| largest.max(value.abs()));
    let errors = found
        .iter()
        .zip(expected)
        .map(|(found, expected)| (f64::from(*found) - expected).abs());
    let worst = errors.fold(0.0, f64::max);
    assert!(worst <= relative * largest, "off by {worst:e} of {largest}");
}

#[test]
fn i3d_says_what_its_reference_says_of_odd_sizes() {
    let device = Device::flex();
    let golden = golden("i3d.json");
    let Value {
        shape,
        values: slotflow::weights::Values::F32(values),
    } = uni("i3d.caseC", &[1, 3, 9, 61, 46], 1.0)
    else {
        panic!("numbers");
    };
    assert_eq!(shape.len(), 5);
    let out = i3d(1e-3, &device).last_block(clips(values, [1, 9, 61, 46], &device));
    assert_eq!(out.dims(), [1, 2, 1024, 2, 2]);
    // The golden is [1, 1024, 2, 2, 2]: channels before time.
    let found = floats(out.swap_dims(1, 2));
    close(&found, &numbers(&golden["caseC"]["mixed5c"]), 1e-4);
}

#[test]
fn i3d_gives_the_logits_of_its_reference_under_both_epsilons() {
    let device = Device::flex();
    let golden = golden("i3d.json");
    let bytes = u01("i3d.caseA", 2 * 3 * 16 * 64 * 64);
    let raw = Array::from_shape_vec(
        IxDyn(&[2, 3, 16, 64, 64]),
        bytes
            .into_iter()
            .map(|u| (256.0 * u).floor() as f32)
            .collect(),
    )
    .unwrap();
    let frames = raw
        .permuted_axes(IxDyn(&[0, 2, 3, 4, 1]))
        .as_standard_layout()
        .to_owned();
    let frames: Array4<f32> = frames
        .into_shape_with_order((32, 64, 64, 3))
        .unwrap()
        .into_dimensionality::<Ix4>()
        .unwrap();
    let large = resize(Kernel::HalfPixel, frames.view(), (224, 224)).unwrap();
    let values: Vec<f32> = large
        .permuted_axes([0, 3, 1, 2])
        .iter()
        .map(|pixel| 2.0 * pixel / 255.0 - 1.0)
        .collect();
    let input = Tensor::<5>::from_data(TensorData::new(values, [2, 16, 3, 224, 224]), &device);
    let found = floats(i3d(1e-3, &device).forward(input.clone()));
    close(&found, &numbers(&golden["caseA"]["logits"]), 1e-4);
    let one = floats(i3d(1e-5, &device).forward(input.narrow(0, 0, 1)));
    let expected = numbers(&golden["caseA_eps1e-5"]["logits_first8"]);
    for (found, expected) in one.iter().zip(&expected) {
        assert!(
            (f64::from(*found) - expected).abs() < 1e-3,
            "{found} {expected}"
        );
    }
}

#[test]
fn i3d_averages_over_time_what_a_longer_clip_says() {
    let device = Device::flex();
    let pixels = smooth("i3d.caseB", [25, 224, 224]);
    let pixels = pixels
        .into_iter()
        .map(|value| 2.0 * (255.0 * value).floor() as f32 / 255.0 - 1.0);
    let found = i3d(1e-3, &device).forward(clips(pixels.collect(), [1, 25, 224, 224], &device));
    close(
        &floats(found),
        &numbers(&golden("i3d.json")["caseB"]["logits"]),
        1e-4,
    );
}

#[test]
fn i3d_takes_both_schemes_of_names_and_no_other_network() {
    let mut other = StateDict::new("hassony2");
    for (key, value) in i3d_state().entries {
        let mut key = key.replace(".bn.", ".batch3d.");
        for (ours, theirs) in [
            ("logits.", "conv3d_0c_1x1."),
            (".b0.", ".branch_0."),
            (".b1a.", ".branch_1.0."),
            (".b1b.", ".branch_1.1."),
            (".b2a.", ".branch_2.0."),
            (".b2b.", ".branch_2.1."),
            (".b3b.", ".branch_3.1."),
            ("Mixed", "mixed"),
            ("Conv3d", "conv3d"),
        ] {
            key = key.replace(ours, theirs);
        }
        other.insert(format!("model.{key}"), value);
    }
    let (network, named) = recognised(other.clone()).unwrap();
    assert_eq!(network, Network::I3d);
    assert_eq!(named.entries, i3d_state().entries);
    other
        .entries
        .remove("model.mixed_4b.branch_1.0.conv3d.weight");
    let said = recognised(other).unwrap_err().to_string();
    assert!(
        said.contains("missing `Mixed_4b.b1a.conv3d.weight`"),
        "{said}"
    );
    let mut torchvision = inception_state();
    torchvision.insert(
        "fc.weight",
        Value::f32([1000, 2048], vec![0.0; 1000 * 2048]),
    );
    let said = recognised(torchvision).unwrap_err().to_string();
    assert!(
        said.contains("`fc.weight` has shape [1000, 2048]"),
        "{said}"
    );
}

#[test]
fn inception_gives_the_features_of_its_reference() {
    let device = Device::flex();
    let (network, state) = recognised(inception_state()).unwrap();
    let state = folded(network, &state, 1e-3).unwrap();
    let model = load_into(Inception::new(&mut Init::blank(&device)), state).unwrap();
    let bytes = u01("fid.x", 2 * 3 * 64 * 64);
    let raw = Array4::from_shape_vec(
        (2, 3, 64, 64),
        bytes
            .into_iter()
            .map(|u| (256.0 * u).floor() as f32 / 255.0)
            .collect(),
    )
    .unwrap();
    let frames = raw
        .permuted_axes([0, 2, 3, 1])
        .as_standard_layout()
        .to_owned();
    let large = resize(Kernel::HalfPixel, frames.view(), (299, 299)).unwrap();
    let values: Vec<f32> = large
        .permuted_axes([0, 3, 1, 2])
        .iter()
        .map(|pixel| 2.0 * pixel - 1.0)
        .collect();
    let input = Tensor::<4>::from_data(TensorData::new(values, [2, 3, 299, 299]), &device);
    let found = floats(model.forward(input));
    close(
        &found,
        &numbers(&golden("fid_inception.json")["pool3"]),
        1e-4,
    );
}

/// Pictures with soft waves and noise, 0..1.
fn smooth(name: &str, [batch, height, width]: [usize; 3]) -> Vec<f64> {
    let noise = u01(name, batch * 3 * height * width);
    let at = |(index, u): (usize, f64)| {
        let (k, y, x) = (
            index / (height * width),
            index / width % height,
            index % width,
        );
        let (y, x) = (
            (y as f64 + 0.5) / height as f64,
            (x as f64 + 0.5) / width as f64,
        );
        let wave: f64 = y * (k % 3 + 1) as f64 + x * (k % 2 + 1) as f64;
        f64::from((0.7 * (2.0 * wave.fract() - 1.0).abs() + 0.3 * u) as f32)
    };
    noise.into_iter().enumerate().map(at).collect()
}

#[test]
fn lpips_gives_the_distances_of_its_reference_through_every_backbone() {
    let device = Device::flex();
    let golden = golden("lpips.json");
    for (backbone, stream) in [
        (Backbone::Vgg, "vgg16"),
        (Backbone::Alex, "alexnet"),
        (Backbone::Squeeze, "squeezenet1_1"),
    ] {
        let mut state = StateDict::new(stream);
        for layer in backbone.layers() {
            let key = format!("{}.weight", layer.name);
            state.insert(
                key.clone(),
                he(&format!("{stream}.{key}"), &layer.official_shape(false)),
            );
            let key = format!("{}.bias", layer.name);
            state.insert(
                key.clone(),
                uni(&format!("{stream}.{key}"), &[layer.output], 0.05),
            );
        }
        state.insert("classifier.1.weight", Value::f32([1], vec![0.0]));
        let (network, state) = recognised(state).unwrap();
        assert_eq!(network, Network::Backbone(backbone));
        let state = folded(network, &state, 0.0).unwrap();
        let model = load_into(Lpips::new(backbone, &mut Init::blank(&device)), state).unwrap();
        for (case, [batch, height, width]) in [("64", [1, 64, 64]), ("odd", [2, 70, 53])] {
            let size = [batch, height, width];
            let clean = smooth(&format!("lpips.a.{case}"), size);
            let noise = u01(&format!("lpips.n.{case}"), clean.len());
            let noisy = clean.iter().zip(noise).map(|(a, u)| {
                f64::from((*a as f32 + ((2.0 * u - 1.0) * 0.3) as f32).clamp(0.0, 1.0))
            });
            let tensor = |values: Vec<f64>| {
                let values: Vec<f32> = values.iter().map(|v| 2.0 * *v as f32 - 1.0).collect();
                Tensor::<4>::from_data(TensorData::new(values, [batch, 3, height, width]), &device)
            };
            let found = floats(model.forward(tensor(clean.clone()), tensor(noisy.collect())));
            let expected = numbers(&golden[backbone.name()][case]["value"]);
            for (found, expected) in found.iter().zip(&expected) {
                let off = (f64::from(*found) - expected).abs();
                assert!(off < 1e-5, "{backbone:?} {case}: {found} {expected}");
            }
        }
    }
}

#[test]
fn every_kind_of_file_that_pytorch_writes_gives_the_same_arrays() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/published");
    let read = |name: &str| read_published(folder.join(name)).unwrap();
    let (zip, container) = read("zip.pth");
    assert_eq!((zip.entries.len(), container), (14, Container::Checkpoint));
    assert_eq!(read("legacy.pth").0.entries, zip.entries);
    let (script, container) = read("script.pt");
    assert_eq!(container, Container::TorchScript);
    assert_eq!(script.entries, zip.entries);
}

#[test]
fn a_cut_file_of_before_zip_is_refused() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/published");
    let bytes = std::fs::read(folder.join("legacy.pth")).unwrap();
    let room = tempfile::tempdir().unwrap();
    let path = room.path().join("cut.pth");
    for end in (0..bytes.len()).step_by(7) {
        std::fs::write(&path, &bytes[..end]).unwrap();
        assert!(read_published(&path).is_err(), "cut at {end}");
    }
}
