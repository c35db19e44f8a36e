//! A run's folder: filled beside its place and put there by one rename, so that it is there whole or not at all.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use slotflow_datasets::partial::PartialFolder;
use slotflow_eval::report::{Made, Page, StageRow, html};

use crate::artifacts::files::{make_dir, write_atomic};
use crate::artifacts::{Invocation, Record, Run, RunError};
use crate::plan::Plan;
use crate::plan::video_predict::WeightsName;
use crate::stages::Loaded;

/// Writes a run's folder: the plan, what `fill` puts there, and how the run went, in place of an earlier run; the path of its
/// page.
///
/// `fill` is given the folder to write into and the plan's text.
///
/// # Errors
/// When `out` holds something else than a run, or cannot be written; an earlier run is then still there. A shard ends here.
pub fn write_run_folder(
    out: &Path,
    run: &Run,
    plan: &Plan,
    fill: impl FnOnce(&Path, String) -> Result<(), RunError>,
) -> Result<PathBuf, RunError> {
    run.check_all_clips()?;
    check_is_ours(out)?;
    let plan = plan.to_toml().map_err(|error| RunError::Internal {
        reason: error.to_string(),
    })?;
    let io = |action: &'static str| {
        move |source| RunError::Io {
            action,
            source,
            path: out.to_owned(),
        }
    };
    let folder = PartialFolder::create(out).map_err(io("create"))?;
    write_atomic(&folder.path().join("plan.toml"), plan.as_bytes())?;
    fill(folder.path(), plan)?;
    write_record(folder.path(), run)?;
    folder.keep().map_err(io("rename"))?;
    Ok(out.join(PAGE))
}

/// The file of a run's page.
pub(super) const PAGE: &str = "report.html";

/// Writes the page of a run into its folder.
///
/// # Errors
/// When it cannot be written.
pub fn write_page(folder: &Path, page: &Page<'_>) -> Result<(), RunError> {
    write_atomic(&folder.join(PAGE), html(page).as_bytes())
}

/// How a run was made, as its page says it: its weights each with their role, name and hash. `None` where the run does not know
/// its command, as that of a library.
pub fn made(run: &Run, weights: &[(&str, &WeightsName, &Loaded)]) -> Option<Made> {
    let options = run.options();
    let invocation = options.invocation.as_ref()?;
    let weights = weights.iter().map(|(role, name, loaded)| {
        (
            format!("weights of the {role}"),
            format!("{}, blake3 {}", name.0, loaded.id),
        )
    });
    let device = ("device".to_owned(), options.device.resolve().to_string());
    let facts = std::iter::once(device).chain(weights).collect();
    Some(made_by(invocation, facts))
}

/// The same of a command that is no run.
pub(super) fn made_by(invocation: &Invocation, facts: Vec<(String, String)>) -> Made {
    Made {
        command: invocation.command.clone(),
        date: invocation.date.clone(),
        version: format!("slotflow {}", env!("CARGO_PKG_VERSION")),
        facts,
    }
}

/// The stages of a run, as its page lists them.
pub fn stage_rows(run: &Run) -> Vec<StageRow> {
    // Why a stage ran differs between equal runs; what it made does not.
    let row = |record: Record| StageRow {
        stage: record.stage,
        why: record.id.0,
    };
    run.records().into_iter().map(row).collect()
}

/// Writes `run.json`: version, device, threads, and what became of each stage.
pub(super) fn write_record(folder: &Path, run: &Run) -> Result<(), RunError> {
    let invocation = run.options().invocation.as_ref();
    let about = json!({
        "slotflow": env!("CARGO_PKG_VERSION"),
        "command": invocation.map(|invocation| &invocation.command),
        "date": invocation.map(|invocation| &invocation.date),
        "device": run.options().device.resolve().to_string(),
        "threads": rayon::current_num_threads(),
        "stages": run.records(),
    });
    let text = serde_json::to_string_pretty(&about).unwrap_or_default();
    write_atomic(&folder.join("run.json"), text.as_bytes())
}

/// Refuses a folder that is neither new, nor empty, nor an earlier run.
///
/// # Errors
/// When it holds something else, or cannot be read.
fn check_is_ours(out: &Path) -> Result<(), RunError> {
    let io = |source| RunError::Io {
        action: "read",
        source,
        path: out.to_owned(),
    };
    if !out.exists() {
        return match out.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            Some(parent) => make_dir(parent),
            None => Ok(()),
        };
    }
    let mut entries = fs::read_dir(out).map_err(io)?;
    let ours = out.join("plan.toml").is_file() && out.join("run.json").is_file();
    if ours || entries.next().is_none() {
        Ok(())
    } else {
        Err(RunError::Foreign {
            path: out.to_owned(),
        })
    }
}
