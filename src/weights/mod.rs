//! Files of parameters.
//!
//! A [`StateDict`] is named arrays in memory. It comes from an official `.pth` checkpoint ([`read_pth`]),
//! whose names [`keys`] translates, or from a weights file of ours ([`WeightsFile`]), and goes into a
//! model with [`load_into`], strictly: no name may be missing or left over.

mod apply;
mod error;
mod file;
/// Official names → ours, per model.
pub mod keys;
mod pickle;
mod pth;
/// The networks that judge, from the files that others publish.
pub mod published;
/// The weights of the default pipeline, compiled in.
pub mod shipped;
mod state;

pub use apply::{collect, collect_gradients, load_into};
pub use error::WeightsError;
pub use file::{Header, Precision, WeightsFile, read_safetensors, write_safetensors};
pub use pth::{Container, read_pth, read_published};
pub use state::{StateDict, Value, Values};
