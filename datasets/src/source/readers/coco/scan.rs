//! A walk over a large JSON file: the objects in its top-level lists, one after the other, with their places.
//!
//! Only one object is held at a time. Text between the objects is followed by its brackets and strings; what the objects
//! say is for the caller to parse.

use std::io::{BufRead, BufReader};
use std::path::Path;

use crate::error::DataError;
use crate::listing::unreadable;
use crate::regular;

/// An object in a top-level list of a file.
pub(super) struct Element<'a> {
    /// The list's name.
    pub list: &'a str,
    /// The object's text.
    pub text: &'a [u8],
    /// Its first byte in the file.
    pub start: u64,
}

/// The state of the walk after some bytes.
#[derive(Default)]
struct Scanner {
    /// Bytes before the next one.
    at: u64,
    /// Open brackets.
    depth: usize,
    /// Whether the value of the current top-level name is a list.
    in_list: bool,
    in_string: bool,
    escaped: bool,
    /// The last string at the top level: a name, until its value is over.
    name: Vec<u8>,
    /// The object that is being read, and its first byte.
    object: Vec<u8>,
    start: Option<u64>,
}

/// The longest object that is read; parsed, a byte may take sixteen.
const LONGEST_OBJECT: usize = 4 << 20;

/// Hands out every object in the top-level lists of a file.
///
/// # Errors
/// When the file cannot be read, ends in the middle, is no JSON object, or `each` fails.
pub(super) fn elements(
    path: &Path,
    mut each: impl FnMut(Element) -> Result<(), DataError>,
) -> Result<(), DataError> {
    let io = |source| unreadable(source, path);
    let malformed = |reason: String| DataError::Malformed {
        reason,
        path: path.to_owned(),
    };
    let mut file = BufReader::with_capacity(1 << 20, regular::open(path).map_err(io)?);
    let mut scanner = Scanner::default();
    loop {
        let bytes = file.fill_buf().map_err(io)?;
        if bytes.is_empty() {
            break;
        }
        for byte in bytes {
            if !scanner.step(*byte).map_err(malformed)? {
                continue;
            }
            if let Some(start) = scanner.start.take() {
                let list = String::from_utf8_lossy(&scanner.name);
                each(Element {
                    list: &list,
                    text: &scanner.object,
                    start,
                })?;
            }
        }
        let length = bytes.len();
        file.consume(length);
    }
    if scanner.depth > 0 || scanner.at == 0 {
        return Err(malformed(format!(
            "the JSON text ends in the middle, after {} bytes",
            scanner.at
        )));
    }
    Ok(())
}

impl Scanner {
    /// Takes a byte; true when it ends an object of a list.
    fn step(&mut self, byte: u8) -> Result<bool, String> {
        let at = self.at;
        self.at += 1;
        if self.start.is_some() {
            if self.object.len() >= LONGEST_OBJECT {
                return Err(format!(
                    "an object of more than {LONGEST_OBJECT} bytes before byte {at}"
                ));
            }
            self.object.push(byte);
        }
        if self.in_string {
            self.in_string = self.escaped || byte != b'"';
            self.escaped = !self.escaped && byte == b'\\';
            if self.in_string && self.depth == 1 && self.name.len() < LONGEST_OBJECT {
                self.name.push(byte);
            }
            return Ok(false);
        }
        match byte {
            b'"' => {
                self.in_string = true;
                if self.depth == 1 {
                    self.name.clear();
                }
            }
            b'{' | b'[' => {
                if self.depth == 0 && byte == b'[' {
                    return Err("a list where COCO's files have an object".to_owned());
                }
                if self.depth == 1 {
                    self.in_list = byte == b'[';
                }
                if self.depth == 2 && self.in_list && byte == b'{' {
                    self.start = Some(at);
                    self.object.clear();
                    self.object.push(byte);
                }
                self.depth += 1;
            }
            b'}' | b']' => {
                let left = self.depth.checked_sub(1);
                self.depth = left.ok_or_else(|| format!("a bracket too many at byte {at}"))?;
                return Ok(self.depth == 2 && self.start.is_some());
            }
            _ if self.depth == 0 && !byte.is_ascii_whitespace() => {
                return Err(format!("no JSON object at byte {at}"));
            }
            _ => {}
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scanned(text: &str) -> Result<Vec<(String, String)>, DataError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        std::fs::write(&path, text).unwrap();
        let mut found = Vec::new();
        elements(&path, |element| {
            let object = std::str::from_utf8(element.text).unwrap().to_owned();
            assert_eq!(&text[element.start as usize..][..object.len()], object);
            found.push((element.list.to_owned(), object));
            Ok(())
        })?;
        Ok(found)
    }

    #[test]
    fn objects_of_top_level_lists_are_found_with_their_places() {
        let text = r#" {"info": {"a": [{"b": 1}]}, "images":[{"id": 1, "n": "}\"]{\\"} ,
            {"x":{"y":[{}]}}], "s": "images", "n": [1, [2], "]"], "annotations" : [ {} ] } "#;
        let found = scanned(text).unwrap();
        let expected = [
            ("images", r#"{"id": 1, "n": "}\"]{\\"}"#),
            ("images", r#"{"x":{"y":[{}]}}"#),
            ("annotations", "{}"),
        ];
        let expected = expected.map(|(list, text)| (list.to_owned(), text.to_owned()));
        assert_eq!(found, expected);
    }

    #[test]
    fn text_that_ends_early_or_is_something_else_is_named() {
        for (text, reason) in [
            ("", "ends in the middle"),
            (
                r#"{"images": [{"id": 1}"#,
                "ends in the middle, after 21 bytes",
            ),
            (r#"{"images": ["a}]}"#, "ends in the middle"),
            ("[{}]", "a list where"),
            ("id,name", "no JSON object at byte 0"),
            ("{}}", "a bracket too many at byte 2"),
            (
                &format!(r#"{{"images": [{{"a": "{}"#, "x".repeat(LONGEST_OBJECT)),
                "an object of more than",
            ),
        ] {
            let said = scanned(text).unwrap_err().to_string();
            assert!(said.contains(reason) && said.contains("a.json"), "{said}");
        }
    }
}
