//! How a measure changes along the horizon: mean over clips at each frame, as inline SVG.

use std::collections::BTreeMap;

use crate::metric::MetricName;
use crate::report::markup::{Style, counted, escape, exponent, metric_name};
use crate::report::page::{CEILING_SUFFIX, FLOOR_SUFFIX, IMAGINED, IN_FOLDERS, RECONSTRUCTION};
use crate::tables::{ItemTable, ItemValue};

const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 56.0;
const RIGHT: f64 = 508.0;
const TOP: f64 = 22.0;
const BOTTOM: f64 = 222.0;

/// Finite values of the clips at each frame.
type Frames = BTreeMap<usize, Vec<f64>>;

/// A line of a chart: what it is called and how it is drawn.
struct Line {
    class: &'static str,
    label: &'static str,
    frames: Frames,
}

/// One chart: a metric under a profile on a subset.
struct Chart<'a> {
    metric: &'a MetricName,
    profile: &'a str,
    subset: &'a str,
    /// The measure itself comes last, so that it is drawn over the others.
    lines: Vec<Line>,
}

/// A chart for every metric that has values by frame on an imagined subset, in the order of the items.
pub(in crate::report) fn charts(items: &ItemTable, burn_in: usize) -> String {
    let mut keys: Vec<(&MetricName, &str, &str)> = Vec::new();
    for item in &items.rows {
        let key = (&item.metric, &*item.profile, base(&item.subset));
        let shown = key.2.starts_with(IMAGINED) || key.2 == IN_FOLDERS;
        if item.frame.is_some() && shown && !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys.into_iter()
        .filter_map(|key| Chart::of(items, key))
        .map(|chart| chart.draw(burn_in))
        .collect()
}

/// A subset without the suffix of a bound.
fn base(subset: &str) -> &str {
    let bare = subset.strip_suffix(FLOOR_SUFFIX);
    bare.or_else(|| subset.strip_suffix(CEILING_SUFFIX))
        .unwrap_or(subset)
}

impl<'a> Chart<'a> {
    fn of(
        items: &'a ItemTable,
        (metric, profile, subset): (&'a MetricName, &'a str, &'a str),
    ) -> Option<Self> {
        let frames = |wanted: String| {
            let mut frames = Frames::new();
            for item in items.rows.iter().filter(|item| {
                item.metric == *metric && item.profile == profile && item.subset == wanted
            }) {
                if let Some((frame, value)) = finite(item) {
                    frames.entry(frame).or_default().push(value);
                }
            }
            frames
        };
        let drawn = if subset == IMAGINED {
            RECONSTRUCTION
        } else {
            ""
        };
        let lines = [
            (
                "drawn",
                "drawn from the frame’s own slots",
                drawn.to_owned(),
            ),
            ("ceiling", "ceiling", format!("{subset}{CEILING_SUFFIX}")),
            (
                "floor",
                "floor: last seen frame, copied",
                format!("{subset}{FLOOR_SUFFIX}"),
            ),
            (
                "main",
                if subset == IN_FOLDERS {
                    "prediction"
                } else {
                    "imagined"
                },
                subset.to_owned(),
            ),
        ];
        let lines: Vec<Line> = lines
            .into_iter()
            .map(|(class, label, wanted)| Line {
                class,
                label,
                frames: frames(wanted),
            })
            .filter(|line| !line.frames.is_empty())
            .collect();
        (!lines.is_empty()).then_some(Self {
            metric,
            profile,
            subset,
            lines,
        })
    }

    fn draw(&self, burn_in: usize) -> String {
        let plot = Plot::over(&self.lines, burn_in);
        let lines: String = self.lines.iter().map(|line| plot.line(line)).collect();
        let band = self.lines.iter().find(|line| line.class == "main");
        let band = band.map_or_else(String::new, |line| plot.band(&line.frames));
        let (name, meaning) = metric_name(self.metric);
        let clips = self
            .lines
            .iter()
            .flat_map(|line| line.frames.values().map(Vec::len));
        let clips = counted(clips.max().unwrap_or(0), "clip", "clips");
        let on = self.subset.strip_prefix(IMAGINED).unwrap_or_default();
        let on = on.trim_start_matches('-');
        let on = if on.is_empty() {
            String::new()
        } else {
            format!(", {on} pixels")
        };
        format!(
            "<figure class=\"chart\"><figcaption><b title=\"{meaning}\">{name}{on}</b> <code>{profile}</code>\
             <span>mean over {clips}; band: their middle half</span></figcaption>\
             <svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\"><title>{name}{on} against frame</title>\
             {axes}{band}{lines}</svg><p class=\"legend\">{legend}</p></figure>",
            meaning = escape(meaning),
            name = escape(name),
            on = escape(&on),
            profile = escape(self.profile),
            axes = plot.axes(burn_in, self.lines.iter().any(|line| line.class == "main")),
            legend = self.lines.iter().rev().map(swatch).collect::<String>(),
        )
    }
}

fn finite(item: &ItemValue) -> Option<(usize, f64)> {
    Some((item.frame?, item.value.filter(|value| value.is_finite())?))
}

fn swatch(line: &Line) -> String {
    format!(
        "<span><svg class=\"swatch\" viewBox=\"0 0 24 8\" aria-hidden=\"true\"><path class=\"line {}\" d=\"M1 4H23\"/></svg>{}</span>",
        line.class, line.label
    )
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The value below which a share of the values lies, interpolated.
fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = share * (sorted.len() - 1) as f64;
    let (below, part) = (place.floor() as usize, place.fract());
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + part * (sorted[above] - sorted[below])
}

/// From frames and values to places on the paper.
struct Plot {
    frames: [usize; 2],
    values: [f64; 2],
    step: f64,
}

impl Plot {
    fn over(lines: &[Line], burn_in: usize) -> Self {
        let frames = || lines.iter().flat_map(|line| line.frames.keys().copied());
        let first = frames().min().unwrap_or(0).min(burn_in.saturating_sub(1));
        let last = frames().max().unwrap_or(0).max(first + 1);
        let means = lines
            .iter()
            .flat_map(|line| line.frames.values().map(|values| mean(values)));
        let main = lines.iter().filter(|line| line.class == "main");
        let quartiles = main
            .flat_map(|line| line.frames.values())
            .flat_map(|values| [quantile(values, 0.25), quantile(values, 0.75)]);
        let all: Vec<f64> = means.chain(quartiles).collect();
        let low = all.iter().copied().fold(f64::INFINITY, f64::min);
        let high = all.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let span = if high > low {
            high - low
        } else {
            low.abs().max(1.0)
        };
        let step = round_step(span / 4.0);
        let values = [
            (low / step).floor() * step,
            ((high / step).floor() + 1.0) * step,
        ];
        Self {
            frames: [first, last],
            values,
            step,
        }
    }

    fn x(&self, frame: f64) -> f64 {
        let [first, last] = self.frames.map(|frame| frame as f64);
        LEFT + 8.0 + (frame - first) / (last - first) * (RIGHT - LEFT - 16.0)
    }

    fn y(&self, value: f64) -> f64 {
        let [low, high] = self.values;
        BOTTOM - (value - low) / (high - low) * (BOTTOM - TOP)
    }

    /// A path through the means; where a frame has none, the line is broken.
    fn line(&self, line: &Line) -> String {
        let mut path = String::new();
        let mut dots = String::new();
        let mut before = None;
        for (&frame, values) in &line.frames {
            let (x, y) = (self.x(frame as f64), self.y(mean(values)));
            let joined = before.is_some_and(|before: usize| before + 1 == frame);
            path.push_str(
                &format_args!("{}{x:.1} {y:.1}", if joined { "L" } else { "M" }).to_string(),
            );
            before = Some(frame);
            if line.class == "main" {
                dots.push_str(&Self::dot([x, y], frame, values));
            }
        }
        format!("<path class=\"line {}\" d=\"{path}\"/>{dots}", line.class)
    }

    fn dot([x, y]: [f64; 2], frame: usize, values: &[f64]) -> String {
        let mean = mean(values);
        format!(
            "<circle class=\"dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"><title>frame {frame}: {} ({})</title></circle>",
            Style::of(None, mean).show(mean),
            counted(values.len(), "clip", "clips")
        )
    }

    /// The middle half of the clips at each frame.
    fn band(&self, frames: &Frames) -> String {
        let edge = |share: f64| {
            frames
                .iter()
                .map(move |(&frame, values)| (frame as f64, quantile(values, share)))
        };
        let upper: Vec<(f64, f64)> = edge(0.75).collect();
        let lower: Vec<(f64, f64)> = edge(0.25).collect();
        let places = upper.into_iter().chain(lower.into_iter().rev());
        let places: Vec<String> = places
            .map(|(frame, value)| format!("{:.1} {:.1}", self.x(frame), self.y(value)))
            .collect();
        format!("<path class=\"band\" d=\"M{}Z\"/>", places.join("L"))
    }

    fn axes(&self, burn_in: usize, imagined: bool) -> String {
        let seen = if imagined {
            self.seen(burn_in)
        } else {
            String::new()
        };
        let steps = ((self.values[1] - self.values[0]) / self.step).round() as usize;
        let decimals = (-exponent(self.step)).clamp(0, 7) as usize;
        let rows: String = (0..=steps)
            .map(|tick| {
                let value = self.values[0] + tick as f64 * self.step;
                self.row(value, decimals)
            })
            .collect();
        let [first, last] = self.frames;
        let stride = round_step((last - first) as f64 / 8.0).max(1.0) as usize;
        let columns: String = (first..=last)
            .filter(|frame| frame % stride == 0)
            .map(|frame| self.column(frame))
            .collect();
        let middle = f64::midpoint(LEFT, RIGHT);
        format!(
            "{seen}{rows}<line class=\"axis\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{BOTTOM}\" y2=\"{BOTTOM}\"/>{columns}\
             <text class=\"tick\" x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">frame</text>",
            HEIGHT - 4.0
        )
    }

    fn row(&self, value: f64, decimals: usize) -> String {
        let y = self.y(value);
        let text = format!("{value:.decimals$}");
        let text = text.replace('-', "−");
        format!(
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text class=\"tick\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>",
            LEFT - 8.0,
            y + 4.0
        )
    }

    fn column(&self, frame: usize) -> String {
        let x = self.x(frame as f64);
        format!(
            "<line class=\"axis\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{BOTTOM}\" y2=\"{}\"/>\
             <text class=\"tick\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{frame}</text>",
            BOTTOM + 4.0,
            BOTTOM + 17.0
        )
    }

    /// The frames that were seen, shaded, and the line where imagination starts.
    fn seen(&self, burn_in: usize) -> String {
        if burn_in == 0 || burn_in <= self.frames[0] || burn_in > self.frames[1] {
            return String::new();
        }
        let x = self.x(burn_in as f64 - 0.5);
        format!(
            "<rect class=\"seen\" x=\"{LEFT}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{}\"/>\
             <line class=\"start\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{}\" y2=\"{BOTTOM}\"/>\
             <text class=\"tick start-text\" x=\"{:.1}\" y=\"{}\">imagined →</text>",
            x - LEFT,
            BOTTOM - TOP,
            TOP - 6.0,
            x + 5.0,
            TOP - 8.0
        )
    }
}

/// The least of 1, 2, 5, 10, 20, … (and their tenths, hundredths, …) that is no smaller.
fn round_step(least: f64) -> f64 {
    let power = 10f64.powi(exponent(least));
    let rounds = [1.0, 2.0, 5.0, 10.0].map(|round| round * power);
    rounds
        .into_iter()
        .find(|round| *round >= least)
        .unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(subset: &str, frames: std::ops::Range<usize>, value: f64) -> Vec<ItemValue> {
        let item = |frame| ItemValue {
            metric: crate::pixel::psnr::PSNR.default_id().into(),
            profile: String::new(),
            subset: subset.to_owned(),
            item: "a".to_owned(),
            frame: Some(frame),
            value: Some(value - frame as f64),
        };
        frames.map(item).collect()
    }

    #[test]
    fn a_floor_becomes_a_second_line_of_the_same_chart() {
        let one: ItemTable = items("imagined", 6..24, 30.0).into_iter().collect();
        assert_eq!(
            charts(&one, 6).matches("<path class=\"line").count(),
            2,
            "line and swatch"
        );
        let both = [
            items("imagined", 6..24, 30.0),
            items("imagined-floor", 6..24, 25.0),
        ]
        .concat();
        let both = charts(&both.into_iter().collect(), 6);
        assert_eq!(both.matches("<figure").count(), 1);
        assert_eq!(both.matches("class=\"line floor\"").count(), 2);
    }

    #[test]
    fn the_start_of_imagination_is_marked() {
        let table: ItemTable = items("imagined", 6..24, 30.0).into_iter().collect();
        assert!(charts(&table, 6).contains("class=\"start\""));
        assert!(!charts(&table, 0).contains("class=\"start\""));
    }

    #[test]
    fn values_of_whole_clips_and_other_subsets_make_no_chart() {
        let mut rows = items("observed", 0..6, 30.0);
        rows.push(ItemValue {
            frame: None,
            ..items("imagined", 0..1, 1.0)[0].clone()
        });
        assert_eq!(charts(&rows.into_iter().collect(), 6), "");
    }

    #[test]
    fn infinite_and_single_values_are_drawn_without_nan() {
        let mut rows = items("imagined", 6..7, 30.0);
        rows.push(ItemValue {
            value: Some(f64::INFINITY),
            ..rows[0].clone()
        });
        let chart = charts(&rows.into_iter().collect(), 6);
        assert!(
            !chart.contains("NaN") && !chart.contains("inf\""),
            "{chart}"
        );
    }

    #[test]
    fn a_gap_breaks_the_line() {
        let rows = [
            items("imagined", 6..8, 30.0),
            items("imagined", 10..12, 30.0),
        ]
        .concat();
        let chart = charts(&rows.into_iter().collect(), 6);
        let (_, path) = chart.split_once("class=\"line main\" d=\"").unwrap();
        let (path, _) = path.split_once('"').unwrap();
        assert_eq!(path.matches('M').count(), 2, "{path}");
    }

    #[test]
    fn steps_are_round() {
        let steps = [0.03, 1.0, 1.3, 4.0, 7.0, 120.0].map(round_step);
        let expected = [0.05, 1.0, 2.0, 5.0, 10.0, 200.0];
        assert!(
            steps
                .iter()
                .zip(expected)
                .all(|(step, wanted)| (step - wanted).abs() < 1e-12)
        );
        assert!((quantile(&[4.0, 1.0, 2.0], 0.25) - 1.5).abs() < 1e-12);
    }
}
