//! Runs side by side: the same clips as each of them imagined, and their tables.

use std::collections::BTreeMap;
use std::path::Path;

use ndarray::{Array4, ArrayView4, Axis, s};
use slotflow_datasets::{Fit, FrameSampling, Window, video};
use slotflow_eval::ScoreTable;
use slotflow_eval::report::{ClipView, Difference};
use slotflow_eval::tables::spreadsheet::guarded;

use super::finished_run::{FinishedRun, RenderedFiles, setting};
use super::frame_strip::frame_strip;
use super::media::embedded;
use crate::artifacts::RunError;
use crate::artifacts::files::{write_atomic, write_table};
use crate::plan::video_predict::VideoFormat;
use crate::stages::report::panels::{COLUMNS, Panel, column};

/// Mean squared difference of pixels of 0..255 above which two videos do not show the same clip.
const OTHER_CLIP: f64 = 400.0;

/// Writes how far runs are apart, one row a measure and run, as CSV.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn write_differences(rows: &[Difference], path: &Path) -> Result<(), RunError> {
    let internal = |reason: String| RunError::Internal { reason };
    let mut table = csv::Writer::from_writer(Vec::new());
    for row in rows {
        table
            .serialize(row)
            .map_err(|error| internal(error.to_string()))?;
    }
    write_table(path, table)
}

/// Writes one table over several runs, each row with the name of its run.
///
/// # Errors
/// When the file cannot be written.
pub fn merge(
    tables: impl IntoIterator<Item = (String, ScoreTable)>,
    path: &Path,
) -> Result<(), RunError> {
    write_atomic(path, &merged(tables)?)
}

/// One table over several runs as CSV.
fn merged(tables: impl IntoIterator<Item = (String, ScoreTable)>) -> Result<Vec<u8>, RunError> {
    let mut all = ScoreTable { rows: Vec::new() };
    for (name, table) in tables {
        all.rows.extend(table.rows.into_iter().map(|mut row| {
            // A table of several decoders says which row is whose.
            row.run = match row.run.as_str() {
                "" => name.clone(),
                inner => format!("{name}/{inner}"),
            };
            row
        }));
    }
    let mut bytes = Vec::new();
    all.write(&mut bytes).map_err(|error| RunError::Internal {
        reason: error.to_string(),
    })?;
    Ok(bytes)
}

/// Writes one table over the runs of a sweep, each row behind the values of the swept keys. A key that is the name of a column
/// of scores, as `seed` is, stands there as `plan.seed`.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn merge_swept<'a>(
    keys: &[String],
    runs: impl IntoIterator<Item = (&'a [String], String, ScoreTable)>,
    path: &Path,
) -> Result<(), RunError> {
    let internal = |error: csv::Error| RunError::Internal {
        reason: error.to_string(),
    };
    let mut table = csv::Writer::from_writer(Vec::new());
    for (values, name, scores) in runs {
        let is_first = table.get_ref().is_empty();
        let bytes = merged([(name, scores)])?;
        let mut rows = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(&*bytes);
        for (index, row) in rows.records().enumerate() {
            let row = row.map_err(internal)?;
            let before = match index {
                0 if !is_first => continue,
                0 => keys,
                _ => values,
            };
            let is_taken = |cell: &str| index == 0 && row.iter().any(|column| column == cell);
            // Those of the row are guarded already.
            let before = before.iter().map(|cell| match guarded(cell).into_owned() {
                key if is_taken(&key) => format!("plan.{key}"),
                cell => cell,
            });
            let cells = before.chain(row.iter().map(str::to_owned));
            table.write_record(cells).map_err(internal)?;
        }
        table.flush().map_err(|error| internal(error.into()))?;
    }
    let bytes = table.into_inner().map_err(|error| RunError::Internal {
        reason: error.to_string(),
    })?;
    write_atomic(path, &bytes)
}

/// The clips that all runs rendered: the truth, and what each run imagined. Also the names of those that are not the
/// same clip in all runs.
pub(crate) fn clips(
    runs: &[FinishedRun],
    out: &Path,
) -> Result<(Vec<ClipView>, Vec<String>), RunError> {
    let videos = runs
        .iter()
        .map(FinishedRun::videos)
        .collect::<Result<Vec<_>, _>>()?;
    let (mut views, mut mismatched) = (Vec::new(), Vec::new());
    for name in videos.first().map(BTreeMap::keys).into_iter().flatten() {
        let files: Option<Vec<&RenderedFiles>> =
            videos.iter().map(|videos| videos.get(name)).collect();
        let Some(files) = files else { continue };
        let rendered = files
            .into_iter()
            .map(Rendered::read)
            .collect::<Result<Vec<_>, _>>()?;
        let Rendered { truth, fps, .. } = &rendered[0];
        if rendered
            .iter()
            .any(|other| !alike(other.truth.view(), truth.view()))
        {
            mismatched.push(name.clone());
            continue;
        }
        let of_runs = runs.iter().zip(&rendered);
        let of_runs =
            of_runs.map(|(run, made)| (Panel::frames(&run.name, made.shown.view()), made.fps));
        let mut panels = vec![(Panel::frames("truth", truth.view()), *fps)];
        panels.extend(of_runs);
        let videos = panels
            .iter()
            .map(|(panel, fps)| embedded(panel, (out, name), (*fps, VideoFormat::Mp4)));
        let videos = videos.collect::<Result<_, _>>()?;
        let scores = runs
            .iter()
            .filter_map(|run| Some((run.name.clone(), run.psnr(name)?)));
        let burn_in = setting(&runs[0].plan, "rollout.burn-in");
        let burn_in: f64 = burn_in.and_then(|value| value.parse().ok()).unwrap_or(0.0);
        let panels: Vec<&Panel<'_>> = panels.iter().map(|(panel, _)| panel).collect();
        views.push(ClipView {
            name: name.clone(),
            strip: Some(frame_strip(&panels, burn_in as usize)?),
            frames: truth.dim().0,
            videos,
            observed_share: burn_in / truth.dim().0.max(1) as f64,
            scores: scores.collect(),
            note: None,
        });
    }
    Ok((views, mismatched))
}

