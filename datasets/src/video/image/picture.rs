//! Still pictures of either kind: PNG or JPEG by their first bytes, whatever the name says.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use ndarray::Array3;

use super::{jpeg, png};
use crate::error::DataError;
use crate::listing::{ending, unreadable};
use crate::regular;
use crate::video::limits::{MAX_PIXELS, MAX_SIDE};

/// Kind of a picture's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureFormat {
    /// Every pixel as it was written.
    Png,
    /// Pixels that differ by a grey level between decoders.
    Jpeg,
}

/// Endings of picture files, in small letters.
pub const PICTURE_ENDINGS: [&str; 3] = ["png", "jpg", "jpeg"];

/// The first bytes of a PNG file.
const PNG_MAGIC: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The most bytes of a JPEG file that is read: four to a pixel of the largest picture.
const MAX_BYTES: u64 = MAX_PIXELS as u64 * 4;

impl PictureFormat {
    /// The kind of a file by its first bytes.
    ///
    /// # Errors
    /// When the file cannot be read, is no plain file, or is of neither kind.
    pub fn of(path: &Path) -> Result<Self, DataError> {
        let mut head = Vec::new();
        open(path)?
            .take(PNG_MAGIC.len() as u64)
            .read_to_end(&mut head)
            .map_err(|source| unreadable(source, path))?;
        if head.starts_with(PNG_MAGIC) {
            return Ok(Self::Png);
        }
        if head.starts_with(jpeg::MAGIC) {
            return Ok(Self::Jpeg);
        }
        let reason = if head.is_empty() {
            "the file is empty"
        } else {
            "neither a PNG nor a JPEG picture"
        };
        Err(malformed(reason.to_owned(), path))
    }

    /// The decoder that such pixels come from, for the provenance of what is computed from them; `None` where every
    /// decoder gives the same.
    pub fn decoder(self) -> Option<String> {
        match self {
            Self::Png => None,
            Self::Jpeg => Some(jpeg::DECODER.to_owned()),
        }
    }
}

/// Whether a file is called as pictures are.
pub fn is_picture_name(path: &Path) -> bool {
    PICTURE_ENDINGS.contains(&&*ending(path))
}

/// A picture, `[height, width, rgb]`: a PNG as [`read_png`](png::read_png) reads it, or a JPEG, turned as its EXIF says
/// and whatever its colours, by its first bytes.
///
/// # Errors
/// When the file is neither, ends early, or is larger than any camera's frame.
pub fn read_picture(path: &Path) -> Result<Array3<u8>, DataError> {
    match PictureFormat::of(path)? {
        PictureFormat::Png => png::read_png(path),
        PictureFormat::Jpeg => {
            let bytes = jpeg_bytes(path)?;
            jpeg_size(&bytes, path)?;
            jpeg::decode(&bytes).map_err(|reason| unreadable_jpeg(&reason, path))
        }
    }
}

/// Height and width of a picture as it is shown, from its headers.
///
/// # Errors
/// As [`read_picture`], as far as the headers say.
pub fn picture_size(path: &Path) -> Result<[usize; 2], DataError> {
    match PictureFormat::of(path)? {
        PictureFormat::Png => png::png_size(path),
        PictureFormat::Jpeg => jpeg_size(&jpeg_bytes(path)?, path),
    }
}

/// Height and width in the headers, unless no camera makes frames so large.
fn jpeg_size(bytes: &[u8], path: &Path) -> Result<[usize; 2], DataError> {
    let [height, width] = jpeg::size(bytes).map_err(|reason| unreadable_jpeg(&reason, path))?;
    if height > MAX_SIDE || width > MAX_SIDE || height * width > MAX_PIXELS {
        return Err(DataError::TooLarge {
            width,
            height,
            path: path.to_owned(),
        });
    }
    Ok([height, width])
}

fn jpeg_bytes(path: &Path) -> Result<Vec<u8>, DataError> {
    let mut bytes = Vec::new();
    open(path)?
        .take(MAX_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| unreadable(source, path))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(malformed(
            format!("a JPEG of more than {MAX_BYTES} bytes"),
            path,
        ));
    }
    Ok(bytes)
}

/// The file, unless reading from what stands at the path may never end.
fn open(path: &Path) -> Result<File, DataError> {
    regular::open(path).map_err(|source| unreadable(source, path))
}

fn unreadable_jpeg(reason: &str, path: &Path) -> DataError {
    malformed(format!("not a readable JPEG: {reason}"), path)
}

fn malformed(reason: String, path: &Path) -> DataError {
    DataError::Malformed {
        reason,
        path: path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use jpeg_encoder::{ColorType, Encoder};

    use super::*;

    #[test]
    fn a_picture_is_read_by_its_bytes_and_not_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let (png_path, jpeg_path) = (folder.path().join("a.jpg"), folder.path().join("b.png"));
        let picture = Array3::from_elem((8, 16, 3), 90);
        png::write_png(&png_path, picture.view()).unwrap();
        let encoder = Encoder::new_file(&jpeg_path, 100).unwrap();
        let pixels: Vec<u8> = picture.iter().copied().collect();
        encoder.encode(&pixels, 16, 8, ColorType::Rgb).unwrap();
        for path in [&png_path, &jpeg_path] {
            assert_eq!(read_picture(path).unwrap(), picture);
            assert_eq!(picture_size(path).unwrap(), [8, 16]);
        }
        let decoder = |path| PictureFormat::of(path).unwrap().decoder();
        assert_eq!(decoder(&png_path), None);
        assert_eq!(decoder(&jpeg_path).as_deref(), Some(jpeg::DECODER));
    }

    #[test]
    fn what_is_no_picture_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jpg");
        for (content, reason) in [
            (&b""[..], "the file is empty"),
            (b"GIF89a", "neither a PNG nor a JPEG"),
            (b"\xff\xd8\xff", "not a readable JPEG"),
        ] {
            std::fs::write(&path, content).unwrap();
            let error = read_picture(&path).unwrap_err().to_string();
            assert!(error.contains(reason) && error.contains("a.jpg"), "{error}");
        }
        let error = read_picture(folder.path()).unwrap_err().to_string();
        assert!(error.contains("a folder, not a file"), "{error}");
    }
}
