//! Runs side by side: their scores, their settings, and the same clips as each of them imagined.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use ndarray::{Array4, ArrayView4, s};
use slotflow_datasets::{Fit, FrameSampling, Window, video};
use slotflow_eval::report::{
    ClipView, Comparison, Difference, RunView, VideoView, compare as page, differences as apart,
};
use slotflow_eval::stats::bootstrap::Resampling;
use slotflow_eval::{ItemTable, ScoreTable};

use crate::artifacts::RunError;
use crate::artifacts::files::{make_dir, write_atomic};
use crate::stages::report::video_columns::{COLUMNS, column};

/// A mean squared difference of pixels of 0..255 above which two videos do not show the same clip.
const OTHER_CLIP: f64 = 400.0;

/// A run's folder, read.
struct Finished {
    name: String,
    folder: PathBuf,
    plan: toml::Table,
    text: String,
    scores: ScoreTable,
    items: ItemTable,
}

/// Writes one page over several run folders into `out`, and their scores in one table; the path of the page.
///
/// # Errors
/// When a folder is no run's, or `out` cannot be written.
pub fn compare(folders: &[PathBuf], out: &Path) -> Result<PathBuf, RunError> {
    let mut runs = folders
        .iter()
        .map(|folder| Finished::read(folder))
        .collect::<Result<Vec<_>, _>>()?;
    tell_apart(&mut runs);
    make_dir(out)?;
    let (clips, strangers) = clips(&runs, out)?;
    let mut notes = Vec::new();
    if !same(&runs, |run| {
        run.scores
            .rows
            .first()
            .map(|score| score.data_manifest_sha256.clone())
    }) {
        notes.push(
            "The runs judged different clips, or another cut of them: their numbers do not compare.".to_owned(),
        );
    }
    notes.extend(strangers.into_iter().map(|clip| {
        format!("{clip}: the runs show different films under this name; it is left out")
    }));
    if clips.is_empty() {
        notes.push("No clip was drawn by all runs.".to_owned());
    }
    let burn_in = |run: &Finished| setting(&run.plan, "rollout.burn-in");
    let burn_in = if same(&runs, burn_in) {
        burn_in(&runs[0]).and_then(|value| value.parse().ok())
    } else {
        None
    };
    let views = runs.iter().map(|run| RunView {
        name: run.name.clone(),
        scores: &run.scores,
        items: &run.items,
        plan: run.text.clone(),
    });
    let views: Vec<RunView<'_>> = views.collect();
    let apart = apart(&views, Resampling::default());
    write_differences(&apart, &out.join("differences.csv"))?;
    let comparison = Comparison {
        runs: views,
        settings: differences(&runs),
        clips,
        notes,
        burn_in: burn_in.unwrap_or(0),
        differences: apart,
    };
    let path = out.join("report.html");
    write_atomic(&path, page(&comparison).as_bytes())?;
    let tables = runs.into_iter().map(|run| (run.name, run.scores));
    merge(tables, &out.join("scores.csv"))?;
    Ok(path)
}

fn write_differences(rows: &[Difference], path: &Path) -> Result<(), RunError> {
    let internal = |reason: String| RunError::Internal { reason };
    let mut table = csv::Writer::from_writer(Vec::new());
    for row in rows {
        table
            .serialize(row)
            .map_err(|error| internal(error.to_string()))?;
    }
    let bytes = table
        .into_inner()
        .map_err(|error| internal(error.to_string()))?;
    write_atomic(path, &bytes)
}

/// Writes one table over several runs, each row with the name of its run.
///
/// # Errors
/// When the file cannot be written.
pub fn merge(
    tables: impl IntoIterator<Item = (String, ScoreTable)>,
    path: &Path,
) -> Result<(), RunError> {
    let mut all = ScoreTable { rows: Vec::new() };
    for (name, table) in tables {
        all.rows.extend(table.rows.into_iter().map(|mut row| {
            row.run.clone_from(&name);
            row
        }));
    }
    let mut bytes = Vec::new();
    all.write(&mut bytes).map_err(|error| RunError::Internal {
        reason: error.to_string(),
    })?;
    write_atomic(path, &bytes)
}

