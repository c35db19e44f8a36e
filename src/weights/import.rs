//! Official checkpoints → weights files of ours, one per module.

use std::path::{Path, PathBuf};

use serde_json::{Value as Json, json};
use slotflow_datasets::partial::PartialFile;
use slotflow_datasets::regular;

use super::error::describe_keys;
use super::keys::vit::with_hugging_face_names;
use super::keys::{CheckpointLayout, Part, Sorted};
use super::official::{MODELS, OfficialConfig, OfficialModel, Sizes, take_average};
use super::{Header, Shapes, StateDict, WeightsError, WeightsFile, read_pth, read_safetensors};
use crate::models::WeightsKind;

/// Stable Diffusion.
pub mod stable_diffusion;

/// Name in the header of the file with what carries nothing but stands in the official checkpoint.
pub const BUFFERS: WeightsKind = WeightsKind::OfficialBuffers;

/// Official classes of vision transformers, whose checkpoints come under two sets of names.
const VIT_CLASSES: [&str; 2] = ["ViTModel", "Dinov2Model"];

/// A checkpoint of the official code as models of ours.
#[derive(Debug)]
pub struct Imported {
    /// One weights file per module; one more with the buffers, so that an export gives all back.
    pub files: Vec<WeightsFile>,
}

/// Reads a checkpoint of the model called `name`; `config` is the official configuration, or null.
///
/// # Errors
/// When the file cannot be read, when its names are not exactly those of the model, when a shape or a kind of
/// number differs, when a number is NaN, or when something that shapes do not tell is not said.
pub fn import(path: &Path, name: &str, config: Json) -> Result<Imported, WeightsError> {
    OfficialModel::named(name)?.facts(config.clone())?;
    let state = read_official(path)?;
    state.check_finite()?;
    from_state(state, name, config)
}

/// The same of a state dict that was read already.
///
/// # Errors
/// As for [`import`], but for the reading.
pub fn from_state(
    mut state: StateDict,
    name: &str,
    config: Json,
) -> Result<Imported, WeightsError> {
    let model = OfficialModel::named(name)?;
    let facts = model.facts(config)?;
    if VIT_CLASSES.contains(&model.class) {
        state = with_hugging_face_names(state);
    }
    let aside = take_average(&mut state, &facts)?;
    let path = state.source.clone();
    let official = Shapes::of(&state);
    let layout = model.layout()?;
    let mut sorted = layout.sort(state);
    let sizes = fitted(model, layout, &mut sorted, &official, &facts)
        .map_err(|error| other_model(error, name, &official))?;
    let origin = format!(
        "imported from `{}`, official class {}",
        path.file_name().unwrap_or_default().to_string_lossy(),
        model.class
    );
    let header = |kind: WeightsKind, config: &Json| -> Result<Header, WeightsError> {
        let mut header = Header::new(kind, config, &origin)?;
        header.training = json!({ "official": model.name });
        Ok(header)
    };
    let mut files = Vec::new();
    for (part, sizes) in layout.parts.iter().zip(sizes) {
        sizes.check(&sorted.dropped)?;
        let config = serde_json::to_value(&sizes).map_err(|source| WeightsError::Config {
            source,
            path: path.clone(),
        })?;
        files.push(WeightsFile {
            header: header(part.model, &config)?,
            state: sorted.parts.remove(part.name).unwrap_or_default(),
        });
    }
    // What trained a VQ-VAE is no part of it.
    let mut buffers = sorted.dropped;
    buffers.entries.retain(|key, _| !key.contains("loss."));
    buffers.entries.extend(aside.entries);
    if !buffers.entries.is_empty() {
        files.push(WeightsFile {
            header: header(BUFFERS, &Json::Null)?,
            state: buffers,
        });
    }
    Ok(Imported { files })
}

/// A zip file of PyTorch, or safetensors as Hugging Face gives them out.
fn read_official(path: &Path) -> Result<StateDict, WeightsError> {
    if path
        .extension()
        .is_none_or(|ending| ending != "safetensors")
    {
        return read_pth(path);
    }
    let io = |source| WeightsError::Io {
        doing: "open",
        source,
        path: path.into(),
    };
    let file = regular::open(path).map_err(io)?;
    let length = file.metadata().map_err(io)?.len();
    Ok(read_safetensors(std::io::BufReader::new(file), length, path)?.1)
}

/// The sizes of every part, if each has exactly the arrays of a model of those sizes.
fn fitted(
    model: &OfficialModel,
    layout: &CheckpointLayout,
    sorted: &mut Sorted,
    official: &Shapes,
    facts: &OfficialConfig,
) -> Result<Vec<Sizes>, WeightsError> {
    let path = sorted.dropped.source.clone();
    let mut unused = std::mem::take(&mut sorted.unused);
    let mut missing = Vec::new();
    let mut sizes = Vec::new();
    let mut wrong = None;
    for part in layout.parts {
        let Some(state) = sorted.parts.get(part.name) else {
            continue;
        };
        let shapes = Shapes::of(state);
        match Sizes::told(part.model, &shapes, official, facts) {
            Ok(told) => {
                let expected = told.shapes();
                let named = |key: &str| official_name(layout, part, key, &expected);
                let lacks = expected.entries.keys().filter(|key| !shapes.has(key));
                missing.extend(lacks.map(|key| named(key)));
                let extra = shapes.entries.keys().filter(|key| !expected.has(key));
                unused.extend(extra.map(|key| named(key)));
                wrong = wrong.or_else(|| first_difference(state, &expected, &named));
                sizes.push(told);
            }
            Err(WeightsError::Keys { missing: keys, .. }) => {
                let named = keys
                    .iter()
                    .map(|key| official_name(layout, part, key, &shapes));
                missing.extend(named);
            }
            Err(WeightsError::Axes {
                key,
                expected,
                found,
            }) => {
                let key = official_name(layout, part, &key, &shapes);
                wrong = wrong.or(Some(WeightsError::Axes {
                    key,
                    expected,
                    found,
                }));
            }
            Err(other) => wrong = wrong.or(Some(other)),
        }
    }
    if !(missing.is_empty() && unused.is_empty()) {
        missing.sort();
        unused.sort();
        return Err(WeightsError::Keys {
            missing,
            unused,
            path,
        });
    }
    match wrong {
        Some(wrong) => Err(wrong),
        None if sizes.len() == layout.parts.len() => Ok(sizes),
        None => Err(WeightsError::UnknownModel {
            name: model.name.into(),
            known: String::new(),
        }),
    }
}

