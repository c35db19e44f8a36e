//! Play lists: texts that name other files or addresses, which are never followed.

use std::path::Path;

use crate::listing::ending;

/// Endings of play lists, in small letters.
const ENDINGS: &str = "asx cue ffconcat m3u m3u8 mpd pls ram sdp smil wpl xspf";

/// What the texts begin with, in small letters, behind a mark of the byte order and spaces.
const BEGINNINGS: [&str; 8] = [
    "#extm3u",
    "#extinf",
    "[playlist]",
    "[reference]",
    "<asx",
    "<smil",
    "ffconcat version",
    "v=0",
];

/// What stands in the first lines of XML, in small letters.
const ELEMENTS: [&str; 6] = [
    "<mpd",
    "<playlist",
    "<compositionplaylist",
    "<smoothstreamingmedia",
    "<smil",
    "<asx",
];

/// How much of a file tells whether it is one, bytes.
pub(crate) const HEAD: u64 = 1024;

/// What a play list is refused with.
pub(crate) const REASON: &str = "a play list, which names other files: name those";

/// Whether a file is a play list by its name.
pub(crate) fn is_playlist_name(path: &Path) -> bool {
    let ending = ending(path);
    ENDINGS.split(' ').any(|known| known == ending)
}

/// Whether a file is a play list by its first bytes, at least [`HEAD`] of them where there are as many.
pub(crate) fn is_playlist(head: &[u8]) -> bool {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let text = String::from_utf8_lossy(head).to_ascii_lowercase();
    let text = text.trim_start();
    if text.starts_with('<') && ELEMENTS.iter().any(|element| text.contains(element)) {
        return true;
    }
    BEGINNINGS.iter().any(|start| text.starts_with(start)) || is_file_list(text)
}

/// A list for FFmpeg's `concat` without a first line that says so: `file 'a.mp4'` or `file a.mp4`.
fn is_file_list(text: &str) -> bool {
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    let first = lines.find(|line| !line.trim().is_empty());
    first
        .and_then(|line| line.strip_prefix("file "))
        .is_some_and(|name| !name.contains('\u{fffd}') && !name.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_all_kinds_are_told_from_videos() {
        for text in [
            "#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1/a.ts\n",
            "\u{feff}#EXTM3U\r\n",
            "ffconcat version 1.0\nfile 'b.mp4'\n",
            "# mine\n\nfile 'b.mp4'\nfile c.mp4\n",
            "[playlist]\nFile1=a.mp4\n",
            "<?xml version=\"1.0\"?>\n<MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\">",
            "<?xml version=\"1.0\"?><playlist version=\"1\">",
            "<ASX version = \"3.0\">",
            "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n",
        ] {
            assert!(is_playlist(text.as_bytes()), "{text}");
        }
        for bytes in [
            &b""[..],
            b"\0\0\0\x20ftypisom",
            b"GIF89a",
            b"Dear video, the file is gone",
            b"file \0\x01",
            b"<?xml version=\"1.0\"?><svg>",
        ] {
            assert!(!is_playlist(bytes), "{bytes:?}");
        }
        assert!(is_playlist_name(Path::new("a.M3U8")) && !is_playlist_name(Path::new("a.mp4")));
    }
}
