//! Clips and masks whose name occurs on both sides, and those whose name does not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ndarray::{Array3, Array4, ArrayView4, Axis, concatenate};
use slotflow_datasets::source::{FolderSource, WholeFrames};
use slotflow_datasets::{DataError, Source, memory};

use crate::metrics::error::MetricsError;
use crate::metrics::request::Request;

/// Pairs by name, and names on one side only.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Matches {
    /// Name, prediction, truth; by name.
    pub pairs: Vec<(String, usize, usize)>,
    /// Name and place.
    pub only_prediction: Vec<(String, usize)>,
    /// Name and place.
    pub only_truth: Vec<(String, usize)>,
}

impl Matches {
    /// Pairs of equal names.
    pub fn new(prediction: &[String], truth: &[String]) -> Self {
        let places = |names: &[String]| -> BTreeMap<String, usize> {
            names.iter().cloned().zip(0..).collect()
        };
        let (prediction, truth) = (places(prediction), places(truth));
        let mut matches = Self::default();
        for (name, &place) in &prediction {
            match truth.get(name) {
                Some(&partner) => matches.pairs.push((name.clone(), place, partner)),
                None => matches.only_prediction.push((name.clone(), place)),
            }
        }
        let unmatched = truth
            .into_iter()
            .filter(|(name, _)| !prediction.contains_key(name));
        matches.only_truth = unmatched.collect();
        matches
    }

    /// Counts of unmatched names, in words; empty if every name occurs on both sides.
    pub fn unmatched(&self) -> String {
        let sides = [
            (self.only_prediction.len(), "predictions"),
            (self.only_truth.len(), "truths"),
        ];
        let parts: Vec<String> = sides
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, side)| format!("{count} {side} without a partner"))
            .collect();
        parts.join(", ")
    }

    /// Refuses two folders that have nothing in common.
    pub fn or_none(self, prediction: &Path, truth: &Path) -> Result<Self, MetricsError> {
        if self.pairs.is_empty() {
            return Err(MetricsError::NoPartners {
                prediction: prediction.to_owned(),
                truth: truth.to_owned(),
            });
        }
        Ok(self)
    }
}

/// A clip's name, and its frames in the prediction and in the truth, `[time, height, width, rgb]` each.
#[derive(Debug, Clone)]
pub struct ClipPair {
    /// Name on both sides.
    pub name: String,
    /// Predicted frames.
    pub prediction: Array4<u8>,
    /// True frames.
    pub truth: Array4<u8>,
}

/// Frames of the named pairs of videos as they lie in the folders. Names without a pair, and clips that cannot be
/// read, are left out.
///
/// # Errors
/// When a folder cannot be read.
pub fn both_sides(request: &Request, names: &[&str]) -> Result<Vec<ClipPair>, MetricsError> {
    let Some([prediction, truth]) = &request.videos else {
        return Ok(Vec::new());
    };
    let sides = [Videos::open(prediction)?, Videos::open(truth)?];
    let matches = Matches::new(&sides[0].names(prediction), &sides[1].names(truth));
    let wanted = matches
        .pairs
        .into_iter()
        .filter(|(name, ..)| names.contains(&name.as_str()));
    let read = |(name, prediction, truth): (String, usize, usize)| {
        Some(ClipPair {
            name,
            prediction: sides[0].whole(prediction, request.skip).ok()?,
            truth: sides[1].whole(truth, request.skip).ok()?,
        })
    };
    Ok(wanted.filter_map(read).collect())
}

/// Bytes of a piece of a clip.
const PIECE_BYTES: usize = 32 << 20;
/// Frames of a piece at most.
const PIECE_FRAMES: usize = 64;

