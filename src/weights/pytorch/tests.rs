//! Few bytes that name much: every kind of file in which one value stands for many.

use std::io::{Cursor, Write};

use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::pth::read_pth;
use super::slot_pickle::SlotPickle;
use crate::weights::WeightsError;

/// Writes a pickle, instruction by instruction.
#[derive(Default)]
struct Pickler(Vec<u8>);

impl Pickler {
    fn new() -> Self {
        Self(vec![0x80, 2])
    }

    fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    fn times(self, count: usize, bytes: &[u8]) -> Self {
        self.raw(&bytes.repeat(count))
    }

    fn text(self, text: &str) -> Self {
        let length = (text.len() as u32).to_le_bytes();
        self.raw(b"X").raw(&length).raw(text.as_bytes())
    }

    fn bytes(self, bytes: &[u8]) -> Self {
        let length = (bytes.len() as u32).to_le_bytes();
        self.raw(b"B").raw(&length).raw(bytes)
    }

    fn number(self, number: u32) -> Self {
        self.raw(b"J").raw(&number.to_le_bytes())
    }

    /// A view of the storage `0` of `stored` numbers of a class, with this shape and strides of 0.
    fn tensor(self, class: &str, stored: u32, shape: &[u32]) -> Self {
        let begun = self
            .raw(b"ctorch._utils\n_rebuild_tensor_v2\n((")
            .text("storage")
            .raw(format!("ctorch\n{class}\n").as_bytes())
            .text("0")
            .text("cpu")
            .number(stored)
            .raw(b"tQK\0(");
        let sized = shape
            .iter()
            .fold(begun, |pickle, size| pickle.number(*size));
        sized.raw(b"t(").times(shape.len(), b"K\0").raw(b"t\x89NtR")
    }

    fn end(self) -> Vec<u8> {
        self.raw(b".").0
    }
}

/// What is said of a checkpoint with this pickle and this storage `0`.
fn checkpoint(pickle: &[u8], storage: &[u8]) -> Result<usize, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pth");
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
    for (name, bytes) in [("a/data.pkl", pickle), ("a/data/0", storage)] {
        zip.start_file(name, stored).unwrap();
        zip.write_all(bytes).unwrap();
    }
    std::fs::write(&path, zip.finish().unwrap().into_inner()).unwrap();
    let read = read_pth(&path).map(|state| state.entries.len());
    read.map_err(|error| error.to_string())
}

fn slots(pickle: &[u8]) -> Result<usize, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.pkl");
    std::fs::write(&path, pickle).unwrap();
    let mut count = 0;
    let file = SlotPickle::read(&path).unwrap();
    let read = file.each(|_, _, _| {
        count += 1;
        Ok::<_, WeightsError>(())
    });
    read.map(|()| count).map_err(|error| error.to_string())
}

fn refused(read: Result<usize, String>, reason: &str) {
    let said = read.unwrap_err();
    assert!(said.contains(reason), "{said:.300}");
}

#[test]
fn values_are_counted_before_they_are_held() {
    for instruction in [&b"]"[..], b"N", b"}", b"(", b"K\x01"] {
        let pickle = Pickler::new().raw(b"Nq\0").times(4_000_000, instruction);
        refused(slots(&pickle.end()), "more values than a file of its size");
    }
    // Every name a little further than the file is long.
    let mut pickle = Pickler::new().raw(b"N");
    for step in 1..200_u32 {
        pickle = pickle.raw(b"r").raw(&(step * 900).to_le_bytes());
    }
    refused(slots(&pickle.end()), "no dict of splits");
    let mut pickle = Pickler::new().raw(b"N");
    for step in 1..20_000_u32 {
        pickle = pickle.raw(b"r").raw(&(step * 900).to_le_bytes());
    }
    refused(slots(&pickle.end()), "more values than a file of its size");
}

