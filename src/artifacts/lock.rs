//! A folder that one process works in.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::Path;

use super::error::RunError;
use super::files::make_dir;

/// The file that is locked.
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
        let path = folder.join(NAME);
        let io = |source| RunError::Io {
            action: "lock",
            source,
            path: path.clone(),
        };
        // Not cut: the holder's number is to be read.
        let mut options = OpenOptions::new();
        let options = options.create(true).truncate(false).read(true).write(true);
        let mut file = options.open(&path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder).map_err(io)?;
                return Err(RunError::Busy {
                    process: holder.parse().ok(),
                    path: folder.to_owned(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        let number = std::process::id().to_string();
        let written = file
            .set_len(0)
            .and_then(|()| file.write_all(number.as_bytes()));
        written.map_err(io)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_the_first_is_and_may_come_after_it() {
        let dir = tempfile::tempdir().unwrap();
        let first = FolderLock::take(dir.path()).unwrap();
        let told = FolderLock::take(dir.path()).unwrap_err().to_string();
        let number = format!("({})", std::process::id());
        assert!(
            told.contains(&number) && told.contains(dir.path().to_str().unwrap()),
            "{told}"
        );
        drop(first);
        FolderLock::take(dir.path()).unwrap();
    }
}
