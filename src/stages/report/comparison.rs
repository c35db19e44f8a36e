//! Runs side by side: the same clips as each of them imagined, and their tables.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ndarray::{Array4, ArrayView4, s};
use slotflow_datasets::{Fit, FrameSampling, Window, video};
use slotflow_eval::ScoreTable;
use slotflow_eval::report::{ClipView, Difference};
use slotflow_eval::tables::spreadsheet::guarded;

use super::finished_run::{FinishedRun, setting};
use super::frame_strip::frame_strip;
use super::media::embedded;
use crate::artifacts::RunError;
use crate::artifacts::files::{write_atomic, write_table};
use crate::plan::video_predict::VideoFormat;
use crate::stages::report::video_columns::{COLUMNS, column};

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

/// Writes one table over the runs of a sweep, each row behind the values of the swept keys.
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
            // Those of the row are guarded already.
            let before = before.iter().map(|cell| guarded(cell).into_owned());
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
        let paths: Option<Vec<&PathBuf>> = videos.iter().map(|videos| videos.get(name)).collect();
        let Some(paths) = paths else { continue };
        let videos_of_clip = paths
            .into_iter()
            .map(|path| read(path))
            .collect::<Result<Vec<_>, _>>()?;
        let columns = |place: usize| -> Vec<_> {
            let of_run = |(frames, _): &(Array4<u8>, f32)| column(frames.view(), place);
            videos_of_clip.iter().map(of_run).collect()
        };
        let truths = columns(TRUTH);
        if truths
            .iter()
            .any(|truth| !alike(truth.view(), truths[0].view()))
        {
            mismatched.push(name.clone());
            continue;
        }
        let predictions = columns(PREDICTION);
        let mut shown = vec![embedded(
            truths[0].view(),
            videos_of_clip[0].1,
            "truth",
            out,
            VideoFormat::Mp4,
        )?];
        for ((run, prediction), (_, fps)) in runs.iter().zip(&predictions).zip(&videos_of_clip) {
            shown.push(embedded(
                prediction.view(),
                *fps,
                &run.name,
                out,
                VideoFormat::Mp4,
            )?);
        }
        let scores = runs
            .iter()
            .filter_map(|run| Some((run.name.clone(), run.psnr(name)?)));
        let burn_in = setting(&runs[0].plan, "rollout.burn-in");
        let burn_in: f64 = burn_in.and_then(|value| value.parse().ok()).unwrap_or(0.0);
        let mut panels = vec![("truth", truths[0].view())];
        let of_runs = runs.iter().zip(&predictions);
        panels.extend(of_runs.map(|(run, frames)| (run.name.as_str(), frames.view())));
        views.push(ClipView {
            name: name.clone(),
            strip: Some(frame_strip(&panels, burn_in as usize)?),
            frames: truths[0].dim().0,
            videos: shown,
            observed_share: burn_in / truths[0].dim().0.max(1) as f64,
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

/// Frames of a video file, `[time, height, width, rgb]`, and its frames a second.
fn read(path: &Path) -> Result<(Array4<u8>, f32), RunError> {
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
        let keys = ["rollout.burn-in", "decode.size"].map(str::to_owned);
        let values = [["4", "[64, 64]"], ["6", "[64, 64]"]].map(|row| row.map(str::to_owned));
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
            lines[0].starts_with("rollout.burn-in,decode.size,metric,profile,"),
            "{text}"
        );
        assert!(lines[1].starts_with("4,\"[64, 64]\",psnr,"), "{text}");
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
