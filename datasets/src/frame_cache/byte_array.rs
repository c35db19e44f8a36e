//! NumPy files of bytes, `.npy` of version 1.0: written part by part, read by place, with a checksum for every row in a file
//! beside.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::error::DataError;
use crate::files::checksum::{ROW_SUM, row_sum};
use crate::files::{damage, regular};

/// How `.npy` files of version 1.0 begin.
const MAGIC: [u8; 8] = *b"\x93NUMPY\x01\x00";

/// Bytes before the values: room for any shape, so that it can be written when it is known.
const HEADER: usize = 192;

/// What the name of the file of checksums ends in.
const SUMS: &str = ".blake3";

/// The file of an array's checksums.
fn sums_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(SUMS);
    PathBuf::from(name)
}

/// A file of bytes in rows, read by place.
#[derive(Debug)]
pub struct ByteArray {
    file: File,
    path: PathBuf,
    start: u64,
    shape: Vec<usize>,
    /// The checksum of every row; an earlier version wrote none.
    sums: Option<File>,
    /// Bytes of a row: what is written and read as a whole.
    row: usize,
}

impl ByteArray {
    /// Opens a file whose rows are what lies behind its first `axes` axes.
    ///
    /// # Errors
    /// When it cannot be read, is no `.npy` of bytes, or does not hold as many as its shape says.
    pub fn open(path: &Path, axes: usize) -> Result<Self, DataError> {
        let file = regular::open(path).map_err(failed("read", path))?;
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
        let row = shape.iter().skip(axes).product();
        let rows: usize = shape.iter().take(axes).product();
        let sums = match regular::open(sums_of(path)) {
            Ok(sums) => Some(sums),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed("read", path)(error)),
        };
        if let Some(sums) = &sums {
            let length = sums.metadata().map_err(failed("read", path))?.len();
            if length != (rows * ROW_SUM) as u64 {
                return Err(malformed("it has not a checksum a row"));
            }
        }
        Ok(Self {
            file,
            path: path.to_owned(),
            start,
            shape,
            sums,
            row,
        })
    }

    /// Lengths of the axes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Whole rows from one place in the array on.
    ///
    /// # Errors
    /// When the file was cut since it was opened, a row is not what was written, or the disk says no.
    ///
    /// # Panics
    /// When the place or the length is not one of whole rows.
    pub fn read(&self, first: usize, into: &mut [u8]) -> Result<(), DataError> {
        let at = self.start + first as u64;
        self.file
            .read_exact_at(into, at)
            .map_err(failed("read", &self.path))?;
        let Some(number) = self.damaged_row(first, into)? else {
            return Ok(());
        };
        let reason = format!("row {number} is not what was written");
        damage::note(&self.path, &reason);
        Err(DataError::Damaged {
            reason,
            path: self.path.clone(),
        })
    }

    /// Whether rows are what was written; nothing is noted where they are not.
    ///
    /// # Errors
    /// When the disk says no.
    ///
    /// # Panics
    /// As [`read`](Self::read).
    pub fn is_whole(&self, first: usize, length: usize) -> Result<bool, DataError> {
        let mut rows = vec![0; length];
        let at = self.start + first as u64;
        self.file
            .read_exact_at(&mut rows, at)
            .map_err(failed("read", &self.path))?;
        Ok(self.damaged_row(first, &rows)?.is_none())
    }

    /// Writes rows and their checksums anew, and waits until the disk has them.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn rewrite(&self, first: usize, rows: &[u8]) -> Result<(), DataError> {
        let write = |path: &Path, at: u64, bytes: &[u8]| {
            let file = OpenOptions::new().write(true).open(path);
            let written = file.and_then(|file| {
                file.write_all_at(bytes, at)?;
                file.sync_all()
            });
            written.map_err(failed("write", path))
        };
        let row = self.row.max(1);
        let sums: Vec<u8> = rows.chunks(row).flat_map(row_sum).collect();
        write(&self.path, self.start + first as u64, rows)?;
        let at = (first / row * ROW_SUM) as u64;
        write(&sums_of(&self.path), at, &sums)
    }

    /// The first of these rows that is not what was written; none where there are no checksums.
    fn damaged_row(&self, first: usize, rows: &[u8]) -> Result<Option<usize>, DataError> {
        let Some(sums) = &self.sums else {
            return Ok(None);
        };
        let row = self.row.max(1);
        assert!(
            first.is_multiple_of(row) && rows.len().is_multiple_of(row),
            "only whole rows are read"
        );
        let mut known = vec![0; rows.len() / row * ROW_SUM];
        sums.read_exact_at(&mut known, (first / row * ROW_SUM) as u64)
            .map_err(failed("read", &self.path))?;
        let mut pairs = rows.chunks_exact(row).zip(known.chunks_exact(ROW_SUM));
        let damaged = pairs.position(|(row, sum)| row_sum(row) != *sum);
        Ok(damaged.map(|number| first / row + number))
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
    sums: File,
    row: usize,
}

