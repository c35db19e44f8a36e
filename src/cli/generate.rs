//! `pipeline generate`: generated clips and pictures in the folder layout of a published data set.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use slotflow_datasets::synth::ContactSource;
use slotflow_datasets::synth::export::layout::{CLEVRER_SIZE, Layout};
use slotflow_datasets::synth::export::pictures::{CELEBA_SIZE, COCO_SIZE, PictureLayout};
use slotflow_datasets::synth::questions::Amount;
use slotflow_datasets::{DataError, Dataset, Split};

use super::common::shard::{ShardArg, claim, finish};
use super::messages::failure::Failure;
use super::messages::output::print;
use crate::artifacts::files::{link_or_copy, make_dir};
use crate::artifacts::lock::PathLock;
use crate::artifacts::progress::{Progress, say};
use crate::artifacts::sharding::record::{ShardOf, Work};
use crate::artifacts::sharding::set::ShardSet;
use crate::artifacts::sharding::shard::Shard;

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
    #[command(flatten)]
    shard: ShardArg,
    /// Print no progress
    #[arg(long, short)]
    quiet: bool,
}

/// Folder layout of a published data set.
#[derive(Debug, Clone, Copy, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
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
#[derive(Debug, Clone, Copy, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum SplitName {
    /// Seeds that models are trained on
    Train,
    /// Seeds for validation during training
    Val,
    /// Seeds that nothing is trained or tuned on
    Test,
}

/// Clips that are asked for: the settings of a shard.
#[derive(Debug, Serialize, Deserialize)]
struct Wanted {
    layout: Shape,
    split: SplitName,
    first: usize,
    clips: usize,
    preset: String,
    size: Option<Vec<usize>>,
}

/// Clips in a layout.
enum Clips {
    Clevrer(Box<Layout>),
    Physion(ContactSource, [usize; 2]),
    Coco(Box<PictureLayout>),
    Celeba(Box<PictureLayout>),
}

/// Writes generated clips or pictures in the layout of a published data set and prints its folder.
pub fn generate(args: &GenerateArgs) -> Result<ExitCode, Failure> {
    if args.clips == 0 {
        return Err(Failure::refused(
            "`--clips` is 0; there is nothing to write",
            "say how many clips: `--clips 20`",
        ));
    }
    let wanted = Wanted {
        layout: args.layout,
        split: args.split,
        first: args.first,
        clips: args.clips,
        preset: args.preset.clone(),
        size: args.size.clone(),
    };
    if let Some(shard) = args.shard.shard()? {
        return share(args, &wanted, shard);
    }
    let clips = wanted.clips()?;
    let _lock = PathLock::take(&args.out)?;
    let progress = Progress::new("generate", args.clips, args.quiet);
    clips
        .write(&args.out, |_| progress.advance())
        .map_err(refused)?;
    print(&args.out.display().to_string())?;
    Ok(ExitCode::SUCCESS)
}

/// Writes a share of the clips, with the files that list them, into a folder of its own.
fn share(args: &GenerateArgs, wanted: &Wanted, shard: Shard) -> Result<ExitCode, Failure> {
    let internal = |error: toml::ser::Error| Failure::internal(error.to_string());
    let asked = ShardOf {
        shard,
        work: Work::Generate,
        settings: toml::to_string(wanted).map_err(internal)?,
        until: None,
    };
    let clips = wanted.clips()?;
    let folder = claim(&args.out, &asked, false)?;
    let own = shard.share(0..wanted.clips);
    let progress = Progress::new("generate", own.len(), args.quiet);
    clips
        .write_share(folder.path(), &own, |_| progress.advance())
        .map_err(refused)?;
    drop(progress);
    finish(&asked, &folder)?;
    if !args.quiet {
        say(&format!(
            "shard {shard}: {} of {} clips",
            own.len(),
            wanted.clips
        ));
    }
    print(&folder.path().display().to_string())?;
    Ok(ExitCode::SUCCESS)
}

