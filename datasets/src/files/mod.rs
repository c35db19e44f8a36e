//! Files of any content: folders, arrays, records, masks; and how they are written.

/// Checksums that lie within files.
pub mod checksum;

/// Damaged files of caches.
pub mod damage;

/// Entries of folders.
pub mod listing;

/// The memory that one input may take.
pub mod memory;

/// Arrays of `NumPy`.
pub mod numpy;

/// Files and folders that appear whole or not at all.
pub mod partial;

/// Regular files, and nothing else, opened for reading.
pub mod regular;

/// Masks in COCO's compressed form.
pub mod rle;

/// TFRecord files and the examples in them.
pub mod tfrecord;
