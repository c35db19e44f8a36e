//! One fixture: configuration, checkpoint, inputs and expected results.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use burn::tensor::{Device, Int, Tensor, TensorData};
use serde_json::Value as Json;
use slotflow::device::DeviceChoice;
use slotflow::rng::SeededRng;
use slotflow::weights::keys::CheckpointLayout;
use slotflow::weights::{StateDict, Value, Values, read_pth, read_safetensors};

/// Largest difference relative to the largest magnitude, unless the manifest allows more.
const TOLERANCE: f64 = 1e-4;

/// A fixture in memory, without its checkpoint.
#[derive(Clone)]
pub struct Fixture {
    /// `savi_ldm`
    pub name: String,
    /// Official class, or `planning`, which uses two checkpoints.
    pub class: String,
    /// The official hyper-parameters.
    pub config: Json,
    /// `in/…` and `out/…`
    pub tensors: StateDict,
    /// Files that the manifest says this fixture uses instead of its own checkpoint.
    pub uses: Vec<String>,
    tolerances: BTreeMap<String, f64>,
    folder: PathBuf,
}

impl Fixture {
    /// Every fixture in a folder, or only that of one name.
    pub fn read_all(folder: &Path, only: Option<&str>) -> Vec<Self> {
        let manifest = std::fs::read(folder.join("MANIFEST.json")).ok();
        let manifest: Json =
            manifest.map_or(Json::Null, |bytes| serde_json::from_slice(&bytes).unwrap());
        let files = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = files
            .filter_map(|file| file.strip_suffix(".io.safetensors").map(str::to_owned))
            .collect();
        names.sort();
        names.retain(|name| only.is_none_or(|only| only == name));
        names
            .iter()
            .map(|name| Self::read(folder, name, &manifest))
            .collect()
    }

    fn read(folder: &Path, name: &str, manifest: &Json) -> Self {
        let path = folder.join(format!("{name}.io.safetensors"));
        let length = path.metadata().unwrap().len();
        let (_, tensors) = read_safetensors(File::open(&path).unwrap(), length, &path).unwrap();
        let config = std::fs::read(folder.join(format!("{name}.config.json"))).ok();
        let config: Json =
            config.map_or(Json::Null, |bytes| serde_json::from_slice(&bytes).unwrap());
        let models = manifest["models"].as_array();
        let entry = models
            .and_then(|models| models.iter().find(|model| model["name"] == name))
            .unwrap_or(&Json::Null);
        let texts = |list: &Json| {
            list.as_array()
                .map(|list| list.iter().map(text).collect())
                .unwrap_or_default()
        };
        let measured = entry["tensors"].as_object().into_iter().flatten();
        let tolerances = measured.filter_map(|(tensor, facts)| {
            Some((
                tensor.clone(),
                TOLERANCE.max(10.0 * facts["max_rel_to_absmax"].as_f64()?),
            ))
        });
        Self {
            name: name.into(),
            class: config["model"].as_str().unwrap_or("planning").into(),
            tensors,
            uses: texts(&entry["uses"]),
            tolerances: tolerances.collect(),
            config,
            folder: folder.into(),
        }
    }

    /// The same with every tensor of two pictures or more as that of one clip, as models for videos have it.
    #[must_use]
    pub fn as_clip(&self) -> Self {
        let mut clip = self.clone();
        let count = self.value("in/img").shape[0];
        for value in clip.tensors.entries.values_mut() {
            if value.shape.first() == Some(&count) && value.shape.len() > 1 {
                value.shape.insert(0, 1);
            }
        }
        clip
    }

    /// The same with every input of floats moved by one unit in its last place, up or down.
    #[must_use]
    pub fn nudged(&self, seed: u64) -> Self {
        let mut nudged = self.clone();
        for (name, value) in &mut nudged.tensors.entries {
            let mut noise = SeededRng::new(seed, &["nudge", name]);
            if let (true, Values::F32(values)) = (name.starts_with("in/"), &mut value.values) {
                for value in values {
                    *value *= [1.0 - f32::EPSILON, 1.0 + f32::EPSILON][noise.below(2)];
                }
            }
        }
        nudged
    }

    /// The folder that it lies in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Its checkpoint under official names.
    pub fn checkpoint(&self) -> StateDict {
        read_pth(self.folder.join(format!("{}.pth", self.name))).unwrap()
    }

