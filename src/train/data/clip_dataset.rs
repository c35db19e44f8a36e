//! The clips that a training sees, as plain pixels, and what they have in common.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use ndarray::{Array3, Array4, Array5, ArrayView3, Axis, s};
use slotflow_datasets::frame_cache::background::median;
use slotflow_datasets::{DataError, FrameCache, Source, Window};

use crate::rng::SeededRng;

/// Clips of equal length and size, wherever their frames lie.
///
/// Trainings read frames only. Masks are there for metrics on validation clips, which pick nothing.
#[derive(Clone)]
pub struct ClipDataset {
    frames: Arc<FrameStore>,
    /// Clips, frames of each, height, width.
    shape: [usize; 4],
    /// The number of each clip in its data set.
    numbers: Vec<usize>,
    scene: EmptyScene,
    /// Probability that a drawn window is mirrored left to right.
    flip: f32,
}

/// Where frames come from.
enum FrameStore {
    /// Memory: frames `[clips, time, height, width, rgb]`, and masks `[clips, time, height, width]`.
    Memory(Array5<u8>, Option<Array4<u8>>),
    /// Files that hold them decoded.
    Cached(FrameCache),
    /// The data set itself, decoded anew whenever they are asked for.
    Source(SourceClips),
}

/// Clips of a data set that are decoded whenever they are asked for.
pub struct SourceClips {
    /// The data set.
    pub source: Box<dyn Source>,
    /// Which of its clips.
    pub clips: Vec<usize>,
    /// Which frames of a clip.
    pub window: Window,
    /// Frames of a clip.
    pub time: usize,
}

/// What the empty scene is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EmptyScene {
    /// All clips together: the camera never moves.
    #[default]
    DataSet,
    /// Each clip alone: cameras differ.
    Clip,
}

/// The empty scene of every clip.
#[derive(Debug, Clone)]
pub enum Background {
    /// One of all, `[height, width, rgb]`.
    Shared(Array3<u8>),
    /// Every clip's own.
    OfClip(ClipDataset),
}

impl Background {
    /// The empty scene of a clip, `[height, width, rgb]`.
    ///
    /// # Errors
    /// When frames cannot be read.
    pub fn of(&self, clip: usize) -> Result<Array3<u8>, DataError> {
        match self {
            Self::Shared(scene) => Ok(scene.clone()),
            Self::OfClip(clips) => clips.own_background(clip),
        }
    }
}

/// Where a window of frames begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowStart {
    /// The clip.
    pub clip: usize,
    /// The window's first frame.
    pub frame: usize,
    /// Whether it is mirrored left to right.
    pub flipped: bool,
}

impl WindowStart {
    /// A window as it is.
    pub fn new(clip: usize, frame: usize) -> Self {
        Self {
            clip,
            frame,
            flipped: false,
        }
    }
}

impl std::fmt::Debug for ClipDataset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [clips, time, height, width] = self.shape;
        write!(f, "{clips} clips of {time} frames of {height}×{width}")
    }
}

impl ClipDataset {
    /// Clips in memory.
    ///
    /// # Shape
    /// - `frames`: `[clips, time, height, width, rgb]`
    /// - `masks`: object ids, `[clips, time, height, width]`; 0 = background
    pub fn in_memory(frames: Array5<u8>, masks: Option<Array4<u8>>) -> Self {
        let (clips, time, height, width, _) = frames.dim();
        Self {
            frames: Arc::new(FrameStore::Memory(frames, masks)),
            shape: [clips, time, height, width],
            numbers: (0..clips).collect(),
            scene: EmptyScene::DataSet,
            flip: 0.0,
        }
    }

    /// Clips in files, of which the cache kept all or some of these numbers.
    pub fn cached(cache: FrameCache, numbers: &[usize]) -> Self {
        let all = cache.index().iter().zip(numbers);
        let kept = all.filter(|(clip, _)| clip.left_out.is_none());
        Self {
            shape: cache.shape(),
            numbers: kept.map(|(_, &number)| number).collect(),
            frames: Arc::new(FrameStore::Cached(cache)),
            scene: EmptyScene::DataSet,
            flip: 0.0,
        }
    }

    /// Clips that are decoded whenever they are asked for.
    pub fn decoded(clips: SourceClips) -> Self {
        let [height, width] = clips.window.size;
        Self {
            shape: [clips.clips.len(), clips.time, height, width],
            numbers: clips.clips.clone(),
            frames: Arc::new(FrameStore::Source(clips)),
            scene: EmptyScene::DataSet,
            flip: 0.0,
        }
    }

    /// The same clips, with the empty scene taken from `scene`, and windows mirrored with a probability of `flip`.
    #[must_use]
    pub fn with(self, scene: EmptyScene, flip: f32) -> Self {
        Self {
            scene,
            flip,
            ..self
        }
    }

    /// How many clips there are.
    pub fn clips(&self) -> usize {
        self.shape[0]
    }

    /// The number of each clip in its data set.
    pub fn numbers(&self) -> &[usize] {
        &self.numbers
    }

    /// Frames of a clip.
    pub fn time(&self) -> usize {
        self.shape[1]
    }

