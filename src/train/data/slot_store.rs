//! Slots of every frame of a training's clips, encoded once, written clip by clip, and mapped into memory.
//!
//! A data set's slots may be larger than memory (13 GB for CLEVRER): nothing here holds them all. The file is
//! safetensors with one array, `slots` `[clips, time, slots, dim]`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use burn::tensor::Device;
use ndarray::{Array4, ArrayView4};
use safetensors::{Dtype, SafeTensors};
use serde_json::json;
use slotflow_datasets::partial::PartialFile;

use crate::artifacts::files::make_dir;
use crate::artifacts::progress::Progress;
use crate::artifacts::{RunError, interrupt};
use crate::inference::encode::{ClipEncoder, EncodedClips};
use crate::kernels::mmap::Mapped;
use crate::models::encoder::SlotEncoder;
use crate::rng::SeededRng;

use crate::train::data::clip_dataset::ClipDataset;
use crate::train::error::TrainError;

/// Clips that are encoded together.
const BATCH: usize = 4;

/// Slots of every frame of many clips, in memory or in a file.
#[derive(Debug)]
pub enum SlotDataset {
    /// In memory.
    Memory(Array4<f32>),
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

impl From<Array4<f32>> for SlotDataset {
    fn from(slots: Array4<f32>) -> Self {
        Self::Memory(slots)
    }
}

impl SlotDataset {
    /// All slots, `[clips, time, slots, dim]`.
    ///
    /// # Panics
    /// Never: a mapped file was checked when it was opened.
    #[expect(clippy::expect_used, reason = "a mapped file was checked")]
    pub fn view(&self) -> ArrayView4<'_, f32> {
        match self {
            Self::Memory(slots) => slots.view(),
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

/// Slots of a training's clips, and the slot that every pixel attends to most.
#[derive(Debug)]
pub struct EncodedDataset {
    /// `[clips, time, slots, dim]`
    pub slots: SlotDataset,
    /// Slot with most attention at every pixel, `[clips, time, height, width]`; empty where masks are not asked for.
    pub masks: Array4<u8>,
}

/// Encodes the clips of a training once and keeps the slots in a folder.
#[derive(Debug)]
pub struct SlotStore<'a> {
    /// Folder of the files, one a split and encoder.
    pub folder: &'a Path,
    /// The encoder.
    pub encoder: &'a SlotEncoder,
    /// Where it computes.
    pub device: &'a Device,
    /// Seed of the noise of stochastic encoders.
    pub seed: u64,
    /// Say nothing while working.
    pub quiet: bool,
}

impl SlotStore<'_> {
    /// Slots of every clip: encoded now, or read from the file `key` of an earlier time. `key` names all that the slots
    /// depend on.
    ///
    /// # Errors
    /// When the store cannot be written, or on Ctrl-C.
    pub fn slots(&self, key: &str, clips: &ClipDataset) -> Result<SlotDataset, TrainError> {
        Ok(self.open_or_encode(key, clips, false)?.slots)
    }

    /// The same with attention masks at the frames' size; a file that has none is made again.
    ///
    /// # Errors
    /// As [`SlotStore::slots`].
    pub fn slots_and_masks(
        &self,
        key: &str,
        clips: &ClipDataset,
    ) -> Result<EncodedDataset, TrainError> {
        self.open_or_encode(key, clips, true)
    }

    fn open_or_encode(
        &self,
        key: &str,
        clips: &ClipDataset,
        with_masks: bool,
    ) -> Result<EncodedDataset, TrainError> {
        make_dir(self.folder)?;
        let path = self.folder.join(format!("{key}.safetensors"));
        if path.exists()
            && let Ok(found) = open(&path, with_masks)
        {
            return Ok(found);
        }
        self.encode(&path, clips, with_masks)?;
        Ok(open(&path, with_masks)?)
    }

    fn encode(&self, path: &Path, clips: &ClipDataset, with_masks: bool) -> Result<(), TrainError> {
        let encoder = ClipEncoder {
            encoder: self.encoder,
            device: self.device,
            with_masks,
        };
        let count = clips.clips();
        let progress = Progress::new("encode", count, self.quiet);
        let mut draft = Draft::new(path, count)?;
        for first in (0..count).step_by(BATCH) {
            interrupt::check()?;
            let last = (first + BATCH).min(count);
            let mut noise = SeededRng::new(self.seed, &["slots", &first.to_string()]);
            let batch = clips.range(first..last)?;
            draft.push(&encoder.encode(batch.view(), &mut noise))?;
            (first..last).for_each(|_| progress.advance());
        }
        Ok(draft.finish()?)
    }
}

/// The slots in a file, with its masks where these are asked for.
fn open(path: &Path, with_masks: bool) -> Result<EncodedDataset, RunError> {
    Ok(EncodedDataset {
        slots: SlotDataset::open(path)?,
        masks: if with_masks {
            read_masks(path)?
        } else {
            Array4::default((0, 0, 0, 0))
        },
    })
}

fn read_masks(path: &Path) -> Result<Array4<u8>, RunError> {
    let damaged = |reason: String| RunError::Damaged {
        reason,
        path: path.to_owned(),
    };
    let file = File::open(path).and_then(|file| Mapped::open(&file));
    let file = file.map_err(|source| RunError::Io {
        action: "read",
        source,
        path: path.to_owned(),
    })?;
    let arrays =
        SafeTensors::deserialize(file.bytes()).map_err(|error| damaged(error.to_string()))?;
    let masks = arrays
        .tensor("masks")
        .map_err(|error| damaged(error.to_string()))?;
    let shape: Option<[usize; 4]> = masks.shape().try_into().ok();
    let shape = shape.filter(|_| masks.dtype() == Dtype::U8);
    let shape = shape.ok_or_else(|| damaged("`masks` is no array of four axes".to_owned()))?;
    Array4::from_shape_vec(shape, masks.data().to_vec()).map_err(|error| damaged(error.to_string()))
}

/// A store in the making, under a name of this process until it is whole.
struct Draft<'a> {
    path: &'a Path,
    partial: PartialFile,
    clips: usize,
    file: Option<BufWriter<File>>,
    /// Attention masks of the clips so far: a third of the frames, which are in memory too.
    masks: Vec<u8>,
}

