//! The tables of question answering on CLEVRER.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use slotflow_datasets::{Dataset, Split};

use super::video_predict::{AnswerConfig, DecodeConfig, EncodeConfig, WeightsName};

/// A plan that answers questions about clips.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct ClevrerVqaPlan {
    /// Which flow: `clevrer-vqa`.
    pub flow: String,
    /// The seed of everything random.
    pub seed: u64,
    /// Which clips, which frames.
    pub decode: DecodeConfig,
    /// Frames → slots.
    pub encode: EncodeConfig,
    /// The SlotFormer that imagines what comes after the clip, and what would be without an object.
    pub dynamics: WeightsName,
    /// Aloe.
    pub answer: AnswerConfig,
    /// Reasoners of the same kind that see less, or the truth: floors and ceilings by name.
    pub beside: BTreeMap<String, WeightsName>,
    /// Programs on events that a supervised head reads off slots; none if unset.
    pub reason: Option<ReasonConfig>,
    /// What is written.
    pub page: PageConfig,
}

/// `[reason]`: slots → events → answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct ReasonConfig {
    /// The head.
    pub weights: WeightsName,
    /// Frames imagined beyond the clip's end.
    pub steps: usize,
}

/// `[page]`: what is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct PageConfig {
    /// Whose answers stand on the page, in `answers.csv` and in the submission: `aloe`, `reason`, or a name of `beside`.
    pub answers: String,
    /// Where answers go in the form of CLEVRER's evaluation server; nowhere if unset.
    pub submission: Option<PathBuf>,
}

impl ClevrerVqaPlan {
    /// With a folder in place of the generator's clips, those of CLEVRER there: of the validation split, the last with
    /// published answers, unless the plan names one.
    pub(super) fn rooted(table: &mut toml::Table) {
        let Some(decode) = table.get_mut("decode").and_then(toml::Value::as_table_mut) else {
            return;
        };
        let dataset = decode.get("dataset").and_then(toml::Value::as_str);
        let is_default = dataset.is_none_or(|name| name == Dataset::default().name());
        if decode.contains_key("root") && is_default {
            decode.insert("dataset".to_owned(), Dataset::Clevrer.name().into());
            let split = decode.entry("split");
            split.or_insert_with(|| Split::Val.name().into());
        }
    }
}

impl Default for ClevrerVqaPlan {
    fn default() -> Self {
        Self {
            flow: "clevrer-vqa".to_owned(),
            seed: 0,
            decode: DecodeConfig::default(),
            encode: EncodeConfig::default(),
            dynamics: WeightsName::shipped("slotformer"),
            answer: AnswerConfig::default(),
            beside: BTreeMap::new(),
            reason: None,
            page: PageConfig::default(),
        }
    }
}

impl Default for ReasonConfig {
    fn default() -> Self {
        Self {
            weights: WeightsName::shipped("sight"),
            steps: 7,
        }
    }
}

impl Default for PageConfig {
    fn default() -> Self {
        Self {
            answers: "aloe".to_owned(),
            submission: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use slotflow_datasets::{Dataset, Split};

    use crate::plan::Plan;

    #[test]
    fn a_root_is_clevrers_and_its_split_the_one_that_the_plan_names() {
        let read = |changes: &[&str]| {
            let changes: Vec<String> = changes.iter().map(|&change| change.to_owned()).collect();
            match Plan::load("clevrer-vqa", &changes).unwrap() {
                Plan::ClevrerVqa(plan) => (plan.decode.dataset, plan.decode.split),
                plan => panic!("another flow: {plan:?}"),
            }
        };
        assert_eq!(read(&[]), (Dataset::Synth, Split::Test));
        let root = "decode.root=\"tree\"";
        assert_eq!(read(&[root]), (Dataset::Clevrer, Split::Val));
        assert_eq!(
            read(&[root, "decode.split=\"test\""]),
            (Dataset::Clevrer, Split::Test)
        );
    }
}
