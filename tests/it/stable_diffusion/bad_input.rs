//! Folders and files of Stable Diffusion that are refused, each with what is wrong, and those that are read in other ways.

use std::path::{Path, PathBuf};

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::{Value as Json, json};
use slotflow::weights::import::stable_diffusion::import;
use slotflow::weights::keys::stable_diffusion::authors;
use slotflow::weights::{
    Precision, StateDict, StoredWeights, Value, Values, read_safetensors, write_safetensors,
};

use super::golden;
use crate::support::Product;

/// A copy of a fixture in a folder of its own.
fn copy(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy_into(&golden().join(name), folder.path());
    folder
}

fn copy_into(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let place = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_into(&path, &place);
        } else {
            std::fs::copy(&path, &place).unwrap();
        }
    }
}

fn refused(folder: &Path) -> String {
    import(folder, &Json::Null).unwrap_err().to_string()
}

/// Changes a setting of a configuration.
fn set(folder: &Path, file: &str, key: &str, value: Json) {
    let path = folder.join(file);
    let mut config: Json = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    config[key] = value;
    std::fs::write(&path, config.to_string()).unwrap();
}

fn weights(folder: &Path, part: &str) -> (PathBuf, StateDict) {
    let path = folder
        .join(part)
        .join("diffusion_pytorch_model.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    let state = read_safetensors(&*bytes, bytes.len() as u64, &path)
        .unwrap()
        .1;
    (path, state)
}

fn rewrite(path: &Path, state: &StateDict) {
    write_safetensors(state, None, path, Precision::Single).unwrap();
}

#[test]
fn a_missing_shard_and_a_list_that_leads_elsewhere_are_named() {
    let folder = copy("sd2");
    let shard = "unet/diffusion_pytorch_model-00002-of-00002.safetensors";
    std::fs::remove_file(folder.path().join(shard)).unwrap();
    let said = refused(folder.path());
    assert!(
        said.contains("a shard is missing") && said.contains(shard),
        "{said}"
    );
    let index = "unet/diffusion_pytorch_model.safetensors.index.json";
    let map = json!({"conv_in.bias": "../../secret.safetensors"});
    set(folder.path(), index, "weight_map", map);
    let said = refused(folder.path());
    assert!(said.contains("which is no file's name"), "{said}");
    std::fs::remove_file(folder.path().join(index)).unwrap();
    let said = refused(folder.path());
    assert!(
        said.contains("no `diffusion_pytorch_model.safetensors`"),
        "{said}"
    );
    std::fs::remove_file(folder.path().join("unet/config.json")).unwrap();
    let said = refused(folder.path());
    assert_eq!(said.matches("unet/config.json").count(), 1, "{said}");
}

#[test]
fn another_architecture_and_a_setting_that_is_not_here_are_named() {
    for (file, key, value, why) in [
        (
            "unet/config.json",
            "addition_embed_type",
            json!("text_time"),
            "only null is supported",
        ),
        (
            "unet/config.json",
            "_class_name",
            json!("SD3Transformer2DModel"),
            "not UNet2DConditionModel",
        ),
        (
            "vae/config.json",
            "_class_name",
            json!("AutoencoderTiny"),
            "not AutoencoderKL",
        ),
        (
            "vae/config.json",
            "latent_channels",
            json!(16),
            "the U-Net's `in_channels` is 4",
        ),
        (
            "vae/config.json",
            "mid_block_add_attention",
            json!(false),
            "only true is supported",
        ),
        (
            "scheduler/scheduler_config.json",
            "prediction_type",
            json!("flow"),
            "is `flow`",
        ),
        (
            "unet/config.json",
            "block_out_channels",
            json!([8, 16, 65_536, 65_536]),
            "more than the files have",
        ),
    ] {
        let folder = copy("sd1");
        set(folder.path(), file, key, value);
        let said = refused(folder.path());
        assert!(said.contains(why), "{key}: {said}");
    }
}

#[test]
fn names_and_shapes_are_strict_both_ways() {
    let folder = copy("sd1");
    let (path, whole) = weights(folder.path(), "unet");
    let mut state = whole.clone();
    let value = state
        .entries
        .remove("mid_block.resnets.1.conv1.bias")
        .unwrap();
    state.insert("add_embedding.linear_1.bias", value);
    rewrite(&path, &state);
    let said = refused(folder.path());
    let expected = "missing `mid_block.resnets.1.conv1.bias`; unused `add_embedding.linear_1.bias`";
    assert!(said.contains(expected), "{said}");
    let mut state = whole;
    state.insert("conv_out.bias", Value::f32([5], vec![0.0; 5]));
    rewrite(&path, &state);
    let said = refused(folder.path());
    assert!(
        said.contains("`conv_out.bias` has shape [5] but the model's is [4]"),
        "{said}"
    );
    let integers = Value {
        shape: vec![4],
        values: Values::I64(vec![0; 4]),
    };
    state.insert("conv_out.bias", integers);
    rewrite(&path, &state);
    let said = refused(folder.path());
    assert!(
        said.contains("`conv_out.bias` holds numbers of type I64"),
        "{said}"
    );
}

#[test]
fn eight_bits_and_numbers_that_are_none_are_named() {
    let folder = copy("sd1");
    let (path, _) = weights(folder.path(), "unet");
    let bytes = std::fs::read(&path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let bias = file.tensor("conv_in.bias").unwrap();
    let eight_bits = vec![0; bias.data().len() / 2];
    let shape = bias.shape().to_vec();
    let eight_bits = TensorView::new(Dtype::F8_E4M3, shape, &eight_bits).unwrap();
    let arrays = file.iter().map(|(name, array)| {
        let array = if name == "conv_in.bias" {
            eight_bits.clone()
        } else {
            array
        };
        (name, array)
    });
    std::fs::write(&path, safetensors::serialize(arrays, None).unwrap()).unwrap();
    let said = refused(folder.path());
    let expected = "`conv_in.bias` holds numbers of type F8_E4M3, which are not supported";
    assert!(said.contains(expected), "{said}");

    let at = bias.data().as_ptr() as usize - bytes.as_ptr() as usize;
    let mut broken = bytes.clone();
    broken[at..at + 2].copy_from_slice(&[0xff, 0x7f]);
    std::fs::write(&path, &broken).unwrap();
    assert!(refused(folder.path()).contains("holds NaN at 0"));
    std::fs::write(&path, &broken[..broken.len() - 2]).unwrap();
    assert!(refused(folder.path()).contains("damaged"));
}

#[test]
fn one_file_of_the_authors_making_gives_the_same_weights() {
    let original = import(&golden().join("sd1"), &Json::Null).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let mut state = StateDict::new(&path);
    for array in &original.arrays {
        let mut value = array.value(&path).unwrap();
        if array.name.contains(".mid.attn_1.") && value.shape.len() == 2 {
            value.shape.extend([1, 1]);
        }
        state.insert(authors(&array.name).unwrap(), value);
    }
    let text = Value::f32([2], vec![0.0; 2]);
    state.insert("cond_stage_model.transformer.x.bias", text.clone());
    state.insert("betas", text);
    rewrite(&path, &state);
    let read = |name: &str| -> Json {
        let path = golden().join("sd1").join(name);
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    };
    let given = json!({ "unet": read("unet/config.json"), "vae": read("vae/config.json") });
    let single = import(&path, &given).unwrap();
    let values = |weights: &StoredWeights| {
        let mut values: Vec<_> = weights
            .arrays
            .iter()
            .map(|array| (array.name.clone(), array.value(&path).unwrap().values))
            .collect();
        values.sort_by(|a, b| a.0.cmp(&b.0));
        values
    };
    assert!(values(&single) == values(&original));
    let said = import(&path, &Json::Null).unwrap_err().to_string();
    assert!(said.contains("more than the files have"), "{said}");
    let said = import(&golden().join("sd1"), &given)
        .unwrap_err()
        .to_string();
    assert!(
        said.contains("a folder has its own configurations"),
        "{said}"
    );
    let vae = golden().join("sd1/vae/diffusion_pytorch_model.safetensors");
    let said = import(&vae, &Json::Null).unwrap_err().to_string();
    assert!(
        said.contains("which a checkpoint of Stable Diffusion has"),
        "{said}"
    );
}

#[test]
fn settings_of_what_is_no_part_of_a_model_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let key = "model.diffusion_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight";
    let mut state = StateDict::new(&path);
    state.insert(key, Value::f32([1, 768], vec![0.0; 768]));
    rewrite(&path, &state);
    for (given, why) in [
        (json!([1]), "`--config` has [1], which is no object"),
        (
            json!({"u-net": {}}),
            "`u-net` is given, but the parts are unet, vae, scheduler",
        ),
        (json!({"vae": 3}), "`vae` has 3, which is no object"),
    ] {
        let said = import(&path, &given).unwrap_err().to_string();
        assert!(said.contains(why), "{said}");
    }
}

#[test]
fn the_command_keeps_the_precision_of_the_files_and_writes_once() {
    let product = Product::new();
    let source = golden().join("sd1");
    let source = source.to_str().unwrap();
    let base = [
        "import",
        source,
        "--model",
        "stable-diffusion",
        "--out",
        "w",
    ];
    assert_eq!(product.succeed(&base), "w/stable-diffusion.safetensors\n");
    let stored = |part: &str| {
        let path = golden()
            .join("sd1")
            .join(part)
            .join("diffusion_pytorch_model.safetensors");
        path.metadata().unwrap().len()
    };
    let written = product
        .path("w/stable-diffusion.safetensors")
        .metadata()
        .unwrap()
        .len();
    assert!(
        written.abs_diff(stored("unet") + stored("vae")) < 16_384,
        "{written}"
    );
    assert!(product.fail(2, &base).contains("is there already"));
    let said = product.fail(2, &["export", "w", "--out", "x.safetensors"]);
    assert!(said.contains("imported only, not exported: `w`"), "{said}");
}
