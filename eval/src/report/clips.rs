//! Clips with their videos side by side.

/// Frames of a clip as a strip.
mod strip;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::markup::{Style, counted, escape};
use super::page::{ClipView, RANKS, VideoView};
use crate::metric::registry::find;

/// How many of the best, and how many of the worst, stand open on the page.
const SHOWN: usize = 1;

/// The best and the worst clips first; the others in their order behind a fold.
pub(super) fn clips(clips: &[ClipView], burn_in: usize) -> String {
    if clips.is_empty() {
        return "<p class=\"empty\">No clip was drawn.</p>".to_owned();
    }
    let mut ranked: Vec<(usize, f64)> = clips
        .iter()
        .enumerate()
        .filter_map(|(index, clip)| Some((index, rank(clip)?)))
        .collect();
    ranked.sort_by(|(a, left), (b, right)| right.total_cmp(left).then(a.cmp(b)));
    let each = if ranked.len() >= 2 * SHOWN {
        SHOWN
    } else {
        ranked.len() / 2
    };
    let best: Vec<usize> = ranked.iter().take(each).map(|(index, _)| *index).collect();
    let worst: Vec<usize> = ranked
        .iter()
        .rev()
        .take(each)
        .map(|(index, _)| *index)
        .collect();
    let draw = |index: &usize, rank: &str| clips.get(*index).map(|clip| view(clip, rank, burn_in));
    let mut page: String = best
        .iter()
        .filter_map(|index| draw(index, "best"))
        .collect();
    page.extend(worst.iter().filter_map(|index| draw(index, "worst")));
    let rest: Vec<&ClipView> = clips
        .iter()
        .enumerate()
        .filter(|(index, _)| !best.contains(index) && !worst.contains(index))
        .map(|(_, clip)| clip)
        .collect();
    let others: String = rest.iter().map(|clip| view(clip, "", burn_in)).collect();
    match (page.is_empty(), rest.len()) {
        (_, 0) => page,
        (true, _) => others,
        (false, count) => format!(
            "{page}<details class=\"more\"><summary>{}</summary>{others}</details>",
            counted(count, "more clip", "more clips")
        ),
    }
}

/// The number that ranks a clip.
fn rank(clip: &ClipView) -> Option<f64> {
    let score = |name: &&str| clip.scores.iter().find(|(known, _)| known == name);
    let (_, value) = RANKS.iter().find_map(score)?;
    (!value.is_nan()).then_some(*value)
}

fn view(clip: &ClipView, rank: &str, burn_in: usize) -> String {
    let badge = match rank {
        "" => String::new(),
        rank => format!("<span class=\"badge {rank}\">{rank}</span>"),
    };
    let note = clip.note.as_deref().map_or_else(String::new, |note| {
        format!("<p class=\"about\">{}</p>", escape(note))
    });
    format!(
        "<article class=\"clip\"><header><h3>{name}</h3>{badge}<dl>{scores}</dl></header>{note}{strip}\
         <div class=\"videos{still}\">{videos}</div>{scrubber}{timeline}</article>",
        still = if is_still(clip) { " still" } else { "" },
        name = escape(&clip.name),
        scores = clip.scores.iter().map(score).collect::<String>(),
        strip = clip
            .strip
            .as_ref()
            .map_or_else(String::new, |one| strip::strip(one, &clip.name)),
        videos = clip
            .videos
            .iter()
            .map(|one| video(one, is_still(clip)))
            .collect::<String>(),
        scrubber = scrubber(clip, burn_in),
        timeline = timeline(clip.observed_share, burn_in),
    )
}

fn score((name, value): &(String, f64)) -> String {
    let metric = find(name);
    let (shown, meaning) =
        metric.map_or((name.as_str(), ""), |metric| (metric.title, metric.meaning));
    format!(
        "<div title=\"{}\"><dt>{}</dt><dd>{}</dd></div>",
        escape(meaning),
        escape(shown),
        Style::of(metric, *value).show(*value)
    )
}

/// Whether the clip is a picture.
fn is_still(clip: &ClipView) -> bool {
    clip.frames == 1
}

/// A video, or an image; `is_still` says that it shows one picture, and not many in a row.
fn video(video: &VideoView, is_still: bool) -> String {
    let (label, mime) = (escape(&video.label), escape(&video.mime));
    let data = STANDARD.encode(&video.bytes);
    let shown = if video.mime.starts_with("image/") {
        format!("<img src=\"data:{mime};base64,{data}\" alt=\"{label}\">")
    } else {
        format!(
            "<video muted loop playsinline controls aria-label=\"{label}\">\
             <source src=\"data:{mime};base64,{data}\" type=\"{mime}\"></video>"
        )
    };
    let class = if video.mime == "image/png" && !is_still {
        " class=\"row\""
    } else {
        ""
    };
    format!("<figure{class}>{shown}<figcaption>{label}</figcaption></figure>")
}

