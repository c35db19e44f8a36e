//! Rendered frames on disk: for each clip its reconstruction, its prediction, and the decoder's bound where it has one.

use ndarray::{Array3, Array4, Ix3, Ix4};
use slotflow_datasets::ClipId;

use crate::artifacts::{Artifact, ArtifactKind, PerClip, RunError};

/// Array of a clip's file: the slot that drew most of every pixel of the prediction, `[time, height, width]`.
pub(super) const PREDICTION_MASKS: &str = "prediction-masks";

/// Frames of clips, rendered from slots.
#[derive(Debug)]
pub enum RenderedFrames {}

impl ArtifactKind for RenderedFrames {}
impl PerClip for RenderedFrames {}

/// Rendered frames on disk.
pub type Frames = Artifact<RenderedFrames>;

impl Frames {
    /// Every frame rendered from its own slots, `[time, height, width, rgb]`.
    ///
    /// # Errors
    /// When the file is not there or not whole.
    pub fn reconstruction(&self, clip: &ClipId) -> Result<Array4<u8>, RunError> {
        self.read(clip)?.bytes::<Ix4>("reconstruction")
    }

    /// The observed frames reconstructed, then those rendered from predicted slots, `[time, height, width, rgb]`.
    ///
    /// # Errors
    /// When the file is not there or not whole.
    pub fn prediction(&self, clip: &ClipId) -> Result<Array4<u8>, RunError> {
        self.read(clip)?.bytes::<Ix4>("prediction")
    }

    /// The slot that drew most of every pixel of [`Frames::prediction`], `[time, height, width]`; `None` where the decoder does
    /// not say which slot draws what.
    ///
    /// # Errors
    /// When the file is not there or not whole.
    pub fn prediction_masks(&self, clip: &ClipId) -> Result<Option<Array3<u8>>, RunError> {
        let file = self.read(clip)?;
        let there = file.has(PREDICTION_MASKS);
        there
            .then(|| file.bytes::<Ix3>(PREDICTION_MASKS))
            .transpose()
    }

    /// The frames through the decoder's own auto-encoder, `[time, height, width, rgb]`, where it has one: the best that it can
    /// render.
    ///
    /// # Errors
    /// When the file is not there or not whole.
    pub fn ceiling(&self, clip: &ClipId) -> Result<Option<Array4<u8>>, RunError> {
        let file = self.read(clip)?;
        if file.has("ceiling") {
            file.bytes::<Ix4>("ceiling").map(Some)
        } else {
            Ok(None)
        }
    }
}
