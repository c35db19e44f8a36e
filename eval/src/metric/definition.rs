//! A metric as every table, page and document knows it: `Metric`, its definitions, how each is computed, and
//! [`MetricId`], a metric in one definition.

use std::cmp::Ordering;
use std::fmt;

use ndarray::ArrayView3;

use super::direction::Direction;
use super::network_profiles::{FidProfile, FvdProfile, LpipsProfile};
use crate::error::EvalError;
use crate::segmentation::boxes::Detection;
use crate::segmentation::overlap::{SegProfile, Segmentation};

/// A metric of the registry. Each is a constant in the file that computes it, and one line of
/// [`METRICS`](super::registry::METRICS).
#[derive(Debug)]
pub struct Metric {
    /// Name in tables, plans and on the command line, such as `fg-ari`.
    pub name: &'static str,
    /// Name as papers write it, such as `FG-ARI`.
    pub title: &'static str,
    /// Meaning in a few words, for the page.
    pub meaning: &'static str,
    /// Unit of its values.
    pub unit: Unit,
    /// Which way is better.
    pub direction: Direction,
    /// Table of the page that it stands in.
    pub group: Group,
    /// Definitions in use; the first is this project's default.
    pub definitions: &'static [Definition],
    /// Profile under which every run measures it without being asked; `None` where runs do not.
    pub in_runs: Option<&'static str>,
    /// Rows that the page puts first, as a card and a sentence.
    pub key_figures: &'static [KeyFigure],
}

/// One definition of a metric: the same name means different numbers in different papers.
#[derive(Debug)]
pub struct Definition {
    /// Its name, such as `per-image-mean`.
    pub profile: &'static str,
    /// How it is computed.
    pub compute: Compute,
}

/// How a definition is computed, which says what it needs and what it gives.
#[derive(Debug, Clone, Copy)]
pub enum Compute {
    /// A number for each frame of a pair of videos, from pixels alone.
    Frame(FrameMetric),
    /// A number for each frame of a pair of videos, by a published network.
    Lpips(LpipsProfile),
    /// A number for each clip or frame of a pair of masks, as the profile says.
    Masks(SegProfile, fn(&Segmentation) -> MaskValue),
    /// A number for each frame of a pair of masks, from the boxes around them.
    Boxes(fn(&Detection) -> Option<f64>),
    /// One number for two sets of clips, by I3D's features.
    VideoSet(SetDistance, FvdProfile),
    /// One number for two sets of frames, by Inception's features.
    FrameSet(SetDistance, FidProfile),
    /// One number for two files of features of one network.
    Features(FeatureOrigin),
    /// One number for two sets of clips, by the bundled motion network.
    Motion,
    /// Shares of right answers.
    Answers,
}

/// A metric of two frames of pixels in 0..=255.
#[derive(Debug, Clone, Copy)]
pub struct FrameMetric {
    /// The value of one frame.
    ///
    /// # Shape
    /// truth and prediction: `[height, width, rgb]`
    pub value: fn(ArrayView3<'_, u8>, ArrayView3<'_, u8>) -> Result<f64, EvalError>,
    /// What becomes of a mean of values before it is reported, falling in its argument: the decibels of a squared
    /// error that is pooled over all frames. `None` where the mean itself is reported.
    pub after_mean: Option<fn(f64) -> Option<f64>>,
}

/// What masks score on one clip or frame.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct MaskValue {
    /// Sum of what is averaged, such as objects found.
    pub sum: f64,
    /// How much is averaged, such as objects; 0 where the metric is undefined.
    pub count: f64,
    /// Whether the value is settled by convention, not by the data.
    pub degenerate: bool,
}

/// A distance between two sets of feature vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SetDistance {
    /// Fréchet distance between Gaussians.
    Frechet,
    /// The same extrapolated to infinitely many items.
    FrechetInfinity,
    /// Maximum mean discrepancy with a cubic kernel.
    Mmd,
}

/// Where the features of a [`Compute::Features`] come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeatureOrigin {
    /// A network that is not built in.
    NotBuiltIn,
    /// Files that a person gives.
    Given,
}

/// What a metric looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needs {
    /// Pairs of videos.
    Videos,
    /// Pairs of masks.
    Masks,
    /// Two files of features.
    Features,
    /// Answers to questions.
    Answers,
}

/// What a metric gives a value for; a score is the mean over them, or the one value there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gives {
    /// Each frame.
    Frame,
    /// Each clip.
    Clip,
    /// Both sets together.
    Set,
    /// Each question.
    Question,
}

