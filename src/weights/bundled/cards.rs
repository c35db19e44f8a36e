//! Model cards of the bundled weights: what a file is, how it was trained, what it scores, where it fails.

use serde::Deserialize;

use crate::weights::WeightsError;

/// Every card that is compiled in, by folder of the weights.
const CARDS: [&str; 3] = [
    include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/pipelines/weights/cards/synth-metal.toml"
    )),
    include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/pipelines/weights/cards/synth.toml"
    )),
    include_str!(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/pipelines/weights/cards/compare.toml"
    )),
];

/// What there is to know about a bundled weights file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Card {
    /// The file's name behind `bundled:`.
    pub name: String,
    /// What it does, with its source.
    pub what: String,
    /// What it was trained on.
    pub data: String,
    /// Optimiser steps, over all its trainings.
    pub steps: u64,
    /// Frames that it saw, counted again each time.
    pub frames: u64,
    /// Hours on two shared CPU cores.
    pub hours: f64,
    /// Its curve in `pipelines/weights/curves`.
    pub curve: String,
    /// Where it fails.
    pub limits: String,
    /// The trainings that make it from nothing, in order, with all that it needs.
    pub training: Vec<Step>,
    /// The run that scores it.
    pub evaluation: Step,
    /// What it scored there.
    pub score: Vec<StatedScore>,
}

/// A plan with changes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Step {
    /// Its name.
    pub plan: String,
    /// Changes of the form `table.key=value`.
    #[serde(default)]
    pub set: Vec<String>,
}

/// A score as the card states it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct StatedScore {
    /// The metric's name.
    pub metric: String,
    /// Its profile, where a table has several.
    #[serde(default)]
    pub profile: Option<String>,
    /// What it was measured on.
    pub subset: String,
    /// Which number of the row.
    #[serde(default)]
    pub column: Column,
    /// The number.
    pub value: f64,
    /// Its interval of 95 %, where it has one.
    #[serde(default)]
    pub interval: Option<[f64; 2]>,
    /// How far another machine's number may be away: rounding alone, for the clips and the seed are the same.
    pub tolerance: f64,
}

/// A number of a row of scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Column {
    /// What the models under test reached.
    #[default]
    Value,
    /// The best that could be reached: of a decoder in latents, its auto-encoder alone.
    Ceiling,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CardFile {
    card: Vec<Card>,
}

impl Step {
    /// The command that runs it.
    pub fn command(&self, verb: &str) -> String {
        let plan = self.plan.strip_prefix("train/").unwrap_or(&self.plan);
        let set = self.set.iter().map(|change| {
            let quote = if change.contains([' ', '[', '{']) {
                "'"
            } else {
                ""
            };
            format!(" --set {quote}{change}{quote}")
        });
        format!("pipeline {verb} {plan}{}", set.collect::<String>())
    }
}

/// All cards.
///
/// # Errors
/// A fault of ours: a card that does not parse.
pub fn cards() -> Result<Vec<Card>, WeightsError> {
    let mut all = Vec::new();
    for text in CARDS {
        let file: CardFile = toml::from_str(text).map_err(|error| WeightsError::Parts {
            reason: error.to_string(),
            path: "pipelines/weights/cards".into(),
        })?;
        all.extend(file.card);
    }
    Ok(all)
}

/// The card of a name; none where there is no such file.
///
/// # Errors
/// As [`cards`].
pub fn card(name: &str) -> Result<Option<Card>, WeightsError> {
    Ok(cards()?.into_iter().find(|card| card.name == name))
}
