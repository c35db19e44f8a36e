//! Files of parameters.
//!
//! A [`StateDict`] is named arrays in memory. It comes from an official `.pth` checkpoint ([`read_pth`]),
//! whose names [`keys`] translates, or from a weights file of ours ([`WeightsFile`]), and goes into a
//! model with [`load_into`], strictly: no name may be missing or left over.

mod apply;
mod average;
/// The weights of the default pipeline, compiled in.
pub mod bundled;
mod error;
/// Ours → official files.
pub mod export;
mod file;
/// Official files → ours.
pub mod import;
/// Official names → ours, per model.
pub mod keys;
pub mod official;
mod pickle;
/// The networks that judge, from the files that others publish.
pub mod pretrained;
mod pth;
mod shapes;
/// Official slot files.
pub mod slot_pickle;
mod state;

pub use apply::{collect, collect_gradients, load_into, shapes_of};
pub use error::WeightsError;
pub use file::{Header, Precision, WeightsFile, read_safetensors, write_safetensors};
pub use pth::{Container, read_pth, read_published};
pub use shapes::Shapes;
pub use state::{StateDict, Value, Values};
