//! What becomes of memory that is given back: it stays with the process, for the next tensor.

#![expect(unsafe_code, reason = "the allocator's settings are a C call")]

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
