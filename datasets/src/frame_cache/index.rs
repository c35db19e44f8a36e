//! `clips.jsonl`: one line a clip of the data set, in its order.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::byte_array::failed;
use crate::error::DataError;
use crate::files::checksum::{self, State};
use crate::files::regular;

/// The file of all pixels.
pub const FRAMES: &str = "frames.npy";

/// The file of all masks.
pub const MASKS: &str = "masks.npy";

/// The file of every clip's empty scene.
pub const BACKGROUNDS: &str = "backgrounds.npy";

/// The file of this index.
pub const INDEX: &str = "clips.jsonl";

/// The file that says that rows of an array are damaged.
pub const DAMAGED: &str = "damaged";

/// Leaves word beside a damaged array of a cache that its clips are to be looked at; whether the file is one.
pub fn mark_damaged(array: &Path) -> bool {
    let name = array.file_name().unwrap_or_default();
    let is_array = [FRAMES, MASKS, BACKGROUNDS].iter().any(|own| name == *own);
    let Some(folder) = array.parent().filter(|folder| folder.join(INDEX).is_file()) else {
        return false;
    };
    is_array && array.is_file() && std::fs::write(folder.join(DAMAGED), "").is_ok()
}

/// What is known of a clip in a cache.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CachedClip {
    /// The checksum of its line; an earlier version wrote none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) checksum: String,
    /// Its name.
    pub id: String,
    /// Sampled frames a second; 0 of a clip that was left out.
    pub fps: f32,
    /// Whether it has masks.
    pub masks: bool,
    /// Why it is not in the cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<String>,
}

/// The clips of an index: as far as its lines are whole, for a stopped process may have left half of one, or a disk another
/// one.
///
/// # Errors
/// When the file is there and cannot be read.
pub fn read(path: &Path) -> Result<Vec<CachedClip>, DataError> {
    let text = match regular::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed("read", path)(error)),
    };
    let lines = text.split_inclusive(|&byte| byte == b'\n');
    let whole = lines.filter(|line| line.ends_with(b"\n"));
    Ok(whole.map_while(clip_in).collect())
}

/// The clip of a line, if it is whole.
fn clip_in(line: &[u8]) -> Option<CachedClip> {
    let clip: CachedClip = serde_json::from_slice(line).ok()?;
    let is_whole = clip.checksum.is_empty() || checksum::state(line) == State::Whole;
    is_whole.then_some(clip)
}

/// Adds clips to an index; it is cut to `known` lines first.
///
/// # Errors
/// When the disk says no.
pub fn append(path: &Path, known: &[CachedClip], more: &[CachedClip]) -> Result<(), DataError> {
    let line = |clip: &CachedClip| {
        let mut text = serde_json::to_vec(clip).unwrap_or_default();
        text.push(b'\n');
        checksum::seal(&mut text);
        text
    };
    let length: usize = known.iter().map(|clip| line(clip).len()).sum();
    let mut open = OpenOptions::new();
    open.create(true).truncate(false).write(true);
    let file = open.open(path).map_err(failed("create", path))?;
    let text: Vec<u8> = more.iter().flat_map(line).collect();
    file.set_len(length as u64)
        .and_then(|()| file.write_all_at(&text, length as u64))
        .map_err(failed("write", path))
}
