//! Own videos, read from files that the tests write.

use std::fs;

use ndarray::{Array3, Array4};

use super::*;
use crate::source::split::Split;
use crate::video::write_png;
use crate::window::Fit;

const WINDOW: Window = Window {
    start: 0,
    count: None,
    pace: FrameSampling::Stride(1),
    size: [4, 4],
    fit: Fit::Crop,
};

fn ids(source: &FolderSource) -> Vec<String> {
    (0..source.len())
        .map(|index| source.id(index).to_string())
        .collect()
}

#[test]
fn files_and_folders_become_clips_with_names_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("more");
    fs::create_dir(&inside).unwrap();
    for name in ["b.webm", "a.mp4", "c.MOV", "notes.txt", ".hidden.mp4"] {
        fs::write(inside.join(name), name).unwrap();
    }
    let odd = folder.path().join("a.video");
    fs::write(&odd, "named by itself").unwrap();
    let source = FolderSource::open(&[odd, inside.clone()]).unwrap();
    assert_eq!(ids(&source), ["a", "a-2", "b", "c"]);
    assert_eq!(source.path(2), inside.join("b.webm"));
    let left_out: Vec<PathBuf> = source
        .side_files()
        .into_iter()
        .map(|(path, _)| path)
        .collect();
    assert_eq!(
        left_out,
        [".hidden.mp4", "notes.txt"].map(|name| inside.join(name))
    );
}

#[test]
fn numbered_pictures_are_frames_in_the_order_of_their_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let clip = folder.path().join("ball");
    fs::create_dir(&clip).unwrap();
    for number in [0_u8, 2, 10, 1] {
        let picture = Array3::from_elem((8, 8, 3), number);
        write_png(&clip.join(format!("{number}.png")), picture.view()).unwrap();
    }
    for path in [folder.path(), &clip] {
        let source = FolderSource::open(&[path.to_owned()]).unwrap();
        assert_eq!(ids(&source), ["ball"]);
        let sample = source.sample(0, &WINDOW).unwrap();
        let numbers: Vec<u8> = sample
            .clip
            .frames
            .outer_iter()
            .map(|frame| frame[[0, 0, 0]])
            .collect();
        assert_eq!(numbers, [0, 1, 2, 10]);
        assert_eq!(sample.clip.frames.dim(), (4, 4, 4, 3));
        let late = Window {
            start: 1,
            pace: FrameSampling::Stride(2),
            ..WINDOW
        };
        assert_eq!(
            source.sample(0, &late).unwrap().clip.frames[[0, 0, 0, 0]],
            2
        );
        let past = Window { start: 9, ..WINDOW };
        assert!(matches!(
            source.sample(0, &past),
            Err(DataError::NoFrames { .. })
        ));
    }
}

#[test]
fn what_a_clip_is_follows_its_bytes_and_not_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let paths = ["a.mp4", "b.mp4", "c.mp4"].map(|name| folder.path().join(name));
    for (path, text) in paths.iter().zip(["same", "same", "other"]) {
        fs::write(path, text).unwrap();
    }
    let source = FolderSource::open(&paths).unwrap();
    let identity = |index| source.identity(index).unwrap();
    assert_eq!(identity(0), identity(1));
    assert_ne!(identity(0), identity(2));
}

#[test]
fn nothing_at_a_path_is_said_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("no.mp4");
    assert!(matches!(
        FolderSource::open(&[missing]),
        Err(DataError::Io { .. })
    ));
    assert!(matches!(
        FolderSource::open(&[folder.path().to_owned()]),
        Err(DataError::NoVideos { .. })
    ));
    assert!(matches!(
        FolderSource::open(&[]),
        Err(DataError::NoVideos { .. })
    ));
}

#[cfg(feature = "video")]
#[test]
fn a_video_file_is_read_under_its_own_name_with_what_was_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("two words.mp4");
    let frames = Array4::from_elem((40, 16, 16, 3), 90);
    crate::video::write(&path, frames.view(), 10.0, crate::video::Format::Mp4).unwrap();
    let source = FolderSource::open(std::slice::from_ref(&path)).unwrap();
    let sample = source.sample(0, &WINDOW).unwrap();
    assert_eq!(
        (sample.clip.id.as_str(), sample.clip.frames.dim().0),
        ("two-words", 40)
    );
    assert_eq!(sample.note, None);
}

/// A folder with these files, each of its own bytes; a name that ends in `/` is a folder.
fn tree(names: &[&str]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for (number, name) in names.iter().enumerate() {
        let path = root.path().join(name);
        if name.ends_with('/') {
            fs::create_dir_all(path).unwrap();
            continue;
        }
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        if name.ends_with("mask.png") {
            let mut encoder = png::Encoder::new(fs::File::create(path).unwrap(), 8, 8);
            encoder.set_color(png::ColorType::Grayscale);
            let mut writer = encoder.write_header().unwrap();
            writer.write_image_data(&[7; 64]).unwrap();
        } else if crate::listing::ending(&path) == "png" {
            let picture = Array3::from_elem((8, 8, 3), number as u8);
            write_png(&path, picture.view()).unwrap();
        } else if crate::listing::ending(&path) == "jpg" {
            let encoder = jpeg_encoder::Encoder::new_file(path, 100).unwrap();
            let pixels = [number as u8 * 10; 192];
            encoder
                .encode(&pixels, 8, 8, jpeg_encoder::ColorType::Rgb)
                .unwrap();
        } else {
            fs::write(path, name).unwrap();
        }
    }
    root
}

