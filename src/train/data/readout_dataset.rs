//! The data set of a readout: slots of clips, encoded and rolled out, with one label a clip.

use std::collections::BTreeMap;
use std::path::Path;

use burn::tensor::{Device, Int, Tensor, TensorData};
use ndarray::{Array3, Array4, ArrayView3, Axis, concatenate, s};
use slotflow_datasets::source::physion::name_of;

use crate::artifacts::{RunError, Slots};
use crate::train::error::TrainError;

/// Slots of clips, encoded and rolled out, with one label a clip.
#[derive(Debug, Clone)]
pub struct ReadoutDataset {
    /// `[clips, time, slots, dim]`
    pub slots: Array4<f32>,
    /// 1 where it happens, else 0.
    pub labels: Vec<i64>,
}

impl ReadoutDataset {
    /// The slots on a device.
    pub fn tensor(&self, device: &Device) -> Tensor<4> {
        let (batch, time, count, dim) = self.slots.dim();
        let values = self.slots.iter().copied().collect();
        Tensor::from_data(TensorData::new(values, [batch, time, count, dim]), device)
    }

    /// The slots, and the labels, on a device.
    pub fn tensors(&self, device: &Device) -> (Tensor<4>, Tensor<1, Int>) {
        let labels = TensorData::new(self.labels.clone(), [self.labels.len()]);
        (self.tensor(device), Tensor::from_data(labels, device))
    }
}

/// Whether a collision falls into a clip's rollout: 1 or 0, by clip.
///
/// # Shape
/// - `events`: as [`TrainingSource::event_labels`](crate::train::data::source::TrainingSource::event_labels) gives them
pub fn collides(events: ArrayView3<'_, f32>, burn_in: usize, steps: usize) -> Vec<i64> {
    // Step t lies between the frames t and t + 1.
    let rollout = burn_in - 1..burn_in + steps - 1;
    let collisions = events.slice_move(s![.., rollout, 0]);
    let any = |clip: ndarray::ArrayView1<'_, f32>| clip.iter().any(|label| *label > 0.0);
    collisions
        .outer_iter()
        .map(|clip| i64::from(any(clip)))
        .collect()
}

/// Slots of an artifact's clips that have a label, cut to the shortest; `frames` is the least that the readout needs.
///
/// # Errors
/// When no clip has a label, naming their file, or a clip has too few frames.
pub fn labelled(
    artifact: &Slots,
    known: &BTreeMap<String, bool>,
    frames: usize,
    labels: &Path,
) -> Result<ReadoutDataset, TrainError> {
    let (mut clips, mut found): (Vec<Array3<f32>>, Vec<i64>) = (Vec::new(), Vec::new());
    for clip in artifact.clips() {
        let name = name_of(Path::new(&format!("{clip}.safetensors")));
        if let Some(yes) = known.get(&name) {
            clips.push(artifact.slots(clip)?);
            found.push(i64::from(*yes));
        }
    }
    let bad = |reason: String| TrainError::Data { reason };
    let shortest = clips.iter().map(|clip| clip.dim().0).min();
    let shortest = shortest.ok_or_else(|| {
        let count = artifact.clips().len();
        bad(format!(
            "no label is of one of the {count} clips: `{}`",
            labels.display()
        ))
    })?;
    if shortest < frames {
        return Err(bad(format!(
            "clips of {shortest} frames for a readout of {frames}"
        )));
    }
    let cut: Vec<_> = clips
        .iter()
        .map(|clip| clip.slice(s![..shortest, .., ..]).insert_axis(Axis(0)))
        .collect();
    let slots = concatenate(Axis(0), &cut).map_err(|error| RunError::Internal {
        reason: error.to_string(),
    })?;
    Ok(ReadoutDataset {
        slots,
        labels: found,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collision_counts_where_it_falls_into_the_rollout() {
        // Of frames 0 to 5, the rollout is 2 to 4: steps 1, 2 and 3.
        let events = Array3::from_shape_fn((5, 5, 3), |(clip, step, kind)| {
            f32::from(u8::from(clip == step && kind == 0))
        });
        assert_eq!(collides(events.view(), 2, 3), [0, 1, 1, 1, 0]);
    }
}
