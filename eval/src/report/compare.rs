//! Several runs on one page: their scores in columns, their clips side by side.

use std::collections::BTreeSet;

use super::charts::scatter::Scatter;
use super::clips;
use super::html::{SCRIPT, STYLE, TEMPLATE, clips_section, notes, policy, section};
use super::markup::{Style, counted, escape, fill, metric_name};
use super::page::ClipView;
use super::paired::{Difference, RunView, key};
use super::scores::{GROUPS, Section, group_of};
use crate::metric::Direction;
use crate::tables::{Score, ScoreTable};

/// All that a page over several runs shows.
#[derive(Debug, Clone)]
pub struct Comparison<'a> {
    /// The runs, in the order of the columns; differences are taken from the first.
    pub runs: Vec<RunView<'a>>,
    /// Settings in which the plans differ: the key, and its value in each run.
    pub settings: Vec<(String, Vec<Option<String>>)>,
    /// Clips with the truth and each run's prediction.
    pub clips: Vec<ClipView>,
    /// What a reader must know before believing the numbers.
    pub notes: Vec<String>,
    /// Frames that were seen before imagination starts; nought where the runs differ.
    pub burn_in: usize,
    /// How far the runs are from the first.
    pub differences: Vec<Difference>,
    /// One measure against another, above the tables.
    pub figures: Vec<Scatter<'a>>,
}

/// The page as one string: equal input gives equal bytes.
pub fn compare(page: &Comparison<'_>) -> String {
    let names: Vec<&str> = page.runs.iter().map(|run| run.name.as_str()).collect();
    let title = counted(page.runs.len(), "run", "runs") + " side by side";
    let links: String = [
        ("clips", "Clips"),
        ("scores", "Scores"),
        ("run", "Settings"),
    ]
    .map(|(id, title)| ["<a href=\"#", id, "\">", title, "</a>"].concat())
    .concat();
    let plan = |run: &RunView<'_>| format!("# {}\n{}\n\n", run.name, run.plan.trim_end());
    let plans: Vec<String> = page.runs.iter().map(plan).collect();
    let parts = [
        ("policy", policy()),
        ("title", title),
        ("subtitle", escape(&names.join(" · "))),
        ("style", STYLE.to_owned()),
        ("script", SCRIPT.to_owned()),
        ("links", links),
        ("summary", summary(page)),
        ("notes", notes(&page.notes)),
        ("scores", section("scores", "Scores", &tables(page))),
        (
            "clips",
            clips_section(&clips::clips(&page.clips, page.burn_in)),
        ),
        ("stages", settings(page)),
        ("plan", escape(&plans.concat())),
    ];
    fill(TEMPLATE, &parts)
}

/// How to read the table.
fn summary(page: &Comparison<'_>) -> String {
    let first = page.runs.first().map_or("", |run| run.name.as_str());
    format!(
        "<p class=\"summary\">The best of a row is bold. Below a number stands how far the run is from \
         <b>{}</b> on the same clips, with an interval of 95\u{a0}% over clips; green and red say that the interval \
         leaves out nought. Under answers stands McNemar's \
         exact test: how many only this run has right, and only <b>{0}</b>, and how likely so uneven a split of these is \
         between equals.</p>",
        escape(first)
    )
}

/// A table for every kind of measure.
fn tables(page: &Comparison<'_>) -> String {
    let mut order: Vec<&Score> = Vec::new();
    let mut known = BTreeSet::new();
    for score in page.runs.iter().flat_map(|run| &run.scores.rows) {
        if score.value.is_some() && known.insert(key(score)) {
            order.push(score);
        }
    }
    if order.is_empty() {
        return "<p class=\"empty\">Nothing was scored.</p>".to_owned();
    }
    let figures: String = page.figures.iter().map(Scatter::draw).collect();
    let figures = if figures.is_empty() {
        figures
    } else {
        format!("<div class=\"charts\">{figures}</div>")
    };
    let columns: String = page
        .runs
        .iter()
        .map(|run| ["<th class=\"num\">", &escape(&run.name), "</th>"].concat())
        .collect();
    let section = |section: &Section| {
        let Section {
            group,
            title,
            about,
        } = *section;
        let rows: String = order
            .iter()
            .filter(|score| group_of(&score.metric) == group)
            .map(|score| row(page, score))
            .collect();
        if rows.is_empty() {
            return rows;
        }
        format!(
            "<h3>{title}</h3><p class=\"about\">{about}</p><div class=\"wide\"><table><thead><tr><th>metric</th>\
             <th>on</th>{columns}</tr></thead><tbody>{rows}</tbody></table></div>"
        )
    };
    figures + &GROUPS.iter().map(section).collect::<String>()
}

