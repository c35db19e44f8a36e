//! The folder of a run: which one it gets, and that nobody else writes it meanwhile.
//!
//! One rule for all: a run of the same settings takes the place of the earlier one; a name that nobody asked for makes way
//! (`NAME-2`) for another plan's run and for a living process; a name that a person gave is refused then, and replaced
//! only on demand and only where a finished run lies.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use slotflow_datasets::regular;

use super::error::RunError;
use super::lock::PathLock;
use super::progress::say;
use super::sharding::record::{RECORD, SETTINGS};

/// Settings that a message names of two plans that differ.
const NAMED: usize = 3;
/// Names that are tried.
const TRIED: usize = 1000;

/// What a folder holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FolderKind {
    /// One run.
    Run,
    /// The runs of a sweep, a folder each.
    Sweep,
    /// A share of a work.
    Shard,
}

impl FolderKind {
    /// The file that says what was asked for.
    pub fn plan(self) -> &'static str {
        match self {
            Self::Run => "plan.toml",
            Self::Sweep => "sweep.toml",
            Self::Shard => SETTINGS,
        }
    }

    /// The file that is written last.
    pub fn end(self) -> &'static str {
        match self {
            Self::Run => "run.json",
            Self::Sweep => "scores.csv",
            Self::Shard => RECORD,
        }
    }
}

/// What a run or a sweep asks for.
#[derive(Debug, Clone)]
pub struct WantedFolder<'a> {
    /// What it will hold.
    pub kind: FolderKind,
    /// The folder.
    pub path: &'a Path,
    /// Whether a person named it.
    pub is_named: bool,
    /// Whether a finished run of other settings is to be replaced.
    pub overwrite: bool,
    /// The plan, every value resolved; of a sweep, with the values of its keys.
    pub plan: &'a str,
}

/// A folder that this process alone writes until it is dropped.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    _lock: PathLock,
}

/// What lies where a run is to go.
enum Occupant {
    /// Nothing, or an empty folder.
    Nothing,
    /// A run, or the beginning of one, of the same plan.
    Same,
    /// One of another plan, in words.
    Other { what: String, is_finished: bool },
    /// Something else.
    Foreign,
}

impl RunFolder {
    /// The folder of a run, which stays this process's.
    ///
    /// # Errors
    /// When a folder that a person named is taken, when it holds something else than a run, or when the file system says
    /// no.
    pub fn claim(wanted: &WantedFolder<'_>) -> Result<Self, RunError> {
        let base = resolved(wanted.path)?;
        for number in 1..=TRIED {
            let path = numbered(&base, number);
            match Self::try_claim(&path, wanted) {
                Ok(folder) => {
                    if number > 1 {
                        say(&format!(
                            "note: `{}` holds a run of other settings; this one goes to `{}`",
                            base.display(),
                            path.display()
                        ));
                    }
                    return Ok(folder);
                }
                Err(RunError::Busy { .. } | RunError::Taken { .. }) if !wanted.is_named => {}
                Err(error) => return Err(error),
            }
        }
        Err(RunError::Foreign { path: base })
    }

