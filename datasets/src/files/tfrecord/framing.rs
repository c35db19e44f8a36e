//! Framing of TFRecord files: a length, its checksum, the record, its checksum.
//!
//! # Source
//! `tensorflow/core/lib/io/record_writer.h`: little-endian `u64` length, masked CRC-32C of these eight bytes, the data,
//! masked CRC-32C of the data.

use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::error::DataError;
use crate::listing::unreadable;
use crate::regular;

/// Bytes before a record: its length and the checksum of the length.
const HEAD: u64 = 12;
/// Bytes after a record: its checksum.
const TAIL: u64 = 4;
/// The longest record that is read: parsed, an empty byte string of two bytes takes 32.
const LONGEST: u64 = 64 << 20;
/// Added to a rotated checksum, so that checksums of data that holds checksums stay apart.
const MASK_DELTA: u32 = 0xa282_ead8;

/// A TFRecord file, and where its records lie. No record is held.
#[derive(Debug, Clone)]
pub struct Shard {
    path: PathBuf,
    records: Vec<Span>,
    /// Reason that the file cannot be followed past its last readable header. It counts as one record more.
    fault: Option<String>,
}

/// Bytes of a record in its file.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: u64,
    length: u64,
}

impl Shard {
    /// The records of a file, by one walk over their headers.
    ///
    /// A file that ends too early or has a damaged header keeps the records before; the place of the damage is one
    /// more record, which [`Shard::read`] refuses.
    ///
    /// # Errors
    /// When the file cannot be read, or does not begin with a record.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let io = |source| unreadable(source, path);
        let file = regular::open(path).map_err(io)?;
        let size = file.metadata().map_err(io)?.len();
        let mut file = BufReader::new(file);
        let mut shard = Self {
            path: path.to_owned(),
            records: Vec::new(),
            fault: None,
        };
        let mut at = 0;
        while at < size && shard.fault.is_none() {
            match next_span(&mut file, at, size).map_err(io)? {
                Ok(span) => {
                    at = span.start + span.length + TAIL;
                    let skipped = i64::try_from(span.length + TAIL).unwrap_or(i64::MAX);
                    file.seek_relative(skipped).map_err(io)?;
                    shard.records.push(span);
                }
                Err(reason) => {
                    let record = shard.records.len();
                    shard.fault = Some(format!("record {record}: {reason}"));
                }
            }
        }
        match shard.fault.take() {
            Some(reason) if shard.records.is_empty() => Err(shard.malformed(reason)),
            fault => Ok(Self { fault, ..shard }),
        }
    }

    /// Number of records, with the damaged place of a file that cannot be followed to its end.
    pub fn len(&self) -> usize {
        self.records.len() + usize::from(self.fault.is_some())
    }

    /// Whether the file is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes of a record, compared with their checksum.
    ///
    /// # Errors
    /// When the record is damaged or cut off; the message names the file and the record's number.
    ///
    /// # Panics
    /// When `number` is not below [`Shard::len`].
    pub fn read(&self, number: usize) -> Result<Vec<u8>, DataError> {
        assert!(number < self.len(), "record {number} of {}", self.len());
        let Some(span) = self.records.get(number) else {
            return Err(self.malformed(self.fault.clone().unwrap_or_default()));
        };
        let io = |source| unreadable(source, &self.path);
        let mut file = regular::open(&self.path).map_err(io)?;
        file.seek(SeekFrom::Start(span.start)).map_err(io)?;
        let mut record = vec![0; span.length as usize];
        let mut written = [0; TAIL as usize];
        file.read_exact(&mut record).map_err(io)?;
        file.read_exact(&mut written).map_err(io)?;
        if u32::from_le_bytes(written) != masked_crc(&record) {
            return Err(self.malformed(format!(
                "record {number}: its bytes do not have their CRC-32C"
            )));
        }
        Ok(record)
    }

    fn malformed(&self, reason: String) -> DataError {
        DataError::Malformed {
            reason,
            path: self.path.clone(),
        }
    }
}

