use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::clip::{Clip, ClipId, Sample};
use crate::frame_cache::{CacheRequest, mark_damaged};
use crate::source::interface::{GroundTruth, Source};
use crate::window::{Fit, FrameSampling, Window};

/// Clips in files of one byte each, whose frames count up from that byte; an empty file is damaged.
struct Bytes {
    files: Vec<std::path::PathBuf>,
    read: AtomicUsize,
}

impl Bytes {
    fn new(folder: &Path, values: &[&[u8]]) -> Self {
        let write = |(index, value): (usize, &&[u8])| {
            let file = folder.join(format!("{index}.byte"));
            fs::write(&file, value).unwrap();
            file
        };
        Self {
            files: values.iter().enumerate().map(write).collect(),
            read: AtomicUsize::new(0),
        }
    }
}

impl Source for Bytes {
    fn len(&self) -> usize {
        self.files.len()
    }

    fn id(&self, index: usize) -> ClipId {
        ClipId::new(&format!("clip-{index}"))
    }

    fn identity(&self, _: usize) -> Result<String, DataError> {
        panic!("a cache of files asks for their stamps")
    }

    fn files(&self, index: usize) -> Vec<std::path::PathBuf> {
        vec![self.files[index].clone()]
    }

    fn knows(&self, truth: GroundTruth) -> bool {
        truth == GroundTruth::Masks
    }

    fn sample(&self, index: usize, window: &Window) -> Result<Sample, DataError> {
        self.read.fetch_add(1, Ordering::Relaxed);
        let bytes = fs::read(&self.files[index]).unwrap();
        let &[first, frames] = &bytes[..] else {
            return Err(DataError::Video {
                reason: "damaged".to_owned(),
                path: self.files[index].clone(),
            });
        };
        let count = window.count.unwrap().min(usize::from(frames));
        let [height, width] = window.size;
        let value = |(t, ..): (usize, usize, usize, usize)| first + t as u8;
        let clip = Clip {
            id: self.id(index),
            frames: Array4::from_shape_fn((count, height, width, 3), value),
            fps: 5.0,
        };
        let masks = Array3::from_elem((count, height, width), first);
        Ok(Sample {
            masks: (first != 40).then_some(masks),
            ..clip.into()
        })
    }
}

fn request<'a>(source: &'a Bytes, clips: &'a [usize]) -> CacheRequest<'a> {
    CacheRequest {
        name: "bytes-train",
        source,
        clips,
        window: Window {
            start: 0,
            count: Some(3),
            pace: FrameSampling::Stride(1),
            size: [4, 2],
            fit: Fit::Stretch,
        },
        backgrounds: true,
    }
}

#[test]
fn windows_masks_and_backgrounds_come_back_and_damaged_clips_are_left_out_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let source = Bytes::new(dir.path(), &[&[10, 3], &[], &[40, 5], &[20, 2]]);
    let cache = dir.path().join("cache");
    let clips = [0, 1, 2, 3];
    let request = request(&source, &clips);
    let read = request.open_or_build(&cache, &|_, _| true).unwrap();
    assert_eq!(read.shape(), [2, 3, 4, 2]);
    assert!(
        read.frames(0, 1..3)
            .unwrap()
            .iter()
            .step_by(24)
            .eq(&[11, 12])
    );
    assert_eq!(read.frames(1, 2..3).unwrap()[[0, 3, 1, 2]], 42);
    assert!(read.masks(0).unwrap().unwrap().iter().all(|&id| id == 10));
    assert_eq!(
        read.masks(1).unwrap(),
        None,
        "a clip without masks has none"
    );
    let background = read.background(1).unwrap().unwrap();
    assert!(background.iter().all(|&value| value == 41));
    assert_eq!(
        (read.clip(1).id.as_str(), read.clip(1).fps),
        ("clip-2", 5.0)
    );
    let left_out: Vec<_> = read
        .index()
        .iter()
        .filter(|clip| clip.left_out.is_some())
        .collect();
    let reasons = left_out
        .iter()
        .map(|clip| clip.left_out.as_deref().unwrap());
    let reasons: Vec<&str> = reasons.collect();
    assert!(
        reasons[0].contains("damaged") && reasons[1].contains("has 2"),
        "{reasons:?}"
    );
    assert_eq!(
        fs::read_dir(&cache).unwrap().count(),
        1,
        "nothing half-written stays"
    );
}

#[test]
fn a_stopped_build_goes_on_at_the_next_clip_with_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let values: Vec<[u8; 2]> = (0..100).map(|first| [first, 3]).collect();
    let values: Vec<&[u8]> = values.iter().map(|value| &value[..]).collect();
    let source = Bytes::new(dir.path(), &values);
    let clips: Vec<usize> = (0..100).collect();
    let request = request(&source, &clips);
    let [whole, parts] = ["whole", "parts"].map(|name| dir.path().join(name));
    request.open_or_build(&whole, &|_, _| true).unwrap();
    source.read.store(0, Ordering::Relaxed);
    let stopped = request.open_or_build(&parts, &|done, _| done < 60);
    assert!(matches!(stopped, Err(DataError::Interrupted)));
    // What a killed process leaves: half a line, and frames behind the last line.
    let partial = parts.join(format!("{}.partial", request.folder_name()));
    let index = partial.join("clips.jsonl");
    let mut text = fs::read(&index).unwrap();
    text.extend(b"{\"id\":\"cl");
    fs::write(&index, text).unwrap();
    let frames = partial.join("frames.npy");
    let mut bytes = fs::read(&frames).unwrap();
    bytes.extend([9; 50]);
    fs::write(&frames, bytes).unwrap();
    request.open_or_build(&parts, &|_, _| true).unwrap();
    assert_eq!(
        source.read.load(Ordering::Relaxed),
        100,
        "no clip is decoded twice"
    );
    for file in ["frames.npy", "masks.npy", "backgrounds.npy", "clips.jsonl"] {
        let [one, other] = [&whole, &parts].map(|dir| dir.join(request.folder_name()).join(file));
        assert!(fs::read(one).unwrap() == fs::read(other).unwrap(), "{file}");
    }
}

