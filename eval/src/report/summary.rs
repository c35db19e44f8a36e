//! The run in a paragraph, and its key figures.

use std::collections::{BTreeMap, BTreeSet};

use super::charts::bar::{Verdict, bar};
use super::markup::{Style, counted, escape};
use super::page::{FLOOR_SUFFIX, Page};
use crate::metric::Direction;
use crate::metric::definition::{KeyFigure, Metric, Unit};
use crate::metric::registry::METRICS;
use crate::tables::{ItemTable, Score};

/// A key figure of a metric.
#[derive(Clone, Copy)]
struct Key {
    metric: &'static Metric,
    figure: &'static KeyFigure,
}

impl Key {
    /// All of them, in the order of the registry.
    fn all() -> impl Iterator<Item = Self> {
        METRICS.iter().flat_map(|metric| {
            let figures = metric.key_figures.iter();
            figures.map(|figure| Self { metric, figure })
        })
    }

    /// Unit behind a number, with the space before it.
    fn unit(&self) -> &'static str {
        match self.metric.unit {
            Unit::Decibel => "\u{2009}dB",
            // The style of a share writes its own.
            Unit::One | Unit::Share => "",
        }
    }
}

/// Cards with the key figures that there are.
pub(super) fn cards(page: &Page<'_>) -> String {
    let card = |(key, score): (Key, &Score)| {
        let style = Style::of_score(score);
        let value = score
            .value
            .map(|value| style.show(value))
            .unwrap_or_default();
        let grey = if score.unknown_fields().is_empty() {
            ""
        } else {
            " grey"
        };
        let bound = |name: &str, bound: Option<f64>| {
            bound.map_or_else(String::new, |one| {
                format!("<span>{name} {}</span>", style.show(one))
            })
        };
        format!(
            "<div class=\"card{grey}\"><h2>{}<small>{}{}</small></h2><p class=\"figure {}\">{value}<small>{}</small></p>\
             {}<p class=\"bounds\">{}{}{}</p></div>",
            key.metric.title,
            key.figure.subject,
            of_run(score),
            Verdict::of(score).class(),
            key.unit(),
            bar(score),
            interval(score, style),
            bound("floor", score.floor),
            bound("ceiling", score.ceiling)
        )
    };
    let cards: String = found(page)
        .filter(|(_, score)| score.value.is_some())
        .map(card)
        .collect();
    if cards.is_empty() {
        return cards;
    }
    format!("<div class=\"cards\">{cards}</div>")
}

/// The interval of a card's number; empty where there is none.
fn interval(score: &Score, style: Style) -> String {
    match (score.ci_low, score.ci_high) {
        (Some(low), Some(high)) => {
            format!(
                "<span class=\"ends\">95\u{a0}%: {}</span>",
                style.range(low, high)
            )
        }
        _ => String::new(),
    }
}

/// What the run showed, in sentences.
pub(super) fn paragraph(page: &Page<'_>) -> String {
    let mut sentences: Vec<String> = found(page)
        .map(|(key, score)| sentence(&key, score, page.items))
        .collect();
    if sentences.is_empty() {
        sentences.push("None of the key figures was asked for.".to_owned());
    }
    if found(page).any(|(_, score)| score.value.is_some() && score.ci_low.is_some()) {
        sentences.push("In brackets: intervals of 95 %.".to_owned());
    }
    if !page.failures.is_empty() {
        let clips = counted(page.failures.len(), "failed clip is", "failed clips are");
        sentences.push(format!("{clips} left out of every number."));
    }
    format!("<p class=\"summary\">{}</p>", sentences.join(" "))
}

fn found<'a>(page: &Page<'a>) -> impl Iterator<Item = (Key, &'a Score)> {
    let scores = page.scores;
    Key::all().flat_map(move |key| {
        let of_key =
            |score: &&Score| score.metric == *key.metric.name && score.subset == key.figure.subset;
        // The first of a run, whatever its profile.
        let mut runs = BTreeSet::new();
        let rows = scores.rows.iter().filter(of_key);
        let rows = rows.filter(|score| runs.insert(score.run.as_str()));
        rows.map(|score| (key, score)).collect::<Vec<_>>()
    })
}

/// Which run a row is of, where the table says it.
fn of_run(score: &Score) -> String {
    match score.run.as_str() {
        "" => String::new(),
        run => format!(" ({})", escape(run)),
    }
}

