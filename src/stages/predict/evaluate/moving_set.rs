//! Clips by how they move: [`MovingSet`].

use ndarray::{Array2, Array4, s};
use slotflow_datasets::ClipId;

use crate::artifacts::RunError;
use crate::metrics::motion::{MotionExtractor, MotionFeatures};

/// Clips by how they move, and the same with their first frame standing still: the floor.
pub(crate) struct MovingSet {
    pub(crate) moving: MotionFeatures,
    pub(crate) still: MotionFeatures,
}

impl MovingSet {
    /// Features of every clip; none where one is too short or of another size.
    pub(crate) fn gather(
        extractor: &MotionExtractor<'_>,
        clips: &[ClipId],
        frames: impl Fn(&ClipId) -> Result<Array4<u8>, RunError>,
    ) -> Result<Option<Self>, RunError> {
        let mut set = Self {
            moving: Vec::new(),
            still: Vec::new(),
        };
        for clip in clips {
            let frames = frames(clip)?;
            let Some(moving) = extractor.features(frames.view())? else {
                return Ok(None);
            };
            let first = frames.slice(s![..1, .., .., ..]);
            let still: Option<Array2<f64>> = first
                .broadcast(frames.dim())
                .map(|still| extractor.features(still))
                .transpose()?
                .flatten();
            set.moving.push(moving);
            set.still.extend(still);
        }
        Ok(Some(set))
    }
}
