//! The tables of question answering on CLEVRER.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use slotflow_datasets::{Dataset, Split};

use super::flow::Flow;
use super::video_predict::{AnswerConfig, DecodeConfig, EncodeConfig, WeightsName};

/// A plan that answers questions about clips.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct ClevrerVqaPlan {
    /// Which flow: `clevrer-vqa`.
    pub flow: Flow,
    /// The seed of everything random.
    pub seed: u64,
    /// Which clips, which frames.
    pub decode: DecodeConfig,
    /// Frames → slots.
    pub encode: EncodeConfig,
    /// The SlotFormer that rolls slots out behind the clip, and without an object.
    pub dynamics: WeightsName,
    /// Aloe.
    pub answer: AnswerConfig,
    /// Reasoners of the same kind that see less, or the truth: floors and ceilings by name.
    pub baselines: BTreeMap<String, WeightsName>,
    /// Programs on events that a supervised head reads off slots; none if unset.
    pub neuro_symbolic: Option<NeuroSymbolicConfig>,
    /// What is written.
    pub page: PageConfig,
}

/// `[neuro-symbolic]`: slots → events → programs → answers (after NS-DR, Yi et al. 2020).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct NeuroSymbolicConfig {
    /// The head.
    pub weights: WeightsName,
    /// Frames rolled out behind the clip's end.
    pub steps: usize,
    /// Readings of a clip's objects and events that programs run on, drawn by their probabilities; the answer is what most of
    /// those say on which the program does not fail. 1 = the most likely reading alone.
    pub readings: usize,
}

/// `[page]`: what is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct PageConfig {
    /// Whose answers stand on the page, in `answers.csv` and in the submission: `aloe`, `neuro-symbolic`, or a name of
    /// `baselines`.
    pub answers: AnswererName,
    /// Where answers go in the form of CLEVRER's evaluation server; nowhere if unset.
    pub submission: Option<PathBuf>,
}

impl ClevrerVqaPlan {
    /// All that answer.
    pub fn answerers(&self) -> Vec<AnswererName> {
        let own = self.neuro_symbolic.as_ref();
        let own = own.map(|_| AnswererName::NeuroSymbolic);
        let baselines = self.baselines.keys().cloned().map(AnswererName::Baseline);
        let aloe = std::iter::once(AnswererName::Aloe);
        aloe.chain(own).chain(baselines).collect()
    }

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
            flow: Flow::ClevrerVqa,
            seed: 0,
            decode: DecodeConfig::default(),
            encode: EncodeConfig::default(),
            dynamics: WeightsName::bundled("synth-metal/slotformer"),
            answer: AnswerConfig::default(),
            baselines: BTreeMap::new(),
            neuro_symbolic: None,
            page: PageConfig::default(),
        }
    }
}

impl Default for NeuroSymbolicConfig {
    fn default() -> Self {
        Self {
            weights: WeightsName::bundled("synth-metal/object-event-head"),
            steps: 7,
            readings: 64,
        }
    }
}

impl Default for PageConfig {
    fn default() -> Self {
        Self {
            answers: AnswererName::Aloe,
            submission: None,
        }
    }
}

/// Who answers questions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum AnswererName {
    /// `aloe`: `[answer]`.
    Aloe,
    /// `neuro-symbolic`, formerly `reason`: `[neuro-symbolic]`.
    NeuroSymbolic,
    /// A name of `[baselines]`.
    Baseline(String),
}

impl AnswererName {
    /// The profile of its scores and the name of its table of answers, as files of earlier versions have it.
    pub fn profile(&self) -> &str {
        match self {
            Self::Aloe => "aloe",
            Self::NeuroSymbolic => "reason",
            Self::Baseline(name) => name,
        }
    }
}

impl From<String> for AnswererName {
    fn from(name: String) -> Self {
        match name.as_str() {
            "aloe" => Self::Aloe,
            "neuro-symbolic" | "reason" => Self::NeuroSymbolic,
            _ => Self::Baseline(name),
        }
    }
}

impl From<AnswererName> for String {
    fn from(name: AnswererName) -> Self {
        name.to_string()
    }
}

impl std::fmt::Display for AnswererName {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::Aloe => "aloe",
            Self::NeuroSymbolic => "neuro-symbolic",
            Self::Baseline(name) => name,
        })
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
        assert_eq!(read(&[]), (Dataset::default(), Split::Test));
        let root = "decode.root=\"tree\"";
        assert_eq!(read(&[root]), (Dataset::Clevrer, Split::Val));
        assert_eq!(
            read(&[root, "decode.split=\"test\""]),
            (Dataset::Clevrer, Split::Test)
        );
    }
}
