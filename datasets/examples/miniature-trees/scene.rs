//! Generated clips to fill the trees with, and the kinds of picture files that the data sets have.

use std::error::Error;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;

use jpeg_encoder::{ColorType, Encoder};
use ndarray::{Array2, Array3, Array4, ArrayView2, ArrayView3, Axis};
use slotflow_datasets::listing::create_parent;
use slotflow_datasets::source::open;
use slotflow_datasets::{Dataset, Fit, FrameSampling, SourceConfig, Split, Window};

/// Why a tree could not be written.
pub type Fault = Box<dyn Error>;

/// Clips or pictures of a split.
pub const CLIPS: usize = 3;

/// The quality that PIL writes JPEG at when it is told none.
const QUALITY: u8 = 75;

/// Frames and instance masks of a generated clip.
pub struct Scene {
    /// `[time, height, width, rgb]`
    pub frames: Array4<u8>,
    /// `[time, height, width]`; 0 is background.
    pub masks: Array3<u8>,
}

impl Scene {
    /// The first frames of a clip with textures.
    pub fn new(split: Split, clip: usize, frames: usize, size: [usize; 2]) -> Result<Self, Fault> {
        Self::from_frame(0, split, clip, frames, size)
    }

    fn from_frame(
        start: usize,
        split: Split,
        clip: usize,
        frames: usize,
        size: [usize; 2],
    ) -> Result<Self, Fault> {
        let config = SourceConfig {
            split,
            clips: clip + 1,
            ..SourceConfig::default()
        };
        let window = Window {
            start,
            count: Some(frames),
            pace: FrameSampling::Stride(1),
            size,
            fit: Fit::Crop,
        };
        let sample = open(Dataset::SynthTextured, &config)?.sample(clip, &window)?;
        Ok(Self {
            frames: sample.clip.frames,
            masks: sample.masks.ok_or("generated clips have masks")?,
        })
    }
}

/// A picture `[height, width, rgb]` and its instances `[height, width]`: a frame from the middle of a clip.
pub fn still(
    split: Split,
    clip: usize,
    size: [usize; 2],
) -> Result<(Array3<u8>, Array2<u8>), Fault> {
    let scene = Scene::from_frame(60, split, clip, 1, size)?;
    let picture = scene.frames.index_axis_move(Axis(0), 0);
    Ok((picture, scene.masks.index_axis_move(Axis(0), 0)))
}

/// Writes a JPEG of `[height, width, rgb]`.
pub fn write_jpeg(path: &Path, picture: ArrayView3<'_, u8>) -> Result<(), Fault> {
    create_parent(path)?;
    let (height, width, _) = picture.dim();
    let pixels: Vec<u8> = picture.iter().copied().collect();
    let encoder = Encoder::new_file(path, QUALITY)?;
    encoder.encode(
        &pixels,
        u16::try_from(width)?,
        u16::try_from(height)?,
        ColorType::Rgb,
    )?;
    Ok(())
}

/// Writes a grey PNG.
pub fn write_grey(path: &Path, values: ArrayView2<'_, u8>) -> Result<(), Fault> {
    write_labels(path, values, None)
}

/// Writes a PNG of indices into a palette, as the labels of VOC and `CLEVRTex` are.
pub fn write_palette(path: &Path, indices: ArrayView2<'_, u8>) -> Result<(), Fault> {
    let colours =
        (0..=255_u8).flat_map(|index| [index, index.wrapping_mul(37), index.wrapping_mul(91)]);
    write_labels(path, indices, Some(colours.collect()))
}

fn write_labels(
    path: &Path,
    values: ArrayView2<'_, u8>,
    palette: Option<Vec<u8>>,
) -> Result<(), Fault> {
    create_parent(path)?;
    let (height, width) = values.dim();
    let file = BufWriter::new(File::create(path)?);
    let mut encoder = png::Encoder::new(file, u32::try_from(width)?, u32::try_from(height)?);
    match palette {
        Some(colours) => {
            encoder.set_color(png::ColorType::Indexed);
            encoder.set_palette(colours);
        }
        None => encoder.set_color(png::ColorType::Grayscale),
    }
    let mut writer = encoder.write_header()?;
    let bytes: Vec<u8> = values.iter().copied().collect();
    writer.write_image_data(&bytes)?;
    Ok(writer.finish()?)
}
