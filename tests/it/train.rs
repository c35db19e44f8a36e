//! Trainings: killed, interrupted, refused, out of disk; resumed to the same bytes.

mod earlier;
mod own_data;
mod ranks;

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use slotflow::weights::WeightsFile;

use crate::reliability::product;
use crate::support::{Product, contents};

const LOG: &str = "log.jsonl";
const WEIGHTS: &str = "vqvae.safetensors";

fn train<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let all = [
        "train",
        "tiny.toml",
        "--quiet",
        "--device",
        "cpu",
        "--out",
        out,
    ];
    [&all[..], more].concat()
}

fn lines(path: &Path) -> usize {
    std::fs::read_to_string(path).map_or(0, |text| text.lines().count())
}

/// Starts a training and ends it with `signal` as soon as its log has so many lines.
fn stopped(product: &Product, arguments: &[&str], log: &str, after: usize, signal: &str) -> Output {
    let mut command = product.command(arguments);
    let mut child = command
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    while lines(&product.path(log)) < after && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let number = child.id().to_string();
    let sent = Command::new("kill")
        .args([signal, &number])
        .status()
        .unwrap();
    assert!(sent.success());
    child.wait_with_output().unwrap()
}

/// The curve, the weights and the best model, which must be those of an uninterrupted training.
fn assert_same(product: &Product, one: &str, other: &str) {
    for name in [LOG, WEIGHTS, "best.safetensors", "step-00000042.png"] {
        let [one, other] =
            [one, other].map(|out| std::fs::read(product.path(out).join(name)).unwrap());
        assert!(one == other, "{name} differs");
    }
}

#[test]
fn a_killed_training_goes_on_to_the_same_curve_on_any_number_of_threads() {
    let product = product();
    product.succeed(&train("whole", &[]));
    assert_eq!(
        lines(&product.path("whole").join(LOG)),
        60 + 9,
        "every step and validation"
    );
    for (threads, after) in [("1", 3), ("2", 18), ("4", 41)] {
        let out = format!("killed-{threads}");
        // Every command its own number of threads.
        let log = format!("{out}/{LOG}");
        stopped(&product, &train(&out, &[]), &log, after, "-KILL");
        assert!(
            !product.path(&out).join(WEIGHTS).exists(),
            "killed too late to show anything"
        );
        let mut command = product.command(&train(&out, &[]));
        let done = command.env("RAYON_NUM_THREADS", threads).output().unwrap();
        assert!(
            done.status.success(),
            "{}",
            String::from_utf8_lossy(&done.stderr)
        );
        assert_same(&product, "whole", &out);
    }
}

#[test]
fn ctrl_c_writes_a_checkpoint_and_the_same_command_goes_on() {
    let product = product();
    product.succeed(&train("whole", &[]));
    let log = format!("asked/{LOG}");
    let said = stopped(&product, &train("asked", &[]), &log, 10, "-INT");
    assert_eq!(said.status.code(), Some(130));
    let said = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(
        said.contains("the same command goes on where this one stopped"),
        "{said}"
    );
    let steps = lines(&product.path(&log));
    let checkpoints = contents(&product.path("asked"))
        .into_iter()
        .filter(|(path, _)| {
            let name = path.display().to_string();
            name.starts_with("checkpoint-") && !name.ends_with("0.safetensors")
        });
    assert!(checkpoints.count() > 0 && steps < 69, "{steps}");
    product.succeed(&train("asked", &[]));
    assert_same(&product, "whole", "asked");
    product.succeed(&train("asked", &[]));
    assert_same(&product, "whole", "asked");
}

