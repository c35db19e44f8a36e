//! Checksums that lie within files: a file is written with `PLACE` somewhere in its head, and the hash of all its bytes, with
//! that place empty, is put there at the end.
//!
//! Any text can hold one (JSON, the head of a safetensors file), and any reader that does not know of it sees a word. Rows of
//! arrays that are read by place have one each instead, in a file beside.

use std::ops::Range;

/// What every checksum begins with.
const MARK: &[u8] = b"blake3-";
/// Digits of a checksum.
const DIGITS: usize = 64;
/// The digits while they are not known.
const EMPTY: [u8; DIGITS] = [b'0'; DIGITS];

/// What stands in a text where its checksum belongs.
pub const PLACE: &str = "blake3-0000000000000000000000000000000000000000000000000000000000000000";

/// The checksum of a file that is read or written front to back.
#[derive(Debug)]
pub struct Checksum {
    hash: blake3::Hasher,
    place: Option<Range<usize>>,
    found: Option<[u8; DIGITS]>,
}

impl Checksum {
    /// Begins with the part of the file that has the place of the checksum.
    pub fn new(head: &[u8]) -> Self {
        let place = place_in(head);
        let mut hash = blake3::Hasher::new();
        let mut found = None;
        match &place {
            Some(place) => {
                hash.update(&head[..place.start]);
                hash.update(&EMPTY);
                hash.update(&head[place.end..]);
                found = head[place.clone()].try_into().ok();
            }
            None => {
                hash.update(head);
            }
        }
        Self { hash, place, found }
    }

    /// Goes on with the bytes that follow.
    pub fn update(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
    }

    /// The digits, and where in the file they belong; `None` of a file without a place for them.
    pub fn digits(&self) -> Option<(usize, [u8; DIGITS])> {
        let start = self.place.as_ref()?.start;
        let digits = self.hash.finalize().to_hex();
        Some((start, digits.as_bytes().try_into().ok()?))
    }

    /// Whether the bytes are those that were written.
    pub fn state(&self) -> State {
        match (self.found, self.digits()) {
            (Some(found), Some((_, digits))) if found == digits => State::Whole,
            (Some(_), _) => State::Damaged,
            (None, _) => State::Unknown,
        }
    }
}

/// What a checksum says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Its bytes are those that were written.
    Whole,
    /// They are not.
    Damaged,
    /// It has no checksum: an earlier version wrote it.
    Unknown,
}

/// Puts the checksum of a whole file into its place.
pub fn seal(bytes: &mut [u8]) {
    if let Some((start, digits)) = Checksum::new(bytes).digits() {
        bytes[start..start + DIGITS].copy_from_slice(&digits);
    }
}

/// What the checksum of a whole file says.
pub fn state(bytes: &[u8]) -> State {
    Checksum::new(bytes).state()
}

/// Where the digits of the first checksum are.
fn place_in(text: &[u8]) -> Option<Range<usize>> {
    let is_digit = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    let mut from = 0;
    while let Some(at) = text[from..].iter().position(|&byte| byte == MARK[0]) {
        let start = from + at;
        let digits = start + MARK.len();
        let end = digits + DIGITS;
        if text[start..].starts_with(MARK) && text.get(digits..end)?.iter().all(is_digit) {
            return Some(digits..end);
        }
        from = start + 1;
    }
    None
}

/// Bytes of a row's checksum.
pub const ROW_SUM: usize = 16;

/// The checksum of a row.
pub fn row_sum(row: &[u8]) -> [u8; ROW_SUM] {
    let mut sum = [0; ROW_SUM];
    sum.copy_from_slice(&blake3::hash(row).as_bytes()[..ROW_SUM]);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_of_a_sealed_file_is_noticed_or_changes_no_word_of_it() {
        let text = format!("{{\"checksum\": \"{PLACE}\", \"clips\": [\"a\", \"b\"]}}");
        let mut bytes = text.into_bytes();
        assert_eq!(state(&bytes), State::Damaged, "not sealed yet");
        seal(&mut bytes);
        assert_eq!(state(&bytes), State::Whole);
        let mark = bytes.windows(MARK.len()).position(|part| part == MARK);
        let mark = mark.unwrap()..mark.unwrap() + MARK.len();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                bytes[at] ^= 1 << bit;
                let expected = if mark.contains(&at) {
                    State::Unknown
                } else {
                    State::Damaged
                };
                let state = state(&bytes);
                // A digit that is none any more leaves a file without a checksum.
                let ok = state == expected || state == State::Unknown;
                assert!(ok && state != State::Whole, "bit {bit} of byte {at}");
                bytes[at] ^= 1 << bit;
            }
        }
        assert_eq!(state(b"{}"), State::Unknown);
    }

    #[test]
    fn a_file_written_in_parts_has_the_checksum_of_the_whole() {
        let mut whole = format!("head {PLACE} body").into_bytes();
        let mut parts = Checksum::new(&whole[..80]);
        parts.update(&whole[80..]);
        let (start, digits) = parts.digits().unwrap();
        seal(&mut whole);
        assert_eq!(&whole[start..start + DIGITS], digits);
    }
}
