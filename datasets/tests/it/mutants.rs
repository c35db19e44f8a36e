//! No file that a person names brings the program down: mutants of everything that this crate reads.

use std::fs;
use std::io::{Cursor, Write};
use std::path::Path;

use ndarray::{Array2, Array4};
use ndarray_npy::WriteNpyExt;
use slotflow_datasets::numpy::{NpzArchive, NumpyArray};
use slotflow_datasets::question::executor::verdict;
use slotflow_datasets::question::{self, Vocabulary};
use slotflow_datasets::rle::Rle;
use slotflow_datasets::source::clevrer::files::{Annotation, Proposal, read_json};
use slotflow_datasets::source::physion::read_labels;
use slotflow_datasets::source::{self, Dataset, SourceConfig, Split};
use slotflow_datasets::synth::SynthPreset;
use slotflow_datasets::synth::export::layout::Layout;
use slotflow_datasets::synth::questions::Amount;
use slotflow_datasets::tfrecord::{Example, append};
use slotflow_datasets::video::png::read_png_ids;
use slotflow_datasets::video::{
    DecodeOptions, Format, extent, frames, picture_size, png_bytes, read_picture, write,
};
use slotflow_datasets::window::{Fit, FrameSampling, Window};

use crate::mutator::{Parser, child, failures};

/// The test that runs one parser.
const CHILD: &str = "mutants::one_parser";

const WINDOW: Window = Window {
    start: 0,
    count: Some(40),
    pace: FrameSampling::Fps(10.0),
    size: [16, 16],
    fit: Fit::Crop,
};

/// Everything that reads a file which a person names.
pub fn parsers() -> Vec<Parser> {
    vec![
        Parser::plain("npy", npy, read_npy),
        Parser::plain("npz", npz, read_npz),
        Parser::plain("npy-in-npz", npy, |folder, bytes| {
            read_npz(folder, &zipped(bytes))
        }),
        compressed("png", pngs, read_png),
        compressed("png-checked", pngs, |folder, bytes| {
            read_png(folder, &with_checksums(bytes))
        }),
        compressed("jpeg", jpegs, read_jpeg),
        compressed("rle", rles, read_rle),
        compressed("coco", coco, read_coco),
        Parser::plain(
            "questions",
            || clevrer("questions/validation.json"),
            read_questions,
        ),
        Parser::plain("annotations", || clevrer("annotations"), read_annotation),
        compressed("proposals", || clevrer("derender_proposals"), read_proposal),
        Parser::plain("labels", labels, read_label_table),
        compressed("tfrecord", tfrecords, read_tfrecord),
        compressed("example", examples, |folder, bytes| {
            read_tfrecord(folder, &framed(bytes))
        }),
        compressed("mp4", || video("a.mp4"), read_video),
        compressed("webm", || video("a.webm"), read_video),
        compressed("gif", || video("a.gif"), read_video),
    ]
}

/// A parser of a compressed format.
fn compressed(
    name: &'static str,
    sound: fn() -> Vec<Vec<u8>>,
    read: fn(&Path, &[u8]) -> bool,
) -> Parser {
    Parser {
        compressed: true,
        ..Parser::plain(name, sound, read)
    }
}

