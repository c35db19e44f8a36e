//! Files of other programs' making: slots in other layouts, old checkpoints, authors' own names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::json;
use slotflow::weights::import::{from_state, import};
use slotflow::weights::{StateDict, Value, read_pth, read_safetensors};

use crate::support::Product;

fn golden(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(folder)
}

#[test]
fn slots_in_other_layouts_are_read_or_refused_with_the_layout_that_is_wanted() {
    let product = Product::new();
    let import = |file: &str, out: &str| {
        let file = golden("slots").join("foreign").join(file);
        let file = file.to_str().unwrap();
        product.run(&["import", file, "--model", "slots", "--out", out])
    };
    for (file, out, printed) in [
        ("flat.pkl", "flat", "flat/clips\n"),
        ("bigendian.pkl", "big", "big/train\n"),
        ("int_keys.pkl", "ints", "ints/train\n"),
    ] {
        let done = import(file, out);
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{file}: {said}");
        assert_eq!(String::from_utf8_lossy(&done.stdout), printed, "{file}");
    }
    for (file, why) in [
        ("stacked.pkl", "not [time, slots, dim]"),
        ("object_array.pkl", "no NumPy array of plain numbers"),
        ("tensors.pkl", "it holds tensors"),
        ("torchsaved.pkl", "written by `torch.save`"),
        ("damaged.pkl", "it has no clip"),
    ] {
        let done = import(file, "none");
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(2), "{file}: {said}");
        assert!(
            said.contains(why) && said.contains("{clip name: float array"),
            "{file}: {said}"
        );
        assert!(!product.path("none").exists(), "{file}");
    }
    // What an export writes is read again.
    product.succeed(&["export", "flat", "--out", "flat.npz"]);
    product.succeed(&["import", "flat.npz", "--model", "slots", "--out", "again"]);
    product.succeed(&["export", "again", "--out", "again.npz"]);
    let read = |name: &str| std::fs::read(product.path(name)).unwrap();
    assert!(read("flat.npz") == read("again.npz"));
}

#[test]
fn a_checkpoint_of_before_zip_files_is_read_whatever_its_trainer_kept_beside_it() {
    let read = |name: &str| read_pth(golden("checkpoints").join(name));
    let state = read("legacy-trainer.pth").unwrap();
    let names: Vec<&str> = state.entries.keys().map(String::as_str).collect();
    assert_eq!(names, ["bias", "count", "mask", "turned", "weight"]);
    let floats = |name: &str| state.get(name).unwrap().as_f32().unwrap().to_vec();
    assert_eq!(floats("weight"), [0.5, -1.0, 2.0, 3.5, 4.0, 5.0]);
    assert_eq!(floats("turned"), [0.5, 3.5, -1.0, 4.0, 2.0, 5.0]);
    assert_eq!(floats("bias"), [0.25, -8.0]);
    assert_eq!(state.get("mask").unwrap().kind(), "bool");
    for name in ["empty-view.pth", "zero-axis.pth"] {
        let state = read(name).unwrap();
        assert_eq!(state.numbers(), 0, "{name}");
    }
    let said = read("repeated-view.pth").unwrap_err().to_string();
    assert!(said.contains("claim more bytes"), "{said}");
}

/// The names of the authors' own files, made from those of Hugging Face.
#[test]
fn a_vision_transformer_imports_under_the_names_of_its_authors() {
    for name in ["dino", "dinov2"] {
        let path = golden("vit").join(format!("{name}.safetensors"));
        let given = json!({"enc_dict": {"vit_dict": {"num_attention_heads": 3}}});
        let hugging_face = import(&path, name, given.clone()).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let (_, state) = read_safetensors(&*bytes, bytes.len() as u64, &path).unwrap();
        let own = own_names(state);
        assert!(own.entries.contains_key("blocks.0.attn.qkv.weight"));
        let imported = from_state(own, name, given).unwrap();
        assert_eq!(
            imported.files[0].state.entries, hugging_face.files[0].state.entries,
            "{name}"
        );
    }
}

/// A state dict of Hugging Face under the names of DINO's authors.
fn own_names(state: StateDict) -> StateDict {
    let mut own = StateDict::new("own.pth");
    let mut joined: BTreeMap<String, [Vec<f32>; 3]> = BTreeMap::new();
    for (key, value) in state.entries {
        let key = key
            .replace("embeddings.cls_token", "cls_token")
            .replace("embeddings.mask_token", "mask_token")
            .replace("embeddings.position_embeddings", "pos_embed")
            .replace("embeddings.patch_embeddings.projection", "patch_embed.proj")
            .replace("encoder.layer.", "blocks.")
            .replace("layernorm_before", "norm1")
            .replace("layernorm_after", "norm2")
            .replace("layernorm", "norm")
            .replace("attention.output.dense", "attn.proj")
            .replace("intermediate.dense", "mlp.fc1")
            .replace("output.dense", "mlp.fc2")
            .replace("layer_scale1.lambda1", "ls1.gamma")
            .replace("layer_scale2.lambda1", "ls2.gamma");
        let Some((block, part)) = key.split_once("attention.attention.") else {
            own.insert(key, value);
            continue;
        };
        let (part, end) = part.split_once('.').unwrap();
        let place = ["query", "key", "value"]
            .iter()
            .position(|one| *one == part)
            .unwrap();
        let numbers = value.as_f32().unwrap().to_vec();
        joined.entry(format!("{block}attn.qkv.{end}")).or_default()[place] = numbers;
    }
    for (key, parts) in joined {
        let dim = if key.ends_with("bias") {
            vec![]
        } else {
            vec![parts[0].len().isqrt()]
        };
        let rows = 3 * parts[0].len() / dim.iter().product::<usize>().max(1);
        let shape: Vec<usize> = std::iter::once(rows).chain(dim).collect();
        own.insert(key, Value::f32(shape, parts.concat()));
    }
    own
}
