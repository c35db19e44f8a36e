//! Folders: their entries by name, pictures by number, and the folder that a file is to lie in.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::DataError;

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

/// The PNG pictures of a folder in the order of their numbers: `0012.png`, `frame_0013.png`.
///
/// # Errors
/// When the folder cannot be read.
pub fn pictures(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    Ok(numbered(&entries(folder)?, &["png"]))
}

/// The error for a folder in which nothing was found: it says so where there are numbered pictures that are JPEG.
///
/// # Errors
/// When the folder cannot be read.
pub fn nothing_in(folder: &Path) -> Result<DataError, DataError> {
    let inside = entries(folder)?;
    let folders = inside.iter().filter(|path| path.is_dir());
    for folder in std::iter::once(folder).chain(folders.map(PathBuf::as_path)) {
        if !numbered(&entries(folder)?, &["jpg", "jpeg"]).is_empty() {
            return Ok(DataError::JpegPictures {
                path: folder.to_owned(),
            });
        }
    }
    Ok(DataError::NoVideos {
        path: folder.to_owned(),
    })
}

/// The files with a number in their name and one of these endings, by number.
fn numbered(paths: &[PathBuf], endings: &[&str]) -> Vec<PathBuf> {
    let number = |path: &Path| -> Option<u64> {
        let known = ending(path);
        let stem = path.file_stem()?.to_str()?;
        let digits = stem.trim_start_matches(|c: char| !c.is_ascii_digit());
        digits.parse().ok().filter(|_| endings.contains(&&*known))
    };
    let mut found: Vec<(u64, &PathBuf)> = paths
        .iter()
        .filter_map(|path| Some((number(path)?, path)))
        .collect();
    found.sort();
    found.into_iter().map(|(_, path)| path.clone()).collect()
}

/// A file's ending in small letters, without the dot.
pub fn ending(path: &Path) -> String {
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.unwrap_or_default().to_ascii_lowercase()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_come_by_number_and_jpeg_alone_is_named() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["f_10.png", "f_9.PNG", ".8.png", "notes.txt", "7.jpg"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        let names = |paths: Vec<PathBuf>| -> Vec<String> {
            let name = |path: PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
            paths.into_iter().map(name).collect()
        };
        assert_eq!(
            names(pictures(folder.path()).unwrap()),
            ["f_9.PNG", "f_10.png"]
        );
        for name in ["f_10.png", "f_9.PNG"] {
            fs::remove_file(folder.path().join(name)).unwrap();
        }
        assert!(pictures(folder.path()).unwrap().is_empty());
        let error = nothing_in(folder.path()).unwrap();
        assert!(matches!(error, DataError::JpegPictures { .. }), "{error}");
        fs::remove_file(folder.path().join("7.jpg")).unwrap();
        let error = nothing_in(folder.path()).unwrap();
        assert!(matches!(error, DataError::NoVideos { .. }), "{error}");
    }
}
