//! `pipeline run`: plans → reports.

/// A plan's flow, carried out.
pub(in crate::cli) mod execute;
/// A share of a plan's clips.
mod sharded;
/// One plan under every combination of values.
mod sweep;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};

use self::execute::{check_has, dry, one, read_scores, tell};
use self::sharded::{WantedShard, default_base};
use self::sweep::{Extent, FinishedRun, OneRun, SweepFolder, SweepRequest, sweep};
use super::common::shard::ShardArg;
use super::common::{Common, DataArgs, SOME_FAILED};
use super::messages::failure::Failure;
use super::messages::output::print;
use crate::artifacts::files::make_dir;
use crate::artifacts::run_folder::{FolderKind, RunFolder, WantedFolder};
use crate::artifacts::sharding::shard::Shard;
use crate::artifacts::{Options, Record, Stage};
use crate::flows::compare::merge;
use crate::plan::Plan;
use crate::plan::flow::Flow;
use crate::stages::clevrer::answer::Answer;
use crate::stages::clevrer::neuro_symbolic::NeuroSymbolic;
use crate::stages::clevrer::noisy_oracle::{CountMisreadings, NoisyOracle};
use crate::stages::clevrer::oracle::Oracle;
use crate::stages::clevrer::score_answers::ScoreAnswers;
use crate::stages::compose::evaluate::EvaluateScenes;
use crate::stages::compose::render::RenderScenes;
use crate::stages::compose::scenes::Compose;
use crate::stages::perceive::decode::Decode;
use crate::stages::perceive::encode::Encode;
use crate::stages::physion::contact_prediction::ContactPrediction;
use crate::stages::predict::edit::benchmark::EditBenchmark;
use crate::stages::predict::evaluate::Evaluate;
use crate::stages::predict::render::Render;
use crate::stages::predict::rollout::Rollout;
use crate::stages::segment::score_masks::ScoreMasks;
use crate::stages::segment::score_reconstructions::ScoreReconstructions;
use crate::stages::segment::segmentation::Segment;

/// Cached stages of all flows, in the order of their work.
const STAGES: [(&str, Option<&str>); 19] = [
    (Decode::NAME, Decode::FORMER_NAME),
    (Encode::NAME, Encode::FORMER_NAME),
    (Segment::NAME, Segment::FORMER_NAME),
    (Rollout::NAME, Rollout::FORMER_NAME),
    (Render::NAME, Render::FORMER_NAME),
    (Answer::NAME, Answer::FORMER_NAME),
    (NeuroSymbolic::NAME, NeuroSymbolic::FORMER_NAME),
    (Oracle::NAME, Oracle::FORMER_NAME),
    (CountMisreadings::NAME, CountMisreadings::FORMER_NAME),
    (NoisyOracle::NAME, NoisyOracle::FORMER_NAME),
    (ContactPrediction::NAME, ContactPrediction::FORMER_NAME),
    (ScoreAnswers::NAME, ScoreAnswers::FORMER_NAME),
    (ScoreMasks::NAME, ScoreMasks::FORMER_NAME),
    (
        ScoreReconstructions::NAME,
        ScoreReconstructions::FORMER_NAME,
    ),
    (EditBenchmark::NAME, EditBenchmark::FORMER_NAME),
    (Evaluate::NAME, Evaluate::FORMER_NAME),
    (Compose::NAME, Compose::FORMER_NAME),
    (RenderScenes::NAME, RenderScenes::FORMER_NAME),
    (EvaluateScenes::NAME, EvaluateScenes::FORMER_NAME),
];

/// Names of [`STAGES`]; names of earlier versions are accepted too.
fn stage_names() -> [PossibleValue; STAGES.len()] {
    STAGES.map(|(name, former)| PossibleValue::new(name).aliases(former))
}

