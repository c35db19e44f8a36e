//! Frames → slots by pooling features over regions, without a slot encoder.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::Device;
use ndarray::Array3;
use slotflow_datasets::video::fit::resize_ids;
use slotflow_datasets::{ClipId, Fit};

use crate::artifacts::slots::{ATTENTION, ClipSlots, SlotsOfClips};
use crate::artifacts::{Context, Partial, RunError};
use crate::inference::regions::Features;
use crate::masks::{Interpolation, masks_at_size};
use crate::metrics::{MaskFile, places};
use crate::models::WeightsKind;
use crate::models::encoder::{SlotEncoder, SlotEncoderConfig, Stem, Vit, VitConfig};
use crate::plan::video_predict::{RegionConfig, RegionFeatures};
use crate::rng::{Init, SeededRng};
use crate::stages::Loaded;
use crate::stages::perceive::decode::Clips;

/// Pools features over regions of every clip.
pub(super) struct EncodeRegions<'a> {
    /// `[encode.regions]` of the plan.
    pub(super) config: &'a RegionConfig,
    /// The network that features come from.
    pub(super) weights: &'a Loaded,
    /// The clips.
    pub(super) clips: &'a Clips,
    /// Whether attention is kept.
    pub(super) attention: bool,
}

/// A network that gives features, and the side of a place of its grid in pixels that frames must be whole multiples of.
struct Network {
    stem: Stem,
    patch: usize,
}

impl Network {
    fn load(weights: &Loaded, device: &Device) -> Result<Self, RunError> {
        if weights.header().model == WeightsKind::Vit {
            let init = |config: &VitConfig, init: &mut Init| Vit::new(init, config);
            let loaded = weights.model(WeightsKind::Vit, device, init);
            let (config, vit) = loaded.map_err(RunError::weights)?;
            return Ok(Self {
                stem: Stem::Vit(vit),
                patch: config.patch,
            });
        }
        let loaded = weights.model(WeightsKind::SlotEncoder, device, SlotEncoderConfig::init);
        let (_, encoder): (SlotEncoderConfig, SlotEncoder) = loaded.map_err(RunError::weights)?;
        Ok(Self {
            stem: encoder.stem,
            patch: 1,
        })
    }
}

impl EncodeRegions<'_> {
    pub(super) fn run(
        &self,
        out: &mut Partial<SlotsOfClips>,
        context: &Context,
    ) -> Result<(), RunError> {
        let network = match self.config.features {
            RegionFeatures::Network => Some(Network::load(self.weights, &context.device)?),
            RegionFeatures::Pixels => None,
        };
        let patch = network.as_ref().map_or(1, |network| network.patch);
        let features = match &network {
            Some(network) => Features::Network(&network.stem, &context.device),
            None => Features::Pixels,
        };
        let masks = self.config.masks.as_deref().map(files).transpose()?;
        out.inherit(self.clips);
        out.expect(self.clips.clips().to_vec());
        out.each(context, |clip, _| {
            let frames = self.clips.frames(clip)?;
            let (_, height, width, _) = frames.dim();
            if height % patch + width % patch > 0 {
                let reason = format!(
                    "frames of {height}×{width} are not whole patches of {patch}; set `decode.size`"
                );
                return Err(RunError::Unfit { reason });
            }
            let count = self.config.count;
            let (found, masks) = if let Some(files) = &masks {
                let masks = masks_of(files, clip, frames.dim().0, [height, width])?;
                check_labels(&masks, count)?;
                (features.masked(frames.view(), masks.view(), count), masks)
            } else {
                let mut rng = SeededRng::new(context.seed, &["regions", clip.as_str()]);
                let found = features.clustered(frames.view(), count, &mut rng);
                let size = [height, width];
                let masks = masks_at_size(&found.attention, size, Interpolation::Bilinear);
                (found, masks)
            };
            let file = ClipSlots::all_observed(found.slots).to_file_with_masks(&masks);
            let is_clustered = self.config.masks.is_none();
            Ok(if self.attention && is_clustered {
                file.with_floats(ATTENTION, &found.attention)
            } else {
                file
            })
        })
    }

    /// What the regions depend on beside the plan, for the key: the content of the masks.
    pub(super) fn identity(&self) -> Option<String> {
        let folder = self.config.masks.as_deref()?;
        // A folder that cannot be read is known by what is wrong; the stage then fails with it.
        let identity = files(folder).and_then(|files| {
            let mut hash = blake3::Hasher::new();
            for clip in self.clips.planned() {
                if let Some(file) = files.get(clip.as_str()) {
                    let identity = file.identity().map_err(unfit)?;
                    hash.update(clip.as_str().as_bytes())
                        .update(identity.as_bytes());
                }
            }
            Ok(hash.finalize().to_hex()[..32].to_owned())
        });
        Some(identity.unwrap_or_else(|error| error.to_string()))
    }
}

fn unfit(error: impl std::fmt::Display) -> RunError {
    RunError::Unfit {
        reason: error.to_string(),
    }
}

fn files(folder: &Path) -> Result<BTreeMap<String, MaskFile>, RunError> {
    places(folder).map_err(unfit)
}

/// The masks of a clip at the size of its frames.
fn masks_of(
    files: &BTreeMap<String, MaskFile>,
    clip: &ClipId,
    time: usize,
    [height, width]: [usize; 2],
) -> Result<Array3<u8>, RunError> {
    let Some(file) = files.get(clip.as_str()) else {
        return Err(unfit(format!(
            "`encode.regions.masks` has no masks of `{clip}`"
        )));
    };
    let masks = file.read(None).map_err(unfit)?.masks;
    let (found, rows, columns) = masks.dim();
    if found != time {
        return Err(unfit(format!(
            "masks of {found} frames for a clip of {time}"
        )));
    }
    if rows * width != columns * height {
        return Err(unfit(format!(
            "masks of {rows}×{columns} do not cover frames of {height}×{width}; their shapes differ"
        )));
    }
    let mut at_size = Array3::zeros((time, height, width));
    for (mut to, from) in at_size.outer_iter_mut().zip(masks.outer_iter()) {
        to.assign(&resize_ids(from, [height, width], Fit::Stretch));
    }
    Ok(at_size)
}

fn check_labels(masks: &Array3<u8>, count: usize) -> Result<(), RunError> {
    let highest = masks.iter().copied().max().map_or(0, usize::from);
    if highest < count {
        return Ok(());
    }
    Err(unfit(format!(
        "masks have labels up to {highest}, and `encode.regions.count` is {count}; set it to {} or more",
        highest + 1
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_with_more_labels_than_slots_are_refused() {
        let mut masks = Array3::zeros((1, 2, 2));
        masks[[0, 0, 0]] = 6;
        assert!(check_labels(&masks, 7).is_ok());
        let said = check_labels(&masks, 6).unwrap_err().to_string();
        assert!(said.contains("set it to 7 or more"), "{said}");
    }
}
