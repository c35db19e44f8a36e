//! What the binary says to a command in a folder of its own, for snapshots.

use crate::support::Product;

/// The command line, the exit code and stderr of the binary in an empty folder, which must stay empty.
pub fn said(arguments: &[&str]) -> String {
    said_with(&[], arguments)
}

/// The same in a folder with these files alone.
pub fn said_with(files: &[(&str, &[u8])], arguments: &[&str]) -> String {
    let product = Product::new();
    for (name, content) in files {
        let path = product.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, content).expect("a file");
    }
    let output = product.run(arguments);
    let entries = std::fs::read_dir(product.path(".")).expect("a folder");
    let left: Vec<_> = entries
        .map(|entry| entry.expect("an entry").file_name())
        .filter(|name| {
            let top = |file: &str| file.split('/').next().map(str::to_owned);
            !files
                .iter()
                .any(|(file, _)| name.to_str() == top(file).as_deref())
        })
        // Work that began has a cache.
        .filter(|name| name != ".cache" || output.status.code() != Some(1))
        .collect();
    assert!(left.is_empty(), "{arguments:?} left {left:?} behind");
    visible(&format!(
        "$ pipeline {}\nexit code {}\n{}",
        arguments.join(" "),
        output.status.code().expect("an exit code"),
        String::from_utf8_lossy(&output.stderr)
    ))
}

/// A text without blanks at the ends of its lines, which nobody sees.
pub fn visible(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().map(str::trim_end).collect();
    lines.join("\n")
}