/// Unit of a metric's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// None.
    One,
    /// Decibels.
    Decibel,
    /// A share, shown in per cent.
    Share,
}

/// Table of the page that a metric stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Frames against frames.
    Pixels,
    /// Masks and boxes.
    Masks,
    /// Sets of videos or frames against sets.
    Distance,
    /// Answers to questions.
    Answers,
}

/// A row that the page puts first.
#[derive(Debug, Clone, Copy)]
pub struct KeyFigure {
    /// Subset of the row.
    pub subset: &'static str,
    /// What was measured, in words.
    pub subject: &'static str,
    /// What its floor is, in words.
    pub floor: &'static str,
}

impl Metric {
    /// The default definition.
    ///
    /// # Panics
    /// If the metric has none; the registry's test refuses such a metric.
    pub const fn default_id(&'static self) -> MetricId {
        self.id_at(0)
    }

    /// The definition in this place of the list, which for an enum of profiles is its number.
    ///
    /// # Panics
    /// If the metric has fewer.
    pub const fn id_at(&'static self, place: usize) -> MetricId {
        MetricId::new(self, &self.definitions[place])
    }

    /// The definition of this profile.
    pub fn id(&'static self, profile: &str) -> Option<MetricId> {
        let found = self.definitions.iter().find(|one| one.profile == profile);
        found.map(|definition| MetricId::new(self, definition))
    }

    /// All definitions, the default first.
    pub fn ids(&'static self) -> impl Iterator<Item = MetricId> {
        let definitions = self.definitions.iter();
        definitions.map(move |definition| MetricId::new(self, definition))
    }
}

/// A metric in one of its definitions. Only a [`Metric`] makes one, so nothing else is ever measured.
#[derive(Debug, Clone, Copy)]
pub struct MetricId {
    metric: &'static Metric,
    definition: &'static Definition,
}

impl MetricId {
    const fn new(metric: &'static Metric, definition: &'static Definition) -> Self {
        Self { metric, definition }
    }

    /// The metric.
    pub const fn metric(self) -> &'static Metric {
        self.metric
    }

    /// Its name in tables.
    pub const fn name(self) -> &'static str {
        self.metric.name
    }

    /// The name of its definition.
    pub const fn profile(self) -> &'static str {
        self.definition.profile
    }

    /// Which way is better.
    pub const fn direction(self) -> Direction {
        self.metric.direction
    }

    /// How it is computed.
    pub const fn compute(self) -> Compute {
        self.definition.compute
    }

    fn key(self) -> (&'static str, &'static str) {
        (self.name(), self.profile())
    }
}

impl PartialEq for MetricId {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for MetricId {}

impl PartialOrd for MetricId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for MetricId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl fmt::Display for MetricId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name(), self.profile())
    }
}

impl Compute {
    /// What it looks at.
    pub const fn needs(self) -> Needs {
        match self {
            Self::Masks(..) | Self::Boxes(_) => Needs::Masks,
            Self::Features(FeatureOrigin::Given) => Needs::Features,
            Self::Answers => Needs::Answers,
            _ => Needs::Videos,
        }
    }

    /// What it gives a value for.
    pub const fn gives(self) -> Gives {
        match self {
            Self::Frame(_) | Self::Lpips(_) | Self::Boxes(_) => Gives::Frame,
            Self::Masks(profile, _) if profile.by_frame() => Gives::Frame,
            Self::Masks(..) => Gives::Clip,
            Self::VideoSet(..) | Self::FrameSet(..) | Self::Features(_) | Self::Motion => {
                Gives::Set
            }
            Self::Answers => Gives::Question,
        }
    }

    /// Whether `pipeline eval` computes it from folders; the others belong to runs.
    pub const fn is_of_folders(self) -> bool {
        !matches!(self, Self::Answers | Self::Features(FeatureOrigin::Given))
    }

    /// Whether a published network computes it, whose weights a person downloads.
    pub const fn is_of_published_network(self) -> bool {
        matches!(
            self,
            Self::Lpips(_) | Self::VideoSet(..) | Self::FrameSet(..)
        )
    }
}

impl MaskValue {
    /// One value, or none.
    pub fn of(value: Option<f64>) -> Self {
        Self {
            sum: value.unwrap_or(0.0),
            count: f64::from(u8::from(value.is_some())),
            degenerate: false,
        }
    }
}
