//! Scores at the end of a command: a small table on stderr, or JSON on stdout.

use std::path::Path;

use serde_json::json;
use slotflow_eval::metric::registry::METRICS;
use slotflow_eval::{Score, ScoreTable};

use super::failure::Failure;
use super::output::print;
use crate::artifacts::progress::say;

/// Rows of a small table.
const MOST: usize = 16;

/// Prints the key figures of a table: score, interval, floor.
pub fn say_key_figures(table: &ScoreTable) {
    say_scores(table.rows.iter().filter(|score| is_key_figure(score)));
}

/// Prints rows: score, interval, floor.
pub fn say_scores<'a>(rows: impl Iterator<Item = &'a Score>) {
    let rows: Vec<&Score> = rows.collect();
    for score in rows.iter().take(MOST) {
        say(&line(score));
    }
    if rows.len() > MOST {
        say(&format!("and {} rows more in the table", rows.len() - MOST));
    }
}

/// Prints the key figures of the runs of a sweep, a line a run behind its values.
pub fn say_sweep(keys: &[String], runs: &[(Vec<String>, ScoreTable)]) {
    for line in swept_lines(keys, runs) {
        say(&line);
    }
}

/// A head and a line a run, in columns.
fn swept_lines(keys: &[String], runs: &[(Vec<String>, ScoreTable)]) -> Vec<String> {
    let mut figures: Vec<&Score> = Vec::new();
    for score in runs.iter().flat_map(|(_, table)| &table.rows) {
        let is_new = !figures.iter().any(|known| is_same_figure(known, score));
        if is_key_figure(score) && is_new {
            figures.push(score);
        }
    }
    let named = |score: &&Score| match score.run.as_str() {
        "" => format!("{} {}", score.metric, score.subset),
        run => format!("{run}: {} {}", score.metric, score.subset),
    };
    let mut rows: Vec<Vec<String>> = vec![
        keys.iter()
            .cloned()
            .chain(figures.iter().map(named))
            .collect(),
    ];
    for (values, table) in runs {
        let value = |figure: &&Score| {
            let score = table
                .rows
                .iter()
                .find(|score| is_same_figure(score, figure));
            let value = score.and_then(|score| score.value);
            value.map_or("-".to_owned(), |value| format!("{value:.4}"))
        };
        rows.push(
            values
                .iter()
                .cloned()
                .chain(figures.iter().map(value))
                .collect(),
        );
    }
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    let padded = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths);
        let cells = cells.map(|(cell, &width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(padded).collect()
}

fn is_same_figure(one: &Score, other: &Score) -> bool {
    (&one.metric, &one.profile, &one.subset, &one.run)
        == (&other.metric, &other.profile, &other.subset, &other.run)
}

/// Prints one JSON object: the page or table, the scores, and what was left out.
///
/// # Errors
/// When stdout cannot be written.
pub fn print_json(
    path: &Path,
    table: &ScoreTable,
    failures: impl IntoIterator<Item = (String, String)>,
) -> Result<(), Failure> {
    let failures: serde_json::Map<String, serde_json::Value> = failures
        .into_iter()
        .map(|(clip, reason)| (clip, json!(reason)))
        .collect();
    print(&json!({ "path": path, "scores": table.rows, "left-out": failures }).to_string())
}

fn is_key_figure(score: &Score) -> bool {
    METRICS.iter().any(|metric| {
        let mut figures = metric.key_figures.iter();
        score.metric == *metric.name && figures.any(|figure| figure.subset == score.subset)
    })
}

fn line(score: &Score) -> String {
    let run = match score.run.as_str() {
        "" => String::new(),
        run => format!("{run}: "),
    };
    let name = format!("{run}{} {} ({})", score.metric, score.subset, score.profile);
    let Some(value) = score.value else {
        return format!("{name:<52} {}", score.note);
    };
    let interval = match (score.ci_low, score.ci_high) {
        (Some(low), Some(high)) => format!(" [{low:.4}, {high:.4}]"),
        _ => String::new(),
    };
    let floor = score
        .floor
        .map(|floor| format!("   floor {floor:.4}"))
        .unwrap_or_default();
    format!("{name:<52} {value:.4}{interval}{floor}")
}

#[cfg(test)]
mod tests {
    use slotflow_eval::metric::registry::Registry;

    use super::*;

    #[test]
    fn a_sweep_is_a_table_of_its_values_and_key_figures() {
        let id = Registry::default().parse_list("psnr").unwrap()[0];
        let table = |value: f64| ScoreTable {
            rows: vec![
                Score::new(id, "imagined").with_value(value, 4),
                Score::new(id, "elsewhere").with_value(1.0, 4),
            ],
        };
        let none = ScoreTable::default();
        let runs = [("4", table(20.5)), ("12", table(21.0)), ("24", none)];
        let runs = runs.map(|(value, table)| (vec![value.to_owned()], table));
        let lines = swept_lines(&["rollout.burn-in".to_owned()], &runs);
        assert_eq!(
            lines,
            [
                "rollout.burn-in  psnr imagined",
                "4                20.5000",
                "12               21.0000",
                "24               -",
            ]
        );
    }

    #[test]
    fn a_line_says_score_interval_and_floor_or_why_there_is_none() {
        let registry = Registry::default();
        let psnr = registry.parse_list("psnr").unwrap()[0];
        let score = Score::new(psnr, "imagined")
            .with_value(21.5, 40)
            .with_interval(21.0, 22.0, "bca")
            .with_bounds(Some(20.0), None);
        assert!(is_key_figure(&score));
        let said = line(&score);
        assert!(said.starts_with("psnr imagined (per-image-mean)"), "{said}");
        assert!(
            said.ends_with("21.5000 [21.0000, 22.0000]   floor 20.0000"),
            "{said}"
        );
        let none = line(&Score::not_computed(psnr, "imagined", "no clips"));
        assert!(none.ends_with("not computed: no clips"), "{none}");
    }
}
