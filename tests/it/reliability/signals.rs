//! Ctrl-C and requests to end are heard in every command, whatever it does at that time.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{Draw, asked, left_over, product, small};
use crate::support::Product;

/// Time in which a command ends that was asked to; ten times what is promised, for machines that are busy.
const LIMIT: Duration = Duration::from_secs(20);

/// Commands that take long, and how long they are left alone at most, milliseconds.
const COMMANDS: [(&str, u64); 7] = [
    (
        "run video-predict --clips 40 --quiet --out out --cache cache-run",
        3000,
    ),
    (
        "train tiny.toml --quiet --device cpu --out trained --cache cache-trained",
        600,
    ),
    ("generate --layout clevrer --clips 400 --out made", 1500),
    ("bench --quiet --out bench.csv", 1500),
    (
        "eval --pred videos --truth videos --metrics psnr,ssim --out scored.csv",
        300,
    ),
    (
        "run segment --clips 60 --quiet --out masks --cache cache-masks",
        2000,
    ),
    (
        "run clevrer-vqa --clips 40 --quiet --out asked --cache cache-asked",
        3000,
    ),
];

/// Waits until a process hears requests to end: before, it is still the loader's.
fn await_listening(process: u32) {
    const INTERRUPT: u64 = 1 << (2 - 1);
    let started = Instant::now();
    let status = format!("/proc/{process}/status");
    // Where there is no such file, a while must do.
    while let Ok(status) = std::fs::read_to_string(&status) {
        let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
        let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        if caught.is_none_or(|mask| mask & INTERRUPT != 0) {
            return;
        }
        assert!(started.elapsed() < LIMIT, "{process} never listens");
        std::thread::sleep(Duration::from_millis(2));
    }
    std::thread::sleep(Duration::from_millis(100));
}

/// Sends the signal after a while; the exit code and what was said.
fn signalled(
    product: &Product,
    arguments: &[&str],
    signal: &str,
    after: Duration,
) -> (Option<i32>, String) {
    let mut command = product.command(arguments);
    let command = command.stdout(Stdio::null()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary");
    await_listening(child.id());
    std::thread::sleep(after);
    let number = child.id().to_string();
    let sent = Command::new("kill").args([signal, &number]).status();
    assert!(sent.expect("kill").success(), "{arguments:?} ended before");
    let asked = Instant::now();
    while child.try_wait().expect("a process of ours").is_none() {
        let waited = asked.elapsed();
        assert!(waited < LIMIT, "{arguments:?} goes on for {waited:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
    let output = child.wait_with_output().expect("a process of ours");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), said)
}

#[test]
fn every_command_ends_soon_with_the_signals_code() {
    let (product, mut draw) = (product(), Draw::new());
    product.succeed(&small("videos-of", "cache", &[]));
    let videos = product.path("videos-of/videos/truth");
    std::fs::rename(videos, product.path("videos")).expect("videos of a run");
    for round in 0..asked("RELIABILITY_SIGNALS", 1) {
        for (number, (text, longest)) in COMMANDS.into_iter().enumerate() {
            let arguments: Vec<&str> = text.split(' ').collect();
            let (signal, code) =
                [("-INT", 130), ("-TERM", 143), ("-HUP", 143)][(number + round as usize) % 3];
            let after = Duration::from_millis(draw.below(longest as usize) as u64);
            let (ended, said) = signalled(&product, &arguments, signal, after);
            let is_done = ended == Some(0);
            assert!(
                is_done || ended == Some(code),
                "{arguments:?} after {after:?}: {ended:?}, {said}"
            );
            assert!(
                is_done || said.contains("stopping at the next safe place"),
                "{arguments:?}: {said}"
            );
            let left = left_over(&product.path("."));
            assert!(
                left.iter().all(|name| !name.contains(".csv")),
                "{arguments:?} left {left:?}"
            );
        }
    }
}
