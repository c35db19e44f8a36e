//! `pipeline eval`: two folders → scores.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use slotflow_eval::metric::registry::Registry;
use slotflow_eval::stats::bootstrap::Resampling;

use super::common::shard::{ShardArg, claim, finish};
use super::common::{CacheArg, Machine, SOME_FAILED, invocation};
use super::messages::failure::Failure;
use super::messages::output::print;
use super::messages::scores::{print_json, say_scores};
use crate::artifacts::files::{link_or_copy, make_dir};
use crate::artifacts::progress::say;
use crate::artifacts::sharding::MergeError;
use crate::artifacts::sharding::record::{ShardOf, Work};
use crate::artifacts::sharding::set::ShardSet;
use crate::artifacts::sharding::shard::Shard;
use crate::device::DeviceChoice;
use crate::flows::eval::{EvalFiles, eval as run};
use crate::metrics::{
    Evaluation, MaskResize, MetricsError, PairValues, Request, TRUTH, evaluate, inputs_identity,
};

/// Folder of features within a cache, or a shard.
const FEATURES: &str = "features";

/// `pipeline eval`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  pipeline eval --pred DIR --truth DIR --metrics psnr,ssim,mse:all,fvd --report page.html
  pipeline eval --pred-masks DIR --truth-masks DIR --metrics fg-ari,ari,miou,mbo")]
pub struct EvalArgs {
    /// Predicted videos: a folder of video files or of frame folders (CLIP/0000.png)
    #[arg(long, value_name = "DIR", requires = "truth")]
    pred: Option<PathBuf>,
    /// Ground-truth videos, named like the predicted ones
    #[arg(long, value_name = "DIR", requires = "pred")]
    truth: Option<PathBuf>,
    /// Predicted masks: a folder of CLIP.npz, CLIP.npy, CLIP.png or CLIP/0000.png
    #[arg(long, value_name = "DIR", requires = "truth_masks")]
    pred_masks: Option<PathBuf>,
    /// Ground-truth masks, named like the predicted ones; 0 is background
    #[arg(long, value_name = "DIR", requires = "pred_masks")]
    truth_masks: Option<PathBuf>,
    /// Id of pixels in the ground-truth masks that are left out, such as 255
    #[arg(
        long,
        value_name = "ID",
        requires = "truth_masks",
        allow_negative_numbers = true
    )]
    void: Option<i64>,
    /// Bring predicted masks to the size of the ground truth
    #[arg(long, value_enum, value_name = "HOW", requires = "truth_masks")]
    resize: Option<Resize>,
    /// Predicted features, .npy of floats [items, dim], for jedi
    #[arg(long, value_name = "FILE", requires = "truth_features")]
    pred_features: Option<PathBuf>,
    /// Ground-truth features
    #[arg(long, value_name = "FILE", requires = "pred_features")]
    truth_features: Option<PathBuf>,
    /// Metrics, separated by commas; METRIC:PROFILE for another definition, METRIC:all for all of them
    #[arg(long, value_name = "LIST")]
    metrics: String,
    /// Table of scores
    #[arg(long, default_value = "scores.csv", value_name = "FILE")]
    out: PathBuf,
    /// Table of the values of single clips and frames [default: items.csv beside scores.csv, a.items.csv beside a.csv]
    #[arg(long, value_name = "FILE")]
    items: Option<PathBuf>,
    /// Page with the scores, their curves over time, and the best and worst clips, such as report.html
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Frames at the beginning of every clip that are not evaluated
    #[arg(long, default_value_t = 0, value_name = "FRAMES")]
    skip: usize,
    /// Frames of a clip for fvd and kvd, from the first evaluated frame on
    #[arg(long, default_value_t = 16, value_name = "FRAMES")]
    clip_length: usize,
    /// For distances between distributions (fvd, fid, …), take every clip of both folders, paired or not
    #[arg(long)]
    unpaired: bool,
    /// Device: auto, cpu, cuda or cuda:N
    #[arg(long, default_value = "auto")]
    device: String,
    #[command(flatten)]
    cache: CacheArg,
    #[command(flatten)]
    shard: ShardArg,
    /// Print no progress and no scores
    #[arg(long, short)]
    quiet: bool,
    /// Print one JSON object with the scores in place of the table's path
    #[arg(long, conflicts_with = "shard")]
    json: bool,
    /// Resamples of the bootstrap
    #[arg(long, default_value_t = 10_000, value_name = "COUNT")]
    resamples: usize,
    /// Seed of the bootstrap and of random subsets
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// How predicted masks get the size of the ground truth.
#[derive(Debug, Clone, Copy, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Resize {
    // Each pixel takes the label of the nearest one.
    Nearest,
}

