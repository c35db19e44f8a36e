//! What each model is trained on and for.
//!
//! A new objective touches five files:
//! 1. a file in this folder with its config, what its batches are and its loss (`impl Objective`);
//! 2. this file, which lists it;
//! 3. `src/plan/training/objectives.rs`: its table in a plan, what it reads of a clip, and its checks;
//! 4. a file in `src/flows/train/`: which weights and data it starts from, and which files it writes;
//! 5. `src/flows/train.rs`, which names that file and dispatches to it.
//!
//! The loop, checkpoints, resume, logs, `pipeline train`, `pipeline show` and every check of `[data]`, `[fit]` and
//! `[seeds]` serve it from then on. Data of a new kind is prepared in `src/train/data/`.

/// Questions about slots → answers.
pub mod aloe;

/// Slots → objects and collisions.
pub mod object_event_head;

/// Frames → normal distributions of latents → frames.
pub mod autoencoder_kl;

/// Slots → latents of frames, by diffusion.
pub mod diffusion;

/// Frames → tokens → frames.
pub mod dvae;

/// Frames → events, for the network behind `fvd-motion`.
pub mod motion;

/// Slots, observed and rolled out → whether something happens.
pub mod readout;

/// Frames → slots → frames by diffusion, encoder and decoder together.
pub mod slotdiffusion;

/// Slots so far → slots to come.
pub mod slotformer;

/// Frames → slots → frames by a mixture decoder.
pub mod slots;

/// Slots → tokens → frames, with or without the encoder.
pub mod steve;

/// Frames → codes → frames.
pub mod vqvae;

/// What several objectives are made of.
pub mod parts;
