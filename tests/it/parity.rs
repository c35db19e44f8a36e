//! Every model against its reference: the official checkpoint of a fixture is imported, run on the
//! fixture's inputs, and everything that the reference computed is compared.
//!
//! No size is known here. All come from `<name>.config.json`, in the official names, and from the
//! tensors' shapes. One file per model class, `check(fixture, report)` each.

#![expect(clippy::print_stdout, reason = "one line per fixture is the result")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

mod aloe;
mod autoregressive;
mod compare;
mod dvae;
mod fixture;
mod latent_diffusion;
mod planning;
mod readout;
mod slot_encoder;
mod slotformer;
mod vqvae;

use compare::Compare;
use fixture::Fixture;

type Check = fn(&Fixture, &mut Compare);

/// The check of an official class; `None` for one that nobody has heard of.
fn check_of(class: &str) -> Option<Check> {
    Some(match class {
        "SA" | "SAVi" | "StoSAVi" => slot_encoder::check,
        "dVAE" => dvae::check,
        "SLATE" | "STEVE" => autoregressive::check,
        "VQVAE" => vqvae::check,
        "SADiffusion" | "SAViDiffusion" => latent_diffusion::check,
        "SlotFormer" | "SingleStepSlotFormer" | "STEVESlotFormer" | "LDMSlotFormer" => {
            slotformer::check
        }
        "CLEVRERAloe" => aloe::check,
        "PhysionReadout" => readout::check_physion,
        "PHYREReadout" => readout::check_phyre,
        "planning" => planning::check,
        _ => return None,
    })
}

fn folder() -> PathBuf {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/models");
    std::env::var_os("GOLDEN_MODELS").map_or(ours, PathBuf::from)
}

/// Compares one fixture.
fn run(fixture: &Fixture) -> Compare<'_> {
    let mut report = Compare::new(fixture);
    let Some(check) = check_of(&fixture.class) else {
        report.fail(format!("no check for `{}`", fixture.class));
        return report;
    };
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(fixture, &mut report))) {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("unknown");
        report.fail(format!("panicked: {text}"));
    }
    report
}

fn say(report: &Compare, remark: &str) -> bool {
    println!("{}{remark}", report.line());
    for detail in report.details() {
        println!("    {detail}");
    }
    report.end() == "pass"
}

/// Whether a fixture passes.
///
/// Where a `ReLU` is fed a number that is zero but for rounding, its gradient hangs on the last bit of that
/// number, and two exact enough implementations may differ. If gradients alone differ, the fixture is run again
/// on inputs that are each moved by one unit in their last place: everything must then agree, or did not before.
fn passes(fixture: &Fixture) -> bool {
    const NUDGES: u64 = 4;
    let report = run(fixture);
    if !report.only_gradients_fail() {
        return say(&report, "");
    }
    let nudged = (1..=NUDGES).map(|seed| fixture.nudged(seed));
    for (index, nudged) in nudged.enumerate() {
        let again = run(&nudged);
        if again.end() == "pass" {
            return say(&again, &format!(" nudged={}", index + 1));
        }
    }
    say(&report, "")
}

#[test]
fn every_model_computes_what_its_reference_computed() {
    let only = std::env::var("PARITY_ONLY").ok();
    let fixtures = Fixture::read_all(&folder(), only.as_deref());
    assert!(
        !fixtures.is_empty(),
        "no fixtures in {}",
        folder().display()
    );
    let failed: Vec<_> = fixtures
        .iter()
        .filter(|fixture| !passes(fixture))
        .map(|fixture| &fixture.name)
        .collect();
    assert!(
        failed.is_empty(),
        "these models differ from their references: {failed:?}"
    );
}

#[test]
fn the_vqvae_takes_clips_and_slate_is_compared_on_its_own_grid() {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/models");
    let one = |name: &str| Fixture::read_all(&ours, Some(name)).remove(0);
    assert!(passes(&one("vqvae").as_clip()));
    let mut slate = one("slate");
    let masks = slate.value("out/masks").clone();
    let native = "out/masks_native".to_owned();
    slate.tensors.entries.insert(native.clone(), masks);
    assert!(passes(&slate));
    // It is compared, not passed over.
    if let Some(slotflow::weights::Values::F32(values)) = slate
        .tensors
        .entries
        .get_mut(&native)
        .map(|masks| &mut masks.values)
    {
        values[0] += 0.5;
    }
    assert!(!passes(&slate));
}
