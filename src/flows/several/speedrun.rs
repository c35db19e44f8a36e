//! Generate, train every model small, predict with them, evaluate: the whole product in one folder.

use std::path::{Path, PathBuf};

use crate::artifacts::files::{make_dir, write_atomic};
use crate::artifacts::progress::say;
use crate::artifacts::{Options, RunError};
use crate::flows::train::{LeftOut, check_readable, train};
use crate::flows::video_predict::{FlowError, Outcome, video_predict};
use crate::plan::SpeedrunPlan;
use crate::train::fit::ranks::group::OneRank;
use crate::weights::WeightsFile;

/// Runs every part of a plan in a folder of its own inside `out`; each goes on where it was stopped.
///
/// # Errors
/// What stopped a part.
pub fn speedrun(plan: &SpeedrunPlan, out: &Path, options: &Options) -> Result<Outcome, FlowError> {
    let parts = plan.parts(out)?;
    let device = options.device.open()?;
    if !options.quiet {
        for (name, truth) in &parts.skipped {
            say(&format!(
                "{name}: skipped, for the data set has no {}",
                truth.word()
            ));
        }
    }
    for (_, training) in &parts.trainings {
        check_readable(training, options)?;
    }
    if options.dry {
        for (name, training) in &parts.trainings {
            say(&format!("{name}: {} steps", training.fit.steps));
        }
        return Ok(Outcome {
            report: None,
            stages: Vec::new(),
            failures: Vec::new(),
        });
    }
    make_dir(out)?;
    let text = toml::to_string(plan).map_err(|error| RunError::Internal {
        reason: error.to_string(),
    })?;
    write_atomic(&out.join("plan.toml"), text.as_bytes())?;
    let mut table = String::from("training,steps,figure,value\n");
    let (count, mut left_out) = (parts.trainings.len(), LeftOut::new());
    for (index, (name, training)) in parts.trainings.iter().enumerate() {
        if !options.quiet {
            say(&format!("{name}: training {} of {count}", index + 1));
        }
        let trained = train(training, &out.join(name), options, device.clone(), &OneRank)?;
        table.extend(rows(name, training.fit.steps, &trained.files)?);
        left_out.extend(trained.left_out);
    }
    write_atomic(&out.join("trainings.csv"), table.as_bytes())?;
    let mut outcome = video_predict(&parts.predict, &out.join("predict"), options.clone())?;
    outcome.failures.extend(left_out);
    Ok(outcome)
}

/// Figures of a training's last validation from the header of its weights, one line a figure.
fn rows(name: &str, steps: u64, files: &[PathBuf]) -> Result<Vec<String>, FlowError> {
    let Some(first) = files.first() else {
        return Ok(Vec::new());
    };
    let header = WeightsFile::read(first)?.header;
    let facts = header.training.as_object().into_iter().flatten();
    let figures = facts.filter_map(|(key, value)| Some((key.strip_prefix("validation-")?, value)));
    Ok(figures
        .map(|(figure, value)| format!("{name},{steps},{figure},{value}\n"))
        .collect())
}