fn sentence(key: &Key, score: &Score, items: &ItemTable) -> String {
    let name = key.metric.title;
    let Some(value) = score.value else {
        let reason = score.note.trim_start_matches("not computed: ");
        return format!(
            "{name} of {}{} was not computed: {}.",
            key.figure.subject,
            of_run(score),
            escape(reason)
        );
    };
    let style = Style::of_score(score);
    let interval = match (score.ci_low, score.ci_high) {
        (Some(low), Some(high)) => format!(" [{}]", style.range(low, high)),
        _ => String::new(),
    };
    let (value, unit) = (style.show(value), key.unit());
    let reached = format!(
        "{name} of {}{} is <b>{value}{unit}</b>{interval}",
        key.figure.subject,
        of_run(score)
    );
    let Some(floor) = score.floor else {
        return format!("{reached}.");
    };
    let than = match Verdict::of(score) {
        Verdict::Above => "better than",
        Verdict::Below => "worse than",
        _ if Verdict::lacks_values(score) => "on too few values to call it better than",
        Verdict::Unclear | Verdict::Unknown => "not clearly other than",
    };
    let floor = style.show(floor);
    let won = won(score, items);
    format!(
        "{reached}, {than} {} ({floor}{unit}){won}.",
        key.figure.floor
    )
}

/// On how many clips the score is better than its floor, where the items say so.
fn won(score: &Score, items: &ItemTable) -> String {
    let floor = by_clip(score, items, &[&score.subset, FLOOR_SUFFIX].concat());
    let value = by_clip(score, items, &score.subset);
    let pairs: Vec<(f64, f64)> = value
        .into_iter()
        .filter_map(|(clip, value)| Some((value, *floor.get(clip)?)))
        .collect();
    if pairs.is_empty() {
        return String::new();
    }
    let better = pairs.iter().filter(|(value, floor)| match score.direction {
        Direction::Higher => value > floor,
        Direction::Lower => value < floor,
    });
    format!(
        "; it wins on {} of {}",
        better.count(),
        counted(pairs.len(), "clip", "clips")
    )
}

/// Mean of each clip over its finite values.
fn by_clip<'a>(score: &Score, items: &'a ItemTable, subset: &str) -> BTreeMap<&'a str, f64> {
    let mut sums: BTreeMap<&str, (f64, f64)> = BTreeMap::new();
    for item in items.rows.iter().filter(|item| {
        item.metric == score.metric && item.profile == score.profile && item.subset == subset
    }) {
        if let Some(value) = item.value.filter(|value| value.is_finite()) {
            let entry = sums.entry(&item.item).or_default();
            entry.0 += value;
            entry.1 += 1.0;
        }
    }
    sums.into_iter()
        .map(|(clip, (sum, count))| (clip, sum / count))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::page::IMAGINED;
    use super::*;
    use crate::pixel::psnr::PSNR;
    use crate::tables::ItemValue;

    fn key() -> Key {
        Key::all().next().unwrap()
    }

    fn psnr(value: f64, ends: [f64; 2]) -> Score {
        Score::new(PSNR.default_id(), IMAGINED)
            .with_value(value, 40)
            .with_interval(ends[0], ends[1], "bca")
            .with_bounds(Some(20.0), None)
    }

    #[test]
    fn a_sentence_says_whether_looking_helped() {
        let none = ItemTable::default();
        let say = |score: &Score| sentence(&key(), score, &none);
        assert!(
            say(&psnr(25.0, [24.0, 26.0]))
                .contains("better than copying the last seen frame (20.00\u{2009}dB)")
        );
        let few = Score {
            n_items: 8,
            ..psnr(25.0, [24.0, 26.0])
        };
        assert!(say(&few).contains("on too few values to call it better than copying"));
        assert!(say(&psnr(15.0, [14.0, 16.0])).contains("worse than"));
        assert!(say(&psnr(21.0, [19.0, 23.0])).contains("not clearly other than"));
    }

    #[test]
    fn clips_that_beat_their_floor_are_counted() {
        let item = |subset: &str, clip: &str, value| ItemValue {
            metric: PSNR.default_id().into(),
            profile: "per-image-mean".to_owned(),
            subset: subset.to_owned(),
            item: clip.to_owned(),
            frame: Some(6),
            value: Some(value),
        };
        let items = [
            item("imagined", "a", 25.0),
            item("imagined", "b", 19.0),
            item("imagined-floor", "a", 20.0),
            item("imagined-floor", "b", 20.0),
        ];
        let text = sentence(
            &key(),
            &psnr(22.0, [21.0, 23.0]),
            &items.into_iter().collect(),
        );
        assert!(text.ends_with("; it wins on 1 of 2 clips."), "{text}");
    }

    #[test]
    fn what_was_not_computed_is_said_with_its_reason() {
        let missing = Score::not_computed(PSNR.default_id(), IMAGINED, "no <truth>");
        let text = sentence(&key(), &missing, &ItemTable::default());
        assert!(
            text.ends_with("was not computed: no &lt;truth&gt;."),
            "{text}"
        );
    }
}
