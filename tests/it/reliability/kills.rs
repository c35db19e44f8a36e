//! A run and a training are killed at any time, again and again, and end with the bytes of one that never was.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::{Draw, asked, left_over, product, result, small, trained, training};
use crate::support::Product;

/// Kills in a row before the work may end.
const IN_A_ROW: usize = 5;

fn started(product: &Product, arguments: &[&str]) -> Child {
    let mut command = product.command(arguments);
    let command = command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().expect("the binary starts")
}

/// Kills the command at a time below `longest`, so many times, and then lets it end.
fn killed(product: &Product, arguments: &[&str], longest: Duration, draw: &mut Draw) {
    for _ in 0..IN_A_ROW {
        let mut child = started(product, arguments);
        std::thread::sleep(Duration::from_millis(
            draw.below(longest.as_millis() as usize + 1) as u64,
        ));
        child.kill().expect("a process of ours");
        child.wait().expect("a process of ours");
    }
    product.succeed(arguments);
}

#[test]
fn a_run_that_is_killed_at_any_time_gives_the_same_bytes() {
    let (product, mut draw) = (product(), Draw::new());
    let start = Instant::now();
    product.succeed(&small("whole", "cache", &[]));
    let longest = start.elapsed();
    let whole = result(&product.path("whole"));
    for round in 0..asked("RELIABILITY_KILLS", 10) as usize / IN_A_ROW {
        let (out, cache) = (format!("out-{round}"), format!("cache-{round}"));
        killed(&product, &small(&out, &cache, &[]), longest, &mut draw);
        assert!(result(&product.path(&out)) == whole, "round {round}");
        assert_eq!(left_over(&product.path(".")), [""; 0], "round {round}");
    }
}

#[test]
fn a_training_that_is_killed_at_any_time_gives_the_same_bytes() {
    let (product, mut draw) = (product(), Draw::new());
    let start = Instant::now();
    product.succeed(&training("whole", "cache"));
    let longest = start.elapsed();
    let whole = trained(&product.path("whole"));
    assert_eq!(whole.len(), 3, "curve, weights, best model");
    for round in 0..asked("RELIABILITY_KILLS", 10) as usize / IN_A_ROW {
        let (out, cache) = (format!("out-{round}"), format!("cache-{round}"));
        killed(&product, &training(&out, &cache), longest, &mut draw);
        assert!(trained(&product.path(&out)) == whole, "round {round}");
    }
}
