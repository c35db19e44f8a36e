//! What the tests of the whole product share: the binary in an empty folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The binary with one folder of its own.
pub struct Product {
    folder: tempfile::TempDir,
}

impl Product {
    /// The binary in a new and empty folder.
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    /// A path in its folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What the binary says to `arguments`.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the binary starts")
    }

    /// The binary with `arguments`, not yet started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pipeline"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("SLOTFLOW_CACHE", ".cache");
        command
    }

    /// The same, which must succeed; what it printed.
    pub fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// The same, which must do its work and leave something out (exit code 3); what it said on stderr.
    pub fn leave_out(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(3), "{arguments:?}: {said}");
        said
    }

    /// The same, which must end with `code`; what it said on stderr.
    pub fn fail(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(
            said.contains("error: ") && said.contains("hint: "),
            "{said}"
        );
        said
    }
}

/// The content of every file in a run folder but `run.json`, by its path.
pub fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(at) = open.pop() {
        for entry in std::fs::read_dir(&at).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else if path.file_name().is_some_and(|name| name != "run.json") {
                let short = path.strip_prefix(folder).expect("inside").to_owned();
                found.push((short, std::fs::read(&path).expect("a file")));
            }
        }
    }
    found.sort();
    found
}

/// Equal bytes in all files but `run.json`, and in the page beside the command and its date.
pub fn assert_same_run(product: &Product, one: &str, other: &str) {
    let of = |name: &str| {
        let about = std::fs::read(product.path(name).join("run.json")).expect("a run");
        let about: serde_json::Value = serde_json::from_slice(&about).expect("JSON");
        let mut files = contents(&product.path(name));
        for (_, page) in files
            .iter_mut()
            .filter(|(path, _)| path.ends_with("report.html"))
        {
            let mut text = String::from_utf8(std::mem::take(page)).expect("a page");
            for key in ["command", "date"] {
                let said = about[key].as_str().expect("a word");
                let said = &said.replace('\'', "&#39;");
                assert!(text.contains(said), "no {key} on the page");
                text = text.replace(said, key);
            }
            *page = text.into_bytes();
        }
        files
    };
    let (one, other) = (of(one), of(other));
    let names =
        |all: &[(PathBuf, Vec<u8>)]| all.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    assert_eq!(names(&one), names(&other));
    for ((name, left), (_, right)) in one.iter().zip(&other) {
        assert!(left == right, "{} differs", name.display());
    }
}