/// One measure over all runs.
fn row(page: &Comparison<'_>, score: &Score) -> String {
    let find = |table: &'_ ScoreTable| {
        let found = table.rows.iter().find(|row| key(row) == key(score));
        found.and_then(|row| Some((row.value?, row.clone())))
    };
    let found: Vec<_> = page.runs.iter().map(|run| find(run.scores)).collect();
    let better = |a: f64, b: f64| match score.direction {
        Direction::Higher => a > b,
        Direction::Lower => a < b,
    };
    let best = found
        .iter()
        .flatten()
        .map(|(value, _)| *value)
        .reduce(|a, b| if better(b, a) { b } else { a });
    let cells = found.iter().enumerate().map(|(index, cell)| {
        let Some((value, row)) = cell else {
            return "<td class=\"absent\">–</td>".to_owned();
        };
        let style = Style::of_score(row);
        let shown = style.show(*value);
        let shown = if best == Some(*value) && page.runs.len() > 1 {
            format!("<b>{shown}</b>")
        } else {
            shown
        };
        let run = &page.runs[index].name;
        let apart = page
            .differences
            .iter()
            .find(|apart| apart.is_of(score, run));
        let apart = apart.map(|apart| difference(style, score.direction, apart));
        format!(
            "<td class=\"num\">{shown}{}</td>",
            apart.unwrap_or_default()
        )
    });
    let cells: String = cells.collect();
    let (name, meaning) = metric_name(&score.metric);
    let arrow = match score.direction {
        Direction::Higher => "↑",
        Direction::Lower => "↓",
    };
    format!(
        "<tr><th scope=\"row\" title=\"{}\">{}<span class=\"arrow\">{arrow}</span></th><td>{}</td>{cells}</tr>",
        escape(meaning),
        escape(name),
        escape(&score.subset).replace('/', "/<wbr>"),
    )
}

/// A difference below its number, and what the exact test says of answers.
fn difference(style: Style, direction: Direction, apart: &Difference) -> String {
    let sign = |value: f64| {
        let sign = if value < 0.0 { "−" } else { "+" };
        format!("{sign}{}", style.show(value.abs()))
    };
    let range = apart.ci_low.zip(apart.ci_high);
    let class = match (direction, range) {
        (Direction::Higher, Some((low, _))) if low > 0.0 => " class=\"good\"",
        (Direction::Higher, Some((_, high))) if high < 0.0 => " class=\"bad\"",
        (Direction::Lower, Some((_, high))) if high < 0.0 => " class=\"good\"",
        (Direction::Lower, Some((low, _))) if low > 0.0 => " class=\"bad\"",
        _ => "",
    };
    let range = range.map_or_else(String::new, |(low, high)| {
        format!(" [{} … {}]", sign(low), sign(high))
    });
    let test = match (apart.only_base, apart.only_run, apart.mcnemar_p) {
        (Some(base), Some(run), Some(p)) => {
            let p = if p < 0.001 {
                "p < 0.001".to_owned()
            } else {
                format!("p = {p:.3}")
            };
            format!("<br><small>McNemar {run} : {base}, {p}</small>")
        }
        _ => String::new(),
    };
    let apart = sign(apart.difference);
    format!("<br><small{class}>{apart}{range}</small>{test}")
}

/// The settings in which the runs differ.
fn settings(page: &Comparison<'_>) -> String {
    if page.settings.is_empty() {
        return "<p class=\"empty\">The plans are the same.</p>".to_owned();
    }
    let columns: String = page
        .runs
        .iter()
        .map(|run| ["<th>", &escape(&run.name), "</th>"].concat())
        .collect();
    let row = |(key, values): &(String, Vec<Option<String>>)| {
        let cells: String = values
            .iter()
            .map(|value| match value {
                Some(value) => format!("<td><code>{}</code></td>", escape(value)),
                None => "<td class=\"absent\">unset</td>".to_owned(),
            })
            .collect();
        format!(
            "<tr><th scope=\"row\"><code>{}</code></th>{cells}</tr>",
            escape(key)
        )
    };
    let rows: String = page.settings.iter().map(row).collect();
    format!(
        "<div class=\"wide\"><table class=\"stages\"><thead><tr><th>setting</th>{columns}</tr></thead>\
         <tbody>{rows}</tbody></table></div>"
    )
}
