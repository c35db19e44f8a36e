//! Damaged files: seeded mutants of sound ones, given to a parser in a process of its own that may neither panic, hang nor
//! take more memory than a bound.
//!
//! `SLOTFLOW_MUTANTS` is the number of mutants a parser; `scripts/long/mutants` runs ten thousand. A failure names parser
//! and seed and leaves the mutant's bytes in a file.

use std::fs;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Mutants of a parser where the environment does not say.
const MUTANTS: u64 = 250;

/// The longest that one mutant may take.
const LIMIT: Duration = Duration::from_secs(10);

/// What a process needs apart from its inputs: buffers, tables, stacks.
const ROOM: u64 = 64 << 20;

/// What the parser of a compressed format may take: the size that a file declares is within a memory budget.
const COMPRESSED: u64 = 1 << 30;

/// A parser under test.
#[derive(Clone, Copy)]
pub struct Parser {
    /// Its name in messages.
    pub name: &'static str,
    /// Whether files are smaller than what they hold.
    pub compressed: bool,
    /// Sound inputs.
    pub sound: fn() -> Vec<Vec<u8>>,
    /// Reads an input; the folder is empty at first and then the parser's own. Whether it was read without an error.
    pub read: fn(&Path, &[u8]) -> bool,
}

impl Parser {
    /// A parser of files that are as large as what they hold.
    pub fn plain(
        name: &'static str,
        sound: fn() -> Vec<Vec<u8>>,
        read: fn(&Path, &[u8]) -> bool,
    ) -> Self {
        Self {
            name,
            compressed: false,
            sound,
            read,
        }
    }

    fn mutant(&self, seed: u64) -> Vec<u8> {
        let sound = (self.sound)();
        mutant(&sound[seed as usize % sound.len()], seed)
    }

    /// Runs mutants in this process and notes in `progress` which one is at work; the child's part of [`failures`].
    fn run(&self, seeds: Range<u64>, progress: &Path) {
        let folder = tempfile::tempdir().unwrap();
        let sound = (self.sound)();
        let mut most = 0;
        for bytes in &sound {
            assert!((self.read)(folder.path(), bytes), "a sound file is refused");
            most = most.max(bytes.len());
        }
        let before = peak_bytes();
        for seed in seeds {
            fs::write(progress, seed.to_string()).unwrap();
            let bytes = mutant(&sound[seed as usize % sound.len()], seed);
            most = most.max(bytes.len());
            let start = Instant::now();
            let read = catch_unwind(AssertUnwindSafe(|| (self.read)(folder.path(), &bytes)));
            assert!(read.is_ok(), "panic");
            let took = start.elapsed();
            assert!(took < LIMIT, "{took:?}");
            let bound = if self.compressed {
                COMPRESSED
            } else {
                4 * most as u64 + ROOM
            };
            if let (Some(before), Some(now)) = (before, peak_bytes()) {
                let taken = now.saturating_sub(before);
                assert!(taken < bound, "{taken} bytes of {bound}");
            }
        }
    }
}

/// The most memory that this process ever held, where the system tells.
fn peak_bytes() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// What became of the first harmful mutant of every parser that has one. Each runs in a process that calls [`child`] from
/// the test `child_test`.
pub fn failures(parsers: &[Parser], child_test: &str) -> Vec<String> {
    let count = std::env::var("SLOTFLOW_MUTANTS").map_or(MUTANTS, |count| count.parse().unwrap());
    let only = std::env::var("SLOTFLOW_MUTANTS_OF").ok();
    let folder = tempfile::tempdir().unwrap();
    let chosen = |parser: &&Parser| only.as_deref().is_none_or(|only| only == parser.name);
    parsers
        .iter()
        .filter(chosen)
        .filter_map(|parser| failure(parser, count, child_test, folder.path()))
        .collect()
}

