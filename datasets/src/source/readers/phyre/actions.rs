//! Action lists of a split, and their labels.

use std::path::{Path, PathBuf};

use ndarray::Ix2;

use crate::error::DataError;
use crate::listing::entries;
use crate::numpy::NumpyArray;
use crate::source::readers::still::missing;
use crate::source::split::Split;

/// The action list of a split, and the folder of its frames.
pub(super) fn list_and_frames(
    dataset: &str,
    root: &Path,
    split: Split,
) -> Result<(PathBuf, PathBuf), DataError> {
    let part = match split {
        Split::Train => "-train-",
        Split::Val | Split::Test => "-val-",
    };
    let folders = ["splits/PHYRE", "splits", ""].map(|name| root.join(name));
    let mut lists = Vec::new();
    for folder in folders.iter().filter(|folder| folder.is_dir()) {
        let mut found = entries(folder)?;
        found.retain(|path| {
            let stem = stem(path);
            path.extension().is_some_and(|ending| ending == "npy")
                && stem.contains("-fold_")
                && stem.contains(part)
                && !stem.ends_with("-label")
        });
        lists.extend(found);
    }
    let wanted = format!("within-fold_0{part}data_0.1-pos_0.2");
    let Some(first) = lists.first() else {
        return Err(missing(dataset, &folders[0].join(format!("{wanted}.npy"))));
    };
    let frames = |list: &Path| root.join("frames").join(stem(list));
    let mut with_frames = lists.iter().filter(|list| frames(list).is_dir());
    match (with_frames.next(), with_frames.next()) {
        (None, _) => Err(missing(dataset, &frames(first))),
        (Some(list), None) => Ok((list.clone(), frames(list))),
        (Some(one), Some(other)) => Err(DataError::Malformed {
            reason: format!("frames of two lists, `{}` and `{}`", stem(one), stem(other)),
            path: root.join("frames"),
        }),
    }
}

pub(super) fn stem(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

pub(super) fn malformed(reason: String, path: &Path) -> DataError {
    DataError::Malformed {
        reason,
        path: path.to_owned(),
    }
}

/// The task of every action: the first column of the list.
pub(super) fn tasks(list: &Path) -> Result<Vec<f64>, DataError> {
    let wrong = |reason: String| malformed(format!("not a list of actions ({reason})"), list);
    let actions = NumpyArray::open(list).and_then(NumpyArray::floats);
    let actions = actions.map_err(|error| wrong(error.to_string()))?;
    let actions = actions
        .into_dimensionality::<Ix2>()
        .map_err(|error| wrong(error.to_string()))?;
    if actions.ncols() != 4 {
        return Err(malformed(
            format!("actions of {} numbers", actions.ncols()),
            list,
        ));
    }
    Ok(actions.column(0).to_vec())
}

/// Whether each action solves its task.
pub(super) fn labels_of(path: &Path, actions: usize) -> Result<Vec<bool>, DataError> {
    let labels = NumpyArray::open(path).and_then(NumpyArray::whole_numbers::<i64>);
    let labels = labels.map_err(|error| malformed(format!("not labels ({error})"), path))?;
    if labels.len() != actions {
        let reason = format!("{} labels of {actions} actions", labels.len());
        return Err(malformed(reason, path));
    }
    if let Some(other) = labels.iter().find(|label| !(0..=1).contains(*label)) {
        return Err(malformed(
            format!("the label {other}, neither 1 nor 0"),
            path,
        ));
    }
    Ok(labels.iter().map(|label| *label == 1).collect())
}
