//! MOVi's clips, record by record.

use std::path::{Path, PathBuf};

use ndarray::{Array3, Array4, Axis};

use super::shards::{builder, file_name, folder, open_split};
use crate::clip::{Clip, ClipId, Sample};
use crate::error::DataError;
use crate::source::config::SourceConfig;
use crate::source::header::Header;
use crate::source::interface::{GroundTruth, Source};
use crate::source::readers::still::missing;
use crate::source::split::Split;
use crate::tfrecord::{Example, ExampleError, Shard};
use crate::video::fit::{resize, resize_ids};
use crate::video::png::{read_png_bytes, read_png_ids_bytes};
use crate::window::Window;

/// Frames a second of every MOVi.
pub const FPS: f32 = 12.0;

/// The reader of MOVi's TFRecords.
///
/// # Errors
/// When no root is named, or none of the split's files is there and readable.
pub fn open(dataset: &str, config: &SourceConfig) -> Result<Box<dyn Source>, DataError> {
    let root = config.named_root(dataset)?;
    let builder = builder(dataset);
    let folder = folder(dataset, root).ok_or_else(|| {
        let wanted = format!("{builder}/128x128/1.0.0/{builder}-train.tfrecord-00000-of-01024");
        missing(dataset, &root.join(wanted))
    })?;
    Ok(Box::new(MoviRecords::open(dataset, &folder, config.split)?))
}

/// The clips of a split, by shard and record.
#[derive(Debug)]
struct MoviRecords {
    shards: Vec<Shard>,
    /// Clips before each shard, and all.
    starts: Vec<usize>,
    masks: bool,
    unjoined: Vec<(String, String)>,
}

impl MoviRecords {
    fn open(dataset: &str, folder: &Path, split: Split) -> Result<Self, DataError> {
        let splits: &[&str] = match split {
            Split::Train => &["train"],
            Split::Val => &["validation", "val"],
            Split::Test => &["test"],
        };
        let files = open_split(dataset, folder, splits)?;
        let mut starts = vec![0];
        for shard in &files.shards {
            starts.push(starts.last().copied().unwrap_or(0) + shard.len());
        }
        let mut source = Self {
            shards: files.shards,
            starts,
            masks: false,
            unjoined: files.unjoined,
        };
        let mut error = None;
        for index in 0..source.len() {
            match source.example(index) {
                Ok(example) => {
                    source.masks = example.names().any(|name| name == "segmentations");
                    return Ok(source);
                }
                Err(other) => error = error.or(Some(other)),
            }
        }
        Err(error.unwrap_or_else(|| DataError::Malformed {
            reason: match source.unjoined.first() {
                Some((_, reason)) => format!("no readable record in any shard ({reason})"),
                None => "no record in any shard".to_owned(),
            },
            path: files.first,
        }))
    }

    /// A clip's shard and its record there.
    fn place(&self, index: usize) -> (&Shard, usize) {
        let shard = self.starts.partition_point(|start| *start <= index) - 1;
        (&self.shards[shard], index - self.starts[shard])
    }

    fn example(&self, index: usize) -> Result<Example, DataError> {
        let (shard, record) = self.place(index);
        Example::parse(shard.read(record)?).map_err(|error| at_record(&error, shard, record))
    }
}

fn at_record(error: &ExampleError, shard: &Shard, record: usize) -> DataError {
    DataError::Malformed {
        reason: format!("record {record}: {error}"),
        path: shard.path().to_owned(),
    }
}

/// The same error, with its place in the file.
fn within(error: DataError, place: &str) -> DataError {
    match error {
        DataError::Malformed { reason, path } => DataError::Malformed {
            reason: format!("{place}: {reason}"),
            path,
        },
        other => other,
    }
}

impl Source for MoviRecords {
    fn len(&self) -> usize {
        self.starts.last().copied().unwrap_or(0)
    }

    fn id(&self, index: usize) -> ClipId {
        let (shard, record) = self.place(index);
        ClipId::new(&format!("{}__{record}", file_name(shard.path())))
    }

    fn identity(&self, index: usize) -> Result<String, DataError> {
        let (shard, record) = self.place(index);
        Ok(blake3::hash(&shard.read(record)?).to_hex().to_string())
    }

    fn files(&self, index: usize) -> Vec<PathBuf> {
        vec![self.place(index).0.path().to_owned()]
    }

    fn header(&self, index: usize) -> Result<Header, DataError> {
        let (shard, record) = self.place(index);
        let video = self.example(index)?.bytes("video");
        let video = video.map_err(|error| at_record(&error, shard, record))?;
        let first = video.first().map(|png| read_png_bytes(png, shard.path()));
        let first = first.transpose();
        let first = first.map_err(|error| within(error, &format!("record {record}, frame 0")))?;
        Ok(Header {
            size: first.map(|first| [first.dim().0, first.dim().1]),
            frames: Some(video.len()),
            other_sizes: Vec::new(),
        })
    }

    fn sample(&self, index: usize, window: &Window) -> Result<Sample, DataError> {
        let (shard, record) = self.place(index);
        let example = self.example(index)?;
        let path = shard.path();
        let list = |name| {
            example
                .bytes(name)
                .map_err(|error| at_record(&error, shard, record))
        };
        let video = list("video")?;
        let (numbers, fps) = window.frames(video.len(), FPS)?;
        if numbers.is_empty() {
            let reason = format!(
                "record {record}: asked to start at sampled frame {}; there are {} frames",
                window.start,
                video.len()
            );
            return Err(DataError::NoFrames {
                reason,
                path: path.to_owned(),
            });
        }
        let [height, width] = window.size;
        let mut frames = Array4::zeros((numbers.len(), height, width, 3));
        let place = |number: &usize| format!("record {record}, frame {number}");
        for (mut frame, number) in frames.axis_iter_mut(Axis(0)).zip(&numbers) {
            let picture = read_png_bytes(&video[*number], path);
            let picture = picture.map_err(|error| within(error, &place(number)))?;
            frame.assign(&resize(picture.view(), window.size, window.fit));
        }
        let masks = self.masks.then(|| -> Result<_, DataError> {
            let segmentations = list("segmentations")?;
            if segmentations.len() != video.len() {
                let (masks, frames) = (segmentations.len(), video.len());
                return Err(DataError::Malformed {
                    reason: format!("record {record}: {masks} segmentations of {frames} frames"),
                    path: path.to_owned(),
                });
            }
            let mut all = Array3::zeros((numbers.len(), height, width));
            for (mut mask, number) in all.axis_iter_mut(Axis(0)).zip(&numbers) {
                let ids = read_png_ids_bytes(&segmentations[*number], path);
                let ids = ids.map_err(|error| within(error, &place(number)))?;
                mask.assign(&resize_ids(ids.view(), window.size, window.fit));
            }
            Ok(all)
        });
        let masks = masks.transpose()?;
        let id = self.id(index);
        Ok(Sample {
            masks,
            ..Sample::from(Clip { id, frames, fps })
        })
    }

    fn knows(&self, truth: GroundTruth) -> bool {
        truth == GroundTruth::Masks && self.masks
    }

    fn unjoined(&self) -> Vec<(String, String)> {
        self.unjoined.clone()
    }
}