#[test]
fn mutants_of_every_file_are_read_or_refused() {
    let failures = failures(&parsers(), CHILD);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
#[ignore = "the child of the test above"]
fn one_parser() {
    child(&[parsers(), harmful()].concat());
}

/// What the tests above would find: parsers that panic, hold memory, end the process.
fn harmful() -> Vec<Parser> {
    fn seen(bytes: &[u8]) -> bool {
        bytes == [7; 64]
    }
    vec![
        Parser::plain(
            "panics",
            || vec![vec![7; 64]],
            |_, bytes| {
                assert!(seen(bytes), "a mutant");
                true
            },
        ),
        Parser::plain(
            "holds-memory",
            || vec![vec![7; 64]],
            |_, bytes| seen(bytes) || vec![1_u8; 300 << 20].contains(&2),
        ),
        Parser::plain(
            "aborts",
            || vec![vec![7; 64]],
            |_, bytes| seen(bytes) || std::process::abort(),
        ),
    ]
}

#[test]
fn a_harmful_mutant_is_named_with_its_seed_and_its_bytes() {
    for (parser, reason) in harmful().into_iter().zip(["panic", "bytes of", "signal"]) {
        let found = failures(&[parser], CHILD).remove(0);
        assert!(found.contains(reason), "{found}");
        let kept = found.split('`').nth(1).unwrap();
        assert!(found.contains("seed Some("), "{found}");
        assert_ne!(fs::read(kept).unwrap(), [7; 64]);
        fs::remove_file(kept).unwrap();
    }
}

/// Writes an input under a name.
fn place(folder: &Path, name: &str, bytes: &[u8]) -> std::path::PathBuf {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

fn npy() -> Vec<Vec<u8>> {
    let mut floats = Vec::new();
    let array = Array2::from_shape_fn((5, 7), |(y, x)| (y * 7 + x) as f32);
    array.write_npy(&mut floats).unwrap();
    let mut ids = Vec::new();
    array.mapv(|id| id as u8).t().write_npy(&mut ids).unwrap();
    vec![floats, ids]
}

/// Whether an array is read as whole numbers, or in both precisions; it is opened for each.
fn is_read(open: impl Fn(fn(NumpyArray<'_>) -> bool) -> bool) -> bool {
    open(|array| array.whole_numbers::<u8>().is_ok())
        || open(|array| array.floats().is_ok()) && open(|array| array.singles().is_ok())
}

fn read_npy(folder: &Path, bytes: &[u8]) -> bool {
    let path = place(folder, "a.npy", bytes);
    is_read(|read| NumpyArray::open(&path).is_ok_and(read))
}

fn npz() -> Vec<Vec<u8>> {
    vec![zipped(&npy()[1])]
}

fn zipped(array: &[u8]) -> Vec<u8> {
    use zip::write::{SimpleFileOptions, ZipWriter};

    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for method in [
        zip::CompressionMethod::Stored,
        zip::CompressionMethod::Deflated,
    ] {
        let options = SimpleFileOptions::default().compression_method(method);
        zip.start_file(format!("{method}.npy"), options).unwrap();
        zip.write_all(array).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn read_npz(folder: &Path, bytes: &[u8]) -> bool {
    let path = place(folder, "a.npz", bytes);
    let Ok(archive) = NpzArchive::open(&path) else {
        return false;
    };
    let names = archive.names().unwrap_or_default();
    let open = |name: &String, read: fn(NumpyArray<'_>) -> bool| {
        NpzArchive::open(&path).is_ok_and(|mut archive| archive.array(name).is_ok_and(read))
    };
    let names = names.iter();
    names
        .filter(|name| is_read(|read| open(name, read)))
        .count()
        == 2
}

fn clip() -> Array4<u8> {
    Array4::from_shape_fn((8, 32, 48, 3), |(t, y, x, c)| {
        (t * 9 + y * 3 + x * 2 + c * 40) as u8
    })
}

fn pngs() -> Vec<Vec<u8>> {
    let mut ids = Vec::new();
    let mut encoder = png::Encoder::new(&mut ids, 9, 5);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Four);
    encoder.set_palette((0..48).collect::<Vec<u8>>());
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[0x12; 25]).unwrap();
    writer.finish().unwrap();
    let mut animated = Vec::new();
    let mut encoder = png::Encoder::new(&mut animated, 6, 4);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_animated(2, 0).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[7; 24]).unwrap();
    writer.write_image_data(&[9; 24]).unwrap();
    writer.finish().unwrap();
    vec![
        png_bytes(clip().index_axis(ndarray::Axis(0), 0)).unwrap(),
        ids,
        animated,
    ]
}

/// A PNG whose chunks have their checksums, as far as their lengths lead.
fn with_checksums(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let mut at = 8;
    while let Some(length) = bytes.get(at..at + 4) {
        let length = u32::from_be_bytes(length.try_into().unwrap()) as usize;
        let end = at + 8 + length;
        let Some(chunk) = bytes.get(at + 4..end) else {
            break;
        };
        let mut checksum = u32::MAX;
        for byte in chunk {
            checksum ^= u32::from(*byte);
            for _ in 0..8 {
                checksum = (checksum >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(checksum & 1));
            }
        }
        match bytes.get_mut(end..end + 4) {
            Some(written) => written.copy_from_slice(&(!checksum).to_be_bytes()),
            None => break,
        }
        at = end + 4;
    }
    bytes
}

fn read_png(folder: &Path, bytes: &[u8]) -> bool {
    let path = place(folder, "a.png", bytes);
    let size = picture_size(&path);
    let (picture, ids) = (read_picture(&path), read_png_ids(&path));
    if let (Ok([height, width]), Ok(picture)) = (&size, &picture) {
        assert_eq!(picture.dim(), (*height, *width, 3));
    }
    picture.is_ok() || ids.is_ok()
}

fn jpegs() -> Vec<Vec<u8>> {
    use jpeg_encoder::{ColorType, Encoder};

    let pixels: Vec<u8> = clip().iter().copied().take(32 * 48 * 3).collect();
    let encoded = |progressive: bool| {
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, 90);
        encoder.set_progressive(progressive);
        let exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        encoder.add_app_segment(1, exif.to_vec()).unwrap();
        encoder.encode(&pixels, 48, 32, ColorType::Rgb).unwrap();
        bytes
    };
    vec![encoded(false), encoded(true)]
}

fn read_jpeg(folder: &Path, bytes: &[u8]) -> bool {
    let path = place(folder, "a.jpg", bytes);
    let size = picture_size(&path);
    let picture = read_picture(&path);
    if let (Ok([height, width]), Ok(picture)) = (size, &picture) {
        assert_eq!(picture.dim(), (height, width, 3));
    }
    picture.is_ok()
}

fn rles() -> Vec<Vec<u8>> {
    let mask = Array2::from_shape_fn((32, 48), |(y, x)| y * 3 + x > 40 && y * x < 600);
    vec![serde_json::to_vec(&Rle::encode(mask.view())).unwrap()]
}

fn read_rle(_: &Path, bytes: &[u8]) -> bool {
    serde_json::from_slice::<Rle>(bytes).is_ok_and(|rle| rle.decode().is_ok())
}

fn coco() -> Vec<Vec<u8>> {
    let text = r#"{"images": [{"id": 9, "file_name": "a.png", "height": 32, "width": 48}],
        "annotations": [
            {"image_id": 9, "category_id": 1, "iscrowd": 0, "segmentation": [[1.5, 2, 20, 3, 30.25, 28]]},
            {"image_id": 9, "category_id": 2, "segmentation": {"size": [32, 48], "counts": [100, 36, 1400]}},
            {"image_id": 9, "category_id": 2, "segmentation": {"size": [32, 48], "counts": "T3T1`[1"}}],
        "categories": [{"id": 1}, {"id": 2}]}"#;
    vec![text.replace("T3T1`[1", &packed()).into_bytes()]
}

fn packed() -> String {
    Rle::encode(Array2::from_shape_fn((32, 48), |(y, _)| y > 20).view()).counts
}

fn read_coco(folder: &Path, bytes: &[u8]) -> bool {
    place(folder, "images/val2017/a.png", &pngs()[0]);
    place(folder, "annotations/instances_val2017.json", bytes);
    read_source(Dataset::Coco, folder, Split::Val)
}

/// Opens a data set and reads its clips, at most eight.
fn read_source(dataset: Dataset, folder: &Path, split: Split) -> bool {
    let Ok(source) = source::open(dataset, &SourceConfig::of(folder, split)) else {
        return false;
    };
    let mut all = !source.is_empty();
    for index in 0..source.len().min(8) {
        all &= source.identity(index).is_ok() && source.header(index).is_ok();
        all &= source.sample(index, &WINDOW).is_ok();
    }
    all
}

/// A file of a generated clip in CLEVRER's layout.
fn clevrer(file: &str) -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout {
        preset: SynthPreset::synth().unwrap(),
        split: Split::Val,
        first: 0,
        count: 1,
        size: [16, 24],
        questions: Amount::default(),
    };
    layout.write(folder.path(), |_| ()).unwrap();
    let mut path = folder.path().join(file);
    while path.is_dir() {
        path = fs::read_dir(&path).unwrap().next().unwrap().unwrap().path();
    }
    vec![fs::read(path).unwrap()]
}

