//! Files of parameters.
//!
//! A [`StateDict`] is named arrays in memory. It comes from an official `.pth` checkpoint ([`read_pth`]),
//! whose names [`keys`] translates, or from a weights file of ours ([`WeightsFile`]), and goes into a
//! model with [`load_into`], strictly: no name may be missing or left over.

/// Parameters out of a model, and into one.
mod apply;
/// Weights that come with the program.
pub mod bundled;
/// Parameter paths of earlier versions.
mod earlier;
/// Reasons why a file of parameters is refused.
mod error;
/// Weights files → one file under official names.
pub mod export;
/// Weights files: safetensors with a header.
mod file;
/// Official checkpoints → weights files.
pub mod import;
/// Official parameter names ↔ ours.
pub mod keys;
/// The published models, and their sizes read off checkpoints.
pub mod official;
/// I3D, Inception, VGG and AlexNet from published files.
pub mod pretrained;
/// Readers of files that PyTorch and pickle write.
mod pytorch;
/// Shapes of named arrays.
mod shapes;
/// Named arrays in memory.
mod state;

pub use apply::{collect, collect_gradients, load_into, load_stored, shapes_of};
pub use error::WeightsError;
pub use file::{
    ArrayEntry, CHECKSUM, Header, Precision, SealedFile, StoredArray, StoredWeights, WeightsFile,
    map_safetensors, read_safetensors, safetensors_head, write_safetensors,
};
pub use pytorch::pth::{Container, read_pth, read_published};
pub use pytorch::slot_pickle;
pub use shapes::Shapes;
pub use state::{StateDict, Value, Values};
