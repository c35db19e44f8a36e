//! Files and folders that appear whole or not at all: they are written under another name in the same folder, and
//! renamed into their place at the end.
//!
//! Two names are possible. `create` takes `NAME.partial`, so that what a killed process left is written over by the
//! next one. `unique` takes a name of the process's own, for what several processes may make at once (a shared cache).

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};

/// `NAME.partial`, beside a path.
pub fn partial_path(target: &Path) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    target.with_file_name(name)
}

/// A hidden name beside a path that no other process and no other call takes.
fn unique_path(target: &Path) -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut name = OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(format!(".{}-{count}.partial", process::id()));
    target.with_file_name(name)
}

/// Refuses a path that ends in no name, such as `..`.
fn check(target: &Path) -> io::Result<()> {
    match target.file_name() {
        Some(_) => Ok(()),
        None => Err(io::ErrorKind::InvalidFilename.into()),
    }
}

/// Writes a file whole, after its bytes have reached the disk.
///
/// # Errors
/// When the file system says no; nothing is left behind then.
pub fn write_whole(target: &Path, bytes: &[u8]) -> io::Result<()> {
    let partial = PartialFile::create(target)?;
    let mut file = File::create(partial.path())?;
    file.write_all(bytes)?;
    file.sync_all()?;
    partial.keep()
}

/// A file that is being written; removed when dropped, unless it is kept.
#[derive(Debug)]
pub struct PartialFile {
    target: PathBuf,
    path: PathBuf,
    kept: bool,
}

impl PartialFile {
    /// An empty file `NAME.partial` beside `target`.
    ///
    /// # Errors
    /// When the file system says no.
    pub fn create(target: &Path) -> io::Result<Self> {
        Self::at(target, partial_path(target))
    }

    /// An empty file beside `target`, with a name of its own.
    ///
    /// # Errors
    /// When the file system says no.
    pub fn unique(target: &Path) -> io::Result<Self> {
        Self::at(target, unique_path(target))
    }

    fn at(target: &Path, path: PathBuf) -> io::Result<Self> {
        check(target)?;
        File::create(&path)?;
        Ok(Self {
            target: target.to_owned(),
            path,
            kept: false,
        })
    }

    /// Where to write.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the file its name, in place of an earlier one.
    ///
    /// # Errors
    /// When the file system says no.
    pub fn keep(mut self) -> io::Result<()> {
        fs::rename(&self.path, &self.target)?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for PartialFile {
    fn drop(&mut self) {
        if !self.kept {
            // A failure before this was reported already; a left-over file harms nothing.
            drop(fs::remove_file(&self.path));
        }
    }
}

/// A folder that is being filled; removed when dropped, unless it is kept.
#[derive(Debug)]
pub struct PartialFolder {
    target: PathBuf,
    path: PathBuf,
    kept: bool,
}

impl PartialFolder {
    /// An empty folder `NAME.partial` beside `target`.
    ///
    /// # Errors
    /// When the file system says no.
    pub fn create(target: &Path) -> io::Result<Self> {
        Self::at(target, partial_path(target))
    }

    /// An empty folder beside `target`, with a name of its own.
    ///
    /// # Errors
    /// When the file system says no.
    pub fn unique(target: &Path) -> io::Result<Self> {
        Self::at(target, unique_path(target))
    }

    fn at(target: &Path, path: PathBuf) -> io::Result<Self> {
        check(target)?;
        if path.exists() {
            fs::remove_dir_all(&path)?;
        }
        fs::create_dir_all(&path)?;
        Ok(Self {
            target: target.to_owned(),
            path,
            kept: false,
        })
    }

    /// Where to write.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the folder its name, in place of an earlier one.
    ///
    /// # Errors
    /// When the file system says no.
    pub fn keep(mut self) -> io::Result<()> {
        if self.target.exists() {
            fs::remove_dir_all(&self.target)?;
        }
        self.rename()
    }

    /// Gives the folder its name, unless another process was faster: then its folder stays and this one is removed.
    ///
    /// # Errors
    /// When the file system says no.
    pub fn keep_first(mut self) -> io::Result<()> {
        let renamed = self.rename();
        if self.target.is_dir() {
            Ok(())
        } else {
            renamed
        }
    }

    fn rename(&mut self) -> io::Result<()> {
        fs::rename(&self.path, &self.target)?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for PartialFolder {
    fn drop(&mut self) {
        if !self.kept {
            // A failure before this was reported already; a left-over file harms nothing.
            drop(fs::remove_dir_all(&self.path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn what_is_not_kept_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a");
        drop(PartialFile::create(&target).unwrap());
        drop(PartialFile::unique(&target).unwrap());
        let partial = PartialFolder::create(&target).unwrap();
        fs::write(partial.path().join("b"), "half").unwrap();
        assert_eq!(names(folder.path()), ["a.partial"]);
        drop(partial);
        assert!(names(folder.path()).is_empty());
    }

    #[test]
    fn what_is_kept_takes_the_place_of_an_earlier_one() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a");
        for text in ["first", "second"] {
            write_whole(&target, text.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&target).unwrap(), text);
        }
        fs::remove_file(&target).unwrap();
        for name in ["b", "c"] {
            let partial = PartialFolder::create(&target).unwrap();
            fs::write(partial.path().join(name), name).unwrap();
            partial.keep().unwrap();
            assert_eq!(names(&target), [name]);
        }
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn of_two_that_make_the_same_folder_the_first_stays() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a");
        let both = ["one", "two"].map(|name| {
            let partial = PartialFolder::unique(&target).unwrap();
            fs::write(partial.path().join(name), name).unwrap();
            partial
        });
        for partial in both {
            partial.keep_first().unwrap();
        }
        assert_eq!(names(&target), ["one"]);
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn a_file_that_a_killed_process_left_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a");
        fs::write(partial_path(&target), "of a killed process").unwrap();
        write_whole(&target, b"whole").unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "whole");
        assert_eq!(names(folder.path()), ["a"]);
        assert!(PartialFile::create(Path::new("..")).is_err());
    }
}
