//! One clip → its measures and its own faults.

use std::path::PathBuf;

use ndarray::{Array3, ArrayView4};

use super::numbering::missing_files;
use super::report::FaultKind;
use crate::clip::{ClipId, Sample};
use crate::error::DataError;
use crate::source::facts::Facts;
use crate::source::header::Header;
use crate::source::interface::{GroundTruth, Source};
use crate::window::{Fit, FrameSampling, Window};

/// Pixels of frames that are held at once for one clip, bytes.
const PART_BYTES: usize = 128 << 20;

/// Parts of the longest clip at full size; longer ones are examined at a smaller size. A video is decoded from its
/// start for every part.
const MOST_PARTS: usize = 4;

/// The shortest side of a frame that is examined at a smaller size, pixels.
const LEAST_SIDE: usize = 8;

/// Measures of one clip.
pub(super) struct Examined {
    /// Its name.
    pub(super) id: ClipId,
    /// Its first file, or its name where there is none.
    pub(super) file: PathBuf,
    /// Height and width, pixels; `None` where no header says.
    pub(super) size: Option<[usize; 2]>,
    /// Its frames, if all could be read.
    pub(super) shown: Option<Shown>,
    /// What is wrong with it alone, each in a sentence that names the file.
    pub(super) faults: Vec<(FaultKind, String)>,
}

/// Frames of a clip that could be read to its end.
pub(super) struct Shown {
    /// How many.
    pub(super) frames: usize,
    /// Frames a second.
    pub(super) fps: f32,
    /// Least and greatest value of a pixel.
    pub(super) colours: [u8; 2],
    /// Hash of all pixels.
    pub(super) content: blake3::Hash,
}

/// A clip that is being examined.
struct Examination<'a> {
    source: &'a dyn Source,
    index: usize,
    facts: &'a Facts,
    file: PathBuf,
    files: Vec<PathBuf>,
    faults: Vec<(FaultKind, String)>,
}

/// What the frames so far have shown.
struct Look {
    frames: usize,
    fps: f32,
    colours: [u8; 2],
    first: Option<[u8; 3]>,
    one_colour: bool,
    content: blake3::Hasher,
    ids: Option<[bool; 256]>,
    questions: usize,
    note: Option<String>,
}

/// Reads a clip from its first frame to its last.
pub(super) fn examine(source: &dyn Source, index: usize, facts: &Facts) -> Examined {
    let id = source.id(index);
    let files = source.files(index);
    let file = files.first().cloned();
    let mut examination = Examination {
        source,
        index,
        facts,
        file: file.unwrap_or_else(|| id.as_str().into()),
        files,
        faults: Vec::new(),
    };
    let header = match source.header(index) {
        Ok(header) => header,
        Err(error) => {
            examination.fault(FaultKind::Unreadable, error.to_string());
            Header::default()
        }
    };
    examination.look_at_files(&header);
    let objects = examination.look_at_annotations();
    let shown = examination.look_at_frames(&header, objects);
    Examined {
        id,
        file: examination.file,
        size: header.size,
        shown,
        faults: examination.faults,
    }
}

