//! The page about predictions in folders: tables, curves, and the best and the worst clips.

use std::collections::BTreeMap;
use std::path::Path;

use ndarray::Array4;
use slotflow_eval::report::{ClipView, Page, RANKS, StageRow, html};

use super::frame_strip::frame_strip;
use super::media::embedded;
use super::run_folder::made_by;
use crate::artifacts::files::{make_dir, write_atomic};
use crate::artifacts::{Invocation, RunError};
use crate::masks::{overlaid, painted};
use crate::metrics::{Evaluation, MetricsError, Request, both_masks, both_sides};
use crate::plan::video_predict::VideoFormat;

/// How many of the best clips are shown, and how many of the worst.
const EACH: usize = 2;
/// Frames a second at which clips are shown, whatever rate they had.
const SHOWN_FPS: f32 = 10.0;

/// Writes the page to `path`.
///
/// # Errors
/// When it cannot be written.
pub fn write(
    request: &Request,
    evaluation: &Evaluation,
    path: &Path,
    invocation: Option<&Invocation>,
) -> Result<(), RunError> {
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
        made: invocation.map(|invocation| made_by(invocation, Vec::new())),
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

/// The best and the worst clips by their PSNR, or by a metric of masks, the first ones where neither was measured.
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
    let rank = |name: &&str| {
        let mut ranks = RANKS.iter().filter_map(|metric| scores[*name].get(metric));
        ranks.next().map_or(0.0, |values| mean(values))
    };
    let mut names: Vec<&str> = scores.keys().copied().collect();
    names.sort_by(|a, b| rank(b).total_cmp(&rank(a)).then(a.cmp(b)));
    if names.len() > 2 * EACH {
        names.drain(EACH..names.len() - EACH);
    }
    let mut panels = panels(request, &names).map_err(|error| error.to_string())?;
    let mut views = Vec::new();
    for name in names {
        let Some(panels) = panels.remove(name) else {
            continue;
        };
        let shown: Vec<_> = panels
            .iter()
            .map(|(label, frames)| (*label, frames.view()))
            .collect();
        let videos = shown
            .iter()
            .map(|(label, frames)| embedded(*frames, SHOWN_FPS, label, folder, VideoFormat::Mp4));
        let videos = videos.collect::<Result<_, _>>();
        let strip = frame_strip(&shown, 0);
        let means = scores[name].iter();
        views.push(ClipView {
            name: name.to_owned(),
            strip: Some(strip.map_err(|error| error.to_string())?),
            frames: panels[0].1.dim().0,
            videos: videos.map_err(|error: RunError| error.to_string())?,
            scores: means
                .map(|(metric, values)| ((*metric).to_owned(), mean(values)))
                .collect(),
            ..ClipView::default()
        });
    }
    Ok(views)
}

/// Frames by what they show, `[time, height, width, rgb]`.
type Panels = Vec<(&'static str, Array4<u8>)>;

/// What is shown of each of the named clips: videos, masks, and predicted masks laid over true frames of the same size.
fn panels(request: &Request, names: &[&str]) -> Result<BTreeMap<String, Panels>, MetricsError> {
    let mut panels: BTreeMap<String, Panels> = BTreeMap::new();
    for pair in both_sides(request, names)? {
        let of_clip = panels.entry(pair.name).or_default();
        of_clip.push(("truth", pair.truth));
        of_clip.push(("prediction", pair.prediction));
    }
    for pair in both_masks(request, names)? {
        let of_clip = panels.entry(pair.name).or_default();
        let (time, height, width) = pair.prediction.dim();
        let overlay = of_clip.first().and_then(|(_, frames)| {
            let fits = frames.dim() == (time, height, width, 3);
            fits.then(|| overlaid(frames.view(), pair.prediction.view()))
        });
        of_clip.push(("true masks", painted(pair.truth.view())));
        of_clip.push(("predicted masks", painted(pair.prediction.view())));
        of_clip.extend(overlay.map(|overlay| ("masks on truth", overlay)));
    }
    Ok(panels)
}
