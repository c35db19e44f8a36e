//! The tables of a prediction: one table a stage.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use slotflow_datasets::source::ColourOrder;
use slotflow_datasets::{Dataset, Fit, Split};
use slotflow_eval::metric::list::PublishedMetrics;

use super::flow::Flow;
use crate::models::decoder::sampler::SamplerConfig;

/// A plan that predicts videos.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct VideoPredictPlan {
    /// Which flow: `video-predict`.
    pub flow: Flow,
    /// The seed of everything random.
    pub seed: u64,
    /// Which clips, which frames.
    pub decode: DecodeConfig,
    /// Frames → slots.
    pub encode: EncodeConfig,
    /// Observed slots → predicted slots.
    pub rollout: RolloutConfig,
    /// Slots → frames.
    pub render: RenderConfig,
    /// Questions; only where the clips have some.
    pub answer: Option<AnswerConfig>,
    /// Scores.
    pub evaluate: EvaluateConfig,
    /// The page and the videos.
    pub report: ReportConfig,
}

impl Default for VideoPredictPlan {
    fn default() -> Self {
        Self {
            flow: Flow::VideoPredict,
            seed: 0,
            decode: DecodeConfig::default(),
            encode: EncodeConfig::default(),
            rollout: RolloutConfig::default(),
            render: RenderConfig::default(),
            answer: None,
            evaluate: EvaluateConfig::default(),
            report: ReportConfig::default(),
        }
    }
}

/// A weights file: a path, or `bundled:NAME` for one that comes with the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WeightsName(pub String);

impl WeightsName {
    pub(super) fn bundled(name: &str) -> Self {
        Self(format!("bundled:{name}"))
    }
}

/// `[decode]`: which clips, which frames.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct DecodeConfig {
    /// The data set; `videos` for own files.
    pub dataset: Dataset,
    /// The data set's folder; none for the generator.
    pub root: Option<PathBuf>,
    /// Own files and folders of files, for `videos`.
    pub videos: Vec<PathBuf>,
    /// `train`, `val` or `test`.
    pub split: Split,
    /// Whether own videos and pictures are split, as trainings do; otherwise all of them are read.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub split_own: bool,
    /// A text file that lists the own clips of each split; unset = by folders or by names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub list: Option<PathBuf>,
    /// Share of own clips for each of validation and test where names decide; unset = 0.1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_out_share: Option<f64>,
    /// The first clip.
    pub first: usize,
    /// How many clips at most; all of the data set if unset.
    pub clips: Option<usize>,
    /// The first sampled frame.
    pub start: usize,
    /// Sampled frames of a clip at most; `all` if unset.
    pub frames: Option<usize>,
    /// Own videos from start to end, as clips of `frames` sampled frames each.
    pub windows: bool,
    /// Frames of the file from one sampled frame to the next; unset = by `fps`.
    pub stride: Option<usize>,
    /// Sampled frames a second; unset = the rate that the weights were trained at.
    pub fps: Option<f32>,
    /// Height and width, pixels.
    pub size: [usize; 2],
    /// What happens to frames of another shape.
    pub fit: Fit,
    /// The order of a pixel's values, of `clevrer` alone.
    ///
    /// Differs: red first by default; the published CLEVRER weights know blue-first pixels.
    #[serde(skip_serializing_if = "is_usual")]
    pub colours: ColourOrder,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
/// Left out of keys, so that what was decoded before there was a choice is still there.
fn is_usual(colours: &ColourOrder) -> bool {
    *colours == ColourOrder::Rgb
}

impl Default for DecodeConfig {
    fn default() -> Self {
        Self {
            dataset: Dataset::default(),
            root: None,
            videos: Vec::new(),
            split: Split::Test,
            split_own: false,
            list: None,
            held_out_share: None,
            first: 0,
            clips: None,
            start: 0,
            frames: None,
            windows: false,
            stride: None,
            fps: None,
            size: [64, 64],
            fit: Fit::Crop,
            colours: ColourOrder::Rgb,
        }
    }
}

/// `[encode]`: frames → slots.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct EncodeConfig {
    /// The slot encoder.
    pub weights: WeightsName,
    /// Whether the attention of every slot is kept beside its mask, for masks at another size.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub attention: bool,
    /// Slots by pooling over regions in place of a slot encoder; `weights` is then a vision transformer, or a slot encoder
    /// whose stem gives the features.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regions: Option<RegionConfig>,
}

/// `[encode.regions]`: slots by pooling features over regions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct RegionConfig {
    /// Regions of a frame, and slots: clusters that are made, or labels that masks may have.
    pub count: usize,
    /// Masks from elsewhere, as `pipeline eval` reads them: `CLIP.npz`, `CLIP.npy`, `CLIP.png` or `CLIP/0000.png`;
    /// unset = k-means on the features.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub masks: Option<PathBuf>,
    /// What is pooled.
    pub features: RegionFeatures,
}