fn read_questions(folder: &Path, bytes: &[u8]) -> bool {
    let Ok(scenes) = question::file::read(&place(folder, "validation.json", bytes)) else {
        return false;
    };
    let table = question::EventTable::new(Vec::new(), Vec::new(), 128, 127);
    for question in scenes.values().flatten() {
        question.check().ok();
        Vocabulary.encode(question).ok();
        verdict(&table, question);
    }
    true
}

fn read_annotation(folder: &Path, bytes: &[u8]) -> bool {
    let read = Annotation::read(&place(folder, "annotation.json", bytes));
    let Ok(annotation) = read else {
        return false;
    };
    annotation.entrances();
    annotation.event_table();
    true
}

fn read_proposal(folder: &Path, bytes: &[u8]) -> bool {
    let read = read_json::<Proposal>(&place(folder, "proposal.json", bytes));
    let Ok(proposal) = read else {
        return false;
    };
    let mut masks = proposal.frames.iter().flat_map(|frame| &frame.objects);
    masks.all(|proposed| proposed.mask.decode().is_ok())
}

fn labels() -> Vec<Vec<u8>> {
    vec![
        b",stimulus,ground truth outcome\n0,pilot_1_img,True\n1,pilot_2_img,False\n".to_vec(),
        b"\xef\xbb\xbfname;label\r\n\"a;b\";1\r\nc;0\r\n".to_vec(),
    ]
}

