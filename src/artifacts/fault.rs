//! Faults of this program: a panic costs the clip that met it, and is told in one line.

use std::any::Any;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;

/// What the last panic said, and where it was.
static LAST: Mutex<Option<(String, String)>> = Mutex::new(None);

/// From now on a panic says nothing by itself, unless `RUST_BACKTRACE` asks for it.
pub fn watch() {
    let usual = panic::take_hook();
    let talks = std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value != "0");
    panic::set_hook(Box::new(move |info| {
        let place = info
            .location()
            .map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
        if let Ok(mut last) = LAST.lock() {
            *last = Some((message(info.payload()), place));
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
    caught(work).map_err(|(said, place)| format!("internal fault ({said}{place})"))
}

/// What `work` gives; where it panics because the settings of a model contradict one another, the reason.
///
/// # Errors
/// What the panic said: of an assertion, the words behind it.
pub fn tried<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    caught(work).map_err(|(said, _)| {
        let compared = said.strip_prefix("assertion `left == right` failed: ");
        let reason = compared.and_then(|rest| rest.split("\n  left: ").next());
        let reason = reason.unwrap_or(&said);
        reason.split_whitespace().collect::<Vec<_>>().join(" ")
    })
}

/// What `work` gives; where it panics, what was said and where.
fn caught<T>(work: impl FnOnce() -> T) -> Result<T, (String, String)> {
    panic::catch_unwind(AssertUnwindSafe(work)).map_err(|payload| {
        let last = LAST.lock().ok().and_then(|mut last| last.take());
        last.unwrap_or_else(|| (message(&*payload), String::new()))
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
        let halves = |all: usize| assert_eq!(all % 2, 0, "{all} has no halves");
        assert_eq!(tried(|| halves(7)).unwrap_err(), "7 has no halves");
        let said = tried(|| panic!("two\n  lines")).unwrap_err();
        assert_eq!(said, "two lines");
    }
}