    /// Height and width of a frame, pixels.
    pub fn size(&self) -> [usize; 2] {
        [self.shape[2], self.shape[3]]
    }

    /// Clips that could not be read when they were cached: name and reason.
    pub fn left_out(&self) -> Vec<(String, String)> {
        let FrameStore::Cached(cache) = &*self.frames else {
            return Vec::new();
        };
        let all = cache.index().iter();
        all.filter_map(|clip| Some((clip.id.clone(), clip.left_out.clone()?)))
            .collect()
    }

    /// Frames of a clip, `[time, height, width, rgb]`.
    ///
    /// # Errors
    /// When they cannot be read.
    ///
    /// # Panics
    /// When there are none such.
    pub fn frames(&self, clip: usize, range: Range<usize>) -> Result<Array4<u8>, DataError> {
        match &*self.frames {
            FrameStore::Memory(frames, _) => {
                Ok(frames.slice(s![clip, range, .., .., ..]).to_owned())
            }
            FrameStore::Cached(cache) => cache.frames(clip, range),
            FrameStore::Source(clips) => clips.frames(clip, range),
        }
    }

    /// One clip, `[time, height, width, rgb]`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn clip(&self, index: usize) -> Result<Array4<u8>, DataError> {
        self.frames(index, 0..self.time())
    }

    /// Whole clips, `[clips, time, height, width, rgb]`.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn range(&self, clips: Range<usize>) -> Result<Array5<u8>, DataError> {
        let all: Vec<WindowStart> = clips.map(|clip| WindowStart::new(clip, 0)).collect();
        self.windows(&all, self.time())
    }

    /// The masks of one clip, `[time, height, width]`; `None` where it has none.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn masks(&self, clip: usize) -> Result<Option<Array3<u8>>, DataError> {
        match &*self.frames {
            FrameStore::Memory(_, masks) => Ok(masks
                .as_ref()
                .map(|masks| masks.index_axis(Axis(0), clip).to_owned())),
            FrameStore::Cached(cache) => cache.masks(clip),
            FrameStore::Source(clips) => clips.masks(clip),
        }
    }

    /// The masks of all clips, `[clips, time, height, width]`; `None` where one has none.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn all_masks(&self) -> Result<Option<Array4<u8>>, DataError> {
        let [clips, time, height, width] = self.shape;
        let mut all = Array4::zeros((clips, time, height, width));
        for (clip, mut to) in all.outer_iter_mut().enumerate() {
            match self.masks(clip)? {
                Some(masks) => to.assign(&masks),
                None => return Ok(None),
            }
        }
        Ok(Some(all))
    }

    /// Single frames, evenly spread over all clips, at most `count`: where they are.
    pub fn spread(&self, count: usize) -> Vec<WindowStart> {
        let [clips, time, ..] = self.shape;
        let count = count.min(clips * time).max(1);
        let at = |index: usize| index * clips * time / count;
        (0..count)
            .map(|index| WindowStart::new(at(index) / time, at(index) % time))
            .collect()
    }

    /// The pixels of single frames, `[count, height, width, rgb]`.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn single(&self, frames: &[WindowStart]) -> Result<Array4<u8>, DataError> {
        Ok(self.windows(frames, 1)?.remove_axis(Axis(1)))
    }

    /// Windows of `length` frames drawn at random.
    ///
    /// # Panics
    /// When the clips are shorter than `length`.
    pub fn draw_windows(
        &self,
        count: usize,
        length: usize,
        noise: &mut SeededRng,
    ) -> Vec<WindowStart> {
        assert!(
            length <= self.time(),
            "windows of {length} frames from clips of {}",
            self.time()
        );
        (0..count)
            .map(|_| WindowStart {
                clip: noise.below(self.clips()),
                frame: noise.below(self.time() - length + 1),
                flipped: self.flip > 0.0 && noise.uniform() < self.flip,
            })
            .collect()
    }

    /// The pixels of windows, `[count, length, height, width, rgb]`.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn windows(&self, windows: &[WindowStart], length: usize) -> Result<Array5<u8>, DataError> {
        let [_, _, height, width] = self.shape;
        let mut cut = Array5::zeros((windows.len(), length, height, width, 3));
        for (mut out, &window) in cut.outer_iter_mut().zip(windows) {
            let WindowStart {
                clip,
                frame,
                flipped,
            } = window;
            let frames = self.frames(clip, frame..frame + length)?;
            if flipped {
                out.assign(&frames.slice(s![.., .., ..;-1, ..]));
            } else {
                out.assign(&frames);
            }
        }
        Ok(cut)
    }

    /// The empty scenes of windows, mirrored where they are, `[height, width, rgb]` each.
    ///
    /// # Errors
    /// When frames cannot be read.
    pub fn scenes(
        background: &Background,
        windows: &[WindowStart],
    ) -> Result<Vec<Array3<u8>>, DataError> {
        let one = |window: &WindowStart| -> Result<Array3<u8>, DataError> {
            let scene = background.of(window.clip)?;
            Ok(if window.flipped {
                scene.slice(s![.., ..;-1, ..]).to_owned()
            } else {
                scene
            })
        };
        windows.iter().map(one).collect()
    }

    /// The empty scene: every pixel's median over frames of many clips, or of each clip alone.
    ///
    /// Nothing is known of objects here; with a fixed camera most clips leave a given pixel free.
    ///
    /// # Errors
    /// When frames cannot be read.
    pub fn background(&self) -> Result<Background, DataError> {
        const AT_MOST: usize = 400;
        if self.scene == EmptyScene::Clip {
            return Ok(Background::OfClip(self.clone()));
        }
        let [clips, time, ..] = self.shape;
        let every = (clips * time).div_ceil(AT_MOST).max(1);
        let picked = (0..clips * time).step_by(every);
        let starts: Vec<_> = picked
            .map(|i| WindowStart::new(i / time, i % time))
            .collect();
        let frames = self.single(&starts)?;
        let views: Vec<ArrayView3<'_, u8>> = frames.outer_iter().collect();
        Ok(Background::Shared(median(&views)))
    }

    /// A clip's own empty scene, `[height, width, rgb]`.
    fn own_background(&self, clip: usize) -> Result<Array3<u8>, DataError> {
        const AT_MOST: usize = 64;
        if let FrameStore::Cached(cache) = &*self.frames
            && let Some(scene) = cache.background(clip)?
        {
            return Ok(scene);
        }
        let frames = self.clip(clip)?;
        let every = self.time().div_ceil(AT_MOST).max(1);
        let views: Vec<ArrayView3<'_, u8>> = frames.outer_iter().step_by(every).collect();
        Ok(median(&views))
    }
}

