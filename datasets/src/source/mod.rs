//! Data sets: what they are called, what is known of them, and how their clips are read.

/// Which clips of a data set are read, and how.
pub mod config;

/// The one way from a data set's name to its clips.
pub mod door;

/// Facts of every data set, from its preset.
pub mod facts;

/// The table of data sets in `datasets/README.md`.
pub mod readme;

/// The trait of all readers.
pub mod interface;

/// What a clip's files say before they are decoded.
pub mod header;

/// Training, validation and test clips.
pub mod split;

/// CLEVRER, as downloaded or as generated.
pub mod clevrer;

/// Physion, as downloaded or as generated.
pub mod physion;

/// Clips that lie as picture files.
pub mod frames;

/// Published data sets.
pub mod readers;

/// Own videos and pictures.
pub mod own;

pub use clevrer::ClevrerSource;
pub use config::{ColourOrder, Cut, SourceConfig};
pub use door::{Dataset, Needs, help, open, open_generated};
pub use header::Header;
pub use interface::{ClipReader, GroundTruth, Outcome, Source};
pub use own::folder::{FolderSource, WholeFrames};
pub use own::pictures::PictureSource;
pub use own::windowed::Windowed;
pub use physion::PhysionSource;
pub use split::Split;