/// What became of the first mutant of a parser that did harm.
fn failure(parser: &Parser, count: u64, child_test: &str, folder: &Path) -> Option<String> {
    let progress = folder.join(parser.name);
    let log = folder.join(format!("{}.log", parser.name));
    let first = std::env::var("SLOTFLOW_MUTANTS_FROM").unwrap_or_else(|_| "0".to_owned());
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([child_test, "--exact", "--ignored", "--nocapture"])
        .env("SLOTFLOW_MUTANTS_PARSER", parser.name)
        .env("SLOTFLOW_MUTANTS_RANGE", format!("{first} {count}"))
        .env("SLOTFLOW_MUTANTS_PROGRESS", &progress)
        .stdout(Stdio::null())
        .stderr(fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let seed = || fs::read_to_string(&progress).ok()?.parse::<u64>().ok();
    let (mut at, mut since) = (seed(), Instant::now());
    let reason = loop {
        if let Some(status) = child.try_wait().unwrap() {
            if status.success() {
                return None;
            }
            let said = fs::read_to_string(&log).unwrap_or_default();
            break format!("{status}: {}", said.trim());
        }
        if seed() != at {
            (at, since) = (seed(), Instant::now());
        }
        // Twice the limit: the machine may be busy, and what ends in time is judged by its own clock.
        if since.elapsed() > 2 * LIMIT + Duration::from_secs(40) * u32::from(at.is_none()) {
            child.kill().unwrap();
            child.wait().unwrap();
            break format!("more than {LIMIT:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let kept = match seed() {
        Some(seed) => keep(parser, seed).display().to_string(),
        None => "none".to_owned(),
    };
    Some(format!(
        "parser {}, seed {:?}, mutant `{kept}`: {reason}",
        parser.name,
        seed()
    ))
}

/// Writes a mutant where it stays.
fn keep(parser: &Parser, seed: u64) -> PathBuf {
    let name = format!("slotflow-mutant-{}-{seed}", parser.name);
    let path = std::env::temp_dir().join(name);
    fs::write(&path, parser.mutant(seed)).unwrap();
    path
}

/// The child's part: the parser and the seeds stand in the environment.
pub fn child(parsers: &[Parser]) {
    let Ok(name) = std::env::var("SLOTFLOW_MUTANTS_PARSER") else {
        return;
    };
    let parser = parsers.iter().find(|parser| parser.name == name).unwrap();
    if let Some(corpus) = std::env::var_os("SLOTFLOW_MUTANTS_CORPUS") {
        // What the fuzzer starts from.
        for (at, sound) in (parser.sound)().iter().enumerate() {
            fs::write(Path::new(&corpus).join(format!("sound-{at}")), sound).unwrap();
        }
        return;
    }
    let range = std::env::var("SLOTFLOW_MUTANTS_RANGE").unwrap();
    let (first, count) = range.split_once(' ').unwrap();
    let first: u64 = first.parse().unwrap();
    let progress = std::env::var_os("SLOTFLOW_MUTANTS_PROGRESS").unwrap();
    let seeds = first..first + count.parse::<u64>().unwrap();
    parser.run(seeds, Path::new(&progress));
}

/// Numbers from a seed (`SplitMix64`).
struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`, which is not 0.
    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// A part of `length` bytes, mostly a short one.
    fn part(&mut self, length: usize) -> Range<usize> {
        let start = self.below(length + 1);
        let most = [4, 16, 256, length][self.below(4)];
        let end = (start + self.below(most.max(1)) + 1).min(length);
        start..end.max(start)
    }

    fn pick<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len())]
    }
}

/// A sound input with one to four kinds of damage.
pub fn mutant(sound: &[u8], seed: u64) -> Vec<u8> {
    let mut rng = Rng(seed);
    let mut bytes = sound.to_vec();
    for _ in 0..=rng.below(4) {
        damage(&mut bytes, &mut rng);
    }
    bytes
}

fn damage(bytes: &mut Vec<u8>, rng: &mut Rng) {
    let length = bytes.len();
    let part = rng.part(length);
    match rng.below(10) {
        0 if length > 0 => bytes[rng.below(length)] ^= 1 << rng.below(8),
        1 if length > 0 => bytes[rng.below(length)] = rng.next() as u8,
        2 => bytes.truncate(part.start),
        3 => {
            bytes.drain(part);
        }
        4 => {
            let inserted: Vec<u8> = (0..part.len()).map(|_| rng.next() as u8).collect();
            bytes.splice(part.start..part.start, inserted);
        }
        5 => {
            let copy = bytes[part].to_vec();
            let times = [1, 1, 2, 64][rng.below(4)].min((1 << 20) / copy.len().max(1));
            let at = rng.below(length + 1);
            bytes.splice(at..at, copy.repeat(times));
        }
        6 => {
            let other = rng.part(length);
            let moved: Vec<u8> = bytes.drain(part).collect();
            let at = other.start.min(bytes.len());
            bytes.splice(at..at, moved);
        }
        7 | 8 => set_number(bytes, rng),
        _ => nest(bytes, rng),
    }
}

/// Sets a number somewhere to an extreme: binary of two to eight bytes in either order, or written in digits.
fn set_number(bytes: &mut Vec<u8>, rng: &mut Rng) {
    let number = *rng.pick(&[
        &0_u64,
        &1,
        &0x7f,
        &0xff,
        &0x7fff_ffff,
        &0xffff_ffff,
        &(1 << 40),
        &(i64::MAX as u64),
        &u64::MAX,
    ]);
    let at = rng.below(bytes.len() + 1);
    let digits = bytes[at..].iter().position(u8::is_ascii_digit);
    if let (Some(first), true) = (digits, rng.below(2) == 0) {
        let first = at + first;
        let rest = &bytes[first..];
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let text = rng.pick(&[
            "-1",
            "0",
            "1e308",
            "1e-320",
            "65536",
            "99999999999999999999",
        ]);
        let text = if rng.below(2) == 0 {
            text.to_owned()
        } else {
            number.to_string()
        };
        bytes.splice(first..first + count, text.into_bytes());
        return;
    }
    let size = [2, 4, 8][rng.below(3)];
    let mut written = number.to_le_bytes()[..size].to_vec();
    if rng.below(2) == 0 {
        written.reverse();
    }
    for (byte, new) in bytes[at..].iter_mut().zip(written) {
        *byte = new;
    }
}

/// Opens brackets without end, or repeats an instruction of a stack machine.
fn nest(bytes: &mut Vec<u8>, rng: &mut Rng) {
    let opening: &[u8] = rng.pick(&[
        &b"["[..],
        b"{\"a\":",
        b"(",
        b"]",
        b"}",
        b"N",
        b"h\0",
        b"2",
        b"\x85",
        b"[[",
        b"a.",
    ]);
    let times = [8, 200, 50_000][rng.below(3)];
    let at = rng.below(bytes.len() + 1);
    bytes.splice(at..at, opening.repeat(times));
}
