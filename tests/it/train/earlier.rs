//! Folders that an earlier version left: opened, and gone on with.

use std::path::{Path, PathBuf};

use slotflow::weights::{StateDict, WeightsFile};

use crate::support::Product;

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden/earlier/slots-training")
        .join(name)
}

/// A product with the earlier plan and the folder of its stopped training.
fn product() -> Product {
    let product = Product::new();
    std::fs::copy(golden("slots.toml"), product.path("slots.toml")).unwrap();
    std::fs::create_dir(product.path("stopped")).unwrap();
    for entry in std::fs::read_dir(golden("stopped")).unwrap() {
        let path = entry.unwrap().path();
        let to = product.path("stopped").join(path.file_name().unwrap());
        std::fs::copy(path, to).unwrap();
    }
    product
}

fn train(product: &Product, out: &str) -> StateDict {
    let arguments = ["train", "slots.toml", "--quiet", "--device", "cpu", "--out"];
    product.succeed(&[&arguments[..], &[out]].concat());
    let path = product.path(out).join("slot-encoder.safetensors");
    WeightsFile::read(path).unwrap().state
}

fn assert_close(found: &StateDict, expected: &StateDict) {
    assert!(found.entries.keys().eq(expected.entries.keys()));
    for (name, value) in &expected.entries {
        let found = found.get(name).unwrap().as_f32().unwrap();
        let expected = value.as_f32().unwrap();
        assert_eq!(found.len(), expected.len(), "{name}");
        for (found, expected) in found.iter().zip(expected) {
            assert!(
                (found - expected).abs() < 2e-3,
                "{name}: {found} for {expected}"
            );
        }
    }
}

#[test]
fn a_training_that_an_earlier_version_began_goes_on_to_the_same_weights() {
    let product = product();
    let expected = WeightsFile::read(golden("slot-encoder.safetensors")).unwrap();
    assert_close(&train(&product, "stopped"), &expected.state);
    let log = std::fs::read_to_string(product.path("stopped/log.jsonl")).unwrap();
    let steps: Vec<&str> = log
        .lines()
        .filter(|line| line.contains("\"rate\""))
        .collect();
    assert_eq!(steps.len(), 4, "{log}");
    assert!(
        steps[1].contains("\"summary\"") && steps[2].contains("\"appearance-probe\""),
        "{log}"
    );
}

#[test]
fn a_plan_of_an_earlier_version_trains_to_the_same_weights() {
    let product = product();
    let expected = WeightsFile::read(golden("slot-encoder.safetensors")).unwrap();
    assert_close(&train(&product, "new"), &expected.state);
    let plan = std::fs::read_to_string(product.path("new/plan.toml")).unwrap();
    assert!(
        plan.contains("foreground-weight = 2.0") && !plan.contains("salience"),
        "{plan}"
    );
}
