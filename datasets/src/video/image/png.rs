//! Still pictures: PNG in and out.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Cursor, Seek, Write};
use std::path::Path;

use ndarray::{Array2, Array3, ArrayView2, ArrayView3};
use png::{BitDepth, ColorType, Decoder, DecodingError, EncodingError, Transformations};

use crate::error::DataError;
use crate::listing::unreadable;
use crate::partial::PartialFile;
use crate::regular;
use crate::video::limits::{MAX_PIXELS, MAX_SIDE};

/// A picture, `[height, width, rgb]`. Grey becomes rgb, sixteen bits become eight, transparency is dropped.
///
/// # Errors
/// When the file is no PNG, or larger than any camera's frame.
pub fn read_png(path: &Path) -> Result<Array3<u8>, DataError> {
    rgb_from(open(path)?, path)
}

/// A picture from a file's bytes, as [`read_png`] reads it; `path` is what errors name.
///
/// # Errors
/// As [`read_png`].
pub fn read_png_bytes(bytes: &[u8], path: &Path) -> Result<Array3<u8>, DataError> {
    rgb_from(Cursor::new(bytes), path)
}

fn rgb_from(input: impl BufRead + Seek, path: &Path) -> Result<Array3<u8>, DataError> {
    let decoded = decode(input, path, Transformations::normalize_to_color8())?;
    let samples = decoded.colour.samples();
    let rgb = |pixel: &[u8]| match pixel {
        [red, green, blue, ..] => [*red, *green, *blue],
        [grey, ..] => [*grey; 3],
        [] => [0; 3],
    };
    let pixels: Vec<u8> = decoded.bytes.chunks_exact(samples).flat_map(rgb).collect();
    let [height, width] = decoded.size;
    Array3::from_shape_vec((height, width, 3), pixels)
        .map_err(|error| broken(error.to_string(), path))
}

/// Object ids, `[height, width]`: a palette's indices or grey values as they are stored, of 1 to 16 bits a pixel.
///
/// # Errors
/// When the file is no PNG with a palette or in grey, or holds an id above 255.
pub fn read_png_ids(path: &Path) -> Result<Array2<u8>, DataError> {
    ids_from(open(path)?, path)
}

/// Object ids from a file's bytes, as [`read_png_ids`] reads them; `path` is what errors name.
///
/// # Errors
/// As [`read_png_ids`].
pub fn read_png_ids_bytes(bytes: &[u8], path: &Path) -> Result<Array2<u8>, DataError> {
    ids_from(Cursor::new(bytes), path)
}

fn ids_from(input: impl BufRead + Seek, path: &Path) -> Result<Array2<u8>, DataError> {
    let decoded = decode(input, path, Transformations::IDENTITY)?;
    if !matches!(decoded.colour, ColorType::Indexed | ColorType::Grayscale) {
        let reason = format!(
            "object ids are a palette's indices or grey values, found {:?}",
            decoded.colour
        );
        return Err(broken(reason, path));
    }
    let [_, width] = decoded.size;
    let rows = decoded.bytes.chunks_exact(decoded.row_bytes.max(1));
    let mut ids = Vec::with_capacity(decoded.bytes.len());
    for row in rows {
        match decoded.depth {
            BitDepth::Eight => ids.extend(row.iter().take(width)),
            BitDepth::Sixteen => {
                for pair in row.chunks_exact(2).take(width) {
                    if pair[0] != 0 {
                        let id = u16::from_be_bytes([pair[0], pair[1]]);
                        return Err(broken(format!("object id {id}; 255 is the most"), path));
                    }
                    ids.push(pair[1]);
                }
            }
            packed => ids.extend(unpacked(row, packed as usize).take(width)),
        }
    }
    Array2::from_shape_vec(decoded.size, ids).map_err(|error| broken(error.to_string(), path))
}

