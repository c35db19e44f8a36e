//! Splits of own clips: by a list, by folders, or by their names.
//!
//! - **By a list**, a text file with a clip a line, below `[train]`, `[val]` or `[test]`:
//!   ```text
//!   [train]
//!   day-1/a.mp4
//!   day-1/b
//!   [test]
//!   day-2/a.mp4
//!   ```
//!   A clip is its path below the folder that was named, with or without its ending. Empty lines and those that begin
//!   with `#` are nothing. A clip that stands nowhere belongs to no split.
//! - **By folders** `train` and `val` (or `validation`) or `test`, where they lie at the top. A split without a folder
//!   takes its share of `train`, as below.
//! - **By name**: a hash of the path without its ending gives a number from 0 to 1. Clips below the held-out share are
//!   for test, those below twice the share for validation, and all others for training, so that a clip stays in its
//!   split when others are added. Where so few clips are there that a split would have none, the one with the next
//!   number stands in: of two clips one is for validation, of three or more one is for test as well.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::error::DataError;
use crate::listing::entries::unreadable;
use crate::regular;
use crate::source::config::SourceConfig;
use crate::source::split::Split;

/// The largest share of clips that is held out, for each of validation and test.
const MAX_SHARE: f64 = 0.45;

/// How own clips are split.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Partition<'a> {
    /// A file that lists the clips of each split.
    pub list: Option<&'a Path>,
    /// Share of clips for each of validation and test, 0..0.45.
    pub held_out_share: f64,
}

/// The split of every clip, and clips that are named and not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigned {
    /// A split for each name; `None` of a clip that belongs to none.
    pub splits: Vec<Option<Split>>,
    /// Names in the list that no clip has.
    pub missing: Vec<String>,
}

/// Clips of one split.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// Whether each clip is in it.
    pub keep: Vec<bool>,
    /// Clips that belong to no split, and those of the list that are not there, with the reason.
    pub unjoined: Vec<(String, String)>,
}

/// The clips of a configuration's split, by their paths without their endings and with them; all clips where own material
/// is not split.
///
/// # Errors
/// As [`Partition::assign`], and when the split has no clip.
pub fn choose(config: &SourceConfig, clips: &[(&str, &str)]) -> Result<Chosen, DataError> {
    if !config.split_own {
        return Ok(Chosen {
            keep: vec![true; clips.len()],
            unjoined: Vec::new(),
        });
    }
    let partition = Partition {
        list: config.list.as_deref(),
        held_out_share: config.held_out_share,
    };
    let Assigned { splits, missing } = partition.assign(clips)?;
    let keep: Vec<bool> = splits
        .iter()
        .map(|split| *split == Some(config.split))
        .collect();
    if !keep.contains(&true) {
        return Err(DataError::EmptySplit {
            split: config.split.name(),
            clips: clips.len(),
        });
    }
    let missing = missing
        .into_iter()
        .map(|name| (name, "in the list of splits and not there".to_owned()));
    let homeless = clips
        .iter()
        .zip(&splits)
        .filter(|(_, split)| split.is_none());
    let homeless =
        homeless.map(|((_, name), _)| ((*name).to_owned(), "belongs to no split".to_owned()));
    Ok(Chosen {
        keep,
        unjoined: missing.chain(homeless).collect(),
    })
}

impl Partition<'_> {
    /// The split of each clip, by its path without its ending and with it.
    ///
    /// # Errors
    /// When the list cannot be read or says something else, or the share is out of range.
    pub fn assign(&self, clips: &[(&str, &str)]) -> Result<Assigned, DataError> {
        let share = self.held_out_share;
        if !(0.0..=MAX_SHARE).contains(&share) {
            return Err(DataError::Window {
                reason: format!("a held-out share of {share} (0 to {MAX_SHARE})"),
            });
        }
        if let Some(list) = self.list {
            return by_list(list, clips);
        }
        let stems: Vec<&str> = clips.iter().map(|(stem, _)| *stem).collect();
        let splits = by_folders(&stems, share).unwrap_or_else(|| {
            let all = by_name(&stems, share, &[Split::Test, Split::Val]);
            all.into_iter().map(Some).collect()
        });
        Ok(Assigned {
            splits,
            missing: Vec::new(),
        })
    }
}

