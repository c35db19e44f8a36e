//! What a run shows: a folder with the plan, the tables, the videos, the arrays and one page.

use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use ndarray::{Array3, Array4, ArrayView4, s};
use ndarray_npy::{NpzWriter, WriteNpzError};
use serde_json::Value;
use slotflow_datasets::{ClipId, DataError, video};
use slotflow_eval::ItemTable;
use slotflow_eval::report::{ClipView, Page, VideoView};

use crate::artifacts::files::{make_dir, write_atomic};
use crate::artifacts::{Run, RunError, Slots};
use crate::masks::{enlarged, painted};
use crate::plan::{Plan, VideoPredictPlan};

use crate::stages::clevrer::answer::{Answers, Row};
use crate::stages::perceive::decode::Clips;
use crate::stages::predict::evaluate::Scores;
use crate::stages::predict::frames::Frames;
use crate::stages::report::run_folder::{put_whole, stages, write_page};

/// Tells what a run made.
pub struct Report<'a> {
    /// What was asked for.
    pub plan: &'a VideoPredictPlan,
    /// The truth.
    pub clips: &'a Clips,
    /// What was perceived.
    pub seen: &'a Slots,
    /// What was imagined.
    pub imagined: &'a Slots,
    /// What was drawn.
    pub frames: &'a Frames,
    /// What was answered.
    pub answers: Option<&'a Answers>,
    /// How well.
    pub scores: &'a Scores,
    /// What the decoder's file says of its training.
    pub trained: Value,
}

