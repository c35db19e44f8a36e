//! Object-centric video prediction.
pub use burn;
