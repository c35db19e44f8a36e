//! A metric that is added to the registry appears everywhere: in `pipeline eval`, in a run, and on their pages.

use std::fs;

use burn::tensor::Device;
use ndarray::{Array4, ArrayView3, Axis};
use slotflow_datasets::video::write_png;
use slotflow_datasets::{ClipId, VideoWindow};
use slotflow_eval::error::same_shape;
use slotflow_eval::metric::Direction;
use slotflow_eval::metric::definition::{Compute, Definition, FrameMetric, Group, Metric, Unit};
use slotflow_eval::metric::registry::{METRICS, Registry};
use slotflow_eval::report::{Page, html};
use slotflow_eval::stats::bootstrap::Resampling;
use slotflow_eval::{EvalError, ItemTable, Provenance, ScoreTable};

use super::pixels::{ClipFrames, PixelSamples};
use super::rows::Rows;
use crate::metrics::{PairValues, Request, evaluate};

/// Mean absolute difference of pixels in 0..=255: what the file of a new metric would hold.
static MAE: Metric = Metric {
    name: "mae",
    title: "MAE-of-the-test",
    meaning: "mean absolute error",
    unit: Unit::One,
    direction: Direction::Lower,
    group: Group::Pixels,
    definitions: &[Definition {
        profile: "mean",
        compute: Compute::Frame(FrameMetric {
            value: mean_absolute_error,
            after_mean: None,
        }),
    }],
    in_runs: Some("mean"),
    key_figures: &[],
};

fn mean_absolute_error(
    truth: ArrayView3<'_, u8>,
    prediction: ArrayView3<'_, u8>,
) -> Result<f64, EvalError> {
    same_shape("frames", truth.shape(), prediction.shape())?;
    let pairs = truth.iter().zip(prediction);
    let sum: f64 = pairs
        .map(|(one, other)| f64::from(one.abs_diff(*other)))
        .sum();
    Ok(sum / truth.len() as f64)
}

/// The one line of the registry.
fn registry() -> Registry {
    Registry::default().with(&MAE)
}

fn clip(level: u8) -> Array4<u8> {
    Array4::from_shape_fn((4, 16, 16, 3), |(t, y, x, _)| {
        (t * 20 + y + x) as u8 + level
    })
}

fn page(scores: &ScoreTable, items: &ItemTable) -> String {
    html(&Page {
        made: None,
        title: String::new(),
        subtitle: String::new(),
        scores,
        items,
        clips: Vec::new(),
        answers: Vec::new(),
        stages: Vec::new(),
        plan: String::new(),
        notes: Vec::new(),
        failures: Vec::new(),
        burn_in: 2,
    })
}

fn assert_on_page(scores: &ScoreTable, items: &ItemTable) {
    let page = page(scores, items);
    let (pixels, _) = page
        .split_once("<h3>Pixels</h3>")
        .map_or(("", ""), |(_, rest)| {
            rest.split_once("</table>").unwrap_or((rest, ""))
        });
    assert!(
        pixels.contains("MAE-of-the-test<span class=\"arrow\">↓</span>"),
        "{pixels}"
    );
    assert!(pixels.contains("mean absolute error; lower is better"));
    let charts = page.matches("MAE-of-the-test").count();
    assert!(
        charts > pixels.matches("MAE-of-the-test").count(),
        "no curve"
    );
}

