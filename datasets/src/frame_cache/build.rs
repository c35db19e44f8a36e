//! Decoding clips into a cache, clip after clip.

use std::fs::{self, File};
use std::path::Path;

use ndarray::{Axis, s};
use rayon::prelude::*;

use super::background::median;
use super::byte_array::{ByteArrayWriter, failed};
use super::index::{self, BACKGROUNDS, CachedClip, FRAMES, INDEX, MASKS};
use super::mend;
use super::read::{ClipParts, FrameCache};
use crate::clip::Sample;
use crate::error::DataError;
use crate::files::checksum;
use crate::source::interface::{GroundTruth, Source};
use crate::window::Window;

/// Bytes of decoded clips that are held before they are written.
const AHEAD: usize = 128 << 20;

/// Frames that a clip's empty scene is taken from at most.
const BACKGROUND_FRAMES: usize = 64;

/// Hears how many of how many clips are done; answers whether to go on.
pub type Progress<'a> = dyn Fn(usize, usize) -> bool + 'a;

/// Clips of a data set, and what is kept of them.
#[derive(Clone)]
pub struct CacheRequest<'a> {
    /// What a person looks for in the folder's name: the data set and its split.
    pub name: &'a str,
    /// The data set.
    pub source: &'a dyn Source,
    /// Which of its clips, by number.
    pub clips: &'a [usize],
    /// Which frames of a clip. A clip that has fewer than `count` is left out.
    pub window: Window,
    /// Whether the empty scene is taken clip by clip.
    pub backgrounds: bool,
}

/// What a cache has of each clip, by the request and by the first clip.
#[derive(Debug, Clone, Copy)]
struct Layout {
    time: usize,
    size: [usize; 2],
    masks: bool,
    backgrounds: bool,
}

impl Layout {
    fn frame_bytes(self) -> usize {
        self.time * self.size[0] * self.size[1] * 3
    }

    fn mask_bytes(self) -> usize {
        self.time * self.size[0] * self.size[1]
    }

    fn background_bytes(self) -> usize {
        self.size[0] * self.size[1] * 3
    }

    /// What the cache has of a clip.
    fn parts(self, sample: &Sample) -> ClipParts {
        let frames = sample.clip.frames.slice(s![..self.time, .., .., ..]);
        let masks = self.masks.then(|| {
            let empty = || vec![0; self.mask_bytes()];
            sample.masks.as_ref().map_or_else(empty, |masks| {
                let masks = masks.slice(s![..self.time, .., ..]);
                masks.iter().copied().collect()
            })
        });
        let background = self.backgrounds.then(|| {
            let every = self.time.div_ceil(BACKGROUND_FRAMES).max(1);
            let views: Vec<_> = frames.outer_iter().step_by(every).collect();
            median(&views).into_raw_vec_and_offset().0
        });
        let rows = frames.as_standard_layout().to_owned();
        ClipParts {
            frames: rows.into_raw_vec_and_offset().0,
            masks,
            background,
        }
    }

    /// Bytes of a clip in all files.
    fn bytes(self) -> usize {
        let masks = if self.masks { self.mask_bytes() } else { 0 };
        let backgrounds = if self.backgrounds {
            self.background_bytes()
        } else {
            0
        };
        self.frame_bytes() + masks + backgrounds
    }
}