impl<'a> Draft<'a> {
    fn new(path: &'a Path, clips: usize) -> Result<Self, RunError> {
        let partial = PartialFile::unique(path).map_err(|source| failed(source, path))?;
        Ok(Self {
            path,
            partial,
            clips,
            file: None,
            masks: Vec::new(),
        })
    }

    /// Adds some clips.
    fn push(&mut self, encoded: &EncodedClips) -> Result<(), RunError> {
        let mut file = match self.file.take() {
            Some(file) => Ok(file),
            None => File::create(self.partial.path()).and_then(|file| {
                let mut file = BufWriter::new(file);
                file.write_all(&head(self.clips, encoded))?;
                Ok(file)
            }),
        }
        .map_err(|source| failed(source, self.path))?;
        let slots: Vec<f32> = encoded.slots.iter().copied().collect();
        let written = file.write_all(bytemuck::cast_slice(&slots));
        written.map_err(|source| failed(source, self.path))?;
        self.file = Some(file);
        self.masks.extend(encoded.masks.iter().flatten());
        Ok(())
    }

    fn finish(mut self) -> Result<(), RunError> {
        let Some(mut file) = self.file.take() else {
            return Err(RunError::Empty {
                stage: "encode".to_owned(),
            });
        };
        let whole = file.write_all(&self.masks).and_then(|()| {
            file.into_inner()
                .map_err(std::io::IntoInnerError::into_error)
        });
        let whole = whole.and_then(|file| file.sync_all());
        let renamed = whole.and_then(|()| self.partial.keep());
        renamed.map_err(|source| failed(source, self.path))
    }
}

fn failed(source: std::io::Error, path: &Path) -> RunError {
    RunError::Io {
        action: "write",
        source,
        path: path.to_owned(),
    }
}

/// What stands before the numbers in a file of so many clips like these: slots first, then masks.
fn head(clips: usize, encoded: &EncodedClips) -> Vec<u8> {
    let (_, time, slots, dim) = encoded.slots.dim();
    let end = 4 * clips * time * slots * dim;
    let array = |kind: &str, shape: [usize; 4], from: usize, to: usize| json!({"dtype": kind, "shape": shape, "data_offsets": [from, to]});
    let mut arrays = json!({ "slots": array("F32", [clips, time, slots, dim], 0, end) });
    if let Some(masks) = &encoded.masks {
        let (_, _, height, width) = masks.dim();
        let shape = [clips, time, height, width];
        arrays["masks"] = array("U8", shape, end, end + shape.iter().product::<usize>());
    }
    let mut head = arrays.to_string().into_bytes();
    head.resize(head.len().next_multiple_of(8), b' ');
    [&(head.len() as u64).to_le_bytes()[..], &head].concat()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use ndarray::{Array5, s};

    use super::*;
    use crate::models::encoder::{CnnConfig, SlotEncoderConfig, StemConfig};
    use crate::rng::Init;
    use crate::tensor_conversion::{batch_from_clips, floats};

    fn tiny() -> SlotEncoderConfig {
        SlotEncoderConfig {
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
        }
    }

    #[test]
    fn a_store_is_mapped_as_it_was_encoded_and_made_again_where_it_is_cut_or_has_no_masks() {
        let clips = ClipDataset::in_memory(
            Array5::from_shape_fn((6, 2, 8, 8, 3), |(clip, t, y, x, c)| {
                (31 * clip + 11 * t + 7 * y + 5 * x + c) as u8
            }),
            None,
        );
        let device = Device::flex();
        let encoder = tiny().init(&mut Init::seeded(1, &device));
        let dir = tempfile::tempdir().unwrap();
        let store = SlotStore {
            folder: dir.path(),
            encoder: &encoder,
            device: &device,
            seed: 0,
            quiet: true,
        };
        let open = || store.slots("key", &clips).unwrap();
        let first = open();
        assert!(matches!(first, SlotDataset::Mapped(_)));
        assert_eq!(first.dim(), (6, 2, 2, 4));
        let last = batch_from_clips(clips.range(4..6).unwrap().view(), &device);
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
        assert!(matches!(
            SlotDataset::open(&path),
            Err(RunError::Damaged { .. })
        ));
        assert_eq!(open().view(), first_again(&whole, dir.path()).view());
        assert_eq!(
            fs::read_dir(dir.path()).unwrap().count(),
            2,
            "nothing half-written stays"
        );

        let both = store.slots_and_masks("key", &clips).unwrap();
        assert_eq!(both.masks.dim(), (6, 2, 8, 8));
        assert!(both.masks.iter().all(|slot| *slot < 2));
        assert_eq!(both.slots.view(), open().view());
    }

    fn first_again(whole: &[u8], dir: &Path) -> SlotDataset {
        let path = dir.join("copy.safetensors");
        fs::write(&path, whole).unwrap();
        SlotDataset::open(&path).unwrap()
    }
}