/// Hands truth and prediction to `take` piece by piece, `[time, height, width, rgb]` each, from frame `skip` on. Memory
/// does not grow with the clips.
///
/// # Errors
/// A reason where the clips are not alike or cannot be read, and what `take` says.
pub(crate) fn each_piece(
    sides: &[Videos; 2],
    [prediction, truth]: [usize; 2],
    skip: usize,
    mut take: impl FnMut(ArrayView4<'_, u8>, ArrayView4<'_, u8>) -> Result<(), String>,
) -> Result<(), String> {
    same_numbers(sides, [prediction, truth])?;
    let mut prediction = sides[0].frames(prediction, skip)?;
    let mut truth = sides[1].frames(truth, skip)?;
    loop {
        let [one, other] = [prediction.piece()?, truth.piece()?];
        match (one, other) {
            (Some(one), Some(other)) if one.dim() == other.dim() => {
                take(other.view(), one.view())?;
            }
            (None, None) => break,
            (one, other) => {
                let shapes = [(truth, other), (prediction, one)];
                let [truth, prediction] = shapes.map(|(frames, piece)| frames.shape(piece));
                let same = slotflow_eval::error::same_shape("clips", &truth?, &prediction?);
                return same.map_err(|error| error.to_string());
            }
        }
    }
    prediction.ended()?;
    truth.ended()
}

/// The frames of one clip, piece by piece.
pub(crate) struct Pieces {
    frames: WholeFrames,
    path: PathBuf,
    skip: usize,
    /// Frames that were read.
    read: usize,
}

impl Pieces {
    /// The next frames; `None` behind the last.
    fn piece(&mut self) -> Result<Option<Array4<u8>>, String> {
        let mut frames: Vec<Array3<u8>> = Vec::new();
        while frames.len() < room(frames.first()) {
            let Some(frame) = self.frames.next() else {
                break;
            };
            let frame = frame.map_err(|error| error.to_string())?;
            self.read += 1;
            if self.read > self.skip {
                frames.push(frame);
            }
        }
        if frames.len() < 2 {
            // A large frame is a piece of its own, and is not copied.
            return Ok(frames.pop().map(|frame| frame.insert_axis(Axis(0))));
        }
        let views: Vec<_> = frames.iter().map(|frame| frame.view()).collect();
        let piece = ndarray::stack(Axis(0), &views);
        piece.map(Some).map_err(|error| error.to_string())
    }

    /// The shape of the whole clip, of which `piece` was read last: the rest is read, one piece at a time.
    fn shape(mut self, piece: Option<Array4<u8>>) -> Result<[usize; 4], String> {
        let mut size = piece.map_or([0; 3], |piece| {
            let (_, height, width, rgb) = piece.dim();
            [height, width, rgb]
        });
        while let Some(piece) = self.piece()? {
            let (_, height, width, rgb) = piece.dim();
            size = [height, width, rgb];
        }
        Ok([
            self.read.saturating_sub(self.skip),
            size[0],
            size[1],
            size[2],
        ])
    }

    /// A reason where a clip that was read to its end is damaged, or has no frame that is judged.
    fn ended(&self) -> Result<(), String> {
        if let Some(note) = self.frames.note() {
            return Err(format!(
                "the file is damaged: {note}: `{}`",
                self.path.display()
            ));
        }
        if self.read <= self.skip {
            return Err(format!(
                "{} frames, and the first {} are not judged",
                self.read, self.skip
            ));
        }
        Ok(())
    }
}

/// Frames of a piece, by the first of them.
fn room(first: Option<&Array3<u8>>) -> usize {
    let fit = first.map_or(1, |frame| PIECE_BYTES / frame.len().max(1));
    fit.clamp(1, PIECE_FRAMES)
}