impl Finished {
    fn read(folder: &Path) -> Result<Self, RunError> {
        let damaged = |reason: String, name: &str| RunError::Damaged {
            reason,
            path: folder.join(name),
        };
        let text = fs::read_to_string(folder.join("plan.toml")).map_err(|source| RunError::Io {
            action: "read the run in",
            source,
            path: folder.to_owned(),
        })?;
        let table = |name: &str| folder.join(name);
        let scores = ScoreTable::load(&table("scores.csv"));
        let items = ItemTable::load(&table("items.csv"));
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
            items: items.map_err(|error| damaged(error.to_string(), "items.csv"))?,
        })
    }

    /// Its videos by the clip's name.
    fn videos(&self) -> Result<BTreeMap<String, PathBuf>, RunError> {
        let folder = self.folder.join("videos");
        let io = |source| RunError::Io {
            action: "read",
            source,
            path: folder.clone(),
        };
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(&folder).map_err(io)? {
            let path = entry.map_err(io)?.path();
            if let Some(name) = path.file_stem() {
                found.insert(name.to_string_lossy().into_owned(), path);
            }
        }
        Ok(found)
    }

    /// A clip's PSNR over its imagined frames.
    fn psnr(&self, clip: &str) -> Option<f64> {
        let rows = self
            .items
            .rows
            .iter()
            .filter(|row| row.metric == "psnr" && row.subset == "imagined" && row.item == clip);
        let values: Vec<f64> = rows.filter_map(|row| row.value).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    }
}

/// Gives runs whose folders have the same name their whole paths.
fn tell_apart(runs: &mut [Finished]) {
    let names: Vec<String> = runs.iter().map(|run| run.name.clone()).collect();
    for run in runs {
        if names.iter().filter(|name| **name == run.name).count() > 1 {
            run.name = run.folder.display().to_string();
        }
    }
}

/// Whether all runs agree.
fn same<T: PartialEq>(runs: &[Finished], of: impl Fn(&Finished) -> T) -> bool {
    runs.windows(2).all(|pair| of(&pair[0]) == of(&pair[1]))
}

/// Every setting of a plan by its path.
fn flat(table: &toml::Table, path: &str, found: &mut BTreeMap<String, String>) {
    for (key, value) in table {
        let path = if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        };
        match value {
            toml::Value::Table(table) => flat(table, &path, found),
            toml::Value::String(text) => {
                found.insert(path, text.clone());
            }
            other => {
                found.insert(path, other.to_string());
            }
        }
    }
}

fn setting(plan: &toml::Table, path: &str) -> Option<String> {
    let mut all = BTreeMap::new();
    flat(plan, "", &mut all);
    all.remove(path)
}