fn opened(root: &tempfile::TempDir) -> FolderSource {
    FolderSource::open(&[root.path().to_owned()]).unwrap()
}

fn left_out(source: &FolderSource) -> Vec<String> {
    let name = |path: PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
    source
        .side_files()
        .into_iter()
        .map(|(path, _)| name(path))
        .collect()
}

#[test]
fn a_preview_beside_clips_is_left_out_by_name() {
    let root = tree(&["grid_0.png", "video_0.mp4", "video_1.mp4"]);
    let source = opened(&root);
    assert_eq!(ids(&source), ["video_0", "video_1"]);
    assert_eq!(left_out(&source), ["grid_0.png"]);
    let root = tree(&["cover1.png", "a/0.png", "a/1.png", "b/0.png", "b/1.png"]);
    let source = opened(&root);
    assert_eq!(
        (ids(&source), left_out(&source)),
        (vec!["a".into(), "b".into()], vec!["cover1.png".into()])
    );
    // Frames beside a video that may show them: neither is taken for the other in silence.
    let root = tree(&["0.png", "1.png", "2.png", "clip.mp4"]);
    let source = opened(&root);
    assert_eq!(source.len(), 2);
    let error = source.sample(0, &WINDOW).unwrap_err().to_string();
    assert!(
        error.contains("3 PNG or JPEG pictures beside 1 clips"),
        "{error}"
    );
}

#[test]
fn two_videos_of_one_name_in_a_folder_are_refused() {
    let root = tree(&["clip.gif", "clip.mp4"]);
    let error = FolderSource::open(&[root.path().to_owned()])
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("two videos of one name, `clip.gif` and `clip.mp4`"),
        "{error}"
    );
    let root = tree(&["run 1.mp4", "run-1.mp4"]);
    let source = opened(&root);
    assert_eq!(ids(&source), ["run-1-2", "run-1"]);
}