/// Puts the clips of all shards together below `out`, as one command would have written them.
pub(super) fn merge(shards: &ShardSet, out: &Path) -> Result<(), Failure> {
    let parsed = toml::from_str(&shards.first().settings);
    let wanted: Wanted =
        parsed.map_err(|error: toml::de::Error| Failure::internal(error.to_string()))?;
    let clips = wanted.clips()?;
    let _lock = PathLock::take(out)?;
    let mut roots = Vec::new();
    for found in shards.shards() {
        let index = clips.index(&found.folder);
        for path in found.record.files.keys() {
            let (from, to) = (found.folder.join(path), out.join(path));
            if from == index {
                continue;
            }
            if let Some(parent) = to.parent() {
                make_dir(parent)?;
            }
            link_or_copy(&from, &to)?;
        }
        roots.push(found.folder.clone());
    }
    clips.join_indices(out, &roots).map_err(refused)
}

fn refused(error: DataError) -> Failure {
    Failure::refused(error.to_string(), error.hint())
}

impl Wanted {
    fn clips(&self) -> Result<Clips, Failure> {
        let split = match self.split {
            SplitName::Train => Split::Train,
            SplitName::Val => Split::Val,
            SplitName::Test => Split::Test,
        };
        let size = |usual: [usize; 2]| match self.size.as_deref() {
            Some([height, width]) => [*height, *width],
            _ => usual,
        };
        let preset = || {
            let preset = self.preset.parse().and_then(Dataset::generator);
            preset.map_err(refused)
        };
        let pictures = |usual: [usize; 2]| -> Result<Box<PictureLayout>, Failure> {
            Ok(Box::new(PictureLayout {
                preset: preset()?,
                split,
                count: self.clips,
                size: size(usual),
            }))
        };
        Ok(match self.layout {
            Shape::Clevrer => Clips::Clevrer(Box::new(Layout {
                preset: preset()?,
                split,
                first: self.first,
                count: self.clips,
                size: size(CLEVRER_SIZE),
                questions: Amount::default(),
            })),
            Shape::Physion => {
                Clips::Physion(ContactSource::new(split, self.clips), size([256, 256]))
            }
            Shape::Coco => Clips::Coco(pictures(COCO_SIZE)?),
            Shape::Celeba => Clips::Celeba(pictures(CELEBA_SIZE)?),
        })
    }
}

impl Clips {
    fn write(&self, root: &Path, done: impl FnMut(usize)) -> Result<(), DataError> {
        match self {
            Self::Clevrer(layout) => layout.write(root, done),
            Self::Physion(source, size) => source.write(root, *size, done),
            Self::Coco(layout) => layout.write_coco(root, done),
            Self::Celeba(layout) => layout.write_celeba(root, done),
        }
    }

    fn write_share(
        &self,
        root: &Path,
        own: &[usize],
        done: impl FnMut(usize),
    ) -> Result<(), DataError> {
        match self {
            Self::Clevrer(layout) => layout.write_share(root, own, done),
            Self::Physion(source, size) => source.write_share(root, *size, own, done),
            Self::Coco(layout) => layout.write_coco_share(root, own, done),
            Self::Celeba(layout) => layout.write_celeba_share(root, own, done),
        }
    }

    /// The file that lists clips, which every shard has for its own.
    fn index(&self, root: &Path) -> PathBuf {
        match self {
            Self::Clevrer(layout) => layout.question_file(root),
            Self::Physion(source, _) => source.label_file(root),
            Self::Coco(layout) => layout.coco_file(root),
            Self::Celeba(layout) => layout.celeba_file(root),
        }
    }

    /// Writes the file that lists all clips.
    fn join_indices(&self, root: &Path, parts: &[PathBuf]) -> Result<(), DataError> {
        match self {
            Self::Clevrer(layout) => layout.join_questions(root, parts),
            Self::Physion(source, _) => source.join_labels(root, parts),
            Self::Coco(layout) => layout.join_coco(root, parts),
            Self::Celeba(layout) => layout.join_celeba(root, parts),
        }
    }
}
