//! `pipeline generate`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use slotflow_datasets::synth::ContactSource;
use slotflow_datasets::synth::export::layout::{CLEVRER_SIZE, Layout};
use slotflow_datasets::synth::questions::Amount;
use slotflow_datasets::{DataError, Dataset, Split};

use super::{Failure, print};
use crate::artifacts::progress::Progress;

/// `pipeline generate --layout LAYOUT --out DIR`
#[derive(Debug, Args)]
pub struct GenerateArgs {
    /// How the data set lies on disk
    #[arg(long)]
    layout: Shape,
    /// The data set's folder
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// How many clips
    #[arg(long, default_value_t = 20)]
    clips: usize,
    /// train, val or test; Physion's readout clips are those of train
    #[arg(long, default_value = "test")]
    split: String,
    /// The first clip of the split; for clevrer
    #[arg(long, default_value_t = 0)]
    first: usize,
    /// Kind of clip, for clevrer
    #[arg(long, default_value = "synth")]
    preset: String,
    /// Height and width, pixels [default: 320 480 for clevrer, 256 256 for physion]
    #[arg(long, num_args = 2, value_names = ["HEIGHT", "WIDTH"])]
    size: Option<Vec<usize>>,
    /// Say nothing while working
    #[arg(long, short)]
    quiet: bool,
}

/// A data set's layout on disk.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shape {
    /// Videos, annotations, masks and questions as CLEVRER has them
    Clevrer,
    /// Videos and labels as Physion has them
    Physion,
}

/// Writes generated clips as a published data set lies on disk, and prints its folder.
pub fn generate(args: &GenerateArgs) -> Result<ExitCode, Failure> {
    let refused = |error: DataError| Failure::refused(error.to_string(), error.hint());
    let split: Split = args.split.parse().map_err(refused)?;
    let size = |usual: [usize; 2]| match args.size.as_deref() {
        Some([height, width]) => [*height, *width],
        _ => usual,
    };
    let progress = Progress::new("generate", args.clips, args.quiet);
    let done = |_| progress.advance();
    match args.layout {
        Shape::Clevrer => {
            let layout = Layout {
                preset: args
                    .preset
                    .parse()
                    .and_then(Dataset::generator)
                    .map_err(refused)?,
                split,
                first: args.first,
                count: args.clips,
                size: size(CLEVRER_SIZE),
                questions: Amount::default(),
            };
            layout.write(&args.out, done).map_err(refused)?;
        }
        Shape::Physion => {
            let source = ContactSource::new(split, args.clips);
            source
                .write(&args.out, size([256, 256]), done)
                .map_err(refused)?;
        }
    }
    print(&args.out.display().to_string())?;
    Ok(ExitCode::SUCCESS)
}
