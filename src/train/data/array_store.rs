//! Arrays of numbers for every frame of a training's clips, `[clips, time, …, …]`: written part by part into a file, and
//! mapped into memory. Nothing here holds them all.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use ndarray::{Array4, ArrayView4};
use safetensors::{Dtype, SafeTensors};
use serde_json::json;
use slotflow_datasets::checksum::{self, Checksum, State};
use slotflow_datasets::partial::PartialFile;
use slotflow_datasets::regular;

use crate::artifacts::RunError;
use crate::artifacts::progress::say;
use crate::kernels::mmap::Mapped;
use crate::weights::{ArrayEntry, CHECKSUM, SealedFile, safetensors_head};

/// Numbers for every frame of many clips, in memory or in a file.
#[derive(Debug)]
pub enum StoredArray {
    /// In memory.
    Memory(Array4<f32>),
    /// In a file.
    Mapped(MappedArray),
}

/// Numbers in a file that was checked when it was opened.
#[derive(Debug)]
pub struct MappedArray {
    file: Mapped,
    start: usize,
    shape: [usize; 4],
}

impl From<Array4<f32>> for StoredArray {
    fn from(array: Array4<f32>) -> Self {
        Self::Memory(array)
    }
}

impl StoredArray {
    /// All numbers, `[clips, time, …, …]`.
    ///
    /// # Panics
    /// Never: a mapped file was checked when it was opened.
    #[expect(clippy::expect_used, reason = "a mapped file was checked")]
    pub fn view(&self) -> ArrayView4<'_, f32> {
        match self {
            Self::Memory(array) => array.view(),
            Self::Mapped(array) => array.view().expect("checked when the file was opened"),
        }
    }

    /// Lengths of the axes: clips, frames of a clip, and two more.
    pub fn dim(&self) -> (usize, usize, usize, usize) {
        self.view().dim()
    }

    /// The array of a name in a safetensors file.
    ///
    /// # Errors
    /// When the file cannot be read or is not whole.
    pub fn open(path: &Path, name: &str) -> Result<Self, RunError> {
        let io = |source| RunError::Io {
            action: "read",
            source,
            path: path.to_owned(),
        };
        let damaged = |reason: &str| RunError::Damaged {
            reason: reason.to_owned(),
            path: path.to_owned(),
        };
        let opened = regular::open(path).map_err(io)?;
        let file = Mapped::open(&opened).map_err(io)?;
        let bytes = file.bytes();
        // This also holds the length of the file against what its header says.
        SafeTensors::deserialize(bytes).map_err(|error| damaged(&error.to_string()))?;
        let (length, head) =
            SafeTensors::read_metadata(bytes).map_err(|error| damaged(&error.to_string()))?;
        let is_sealed = head
            .metadata()
            .as_ref()
            .is_some_and(|all| all.contains_key(CHECKSUM));
        // Read, not mapped: a file may be larger than memory. One of an earlier version has no checksum.
        if is_sealed && state_of(&opened, &bytes[..8 + length]).map_err(io)? != State::Whole {
            return Err(damaged("its bytes are not those that were written"));
        }
        let info = head
            .info(name)
            .ok_or_else(|| damaged(&format!("no array `{name}`")))?;
        let shape: Option<[usize; 4]> = info.shape.clone().try_into().ok();
        let shape = shape.filter(|_| info.dtype == Dtype::F32);
        let array = MappedArray {
            shape: shape.ok_or_else(|| damaged(&format!("`{name}` is no array of four axes")))?,
            start: 8 + length + info.data_offsets.0,
            file,
        };
        if array.view().is_none() {
            return Err(damaged(&format!(
                "`{name}` does not lie where numbers may lie"
            )));
        }
        Ok(Self::Mapped(array))
    }
}

/// What the checksum of a file that begins with this head says.
fn state_of(mut file: &File, head: &[u8]) -> std::io::Result<State> {
    let mut checksum = Checksum::new(head);
    let mut buffer = vec![0; 1 << 20];
    file.seek(SeekFrom::Start(head.len() as u64))?;
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(checksum.state()),
            count => checksum.update(&buffer[..count]),
        }
    }
}

impl MappedArray {
    fn view(&self) -> Option<ArrayView4<'_, f32>> {
        let count = self.shape.iter().product::<usize>();
        let bytes = self.file.bytes().get(self.start..self.start + 4 * count)?;
        let numbers = bytemuck::try_cast_slice(bytes).ok()?;
        ArrayView4::from_shape(self.shape, numbers).ok()
    }
}

/// What stands before the numbers in a safetensors file: an array of single precision, and perhaps one of bytes behind
/// it.
///
/// # Errors
/// When the file could not be written.
pub fn head(
    (name, shape): (&str, [usize; 4]),
    bytes: Option<(&str, [usize; 4])>,
) -> Result<Vec<u8>, RunError> {
    let numbers = ArrayEntry {
        name,
        dtype: "F32",
        shape: &shape,
        width: 4,
    };
    let bytes = bytes.as_ref().map(|(name, shape)| ArrayEntry {
        name,
        dtype: "U8",
        shape,
        width: 1,
    });
    let metadata = json!({ CHECKSUM: checksum::PLACE });
    let head = safetensors_head(std::iter::once(numbers).chain(bytes), Some(&metadata));
    head.map_err(|error| RunError::Internal {
        reason: error.to_string(),
    })
}

/// What is kept under a path, if it is there and whole; that it is damaged is said.
pub fn kept<T>(path: &Path, open: impl FnOnce(&Path) -> Result<T, RunError>) -> Option<T> {
    if !path.exists() {
        return None;
    }
    let opened = open(path);
    if let Err(error @ RunError::Damaged { .. }) = &opened {
        say(&format!("warning: {error}; it is made again"));
    }
    opened.ok()
}

/// A file of an array in the making, under a name of this process until it is whole.
pub struct ArrayDraft<'a> {
    path: &'a Path,
    partial: PartialFile,
    file: SealedFile,
}

impl<'a> ArrayDraft<'a> {
    /// A file that begins with [`head`].
    ///
    /// # Errors
    /// When the disk says no.
    pub fn create(path: &'a Path, head: &[u8]) -> Result<Self, RunError> {
        let begin = || {
            let partial = PartialFile::unique(path)?;
            let file = SealedFile::create(partial.path(), head)?;
            Ok((partial, file))
        };
        let (partial, file) = begin().map_err(|source| failed(source, path))?;
        Ok(Self {
            path,
            partial,
            file,
        })
    }

    /// Adds numbers.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn push(&mut self, numbers: &[f32]) -> Result<(), RunError> {
        let written = self.file.write_all(bytemuck::cast_slice(numbers));
        written.map_err(|source| failed(source, self.path))
    }

    /// Adds the bytes behind the numbers, and gives the file its name.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn finish(mut self, bytes: &[u8]) -> Result<(), RunError> {
        let whole = self.file.write_all(bytes);
        let whole = whole.and_then(|()| self.file.finish());
        let whole = whole.and_then(|file| file.sync_all());
        let renamed = whole.and_then(|()| self.partial.keep());
        renamed.map_err(|source| failed(source, self.path))
    }
}

fn failed(source: std::io::Error, path: &Path) -> RunError {
    RunError::Io {
        action: "write",
        source,
        path: path.to_owned(),
    }
}
