//! Arrays of numbers for every frame of a training's clips, `[clips, time, …, …]`: written part by part into a file, and
//! mapped into memory. Nothing here holds them all.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use ndarray::{Array4, ArrayView4};
use safetensors::{Dtype, SafeTensors};
use serde_json::{Value, json};
use slotflow_datasets::partial::PartialFile;

use crate::artifacts::RunError;
use crate::kernels::mmap::Mapped;

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
        let file = File::open(path).map_err(io)?;
        let file = Mapped::open(&file).map_err(io)?;
        let bytes = file.bytes();
        // This also holds the length of the file against what its header says.
        SafeTensors::deserialize(bytes).map_err(|error| damaged(&error.to_string()))?;
        let (length, head) =
            SafeTensors::read_metadata(bytes).map_err(|error| damaged(&error.to_string()))?;
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
pub fn head((name, shape): (&str, [usize; 4]), bytes: Option<(&str, [usize; 4])>) -> Vec<u8> {
    let end = 4 * shape.iter().product::<usize>();
    let array = |kind: &str, shape: [usize; 4], from: usize, to: usize| json!({"dtype": kind, "shape": shape, "data_offsets": [from, to]});
    let mut arrays = serde_json::Map::new();
    arrays.insert(name.to_owned(), array("F32", shape, 0, end));
    if let Some((name, shape)) = bytes {
        let last = end + shape.iter().product::<usize>();
        arrays.insert(name.to_owned(), array("U8", shape, end, last));
    }
    let mut head = Value::Object(arrays).to_string().into_bytes();
    head.resize(head.len().next_multiple_of(8), b' ');
    [&(head.len() as u64).to_le_bytes()[..], &head].concat()
}

/// A file of an array in the making, under a name of this process until it is whole.
pub struct ArrayDraft<'a> {
    path: &'a Path,
    partial: PartialFile,
    file: BufWriter<File>,
}

impl<'a> ArrayDraft<'a> {
    /// A file that begins with [`head`].
    ///
    /// # Errors
    /// When the disk says no.
    pub fn create(path: &'a Path, head: &[u8]) -> Result<Self, RunError> {
        let begin = || {
            let partial = PartialFile::unique(path)?;
            let mut file = BufWriter::new(File::create(partial.path())?);
            file.write_all(head)?;
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
        let whole = self.file.write_all(bytes).and_then(|()| {
            self.file
                .into_inner()
                .map_err(std::io::IntoInnerError::into_error)
        });
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