/// What is evaluated, and the tables that are written: the settings of a shard.
#[derive(Debug, Serialize, Deserialize)]
struct Settings {
    pred: Option<PathBuf>,
    truth: Option<PathBuf>,
    pred_masks: Option<PathBuf>,
    truth_masks: Option<PathBuf>,
    pred_features: Option<PathBuf>,
    truth_features: Option<PathBuf>,
    metrics: String,
    skip: usize,
    void: Option<i64>,
    resize: Option<Resize>,
    clip_length: usize,
    unpaired: bool,
    resamples: usize,
    seed: u64,
    scores: PathBuf,
    items: PathBuf,
    report: Option<PathBuf>,
    /// What a shard was made from; unset where it is no shard.
    #[serde(default)]
    made_from: Option<MadeFrom>,
}

/// What values of pairs depend on beside the flags.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct MadeFrom {
    /// The hash of predictions, truth and networks.
    inputs: String,
    /// The kind of device.
    device: String,
}

/// How an evaluation is done.
struct Means<'a> {
    device: &'a str,
    cache: PathBuf,
    quiet: bool,
    json: bool,
    pairs: PairValues,
}

/// Evaluates predictions against the ground truth, writes both tables and prints the path of the scores.
pub fn eval(args: &EvalArgs) -> Result<ExitCode, Failure> {
    let settings = args.settings();
    let means = Means {
        device: &args.device,
        cache: args.cache.folder(),
        quiet: args.quiet,
        json: args.json,
        pairs: PairValues::Measured,
    };
    match args.shard.shard()? {
        Some(shard) => share(settings, &means, shard),
        None => evaluated(&settings, &means),
    }
}

/// Measures a share of the pairs into a folder of its own.
fn share(settings: Settings, means: &Means<'_>, shard: Shard) -> Result<ExitCode, Failure> {
    let internal = |error: toml::ser::Error| Failure::internal(error.to_string());
    let request = settings.request(means)?;
    let base = settings.scores.with_extension("shards");
    let settings = Settings {
        made_from: Some(MadeFrom::of(&request, means)?),
        ..settings
    };
    let asked = ShardOf {
        shard,
        work: Work::Eval,
        settings: toml::to_string(&settings).map_err(internal)?,
        until: None,
    };
    let folder = claim(&base, &asked, false)?;
    let pairs = PairValues::Share {
        shard,
        folder: folder.path().to_owned(),
    };
    evaluate(&Request { pairs, ..request })?;
    finish(&asked, &folder)?;
    print(&folder.path().display().to_string())?;
    Ok(ExitCode::SUCCESS)
}

/// Evaluates what all shards measured, and writes the tables below `out`.
pub(super) fn merge(
    shards: &ShardSet,
    out: &Path,
    machine: &Machine,
    json: bool,
) -> Result<ExitCode, Failure> {
    let parsed = toml::from_str(&shards.first().settings);
    let mut settings: Settings =
        parsed.map_err(|error: toml::de::Error| Failure::internal(error.to_string()))?;
    let folders = shards.shards().iter().map(|found| found.folder.clone());
    let means = Means {
        device: &machine.device,
        cache: machine.cache.folder(),
        quiet: machine.quiet,
        json,
        pairs: PairValues::OfShards(folders.collect()),
    };
    let here = MadeFrom::of(&settings.request(&means)?, &means)?;
    if let Some(there) = settings.made_from.take().filter(|there| *there != here) {
        let what = if there.device == here.device {
            "predictions, truth or networks differ".to_owned()
        } else {
            format!("device {} → {}", there.device, here.device)
        };
        return Err(MergeError::Elsewhere { what }.into());
    }
    for found in shards.shards() {
        let features = found.record.files.keys().map(Path::new);
        for path in features.filter(|path| path.starts_with(FEATURES)) {
            make_dir(&means.cache.join(FEATURES))?;
            link_or_copy(&found.folder.join(path), &means.cache.join(path))?;
        }
    }
    let place = |path: &PathBuf| out.join(path.file_name().unwrap_or_default());
    settings.scores = place(&settings.scores);
    settings.items = place(&settings.items);
    settings.report = settings.report.as_ref().map(place);
    evaluated(&settings, &means)
}

