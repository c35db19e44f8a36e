//! What plans take and no plan trains, with random numbers: extracted slots with PHYRE's labels, and a vision transformer.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use ndarray::Array3;
use ndarray_npy::WriteNpyExt;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use serde_json::{Map, json};

use crate::phyre::is_solved;
use crate::scene::{CLIPS, Fault};
use crate::videos::readout_names;

/// Folder, frames, slots and width of the slots that the official code extracts or rolls out.
const SLOTS: [(&str, [usize; 3]); 8] = [
    ("obj3d", [50, 6, 128]),
    ("clevrer", [128, 7, 128]),
    ("phyre", [11, 8, 128]),
    ("phyre-rollout", [11, 8, 128]),
    ("physion-steve", [150, 6, 192]),
    ("physion-steve-rollout", [75, 6, 192]),
    ("physion-slotdiffusion", [150, 8, 192]),
    ("physion-slotdiffusion-rollout", [75, 8, 192]),
];

/// A number in −1..1.
fn uniform(rng: &mut ChaCha8Rng) -> f32 {
    (rng.next_u32() >> 8) as f32 / (1 << 23) as f32 - 1.0
}

/// Slots as arrays by split, and labels of PHYRE's actions.
pub fn slots(root: &Path) -> Result<(), Fault> {
    for (seed, (name, shape)) in SLOTS.into_iter().enumerate() {
        let mut rng = ChaCha8Rng::seed_from_u64(seed as u64);
        for (clip, file) in names(name).into_iter().enumerate() {
            let split = if clip < CLIPS {
                "train_slots"
            } else {
                "val_slots"
            };
            let folder = root.join(name).join(split);
            fs::create_dir_all(&folder)?;
            let values = Array3::from_shape_simple_fn(shape, || uniform(&mut rng));
            let file = File::create(folder.join(format!("{file}.npy")))?;
            values.write_npy(BufWriter::new(file))?;
        }
    }
    let label = |action: usize| if is_solved(action) { "True" } else { "False" };
    let rows = (0..=CLIPS).map(|action| format!("{action:06},{}\n", label(action)));
    let table: String = std::iter::once("name,label\n".to_owned())
        .chain(rows)
        .collect();
    Ok(fs::write(root.join("phyre-labels.csv"), table)?)
}

/// The names of clips: those of training, then one of validation.
fn names(of: &str) -> Vec<String> {
    if of.starts_with("physion") {
        return readout_names();
    }
    (0..=CLIPS).map(|clip| format!("{clip:06}")).collect()
}

const WIDTH: usize = 384;
const LAYERS: usize = 12;
const WIDER: usize = 1536;
const PATCH: usize = 8;
/// Patches of a picture of 224 pixels, and the class.
const TOKENS: usize = 28 * 28 + 1;

/// A DINO ViT-S/8 as safetensors, with Hugging Face's names.
pub fn dino(root: &Path) -> Result<(), Fault> {
    fs::create_dir_all(root)?;
    let (mut header, mut end) = (Map::new(), 0);
    let parameters = parameters();
    for (name, shape) in &parameters {
        let bytes = 4 * shape.iter().product::<usize>();
        let offsets = [end, end + bytes];
        header.insert(
            name.clone(),
            json!({"dtype": "F32", "shape": shape, "data_offsets": offsets}),
        );
        end += bytes;
    }
    let header = serde_json::to_vec(&header)?;
    let mut file = BufWriter::new(File::create(root.join("model.safetensors"))?);
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(&header)?;
    let mut rng = ChaCha8Rng::seed_from_u64(0);
    for (name, shape) in &parameters {
        let is_scale = name.contains("layernorm") && name.ends_with("weight");
        for _ in 0..shape.iter().product::<usize>() {
            let value = if is_scale {
                1.0
            } else {
                0.03 * uniform(&mut rng)
            };
            file.write_all(&value.to_le_bytes())?;
        }
    }
    Ok(file.flush()?)
}

/// Names and shapes, in the order of the file.
fn parameters() -> Vec<(String, Vec<usize>)> {
    let mut all = vec![
        ("embeddings.cls_token".to_owned(), vec![1, 1, WIDTH]),
        (
            "embeddings.position_embeddings".to_owned(),
            vec![1, TOKENS, WIDTH],
        ),
        (
            "embeddings.patch_embeddings.projection.weight".to_owned(),
            vec![WIDTH, 3, PATCH, PATCH],
        ),
        (
            "embeddings.patch_embeddings.projection.bias".to_owned(),
            vec![WIDTH],
        ),
    ];
    let mut linear = |name: String, out: usize, shape: Vec<usize>| {
        all.push((format!("{name}.weight"), shape));
        all.push((format!("{name}.bias"), vec![out]));
    };
    for layer in 0..LAYERS {
        let part = |name: &str| format!("encoder.layer.{layer}.{name}");
        for name in ["query", "key", "value"] {
            linear(
                part(&format!("attention.attention.{name}")),
                WIDTH,
                vec![WIDTH, WIDTH],
            );
        }
        linear(part("attention.output.dense"), WIDTH, vec![WIDTH, WIDTH]);
        linear(part("intermediate.dense"), WIDER, vec![WIDER, WIDTH]);
        linear(part("output.dense"), WIDTH, vec![WIDTH, WIDER]);
        linear(part("layernorm_before"), WIDTH, vec![WIDTH]);
        linear(part("layernorm_after"), WIDTH, vec![WIDTH]);
    }
    linear("layernorm".to_owned(), WIDTH, vec![WIDTH]);
    all
}
