//! The script that runs every published plan once, `scripts/long/all-plans`, the short list that `.ci/run` takes, and what
//! the script cannot see, for it makes clips short.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use slotflow::plan::training::ObjectivePlan;
use slotflow::plan::video_predict::DecodeConfig;
use slotflow::plan::{self, Plan};
use slotflow_datasets::Dataset;
use slotflow_datasets::source::Needs;

use crate::presets::is_published;

/// The plans that the script would run.
fn listed(arguments: &[&str]) -> BTreeSet<String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/long/all-plans");
    let mut command = Command::new(script);
    command.arg("--list").args(arguments);
    let output = command.env("PIPELINE", env!("CARGO_BIN_EXE_pipeline"));
    let output = output.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let names = String::from_utf8(output.stdout).unwrap();
    names.lines().map(str::to_owned).collect()
}

fn published() -> BTreeSet<String> {
    let names = plan::names().into_iter();
    names
        .filter(|name| is_published(name))
        .map(str::to_owned)
        .collect()
}

/// The data sets and objectives of plans.
fn readers_and_objectives(
    plans: &BTreeSet<String>,
) -> (BTreeSet<&'static str>, BTreeSet<&'static str>) {
    let (mut readers, mut objectives) = (BTreeSet::new(), BTreeSet::new());
    for name in plans {
        match Plan::load(name, &[]).unwrap() {
            Plan::Train(plan) => {
                // Plans on imported slots open no reader.
                if plan.objective.table().imported_slots().is_none() {
                    readers.insert(plan.data.dataset.name());
                }
                objectives.insert(plan.objective.name());
            }
            Plan::VideoPredict(plan) => {
                readers.insert(plan.decode.dataset.name());
            }
            Plan::Segment(plan) => {
                readers.insert(plan.decode.dataset.name());
            }
            _ => panic!("{name} is of a flow that no publication has"),
        }
    }
    (readers, objectives)
}

#[test]
fn the_script_walks_over_every_published_plan() {
    assert_eq!(listed(&[]), published());
}

#[test]
fn the_short_list_takes_every_reader_and_every_objective_that_published_plans_have() {
    let short = listed(&["--ci"]);
    assert!(short.is_subset(&published()), "{short:?}");
    let (readers, objectives) = readers_and_objectives(&short);
    assert_eq!(
        (readers.clone(), objectives.clone()),
        readers_and_objectives(&published())
    );
    // MOVi-A to MOVi-C have the reader of MOVi-D, and no paper names one's own pictures.
    let no_plan = ["pictures", "movi-a", "movi-b", "movi-c"];
    let on_disk = Dataset::all().filter(|one| one.needs() == Needs::Root);
    for dataset in on_disk.map(Dataset::name) {
        assert_ne!(
            readers.contains(dataset),
            no_plan.contains(&dataset),
            "{dataset}"
        );
    }
    let generated = ["autoencoder-kl", "diffusion", "object-event-head", "motion"];
    for objective in ObjectivePlan::NAMES {
        assert_ne!(
            objectives.contains(objective),
            generated.contains(objective),
            "{objective}"
        );
    }
}

/// Data set, frames and stride of a plan that trains nothing.
fn predicted(decode: &DecodeConfig) -> (Dataset, usize, usize) {
    let frames = decode.frames.unwrap_or(1);
    (decode.dataset, frames, decode.stride.unwrap_or(1))
}

#[test]
fn no_published_plan_asks_for_more_frames_than_its_data_set_has() {
    for name in published() {
        let (dataset, frames, stride) = match Plan::load(&name, &[]).unwrap() {
            Plan::Train(plan) if plan.objective.table().imported_slots().is_some() => continue,
            Plan::Train(plan) => (plan.data.dataset, plan.data.frames, plan.data.stride),
            Plan::VideoPredict(plan) => predicted(&plan.decode),
            Plan::Segment(plan) => predicted(&plan.decode),
            _ => panic!("{name} is of a flow that no publication has"),
        };
        let published = dataset.facts().frames.unwrap();
        let last = (frames - 1) * stride + 1;
        assert!(last <= published, "{name} reads {last} of {published}");
    }
}

#[test]
fn the_script_over_the_documents_finds_their_commands_and_makes_them_small() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/long/docs");
    let mut command = Command::new(script);
    let output = command
        .arg("--list")
        .env("PIPELINE", env!("CARGO_BIN_EXE_pipeline"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let listed = String::from_utf8(output.stdout).unwrap();
    assert!(listed.lines().count() > 60, "{listed}");
    for line in listed.lines() {
        let (place, command) = line.split_once('\t').unwrap();
        assert!(place.contains(".md:"), "{line}");
        let is_run = command.starts_with("pipeline ");
        assert!(is_run || command.starts_with("skipped, "), "{line}");
        // Only what is left out may name a folder that is not there.
        let mut words = command.split_whitespace();
        assert!(!is_run || words.all(|word| word != "DIR"), "{line}");
        assert!(!is_run || !command.contains("--clips 100"), "{line}");
    }
}
