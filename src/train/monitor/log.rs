//! The curve of a training: one JSON object a line, and TensorBoard's event files beside it.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use slotflow_datasets::regular;

use crate::artifacts::RunError;
use crate::artifacts::files::write_atomic;
use crate::artifacts::progress::say;
use crate::train::error::TrainError;
use crate::train::monitor::tensorboard::{Events, SummaryValue};
use crate::train::monitor::throughput::Throughput;

/// Numbers by name.
pub type Named<'a> = &'a [(&'static str, f64)];

/// The curve of a training, cut back to the checkpoint that it goes on from.
#[derive(Debug)]
pub struct Log {
    file: File,
    path: PathBuf,
    events: Events,
    validated: Option<u64>,
}

impl Log {
    /// Opens the log in a folder for a training that has done so many steps.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn open(folder: &Path, done: u64) -> Result<Self, TrainError> {
        let path = folder.join("log.jsonl");
        let validated = if path.exists() {
            cut(&path, done)?
        } else {
            None
        };
        let opened = OpenOptions::new().create(true).append(true).open(&path);
        let file = opened.map_err(|source| RunError::Io {
            action: "open",
            source,
            path: path.clone(),
        })?;
        Ok(Self {
            file,
            path,
            events: Events::open(folder, done)?,
            validated,
        })
    }

    /// The step of the last validation.
    pub fn validated(&self) -> Option<u64> {
        self.validated
    }

    /// Writes losses and the rest of a step's figures. Its throughput, which no two runs have in common, only `TensorBoard` gets.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn step(
        &mut self,
        step: u64,
        losses: Named,
        rest: Named,
        throughput: &Throughput,
    ) -> Result<(), TrainError> {
        self.line(step, "", &[losses, rest].concat())?;
        let of = |prefix: &str, named: Named<'_>| -> Vec<(String, SummaryValue<'static>)> {
            let shown = |(name, value): &(&str, f64)| {
                (format!("{prefix}{name}"), SummaryValue::Scalar(*value))
            };
            named.iter().map(shown).collect()
        };
        let throughput = [
            ("steps-per-second", throughput.steps),
            ("waiting", throughput.waiting),
        ];
        let shown = [of("train/", losses), of("", rest), of("pace/", &throughput)].concat();
        Ok(self.events.write(step, &shown)?)
    }

    /// Writes the figures of a validation and its images: the PNG files whose names begin with `stem`.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub fn validation(&mut self, step: u64, figures: Named, stem: &str) -> Result<(), TrainError> {
        if self.validated == Some(step) {
            return Ok(());
        }
        self.line(step, "val/", figures)?;
        self.validated = Some(step);
        let pictures = pictures(self.path.with_file_name(stem))?;
        let drawn = pictures
            .iter()
            .map(|(name, png)| (name.clone(), SummaryValue::Image(png)));
        let numbers = figures
            .iter()
            .map(|(name, value)| (format!("val/{name}"), SummaryValue::Scalar(*value)));
        Ok(self
            .events
            .write(step, &numbers.chain(drawn).collect::<Vec<_>>())?)
    }

    fn line(&mut self, step: u64, prefix: &str, named: Named) -> Result<(), TrainError> {
        let mut line = Map::from_iter([("step".to_owned(), json!(step))]);
        line.extend(
            named
                .iter()
                .map(|(name, value)| (format!("{prefix}{name}"), json!(value))),
        );
        let text = format!("{}\n", Value::Object(line));
        let written = self.file.write_all(text.as_bytes());
        written.map_err(|source| {
            TrainError::Run(RunError::Io {
                action: "write",
                source,
                path: self.path.clone(),
            })
        })
    }
}

/// Takes the lines behind `done` steps away; the last validation among the others. Lines that cannot be read, or whose steps
/// go back, are left out, and that is said.
fn cut(path: &Path, done: u64) -> Result<Option<u64>, TrainError> {
    let text = regular::read(path).map_err(|source| RunError::Io {
        action: "read",
        source,
        path: path.to_owned(),
    })?;
    let (mut kept, mut validated) = (Vec::new(), None);
    let (mut last, mut broken) = (0, Vec::new());
    for (number, line) in text.split_inclusive(|&byte| byte == b'\n').enumerate() {
        let read = serde_json::from_slice::<Map<String, Value>>(line).ok();
        let step = read
            .as_ref()
            .and_then(|map| map.get("step"))
            .and_then(Value::as_u64);
        let (Some(map), Some(step)) = (read, step.filter(|step| *step >= last)) else {
            broken.push((number + 1).to_string());
            continue;
        };
        if step > done {
            continue;
        }
        last = step;
        if map.keys().any(|key| key.starts_with("val/")) {
            validated = Some(step);
        }
        kept.extend_from_slice(line.trim_ascii_end());
        kept.push(b'\n');
    }
    if !broken.is_empty() {
        say(&format!(
            "warning: lines that cannot be read or do not continue are left out ({}): `{}`",
            broken.join(", "),
            path.display()
        ));
    }
    write_atomic(path, &kept)?;
    Ok(validated)
}

/// The PNG files that begin with `stem`, each under what comes behind it.
fn pictures(stem: PathBuf) -> Result<Vec<(String, Vec<u8>)>, RunError> {
    let folder = stem.parent().unwrap_or(Path::new("."));
    let stem = stem.file_name().unwrap_or_default().to_string_lossy();
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        let rest = name
            .strip_prefix(&*stem)
            .and_then(|rest| rest.strip_suffix(".png"));
        let Some(rest) = rest else { continue };
        let png = regular::read(&path).map_err(|source| RunError::Io {
            action: "read",
            source,
            path,
        })?;
        found.push((format!("preview{}", rest.replacen('-', "/", 1)), png));
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_behind_the_checkpoint_and_lines_that_do_not_continue_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        let text = "{\"step\":10,\"loss\":1.5}\n{\"step\":20,\"val/x\":1}\nnoise\n{\"step\":15}\n{\"step\":30}\n{\"st";
        fs::write(&path, text).unwrap();
        assert_eq!(cut(&path, 25).unwrap(), Some(20));
        let kept = fs::read_to_string(&path).unwrap();
        assert_eq!(
            kept,
            "{\"step\":10,\"loss\":1.5}\n{\"step\":20,\"val/x\":1}\n"
        );
    }
}
