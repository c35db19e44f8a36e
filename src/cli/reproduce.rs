//! `pipeline reproduce`: the scores of bundled weights measured again, or the weights trained from nothing.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::common::{Machine, SOME_FAILED};
use super::messages::failure::Failure;
use super::messages::output::print;
use crate::artifacts::run_folder::{FolderKind, RunFolder, WantedFolder};
use crate::artifacts::{Options, healed};
use crate::flows::several::reproduce::{ReproducedScore, scores_of, trained_anew};
use crate::plan::Plan;
use crate::weights::bundled::cards::{Card, StatedScore, card, cards};

/// `pipeline reproduce`
#[derive(Debug, Args)]
#[command(after_help = "\
Without a name the cards are listed. Exit code 3: a score is further from the card's than rounding explains.

Examples:
  pipeline reproduce
  pipeline reproduce synth-metal/slot-encoder --card
  pipeline reproduce synth-metal/slot-encoder
  pipeline reproduce synth-metal/slot-encoder --train --out runs/from-nothing")]
pub struct ReproduceArgs {
    /// Bundled weights, as they are called behind `bundled:`
    name: Option<String>,
    /// Print what there is to know about the weights: data, steps, hours, scores, limits, commands
    #[arg(long, requires = "name")]
    card: bool,
    /// Train the weights and all that they need from nothing, in place of measuring their scores
    #[arg(long, requires = "name", conflicts_with = "card")]
    train: bool,
    /// Folder of the run or the trainings [default: runs/reproduce/NAME]
    #[arg(long, requires = "name", value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    machine: Machine,
}

/// Lists cards, prints one, or makes again what it says.
pub fn reproduce(args: &ReproduceArgs) -> Result<ExitCode, Failure> {
    let Some(name) = &args.name else {
        for card in cards()? {
            print(&format!("{:<40} {}", card.name, card.what))?;
        }
        return Ok(ExitCode::SUCCESS);
    };
    let name = name.strip_prefix("bundled:").unwrap_or(name);
    let Some(card) = card(name)? else {
        return Err(Failure::refused(
            format!("no bundled weights are called `{name}`"),
            "`pipeline reproduce` lists them",
        ));
    };
    if args.card {
        for line in lines(&card) {
            print(&line)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let out = args.out.clone().unwrap_or_else(|| {
        let folder = if args.train { "trained" } else { "scores" };
        PathBuf::from("runs/reproduce").join(name).join(folder)
    });
    let options = args.machine.options(0)?;
    if args.train {
        let files = healed(&options.cache, || trained_anew(&card, &out, &options))?;
        for file in files {
            print(&file.display().to_string())?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    args.measure(&card, out, &options)
}

impl ReproduceArgs {
    /// Measures the scores of a card, and prints each beside what the card says.
    fn measure(&self, card: &Card, out: PathBuf, options: &Options) -> Result<ExitCode, Failure> {
        let plan = Plan::load(&card.evaluation.plan, &card.evaluation.set)?;
        let folder = RunFolder::claim(&WantedFolder {
            kind: FolderKind::Run,
            path: &out,
            is_named: self.out.is_some(),
            overwrite: false,
            plan: &plan.to_toml()?,
        })?;
        let options = Options {
            seed: plan.seed(),
            ..options.clone()
        };
        let scores = healed(&options.cache, || {
            scores_of(card, folder.path(), options.clone())
        })?;
        print(&format!(
            "{:<36} {:>10} {:>10}  within",
            "score", "card", "now"
        ))?;
        for score in &scores {
            print(&row(score))?;
        }
        Ok(if scores.iter().all(ReproducedScore::holds) {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(SOME_FAILED)
        })
    }
}

/// A score beside the card's.
fn row(score: &ReproducedScore) -> String {
    let stated = &score.stated;
    let found = score
        .found
        .map_or("–".to_owned(), |found| format!("{found:.4}"));
    let verdict = if score.holds() { "yes" } else { "NO" };
    format!(
        "{:<36} {:>10.4} {found:>10}  ±{} {verdict}",
        name(stated),
        stated.value,
        stated.tolerance
    )
}

/// Metric, subset, and whose row it is.
fn name(stated: &StatedScore) -> String {
    let profile = stated.profile.as_ref();
    let profile = profile.map_or_else(String::new, |profile| format!(" ({profile})"));
    format!("{} {}{profile}", stated.metric, stated.subset)
}

/// A card in lines.
fn lines(card: &Card) -> Vec<String> {
    let mut lines = vec![
        card.name.clone(),
        format!("  what    {}", card.what),
        format!("  data    {}", card.data),
        format!(
            "  trained {} steps, {} frames, {} h on two shared CPU cores; curve: pipelines/weights/curves/{}",
            card.steps, card.frames, card.hours, card.curve
        ),
        format!("  limits  {}", card.limits),
        format!("  scores  {}", card.evaluation.command("run")),
    ];
    lines.extend(card.score.iter().map(|stated| {
        let interval = stated.interval;
        let interval = interval.map_or_else(String::new, |[low, high]| format!(" [{low}, {high}]"));
        format!("          {:<34} {}{interval}", name(stated), stated.value)
    }));
    let mut head = "  made by";
    for step in &card.training {
        lines.push(format!("{head} {}", step.command("train")));
        head = "         ";
    }
    lines
}
