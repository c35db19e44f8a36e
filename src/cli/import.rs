//! `pipeline import` and `pipeline export`: checkpoints of the official code ↔ weights files.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use slotflow_datasets::listing::read_text;

use super::messages::failure::Failure;
use super::messages::output::print;
use crate::artifacts::progress::say;
use crate::stages::slot_files;
use crate::train::data::imported_slots::holds_slots;
use crate::weights::import::stable_diffusion;
use crate::weights::official::{SLOTS, STABLE_DIFFUSION};
use crate::weights::{export, import};

/// `pipeline import CHECKPOINT --model NAME --out DIR`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pipeline import savi_ldm_movie_params-res128.pth --model slotdiffusion-video --out weights/movi-e
  pipeline import model.pth --model savi --config official.json --out weights/savi
  pipeline import obj3d_slots.pkl --model slots --out slots/obj3d
  pipeline import stable-diffusion-v1-5 --model stable-diffusion --out weights/sd15")]
pub struct ImportArgs {
    /// Checkpoint of the official code (.pth), Hugging Face safetensors of DINO, extracted slots (.pkl), or a folder in
    /// diffusers' layout
    checkpoint: PathBuf,
    /// Model of the checkpoint, such as savi, slotdiffusion-video or slotformer, or `slots`; a wrong name lists all
    #[arg(long, value_name = "NAME")]
    model: String,
    /// Official configuration as JSON, for settings that shapes do not determine
    #[arg(long, value_name = "FILE.json")]
    config: Option<PathBuf>,
    /// Folder for the weights files, one per module
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// `pipeline export DIR|FILE --out FILE`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pipeline export weights/movi-e --out movi-e.safetensors
  pipeline export slots/obj3d --out slots.npz")]
pub struct ExportArgs {
    /// Folder of weights files, one weights file, or a folder of imported slots
    from: PathBuf,
    /// File to write: safetensors with the official names; .npz for slots
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Official model, for weights that were not imported
    #[arg(long, value_name = "NAME")]
    model: Option<String>,
}

/// Imports a checkpoint and prints the paths of the weights files.
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
    let written = if args.model == STABLE_DIFFUSION {
        let weights = stable_diffusion::import(&args.checkpoint, &config)?;
        let written = stable_diffusion::write(&weights, &args.out)?;
        let settings = stable_diffusion::sampler_settings(&weights);
        say(&format!("its scheduler samples with {settings}"));
        written
    } else {
        import::import(&args.checkpoint, &args.model, config)?.write(&args.out)?
    };
    for path in written {
        print(&path.display().to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Exports weights or slots and prints the path of the file.
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
    let text = read_text(path).map_err(|error| refused(error.to_string()))?;
    serde_json::from_slice(&text).map_err(|error| refused(error.to_string()))
}
