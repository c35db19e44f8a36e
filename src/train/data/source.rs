//! The data set of a training, split by split: frames, and what the data set knows of its clips.

use std::path::Path;

use ndarray::{Array3, Array4, Axis};
use rayon::prelude::*;
use slotflow_datasets::source::open_generated;
use slotflow_datasets::synth::physics::states::TOKEN;
use slotflow_datasets::synth::questions::Amount;
use slotflow_datasets::synth::{Event, FrameCache, States, SynthSource};
use slotflow_datasets::{DataError, Fit, FrameSampling, Source, SourceConfig, Split, Window};

use crate::models::encoder::SlotEncoder;
use crate::models::perceptual::motion::EVENTS;
use crate::train::data::clip_dataset::ClipDataset;
use crate::train::data::config::{ClipNeeds, TrainData};
use crate::train::data::qa_dataset::{Text, texts_of};
use crate::train::error::TrainError;

/// What is trained on and what is validated on.
#[derive(Debug, Clone)]
pub struct Splits<T> {
    /// Of the clips that gradients come from.
    pub train: T,
    /// Of the clips that figures come from.
    pub held_out: T,
}

impl<T> Splits<T> {
    /// Both splits, each by `read`.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn read<E>(mut read: impl FnMut(Split) -> Result<T, E>) -> Result<Self, E> {
        Ok(Self {
            train: read(Split::Train)?,
            held_out: read(Split::Val)?,
        })
    }

    /// The split's part.
    pub fn of(&self, split: Split) -> &T {
        match split {
            Split::Train => &self.train,
            Split::Val | Split::Test => &self.held_out,
        }
    }
}

/// The data set of a training.
#[derive(Debug, Clone, Copy)]
pub struct TrainingSource<'a> {
    /// Which clips, which frames.
    pub data: &'a TrainData,
    /// Folder in which frames are kept.
    pub cache: &'a Path,
}

