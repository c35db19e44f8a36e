//! The page about predictions in folders: tables, curves, and the best and the worst clips.

use std::collections::BTreeMap;
use std::path::Path;

use slotflow_eval::pixel::psnr::PSNR;
use slotflow_eval::report::{ClipView, Page, StageRow, html};

use super::media::embedded;
use crate::artifacts::RunError;
use crate::artifacts::files::{make_dir, write_atomic};
use crate::metrics::{ClipPair, Evaluation, Request, both_sides};
use crate::plan::video_predict::VideoFormat;

/// How many of the best clips are shown, and how many of the worst.
const EACH: usize = 2;
/// Frames a second at which clips are shown, whatever rate they had.
const SHOWN_FPS: f32 = 10.0;

/// Writes the page to `path`.
///
/// # Errors
/// When it cannot be written.
pub fn write(request: &Request, evaluation: &Evaluation, path: &Path) -> Result<(), RunError> {
    let folder = path.parent().unwrap_or(Path::new(""));
    make_dir(folder)?;
    let mut notes: Vec<String> = Vec::new();
    for side in ["prediction", "truth"] {
        let unmatched = evaluation.unmatched.iter().filter(|(_, of)| *of == side);
        let names: Vec<&str> = unmatched.map(|(name, _)| name.as_str()).collect();
        if !names.is_empty() {
            let names = names.join(", ");
            notes.push(format!(
                "Without a partner on the other side ({side}): {names}."
            ));
        }
    }
    let clips = clips(request, evaluation, folder).unwrap_or_else(|reason| {
        notes.push(format!("No clip is shown: {reason}."));
        Vec::new()
    });
    let metrics: Vec<String> = request.metrics.iter().map(ToString::to_string).collect();
    let stages = [
        ("videos", &request.videos),
        ("masks", &request.masks),
        ("features", &request.features),
    ];
    let stages = stages.into_iter().filter_map(|(kind, folders)| {
        let [prediction, truth] = folders.as_ref()?;
        Some(StageRow {
            stage: kind.to_owned(),
            why: format!(
                "predictions `{}` against truth `{}`",
                prediction.display(),
                truth.display()
            ),
        })
    });
    let page = Page {
        title: "Predictions against truth".to_owned(),
        subtitle: metrics.join(", "),
        scores: &evaluation.scores,
        items: &evaluation.items,
        clips,
        answers: Vec::new(),
        stages: stages.collect(),
        plan: format!(
            "skip = {}\nclip-length = {}\nunpaired = {}\nresamples = {}\nseed = {}\n",
            request.skip,
            request.clip_length,
            request.unpaired,
            request.resampling.count,
            request.resampling.seed
        ),
        notes,
        failures: evaluation.failures.clone().into_iter().collect(),
        burn_in: 0,
    };
    write_atomic(path, html(&page).as_bytes())
}

/// The best and the worst clips by their PSNR, the first ones where none was measured.
fn clips(
    request: &Request,
    evaluation: &Evaluation,
    folder: &Path,
) -> Result<Vec<ClipView>, String> {
    let mut scores: BTreeMap<&str, BTreeMap<&str, Vec<f64>>> = BTreeMap::new();
    for item in &evaluation.items.rows {
        let of_clip = scores.entry(&item.item).or_default();
        of_clip
            .entry(item.metric.as_str())
            .or_default()
            .extend(item.value);
    }
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
    let psnr = |name: &&str| {
        scores[*name]
            .get(PSNR.name)
            .map_or(0.0, |values| mean(values))
    };
    let mut names: Vec<&str> = scores.keys().copied().collect();
    names.sort_by(|a, b| psnr(b).total_cmp(&psnr(a)).then(a.cmp(b)));
    if names.len() > 2 * EACH {
        names.drain(EACH..names.len() - EACH);
    }
    let mut views = Vec::new();
    for pair in both_sides(request, &names).map_err(|error| error.to_string())? {
        let ClipPair {
            name,
            prediction,
            truth,
        } = pair;
        let mut videos = Vec::new();
        for (label, frames) in [("truth", truth), ("prediction", prediction)] {
            let video = embedded(frames.view(), SHOWN_FPS, label, folder, VideoFormat::Mp4);
            videos.push(video.map_err(|error| error.to_string())?);
        }
        let means = scores[name.as_str()].iter();
        views.push(ClipView {
            scores: means
                .map(|(metric, values)| ((*metric).to_owned(), mean(values)))
                .collect(),
            name,
            videos,
            observed_share: 0.0,
            note: None,
        });
    }
    Ok(views)
}
