//! The tables of question answering on CLEVRER.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

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
    /// The same; with a folder in place of the generator's clips, those of CLEVRER there, whose validation split is the
    /// last with published answers.
    #[must_use]
    pub fn rooted(mut self) -> Self {
        if self.decode.root.is_some() && self.decode.dataset == "synth" {
            "clevrer".clone_into(&mut self.decode.dataset);
            if self.decode.split == "test" {
                "val".clone_into(&mut self.decode.split);
            }
        }
        self
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
