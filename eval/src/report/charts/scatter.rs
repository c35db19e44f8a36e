//! One measure against another, a point a run, as inline SVG.

use crate::metric::Direction;
use crate::report::markup::{Style, escape, metric_name};
use crate::tables::{Score, ScoreTable};

const WIDTH: f64 = 520.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 508.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 268.0;
/// Ticks of an axis, about.
const TICKS: f64 = 5.0;
/// Colours of groups, as the page's style names them; later groups begin anew.
const COLOURS: usize = 4;

/// A measure: the first row of a table with this metric and subset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measure {
    /// The metric's name.
    pub metric: String,
    /// What it was measured on.
    pub subset: String,
}

/// One measure against another over runs.
#[derive(Debug, Clone)]
pub struct Scatter<'a> {
    /// From left to right, and upwards.
    pub axes: [Measure; 2],
    /// The points: what each is called, the group that gives it its colour, and its scores.
    pub points: Vec<(String, String, &'a ScoreTable)>,
}

/// A value with its interval.
#[derive(Clone, Copy)]
struct Value {
    at: f64,
    low: f64,
    high: f64,
}

impl Value {
    fn of(score: &Score) -> Option<Self> {
        let at = score.value.filter(|value| value.is_finite())?;
        Some(Self {
            at,
            low: score.ci_low.unwrap_or(at),
            high: score.ci_high.unwrap_or(at),
        })
    }
}

impl Scatter<'_> {
    /// The figure; nothing where no run has both measures.
    pub(in crate::report) fn draw(&self) -> String {
        let mut groups: Vec<&str> = Vec::new();
        let mut points = Vec::new();
        let mut shown = [None, None];
        for (name, group, table) in &self.points {
            let found = self.axes.each_ref().map(|axis| axis.find(table));
            let [Some(x), Some(y)] = found else { continue };
            let (Some(across), Some(up)) = (Value::of(x), Value::of(y)) else {
                continue;
            };
            shown = [Some(x), Some(y)];
            if !groups.contains(&&**group) {
                groups.push(group);
            }
            let colour = groups.iter().position(|one| one == group).unwrap_or(0) % COLOURS;
            points.push((name, colour, [across, up]));
        }
        let [Some(x), Some(y)] = shown else {
            return String::new();
        };
        let scales = [
            Scale::over(points.iter().map(|(_, _, [x, _])| *x), [LEFT, RIGHT]),
            Scale::over(points.iter().map(|(_, _, [_, y])| *y), [BOTTOM, TOP]),
        ];
        let styles = [Style::of_score(x), Style::of_score(y)];
        let marks: String = points
            .iter()
            .map(|(name, colour, values)| mark(name, *colour, (*values, styles), &scales))
            .collect();
        let legend: String = groups.iter().enumerate().map(swatch).collect();
        let titles = [title(x), title(y)].map(|title| escape(&title));
        format!(
            "<figure class=\"chart\"><figcaption><b>{y} against {x}</b><span>a point a run, lines: 95\u{a0}% over clips\
             </span></figcaption><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\"><title>{y} against {x}</title>\
             {axes}{marks}</svg><p class=\"legend\">{legend}</p></figure>",
            x = titles[0],
            y = titles[1],
            axes = axes(&scales, styles, &titles),
        )
    }
}

impl Measure {
    fn find<'a>(&self, table: &'a ScoreTable) -> Option<&'a Score> {
        let is_it = |row: &&Score| row.metric == *self.metric && row.subset == self.subset;
        table.rows.iter().find(is_it)
    }
}

/// A measure in words, with the better way.
fn title(score: &Score) -> String {
    let arrow = match score.direction {
        Direction::Higher => "↑",
        Direction::Lower => "↓",
    };
    let (name, _) = metric_name(&score.metric);
    format!("{name} {arrow} ({})", score.subset)
}

/// From values to places on the paper.
struct Scale {
    values: [f64; 2],
    step: f64,
    paper: [f64; 2],
}

impl Scale {
    fn over(values: impl Iterator<Item = Value> + Clone, paper: [f64; 2]) -> Self {
        let low = values.clone().map(|value| value.low.min(value.at));
        let high = values.map(|value| value.high.max(value.at));
        let low = low.fold(f64::INFINITY, f64::min);
        let high = high.fold(f64::NEG_INFINITY, f64::max);
        let step = step((high - low).max(low.abs().max(1e-6) * 1e-3) / TICKS);
        let edges = [(low / step).floor() * step, (high / step).ceil() * step];
        let values = if edges[0] < edges[1] {
            edges
        } else {
            [edges[0], edges[0] + step]
        };
        Self {
            values,
            step,
            paper,
        }
    }

    fn place(&self, value: f64) -> f64 {
        let share = (value - self.values[0]) / (self.values[1] - self.values[0]);
        self.paper[0] + share * (self.paper[1] - self.paper[0])
    }

    fn ticks(&self) -> impl Iterator<Item = f64> {
        let count = ((self.values[1] - self.values[0]) / self.step).round() as usize;
        let (low, step) = (self.values[0], self.step);
        (0..=count).map(move |tick| low + tick as f64 * step)
    }
}

/// 1, 2 or 5 times a power of ten, at least as large.
fn step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let parts = [1.0, 2.0, 5.0, 10.0];
    let fine = parts.iter().find(|part| *part * power >= least * 0.999);
    fine.unwrap_or(&10.0) * power
}

