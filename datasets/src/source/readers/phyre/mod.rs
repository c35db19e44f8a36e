//! PHYRE: simulated puzzles, from frames on disk. Does a ball placed here solve the task?
//!
//! The official code simulates while it trains; there is no simulator here, so that frames are exported once.
//!
//! ```text
//! splits/PHYRE/within-fold_0-{train,val}-data_0.1-pos_0.2.npy            [actions, 4]: task, x, y, radius
//! splits/PHYRE/within-fold_0-{train,val}-data_0.1-pos_0.2-label.npy      [actions]: 1 = solved
//! frames/within-fold_0-{train,val}-data_0.1-pos_0.2/000000/000000.png    frames of action 0, in RGB, PNG or JPEG
//! frames/within-fold_0-{train,val}-data_0.1-pos_0.2/000000.npy           or u8 [time, height, width, rgb],
//!                                                                       or u8 [time, height, width]: the simulator's
//! ```
//!
//! What the simulator gives (colour numbers, the first row at the bottom) is flipped and coloured as the papers train on
//! it, with black and white swapped. Pictures and RGB are taken as they are. `test` reads `val`, as the papers do.
//!
//! # Source
//! SlotFormer `base_slots/datasets/phyre.py` and `base_slots/extract_phyre_slots.py` (names of lists and of files).

/// Action lists and their labels.
mod actions;

/// Frames of a simulation.
mod frames;

/// The simulations of a split.
mod reader;

pub use reader::open;

#[cfg(test)]
mod tests;
