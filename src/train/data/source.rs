//! The data set of a training, split by split: frames, and what the data set knows of its clips.

use std::path::Path;

use ndarray::{Array3, Array4, Axis};
use rayon::prelude::*;
use slotflow_datasets::frame_cache::CacheRequest;
use slotflow_datasets::question::EventKind;
use slotflow_datasets::source::physion::{Part, part_to_train_on};
use slotflow_datasets::source::{Cut, open, open_generated};
use slotflow_datasets::synth::physics::states::TOKEN;
use slotflow_datasets::synth::questions::Amount;
use slotflow_datasets::synth::{Event, States, SynthSource};
use slotflow_datasets::{DataError, Dataset, FrameSampling, Source, SourceConfig, Split, Window};

use crate::artifacts::progress::Progress;
use crate::artifacts::{RunError, interrupt};
use crate::models::encoder::SlotEncoder;
use crate::models::perceptual::motion::EVENTS;
use crate::train::data::clip_dataset::{Background, ClipDataset, EmptyScene, SourceClips};
use crate::train::data::config::{CacheMode, ClipNeeds, TrainData};
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

impl<T: Clone> Splits<T> {
    /// The same in both places.
    pub fn both(value: T) -> Self {
        Self {
            train: value.clone(),
            held_out: value,
        }
    }
}

impl Splits<ClipDataset> {
    /// The empty scenes of both: one of the training clips, or every clip's own.
    ///
    /// # Errors
    /// When frames cannot be read.
    pub fn backgrounds(&self) -> Result<Splits<Background>, DataError> {
        let train = self.train.background()?;
        Ok(Splits {
            held_out: match &train {
                Background::Shared(_) => train.clone(),
                Background::OfClip(_) => self.held_out.background()?,
            },
            train,
        })
    }
}

