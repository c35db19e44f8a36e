//! A score between its floor and its ceiling, as a line a hand wide: right is better.

use crate::metric::Direction;
use crate::report::markup::{Style, escape};
use crate::tables::Score;

const WIDTH: f64 = 128.0;
const MARGIN: f64 = 6.0;

/// Values below which an interval says too little.
const FEW: usize = 30;

/// How a score stands to its floor: better only where an interval of enough values says so and no ceiling speaks against
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::report) enum Verdict {
    /// Better, the whole interval.
    Above,
    /// Worse, the whole interval.
    Below,
    /// The floor lies within the interval or at its end, the values are few, or there is no interval; or the value is
    /// beyond its ceiling, so that one of them is wrong.
    Unclear,
    /// There is no floor, or no value.
    Unknown,
}

impl Verdict {
    /// How this score stands.
    pub(in crate::report) fn of(score: &Score) -> Self {
        let (Some(value), Some(floor)) = (score.value, score.floor) else {
            return Self::Unknown;
        };
        let low = score.ci_low.unwrap_or(value);
        let high = score.ci_high.unwrap_or(value);
        let is_beyond = |ceiling: f64| match score.direction {
            Direction::Higher => value > ceiling,
            Direction::Lower => value < ceiling,
        };
        let proves_nothing =
            score.ci_low.is_none() || score.n_items < FEW || score.ceiling.is_some_and(is_beyond);
        if low <= floor && floor <= high {
            return Self::Unclear;
        }
        let is_better = match score.direction {
            Direction::Higher => low > floor,
            Direction::Lower => high < floor,
        };
        match (is_better, proves_nothing) {
            (true, false) => Self::Above,
            (true, true) => Self::Unclear,
            (false, _) => Self::Below,
        }
    }

    /// Whether it would be [`Verdict::Above`] if it were taken over more values.
    pub(in crate::report) fn lacks_values(score: &Score) -> bool {
        let more = Score {
            n_items: FEW,
            ..score.clone()
        };
        score.n_items < FEW && Self::of(&more) == Self::Above
    }

    /// The class that colours it.
    pub(in crate::report) fn class(self) -> &'static str {
        match self {
            Self::Above => "good",
            Self::Below => "bad",
            Self::Unclear => "open",
            Self::Unknown => "plain",
        }
    }
}

/// The bar of a score; empty where there is nothing to compare it with.
pub(in crate::report) fn bar(score: &Score) -> String {
    let Some(value) = score.value.filter(|value| value.is_finite()) else {
        return String::new();
    };
    let bounds = [score.floor, score.ceiling].map(|bound| bound.filter(|bound| bound.is_finite()));
    if bounds == [None, None] {
        return String::new();
    }
    let ends = [score.ci_low, score.ci_high].map(|end| end.filter(|end| end.is_finite()));
    let all = || bounds.into_iter().chain(ends).flatten().chain([value]);
    let (low, high) = all().fold((value, value), |(low, high), one| {
        (low.min(one), high.max(one))
    });
    if high <= low {
        return String::new();
    }
    let place = |one: f64| {
        let share = (one - low) / (high - low);
        let share = match score.direction {
            Direction::Higher => share,
            Direction::Lower => 1.0 - share,
        };
        MARGIN + share * (WIDTH - 2.0 * MARGIN)
    };
    let tick = |class: &str, bound: Option<f64>| {
        bound.map_or_else(String::new, |bound| {
            let x = place(bound);
            format!("<line class=\"{class}\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"2\" y2=\"14\"/>")
        })
    };
    let interval = match ends {
        [Some(from), Some(to)] => {
            let (a, b) = (place(from), place(to));
            let (left, width) = (a.min(b), (a - b).abs());
            format!(
                "<rect class=\"ci\" x=\"{left:.1}\" y=\"6\" width=\"{width:.1}\" height=\"4\" rx=\"2\"/>"
            )
        }
        _ => String::new(),
    };
    format!(
        "<svg class=\"bar {class}\" viewBox=\"0 0 {WIDTH} 16\" role=\"img\"><title>{title}</title>\
         <line class=\"track\" x1=\"{MARGIN}\" x2=\"{end}\" y1=\"8\" y2=\"8\"/>{interval}{floor}{ceiling}\
         <circle cx=\"{x:.1}\" cy=\"8\" r=\"4\"/></svg>",
        class = Verdict::of(score).class(),
        title = title(score, value),
        end = WIDTH - MARGIN,
        floor = tick("floor", bounds[0]),
        ceiling = tick("ceiling", bounds[1]),
        x = place(value),
    )
}

