//! The memory that one input may take.

use std::sync::OnceLock;

/// What is taken where the system does not say how much memory it has, bytes.
const UNKNOWN: u64 = 4 << 30;

static BUDGET: OnceLock<u64> = OnceLock::new();

/// The most bytes that one array, picture or file may take in memory: what [`limit`] says, else half of the machine's.
pub fn budget() -> u64 {
    *BUDGET.get_or_init(|| {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        let machine = total(&read("/proc/meminfo"));
        // What a container may take, where this is one.
        let group = read("/sys/fs/cgroup/memory.max").trim().parse().ok();
        let least = machine.into_iter().chain(group).min();
        least.map_or(UNKNOWN, |bytes| bytes / 2)
    })
}

/// Sets [`budget`] for this process. It is set once, before anything is read: whether it was.
pub fn limit(bytes: u64) -> bool {
    BUDGET.set(bytes).is_ok()
}

/// Bytes of a size such as `512MB`, `4GB` or `1.5GiB`.
///
/// # Errors
/// When it is no size above zero.
pub fn parse_size(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 7] = [
        ("GIB", 1 << 30),
        ("MIB", 1 << 20),
        ("GB", 1_000_000_000),
        ("MB", 1_000_000),
        ("G", 1_000_000_000),
        ("M", 1_000_000),
        ("", 1),
    ];
    let upper = text.trim().to_ascii_uppercase();
    let unit = UNITS
        .iter()
        .find_map(|(unit, bytes)| Some((upper.strip_suffix(unit)?, bytes)));
    let bytes = unit.and_then(|(number, bytes)| {
        let number: f64 = number.trim_end().parse().ok()?;
        let bytes = number * *bytes as f64;
        (bytes.is_finite() && bytes >= 1.0).then_some(bytes as u64)
    });
    bytes.ok_or_else(|| format!("`{text}` is no size such as 512MB, 4GB or 1.5GiB"))
}

/// The machine's memory in bytes, from Linux's `/proc/meminfo`.
fn total(text: &str) -> Option<u64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_says_how_much_memory_there_is() {
        assert_eq!(
            total("MemTotal:       24618848 kB\nMemFree: 1 kB\n"),
            Some(24_618_848 * 1024)
        );
        assert_eq!(total("nothing"), None);
        assert!(budget() > 1 << 20);
        assert!(!limit(1), "it was asked for");
    }

    #[test]
    fn sizes_are_read() {
        for (text, bytes) in [
            ("512MB", 512_000_000),
            ("1.5 GiB", 3 << 29),
            ("4g", 4_000_000_000),
            ("77", 77),
        ] {
            assert_eq!(parse_size(text), Ok(bytes), "{text}");
        }
        for text in ["", "GB", "-1GB", "0", "nanGB", "infGB", "1TB", "4 4"] {
            assert!(parse_size(text).is_err(), "{text}");
        }
    }
}