fn evaluated(settings: &Settings, means: &Means<'_>) -> Result<ExitCode, Failure> {
    let request = settings.request(means)?;
    let files = EvalFiles {
        scores: settings.scores.clone(),
        items: settings.items.clone(),
        report: settings.report.clone(),
        invocation: Some(invocation()),
    };
    let evaluation = run(&request, &files)?;
    if !means.quiet {
        print_scores(&evaluation);
    }
    if means.json {
        let failures = evaluation.failures.clone();
        print_json(&files.scores, &evaluation.scores, failures)?;
    } else {
        print(&files.scores.display().to_string())?;
    }
    let is_missing = |(_, side): &(String, &str)| *side == TRUTH;
    let missing = !settings.unpaired && evaluation.unmatched.iter().any(is_missing);
    Ok(if evaluation.failures.is_empty() && !missing {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(SOME_FAILED)
    })
}

impl MadeFrom {
    fn of(request: &Request, means: &Means<'_>) -> Result<Self, Failure> {
        Ok(Self {
            inputs: inputs_identity(request)?,
            device: means.device.parse::<DeviceChoice>()?.kind().to_owned(),
        })
    }
}

impl EvalArgs {
    fn settings(&self) -> Settings {
        Settings {
            pred: self.pred.clone(),
            truth: self.truth.clone(),
            pred_masks: self.pred_masks.clone(),
            truth_masks: self.truth_masks.clone(),
            pred_features: self.pred_features.clone(),
            truth_features: self.truth_features.clone(),
            metrics: self.metrics.clone(),
            skip: self.skip,
            void: self.void,
            resize: self.resize,
            clip_length: self.clip_length,
            unpaired: self.unpaired,
            resamples: self.resamples,
            seed: self.seed,
            items: self
                .items
                .clone()
                .unwrap_or_else(|| items_beside(&self.out)),
            scores: self.out.clone(),
            report: self.report.clone(),
            made_from: None,
        }
    }
}

impl Settings {
    fn request(&self, means: &Means<'_>) -> Result<Request, Failure> {
        let both =
            |pred: &Option<PathBuf>, truth: &Option<PathBuf>| Some([pred.clone()?, truth.clone()?]);
        Ok(Request {
            videos: both(&self.pred, &self.truth),
            masks: both(&self.pred_masks, &self.truth_masks),
            features: both(&self.pred_features, &self.truth_features),
            metrics: Registry::default()
                .parse_list(&self.metrics)
                .map_err(MetricsError::from)?,
            skip: self.skip,
            resampling: Resampling {
                count: self.resamples,
                seed: self.seed,
            },
            void: self.void,
            resize: self.resize.map(|Resize::Nearest| MaskResize::Nearest),
            clip_length: self.clip_length,
            unpaired: self.unpaired,
            pairs: means.pairs.clone(),
            cache: means.cache.clone(),
            device: means.device.parse::<DeviceChoice>()?.open()?,
            quiet: means.quiet,
        })
    }
}

/// `items.csv` beside `scores.csv`, `a.items.csv` beside `a.csv`: two evaluations in one folder keep apart.
fn items_beside(scores: &Path) -> PathBuf {
    let stem = scores.file_stem().unwrap_or_default();
    if stem == "scores" {
        return scores.with_file_name("items.csv");
    }
    let mut name = stem.to_owned();
    name.push(".items.csv");
    scores.with_file_name(name)
}

/// Prints clips without a partner, clips that failed, and the scores.
fn print_scores(evaluation: &Evaluation) {
    for (name, side) in &evaluation.unmatched {
        say(&format!("warning: no partner for the {side} `{name}`"));
    }
    for (name, reason) in &evaluation.failures {
        say(&format!("warning: left out {name}: {reason}"));
    }
    say_scores(evaluation.scores.rows.iter());
}

impl From<MetricsError> for Failure {
    fn from(error: MetricsError) -> Self {
        match error {
            MetricsError::Run(error) => error.into(),
            other => Self::refused(other.to_string(), other.hint()),
        }
    }
}
