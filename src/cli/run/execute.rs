//! A plan's flow: carried out, only listed, or told of.

use std::path::Path;

use slotflow_eval::ScoreTable;

use crate::artifacts::progress::say;
use crate::artifacts::{Options, Record, RunError, healed};
use crate::cli::messages::failure::Failure;
use crate::cli::messages::output::print;
use crate::cli::messages::scores::{print_json, say_key_figures};
use crate::flows::several::any::run_plan;
use crate::flows::video_predict::{FlowError, Outcome};
use crate::plan::Plan;

/// Runs a plan into its folder; `None` where it ended behind the stage of `--until`.
pub(in crate::cli) fn one(
    plan: &Plan,
    out: &Path,
    options: &Options,
) -> Result<Option<Outcome>, Failure> {
    let outcome = match healed(options.store(), || run_plan(plan, out, options.clone())) {
        Err(FlowError::Run(RunError::Until { path, .. })) => {
            print(&path.display().to_string())?;
            return Ok(None);
        }
        ended => ended?,
    };
    if options.dry {
        for stage in &outcome.stages {
            let what = if stage.made { "would run" } else { "cached" };
            print(&format!("{:<10} {what:<10} {}", stage.stage, stage.why))?;
        }
    }
    for (clip, why) in &outcome.failures {
        say(&format!("warning: left out {clip}: {why}"));
    }
    Ok(Some(outcome))
}

/// The stages of a run, none of which is done.
pub(in crate::cli) fn dry(
    plan: &Plan,
    out: &Path,
    options: Options,
) -> Result<Vec<Record>, Failure> {
    let dry = Options {
        dry: true,
        quiet: true,
        shard: None,
        ..options
    };
    Ok(run_plan(plan, out, dry)?.stages)
}

/// Refuses a stage that is not among those of a plan.
pub(super) fn check_has(stage: &str, stages: &[Record]) -> Result<(), Failure> {
    if stages.iter().any(|record| record.stage == stage) {
        return Ok(());
    }
    let known: Vec<&str> = stages.iter().map(|record| record.stage.as_str()).collect();
    Err(Failure::refused(
        format!("this plan has no stage `{stage}`"),
        match known.as_slice() {
            [] => "it has parts, not stages; run one of them".to_owned(),
            known => format!("its stages are {}", known.join(", ")),
        },
    ))
}

/// Prints what came of a run: its key figures, and the path of its page or all scores as JSON.
pub(in crate::cli) fn tell(
    report: &Path,
    outcome: &Outcome,
    is_quiet: bool,
    is_json: bool,
) -> Result<(), Failure> {
    let table = report.with_file_name("scores.csv");
    let scores = if table.is_file() {
        read_scores(&table)?
    } else {
        ScoreTable::default()
    };
    if !is_quiet {
        say_key_figures(&scores);
    }
    if is_json {
        return print_json(report, &scores, outcome.failures.clone());
    }
    print(&report.display().to_string())
}

/// The scores of a run's folder.
pub(super) fn read_scores(path: &Path) -> Result<ScoreTable, Failure> {
    ScoreTable::load(path)
        .map_err(|error| Failure::failed(error.to_string(), "check the run folders"))
}

impl From<FlowError> for Failure {
    fn from(error: FlowError) -> Self {
        match error {
            FlowError::Data(error) => Self::refused(error.to_string(), error.hint()),
            FlowError::Weights(error) => error.into(),
            FlowError::Device(error) => error.into(),
            FlowError::Train(error) => error.into(),
            FlowError::Plan(error) => error.into(),
            FlowError::Edit(error) => error.into(),
            FlowError::Run(error @ RunError::Refused { .. }) => {
                Self::refused(error.to_string(), error.hint())
            }
            FlowError::Run(error) => error.into(),
        }
    }
}
