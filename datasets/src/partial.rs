//! A file that appears whole or not at all.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::error::DataError;

/// A file on its way: written under another name in the same folder, removed unless it is kept.
#[derive(Debug)]
pub(crate) struct Partial {
    target: PathBuf,
    path: PathBuf,
    kept: bool,
}

impl Partial {
    /// An empty file beside `target`.
    pub(crate) fn create(target: &Path) -> Result<Self, DataError> {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let io = |source| DataError::Io {
            action: "create",
            source,
            path: target.to_owned(),
        };
        let name = target
            .file_name()
            .ok_or_else(|| io(std::io::ErrorKind::InvalidFilename.into()))?;
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!(
            ".{}.{}-{count}.partial",
            name.to_string_lossy(),
            process::id()
        );
        let path = target.with_file_name(name);
        fs::File::create(&path).map_err(io)?;
        Ok(Self {
            target: target.to_owned(),
            path,
            kept: false,
        })
    }

    /// Where to write.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the file its name.
    pub(crate) fn keep(mut self) -> Result<(), DataError> {
        let moved = fs::rename(&self.path, &self.target);
        self.kept = moved.is_ok();
        moved.map_err(|source| DataError::Io {
            action: "write",
            source,
            path: self.target.clone(),
        })
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if !self.kept {
            // Nobody is left to tell, and what failed before was told.
            drop(fs::remove_file(&self.path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_kept_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a.bin");
        drop(Partial::create(&target).unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);

        let partial = Partial::create(&target).unwrap();
        fs::write(partial.path(), b"whole").unwrap();
        assert!(!target.exists());
        partial.keep().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"whole");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
