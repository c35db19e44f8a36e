//! Clips → frames, masks and questions.

use std::collections::{BTreeMap, BTreeSet};

use ndarray::{Array3, Array4, Ix3, Ix4};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use slotflow_datasets::source::Cut;
use slotflow_datasets::synth::questions::Amount;
use slotflow_datasets::video::picture::is_picture_name;
use slotflow_datasets::{
    ClipId, DataError, FrameSampling, GroundTruth, Question, Sample, Source, SourceConfig,
    VideoWindow, Window,
};

use crate::artifacts::{
    Artifact, ArtifactKind, ClipFault, ClipFile, Context, Input, Partial, PerClip, RunError, Stage,
};
use crate::plan::video_predict::DecodeConfig;

/// The sampled frames of a file at the rate that weights were trained at, where a plan says nothing.
const DEFAULT_FPS: f32 = 5.0;

/// Clips that are generated where a plan says no number.
const GENERATED: usize = 100;

/// Which frames of a clip a plan asks for; at the rate that weights were trained at where it says nothing.
pub fn window(config: &DecodeConfig, trained_fps: Option<f32>) -> Window {
    let pace = match (config.stride, config.fps) {
        (Some(stride), _) => FrameSampling::Stride(stride),
        (None, Some(fps)) => FrameSampling::Fps(fps),
        (None, None) => FrameSampling::Fps(trained_fps.unwrap_or(DEFAULT_FPS)),
    };
    Window {
        start: config.start,
        count: config.frames,
        pace,
        size: config.size,
        fit: config.fit,
    }
}

/// What a plan says of a source; `window` cuts own videos into clips where it asks for that.
pub fn source_config(config: &DecodeConfig, window: &Window) -> SourceConfig {
    let cut = config.frames.filter(|_| config.windows);
    let default = SourceConfig::default();
    SourceConfig {
        root: config.root.clone(),
        videos: config.videos.clone(),
        split: config.split,
        clips: config.first + config.clips.unwrap_or(GENERATED),
        split_own: config.split_own,
        list: config.list.clone(),
        held_out_share: config.held_out_share.unwrap_or(default.held_out_share),
        frame_folders: false,
        cut: cut.map(|length| Cut {
            window: *window,
            length,
        }),
        colours: config.colours,
        questions: Some(Amount::default()),
        ..default
    }
}

/// What is true of clips beside their frames, masks and questions, as an input of a stage that reads it; none where clips are
/// generated, whose identity says all.
pub(crate) fn truth_of(name: &str, source: &dyn Source, clips: &[ClipId]) -> Option<Input> {
    let wanted: BTreeSet<&ClipId> = clips.iter().collect();
    let (mut hash, mut has_files) = (blake3::Hasher::new(), false);
    for index in 0..source.len() {
        let clip = source.id(index);
        if wanted.contains(&clip) {
            has_files |= !source.files(index).is_empty();
            hash.update(clip.as_str().as_bytes())
                .update(source.truth_identity(index).as_bytes());
        }
    }
    has_files.then(|| Input::new(name, &hash.finalize().to_hex()[..32]))
}

/// What a decoded clip's note says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// Sampled frames a second.
    pub fps: f32,
    /// Questions about the whole clip.
    pub questions: Vec<Question>,
    /// What the person should know about the file.
    pub remark: Option<String>,
    /// Where the clip lies in the video that it is cut from; absent where it is a whole video.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<VideoWindow>,
}

/// Reads every clip's frames once.
pub struct Decode<'a> {
    /// Which clips, which frames.
    pub config: &'a DecodeConfig,
    /// Where they come from.
    pub source: &'a dyn Source,
    /// Which of a clip's frames.
    pub window: Window,
}

impl Decode<'_> {
    /// Whether clips are decoded from video files.
    fn reads_videos(&self) -> bool {
        let first = self.range().next().map(|index| self.source.files(index));
        first.is_some_and(|files| files.iter().any(|path| !is_picture_name(path)))
    }

    fn range(&self) -> std::ops::Range<usize> {
        let first = self.config.first.min(self.source.len());
        let last = self
            .config
            .clips
            .map_or(self.source.len(), |count| first + count);
        first..last.min(self.source.len())
    }
}

impl Stage for Decode<'_> {
    const NAME: &'static str = "decode";
    const VERSION: u32 = 1;
    const IS_PER_CLIP: bool = true;
    type Config = DecodeConfig;
    type Output = DecodedClips;

    fn config(&self) -> &DecodeConfig {
        self.config
    }

    fn inputs(&self) -> Vec<Input> {
        let mut hash = blake3::Hasher::new();
        let identity = |index| {
            // A file that cannot be read is known by its name; its clip fails later, with the reason.
            let found = self.source.identity(index);
            found.unwrap_or_else(|error| error.to_string())
        };
        let identities: Vec<String> = self.range().into_par_iter().map(identity).collect();
        for (index, identity) in self.range().zip(identities) {
            hash.update(self.source.id(index).as_str().as_bytes())
                .update(identity.as_bytes());
        }
        let window = serde_json::to_string(&self.window).unwrap_or_default();
        let mut inputs = vec![
            Input::new("source", &hash.finalize().to_hex()[..32]),
            Input::new("window", window),
        ];
        if self.reads_videos() {
            inputs.push(Input::new("colours", "bicubic at own size"));
        }
        if self
            .range()
            .any(|index| self.source.window_of(index).is_some())
        {
            inputs.push(Input::new("windows", "with their places in the video"));
        }
        if self.source.knows(GroundTruth::Classes) {
            inputs.push(Input::new("labels", "classes and void"));
        }
        inputs
    }

    fn planned(&self) -> Vec<ClipId> {
        self.range().map(|index| self.source.id(index)).collect()
    }

    fn run(&self, out: &mut Partial<DecodedClips>, context: &Context) -> Result<(), RunError> {
        let planned = self.planned();
        let indices: BTreeMap<ClipId, usize> = planned.iter().cloned().zip(self.range()).collect();
        out.expect(context.share(planned));
        let window_of = |clip: &ClipId| self.source.window_of(*indices.get(clip)?);
        let video = |clip: &ClipId| window_of(clip).map(|window| window.video);
        let start = || self.source.reader();
        out.each_of_videos(context, video, start, |reader, clip| {
            let index = *indices.get(clip).ok_or("the source has lost the clip")?;
            let sample = reader.sample(index, &self.window);
            let sample = sample.map_err(|error| self.fault(index, &error))?;
            let decoder = self.source.pixel_decoder(index);
            Ok::<_, ClipFault>(file_of(&sample, decoder, window_of(clip))?)
        })
    }
}

