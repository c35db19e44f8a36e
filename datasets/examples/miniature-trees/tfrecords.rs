//! MOVi-E as TensorFlow Datasets writes it: TFRecords of `tf.train.Example` with PNG frames and segmentations.

use std::fs;
use std::path::Path;

use ndarray::{ArrayView2, ArrayView3};
use slotflow_datasets::Split;
use slotflow_datasets::tfrecord::{Example, append};

use crate::scene::{CLIPS, Fault, Scene};

const SIZE: [usize; 2] = [64, 64];
const FRAMES: usize = 24;
/// Files of a split.
const SHARDS: usize = 2;

/// Two shards a split.
pub fn movi_e(root: &Path) -> Result<(), Fault> {
    let folder = root.join("movi_e/128x128/1.0.0");
    fs::create_dir_all(&folder)?;
    for (split, name) in [
        (Split::Train, "train"),
        (Split::Val, "validation"),
        (Split::Test, "test"),
    ] {
        for shard in 0..SHARDS {
            let mut bytes = Vec::new();
            for clip in (shard..CLIPS).step_by(SHARDS) {
                append(&mut bytes, &example(split, clip)?.encode())?;
            }
            let file = format!("movi_e-{name}.tfrecord-{shard:05}-of-{SHARDS:05}");
            fs::write(folder.join(file), bytes)?;
        }
    }
    Ok(())
}

fn example(split: Split, clip: usize) -> Result<Example, Fault> {
    let scene = Scene::new(split, clip, FRAMES, SIZE)?;
    let video: Result<Vec<_>, Fault> = scene.frames.outer_iter().map(colours).collect();
    let segmentations: Result<Vec<_>, Fault> = scene.masks.outer_iter().map(ids).collect();
    let [height, width] = SIZE.map(|side| side as i64);
    Ok(Example::default()
        .with_bytes("video", video?)
        .with_bytes("segmentations", segmentations?)
        .with_integers("metadata/num_frames", vec![FRAMES as i64])
        .with_integers("metadata/height", vec![height])
        .with_integers("metadata/width", vec![width])
        .with_bytes("metadata/video_name", vec![clip.to_string().into_bytes()]))
}

fn colours(frame: ArrayView3<'_, u8>) -> Result<Vec<u8>, Fault> {
    encoded(
        png::ColorType::Rgb,
        &frame.iter().copied().collect::<Vec<u8>>(),
    )
}

fn ids(mask: ArrayView2<'_, u8>) -> Result<Vec<u8>, Fault> {
    encoded(
        png::ColorType::Grayscale,
        &mask.iter().copied().collect::<Vec<u8>>(),
    )
}

fn encoded(color: png::ColorType, pixels: &[u8]) -> Result<Vec<u8>, Fault> {
    let [height, width] = SIZE.map(|side| side as u32);
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(color);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(bytes)
}
