//! What stands in a clip's videos: frames, painted masks, masks on frames, alone or side by side.

use ndarray::{Array3, Array4, ArrayView3, ArrayView4, Axis, CowArray, Ix3, Ix4, s};

use crate::masks::{enlarged, most_frequent, overlaid, painted};

/// Columns of a clip's video: truth, reconstruction, prediction, slots.
pub const COLUMNS: usize = 4;
/// Folder of each of them alone within a run's folder of videos.
pub(super) const VIDEO_FOLDERS: [&str; COLUMNS] =
    ["truth", "reconstruction", "prediction", "masks"];
/// Folder of these videos within a run's folder.
pub(super) const SIDE_BY_SIDE: &str = "videos/side-by-side";
/// Pixels between two columns.
const LINE: usize = 4;

/// A video to be written or shown. A frame is made when it is its turn: painted and enlarged, a long clip would not fit into
/// memory.
pub(crate) struct Panel<'a> {
    /// What it shows.
    pub label: String,
    /// Frames.
    pub count: usize,
    /// `[height, width]`
    pub size: [usize; 2],
    frame: Box<dyn Fn(usize) -> Array3<u8> + 'a>,
}

impl<'a> Panel<'a> {
    /// Frames as they are, `[time, height, width, rgb]`.
    pub fn frames(label: impl Into<String>, frames: impl Into<CowArray<'a, u8, Ix4>>) -> Self {
        let frames = frames.into();
        let (count, height, width, _) = frames.dim();
        Self {
            label: label.into(),
            count,
            size: [height, width],
            frame: Box::new(move |time| frames.index_axis(Axis(0), time).to_owned()),
        }
    }

    /// Masks in the slots' colours, `[time, height, width]`.
    pub fn masks(label: impl Into<String>, masks: impl Into<CowArray<'a, u8, Ix3>>) -> Self {
        let masks = masks.into();
        let (count, height, width) = masks.dim();
        Self {
            label: label.into(),
            count,
            size: [height, width],
            frame: Box::new(move |time| only(painted(masks.slice(s![time..=time, .., ..])))),
        }
    }

    /// Masks laid over frames of the same size.
    pub fn overlay(
        label: impl Into<String>,
        frames: ArrayView4<'a, u8>,
        masks: ArrayView3<'a, u8>,
    ) -> Self {
        let (count, height, width) = masks.dim();
        let background = most_frequent(masks);
        Self {
            label: label.into(),
            count: count.min(frames.dim().0),
            size: [height, width],
            frame: Box::new(move |time| {
                let frame = frames.slice(s![time..=time, .., .., ..]);
                let mask = masks.slice(s![time..=time, .., ..]);
                only(overlaid(frame, mask, background))
            }),
        }
    }

    /// The same, `scale` times as large.
    pub fn enlarged(&self, scale: usize) -> Panel<'_> {
        let size = self.size.map(|side| side * scale);
        Panel {
            label: self.label.clone(),
            count: self.count,
            size,
            frame: Box::new(move |time| {
                let frame = self.frame(time);
                only(enlarged(frame.view().insert_axis(Axis(0)), size))
            }),
        }
    }

    /// One frame, `[height, width, rgb]`.
    pub fn frame(&self, time: usize) -> Array3<u8> {
        (self.frame)(time)
    }

    /// All frames in turn.
    pub fn iter(&self) -> impl Iterator<Item = Array3<u8>> {
        (0..self.count).map(|time| self.frame(time))
    }
}

/// The frame of a clip that has one.
fn only(frames: Array4<u8>) -> Array3<u8> {
    frames.index_axis_move(Axis(0), 0)
}

/// Panels of one size side by side, a thin dark line between them, as long as the shortest.
pub(crate) fn side_by_side<'a>(panels: &'a [Panel<'_>]) -> Panel<'a> {
    let [height, width] = panels.first().map_or([0, 0], |panel| panel.size);
    let whole = (panels.len() * (width + LINE)).saturating_sub(LINE);
    Panel {
        label: String::new(),
        count: panels.iter().map(|panel| panel.count).min().unwrap_or(0),
        size: [height, whole],
        frame: Box::new(move |time| {
            let mut all = Array3::from_elem((height, whole, 3), 24);
            for (index, panel) in panels.iter().enumerate() {
                let left = index * (width + LINE);
                let mut place = all.slice_mut(s![.., left..left + width, ..]);
                place.assign(&panel.frame(time));
            }
            all
        }),
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_of_a_video_is_what_was_put_there() {
        let pictures: [Array4<u8>; COLUMNS] =
            std::array::from_fn(|index| Array4::from_elem((2, 6, 8, 3), index as u8 + 100));
        let panels = pictures.each_ref().map(|one| Panel::frames("", one.view()));
        let video = side_by_side(&panels);
        assert_eq!((video.count, video.size), (2, [6, 8 * 4 + LINE * 3]));
        let frames: Vec<Array3<u8>> = video.iter().collect();
        let views: Vec<_> = frames.iter().map(|frame| frame.view()).collect();
        let video = ndarray::stack(Axis(0), &views).unwrap();
        for (index, picture) in pictures.iter().enumerate() {
            assert_eq!(column(video.view(), index), *picture);
        }
    }

    #[test]
    fn an_overlay_leaves_the_background_of_the_whole_clip_alone_in_every_frame() {
        // Slot 1 owns most of the clip, but not of its first frame.
        let mut masks = Array3::from_elem((3, 4, 4), 1);
        masks.index_axis_mut(Axis(0), 0).fill(2);
        let frames = Array4::from_elem((3, 4, 4, 3), 100);
        let panel = Panel::overlay("", frames.view(), masks.view());
        assert!(panel.frame(0).iter().any(|value| *value != 100));
        assert!(panel.frame(1).iter().all(|value| *value == 100));
        let large = panel.enlarged(2);
        assert_eq!((large.size, large.frame(2).dim()), ([8, 8], (8, 8, 3)));
    }
}
