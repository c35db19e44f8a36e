//! Work in shares: any number of shards, put together, are the bytes of one command, and what does not belong together is
//! refused by name.

use std::fs;
use std::path::{Path, PathBuf};

use insta::assert_snapshot;

use crate::cli_help::help;
use crate::support::{Product, assert_same_run, contents};
use crate::transcript::{said, visible};

/// Evaluations.
mod evaluations;
/// Runs of other flows, and generated clips.
mod kinds;

/// The main job at a size that takes a second, but for its clips.
const SMALL: [&str; 11] = [
    "run",
    "video-predict",
    "--frames",
    "8",
    "--quiet",
    "--device",
    "cpu",
    "--set",
    "render.sampler.steps=1",
    "--set",
    "answer=unset",
];

/// The job on so many clips.
fn small<'a>(clips: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&SMALL[..], &["--clips", clips], more].concat()
}

/// Every shard of `count` of a command, each with a cache of its own, as on machines that share nothing but `out`.
fn shards(product: &Product, command: &[&str], count: usize, out: &str) {
    for index in 1..=count {
        let (shard, cache) = (format!("{index}/{count}"), format!("cache-{index}"));
        let own = ["--shard", &shard, "--out", out, "--cache", &cache];
        product.succeed(&[command, &own].concat());
    }
}

/// Variables of a scheduler or of MPI.
fn with(name: &str, value: usize) -> (&str, String) {
    (name, value.to_string())
}

