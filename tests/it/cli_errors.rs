//! Typical errors of plans, data and settings: exit code and message of the binary, in snapshots, so that a change of words is seen in review.

use insta::assert_snapshot;

use crate::cli_help::help;
use crate::transcript::{said, said_with};

#[test]
fn no_command() {
    // The help, of which there is a snapshot, and the exit code of a refusal.
    let help = format!("$ pipeline\nexit code 2\n{}", help(&[]));
    assert_eq!(said(&[]), help);
}

#[test]
fn an_unknown_command() {
    assert_snapshot!(said(&["predict"]), @"
    $ pipeline predict
    exit code 2
    error: unrecognized subcommand 'predict'

      tip: a similar subcommand exists: 'edit'

    Usage: pipeline [OPTIONS] <COMMAND>

    For more information, try '--help'.
    ");
}

#[test]
fn a_run_without_a_plan() {
    assert_snapshot!(said(&["run"]), @"
    $ pipeline run
    exit code 2
    error: the following required arguments were not provided:
      <PLANS>...

    Usage: pipeline run <PLANS>...

    For more information, try '--help'.
    ");
}

#[test]
fn an_unknown_plan() {
    assert_snapshot!(said(&["run", "video-predikt"]), @"
    $ pipeline run video-predikt
    exit code 2
    error: no plan is called `video-predikt` and no such file exists

    hint: did you mean `video-predict`? `pipeline show` lists the built-in plans
    ");
}

#[test]
fn a_plan_file_that_is_absent() {
    assert_snapshot!(said(&["run", "mine.toml"]), @"
    $ pipeline run mine.toml
    exit code 2
    error: no plan is called `mine.toml` and no such file exists

    hint: `pipeline show` lists the built-in plans
    ");
}

#[test]
fn a_plan_that_is_no_toml() {
    assert_snapshot!(said_with(&[("mine.toml", b"flow = ")], &["run", "mine.toml"]), @"
    $ pipeline run mine.toml
    exit code 2
    error: string values must be quoted, expected literal string: `mine.toml`

    hint: `pipeline show video-predict` prints a whole plan with every key
    ");
}

#[test]
fn a_plan_of_an_unknown_flow() {
    assert_snapshot!(said_with(&[("mine.toml", b"flow = \"predict\"")], &["run", "mine.toml"]), @"
    $ pipeline run mine.toml
    exit code 2
    error: `flow`: unknown variant `predict`, expected one of `video-predict`, `clevrer-vqa`, `physion-vqa`, `segment`, `compose`, `edit-benchmark`, `train`, `speedrun`, `ablation`: `mine.toml`

    hint: `pipeline show video-predict` prints a whole plan with every key
    ");
}

#[test]
fn a_plan_with_an_unknown_table() {
    assert_snapshot!(said_with(&[("mine.toml", b"[decoder]\nclips = 2")], &["run", "mine.toml"]), @"
    $ pipeline run mine.toml
    exit code 2
    error: unknown field `decoder`, expected one of `flow`, `seed`, `decode`, `encode`, `rollout`, `render`, `answer`, `evaluate`, `report`; did you mean `decode`?: `mine.toml`

    hint: `pipeline show video-predict` prints a whole plan with every key
    ");
}

#[test]
fn an_unknown_key() {
    assert_snapshot!(said(&["run", "video-predict", "--set", "rollout.burnin=8"]), @"
    $ pipeline run video-predict --set rollout.burnin=8
    exit code 2
    error: unknown field `burnin`, expected one of `weights`, `burn-in`, `steps` in `rollout`; did you mean `burn-in`?: `video-predict`

    hint: `pipeline show video-predict` prints a whole plan with every key
    ");
}

#[test]
fn a_change_without_a_value() {
    assert_snapshot!(said(&["run", "video-predict", "--set", "rollout.burn-in"]), @"
    $ pipeline run video-predict --set rollout.burn-in
    exit code 2
    error: not a change of the form table.key=value: `rollout.burn-in`

    hint: for example `--set rollout.burn-in=8`
    ");
}

#[test]
fn a_value_of_the_wrong_type() {
    assert_snapshot!(said(&["run", "video-predict", "--set", "rollout.burn-in=six"]), @r#"
    $ pipeline run video-predict --set rollout.burn-in=six
    exit code 2
    error: invalid type: string "six", expected usize in `rollout.burn-in`: `video-predict`

    hint: `pipeline show video-predict` prints a whole plan with every key
    "#);
}

#[test]
fn no_observed_frames() {
    assert_snapshot!(said(&["run", "video-predict", "--set", "rollout.burn-in=0"]), @"
    $ pipeline run video-predict --set rollout.burn-in=0
    exit code 2
    error: `rollout.burn-in` is 0; at least one frame must be observed

    hint: change `rollout.burn-in` in the plan, or with `--set rollout.burn-in=…`
    ");
}

#[test]
fn no_frames_to_predict() {
    assert_snapshot!(said(&["run", "video-predict", "--frames", "6"]), @"
    $ pipeline run video-predict --frames 6
    exit code 2
    error: `decode.frames` is 6, which leaves nothing to predict after 6 observed

    hint: change `decode.frames` in the plan, or with `--set decode.frames=…`
    ");
}

#[test]
fn an_impossible_size() {
    assert_snapshot!(said(&["run", "video-predict", "--set", "decode.size=[0, 64]"]), @"
    $ pipeline run video-predict --set decode.size=[0, 64]
    exit code 2
    error: `decode.size` is [0, 64]; each side must be 1 to 4096 pixels

    hint: change `decode.size` in the plan, or with `--set decode.size=…`
    ");
}

#[test]
fn an_unknown_video_format() {
    assert_snapshot!(said(&["run", "video-predict", "--set", "report.format=avi"]), @"
    $ pipeline run video-predict --set report.format=avi
    exit code 2
    error: unknown variant `avi`, expected one of `mp4`, `gif`, `webm`, `png` in `report.format`: `video-predict`

    hint: `pipeline show video-predict` prints a whole plan with every key
    ");
}

#[test]
fn an_unknown_split() {
    assert_snapshot!(said(&["run", "video-predict", "--set", "decode.split=tset"]), @"
    $ pipeline run video-predict --set decode.split=tset
    exit code 2
    error: no split is called `tset`; there are train, val and test in `decode.split`: `video-predict`

    hint: `pipeline show video-predict` prints a whole plan with every key
    ");
}

#[test]
fn an_unknown_sampler() {
    assert_snapshot!(said(&["run", "video-predict", "--set", "render.sampler.method=ddpm"]), @"
    $ pipeline run video-predict --set render.sampler.method=ddpm
    exit code 2
    error: unknown variant `ddpm`, expected one of `ancestral`, `ddim`, `singlestep`, `multistep`, `euler`, `heun` in `render.sampler.method`; did you mean `ddim`?: `video-predict`

    hint: `pipeline show video-predict` prints a whole plan with every key
    ");
}

#[test]
fn no_clips() {
    assert_snapshot!(said(&["run", "video-predict", "--clips", "0"]), @"
    $ pipeline run video-predict --clips 0
    exit code 2
    error: `decode.clips` is 0; there is nothing to do

    hint: change `decode.clips` in the plan, or with `--set decode.clips=…`
    ");
}

#[test]
fn a_number_of_frames_in_words() {
    assert_snapshot!(said(&["run", "video-predict", "--frames", "many"]), @"
    $ pipeline run video-predict --frames many
    exit code 2
    error: `--frames` takes a number or `all`, not `many`

    hint: for example `--frames 24`
    ");
}

#[test]
fn an_unknown_stage() {
    assert_snapshot!(said(&["run", "video-predict", "--fresh", "encoder"]), @"
    $ pipeline run video-predict --fresh encoder
    exit code 2
    error: invalid value 'encoder' for '--fresh <STAGE>'
      [possible values: decode, encode, segment, rollout, render, answer, neuro-symbolic, oracle, count-misreadings, noisy-oracle, physion, score-answers, score-masks, score-reconstructions, edit-benchmark, evaluate, compose, render-scenes, evaluate-scenes]

      tip: a similar value exists: 'encode'

    For more information, try '--help'.
    ");
}

#[test]
fn a_training_given_to_run() {
    assert_snapshot!(said(&["run", "train/slots-synth"]), @"
    $ pipeline run train/slots-synth
    exit code 2
    error: `run` predicts and answers, and this plan trains a model: `train/slots-synth`

    hint: `pipeline train train/slots-synth` trains it
    ");
}

#[test]
fn a_prediction_given_to_train() {
    assert_snapshot!(said(&["train", "video-predict"]), @"
    $ pipeline train video-predict
    exit code 2
    error: this plan trains no model: `video-predict`

    hint: `pipeline run video-predict` runs it; `pipeline show` lists the training plans
    ");
}

#[test]
fn an_unknown_training() {
    assert_snapshot!(said(&["train", "slots-synt"]), @"
    $ pipeline train slots-synt
    exit code 2
    error: no plan is called `slots-synt` and no such file exists

    hint: did you mean `train/slots-synth`? `pipeline show` lists the built-in plans
    ");
}

#[test]
fn a_training_of_no_steps() {
    assert_snapshot!(said(&["train", "slots-synth", "--set", "fit.steps=0"]), @"
    $ pipeline train slots-synth --set fit.steps=0
    exit code 2
    error: `fit.steps` is 0; there is nothing to learn

    hint: change `fit.steps` in the plan, or with `--set fit.steps=…`
    ");
}

#[test]
fn a_training_of_no_seeds() {
    assert_snapshot!(said(&["train", "slots-synth", "--seeds", "0"]), @"
    $ pipeline train slots-synth --seeds 0
    exit code 2
    error: `seeds.count` is 0; it must be 1 to 100

    hint: change `seeds.count` in the plan, or with `--set seeds.count=…`
    ");
}

#[test]
fn a_training_with_two_objectives() {
    assert_snapshot!(said(&["train", "slots-synth", "--set", "vqvae.objective.batch=2"]), @"
    $ pipeline train slots-synth --set vqvae.objective.batch=2
    exit code 2
    error: a training plan with 2 objectives (`slots`, `vqvae`); exactly one is needed, and there are `vqvae`, `autoencoder-kl`, `slots`, `diffusion`, `dvae`, `steve`, `slotdiffusion`, `slotformer`, `aloe`, `readout`, `object-event-head`, `motion`: `train/slots-synth`

    hint: `pipeline show train/slots-synth` prints a whole plan with every key
    ");
}

#[test]
fn a_training_on_data_without_a_folder() {
    assert_snapshot!(said(&["train", "savi-movi-e"]), @"
    $ pipeline train savi-movi-e
    exit code 2
    error: the data set `movi-e` is read from a folder, and none is named

    hint: give it with `--root DIR`
    ");
}

#[test]
fn an_unknown_device() {
    assert_snapshot!(said(&["run", "video-predict", "--device", "gpu"]), @"
    $ pipeline run video-predict --device gpu
    exit code 2
    error: no device is called `gpu`

    hint: say `auto`, `cpu`, `cuda` or `cuda:1`
    ");
}

#[test]
fn an_unknown_data_set() {
    assert_snapshot!(said(&["run", "video-predict", "--dataset", "clevr"]), @"
    $ pipeline run video-predict --dataset clevr
    exit code 2
    error: no data set is called `clevr`; did you mean `clevrer`? in `decode.dataset`: `video-predict`

    hint: `pipeline show video-predict` prints a whole plan with every key
    ");
}

#[test]
fn a_data_set_without_a_folder() {
    assert_snapshot!(said(&["run", "video-predict", "--dataset", "clevrer"]), @"
    $ pipeline run video-predict --dataset clevrer
    exit code 2
    error: the data set `clevrer` is read from a folder, and none is named

    hint: give it with `--root DIR`
    ");
}

#[test]
fn videos_and_a_data_set() {
    assert_snapshot!(said(&["run", "video-predict", "--videos", "clip.mp4", "--dataset", "clevrer"]), @"
    $ pipeline run video-predict --videos clip.mp4 --dataset clevrer
    exit code 2
    error: the argument '--videos <FILE>...' cannot be used with '--dataset <NAME>'

    Usage: pipeline run --videos <FILE>... <PLANS>...

    For more information, try '--help'.
    ");
}

#[test]
fn a_video_that_is_absent() {
    assert_snapshot!(said(&["run", "video-predict", "--videos", "absent.mp4"]), @"
    $ pipeline run video-predict --videos absent.mp4
    exit code 2
    error: cannot read (No such file or directory (os error 2)): `absent.mp4`

    hint: check that the path exists, that you may use it, and that the disk has room
    ");
}

#[test]
fn a_file_that_is_no_video() {
    assert_snapshot!(said_with(&[("text.mp4", b"this is no video")], &["run", "video-predict", "--quiet", "--videos", "text.mp4"]), @"
    $ pipeline run video-predict --quiet --videos text.mp4
    exit code 1
    error: decode: none of 1 clips could be done; the first: text: not a readable video (Invalid data found when processing input): `text.mp4`

    hint: look at the first reason; `--dry-run` shows what would be done
    ");
}

#[test]
fn contacts_in_a_data_set_without_any() {
    assert_snapshot!(said(&["run", "physion-vqa", "--dataset", "synth"]), @"
    $ pipeline run physion-vqa --dataset synth
    exit code 2
    error: `decode.dataset` is `synth`, which has no outcomes; these have some: contact, physion, phyre

    hint: change `decode.dataset` in the plan, or with `--set decode.dataset=…`
    ");
}

#[test]
fn answers_of_an_unknown_reasoner() {
    assert_snapshot!(said(&["run", "clevrer-vqa", "--set", "page.answers=nobody"]), @"
    $ pipeline run clevrer-vqa --set page.answers=nobody
    exit code 2
    error: `page.answers` is `nobody`, which is not one of `aloe`, `neuro-symbolic`

    hint: change `page.answers` in the plan, or with `--set page.answers=…`
    ");
}

#[test]
fn a_plan_to_show_that_is_unknown() {
    assert_snapshot!(said(&["show", "vidoe-predict"]), @"
    $ pipeline show vidoe-predict
    exit code 2
    error: no plan is called `vidoe-predict` and no such file exists

    hint: did you mean `video-predict`? `pipeline show` lists the built-in plans
    ");
}
