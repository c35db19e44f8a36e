//! Stable Diffusion 1.x and 2.x → one weights file of ours: from a folder in diffusers' layout, or from one file of its
//! authors' making.
//!
//! Arrays are copied in the precision in which they are stored. The text encoder is left out on purpose: what a model here
//! attends to are slots.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde_json::{Value as Json, json};
use slotflow_datasets::DataError;
use slotflow_datasets::listing::read_text;

use super::{Draft, write_all};
use crate::models::WeightsKind;
use crate::models::decoder::sampler::SamplerConfig;
use crate::models::decoder::stable_diffusion::StableDiffusionConfig;
use crate::rng::Init;
use crate::weights::keys::stable_diffusion::{
    authors, current_name, diffusers_autoencoder, diffusers_unet, is_aside,
};
use crate::weights::official::{
    Component, Components, STABLE_DIFFUSION, sampler, stable_diffusion,
};
use crate::weights::{
    Header, Shapes, StoredArray, StoredWeights, Values, WeightsError, map_safetensors, read_pth,
    shapes_of,
};

/// Files that may hold the weights of a part, the first that is there; the second ones list shards.
const FILES: [(&str, &str); 4] = [
    (
        "diffusion_pytorch_model.safetensors",
        "diffusion_pytorch_model.safetensors.index.json",
    ),
    (
        "diffusion_pytorch_model.fp16.safetensors",
        "diffusion_pytorch_model.safetensors.index.fp16.json",
    ),
    (
        "diffusion_pytorch_model.bin",
        "diffusion_pytorch_model.bin.index.json",
    ),
    (
        "diffusion_pytorch_model.fp16.bin",
        "diffusion_pytorch_model.bin.index.fp16.json",
    ),
];

