//! A cache that mends itself: what is damaged is removed and made again.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use slotflow_datasets::damage;
use slotflow_datasets::frame_cache::mark_damaged;

use crate::artifacts::progress::say;

/// Does `work`, again after each time that it met damaged files in the cache: they are removed, with a warning, and made again;
/// of cached frames the damaged clips alone.
/// A file that is damaged a second time ends it: the disk is to blame then.
///
/// # Errors
/// Those of `work`.
pub fn healed<T, E>(cache: &Path, mut work: impl FnMut() -> Result<T, E>) -> Result<T, E> {
    let mut mended = BTreeSet::new();
    drop(damage::take_below(cache));
    loop {
        let ended = work();
        let found = damage::take_below(cache);
        let mut again = false;
        for damage in found {
            if mended.insert(damage.path.clone()) {
                say(&format!(
                    "warning: damaged file ({}), made again: `{}`",
                    damage.reason,
                    damage.path.display()
                ));
                again |= mark_damaged(&damage.path)
                    || !damage.path.exists()
                    || fs::remove_file(&damage.path).is_ok();
            }
        }
        if !again {
            return ended;
        }
    }
}
