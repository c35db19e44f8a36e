//! The names of Inception in the compiled model that NVIDIA publishes with StyleGAN2-ADA (`inception-2015-12-05.pt`).
//!
//! They follow the graph of 2015: `mixed_4.tower_1.conv_2` where torchvision says `Mixed_6b.branch7x7dbl_3`. Norms have
//! no scale there. Points and underlines are taken for the same, for ports differ in them.

use std::collections::BTreeMap;

use crate::models::perceptual::inception::layers;
use crate::weights::{StateDict, Value};

/// Convolutions in front of the blocks.
const STEM: [&str; 5] = ["conv", "conv_1", "conv_2", "conv_3", "conv_4"];
/// Convolutions of the blocks, kind after kind, in the order of torchvision's.
const A: [&str; 7] = [
    "conv",
    "tower_conv",
    "tower_conv_1",
    "tower_1_conv",
    "tower_1_conv_1",
    "tower_1_conv_2",
    "tower_2_conv",
];
const B: [&str; 4] = ["conv", "tower_conv", "tower_conv_1", "tower_conv_2"];
const C: [&str; 10] = [
    "conv",
    "tower_conv",
    "tower_conv_1",
    "tower_conv_2",
    "tower_1_conv",
    "tower_1_conv_1",
    "tower_1_conv_2",
    "tower_1_conv_3",
    "tower_1_conv_4",
    "tower_2_conv",
];
const D: [&str; 6] = [
    "tower_conv",
    "tower_conv_1",
    "tower_1_conv",
    "tower_1_conv_1",
    "tower_1_conv_2",
    "tower_1_conv_3",
];
const E: [&str; 9] = [
    "conv",
    "tower_conv",
    "tower_mixed_conv",
    "tower_mixed_conv_1",
    "tower_1_conv",
    "tower_1_conv_1",
    "tower_1_mixed_conv",
    "tower_1_mixed_conv_1",
    "tower_2_conv",
];
const BLOCKS: [&[&str]; 11] = [&A, &A, &A, &B, &C, &C, &C, &C, &D, &E, &E];

/// What our layers are called there, in their order, with underlines.
fn places() -> Vec<String> {
    let stem = STEM.iter().map(|name| format!("layers_{name}"));
    let blocks = BLOCKS.iter().enumerate().flat_map(|(index, names)| {
        let block = if index == 0 {
            "mixed".to_owned()
        } else {
            format!("mixed_{index}")
        };
        names
            .iter()
            .map(move |name| format!("layers_{block}_{name}"))
    });
    stem.chain(blocks).collect()
}

/// What the arrays of a layer are called, torchvision's name first.
const PARTS: [(&str, &[&str]); 5] = [
    ("conv.weight", &["weight", "conv_weight"]),
    ("bn.weight", &["gamma", "bn_weight", "bn_gamma"]),
    ("bn.bias", &["beta", "bias", "bn_beta", "bn_bias"]),
    (
        "bn.running_mean",
        &[
            "mean",
            "running_mean",
            "moving_mean",
            "bn_mean",
            "bn_running_mean",
        ],
    ),
    (
        "bn.running_var",
        &[
            "var",
            "running_var",
            "moving_variance",
            "bn_var",
            "bn_running_var",
        ],
    ),
];

/// The arrays under torchvision's names; what has none keeps its own.
pub fn named(state: &StateDict) -> StateDict {
    let mut named = StateDict::new(state.source.clone());
    let start = state.entries.keys().find_map(|key| key.find("layers."));
    let mut rest: BTreeMap<String, (&String, &Value)> = BTreeMap::new();
    for (key, value) in &state.entries {
        let inner = key.get(start.unwrap_or(0)..).unwrap_or(key);
        rest.insert(inner.replace('.', "_"), (key, value));
    }
    for (layer, place) in layers().into_iter().zip(places()) {
        for (ours, theirs) in PARTS {
            let found = theirs
                .iter()
                .find_map(|part| rest.remove(&format!("{place}_{part}")));
            let scale = || Value::f32([layer.output], vec![1.0; layer.output]);
            let value = found.map(|(_, value)| value.clone());
            let value = value.or_else(|| (ours == "bn.weight").then(scale));
            if let Some(value) = value {
                named.insert(format!("{}.{ours}", layer.name), value);
            }
        }
    }
    for part in ["weight", "bias"] {
        if let Some((_, value)) = rest.remove(&format!("output_{part}")) {
            named.insert(format!("fc.{part}"), value.clone());
        }
    }
    for (key, value) in rest.into_values() {
        named.insert(key.clone(), value.clone());
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::pretrained::{Network, recognised};

    #[test]
    fn every_layer_has_a_name_of_its_own_there() {
        let (layers, places) = (layers(), places());
        assert_eq!(layers.len(), places.len());
        let called = |ours: &str| {
            let place = layers.iter().position(|layer| layer.name == ours).unwrap();
            places[place].as_str()
        };
        assert_eq!(called("Conv2d_4a_3x3"), "layers_conv_4");
        assert_eq!(called("Mixed_5b.branch_pool"), "layers_mixed_tower_2_conv");
        assert_eq!(
            called("Mixed_6e.branch7x7dbl_4"),
            "layers_mixed_7_tower_1_conv_3"
        );
        assert_eq!(
            called("Mixed_7a.branch7x7x3_4"),
            "layers_mixed_8_tower_1_conv_3"
        );
        assert_eq!(
            called("Mixed_7c.branch3x3dbl_3b"),
            "layers_mixed_10_tower_1_mixed_conv_1"
        );
    }

    #[test]
    fn a_file_with_these_names_is_the_network_of_clean_fid_and_no_other() {
        let mut state = StateDict::new("nvidia");
        let filled = |shape: Vec<usize>| {
            let count = shape.iter().product();
            Value::f32(shape, vec![0.5; count])
        };
        for (layer, place) in layers().iter().zip(places()) {
            // Points where the graph has slashes, as far as one can tell from a name.
            let place = place.replacen('_', ".", 1).replace("_tower", ".tower");
            let key = |part: &str| format!("model.{place}.{part}");
            state.insert(key("weight"), filled(layer.official_shape(false)));
            for part in ["beta", "mean", "var"] {
                state.insert(key(part), filled(vec![layer.output]));
            }
        }
        state.insert("model.output.weight", filled(vec![1008, 2048]));
        state.insert("model.output.bias", filled(vec![1008]));
        let (network, named) = recognised(state.clone()).unwrap();
        assert_eq!(network, Network::InceptionNvidia);
        let scale = named.get("Mixed_7c.branch_pool.bn.weight").unwrap();
        assert_eq!(scale.as_f32().unwrap(), [1.0; 192]);
        state.insert("model.layers.mixed_11.conv.weight", filled(vec![1]));
        let said = recognised(state).unwrap_err().to_string();
        assert!(said.contains("mixed_11"), "{said}");
    }
}
