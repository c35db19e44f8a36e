//! `pipeline import` and `pipeline export`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::{Failure, print};
use crate::stages::slot_files;
use crate::train::data::imported_slots::holds_slots;
use crate::weights::official::SLOTS;
use crate::weights::{export, import};

/// `pipeline import CHECKPOINT --model NAME --out DIR`
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// A checkpoint of the official code (.pth), safetensors with Hugging Face's names, or a slot file (.pkl)
    checkpoint: PathBuf,
    /// Which model it is: savi, slotdiffusion-video, slotformer, …, or `slots`; a wrong name lists them all
    #[arg(long, value_name = "NAME")]
    model: String,
    /// The official configuration as JSON, for what shapes do not tell
    #[arg(long, value_name = "FILE.json")]
    config: Option<PathBuf>,
    /// Where the weights files go, one per module
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// `pipeline export DIR|FILE --out FILE`
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// A folder of weights files, one of them, or a folder of imported slots
    from: PathBuf,
    /// The file under official names; `.npz` for slots
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Which official model it is, where the weights were not imported
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
}

/// Imports a checkpoint and prints the files that were written.
pub fn import(args: &ImportArgs) -> Result<ExitCode, Failure> {
    if args.model == SLOTS {
        for folder in slot_files::import(&args.checkpoint, &args.out)? {
            print(&folder.display().to_string())?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let config = match &args.config {
        None => serde_json::Value::Null,
        Some(path) => read_json(path)?,
    };
    let imported = import::import(&args.checkpoint, &args.model, config)?;
    for path in imported.write(&args.out)? {
        print(&path.display().to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Exports weights and prints the file that was written.
pub fn export(args: &ExportArgs) -> Result<ExitCode, Failure> {
    if holds_slots(&args.from) {
        slot_files::export(&args.from, &args.out)?;
        print(&args.out.display().to_string())?;
        return Ok(ExitCode::SUCCESS);
    }
    let state = export::official_state(&args.from, args.model.as_deref())?;
    export::write_official(&state, &args.out)?;
    print(&args.out.display().to_string())?;
    Ok(ExitCode::SUCCESS)
}

fn read_json(path: &Path) -> Result<serde_json::Value, Failure> {
    let refused = |why: String| {
        Failure::refused(
            format!(
                "cannot read the configuration ({why}): `{}`",
                path.display()
            ),
            "`--config` takes the official configuration as JSON",
        )
    };
    let text = std::fs::read(path).map_err(|error| refused(error.to_string()))?;
    serde_json::from_slice(&text).map_err(|error| refused(error.to_string()))
}
