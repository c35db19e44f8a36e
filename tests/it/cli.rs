//! The command line: refusals leave nothing behind, plans that are shown are plans, bench writes its table.
//! Messages stand word for word in `cli_errors` and `cli_errors_files`.

use insta::assert_snapshot;

use crate::cli_help::help;
use crate::support::Product;

#[test]
fn values_that_make_no_sense_are_refused_before_work() {
    let product = Product::new();
    for (change, word) in [
        ("rollout.burn-in=0", "rollout.burn-in"),
        ("decode.frames=6", "nothing to predict"),
        ("decode.size=[0, 64]", "decode.size"),
        ("report.format=avi", "report.format"),
    ] {
        let said = product.fail(2, &["run", "video-predict", "--set", change]);
        assert!(said.contains(word), "{change}: {said}");
    }
    assert!(!product.path("runs").exists() && !product.path(".cache").exists());
}

#[test]
fn files_that_are_no_videos_fail_by_name() {
    let product = Product::new();
    std::fs::write(product.path("text.mp4"), "this is no video").unwrap();
    std::fs::write(product.path("empty.mp4"), "").unwrap();
    let said = product.fail(
        1,
        &[
            "run",
            "video-predict",
            "--quiet",
            "--videos",
            "text.mp4",
            "empty.mp4",
        ],
    );
    assert!(said.contains("none of 2 clips could be done"), "{said}");
    assert!(!product.path("runs").exists());
    let said = product.fail(2, &["run", "video-predict", "--videos", "absent.mp4"]);
    assert!(said.contains("absent.mp4"), "{said}");
}

#[test]
fn a_folder_with_something_else_in_it_is_left_alone() {
    let product = Product::new();
    std::fs::create_dir(product.path("mine")).unwrap();
    std::fs::write(product.path("mine/thesis.txt"), "years of work").unwrap();
    let arguments = [
        "run",
        "video-predict",
        "--quiet",
        "--clips",
        "1",
        "--set",
        "render.sampler.steps=1",
        "--out",
        "mine",
    ];
    let said = product.fail(2, &arguments);
    assert!(said.contains("not empty and not a run folder"), "{said}");
    assert_eq!(
        std::fs::read_to_string(product.path("mine/thesis.txt")).unwrap(),
        "years of work"
    );
}

#[test]
fn a_shown_plan_is_a_plan() {
    let product = Product::new();
    for name in product.succeed(&["show"]).lines() {
        let text = product.succeed(&["show", name]);
        std::fs::write(product.path("again.toml"), &text).unwrap();
        assert_eq!(product.succeed(&["show", "again.toml"]), text, "{name}");
    }
}

#[test]
fn a_bench_writes_a_row_a_case_with_its_spread() {
    let product = Product::new();
    let said = product.fail(2, &["bench", "layers/nothing"]);
    assert!(said.contains("layers/linear"), "{said}");
    let arguments = ["bench", "layers/linear", "layers/group-norm-silu"];
    let effort = ["--device", "cpu", "--warm-up", "1", "--repeats", "3"];
    product.succeed(&[&arguments[..], &effort].concat());
    let text = std::fs::read_to_string(product.path("bench.csv")).unwrap();
    let rows: Vec<Vec<&str>> = text.lines().map(|row| row.split(',').collect()).collect();
    assert_eq!(rows.len(), 3, "{text}");
    let column = |name: &str| rows[0].iter().position(|title| *title == name).unwrap();
    for row in &rows[1..] {
        let secs = |name: &str| row[column(name)].parse::<f64>().unwrap();
        let (low, median, high) = (secs("low_secs"), secs("median_secs"), secs("high_secs"));
        assert!(0.0 < low && low <= median && median <= high, "{text}");
        assert_eq!(row[column("repeats")], "3");
    }
    assert_eq!(rows[2][column("shape")], "336x256");
    product.succeed(&[&arguments[..2], &effort, &["--batch", "8"]].concat());
    let text = std::fs::read_to_string(product.path("bench.csv")).unwrap();
    assert!(text.contains("layers/linear,8x256,"), "{text}");
}

#[test]
fn help_of_bench() {
    assert_snapshot!(help(&["bench"]), @"
    Measure the time of layers and networks on this machine

    Usage: pipeline bench [OPTIONS] [CASE]...

    Arguments:
      [CASE]...  Cases or groups of cases, such as networks/i3d or layers; all if none is named

    Options:
          --list             Print the names of all cases and measure nothing
          --warm-up <COUNT>  Repetitions before the measured ones [default: 2]
          --repeats <COUNT>  Measured repetitions [default: 10]
          --batch <COUNT>    First size of every case, such as its batch [default: each case's own]
          --out <FILE>       Table of median and quartiles [default: bench.csv]
          --device <DEVICE>  Device: auto, cpu, cuda or cuda:N [default: auto]
      -q, --quiet            Print no progress
          --memory <SIZE>    The most memory that one array, picture or file may take [default: half of the machine's]
      -h, --help             Print help
      -V, --version          Print version

    Examples:
      pipeline bench --list
      pipeline bench layers networks/i3d --repeats 20 --out times.csv
    ");
}