#[test]
fn a_folder_of_another_training_is_refused_by_the_key_that_differs() {
    let product = product();
    product.succeed(&train("out", &["--set", "fit.steps=2"]));
    let before = std::fs::read(product.path("out").join(WEIGHTS)).unwrap();
    for (change, told) in [
        ("fit.schedule.rate=0.5", "(`fit.schedule.rate` 0.001 → 0.5)"),
        ("seed=3", "(`seed` 0 → 3)"),
        ("vqvae.model.codes=9", "(`vqvae.model.codes` 8 → 9)"),
    ] {
        let said = product.fail(2, &train("out", &["--set", "fit.steps=2", "--set", change]));
        assert!(said.contains(told), "{said}");
    }
    assert_eq!(
        std::fs::read(product.path("out").join(WEIGHTS)).unwrap(),
        before
    );
}

#[test]
fn a_second_process_is_told_who_works_here() {
    let product = product();
    let endless = train("out", &["--set", "fit.steps=1000000"]);
    let mut child = product.command(&endless).spawn().unwrap();
    while lines(&product.path("out").join(LOG)) == 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    let said = product.fail(2, &endless);
    let told = format!("another process ({}) is working here: `out`", child.id());
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(said.contains(&told), "{said}");
}

#[test]
fn a_full_disk_leaves_the_checkpoint_before_intact() {
    let product = product();
    product.succeed(&train("whole", &[]));
    let log = format!("full/{LOG}");
    stopped(&product, &train("full", &[]), &log, 30, "-KILL");
    let checkpoints = || {
        let all = contents(&product.path("full")).into_iter();
        let is = |path: &Path| path.display().to_string().contains("checkpoint");
        all.filter(|(path, _)| is(path)).collect::<Vec<_>>()
    };
    let before = checkpoints();
    assert!(!before.is_empty());
    // A limit on the size of files fails a write halfway, as a full disk does.
    let script = "trap '' XFSZ; ulimit -f 40; exec \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_pipeline")]);
    let said = command
        .args(train("full", &[]))
        .current_dir(product.path("."))
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(said.status.code(), Some(1), "{told}");
    assert!(
        told.contains("safetensors") && told.contains("disk"),
        "{told}"
    );
    assert!(
        checkpoints() == before,
        "a checkpoint was touched, or a half one stays"
    );
    product.succeed(&train("full", &[]));
    assert_same(&product, "whole", "full");
}

#[test]
fn parameters_of_another_model_are_refused_as_a_start() {
    let product = product();
    let short = ["--set", "fit.steps=4"];
    product.succeed(&train("small", &short));
    let start = "fit.start=small/checkpoint-00000004.safetensors";
    product.succeed(&train("again", &[&short[..], &["--set", start]].concat()));
    let said = product.fail(
        1,
        &train("other", &["--set", "vqvae.model.codes=16", "--set", start]),
    );
    assert!(said.contains("checkpoint-00000004.safetensors"), "{said}");
    // The weights that it ended with do as well.
    let start = "fit.start=small/vqvae.safetensors";
    product.succeed(&train(
        "from-weights",
        &[&short[..], &["--set", start]].concat(),
    ));
    let other = ["--set", "vqvae.model.codes=16", "--set", start];
    let said = product.fail(1, &train("another", &other));
    assert!(said.contains("small/vqvae.safetensors"), "{said}");
}

#[test]
fn what_cannot_be_trained_on_is_refused_before_work() {
    let product = product();
    for (changes, told) in [
        (
            vec!["train", "slots-synth", "--set", "data.frames=3"],
            "`slots.objective.window` asks for windows of 8 frames from clips of 3",
        ),
        (
            vec!["train", "slotformer-synth", "--set", "data.frames=9"],
            "`slotformer.objective.rollout` asks for windows of 14 frames",
        ),
        (
            vec!["train", "tiny.toml", "--set", "data.clips=0"],
            "`data.clips`",
        ),
        (
            vec!["train", "tiny.toml", "--set", "fit.accumulate=0"],
            "`fit.accumulate` is 0",
        ),
        (
            vec!["train", "tiny.toml", "--set", "fit.schedule.warmup=1.5"],
            "`fit.schedule.warmup`",
        ),
    ] {
        let said = product.fail(2, &changes);
        assert!(said.contains(told), "{said}");
        assert!(!product.path("runs").exists());
    }
    let said = product.fail(1, &train("long", &["--set", "data.frames=400"]));
    assert!(
        said.contains("26 sampled frames, and 400 are asked for"),
        "{said}"
    );
    assert!(said.contains("fewer `data.frames`"), "{said}");
}

