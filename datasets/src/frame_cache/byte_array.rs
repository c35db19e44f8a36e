//! NumPy files of bytes, `.npy` of version 1.0: written part by part, read by place.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::error::DataError;

/// How `.npy` files of version 1.0 begin.
const MAGIC: [u8; 8] = *b"\x93NUMPY\x01\x00";

/// Bytes before the values: room for any shape, so that it can be written when it is known.
const HEADER: usize = 192;

/// A file of bytes in rows, `[rows, …]`, read by place.
#[derive(Debug)]
pub struct ByteArray {
    file: File,
    path: PathBuf,
    start: u64,
    shape: Vec<usize>,
}

impl ByteArray {
    /// Opens a file.
    ///
    /// # Errors
    /// When it cannot be read, is no `.npy` of bytes, or does not hold as many as its shape says.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let file = File::open(path).map_err(failed("read", path))?;
        let length = file.metadata().map_err(failed("read", path))?.len();
        let malformed = |reason: &str| DataError::Malformed {
            reason: reason.to_owned(),
            path: path.to_owned(),
        };
        let mut begin = [0; MAGIC.len() + 2];
        let short = |_| malformed("the file ends in its header");
        file.read_exact_at(&mut begin, 0).map_err(short)?;
        if begin[..MAGIC.len()] != MAGIC {
            return Err(malformed("not a NumPy file of version 1.0"));
        }
        let mut words = vec![0; usize::from(u16::from_le_bytes([begin[8], begin[9]]))];
        file.read_exact_at(&mut words, begin.len() as u64)
            .map_err(short)?;
        let words = String::from_utf8_lossy(&words).into_owned();
        if !words.contains("'|u1'") || !words.contains("'fortran_order': False") {
            return Err(malformed("not bytes in rows"));
        }
        let shape = shape_in(&words).ok_or_else(|| malformed("odd shape"))?;
        let start = (begin.len() + words.len()) as u64;
        let total = shape
            .iter()
            .try_fold(1_u64, |product, &part| product.checked_mul(part as u64));
        if total.and_then(|total| total.checked_add(start)) != Some(length) {
            return Err(malformed(
                "the file does not hold as many bytes as its shape says",
            ));
        }
        Ok(Self {
            file,
            path: path.to_owned(),
            start,
            shape,
        })
    }

    /// Lengths of the axes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Bytes from one place in the array on.
    ///
    /// # Errors
    /// When the file was cut since it was opened, or the disk says no.
    pub fn read(&self, first: usize, into: &mut [u8]) -> Result<(), DataError> {
        let at = self.start + first as u64;
        self.file
            .read_exact_at(into, at)
            .map_err(failed("read", &self.path))
    }
}

/// The numbers of the shape in a header.
fn shape_in(words: &str) -> Option<Vec<usize>> {
    let (_, rest) = words.split_once('(')?;
    let (shape, _) = rest.split_once(')')?;
    let numbers = shape.split(',').map(str::trim);
    let numbers = numbers.filter(|number| !number.is_empty());
    numbers.map(|number| number.parse().ok()).collect()
}

/// What stands before bytes of this shape.
///
/// # Source
/// Format version 1.0 of <https://numpy.org/neps/nep-0001-npy-format.html>.
fn header(shape: &[usize]) -> Vec<u8> {
    let numbers: Vec<String> = shape.iter().map(ToString::to_string).collect();
    let mut words = format!(
        "{{'descr': '|u1', 'fortran_order': False, 'shape': ({},), }}",
        numbers.join(", ")
    );
    let length = HEADER - MAGIC.len() - 2;
    words.push_str(&" ".repeat(length - words.len() - 1));
    words.push('\n');
    [&MAGIC[..], &(length as u16).to_le_bytes(), words.as_bytes()].concat()
}

/// A file of bytes that grows row by row and gets its shape at the end.
#[derive(Debug)]
pub struct ByteArrayWriter {
    file: File,
    path: PathBuf,
}

impl ByteArrayWriter {
    /// Goes on behind the first `bytes` values of a file, or begins it.
    ///
    /// # Errors
    /// When the file cannot be written, or holds fewer.
    pub fn append(path: &Path, bytes: u64) -> Result<Self, DataError> {
        let mut open = OpenOptions::new();
        open.create(true).truncate(false).write(true);
        let mut file = open.open(path).map_err(failed("create", path))?;
        let length = file.metadata().map_err(failed("read", path))?.len();
        let end = HEADER as u64 + bytes;
        if bytes > 0 && length < end {
            return Err(DataError::Malformed {
                reason: format!("{length} bytes where {end} were written"),
                path: path.to_owned(),
            });
        }
        file.set_len(end).map_err(failed("write", path))?;
        file.seek(SeekFrom::End(0)).map_err(failed("write", path))?;
        Ok(Self {
            file,
            path: path.to_owned(),
        })
    }

    /// Adds values.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), DataError> {
        self.file
            .write_all(bytes)
            .map_err(failed("write", &self.path))
    }

    /// Writes the shape and waits until the disk has everything.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn finish(self, shape: &[usize]) -> Result<(), DataError> {
        let done = self.file.write_all_at(&header(shape), 0);
        done.and_then(|()| self.file.sync_all())
            .map_err(failed("write", &self.path))
    }
}

/// The error of a file operation.
pub fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DataError {
    let path: PathBuf = path.to_owned();
    move |source| DataError::Io {
        action,
        source,
        path,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn an_array_is_read_as_it_was_written_and_goes_on_where_it_stopped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.npy");
        let mut writer = ByteArrayWriter::append(&path, 0).unwrap();
        writer.write(&[1, 2, 3, 4, 5]).unwrap();
        drop(writer);
        let mut writer = ByteArrayWriter::append(&path, 3).unwrap();
        writer.write(&[7, 8, 9]).unwrap();
        writer.finish(&[2, 3]).unwrap();
        let array = ByteArray::open(&path).unwrap();
        let mut read = [0; 4];
        array.read(1, &mut read).unwrap();
        assert_eq!((array.shape(), read), (&[2, 3][..], [2, 3, 7, 8]));
        assert!(ByteArrayWriter::append(&path, 7).is_err());
    }

    #[test]
    fn a_cut_file_and_a_file_of_another_kind_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.npy");
        let mut writer = ByteArrayWriter::append(&path, 0).unwrap();
        writer.write(&[1, 2, 3, 4]).unwrap();
        writer.finish(&[4]).unwrap();
        let whole = fs::read(&path).unwrap();
        for cut in [0, 5, 60, whole.len() - 1] {
            fs::write(&path, &whole[..cut]).unwrap();
            let error = ByteArray::open(&path).unwrap_err();
            assert!(matches!(error, DataError::Malformed { .. }), "{error}");
        }
        fs::write(&path, vec![b'x'; whole.len()]).unwrap();
        assert!(ByteArray::open(&path).is_err());
    }
}
