//! Two processes on one folder: one of them works, the other waits or is told, and what lies there is whole.

use std::process::Stdio;
use std::time::Duration;

use super::{Draw, asked, product, result, small, trained, training};

/// Starts both, the second a little later; their exit codes and what they said.
fn both(
    product: &crate::support::Product,
    [one, other]: [&[&str]; 2],
    later: Duration,
) -> [(Option<i32>, String); 2] {
    let start = |arguments: &[&str]| {
        let mut command = product.command(arguments);
        let command = command.stdout(Stdio::null()).stderr(Stdio::piped());
        command.spawn().expect("the binary")
    };
    let first = start(one);
    std::thread::sleep(later);
    let second = start(other);
    [first, second].map(|child| {
        let output = child.wait_with_output().expect("a process of ours");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), said)
    })
}

/// One of both has done its work; the other has, or was refused in words.
fn assert_told(ended: &[(Option<i32>, String); 2]) {
    let is_done = |(code, _): &(Option<i32>, String)| *code == Some(0);
    assert!(ended.iter().any(is_done), "{ended:?}");
    for (code, said) in ended {
        let is_told = *code == Some(2) && said.contains("error: ") && said.contains("hint: ");
        assert!(*code == Some(0) || is_told, "{code:?}: {said}");
    }
}

#[test]
fn of_two_runs_on_one_folder_one_result_lies_there_whole() {
    let (product, mut draw) = (product(), Draw::new());
    let other = ["--set", "rollout.burn-in=7", "--overwrite"];
    product.succeed(&small("one", "cache", &["--overwrite"]));
    product.succeed(&small("other", "cache", &other));
    let wanted = ["one", "other"].map(|name| result(&product.path(name)));
    for round in 0..asked("RELIABILITY_PAIRS", 4) as usize {
        // Half of them without a cache, so that both work long.
        let caches = [["cache", "cache"], ["cache-a", "cache-b"]][round % 2];
        for cache in ["cache-a", "cache-b"] {
            drop(std::fs::remove_dir_all(product.path(cache)));
        }
        let first = small("out", caches[0], &["--overwrite"]);
        let second = small("out", caches[1], &other);
        let later = Duration::from_millis(draw.below(1200) as u64);
        let ended = both(&product, [&first, &second], later);
        assert_told(&ended);
        let found = result(&product.path("out"));
        assert!(wanted.contains(&found), "round {round}: {ended:?}");
    }
}

#[test]
fn of_two_trainings_on_one_folder_one_goes_on_undisturbed() {
    let (product, mut draw) = (product(), Draw::new());
    product.succeed(&training("whole", "cache"));
    let whole = trained(&product.path("whole"));
    for round in 0..asked("RELIABILITY_PAIRS", 4) {
        let out = format!("out-{round}");
        let command = training(&out, "cache");
        let later = Duration::from_millis(draw.below(800) as u64);
        let ended = both(&product, [&command, &command], later);
        assert_told(&ended);
        assert!(trained(&product.path(&out)) == whole, "{ended:?}");
    }
}

#[test]
fn of_two_edits_and_two_exports_of_clips_one_is_told_or_both_are_whole() {
    let (product, mut draw) = (product(), Draw::new());
    product.succeed(&small("run", "cache", &[]));
    let edit = |slot| {
        vec![
            "edit",
            "run",
            "--clip",
            "synth-metal-2000000",
            "--remove",
            slot,
            "--out",
            "edited",
            "--cache",
            "cache",
            "--quiet",
        ]
    };
    let made = [
        "generate", "--layout", "clevrer", "--clips", "2", "--out", "made",
    ];
    let names = |folder: &str| {
        let mut names: Vec<_> = crate::support::contents(&product.path(folder))
            .into_iter()
            .map(|(path, _)| path)
            .collect();
        names.sort();
        names
    };
    product.succeed(&edit("1"));
    let (of_edit, later) = (
        names("edited"),
        Duration::from_millis(draw.below(500) as u64),
    );
    assert_told(&both(&product, [&edit("1"), &edit("2")], later));
    assert_eq!(names("edited"), of_edit);
    assert_told(&both(&product, [&made, &made], later));
}

#[test]
fn of_two_comparisons_and_two_evaluations_all_files_are_of_one_of_them() {
    let (product, mut draw) = (product(), Draw::new());
    product.succeed(&small("a", "cache", &[]));
    product.succeed(&small("b", "cache", &["--set", "rollout.burn-in=7"]));
    let compare = |runs: [&'static str; 2], out| ["compare", runs[0], runs[1], "--out", out];
    let evaluate = |pred, out| {
        let truth = "a/videos/truth";
        [
            "eval",
            "--pred",
            pred,
            "--truth",
            truth,
            "--metrics",
            "psnr",
            "--out",
            out,
        ]
    };
    let sides = ["a/videos/prediction", "b/videos/prediction"];
    product.succeed(&compare(["a", "b"], "page-0"));
    product.succeed(&compare(["b", "a"], "page-1"));
    product.succeed(&evaluate(sides[0], "scores-0.csv"));
    product.succeed(&evaluate(sides[1], "scores-1.csv"));
    let read = |name: &str| std::fs::read(product.path(name)).expect("a table");
    for round in 0..asked("RELIABILITY_PAIRS", 4) {
        let mut later = |most| Duration::from_millis(draw.below(most) as u64);
        let both_orders = [
            &compare(["a", "b"], "page")[..],
            &compare(["b", "a"], "page"),
        ];
        assert_told(&both(&product, both_orders, later(60)));
        let tables = ["page-0", "page-1"].map(|page| result(&product.path(page)));
        assert!(
            tables.contains(&result(&product.path("page"))),
            "round {round}"
        );

        let both_sides = sides.map(|side| evaluate(side, "scores.csv"));
        assert_told(&both(
            &product,
            [&both_sides[0], &both_sides[1]],
            later(200),
        ));
        let tables =
            [0, 1].map(|at| [format!("scores-{at}.csv"), format!("scores-{at}.items.csv")]);
        let wanted = tables.map(|names| names.map(|name| read(&name)));
        let found = ["scores.csv", "items.csv"].map(read);
        assert!(wanted.contains(&found), "round {round}");
    }
}
