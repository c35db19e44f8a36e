//! Frames of a clip as a strip of frames: a table of pictures, which prints and needs no playing.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::report::markup::{counted, escape};
use crate::report::page::{Strip, StripRow};

/// Columns below which pictures keep a width of their own.
const FEW: usize = 8;

/// The strip of the clip called `name`, and what its slots own behind a fold; empty where there is no frame. A picture has no
/// strip, for its columns stand below as they are.
pub(in crate::report) fn strip(strip: &Strip, name: &str) -> String {
    if strip.frames.is_empty() || strip.rows.is_empty() {
        return String::new();
    }
    let is_picture = strip.frames.len() == 1;
    let frames = if is_picture {
        String::new()
    } else {
        table(strip, &strip.rows, &format!("Frames of {name}"))
    };
    if strip.slots.is_empty() {
        return frames;
    }
    let slots = if is_picture {
        beside(&strip.slots)
    } else {
        table(strip, &strip.slots, &format!("Slots of {name}"))
    };
    format!(
        "{frames}<details class=\"slots\"><summary>what each of {} owns</summary>{slots}</details>",
        counted(strip.slots.len(), "slot", "slots"),
    )
}

/// The first picture of every row, side by side.
fn beside(rows: &[StripRow]) -> String {
    let figure = |row: &StripRow| {
        let (label, data) = (escape(&row.label), STANDARD.encode(row.pictures.first()?));
        Some(format!(
            "<figure><img src=\"data:image/png;base64,{data}\" alt=\"{label}\"><figcaption>{label}</figcaption></figure>"
        ))
    };
    let figures: String = rows.iter().filter_map(figure).collect();
    format!("<div class=\"videos still\">{figures}</div>")
}

/// Rows of pictures below the numbers of their frames.
fn table(strip: &Strip, rows: &[StripRow], title: &str) -> String {
    let class = |frame: usize| match strip.imagined_from {
        Some(first) if frame == first => "imagined from",
        Some(first) if frame > first => "imagined",
        _ => "observed",
    };
    let head = |&frame: &usize| {
        let class = class(frame);
        format!("<th scope=\"col\" class=\"{class}\" data-frame=\"{frame}\">{frame}</th>")
    };
    let row = |row: &StripRow| {
        let label = escape(&row.label);
        let picture = |(&frame, png): (&usize, &Vec<u8>)| {
            let (class, data) = (class(frame), STANDARD.encode(png));
            format!(
                "<td class=\"{class}\" data-frame=\"{frame}\"><img src=\"data:image/png;base64,{data}\" \
                 alt=\"{label}, frame {frame}\"></td>"
            )
        };
        let pictures: String = strip
            .frames
            .iter()
            .zip(&row.pictures)
            .map(picture)
            .collect();
        format!("<tr><th scope=\"row\">{label}</th>{pictures}</tr>")
    };
    let frames: String = strip.frames.iter().map(head).collect();
    let rows: String = rows.iter().map(row).collect();
    let imagined = match strip.imagined_from {
        Some(_) => "; frames right of the line are imagined",
        None => "",
    };
    // Pictures of few frames would become as wide as the page.
    let few = if strip.frames.len() < FEW { " few" } else { "" };
    format!(
        "<div class=\"wide strip{few}\" role=\"region\" tabindex=\"0\" aria-label=\"{title}\"><table>\
         <caption>{title}, time to the right{imagined}</caption>\
         <thead><tr><th scope=\"row\">frame</th>{frames}</tr></thead><tbody>{rows}</tbody></table></div>",
        title = escape(title)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(label: &str) -> StripRow {
        StripRow {
            label: label.to_owned(),
            pictures: vec![vec![1, 2, 3]; 3],
        }
    }

    fn example() -> Strip {
        Strip {
            frames: vec![0, 5, 6],
            imagined_from: Some(6),
            rows: vec![row("truth"), row("prediction")],
            slots: Vec::new(),
        }
    }

    #[test]
    fn every_picture_says_what_it_is_and_where_imagination_starts() {
        let page = strip(&example(), "a");
        assert_eq!(page.matches("<img").count(), 6);
        assert!(
            page.contains("<td class=\"imagined from\" data-frame=\"6\"><img src=\"data:image/png;base64,AQID\" alt=\"prediction, frame 6\">"),
            "{page}"
        );
        assert!(
            page.contains("<td class=\"observed\" data-frame=\"5\">"),
            "{page}"
        );
        let seen = Strip {
            imagined_from: None,
            ..example()
        };
        assert!(!strip(&seen, "a").contains("imagined"));
    }

    #[test]
    fn a_picture_has_no_strip_and_its_slots_stand_side_by_side() {
        let mut picture = example();
        picture.frames = vec![0];
        assert_eq!(strip(&picture, "a"), "");
        picture.slots = vec![row("slot 0"), row("slot 1")];
        let page = strip(&picture, "a");
        assert_eq!(
            (page.matches("<img").count(), page.matches("<table").count()),
            (2, 0)
        );
    }

    #[test]
    fn slots_stand_behind_a_fold_and_nothing_makes_no_table() {
        let mut slotted = example();
        slotted.slots = vec![row("slot 0")];
        let page = strip(&slotted, "a");
        assert!(
            page.contains("<summary>what each of 1 slot owns</summary>"),
            "{page}"
        );
        assert!(page.contains("alt=\"slot 0, frame 5\""), "{page}");
        assert_eq!(strip(&Strip::default(), "a"), "");
    }
}
