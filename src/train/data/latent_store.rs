//! Latents of every frame of a training's clips under a decoder's auto-encoder, encoded once, written clip by clip, and mapped
//! into memory.

use std::path::Path;

use burn::tensor::Device;
use ndarray::Axis;

use crate::artifacts::files::make_dir;
use crate::artifacts::interrupt;
use crate::artifacts::progress::Progress;
use crate::models::decoder::latent_decoder::LatentDecoder;
use crate::tensor_conversion::{floats, frames_from_clip};
use crate::train::data::array_store::{ArrayDraft, StoredArray, head, kept};
use crate::train::data::clip_dataset::ClipDataset;
use crate::train::error::TrainError;

/// Frames that are encoded together.
const BATCH: usize = 16;

/// The name of the array in a file.
const NAME: &str = "latents";

/// Encodes the frames of a training once and keeps the latents in a folder.
#[derive(Debug)]
pub struct LatentStore<'a, D> {
    /// Folder of the files, one a split and decoder.
    pub folder: &'a Path,
    /// The decoder: its auto-encoder, and how latents are scaled.
    pub decoder: &'a D,
    /// Where it computes.
    pub device: &'a Device,
    /// Say nothing while working.
    pub quiet: bool,
}

impl<D: LatentDecoder> LatentStore<'_, D> {
    /// Latents of every frame, `[clips, time, 1, channels · height · width]`: encoded now, or read from the file `key`
    /// of an earlier time. `key` names all that the latents depend on.
    ///
    /// # Errors
    /// When frames cannot be read, the store cannot be written, or on Ctrl-C.
    pub fn latents(&self, key: &str, clips: &ClipDataset) -> Result<StoredArray, TrainError> {
        make_dir(self.folder)?;
        let path = self.folder.join(format!("{key}.safetensors"));
        if let Some(found) = kept(&path, |path| StoredArray::open(path, NAME)) {
            return Ok(found);
        }
        self.encode(&path, clips)?;
        Ok(StoredArray::open(&path, NAME)?)
    }

    fn encode(&self, path: &Path, clips: &ClipDataset) -> Result<(), TrainError> {
        let progress = Progress::new("latents", clips.clips(), self.quiet);
        let mut draft = None;
        for clip in 0..clips.clips() {
            interrupt::check()?;
            let mut values = Vec::new();
            for part in clips.clip(clip)?.axis_chunks_iter(Axis(0), BATCH) {
                values.extend(floats(
                    self.decoder.encode(frames_from_clip(part, self.device)),
                ));
            }
            let time = clips.time();
            let shape = [clips.clips(), time, 1, values.len() / time.max(1)];
            let mut file = match draft.take() {
                Some(file) => file,
                None => ArrayDraft::create(path, &head((NAME, shape), None)?)?,
            };
            file.push(&values)?;
            draft = Some(file);
            progress.advance();
        }
        match draft {
            Some(file) => Ok(file.finish(&[])?),
            None => Err(TrainError::Data {
                reason: "there are no clips".to_owned(),
            }),
        }
    }
}
