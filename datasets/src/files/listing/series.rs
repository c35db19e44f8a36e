//! Series: files of a folder whose names differ in a number alone, such as the frames of a clip.
//!
//! `rgba_00000.png`, `rgba_00001.png`, … is one series and `segmentation_00000.png`, … beside it another. The number is
//! the part of the names that varies, whatever stands before and behind it: `000001_image.png`, `a_003_frame_0001.png`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::entries::{ending, entries};
use crate::error::DataError;

/// Files whose names differ in numbers alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// The names without their ending, `#` for each number: `rgba_#`.
    pub shape: String,
    /// The numbers of each file, and the file; by numbers.
    pub files: Vec<(Vec<u128>, PathBuf)>,
}

/// Content of a series of pictures, by the words of its names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Frames: no word at all, or `rgba`, `image`, `frame`, …
    Frames,
    /// Object ids: `mask`, `segmentation`, …
    Masks,
    /// What renderers write beside frames: `depth`, `normal`, `flow`, …; previews.
    Side,
    /// No word says.
    Unknown,
}

/// Words of frames.
const FRAME_WORDS: &str = "frame frames image images img rgb rgba color colour";

/// Words of object ids.
const MASK_WORDS: &str = "mask masks seg segmentation segmentations";

/// Words of what is neither.
const SIDE_WORDS: &str = "alpha backward coordinates cover depth disparity edge edges flat flow forward grid normal \
    normals optical poster preview previews thumb thumbnail thumbnails uv";

impl Series {
    /// What the words of the names say.
    pub fn role(&self) -> Role {
        let words: Vec<String> = self
            .shape
            .split(|c: char| !c.is_alphabetic())
            .filter(|word| !word.is_empty())
            .map(str::to_lowercase)
            .collect();
        let any = |list: &str| {
            words
                .iter()
                .any(|word| list.split(' ').any(|known| known == word))
        };
        if any(MASK_WORDS) {
            Role::Masks
        } else if any(SIDE_WORDS) {
            Role::Side
        } else if words.is_empty() || any(FRAME_WORDS) {
            Role::Frames
        } else {
            Role::Unknown
        }
    }

    /// The files with the one number that varies, by number. A series of one file has its last number.
    ///
    /// # Errors
    /// When two numbers vary, unless the second is the decimals of the first, or two files have one number.
    pub fn numbered(&self) -> Result<Vec<(u128, &PathBuf)>, String> {
        let mut found = Vec::with_capacity(self.files.len());
        match self.varying()[..] {
            [] => found.extend(
                self.files
                    .iter()
                    .map(|(numbers, path)| (last(numbers), path)),
            ),
            [place] => found.extend(
                self.files
                    .iter()
                    .map(|(numbers, path)| (numbers[place], path)),
            ),
            [whole, decimals] if self.joined_by_a_dot(whole, decimals) => {
                found = self.decimal(decimals)?;
            }
            _ => {
                return Err(format!(
                    "more than one part of the names `{}` varies",
                    self.shape
                ));
            }
        }
        found.sort();
        let twice = found.windows(2).find(|pair| pair[0].0 == pair[1].0);
        if let Some([(number, one), (_, other)]) = twice {
            return Err(format!(
                "two files have the number {number}: `{}` and `{}`",
                name(one),
                name(other)
            ));
        }
        Ok(found)
    }

    /// Places of the numbers that are not the same in all names.
    fn varying(&self) -> Vec<usize> {
        let Some((first, _)) = self.files.first() else {
            return Vec::new();
        };
        let varies = |place: &usize| {
            self.files
                .iter()
                .any(|(numbers, _)| numbers[*place] != first[*place])
        };
        (0..first.len()).filter(varies).collect()
    }

    /// Whether a number follows another after nothing but a dot.
    fn joined_by_a_dot(&self, one: usize, other: usize) -> bool {
        let between: Vec<&str> = self.shape.split('#').collect();
        other == one + 1 && between.get(other) == Some(&".")
    }

    /// Files by a number with decimals, such as the seconds in `1700000000.25.png`: its digits up to the longest.
    fn decimal(&self, decimals: usize) -> Result<Vec<(u128, &PathBuf)>, String> {
        let written = |path: &Path| -> Option<String> {
            let stem = path.file_stem()?.to_str()?;
            runs(stem)
                .filter(|(digits, _)| *digits)
                .nth(decimals)
                .map(|(_, text)| text.to_owned())
        };
        let all: Vec<String> = self
            .files
            .iter()
            .map(|(_, path)| written(path).unwrap_or_default())
            .collect();
        let longest = all.iter().map(String::len).max().unwrap_or(0);
        let join = |(numbers, path): &'_ (Vec<u128>, PathBuf), text: &String| {
            let digits = format!("{}{text:0<longest$}", numbers[decimals - 1]);
            digits
                .parse::<u128>()
                .map_err(|_| format!("a number of more than 38 digits: `{}`", name(path)))
        };
        self.files
            .iter()
            .zip(&all)
            .map(|(file, text)| Ok((join(file, text)?, &file.1)))
            .collect()
    }
}