/// What is pooled over regions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RegionFeatures {
    /// Features of the network in `encode.weights`.
    #[default]
    Network,
    /// Colours of pixels.
    Pixels,
}

impl Default for RegionConfig {
    fn default() -> Self {
        Self {
            count: 7,
            masks: None,
            features: RegionFeatures::Network,
        }
    }
}

impl Default for EncodeConfig {
    fn default() -> Self {
        Self {
            weights: WeightsName::bundled("synth-metal/slot-encoder"),
            attention: false,
            regions: None,
        }
    }
}

/// `[rollout]`: observed slots → predicted slots.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct RolloutConfig {
    /// The SlotFormer.
    pub weights: WeightsName,
    /// Observed frames that the roll-out starts from.
    pub burn_in: usize,
    /// Frames to predict; the rest of the clip if unset.
    pub steps: Option<usize>,
}

impl Default for RolloutConfig {
    fn default() -> Self {
        Self {
            weights: WeightsName::bundled("synth-metal/slotformer"),
            burn_in: 6,
            steps: None,
        }
    }
}

/// `[render]`: slots → frames.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct RenderConfig {
    /// The decoder: mixture, autoregressive or latent diffusion, as the file's header says.
    pub weights: WeightsName,
    /// How latents are sampled.
    pub sampler: SamplerConfig,
    /// One noise for all frames of a clip, so that what stays looks the same.
    pub shared_noise: bool,
    /// What sampling starts from; a frame is made as noisy as `sampler.from` says.
    #[serde(skip_serializing_if = "RenderStart::is_noise")]
    pub start: RenderStart,
}

/// What sampling starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RenderStart {
    /// Pure noise.
    #[default]
    Noise,
    /// The last frame of the burn-in.
    ///
    /// Differs: the paper starts from noise alone.
    LastSeen,
}

impl RenderStart {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde asks")]
    fn is_noise(&self) -> bool {
        *self == Self::Noise
    }
}

impl Default for RenderConfig {
    fn default() -> Self {
        Self {
            weights: WeightsName::bundled("synth-metal/latent-diffusion"),
            sampler: SamplerConfig::default(),
            shared_noise: true,
            start: RenderStart::Noise,
        }
    }
}

/// `[answer]`: questions about the whole clip and what comes after it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct AnswerConfig {
    /// Aloe.
    pub weights: WeightsName,
    /// Frames rolled out behind the clip's end for predictive questions.
    pub steps: usize,
}

impl Default for AnswerConfig {
    fn default() -> Self {
        Self {
            weights: WeightsName::bundled("synth-metal/aloe"),
            steps: 7,
        }
    }
}

/// `[evaluate]`: scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct EvaluateConfig {
    /// The network behind `fvd-motion`; unset = not computed.
    pub motion: Option<WeightsName>,
    /// Metrics of published networks, as `pipeline eval` names them; they need downloaded weights.
    pub metrics: PublishedMetrics,
    /// A pixel changes where a channel differs by more than this from the last observed frame, of 255.
    pub change: u8,
    /// Resamples of the bootstrap.
    pub resamples: usize,
}

impl Default for EvaluateConfig {
    fn default() -> Self {
        Self {
            motion: Some(WeightsName::bundled("synth-metal/motion")),
            metrics: PublishedMetrics::default(),
            change: 16,
            resamples: 10_000,
        }
    }
}

/// `[report]`: the page and the videos.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct ReportConfig {
    /// Clips whose videos stand in the page.
    pub clips: usize,
    /// The kind of video file.
    pub format: VideoFormat,
    /// Times that a picture is enlarged.
    pub scale: usize,
}

impl Default for ReportConfig {
    fn default() -> Self {
        Self {
            clips: 8,
            format: VideoFormat::Mp4,
            scale: 2,
        }
    }
}

/// How a run writes videos.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VideoFormat {
    /// H.264.
    #[default]
    Mp4,
    /// 256 colours a frame.
    Gif,
    /// VP9.
    Webm,
    /// Folders of numbered pictures, pixel by pixel as they were made; videos of several columns and those within pages are
    /// H.264.
    Png,
}

impl VideoFormat {
    /// The kind of video within pages, and of videos of several columns.
    #[must_use]
    pub fn of_pages(self) -> Self {
        match self {
            Self::Png => Self::Mp4,
            video => video,
        }
    }

    /// The ending of a file's name; a folder of pictures has none.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Png => "",
            Self::Mp4 => "mp4",
            Self::Gif => "gif",
            Self::Webm => "webm",
        }
    }

    /// The media type of a page's element.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Mp4 | Self::Png => "video/mp4",
            Self::Gif => "image/gif",
            Self::Webm => "video/webm",
        }
    }
}
