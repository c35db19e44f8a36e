//! Slots of every frame of a training's clips, perceived once and kept on disk.

use std::path::Path;

use burn::tensor::Device;
use ndarray::{Array4, Axis, Ix4, s};

use crate::layout::{batch_from_clips, floats};
use crate::models::encoder::SlotEncoder;
use crate::noise::Noise;
use crate::run::files::make_dir;
use crate::run::progress::Progress;
use crate::run::{ClipFile, RunError, interrupt};

use super::footage::Footage;

/// Clips that are perceived together.
const BATCH: usize = 4;

/// Slots of every clip, perceived now or read back.
///
/// `key` names the encoder and the footage; `seed` names the noise of encoders that draw some.
///
/// # Shape
/// `[clips, time, slots, dim]`
///
/// # Errors
/// When the store cannot be written, or on Ctrl-C.
pub fn open_or_encode(
    folder: &Path,
    key: &str,
    encoder: &SlotEncoder,
    footage: &Footage,
    device: &Device,
    seed: u64,
) -> Result<Array4<f32>, RunError> {
    make_dir(folder)?;
    let path = folder.join(format!("{key}.safetensors"));
    if path.exists()
        && let Ok(slots) = ClipFile::read(&path).and_then(|file| file.floats::<Ix4>("slots"))
    {
        return Ok(slots);
    }
    let clips = footage.clips();
    let progress = Progress::new("perceive", clips, false);
    let mut all: Option<Array4<f32>> = None;
    for first in (0..clips).step_by(BATCH) {
        interrupt::check()?;
        let last = (first + BATCH).min(clips);
        let batch = batch_from_clips(
            footage.frames.slice(s![first..last, .., .., .., ..]),
            device,
        );
        let shape = encoder.noise_shape(last - first, footage.time(), true);
        let noise = shape
            .map(|shape| Noise::new(seed, &["slots", &first.to_string()]).normal(shape, device));
        let slots = encoder.encode(batch, None, noise.as_ref()).slots;
        let [count, time, number, dim] = slots.dims();
        let values =
            Array4::from_shape_vec((count, time, number, dim), floats(slots)).map_err(|error| {
                RunError::Internal {
                    reason: error.to_string(),
                }
            })?;
        let all = all.get_or_insert_with(|| Array4::zeros((clips, time, number, dim)));
        all.slice_axis_mut(Axis(0), (first..last).into())
            .assign(&values);
        (first..last).for_each(|_| progress.advance());
    }
    let all = all.ok_or_else(|| RunError::Empty {
        stage: "perceive".to_owned(),
    })?;
    ClipFile::default()
        .with_floats("slots", &all)
        .write(&path)?;
    Ok(all)
}
