//! A file as memory: its pages are read when they are looked at, and the system may let go of them again.

#![expect(unsafe_code, reason = "the memory-map call")]

use std::fs::File;
use std::io;

/// The bytes of a file.
#[derive(Debug)]
pub struct Mapped(memmap2::Mmap);

impl Mapped {
    /// Maps a file that nobody writes to: those of ours are renamed into place whole and never changed.
    ///
    /// # Errors
    /// When the system says no.
    pub fn open(file: &File) -> io::Result<Self> {
        // SAFETY: the caller vouches that the file keeps its bytes; were it cut, the process would end with SIGBUS.
        unsafe { memmap2::Mmap::map(file) }.map(Self)
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}
