use std::cell::Cell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ndarray::{Array1, Ix1};
use serde::Serialize;
use slotflow_datasets::ClipId;

use crate::artifacts::files::entries;
use crate::artifacts::*;
use crate::device::DeviceChoice;

enum Doubled {}

impl ArtifactKind for Doubled {}
impl PerClip for Doubled {}

#[derive(Serialize)]
struct Config {
    level: u32,
}

struct Double<'a> {
    config: Config,
    calls: &'a Cell<usize>,
    stop_after: usize,
    broken: Option<&'a str>,
}

impl Stage for Double<'_> {
    const NAME: &'static str = "double";
    const VERSION: u32 = 1;
    type Config = Config;
    type Output = Doubled;

    fn config(&self) -> &Config {
        &self.config
    }

    fn inputs(&self) -> Vec<Input> {
        vec![Input::new("clips", "abc")]
    }

    fn run(&self, out: &mut Partial<Doubled>, context: &Context) -> Result<(), RunError> {
        out.expect(["a", "b", "c"].map(ClipId::new).to_vec());
        let mut left = self.stop_after;
        let mut stopped = false;
        out.each(context, |clip, _| {
            stopped |= left == 0;
            if stopped {
                return Err("stopped");
            }
            left -= 1;
            self.calls.set(self.calls.get() + 1);
            if self.broken == Some(clip.as_str()) {
                return Err("does not decode");
            }
            Ok(ClipFile::default()
                .with_bytes("x", &Array1::from_vec(vec![self.config.level as u8])))
        })?;
        if stopped {
            return Err(RunError::Interrupted);
        }
        Ok(())
    }
}

fn run_in(cache: &Path) -> Run {
    let options = Options {
        cache: cache.to_owned(),
        device: DeviceChoice::Cpu,
        seed: 0,
        fresh: BTreeSet::new(),
        until: None,
        dry: false,
        shard: None,
        quiet: true,
        watch: super::progress::Watch::default(),
        invocation: None,
    };
    Run::open(options).unwrap()
}

fn double(calls: &Cell<usize>, level: u32) -> Double<'_> {
    Double {
        config: Config { level },
        calls,
        stop_after: 9,
        broken: None,
    }
}

#[test]
fn a_stage_that_is_done_is_not_done_again() {
    let cache = tempfile::tempdir().unwrap();
    let calls = Cell::new(0);
    let first = run_in(cache.path()).stage(&double(&calls, 1)).unwrap();
    let second = run_in(cache.path()).stage(&double(&calls, 1)).unwrap();
    assert_eq!((calls.get(), first.id()), (3, second.id()));
    let other = run_in(cache.path());
    other.stage(&double(&calls, 2)).unwrap();
    assert_eq!(calls.get(), 6);
    assert_eq!(other.records()[0].why, "`double.level` 1 → 2");
}

#[test]
fn a_stopped_stage_goes_on_at_the_next_clip() {
    let cache = tempfile::tempdir().unwrap();
    let calls = Cell::new(0);
    let stopped = Double {
        stop_after: 2,
        ..double(&calls, 1)
    };
    assert!(run_in(cache.path()).stage(&stopped).is_err());
    let run = run_in(cache.path());
    let artifact = run.stage(&double(&calls, 1)).unwrap();
    assert_eq!((calls.get(), artifact.clips().len()), (3, 3));
    assert_eq!(run.records()[0].why, "goes on where it was stopped");
}

#[test]
fn a_broken_clip_is_named_and_the_rest_goes_on() {
    let cache = tempfile::tempdir().unwrap();
    let calls = Cell::new(0);
    let artifact = run_in(cache.path())
        .stage(&Double {
            broken: Some("b"),
            ..double(&calls, 1)
        })
        .unwrap();
    assert_eq!(artifact.clips(), ["a", "c"].map(ClipId::new));
    assert_eq!(artifact.failures()[&ClipId::new("b")], "does not decode");
}