/// Splits by the first folder of each path; `None` where the folders are not those of splits.
fn by_folders(stems: &[&str], share: f64) -> Option<Vec<Option<Split>>> {
    let folder = |stem: &&str| -> Option<Split> {
        let (folder, _) = stem.split_once('/')?;
        named(folder)
    };
    let mut splits: Vec<Option<Split>> = stems.iter().map(folder).collect();
    let there: BTreeSet<Split> = splits.iter().copied().flatten().collect();
    if !(there.contains(&Split::Train) && there.len() > 1) {
        return None;
    }
    let lacking: Vec<Split> = [Split::Test, Split::Val]
        .into_iter()
        .filter(|split| !there.contains(split))
        .collect();
    let places: Vec<usize> = (0..stems.len())
        .filter(|place| splits[*place] == Some(Split::Train))
        .collect();
    let training: Vec<&str> = places.iter().map(|place| stems[*place]).collect();
    for (place, split) in places.into_iter().zip(by_name(&training, share, &lacking)) {
        splits[place] = Some(split);
    }
    Some(splits)
}

/// Splits by the hash of each name: the first of `held_out` has the lowest numbers.
fn by_name(names: &[&str], share: f64, held_out: &[Split]) -> Vec<Split> {
    let mut order: Vec<(f64, &str)> = names.iter().map(|name| (number(name), *name)).collect();
    order.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(other.1)));
    order.dedup();
    let mut counts: Vec<usize> = (0..held_out.len())
        .map(|band| {
            let (from, to) = (band as f64 * share, (band + 1) as f64 * share);
            order
                .iter()
                .filter(|(number, _)| (from..to).contains(number))
                .count()
        })
        .collect();
    // Of few clips the later split comes first: a training needs clips to be validated on.
    for (place, count) in counts.iter_mut().rev().enumerate() {
        if share > 0.0 && order.len() >= place + 2 {
            *count = (*count).max(1);
        }
    }
    while counts.iter().sum::<usize>() >= order.len().max(1) {
        let Some(most) = counts.iter_mut().max().filter(|most| **most > 0) else {
            break;
        };
        *most -= 1;
    }
    let mut splits = BTreeMap::new();
    let mut rest = order.into_iter();
    for (split, count) in held_out.iter().zip(counts) {
        splits.extend(rest.by_ref().take(count).map(|(_, name)| (name, *split)));
    }
    let split = |name: &&str| splits.get(name).copied().unwrap_or(Split::Train);
    names.iter().map(split).collect()
}

/// A number from 0 to 1 that only the name decides.
fn number(name: &str) -> f64 {
    let hash = blake3::hash(name.as_bytes());
    let first = hash
        .as_bytes()
        .iter()
        .take(6)
        .fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
    first as f64 / (1_u64 << 48) as f64
}

fn by_list(list: &Path, clips: &[(&str, &str)]) -> Result<Assigned, DataError> {
    let text = regular::read_to_string(list).map_err(|source| unreadable(source, list))?;
    let malformed = |reason: String| DataError::Malformed {
        reason,
        path: list.to_owned(),
    };
    let mut wanted: BTreeMap<String, Split> = BTreeMap::new();
    let mut section = None;
    for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'))
        {
            let split = named(name.trim());
            let reason = || format!("line {}: no split is called `{name}`", number + 1);
            section = Some(split.ok_or_else(|| malformed(reason()))?);
            continue;
        }
        let split = section.ok_or_else(|| {
            malformed(format!(
                "line {}: a clip before the first of [train], [val] and [test]",
                number + 1
            ))
        })?;
        let clip = line.replace('\\', "/").trim_matches('/').to_owned();
        let clip = clip.strip_prefix("./").map(str::to_owned).unwrap_or(clip);
        if let Some(other) = wanted
            .insert(clip.clone(), split)
            .filter(|other| *other != split)
        {
            return Err(malformed(format!("`{clip}` is in {other} and in {split}")));
        }
    }
    let mut splits = Vec::with_capacity(clips.len());
    let mut used = BTreeSet::new();
    for (stem, whole) in clips {
        let [by_whole, by_stem] = [whole, stem].map(|name| wanted.get(*name).copied());
        if let (Some(one), Some(other)) = (by_whole, by_stem)
            && one != other
        {
            return Err(malformed(format!(
                "`{whole}` is in {one} and `{stem}` in {other}"
            )));
        }
        used.extend([*stem, *whole]);
        splits.push(by_whole.or(by_stem));
    }
    let missing = wanted
        .into_keys()
        .filter(|name| !used.contains(name.as_str()))
        .collect();
    Ok(Assigned { splits, missing })
}