    /// Its checkpoint, split into our models.
    pub fn parts(&self) -> BTreeMap<&'static str, StateDict> {
        self.layout().split(self.checkpoint()).unwrap()
    }

    /// How its names are translated.
    pub fn layout(&self) -> &'static CheckpointLayout {
        CheckpointLayout::of(&self.class).unwrap()
    }

    /// Device of the comparison: `PARITY_DEVICE`, such as `cuda`, else the CPU.
    pub fn device() -> Device {
        let name = std::env::var("PARITY_DEVICE").unwrap_or_else(|_| "cpu".into());
        name.parse::<DeviceChoice>().unwrap().open().unwrap()
    }

    /// Largest difference allowed, relative to the largest magnitude; at least `PARITY_TOLERANCE` where that is set, for
    /// devices that round the factors of a product.
    pub fn tolerance(&self, tensor: &str) -> f64 {
        let least =
            std::env::var("PARITY_TOLERANCE").map_or(TOLERANCE, |given| given.parse().unwrap());
        self.tolerances
            .get(tensor)
            .map_or(least, |measured| measured.max(least))
    }

    /// Names of the expected results.
    pub fn expected(&self) -> impl Iterator<Item = &str> {
        self.tensors
            .entries
            .keys()
            .map(String::as_str)
            .filter(|name| name.starts_with("out/"))
    }

    /// Whether it has a tensor of that name.
    pub fn has(&self, name: &str) -> bool {
        self.tensors.get(name).is_some()
    }

    /// A tensor of the fixture by its full name (`in/img`).
    pub fn value(&self, name: &str) -> &Value {
        self.tensors
            .get(name)
            .unwrap_or_else(|| panic!("fixture {} has no `{name}`", self.name))
    }

    /// A float tensor by its full name.
    pub fn tensor<const D: usize>(&self, name: &str, device: &Device) -> Tensor<D> {
        let value = self.value(name);
        let values = value
            .as_f32()
            .unwrap_or_else(|| panic!("`{name}` is no float tensor"))
            .to_vec();
        Tensor::from_data(TensorData::new(values, value.shape.clone()), device)
    }

    /// Pictures or their latents by their full name, `[frames, channels, height, width]`; clips are flattened.
    pub fn frames(&self, name: &str, device: &Device) -> Tensor<4> {
        let shape = &self.value(name).shape;
        let [channels, height, width] = shape[shape.len() - 3..] else {
            panic!("`{name}` holds no pictures")
        };
        let values = self.value(name).as_f32().unwrap().to_vec();
        let count = values.len() / (channels * height * width);
        let data = TensorData::new(values, [count, channels, height, width]);
        Tensor::from_data(data, device)
    }

    /// A tensor of whole numbers by its full name; masks become 0 and 1.
    pub fn ints<const D: usize>(&self, name: &str, device: &Device) -> Tensor<D, Int> {
        Tensor::from_data(
            TensorData::new(self.whole(name), self.value(name).shape.clone()),
            device,
        )
    }

    /// The whole numbers of a tensor.
    pub fn whole(&self, name: &str) -> Vec<i64> {
        match &self.value(name).values {
            Values::I64(values) => values.clone(),
            Values::Bool(values) => values.iter().map(|value| i64::from(*value)).collect(),
            Values::F32(_) => panic!("`{name}` holds no whole numbers"),
        }
    }

    /// The one number of a tensor.
    pub fn number(&self, name: &str) -> f64 {
        match &self.value(name).values {
            Values::F32(values) => f64::from(values[0]),
            Values::I64(values) => values[0] as f64,
            Values::Bool(values) => f64::from(u8::from(values[0])),
        }
    }

    /// A size in the configuration: `size("slot_dict/num_slots")`.
    pub fn size(&self, pointer: &str) -> usize {
        let found = self.setting(pointer).as_u64();
        found.unwrap_or_else(|| panic!("{}: no size `{pointer}` in the configuration", self.name))
            as usize
    }

    /// A setting in the configuration, null if absent.
    pub fn setting(&self, pointer: &str) -> &Json {
        self.config
            .pointer(&format!("/{pointer}"))
            .unwrap_or(&Json::Null)
    }
}

fn text(json: &Json) -> String {
    json.as_str().unwrap_or_default().into()
}
