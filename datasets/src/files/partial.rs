//! Files and folders that appear whole or not at all: they are written under another name in the same folder, and
//! renamed into their place at the end.
//!
//! All names are hidden ones, so that nobody's own file is taken for what a killed process left. `create` takes one name
//! a file, which the next one writes over; a folder, and what several processes may make at once (`unique`, for a shared
//! cache), has the number of its process in its name, and a folder sweeps those of dead processes first.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What names of things in the making end in.
const ENDING: &str = ".partial";
/// Longest name that another is made from; file systems take 255 bytes.
const LONGEST: usize = 200;

/// `NAME.partial`, beside a path: what a later process may go on with.
pub fn partial_path(target: &Path) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(ENDING);
    target.with_file_name(name)
}

/// A hidden path beside another one: `.NAME` and `ending`. A name that is too long is known by its hash.
pub fn hidden_beside(target: &Path, ending: &str) -> PathBuf {
    let name = target.file_name().unwrap_or_default();
    let mut hidden = OsString::from(".");
    if name.len() > LONGEST {
        hidden.push(&blake3::hash(name.as_encoded_bytes()).to_hex()[..32]);
    } else {
        hidden.push(name);
    }
    hidden.push(ending);
    target.with_file_name(hidden)
}

/// A hidden name beside a path that no other process and no other call takes.
fn unique_path(target: &Path) -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    hidden_beside(target, &format!(".{}-{count}{ENDING}", process::id()))
}

/// Removes folders in the making of `target` whose processes are dead.
fn sweep(target: &Path) {
    let parent = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let start = hidden_beside(target, ".");
    let start = start.file_name().unwrap_or_default();
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        if owner(&entry.file_name(), start).is_some_and(is_dead) {
            // It is in nobody's way if it cannot be removed.
            drop(fs::remove_dir_all(entry.path()));
        }
    }
}

/// The process in a name that [`unique_path`] gave, behind `start`.
fn owner(name: &OsStr, start: &OsStr) -> Option<u32> {
    let rest = name.to_str()?.strip_prefix(start.to_str()?)?;
    let (process, count) = rest.strip_suffix(ENDING)?.split_once('-')?;
    count.parse::<usize>().ok()?;
    process.parse().ok()
}

/// Whether a process has ended; only Linux says so here.
fn is_dead(process: u32) -> bool {
    Path::new("/proc/self").exists() && !Path::new(&format!("/proc/{process}")).exists()
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
    /// An empty file beside `target`, in place of one that a killed process left.
    ///
    /// # Errors
    /// When the file system says no.
    pub fn create(target: &Path) -> io::Result<Self> {
        Self::at(target, hidden_beside(target, ENDING))
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
    /// An empty folder beside `target`; what dead processes left of such is removed.
    ///
    /// # Errors
    /// When the file system says no.
    pub fn create(target: &Path) -> io::Result<Self> {
        sweep(target);
        Self::unique(target)
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
        if !self.target.exists() {
            return self.rename();
        }
        // The earlier one is there until this one is.
        let earlier = unique_path(&self.target);
        fs::rename(&self.target, &earlier)?;
        if let Err(error) = self.rename() {
            fs::rename(&earlier, &self.target)?;
            return Err(error);
        }
        fs::remove_dir_all(&earlier)
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
        assert_eq!(names(folder.path()).len(), 1);
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
    fn what_killed_processes_left_is_swept_and_nothing_of_anybody_else() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a");
        let own = [
            "a.partial",
            ".a.7-notes.partial",
            ".ab.4000000000-0.partial",
        ];
        for name in own {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        fs::create_dir(folder.path().join(".a.4000000000-3.partial")).unwrap();
        let living = PartialFolder::create(&target).unwrap();
        PartialFolder::create(&target).unwrap().keep().unwrap();
        assert!(living.path().is_dir(), "another call of this process");
        drop(living);
        let mut left = own.to_vec();
        left.push("a");
        left.sort_unstable();
        assert_eq!(names(folder.path()), left);
    }

    #[test]
    fn a_file_that_a_killed_process_left_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("a");
        fs::write(hidden_beside(&target, ENDING), "of a killed process").unwrap();
        write_whole(&target, b"whole").unwrap();
        assert_eq!(fs::read_to_string(&target).unwrap(), "whole");
        assert_eq!(names(folder.path()), ["a"]);
        assert!(PartialFile::create(Path::new("..")).is_err());
        let long = folder.path().join("x".repeat(255));
        write_whole(&long, b"whole").unwrap();
        assert_eq!(names(folder.path()).len(), 2);
    }
}
