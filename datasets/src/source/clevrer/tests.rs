use std::fs;

use super::*;
use crate::question::QuestionKind;
use crate::question::executor::{Verdict, verdict};
use crate::synth::export::layout::Layout;
use crate::synth::questions::Amount;
use crate::synth::{AnnotatedClip, Renderer, SynthPreset};
use crate::window::Fit;

const SIZE: [usize; 2] = [32, 48];

fn window(start: usize, pace: FrameSampling) -> Window {
    Window {
        start,
        count: None,
        pace,
        size: SIZE,
        fit: Fit::Stretch,
    }
}

fn preset() -> SynthPreset {
    SynthPreset::synth().unwrap()
}

/// A small data set as the generator writes it.
fn written(split: Split, count: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let layout = Layout {
        preset: preset(),
        split,
        first: 0,
        count,
        size: SIZE,
        questions: Amount::default(),
    };
    let mut clips = Vec::new();
    layout
        .write(folder.path(), |clip| clips.push(clip))
        .unwrap();
    assert_eq!(clips, (0..count).collect::<Vec<_>>());
    folder
}

#[test]
fn what_the_generator_writes_is_read_back() {
    let folder = written(Split::Val, 2);
    let source = ClevrerSource::open(folder.path(), Split::Val).unwrap();
    assert_eq!((source.len(), source.id(1).as_str()), (2, "video_10001"));
    for index in 0..2 {
        let seed = Split::Val.seed(index as u64);
        let annotated = AnnotatedClip::simulate(&preset(), seed);
        let frames: Vec<usize> = (0..128).collect();
        let (rgb, masks) = Renderer::new(&preset(), &annotated.record, SIZE).clip(&frames);
        let sample = source
            .sample(index, &window(0, FrameSampling::Stride(1)))
            .unwrap();
        assert_eq!(sample.masks.unwrap(), masks);
        assert_eq!(
            sample.questions,
            crate::synth::questions::questions(&annotated, Amount::default(), seed)
        );
        assert_eq!(sample.clip.frames.dim(), rgb.dim());
        let errors = sample
            .clip
            .frames
            .iter()
            .zip(&rgb)
            .map(|(a, b)| f64::from(a.abs_diff(*b)));
        let error = errors.sum::<f64>() / rgb.len() as f64;
        assert!(
            error < 6.0,
            "video compression changes pixels by {error} on average"
        );
    }
}

#[test]
fn a_window_takes_the_masks_of_its_frames() {
    let folder = written(Split::Train, 1);
    let source = ClevrerSource::open(folder.path(), Split::Train).unwrap();
    let masks = |window: &Window| source.sample(0, window).unwrap().masks.unwrap();
    let all = masks(&window(0, FrameSampling::Stride(1)));
    assert_eq!(
        masks(&window(2, FrameSampling::Stride(7))),
        all.slice(ndarray::s![14..;7, .., ..])
    );
    assert_eq!(
        masks(&window(1, FrameSampling::Fps(5.0))),
        all.slice(ndarray::s![5..;5, .., ..])
    );
}

#[test]
fn annotations_answer_what_the_clip_shows() {
    let folder = written(Split::Test, 2);
    let source = ClevrerSource::open(folder.path(), Split::Test).unwrap();
    let mut asked = 0;
    for index in 0..2 {
        let annotated = AnnotatedClip::simulate(&preset(), Split::Test.seed(index as u64));
        let table = source.event_table(index).unwrap();
        assert_eq!(
            (&table.objects, &table.seen),
            (&annotated.table.objects, &annotated.table.seen)
        );
        let sample = source
            .sample(index, &window(0, FrameSampling::Stride(64)))
            .unwrap();
        let shown = [QuestionKind::Descriptive, QuestionKind::Explanatory];
        for question in sample
            .questions
            .iter()
            .filter(|question| shown.contains(&question.kind))
        {
            assert_eq!(
                verdict(&table, question),
                verdict(&annotated.table, question),
                "{}",
                question.text
            );
            assert_ne!(verdict(&table, question), Verdict::Word("error".into()));
            asked += 1;
        }
    }
    assert!(asked >= 15, "{asked}");
}

#[test]
fn an_edited_annotation_is_another_truth_of_its_clip_alone() {
    let folder = written(Split::Val, 2);
    let truths = || {
        let source = ClevrerSource::open(folder.path(), Split::Val).unwrap();
        [0, 1].map(|index| source.truth_identity(index))
    };
    let before = truths();
    assert_eq!(truths(), before);
    let mut changed = 0;
    for entry in walk(folder.path()) {
        let name = entry.file_name().unwrap().to_string_lossy().into_owned();
        if name == "annotation_10001.json" {
            let text = fs::read_to_string(&entry).unwrap();
            let edited = text.replace("rubber", "metal");
            assert!(edited != text, "no rubber in the scene");
            fs::write(&entry, edited).unwrap();
            changed += 1;
        }
    }
    assert_eq!(changed, 1);
    let after = truths();
    assert!(after[0] == before[0] && after[1] != before[1]);
}

/// All files below a folder.
fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let files = entries.flat_map(|path| {
        if path.is_dir() {
            walk(&path)
        } else {
            vec![path]
        }
    });
    files.collect()
}

