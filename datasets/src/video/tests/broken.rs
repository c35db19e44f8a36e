#![expect(clippy::panic, reason = "helpers of tests")]

use std::fs;
use std::path::Path;

use ndarray::s;

use super::place;
use crate::error::DataError;
use crate::video::testing::{all, scene};
use crate::video::{DecodeOptions, Format, read, read_with, write};
use crate::window::Window;

fn video_error(path: &Path) -> String {
    match read(path, &all([8, 8])) {
        Err(error @ DataError::Video { .. }) => error.to_string(),
        other => panic!("expected an unreadable video, got {other:?}"),
    }
}

#[test]
fn a_file_that_ends_early_is_read_as_far_as_it_goes_and_says_so() {
    for name in ["a.mp4", "a.webm"] {
        let (_folder, path) = place(name);
        write(
            &path,
            scene(100, [64, 64]).view(),
            25.0,
            Format::of(&path).unwrap(),
        )
        .unwrap();
        let whole = read(&path, &all([64, 64])).unwrap();
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() * 2 / 3]).unwrap();
        let cut = read_with(&path, &all([64, 64]), DecodeOptions::default()).unwrap();
        let time = cut.clip.frames.shape()[0];
        assert!((5..95).contains(&time), "{name}: {time} frames");
        assert_eq!(
            cut.clip.frames.slice(s![..5, .., .., ..]),
            whole.frames.slice(s![..5, .., .., ..]),
            "{name}"
        );
        let note = cut.note.unwrap();
        assert!(note.contains("ends early"), "{name}: {note}");
        // A window that ends before the cut has no note.
        let window = Window {
            count: Some(5),
            ..all([64, 64])
        };
        assert_eq!(
            read_with(&path, &window, DecodeOptions::default())
                .unwrap()
                .note,
            None,
            "{name}"
        );
    }
}

#[test]
fn damage_in_the_middle_is_passed_over() {
    let (_folder, path) = place("a.mp4");
    write(&path, scene(60, [64, 64]).view(), 25.0, Format::Mp4).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() * 2 / 3;
    bytes[middle..middle + 400].fill(0xA5);
    fs::write(&path, bytes).unwrap();
    let read = read_with(&path, &all([64, 64]), DecodeOptions::default()).unwrap();
    assert!(
        read.clip.frames.shape()[0] >= 30,
        "{:?} {:?}",
        read.clip.frames.dim(),
        read.note
    );
}

#[test]
fn what_is_no_video_gets_one_clear_error() {
    let (folder, path) = place("a.mp4");
    fs::write(&path, "").unwrap();
    assert!(video_error(&path).contains("the file is empty"));
    fs::write(&path, "Dear video, …\n".repeat(500)).unwrap();
    assert!(video_error(&path).contains("a.mp4"));
    for text in [
        "ffconcat version 1.0\nfile 'b.mp4'\n",
        "#EXTM3U\n#EXTINF:1,\nb.mp4\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n",
    ] {
        fs::write(&path, text).unwrap();
        assert!(video_error(&path).contains("a play list"), "{text}");
    }
    let by_name = folder.path().join("a.m3u8");
    fs::write(&by_name, "b.mp4\n").unwrap();
    assert!(video_error(&by_name).contains("a play list"));
    let text = folder.path().join("notes.txt");
    fs::write(&text, "A text file, not a video.\n".repeat(100)).unwrap();
    assert!(video_error(&text).contains("Invalid data"));
    let missing = read(&folder.path().join("no.mp4"), &all([8, 8]));
    assert!(matches!(missing, Err(DataError::Io { action: "read", .. })));
    for (path, reason) in [
        (folder.path(), "a folder, not a file"),
        (Path::new("http://127.0.0.1:9/a.mp4"), "an address"),
        (Path::new("concat:a.mp4|b.mp4"), "an address"),
    ] {
        let said = read(path, &all([8, 8])).unwrap_err().to_string();
        assert!(said.contains(reason), "{said}");
    }
}

#[test]
fn a_file_with_sound_only_is_refused() {
    let (_folder, path) = place("a.wav");
    let mut wav = b"RIFF\x24\x10\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x40\x1f\0\0\x01\0\x08\0data\0\x10\0\0".to_vec();
    wav.resize(44 + 4096, 0x80);
    fs::write(&path, wav).unwrap();
    assert!(video_error(&path).contains("no moving picture"));
}

#[test]
fn a_cut_header_is_refused() {
    let (_folder, path) = place("a.mp4");
    write(&path, scene(10, [32, 32]).view(), 25.0, Format::Mp4).unwrap();
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..100]).unwrap();
    video_error(&path);
}

#[test]
fn a_giant_frame_is_refused_by_its_header() {
    let (_folder, path) = place("a");
    let [low, high] = 20_000_u16.to_le_bytes();
    let mut gif = b"GIF89a".to_vec();
    gif.extend([low, high, low, high, 0x80, 0, 0, 0, 0, 0, 255, 255, 255]);
    gif.extend([
        0x2C, 0, 0, 0, 0, low, high, low, high, 0, 2, 2, 0x44, 0x01, 0, 0x3B,
    ]);
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\x4e\x20\0\0\x4e\x20\x08\x02\0\0\0".to_vec();
    png.resize(200, 0);
    let y4m = b"YUV4MPEG2 W20000 H20000 F25:1 C420jpeg\nFRAME\n".to_vec();
    for bytes in [gif, png, y4m] {
        fs::write(&path, bytes).unwrap();
        match read(&path, &all([8, 8])) {
            Err(DataError::TooLarge {
                width: 20_000,
                height: 20_000,
                ..
            }) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[cfg(unix)]
#[test]
fn a_name_is_any_bytes() {
    use std::os::unix::ffi::OsStrExt;

    let (folder, path) = place("100%03d: a?.mp4");
    write(&path, scene(3, [16, 16]).view(), 25.0, Format::Mp4).unwrap();
    assert!(read(&path, &all([16, 16])).is_ok());
    let odd = folder
        .path()
        .join(std::ffi::OsStr::from_bytes(b"a\xff.mp4"));
    fs::rename(&path, &odd).unwrap();
    assert!(read(&odd, &all([16, 16])).is_ok());
}
