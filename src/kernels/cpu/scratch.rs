//! Memory that kernels reuse, and outputs that threads fill together.

use std::cell::RefCell;

thread_local! {
    static SCRATCH: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// Numbers a thread keeps for the next call; a larger request is freed afterwards.
const KEPT: usize = 1 << 21;

/// Lends `length` numbers of unspecified value. `work` must not start parallel work of its own.
pub fn with_scratch<R>(length: usize, work: impl FnOnce(&mut [f32]) -> R) -> R {
    let mut memory = SCRATCH.with(RefCell::take);
    if memory.len() < length {
        memory.resize(length, 0.0);
    }
    let result = work(&mut memory[..length]);
    if memory.len() <= KEPT {
        SCRATCH.with(|kept| kept.replace(memory));
    }
    result
}

/// An output of which every thread writes its own part.
#[derive(Clone, Copy)]
pub struct Shared(*mut f32, usize);

// SAFETY: only the address is shared; whoever writes through it vouches, at `Shared::at`, that no
// other thread touches the same numbers.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    /// Shares `numbers` among threads; the borrow must outlive them, as a parallel iterator's does.
    pub fn new(numbers: &mut [f32]) -> Self {
        Self(numbers.as_mut_ptr(), numbers.len())
    }

    /// The address of number `index`.
    pub fn at(self, index: usize) -> *mut f32 {
        debug_assert!(index <= self.1, "{index} of {}", self.1);
        self.0.wrapping_add(index)
    }
}

/// A vector of `length` numbers whose values are still to be written.
#[expect(
    clippy::uninit_vec,
    reason = "every kernel writes all numbers of its output before it returns"
)]
pub fn unwritten(length: usize) -> Vec<f32> {
    let mut numbers = Vec::with_capacity(length);
    // SAFETY: the capacity is there; f32 has no invalid bit pattern, and the kernels write every
    // number before anything reads one.
    unsafe { numbers.set_len(length) };
    numbers
}