/// The command under these variables, which must succeed; what it printed and what it said.
fn under(product: &Product, variables: &[(&str, String)], arguments: &[&str]) -> [String; 2] {
    let mut command = product.command(arguments);
    let output = command.envs(variables.iter().cloned()).output().unwrap();
    let [printed, said] =
        [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    assert!(output.status.success(), "{arguments:?}: {said}");
    [printed.trim().to_owned(), said.trim().to_owned()]
}

/// The one artifact of a stage in a cache.
fn artifact(cache: &Path, stage: &str) -> PathBuf {
    let mut found: Vec<PathBuf> = fs::read_dir(cache.join(stage))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

#[test]
fn tasks_of_a_slurm_array_are_one_run() {
    let product = Product::new();
    product.succeed(&small("5", &["--out", "whole"]));
    for task in 0..4 {
        let variables = [
            with("SLURM_ARRAY_TASK_ID", 10 + 2 * task),
            with("SLURM_ARRAY_TASK_MIN", 10),
            with("SLURM_ARRAY_TASK_MAX", 16),
            with("SLURM_ARRAY_TASK_STEP", 2),
            with("SLURM_ARRAY_TASK_COUNT", 4),
        ];
        let cache = format!("cache-{task}");
        let own = ["--shard", "auto", "--out", "parts", "--cache", &cache];
        let [printed, _] = under(&product, &variables, &small("5", &own));
        assert_eq!(printed, format!("parts/shard-{}-of-4", task + 1));
    }
    let merge = ["merge", "parts", "--quiet", "--device", "cpu"];
    let own = ["--out", "merged", "--cache", "cache-m"];
    let printed = product.succeed(&[&merge[..], &own].concat());
    assert_eq!(printed.trim(), "merged/report.html");
    assert_same_run(&product, "whole", "merged");
    // What is there is found: nothing is put there twice, and the plan's own run finds it as well.
    let dry = product.succeed(&small("5", &["--dry-run", "--cache", "cache-m"]));
    assert!(!dry.contains("would run"), "{dry}");
    product.succeed(&[&merge[..], &["--out", "again", "--cache", "cache-m"]].concat());
    assert_same_run(&product, "whole", "again");
}

#[test]
fn ranks_of_mpi_are_one_run_also_where_there_are_more_than_clips() {
    let product = Product::new();
    product.succeed(&small("2", &["--out", "whole"]));
    let mut command = small("2", &["--shard", "auto", "--out", "parts"]);
    command.retain(|word| *word != "--quiet");
    for rank in 0..3 {
        let variables = [
            with("OMPI_COMM_WORLD_RANK", rank),
            with("OMPI_COMM_WORLD_SIZE", 3),
        ];
        let [printed, said] = under(&product, &variables, &command);
        assert_eq!(printed, format!("parts/shard-{}-of-3", rank + 1));
        let last = ["shard 1/3: 1 of 2 clips", "shard 2/3: 1 of 2 clips"];
        let last = last.get(rank).copied();
        let last = last.unwrap_or("shard 3/3 is empty: there are only 2 clips");
        assert!(said.ends_with(last), "{said}");
    }
    let merge = [
        "merge", "parts", "--quiet", "--device", "cpu", "--out", "merged",
    ];
    product.succeed(&merge);
    assert_same_run(&product, "whole", "merged");
    // One shard is the whole as well, and without the flag nothing is split, whatever the environment says.
    let variables = [with("PMI_RANK", 0), with("PMI_SIZE", 3)];
    under(&product, &variables, &small("2", &["--out", "alone"]));
    assert_same_run(&product, "whole", "alone");
    product.succeed(&small("2", &["--shard", "1/1", "--out", "one"]));
    let merge = [
        "merge",
        "one/shard-1-of-1",
        "--quiet",
        "--device",
        "cpu",
        "--out",
        "of-one",
    ];
    product.succeed(&merge);
    assert_same_run(&product, "whole", "of-one");
}

#[test]
fn slots_alone_are_put_together_too() {
    let product = Product::new();
    let encode = small("5", &["--until", "encode"]);
    product.succeed(&[&encode[..], &["--cache", "whole"]].concat());
    shards(&product, &encode, 2, "parts");
    let merge = [
        "merge", "parts", "--quiet", "--device", "cpu", "--cache", "merged",
    ];
    let printed = product.succeed(&merge);
    let slots = artifact(&product.path("merged"), "encode-v1");
    assert!(slots.ends_with(Path::new(printed.trim()).file_name().unwrap()));
    for stage in ["decode-v1", "encode-v1"] {
        let [whole, merged] =
            ["whole", "merged"].map(|cache| artifact(&product.path(cache), stage));
        assert!(contents(&whole) == contents(&merged), "{stage}");
    }
}

#[test]
fn a_shard_that_was_killed_goes_on_where_it_was() {
    let product = Product::new();
    let command = small("5", &["--shard", "1/2", "--out", "parts"]);
    product.succeed(&command);
    let whole = contents(&product.path("parts/shard-1-of-2"));
    // As a kill between two clips leaves it.
    let shard = product.path("parts/shard-1-of-2");
    let render = artifact(&shard, "render-v1");
    let partial = render.with_extension("partial");
    fs::rename(&render, &partial).unwrap();
    fs::remove_file(partial.join("manifest.json")).unwrap();
    fs::remove_file(shard.join("shard.json")).unwrap();
    let gone = partial.join("synth-metal-2000004.safetensors");
    fs::remove_file(&gone).unwrap();
    let refused = product.fail(2, &["merge", "parts", "--out", "merged"]);
    assert!(
        refused.contains("is not finished: `parts/shard-1-of-2`"),
        "{refused}"
    );
    product.succeed(&command);
    assert!(contents(&shard) == whole);
}

/// A copy of a folder.
fn copy(product: &Product, from: &str, to: &str) {
    for (path, bytes) in contents(&product.path(from)) {
        let target = product.path(to).join(path);
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::write(target, bytes).unwrap();
    }
}

#[test]
fn what_does_not_belong_together_is_refused_by_name_and_nothing_is_written() {
    let product = Product::new();
    shards(&product, &small("4", &[]), 3, "parts");
    let other = small("4", &["--set", "rollout.burn-in=7"]);
    product.succeed(&[&other[..], &["--shard", "3/3", "--out", "other"]].concat());
    copy(&product, "parts/shard-2-of-3", "twin");
    copy(&product, "parts/shard-2-of-3", "damaged");
    let render = artifact(&product.path("damaged"), "render-v1");
    let file = render.join("synth-metal-2000001.safetensors");
    let mut bytes = fs::read(&file).unwrap();
    let last = bytes.last_mut().unwrap();
    *last ^= 1;
    fs::write(&file, bytes).unwrap();
    fs::create_dir(product.path("empty")).unwrap();
    let merge = |parts: &[&str]| {
        let own = ["--out", "merged", "--cache", "cache-m", "--device", "cpu"];
        let said = product.fail(2, &[&["merge"], parts, &own].concat());
        let id = render.file_name().unwrap().to_string_lossy().into_owned();
        assert!(!product.path("merged").exists() && !product.path("cache-m").exists());
        said.replace(&id, "ID")
    };
    let [one, two, three] = [1, 2, 3].map(|index| format!("parts/shard-{index}-of-3"));
    let all = [
        merge(&[&one, &three]),
        merge(&["parts", "twin"]),
        merge(&[&one, &two, "other/shard-3-of-3"]),
        merge(&[&one, "damaged", &three]),
        merge(&["parts", "empty"]),
        merge(&["gone"]),
    ];
    assert_snapshot!(visible(&all.join("\n")), @"
    error: 1 of 3 shards missing: 2/3

    hint: run the same command with `--shard` and these numbers, or name their folders too

    error: shard 2/3 is there twice: `parts/shard-2-of-3` and `twin`

    hint: name only one of them

    error: this shard is of another work than the others, with `rollout.burn-in` 7, not 6: `other/shard-3-of-3`

    hint: leave it out, and run the command of the others with its number

    error: a file of shard 2/3 is damaged (its bytes are not those that were written): `damaged/render-v1/ID/synth-metal-2000001.safetensors`

    hint: remove the file and run the shard's command again; only that file is made again

    error: no shard lies here: `empty`

    hint: name the folders that commands with `--shard` wrote, or the folder that they lie in

    error: no shard lies here: `gone`

    hint: name the folders that commands with `--shard` wrote, or the folder that they lie in
    ");
    let elsewhere = ["merge", "parts", "--out", "merged", "--cache", "cache-m"];
    fs::write(product.path("taken"), "a letter").unwrap();
    let taken = ["merge", "parts", "--out", "taken", "--cache", "cache-m"];
    product.fail(2, &taken);
    assert!(!product.path("cache-m").exists());
    product.fail(2, &["merge", "parts"]);
    product.succeed(&elsewhere);
}

#[test]
fn words_that_name_no_shard_are_refused_and_flows_without_shards_say_why() {
    let run = |shard: &'static str| said(&["run", "video-predict", "--shard", shard]);
    let all = [
        run("0/4"),
        run("5/4"),
        run("a/b"),
        run("auto"),
        said(&["run", "speedrun", "--shard", "1/2"]),
        said(&["run", "compose", "--shard", "1/2"]),
        said(&["run", "edit-benchmark", "--shard", "1/2"]),
    ];
    assert_snapshot!(all.join("\n"), @"
    $ pipeline run video-predict --shard 0/4
    exit code 2
    error: there is no shard 0 of 4

    hint: shards are counted from 1: the first of four is `--shard 1/4`, the last `--shard 4/4`
    $ pipeline run video-predict --shard 5/4
    exit code 2
    error: there is no shard 5 of 4

    hint: shards are counted from 1: the first of four is `--shard 1/4`, the last `--shard 4/4`
    $ pipeline run video-predict --shard a/b
    exit code 2
    error: `a/b` is no shard

    hint: for example `--shard 2/4`, the second of four, or `--shard auto`
    $ pipeline run video-predict --shard auto
    exit code 2
    error: `--shard auto` finds neither a task of a Slurm array nor an MPI rank here

    hint: say which one this is, as in `--shard 1/4`, or start it with `sbatch --array=1-4` or `mpirun`
    $ pipeline run speedrun --shard 1/2
    exit code 2
    error: a run of the flow `speedrun` has no shards: most of it is training

    hint: leave out `--shard`; flows with shards are video-predict, segment, clevrer-vqa and physion-vqa
    $ pipeline run compose --shard 1/2
    exit code 2
    error: a run of the flow `compose` has no shards: its scenes are of slots of several clips

    hint: leave out `--shard`; flows with shards are video-predict, segment, clevrer-vqa and physion-vqa
    $ pipeline run edit-benchmark --shard 1/2
    exit code 2
    error: a run of the flow `edit-benchmark` has no shards: its edits take objects from the other clips

    hint: leave out `--shard`; flows with shards are video-predict, segment, clevrer-vqa and physion-vqa
    ");
}

#[test]
fn merge_help() {
    assert_snapshot!(help(&["merge"]), @"
    Put shards together into what one command would have made

    Usage: pipeline merge [OPTIONS] <DIR>...

    Arguments:
      <DIR>...  Folders of shards, or folders that they lie in

    Options:
          --out <DIR>        Folder of the whole
          --overwrite        Replace the finished run of other settings that --out holds
          --json             Print one JSON object with the scores in place of the report's path
          --device <DEVICE>  Device: auto, cpu, cuda or cuda:N [default: auto]
          --cache <DIR>      Cache of stages, frames and networks [default: `$SLOTFLOW_CACHE`, else `.cache` here where it is one, else the user's]
      -q, --quiet            Print no progress
          --memory <SIZE>    The most memory that one array, picture or file may take [default: half of the machine's]
      -h, --help             Print help
      -V, --version          Print version

    Examples:
      pipeline run clevrer --root DIR --out runs/parts --shard 1/2
      pipeline run clevrer --root DIR --out runs/parts --shard 2/2
      pipeline merge runs/parts --out runs/clevrer
    ");
}
