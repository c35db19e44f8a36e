//! Memory: what is given back stays with the process, for the next tensor; what cannot be had ends it in words.

#![expect(
    unsafe_code,
    reason = "the allocator's settings are a C call, and an allocator is unsafe by its trait"
)]

use std::alloc::{GlobalAlloc, Layout};
use std::io::Write;
use std::sync::RwLock;

use mimalloc::MiMalloc;

/// The stage that is at work.
static STAGE: RwLock<&'static str> = RwLock::new("");

/// Exit code of work that began and failed.
const FAILED: i32 = 1;

/// mimalloc; where the system has no memory left, the process ends with a message in place of an abort.
#[derive(Debug)]
pub struct Allocator;

// SAFETY: every call is handed on as it is; a null pointer ends the process.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller's.
        had(unsafe { MiMalloc.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller's.
        had(unsafe { MiMalloc.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as the caller's.
        had(unsafe { MiMalloc.realloc(pointer, layout, size) }, size)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller's.
        unsafe { MiMalloc.dealloc(pointer, layout) }
    }
}

/// The memory, if there is any.
fn had(pointer: *mut u8, size: usize) -> *mut u8 {
    if pointer.is_null() && size > 0 {
        out_of_memory(size);
    }
    pointer
}

/// Says what was wanted and ends the process; nothing here allocates.
#[cold]
fn out_of_memory(size: usize) -> ! {
    let stage = STAGE.try_read().map_or("", |stage| *stage);
    let place = if stage.is_empty() { "" } else { " in stage " };
    let written = writeln!(
        std::io::stderr(),
        "error: out of memory{place}{stage}: {:.1} MB more were wanted\n\nhint: take smaller frames or shorter clips, of a \
         training a smaller `batch` with `fit.accumulate` instead, or more memory; what was finished is kept, and the \
         same command goes on",
        size as f64 / 1e6
    );
    // There is nobody left to tell.
    drop(written);
    signal_hook::low_level::exit(FAILED)
}

/// Names the stage that is at work, for what is said when memory runs out.
pub fn at_work(stage: &'static str) {
    if let Ok(mut at_work) = STAGE.write() {
        *at_work = stage;
    }
}

/// `mi_option_purge_delay` of mimalloc's `mi_option_t`.
///
/// # Source
/// <https://github.com/microsoft/mimalloc/blob/main/include/mimalloc.h>
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// Keeps freed memory instead of handing it to the system after ten milliseconds.
///
/// A training step takes and frees the same tensors as the one before it; each page that went back is zeroed by the
/// system and faulted in again. `MIMALLOC_PURGE_DELAY` in the environment has the last word.
pub fn keep_freed() {
    if std::env::var_os("MIMALLOC_PURGE_DELAY").is_none() {
        // SAFETY: mimalloc allows it at any time; the option is read when pages are given back.
        unsafe { libmimalloc_sys::mi_option_set(PURGE_DELAY, -1) }
    }
}
