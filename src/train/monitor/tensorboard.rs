//! Curves and pictures in TensorBoard's event files.
//!
//! Source: records as in TensorFlow's `tensorflow/core/lib/io/record_writer.h` (length, masked CRC-32C, data, masked
//! CRC-32C); messages as in `tensorflow/core/util/event.proto` and `tensorflow/core/framework/summary.proto`, whose
//! field numbers stand beside the calls below.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::artifacts::RunError;

/// One file of events.
#[derive(Debug)]
pub struct Events {
    file: File,
    path: PathBuf,
    clock: fn() -> f64,
}

/// One value of a step's summary.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum SummaryValue<'a> {
    /// A number.
    Scalar(f64),
    /// A PNG file's bytes.
    Image(&'a [u8]),
}

impl Events {
    /// A new file in `folder`, for a training that goes on behind `done` steps: what earlier files say of later steps
    /// does not count any more.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn open(folder: &Path, done: u64) -> Result<Self, RunError> {
        Self::with_clock(folder, done, seconds_now)
    }

    fn with_clock(folder: &Path, done: u64, clock: fn() -> f64) -> Result<Self, RunError> {
        let path = folder.join(format!(
            "events.out.tfevents.{:010}.slotflow.{done}",
            clock() as u64
        ));
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).open(&path);
        let file = file.map_err(|source| RunError::Io {
            action: "open",
            source,
            path: path.clone(),
        })?;
        let mut events = Self { file, path, clock };
        events.record(&Message::default().text(3, "brain.Event:2"))?; // file_version
        if done > 0 {
            let start = Message::default().number(1, 1); // SessionLog.status = START
            events.record(&Message::default().number(2, done + 1).message(7, &start))?;
        }
        Ok(events)
    }

    /// Notes numbers and pictures of a step, each under its name.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(
        &mut self,
        step: u64,
        shown: &[(String, SummaryValue<'_>)],
    ) -> Result<(), RunError> {
        let mut summary = Message::default();
        for (tag, shown) in shown {
            let value = Message::default().text(1, tag);
            let value = match shown {
                SummaryValue::Scalar(number) => value.single(2, *number as f32),
                SummaryValue::Image(png) => value.message(4, &picture(png)),
            };
            summary = summary.message(1, &value);
        }
        self.record(&Message::default().number(2, step).message(5, &summary))
    }

    /// One record: the event with its time in front.
    fn record(&mut self, event: &Message) -> Result<(), RunError> {
        let event = Message::default().double(1, (self.clock)()).join(event).0;
        let length = (event.len() as u64).to_le_bytes();
        let record = [
            &length[..],
            &masked(&length).to_le_bytes(),
            &event,
            &masked(&event).to_le_bytes(),
        ];
        let written = self.file.write_all(&record.concat());
        written.map_err(|source| RunError::Io {
            action: "write",
            source,
            path: self.path.clone(),
        })
    }
}

fn seconds_now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64())
}

/// `Summary.Image` of a PNG file, whose header holds its sides at fixed places.
fn picture(png: &[u8]) -> Message {
    let side = |at: usize| {
        let bytes = png.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        u64::from(bytes.map_or(0, u32::from_be_bytes))
    };
    Message::default()
        .number(1, side(20)) // height
        .number(2, side(16)) // width
        .number(3, 3) // colorspace: RGB
        .bytes(4, png)
}

/// A protocol buffer in the making.
#[derive(Debug, Clone, Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(mut self, mut number: u64) -> Self {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
        self
    }

    fn join(mut self, other: &Self) -> Self {
        self.0.extend_from_slice(&other.0);
        self
    }

    fn number(self, field: u64, number: u64) -> Self {
        self.varint(field << 3).varint(number)
    }

    fn double(self, field: u64, number: f64) -> Self {
        let mut message = self.varint(field << 3 | 1);
        message.0.extend_from_slice(&number.to_le_bytes());
        message
    }

    fn single(self, field: u64, number: f32) -> Self {
        let mut message = self.varint(field << 3 | 5);
        message.0.extend_from_slice(&number.to_le_bytes());
        message
    }

    fn bytes(self, field: u64, bytes: &[u8]) -> Self {
        let mut message = self.varint(field << 3 | 2).varint(bytes.len() as u64);
        message.0.extend_from_slice(bytes);
        message
    }

    fn text(self, field: u64, text: &str) -> Self {
        self.bytes(field, text.as_bytes())
    }

    fn message(self, field: u64, other: &Self) -> Self {
        self.bytes(field, &other.0)
    }
}

/// The check sum that stands in a record.
fn masked(bytes: &[u8]) -> u32 {
    crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C (Castagnoli), reflected.
fn crc32c(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = table();
    let step = |crc: u32, byte: &u8| TABLE[usize::from(crc as u8 ^ byte)] ^ (crc >> 8);
    !bytes.iter().fold(!0, step)
}

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = index as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0x82f6_3b78
            } else {
                crc >> 1
            };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The data of every record, its sums checked.
    fn records(mut bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        while !bytes.is_empty() {
            let (length, rest) = bytes.split_at(8);
            let (sum, rest) = rest.split_at(4);
            assert_eq!(sum, masked(length).to_le_bytes());
            let (data, rest) =
                rest.split_at(u64::from_le_bytes(length.try_into().unwrap()) as usize);
            let (sum, rest) = rest.split_at(4);
            assert_eq!(sum, masked(data).to_le_bytes());
            found.push(data.to_vec());
            bytes = rest;
        }
        found
    }

    #[test]
    fn the_check_sum_is_castagnoli_s() {
        // RFC 3720, B.4: 32 zeros, and the bytes 0 to 31.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&(0..32).collect::<Vec<u8>>()), 0x46dd_794e);
    }

    #[test]
    fn a_file_is_the_one_that_the_tensorboard_package_read() {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/tensorboard");
        let dir = tempfile::tempdir().unwrap();
        let png = std::fs::read(golden.join("picture.png")).unwrap();
        let mut first = Events::with_clock(dir.path(), 0, || 1_700_000_000.25).unwrap();
        for step in [100, 200, 300] {
            let loss = (
                "train/loss".to_owned(),
                SummaryValue::Scalar(10.0 / step as f64),
            );
            let rate = ("rate".to_owned(), SummaryValue::Scalar(1e-3));
            first.write(step, &[loss, rate]).unwrap();
        }
        first
            .write(300, &[("preview".to_owned(), SummaryValue::Image(&png))])
            .unwrap();
        let mut resumed = Events::with_clock(dir.path(), 200, || 1_700_000_100.5).unwrap();
        let again = ("train/loss".to_owned(), SummaryValue::Scalar(0.5));
        let picture = ("preview".to_owned(), SummaryValue::Image(&png));
        resumed.write(300, &[again, picture]).unwrap();
        for (events, name) in [(&first, "first"), (&resumed, "resumed")] {
            let written = std::fs::read(&events.path).unwrap();
            let kept = golden.join("run").join(events.path.file_name().unwrap());
            if std::env::var_os("GOLDEN_WRITE").is_some() {
                std::fs::write(&kept, &written).unwrap();
            }
            assert!(records(&written).len() > 2, "{name}");
            assert_eq!(
                written,
                std::fs::read(&kept).unwrap(),
                "{name}: write it with GOLDEN_WRITE=1 and read it with {}",
                golden.join("read.py").display()
            );
        }
    }
}
