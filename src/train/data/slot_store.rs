//! Slots of every frame of a training's clips, encoded once, written clip by clip, and mapped into memory.
//!
//! A data set's slots may be larger than memory (13 GB for CLEVRER): nothing here holds them all. The file is
//! safetensors with one array, `slots` `[clips, time, slots, dim]`.

use std::path::Path;

use burn::tensor::Device;
use ndarray::Array4;
use safetensors::{Dtype, SafeTensors};

use slotflow_datasets::regular;

use crate::artifacts::files::make_dir;
use crate::artifacts::progress::Progress;
use crate::artifacts::{RunError, interrupt};
use crate::inference::encode::{ClipEncoder, EncodedClips};
use crate::kernels::mmap::Mapped;
use crate::models::encoder::SlotEncoder;
use crate::rng::SeededRng;

use crate::train::data::array_store::{ArrayDraft, StoredArray, head, kept};
use crate::train::data::clip_dataset::ClipDataset;
use crate::train::error::TrainError;

/// Clips that are encoded together.
const BATCH: usize = 4;

/// Slots of a training's clips, and the slot that every pixel attends to most.
#[derive(Debug)]
pub struct EncodedDataset {
    /// `[clips, time, slots, dim]`
    pub slots: StoredArray,
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
    pub fn slots(&self, key: &str, clips: &ClipDataset) -> Result<StoredArray, TrainError> {
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
        let found = kept(&path, |path| open(path, with_masks));
        // A training that asked for no masks has kept none.
        let lacks = |found: &EncodedDataset| with_masks && found.masks.is_empty();
        if let Some(found) = found.filter(|found| !lacks(found)) {
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
            with_attention: false,
        };
        let count = clips.clips();
        let progress = Progress::new("encode", count, self.quiet);
        let mut draft = Draft::new(path, count);
        for first in (0..count).step_by(BATCH) {
            interrupt::check()?;
            let last = (first + BATCH).min(count);
            let mut noise = SeededRng::new(self.seed, &["slots", &first.to_string()]);
            let batch = clips.range(first..last)?;
            draft.push(&encoder.encode(batch.view(), &mut noise, &Progress::silent()))?;
            (first..last).for_each(|_| progress.advance());
        }
        Ok(draft.finish()?)
    }
}

/// The slots in a file, with its masks where these are asked for and there.
fn open(path: &Path, with_masks: bool) -> Result<EncodedDataset, RunError> {
    Ok(EncodedDataset {
        slots: StoredArray::open(path, "slots")?,
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
    let file = regular::open(path).and_then(|file| Mapped::open(&file));
    let file = file.map_err(|source| RunError::Io {
        action: "read",
        source,
        path: path.to_owned(),
    })?;
    let arrays =
        SafeTensors::deserialize(file.bytes()).map_err(|error| damaged(error.to_string()))?;
    let Ok(masks) = arrays.tensor("masks") else {
        return Ok(Array4::default((0, 0, 0, 0)));
    };
    let shape: Option<[usize; 4]> = masks.shape().try_into().ok();
    let shape = shape.filter(|_| masks.dtype() == Dtype::U8);
    let shape = shape.ok_or_else(|| damaged("`masks` is no array of four axes".to_owned()))?;
    Array4::from_shape_vec(shape, masks.data().to_vec()).map_err(|error| damaged(error.to_string()))
}

/// A store in the making.
struct Draft<'a> {
    path: &'a Path,
    clips: usize,
    file: Option<ArrayDraft<'a>>,
    /// Attention masks of the clips so far: asked for by what holds them in memory too.
    masks: Vec<u8>,
}

impl<'a> Draft<'a> {
    fn new(path: &'a Path, clips: usize) -> Self {
        Self {
            path,
            clips,
            file: None,
            masks: Vec::new(),
        }
    }

    /// Adds some clips.
    fn push(&mut self, encoded: &EncodedClips) -> Result<(), RunError> {
        let mut file = match self.file.take() {
            Some(file) => file,
            None => ArrayDraft::create(self.path, &head_of(self.clips, encoded)?)?,
        };
        let slots: Vec<f32> = encoded.slots.iter().copied().collect();
        file.push(&slots)?;
        self.file = Some(file);
        self.masks.extend(encoded.masks.iter().flatten());
        Ok(())
    }

    fn finish(self) -> Result<(), RunError> {
        let Some(file) = self.file else {
            return Err(RunError::Empty {
                stage: "encode".to_owned(),
            });
        };
        file.finish(&self.masks)
    }
}

/// What stands before the numbers in a file of so many clips like these: slots first, then masks.
fn head_of(clips: usize, encoded: &EncodedClips) -> Result<Vec<u8>, RunError> {
    let (_, time, slots, dim) = encoded.slots.dim();
    let masks = encoded.masks.as_ref().map(|masks| {
        let (_, _, height, width) = masks.dim();
        ("masks", [clips, time, height, width])
    });
    head(("slots", [clips, time, slots, dim]), masks)
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
        assert!(matches!(first, StoredArray::Mapped(_)));
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
            StoredArray::open(&path, "slots"),
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

    fn first_again(whole: &[u8], dir: &Path) -> StoredArray {
        let path = dir.join("copy.safetensors");
        fs::write(&path, whole).unwrap();
        StoredArray::open(&path, "slots").unwrap()
    }
}
