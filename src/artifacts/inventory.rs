//! What a cache holds, and its removal: artifacts of stages, decoded frames, slots, latents, features.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::error::RunError;
use super::files::{entries, remove_dir};
use super::lock::FolderLock;

/// Downloaded networks, which nothing can make again.
const KEPT: &str = "weights";
/// Names of the folders of a cache beside those of stages, `STAGE-vN`.
const FOLDERS: [&str; 6] = [KEPT, "features", "frames", "latents", "readouts", "slots"];
/// What names of folders in the making end in.
const PARTIAL: &str = ".partial";
/// What names of locks end in.
const LOCK: &str = ".lock";
/// Where caches lay before they had a place of their own.
const LOCAL: &str = ".cache";

/// One thing in a cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Folder of the cache that it lies in: `encode-v2`, `frames`.
    pub group: String,
    /// Where it lies.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// When it was last written.
    pub modified: SystemTime,
}

impl Entry {
    /// How long ago it was last written.
    pub fn age(&self, now: SystemTime) -> Duration {
        now.duration_since(self.modified).unwrap_or_default()
    }

    /// Whether a living process holds the lock beside it, as those that decode frames do.
    fn is_being_made(&self) -> Result<bool, RunError> {
        let name = name_of(&self.path);
        let name = name.strip_suffix(PARTIAL).unwrap_or(&name);
        let path = self.path.with_file_name(format!("{name}{LOCK}"));
        let io = |source| RunError::Io {
            action: "lock",
            source,
            path: path.clone(),
        };
        if !path.is_file() {
            return Ok(false);
        }
        match File::open(&path).map_err(io)?.try_lock() {
            Ok(()) => Ok(false),
            Err(TryLockError::WouldBlock) => Ok(true),
            Err(TryLockError::Error(source)) => Err(io(source)),
        }
    }

    /// Removes it; whether it is gone. What a living process makes stays.
    ///
    /// # Errors
    /// When the file system says no.
    pub fn remove(&self) -> Result<bool, RunError> {
        if self.is_being_made()? {
            return Ok(false);
        }
        if self.path.is_dir() {
            let lock = match FolderLock::take(&self.path) {
                Err(RunError::Busy { .. }) => return Ok(false),
                lock => lock?,
            };
            remove_dir(&self.path)?;
            drop(lock);
            return Ok(true);
        }
        fs::remove_file(&self.path).map_err(|source| RunError::Io {
            action: "remove",
            source,
            path: self.path.clone(),
        })?;
        Ok(true)
    }
}

/// Everything in a cache that can be made again, by folder and name; nothing where there is no cache.
///
/// # Errors
/// When a folder cannot be read.
pub fn contents(cache: &Path) -> Result<Vec<Entry>, RunError> {
    let mut found = Vec::new();
    if !cache.exists() {
        return Ok(found);
    }
    for group in entries(cache)? {
        let name = name_of(&group);
        if !group.is_dir() || !is_ours(&name) || name == KEPT {
            continue;
        }
        for path in entries(&group)?.into_iter().filter(|path| !is_aside(path)) {
            let (bytes, modified) = extent(&path)?;
            found.push(Entry {
                group: name.clone(),
                path,
                bytes,
                modified,
            });
        }
    }
    Ok(found)
}

/// The cache where nobody names one: `.cache` in the current folder where it is one of ours, else the user's folder for
/// caches by the platform's convention.
pub fn default_folder() -> PathBuf {
    let local = PathBuf::from(LOCAL);
    let is_cache = entries(&local).is_ok_and(|found| {
        let mut names = found.iter().map(|path| name_of(path));
        names.any(|name| is_ours(&name))
    });
    if is_cache {
        return local;
    }
    dirs::cache_dir().map_or(local, |user| user.join(env!("CARGO_PKG_NAME")))
}

/// Whether a folder of that name is one of a cache.
fn is_ours(name: &str) -> bool {
    let is_stage = name.rsplit_once("-v").is_some_and(|(stage, version)| {
        !stage.is_empty() && !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit())
    });
    is_stage || FOLDERS.contains(&name)
}

/// Whether a file is no content of a cache by itself: a lock, or a hidden one that a process is writing.
fn is_aside(path: &Path) -> bool {
    let name = name_of(path);
    name.starts_with('.') || name.ends_with(LOCK)
}

fn name_of(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Bytes of a file or of all files below a folder, and the latest time that one was written.
fn extent(path: &Path) -> Result<(u64, SystemTime), RunError> {
    let io = |source| RunError::Io {
        action: "read",
        source,
        path: path.to_owned(),
    };
    let meta = fs::symlink_metadata(path).map_err(io)?;
    let own = meta.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    if !meta.is_dir() {
        return Ok((meta.len(), own));
    }
    entries(path)?
        .iter()
        .try_fold((0, own), |(sum, last), path| {
            let (bytes, modified) = extent(path)?;
            Ok((sum + bytes, last.max(modified)))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_made_again_is_listed_and_removed_and_nothing_else() {
        let room = tempfile::tempdir().unwrap();
        let write = |name: &str| {
            let path = room.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "12345").unwrap();
        };
        for name in [
            "encode-v2/ab/one.safetensors",
            "encode-v2/ab/manifest.json",
            "slots/x.safetensors",
            "weights/i3d.pt",
            "own/letter.txt",
        ] {
            write(name);
        }
        let found = contents(room.path()).unwrap();
        let listed: Vec<(&str, u64)> = found.iter().map(|one| (&*one.group, one.bytes)).collect();
        assert_eq!(listed, [("encode-v2", 10), ("slots", 5)]);
        let held = FolderLock::take(&found[0].path).unwrap();
        assert!(!found[0].remove().unwrap());
        drop(held);
        for entry in &found {
            assert!(entry.remove().unwrap());
        }
        assert_eq!(contents(room.path()).unwrap(), []);
        assert!(
            room.path().join("weights/i3d.pt").exists()
                && room.path().join("own/letter.txt").exists()
        );
        assert!(is_ours("score-answers-v12") && !is_ours("notes-v") && !is_ours("-v1"));
    }

    #[test]
    fn what_a_living_process_makes_is_kept() {
        let room = tempfile::tempdir().unwrap();
        let frames = room.path().join("frames");
        fs::create_dir_all(frames.join("clips.partial")).unwrap();
        fs::create_dir_all(room.path().join("slots")).unwrap();
        fs::write(room.path().join("slots/.x.7-0.partial"), "half").unwrap();
        let lock = File::create(frames.join("clips.lock")).unwrap();
        lock.lock().unwrap();
        let found = contents(room.path()).unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(!found[0].remove().unwrap());
        drop(lock);
        assert!(found[0].remove().unwrap());
    }
}