/// The settings in which the plans differ.
fn differences(runs: &[Finished]) -> Vec<(String, Vec<Option<String>>)> {
    let plans: Vec<BTreeMap<String, String>> = runs
        .iter()
        .map(|run| {
            let mut all = BTreeMap::new();
            flat(&run.plan, "", &mut all);
            all
        })
        .collect();
    let keys: std::collections::BTreeSet<&String> = plans.iter().flat_map(BTreeMap::keys).collect();
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

/// The clips that all runs drew: the truth, and what each run imagined. Also the names of those that are not the
/// same clip in all runs.
fn clips(runs: &[Finished], out: &Path) -> Result<(Vec<ClipView>, Vec<String>), RunError> {
    let videos = runs
        .iter()
        .map(Finished::videos)
        .collect::<Result<Vec<_>, _>>()?;
    let (mut views, mut strangers) = (Vec::new(), Vec::new());
    for name in videos.first().map(BTreeMap::keys).into_iter().flatten() {
        let paths: Option<Vec<&PathBuf>> = videos.iter().map(|videos| videos.get(name)).collect();
        let Some(paths) = paths else { continue };
        let films = paths
            .into_iter()
            .map(|path| read(path))
            .collect::<Result<Vec<_>, _>>()?;
        let truths: Vec<_> = films
            .iter()
            .map(|(film, _)| column(film.view(), TRUTH))
            .collect();
        if truths
            .iter()
            .any(|truth| !alike(truth.view(), truths[0].view()))
        {
            strangers.push(name.clone());
            continue;
        }
        let mut shown = vec![show(truths[0].view(), films[0].1, "truth", out)?];
        for (run, (film, fps)) in runs.iter().zip(&films) {
            shown.push(show(
                column(film.view(), PREDICTION).view(),
                *fps,
                &run.name,
                out,
            )?);
        }
        let scores = runs
            .iter()
            .filter_map(|run| Some((run.name.clone(), run.psnr(name)?)));
        let burn_in = setting(&runs[0].plan, "rollout.burn-in");
        let burn_in: f64 = burn_in.and_then(|value| value.parse().ok()).unwrap_or(0.0);
        views.push(ClipView {
            name: name.clone(),
            videos: shown,
            observed_share: burn_in / truths[0].dim().0.max(1) as f64,
            scores: scores.collect(),
            note: None,
        });
    }
    Ok((views, strangers))
}

/// Where the truth stands among a film's columns.
const TRUTH: usize = 0;
/// Where the prediction stands.
const PREDICTION: usize = 2;
const _: () = assert!(PREDICTION < COLUMNS);

fn unfit(error: &slotflow_datasets::DataError) -> RunError {
    RunError::Unfit {
        reason: error.to_string(),
    }
}

/// A film as it was written, and its frames a second.
fn read(path: &Path) -> Result<(Array4<u8>, f32), RunError> {
    let info = video::probe(path).map_err(|error| unfit(&error))?;
    let window = Window {
        start: 0,
        count: None,
        pace: FrameSampling::Stride(1),
        size: [info.height, info.width],
        fit: Fit::Stretch,
    };
    let clip = video::read(path, &window).map_err(|error| unfit(&error))?;
    Ok((clip.frames, clip.fps))
}

/// Whether two films show the same, but for what compression changed.
fn alike(one: ArrayView4<'_, u8>, other: ArrayView4<'_, u8>) -> bool {
    if one.dim().1 != other.dim().1 || one.dim().2 != other.dim().2 {
        return false;
    }
    let time = one.dim().0.min(other.dim().0);
    let apart = |(a, b): (&u8, &u8)| (f64::from(*a) - f64::from(*b)).powi(2);
    let (one, other) = (
        one.slice(s![..time, .., .., ..]),
        other.slice(s![..time, .., .., ..]),
    );
    let sum: f64 = one.iter().zip(other.iter()).map(apart).sum();
    sum <= OTHER_CLIP * one.len().max(1) as f64
}

/// A film as it stands in the page.
pub(super) fn show(
    frames: ArrayView4<'_, u8>,
    fps: f32,
    label: &str,
    out: &Path,
) -> Result<VideoView, RunError> {
    let path = out.join("part.mp4");
    video::write(&path, frames, fps, video::Format::Mp4).map_err(|error| unfit(&error))?;
    let bytes = fs::read(&path).and_then(|bytes| fs::remove_file(&path).map(|()| bytes));
    Ok(VideoView {
        label: label.to_owned(),
        mime: "video/mp4".to_owned(),
        bytes: bytes.map_err(|source| RunError::Io {
            action: "read",
            source,
            path,
        })?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(name: &str, plan: &str) -> Finished {
        Finished {
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
        let told = differences(&runs);
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

    #[test]
    fn compression_makes_no_other_clip_and_another_picture_does() {
        let film =
            Array4::from_shape_fn((2, 4, 4, 3), |(t, y, x, _)| (40 * t + 9 * y + 13 * x) as u8);
        let compressed = film.mapv(|value| value.saturating_add(6));
        assert!(alike(film.view(), compressed.view()));
        assert!(!alike(film.view(), film.mapv(|value| 255 - value).view()));
    }
}