/// `pipeline run PLAN…`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pipeline run video-predict --clips 2
  pipeline run video-predict --videos clip.mp4 more/ --frames all --set decode.fps=5
  pipeline run video-predict --dataset clevrer --root DIR
  pipeline run compose --clips 64
  pipeline run segment --dataset pictures --root DIR
  pipeline run clevrer-vqa --set decode.clips=10 --dry-run
  pipeline run compare-savi compare-steve --out runs/decoders
  pipeline run video-predict --clips 4 --sweep rollout.burn-in=6,8,10")]
pub struct RunArgs {
    /// Built-in plans (`pipeline show` lists them) or TOML files
    #[arg(required = true)]
    plans: Vec<String>,
    #[command(flatten)]
    data: DataArgs,
    /// Number of clips
    #[arg(long, value_name = "COUNT")]
    clips: Option<usize>,
    /// Sampled frames of a clip, or `all`; with --videos, `all` cuts each into clips of 48 frames
    #[arg(long, value_name = "COUNT")]
    frames: Option<String>,
    /// Run folder, or of several plans the folder above their run folders [default: runs/PLAN]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace the finished run of other settings that --out holds
    #[arg(long, requires = "out")]
    overwrite: bool,
    /// Run the plan with each of these values, with commas between them, into one folder and table; given several times, with
    /// every combination
    #[arg(long = "sweep", value_name = "KEY=VALUES", conflicts_with = "shard")]
    sweeps: Vec<String>,
    /// Run a stage again although it is cached, and all that depend on it
    #[arg(long, value_name = "STAGE", value_parser = PossibleValuesParser::new(stage_names()))]
    fresh: Vec<String>,
    /// Stop when this stage is done, and print the folder of what it made
    #[arg(long, value_name = "STAGE", value_parser = PossibleValuesParser::new(stage_names()), conflicts_with = "dry_run")]
    until: Option<String>,
    /// Print one JSON object a run, with its scores, in place of the report's path
    #[arg(long, conflicts_with_all = ["dry_run", "until", "shard"])]
    json: bool,
    #[command(flatten)]
    shard: ShardArg,
    /// Print for every stage whether it would run, and why; run nothing
    #[arg(long, conflicts_with = "shard")]
    dry_run: bool,
    #[command(flatten)]
    common: Common,
}

/// Runs every plan and prints the path of each report.
pub fn run(args: &RunArgs) -> Result<ExitCode, Failure> {
    if !args.sweeps.is_empty() {
        return swept(args);
    }
    let mut plans = Vec::new();
    for name in &args.plans {
        plans.push((stem(name), args.plan(name, &[])?));
    }
    if let Some(shard) = args.shard.shard()? {
        return shared_out(args, shard, &plans);
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
        let wanted = Wanted {
            plan: &plan,
            path: &out,
            is_named: args.out.is_some(),
        };
        args.check_until(&wanted)?;
        let folder = args.claimed(&wanted)?;
        let out = folder.as_ref().map_or(&*out, RunFolder::path);
        let Some(outcome) = one(&plan, out, &args.options(&plan)?)? else {
            continue;
        };
        some_failed |= !outcome.failures.is_empty();
        if let Some(report) = &outcome.report {
            let table = report.with_file_name("scores.csv");
            tell(report, &outcome, args.common.machine.quiet, args.json)?;
            tables.extend(table.is_file().then_some((name, table)));
        }
    }
    if several && !args.dry_run && !args.json && args.until.is_none() {
        let folder = base.unwrap_or_else(|| PathBuf::from("runs"));
        print(&merged(&folder, &tables)?.display().to_string())?;
    }
    Ok(ended(some_failed))
}

fn ended(some_failed: bool) -> ExitCode {
    if some_failed {
        ExitCode::from(SOME_FAILED)
    } else {
        ExitCode::SUCCESS
    }
}