#[test]
fn a_dry_run_makes_nothing_and_says_why() {
    let cache = tempfile::tempdir().unwrap();
    let calls = Cell::new(0);
    let mut options = run_in(cache.path()).options().clone();
    options.dry = true;
    let run = Run::open(options).unwrap();
    run.stage(&double(&calls, 1)).unwrap();
    assert_eq!(
        (calls.get(), run.records()[0].why.as_str()),
        (0, "never made here")
    );
    assert!(std::fs::read_dir(cache.path()).unwrap().next().is_none());
}

#[test]
fn two_processes_do_not_make_the_same_artifact() {
    let cache = tempfile::tempdir().unwrap();
    let calls = Cell::new(0);
    let run = run_in(cache.path());
    let recipe = run.recipe(&double(&calls, 1)).unwrap();
    let held =
        Partial::<Doubled>::open(&cache.path().join("double-v1").join(&recipe.id().0), recipe)
            .unwrap();
    assert!(matches!(
        run.stage(&double(&calls, 1)),
        Err(RunError::Busy { .. })
    ));
    drop(held);
    assert!(run.stage(&double(&calls, 1)).is_ok());
}

struct Count;

impl Stage for Count {
    const NAME: &'static str = "count";
    const VERSION: u32 = 1;
    type Config = ();
    type Output = Table<Vec<u32>>;

    fn config(&self) -> &() {
        &()
    }

    fn inputs(&self) -> Vec<Input> {
        Vec::new()
    }

    fn run(&self, out: &mut Partial<Table<Vec<u32>>>, _: &Context) -> Result<(), RunError> {
        out.write(&vec![4, 2])
    }
}

/// [`Double`] under another name.
struct Twice<'a>(Double<'a>);

impl Stage for Twice<'_> {
    const NAME: &'static str = "twice";
    const FORMER_NAME: Option<&'static str> = Some("double");
    const VERSION: u32 = 1;
    type Config = Config;
    type Output = Doubled;

    fn config(&self) -> &Config {
        self.0.config()
    }

    fn inputs(&self) -> Vec<Input> {
        self.0.inputs()
    }

    fn run(&self, out: &mut Partial<Doubled>, context: &Context) -> Result<(), RunError> {
        self.0.run(out, context)
    }
}

#[test]
fn what_a_stage_made_under_its_former_name_is_found() {
    let cache = tempfile::tempdir().unwrap();
    let calls = Cell::new(0);
    run_in(cache.path()).stage(&double(&calls, 1)).unwrap();
    let run = run_in(cache.path());
    let found = run.stage(&Twice(double(&calls, 1))).unwrap();
    assert_eq!((calls.get(), found.clips().len()), (3, 3));
    assert_eq!(
        *found.id(),
        run.recipe(&Twice(double(&calls, 1))).unwrap().id()
    );
    let mut options = run.options().clone();
    options.fresh.insert("double".to_owned());
    let again = Run::open(options).unwrap();
    again.stage(&Twice(double(&calls, 1))).unwrap();
    again.stage(&Count).unwrap();
    assert_eq!(calls.get(), 6);
    assert!(
        again
            .records()
            .iter()
            .all(|record| record.why.contains("--fresh"))
    );
}

#[test]
fn a_table_reads_back_and_is_no_clip() {
    let cache = tempfile::tempdir().unwrap();
    let made = run_in(cache.path()).stage(&Count).unwrap();
    let run = run_in(cache.path());
    let found = run.stage(&Count).unwrap();
    assert!(!run.records()[0].made && made.clips().is_empty());
    assert_eq!(found.table().unwrap(), [4, 2]);
}

/// Adds up what [`Double`] made; with `swallows`, an error becomes a number as in a table of scores.
struct Sum<'a> {
    of: &'a Artifact<Doubled>,
    swallows: bool,
}

impl Stage for Sum<'_> {
    const NAME: &'static str = "sum";
    const VERSION: u32 = 1;
    type Config = bool;
    type Output = Table<Vec<u32>>;

    fn config(&self) -> &bool {
        &self.swallows
    }

    fn inputs(&self) -> Vec<Input> {
        vec![self.of.as_input("doubled")]
    }

    fn run(&self, out: &mut Partial<Table<Vec<u32>>>, _: &Context) -> Result<(), RunError> {
        out.inherit(self.of);
        let mut values = Vec::new();
        for clip in self.of.clips() {
            let read = self.of.read(clip).and_then(|file| file.bytes::<Ix1>("x"));
            values.push(match read {
                Ok(array) => u32::from(array[0]),
                Err(_) if self.swallows => 0,
                Err(error) => return Err(error),
            });
        }
        out.write(&values)
    }
}

