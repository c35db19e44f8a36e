//! Metric networks (I3D, Inception, VGG, AlexNet, SqueezeNet) from published files.
//!
//! A file is recognised by the names and shapes of its arrays. Batch norms are folded into the convolutions in front
//! of them (their ε belongs to a metric's profile), and kernels over time are laid into the channels.

mod nvidia;

use std::collections::BTreeSet;
use std::path::Path;

use crate::models::perceptual::conv::ConvSpec;
use crate::models::perceptual::lpips::Backbone;
use crate::models::perceptual::{i3d, inception};

use crate::weights::{StateDict, Value, WeightsError, read_safetensors};

/// The heads of LPIPS v0.1, which are small enough to ship.
const HEADS: &[u8] = include_bytes!("../../pipelines/weights/lpips-heads.safetensors");

/// A network that is published as a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Network {
    /// Features of videos.
    I3d,
    /// Features of images.
    Inception,
    /// The same in NVIDIA's file, which clean-fid looks through.
    InceptionNvidia,
    /// What LPIPS looks through.
    Backbone(Backbone),
}

impl Network {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::I3d,
        Self::Inception,
        Self::InceptionNvidia,
        Self::Backbone(Backbone::Vgg),
        Self::Backbone(Backbone::Alex),
        Self::Backbone(Backbone::Squeeze),
    ];

    /// Name in commands and in the cache.
    pub const fn name(self) -> &'static str {
        match self {
            Self::I3d => "i3d",
            Self::Inception => "inception",
            Self::InceptionNvidia => "inception-nvidia",
            Self::Backbone(Backbone::Vgg) => "vgg16",
            Self::Backbone(Backbone::Alex) => "alexnet",
            Self::Backbone(Backbone::Squeeze) => "squeezenet",
        }
    }

    fn layers(self) -> Vec<ConvSpec> {
        match self {
            Self::I3d => i3d::layers(),
            Self::Inception | Self::InceptionNvidia => inception::layers(),
            Self::Backbone(backbone) => backbone.layers(),
        }
    }

    /// What stands between a layer's name and `.weight`.
    const fn inner(self) -> &'static str {
        match self {
            Self::I3d => ".conv3d",
            Self::Inception | Self::InceptionNvidia => ".conv",
            Self::Backbone(_) => "",
        }
    }

    /// Whether a layer is followed by a batch norm.
    fn has_norm(self, layer: &ConvSpec) -> bool {
        match self {
            Self::I3d => layer.name != "logits",
            Self::Inception | Self::InceptionNvidia => true,
            Self::Backbone(_) => false,
        }
    }

    /// Whether a name stands in the file and is not used.
    fn ignores(self, name: &str) -> bool {
        name.ends_with("num_batches_tracked")
            || match self {
                Self::I3d => false,
                Self::Inception | Self::InceptionNvidia => name == "fc.weight" || name == "fc.bias",
                Self::Backbone(_) => name.starts_with("classifier."),
            }
    }
}

/// The network whose arrays these are, and the arrays under its official names.
///
/// # Errors
/// When they are no network's that is known; the message is about the one that comes closest.
pub fn recognised(state: StateDict) -> Result<(Network, StateDict), WeightsError> {
    let mut closest: Option<(usize, WeightsError)> = None;
    for network in Network::ALL {
        let named = named(network, &state);
        match check(network, &named) {
            Ok(()) => return Ok((network, named)),
            Err((wrong, error)) => {
                if closest.as_ref().is_none_or(|(least, _)| wrong < *least) {
                    closest = Some((wrong, error));
                }
            }
        }
    }
    Err(closest.map_or_else(
        || WeightsError::Foreign {
            expected: "published network",
            why: "it holds no arrays".into(),
            path: state.source.clone(),
        },
        |(_, error)| error,
    ))
}

