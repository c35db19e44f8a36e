//! Text and numbers as they stand in HTML.

use crate::metric::MetricName;
use crate::metric::definition::{Metric, Unit};
use crate::metric::registry::find;
use crate::tables::Score;

/// Text that is safe between tags and inside quoted attributes.
///
/// Characters that steer the reading direction or a terminal become U+FFFD: a file name must not rearrange the page.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + text.len() / 8);
    for character in text.chars() {
        match character {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\n' | '\t' => safe.push(character),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => safe.push('\u{fffd}'),
            control if control.is_control() => safe.push('\u{fffd}'),
            other => safe.push(other),
        }
    }
    safe
}

/// A template with each `{{name}}` replaced once; what was put in is not looked at again.
pub(super) fn fill(template: &str, parts: &[(&str, String)]) -> String {
    let mut page = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").unwrap_or((after, ""));
        page.push_str(before);
        let part = parts.iter().find(|(known, _)| *known == name);
        page.push_str(part.map_or("", |(_, text)| text));
        rest = after;
    }
    page.push_str(rest);
    page
}

/// How the numbers of one score are written, so that they stand under one another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Style {
    decimals: usize,
    scale: f64,
    unit: &'static str,
}

impl Style {
    /// Four significant digits of a number above one, three of one below; shares of answers in per cent.
    pub(super) fn of(metric: Option<&Metric>, value: f64) -> Self {
        if metric.is_some_and(|metric| metric.unit == Unit::Share) {
            return Self {
                decimals: 1,
                scale: 100.0,
                unit: "\u{2009}%",
            };
        }
        let exponent = exponent(value);
        let decimals = if exponent >= 0 {
            3 - exponent
        } else {
            2 - exponent
        };
        Self {
            decimals: decimals.clamp(0, 7) as usize,
            scale: 1.0,
            unit: "",
        }
    }

    /// The style for all numbers of a score: that of its value, or of a bound where there is none.
    pub(super) fn of_score(score: &Score) -> Self {
        let value = score.value.or(score.floor).or(score.ceiling).unwrap_or(0.0);
        Self::of(known(&score.metric), value)
    }

    /// A number in this style.
    pub(super) fn show(self, value: f64) -> String {
        if value.is_infinite() {
            return if value > 0.0 { "∞" } else { "−∞" }.to_owned();
        }
        let text = format!("{:.*}", self.decimals, value * self.scale);
        // No negative nought, and a minus as wide as the digits.
        let negative =
            text.starts_with('-') && text.chars().any(|digit| matches!(digit, '1'..='9'));
        let digits = text.trim_start_matches('-');
        format!("{}{digits}{}", if negative { "−" } else { "" }, self.unit)
    }

    /// Two ends in this style.
    pub(super) fn range(self, low: f64, high: f64) -> String {
        let bare = Self { unit: "", ..self };
        format!("{}\u{2009}–\u{2009}{}", bare.show(low), self.show(high))
    }
}

/// The power of ten of a number's first digit; of nought, −1.
pub(super) fn exponent(value: f64) -> i32 {
    if value == 0.0 || !value.is_finite() {
        return -1;
    }
    let text = format!("{value:e}");
    text.rsplit_once('e')
        .and_then(|(_, power)| power.parse().ok())
        .unwrap_or(-1)
}

/// A count with the noun that goes with it.
pub(super) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// The registry's entry of a row's metric, whatever weights it was made with.
pub(super) fn known(name: &MetricName) -> Option<&'static Metric> {
    name.metric().or_else(|| find(name.as_str()))
}

/// A metric's name as people write it, and what it is; an unknown one stands as it is.
pub(super) fn metric_name(name: &MetricName) -> (&str, &'static str) {
    match known(name) {
        Some(metric) if *name == *metric.name => (metric.title, metric.meaning),
        _ => (name.as_str(), ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_means_something_to_html_survives() {
        assert_eq!(
            escape("<a b='c' d=\"e\">&\0\u{1b}\u{202e}é"),
            "&lt;a b=&#39;c&#39; d=&quot;e&quot;&gt;&amp;\u{fffd}\u{fffd}\u{fffd}é"
        );
    }

    #[test]
    fn what_is_filled_in_is_not_filled_again() {
        let parts = [("a", "{{b}}".to_owned()), ("b", "B".to_owned())];
        assert_eq!(fill("x{{a}}y{{b}}z", &parts), "x{{b}}yBz");
    }

    #[test]
    fn numbers_keep_their_significant_digits() {
        let show = |metric: &str, value: f64| Style::of(find(metric), value).show(value);
        assert_eq!(show("psnr", 24.3149), "24.31");
        assert_eq!(show("ssim", 0.81249), "0.812");
        assert_eq!(show("mse", 0.012_349), "0.0123");
        assert_eq!(show("fvd", 1234.5), "1234");
        assert_eq!(show("accuracy", 0.5417), "54.2\u{2009}%");
        assert_eq!(show("ari", -0.012), "−0.0120");
        assert_eq!(Style::of(find("ssim"), 0.5).show(-0.0001), "0.000");
        assert_eq!(show("psnr", f64::INFINITY), "∞");
        let range = Style::of(find("accuracy"), 0.5).range(0.41, 0.59);
        assert_eq!(range, "41.0\u{2009}–\u{2009}59.0\u{2009}%");
    }
}
