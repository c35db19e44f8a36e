//! Still pictures: JPEG in.
//!
//! Decoders of JPEG differ by a grey level, so that what is computed from these pixels names the decoder.

use ndarray::{Array3, Axis};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use crate::video::limits::MAX_SIDE;

/// The decoder that JPEG pixels come from, as provenance names it.
pub const DECODER: &str = "zune-jpeg 0.5.15";

/// The first bytes of a JPEG file.
pub(super) const MAGIC: &[u8] = b"\xff\xd8\xff";

/// The most pixels in a byte: one bit for a block of 64, twice over. Memory is taken for all that a header declares.
const MOST_PIXELS_A_BYTE: usize = 1024;

/// A decoder over a file's bytes.
type Decoder<'a> = JpegDecoder<ZCursor<&'a [u8]>>;

/// A picture, `[height, width, rgb]`, turned as its EXIF says. Grey, CMYK and YCCK become rgb; of the latter two the
/// values are taken to be inverted, as Adobe and Pillow do, and their colour profile is ignored.
///
/// A file that ends early is refused, and one whose EXIF is damaged is not turned.
///
/// # Errors
/// What is wrong with the bytes.
pub(super) fn decode(bytes: &[u8]) -> Result<Array3<u8>, String> {
    let (mut decoder, [height, width]) = headers(bytes)?;
    if !ends(bytes) {
        return Err("the file ends early".to_owned());
    }
    let pixels = decoder.decode().map_err(|error| error.to_string())?;
    let picture = Array3::from_shape_vec((height, width, 3), pixels);
    let picture = picture.map_err(|error| error.to_string())?;
    Ok(turned(picture, orientation(&decoder)))
}

/// Height and width of a picture as it is shown, from its headers.
///
/// # Errors
/// What is wrong with the bytes.
pub(super) fn size(bytes: &[u8]) -> Result<[usize; 2], String> {
    let (decoder, [height, width]) = headers(bytes)?;
    let lies = (5..=8).contains(&orientation(&decoder));
    Ok(if lies {
        [width, height]
    } else {
        [height, width]
    })
}

/// A decoder that has read the headers, and the height and width that stand there.
fn headers(bytes: &[u8]) -> Result<(Decoder<'_>, [usize; 2]), String> {
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(MAX_SIDE)
        .set_max_height(MAX_SIDE)
        .jpeg_set_out_colorspace(ColorSpace::RGB);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder
        .decode_headers()
        .map_err(|error| error.to_string())?;
    let info = decoder.info().ok_or("it has no header")?;
    let [height, width] = [info.height, info.width].map(usize::from);
    if height * width / MOST_PIXELS_A_BYTE > bytes.len() {
        let length = bytes.len();
        return Err(format!(
            "it declares {height}×{width} pixels, and {length} bytes hold no such picture"
        ));
    }
    Ok((decoder, [height, width]))
}

/// How the picture is to be turned, 1..8 as EXIF counts; 1 is not at all.
fn orientation(decoder: &Decoder) -> u32 {
    let read = |bytes: &Vec<u8>| {
        let exif = exif::Reader::new().read_raw(bytes.clone()).ok()?;
        let field = exif.get_field(exif::Tag::Orientation, exif::In::PRIMARY)?;
        field.value.get_uint(0)
    };
    decoder.exif().and_then(read).unwrap_or(1)
}

/// A picture turned as EXIF's orientation asks.
fn turned(mut picture: Array3<u8>, orientation: u32) -> Array3<u8> {
    if !(2..=8).contains(&orientation) {
        return picture;
    }
    let (rows, columns) = (Axis(0), Axis(1));
    if (5..=8).contains(&orientation) {
        picture = picture.permuted_axes([1, 0, 2]);
    }
    if matches!(orientation, 2 | 3 | 6 | 7) {
        picture.invert_axis(columns);
    }
    if matches!(orientation, 3 | 4 | 7 | 8) {
        picture.invert_axis(rows);
    }
    picture.as_standard_layout().into_owned()
}

/// Whether the marker that ends a picture follows its first scan: the last rows of a file without it may be made up.
fn ends(bytes: &[u8]) -> bool {
    const START_OF_SCAN: u8 = 0xda;
    const END: [u8; 2] = [0xff, 0xd9];
    let mut at = 2;
    loop {
        let Some([0xff, marker, rest @ ..]) = bytes.get(at..) else {
            return false;
        };
        let Some([high, low]) = rest.first_chunk() else {
            return false;
        };
        match *marker {
            START_OF_SCAN => return rest.windows(2).any(|pair| pair == END),
            // A filling byte before a marker.
            0xff => at += 1,
            _ => at += 2 + usize::from(u16::from_be_bytes([*high, *low])),
        }
    }
}

#[cfg(test)]
mod tests {
    use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
    use ndarray::{Array2, s};

    use super::*;

    /// A picture's JPEG, with what an application segment of EXIF says.
    fn encoded(
        bytes: &[u8],
        [height, width]: [u16; 2],
        kind: ColorType,
        turn: Option<u8>,
    ) -> Vec<u8> {
        let mut out = Vec::new();
        let mut encoder = Encoder::new(&mut out, 100);
        encoder.set_sampling_factor(SamplingFactor::F_1_1);
        if let Some(turn) = turn {
            let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
            exif.extend([turn, 0, 0, 0, 0, 0, 0]);
            encoder.add_app_segment(1, exif).unwrap();
        }
        encoder.encode(bytes, width, height, kind).unwrap();
        out
    }

