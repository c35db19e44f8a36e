//! Files that are there whole or not at all.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::error::RunError;

/// Writes a file beside its place and renames it into it, after its bytes have reached the disk.
///
/// # Errors
/// When the file system says no; nothing is left behind then.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), RunError> {
    let partial = partial_of(path);
    let io = |source| RunError::Io {
        action: "write",
        source,
        path: path.to_owned(),
    };
    let written = File::create(&partial).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let renamed = written.and_then(|()| fs::rename(&partial, path));
    if renamed.is_err() && partial.exists() {
        fs::remove_file(&partial).map_err(io)?;
    }
    renamed.map_err(io)
}

/// The name under which something is made before it is renamed into place.
pub fn partial_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    path.with_file_name(name)
}

/// Makes a folder and those above it.
///
/// # Errors
/// When the file system says no.
pub fn make_dir(path: &Path) -> Result<(), RunError> {
    fs::create_dir_all(path).map_err(|source| RunError::Io {
        action: "create",
        source,
        path: path.to_owned(),
    })
}

/// Removes a folder if it is there.
///
/// # Errors
/// When the file system says no.
pub fn remove_dir(path: &Path) -> Result<(), RunError> {
    if !path.exists() {
        return Ok(());
    }
    fs::remove_dir_all(path).map_err(|source| RunError::Io {
        action: "remove",
        source,
        path: path.to_owned(),
    })
}

/// The hash of a file's bytes, 32 digits.
///
/// # Errors
/// When it cannot be read.
pub fn content_hash(path: &Path) -> Result<String, RunError> {
    let mut hash = blake3::Hasher::new();
    let read = std::fs::File::open(path).and_then(|file| hash.update_reader(file).map(|_| ()));
    read.map_err(|source| RunError::Io {
        action: "read",
        source,
        path: path.to_owned(),
    })?;
    Ok(hash.finalize().to_hex()[..32].to_owned())
}