#[test]
fn a_metric_of_frames_that_is_added_appears_in_a_run_and_on_its_page() {
    let mut samples = PixelSamples::new(&registry());
    for name in ["a", "b"] {
        let frames = ClipFrames {
            window: VideoWindow::whole(ClipId::new(name)),
            truth: clip(0),
            prediction: clip(3),
            reconstruction: clip(1),
            ceiling: None,
        };
        let found = samples.of_clip(&frames, 2, 16).unwrap();
        samples.push(found);
    }
    let mut rows = Rows::new(100);
    samples.add_to(&mut rows);
    let shared = Provenance::of_clips("data", "1.0", "none");
    let (scores, items) = rows.finish(&shared).into_tables();
    let imagined = scores.find("mae", "imagined").unwrap();
    // The last observed frame is 20 and 40 levels darker than the two that follow.
    assert_eq!(
        (imagined.value, imagined.floor, imagined.ceiling),
        (Some(3.0), Some(30.0), Some(1.0))
    );
    assert_eq!(imagined.direction, Direction::Lower);
    assert_eq!(
        scores.find("mae", "reconstruction").unwrap().value,
        Some(1.0)
    );
    assert_on_page(&scores, &items);
}

#[test]
fn frames_that_two_windows_share_are_scored_once_and_belong_to_one_video() {
    let mut samples = PixelSamples::new(&registry());
    // Two windows of four frames over six: the second begins with two frames of the first.
    for (start, shared) in [(0, 0), (2, 2)] {
        let frames = ClipFrames {
            window: VideoWindow {
                video: ClipId::new("long"),
                start,
                shared,
            },
            truth: clip(0),
            prediction: clip(3),
            reconstruction: clip(1),
            ceiling: Some(clip(0)),
        };
        samples.push(samples.of_clip(&frames, 1, 16).unwrap());
    }
    let mut rows = Rows::new(100);
    samples.add_to(&mut rows);
    let shared = Provenance::of_clips("data", "1.0", "none");
    let (scores, items) = rows.finish(&shared).into_tables();
    let frames_of = |subset: &str| -> Vec<usize> {
        let of = |row: &&slotflow_eval::ItemValue| row.metric == *"mae" && row.subset == subset;
        let rows: Vec<_> = items.rows.iter().filter(of).collect();
        assert!(rows.iter().all(|row| row.item == "long"), "{rows:?}");
        rows.iter().filter_map(|row| row.frame).collect()
    };
    assert_eq!(frames_of("imagined"), [1, 2, 3, 4, 5]);
    assert_eq!(frames_of("reconstruction"), [0, 1, 2, 3, 4, 5]);
    for subset in ["imagined", "reconstruction"] {
        assert_eq!(scores.find("mae", subset).unwrap().n_items, 1, "{subset}");
    }
}

#[test]
fn a_metric_of_frames_that_is_added_appears_in_pipeline_eval_and_on_its_page() {
    let room = tempfile::tempdir().unwrap();
    for (side, level) in [("pred", 3), ("truth", 0)] {
        let folder = room.path().join(side).join("a");
        fs::create_dir_all(&folder).unwrap();
        for (time, frame) in clip(level).axis_iter(Axis(0)).enumerate() {
            write_png(&folder.join(format!("{time:04}.png")), frame).unwrap();
        }
    }
    let request = Request {
        videos: Some(["pred", "truth"].map(|side| room.path().join(side))),
        masks: None,
        features: None,
        metrics: registry().parse_list("psnr,mae").unwrap(),
        skip: 0,
        resampling: Resampling::default(),
        void: None,
        resize: None,
        clip_length: 16,
        unpaired: false,
        pairs: PairValues::default(),
        cache: room.path().join("cache"),
        device: Device::flex(),
        quiet: true,
    };
    let found = evaluate(&request).unwrap();
    let row = found.scores.find("mae", "videos").unwrap();
    assert_eq!((row.value, row.n_items), (Some(3.0), 1));
    assert_on_page(&found.scores, &found.items);
}

#[test]
fn every_metric_of_the_registry_has_a_place_in_eval_or_in_runs() {
    let registry = Registry::default();
    for metric in METRICS {
        let in_eval = registry.parse_list(metric.name).is_ok();
        let of_answers = matches!(metric.default_id().compute(), Compute::Answers);
        assert!(
            in_eval || of_answers || metric.in_runs.is_some(),
            "{}",
            metric.name
        );
    }
}
