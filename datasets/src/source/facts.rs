//! Facts of every data set, in `presets/*.toml` under `[facts]`.

use serde::{Deserialize, Serialize};

use super::interface::GroundTruth;

/// Facts of a data set. What no source says is left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Facts {
    /// One line on what the clips or pictures show.
    pub description: String,
    /// Ground truth beside the frames.
    #[serde(default)]
    pub knows: Vec<GroundTruth>,
    /// Height and width of a frame as published, pixels.
    #[serde(default)]
    pub size: Option<[usize; 2]>,
    /// Height and width that the papers train at, pixels.
    #[serde(default)]
    pub trained_size: Option<[usize; 2]>,
    /// Frames a second as published.
    #[serde(default)]
    pub fps: Option<f32>,
    /// Frames of a clip as published; of the longest where clips differ; 1 for pictures.
    #[serde(default)]
    pub frames: Option<usize>,
    /// Whether one camera at one place recorded all clips, so that they share an empty scene.
    #[serde(default)]
    pub fixed_camera: bool,
    /// The data set's own splits.
    #[serde(default)]
    pub splits: Vec<PublishedSplit>,
    /// Files below the root, as the official code of the papers reads them.
    #[serde(default)]
    pub layout: Option<String>,
    /// Where the data set comes from.
    #[serde(default)]
    pub source: Option<String>,
    /// The licence of the data.
    #[serde(default)]
    pub licence: Option<String>,
}

/// A split of a data set as it is published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PublishedSplit {
    /// Its name.
    pub name: String,
    /// How many clips or pictures it has.
    #[serde(default)]
    pub clips: Option<usize>,
}

/// The one table of a preset that is read here; the generator's settings stand beside it.
#[derive(Deserialize)]
struct Preset {
    facts: Facts,
}

impl Facts {
    /// The facts in a preset's text.
    ///
    /// # Errors
    /// When the text is not TOML, or has no table `facts` or one with an unknown key.
    pub fn parse(preset: &str) -> Result<Self, toml::de::Error> {
        toml::from_str::<Preset>(preset).map(|preset| preset.facts)
    }
}