impl Report<'_> {
    /// Writes the folder whole and puts it in place of an earlier one; the path of its page.
    ///
    /// # Errors
    /// When `out` holds something else than a run, or cannot be written.
    pub fn write(&self, out: &Path, run: &Run) -> Result<PathBuf, RunError> {
        let plan = Plan::VideoPredict(Box::new(self.plan.clone()));
        put_whole(out, run, &plan, |folder, plan| self.fill(folder, plan, run))
    }

    fn fill(&self, folder: &Path, plan: String, run: &Run) -> Result<(), RunError> {
        for name in ["videos", "masks", "slots"] {
            make_dir(&folder.join(name))?;
        }
        let (scores, items) = self.scores.table()?.into_tables();
        let table = |error: slotflow_eval::EvalError| RunError::Unfit {
            reason: error.to_string(),
        };
        scores.save(&folder.join("scores.csv")).map_err(table)?;
        items.save(&folder.join("items.csv")).map_err(table)?;
        let answers = self
            .answers
            .map(Answers::rows)
            .transpose()?
            .unwrap_or_default();
        write_answers(&folder.join("answers.csv"), &answers)?;
        let shown = self.plan.report.clips;
        let mut views = Vec::new();
        for (index, clip) in self.frames.clips().iter().enumerate() {
            views.extend(self.clip(folder, clip, index < shown, &items)?);
        }
        let named = |clip: &ClipView| Some(format!("{}: {}", clip.name, clip.note.as_ref()?));
        let observed = self.observed()?;
        let page = Page {
            title: "Video prediction with slots".to_owned(),
            subtitle: self.subtitle(observed),
            scores: &scores,
            items: &items,
            notes: views.iter().filter_map(named).collect(),
            clips: views,
            answers: answers.iter().map(Row::shown).collect(),
            stages: stages(run),
            plan,
            failures: self.failures(),
            burn_in: observed,
        };
        write_page(folder, &page)
    }

    /// How many frames of a clip were observed: the same number of every clip.
    fn observed(&self) -> Result<usize, RunError> {
        let first = self.frames.clips().first();
        Ok(first
            .map(|clip| self.imagined.observed(clip))
            .transpose()?
            .unwrap_or(0))
    }

    fn subtitle(&self, observed: usize) -> String {
        format!(
            "{} clips of `{}`, {observed} frames seen, the rest imagined; seed {}",
            self.frames.clips().len(),
            self.plan.decode.dataset,
            self.plan.seed
        )
    }

    /// A clip's files, and its place in the page.
    fn clip(
        &self,
        folder: &Path,
        clip: &ClipId,
        shown: bool,
        items: &ItemTable,
    ) -> Result<Option<ClipView>, RunError> {
        let (truth, masks) = (self.clips.frames(clip)?, self.seen.masks(clip)?);
        let reconstruction = self.frames.reconstruction(clip)?;
        let prediction = self.frames.prediction(clip)?;
        let note = self.clips.note(clip)?;
        self.arrays(folder, clip, &masks)?;
        let observed = self.imagined.observed(clip)?;
        let observed_share = observed as f64 / truth.dim().0.max(1) as f64;
        let remark = note
            .remark
            .or_else(|| self.strangeness(&truth, &reconstruction));
        let columns = [
            ("truth", truth),
            ("reconstruction", reconstruction),
            ("prediction", prediction),
            ("slots", painted(masks.view())),
        ];
        let videos = self.films(folder, clip, columns, shown, note.fps)?;
        Ok(videos.map(|videos| ClipView {
            name: clip.to_string(),
            videos,
            observed_share,
            scores: clip_scores(clip, items),
            note: remark,
        }))
    }

    /// Masks and slots as `NumPy` arrays.
    fn arrays(&self, folder: &Path, clip: &ClipId, masks: &Array3<u8>) -> Result<(), RunError> {
        let path = folder.join("masks").join(format!("{clip}.npz"));
        write_npz(&path, |file| file.add_array("masks", masks))?;
        let (imagined, observed) = (self.imagined.slots(clip)?, self.seen.slots(clip)?);
        let path = folder.join("slots").join(format!("{clip}.npz"));
        write_npz(&path, |file| {
            file.add_array("slots", &imagined)?;
            file.add_array("observed", &observed)
        })
    }

    /// One video with all columns side by side, and each by itself for the page where the clip is shown.
    fn films(
        &self,
        folder: &Path,
        clip: &ClipId,
        columns: [(&str, Array4<u8>); COLUMNS],
        shown: bool,
        fps: f32,
    ) -> Result<Option<Vec<VideoView>>, RunError> {
        let (format, scale) = (self.plan.report.format, self.plan.report.scale);
        let extension = format.extension();
        let columns = columns.map(|(label, frames)| (label, larger(frames.view(), scale)));
        let side: Vec<_> = columns.iter().map(|(_, frames)| frames.view()).collect();
        let path = folder.join("videos").join(format!("{clip}.{extension}"));
        write_video(&path, beside(&side).view(), fps)?;
        if !shown {
            return Ok(None);
        }
        let mut videos = Vec::new();
        for (label, frames) in columns {
            let path = folder.join(format!("part.{extension}"));
            write_video(&path, frames.view(), fps)?;
            let bytes = fs::read(&path).and_then(|bytes| fs::remove_file(&path).map(|()| bytes));
            let io = |source| RunError::Io {
                action: "read",
                source,
                path: path.clone(),
            };
            videos.push(VideoView {
                label: label.to_owned(),
                mime: format.media_type().to_owned(),
                bytes: bytes.map_err(io)?,
            });
        }
        Ok(Some(videos))
    }

    /// A warning where a clip is drawn much worse than clips of the training were.
    fn strangeness(&self, truth: &Array4<u8>, drawn: &Array4<u8>) -> Option<String> {
        let usual = self
            .trained
            .get("reconstruction-psnr-range")?
            .as_array()?
            .first()?
            .as_f64()?;
        let time = truth.dim().0.min(drawn.dim().0);
        let pair = truth.slice(s![..time, .., .., ..]);
        let apart = |(a, b): (&u8, &u8)| ((f64::from(*a) - f64::from(*b)) / 255.0).powi(2);
        let mean = pair.iter().zip(drawn.iter()).map(apart).sum::<f64>() / pair.len().max(1) as f64;
        let psnr = -10.0 * mean.max(1e-12).log10();
        (psnr < usual).then(|| {
            format!(
                "far from what the weights were trained on: reconstructed at {psnr:.1} dB, \
                 99 % of training clips reach {usual:.1} dB"
            )
        })
    }

    fn failures(&self) -> Vec<(String, String)> {
        let failures = self.scores.failures();
        failures
            .iter()
            .map(|(clip, why)| (clip.to_string(), why.clone()))
            .collect()
    }
}

