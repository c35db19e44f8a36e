//! What earlier commands left: whose folder a run gets, finished runs, the cache, completions and manual pages.

use std::fs;

use insta::assert_snapshot;

use crate::cli_help::help;
use crate::support::Product;

const RUN: [&str; 6] = [
    "run",
    "video-predict",
    "--clips",
    "1",
    "--set",
    "answer=unset",
];

/// A run of one clip, small enough for tests.
fn small<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let settings = [
        "--set",
        "decode.frames=8",
        "--set",
        "render.sampler.steps=1",
        "--set",
        "evaluate.resamples=100",
        "--quiet",
    ];
    [&RUN[..], &settings, more].concat()
}

#[test]
fn a_run_of_other_settings_never_replaces_one_in_silence() {
    let product = Product::new();
    assert_eq!(
        product.succeed(&small(&[])),
        "runs/video-predict/report.html\n"
    );
    let first = fs::read(product.path("runs/video-predict/plan.toml")).unwrap();
    // The same settings replace in place, others take the next name, and take it again.
    assert_eq!(
        product.succeed(&small(&[])),
        "runs/video-predict/report.html\n"
    );
    for _ in 0..2 {
        let other = small(&["--seed", "7"]);
        assert_eq!(
            product.succeed(&other),
            "runs/video-predict-2/report.html\n"
        );
    }
    assert_eq!(
        first,
        fs::read(product.path("runs/video-predict/plan.toml")).unwrap()
    );
    let named = small(&["--seed", "7", "--out", "runs/video-predict"]);
    let said = product.fail(2, &named);
    assert!(
        said.contains("`seed = 0`") && said.contains("--overwrite"),
        "{said}"
    );
    let replaced = [&named[..], &["--overwrite"]].concat();
    product.succeed(&replaced);
    assert!(first != fs::read(product.path("runs/video-predict/plan.toml")).unwrap());

    // Somebody's own folders stay as they are.
    fs::create_dir_all(product.path("own")).unwrap();
    fs::write(product.path("own/letter.txt"), "dear").unwrap();
    fs::create_dir_all(product.path("new.partial")).unwrap();
    fs::write(product.path("new.partial/mine"), "dear").unwrap();
    let said = product.fail(2, &small(&["--out", "own", "--overwrite"]));
    assert!(said.contains("not empty and not a run folder"), "{said}");
    product.succeed(&small(&["--out", "new"]));
    assert!(product.path("own/letter.txt").exists() && product.path("new.partial/mine").exists());
}

#[test]
fn runs_are_listed_judged_by_other_tools_and_their_cache_is_cleaned() {
    let product = Product::new();
    product.succeed(&small(&[]));
    product.succeed(&small(&["--out", "runs/new"]));
    let listed = product.succeed(&["runs"]);
    assert_eq!(listed.lines().count(), 2, "{listed}");
    assert!(listed.contains("PSNR (imagined)"), "{listed}");
    let listed = product.succeed(&["runs", "--json"]);
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let json = product.succeed(&small(&["--json", "--out", "runs/new"]));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["path"], "runs/new/report.html");
    assert!(json["scores"].as_array().unwrap().len() > 3);

    // The run's own videos are what any other tool judges.
    let of = |kind: &str| format!("runs/new/videos/{kind}");
    product.succeed(&[
        "eval",
        "--pred",
        &of("truth"),
        "--truth",
        &of("truth"),
        "--metrics",
        "mse",
    ]);

    let held = product.succeed(&["clean"]);
    assert!(held.contains("decode-v"), "{held}");
    let told = product.succeed(&["clean", "--all", "--dry-run"]);
    assert!(told.starts_with("would be removed"), "{told}");
    let kept = product.succeed(&["clean", "--older-than", "1"]);
    assert!(kept.starts_with("removed 0 entries"), "{kept}");
    product.succeed(&["clean", "--all"]);
    let left = product.succeed(&["clean"]);
    assert!(!left.contains("decode-v"), "{left}");
}