/// The split that a folder or a section is called after.
fn named(name: &str) -> Option<Split> {
    match name.to_lowercase().as_str() {
        "train" | "training" => Some(Split::Train),
        "val" | "validation" => Some(Split::Val),
        "test" => Some(Split::Test),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const PARTITION: Partition = Partition {
        list: None,
        held_out_share: 0.1,
    };

    fn names(count: usize) -> Vec<String> {
        (0..count)
            .map(|number| format!("day-{}/clip-{number}", number % 7))
            .collect()
    }

    fn splits(partition: &Partition, names: &[String]) -> Vec<Option<Split>> {
        let clips: Vec<(&str, &str)> = names
            .iter()
            .map(|name| (name.as_str(), name.as_str()))
            .collect();
        partition.assign(&clips).unwrap().splits
    }

    fn count(splits: &[Option<Split>], split: Split) -> usize {
        splits.iter().filter(|one| **one == Some(split)).count()
    }

    #[test]
    fn each_split_has_its_share_and_no_clip_moves_when_others_come() {
        let all = names(2000);
        let before = splits(&PARTITION, &all[..1000]);
        let after = splits(&PARTITION, &all);
        assert_eq!(before, after[..1000]);
        for split in [Split::Val, Split::Test] {
            let share = count(&after, split) as f64 / 2000.0;
            assert!((0.08..0.12).contains(&share), "{split}: {share}");
        }
        let mut turned = all.clone();
        turned.reverse();
        let mut again = splits(&PARTITION, &turned);
        again.reverse();
        assert_eq!(again, after);
    }

    #[test]
    fn of_few_clips_some_are_held_out_and_one_is_left_to_learn_from() {
        for (clips, held_out) in [(1, [0, 0]), (2, [1, 0]), (3, [1, 1]), (9, [1, 1])] {
            let splits = splits(&PARTITION, &names(clips));
            let found = [Split::Val, Split::Test].map(|split| count(&splits, split));
            assert!(
                found
                    .iter()
                    .zip(held_out)
                    .all(|(found, least)| *found >= least),
                "{clips}: {found:?}"
            );
            assert!(count(&splits, Split::Train) >= 1, "{clips}: {found:?}");
            assert_eq!(splits.iter().flatten().count(), clips);
        }
        let none = Partition {
            held_out_share: 0.0,
            ..PARTITION
        };
        assert_eq!(count(&splits(&none, &names(50)), Split::Train), 50);
        let wide = Partition {
            held_out_share: 0.6,
            ..PARTITION
        };
        assert!(wide.assign(&[]).is_err());
    }

    #[test]
    fn folders_of_splits_decide_and_a_lacking_one_takes_of_the_training_clips() {
        let mut all: Vec<String> = (0..200).map(|number| format!("train/{number}")).collect();
        all.extend(["validation/a", "validation/b", "elsewhere/c", "d"].map(str::to_owned));
        let found = splits(&PARTITION, &all);
        assert_eq!(
            found[200..],
            [Some(Split::Val), Some(Split::Val), None, None]
        );
        assert_eq!(count(&found, Split::Val), 2);
        assert!((8..35).contains(&count(&found, Split::Test)));
        // A folder `test` alone is no split.
        let plain: Vec<String> = ["test/a", "b", "c"].map(str::to_owned).to_vec();
        assert_eq!(splits(&PARTITION, &plain).iter().flatten().count(), 3);
    }

    #[test]
    fn a_list_names_clips_with_or_without_their_ending() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("splits.txt");
        let partition = Partition {
            list: Some(&list),
            ..PARTITION
        };
        let clips = [
            ("a/x", "a/x.mp4"),
            ("y", "y"),
            ("z", "z.avi"),
            ("w", "w.mp4"),
        ];
        fs::write(
            &list,
            "\u{feff}# mine\r\n[train]\r\na\\x.mp4\r\ny\r\n\r\n[Validation]\r\n./z\r\ngone.mp4\r\n",
        )
        .unwrap();
        let found = partition.assign(&clips).unwrap();
        assert_eq!(
            found.splits,
            [
                Some(Split::Train),
                Some(Split::Train),
                Some(Split::Val),
                None
            ]
        );
        assert_eq!(found.missing, ["gone.mp4"]);
        for (text, reason) in [
            ("a\n", "line 1: a clip before the first"),
            ("[dev]\n", "line 1: no split is called `dev`"),
            ("[train]\ny\n[test]\ny\n", "`y` is in train and in test"),
            (
                "[train]\nz\n[test]\nz.avi\n",
                "`z.avi` is in test and `z` in train",
            ),
        ] {
            fs::write(&list, text).unwrap();
            let error = partition.assign(&clips).unwrap_err().to_string();
            assert!(
                error.starts_with(reason) && error.contains("splits.txt"),
                "{error}"
            );
        }
    }
}
