//! Places that one process works in: a folder, or what is to become a file or folder.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use slotflow_datasets::partial::hidden_beside;

use super::error::RunError;
use super::files::make_dir;

/// The file that is locked in a folder.
const NAME: &str = ".lock";

/// Held as long as this process works in a folder; the system lets go when the process ends, however it does.
#[derive(Debug)]
pub struct FolderLock {
    /// Holds the number of the process.
    file: File,
}

impl FolderLock {
    /// Takes a folder for this process, making it first if it is not there.
    ///
    /// # Errors
    /// When another process holds it, or the file system says no.
    pub fn take(folder: &Path) -> Result<Self, RunError> {
        make_dir(folder)?;
        let file = locked(&folder.join(NAME), folder)?;
        Ok(Self { file })
    }
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        if self.file.set_len(0).is_err() {
            // Only the number in it is stale; the lock itself goes with the file.
        }
    }
}

/// Held as long as this process writes what is to lie at a path, by a hidden file beside it that goes with the lock.
#[derive(Debug)]
pub struct PathLock {
    /// The hidden file.
    path: PathBuf,
    /// Folders that were made for it, the deepest first: where nothing else came to lie, they go with it.
    made: Vec<PathBuf>,
    /// Holds the number of the process.
    _file: File,
}

impl PathLock {
    /// Takes a path for this process, making the folder that it lies in.
    ///
    /// # Errors
    /// When another process holds it, or the file system says no.
    pub fn take(target: &Path) -> Result<Self, RunError> {
        let parent = target.parent().unwrap_or(Path::new(""));
        let missing = |folder: &&Path| !folder.as_os_str().is_empty() && !folder.exists();
        let made: Vec<PathBuf> = parent
            .ancestors()
            .take_while(missing)
            .map(Path::to_owned)
            .collect();
        make_dir(parent)?;
        let path = hidden_beside(target, NAME);
        loop {
            let file = locked(&path, target)?;
            // Whoever had it before may have removed it between the opening and the lock.
            if is_still(&file, &path) {
                return Ok(Self {
                    path,
                    made,
                    _file: file,
                });
            }
        }
    }
}

impl Drop for PathLock {
    fn drop(&mut self) {
        if fs::remove_file(&self.path).is_err() {
            // An empty file that is left locks nothing.
        }
        for folder in &self.made {
            if fs::remove_dir(folder).is_err() {
                break;
            }
        }
    }
}

/// Whether the file at a path is the one that was opened.
fn is_still(file: &File, path: &Path) -> bool {
    let number = |meta: fs::Metadata| (meta.dev(), meta.ino());
    let opened = file.metadata().map(number);
    let there = fs::metadata(path).map(number);
    matches!((opened, there), (Ok(opened), Ok(there)) if opened == there)
}

/// A file that this process has locked, its number in it; `holds` is named where another one has.
fn locked(path: &Path, holds: &Path) -> Result<File, RunError> {
    let io = |source| RunError::Io {
        action: "lock",
        source,
        path: path.to_owned(),
    };
    // Not cut: the holder's number is to be read.
    let mut options = OpenOptions::new();
    let options = options.create(true).truncate(false).read(true).write(true);
    let mut file = options.open(path).map_err(io)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            file.read_to_string(&mut holder).map_err(io)?;
            return Err(RunError::Busy {
                process: holder.parse().ok(),
                path: holds.to_owned(),
            });
        }
        Err(TryLockError::Error(source)) => return Err(io(source)),
    }
    let number = std::process::id().to_string();
    let written = file
        .set_len(0)
        .and_then(|()| file.write_all(number.as_bytes()));
    written.map_err(io)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_the_first_is_and_may_come_after_it() {
        let dir = tempfile::tempdir().unwrap();
        let number = format!("({})", std::process::id());
        let first = FolderLock::take(dir.path()).unwrap();
        let told = FolderLock::take(dir.path()).unwrap_err().to_string();
        assert!(
            told.contains(&number) && told.contains(dir.path().to_str().unwrap()),
            "{told}"
        );
        drop(first);
        FolderLock::take(dir.path()).unwrap();

        let target = dir.path().join("below/run");
        let first = PathLock::take(&target).unwrap();
        let told = PathLock::take(&target).unwrap_err().to_string();
        assert!(
            told.contains(&number) && told.contains("below/run"),
            "{told}"
        );
        drop(first);
        drop(PathLock::take(&target).unwrap());
        assert!(
            !target.parent().unwrap().exists(),
            "nothing came to lie there"
        );
    }
}