/// The refusal of a cache in the words of a run.
fn interrupted(error: DataError) -> TrainError {
    match error {
        DataError::Interrupted => RunError::Interrupted.into(),
        error => error.into(),
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
    /// Refuses a data set that cannot be read, or lacks ground truth that an objective learns from.
    ///
    /// # Errors
    /// Names the data set.
    pub fn check(&self, needs: ClipNeeds) -> Result<(), TrainError> {
        let dataset = self.data.dataset;
        for split in [Split::Train, Split::Val] {
            let source = self.open_asking(split)?;
            if source.is_empty() {
                return Err(TrainError::Data {
                    reason: format!("the data set `{dataset}` has no clips in the split `{split}`"),
                });
            }
            // Own copies may lack what the data set as published has.
            let mut missing = needs.truth.iter().filter(|truth| !source.knows(**truth));
            if let Some(truth) = missing.next() {
                return Err(TrainError::Data {
                    reason: format!(
                        "the data set `{dataset}` has no {} in the split `{split}`",
                        truth.word()
                    ),
                });
            }
        }
        Ok(())
    }

    /// The clips of a split.
    ///
    /// # Errors
    /// When what the data set needs is not named, or nothing lies there.
    pub fn open(&self, split: Split) -> Result<Box<dyn Source>, DataError> {
        open(self.data.dataset, &self.config(split))
    }

    /// The clips of a split as the generator makes them, for exact trajectories.
    fn open_generated(&self, split: Split) -> Result<SynthSource, DataError> {
        open_generated(self.data.dataset, &self.config(split))
    }

    fn config(&self, split: Split) -> SourceConfig {
        let data = self.data;
        let default = SourceConfig::default();
        let window = self.window();
        SourceConfig {
            root: data.root.clone(),
            videos: data.videos.clone(),
            split,
            clips: self.at_most(split).unwrap_or(default.clips),
            split_own: true,
            list: data.list.clone(),
            held_out_share: data.held_out_share.unwrap_or(default.held_out_share),
            frame_folders: true,
            cut: Some(Cut {
                window,
                length: data.frames,
            }),
            colours: data.colours,
            physion_part: self.physion_part(),
            // Of generated clips they cost more than the frames.
            questions: None,
        }
    }

    /// The part of Physion that is trained on, so that clips for training and for validation differ.
    fn physion_part(&self) -> Option<Part> {
        let root = self.data.root.as_deref()?;
        (self.data.dataset == Dataset::Physion).then(|| part_to_train_on(root))
    }

    /// The clips of a split, with questions where the data set has them.
    fn open_asking(&self, split: Split) -> Result<Box<dyn Source>, DataError> {
        let config = SourceConfig {
            questions: Some(Amount::default()),
            ..self.config(split)
        };
        open(self.data.dataset, &config)
    }

    /// Clips of a split that are wanted at most.
    fn at_most(&self, split: Split) -> Option<usize> {
        match split {
            Split::Train => self.data.clips,
            Split::Val | Split::Test => Some(self.data.held_out),
        }
    }

    /// The numbers of a split's clips in the data set, whether they can be read or not.
    ///
    /// # Errors
    /// When the split cannot be opened.
    pub fn all_numbers(&self, split: Split) -> Result<Vec<usize>, DataError> {
        let source = self.open(split)?;
        Ok(self.numbers(split, &*source))
    }

    /// The numbers of a split's clips, evenly spread where fewer than all are wanted.
    fn numbers(&self, split: Split, source: &dyn Source) -> Vec<usize> {
        let all = source.len();
        let count = self.at_most(split).unwrap_or(all).min(all);
        (0..count).map(|index| index * all / count).collect()
    }

    /// Which frames of a clip are sampled.
    pub fn window(&self) -> Window {
        let data = self.data;
        Window {
            start: 0,
            count: Some(data.frames),
            pace: match data.fps {
                Some(fps) => FrameSampling::Fps(fps),
                None => FrameSampling::Stride(data.stride),
            },
            size: data.size,
            fit: data.fit,
        }
    }

    /// Sampled frames a second, by the first clip that can be read; `None` of imported slots, which do not say how fast
    /// their clips were.
    ///
    /// # Errors
    /// When the data set cannot be opened.
    pub fn fps(&self) -> Result<Option<f32>, DataError> {
        let data = self.data;
        if let Ok(preset) = data.dataset.generator() {
            return Ok(Some(preset.fps / data.stride as f32));
        }
        if data.fps.is_some() {
            return Ok(data.fps);
        }
        let Ok(source) = self.open(Split::Train) else {
            return Ok(None);
        };
        let first = Window {
            count: Some(1),
            ..self.window()
        };
        let mut rates = (0..source.len()).filter_map(|clip| source.sample(clip, &first).ok());
        Ok(rates.next().map(|sample| sample.clip.fps))
    }

    /// Frames of a split's clips, decoded once and kept, or decoded whenever they are asked for.
    ///
    /// # Errors
    /// When no clip has `data.frames` frames, or a file cannot be read or written.
    pub fn clips(&self, split: Split, quiet: bool) -> Result<ClipDataset, TrainError> {
        let source = self.open(split)?;
        let clips = self.numbers(split, &*source);
        let scene = self.data.empty_scene();
        let dataset = match self.data.cache {
            CacheMode::Frames => {
                let folder = self.cache.join("frames");
                let name = format!("{}-{split}", self.data.dataset);
                let request = self.request(&name, &*source, &clips);
                let bar = Progress::new("decode", clips.len(), quiet);
                let cache = request.open_or_build(&folder, &|done, _| {
                    bar.reach(done);
                    !interrupt::pressed()
                });
                ClipDataset::cached(cache.map_err(interrupted)?, &clips)
            }
            CacheMode::None => ClipDataset::decoded(SourceClips {
                source,
                clips,
                window: self.window(),
                time: self.data.frames,
            }),
        };
        Ok(dataset.with(scene, self.data.flip))
    }

    fn request<'b>(
        &self,
        name: &'b str,
        source: &'b dyn Source,
        clips: &'b [usize],
    ) -> CacheRequest<'b> {
        CacheRequest {
            name,
            source,
            clips,
            window: self.window(),
            backgrounds: self.data.empty_scene() == EmptyScene::Clip,
        }
    }

    /// All that the frames of a split depend on.
    ///
    /// # Errors
    /// When the split cannot be read.
    pub fn frames_key(&self, split: Split) -> Result<String, TrainError> {
        let source = self.open(split)?;
        let clips = self.numbers(split, &*source);
        let name = format!("{}-{split}", self.data.dataset);
        Ok(self.request(&name, &*source, &clips).folder_name())
    }

    /// All that is true of a split's clips beside their frames: questions, events, outcomes.
    ///
    /// # Errors
    /// When the split cannot be read.
    pub fn labels_key(&self, split: Split) -> Result<String, TrainError> {
        let source = self.open_asking(split)?;
        let mut hash = blake3::Hasher::new();
        let clips = self.numbers(split, &*source);
        let of_clip = |&clip: &usize| {
            let questions = source.questions(clip).map_err(|error| error.to_string());
            format!("{} {questions:?}", source.truth_identity(clip))
        };
        let labels: Vec<String> = clips.par_iter().map(of_clip).collect();
        for labels in labels {
            hash.update(blake3::hash(labels.as_bytes()).as_bytes());
        }
        Ok(hash.finalize().to_hex()[..32].to_owned())
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
    ) -> Result<String, TrainError> {
        let frames = self.frames_key(split)?;
        let mut depends = format!("{frames} {encoder_id}");
        if encoder.noise_shape(1, 1, true).is_some() {
            // Stochastic slots differ by the seed.
            depends = format!("{depends} {seed}");
        }
        let hash = blake3::hash(depends.as_bytes()).to_hex();
        Ok(format!("{}-{split:?}-{}", self.data.dataset, &hash[..16]))
    }

    /// Which events of clips fall between two sampled frames, 0 or 1, `[clips, frames − 1, events]`: collision, entrance,
    /// departure.
    ///
    /// # Errors
    /// When the split cannot be read.
    pub fn event_labels(&self, split: Split, clips: &[usize]) -> Result<Array3<f32>, DataError> {
        let steps = self.data.frames - 1;
        let mut labels = Array3::zeros((clips.len(), steps, EVENTS));
        let mut mark = |row: usize, kind: usize, frame: usize| {
            let step = frame.saturating_sub(1) / self.data.stride;
            if step < steps {
                labels[[row, step, kind]] = 1.0;
            }
        };
        if self.data.dataset.generator().is_ok() {
            // Exact: events out of view as well.
            let source = self.open_generated(split)?;
            for (row, &clip) in clips.iter().enumerate() {
                for event in &source.record(clip).events {
                    let kind = match event {
                        Event::Collision { .. } => 0,
                        Event::Enter { .. } => 1,
                        Event::Leave { .. } => 2,
                    };
                    mark(row, kind, event.frame());
                }
            }
            return Ok(labels);
        }
        let source = self.open(split)?;
        for (row, &clip) in clips.iter().enumerate() {
            let table = source.events(clip)?.unwrap_or_default();
            for event in table.seen.iter().chain(&table.unseen) {
                let kind = match event.kind {
                    EventKind::Collision => 0,
                    EventKind::In => 1,
                    EventKind::Out => 2,
                    EventKind::Start | EventKind::End => continue,
                };
                if let Some(frame) = event.frame {
                    mark(row, kind, frame);
                }
            }
        }
        Ok(labels)
    }

    /// True states of the objects of clips at their sampled frames.
    ///
    /// # Errors
    /// When the split cannot be read.
    pub fn states(&self, split: Split, clips: &[usize]) -> Result<Vec<States>, DataError> {
        let source = self.open_generated(split)?;
        let frames: Vec<usize> = self.sampled(self.data.frames);
        let clips = clips.par_iter();
        Ok(clips
            .map(|&clip| States::new(&source.record(clip), &frames))
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
        let source = self.open_generated(split)?;
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

    /// The questions about clips, as texts.
    ///
    /// # Errors
    /// When there are none, or a word is not in the vocabulary.
    pub fn texts(&self, split: Split, clips: &[usize]) -> Result<Vec<Text>, TrainError> {
        let source = self.open_asking(split)?;
        let all: Vec<_> = clips
            .par_iter()
            .enumerate()
            .map(|(row, &clip)| texts_of(row, &source.questions(clip)?))
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
