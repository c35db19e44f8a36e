//! Folders: their entries by name, and the folder that a file is to lie in.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::DataError;
use crate::files::{memory, regular};

/// The mark of the byte order in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What a byte of text may take when it is parsed, bytes: two letters of JSON become a value of 32.
const PARSED: u64 = 16;

/// Entries of a folder by name, hidden ones left out.
///
/// # Errors
/// When the folder cannot be read.
pub fn entries(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(|source| unreadable(source, folder))? {
        let entry = entry.map_err(|source| unreadable(source, folder))?;
        if !entry.file_name().to_string_lossy().starts_with('.') {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

/// A file's ending in small letters, without the dot.
pub fn ending(path: &Path) -> String {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.unwrap_or_default().to_ascii_lowercase()
}

/// The bytes of a text file, without the mark of the byte order that some editors put first.
///
/// # Errors
/// When it cannot be read, is no plain file, or would take more than half of the memory.
pub fn read_text(path: &Path) -> Result<Vec<u8>, DataError> {
    let length = regular::check(path)
        .map_err(|source| unreadable(source, path))?
        .len();
    if length.saturating_mul(PARSED) > memory::budget() {
        return Err(DataError::Malformed {
            reason: format!("a text of {length} bytes, which takes more than half of the memory"),
            path: path.to_owned(),
        });
    }
    let bytes = regular::read(path).map_err(|source| unreadable(source, path))?;
    Ok(match bytes.strip_prefix(BYTE_ORDER_MARK) {
        Some(text) => text.to_vec(),
        None => bytes,
    })
}

/// A file or folder that the system does not give.
pub fn unreadable(source: std::io::Error, path: &Path) -> DataError {
    DataError::Io {
        action: "read",
        source,
        path: path.to_owned(),
    }
}

/// Makes the folder that a file is to lie in.
///
/// # Errors
/// When the disk says no.
pub fn create_parent(file: &Path) -> Result<(), DataError> {
    let folder = file.parent().unwrap_or(file);
    fs::create_dir_all(folder).map_err(|source| DataError::Io {
        action: "create",
        source,
        path: folder.to_owned(),
    })
}

/// Adds a file's bytes to a hash.
///
/// # Errors
/// When it cannot be read, or is no plain file: reading from a pipe or a device may never end.
pub fn hash_file(hash: &mut blake3::Hasher, path: &Path) -> Result<(), DataError> {
    let io = |source| unreadable(source, path);
    hash.update_reader(regular::open(path).map_err(io)?)
        .map_err(io)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_without_its_mark_and_nothing_but_files_is_read() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("a.json");
        for text in ["[1]", "\u{feff}[1]"] {
            fs::write(&path, text).unwrap();
            assert_eq!(read_text(&path).unwrap(), b"[1]");
        }
        assert!(read_text(room.path()).is_err());
        assert!(read_text(Path::new("/dev/zero")).is_err());
    }
}