impl CacheRequest<'_> {
    /// The cache of these clips in `dir`, in a folder that is named by all that its content depends on; decoded first
    /// where it is not there. One process decodes; others that ask for the same wait for it.
    ///
    /// # Errors
    /// When no clip can be read, the disk has no room for them, a file cannot be written or read, or `progress` said no.
    pub fn open_or_build(
        &self,
        dir: &Path,
        progress: &Progress<'_>,
    ) -> Result<FrameCache, DataError> {
        self.window.check()?;
        let folder = dir.join(self.folder_name());
        // What is damaged is made again.
        if let Ok(cache) = FrameCache::open(&folder)
            && !mend::is_marked(&folder)
            && !self.readable_since(&cache)
        {
            return Ok(cache);
        }
        fs::create_dir_all(dir).map_err(failed("create", dir))?;
        let lock_path = dir.join(format!("{}.lock", self.folder_name()));
        let lock = File::create(&lock_path).map_err(failed("create", &lock_path))?;
        lock.lock().map_err(failed("lock", &lock_path))?;
        let another = FrameCache::open(&folder).ok();
        let built = match another {
            Some(cache) if !self.readable_since(&cache) => self.mended(cache, &folder, progress),
            _ => self.build(&folder, progress),
        };
        if built.is_ok() {
            // Whoever waits for the lock holds the file open and finds the folder.
            fs::remove_file(&lock_path).map_err(failed("remove", &lock_path))?;
        }
        built
    }

    /// The same cache, damaged clips decoded again; all of it anew where that is not possible.
    fn mended(
        &self,
        cache: FrameCache,
        folder: &Path,
        progress: &Progress<'_>,
    ) -> Result<FrameCache, DataError> {
        let layout = self.layout();
        let clip = |line: usize| {
            let sample = self.sample(self.clips[line])?;
            Ok(layout.parts(&sample))
        };
        match mend::mend(&cache, folder, clip, progress) {
            Ok(()) => Ok(cache),
            Err(DataError::Interrupted) => Err(DataError::Interrupted),
            Err(_) => self.build(folder, progress),
        }
    }

    /// Whether a clip that was left out can be read now: somebody has mended it without a trace in its time or size.
    fn readable_since(&self, cache: &FrameCache) -> bool {
        let all = cache.index().iter().zip(self.clips);
        let mut left_out = all.filter(|(clip, _)| clip.left_out.is_some());
        left_out.any(|(_, &index)| self.sample(index).is_ok())
    }

    fn count(&self) -> usize {
        self.window.count.unwrap_or(1)
    }

    fn layout(&self) -> Layout {
        Layout {
            time: self.count(),
            size: self.window.size,
            masks: self.source.knows(GroundTruth::Masks),
            backgrounds: self.backgrounds,
        }
    }

    /// A folder's name for all that its bytes depend on, beginning with what a person looks for.
    pub fn folder_name(&self) -> String {
        let mut hash = blake3::Hasher::new();
        let Window {
            start,
            count,
            pace,
            size,
            fit,
        } = self.window;
        let asked = format!(
            "1 {start} {count:?} {pace:?} {size:?} {fit:?} {:?}",
            self.layout()
        );
        hash.update(asked.as_bytes());
        let stamps: Vec<String> = self
            .clips
            .par_iter()
            .map(|&clip| self.stamp(clip))
            .collect();
        for (&clip, stamp) in self.clips.iter().zip(&stamps) {
            hash.update(self.source.id(clip).as_str().as_bytes());
            hash.update(&[0]).update(stamp.as_bytes()).update(&[0]);
        }
        let [height, width] = size;
        format!(
            "{}-{}-{height}x{width}-{}",
            self.name,
            self.clips.len(),
            &hash.finalize().to_hex()[..12]
        )
    }

    /// What changes when a clip's files do: their sizes and times; of a generated clip its identity.
    fn stamp(&self, clip: usize) -> String {
        let files = self.source.files(clip);
        if files.is_empty() {
            let identity = self.source.identity(clip);
            return identity.unwrap_or_else(|error| error.to_string());
        }
        let stamps = files.iter().map(|file| match fs::metadata(file) {
            Ok(meta) => format!("{} {:?}", meta.len(), meta.modified().ok()),
            Err(error) => error.kind().to_string(),
        });
        stamps.collect::<Vec<_>>().join("\n")
    }

    /// A clip with all of its frames.
    fn sample(&self, clip: usize) -> Result<Sample, DataError> {
        let sample = self.source.sample(clip, &self.window)?;
        let (found, wanted) = (sample.clip.frames.len_of(Axis(0)), self.count());
        if found < wanted {
            return Err(DataError::TooShort {
                found,
                wanted,
                clip: self.source.id(clip).to_string(),
            });
        }
        Ok(sample)
    }

    fn build(&self, folder: &Path, progress: &Progress<'_>) -> Result<FrameCache, DataError> {
        let partial = crate::partial::partial_path(folder);
        fs::create_dir_all(&partial).map_err(failed("create", &partial))?;
        let layout = self.layout();
        let index_path = partial.join(INDEX);
        let mut known = index::read(&index_path)?;
        known.truncate(self.clips.len());
        let kept = known.iter().filter(|clip| clip.left_out.is_none()).count();
        self.check_room(&partial, layout, known.len())?;
        let mut writers = match Writers::open(&partial, layout, kept) {
            // The files hold less than the index says: nothing of them can be gone on with.
            Err(DataError::Malformed { .. }) => {
                known.clear();
                Writers::open(&partial, layout, 0)?
            }
            opened => opened?,
        };
        let batch = (AHEAD / layout.bytes().max(1)).clamp(1, 32);
        while known.len() < self.clips.len() {
            if !progress(known.len(), self.clips.len()) {
                return Err(DataError::Interrupted);
            }
            let rest = &self.clips[known.len()..];
            let next = &rest[..rest.len().min(batch)];
            let samples: Vec<_> = next.par_iter().map(|&clip| self.sample(clip)).collect();
            let mut more = Vec::with_capacity(next.len());
            for (&clip, sample) in next.iter().zip(samples) {
                more.push(writers.write(self.source.id(clip).to_string(), sample)?);
            }
            index::append(&index_path, &known, &more)?;
            known.extend(more);
        }
        progress(known.len(), known.len());
        if known.iter().all(|clip| clip.left_out.is_some()) {
            let reason = known.into_iter().find_map(|clip| clip.left_out);
            let error = DataError::NoneReadable {
                dataset: self.name.to_owned(),
                reason: reason.unwrap_or_default(),
            };
            fs::remove_dir_all(&partial).map_err(failed("remove", &partial))?;
            return Err(error);
        }
        writers.finish()?;
        if folder.exists() {
            fs::remove_dir_all(folder).map_err(failed("remove", folder))?;
        }
        fs::rename(&partial, folder).map_err(failed("rename", &partial))?;
        FrameCache::open(folder)
    }

    /// Refuses a cache that the disk has no room for.
    fn check_room(&self, partial: &Path, layout: Layout, done: usize) -> Result<(), DataError> {
        let needed = layout.bytes() as u64 * (self.clips.len() - done) as u64;
        let free = fs4::available_space(partial).map_err(failed("read", partial))?;
        if needed <= free {
            return Ok(());
        }
        Err(DataError::NoRoom {
            needed,
            free,
            path: partial.parent().unwrap_or(partial).to_owned(),
        })
    }
}

