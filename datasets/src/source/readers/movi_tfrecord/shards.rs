//! The files of a data set in TensorFlow Datasets' layout: their folder, their names, and what is missing.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::error::DataError;
use crate::listing::entries;
use crate::regular;
use crate::source::readers::still::missing;
use crate::tfrecord::Shard;

/// The sizes of MOVi, the one that the papers train at first.
const SIZES: [&str; 3] = ["128x128", "256x256", ""];

/// The folder below a root that has a data set's TFRecords: `movi_e/128x128/1.0.0`, or what begins further down.
pub fn folder(dataset: &str, root: &Path) -> Option<PathBuf> {
    let builder = builder(dataset);
    for base in [
        root.join(&builder),
        root.join("tfds").join(&builder),
        root.to_owned(),
    ] {
        for size in SIZES {
            let folder = base.join(size);
            let mut versions = entries(&folder).unwrap_or_default();
            versions.retain(|path| path.is_dir());
            // The latest version first.
            versions.reverse();
            versions.push(folder);
            if let Some(found) = versions
                .into_iter()
                .find(|path| has_records(path, &builder))
            {
                return Some(found);
            }
        }
    }
    None
}

pub(super) fn builder(dataset: &str) -> String {
    dataset.replace('-', "_")
}

fn has_records(folder: &Path, builder: &str) -> bool {
    let files = entries(folder).unwrap_or_default();
    let mut names = files.iter().filter_map(|path| path.file_name()?.to_str());
    names.any(|name| ShardName::parse(name).is_some_and(|name| name.builder == builder))
}

/// The parts of `movi_e-train.tfrecord-00000-of-01024`.
#[derive(Debug, PartialEq, Eq)]
struct ShardName<'a> {
    builder: &'a str,
    split: &'a str,
    number: usize,
    count: usize,
}

impl<'a> ShardName<'a> {
    fn parse(name: &'a str) -> Option<Self> {
        let (head, place) = name.split_once(".tfrecord-")?;
        let (builder, split) = head.rsplit_once('-')?;
        let (number, count) = place.split_once("-of-")?;
        Some(Self {
            builder,
            split,
            number: number.parse().ok()?,
            count: count.parse().ok()?,
        })
    }
}

/// The files of a split.
pub(super) struct SplitFiles {
    /// Those that can be read.
    pub shards: Vec<Shard>,
    /// Those that are missing, unreadable, or have other numbers of records than `dataset_info.json` says.
    pub unjoined: Vec<(String, String)>,
    /// The first file.
    pub first: PathBuf,
}

/// Opens the files of a split, which has one of these names.
///
/// # Errors
/// When there is none, or they are of two writings.
pub(super) fn open_split(
    dataset: &str,
    folder: &Path,
    splits: &[&str],
) -> Result<SplitFiles, DataError> {
    let builder = builder(dataset);
    let mut files = Vec::new();
    for path in entries(folder)? {
        let name = file_name(&path);
        let Some(name) = ShardName::parse(&name) else {
            continue;
        };
        if name.builder == builder && splits.contains(&name.split) {
            files.push((name.count, name.number, path.clone()));
        }
    }
    files.sort();
    let (Some((count, _, path)), Some((last, ..))) = (files.first(), files.last()) else {
        let wanted = format!("{builder}-{}.tfrecord-00000-of-…", splits[0]);
        return Err(missing(dataset, &folder.join(wanted)));
    };
    if count != last {
        return Err(DataError::Malformed {
            reason: format!("shards of two writings: of {count} and of {last}"),
            path: folder.to_owned(),
        });
    }
    let mut unjoined = Vec::new();
    for number in 0..*count {
        if files.binary_search_by_key(&number, |file| file.1).is_err() {
            let name = format!("{builder}-{}.tfrecord-{number:05}-of-{count:05}", splits[0]);
            unjoined.push((name, "the shard is missing".to_owned()));
        }
    }
    let shards = shards(&files, &mut unjoined);
    let info = folder.join("dataset_info.json");
    if info.is_file() {
        compare(&shards, &info, splits, &mut unjoined);
    }
    Ok(SplitFiles {
        shards,
        unjoined,
        first: path.clone(),
    })
}

/// The shards that can be read; the others are named.
fn shards(files: &[(usize, usize, PathBuf)], unjoined: &mut Vec<(String, String)>) -> Vec<Shard> {
    let mut shards = Vec::with_capacity(files.len());
    for (.., path) in files {
        match Shard::open(path) {
            Ok(shard) => shards.push(shard),
            Err(error) => unjoined.push((file_name(path), error.to_string())),
        }
    }
    shards
}

/// Names the shards that hold other numbers of records than `dataset_info.json` says.
fn compare(shards: &[Shard], info: &Path, splits: &[&str], unjoined: &mut Vec<(String, String)>) {
    #[derive(Deserialize)]
    struct Info {
        splits: Vec<SplitInfo>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct SplitInfo {
        name: String,
        #[serde(default)]
        shard_lengths: Vec<String>,
    }
    let read = regular::read_settings(info).map_err(|error| error.to_string());
    let read = read
        .and_then(|text| serde_json::from_str::<Info>(&text).map_err(|error| error.to_string()));
    let known = match read {
        Ok(known) => known,
        Err(reason) => {
            unjoined.push((file_name(info), reason));
            return;
        }
    };
    let split = known
        .splits
        .iter()
        .find(|split| splits.contains(&&*split.name));
    for shard in shards {
        let name = file_name(shard.path());
        let number = ShardName::parse(&name).map(|name| name.number);
        let said = split
            .zip(number)
            .and_then(|(split, number)| split.shard_lengths.get(number)?.parse().ok());
        if said.is_some_and(|said: usize| said != shard.len()) {
            let said = said.unwrap_or_default();
            let reason = format!("it has {} records of {said}", shard.len());
            unjoined.push((name, reason));
        }
    }
}

pub(super) fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}