/// The first array of another shape, or of numbers that are no parameters.
fn first_difference(
    state: &StateDict,
    expected: &Shapes,
    named: &dyn Fn(&str) -> String,
) -> Option<WeightsError> {
    state.entries.iter().find_map(|(key, value)| {
        let shape = expected.entries.get(key)?;
        if *shape != value.shape {
            return Some(WeightsError::Shape {
                key: named(key),
                expected: shape.clone(),
                found: value.shape.clone(),
                path: state.source.clone(),
            });
        }
        (value.kind() != "f32").then(|| WeightsError::Kind {
            key: named(key),
            expected: "f32",
            found: value.kind(),
            path: state.source.clone(),
        })
    })
}

/// What the official code calls one of our parameters.
fn official_name(layout: &CheckpointLayout, part: &Part, key: &str, all: &Shapes) -> String {
    layout
        .to_official(part.name, key, &|path| all.has(path))
        .unwrap_or_else(|| key.to_owned())
}

/// Says which model a checkpoint is of, where its names fit another one than was asked for.
fn other_model(error: WeightsError, asked: &str, official: &Shapes) -> WeightsError {
    let WeightsError::Keys {
        missing,
        unused,
        path,
    } = error
    else {
        return error;
    };
    let fits = |layout: &CheckpointLayout| {
        let used = |key: &String| layout.to_ours(key).map(|(part, _)| part);
        let known = |key: &String| layout.ignores(key) || used(key).is_some();
        let parts: std::collections::BTreeSet<_> =
            official.entries.keys().filter_map(used).collect();
        parts.len() == layout.parts.len() && official.entries.keys().all(known)
    };
    let classes = MODELS
        .iter()
        .filter(|model| CheckpointLayout::of(model.class).is_some_and(fits));
    let names: Vec<_> = classes.map(|model| format!("`{}`", model.name)).collect();
    if names.is_empty() || names.contains(&format!("`{asked}`")) {
        return WeightsError::Keys {
            missing,
            unused,
            path,
        };
    }
    WeightsError::OtherModel {
        asked: asked.into(),
        looks_like: names.join(" or "),
        keys: describe_keys(&missing, &unused),
        path,
    }
}

impl Imported {
    /// Writes all files into a folder, or none of them.
    ///
    /// # Errors
    /// When one of them is there already, or the file system refuses.
    pub fn write(&self, folder: &Path) -> Result<Vec<PathBuf>, WeightsError> {
        let drafts: Vec<_> = self
            .files
            .iter()
            .map(|file| Draft {
                kind: file.header.model,
                write: Box::new(|path| file.write_draft(path)),
            })
            .collect();
        write_all(folder, &drafts)
    }
}

/// A weights file that is still to be written.
struct Draft<'a> {
    kind: WeightsKind,
    write: Box<Write<'a>>,
}

/// Writes a file at a path.
type Write<'a> = dyn Fn(&Path) -> Result<(), WeightsError> + 'a;

/// Writes files into a folder, or none of them.
fn write_all(folder: &Path, drafts: &[Draft]) -> Result<Vec<PathBuf>, WeightsError> {
    let io = |doing, path: &Path| {
        let path = path.to_owned();
        move |source| WeightsError::Io {
            doing,
            source,
            path,
        }
    };
    let place = |kind: WeightsKind| folder.join(format!("{kind}.safetensors"));
    let taken = drafts.iter().map(|draft| place(draft.kind));
    if let Some(path) = taken.into_iter().find(|path| path.exists()) {
        return Err(WeightsError::Exists { path });
    }
    let is_new = !folder.exists();
    std::fs::create_dir_all(folder).map_err(io("create", folder))?;
    let written = write_new(&place, drafts);
    if written.is_err() && is_new {
        std::fs::remove_dir_all(folder).map_err(io("remove", folder))?;
    }
    written
}

/// Writes every file beside its place, then renames all.
fn write_new(
    place: &dyn Fn(WeightsKind) -> PathBuf,
    drafts: &[Draft],
) -> Result<Vec<PathBuf>, WeightsError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| WeightsError::Io {
            doing: "write",
            source,
            path,
        }
    };
    let mut written = Vec::new();
    for draft in drafts {
        let path = place(draft.kind);
        let partial = PartialFile::create(&path).map_err(io(&path))?;
        (draft.write)(partial.path())?;
        written.push((path, partial));
    }
    let keep = |(path, partial): (PathBuf, PartialFile)| {
        partial.keep().map_err(io(&path))?;
        Ok(path)
    };
    written.into_iter().map(keep).collect()
}
