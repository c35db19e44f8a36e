//! The tables of unsupervised segmentation.

use serde::{Deserialize, Serialize};
use slotflow_eval::metric::list::MaskMetrics;

use super::flow::Flow;
use super::video_predict::{DecodeConfig, EncodeConfig, RenderConfig, VideoFormat, WeightsName};
use crate::masks::Interpolation;

/// A plan that segments clips and pictures: nothing is rolled out, and rendered only where it says by what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct SegmentPlan {
    /// Which flow: `segment`.
    pub flow: Flow,
    /// The seed of everything random.
    pub seed: u64,
    /// Which clips, which frames.
    pub decode: DecodeConfig,
    /// Frames → slots.
    pub encode: EncodeConfig,
    /// Attention → masks.
    pub segment: SegmentConfig,
    /// Slots → frames: every frame from its own slots. Unset = nothing is rendered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub render: Option<RenderConfig>,
    /// Scores: of masks where the data set has some, of rendered frames where there are some.
    pub evaluate: SegmentEvaluateConfig,
    /// The page and the files.
    pub report: SegmentReportConfig,
}

impl Default for SegmentPlan {
    fn default() -> Self {
        Self {
            flow: Flow::Segment,
            seed: 0,
            decode: DecodeConfig::default(),
            encode: EncodeConfig::default(),
            segment: SegmentConfig::default(),
            render: None,
            evaluate: SegmentEvaluateConfig::default(),
            report: SegmentReportConfig::default(),
        }
    }
}

impl SegmentPlan {
    /// Whether masks are made of the attention anew, and are not those of the encoder's frames.
    pub fn resizes_masks(&self) -> bool {
        let size = self.segment.size.unwrap_or(self.decode.size);
        self.segment.interpolation == Interpolation::Nearest || size != self.decode.size
    }

    /// `[encode]`, with the attention kept where masks are made of it.
    pub fn encoding(&self) -> EncodeConfig {
        EncodeConfig {
            attention: self.encode.attention || self.resizes_masks(),
            ..self.encode.clone()
        }
    }
}

/// `[segment]`: attention → masks.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct SegmentConfig {
    /// Height and width of the masks, pixels, at which they are written and compared with the truth; unset = the
    /// encoder's frames (`decode.size`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<[usize; 2]>,
    /// How attention is brought to that size.
    pub interpolation: Interpolation,
    /// Numbers of segments to which slots that are alike are merged, the most first, two numbers at most: with its slot a
    /// pixel then has up to three masks, parts within wholes. Empty = the slots alone.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub levels: Vec<usize>,
}

/// `[evaluate]` of a segmentation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct SegmentEvaluateConfig {
    /// Metrics of masks, as `pipeline eval` names them.
    pub metrics: MaskMetrics,
    /// The network behind `fvd-motion` of rendered clips; unset = not computed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub motion: Option<WeightsName>,
    /// Resamples of the bootstrap.
    pub resamples: usize,
}

impl Default for SegmentEvaluateConfig {
    fn default() -> Self {
        Self {
            metrics: MaskMetrics::default(),
            motion: None,
            resamples: 10_000,
        }
    }
}

/// `[report]` of a segmentation: the page and the files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct SegmentReportConfig {
    /// Clips that stand in the page.
    pub clips: usize,
    /// The kind of video file; clips of one frame are pictures.
    pub format: VideoFormat,
    /// Times that a picture is enlarged.
    pub scale: usize,
    /// Files of masks, beside one another.
    pub masks: Vec<MaskFormat>,
}

impl Default for SegmentReportConfig {
    fn default() -> Self {
        Self {
            clips: 8,
            format: VideoFormat::Mp4,
            scale: 2,
            masks: vec![MaskFormat::Npz],
        }
    }
}

/// A kind of mask file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MaskFormat {
    /// `masks/CLIP.npz`: array `masks`, uint8 `[time, height, width]`.
    Npz,
    /// `masks-png/CLIP/0000.png`: indexed PNG, a pixel's value is its slot.
    Png,
    /// `masks-coco.json`: one annotation a slot and frame in COCO's result format, masks as compressed RLE.
    CocoRle,
}