    fn try_claim(path: &Path, wanted: &WantedFolder<'_>) -> Result<Self, RunError> {
        let lock = PathLock::take(path)?;
        let path = path.to_owned();
        match occupant(&path, wanted)? {
            Occupant::Nothing | Occupant::Same => Ok(Self { path, _lock: lock }),
            Occupant::Other { is_finished, .. } if wanted.overwrite && is_finished => {
                Ok(Self { path, _lock: lock })
            }
            Occupant::Other { what, .. } => Err(RunError::Taken { what, path }),
            Occupant::Foreign => Err(RunError::Foreign { path }),
        }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// `NAME`, `NAME-2`, `NAME-3`, …
fn numbered(base: &Path, number: usize) -> PathBuf {
    if number == 1 {
        return base.to_owned();
    }
    let mut name = base.file_name().unwrap_or_default().to_owned();
    name.push(format!("-{number}"));
    base.with_file_name(name)
}

/// A path with its last link followed: what a link points to is written, the link stays.
fn resolved(path: &Path) -> Result<PathBuf, RunError> {
    let is_link = fs::symlink_metadata(path).is_ok_and(|meta| meta.is_symlink());
    if !is_link {
        return Ok(path.to_owned());
    }
    path.canonicalize().map_err(|source| RunError::Io {
        action: "follow the link",
        source,
        path: path.to_owned(),
    })
}

fn occupant(path: &Path, wanted: &WantedFolder<'_>) -> Result<Occupant, RunError> {
    let WantedFolder { kind, plan, .. } = wanted;
    let io = |source| RunError::Io {
        action: "read",
        source,
        path: path.to_owned(),
    };
    if !path.try_exists().map_err(io)? {
        return Ok(Occupant::Nothing);
    }
    if !path.is_dir() {
        return Ok(Occupant::Foreign);
    }
    match regular::read_to_string(path.join(kind.plan())) {
        Ok(text) if text == *plan => Ok(Occupant::Same),
        Ok(text) => Ok(Occupant::Other {
            what: difference(&text, plan),
            is_finished: path.join(kind.end()).is_file(),
        }),
        Err(_) if fs::read_dir(path).map_err(io)?.next().is_none() => Ok(Occupant::Nothing),
        Err(_) => Ok(Occupant::Foreign),
    }
}

/// How a plan that is there differs from one that is to come, in words.
fn difference(there: &str, new: &str) -> String {
    let values = |text: &str| settings(&text.parse().unwrap_or_default());
    let (there, new) = (values(there), values(new));
    let flow = |values: &BTreeMap<String, String>| values.get("flow").cloned();
    if flow(&there) != flow(&new) {
        let named = flow(&there).unwrap_or_else(|| "video-predict".to_owned());
        return format!("a run of the flow `{named}`");
    }
    let missing = || "none".to_owned();
    let keys: BTreeSet<&String> = there.keys().chain(new.keys()).collect();
    let apart: Vec<String> = keys
        .into_iter()
        .filter(|key| there.get(*key) != new.get(*key))
        .map(|key| {
            format!(
                "`{key} = {}`",
                there.get(key).cloned().unwrap_or_else(missing)
            )
        })
        .collect();
    let more = match apart.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(
        "a run of other settings: {}{more}",
        apart
            .iter()
            .take(NAMED)
            .cloned()
            .collect::<Vec<_>>()
            .join(", ")
    )
}

/// A plan's settings by their keys with dots, such as `rollout.burn-in`.
pub(crate) fn settings(plan: &toml::Table) -> BTreeMap<String, String> {
    let mut all = BTreeMap::new();
    flat(plan, "", &mut all);
    all
}

fn flat(table: &toml::Table, path: &str, found: &mut BTreeMap<String, String>) {
    for (key, value) in table {
        let path = if path.is_empty() {
            key.clone()
        } else {
            format!("{path}.{key}")
        };
        match value {
            toml::Value::Table(table) => flat(table, &path, found),
            toml::Value::String(text) => {
                found.insert(path, text.clone());
            }
            other => {
                found.insert(path, other.to_string());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(path: &Path, plan: &str) {
        fs::create_dir_all(path).unwrap();
        fs::write(path.join("plan.toml"), plan).unwrap();
        fs::write(path.join("run.json"), "{}").unwrap();
    }

    fn claim(
        path: &Path,
        is_named: bool,
        overwrite: bool,
        plan: &str,
    ) -> Result<PathBuf, RunError> {
        let wanted = WantedFolder {
            kind: FolderKind::Run,
            path,
            is_named,
            overwrite,
            plan,
        };
        RunFolder::claim(&wanted).map(|folder| folder.path().to_owned())
    }

    #[test]
    fn one_rule_says_which_folder_a_run_gets() {
        let room = tempfile::tempdir().unwrap();
        let at = |name: &str| room.path().join(name);
        let (plan, other) = (
            "seed = 1\n[decode]\nclips = 2\n",
            "seed = 1\n[decode]\nclips = 4\n",
        );
        assert_eq!(claim(&at("a"), false, false, plan).unwrap(), at("a"));
        run(&at("a"), plan);
        assert_eq!(claim(&at("a"), false, false, plan).unwrap(), at("a"));
        assert_eq!(claim(&at("a"), true, false, plan).unwrap(), at("a"));
        assert_eq!(claim(&at("a"), false, false, other).unwrap(), at("a-2"));
        let said = claim(&at("a"), true, false, other).unwrap_err().to_string();
        assert!(said.contains("`decode.clips = 2`"), "{said}");
        assert_eq!(claim(&at("a"), true, true, other).unwrap(), at("a"));
        run(&at("a-2"), other);
        assert_eq!(claim(&at("a"), false, false, other).unwrap(), at("a-2"));
        let held = RunFolder::claim(&WantedFolder {
            kind: FolderKind::Run,
            path: &at("a"),
            is_named: true,
            overwrite: false,
            plan,
        })
        .unwrap();
        assert_eq!(claim(&at("a"), false, false, plan).unwrap(), at("a-3"));
        assert!(matches!(
            claim(&at("a"), true, true, plan),
            Err(RunError::Busy { .. })
        ));
        drop(held);
        assert!(
            fs::read_dir(room.path()).unwrap().count() == 2,
            "locks are gone"
        );
    }

    #[test]
    fn what_is_no_finished_run_is_never_replaced() {
        let room = tempfile::tempdir().unwrap();
        let at = |name: &str| room.path().join(name);
        fs::create_dir(at("own")).unwrap();
        fs::write(at("own").join("letter.txt"), "dear").unwrap();
        fs::write(at("file"), "dear").unwrap();
        fs::create_dir(at("begun")).unwrap();
        fs::write(at("begun").join("plan.toml"), "seed = 2").unwrap();
        for name in ["own", "file"] {
            let refused = claim(&at(name), true, true, "seed = 1").unwrap_err();
            assert!(
                matches!(refused, RunError::Foreign { .. }),
                "{name}: {refused}"
            );
        }
        let refused = claim(&at("begun"), true, true, "seed = 1").unwrap_err();
        assert!(matches!(refused, RunError::Taken { .. }), "{refused}");
        run(&at("run"), "seed = 1");
        std::os::unix::fs::symlink(at("run"), at("link")).unwrap();
        let real = at("run").canonicalize().unwrap();
        assert_eq!(claim(&at("link"), true, false, "seed = 1").unwrap(), real);
        std::os::unix::fs::symlink(at("gone"), at("dangling")).unwrap();
        assert!(claim(&at("dangling"), true, false, "seed = 1").is_err());
    }
}