fn mark(
    name: &str,
    colour: usize,
    ([x, y], [x_style, y_style]): ([Value; 2], [Style; 2]),
    [across, up]: &[Scale; 2],
) -> String {
    let (left, right) = (across.place(x.low), across.place(x.high));
    let (bottom, top) = (up.place(y.low), up.place(y.high));
    let (at_x, at_y) = (across.place(x.at), up.place(y.at));
    format!(
        "<g class=\"group-{colour}\"><path class=\"whisker\" d=\"M{left:.1} {at_y:.1}H{right:.1}M{at_x:.1} {bottom:.1}V{top:.1}\"/>\
         <circle cx=\"{at_x:.1}\" cy=\"{at_y:.1}\" r=\"5\"><title>{}: {}, {}</title></circle></g>",
        escape(name),
        x_style.show(x.at),
        y_style.show(y.at),
    )
}

fn swatch((at, group): (usize, &&str)) -> String {
    format!(
        "<span><svg class=\"swatch group-{}\" viewBox=\"0 0 24 10\" aria-hidden=\"true\"><circle cx=\"12\" cy=\"5\" r=\"5\"/></svg>{}</span>",
        at % COLOURS,
        escape(group)
    )
}

fn axes(
    [across, up]: &[Scale; 2],
    [x_style, y_style]: [Style; 2],
    [x_title, y_title]: &[String; 2],
) -> String {
    let columns = across.ticks().map(|value| {
        let x = across.place(value);
        format!(
            "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{BOTTOM}\"/>\
             <text class=\"tick\" x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            BOTTOM + 17.0,
            x_style.show(value)
        )
    });
    let rows = up.ticks().map(|value| {
        let y = up.place(value);
        format!(
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text class=\"tick\" x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 8.0,
            y + 4.0,
            y_style.show(value)
        )
    });
    let (middle, half) = (f64::midpoint(LEFT, RIGHT), f64::midpoint(TOP, BOTTOM));
    let titles = format!(
        "<text class=\"tick\" x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{x_title}</text>\
         <text class=\"tick\" x=\"14\" y=\"{half}\" text-anchor=\"middle\" transform=\"rotate(-90 14 {half})\">{y_title}</text>",
        HEIGHT - 8.0
    );
    columns.chain(rows).chain(std::iter::once(titles)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pixel::psnr::PSNR;
    use crate::segmentation::metrics::MIOU;

    fn table(miou: f64, psnr: f64) -> ScoreTable {
        let rows = vec![
            Score::new(MIOU.default_id(), "observed").with_value(miou, 8),
            Score::new(PSNR.default_id(), "reconstruction")
                .with_value(psnr, 8)
                .with_interval(psnr - 1.0, psnr + 1.0, "bootstrap"),
        ];
        ScoreTable { rows }
    }

    fn axes_of_test() -> [Measure; 2] {
        [("miou", "observed"), ("psnr", "reconstruction")].map(|(metric, subset)| Measure {
            metric: metric.to_owned(),
            subset: subset.to_owned(),
        })
    }

    #[test]
    fn every_run_with_both_measures_is_a_point_in_the_colour_of_its_group() {
        let tables = [table(0.6, 25.0), table(0.7, 27.0), table(0.8, 26.0)];
        let empty = ScoreTable::default();
        let named = ["50, seed 0", "50, seed 1", "1000, seed 0"];
        let mut points: Vec<_> = named
            .iter()
            .zip(["50", "50", "1000"])
            .zip(&tables)
            .map(|((name, group), table)| ((*name).to_owned(), group.to_owned(), table))
            .collect();
        points.push(("none".to_owned(), "none".to_owned(), &empty));
        let figure = Scatter {
            axes: axes_of_test(),
            points,
        };
        let drawn = figure.draw();
        assert_eq!(drawn.matches("<g class=\"group-0\">").count(), 2, "{drawn}");
        assert_eq!(drawn.matches("<g class=\"group-1\">").count(), 1, "{drawn}");
        assert_eq!(drawn.matches("class=\"swatch").count(), 2, "{drawn}");
        for name in named {
            assert!(drawn.contains(&format!("<title>{name}:")), "{drawn}");
        }
        // More is further right, and higher up.
        let place = |name: &str, axis: &str| -> f64 {
            let before = drawn.split(&format!("<title>{name}:")).next().unwrap();
            let value = before.rsplit(&format!("{axis}=\"")).next().unwrap();
            value.split('"').next().unwrap().parse().unwrap()
        };
        assert!(place(named[0], "cx") < place(named[2], "cx"));
        assert!(place(named[0], "cy") > place(named[1], "cy"));
    }

    #[test]
    fn steps_are_round_and_a_single_value_has_a_scale() {
        for (least, wanted) in [(0.03, 0.05), (1.0, 1.0), (1.2, 2.0), (70.0, 100.0)] {
            assert!((step(least) - wanted).abs() < 1e-9, "{least}");
        }
        let one = Value {
            at: 0.5,
            low: 0.5,
            high: 0.5,
        };
        let scale = Scale::over(std::iter::once(one), [0.0, 100.0]);
        assert!(scale.place(0.5).is_finite() && scale.ticks().count() >= 2);
    }
}