/// The record whose header begins at `at`, or the reason that there is none.
fn next_span(file: &mut impl Read, at: u64, size: u64) -> io::Result<Result<Span, String>> {
    let left = size - at;
    if left < HEAD {
        return Ok(Err(format!(
            "the file ends within its header, {left} bytes long"
        )));
    }
    let (mut length, mut written) = ([0; 8], [0; 4]);
    file.read_exact(&mut length)?;
    file.read_exact(&mut written)?;
    if u32::from_le_bytes(written) != masked_crc(&length) {
        return Ok(Err(
            "its length does not have its CRC-32C: the file is damaged, compressed or no TFRecord"
                .to_owned(),
        ));
    }
    let length = u64::from_le_bytes(length);
    if length > LONGEST {
        return Ok(Err(format!(
            "it takes {length} bytes; {LONGEST} are the most"
        )));
    }
    let needed = length + HEAD + TAIL;
    if needed > left {
        return Ok(Err(format!(
            "it takes {needed} bytes and the file ends after {left}"
        )));
    }
    Ok(Ok(Span {
        start: at + HEAD,
        length,
    }))
}

/// Writes one record with its framing.
///
/// # Errors
/// When the writer refuses.
pub fn append(out: &mut impl Write, record: &[u8]) -> io::Result<()> {
    let length = (record.len() as u64).to_le_bytes();
    out.write_all(&length)?;
    out.write_all(&masked_crc(&length).to_le_bytes())?;
    out.write_all(record)?;
    out.write_all(&masked_crc(record).to_le_bytes())
}

fn masked_crc(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes)
        .rotate_right(15)
        .wrapping_add(MASK_DELTA)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Vec<u8> {
        let mut bytes = Vec::new();
        for record in [&b"first"[..], b"", b"the third"] {
            append(&mut bytes, record).unwrap();
        }
        bytes
    }

    fn shard(bytes: &[u8]) -> (tempfile::TempDir, Result<Shard, DataError>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tfrecord-00000-of-00001");
        std::fs::write(&path, bytes).unwrap();
        let shard = Shard::open(&path);
        (folder, shard)
    }

    #[test]
    fn records_are_read_in_any_order() {
        let (_folder, shard) = shard(&three());
        let shard = shard.unwrap();
        assert_eq!(shard.len(), 3);
        for (number, record) in [(2, &b"the third"[..]), (0, b"first"), (1, b"")] {
            assert_eq!(shard.read(number).unwrap(), record);
        }
        let (_folder, empty) = self::shard(&[]);
        assert!(empty.unwrap().is_empty());
    }

    #[test]
    fn the_checksum_is_the_one_of_the_format() {
        // Of eight zero bytes: crc32c 0x8c28b28a, turned by 15 bits and masked.
        assert_eq!(crc32c::crc32c(&[0; 8]), 0x8c28_b28a);
        let turned = 0x8c28_b28a_u32.rotate_right(15);
        assert_eq!(masked_crc(&[0; 8]), turned.wrapping_add(MASK_DELTA));
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn a_file_cut_in_the_middle_keeps_the_records_before() {
        let whole = three();
        for (length, kept, reason) in [
            (
                whole.len() - 2,
                2,
                "record 2: it takes 25 bytes and the file ends after 23",
            ),
            (
                whole.len() - 20,
                2,
                "record 2: the file ends within its header, 5 bytes long",
            ),
            (30, 1, "record 1: the file ends within its header"),
        ] {
            let (_folder, shard) = shard(&whole[..length]);
            let shard = shard.unwrap();
            assert_eq!(shard.len(), kept + 1);
            assert_eq!(shard.read(0).unwrap(), b"first");
            let said = shard.read(kept).unwrap_err().to_string();
            assert!(
                said.contains(reason) && said.contains("a.tfrecord-00000-of"),
                "{said}"
            );
        }
    }

    #[test]
    fn a_wrong_checksum_names_its_record() {
        let mut bytes = three();
        let place = bytes.len() - 6;
        bytes[place] ^= 1;
        let (_folder, read) = shard(&bytes);
        let read = read.unwrap();
        assert_eq!((read.len(), read.read(1).unwrap()), (3, Vec::new()));
        let said = read.read(2).unwrap_err().to_string();
        assert!(
            said.starts_with("record 2: its bytes do not have their CRC-32C"),
            "{said}"
        );
        bytes[21] ^= 1;
        let (_folder, read) = shard(&bytes);
        let said = read.unwrap().read(1).unwrap_err().to_string();
        assert!(said.starts_with("record 1: its length"), "{said}");
        let (_folder, nothing) = shard(b"no record at all, and long enough");
        let said = nothing.unwrap_err().to_string();
        assert!(said.starts_with("record 0: its length"), "{said}");
    }
}
