//! Slots of the official code → artifacts, and artifacts → `NumPy` archives.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use ndarray::{Array3, Ix3};
use ndarray_npy::NpzWriter;
use slotflow_datasets::ClipId;
use slotflow_datasets::numpy::{NpzArchive, NumpyArray, NumpyError};
use slotflow_datasets::partial::PartialFile;

use crate::artifacts::files::{entries, make_dir, partial_of, remove_dir};
use crate::artifacts::slots::{ClipSlots, SlotsOfClips};
use crate::artifacts::{Input, Partial, Recipe, RunError};
use crate::train::data::imported_slots::artifacts;
use crate::weights::WeightsError;
use crate::weights::slot_pickle::{SlotPickle, UNNAMED, check_finite};

/// Why slots could not be imported.
#[derive(Debug, thiserror::Error)]
pub enum SlotFileError {
    /// The slot file cannot be used.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// Files could not be read or written.
    #[error(transparent)]
    Run(#[from] RunError),
}

/// Splits that are being written: all are put in place, or none is.
struct Splits<'a> {
    from: &'a Path,
    out: &'a Path,
    origin: String,
    open: Vec<OpenSplit>,
}

/// A split that is being written.
struct OpenSplit {
    name: String,
    artifact: Partial<SlotsOfClips>,
    clips: BTreeSet<ClipId>,
}

/// Imports a slot file (`.pkl`, `.npz`), or `.npy` files as PHYRE has them, in one folder or one for each split: an artifact
/// per split in `out`.
///
/// # Errors
/// When the file is no slot file, when a split is there already, or when the file system says no; then nothing
/// is left behind.
pub fn import(from: &Path, out: &Path) -> Result<Vec<PathBuf>, SlotFileError> {
    let is_new = !out.exists();
    let origin = from.file_name().unwrap_or_default().to_string_lossy();
    let mut splits = Splits {
        from,
        out,
        origin: origin.into_owned(),
        open: Vec::new(),
    };
    let is_npz = from.extension().is_some_and(|ending| ending == "npz");
    let read = if from.is_dir() {
        read_folder(from, &mut splits)
    } else if is_npz {
        read_npz(from, &mut splits)
    } else {
        let file = SlotPickle::read(from)?;
        file.each(|split, name, slots| splits.put(split, name, slots))
    };
    match read {
        Ok(()) => splits.commit(),
        Err(error) => {
            splits.remove()?;
            if is_new {
                remove_dir(out)?;
            }
            Err(error)
        }
    }
}

fn read_folder(from: &Path, splits: &mut Splits<'_>) -> Result<(), SlotFileError> {
    read_arrays(from, splits)?;
    for folder in entries(from)?.into_iter().filter(|path| path.is_dir()) {
        read_arrays(&folder, splits)?;
    }
    if splits.open.is_empty() {
        return Err(RunError::Empty {
            stage: "import".to_owned(),
        }
        .into());
    }
    Ok(())
}

/// The `.npy` files of one folder, as the split that its name says (`train_slots` is `train`), else as `clips`.
fn read_arrays(from: &Path, splits: &mut Splits<'_>) -> Result<(), SlotFileError> {
    let name = from.file_name().unwrap_or_default().to_string_lossy();
    let name = name.trim_end_matches("_slots");
    let split = if ["train", "val", "test"].contains(&name) {
        name
    } else {
        UNNAMED
    };
    let is_array = |path: &PathBuf| path.extension().is_some_and(|ending| ending == "npy");
    for path in entries(from)?.into_iter().filter(is_array) {
        let clip = path.file_stem().unwrap_or_default().to_string_lossy();
        let slots = slots_of(NumpyArray::open(&path), &clip, &path)?;
        splits.put(split, &clip, slots)?;
    }
    Ok(())
}

/// The arrays of an archive as [`export`] writes them: `split/clip`, or `clip` alone.
fn read_npz(from: &Path, splits: &mut Splits<'_>) -> Result<(), SlotFileError> {
    let not = |why: String| WeightsError::NotSlots {
        why,
        path: from.to_owned(),
    };
    let mut archive = NpzArchive::open(from).map_err(|error| not(error.to_string()))?;
    let names = archive.names().map_err(|error| not(error.to_string()))?;
    if names.is_empty() {
        return Err(not("it has no clip".to_owned()).into());
    }
    for name in names {
        let (split, clip) = name.split_once('/').unwrap_or((UNNAMED, &name));
        let slots = slots_of(archive.array(&name), &name, from)?;
        splits.put(split, clip, slots)?;
    }
    Ok(())
}

