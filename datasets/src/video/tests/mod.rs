//! Files made here, read back.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::PathBuf;

use tempfile::TempDir;

/// What is no video, or not all of one.
mod broken;

/// What is written and every codec at hand.
mod codecs;

/// Clocks that begin late or again, and lengths that lie.
mod clocks;

/// Windows of one file, one after another.
mod consecutive;

/// Which frames, and which part of them.
mod windows;

/// A folder that goes away and a path in it.
fn place(name: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    (folder, path)
}
