//! `pipeline eval`: two folders → scores.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use slotflow_eval::metric::registry::Registry;
use slotflow_eval::stats::bootstrap::Resampling;

use super::common::{CacheArg, SOME_FAILED, invocation};
use super::messages::failure::Failure;
use super::messages::output::print;
use super::messages::scores::{print_json, say_scores};
use crate::artifacts::progress::say;
use crate::device::DeviceChoice;
use crate::flows::eval::{EvalFiles, eval as run};
use crate::metrics::{Evaluation, MaskResize, MetricsError, Request, TRUTH};

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
    /// Print no progress and no scores
    #[arg(long, short)]
    quiet: bool,
    /// Print one JSON object with the scores in place of the table's path
    #[arg(long)]
    json: bool,
    /// Resamples of the bootstrap
    #[arg(long, default_value_t = 10_000, value_name = "COUNT")]
    resamples: usize,
    /// Seed of the bootstrap and of random subsets
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// How predicted masks get the size of the ground truth.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Resize {
    // Each pixel takes the label of the nearest one.
    Nearest,
}

/// Evaluates predictions against the ground truth, writes both tables and prints the path of the scores.
pub fn eval(args: &EvalArgs) -> Result<ExitCode, Failure> {
    let both =
        |pred: &Option<PathBuf>, truth: &Option<PathBuf>| Some([pred.clone()?, truth.clone()?]);
    let request = Request {
        videos: both(&args.pred, &args.truth),
        masks: both(&args.pred_masks, &args.truth_masks),
        features: both(&args.pred_features, &args.truth_features),
        metrics: Registry::default()
            .parse_list(&args.metrics)
            .map_err(MetricsError::from)?,
        skip: args.skip,
        resampling: Resampling {
            count: args.resamples,
            seed: args.seed,
        },
        void: args.void,
        resize: args.resize.map(|Resize::Nearest| MaskResize::Nearest),
        clip_length: args.clip_length,
        unpaired: args.unpaired,
        cache: args.cache.folder(),
        device: args.device.parse::<DeviceChoice>()?.open()?,
        quiet: args.quiet,
    };
    let files = EvalFiles {
        scores: args.out.clone(),
        items: args
            .items
            .clone()
            .unwrap_or_else(|| items_beside(&args.out)),
        report: args.report.clone(),
        invocation: Some(invocation()),
    };
    let evaluation = run(&request, &files)?;
    if !args.quiet {
        print_scores(&evaluation);
    }
    if args.json {
        let failures = evaluation.failures.clone();
        print_json(&args.out, &evaluation.scores, failures)?;
    } else {
        print(&args.out.display().to_string())?;
    }
    let is_missing = |(_, side): &(String, &str)| *side == TRUTH;
    let missing = !args.unpaired && evaluation.unmatched.iter().any(is_missing);
    Ok(if evaluation.failures.is_empty() && !missing {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(SOME_FAILED)
    })
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