/// Refuses pictures that are not partners by number: sides that lack different frames. Where one side counts from
/// another number, the distances count.
fn same_numbers(sides: &[Videos; 2], clips: [usize; 2]) -> Result<(), String> {
    let [prediction, truth] = [0, 1].map(|side| sides[side].numbers(clips[side]));
    let (Some(prediction), Some(truth)) = (prediction?, truth?) else {
        return Ok(());
    };
    let relative = |numbers: &[u128]| -> BTreeSet<u128> {
        let first = numbers.first().copied().unwrap_or_default();
        numbers.iter().map(|number| number - first).collect()
    };
    let (ours, theirs) = (relative(&prediction), relative(&truth));
    // Sides of different lengths without gaps are told apart by their shape.
    let whole = |numbers: &BTreeSet<u128>| {
        numbers
            .last()
            .is_none_or(|last| *last + 1 == numbers.len() as u128)
    };
    if ours == theirs || (whole(&ours) && whole(&theirs)) {
        return Ok(());
    }
    let lacks = |side: &str, of: &BTreeSet<u128>, other: &BTreeSet<u128>, first: Option<&u128>| {
        let first = first.copied().unwrap_or_default();
        let missing = other
            .difference(of)
            .map(|number| (number + first).to_string());
        let missing: Vec<String> = missing.take(5).collect();
        (!missing.is_empty()).then(|| format!("the {side} lacks frame {}", missing.join(", ")))
    };
    let sides = [
        lacks("prediction", &ours, &theirs, prediction.first()),
        lacks("truth", &theirs, &ours, truth.first()),
    ];
    let said: Vec<String> = sides.into_iter().flatten().collect();
    Err(format!("frames differ by number: {}", said.join(", ")))
}

/// The clips of one folder.
pub(crate) struct Videos(FolderSource);

impl Videos {
    pub fn open(folder: &Path) -> Result<Self, DataError> {
        FolderSource::open(&[folder.to_owned()]).map(Self)
    }

    /// A name a clip; a folder that is itself one clip has none of its own.
    pub fn names(&self, folder: &Path) -> Vec<String> {
        if self.0.len() == 1 && self.0.path(0) == folder {
            return vec!["clip".to_owned()];
        }
        let names = (0..self.0.len()).map(|index| self.0.id(index).as_str().to_owned());
        names.collect()
    }

    /// Frames of a clip from frame `skip` on, piece by piece.
    fn frames(&self, index: usize, skip: usize) -> Result<Pieces, String> {
        let frames = self.0.whole(index).map_err(|error| error.to_string())?;
        Ok(Pieces {
            frames,
            path: self.0.path(index).to_owned(),
            skip,
            read: 0,
        })
    }

    /// All frames of a clip from frame `skip` on; a reason where it is damaged, has none, or has more than memory holds.
    pub fn whole(&self, index: usize, skip: usize) -> Result<Array4<u8>, String> {
        let mut pieces = self.frames(index, skip)?;
        let (mut all, mut bytes) = (Vec::new(), 0);
        while let Some(piece) = pieces.piece()? {
            bytes += piece.len() as u64;
            if bytes > memory::budget() {
                return Err(format!("more than {bytes} bytes of frames at once"));
            }
            all.push(piece);
        }
        pieces.ended()?;
        let views: Vec<_> = all.iter().map(|piece| piece.view()).collect();
        concatenate(Axis(0), &views).map_err(|error| error.to_string())
    }

    /// Numbers of a clip's pictures; `None` of a video file.
    pub fn numbers(&self, index: usize) -> Result<Option<Vec<u128>>, String> {
        self.0.numbers(index).map_err(|error| error.to_string())
    }

    /// The decoder of a clip's pixels, where decoders differ.
    pub fn pixel_decoder(&self, index: usize) -> Option<String> {
        self.0.pixel_decoder(index)
    }

    /// Hash of a clip's content.
    pub fn identity(&self, index: usize) -> Result<String, DataError> {
        self.0.identity(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_partner_is_named() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let matches = Matches::new(&names(&["b", "c", "a"]), &names(&["a", "d", "b", "e"]));
        assert_eq!(
            matches.pairs,
            [("a".to_owned(), 2, 0), ("b".to_owned(), 0, 2)]
        );
        assert_eq!(
            matches.unmatched(),
            "1 predictions without a partner, 2 truths without a partner"
        );
        assert_eq!(matches.only_prediction, [("c".to_owned(), 1)]);
        assert_eq!(
            matches.only_truth,
            [("d".to_owned(), 1), ("e".to_owned(), 3)]
        );
        let none = Matches::new(&names(&["a"]), &names(&["b"]));
        assert!(none.or_none(Path::new("x"), Path::new("y")).is_err());
    }
}