fn read_label_table(folder: &Path, bytes: &[u8]) -> bool {
    read_labels(&place(folder, "labels.csv", bytes)).is_ok()
}

fn examples() -> Vec<Vec<u8>> {
    let picture = |t: usize| png_bytes(clip().index_axis(ndarray::Axis(0), t)).unwrap();
    let example = Example::default()
        .with_bytes("video", (0..2).map(picture).collect())
        .with_floats("depth_range", vec![1.0, 2.0])
        .with_integers("metadata/num_frames", vec![2]);
    vec![example.encode()]
}

fn framed(record: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    append(&mut bytes, record).unwrap();
    bytes
}

fn tfrecords() -> Vec<Vec<u8>> {
    let record = &examples()[0];
    vec![[framed(record), framed(record)].concat()]
}

fn read_tfrecord(folder: &Path, bytes: &[u8]) -> bool {
    place(folder, "movi_a/movi_a-train.tfrecord-00000-of-00001", bytes);
    read_source(Dataset::MoviA, folder, Split::Train)
}

fn video(name: &str) -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    let format = Format::of(&path).unwrap();
    write(&path, clip().view(), 12.0, format).unwrap();
    vec![fs::read(path).unwrap()]
}

/// Reads a video under a name without an ending: its bytes alone tell what it is. At its own pace all of it is read.
fn read_video(folder: &Path, bytes: &[u8]) -> bool {
    let path = place(folder, "clip", bytes);
    let mut all = extent(&path).is_ok();
    for pace in [FrameSampling::Fps(10.0), FrameSampling::Stride(1)] {
        let count = (pace != FrameSampling::Stride(1)).then_some(40);
        let window = Window {
            pace,
            count,
            ..WINDOW
        };
        let Ok(mut read) = frames(&path, &window, DecodeOptions::default()) else {
            return false;
        };
        all &= read.by_ref().all(|frame| frame.is_ok());
        read.note();
    }
    all
}