impl TrainingSource<'_> {
    /// Refuses a data set that cannot be read here, or lacks ground truth that an objective learns from.
    ///
    /// # Errors
    /// Names the data set.
    pub fn check(&self, needs: ClipNeeds) -> Result<(), TrainError> {
        self.open(Split::Train)?;
        let dataset = self.data.dataset;
        match needs.truth.iter().find(|truth| !dataset.knows(**truth)) {
            None => Ok(()),
            Some(truth) => Err(TrainError::Data {
                reason: format!("the data set `{dataset}` has no {}", truth.word()),
            }),
        }
    }

    /// The clips of a split.
    ///
    /// # Errors
    /// When the data set has no reader, or is not one of the generator's.
    pub fn open(&self, split: Split) -> Result<SynthSource, DataError> {
        let data = self.data;
        let count = match split {
            Split::Train => data.clips,
            Split::Val | Split::Test => data.held_out,
        };
        let config = SourceConfig {
            split,
            clips: count,
            ..SourceConfig::default()
        };
        open_generated(data.dataset, &config)
    }

    /// Which frames of a clip are sampled.
    pub fn window(&self) -> Window {
        Window {
            start: 0,
            count: Some(self.data.frames),
            pace: FrameSampling::Stride(self.data.stride),
            size: self.data.size,
            fit: Fit::Crop,
        }
    }

    /// Sampled frames a second; `None` of imported slots, which do not say how fast their clips were.
    pub fn fps(&self) -> Option<f32> {
        let preset = self.data.dataset.generator().ok()?;
        Some(preset.fps / self.data.stride as f32)
    }

    /// Frames of a split's clips, decoded once and kept.
    ///
    /// # Errors
    /// When clips have fewer frames than `data.frames`, or a file cannot be read or written.
    pub fn clips(&self, split: Split) -> Result<ClipDataset, TrainError> {
        let folder = self.cache.join("footage");
        let cache = FrameCache::open_or_generate(&folder, &self.open(split)?, &self.window())?;
        let (wanted, found) = (self.data.frames, cache.time());
        if found < wanted {
            let reason = format!(
                "clips of `{}` have {found} frames {} apart, and `data.frames` asks for {wanted}",
                self.data.dataset, self.data.stride
            );
            return Err(TrainError::Data { reason });
        }
        let (frames, masks) = cache.into_arrays();
        Ok(ClipDataset {
            frames,
            masks: Some(masks),
        })
    }

    /// The name of a split's slots in a [`SlotStore`](crate::train::data::slot_store::SlotStore): all that they depend
    /// on, beginning with what a person looks for.
    ///
    /// # Errors
    /// When the split cannot be read.
    pub fn encoding_key(
        &self,
        split: Split,
        encoder: &SlotEncoder,
        encoder_id: &str,
        seed: u64,
    ) -> Result<String, DataError> {
        let source = self.open(split)?;
        let (identity, window, count) = (source.identity(0)?, self.window(), source.len());
        let mut depends = format!("{identity} {window:?} {count} {encoder_id}");
        if encoder.noise_shape(1, 1, true).is_some() {
            // Stochastic slots differ by the seed.
            depends = format!("{depends} {seed}");
        }
        let hash = blake3::hash(depends.as_bytes()).to_hex();
        Ok(format!("{}-{split:?}-{}", self.data.dataset, &hash[..16]))
    }

    /// Which events fall between two sampled frames, 0 or 1, `[clips, frames − 1, events]`: collision, entrance,
    /// departure.
    ///
    /// # Errors
    /// When the split cannot be read.
    pub fn event_labels(&self, split: Split) -> Result<Array3<f32>, DataError> {
        let source = self.open(split)?;
        let steps = self.data.frames - 1;
        let mut labels = Array3::zeros((source.len(), steps, EVENTS));
        for clip in 0..source.len() {
            for event in &source.record(clip).events {
                let kind = match event {
                    Event::Collision { .. } => 0,
                    Event::Enter { .. } => 1,
                    Event::Leave { .. } => 2,
                };
                let step = event.frame().saturating_sub(1) / self.data.stride;
                if step < steps {
                    labels[[clip, step, kind]] = 1.0;
                }
            }
        }
        Ok(labels)
    }

    /// True states of every clip's objects at its sampled frames.
    ///
    /// # Errors
    /// When the split cannot be read.
    pub fn states(&self, split: Split) -> Result<Vec<States>, DataError> {
        let source = self.open(split)?;
        let frames: Vec<usize> = self.sampled(self.data.frames);
        let clips = (0..source.len()).into_par_iter();
        Ok(clips
            .map(|clip| States::new(&source.record(clip), &frames))
            .collect())
    }

    /// True states of every clip's objects in the form of slots, at so many sampled frames and also behind the clip's
    /// end, `[clips, frames, slots, numbers]`.
    ///
    /// # Errors
    /// When the split cannot be read.
    pub fn state_tokens(
        &self,
        split: Split,
        frames: usize,
        slots: usize,
    ) -> Result<Array4<f32>, DataError> {
        let source = self.open(split)?;
        let frames = self.sampled(frames);
        let mut tokens = Array4::zeros((source.len(), frames.len(), slots, TOKEN));
        tokens
            .axis_iter_mut(Axis(0))
            .into_par_iter()
            .enumerate()
            .for_each(|(clip, mut to)| {
                to.assign(&States::new(&source.record(clip), &frames).tokens(slots));
            });
        Ok(tokens)
    }

    /// The questions about every clip, as texts.
    ///
    /// # Errors
    /// When there are none, or a word is not in the vocabulary.
    pub fn texts(&self, split: Split) -> Result<Vec<Text>, TrainError> {
        let source = self.open(split)?;
        let all: Vec<_> = (0..source.len())
            .into_par_iter()
            .map(|clip| texts_of(clip, &source.questions(clip, Amount::default())))
            .collect::<Result<_, TrainError>>()?;
        let texts: Vec<_> = all.into_iter().flatten().collect();
        if texts.is_empty() {
            return Err(TrainError::Data {
                reason: "the clips have no questions".to_owned(),
            });
        }
        Ok(texts)
    }

    /// The numbers of the first sampled frames in the video.
    fn sampled(&self, frames: usize) -> Vec<usize> {
        (0..frames).map(|index| index * self.data.stride).collect()
    }
}