/// The values of a row with several pixels a byte, the first in the highest bits.
fn unpacked(row: &[u8], bits: usize) -> impl Iterator<Item = u8> {
    let mask = (1_u8 << bits) - 1;
    let places = (0..8).step_by(bits).map(move |low| 8 - bits - low);
    row.iter()
        .flat_map(move |byte| places.clone().map(move |place| (byte >> place) & mask))
}

/// Writes a picture. The file appears whole or not at all.
///
/// # Shape
/// - `picture`: `[height, width, rgb]`
///
/// # Errors
/// When the picture is empty, or the disk says no.
pub fn write_png(path: &Path, picture: ArrayView3<u8>) -> Result<(), DataError> {
    let (height, width, channels) = picture.dim();
    if channels != 3 {
        return Err(no_picture(picture.shape(), path));
    }
    let pixels: Vec<u8> = picture.iter().copied().collect();
    write(path, [height, width], &pixels, |encoder| {
        encoder.set_color(ColorType::Rgb);
    })
}

/// A picture as the bytes of a PNG file.
///
/// # Shape
/// - `picture`: `[height, width, rgb]`
///
/// # Errors
/// When the picture is empty.
pub fn png_bytes(picture: ArrayView3<u8>) -> Result<Vec<u8>, DataError> {
    let (height, width, channels) = picture.dim();
    let place = Path::new("a picture in memory");
    if channels != 3 || picture.is_empty() {
        return Err(no_picture(picture.shape(), place));
    }
    let pixels: Vec<u8> = picture.iter().copied().collect();
    let mut bytes = Vec::new();
    let written = encode(&mut bytes, [height, width], &pixels, |encoder| {
        encoder.set_color(ColorType::Rgb);
        encoder.set_compression(png::Compression::High);
    });
    written.map_err(|error| DataError::Encode {
        reason: error.to_string(),
        path: place.to_owned(),
    })?;
    Ok(bytes)
}

/// Writes ids as an indexed picture: a pixel's value is its id, shown in the colour of that place of the palette. The
/// file appears whole or not at all.
///
/// # Shape
/// - `ids`: `[height, width]`
///
/// # Errors
/// When the picture is empty, an id has no colour, or the disk says no.
pub fn write_png_ids(
    path: &Path,
    ids: ArrayView2<u8>,
    palette: &[[u8; 3]],
) -> Result<(), DataError> {
    let (height, width) = ids.dim();
    if ids.iter().any(|&id| usize::from(id) >= palette.len()) {
        return Err(DataError::Encode {
            reason: format!("an id beyond a palette of {} colours", palette.len()),
            path: path.to_owned(),
        });
    }
    let pixels: Vec<u8> = ids.iter().copied().collect();
    write(path, [height, width], &pixels, |encoder| {
        encoder.set_color(ColorType::Indexed);
        encoder.set_palette(palette.concat());
    })
}

fn no_picture(shape: &[usize], path: &Path) -> DataError {
    DataError::Encode {
        reason: format!("a picture of shape {shape:?}"),
        path: path.to_owned(),
    }
}