    /// Four colours in the corners of a picture of 16 rows and 24 columns, by number.
    fn corners() -> Array2<u8> {
        Array2::from_shape_fn((16, 24), |(y, x)| (2 * (y / 8) + x / 12) as u8)
    }

    const COLOURS: [[u8; 3]; 4] = [[250, 10, 10], [10, 250, 10], [10, 10, 250], [250, 250, 250]];

    fn painted(corners: &Array2<u8>) -> Vec<u8> {
        corners
            .iter()
            .flat_map(|corner| COLOURS[usize::from(*corner)])
            .collect()
    }

    /// The number of the colour nearest to each pixel.
    fn seen(picture: &Array3<u8>) -> Array2<u8> {
        picture.map_axis(Axis(2), |pixel| {
            let far = |colour: &[u8; 3]| -> u32 {
                colour
                    .iter()
                    .zip(pixel)
                    .map(|(one, other)| u32::from(one.abs_diff(*other)))
                    .sum()
            };
            (0..4)
                .min_by_key(|number| far(&COLOURS[usize::from(*number)]))
                .unwrap()
        })
    }

    #[test]
    fn the_decoder_that_is_named_is_the_one_that_is_built() {
        let (name, version) = DECODER.split_once(' ').unwrap();
        let line = format!("{name} = \"={version}\"");
        assert!(
            include_str!("../../../Cargo.toml").contains(&line),
            "{line}"
        );
    }

    #[test]
    fn all_eight_orientations_of_exif_are_applied() {
        // What EXIF's number says of the stored rows and columns, by the corner that is shown top left, top right,
        // bottom left and bottom right.
        let shown: [[u8; 4]; 8] = [
            [0, 1, 2, 3],
            [1, 0, 3, 2],
            [3, 2, 1, 0],
            [2, 3, 0, 1],
            [0, 2, 1, 3],
            [2, 0, 3, 1],
            [3, 1, 2, 0],
            [1, 3, 0, 2],
        ];
        for (turn, shown) in (1..).zip(shown) {
            let file = encoded(&painted(&corners()), [16, 24], ColorType::Rgb, Some(turn));
            let picture = seen(&decode(&file).unwrap());
            let (height, width) = picture.dim();
            assert_eq!(size(&file).unwrap(), [height, width]);
            assert_eq!([height, width], if turn < 5 { [16, 24] } else { [24, 16] });
            let (y, x) = (height - 1, width - 1);
            let found = [
                picture[[0, 0]],
                picture[[0, x]],
                picture[[y, 0]],
                picture[[y, x]],
            ];
            assert_eq!(found, shown, "orientation {turn}");
        }
    }

    #[test]
    fn grey_and_cmyk_and_ycck_are_shown_in_their_colours() {
        let grey: Vec<u8> = corners().iter().map(|corner| corner * 80).collect();
        let picture = decode(&encoded(&grey, [16, 24], ColorType::Luma, None)).unwrap();
        let expected = corners().mapv(|corner| corner * 80);
        for rgb in 0..3 {
            let far = |one: &u8, other: &u8| one.abs_diff(*other) <= 2;
            let channel = picture.slice(s![.., .., rgb]);
            assert!(
                channel
                    .iter()
                    .zip(&expected)
                    .all(|(one, other)| far(one, other))
            );
        }
        // Ink of the same colours, without black; the encoder inverts as Adobe does.
        let ink: Vec<u8> = painted(&corners())
            .chunks_exact(3)
            .flat_map(|rgb| [255 - rgb[0], 255 - rgb[1], 255 - rgb[2], 0])
            .collect();
        for kind in [ColorType::Cmyk, ColorType::CmykAsYcck] {
            let picture = decode(&encoded(&ink, [16, 24], kind, None)).unwrap();
            assert_eq!(seen(&picture), corners(), "{kind:?}");
        }
    }

    #[test]
    fn a_file_that_ends_early_is_refused_wherever_it_is_cut() {
        let noise: Vec<u8> = (0..64 * 64 * 3_u32)
            .map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect();
        let file = encoded(&noise, [64, 64], ColorType::Rgb, Some(6));
        assert!(decode(&file).is_ok());
        for cut in (0..file.len()).step_by(97).chain([file.len() - 1]) {
            assert!(decode(&file[..cut]).is_err(), "cut after {cut} bytes");
        }
    }

    #[test]
    fn few_bytes_that_declare_many_pixels_are_refused_before_memory_is_taken() {
        let mut file = encoded(&painted(&corners()), [16, 24], ColorType::Rgb, None);
        let frame = file
            .windows(2)
            .position(|pair| pair == [0xff, 0xc0])
            .unwrap();
        file[frame + 5..frame + 9].copy_from_slice(&[0x20, 0, 0x20, 0]);
        let said = decode(&file).unwrap_err();
        assert!(said.contains("declares 8192×8192 pixels"), "{said}");
    }

    #[test]
    fn flipped_bytes_give_a_picture_or_an_error() {
        let file = encoded(&painted(&corners()), [16, 24], ColorType::Rgb, Some(3));
        for at in 0..file.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut broken = file.clone();
                broken[at] = value;
                if let Ok(picture) = decode(&broken) {
                    assert_eq!(picture.dim().2, 3);
                }
            }
        }
    }
}