/// Does a share of the clips of every plan.
fn shared_out(args: &RunArgs, shard: Shard, plans: &[(String, Plan)]) -> Result<ExitCode, Failure> {
    let mut some_failed = false;
    for (name, plan) in plans {
        let base = match &args.out {
            Some(out) if plans.len() > 1 => out.join(name),
            Some(out) => out.clone(),
            None => default_base(name),
        };
        let wanted = WantedShard {
            plan,
            shard,
            base: &base,
            overwrite: args.overwrite,
            options: args.options(plan)?,
        };
        some_failed |= wanted.work()?;
    }
    Ok(ended(some_failed))
}

/// Runs one plan under every combination of values.
fn swept(args: &RunArgs) -> Result<ExitCode, Failure> {
    let [name] = args.plans.as_slice() else {
        return Err(Failure::refused(
            "`--sweep` goes over one plan, and several are named",
            "start one command a plan; `pipeline compare` puts their runs side by side",
        ));
    };
    let default = PathBuf::from("runs").join(format!("{}-sweep", stem(name)));
    let request = SweepRequest {
        sweeps: &args.sweeps,
        set: args.common.all_changes(),
        folder: SweepFolder {
            path: args.out.as_ref().unwrap_or(&default),
            is_named: args.out.is_some(),
            overwrite: args.overwrite,
        },
        extent: match (args.dry_run, &args.until) {
            (true, _) => Extent::List,
            (false, Some(_)) => Extent::Stage,
            (false, None) => Extent::Folders,
        },
        quiet: args.common.machine.quiet,
        json: args.json,
    };
    sweep(&request, &RunOfSweep { args, name })
}

/// How a run of a sweep is done: as any other.
struct RunOfSweep<'a> {
    args: &'a RunArgs,
    name: &'a str,
}

impl OneRun for RunOfSweep<'_> {
    fn plan(&self, changes: &[String]) -> Result<Plan, Failure> {
        self.args.plan(self.name, changes)
    }

    fn prepare(&self, plan: &Plan, path: &Path) -> Result<Option<RunFolder>, Failure> {
        let wanted = Wanted {
            plan,
            path,
            is_named: true,
        };
        let stages = self.args.dry(&wanted)?;
        if let Some(stage) = &self.args.until {
            check_has(stage, &stages)?;
        }
        self.args.claimed(&wanted)
    }

    fn work(&self, plan: &Plan, path: &Path) -> Result<Option<FinishedRun>, Failure> {
        let Some(outcome) = one(plan, path, &self.args.options(plan)?)? else {
            return Ok(None);
        };
        if let Some(report) = &outcome.report {
            tell(
                report,
                &outcome,
                self.args.common.machine.quiet,
                self.args.json,
            )?;
        }
        Ok(Some(FinishedRun {
            some_failed: !outcome.failures.is_empty(),
            report: outcome.report,
        }))
    }
}

/// A run and the folder that it is to have.
struct Wanted<'a> {
    plan: &'a Plan,
    path: &'a Path,
    /// Whether a person named the folder.
    is_named: bool,
}

impl RunArgs {
    /// A plan under the flags, and under changes that are made last.
    fn plan(&self, name: &str, last: &[String]) -> Result<Plan, Failure> {
        let changes = match Plan::flow_of(name) {
            Flow::Speedrun => self.speedrun_changes()?,
            Flow::Ablation => self.ablation_changes()?,
            flow => self.changes(flow)?,
        };
        match Plan::load(name, &[&changes, last].concat())? {
            Plan::Train(_) => Err(not_a_run(name)),
            plan => Ok(plan),
        }
    }

    /// The flags as changes of a speedrun.
    fn speedrun_changes(&self) -> Result<Vec<String>, Failure> {
        if self.clips.is_some() || self.frames.is_some() {
            return Err(Failure::refused(
                "a speedrun has no `--clips` and no `--frames`; each of its parts has its own"
                    .to_owned(),
                "copy pipelines/speedrun.toml and change the parts there",
            ));
        }
        let mut changes = self.data.changes("data");
        changes.extend(self.common.all_changes());
        Ok(changes)
    }