/// The array files of a cache that is being built.
struct Writers {
    layout: Layout,
    kept: usize,
    frames: ByteArrayWriter,
    masks: Option<ByteArrayWriter>,
    backgrounds: Option<ByteArrayWriter>,
}

impl Writers {
    fn open(folder: &Path, layout: Layout, kept: usize) -> Result<Self, DataError> {
        // A row is what is read as a whole: a frame, or all that a clip has.
        let open = |name: &str, rows: usize, bytes: usize| {
            ByteArrayWriter::append(&folder.join(name), kept * rows, bytes / rows.max(1))
        };
        let optional = |wanted: bool, name: &str, rows: usize, bytes: usize| {
            wanted.then(|| open(name, rows, bytes)).transpose()
        };
        let (time, backgrounds) = (layout.time, layout.background_bytes());
        Ok(Self {
            layout,
            kept,
            frames: open(FRAMES, time, layout.frame_bytes())?,
            masks: optional(layout.masks, MASKS, time, layout.mask_bytes())?,
            backgrounds: optional(layout.backgrounds, BACKGROUNDS, 1, backgrounds)?,
        })
    }

    /// Adds a clip, or notes why it is left out.
    fn write(
        &mut self,
        id: String,
        sample: Result<Sample, DataError>,
    ) -> Result<CachedClip, DataError> {
        let sample = match sample {
            Ok(sample) => sample,
            Err(error) => {
                return Ok(CachedClip {
                    checksum: checksum::PLACE.to_owned(),
                    id,
                    fps: 0.0,
                    masks: false,
                    left_out: Some(error.to_string()),
                });
            }
        };
        let parts = self.layout.parts(&sample);
        self.frames.write(&parts.frames)?;
        if let (Some(file), Some(masks)) = (&mut self.masks, &parts.masks) {
            file.write(masks)?;
        }
        if let (Some(file), Some(background)) = (&mut self.backgrounds, &parts.background) {
            file.write(background)?;
        }
        self.kept += 1;
        Ok(CachedClip {
            checksum: checksum::PLACE.to_owned(),
            id,
            fps: sample.clip.fps,
            masks: sample.masks.is_some(),
            left_out: None,
        })
    }

    fn finish(self) -> Result<(), DataError> {
        let (clips, Layout { time, size, .. }) = (self.kept, self.layout);
        let [height, width] = size;
        self.frames.finish(&[clips, time, height, width, 3])?;
        if let Some(file) = self.masks {
            file.finish(&[clips, time, height, width])?;
        }
        if let Some(file) = self.backgrounds {
            file.finish(&[clips, height, width, 3])?;
        }
        Ok(())
    }
}
