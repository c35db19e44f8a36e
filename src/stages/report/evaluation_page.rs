//! The page about predictions in folders: tables, curves, and the best and the worst clips.

use std::collections::BTreeMap;
use std::path::Path;

use slotflow_eval::report::{ClipView, Page, RANKS, StageRow, html};

use super::frame_strip::frame_strip;
use super::media::embedded;
use super::panels::Panel;
use super::run_folder::made_by;
use crate::artifacts::files::{make_dir, write_atomic};
use crate::artifacts::{Invocation, RunError};
use crate::metrics::{
    ClipPair, Evaluation, MaskClipPair, MetricsError, Request, both_masks, both_sides,
};
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
    let mut shown = shown_of(request, &names).map_err(|error| error.to_string())?;
    let mut views = Vec::new();
    for name in names {
        let Some(shown) = shown.remove(name) else {
            continue;
        };
        let panels = panels(&shown);
        let kind = (SHOWN_FPS, VideoFormat::Mp4);
        let videos = panels
            .iter()
            .map(|panel| embedded(panel, (folder, name), kind));
        let videos = videos.collect::<Result<_, _>>();
        let strip = frame_strip(&panels.iter().collect::<Vec<_>>(), 0);
        let means = scores[name].iter();
        views.push(ClipView {
            name: name.to_owned(),
            strip: Some(strip.map_err(|error| error.to_string())?),
            frames: panels[0].count,
            videos: videos.map_err(|error: RunError| error.to_string())?,
            scores: means
                .map(|(metric, values)| ((*metric).to_owned(), mean(values)))
                .collect(),
            ..ClipView::default()
        });
    }
    Ok(views)
}

/// What is shown of a clip.
#[derive(Default)]
struct Shown {
    videos: Option<ClipPair>,
    masks: Option<MaskClipPair>,
}

fn shown_of(request: &Request, names: &[&str]) -> Result<BTreeMap<String, Shown>, MetricsError> {
    let mut shown: BTreeMap<String, Shown> = BTreeMap::new();
    for pair in both_sides(request, names)? {
        let name = pair.name.clone();
        shown.entry(name).or_default().videos = Some(pair);
    }
    for pair in both_masks(request, names)? {
        let name = pair.name.clone();
        shown.entry(name).or_default().masks = Some(pair);
    }
    Ok(shown)
}

/// Videos, masks, and predicted masks laid over true frames of the same size.
fn panels(shown: &Shown) -> Vec<Panel<'_>> {
    let mut panels = Vec::new();
    if let Some(pair) = &shown.videos {
        panels.push(Panel::frames("truth", pair.truth.view()));
        panels.push(Panel::frames("prediction", pair.prediction.view()));
    }
    if let Some(pair) = &shown.masks {
        panels.push(Panel::masks("true masks", pair.truth.view()));
        panels.push(Panel::masks("predicted masks", pair.prediction.view()));
        let (time, height, width) = pair.prediction.dim();
        let videos = shown.videos.as_ref();
        if let Some(videos) = videos.filter(|of| of.truth.dim() == (time, height, width, 3)) {
            let (frames, masks) = (videos.truth.view(), pair.prediction.view());
            panels.push(Panel::overlay("masks on truth", frames, masks));
        }
    }
    panels
}
