//! Faults of this program: a panic costs the clip that met it, and is told in one line.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;

/// Where the last panic was, and what it said.
static LAST: Mutex<Option<String>> = Mutex::new(None);

/// From now on a panic says nothing by itself, unless `RUST_BACKTRACE` asks for it.
pub fn watch() {
    let usual = panic::take_hook();
    let talks = std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0");
    panic::set_hook(Box::new(move |info| {
        let place = info
            .location()
            .map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
        if let Ok(mut last) = LAST.lock() {
            *last = Some(format!("{}{place}", message(info.payload())));
        }
        if talks {
            usual(info);
        }
    }));
}

/// What `work` gives; where it panics, what the panic said.
///
/// # Errors
/// The panic in words.
pub fn guarded<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        let last = LAST.lock().ok().and_then(|mut last| last.take());
        let said = last.unwrap_or_else(|| message(&*payload));
        format!("internal fault ({said})")
    })
}

fn message(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| payload.downcast_ref::<&str>().copied());
    text.unwrap_or("a panic without words").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_words() {
        assert_eq!(guarded(|| 7), Ok(7));
        let said = guarded(|| panic!("slot {} of {}", 9, 7)).unwrap_err();
        assert!(said.contains("slot 9 of 7"), "{said}");
    }
}
