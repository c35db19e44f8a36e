//! Names that a file system allows: as long as it can hold, of bytes that are no text, with signs that a terminal or a spreadsheet
//! would obey.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::{product, small};

#[test]
fn clips_of_any_name_are_read_scored_and_told_harmlessly() {
    let product = product();
    product.succeed(&small("run", "cache", &[]));
    let made = product.path("run/videos/truth");
    let mut videos = std::fs::read_dir(made).expect("videos of a run");
    let video = videos.next().expect("a video").expect("a video").path();
    let long = format!("{}.mp4", "l".repeat(251));
    let names: [&[u8]; 5] = [
        long.as_bytes(),
        b"bytes-\xff\xfe.mp4",
        "\u{202e}right-\u{5d0}\u{5d1}.mp4".as_bytes(),
        b"bell-\x07\x1b[31m.mp4",
        b"=1+1.mp4",
    ];
    for folder in ["odd", "odd-too"] {
        std::fs::create_dir(product.path(folder)).expect("a folder");
        for name in names {
            let to = product.path(folder).join(OsStr::from_bytes(name));
            std::fs::copy(&video, to).expect("a copy");
        }
    }
    let output = product.run(&[
        "run", "segment", "--videos", "odd", "--frames", "4", "--device", "cpu", "--out", "masks",
    ]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let obeyed = |text: &[u8]| text.iter().any(|byte| matches!(byte, 0x07 | 0x1b));
    assert!(!obeyed(&output.stderr) && !obeyed(&output.stdout), "{said}");
    let slots = std::fs::read_to_string(product.path("masks/slots.csv")).expect("a table");
    let clips: std::collections::BTreeSet<&str> = slots
        .lines()
        .skip(1)
        .filter_map(|line| line.split(',').next())
        .collect();
    assert_eq!(clips.len(), names.len(), "{clips:?}");
    assert!(
        clips.iter().any(|clip| clip.starts_with("'-1-1")),
        "{clips:?}"
    );
    // The same files compared by name, and a missing one that is named.
    let eval = [
        "eval",
        "--pred",
        "odd",
        "--truth",
        "odd-too",
        "--metrics",
        "psnr",
        "--out",
        "scored",
    ];
    product.succeed(&eval);
    std::fs::remove_file(product.path("odd").join(OsStr::from_bytes(names[3]))).expect("a file");
    let output = product.run(&eval);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.code().is_some_and(|code| code != 101),
        "{said}"
    );
    assert!(said.contains("bell-") && !obeyed(&output.stderr), "{said}");
}
