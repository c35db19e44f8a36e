//! `pipeline edit`: a run's clip with other slots, replayed, and everything that is refused.

use std::path::Path;

use insta::assert_snapshot;

use crate::cli_help::help;
use crate::support::{Product, contents};

/// The run's first clip.
pub const FIRST: &str = "synth-metal-2000000";
/// The run's second clip.
pub const SECOND: &str = "synth-metal-2000001";

/// A run of two clips in the folder `run`, at a size that takes seconds.
pub fn with_run() -> Product {
    let product = Product::new();
    let small = [
        "run",
        "video-predict",
        "--clips",
        "2",
        "--quiet",
        "--device",
        "cpu",
        "--set",
        "render.sampler.steps=1",
        "--out",
        "run",
    ];
    product.succeed(&small);
    product
}

/// `pipeline edit run` with more arguments.
pub fn edit<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let start = ["edit", "run", "--quiet", "--device", "cpu"];
    start.iter().chain(more).copied().collect()
}

/// Two folders hold the same files with the same bytes, `run.json` left out.
pub fn same_bytes(product: &Product, one: &str, other: &str) {
    let of = |name: &str| contents(&product.path(name));
    let names = |all: &[(std::path::PathBuf, Vec<u8>)]| {
        all.iter().map(|(path, _)| path.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&of(one)), names(&of(other)));
    for ((path, one), (_, other)) in of(one).into_iter().zip(of(other)) {
        assert!(one == other, "{} differs", path.display());
    }
}

#[test]
fn an_edit_replays_to_the_same_bytes_and_leaves_the_run_as_it_is() {
    let product = with_run();
    let before = contents(&product.path("run"));
    let swap = format!("2={SECOND}:5");
    let like = format!("4={SECOND}:0");
    let changes = [
        "--clip",
        FIRST,
        "--remove",
        "0",
        "--swap",
        &swap,
        "--move",
        "5=2,-1",
        "--recolour",
        &like,
        "--from",
        "2",
        "--out",
        "edited",
    ];
    let said = product.succeed(&edit(&changes));
    assert_eq!(said.trim(), "edited/report.html");
    let again = ["--file", "edited/edit.toml", "--out", "again"];
    product.succeed(&edit(&again));
    same_bytes(&product, "edited", "again");
    // Also without what was kept.
    std::fs::remove_dir_all(product.path(".cache")).unwrap();
    product.succeed(&edit(&again));
    same_bytes(&product, "edited", "again");
    assert!(
        before == contents(&product.path("run")),
        "the run was changed"
    );
    for name in [
        "edit.toml",
        "exchanges.json",
        "answers.csv",
        "changed-answers.csv",
        &format!("videos/{FIRST}.mp4"),
        &format!("slots/{FIRST}.npz"),
    ] {
        assert!(product.path("edited").join(name).is_file(), "no {name}");
    }
    let page = std::fs::read_to_string(product.path("edited/report.html")).unwrap();
    assert!(page.contains("slot 0 removed") && page.contains("edited prediction"));
    for stage in ["render", "render, edited", "answer", "answer, edited"] {
        let listed = page.matches(&format!(">{stage}<")).count();
        assert_eq!(listed, 1, "{stage}");
    }
}

#[test]
fn an_edit_of_imagined_frames_and_one_that_begins_behind_the_observed_ones_are_made() {
    let product = with_run();
    let imagined = [
        "--clip",
        FIRST,
        "--remove",
        "3",
        "--imagined",
        "--out",
        "imagined",
    ];
    product.succeed(&edit(&imagined));
    let page = std::fs::read_to_string(product.path("imagined/report.html")).unwrap();
    assert!(page.contains("no answer is new"));
    let add = format!("{SECOND}:1");
    let late = [
        "--clip", FIRST, "--add", &add, "--move", "4=1,1", "--from", "10", "--out", "late",
    ];
    product.succeed(&edit(&late));
    let page = std::fs::read_to_string(product.path("late/report.html")).unwrap();
    assert!(page.contains("changed from frame 10 on") && page.contains("No answers: the reasoner"));
}

