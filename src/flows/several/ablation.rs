//! Train under several values of a setting with several seeds, evaluate each, compare: one page, one table, figures.

use std::path::Path;

use slotflow_datasets::source::open;
use slotflow_eval::report::Measure;

use crate::artifacts::Options;
use crate::artifacts::files::{make_dir, write_atomic};
use crate::artifacts::progress::say;
use crate::flows::compare::{Figure, SweptRun, compare_swept};
use crate::flows::fits;
use crate::flows::segment::segment;
use crate::flows::train::{LeftOut, check_readable, train};
use crate::flows::video_predict::{FlowError, Outcome};
use crate::plan::several::ablation::{Case, EVALUATION, TRAINING};
use crate::plan::video_predict::DecodeConfig;
use crate::plan::{AblationPlan, Plan};
use crate::stages::perceive::decode::{source_config, window};
use crate::train::fit::ranks::group::OneRank;

/// Trains and evaluates every case of a plan in a folder of its own inside `out`; each goes on where it was stopped.
///
/// # Errors
/// What stopped a case.
pub fn ablation(plan: &AblationPlan, out: &Path, options: &Options) -> Result<Outcome, FlowError> {
    let cases = plan.cases(out)?;
    let device = options.device.open()?;
    for case in &cases {
        check_readable(&case.training, options)?;
        check_clips(&case.evaluation.decode)?;
    }
    if options.dry {
        for case in &cases {
            say(&format!("{}: {} steps", case.name, case.training.fit.steps));
        }
        return Ok(Outcome {
            report: None,
            stages: Vec::new(),
            failures: Vec::new(),
        });
    }
    make_dir(out)?;
    let text = Plan::Ablation(Box::new(plan.clone())).to_toml()?;
    write_atomic(&out.join("plan.toml"), text.as_bytes())?;
    let (mut left_out, mut failures) = (LeftOut::new(), Vec::new());
    for (index, case) in cases.iter().enumerate() {
        if !options.quiet {
            say(&format!("{} ({} of {})", case.name, index + 1, cases.len()));
        }
        let folder = out.join(&case.name);
        let trained = train(
            &case.training,
            &folder.join(TRAINING),
            options,
            device.clone(),
            &OneRank,
        )?;
        left_out.extend(trained.left_out);
        let evaluated = segment(&case.evaluation, &folder.join(EVALUATION), options.clone())?;
        failures.extend(evaluated.failures);
    }
    failures.extend(left_out);
    let keys = [plan.key.clone(), "seed".to_owned()];
    let runs: Vec<SweptRun> = cases.iter().map(|case| run_of(case, out)).collect();
    let figures: Vec<Figure> = plan.figures.iter().map(figure).collect();
    let compared = compare_swept(&keys, &runs, &figures, out)?;
    Ok(Outcome {
        report: Some(compared.page),
        stages: Vec::new(),
        failures,
    })
}

/// Refuses test clips that are not there, before anything is trained.
fn check_clips(decode: &DecodeConfig) -> Result<(), FlowError> {
    let source = open(
        decode.dataset,
        &source_config(decode, &window(decode, None)),
    )?;
    Ok(fits::clips(decode, &*source)?)
}

fn run_of(case: &Case, out: &Path) -> SweptRun {
    SweptRun {
        name: case.name.clone(),
        values: vec![case.value.clone(), case.seed.to_string()],
        folder: out.join(&case.name).join(EVALUATION),
    }
}

/// Two measures, `SUBSET/METRIC` each.
fn figure(pair: &[String; 2]) -> Figure {
    pair.each_ref().map(|name| {
        let (subset, metric) = name.split_once('/').unwrap_or(("", name));
        Measure {
            metric: metric.to_owned(),
            subset: subset.to_owned(),
        }
    })
}