/// Where the truth stands among the columns of a run's video.
const TRUTH: usize = 0;
/// Where the prediction stands.
const PREDICTION: usize = 2;
const _: () = assert!(PREDICTION < COLUMNS);

fn unfit(error: &slotflow_datasets::DataError) -> RunError {
    RunError::Unfit {
        reason: error.to_string(),
    }
}

/// A clip as a run rendered it, `[time, height, width, rgb]` each.
struct Rendered {
    truth: Array4<u8>,
    /// The prediction, or the reconstruction where nothing was predicted.
    shown: Array4<u8>,
    fps: f32,
}

impl Rendered {
    fn read(files: &RenderedFiles) -> Result<Self, RunError> {
        match files {
            RenderedFiles::Columns(path) => {
                let (frames, fps) = read(path)?;
                Ok(Self {
                    truth: column(frames.view(), TRUTH),
                    shown: column(frames.view(), PREDICTION),
                    fps,
                })
            }
            RenderedFiles::Apart {
                truth,
                reconstruction,
            } => {
                let ((truth, fps), (shown, _)) = (read(truth)?, read(reconstruction)?);
                Ok(Self { truth, shown, fps })
            }
        }
    }
}

/// Frames of a video file or a picture, `[time, height, width, rgb]`, and its frames a second.
fn read(path: &Path) -> Result<(Array4<u8>, f32), RunError> {
    if path.extension().is_some_and(|ending| ending == "png") {
        let picture = video::read_picture(path).map_err(|error| unfit(&error))?;
        return Ok((picture.insert_axis(Axis(0)), 1.0));
    }
    let info = video::probe(path).map_err(|error| unfit(&error))?;
    let window = Window {
        start: 0,
        count: None,
        pace: FrameSampling::Stride(1),
        size: [info.height, info.width],
        fit: Fit::Stretch,
    };
    let clip = video::read(path, &window).map_err(|error| unfit(&error))?;
    Ok((clip.frames, clip.fps))
}

/// Whether two videos show the same, but for what compression changed.
fn alike(one: ArrayView4<'_, u8>, other: ArrayView4<'_, u8>) -> bool {
    if one.dim().1 != other.dim().1 || one.dim().2 != other.dim().2 {
        return false;
    }
    let time = one.dim().0.min(other.dim().0);
    let apart = |(a, b): (&u8, &u8)| (f64::from(*a) - f64::from(*b)).powi(2);
    let (one, other) = (
        one.slice(s![..time, .., .., ..]),
        other.slice(s![..time, .., .., ..]),
    );
    let sum: f64 = one.iter().zip(other.iter()).map(apart).sum();
    sum <= OTHER_CLIP * one.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use slotflow_eval::Score;
    use slotflow_eval::pixel::psnr::PSNR;

    use super::*;

    #[test]
    fn a_row_of_a_sweep_stands_behind_the_values_of_its_keys() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("scores.csv");
        let keys = ["rollout.burn-in", "decode.size", "seed"].map(str::to_owned);
        let values = [["4", "[64, 64]", "0"], ["6", "[64, 64]", "1"]];
        let values = values.map(|row| row.map(str::to_owned));
        let score = || Score::new(PSNR.default_id(), "imagined").with_value(20.0, 2);
        let runs = values.iter().zip(["a", "b"]);
        let runs = runs.map(|(values, name)| {
            let table = ScoreTable {
                rows: vec![score()],
            };
            (&values[..], name.to_owned(), table)
        });
        merge_swept(&keys, runs, &path).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[0].starts_with("rollout.burn-in,decode.size,plan.seed,metric,profile,"),
            "{text}"
        );
        assert!(lines[1].starts_with("4,\"[64, 64]\",0,psnr,"), "{text}");
        assert!(lines.len() == 3 && lines[2].starts_with("6,"), "{text}");
        // It is a table of scores still.
        let read = ScoreTable::load(&path).unwrap();
        assert_eq!(read.rows[1].run, "b");
    }

    #[test]
    fn compression_makes_no_other_clip_and_another_picture_does() {
        let frames =
            Array4::from_shape_fn((2, 4, 4, 3), |(t, y, x, _)| (40 * t + 9 * y + 13 * x) as u8);
        let compressed = frames.mapv(|value| value.saturating_add(6));
        assert!(alike(frames.view(), compressed.view()));
        assert!(!alike(
            frames.view(),
            frames.mapv(|value| 255 - value).view()
        ));
    }
}
