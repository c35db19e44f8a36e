//! Pictures of scenes beside the frames that their slots came from, the taken slots outlined.

use ndarray::{Array3, ArrayView3, Axis, s};
use slotflow_datasets::ClipId;

use super::protocol::Role;
use super::render::SceneFrames;
use super::scenes::NamedParent;
use crate::artifacts::{RunError, Slots};
use crate::masks::{PALETTE, enlarged_masks, outlined};
use crate::stages::perceive::decode::Clips;
use crate::stages::report::media::upscaled;

/// Pixels between two pictures.
const GAP: usize = 4;
/// Their grey.
const GREY: u8 = 24;
/// Pictures side by side on a sheet.
const ACROSS: usize = 8;

/// What pictures of one decoder's scenes are made of.
pub(crate) struct ScenePictures<'a> {
    /// Real clips.
    pub(crate) clips: &'a Clips,
    /// Slots of the real clips, with their masks.
    pub(crate) encoded: &'a Slots,
    /// Slots of the scenes, with their parents.
    pub(crate) composed: &'a Slots,
    /// Frames of the scenes.
    pub(crate) frames: &'a SceneFrames,
    /// The frame that is shown.
    pub(crate) time: usize,
    /// Times that a picture is enlarged.
    pub(crate) scale: usize,
}

impl ScenePictures<'_> {
    /// The scene, `[height, width, rgb]`.
    pub(crate) fn scene(&self, scene: &ClipId) -> Result<Array3<u8>, RunError> {
        let frames = self.frames.frames(scene)?;
        Ok(self.large(frames.index_axis(Axis(0), self.time)))
    }

    /// The scene and behind it each clip that gave a slot, the background's first, `[height, all pictures, rgb]`.
    pub(crate) fn with_parents(&self, scene: &ClipId) -> Result<Array3<u8>, RunError> {
        let note = self.composed.parents(scene)?;
        let taken = |parent: &&NamedParent| !matches!(parent.role, Role::Unused | Role::Empty);
        let slots = note.parents.iter().enumerate();
        let slots: Vec<_> = slots.filter(|(_, parent)| taken(parent)).collect();
        let mut clips: Vec<&ClipId> = Vec::new();
        let is_background = |parent: &NamedParent| parent.role == Role::Background;
        let ordered = slots.iter().filter(|(_, parent)| is_background(parent));
        let ordered = ordered.chain(slots.iter().filter(|(_, parent)| !is_background(parent)));
        for (_, parent) in ordered {
            clips.extend(parent.clip.as_ref().filter(|clip| !clips.contains(clip)));
        }
        let mut pictures = vec![self.scene(scene)?];
        for clip in clips {
            let frames = self.clips.frames(clip)?;
            let mut picture = self.large(frames.index_axis(Axis(0), self.time));
            let masks = self.encoded.masks(clip)?;
            let masks = masks.slice(s![self.time..=self.time, .., ..]);
            let (height, width, _) = picture.dim();
            let mask = enlarged_masks(masks, [height, width]).index_axis_move(Axis(0), 0);
            let of_clip = slots
                .iter()
                .filter(|(_, parent)| parent.clip.as_ref() == Some(clip));
            for (place, parent) in of_clip {
                // The first colour is as dark as a shadow.
                let colour = PALETTE[1 + place % (PALETTE.len() - 1)];
                let slot = parent.slot.unwrap_or_default() as u8;
                outlined(picture.view_mut(), mask.view(), slot, colour);
            }
            pictures.push(picture);
        }
        Ok(in_a_row(&pictures))
    }

    fn large(&self, picture: ArrayView3<'_, u8>) -> Array3<u8> {
        upscaled(picture.insert_axis(Axis(0)), self.scale).index_axis_move(Axis(0), 0)
    }
}

/// Pictures of one height side by side, `[height, all pictures, rgb]`.
fn in_a_row(pictures: &[Array3<u8>]) -> Array3<u8> {
    let height = pictures.iter().map(|picture| picture.dim().0).max();
    let width: usize = pictures.iter().map(|picture| picture.dim().1 + GAP).sum();
    let width = width.saturating_sub(GAP);
    let mut row = Array3::from_elem((height.unwrap_or(0), width, 3), GREY);
    let mut left = 0;
    for picture in pictures {
        let (height, width, _) = picture.dim();
        row.slice_mut(s![..height, left..left + width, ..])
            .assign(picture);
        left += width + GAP;
    }
    row
}

/// Rows of pictures below one another, shorter ones filled with grey, `[all rows, width, rgb]`.
pub(crate) fn stacked(rows: &[Array3<u8>]) -> Array3<u8> {
    let width = rows.iter().map(|row| row.dim().1).max().unwrap_or(0);
    let height: usize = rows.iter().map(|row| row.dim().0 + GAP).sum();
    let mut all = Array3::from_elem((height.saturating_sub(GAP), width, 3), GREY);
    let mut top = 0;
    for row in rows {
        let (height, width, _) = row.dim();
        all.slice_mut(s![top..top + height, ..width, ..])
            .assign(row);
        top += height + GAP;
    }
    all
}

/// Pictures of one size, eight a row.
pub(crate) fn sheet(pictures: &[Array3<u8>]) -> Array3<u8> {
    let rows: Vec<_> = pictures.chunks(ACROSS).map(in_a_row).collect();
    stacked(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sheet_holds_every_picture_in_its_place() {
        let picture = |number: usize| Array3::from_elem((6, 5, 3), number as u8 + 100);
        let pictures: Vec<_> = (0..11).map(picture).collect();
        let sheet = sheet(&pictures);
        assert_eq!(sheet.dim(), (2 * 6 + GAP, 8 * (5 + GAP) - GAP, 3));
        for number in 0..11 {
            let (top, left) = (number / 8 * (6 + GAP), number % 8 * (5 + GAP));
            let found = sheet.slice(s![top..top + 6, left..left + 5, ..]);
            assert_eq!(found, picture(number));
        }
        assert_eq!(sheet[[7, 0, 0]], GREY);
    }
}
