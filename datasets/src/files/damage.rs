//! Damaged files that were met: whoever reads a cache notes them here, and whoever made it removes them and makes them again.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A file of a cache whose bytes are not those that were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

/// What this process has met and nobody has mended.
static MET: Mutex<Vec<Damage>> = Mutex::new(Vec::new());

fn met() -> MutexGuard<'static, Vec<Damage>> {
    MET.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes a damaged file.
pub fn note(path: &Path, reason: &str) {
    let mut met = met();
    if met.iter().all(|damage| damage.path != path) {
        met.push(Damage {
            path: path.to_owned(),
            reason: reason.to_owned(),
        });
    }
}

/// The first damaged file below a folder.
pub fn first_below(folder: &Path) -> Option<Damage> {
    let met = met();
    let mut below = met.iter().filter(|damage| damage.path.starts_with(folder));
    below.next().cloned()
}

/// Takes all damaged files below a folder off the list.
pub fn take_below(folder: &Path) -> Vec<Damage> {
    let mut met = met();
    let (below, others) = std::mem::take(&mut *met)
        .into_iter()
        .partition(|damage| damage.path.starts_with(folder));
    *met = others;
    below
}
