//! Object-centric video prediction: frames are encoded into slots, slots rolled forward, decoded and evaluated.
//!
//! Rooms, lowest first. A room may use only rooms above it in this list.

/// The operations that models spend their time in, fast on the CPU.
pub mod kernels;

/// Where tensors live.
pub mod device;

/// The only door between pixels and tensors.
pub mod tensor_conversion;

/// Random numbers from a seed, the same on every device.
pub mod rng;

/// Every network.
pub mod models;

/// Attention → masks, and how they are shown.
pub mod masks;

/// What a head says of slots → events.
pub mod scene_parsing;

pub mod weights;

/// What is there, what is to be made, and why.
pub mod artifacts;

/// Trained models over whole clips: arrays in, arrays out.
pub mod inference;

/// How models learn.
pub mod train;

/// Two folders → scores.
pub mod metrics;

/// What a person asks for.
pub mod plan;

/// One step each.
pub mod stages;

/// The order of steps.
pub mod flows;

/// What things cost in time.
pub mod bench;

/// Arguments, help, messages and exit codes.
pub mod cli;
