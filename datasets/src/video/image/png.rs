//! Still pictures: PNG in and out.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::Path;

use ndarray::{Array2, Array3, ArrayView3};
use png::{ColorType, Decoder, DecodingError, EncodingError, Transformations};

use crate::error::DataError;
use crate::partial::PartialFile;
use crate::video::limits::{MAX_PIXELS, MAX_SIDE};

/// A picture, `[height, width, rgb]`. Grey becomes rgb, sixteen bits become eight, transparency is dropped.
///
/// # Errors
/// When the file is no PNG, or larger than any camera's frame.
pub fn read_png(path: &Path) -> Result<Array3<u8>, DataError> {
    let decoded = decode(path, Transformations::normalize_to_color8())?;
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

/// Object ids, `[height, width]`: a palette's indices or grey values as they are stored.
///
/// # Errors
/// When the file is no PNG of eight bits a pixel with a palette or in grey.
pub fn read_png_ids(path: &Path) -> Result<Array2<u8>, DataError> {
    let decoded = decode(path, Transformations::IDENTITY)?;
    let plain = matches!(decoded.colour, ColorType::Indexed | ColorType::Grayscale);
    if !plain || decoded.bytes.len() != decoded.size[0] * decoded.size[1] {
        return Err(broken(
            format!(
                "object ids need eight bits a pixel, found {:?}",
                decoded.colour
            ),
            path,
        ));
    }
    Array2::from_shape_vec(decoded.size, decoded.bytes)
        .map_err(|error| broken(error.to_string(), path))
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
    if height == 0 || width == 0 || channels != 3 {
        let reason = format!("a picture of shape {:?}", picture.dim());
        return Err(DataError::Encode {
            reason,
            path: path.to_owned(),
        });
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
    let mut encoder = png::Encoder::new(&mut file, width as u32, height as u32);
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header().map_err(say)?;
    let pixels: Vec<u8> = picture.iter().copied().collect();
    writer.write_image_data(&pixels).map_err(say)?;
    writer.finish().map_err(say)?;
    file.flush().map_err(io)?;
    partial.keep().map_err(io)
}

/// Height and width of a picture, from its header.
///
/// # Errors
/// When the file is no PNG, or larger than any camera's frame.
pub fn png_size(path: &Path) -> Result<[usize; 2], DataError> {
    header(path, Transformations::IDENTITY).map(|(size, _)| size)
}

/// A file's bytes after decompression.
struct Decoded {
    size: [usize; 2],
    colour: ColorType,
    bytes: Vec<u8>,
}

/// A decoder that has read the header, and the size that stands there.
fn header(
    path: &Path,
    transformations: Transformations,
) -> Result<([usize; 2], png::Reader<BufReader<File>>), DataError> {
    let file = File::open(path).map_err(|source| DataError::Io {
        action: "read",
        source,
        path: path.to_owned(),
    })?;
    let mut decoder = Decoder::new(BufReader::new(file));
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

fn decode(path: &Path, transformations: Transformations) -> Result<Decoded, DataError> {
    let (size, mut reader) = header(path, transformations)?;
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
