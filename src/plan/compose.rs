//! The tables of composition: new scenes from slots of different clips, drawn by several decoders side by side.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use slotflow_eval::metric::list::PublishedMetrics;

use super::flow::Flow;
use super::video_predict::{
    DecodeConfig, EncodeConfig, RenderConfig, RenderStart, RolloutConfig, VideoFormat, WeightsName,
};
use crate::models::decoder::sampler::SamplerConfig;

/// A plan that composes scenes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct ComposePlan {
    /// Which flow: `compose`.
    pub flow: Flow,
    /// The seed of everything random.
    pub seed: u64,
    /// Which clips, which frames.
    pub decode: DecodeConfig,
    /// Frames → slots, for decoders that name no encoder of their own.
    pub encode: EncodeConfig,
    /// Slots of different clips → slots of new scenes.
    pub compose: ComposeConfig,
    /// Composed slots → predicted slots, for decoders that name no SlotFormer of their own; of the mode `rollout`.
    pub rollout: RolloutConfig,
    /// Scores.
    pub evaluate: SceneEvaluateConfig,
    /// The page, the videos and the pictures.
    pub report: SceneReportConfig,
    /// Slots → frames, each decoder under a name of its own.
    pub decoders: BTreeMap<String, DecoderConfig>,
}

/// `[compose]`: slots of different clips → slots of new scenes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct ComposeConfig {
    /// Which slots come together.
    pub protocol: Protocol,
    /// How a scene goes on in time.
    pub mode: Mode,
    /// How many scenes; as many as clips if unset.
    pub count: Option<usize>,
    /// Clips of a batch, of `batch-shift`.
    pub batch: usize,
    /// Objects of a scene, of `objects`; as many as its background's clip has if unset.
    pub objects: Option<usize>,
    /// Other clips that the objects of one scene come from; each from another one if unset.
    pub donors: Option<usize>,
    /// Whether objects of the background's own clip may be drawn, too.
    pub own_objects: bool,
    /// Least and greatest share of the picture that an object has, a mean over the frames.
    pub share: [f64; 2],
    /// Two objects overlap unlikely much where the intersection of their masks over their union is above this in a frame.
    pub overlap: f64,
    /// Draws of an object until one overlaps with none; the last resort is named in `parents.csv`.
    pub tries: usize,
}

/// Which slots come together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// The background of one clip, objects of others, drawn at random.
    #[default]
    Objects,
    /// Within a batch of B clips, slot i of scene b is that of clip (b + i) mod B (SlotDiffusion).
    BatchShift,
}

/// How a scene goes on in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Slots of every frame are taken together.
    #[default]
    PerFrame,
    /// Slots of the burn-in are taken together; SlotFormer rolls them out.
    Rollout,
}

/// `[decoders.NAME]`: slots → frames.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DecoderConfig {
    /// The decoder: mixture, autoregressive or latent diffusion, as the file's header says.
    pub weights: WeightsName,
    /// The slot encoder that it was trained with; that of `[encode]` if unset.
    #[serde(default)]
    pub encoder: Option<WeightsName>,
    /// The SlotFormer of those slots; that of `[rollout]` if unset.
    #[serde(default)]
    pub slotformer: Option<WeightsName>,
    /// How latents are sampled.
    #[serde(default)]
    pub sampler: SamplerConfig,
    /// One noise for all frames of a clip, so that what stays looks the same.
    #[serde(default = "yes")]
    pub shared_noise: bool,
}

fn yes() -> bool {
    true
}

impl DecoderConfig {
    /// The decoder as `[render]` of a prediction has it: sampled from noise.
    pub fn render(&self) -> RenderConfig {
        RenderConfig {
            weights: self.weights.clone(),
            sampler: self.sampler.clone(),
            shared_noise: self.shared_noise,
            start: RenderStart::Noise,
        }
    }
}

/// `[evaluate]`: composed scenes against real clips and against what the decoder makes of real clips.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct SceneEvaluateConfig {
    /// The network behind `fvd-motion`; unset = not computed.
    pub motion: Option<WeightsName>,
    /// Distances between sets by published networks, such as `fid,kid,fvd`; they need downloaded weights.
    pub metrics: PublishedMetrics,
}

/// `[report]`: the page, the videos and the pictures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct SceneReportConfig {
    /// Scenes whose videos and parents stand in the page.
    pub clips: usize,
    /// The kind of video file.
    pub format: VideoFormat,
    /// Times that a picture is enlarged.
    pub scale: usize,
}

impl Default for ComposePlan {
    fn default() -> Self {
        Self {
            flow: Flow::Compose,
            seed: 0,
            decode: DecodeConfig::default(),
            encode: EncodeConfig::default(),
            compose: ComposeConfig::default(),
            rollout: RolloutConfig::default(),
            evaluate: SceneEvaluateConfig::default(),
            report: SceneReportConfig::default(),
            decoders: BTreeMap::new(),
        }
    }
}

impl Default for ComposeConfig {
    fn default() -> Self {
        Self {
            protocol: Protocol::Objects,
            mode: Mode::PerFrame,
            count: None,
            batch: 16,
            objects: None,
            donors: None,
            own_objects: false,
            share: [0.005, 0.2],
            overlap: 0.3,
            tries: 16,
        }
    }
}

impl Default for SceneEvaluateConfig {
    fn default() -> Self {
        Self {
            motion: Some(WeightsName::bundled("motion")),
            metrics: distances(),
        }
    }
}

/// FID, KID and FVD: they compare sets, and new scenes have no truth of their own.
fn distances() -> PublishedMetrics {
    let list = PublishedMetrics::try_from("fid,kid,fvd".to_owned());
    list.unwrap_or_else(|error| unreachable!("a list of our own: {error}"))
}

impl Default for SceneReportConfig {
    fn default() -> Self {
        Self {
            clips: 8,
            format: VideoFormat::Mp4,
            scale: 2,
        }
    }
}
