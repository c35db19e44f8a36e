//! Gaps in numbered names.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Names that end in a number and differ in nothing else.
pub(super) struct Numbered {
    prefix: String,
    /// Digits of the shortest number: numbers that are filled up with zeros have as many.
    width: usize,
    numbers: BTreeSet<u64>,
}

impl Numbered {
    /// The numbers of these names, if each has one of its own behind the same letters.
    pub(super) fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut found: Option<Self> = None;
        for name in names {
            let prefix = name.trim_end_matches(|c: char| c.is_ascii_digit());
            let digits = &name[prefix.len()..];
            let number = digits.parse().ok()?;
            let all = found.get_or_insert_with(|| Self {
                prefix: prefix.to_owned(),
                width: digits.len(),
                numbers: BTreeSet::new(),
            });
            all.width = all.width.min(digits.len());
            if all.prefix != prefix || !all.numbers.insert(number) {
                return None;
            }
        }
        found
    }

    /// Numbers from the first to the last, with those that are missing.
    pub(super) fn span(&self) -> usize {
        match (self.numbers.first(), self.numbers.last()) {
            (Some(first), Some(last)) => usize::try_from(last - first + 1).unwrap_or(usize::MAX),
            _ => 0,
        }
    }

    /// Names that are missing between the first and the last, as ranges, and how many they are.
    pub(super) fn missing(&self) -> (Vec<String>, usize) {
        let mut ranges = Vec::new();
        let mut count = 0;
        let name = |number: u64| format!("{}{number:0width$}", self.prefix, width = self.width);
        for (before, after) in self.numbers.iter().zip(self.numbers.iter().skip(1)) {
            let (first, last) = (before + 1, after - 1);
            if first > last {
                continue;
            }
            count += usize::try_from(after - first).unwrap_or(usize::MAX);
            ranges.push(match last - first {
                0 => name(first),
                _ => format!("{} to {}", name(first), name(last)),
            });
        }
        (ranges, count)
    }

    /// The first and the last name.
    pub(super) fn ends(&self) -> Option<[String; 2]> {
        let name = |number: &u64| format!("{}{number:0width$}", self.prefix, width = self.width);
        Some([name(self.numbers.first()?), name(self.numbers.last()?)])
    }
}

/// Files that are missing between numbered ones of the same folder and kind, such as the frames of a clip. Files that
/// are equally far apart throughout lack none.
pub(super) fn missing_files(files: &[PathBuf]) -> Vec<PathBuf> {
    let mut kinds: BTreeMap<(PathBuf, String, String), BTreeMap<u64, usize>> = BTreeMap::new();
    for file in files {
        if let Some((prefix, digits, suffix)) = split(file) {
            let folder = file.parent().unwrap_or(file).to_owned();
            if let Ok(number) = digits.parse() {
                let kind = kinds.entry((folder, prefix, suffix)).or_default();
                kind.insert(number, digits.len());
            }
        }
    }
    let mut missing = Vec::new();
    for ((folder, prefix, suffix), numbers) in kinds {
        let pairs = || numbers.iter().zip(numbers.keys().skip(1));
        let Some(step) = pairs().map(|((before, _), after)| after - before).min() else {
            continue;
        };
        for ((before, width), after) in pairs() {
            let between = (before + step..*after).step_by(step as usize);
            let name = |number| folder.join(format!("{prefix}{number:0width$}{suffix}"));
            missing.extend(between.map(name));
        }
    }
    missing
}

/// A file's name before, in and behind its first number.
fn split(file: &Path) -> Option<(String, String, String)> {
    let name = file.file_name()?.to_str()?;
    let start = name.find(|c: char| c.is_ascii_digit())?;
    let digits = &name[start..];
    let end = digits
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(digits.len());
    Some((
        name[..start].to_owned(),
        digits[..end].to_owned(),
        digits[end..].to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_between_others_are_missing() {
        let names = ["video_00003", "video_00001", "video_00008"];
        let numbered = Numbered::new(names).unwrap();
        let (ranges, count) = numbered.missing();
        assert_eq!(ranges, ["video_00002", "video_00004 to video_00007"]);
        assert_eq!((count, numbered.span()), (5, 8));
        assert_eq!(numbered.ends().unwrap(), ["video_00001", "video_00008"]);
    }

    #[test]
    fn names_of_their_own_have_no_gaps() {
        assert!(Numbered::new(["ball", "cube_3"]).is_none());
        assert!(Numbered::new(["a_1", "b_3"]).is_none());
        assert!(Numbered::new(["a_1", "a_01"]).is_none());
        assert!(Numbered::new([]).is_none());
    }

    #[test]
    fn frames_between_others_are_missing_by_kind_and_stride() {
        let paths = |names: &[&str]| -> Vec<PathBuf> { names.iter().map(PathBuf::from).collect() };
        let frames = ["c/000000.png", "c/000002.png", "c/000003.png"];
        let masks = ["c/000000_mask.png", "c/000001_mask.png"];
        assert_eq!(
            missing_files(&paths(&[&frames[..], &masks[..]].concat())),
            paths(&["c/000001.png"])
        );
        let strided = ["c/test_1.png", "c/test_6.png", "c/test_16.png"];
        assert_eq!(missing_files(&paths(&strided)), paths(&["c/test_11.png"]));
        assert!(missing_files(&paths(&["c/0.png", "c/5.png", "c/10.png"])).is_empty());
        assert!(missing_files(&paths(&["video_00004.mp4"])).is_empty());
    }
}