#[test]
fn a_chain_of_calls_is_no_array_however_long() {
    let chain = Pickler::new()
        .raw(b"}")
        .text("clip")
        .raw(b"cnumpy.core.numeric\n_frombuffer\n(cbuiltins\nbytearray\nq\0")
        .times(100_000, b"h\0")
        .bytes(b"12345678")
        .times(100_001, b"\x85R")
        .raw(b"cnumpy\ndtype\nX\x02\0\0\0f4\x85R(K\x03X\x01\0\0\0<NNNtb(K\x02K\x01K\x01tX\x01\0\0\0CtRs");
    refused(slots(&chain.end()), "it is no NumPy array of plain numbers");
}

/// A dict of clips that share one array of `bytes` bytes.
fn shared_array(clips: u32, bytes: usize) -> Vec<u8> {
    let numbers = (bytes / 4) as u32;
    let mut pickle = Pickler::new()
        .raw(b"cnumpy.core.numeric\n_frombuffer\n(")
        .bytes(&vec![0; bytes])
        .raw(b"cnumpy\ndtype\nX\x02\0\0\0f4\x85R(K\x03X\x01\0\0\0<NNNtb(K\x01K\x01")
        .number(numbers)
        .raw(b"tX\x01\0\0\0CtRq\x010}(");
    for clip in 0..clips {
        pickle = pickle.number(clip).raw(b"h\x01");
    }
    pickle.raw(b"u").end()
}

#[test]
fn an_array_that_many_clips_share_is_decoded_as_often_as_the_file_could_hold_it() {
    assert_eq!(slots(&shared_array(60, 1 << 20)), Ok(60));
    let many = slots(&shared_array(5000, 1 << 20));
    refused(many, "its clips have more numbers than the file");
}

#[test]
fn a_name_that_many_arrays_share_is_not_copied() {
    let long = "a".repeat(1 << 20);
    let pickle = Pickler::new().text(&long).raw(b"q\x010}(");
    let pickle = pickle.times(100_000, b"h\x01N").raw(b"u").end();
    refused(checkpoint(&pickle, b""), "a key that is no name");
    refused(slots(&pickle), "no text, or a long one");
}

#[test]
fn views_are_counted_as_they_lie_in_memory() {
    // Whole numbers of one byte take eight.
    let pickle = Pickler::new().raw(b"}").text("a");
    let pickle = pickle.tensor("ByteStorage", 1, &[1 << 24]).raw(b"s").end();
    refused(
        checkpoint(&pickle, b"1"),
        "claim more bytes than the file has",
    );
    let pickle = Pickler::new().raw(b"}").text("a");
    let pickle = pickle.tensor("ByteStorage", 1, &[1 << 22]).raw(b"s").end();
    assert_eq!(checkpoint(&pickle, b"1"), Ok(1));
}

#[test]
fn a_storage_that_many_tensors_view_is_read_once() {
    let storage = vec![7; 8 << 20];
    let mut pickle = Pickler::new().raw(b"}(");
    for name in 0..5000 {
        let named = pickle.text(&name.to_string());
        pickle = named.tensor("ByteStorage", storage.len() as u32, &[2]);
    }
    let start = std::time::Instant::now();
    assert_eq!(checkpoint(&pickle.raw(b"u").end(), &storage), Ok(5000));
    // Forty gigabytes, were it read for each.
    assert!(start.elapsed().as_secs() < 10, "{:?}", start.elapsed());
}

#[test]
fn names_of_modules_within_modules_are_no_longer_than_the_file_could_hold() {
    // Every module holds the next one under a long name, and a tensor.
    let mut pickle = Pickler::new().text(&"m".repeat(4000)).raw(b"q\x010");
    pickle = pickle.tensor("ByteStorage", 1, &[1]).raw(b"q\x020");
    pickle = pickle.raw(b"c__torch__\nM\nq\x030");
    let depth = 2000;
    pickle = pickle.times(depth, b"h\x03)\x81}(X\x01\0\0\0th\x02h\x01");
    let pickle = pickle.raw(b"h\x03)\x81}b").times(depth, b"ub").end();
    refused(checkpoint(&pickle, b"1"), "more bytes than it could hold");
}
