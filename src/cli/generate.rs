//! `pipeline generate`: generated clips and pictures in the folder layout of a published data set.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use slotflow_datasets::synth::ContactSource;
use slotflow_datasets::synth::export::layout::{CLEVRER_SIZE, Layout};
use slotflow_datasets::synth::export::pictures::{CELEBA_SIZE, COCO_SIZE, PictureLayout};
use slotflow_datasets::synth::questions::Amount;
use slotflow_datasets::{DataError, Dataset, Split};

use super::messages::failure::Failure;
use super::messages::output::print;
use crate::artifacts::lock::PathLock;
use crate::artifacts::progress::Progress;

/// `pipeline generate --layout LAYOUT --out DIR`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pipeline generate --layout clevrer --out data/clevrer --clips 20
  pipeline generate --layout physion --out data/physion --split train --clips 100
  pipeline generate --layout coco --out data/coco --split train --clips 6000 --size 64 64")]
pub struct GenerateArgs {
    /// Folder layout to write
    #[arg(long)]
    layout: Shape,
    /// Folder of the data set
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Number of clips, or of pictures: the middle frames of clips
    #[arg(long, default_value_t = 20, value_name = "COUNT")]
    clips: usize,
    /// Split; Physion's readout clips are those of train, and COCO's val2017 holds val or test
    #[arg(long, default_value = "test")]
    split: SplitName,
    /// Index of the first clip within the split; only with clevrer
    #[arg(long, default_value_t = 0, value_name = "INDEX")]
    first: usize,
    /// Preset of the generator: synth-metal, synth, synth-textured or synth-varied; not with physion
    #[arg(long, default_value = "synth-metal", value_name = "NAME")]
    preset: String,
    /// Height and width in pixels [default: 320 480 for clevrer and coco, 256 256 for physion, 218 178 for celeba]
    #[arg(long, num_args = 2, value_names = ["HEIGHT", "WIDTH"])]
    size: Option<Vec<usize>>,
    /// Print no progress
    #[arg(long, short)]
    quiet: bool,
}

/// Folder layout of a published data set.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shape {
    /// CLEVRER: videos, annotations, mask proposals, questions
    Clevrer,
    /// Physion: videos and contact labels
    Physion,
    /// COCO 2017: pictures and instances, whose classes are shapes
    Coco,
    /// CelebA: pictures and the list of splits
    Celeba,
}

/// Split of a data set.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum SplitName {
    /// Seeds that models are trained on
    Train,
    /// Seeds for validation during training
    Val,
    /// Seeds that nothing is trained or tuned on
    Test,
}

/// Writes generated clips or pictures in the layout of a published data set and prints its folder.
pub fn generate(args: &GenerateArgs) -> Result<ExitCode, Failure> {
    let refused = |error: DataError| Failure::refused(error.to_string(), error.hint());
    let split = match args.split {
        SplitName::Train => Split::Train,
        SplitName::Val => Split::Val,
        SplitName::Test => Split::Test,
    };
    let size = |usual: [usize; 2]| match args.size.as_deref() {
        Some([height, width]) => [*height, *width],
        _ => usual,
    };
    if args.clips == 0 {
        return Err(Failure::refused(
            "`--clips` is 0; there is nothing to write",
            "say how many clips: `--clips 20`",
        ));
    }
    let _lock = PathLock::take(&args.out)?;
    let progress = Progress::new("generate", args.clips, args.quiet);
    let done = |_| progress.advance();
    let preset = || {
        let preset = args.preset.parse().and_then(Dataset::generator);
        preset.map_err(refused)
    };
    let pictures = |usual: [usize; 2]| -> Result<PictureLayout, Failure> {
        Ok(PictureLayout {
            preset: preset()?,
            split,
            count: args.clips,
            size: size(usual),
        })
    };
    let written = match args.layout {
        Shape::Clevrer => {
            let layout = Layout {
                preset: preset()?,
                split,
                first: args.first,
                count: args.clips,
                size: size(CLEVRER_SIZE),
                questions: Amount::default(),
            };
            layout.write(&args.out, done)
        }
        Shape::Physion => {
            let source = ContactSource::new(split, args.clips);
            source.write(&args.out, size([256, 256]), done)
        }
        Shape::Coco => pictures(COCO_SIZE)?.write_coco(&args.out, done),
        Shape::Celeba => pictures(CELEBA_SIZE)?.write_celeba(&args.out, done),
    };
    written.map_err(refused)?;
    print(&args.out.display().to_string())?;
    Ok(ExitCode::SUCCESS)
}