/// The arrays under official names: without what stands in front of all of them, I3D's second scheme as its first.
fn named(network: Network, state: &StateDict) -> StateDict {
    if network == Network::InceptionNvidia {
        return nvidia::named(state);
    }
    let mut named = StateDict::new(state.source.clone());
    let first = match network {
        Network::I3d => ["Conv3d_1a_7x7.", "conv3d_1a_7x7."],
        Network::Inception | Network::InceptionNvidia => ["Conv2d_1a_3x3."; 2],
        Network::Backbone(_) => ["features.0."; 2],
    };
    let prefix = state.entries.keys().find_map(|key| {
        let at = first.iter().find_map(|first| key.find(first))?;
        Some(key[..at].to_owned())
    });
    let prefix = prefix.unwrap_or_default();
    for (key, value) in &state.entries {
        let Some(key) = key.strip_prefix(&prefix) else {
            named.insert(key.clone(), value.clone());
            continue;
        };
        let key = if network == Network::I3d {
            first_scheme(key)
        } else {
            key.to_owned()
        };
        named.insert(key, value.clone());
    }
    named
}

/// A name of hassony2's port in that of piergiaj's.
fn first_scheme(key: &str) -> String {
    let mut key = key.replace(".batch3d.", ".bn.");
    if let Some(rest) = key.strip_prefix("conv3d_0c_1x1.") {
        return format!("logits.{rest}");
    }
    for (theirs, ours) in [
        (".branch_0.", ".b0."),
        (".branch_1.0.", ".b1a."),
        (".branch_1.1.", ".b1b."),
        (".branch_2.0.", ".b2a."),
        (".branch_2.1.", ".b2b."),
        (".branch_3.1.", ".b3b."),
    ] {
        key = key.replace(theirs, ours);
    }
    for (theirs, ours) in [("conv3d_", "Conv3d_"), ("mixed_", "Mixed_")] {
        if let Some(rest) = key.strip_prefix(theirs) {
            return format!("{ours}{rest}");
        }
    }
    key
}

const NORM: [&str; 4] = ["bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"];

/// Every array's name and shape, as the network needs them.
fn expected(network: Network) -> Vec<(String, Vec<usize>)> {
    let mut all = Vec::new();
    for layer in network.layers() {
        let stem = format!("{}{}", layer.name, network.inner());
        let shape = layer.official_shape(network == Network::I3d);
        all.push((format!("{stem}.weight"), shape));
        if network.has_norm(&layer) {
            let norm = NORM.map(|part| (format!("{}.{part}", layer.name), vec![layer.output]));
            all.extend(norm);
        } else {
            all.push((format!("{stem}.bias"), vec![layer.output]));
        }
    }
    if matches!(network, Network::Inception | Network::InceptionNvidia) {
        // Not used, but torchvision's own file, which differs in its pools, has 1000 classes.
        let shape = vec![inception::CLASSES, inception::DIM];
        all.push(("fc.weight".to_owned(), shape));
    }
    all
}

/// How many arrays are wrong, and the error that says so.
fn check(network: Network, state: &StateDict) -> Result<(), (usize, WeightsError)> {
    let expected = expected(network);
    let names: BTreeSet<&str> = expected.iter().map(|(name, _)| name.as_str()).collect();
    let unused: Vec<String> = state
        .entries
        .keys()
        .filter(|key| !names.contains(key.as_str()) && !network.ignores(key))
        .cloned()
        .collect();
    let missing: Vec<String> = expected
        .iter()
        .filter(|(name, _)| state.get(name).is_none())
        .map(|(name, _)| name.clone())
        .collect();
    let path = state.source.clone();
    if !(missing.is_empty() && unused.is_empty()) {
        let wrong = missing.len() + unused.len();
        return Err((
            wrong,
            WeightsError::Keys {
                missing,
                unused,
                path,
            },
        ));
    }
    for (key, expected) in expected {
        let found = state.get(&key).map(|value| value.shape.clone());
        if let Some(found) = found.filter(|found| *found != expected) {
            return Err((
                1,
                WeightsError::Shape {
                    key,
                    expected,
                    found,
                    path,
                },
            ));
        }
    }
    state.check_finite().map_err(|error| (1, error))
}