impl ByteArrayWriter {
    /// Goes on behind the first `rows` of a file of rows of `row` bytes, or begins it.
    ///
    /// # Errors
    /// When the file cannot be written, or holds fewer.
    pub fn append(path: &Path, rows: usize, row: usize) -> Result<Self, DataError> {
        let file = cut_to(path, HEADER as u64, (rows * row) as u64)?;
        let sums = cut_to(&sums_of(path), 0, (rows * ROW_SUM) as u64)?;
        Ok(Self {
            file,
            path: path.to_owned(),
            sums,
            row,
        })
    }

    /// Adds whole rows.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), DataError> {
        let sums: Vec<u8> = bytes.chunks(self.row.max(1)).flat_map(row_sum).collect();
        let written = self.file.write_all(bytes);
        written
            .and_then(|()| self.sums.write_all(&sums))
            .map_err(failed("write", &self.path))
    }

    /// Writes the shape and waits until the disk has everything.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn finish(self, shape: &[usize]) -> Result<(), DataError> {
        let done = self.file.write_all_at(&header(shape), 0);
        done.and_then(|()| self.file.sync_all())
            .and_then(|()| self.sums.sync_all())
            .map_err(failed("write", &self.path))
    }
}

/// A file to go on with behind `head` and `bytes` more; it is begun where there is nothing to go on with.
fn cut_to(path: &Path, head: u64, bytes: u64) -> Result<File, DataError> {
    let mut open = OpenOptions::new();
    open.create(true).truncate(false).write(true);
    let mut file = open.open(path).map_err(failed("create", path))?;
    let length = file.metadata().map_err(failed("read", path))?.len();
    let end = head + bytes;
    if bytes > 0 && length < end {
        return Err(DataError::Malformed {
            reason: format!("{length} bytes where {end} were written"),
            path: path.to_owned(),
        });
    }
    file.set_len(end).map_err(failed("write", path))?;
    file.seek(SeekFrom::End(0)).map_err(failed("write", path))?;
    Ok(file)
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
        let mut writer = ByteArrayWriter::append(&path, 0, 3).unwrap();
        writer.write(&[1, 2, 3, 4, 5, 6]).unwrap();
        drop(writer);
        let mut writer = ByteArrayWriter::append(&path, 1, 3).unwrap();
        writer.write(&[7, 8, 9]).unwrap();
        writer.finish(&[2, 3]).unwrap();
        let array = ByteArray::open(&path, 1).unwrap();
        let mut read = [0; 6];
        array.read(0, &mut read).unwrap();
        assert_eq!((array.shape(), read), (&[2, 3][..], [1, 2, 3, 7, 8, 9]));
        assert!(ByteArrayWriter::append(&path, 3, 3).is_err());

        let whole = fs::read(&path).unwrap();
        for place in 8 * HEADER..8 * whole.len() {
            let mut flipped = whole.clone();
            flipped[place / 8] ^= 1 << (place % 8);
            fs::write(&path, flipped).unwrap();
            let array = ByteArray::open(&path, 1).unwrap();
            let error = array.read(0, &mut read).unwrap_err();
            assert!(matches!(error, DataError::Damaged { .. }), "{error}");
        }
        assert_eq!(damage::take_below(dir.path())[0].path, path);
    }

    #[test]
    fn a_cut_file_and_a_file_of_another_kind_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.npy");
        let mut writer = ByteArrayWriter::append(&path, 0, 1).unwrap();
        writer.write(&[1, 2, 3, 4]).unwrap();
        writer.finish(&[4]).unwrap();
        let whole = fs::read(&path).unwrap();
        for cut in [0, 5, 60, whole.len() - 1] {
            fs::write(&path, &whole[..cut]).unwrap();
            let error = ByteArray::open(&path, 1).unwrap_err();
            assert!(matches!(error, DataError::Malformed { .. }), "{error}");
        }
        fs::write(&path, vec![b'x'; whole.len()]).unwrap();
        assert!(ByteArray::open(&path, 1).is_err());
    }
}
