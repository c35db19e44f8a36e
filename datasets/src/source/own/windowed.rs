//! Long videos, window by window.

use std::path::PathBuf;

use rayon::prelude::*;

use super::folder::{FolderSource, WindowReader};
use crate::clip::{ClipId, Sample, VideoWindow};
use crate::error::DataError;
use crate::source::config::{Cut, SourceConfig};
use crate::source::interface::{ClipReader, GroundTruth, Source};
use crate::window::Window;

/// The reader of own videos, split and cut where the configuration says so. A video's pieces are in the split of the
/// video.
///
/// # Errors
/// As [`FolderSource::open`] and [`FolderSource::of_split`], and when clips of no frames are asked for.
pub fn open(_: &str, config: &SourceConfig) -> Result<Box<dyn Source>, DataError> {
    let files = FolderSource::open(&config.videos)?.of_split(config)?;
    Ok(match &config.cut {
        Some(cut) => Box::new(Windowed::new(files, cut)?),
        None => Box::new(files),
    })
}

/// Own videos cut into clips of equal length, each from start to end.
///
/// The last window of a video ends with it and overlaps the one before, so that none is shorter than the others unless
/// the whole video is. No more than a window of a file is ever held.
#[derive(Debug)]
pub struct Windowed {
    source: FolderSource,
    /// The video and the window's first sampled frame.
    windows: Vec<(usize, usize)>,
    /// Sampled frames of a clip.
    length: usize,
    /// The first sampled frame of a video that belongs to a clip.
    first: usize,
}

impl Windowed {
    /// All clips of `length` sampled frames from `window.start` on.
    ///
    /// A video that cannot be read stays one clip, whose sample then says why.
    ///
    /// # Errors
    /// When `length` is zero.
    pub fn new(source: FolderSource, &Cut { window, length }: &Cut) -> Result<Self, DataError> {
        let each = Window {
            count: Some(length),
            ..window
        };
        each.check()?;
        let totals: Vec<usize> = (0..source.len())
            .into_par_iter()
            .map(|index| source.frames(index, &window).unwrap_or(0))
            .collect();
        let windows = totals
            .into_iter()
            .enumerate()
            .flat_map(|(index, total)| {
                let starts = starts(window.start, total, length);
                starts.into_iter().map(move |start| (index, start))
            })
            .collect();
        Ok(Self {
            source,
            windows,
            length,
            first: window.start,
        })
    }

    /// Where the part of a clip that is asked for lies in its video.
    fn part(&self, index: usize, window: &Window) -> Window {
        // It lies in the clip, whose first frame is the first that windows were cut from.
        let skipped = window.start.saturating_sub(self.first);
        let left = self.length.saturating_sub(skipped);
        Window {
            start: self.windows[index].1 + skipped,
            count: Some(window.count.map_or(left, |count| count.min(left))),
            ..*window
        }
    }
}

/// Reads clips one after another.
struct Reader<'a> {
    clips: &'a Windowed,
    videos: WindowReader<'a>,
}

impl ClipReader for Reader<'_> {
    fn sample(&mut self, index: usize, window: &Window) -> Result<Sample, DataError> {
        let windows = &self.clips.windows;
        let video = windows[index].0;
        let next = windows
            .get(index + 1)
            .is_some_and(|(next, _)| *next == video);
        let next = next.then(|| self.clips.part(index + 1, window).start);
        let part = self.clips.part(index, window);
        let mut sample = self.videos.sample(video, &part, next)?;
        sample.clip.id = self.clips.id(index);
        Ok(sample)
    }
}

/// First frames of windows that cover `first..total`.
fn starts(first: usize, total: usize, length: usize) -> Vec<usize> {
    let mut starts: Vec<usize> = (first..total.saturating_sub(length - 1))
        .step_by(length)
        .collect();
    match starts.last() {
        None => starts.push(first),
        Some(last) if last + length < total => starts.push(total - length),
        Some(_) => {}
    }
    starts
}

impl Source for Windowed {
    fn len(&self) -> usize {
        self.windows.len()
    }

    fn id(&self, index: usize) -> ClipId {
        let (video, start) = self.windows[index];
        ClipId::new(&format!("{}-{start:06}", self.source.id(video)))
    }

    fn identity(&self, index: usize) -> Result<String, DataError> {
        let (video, start) = self.windows[index];
        Ok(format!("{} from {start}", self.source.identity(video)?))
    }

    fn files(&self, index: usize) -> Vec<PathBuf> {
        self.source.files(self.windows[index].0)
    }

    fn pixel_decoder(&self, index: usize) -> Option<String> {
        self.source.pixel_decoder(self.windows[index].0)
    }

    fn knows(&self, truth: GroundTruth) -> bool {
        self.source.knows(truth)
    }

    fn unjoined(&self) -> Vec<(String, String)> {
        self.source.unjoined()
    }

    fn side_files(&self) -> Vec<(PathBuf, String)> {
        self.source.side_files()
    }

    fn window_of(&self, index: usize) -> Option<VideoWindow> {
        let (video, start) = self.windows[index];
        let before = index.checked_sub(1).map(|before| self.windows[before]);
        let end = before.filter(|(other, _)| *other == video);
        let end = end.map_or(start, |(_, before)| before + self.length);
        Some(VideoWindow {
            video: self.source.id(video),
            start: start - self.first,
            shared: end.saturating_sub(start),
        })
    }

    fn sample(&self, index: usize, window: &Window) -> Result<Sample, DataError> {
        self.reader().sample(index, window)
    }

    fn reader(&self) -> Box<dyn ClipReader + '_> {
        Box::new(Reader {
            clips: self,
            videos: WindowReader::new(&self.source),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::starts;

    #[test]
    fn windows_cover_a_video_and_the_last_ends_with_it() {
        assert_eq!(starts(0, 96, 48), [0, 48]);
        assert_eq!(starts(0, 100, 48), [0, 48, 52]);
        assert_eq!(starts(10, 60, 48), [10, 12]);
    }

    #[test]
    fn a_short_or_unreadable_video_is_one_window() {
        assert_eq!(starts(0, 20, 48), [0]);
        assert_eq!(starts(0, 0, 48), [0]);
        assert_eq!(starts(0, 48, 48), [0]);
    }
}