    /// The flags as changes of an ablation.
    fn ablation_changes(&self) -> Result<Vec<String>, Failure> {
        if self.frames.is_some() || !self.data.changes("data").is_empty() {
            return Err(Failure::refused(
                "an ablation has no `--frames` and no data set of its own; its parts name theirs",
                "copy pipelines/ablate-steps.toml and change the parts there",
            ));
        }
        let clips = self.clips.map(|clips| format!("clips={clips}"));
        Ok(clips.into_iter().chain(self.common.all_changes()).collect())
    }

    /// The flags as changes of the plan, before those of `--set`.
    fn changes(&self, flow: Flow) -> Result<Vec<String>, Failure> {
        let mut changes = self.data.changes("decode");
        if !self.data.videos.is_empty() {
            let mut own = vec!["decode.frames=48", "decode.stride=unset"];
            if flow == Flow::VideoPredict {
                own.push("answer=unset");
            }
            changes.extend(own.into_iter().map(str::to_owned));
        }
        if let Some(clips) = self.clips {
            changes.push(format!("decode.clips={clips}"));
        }
        match self.frames.as_deref() {
            None => {}
            Some("all") if self.data.videos.is_empty() => {
                changes.push("decode.frames=unset".to_owned());
            }
            Some("all") => changes.push("decode.windows=true".to_owned()),
            Some(count) if count.parse::<usize>().is_ok() => {
                changes.push(format!("decode.frames={count}"));
            }
            Some(other) => {
                return Err(Failure::refused(
                    format!("`--frames` takes a number or `all`, not `{other}`"),
                    "for example `--frames 24`",
                ));
            }
        }
        changes.extend(self.common.all_changes());
        Ok(changes)
    }
}

impl RunArgs {
    /// The folder that the run writes; none where it writes none.
    fn claimed(&self, wanted: &Wanted<'_>) -> Result<Option<RunFolder>, Failure> {
        if !self.writes() {
            return Ok(None);
        }
        let folder = RunFolder::claim(&WantedFolder {
            kind: FolderKind::Run,
            path: wanted.path,
            is_named: wanted.is_named,
            overwrite: self.overwrite,
            plan: &wanted.plan.to_toml()?,
        });
        Ok(Some(folder?))
    }

    /// Whether a run folder is written.
    fn writes(&self) -> bool {
        !self.dry_run && self.until.is_none()
    }

    /// How a plan's stages are executed.
    fn options(&self, plan: &Plan) -> Result<Options, Failure> {
        let mut options = self.common.options(plan.seed())?;
        options.dry = self.dry_run;
        options.fresh = self.fresh.iter().cloned().collect();
        options.until.clone_from(&self.until);
        Ok(options)
    }

    /// Refuses a stage to end behind that the plan does not have, before anything is done.
    fn check_until(&self, wanted: &Wanted<'_>) -> Result<(), Failure> {
        match &self.until {
            Some(stage) => check_has(stage, &self.dry(wanted)?),
            None => Ok(()),
        }
    }

    /// The stages of a run, none of which is done.
    fn dry(&self, wanted: &Wanted<'_>) -> Result<Vec<Record>, Failure> {
        dry(wanted.plan, wanted.path, self.options(wanted.plan)?)
    }
}

/// The refusal of a training plan.
fn not_a_run(plan: &str) -> Failure {
    Failure::refused(
        format!("`run` predicts and answers, and this plan trains a model: `{plan}`"),
        format!("`pipeline train {plan}` trains it"),
    )
}

/// Writes one `scores.csv` over all runs, each row with the name of its run, and gives its path.
fn merged(folder: &Path, tables: &[(String, PathBuf)]) -> Result<PathBuf, Failure> {
    let mut read = Vec::new();
    for (name, path) in tables {
        read.push((name.clone(), read_scores(path)?));
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