/// The slots of an array, `[time, slots, dim]`.
fn slots_of(
    array: Result<NumpyArray<'_>, NumpyError>,
    name: &str,
    path: &Path,
) -> Result<Array3<f32>, WeightsError> {
    let not = |why: String| WeightsError::NotSlots {
        why: format!("`{name}`: {why}"),
        path: path.to_owned(),
    };
    let slots = array
        .and_then(NumpyArray::singles)
        .map_err(|error| not(error.to_string()))?;
    let shape = slots.shape().to_vec();
    let slots = slots
        .into_dimensionality::<Ix3>()
        .map_err(|_| not(format!("its shape is {shape:?}, not [time, slots, dim]")))?;
    check_finite(name.to_owned(), slots.view(), path)?;
    Ok(slots)
}

impl Splits<'_> {
    fn put(&mut self, split: &str, name: &str, slots: Array3<f32>) -> Result<(), SlotFileError> {
        let at = match self.open.iter().position(|open| open.name == split) {
            Some(at) => at,
            None => self.begin(split)?,
        };
        let clip = ClipId::new(name);
        let open = &mut self.open[at];
        if !open.clips.insert(clip.clone()) {
            return Err(WeightsError::NotSlots {
                why: format!("two clips of `{split}` are called `{clip}`"),
                path: self.from.to_owned(),
            }
            .into());
        }
        open.artifact
            .add(&clip, &ClipSlots::all_observed(slots).to_file())?;
        Ok(())
    }

    fn begin(&mut self, split: &str) -> Result<usize, SlotFileError> {
        let folder = self.out.join(ClipId::new(split).as_str());
        if folder.exists() {
            return Err(WeightsError::Exists { path: folder }.into());
        }
        remove_dir(&partial_of(&folder))?;
        make_dir(self.out)?;
        let recipe = Recipe {
            stage: "import".to_owned(),
            version: 1,
            config: serde_json::json!({ "split": split }),
            inputs: vec![Input::new("file", &*self.origin)],
            seed: None,
            arithmetic: "file".to_owned(),
        };
        self.open.push(OpenSplit {
            name: split.to_owned(),
            artifact: Partial::open(&folder, recipe)?,
            clips: BTreeSet::new(),
        });
        Ok(self.open.len() - 1)
    }

    fn commit(self) -> Result<Vec<PathBuf>, SlotFileError> {
        let mut folders = Vec::new();
        for open in self.open {
            open.artifact.commit()?;
            folders.push(self.out.join(ClipId::new(&open.name).as_str()));
        }
        Ok(folders)
    }

    fn remove(self) -> Result<(), RunError> {
        for open in self.open {
            drop(open.artifact);
            remove_dir(&partial_of(
                &self.out.join(ClipId::new(&open.name).as_str()),
            ))?;
        }
        Ok(())
    }
}

/// Writes the slots of an artifact, or of one for each split, as `.npz`: `split/clip` → float32 `[time, slots, dim]`.
///
/// # Errors
/// When a clip has no slots, or the file system says no; then nothing is left behind.
pub fn export(from: &Path, out: &Path) -> Result<(), RunError> {
    let io = |source| RunError::Io {
        action: "write",
        source,
        path: out.to_owned(),
    };
    let file = PartialFile::create(out).map_err(io)?;
    write_npz(from, file.path())?;
    file.keep().map_err(io)
}

fn write_npz(from: &Path, path: &Path) -> Result<(), RunError> {
    let fault = |error: &dyn std::fmt::Display| RunError::Damaged {
        reason: error.to_string(),
        path: path.to_owned(),
    };
    let file = File::create(path).map_err(|source| RunError::Io {
        action: "write",
        source,
        path: path.to_owned(),
    })?;
    let mut archive = NpzWriter::new(BufWriter::new(file));
    for (split, artifact) in artifacts(from)? {
        for clip in artifact.clips() {
            let slots = artifact.slots(clip)?;
            let name = match &split {
                Some(split) => format!("{split}/{clip}"),
                None => clip.to_string(),
            };
            archive
                .add_array(name, &slots)
                .map_err(|error| fault(&error))?;
        }
    }
    archive.finish().map(|_| ()).map_err(|error| fault(&error))
}
