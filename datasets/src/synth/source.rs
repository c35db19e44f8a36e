//! Generated clips as a `Source`.

use ndarray::Array3;

use super::preset::SynthPreset;
use crate::clip::{Clip, ClipId, Sample};
use crate::error::DataError;
use crate::question::{EventTable, Question};
use crate::source::interface::{GroundTruth, Source};
use crate::source::split::Split;
use crate::synth::physics::record::Record;
use crate::synth::physics::states::States;
use crate::synth::physics::world::World;
use crate::synth::questions::event_table::AnnotatedClip;
use crate::synth::questions::{self, Amount};
use crate::synth::render::renderer::Renderer;
use crate::window::{FrameSampling, Window};

/// Generated clips, one for each seed from `first_seed` on.
#[derive(Debug, Clone, PartialEq)]
pub struct SynthSource {
    /// Preset of the clips.
    pub preset: SynthPreset,
    /// The seed of clip 0.
    pub first_seed: u64,
    /// Number of clips.
    pub count: usize,
    /// Number of questions of a sample; none if absent, for they take a simulation without each object.
    pub ask: Option<Amount>,
}

impl SynthSource {
    /// Clips of a split, the first of them number `first` there.
    pub fn new(preset: SynthPreset, split: Split, first: u64, count: usize) -> Self {
        Self {
            preset,
            first_seed: split.seed(first),
            count,
            ask: None,
        }
    }

    /// The same clips, each with questions.
    #[must_use]
    pub fn asking(self, amount: Amount) -> Self {
        Self {
            ask: Some(amount),
            ..self
        }
    }

    /// Questions about a clip, whether or not samples bring them; the same for every source of the same clip.
    pub fn asked(&self, index: usize, amount: Amount) -> Vec<Question> {
        let seed = self.seed(index);
        questions::questions(&AnnotatedClip::simulate(&self.preset, seed), amount, seed)
    }

    /// The seed of a clip.
    pub fn seed(&self, index: usize) -> u64 {
        self.first_seed + index as u64
    }

    /// Everything that is known about a clip.
    pub fn record(&self, index: usize) -> Record {
        World::simulate(&self.preset, self.seed(index))
    }

    /// The clip's own frames that a window asks for, and how many of them make a second.
    pub fn frames(&self, window: &Window) -> (Vec<usize>, f32) {
        let SynthPreset {
            fps,
            rendered_frames,
            ..
        } = self.preset;
        let (step, rate) = match window.pace {
            FrameSampling::Stride(stride) => (stride.max(1) as f64, fps / stride.max(1) as f32),
            FrameSampling::Fps(rate) => (f64::from(fps) / f64::from(rate), rate),
        };
        let sampled = (window.start..).map(|k| (k as f64 * step) as usize);
        let sampled = sampled.take_while(|frame| *frame < rendered_frames);
        (
            sampled
                .take(window.count.unwrap_or(rendered_frames))
                .collect(),
            rate,
        )
    }
}

impl Source for SynthSource {
    fn len(&self) -> usize {
        self.count
    }

    fn id(&self, index: usize) -> ClipId {
        assert!(index < self.count, "clip {index} of {}", self.count);
        ClipId::new(&format!("{}-{:07}", self.preset.name, self.seed(index)))
    }

    fn identity(&self, index: usize) -> Result<String, DataError> {
        Ok(format!("{}-{}", self.preset.identity(), self.seed(index)))
    }

    fn sample(&self, index: usize, window: &Window) -> Result<Sample, DataError> {
        let id = self.id(index);
        let (frames, fps) = self.frames(window);
        if frames.is_empty() {
            let reason = format!(
                "start {} of a clip of {} frames",
                window.start, self.preset.rendered_frames
            );
            return Err(DataError::NoFrames {
                reason,
                path: id.as_str().into(),
            });
        }
        let record = self.record(index);
        let (frames, masks) = Renderer::new(&self.preset, &record, window.size).clip(&frames);
        Ok(Sample {
            masks: Some(masks),
            questions: self
                .ask
                .map(|amount| self.asked(index, amount))
                .unwrap_or_default(),
            ..Sample::from(Clip { id, frames, fps })
        })
    }