#[test]
fn shells_and_man_know_every_command() {
    let product = Product::new();
    for shell in ["bash", "zsh", "fish"] {
        let text = product.succeed(&["completions", shell]);
        assert!(
            text.contains("edit-benchmark") || text.contains("doctor"),
            "{shell}"
        );
    }
    let page = product.succeed(&["man"]);
    assert!(
        page.contains(".TH pipeline 1") && page.contains("doctor"),
        "{page}"
    );
    assert!(product.succeed(&["man", "run"]).contains("overwrite"));
    let said = product.fail(2, &["man", "nosuch"]);
    assert!(
        said.contains("`nosuch`") && said.contains("doctor"),
        "{said}"
    );
}

#[test]
fn help_of_runs() {
    assert_snapshot!(help(&["runs"]), @"
    List finished runs with their scores, the latest first

    Usage: pipeline runs [OPTIONS] [DIR]

    Arguments:
      [DIR]  Folder that is searched for runs [default: runs]

    Options:
          --json           Print JSON: one object a run
          --memory <SIZE>  The most memory that one array, picture or file may take [default: half of the machine's]
      -h, --help           Print help
      -V, --version        Print version

    Examples:
      pipeline runs
      pipeline runs experiments --json
    ");
}

#[test]
fn help_of_clean() {
    assert_snapshot!(help(&["clean"]), @"
    Print what the cache holds, or remove part of it

    Usage: pipeline clean [OPTIONS]

    Options:
          --older-than <DAYS>  Remove what was last written more than this many days ago
          --all                Remove everything that can be made again
          --dry-run            Print what would be removed, and remove nothing
          --cache <DIR>        Cache of stages, frames and networks [default: `$SLOTFLOW_CACHE`, else `.cache` here where it is one, else the user's]
          --memory <SIZE>      The most memory that one array, picture or file may take [default: half of the machine's]
      -h, --help               Print help
      -V, --version            Print version

    Without an option it prints what the cache holds and removes nothing. Downloaded networks are never removed, and nothing that a living process writes. What is removed is made again when it is needed.

    Examples:
      pipeline clean
      pipeline clean --older-than 30 --dry-run
      pipeline clean --all
    ");
}

#[test]
fn help_of_completions() {
    assert_snapshot!(help(&["completions"]), @"
    Print completions for a shell

    Usage: pipeline completions [OPTIONS] <SHELL>

    Arguments:
      <SHELL>  The shell [possible values: bash, elvish, fish, powershell, zsh]

    Options:
          --memory <SIZE>  The most memory that one array, picture or file may take [default: half of the machine's]
      -h, --help           Print help
      -V, --version        Print version

    Examples:
      pipeline completions bash > ~/.local/share/bash-completion/completions/pipeline
      pipeline completions zsh > ~/.zfunc/_pipeline
    ");
}

#[test]
fn help_of_man() {
    assert_snapshot!(help(&["man"]), @"
    Print a manual page

    Usage: pipeline man [OPTIONS] [COMMAND]

    Arguments:
      [COMMAND]  Command that the page is about; without one, the whole program

    Options:
          --memory <SIZE>  The most memory that one array, picture or file may take [default: half of the machine's]
      -h, --help           Print help
      -V, --version        Print version

    Examples:
      pipeline man > pipeline.1
      pipeline man run > ~/.local/share/man/man1/pipeline-run.1
    ");
}

#[test]
fn help_of_doctor() {
    assert_snapshot!(help(&["doctor"]), @"
    Examine a copy of a data set: missing clips, unreadable files, duplicates, labels that do not join

    Usage: pipeline doctor [OPTIONS] <DATASET>

    Arguments:
      <DATASET>  Data set that lies on disk, or `videos` for your own

    Options:
          --root <DIR>        Folder of the data set
          --videos <FILE>...  Your own video files, or folders of videos or of numbered frames
          --clips <COUNT>     Clips of a split that are examined, evenly spread [default: all]
          --json              Print the report as JSON
      -q, --quiet             Print no progress
          --memory <SIZE>     The most memory that one array, picture or file may take [default: half of the machine's]
      -h, --help              Print help
      -V, --version           Print version

    Examples:
      pipeline doctor clevrer --root data/CLEVRER
      pipeline doctor clevrer --root data/CLEVRER --clips 100 --json > report.json
      pipeline doctor videos --videos clip.mp4 more/

    Exit codes: 0 whole, 2 nothing could be opened, 3 something is wrong
    ");
}
