//! Clips and masks whose name occurs on both sides, and those whose name does not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ndarray::{Array4, Axis, s};
use slotflow_datasets::source::FolderSource;
use slotflow_datasets::{DataError, Source};

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

/// Truth and prediction from frame `skip` on, if they are alike; a reason where they are not.
pub(crate) fn read_pair(
    sides: &[Videos; 2],
    [prediction, truth]: [usize; 2],
    skip: usize,
) -> Result<[Array4<u8>; 2], String> {
    same_numbers(sides, [prediction, truth])?;
    let (prediction, truth) = (
        sides[0].whole(prediction, skip)?,
        sides[1].whole(truth, skip)?,
    );
    let same = slotflow_eval::error::same_shape("clips", truth.shape(), prediction.shape());
    same.map_err(|error| error.to_string())?;
    Ok([truth, prediction])
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

    /// All frames of a clip from frame `skip` on; a reason where it is damaged or has none.
    pub fn whole(&self, index: usize, skip: usize) -> Result<Array4<u8>, String> {
        let sample = self.0.whole(index).map_err(|error| error.to_string())?;
        if let Some(note) = sample.note {
            return Err(format!(
                "the file is damaged: {note}: `{}`",
                self.0.path(index).display()
            ));
        }
        let frames = sample.clip.frames;
        let time = frames.len_of(Axis(0));
        if time <= skip {
            return Err(format!(
                "{time} frames, and the first {skip} are not judged"
            ));
        }
        Ok(if skip == 0 {
            frames
        } else {
            frames.slice_move(s![skip.., .., .., ..])
        })
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