    fn knows(&self, truth: GroundTruth) -> bool {
        match truth {
            GroundTruth::Masks | GroundTruth::Events | GroundTruth::States => true,
            GroundTruth::Questions => self.ask.is_some(),
            GroundTruth::Classes | GroundTruth::Outcomes => false,
        }
    }

    fn questions(&self, index: usize) -> Result<Vec<Question>, DataError> {
        let amount = self.ask.as_ref();
        Ok(amount.map_or_else(Vec::new, |amount| self.asked(index, *amount)))
    }

    fn events(&self, index: usize) -> Result<Option<EventTable>, DataError> {
        Ok(Some(
            AnnotatedClip::simulate(&self.preset, self.seed(index)).table,
        ))
    }

    fn states(&self, index: usize, frames: &[usize], slots: usize) -> Option<Array3<f32>> {
        Some(States::new(&self.record(index), frames).tokens(slots))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::window::Fit;

    fn window(start: usize, count: Option<usize>, pace: FrameSampling) -> Window {
        Window {
            start,
            count,
            pace,
            size: [16, 16],
            fit: Fit::Crop,
        }
    }

    fn source() -> SynthSource {
        SynthSource::new(SynthPreset::synth().unwrap(), Split::Test, 3, 2)
    }

    #[test]
    fn clips_are_named_by_preset_and_seed() {
        assert_eq!(source().id(1).as_str(), "synth-2000004");
        assert_ne!(source().identity(0).unwrap(), source().identity(1).unwrap());
    }

    #[test]
    fn a_window_takes_the_frames_it_names() {
        let (frames, fps) = source().frames(&window(2, Some(3), FrameSampling::Stride(5)));
        assert_eq!((frames, fps), (vec![10, 15, 20], 5.0));
        let (frames, fps) = source().frames(&window(0, Some(4), FrameSampling::Fps(10.0)));
        assert_eq!((frames, fps), (vec![0, 2, 5, 7], 10.0));
        assert_eq!(
            source()
                .frames(&window(0, None, FrameSampling::Stride(1)))
                .0
                .len(),
            128
        );
    }

    #[test]
    fn a_later_window_shows_the_same_frames() {
        let all = source()
            .sample(0, &window(0, Some(6), FrameSampling::Stride(8)))
            .unwrap();
        let end = source()
            .sample(0, &window(4, Some(2), FrameSampling::Stride(8)))
            .unwrap();
        assert_eq!(
            all.clip.frames.slice(ndarray::s![4.., .., .., ..]),
            end.clip.frames
        );
        assert_eq!(
            all.masks.unwrap().slice(ndarray::s![4.., .., ..]),
            end.masks.unwrap()
        );
    }

    #[test]
    fn a_source_that_asks_brings_the_clips_questions() {
        let window = window(0, Some(1), FrameSampling::Stride(1));
        assert!(source().sample(0, &window).unwrap().questions.is_empty());
        let amount = Amount::default();
        let asked = source().asking(amount).sample(0, &window).unwrap();
        assert_eq!(asked.questions, source().asked(0, amount));
        assert!(!asked.questions.is_empty());
    }

    #[test]
    fn a_window_past_the_end_is_refused() {
        let error = source()
            .sample(0, &window(26, None, FrameSampling::Stride(5)))
            .unwrap_err();
        assert!(matches!(error, DataError::NoFrames { .. }), "{error}");
    }

    #[test]
    fn every_machine_draws_these_bytes() {
        // Change a hash only together with a preset or the generator's `VERSION`.
        let known = [
            ("synth", "5aeb0c43e8d9ebb7"),
            ("synth-textured", "d2729bfcadadb4f6"),
            ("synth-metal", "b36bbe3f0ec3f1ab"),
        ];
        for (name, hash) in known {
            let source = SynthSource::new(
                name.parse::<crate::source::Dataset>()
                    .unwrap()
                    .generator()
                    .unwrap(),
                Split::Train,
                2,
                1,
            );
            let sample = source
                .sample(0, &window(0, None, FrameSampling::Stride(9)))
                .unwrap();
            let bytes: Vec<u8> = sample
                .clip
                .frames
                .iter()
                .chain(&sample.masks.unwrap())
                .copied()
                .collect();
            assert_eq!(&blake3::hash(&bytes).to_hex()[..16], hash, "{name}");
        }
    }
}
