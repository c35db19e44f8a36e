//! Folders of finished runs, read: scores, items, plan and videos.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use slotflow_eval::pixel::psnr::PSNR;
use slotflow_eval::report::{IMAGINED, RECONSTRUCTION};
use slotflow_eval::{ItemTable, ScoreTable};

use slotflow_datasets::regular;

use crate::artifacts::RunError;
use crate::artifacts::run_folder::settings;
use crate::stages::report::panels::{SIDE_BY_SIDE, VIDEO_FOLDERS};

/// A run's folder, read.
pub(crate) struct FinishedRun {
    /// Name on the page, different from that of any other run.
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) plan: toml::Table,
    /// The plan as it stands in the folder.
    pub(crate) text: String,
    pub(crate) scores: ScoreTable,
    pub(crate) items: ItemTable,
}

impl FinishedRun {
    /// Reads a folder.
    ///
    /// # Errors
    /// When it is not that of a finished run, or a table is damaged.
    pub(crate) fn read(folder: &Path) -> Result<Self, RunError> {
        let damaged = |reason: String, name: &str| RunError::Damaged {
            reason,
            path: folder.join(name),
        };
        let text =
            regular::read_to_string(folder.join("plan.toml")).map_err(|source| RunError::Io {
                action: "read the run in",
                source,
                path: folder.to_owned(),
            })?;
        let table = |name: &str| folder.join(name);
        let scores = ScoreTable::load(&table("scores.csv"));
        // Flows whose scores are no means over items write none.
        let items = table("items.csv");
        let items = items.is_file().then(|| ItemTable::load(&items));
        let name = folder.file_name().map(|name| name.to_string_lossy());
        Ok(Self {
            name: name.map_or_else(
                || folder.display().to_string(),
                std::borrow::Cow::into_owned,
            ),
            folder: folder.to_owned(),
            plan: text.parse().map_err(|error: toml::de::Error| {
                damaged(error.message().to_owned(), "plan.toml")
            })?,
            text,
            scores: scores.map_err(|error| damaged(error.to_string(), "scores.csv"))?,
            items: items
                .transpose()
                .map_err(|error| damaged(error.to_string(), "items.csv"))?
                .unwrap_or_default(),
        })
    }

    /// What it rendered, by the clip's name; nothing of a flow that renders nothing.
    pub(crate) fn videos(&self) -> Result<BTreeMap<String, RenderedFiles>, RunError> {
        let videos = self.folder.join("videos");
        let beside = self.folder.join(SIDE_BY_SIDE);
        let [truth, reconstruction, ..] = VIDEO_FOLDERS.map(|name| videos.join(name));
        if beside.is_dir() || !truth.is_dir() {
            // Runs of earlier versions have no other videos.
            let folder = if beside.is_dir() { beside } else { videos };
            let columns = files(&folder)?.into_iter();
            return Ok(columns
                .map(|(name, path)| (name, RenderedFiles::Columns(path)))
                .collect());
        }
        let mut reconstructed = files(&reconstruction)?;
        let both = files(&truth)?.into_iter().filter_map(|(name, truth)| {
            let reconstruction = reconstructed.remove(&name)?;
            let apart = RenderedFiles::Apart {
                truth,
                reconstruction,
            };
            Some((name, apart))
        });
        Ok(both.collect())
    }

    /// A clip's mean PSNR over its imagined frames, or over all where none was imagined.
    pub(crate) fn psnr(&self, clip: &str) -> Option<f64> {
        let mean = |subset: &str| {
            let rows =
                self.items.rows.iter().filter(|row| {
                    row.metric == *PSNR.name && row.subset == subset && row.item == clip
                });
            let values: Vec<f64> = rows.filter_map(|row| row.value).collect();
            (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
        };
        mean(IMAGINED).or_else(|| mean(RECONSTRUCTION))
    }
}

/// Files of a clip that a run rendered.
pub(crate) enum RenderedFiles {
    /// One video with all columns.
    Columns(PathBuf),
    /// Of a run that predicted nothing: a video or picture each.
    Apart {
        truth: PathBuf,
        reconstruction: PathBuf,
    },
}

/// The files of a folder by their names without endings; none of a folder that is not there.
fn files(folder: &Path) -> Result<BTreeMap<String, PathBuf>, RunError> {
    if !folder.is_dir() {
        return Ok(BTreeMap::new());
    }
    let io = |source| RunError::Io {
        action: "read",
        source,
        path: folder.to_owned(),
    };
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.is_dir() {
            continue;
        }
        if let Some(name) = path.file_stem() {
            found.insert(name.to_string_lossy().into_owned(), path);
        }
    }
    Ok(found)
}

/// Gives runs whose folders have the same name their whole paths.
pub(crate) fn tell_apart(runs: &mut [FinishedRun]) {
    let names: Vec<String> = runs.iter().map(|run| run.name.clone()).collect();
    for run in runs {
        if names.iter().filter(|name| **name == run.name).count() > 1 {
            run.name = run.folder.display().to_string();
        }
    }
}

/// Whether all runs agree.
pub(crate) fn same<T: PartialEq>(runs: &[FinishedRun], of: impl Fn(&FinishedRun) -> T) -> bool {
    runs.windows(2).all(|pair| of(&pair[0]) == of(&pair[1]))
}

/// One setting of a plan by its path, such as `rollout.burn-in`.
pub(crate) fn setting(plan: &toml::Table, path: &str) -> Option<String> {
    settings(plan).remove(path)
}

/// The settings in which the plans differ.
pub(crate) fn differing_settings(runs: &[FinishedRun]) -> Vec<(String, Vec<Option<String>>)> {
    let plans: Vec<BTreeMap<String, String>> = runs.iter().map(|run| settings(&run.plan)).collect();
    let keys: BTreeSet<&String> = plans.iter().flat_map(BTreeMap::keys).collect();
    keys.into_iter()
        .map(|key| {
            (
                key.clone(),
                plans.iter().map(|plan| plan.get(key).cloned()).collect(),
            )
        })
        .filter(|(_, values): &(String, Vec<Option<String>>)| {
            values.iter().any(|value| *value != values[0])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(name: &str, plan: &str) -> FinishedRun {
        FinishedRun {
            name: name.to_owned(),
            folder: PathBuf::from("runs").join(name),
            plan: plan.parse().unwrap(),
            text: plan.to_owned(),
            scores: ScoreTable::default(),
            items: ItemTable::default(),
        }
    }

    #[test]
    fn only_settings_that_differ_are_told() {
        let runs = [
            run(
                "a",
                "seed = 1\n[render]\nweights = \"a\"\nshared-noise = true",
            ),
            run("b", "seed = 1\n[render]\nweights = \"b\""),
        ];
        let told = differing_settings(&runs);
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            told[0],
            ("render.shared-noise".to_owned(), vec![some("true"), None])
        );
        assert_eq!(
            told[1],
            ("render.weights".to_owned(), vec![some("a"), some("b")])
        );
        assert_eq!(told.len(), 2);
    }

    #[test]
    fn runs_of_one_name_are_told_apart_by_their_folders() {
        let mut runs = [run("x", ""), run("x", ""), run("y", "")];
        runs[1].folder = PathBuf::from("other/x");
        tell_apart(&mut runs);
        let names: Vec<_> = runs.iter().map(|run| run.name.as_str()).collect();
        assert_eq!(names, ["runs/x", "other/x", "y"]);
    }
}