/// A slider over the frames of a clip that has videos; the script shows it and moves all videos with it.
fn scrubber(clip: &ClipView, burn_in: usize) -> String {
    let is_video = |view: &VideoView| !view.mime.starts_with("image/");
    if clip.frames < 2 || !clip.videos.iter().any(is_video) {
        return String::new();
    }
    format!(
        "<label class=\"scrubber\" hidden><span>frame <output>0</output></span>\
         <input type=\"range\" min=\"0\" max=\"{}\" value=\"0\" data-seen=\"{burn_in}\" \
         aria-label=\"frame of all videos of {}\"></label>",
        clip.frames - 1,
        escape(&clip.name)
    )
}

/// A strip as long as the clip: seen, then imagined, with a head that the script moves.
fn timeline(observed_share: f64, burn_in: usize) -> String {
    if burn_in == 0 || !(observed_share > 0.0 && observed_share <= 1.0) {
        return String::new();
    }
    let start = format!("{:.2}%", observed_share * 100.0);
    let total = (burn_in as f64 / observed_share).round() as usize;
    let imagined = match total.saturating_sub(burn_in) {
        0 => String::new(),
        later => format!(
            "<rect class=\"was-imagined\" x=\"{start}\" width=\"100%\" height=\"6\"/>\
             <rect class=\"from\" x=\"{start}\" width=\"2\" height=\"21\"/>\
             <text class=\"tick imagined\" x=\"{start}\" y=\"21\" dx=\"7\">{later} imagined →</text>"
        ),
    };
    format!(
        "<svg class=\"timeline\" role=\"img\"><title>where imagination starts</title>\
         <rect class=\"was-seen\" width=\"{start}\" height=\"6\"/>{imagined}\
         <text class=\"tick\" y=\"21\">{burn_in} seen</text>\
         <rect class=\"head\" x=\"-9\" width=\"3\" height=\"6\"/></svg>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clip(name: &str, psnr: Option<f64>) -> ClipView {
        ClipView {
            name: name.to_owned(),
            observed_share: 0.25,
            scores: psnr
                .map(|psnr| ("psnr".to_owned(), psnr))
                .into_iter()
                .collect(),
            ..ClipView::default()
        }
    }

    fn order(names: &[(&str, Option<f64>)]) -> Vec<String> {
        let views: Vec<ClipView> = names.iter().map(|(name, psnr)| clip(name, *psnr)).collect();
        let page = clips(&views, 6);
        page.split("<h3>")
            .skip(1)
            .map(|part| part.split('<').next().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn best_and_worst_stand_before_the_rest() {
        let all = [
            ("a", 3.0),
            ("b", 6.0),
            ("c", 1.0),
            ("d", 5.0),
            ("e", 4.0),
            ("f", 2.0),
        ];
        let all = all.map(|(name, psnr)| (name, Some(psnr)));
        assert_eq!(order(&all), ["b", "c", "a", "d", "e", "f"]);
    }

    #[test]
    fn few_clips_and_clips_without_a_score_keep_their_place() {
        assert_eq!(order(&[("a", None), ("b", None)]), ["a", "b"]);
        assert_eq!(
            order(&[("a", Some(1.0)), ("b", None), ("c", Some(2.0))]),
            ["c", "a", "b"]
        );
        assert_eq!(order(&[("only", Some(1.0))]), ["only"]);
    }

    #[test]
    fn a_gif_is_an_image_and_anything_else_a_video() {
        let show = |mime: &str| {
            let view = VideoView {
                label: "l".to_owned(),
                mime: mime.to_owned(),
                bytes: vec![1, 2, 3],
            };
            video(&view, false)
        };
        assert!(show("image/gif").contains("<img src=\"data:image/gif;base64,AQID\""));
        let shown = show("video/mp4");
        assert!(
            shown.contains("<video muted loop playsinline controls"),
            "{shown}"
        );
        assert!(shown.contains("<source src=\"data:video/mp4;base64,AQID\" type=\"video/mp4\">"));
    }

    #[test]
    fn only_videos_of_several_frames_are_scrubbed() {
        let scrubbed = |mime: &str, frames: usize| {
            let video = VideoView {
                label: "truth".to_owned(),
                mime: mime.to_owned(),
                bytes: Vec::new(),
            };
            let clip = ClipView {
                videos: vec![video],
                frames,
                ..clip("a", None)
            };
            scrubber(&clip, 6)
        };
        let slider = scrubbed("video/mp4", 24);
        assert!(
            slider.contains("max=\"23\"") && slider.contains("data-seen=\"6\""),
            "{slider}"
        );
        assert_eq!(scrubbed("video/mp4", 1), "");
        assert_eq!(scrubbed("image/gif", 24), "");
    }

    #[test]
    fn the_strip_changes_colour_where_imagination_starts() {
        let strip = timeline(0.25, 6);
        assert!(
            strip.contains("class=\"was-imagined\" x=\"25.00%\""),
            "{strip}"
        );
        assert!(
            strip.contains(">6 seen<") && strip.contains(">18 imagined"),
            "{strip}"
        );
        assert_eq!(timeline(f64::NAN, 6), "");
        assert!(!timeline(1.0, 6).contains("imagined →"));
    }
}