impl Decode<'_> {
    /// Whose fault it is that a clip cannot be read. A file that is missing is known by that in the key of all clips; the
    /// machine is to blame where it can be read again.
    fn fault(&self, index: usize, error: &DataError) -> ClipFault {
        if error.is_of_machine() && self.source.identity(index).is_ok() {
            ClipFault::Machine(error.to_string())
        } else {
            ClipFault::Clip(error.to_string())
        }
    }
}

/// A clip's file. Decoders of JPEG differ by a grey level, so the one that read the pixels is remarked.
fn file_of(
    sample: &Sample,
    decoder: Option<String>,
    window: Option<VideoWindow>,
) -> Result<ClipFile, RunError> {
    let decoder = decoder.map(|decoder| format!("JPEG decoded by {decoder}"));
    let remarks: Vec<String> = sample.note.iter().cloned().chain(decoder).collect();
    let note = Note {
        fps: sample.clip.fps,
        questions: sample.questions.clone(),
        remark: (!remarks.is_empty()).then(|| remarks.join("; ")),
        window,
    };
    let file = ClipFile::default()
        .with_bytes("frames", &sample.clip.frames)
        .with_note(&note)?;
    let void = sample.void.as_ref().map(|void| void.mapv(u8::from));
    let labels = [
        ("masks", &sample.masks),
        ("classes", &sample.classes),
        ("void", &void),
    ];
    Ok(labels
        .into_iter()
        .fold(file, |file, (name, labels)| match labels {
            Some(labels) => file.with_bytes(name, labels),
            None => file,
        }))
}

/// An array of whole numbers for every pixel, where the file has it.
fn labels(file: &ClipFile, name: &str) -> Result<Option<Array3<u8>>, RunError> {
    let there = file.has(name);
    there.then(|| file.bytes::<Ix3>(name)).transpose()
}

/// What is true of every pixel of a clip.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Labels {
    /// Object ids, `[time, height, width]`; 0 = background.
    pub masks: Array3<u8>,
    /// Class of each pixel, `[time, height, width]`; 0 = background.
    pub classes: Option<Array3<u8>>,
    /// Pixels that no metric may count, `[time, height, width]`.
    pub void: Option<Array3<bool>>,
}

/// Frames of clips, and what is known of them.
#[derive(Debug)]
pub enum DecodedClips {}

impl ArtifactKind for DecodedClips {}
impl PerClip for DecodedClips {}

/// Decoded clips on disk.
pub type Clips = Artifact<DecodedClips>;

impl Clips {
    /// A clip's pixels, `[time, height, width, rgb]`.
    ///
    /// # Errors
    /// When the file is not there or not whole.
    pub fn frames(&self, clip: &ClipId) -> Result<Array4<u8>, RunError> {
        self.read(clip)?.bytes::<Ix4>("frames")
    }

    /// A clip's true masks, `[time, height, width]`, where the source has some.
    ///
    /// # Errors
    /// When the file is not there or not whole.
    pub fn masks(&self, clip: &ClipId) -> Result<Option<Array3<u8>>, RunError> {
        labels(&self.read(clip)?, "masks")
    }

    /// A clip's true masks, with classes and void pixels where the source has them.
    ///
    /// # Errors
    /// When the file is not there or not whole.
    pub fn labels(&self, clip: &ClipId) -> Result<Option<Labels>, RunError> {
        let file = self.read(clip)?;
        let Some(masks) = labels(&file, "masks")? else {
            return Ok(None);
        };
        let void = labels(&file, "void")?;
        Ok(Some(Labels {
            masks,
            classes: labels(&file, "classes")?,
            void: void.map(|void| void.mapv(|value| value != 0)),
        }))
    }

    /// What else is known of a clip.
    ///
    /// # Errors
    /// When the file is not there or not whole.
    pub fn note(&self, clip: &ClipId) -> Result<Note, RunError> {
        self.read(clip)?.note()
    }

    /// Where a clip lies in its video; a clip that is cut from none is the whole of one.
    ///
    /// # Errors
    /// When the file is not there or not whole.
    pub fn window(&self, clip: &ClipId) -> Result<VideoWindow, RunError> {
        let window = self.note(clip)?.window;
        Ok(window.unwrap_or_else(|| VideoWindow::whole(clip.clone())))
    }
}
