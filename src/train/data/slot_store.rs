//! Slots of every frame of a training's clips, perceived once, written clip by clip, and mapped into memory.
//!
//! A data set's slots may be larger than memory (13 GB for CLEVRER): nothing here holds them all. The file is
//! safetensors with one array, `slots` `[clips, time, slots, dim]`.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use ndarray::{Array4, ArrayView4, s};
use safetensors::{Dtype, SafeTensors};
use serde_json::json;

use crate::artifacts::files::make_dir;
use crate::artifacts::progress::Progress;
use crate::artifacts::{RunError, interrupt};
use crate::kernels::mmap::Mapped;
use crate::models::encoder::SlotEncoder;
use crate::rng::SeededRng;
use crate::tensor_conversion::{batch_from_clips, floats};

use crate::train::data::clip_dataset::ClipDataset;

/// Clips that are perceived together.
const BATCH: usize = 4;

/// Slots of every frame of many clips, in memory or in a file.
#[derive(Debug)]
pub enum Slots {
    /// In memory.
    Held(Array4<f32>),
    /// In a file.
    Mapped(MappedSlots),
}

/// Slots in a file that was checked when it was opened.
#[derive(Debug)]
pub struct MappedSlots {
    file: Mapped,
    start: usize,
    shape: [usize; 4],
}

impl From<Array4<f32>> for Slots {
    fn from(slots: Array4<f32>) -> Self {
        Self::Held(slots)
    }
}

impl Slots {
    /// All slots, `[clips, time, slots, dim]`.
    ///
    /// # Panics
    /// Never: a mapped file was checked when it was opened.
    #[expect(clippy::expect_used, reason = "a mapped file was checked")]
    pub fn view(&self) -> ArrayView4<'_, f32> {
        match self {
            Self::Held(slots) => slots.view(),
            Self::Mapped(slots) => slots.view().expect("checked when the file was opened"),
        }
    }

    /// Clips, frames of a clip, slots, width.
    pub fn dim(&self) -> (usize, usize, usize, usize) {
        self.view().dim()
    }

    /// The slots in a file.
    ///
    /// # Errors
    /// When it cannot be read or is not whole.
    pub fn open(path: &Path) -> Result<Self, RunError> {
        let io = |source| RunError::Io {
            action: "read",
            source,
            path: path.to_owned(),
        };
        let damaged = |reason: &str| RunError::Damaged {
            reason: reason.to_owned(),
            path: path.to_owned(),
        };
        let file = File::open(path).map_err(io)?;
        let file = Mapped::open(&file).map_err(io)?;
        let bytes = file.bytes();
        // This also holds the length of the file against what its header says.
        SafeTensors::deserialize(bytes).map_err(|error| damaged(&error.to_string()))?;
        let (length, head) =
            SafeTensors::read_metadata(bytes).map_err(|error| damaged(&error.to_string()))?;
        let info = head
            .info("slots")
            .ok_or_else(|| damaged("no array `slots`"))?;
        let shape: Option<[usize; 4]> = info.shape.clone().try_into().ok();
        let shape = shape.filter(|_| info.dtype == Dtype::F32);
        let slots = MappedSlots {
            shape: shape.ok_or_else(|| damaged("`slots` is no array of four axes"))?,
            start: 8 + length + info.data_offsets.0,
            file,
        };
        if slots.view().is_none() {
            return Err(damaged("`slots` does not lie where numbers may lie"));
        }
        Ok(Self::Mapped(slots))
    }
}

impl MappedSlots {
    fn view(&self) -> Option<ArrayView4<'_, f32>> {
        let count = self.shape.iter().product::<usize>();
        let bytes = self.file.bytes().get(self.start..self.start + 4 * count)?;
        let numbers = bytemuck::try_cast_slice(bytes).ok()?;
        ArrayView4::from_shape(self.shape, numbers).ok()
    }
}

/// Slots of every clip, perceived now or in the file of an earlier time.
///
/// `key` names the encoder and the footage; `seed` names the noise of encoders that draw some.
///
/// # Errors
/// When the store cannot be written, or on Ctrl-C.
pub fn open_or_encode(
    folder: &Path,
    key: &str,
    encoder: &SlotEncoder,
    footage: &ClipDataset,
    device: &Device,
    seed: u64,
) -> Result<Slots, RunError> {
    make_dir(folder)?;
    let path = folder.join(format!("{key}.safetensors"));
    if path.exists()
        && let Ok(slots) = Slots::open(&path)
    {
        return Ok(slots);
    }
    let clips = footage.clips();
    let progress = Progress::new("perceive", clips, false);
    let mut draft = Draft::new(&path, clips);
    for first in (0..clips).step_by(BATCH) {
        interrupt::check()?;
        let last = (first + BATCH).min(clips);
        let batch = batch_from_clips(
            footage.frames.slice(s![first..last, .., .., .., ..]),
            device,
        );
        let shape = encoder.noise_shape(last - first, footage.time(), true);
        let noise = shape.map(|shape| {
            SeededRng::new(seed, &["slots", &first.to_string()]).normal(shape, device)
        });
        let slots = encoder.encode(batch, None, noise.as_ref()).slots;
        let [_, time, count, dim] = slots.dims();
        draft.push([time, count, dim], &floats(slots))?;
        (first..last).for_each(|_| progress.advance());
    }
    draft.finish()?;
    Slots::open(&path)
}

