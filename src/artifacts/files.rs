//! Files that are there whole or not at all.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use slotflow_datasets::{partial, regular};
use slotflow_eval::tables::spreadsheet::guarded_csv;

use super::error::RunError;

/// Writes a file beside its place and renames it into it, after its bytes have reached the disk.
///
/// # Errors
/// When the file system says no; nothing is left behind then.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), RunError> {
    partial::write_whole(path, bytes).map_err(|source| RunError::Io {
        action: "write",
        source,
        path: path.to_owned(),
    })
}

/// Writes rows of cells as CSV, none of which a spreadsheet runs.
///
/// # Errors
/// When the file system says no.
pub fn write_rows<R, C>(path: &Path, rows: R) -> Result<(), RunError>
where
    R: IntoIterator,
    R::Item: IntoIterator<Item = C>,
    C: AsRef<[u8]>,
{
    let mut table = csv::Writer::from_writer(Vec::new());
    for row in rows {
        table.write_record(row).map_err(|error| unwritten(&error))?;
    }
    write_table(path, table)
}

/// Writes a CSV table whose rows are in it, none of whose cells a spreadsheet runs.
///
/// # Errors
/// When the file system says no.
pub fn write_table(path: &Path, table: csv::Writer<Vec<u8>>) -> Result<(), RunError> {
    let bytes = table.into_inner().map_err(|error| unwritten(&error))?;
    let bytes = guarded_csv(&bytes).map_err(|error| unwritten(&error))?;
    write_atomic(path, &bytes)
}

fn unwritten(error: &dyn std::fmt::Display) -> RunError {
    RunError::Internal {
        reason: error.to_string(),
    }
}

/// Puts a file into another place as well, in place of what lies there: by a link where the file system has them, else by a
/// copy.
///
/// # Errors
/// When the file system says no.
pub fn link_or_copy(from: &Path, to: &Path) -> Result<(), RunError> {
    let io = |action: &'static str, path: &Path| {
        let path = path.to_owned();
        move |source| RunError::Io {
            action,
            source,
            path,
        }
    };
    match fs::remove_file(to) {
        Err(source) if source.kind() != ErrorKind::NotFound => {
            return Err(io("replace", to)(source));
        }
        _ => {}
    }
    // Files that were written are replaced and never changed, so two names of one are as good as two files.
    if fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    let bytes = regular::read(from).map_err(io("read", from))?;
    write_atomic(to, &bytes)
}

/// The name under which something is made before it is renamed into place.
pub fn partial_of(path: &Path) -> PathBuf {
    partial::partial_path(path)
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

/// What is in a folder, in the order of names.
///
/// # Errors
/// When the folder cannot be read.
pub fn entries(folder: &Path) -> Result<Vec<PathBuf>, RunError> {
    let io = |source| RunError::Io {
        action: "read",
        source,
        path: folder.to_owned(),
    };
    let listed = fs::read_dir(folder).map_err(io)?;
    let listed = listed.map(|entry| entry.map(|entry| entry.path()));
    let mut paths: Vec<PathBuf> = listed.collect::<Result<_, _>>().map_err(io)?;
    paths.sort();
    Ok(paths)
}

/// The hash of a file's bytes, 32 digits.
///
/// # Errors
/// When it cannot be read.
pub fn content_hash(path: &Path) -> Result<String, RunError> {
    let mut hash = blake3::Hasher::new();
    let read = regular::open(path).and_then(|file| hash.update_reader(file).map(|_| ()));
    read.map_err(|source| RunError::Io {
        action: "read",
        source,
        path: path.to_owned(),
    })?;
    Ok(hash.finalize().to_hex()[..32].to_owned())
}