#[test]
fn everything_that_cannot_be_edited_is_refused_with_a_hint() {
    let product = with_run();
    let refused = |more: &[&str], words: &str| {
        let said = product.fail(2, &edit(more));
        assert!(said.contains(words), "{said}");
    };
    let clip = |more: &[&'static str]| -> Vec<&'static str> {
        ["--clip", FIRST]
            .into_iter()
            .chain(more.iter().copied())
            .collect()
    };
    refused(
        &clip(&["--remove", "99"]),
        &format!("no slot 99 in `{FIRST}`"),
    );
    refused(
        &["--clip", "other", "--remove", "1"],
        "no clip `other` in the run",
    );
    refused(&["--remove", "1"], "the run has 2 clips and none is named");
    refused(&clip(&["--add", "other:1"]), "no clip `other` in the run");
    refused(
        &clip(&["--add", "other"]),
        "not of the form CLIP:SLOT: `other`",
    );
    refused(
        &clip(&["--move", "2=far"]),
        "not of the form SLOT=X,Y: `2=far`",
    );
    let outside = "outside of the 64×64 picture";
    refused(&clip(&["--move", "5=900,0"]), outside);
    refused(
        &clip(&["--remove", "2", "--swap", "2=3"]),
        "two changes name slot 2",
    );
    refused(&clip(&["--remove", "1", "--from", "24"]), "no frame 24");
    refused(
        &clip(&["--remove", "1", "--out", "run/here"]),
        "a run's folder is never changed",
    );
    std::fs::create_dir(product.path("full")).unwrap();
    std::fs::write(product.path("full/letter.txt"), "dear").unwrap();
    refused(
        &clip(&["--remove", "1", "--out", "full"]),
        "not an edit's folder",
    );
    let said = product.fail(2, &edit(&clip(&["--imagined"])));
    assert!(
        said.contains("no change is given") && said.contains("slot  pixels"),
        "{said}"
    );
    refused_files(&product);
    let said = product.fail(2, &["edit", "full", "--clip", FIRST, "--remove", "1"]);
    assert!(said.contains("not a run folder"), "{said}");
    training_is_refused(&product);
    assert!(
        !product.path("run-edit").exists(),
        "nothing is half-written"
    );
}

fn refused_files(product: &Product) {
    let changes = ["--clip", FIRST, "--remove", "1", "--out", "kept"];
    product.succeed(&edit(&changes));
    let text = std::fs::read_to_string(product.path("kept/edit.toml")).unwrap();
    let refused = |text: String, words: &str| {
        std::fs::write(product.path("changed.toml"), text).unwrap();
        let said = product.fail(2, &edit(&["--file", "changed.toml", "--out", "never"]));
        assert!(said.contains(words), "{said}");
    };
    let changed = |key: &str| -> String {
        let line = |line: &str| match line.strip_prefix(key) {
            Some(_) => format!("{key} = \"0\"\n"),
            None => format!("{line}\n"),
        };
        text.lines().map(line).collect()
    };
    refused(changed("plan"), "whose plan is another");
    refused(changed("encoder"), "whose slot encoder is another");
    refused(format!("colour = 1\n{text}"), "not an edit file");
    assert!(!product.path("never").exists());
}

fn training_is_refused(product: &Product) {
    let plans = Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines");
    std::fs::create_dir(product.path("trained")).unwrap();
    let plan = plans.join("train/slots-synth.toml");
    std::fs::copy(plan, product.path("trained/plan.toml")).unwrap();
    let said = product.fail(2, &["edit", "trained", "--clip", FIRST, "--remove", "1"]);
    assert!(
        said.contains("the run rendered no slots: its flow is `train`"),
        "{said}"
    );
}

#[test]
fn the_slots_of_a_clip_are_listed() {
    let product = with_run();
    let listed = product.succeed(&edit(&["--list"]));
    assert!(
        listed.starts_with(&format!("clips of the run\n{FIRST}\n{SECOND}\n")),
        "{listed}"
    );
    let listed = product.succeed(&edit(&["--clip", SECOND, "--list"]));
    assert!(
        listed.starts_with(&format!("slots of {SECOND}")),
        "{listed}"
    );
    assert_eq!(listed.lines().count(), 2 + 7, "{listed}");
}

#[test]
fn help_names_every_change() {
    assert_snapshot!(help(&["edit"]), @"
    Remove, add, exchange or move objects of a finished run's clip, and predict it anew

    Usage: pipeline edit [OPTIONS] <RUN>

    Arguments:
      <RUN>  Folder of a finished `pipeline run video-predict`; it is not changed

    Options:
          --clip <CLIP>                 The clip
          --remove <SLOT>               Take a slot away
          --add <OTHER:SLOT>            Put a slot of another clip beside the clip's own
          --duplicate <SLOT>            Put a copy of a slot beside it
          --swap <SLOT=OTHER:SLOT>      Put another clip's slot in the place of a slot, or exchange two of the clip's own with SLOT=SLOT
          --move <SLOT=X,Y>             Move a slot by pixels to the right and down
          --recolour <SLOT=OTHER:SLOT>  Make a slot look like another clip's
          --from <FRAME>                Change the frames from this one on, counted from 0 [default: all]
          --imagined                    Change the imagined frames alone
          --file <FILE>                 An `edit.toml` in place of --clip and changes
          --list                        Print the run's clips and the slots of a clip, and change nothing
          --port <PORT>                 Port of the editor's page [default: a free one]
          --out <DIR>                   Folder of the page, videos and slots: a new one, or that of an earlier edit [default: RUN-edit]
          --device <DEVICE>             Device: auto, cpu, cuda or cuda:N [default: auto]
          --cache <DIR>                 Cache of stages, frames and networks [default: `$SLOTFLOW_CACHE`, else `.cache` here where it is one, else the user's]
      -q, --quiet                       Print no progress
          --memory <SIZE>               The most memory that one array, picture or file may take [default: half of the machine's]
      -h, --help                        Print help
      -V, --version                     Print version

    Without a change, --file or --list a page is served on this machine: its address is printed, and Ctrl-C ends it. Each edit made there gets a folder of its own: DIR, DIR-2, …

    Slots have the numbers that masks have, from 0; OTHER is another clip of the run. All changes are made to the slots as they were, so their order does not matter. A slot has no numbers for its place or colour: --move and --recolour exchange it for the slot of the run's clips that comes nearest to what is wanted, and the page says how near that is.

    Examples:
      pipeline edit runs/video-predict
      pipeline edit runs/video-predict --list
      pipeline edit runs/video-predict --clip synth-metal-2000000 --remove 3 --out runs/without-3
      pipeline edit runs/video-predict --clip synth-metal-2000000 --swap 2=synth-metal-2000001:4 --from 8 --out runs/other-ball
      pipeline edit runs/video-predict --clip synth-metal-2000000 --move 5=12,-4 --recolour 3=synth-metal-2000001:2 --out runs/moved
      pipeline edit runs/video-predict --file runs/without-3/edit.toml --out runs/again
    ");
}