impl Examination<'_> {
    /// Notes a fault, and that a file cannot be read once: its header and its pixels are read apart.
    fn fault(&mut self, kind: FaultKind, message: String) {
        let path = |message: &str| message.rsplit(": `").next().map(str::to_owned);
        let known = self.faults.iter().any(|(other, known)| {
            let same_file = kind == FaultKind::Unreadable && path(known) == path(&message);
            *known == message || (*other == kind && same_file)
        });
        if !known {
            self.faults.push((kind, message));
        }
    }

    /// Notes a fault of the clip's first file.
    fn fault_of_file(&mut self, kind: FaultKind, reason: &str) {
        let message = format!("{reason}: `{}`", self.file.display());
        self.fault(kind, message);
    }

    fn look_at_files(&mut self, header: &Header) {
        for path in missing_files(&self.files) {
            let message = format!("a frame between others is missing: `{}`", path.display());
            self.fault(FaultKind::MissingFrames, message);
        }
        let Some([height, width]) = header.size else {
            return;
        };
        for (path, [high, wide]) in &header.other_sizes {
            let message = format!(
                "{wide}×{high} pixels in a clip of {width}×{height}: `{}`",
                path.display()
            );
            self.fault(FaultKind::FrameSize, message);
        }
    }

    /// Number of objects that masks may name, where an annotation says.
    fn look_at_annotations(&mut self) -> Option<usize> {
        let (source, index) = (self.source, self.index);
        let objects = source.objects(index).unwrap_or_else(|error| {
            self.fault(FaultKind::Unreadable, error.to_string());
            None
        });
        match source.events(index) {
            Ok(None) if source.knows(GroundTruth::Events) => {
                self.fault_of_file(FaultKind::Unjoined, "the clip has no annotation");
            }
            Ok(_) => {}
            Err(error) => self.fault(FaultKind::Unreadable, error.to_string()),
        }
        if source.knows(GroundTruth::Outcomes) && source.outcome(index).is_none() {
            self.fault_of_file(FaultKind::Unjoined, "the clip has no label");
        }
        objects
    }

    /// Reads every frame, and says what they are if all could be read.
    fn look_at_frames(&mut self, header: &Header, objects: Option<usize>) -> Option<Shown> {
        let mut look = Look::default();
        let window = window(header, self.facts);
        if let Err(error) = self.read(&window, header, &mut look) {
            self.fault(FaultKind::Unreadable, error.to_string());
            self.read_one_by_one(&window);
            return None;
        }
        // Frames that are missing were named above, and readers of numbered pictures note them too.
        let mut faults = self.faults.iter();
        let missing = faults.any(|(kind, _)| *kind == FaultKind::MissingFrames);
        if let Some(note) = look.note.as_ref().filter(|_| !missing) {
            self.fault_of_file(FaultKind::Damaged, note);
        }
        if look.questions == 0 && self.source.knows(GroundTruth::Questions) {
            self.fault_of_file(FaultKind::Unjoined, "there are no questions about the clip");
        }
        self.look_at_colours(&look);
        self.look_at_masks(&look, objects);
        Some(Shown {
            frames: look.frames,
            fps: look.fps,
            colours: look.colours,
            content: look.content.finalize(),
        })
    }

    /// All frames of the clip, a part at a time.
    fn read(&self, window: &Window, header: &Header, look: &mut Look) -> Result<(), DataError> {
        let part = window.count.unwrap_or(usize::MAX);
        loop {
            let start = look.frames;
            if start > 0 && header.frames == Some(start) {
                return Ok(());
            }
            let sample = match self.source.sample(self.index, &Window { start, ..*window }) {
                // A part before this one ended with the clip.
                Err(DataError::NoFrames { .. }) if start > 0 => return Ok(()),
                other => other?,
            };
            let got = sample.clip.frames.dim().0;
            look.add(&sample);
            if got < part {
                return Ok(());
            }
        }
    }

    /// Names every other file of a clip of pictures that cannot be read: a reader stops at the first.
    fn read_one_by_one(&mut self, window: &Window) {
        if self.files.len() < 2 {
            return;
        }
        for start in 0..self.files.len() {
            let one = Window {
                start,
                count: Some(1),
                ..*window
            };
            match self.source.sample(self.index, &one) {
                Ok(_) => {}
                Err(DataError::NoFrames { .. }) => return,
                Err(error) => self.fault(FaultKind::Unreadable, error.to_string()),
            }
        }
    }

    fn look_at_colours(&mut self, look: &Look) {
        let reason = match look.colours {
            [_, 0] => "all pixels are black".to_owned(),
            [_, 1] => "no pixel is above 1: values of 0..1 that were saved as bytes".to_owned(),
            _ if look.one_colour => {
                let [red, green, blue] = look.first.unwrap_or_default();
                format!("all pixels have one colour, {red} {green} {blue}")
            }
            _ => return,
        };
        self.fault_of_file(FaultKind::ColourRange, &reason);
    }

    fn look_at_masks(&mut self, look: &Look, objects: Option<usize>) {
        let Some(ids) = &look.ids else {
            return;
        };
        let present: Vec<usize> = (1..256).filter(|id| ids[*id]).collect();
        // Of pictures some show no object.
        if present.is_empty() && look.frames > 1 {
            self.fault_of_file(FaultKind::EmptyMasks, "the masks show no object");
        }
        let known = objects.unwrap_or(255);
        let unknown: Vec<String> = present
            .iter()
            .filter(|id| **id > known)
            .map(ToString::to_string)
            .collect();
        if !unknown.is_empty() {
            let reason = format!(
                "masks have the ids {} and the annotation {known} objects",
                unknown.join(", ")
            );
            self.fault_of_file(FaultKind::MaskIds, &reason);
        }
    }
}