/// Writes a picture of eight bits a sample.
fn write(
    path: &Path,
    [height, width]: [usize; 2],
    pixels: &[u8],
    kind: impl FnOnce(&mut png::Encoder<'_, &mut BufWriter<File>>),
) -> Result<(), DataError> {
    if pixels.is_empty() {
        return Err(no_picture(&[height, width], path));
    }
    let io = |source| DataError::Io {
        action: "write",
        source,
        path: path.to_owned(),
    };
    let partial = PartialFile::unique(path).map_err(io)?;
    let say = |error| match error {
        EncodingError::IoError(source) => io(source),
        other => DataError::Encode {
            reason: other.to_string(),
            path: path.to_owned(),
        },
    };
    let mut file = BufWriter::new(File::create(partial.path()).map_err(io)?);
    encode(&mut file, [height, width], pixels, kind).map_err(say)?;
    file.flush().map_err(io)?;
    partial.keep().map_err(io)
}

/// Encodes pixels of eight bits a channel; `kind` sets what else there is to set.
fn encode<W: Write>(
    out: W,
    [height, width]: [usize; 2],
    pixels: &[u8],
    kind: impl FnOnce(&mut png::Encoder<'_, W>),
) -> Result<(), EncodingError> {
    let mut encoder = png::Encoder::new(out, width as u32, height as u32);
    kind(&mut encoder);
    encoder.set_depth(BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()
}

/// Height and width of a picture, from its header.
///
/// # Errors
/// When the file is no PNG, or larger than any camera's frame.
pub fn png_size(path: &Path) -> Result<[usize; 2], DataError> {
    header(open(path)?, path, Transformations::IDENTITY).map(|(size, _)| size)
}

/// A file's bytes after decompression.
struct Decoded {
    size: [usize; 2],
    colour: ColorType,
    depth: BitDepth,
    /// Bytes of a row; its last may be filled up.
    row_bytes: usize,
    bytes: Vec<u8>,
}

/// A decoder that has read the header, and the size that stands there.
fn header<R: BufRead + Seek>(
    input: R,
    path: &Path,
    transformations: Transformations,
) -> Result<([usize; 2], png::Reader<R>), DataError> {
    let mut decoder = Decoder::new(input);
    decoder.set_transformations(transformations);
    let reader = decoder.read_info().map_err(|error| unread(error, path))?;
    let (width, height) = (reader.info().width as usize, reader.info().height as usize);
    if height > MAX_SIDE || width > MAX_SIDE || height * width > MAX_PIXELS {
        return Err(DataError::TooLarge {
            width,
            height,
            path: path.to_owned(),
        });
    }
    Ok(([height, width], reader))
}

fn open(path: &Path) -> Result<BufReader<File>, DataError> {
    let file = regular::open(path).map_err(|source| unreadable(source, path))?;
    Ok(BufReader::new(file))
}

fn decode(
    input: impl BufRead + Seek,
    path: &Path,
    transformations: Transformations,
) -> Result<Decoded, DataError> {
    let (size, mut reader) = header(input, path, transformations)?;
    let bytes = reader
        .output_buffer_size()
        .ok_or_else(|| broken("not a readable PNG".to_owned(), path))?;
    let mut bytes = vec![0; bytes];
    let frame = reader
        .next_frame(&mut bytes)
        .map_err(|error| unread(error, path))?;
    bytes.truncate(frame.buffer_size());
    Ok(Decoded {
        size,
        colour: frame.color_type,
        depth: frame.bit_depth,
        row_bytes: frame.line_size,
        bytes,
    })
}

fn unread(error: DecodingError, path: &Path) -> DataError {
    match error {
        DecodingError::IoError(source) if source.kind() != std::io::ErrorKind::UnexpectedEof => {
            DataError::Io {
                action: "read",
                source,
                path: path.to_owned(),
            }
        }
        other => broken(format!("not a readable PNG: {other}"), path),
    }
}

fn broken(reason: String, path: &Path) -> DataError {
    DataError::Malformed {
        reason,
        path: path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_comes_back_as_it_went() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        let picture = Array3::from_shape_fn((5, 7, 3), |(y, x, c)| (y * 40 + x * 5 + c) as u8);
        write_png(&path, picture.view()).unwrap();
        assert_eq!(read_png(&path).unwrap(), picture);
        let bytes = png_bytes(picture.view()).unwrap();
        assert_eq!(read_png_bytes(&bytes, &path).unwrap(), picture);
        assert!(png_bytes(Array3::zeros((0, 7, 3)).view()).is_err());
    }

    #[test]
    fn ids_in_grey_are_read_as_they_are_and_as_grey_pixels() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ids.png");
        let mut encoder = png::Encoder::new(File::create(&path).unwrap(), 2, 1);
        encoder.set_color(ColorType::Grayscale);
        encoder
            .write_header()
            .unwrap()
            .write_image_data(&[3, 200])
            .unwrap();
        assert_eq!(read_png_ids(&path).unwrap(), ndarray::arr2(&[[3, 200]]));
        assert_eq!(
            read_png(&path).unwrap(),
            ndarray::arr3(&[[[3, 3, 3], [200, 200, 200]]])
        );
    }

    /// Writes a picture as it is stored.
    fn store(path: &Path, width: u32, colour: ColorType, depth: BitDepth, bytes: &[u8]) {
        let mut encoder = png::Encoder::new(File::create(path).unwrap(), width, 1);
        encoder.set_color(colour);
        encoder.set_depth(depth);
        if colour == ColorType::Indexed {
            encoder.set_palette(vec![0, 0, 0, 10, 20, 30, 40, 50, 60, 70, 80, 90]);
        }
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(bytes).unwrap();
    }

    #[test]
    fn ids_of_every_depth_are_read_as_they_are_stored() {
        use BitDepth::{Eight, Four, One, Sixteen, Two};
        use ColorType::{Grayscale, Indexed};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ids.png");
        for (colour, depth, bytes, ids) in [
            (Grayscale, One, &[0b1010_0000][..], [1, 0, 1]),
            (Grayscale, Two, &[0b1101_1000], [3, 1, 2]),
            (Grayscale, Four, &[0xf1, 0x20], [15, 1, 2]),
            (Indexed, Two, &[0b1101_1000], [3, 1, 2]),
            (Indexed, Eight, &[3, 0, 2], [3, 0, 2]),
            (Grayscale, Sixteen, &[0, 255, 0, 0, 0, 7], [255, 0, 7]),
        ] {
            store(&path, 3, colour, depth, bytes);
            assert_eq!(
                read_png_ids(&path).unwrap(),
                ndarray::arr2(&[ids]),
                "{colour:?} {depth:?}"
            );
        }
        store(&path, 1, Grayscale, Sixteen, &[1, 4]);
        let error = read_png_ids(&path).unwrap_err().to_string();
        assert!(error.contains("object id 260"), "{error}");
        store(&path, 1, ColorType::Rgb, Eight, &[1, 1, 1]);
        assert!(read_png_ids(&path).is_err());
    }

    #[test]
    fn colours_of_every_kind_become_eight_bits_of_rgb() {
        use ColorType::{Grayscale, GrayscaleAlpha, Indexed, Rgb, Rgba};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        for (colour, depth, bytes, pixel) in [
            (Grayscale, BitDepth::One, &[0x80][..], [255, 255, 255]),
            (Grayscale, BitDepth::Four, &[0x30], [51, 51, 51]),
            (Grayscale, BitDepth::Sixteen, &[200, 99], [200, 200, 200]),
            (GrayscaleAlpha, BitDepth::Eight, &[7, 0], [7, 7, 7]),
            (Indexed, BitDepth::Two, &[0x80], [40, 50, 60]),
            (Rgb, BitDepth::Sixteen, &[1, 0, 2, 255, 3, 0], [1, 2, 3]),
            (Rgba, BitDepth::Eight, &[9, 8, 7, 0], [9, 8, 7]),
        ] {
            store(&path, 1, colour, depth, bytes);
            let read = read_png(&path).unwrap();
            assert_eq!(read.as_slice(), Some(&pixel[..]), "{colour:?} {depth:?}");
        }
    }

    #[test]
    fn a_text_file_and_a_cut_file_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        std::fs::write(&path, "no picture").unwrap();
        assert!(read_png(&path).unwrap_err().to_string().contains("a.png"));
        write_png(&path, Array3::from_elem((30, 30, 3), 9).view()).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
        assert!(matches!(read_png(&path), Err(DataError::Malformed { .. })));
    }
}