/// The arrays as our model of the network takes them, its norms folded with that ε.
///
/// # Errors
/// When an array is missing or holds no parameters; [`recognised`] arrays have neither fault.
pub fn folded(
    network: Network,
    state: &StateDict,
    epsilon: f64,
) -> Result<StateDict, WeightsError> {
    let mut out = StateDict::new(state.source.clone());
    let values = |key: &str| -> Result<&[f32], WeightsError> {
        state.shape(key)?;
        let found = state.get(key).and_then(Value::as_f32);
        found.ok_or_else(|| WeightsError::Kind {
            key: key.to_owned(),
            expected: "f32",
            found: "whole numbers",
            path: state.source.clone(),
        })
    };
    for (index, layer) in network.layers().iter().enumerate() {
        let stem = format!("{}{}", layer.name, network.inner());
        let weight = values(&format!("{stem}.weight"))?;
        let (scale, bias): (Vec<f64>, Vec<f32>) = if network.has_norm(layer) {
            let [gamma, beta, mean, variance] =
                NORM.map(|part| values(&format!("{}.{part}", layer.name)));
            let (gamma, beta, mean, variance) = (gamma?, beta?, mean?, variance?);
            let fold = |channel: usize| {
                let spread = (f64::from(variance[channel]) + epsilon).sqrt();
                let scale = f64::from(gamma[channel]) / spread;
                let bias = f64::from(beta[channel]) - f64::from(mean[channel]) * scale;
                (scale, bias as f32)
            };
            (0..layer.output).map(fold).unzip()
        } else {
            (
                vec![1.0; layer.output],
                values(&format!("{stem}.bias"))?.to_vec(),
            )
        };
        let [time, height, width] = layer.kernel;
        let shape = vec![layer.output, time * layer.input, height, width];
        let weight = Value::f32(shape, laid_flat(layer, weight, &scale));
        out.insert(format!("convs.{index}.weight"), weight);
        out.insert(
            format!("convs.{index}.bias"),
            Value::f32(vec![layer.output], bias),
        );
    }
    if let Network::Backbone(backbone) = network {
        for (index, head) in heads(backbone)?.into_iter().enumerate() {
            out.insert(format!("heads.{index}.weight"), head);
        }
    }
    Ok(out)
}

/// Weights `[out, in, time, pixels]` as `[out, time, in, pixels]`, scaled per output.
fn laid_flat(layer: &ConvSpec, weight: &[f32], scale: &[f64]) -> Vec<f32> {
    let [time, height, width] = layer.kernel;
    let (inputs, pixels) = (layer.input, height * width);
    let mut flat = Vec::with_capacity(weight.len());
    for (output, scale) in scale.iter().enumerate() {
        for t in 0..time {
            for input in 0..inputs {
                let at = ((output * inputs + input) * time + t) * pixels;
                let row = &weight[at..at + pixels];
                flat.extend(row.iter().map(|value| (f64::from(*value) * scale) as f32));
            }
        }
    }
    flat
}

/// The heads of LPIPS, one a tap.
fn heads(backbone: Backbone) -> Result<Vec<Value>, WeightsError> {
    let path = Path::new("shipped:lpips-heads");
    let (_, state) = read_safetensors(HEADS, HEADS.len() as u64, path)?;
    let of = |(index, channels): (usize, &usize)| {
        let key = format!("{}.lin{index}", backbone.name());
        state.shape(&key)?;
        let values = state.get(&key).and_then(Value::as_f32).unwrap_or_default();
        Ok(Value::f32(vec![*channels], values.to_vec()))
    };
    backbone.taps().iter().enumerate().map(of).collect()
}
