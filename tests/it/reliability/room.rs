//! Disks without room, disks that may not be written, memory that runs out: one error with a hint, nothing half-written, and the
//! same command goes on when there is room again.

use std::process::{Command, Output};

use super::{Draw, asked, left_over, product, result, small, trained, training};
use crate::support::Product;

/// The command under a shell's limits.
fn limited(product: &Product, limits: &str, arguments: &[&str]) -> Output {
    let script = format!("trap '' XFSZ; {limits}; exec \"$@\"");
    let mut command = Command::new("sh");
    command
        .args(["-c", &script, "sh", env!("CARGO_BIN_EXE_pipeline")])
        .args(arguments)
        .current_dir(product.path("."));
    command.output().expect("a shell")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_full_disk_costs_nothing_that_was_there() {
    let (product, mut draw) = (product(), Draw::new());
    product.succeed(&small("whole", "cache", &[]));
    product.succeed(&training("learned", "cache"));
    let whole = result(&product.path("whole"));
    let learned = trained(&product.path("learned"));
    for round in 0..asked("RELIABILITY_DISKS", 3) {
        // A limit on the size of files, in units of 512 bytes, fails a write halfway, as a full disk does.
        let limits = format!("ulimit -f {}", 1 + draw.below(300));
        let (out, cache) = (format!("out-{round}"), format!("cache-{round}"));
        let commands = [small(&out, &cache, &[]), training("trained", &cache)];
        for command in &commands {
            let output = limited(&product, &limits, command);
            let told = said(&output);
            match output.status.code() {
                Some(0) => continue,
                Some(1 | 2) => assert!(
                    told.contains("disk has room") || told.contains("File too large"),
                    "{limits}: {told}"
                ),
                other => panic!("{limits}: {other:?}, {told}"),
            }
            assert_eq!(left_over(&product.path(".")), [""; 0], "{limits}");
        }
        assert!(!product.path(&out).join("report.html").exists() || round > 0);
        for command in &commands {
            product.succeed(command);
        }
        assert!(result(&product.path(&out)) == whole, "{limits}");
        assert!(trained(&product.path("trained")) == learned, "{limits}");
        std::fs::remove_dir_all(product.path("trained")).expect("a training");
    }
}

#[test]
fn memory_that_runs_out_is_told_with_the_stage() {
    let product = product();
    product.succeed(&small("out", "cache", &[]));
    let command = small("out", "cache", &["--fresh", "encode"]);
    // Megabytes of address space: from too little for the program to enough for its first stages.
    let told: Vec<String> = [500, 550, 600, 650]
        .map(|megabytes| limited(&product, &format!("ulimit -v {megabytes}000"), &command))
        .iter()
        .filter(|output| output.status.code() == Some(1))
        .map(said)
        .collect();
    let is_told = |said: &String| said.contains("error: out of memory") && said.contains("hint: ");
    assert!(told.iter().any(is_told), "{told:?}");
    product.succeed(&command);
}
