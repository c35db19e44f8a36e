//! `pipeline run`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::{Common, Failure, print};
use crate::artifacts::RunError;
use crate::artifacts::files::make_dir;
use crate::artifacts::progress::say;
use crate::flows::clevrer_vqa::clevrer_vqa;
use crate::flows::compare::merge;
use crate::flows::physion_vqa::physion_vqa;
use crate::flows::speedrun::speedrun;
use crate::flows::video_predict::{FlowError, Outcome, video_predict};
use crate::plan::Plan;
use slotflow_eval::ScoreTable;

/// Done, but some clips failed.
const SOME_FAILED: u8 = 3;

/// `pipeline run PLAN…`
#[derive(Debug, Args)]
pub struct RunArgs {
    /// Plans by name (video-predict) or TOML files
    #[arg(required = true)]
    plans: Vec<String>,
    /// Own videos and folders of videos
    #[arg(long, num_args = 1.., value_name = "FILE")]
    videos: Vec<PathBuf>,
    #[arg(long, conflicts_with = "videos", help = slotflow_datasets::source::help())]
    dataset: Option<String>,
    /// The data set's folder
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
    /// How many clips
    #[arg(long)]
    clips: Option<usize>,
    /// Sampled frames of a clip, or `all`; own videos are then cut into clips of 48 from start to end
    #[arg(long)]
    frames: Option<String>,
    /// The run's folder, or of several runs the folder above them [default: runs/PLAN]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Make a stage again, and all after it
    #[arg(long, value_name = "STAGE")]
    fresh: Vec<String>,
    /// Say for every stage whether it would run, and why
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    common: Common,
}

/// Runs every plan, and prints the path of each report.
pub fn run(args: &RunArgs) -> Result<ExitCode, Failure> {
    let changes = args.changes()?;
    let mut plans = Vec::new();
    for name in &args.plans {
        match Plan::load(name, &changes)? {
            Plan::Train(_) => {
                let message = format!("a training: `{name}`");
                return Err(Failure::refused(message, "`pipeline train` trains it"));
            }
            plan => plans.push((stem(name), plan)),
        }
    }
    let several = plans.len() > 1;
    let base = args.out.clone();
    let mut tables = Vec::new();
    let mut some_failed = false;
    for (name, plan) in plans {
        let out = match (&base, several) {
            (Some(base), true) => base.join(&name),
            (Some(base), false) => base.clone(),
            (None, _) => PathBuf::from("runs").join(&name),
        };
        let outcome = one(args, &plan, &out)?;
        some_failed |= !outcome.failures.is_empty();
        if let Some(report) = outcome.report {
            tables.push((name, report.with_file_name("scores.csv")));
            print(&report.display().to_string())?;
        }
    }
    if several && !args.dry_run {
        let folder = base.unwrap_or_else(|| PathBuf::from("runs"));
        print(&merged(&folder, &tables)?.display().to_string())?;
    }
    Ok(if some_failed {
        ExitCode::from(SOME_FAILED)
    } else {
        ExitCode::SUCCESS
    })
}

impl RunArgs {
    /// What the flags say, as changes of the plan, before those of `--set`.
    fn changes(&self) -> Result<Vec<String>, Failure> {
        let mut changes = Vec::new();
        let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
        if !self.videos.is_empty() {
            let files: Vec<String> = self
                .videos
                .iter()
                .map(|path| quoted(&path.display().to_string()))
                .collect();
            changes.push("decode.dataset=\"videos\"".to_owned());
            changes.push(format!("decode.videos=[{}]", files.join(", ")));
            changes.push("decode.frames=48".to_owned());
            changes.push("decode.clips=unset".to_owned());
            changes.push("decode.stride=unset".to_owned());
            changes.push("answer=unset".to_owned());
        }
        if let Some(dataset) = &self.dataset {
            changes.push(format!("decode.dataset={}", quoted(dataset)));
        }
        if let Some(root) = &self.root {
            changes.push(format!(
                "decode.root={}",
                quoted(&root.display().to_string())
            ));
        }
        if let Some(clips) = self.clips {
            changes.push(format!("decode.clips={clips}"));
        }
        match self.frames.as_deref() {
            None => {}
            Some("all") if self.videos.is_empty() => {
                changes.push("decode.frames=unset".to_owned());
            }
            Some("all") => changes.push("decode.windows=true".to_owned()),
            Some(count) if count.parse::<usize>().is_ok() => {
                changes.push(format!("decode.frames={count}"));
            }
            Some(other) => {
                return Err(Failure::refused(
                    format!("not a number of frames: `{other}`"),
                    "say a number, or `all`",
                ));
            }
        }
        changes.extend(self.common.all_changes());
        Ok(changes)
    }
}

fn one(args: &RunArgs, plan: &Plan, out: &Path) -> Result<Outcome, Failure> {
    let mut options = args.common.options(plan.seed())?;
    options.dry = args.dry_run;
    options.fresh = args.fresh.iter().cloned().collect();
    let outcome = match plan {
        Plan::VideoPredict(plan) => video_predict(plan, out, options)?,
        Plan::ClevrerVqa(plan) => clevrer_vqa(plan, out, options)?,
        Plan::PhysionVqa(plan) => physion_vqa(plan, out, options)?,
        Plan::Speedrun(plan) => speedrun(plan, out, &options)?,
        Plan::Train(_) => return Err(Failure::refused("a training", "`pipeline train` trains it")),
    };
    if args.dry_run {
        for stage in &outcome.stages {
            let what = if stage.made { "would run" } else { "is there" };
            print(&format!("{:<10} {what:<10} {}", stage.stage, stage.why))?;
        }
    }
    for (clip, why) in &outcome.failures {
        say(&format!("warning: left out {clip}: {why}"));
    }
    Ok(outcome)
}

/// One table over all runs, each row with the name of its run.
fn merged(folder: &Path, tables: &[(String, PathBuf)]) -> Result<PathBuf, Failure> {
    let mut read = Vec::new();
    for (name, path) in tables {
        let table = ScoreTable::load(path)
            .map_err(|error| Failure::failed(error.to_string(), "check the run folders"))?;
        read.push((name.clone(), table));
    }
    make_dir(folder)?;
    let path = folder.join("scores.csv");
    merge(read, &path)?;
    Ok(path)
}

fn stem(name: &str) -> String {
    let path = Path::new(name);
    path.file_stem().map_or_else(
        || name.to_owned(),
        |stem| stem.to_string_lossy().into_owned(),
    )
}

impl From<FlowError> for Failure {
    fn from(error: FlowError) -> Self {
        match error {
            FlowError::Data(error) => Self::refused(error.to_string(), error.hint()),
            FlowError::Weights(error) => error.into(),
            FlowError::Device(error) => error.into(),
            FlowError::Train(error) => error.into(),
            FlowError::Plan(error) => error.into(),
            FlowError::Run(error @ RunError::Foreign { .. }) => {
                Self::refused(error.to_string(), error.hint())
            }
            FlowError::Run(error) => error.into(),
        }
    }
}