impl SourceClips {
    fn frames(&self, clip: usize, range: Range<usize>) -> Result<Array4<u8>, DataError> {
        let index = self.clips[clip];
        let window = Window {
            start: self.window.start + range.start,
            count: Some(range.len()),
            ..self.window
        };
        let frames = self.source.sample(index, &window)?.clip.frames;
        let found = range.start + frames.len_of(Axis(0));
        if found < range.end {
            return Err(DataError::TooShort {
                found,
                wanted: self.time,
                clip: self.source.id(index).to_string(),
            });
        }
        Ok(frames)
    }

    fn masks(&self, clip: usize) -> Result<Option<Array3<u8>>, DataError> {
        let sample = self.source.sample(self.clips[clip], &self.window)?;
        Ok(sample.masks)
    }
}

/// Writes rows of pictures side by side as one PNG.
///
/// # Errors
/// When the file cannot be written.
pub fn write_contact_sheet(
    rows: &[Array4<u8>],
    path: &Path,
) -> Result<(), slotflow_datasets::DataError> {
    let views: Vec<_> = rows.iter().map(|row| row.view()).collect();
    slotflow_datasets::video::contact_sheet(&views, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three_clips() -> ClipDataset {
        // A grey scene, brighter from clip to clip, through which a white pixel walks.
        let frames = Array5::from_shape_fn((3, 4, 2, 4, 3), |(clip, at, y, x, _)| {
            if y == 0 && x == (clip + at) % 4 {
                255
            } else {
                100 + clip as u8
            }
        });
        ClipDataset::in_memory(frames, None)
    }

    #[test]
    fn the_background_is_the_median_over_frames_of_all_clips_or_of_each() {
        let shared = three_clips().background().unwrap();
        let own = three_clips()
            .with(EmptyScene::Clip, 0.0)
            .background()
            .unwrap();
        for clip in 0..3 {
            let row = shared.of(clip).unwrap();
            assert!(row.slice(s![1, .., ..]).iter().all(|&value| value == 101));
            let value = 100 + clip as u8;
            assert!(own.of(clip).unwrap().iter().all(|&found| found == value));
        }
    }

    #[test]
    fn windows_stay_inside_their_clip() {
        let clips = three_clips();
        let windows = clips.draw_windows(50, 3, &mut SeededRng::new(1, &["test"]));
        assert!(windows.iter().all(|at| at.clip < 3 && at.frame <= 1));
        let cut = clips.windows(&windows[..2], 3).unwrap();
        assert_eq!(cut.dim(), (2, 3, 2, 4, 3));
    }

    #[test]
    fn windows_are_mirrored_as_often_as_asked_and_their_scenes_with_them() {
        let clips = three_clips().with(EmptyScene::Clip, 0.5);
        let windows = clips.draw_windows(400, 1, &mut SeededRng::new(1, &["test"]));
        let flipped = windows.iter().filter(|window| window.flipped).count();
        assert!((150..250).contains(&flipped), "{flipped}");
        let mirrored = WindowStart {
            flipped: true,
            ..WindowStart::new(0, 0)
        };
        let both = [WindowStart::new(0, 0), mirrored];
        let frames = clips.windows(&both, 1).unwrap();
        assert_eq!(
            (frames[[0, 0, 0, 0, 0]], frames[[1, 0, 0, 3, 0]]),
            (255, 255)
        );
        let scenes = ClipDataset::scenes(&clips.background().unwrap(), &both).unwrap();
        assert_eq!(scenes[0], scenes[1]);
    }
}