#[cfg(unix)]
#[test]
fn broken_links_and_pipes_are_named_and_the_others_go_on() {
    let root = tree(&["a.mp4", "frames/0.png", "frames/1.png"]);
    std::os::unix::fs::symlink("gone.mp4", root.path().join("b.mp4")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", root.path().join("c.mp4")).unwrap();
    std::os::unix::fs::symlink("gone", root.path().join("d.txt")).unwrap();
    let source = opened(&root);
    assert_eq!(ids(&source), ["a", "b", "c", "frames"]);
    for (index, reason) in [
        (1, "a link to `gone.mp4`, which"),
        (2, "a device, not a file"),
    ] {
        for error in [
            source.sample(index, &WINDOW).unwrap_err(),
            source.identity(index).unwrap_err(),
        ] {
            assert!(error.to_string().contains(reason), "{error}");
        }
    }
    assert!(source.sample(3, &WINDOW).is_ok());
    assert_eq!(left_out(&source), ["d.txt"]);
}

#[cfg(unix)]
#[test]
fn links_that_lead_back_are_left_out() {
    let root = tree(&["deep/er/a.mp4", "other/b.mp4"]);
    let link = |to: &str, at: &str| std::os::unix::fs::symlink(to, root.path().join(at)).unwrap();
    link(".", "here.mp4");
    link("../..", "deep/er/up");
    link("../other", "deep/other");
    link("../deep", "other/deep");
    let source = opened(&root);
    // A link to another folder is followed, and not from there back.
    assert_eq!(ids(&source), ["a", "b", "b-2", "a-2"]);
    assert!(left_out(&source).contains(&"here.mp4".to_owned()));
}

#[test]
fn names_with_two_numbers_that_vary_are_one_clip_that_says_so() {
    let root = tree(&[
        "x/a_1_f_1.png",
        "x/a_2_f_2.png",
        "y/a_3_f_1.png",
        "y/a_3_f_2.png",
    ]);
    let source = opened(&root);
    let error = source.sample(0, &WINDOW).unwrap_err().to_string();
    assert!(
        error.starts_with("more than one part of the names `a_#_f_#` varies"),
        "{error}"
    );
    assert_eq!(source.sample(1, &WINDOW).unwrap().clip.frames.dim().0, 2);
}

#[test]
fn kubric_s_frames_have_their_masks_and_no_other_kind_is_woven_in() {
    let root = tree(&[
        "scene/rgba_0.png",
        "scene/rgba_1.png",
        "scene/segmentation_0_mask.png",
        "scene/segmentation_1_mask.png",
        "scene/normal_0.png",
        "scene/normal_1.png",
        "scene/metadata.json",
    ]);
    let source = opened(&root);
    let sample = source.sample(0, &WINDOW).unwrap();
    assert_eq!(sample.clip.frames.dim().0, 2);
    assert_eq!(sample.masks.unwrap()[[0, 0, 0]], 1);
    assert!(source.knows(GroundTruth::Masks));
    assert_eq!(
        left_out(&source),
        ["metadata.json", "normal_0.png", "normal_1.png"]
    );
}

#[test]
fn jpeg_frames_are_read_with_the_masks_beside_them_and_mixed_ones_are_not_halved() {
    let root = tree(&[
        "c/0.jpg",
        "c/0_mask.png",
        "c/1.jpg",
        "c/1_mask.png",
        "d/0.png",
        "d/1.jpg",
    ]);
    let source = opened(&root);
    assert!(source.sample(0, &WINDOW).unwrap().masks.is_some());
    assert_eq!(
        source.pixel_decoder(0).as_deref(),
        Some(crate::video::jpeg::DECODER)
    );
    assert_eq!(source.sample(1, &WINDOW).unwrap().clip.frames.dim().0, 2);
    assert!(source.pixel_decoder(1).is_some());
    let root = tree(&["0.png", "1.png"]);
    assert_eq!(opened(&root).pixel_decoder(0), None);
}

#[test]
fn missing_frames_are_named_and_their_numbers_told() {
    let root = tree(&["a/0.png", "a/1.png", "a/2.png", "a/4.png"]);
    let source = opened(&root);
    let note = source.sample(0, &WINDOW).unwrap().note.unwrap();
    assert!(note.starts_with("1 numbers are missing"), "{note}");
    assert_eq!(source.numbers(0).unwrap(), Some(vec![0, 1, 2, 4]));
    let mut whole = source.whole(0).unwrap();
    assert_eq!((whole.by_ref().count(), whole.note()), (4, None));
}

#[test]
fn masks_apart_join_their_clip_by_name() {
    let names = [
        "x/a/0.png",
        "x/a/1.png",
        "masks/x/a/0_mask.png",
        "masks/x/a/1_mask.png",
        "b/0.png",
        "b/1.png",
    ];
    let root = tree(&names);
    let source = opened(&root);
    assert_eq!(ids(&source), ["b", "a"]);
    assert_eq!(source.sample(0, &WINDOW).unwrap().masks, None);
    assert_eq!(
        source.sample(1, &WINDOW).unwrap().masks.unwrap()[[1, 0, 0]],
        1
    );
    assert!(!source.knows(GroundTruth::Masks));
    assert_eq!(source.files(1).len(), 4);
}

#[cfg(feature = "video")]
#[test]
fn masks_of_a_video_are_those_of_its_sampled_frames() {
    let root = tree(&[
        "masks/a/0_mask.png",
        "masks/a/1_mask.png",
        "masks/a/2_mask.png",
    ]);
    let frames = Array4::from_elem((3, 16, 16, 3), 90);
    let path = root.path().join("a.mp4");
    crate::video::write(&path, frames.view(), 10.0, crate::video::Format::Mp4).unwrap();
    let source = opened(&root);
    let sample = source.sample(0, &WINDOW).unwrap();
    assert_eq!(sample.masks.unwrap().dim(), (3, 4, 4));
    fs::remove_file(root.path().join("masks/a/2_mask.png")).unwrap();
    let error = source.sample(0, &WINDOW).unwrap_err().to_string();
    assert!(
        error.contains("2 masks, and the video has a frame 2"),
        "{error}"
    );
}

#[test]
fn what_programs_put_into_folders_is_left_out() {
    let root = tree(&[
        "a/0.png",
        "a/1.png",
        "a/._0.png",
        "a/Thumbs.db",
        ".DS_Store",
        "__MACOSX/a/0.png",
        "thumbs/0.png",
    ]);
    let source = opened(&root);
    assert_eq!(ids(&source), ["a"]);
    assert_eq!(
        left_out(&source),
        [".DS_Store", "__MACOSX", "._0.png", "Thumbs.db", "thumbs"]
    );
}

#[test]
fn every_clip_is_in_exactly_one_split() {
    let names: Vec<String> = (0..30)
        .map(|number| format!("day-{}/{number}.mp4", number % 3))
        .collect();
    let root = tree(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let config = |split, split_own| SourceConfig {
        videos: vec![root.path().to_owned()],
        split,
        split_own,
        ..SourceConfig::default()
    };
    let mut seen = Vec::new();
    for split in Split::ALL {
        let source = opened(&root).of_split(&config(split, true)).unwrap();
        assert!(!source.is_empty());
        seen.extend(ids(&source));
    }
    seen.sort();
    let mut all = ids(&opened(&root));
    all.sort();
    assert_eq!(seen, all);
    assert_eq!(
        opened(&root)
            .of_split(&config(Split::Val, false))
            .unwrap()
            .len(),
        30
    );
    let one = FolderSource::open(&[root.path().join("day-0/0.mp4")]).unwrap();
    let error = one
        .of_split(&config(Split::Test, true))
        .unwrap_err()
        .to_string();
    assert_eq!(error, "none of 1 own clips is for the split `test`");
}