/// Reads a model; `given` has settings that a single file does not tell, or is null.
///
/// # Errors
/// When a file is missing or cannot be read, when its names are not exactly those of the model, when a shape differs, when
/// a number is none or is stored in another way than 32 or 16 bits, or when a setting asks for what no model here has.
pub fn import(path: &Path, given: &Json) -> Result<StoredWeights, WeightsError> {
    let (config, sampler, arrays) = if path.is_dir() {
        if !given.is_null() {
            return Err(layout("a folder has its own configurations", path));
        }
        of_folder(path)?
    } else {
        of_file(path, given)?
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let origin = format!("imported from `{name}`, without its text encoder");
    let mut header = Header::new(WeightsKind::StableDiffusion, &config, &origin)?;
    header.training = json!({ "official": STABLE_DIFFUSION, SAMPLER: sampler });
    Ok(StoredWeights { header, arrays })
}

/// Where an imported file tells how its scheduler samples.
const SAMPLER: &str = "sampler";

/// The settings of a plan by which a model is sampled as its scheduler says.
pub fn sampler_settings(weights: &StoredWeights) -> String {
    let sampler = &weights.header.training[SAMPLER];
    let by_steps = sampler["method"] == "multistep";
    let times = if by_steps { "grid" } else { "spacing" };
    let told = ["method", times, "last"].into_iter().filter_map(|key| {
        let value = sampler[key].as_str()?;
        Some(format!("--set render.sampler.{key}={value}"))
    });
    told.collect::<Vec<_>>().join(" ")
}

/// Writes the file into a folder and gives its path.
///
/// # Errors
/// When it is there already, or the file system refuses.
pub fn write(weights: &StoredWeights, folder: &Path) -> Result<Vec<PathBuf>, WeightsError> {
    let draft = Draft {
        kind: weights.header.model,
        write: Box::new(|path| weights.write_draft(path)),
    };
    write_all(folder, &[draft])
}

type Model = (StableDiffusionConfig, SamplerConfig, Vec<StoredArray>);

fn layout(reason: impl Into<String>, path: &Path) -> WeightsError {
    WeightsError::Layout {
        reason: reason.into(),
        path: path.into(),
    }
}

fn of_folder(folder: &Path) -> Result<Model, WeightsError> {
    let (unet, vae) = (folder.join("unet"), folder.join("vae"));
    let paths = [
        unet.join("config.json"),
        vae.join("config.json"),
        folder.join("scheduler/scheduler_config.json"),
    ];
    let mut configs = Vec::new();
    for path in &paths {
        configs.push(read_json(path)?);
    }
    let component = |index: usize| Component {
        config: &configs[index],
        path: &paths[index],
    };
    let config = stable_diffusion(&Components {
        unet: component(0),
        vae: component(1),
        scheduler: component(2),
    })?;
    let of_unet = weights_of(&unet)?;
    let mut of_vae = weights_of(&vae)?;
    for array in &mut of_vae {
        array.name = current_name(&array.name);
    }
    check_sizes(&config, &[&of_unet, &of_vae], folder)?;
    let shapes = blank_shapes(&config);
    let blocks = config.unet.residual_blocks;
    let levels = config.vae.multipliers.len();
    let mut arrays = fitted(of_unet, &shapes, &unet, |path| {
        diffusers_unet(path.strip_prefix("unet.")?, blocks)
    })?;
    arrays.extend(fitted(of_vae, &shapes, &vae, |path| {
        diffusers_autoencoder(path.strip_prefix("vae.")?, levels)
    })?);
    Ok((config, sampler(&component(2))?, arrays))
}

/// The shape of every parameter, under our names.
fn blank_shapes(config: &StableDiffusionConfig) -> Shapes {
    // Zeros that are never touched: the system gives them out without memory behind them.
    shapes_of(&config.init(&mut Init::blank(&burn::tensor::Device::flex())))
}

/// Refuses a configuration of layers that are larger than all that the files hold, before a model is made of it.
fn check_sizes(
    config: &StableDiffusionConfig,
    found: &[&[StoredArray]],
    path: &Path,
) -> Result<(), WeightsError> {
    let arrays = || found.iter().flat_map(|list| list.iter());
    let numbers = arrays().map(|array| array.shape.iter().product::<usize>());
    let numbers: usize = numbers.sum();
    let largest = |channels: usize, multipliers: &[usize]| {
        let width = channels * multipliers.iter().max().unwrap_or(&1);
        9 * width * width
    };
    let largest = largest(config.unet.channels, &config.unet.multipliers)
        .max(largest(config.vae.channels, &config.vae.multipliers))
        .max(config.unet.context);
    let blocks = config.unet.residual_blocks.max(config.vae.residual_blocks);
    if largest > numbers || blocks > arrays().count() {
        let reason = format!(
            "the configuration asks for {blocks} blocks and a layer of {largest} numbers, more than the files have"
        );
        return Err(layout(reason, path));
    }
    Ok(())
}

/// Arrays under our names, if they are exactly the parameters that `named` knows and have their shapes.
fn fitted(
    found: Vec<StoredArray>,
    shapes: &Shapes,
    path: &Path,
    named: impl Fn(&str) -> Option<String>,
) -> Result<Vec<StoredArray>, WeightsError> {
    let expected = shapes.entries.iter();
    let mut expected: BTreeMap<String, (&String, &Vec<usize>)> = expected
        .filter_map(|(ours, shape)| Some((named(ours)?, (ours, shape))))
        .collect();
    let (mut arrays, mut unused, mut wrong) = (Vec::new(), Vec::new(), None);
    for array in found {
        let Some((ours, shape)) = expected.remove(&array.name) else {
            unused.push(array.name);
            continue;
        };
        if array.shape != *shape {
            wrong.get_or_insert(WeightsError::Shape {
                key: array.name,
                expected: shape.clone(),
                found: array.shape,
                path: path.into(),
            });
            continue;
        }
        arrays.push((array, ours.clone()));
    }
    if !(expected.is_empty() && unused.is_empty()) {
        return Err(WeightsError::Keys {
            missing: expected.into_keys().collect(),
            unused,
            path: path.into(),
        });
    }
    if let Some(wrong) = wrong {
        return Err(wrong);
    }
    arrays
        .par_iter()
        .try_for_each(|(array, _)| array.check(path))?;
    let renamed = arrays.into_iter().map(|(array, ours)| array.renamed(ours));
    Ok(renamed.collect())
}

/// The arrays of a part, from one file or from shards.
fn weights_of(folder: &Path) -> Result<Vec<StoredArray>, WeightsError> {
    for (whole, index) in FILES {
        let (whole, index) = (folder.join(whole), folder.join(index));
        if whole.exists() {
            return read_arrays(&whole);
        }
        if index.exists() {
            return read_shards(&index, folder);
        }
    }
    Err(layout(
        format!("no `{}` and no list of shards", FILES[0].0),
        folder,
    ))
}

fn read_shards(index: &Path, folder: &Path) -> Result<Vec<StoredArray>, WeightsError> {
    let list = read_json(index)?;
    let list = list["weight_map"].as_object();
    let list = list.ok_or_else(|| layout("a list of shards without a `weight_map`", index))?;
    let mut shards: BTreeMap<&str, Vec<&String>> = BTreeMap::new();
    for (key, shard) in list {
        let shard = shard.as_str().unwrap_or_default();
        if shard.is_empty() || Path::new(shard).file_name() != Some(shard.as_ref()) {
            let reason = format!("`{key}` lies in {}, which is no file's name", list[key]);
            return Err(layout(reason, index));
        }
        shards.entry(shard).or_default().push(key);
    }
    let mut arrays: Vec<StoredArray> = Vec::new();
    for (shard, keys) in shards {
        let path = folder.join(shard);
        if !path.exists() {
            let reason = format!("a shard is missing, with {} arrays", keys.len());
            return Err(layout(reason, &path));
        }
        let found = read_arrays(&path)?;
        let listed = |array: &StoredArray| keys.iter().any(|key| **key == array.name);
        if let Some(array) = found.iter().find(|array| !listed(array)) {
            let reason = format!("`{}` is not in the list of this shard", array.name);
            return Err(layout(reason, &path));
        }
        arrays.extend(found);
    }
    Ok(arrays)
}

/// The arrays of a file: safetensors as they are stored, PyTorch's in single precision.
fn read_arrays(path: &Path) -> Result<Vec<StoredArray>, WeightsError> {
    if path.extension().is_some_and(|end| end == "safetensors") {
        return map_safetensors(path);
    }
    let mut arrays = Vec::new();
    for (name, value) in read_pth(path)?.entries {
        if is_aside(&name) {
            continue;
        }
        let Values::F32(values) = &value.values else {
            return Err(WeightsError::Kind {
                key: name,
                expected: "f32",
                found: value.kind(),
                path: path.into(),
            });
        };
        arrays.push(StoredArray::single(name, value.shape, values));
    }
    Ok(arrays)
}

fn read_json(path: &Path) -> Result<Json, WeightsError> {
    let text = read_text(path).map_err(|error| match error {
        DataError::Io { source, .. } => layout(format!("cannot read ({source})"), path),
        DataError::Malformed { reason, .. } => layout(reason, path),
        other => layout(other.to_string(), path),
    })?;
    serde_json::from_slice(&text).map_err(|error| layout(format!("no JSON ({error})"), path))
}

/// The array whose second axis is the width of a token.
const CONTEXT: &str =
    "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight";

/// One file with everything, under the authors' names.
fn of_file(path: &Path, given: &Json) -> Result<Model, WeightsError> {
    let mut found = read_arrays(path)?;
    found.retain(|array| !is_aside(&array.name));
    let context = found.iter().find(|array| array.name == CONTEXT);
    let context = context.and_then(|array| array.shape.get(1)).copied();
    let context = context.ok_or_else(|| {
        let reason = format!("no `{CONTEXT}`, which a checkpoint of Stable Diffusion has");
        layout(reason, path)
    })?;
    let [unet, vae, scheduler] = published(context, given, path)?;
    let component = |config| Component { config, path };
    let mut config = stable_diffusion(&Components {
        unet: component(&unet),
        vae: component(&vae),
        scheduler: component(&scheduler),
    })?;
    config.vae.linear_projection = false;
    check_sizes(&config, &[&found], path)?;
    let arrays = fitted(found, &blank_shapes(&config), path, authors)?;
    Ok((config, sampler(&component(&scheduler))?, arrays))
}

/// Parts of a model that have settings, in the order of [`published`].
const PARTS: [&str; 3] = ["unet", "vae", "scheduler"];

/// Puts what was given for each part in the place of what was published.
fn replace(published: &mut [Json; 3], given: &Json, path: &Path) -> Result<(), WeightsError> {
    let refuse = |key: &str, reason: String| WeightsError::Component {
        key: key.into(),
        reason,
        path: path.into(),
    };
    let no_object = |key: &str, value| refuse(key, format!("has {value}, which is no object"));
    let given = match given {
        Json::Null => return Ok(()),
        Json::Object(given) => given,
        other => return Err(no_object("--config", other)),
    };
    for (name, settings) in given {
        let Some(place) = PARTS.iter().position(|part| part == name) else {
            let reason = format!("is given, but the parts are {}", PARTS.join(", "));
            return Err(refuse(name, reason));
        };
        let Json::Object(settings) = settings else {
            return Err(no_object(name, settings));
        };
        for (key, value) in settings {
            published[place][key] = value.clone();
        }
    }
    Ok(())
}

/// The configurations of U-Net, auto-encoder and scheduler for tokens of that width, as published, with what was given in
/// their places.
///
/// Source: `CompVis/stable-diffusion` `configs/stable-diffusion/v1-inference.yaml`; `config.json` of Stable Diffusion 2.1.
fn published(context: usize, given: &Json, path: &Path) -> Result<[Json; 3], WeightsError> {
    let first = json!({ "_class_name": "UNet2DConditionModel", "cross_attention_dim": context });
    let mut unet = first;
    if context == 1024 {
        unet["attention_head_dim"] = json!([5, 10, 20, 20]);
        unet["use_linear_projection"] = json!(true);
    } else {
        unet["attention_head_dim"] = json!(8);
    }
    let vae = json!({
        "_class_name": "AutoencoderKL",
        "block_out_channels": [128, 256, 512, 512],
        "down_block_types": vec!["DownEncoderBlock2D"; 4],
        "up_block_types": vec!["UpDecoderBlock2D"; 4],
        "layers_per_block": 2,
    });
    let scheduler = json!({
        "beta_start": 0.000_85,
        "beta_end": 0.012,
        "beta_schedule": "scaled_linear",
        "steps_offset": 1,
        "set_alpha_to_one": false,
    });
    let mut all = [unet, vae, scheduler];
    replace(&mut all, given, path)?;
    // Two models of version 2 differ in this alone.
    if context == 1024 && all[2]["prediction_type"].is_null() {
        let reason = "is not told by the arrays: give `{\"scheduler\": {\"prediction_type\": \"v_prediction\"}}` or \
             \"epsilon\" with `--config`";
        return Err(WeightsError::Component {
            key: "prediction_type".into(),
            reason: reason.into(),
            path: path.into(),
        });
    }
    let is_large = context == 1024 && all[2]["prediction_type"] == "v_prediction";
    if is_large && all[0]["sample_size"].is_null() {
        all[0]["sample_size"] = json!(96);
    }
    Ok(all)
}