/// Every file of a cache that belongs to a stage.
fn files_of(cache: &Path, stage: &str) -> Vec<PathBuf> {
    let artifact = entries(&cache.join(format!("{stage}-v1")))
        .unwrap()
        .remove(0);
    let files = entries(&artifact).unwrap();
    let is_read = |path: &PathBuf| path.extension().is_some() && !path.ends_with("failures.json");
    files.into_iter().filter(is_read).collect()
}

fn flip(path: &Path, bit: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    let at = bit % (8 * bytes.len());
    bytes[at / 8] ^= 1 << (at % 8);
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn what_is_damaged_or_missing_is_made_again_alone_and_nothing_is_made_of_it() {
    for swallows in [false, true] {
        let cache = tempfile::tempdir().unwrap();
        let calls = Cell::new(0);
        let result = |fresh: &str| {
            healed(cache.path(), || {
                let mut options = run_in(cache.path()).options().clone();
                options
                    .fresh
                    .extend((!fresh.is_empty()).then(|| fresh.to_owned()));
                let run = Run::open(options).unwrap();
                let of = run.stage(&double(&calls, 5))?;
                run.stage(&Sum { of: &of, swallows })?.table()
            })
            .unwrap()
        };
        assert_eq!((result(""), calls.get()), (vec![5, 5, 5], 3));
        let clips = files_of(cache.path(), "double");
        let mut done = 3;
        for (number, bit) in [(0, 77), (1, 801), (2, 1300)] {
            flip(&clips[number], bit);
            // A clip's file is made again alone; the manifest is written anew.
            let is_clip = !clips[number].ends_with("manifest.json");
            done += usize::from(is_clip);
            assert_eq!(
                (result("sum"), calls.get()),
                (vec![5, 5, 5], done),
                "{number}"
            );
        }
        std::fs::remove_file(&clips[1]).unwrap();
        assert_eq!((result(""), calls.get()), (vec![5, 5, 5], done + 1));
        flip(&files_of(cache.path(), "sum")[1], 203);
        assert_eq!((result(""), calls.get()), (vec![5, 5, 5], done + 1));
    }
}

/// [`Double`] on a machine that fails at a clip.
struct Failing<'a>(Double<'a>, Option<&'a str>);

impl Stage for Failing<'_> {
    const NAME: &'static str = "failing";
    const VERSION: u32 = 1;
    type Config = Config;
    type Output = Doubled;

    fn config(&self) -> &Config {
        self.0.config()
    }

    fn inputs(&self) -> Vec<Input> {
        Vec::new()
    }

    fn run(&self, out: &mut Partial<Doubled>, context: &Context) -> Result<(), RunError> {
        out.expect(["a", "b"].map(ClipId::new).to_vec());
        out.each(context, |clip, _| {
            self.0.calls.set(self.0.calls.get() + 1);
            if self.1 == Some(clip.as_str()) {
                return Err(RunError::Io {
                    action: "read",
                    source: std::io::ErrorKind::StorageFull.into(),
                    path: PathBuf::from("b.mp4"),
                });
            }
            Ok(ClipFile::default().with_bytes("x", &Array1::from_vec(vec![9])))
        })
    }
}

#[test]
fn what_the_machine_failed_is_tried_again_and_what_follows_from_it() {
    let cache = tempfile::tempdir().unwrap();
    let calls = Cell::new(0);
    let values = |failing: Option<&str>| {
        let run = run_in(cache.path());
        let of = run.stage(&Failing(double(&calls, 1), failing)).unwrap();
        let sum = run
            .stage(&Sum {
                of: &of,
                swallows: false,
            })
            .unwrap();
        (sum.table().unwrap(), sum.failures().len())
    };
    assert_eq!((values(Some("b")), calls.get()), ((vec![9], 1), 2));
    assert_eq!((values(None), calls.get()), ((vec![9, 9], 0), 3));
    assert_eq!((values(None), calls.get()), ((vec![9, 9], 0), 3));
}