impl Default for Look {
    fn default() -> Self {
        Self {
            frames: 0,
            fps: 0.0,
            colours: [u8::MAX, 0],
            first: None,
            one_colour: true,
            content: blake3::Hasher::new(),
            ids: None,
            questions: 0,
            note: None,
        }
    }
}

impl Look {
    fn add(&mut self, sample: &Sample) {
        self.add_pixels(sample.clip.frames.view());
        if let Some(masks) = &sample.masks {
            self.add_masks(masks);
        }
        self.fps = sample.clip.fps;
        self.questions = sample.questions.len();
        if sample.note.is_some() {
            self.note.clone_from(&sample.note);
        }
    }

    fn add_pixels(&mut self, frames: ArrayView4<u8>) {
        let (time, height, width, _) = frames.dim();
        if self.frames == 0 {
            self.content.update(&(height as u64).to_le_bytes());
            self.content.update(&(width as u64).to_le_bytes());
        }
        self.frames += time;
        let frames = frames.as_standard_layout();
        let bytes = frames.as_slice().unwrap_or_default();
        self.content.update(bytes);
        let [least, greatest] = self.colours;
        self.colours = [
            bytes.iter().copied().fold(least, u8::min),
            bytes.iter().copied().fold(greatest, u8::max),
        ];
        let (pixels, _) = bytes.as_chunks::<3>();
        if let Some(first) = pixels.first() {
            let first = *self.first.get_or_insert(*first);
            self.one_colour = self.one_colour && pixels.iter().all(|pixel| *pixel == first);
        }
    }

    fn add_masks(&mut self, masks: &Array3<u8>) {
        let ids = self.ids.get_or_insert([false; 256]);
        for id in masks {
            ids[usize::from(*id)] = true;
        }
    }
}

/// The first part of a clip, at its own size or, where that would take more than [`MOST_PARTS`], at a smaller one.
fn window(header: &Header, facts: &Facts) -> Window {
    let [height, width] = header
        .size
        .or(facts.size)
        .or(facts.trained_size)
        .unwrap_or([64, 64])
        .map(|side| side.max(1));
    let frames = header.frames.or(facts.frames).unwrap_or(1);
    let bytes = |by: usize| (height / by).max(1) * (width / by).max(1) * 3;
    let mut by = 1;
    while bytes(by) * frames > MOST_PARTS * PART_BYTES && height.min(width) / (by + 1) >= LEAST_SIDE
    {
        by += 1;
    }
    Window {
        start: 0,
        count: Some((PART_BYTES / bytes(by)).max(1)),
        pace: FrameSampling::Stride(1),
        size: [(height / by).max(1), (width / by).max(1)],
        fit: Fit::Stretch,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts::parse("[facts]\ndescription = \"\"").unwrap()
    }

    #[test]
    fn a_part_is_bounded_and_only_the_longest_clips_are_made_smaller() {
        let part = |size, frames| {
            let header = Header {
                size: Some(size),
                frames: Some(frames),
                other_sizes: Vec::new(),
            };
            let window = window(&header, &facts());
            let count = window.count.unwrap();
            let held = count * window.size[0] * window.size[1] * 3;
            assert!(held <= PART_BYTES, "{held}");
            (window.size, count)
        };
        let (size, count) = part([320, 480], 128);
        assert!(size == [320, 480] && count > 128);
        assert_eq!(part([1080, 1920], 60).0, [1080, 1920]);
        let (size, count) = part([1080, 1920], 18_000);
        assert!(size[0] < 1080 && count * MOST_PARTS >= 18_000, "{size:?}");
    }
}