fn title(score: &Score, value: f64) -> String {
    let style = Style::of_score(score);
    let named = |name: &str, bound: Option<f64>| {
        bound.map_or_else(String::new, |bound| {
            format!("{name} {}, ", style.show(bound))
        })
    };
    escape(&format!(
        "{}{}value {}; right is better",
        named("floor", score.floor),
        named("ceiling", score.ceiling),
        style.show(value)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pixel::mse::MSE;
    use crate::pixel::psnr::PSNR;

    fn score(direction: Direction, value: f64, ends: [f64; 2]) -> Score {
        let metric = match direction {
            Direction::Higher => &PSNR,
            Direction::Lower => &MSE,
        };
        Score::new(metric.default_id(), "s")
            .with_value(value, 80)
            .with_interval(ends[0], ends[1], "bca")
            .with_bounds(Some(20.0), Some(30.0))
    }

    #[test]
    fn better_is_said_only_where_the_numbers_carry_it() {
        let good = score(Direction::Higher, 25.0, [24.0, 26.0]);
        assert_eq!(Verdict::of(&good), Verdict::Above);
        let touching = good.clone().with_bounds(Some(24.0), None);
        let few = good.clone().with_value(25.0, 29);
        let beyond = good.clone().with_bounds(Some(20.0), Some(24.5));
        let bare = Score::new(PSNR.default_id(), "s")
            .with_value(25.0, 80)
            .with_bounds(Some(20.0), None);
        assert!(Verdict::lacks_values(&few) && !Verdict::lacks_values(&touching));
        for unclear in [touching, few, beyond, bare] {
            assert_eq!(Verdict::of(&unclear), Verdict::Unclear, "{unclear:?}");
        }
    }

    #[test]
    fn a_floor_inside_the_interval_decides_nothing() {
        use Direction::{Higher, Lower};
        let verdict = |direction, value, ends| {
            Verdict::of(&score(direction, value, ends).with_bounds(Some(20.0), None))
        };
        assert_eq!(verdict(Higher, 25.0, [24.0, 26.0]), Verdict::Above);
        assert_eq!(verdict(Higher, 21.0, [19.0, 23.0]), Verdict::Unclear);
        assert_eq!(verdict(Higher, 18.0, [17.0, 19.0]), Verdict::Below);
        assert_eq!(verdict(Lower, 18.0, [17.0, 19.0]), Verdict::Above);
        assert_eq!(verdict(Lower, 25.0, [24.0, 26.0]), Verdict::Below);
    }

    #[test]
    fn better_is_to_the_right_whichever_way_the_metric_goes() {
        let dot = |direction| {
            let bar = bar(&score(direction, 22.0, [21.0, 23.0]));
            let (_, after) = bar.split_once("cx=\"").unwrap();
            after.split_once('"').unwrap().0.parse::<f64>().unwrap()
        };
        assert!(dot(Direction::Higher) < WIDTH / 2.0 && dot(Direction::Lower) > WIDTH / 2.0);
    }

    #[test]
    fn without_bounds_there_is_no_bar() {
        let bare = Score::new(PSNR.default_id(), "s").with_value(1.0, 1);
        assert_eq!(bar(&bare), "");
    }
}
