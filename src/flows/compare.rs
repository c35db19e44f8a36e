//! Runs side by side: their scores, their settings, and the same clips as each of them imagined.

use std::path::{Path, PathBuf};

use slotflow_eval::ScoreTable;
use slotflow_eval::report::{Comparison, Measure, RunView, Scatter, compare as page, differences};
use slotflow_eval::stats::bootstrap::Resampling;

use crate::artifacts::RunError;
use crate::artifacts::files::{make_dir, write_atomic};
use crate::artifacts::lock::PathLock;
use crate::stages::report::comparison::{clips, merge_swept, write_differences};
use crate::stages::report::finished_run::{
    FinishedRun, differing_settings, same, setting, tell_apart,
};

pub use crate::stages::report::comparison::merge;

/// The table by which a folder of a comparison is known.
const DIFFERENCES: &str = "differences.csv";

/// Writes one page over several run folders into `out`, and their scores in one table; the path of the page.
///
/// # Errors
/// When a folder is no run's, or `out` cannot be written.
pub fn compare(folders: &[PathBuf], out: &Path) -> Result<PathBuf, RunError> {
    let mut runs = folders
        .iter()
        .map(|folder| FinishedRun::read(folder))
        .collect::<Result<Vec<_>, _>>()?;
    tell_apart(&mut runs);
    let _lock = PathLock::take(out)?;
    check_is_comparison(out)?;
    let page = write_page(&runs, (&[], &[]), out)?;
    let tables = runs.into_iter().map(|run| (run.name, run.scores));
    merge(tables, &out.join("scores.csv"))?;
    Ok(page)
}

/// A finished run of a sweep.
#[derive(Debug, Clone)]
pub struct SweptRun {
    /// Its name.
    pub name: String,
    /// The values of the swept keys.
    pub values: Vec<String>,
    /// Its folder.
    pub folder: PathBuf,
}

impl SweptRun {
    /// The value of the first key, with the last part of the key.
    fn group(&self, keys: &[String]) -> String {
        let first = keys.first().zip(self.values.first());
        first.map_or_else(String::new, |(key, value)| {
            format!("{} = {value}", key.rsplit('.').next().unwrap_or(key))
        })
    }
}

/// What was written over the runs of a sweep.
#[derive(Debug)]
pub struct ComparedSweep {
    /// The page.
    pub page: PathBuf,
    /// The values of the swept keys and the scores of each run.
    pub runs: Vec<(Vec<String>, ScoreTable)>,
}

/// Two measures that are drawn against each other, a point a run.
pub type Figure = [Measure; 2];

/// Writes one page over the runs of a sweep into `out`, which this process holds, and their scores in one table with a
/// column a key. In `figures` runs with the same value of the first key have one colour.
///
/// # Errors
/// When a folder is no run's, or `out` cannot be written.
pub fn compare_swept(
    keys: &[String],
    swept: &[SweptRun],
    figures: &[Figure],
    out: &Path,
) -> Result<ComparedSweep, RunError> {
    let mut runs = Vec::new();
    for one in swept {
        let mut run = FinishedRun::read(&one.folder)?;
        run.name.clone_from(&one.name);
        runs.push(run);
    }
    let groups: Vec<String> = swept.iter().map(|one| one.group(keys)).collect();
    let page = write_page(&runs, (figures, &groups), out)?;
    let rows = swept.iter().zip(&runs);
    let rows = rows.map(|(one, run)| (&*one.values, run.name.clone(), run.scores.clone()));
    merge_swept(keys, rows, &out.join("scores.csv"))?;
    let values = swept.iter().map(|one| one.values.clone());
    let scores = runs.into_iter().map(|run| run.scores);
    Ok(ComparedSweep {
        page,
        runs: values.zip(scores).collect(),
    })
}

/// Writes the page over several runs, and the table of their differences; the path of the page.
fn write_page(
    runs: &[FinishedRun],
    (figures, groups): (&[Figure], &[String]),
    out: &Path,
) -> Result<PathBuf, RunError> {
    make_dir(out)?;
    let (clips, mismatched) = clips(runs, out)?;
    let mut notes = Vec::new();
    if !same(runs, |run| {
        run.scores
            .rows
            .first()
            .map(|score| score.provenance.data_manifest_sha256.clone())
    }) {
        notes.push(
            "The runs measured different clips, or another cut of them: their numbers do not compare.".to_owned(),
        );
    }
    notes.extend(mismatched.into_iter().map(|clip| {
        format!("{clip}: the runs show different videos under this name; it is left out")
    }));
    if clips.is_empty() {
        notes.push("No clip was rendered by all runs.".to_owned());
    }
    let burn_in = |run: &FinishedRun| setting(&run.plan, "rollout.burn-in");
    let burn_in = if same(runs, burn_in) {
        runs.first()
            .and_then(burn_in)
            .and_then(|value| value.parse().ok())
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
    let apart = differences(&views, Resampling::default());
    write_differences(&apart, &out.join(DIFFERENCES))?;
    let comparison = Comparison {
        runs: views,
        settings: differing_settings(runs),
        clips,
        notes,
        burn_in: burn_in.unwrap_or(0),
        differences: apart,
        figures: figures
            .iter()
            .map(|axes| scatter(axes, runs, groups))
            .collect(),
    };
    let path = out.join("report.html");
    write_atomic(&path, page(&comparison).as_bytes())?;
    Ok(path)
}

fn scatter<'a>(axes: &Figure, runs: &'a [FinishedRun], groups: &[String]) -> Scatter<'a> {
    let points = runs.iter().zip(groups);
    let points = points.map(|(run, group)| (run.name.clone(), group.clone(), &run.scores));
    Scatter {
        axes: axes.clone(),
        points: points.collect(),
    }
}

/// Refuses a folder that holds something else than an earlier comparison.
fn check_is_comparison(out: &Path) -> Result<(), RunError> {
    let is_empty =
        std::fs::read_dir(out).map_or(!out.exists(), |mut entries| entries.next().is_none());
    if is_empty || out.join(DIFFERENCES).is_file() {
        return Ok(());
    }
    Err(RunError::Foreign {
        path: out.to_owned(),
    })
}
