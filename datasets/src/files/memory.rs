//! The memory that one input may take.

use std::sync::OnceLock;

/// What is taken where the system does not say how much memory it has, bytes.
const UNKNOWN: u64 = 4 << 30;

/// The most bytes that one array, picture or file may take in memory: half of the machine's.
pub fn budget() -> u64 {
    static BUDGET: OnceLock<u64> = OnceLock::new();
    *BUDGET.get_or_init(|| {
        let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
        total(&text).map_or(UNKNOWN, |bytes| bytes / 2)
    })
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
    }
}