#[test]
fn slotformers_names_and_both_colour_orders_are_read() {
    let folder = written(Split::Val, 1);
    let root = folder.path();
    fs::rename(root.join("videos/validation"), root.join("video_val")).unwrap();
    fs::rename(
        root.join("annotations/validation"),
        root.join("annotation_val"),
    )
    .unwrap();
    fs::rename(
        root.join("questions/validation.json"),
        root.join("questions/val.json"),
    )
    .unwrap();
    let source = ClevrerSource::open(root, Split::Val).unwrap();
    let shown = window(0, FrameSampling::Stride(100));
    let rgb = source.sample(0, &shown).unwrap();
    assert!(!rgb.questions.is_empty() && source.annotation(0).is_ok());
    let source_bgr = source.clone().colours(ColourOrder::Bgr);
    let bgr = source_bgr.sample(0, &shown).unwrap();
    assert_eq!(
        rgb.clip.frames.slice(ndarray::s![.., .., .., ..;-1]),
        bgr.clip.frames
    );
    assert_ne!(rgb.clip.frames, bgr.clip.frames);
    assert_ne!(source.identity(0).unwrap(), source_bgr.identity(0).unwrap());
}

#[test]
fn what_is_missing_is_named() {
    let folder = written(Split::Train, 1);
    let root = folder.path();
    let error = ClevrerSource::open(root, Split::Test).unwrap_err();
    assert!(error.to_string().contains("videos/test"), "{error}");

    let questions = root.join("questions/train.json");
    let text = fs::read_to_string(&questions).unwrap();
    fs::write(
        &questions,
        text.replace(r#""scene_index":0"#, r#""scene_index":7"#),
    )
    .unwrap();
    assert_eq!(
        ClevrerSource::open(root, Split::Train)
            .unwrap()
            .questions_without_video(),
        [7]
    );
    fs::remove_file(&questions).unwrap();
    let source = ClevrerSource::open(root, Split::Train).unwrap();
    assert!(matches!(
        source.questions_file(),
        Err(DataError::Missing { .. })
    ));

    let masks = files::proposal_path(root, 0);
    fs::write(&masks, "{}").unwrap();
    let error = source
        .sample(0, &window(0, FrameSampling::Stride(100)))
        .unwrap_err();
    assert!(matches!(error, DataError::Malformed { .. }), "{error}");
    fs::remove_file(&masks).unwrap();
    let error = source
        .sample(0, &window(0, FrameSampling::Stride(100)))
        .unwrap_err();
    assert!(matches!(error, DataError::Missing { .. }), "{error}");
}

#[test]
fn the_video_that_others_leave_out_is_left_out() {
    let folder = written(Split::Val, 1);
    let video = folder.path().join("videos/validation/video_10000-11000");
    for name in ["video_10800.mp4", "video_10799.mp4", "notes.txt"] {
        fs::copy(video.join("video_10000.mp4"), video.join(name)).unwrap();
    }
    let source = ClevrerSource::open(folder.path(), Split::Val).unwrap();
    let numbers: Vec<usize> = (0..source.len())
        .map(|index| source.number(index))
        .collect();
    assert_eq!(numbers, [10_000, 10_799]);
}

#[test]
fn frames_beside_the_videos_are_read_where_asked_or_where_there_is_no_video() {
    let folder = written(Split::Val, 2);
    let range = folder.path().join("videos/validation/video_10000-11000");
    let range = if range.is_dir() {
        range
    } else {
        folder.path().join("videos/val/video_10000-11000")
    };
    let videos = ClevrerSource::open(folder.path(), Split::Val).unwrap();
    let pace = window(1, FrameSampling::Fps(5.0));
    let from_video = videos.sample(0, &pace).unwrap();
    let all = videos
        .sample(0, &window(0, FrameSampling::Stride(1)))
        .unwrap();
    let frames = range.join("video_10000");
    fs::create_dir(&frames).unwrap();
    for (number, frame) in all.clip.frames.outer_iter().enumerate() {
        let path = frames.join(format!("{number:06}.jpg"));
        let encoder = jpeg_encoder::Encoder::new_file(path, 95).unwrap();
        let pixels: Vec<u8> = frame.iter().copied().collect();
        let [height, width] = SIZE.map(|side| side as u16);
        encoder
            .encode(&pixels, width, height, jpeg_encoder::ColorType::Rgb)
            .unwrap();
    }
    assert_eq!(
        videos.files(0).len(),
        ClevrerSource::open(folder.path(), Split::Val)
            .unwrap()
            .files(0)
            .len()
    );
    let preferring = || ClevrerSource::open_preferring(folder.path(), Split::Val, true).unwrap();
    let sample = preferring().sample(0, &pace).unwrap();
    assert!(preferring().pixel_decoder(0).is_some() && preferring().pixel_decoder(1).is_none());
    assert_eq!((sample.clip.fps, &sample.masks), (5.0, &from_video.masks));
    assert_eq!(sample.clip.frames.dim(), from_video.clip.frames.dim());
    let pairs = sample.clip.frames.iter().zip(&from_video.clip.frames);
    let mean = pairs
        .map(|(one, other)| f64::from(one.abs_diff(*other)))
        .sum::<f64>()
        / sample.clip.frames.len() as f64;
    assert!(mean < 4.0, "{mean}");
    let turned = preferring()
        .colours(ColourOrder::Bgr)
        .sample(0, &pace)
        .unwrap();
    assert_eq!(
        turned.clip.frames[[0, 5, 5, 0]],
        sample.clip.frames[[0, 5, 5, 2]]
    );
    assert_ne!(
        preferring().identity(0).unwrap(),
        videos.identity(0).unwrap()
    );
    fs::remove_file(range.join("video_10000.mp4")).unwrap();
    let source = ClevrerSource::open(folder.path(), Split::Val).unwrap();
    assert_eq!(
        (source.len(), source.sample(0, &pace).unwrap()),
        (2, sample)
    );
}
