//! A clip's video in a run's folder: columns of frames side by side.

use ndarray::{Array4, ArrayView4, s};

/// Columns of a clip's video: truth, reconstruction, prediction, slots.
pub const COLUMNS: usize = 4;
/// Folder of each of them alone within a run's folder of videos.
pub(super) const VIDEO_FOLDERS: [&str; COLUMNS] =
    ["truth", "reconstruction", "prediction", "masks"];
/// Folder of these videos within a run's folder.
pub(super) const SIDE_BY_SIDE: &str = "videos/side-by-side";
/// Pixels between two columns.
const LINE: usize = 4;

/// One column of a video that has all of them.
///
/// # Shape
/// `[time, height, all columns, rgb]` → `[time, height, width, rgb]`
pub fn column(video: ArrayView4<'_, u8>, index: usize) -> Array4<u8> {
    let width = (video.dim().2 + LINE) / COLUMNS;
    let left = index * width;
    let right = (left + width.saturating_sub(LINE)).min(video.dim().2);
    video.slice(s![.., .., left..right, ..]).to_owned()
}

/// Columns side by side, a thin dark line between them.
///
/// # Shape
/// each `[time, height, width, rgb]` → `[time, height, all columns, rgb]`
pub(super) fn side_by_side(columns: &[ArrayView4<'_, u8>]) -> Array4<u8> {
    let time = columns
        .iter()
        .map(|frames| frames.dim().0)
        .min()
        .unwrap_or(0);
    let [first, ..] = columns else {
        return Array4::zeros((0, 0, 0, 3));
    };
    let (_, height, width, rgb) = first.dim();
    let whole = columns.len() * (width + LINE) - LINE;
    let mut all = Array4::from_elem((time, height, whole, rgb), 24);
    for (index, frames) in columns.iter().enumerate() {
        let left = index * (width + LINE);
        let mut place = all.slice_mut(s![.., .., left..left + width, ..]);
        place.assign(&frames.slice(s![..time, .., .., ..]));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_of_a_video_is_what_was_put_there() {
        let pictures: [Array4<u8>; COLUMNS] =
            std::array::from_fn(|index| Array4::from_elem((2, 6, 8, 3), index as u8 + 100));
        let video = side_by_side(&pictures.each_ref().map(|picture| picture.view()));
        for (index, picture) in pictures.iter().enumerate() {
            assert_eq!(column(video.view(), index), *picture);
        }
    }
}