/// A clip's own means of what the page ranks and shows.
fn clip_scores(clip: &ClipId, items: &ItemTable) -> Vec<(String, f64)> {
    let mean = |metric: &str, subset: &str| {
        let of = |row: &&slotflow_eval::ItemValue| {
            row.item == clip.as_str() && row.metric == metric && row.subset == subset
        };
        let values: Vec<f64> = items
            .rows
            .iter()
            .filter(of)
            .filter_map(|row| row.value)
            .collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    let named = [
        ("psnr", "psnr", "imagined"),
        ("psnr reconstruction", "psnr", "reconstruction"),
        ("miou", "miou", "observed"),
        ("fg-ari", "fg-ari", "observed"),
    ];
    let found = named
        .into_iter()
        .filter_map(|(name, metric, subset)| Some((name.to_owned(), mean(metric, subset)?)));
    found.collect()
}

/// Columns of a clip's film: truth, reconstruction, prediction, slots.
pub const COLUMNS: usize = 4;
/// Pixels between two columns.
const LINE: usize = 4;

/// One column of a film that has all of them, `[time, height, width, rgb]`.
pub fn column(film: ArrayView4<'_, u8>, index: usize) -> Array4<u8> {
    let width = (film.dim().2 + LINE) / COLUMNS;
    let left = index * width;
    let right = (left + width.saturating_sub(LINE)).min(film.dim().2);
    film.slice(s![.., .., left..right, ..]).to_owned()
}

/// Pictures side by side, a thin dark line between them.
fn beside(columns: &[ArrayView4<'_, u8>]) -> Array4<u8> {
    let time = columns
        .iter()
        .map(|frames| frames.dim().0)
        .min()
        .unwrap_or(0);
    let [first, ..] = columns else {
        return Array4::zeros((0, 0, 0, 3));
    };
    let (_, height, width, rgb) = first.dim();
    let whole = columns.len() * (width + LINE) - LINE;
    let mut all = Array4::from_elem((time, height, whole, rgb), 24);
    for (index, frames) in columns.iter().enumerate() {
        let left = index * (width + LINE);
        let mut place = all.slice_mut(s![.., .., left..left + width, ..]);
        place.assign(&frames.slice(s![..time, .., .., ..]));
    }
    all
}

fn larger(frames: ArrayView4<'_, u8>, scale: usize) -> Array4<u8> {
    let (_, height, width, _) = frames.dim();
    enlarged(frames, [height * scale, width * scale])
}

fn write_video(path: &Path, frames: ArrayView4<'_, u8>, fps: f32) -> Result<(), RunError> {
    let format = video::Format::of(path).unwrap_or(video::Format::Mp4);
    video::write(path, frames, fps, format).map_err(|error| match error {
        DataError::Io {
            action,
            source,
            path,
        } => RunError::Io {
            action,
            source,
            path,
        },
        other => RunError::Unfit {
            reason: other.to_string(),
        },
    })
}

/// Writes arrays as a `NumPy` archive, whole or not at all.
fn write_npz(
    path: &Path,
    fill: impl FnOnce(&mut NpzWriter<Cursor<Vec<u8>>>) -> Result<(), WriteNpzError>,
) -> Result<(), RunError> {
    let mut file = NpzWriter::new_compressed(Cursor::new(Vec::new()));
    let bytes = fill(&mut file).and_then(|()| file.finish());
    let bytes = bytes.map_err(|error| RunError::Internal {
        reason: format!("arrays could not be packed: {error}"),
    })?;
    write_atomic(path, bytes.get_ref())
}

pub(crate) fn write_answers(path: &Path, rows: &[Row]) -> Result<(), RunError> {
    let fault = |error: &dyn std::fmt::Display| RunError::Unfit {
        reason: format!("cannot write ({error}): `{}`", path.display()),
    };
    let mut table = csv::Writer::from_writer(Vec::new());
    let head = [
        "video",
        "question_id",
        "type",
        "question",
        "option",
        "program",
        "truth",
        "answer",
        "probability",
    ];
    table.write_record(head).map_err(|error| fault(&error))?;
    for row in rows {
        table
            .write_record(row.record())
            .map_err(|error| fault(&error))?;
    }
    let bytes = table.into_inner().map_err(|error| fault(&error))?;
    write_atomic(path, &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_of_a_film_is_what_was_put_there() {
        let pictures: [Array4<u8>; COLUMNS] =
            std::array::from_fn(|index| Array4::from_elem((2, 6, 8, 3), index as u8 + 100));
        let film = beside(&pictures.each_ref().map(|picture| picture.view()));
        for (index, picture) in pictures.iter().enumerate() {
            assert_eq!(column(film.view(), index), *picture);
        }
    }
}
