//! One value that a score was made from: [`ItemValue`], a row of `items.csv`.

use serde::{Deserialize, Serialize};

use super::table::{Row, Table};
use crate::metric::MetricName;

/// One value that a score was made from: an item of a subset, and a frame of it where there is one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemValue {
    /// The metric.
    pub metric: MetricName,
    /// Which definition of it.
    pub profile: String,
    /// What it was measured on.
    pub subset: String,
    /// The clip or question.
    pub item: String,
    /// Frame within the clip, counted from its first sampled frame; absent for a whole clip.
    pub frame: Option<usize>,
    /// The value; absent where the metric is undefined.
    pub value: Option<f64>,
}

/// `items.csv`.
pub type ItemTable = Table<ItemValue>;

impl Row for ItemValue {
    const NAME: &'static str = "items";
    const COLUMNS: &'static [&'static str] =
        &["metric", "profile", "subset", "item", "frame", "value"];

    fn numbers(&self) -> (String, Vec<Option<f64>>) {
        let Self {
            metric,
            profile,
            subset,
            item,
            ..
        } = self;
        (
            format!("{metric}/{profile}/{subset}/{item}"),
            vec![self.value],
        )
    }
}