#[test]
fn lost_numbers_and_jumps_stop_a_training_and_its_checkpoints_stay_whole() {
    let product = product();
    let said = product.fail(
        1,
        &train(
            "lost",
            &[
                "--set",
                "fit.schedule.rate=1e25",
                "--set",
                "fit.save-every=1",
            ],
        ),
    );
    assert!(
        said.contains("is not a number at step") && said.contains("checkpoint-0"),
        "{said}"
    );
    for (path, _) in contents(&product.path("lost")) {
        if path
            .extension()
            .is_some_and(|ending| ending == "safetensors")
        {
            WeightsFile::read(product.path("lost").join(path)).unwrap();
        }
    }
    let jumpy = "--set fit.spike=1.2 --set fit.schedule.rate=0.3 --set fit.average=unset";
    let jumpy: Vec<&str> = jumpy.split(' ').collect();
    let jump_at = |out: &str, more: &[&str]| {
        let said = product.fail(1, &train(out, &[&jumpy[..], more].concat()));
        assert!(said.contains("the loss jumped from"), "{said}");
        assert!(said.contains(&format!("{out}/checkpoint-")), "{said}");
        lines(&product.path(out).join(LOG))
    };
    let (stopped, skipped) = (
        jump_at("jump", &[]),
        jump_at("skip", &["--set", "fit.on-spike=skip"]),
    );
    assert!(
        skipped >= stopped + 10,
        "ten in a row are enough: {stopped}, {skipped}"
    );
}

#[test]
fn recomputed_values_give_the_same_curve() {
    let product = product();
    product.succeed(&train("kept", &["--set", "fit.steps=8"]));
    let again = [
        "--set",
        "fit.steps=8",
        "--set",
        "fit.gradient-checkpointing=true",
    ];
    product.succeed(&train("recomputed", &again));
    let curve = |out: &str| std::fs::read_to_string(product.path(out).join(LOG)).unwrap();
    assert_eq!(curve("kept"), curve("recomputed"));
}

/// The figure that models are chosen by, at every validation in a log.
fn validations(log: &Path) -> Vec<(u64, f64)> {
    let text = std::fs::read_to_string(log).unwrap();
    let lines = text
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines
        .filter_map(|line| Some((line["step"].as_u64()?, line["val/squared"].as_f64()?)))
        .collect()
}

#[test]
fn the_best_model_is_kept_where_that_is_asked_for() {
    let product = product();
    // The rate is far too high and never falls: the model gets worse again.
    let arguments = "--set data.dataset=synth --set fit.keep-best=true --set fit.schedule.rate=0.3 --set fit.schedule.floor=1.0 \
                     --set fit.average=unset --set fit.steps=42";
    let arguments: Vec<&str> = arguments.split_whitespace().collect();
    product.succeed(&train("out", &arguments));
    let all = validations(&product.path("out").join(LOG));
    let best = all
        .iter()
        .copied()
        .reduce(|best, one| if one.1 < best.1 { one } else { best });
    let (step, value) = best.unwrap();
    assert!(step < 42, "the last is the best: {all:?}");
    let header = WeightsFile::read(product.path("out").join(WEIGHTS))
        .unwrap()
        .header;
    let kept = &header.training["kept"];
    assert_eq!(
        (kept["step"].as_u64(), kept["value"].as_f64()),
        (Some(step), Some(value))
    );
    assert_eq!(
        (&kept["figure"], &kept["better"]),
        (&"squared".into(), &"smaller".into())
    );
}