fn last(numbers: &[u128]) -> u128 {
    numbers.last().copied().unwrap_or(0)
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// The series among files, by the shape of their names. A file without a number belongs to none.
pub fn series(paths: &[PathBuf]) -> Vec<Series> {
    let mut found: BTreeMap<String, Vec<(Vec<u128>, PathBuf)>> = BTreeMap::new();
    for path in paths {
        let Some(stem) = path.file_stem().and_then(|stem| stem.to_str()) else {
            continue;
        };
        let (mut shape, mut numbers) = (String::new(), Vec::new());
        for (digits, text) in runs(stem) {
            match text.parse().ok().filter(|_| digits) {
                Some(number) => {
                    shape.push('#');
                    numbers.push(number);
                }
                None => shape.push_str(text),
            }
        }
        if !numbers.is_empty() {
            found
                .entry(shape)
                .or_default()
                .push((numbers, path.clone()));
        }
    }
    let sorted = found.into_iter().map(|(shape, mut files)| {
        files.sort();
        Series { shape, files }
    });
    sorted.collect()
}

/// Runs of digits and of other characters, in order; `true` for digits.
fn runs(text: &str) -> impl Iterator<Item = (bool, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let digits = rest.chars().next()?.is_ascii_digit();
        let end = rest
            .find(|c: char| c.is_ascii_digit() != digits)
            .unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        rest = after;
        Some((digits, run))
    })
}

/// The PNG pictures of object ids in a folder by number: its one series (`0012.png`), or the one whose names say that
/// they are masks (`000012_mask.png`, `segmentation_00012.png`).
///
/// # Errors
/// When the folder cannot be read, holds several series that could be meant, or one without an order.
pub fn pictures(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut files = entries(folder)?;
    files.retain(|path| ending(path) == "png");
    let all = series(&files);
    let masks: Vec<&Series> = all.iter().filter(|one| one.role() == Role::Masks).collect();
    let malformed = |reason| DataError::Malformed {
        reason,
        path: folder.to_owned(),
    };
    let meant = match (&all[..], &masks[..]) {
        ([], _) => return Ok(Vec::new()),
        ([only], _) => only,
        (_, [only]) => *only,
        _ => {
            return Err(malformed(format!(
                "pictures of several kinds: {}",
                shapes(&all)
            )));
        }
    };
    let numbered = meant.numbered().map_err(malformed)?;
    Ok(numbered.into_iter().map(|(_, path)| path.clone()).collect())
}

/// The shapes of series, as messages list them.
pub fn shapes<'a>(all: impl IntoIterator<Item = &'a Series>) -> String {
    let quoted = all.into_iter().map(|one| format!("`{}`", one.shape));
    quoted.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn of(names: &[&str]) -> Vec<Series> {
        series(&names.iter().map(PathBuf::from).collect::<Vec<_>>())
    }

    fn order(names: &[&str]) -> Result<Vec<String>, String> {
        let all = of(names);
        assert_eq!(all.len(), 1, "{all:?}");
        let numbered = all[0].numbered()?;
        Ok(numbered.into_iter().map(|(_, path)| name(path)).collect())
    }

    #[test]
    fn the_number_is_the_part_of_the_names_that_varies() {
        for names in [
            &["0.png", "1.png", "2.png", "10.png"][..],
            &["frame_9999.png", "frame_10000.png"],
            &["img001.PNG", "img002.PNG"],
            &["a_003_frame_0001.png", "a_003_frame_0002.png"],
            &["000001_image.png", "000002_image.png"],
            &["1700000000.250.png", "1700000001.250.png"],
            &["1700000000.5.png", "1700000001.25.png", "1700000001.5.png"],
        ] {
            let mut mixed = names.to_vec();
            mixed.reverse();
            assert_eq!(order(&mixed).unwrap(), names);
        }
        assert_eq!(of(&["cover.png", "notes.png"]), []);
    }

    #[test]
    fn names_without_one_order_are_refused_in_a_sentence() {
        let two = order(&["a_001_frame_0001.png", "a_002_frame_0002.png"]).unwrap_err();
        assert_eq!(two, "more than one part of the names `a_#_frame_#` varies");
        let same = order(&["1.png", "01.png", "2.png"]).unwrap_err();
        assert_eq!(same, "two files have the number 1: `01.png` and `1.png`");
    }

    #[test]
    fn kinds_are_told_apart_by_their_words() {
        let role = |name: &str| of(&[name])[0].role();
        for (name, expected) in [
            ("0001.png", Role::Frames),
            ("rgba_00001.png", Role::Frames),
            ("scene_3_image_0001.png", Role::Frames),
            ("000001_mask.png", Role::Masks),
            ("image_mask_1.png", Role::Masks),
            ("segmentation_00001.png", Role::Masks),
            ("object_coordinates_00001.png", Role::Side),
            ("grid_0.png", Role::Side),
            ("ball_7.png", Role::Unknown),
        ] {
            assert_eq!(role(name), expected, "{name}");
        }
    }

    #[test]
    fn masks_are_the_one_series_or_the_one_that_is_called_so() {
        let folder = tempfile::tempdir().unwrap();
        let write = |names: &[&str]| {
            for name in names {
                fs::write(folder.path().join(name), "").unwrap();
            }
        };
        let found = || {
            let found = pictures(folder.path())?;
            Ok::<Vec<String>, DataError>(found.iter().map(|path| name(path)).collect())
        };
        assert!(found().unwrap().is_empty());
        write(&["f_10.png", "f_9.PNG", ".8.png", "notes.txt", "7.jpg"]);
        assert_eq!(found().unwrap(), ["f_9.PNG", "f_10.png"]);
        write(&["000001_mask.png", "000000_mask.png"]);
        assert_eq!(found().unwrap(), ["000000_mask.png", "000001_mask.png"]);
        write(&["segmentation_0.png"]);
        let error = found().unwrap_err().to_string();
        assert!(
            error.starts_with("pictures of several kinds: `#_mask`, `f_#`"),
            "{error}"
        );
    }
}