/// A store in the making, under a name of this process until it is whole.
struct Draft<'a> {
    path: &'a Path,
    partial: PathBuf,
    clips: usize,
    file: Option<BufWriter<File>>,
}

impl<'a> Draft<'a> {
    fn new(path: &'a Path, clips: usize) -> Self {
        Self {
            path,
            partial: path.with_extension(format!("partial-{}", std::process::id())),
            clips,
            file: None,
        }
    }

    /// Adds the slots of some clips.
    fn push(&mut self, [time, slots, dim]: [usize; 3], values: &[f32]) -> Result<(), RunError> {
        let written = match &mut self.file {
            Some(file) => file.write_all(bytemuck::cast_slice(values)),
            None => File::create(&self.partial).and_then(|file| {
                let mut file = BufWriter::new(file);
                file.write_all(&head([self.clips, time, slots, dim]))?;
                file.write_all(bytemuck::cast_slice(values))?;
                self.file = Some(file);
                Ok(())
            }),
        };
        written.map_err(|source| self.failed(source))
    }

    fn finish(mut self) -> Result<(), RunError> {
        let Some(file) = self.file.take() else {
            return Err(RunError::Empty {
                stage: "perceive".to_owned(),
            });
        };
        let whole = file
            .into_inner()
            .map_err(std::io::IntoInnerError::into_error);
        let whole = whole.and_then(|file| file.sync_all());
        let renamed = whole.and_then(|()| fs::rename(&self.partial, self.path));
        renamed.map_err(|source| self.failed(source))
    }

    fn failed(&self, source: std::io::Error) -> RunError {
        RunError::Io {
            action: "write",
            source,
            path: self.path.to_owned(),
        }
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if self.partial.exists() && fs::remove_file(&self.partial).is_err() {
            // Nothing reads a half one.
        }
    }
}

/// What stands before the numbers in a file of this shape.
fn head(shape: [usize; 4]) -> Vec<u8> {
    let end = 4 * shape.iter().product::<usize>();
    let slots = json!({"dtype": "F32", "shape": shape, "data_offsets": [0, end]});
    let mut head = json!({ "slots": slots }).to_string().into_bytes();
    head.resize(head.len().next_multiple_of(8), b' ');
    [&(head.len() as u64).to_le_bytes()[..], &head].concat()
}

#[cfg(test)]
mod tests {
    use ndarray::Array5;

    use super::*;
    use crate::models::encoder::{CnnConfig, SlotEncoderConfig, StemConfig};
    use crate::rng::Init;

    #[test]
    fn a_store_is_mapped_as_it_was_perceived_and_made_again_where_it_is_cut() {
        let footage = ClipDataset {
            frames: Array5::from_shape_fn((6, 2, 8, 8, 3), |(clip, t, y, x, c)| {
                (31 * clip + 11 * t + 7 * y + 5 * x + c) as u8
            }),
            masks: None,
        };
        let encoder = SlotEncoderConfig {
            slots: 2,
            dim: 4,
            slot_mlp: 4,
            resolution: [8, 8],
            stem: StemConfig::Cnn(CnnConfig {
                channels: vec![4],
                kernels: vec![3],
                strides: vec![1],
                ..CnnConfig::default()
            }),
            ..SlotEncoderConfig::default()
        };
        let device = Device::flex();
        let encoder = encoder.init(&mut Init::seeded(1, &device));
        let dir = tempfile::tempdir().unwrap();
        let open = || open_or_encode(dir.path(), "key", &encoder, &footage, &device, 0).unwrap();
        let first = open();
        assert!(matches!(first, Slots::Mapped(_)));
        assert_eq!(first.dim(), (6, 2, 2, 4));
        let last = batch_from_clips(footage.frames.slice(s![4..6, .., .., .., ..]), &device);
        let last = floats(encoder.encode(last, None, None).slots);
        assert_eq!(
            first
                .view()
                .slice(s![4.., .., .., ..])
                .iter()
                .copied()
                .collect::<Vec<_>>(),
            last
        );

        let path = dir.path().join("key.safetensors");
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 4]).unwrap();
        assert!(matches!(Slots::open(&path), Err(RunError::Damaged { .. })));
        assert_eq!(open().view(), first_again(&whole, dir.path()).view());
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            2,
            "nothing half-written stays"
        );
    }

    fn first_again(whole: &[u8], dir: &Path) -> Slots {
        let path = dir.join("copy.safetensors");
        fs::write(&path, whole).unwrap();
        Slots::open(&path).unwrap()
    }
}