#[test]
fn of_several_seeds_the_one_that_validates_best_goes_on() {
    let product = product();
    let arguments = train(
        "out",
        &[
            "--seeds",
            "3",
            "--set",
            "seeds.compare-at=14",
            "--set",
            "fit.steps=30",
        ],
    );
    let said = product.succeed(&arguments);
    assert_eq!(said.trim(), "out/vqvae.safetensors");
    let table = std::fs::read_to_string(product.path("out/seeds.csv")).unwrap();
    let rows: Vec<Vec<&str>> = table
        .lines()
        .skip(1)
        .map(|row| row.split(',').collect())
        .collect();
    assert_eq!(rows.len(), 3);
    let value = |row: &[&str]| row[3].parse::<f64>().unwrap();
    let best = rows
        .iter()
        .map(|row| value(row))
        .fold(f64::INFINITY, f64::min);
    for row in &rows {
        assert_eq!(row[5] == "true", value(row) == best, "{table}");
        let log = product
            .path("out")
            .join(format!("seed-{}", row[0]))
            .join(LOG);
        let last = validations(&log).last().unwrap().0;
        assert_eq!(last, if row[5] == "true" { 30 } else { 14 }, "{table}");
    }
    let header = WeightsFile::read(product.path("out").join(WEIGHTS))
        .unwrap()
        .header;
    assert_eq!(header.training["seeds"].as_array().unwrap().len(), 3);
    let before = contents(&product.path("out/seed-0"));
    product.succeed(&arguments);
    assert!(contents(&product.path("out/seed-1")).len() > 3 && !before.is_empty());
    assert_eq!(
        std::fs::read_to_string(product.path("out/seeds.csv")).unwrap(),
        table
    );
    // The chosen one is the training that it would have been alone.
    let chosen = rows.iter().find(|row| row[5] == "true").unwrap()[0];
    product.succeed(&train(
        "alone",
        &["--seed", chosen, "--set", "fit.steps=30"],
    ));
    let weights = |path: String| {
        WeightsFile::read(product.path(&path))
            .unwrap()
            .state
            .entries
    };
    assert!(weights(format!("out/{WEIGHTS}")) == weights(format!("alone/{WEIGHTS}")));
}

#[test]
fn a_speedrun_trains_every_model_and_ends_with_the_same_report() {
    let product = Product::new();
    let plan = std::fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("pipelines/speedrun.toml"),
    );
    let small = plan.unwrap().replace("data.clips=200", "data.clips=4");
    let small = small.replace("data.held-out=16", "data.held-out=2");
    let small = small.replace(
        "fit.steps=",
        "fit.validate-every=1000000\", \"fit.steps=1\", \"fit.keep=",
    );
    let predict = "set = [\"decode.clips=2\", \"render.sampler.steps=1\",\n    \"encode.weights";
    let small = small.replace("set = [\n    \"encode.weights", predict);
    std::fs::write(product.path("small.toml"), small).unwrap();
    let arguments = [
        "run",
        "small.toml",
        "--quiet",
        "--device",
        "cpu",
        "--out",
        "out",
    ];
    let said = product.succeed(&arguments);
    assert_eq!(said.trim(), "out/predict/report.html");
    let scores = std::fs::read(product.path("out/predict/scores.csv")).unwrap();
    let table = std::fs::read_to_string(product.path("out/trainings.csv")).unwrap();
    for training in [
        "vqvae",
        "slots",
        "slotformer",
        "diffusion",
        "aloe",
        "motion",
        "dvae",
        "steve",
        "readout",
    ] {
        assert!(table.contains(&format!("\n{training}-synth,1,")), "{table}");
    }
    assert_eq!(product.succeed(&arguments), said);
    assert_eq!(
        std::fs::read(product.path("out/predict/scores.csv")).unwrap(),
        scores
    );
}
