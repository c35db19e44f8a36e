//! Finished runs in a folder: when they were made, and their key scores.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use slotflow_eval::metric::registry::METRICS;

use crate::artifacts::RunError;
use crate::artifacts::files::entries;
use crate::stages::report::finished_run::FinishedRun;

/// Folders below the one that is named.
const DEPTH: usize = 2;

/// A finished run in a line.
#[derive(Debug, Clone)]
pub struct RunSummary {
    /// Its folder.
    pub folder: PathBuf,
    /// Its flow, as plans spell it.
    pub flow: String,
    /// When it was finished.
    pub finished: SystemTime,
    /// Key figures by metric and subset.
    pub scores: Vec<(String, f64)>,
}

/// The finished runs below a folder, the latest first.
///
/// # Errors
/// When the folder cannot be read. A folder that is no run is passed over.
pub fn finished(folder: &Path) -> Result<Vec<RunSummary>, RunError> {
    let mut found = Vec::new();
    below(folder, DEPTH, &mut found)?;
    found.sort_by_key(|run| std::cmp::Reverse(run.finished));
    Ok(found)
}

fn below(folder: &Path, depth: usize, found: &mut Vec<RunSummary>) -> Result<(), RunError> {
    for path in entries(folder)?.into_iter().filter(|path| path.is_dir()) {
        match summary(&path) {
            Some(run) => found.push(run),
            None if depth > 1 => below(&path, depth - 1, found)?,
            None => {}
        }
    }
    Ok(())
}

/// A run in a line; none where the folder holds no finished one.
fn summary(folder: &Path) -> Option<RunSummary> {
    let written = std::fs::metadata(folder.join("run.json")).ok()?;
    let run = FinishedRun::read(folder).ok()?;
    let flow = run.plan.get("flow").and_then(toml::Value::as_str);
    let mut scores = Vec::new();
    for metric in METRICS {
        for figure in metric.key_figures {
            let mut rows = run.scores.rows.iter();
            let row = rows.find(|row| row.metric == *metric.name && row.subset == figure.subset);
            if let Some(value) = row.and_then(|row| row.value) {
                scores.push((format!("{} ({})", metric.title, figure.subset), value));
            }
        }
    }
    Some(RunSummary {
        folder: folder.to_owned(),
        flow: flow.unwrap_or("video-predict").to_owned(),
        finished: written.modified().ok()?,
        scores,
    })
}