#[test]
fn another_window_or_another_file_is_another_cache_and_a_mended_clip_joins() {
    let dir = tempfile::tempdir().unwrap();
    let source = Bytes::new(dir.path(), &[&[10, 3], &[]]);
    let cache = dir.path().join("cache");
    let clips = [0, 1];
    let request = request(&source, &clips);
    let name = request.folder_name();
    let mut later = request.clone();
    later.window.start = 2;
    assert_ne!(later.folder_name(), name);
    request.open_or_build(&cache, &|_, _| true).unwrap();
    source.read.store(0, Ordering::Relaxed);
    request.open_or_build(&cache, &|_, _| true).unwrap();
    assert_eq!(
        source.read.load(Ordering::Relaxed),
        1,
        "only what was left out is tried again"
    );
    fs::write(dir.path().join("1.byte"), [50, 3]).unwrap();
    assert_ne!(request.folder_name(), name);
    assert_eq!(
        request.open_or_build(&cache, &|_, _| true).unwrap().shape()[0],
        2
    );
}

#[test]
fn a_data_set_of_damaged_clips_is_refused_and_a_cut_cache_made_again() {
    let dir = tempfile::tempdir().unwrap();
    let source = Bytes::new(dir.path(), &[&[], &[10, 3]]);
    let cache = dir.path().join("cache");
    let error = request(&source, &[0])
        .open_or_build(&cache, &|_, _| true)
        .unwrap_err();
    assert!(matches!(error, DataError::NoneReadable { .. }), "{error}");
    let request = request(&source, &[1]);
    request.open_or_build(&cache, &|_, _| true).unwrap();
    let frames = cache.join(request.folder_name()).join("frames.npy");
    let bytes = fs::read(&frames).unwrap();
    fs::write(&frames, &bytes[..bytes.len() - 1]).unwrap();
    let folder = cache.join(request.folder_name());
    let error = FrameCache::open(&folder).unwrap_err();
    assert!(matches!(error, DataError::Malformed { .. }), "{error}");
    request.open_or_build(&cache, &|_, _| true).unwrap();
    assert!(fs::read(&frames).unwrap() == bytes);
}

#[test]
fn a_cache_that_the_disk_cannot_hold_is_refused_with_its_size() {
    let dir = tempfile::tempdir().unwrap();
    let source = Bytes::new(dir.path(), &[&[10, 3]]);
    let mut request = request(&source, &[0]);
    request.window.count = Some(1 << 30);
    request.window.size = [1 << 12, 1 << 12];
    let error = request
        .open_or_build(&dir.path().join("cache"), &|_, _| true)
        .unwrap_err();
    let said = error.to_string();
    assert!(
        said.contains("GB on disk") && said.contains("are free"),
        "{said}"
    );
    assert_eq!(source.read.load(Ordering::Relaxed), 0);
}

#[test]
fn clips_with_damaged_rows_are_decoded_again_alone() {
    let dir = tempfile::tempdir().unwrap();
    let source = Bytes::new(dir.path(), &[&[10, 4], &[50, 4], &[90, 4]]);
    let build = || {
        let request = request(&source, &[0, 1, 2]);
        request
            .open_or_build(&dir.path().join("cache"), &|_, _| true)
            .unwrap()
    };
    let folder = dir.path().join("cache").join(build().name());
    for (name, at, clip) in [
        ("frames.npy", 1, 72),
        ("masks.npy", 2, 24),
        ("backgrounds.npy", 0, 24),
    ] {
        let path = folder.join(name);
        let whole = fs::read(&path).unwrap();
        let mut damaged = whole.clone();
        damaged[whole.len() - (3 - at) * clip] ^= 4;
        fs::write(&path, &damaged).unwrap();
        source.read.store(0, Ordering::Relaxed);
        let read = |cache: &FrameCache| {
            cache.frames(at, 0..3).is_ok()
                && cache.masks(at).is_ok()
                && cache.background(at).is_ok()
        };
        assert!(!read(&build()), "{name}");
        assert_eq!(source.read.load(Ordering::Relaxed), 0, "nobody said so yet");
        assert!(mark_damaged(&path));
        let cache = build();
        assert_eq!(source.read.load(Ordering::Relaxed), 1, "{name}: one clip");
        assert!(read(&cache));
        assert_eq!(fs::read(&path).unwrap(), whole);
        assert!(!folder.join("damaged").exists());
    }
    assert!(
        !mark_damaged(&dir.path().join("0.byte")),
        "no array of a cache"
    );
}
