//! Typical errors of plans, data and settings: exit code and message of the binary, in snapshots, so that a change of words is seen in review.

use crate::snapshot::assert_snapshot;
use crate::transcript::{said, said_with};

#[test]
fn no_command() {
    assert_snapshot!(said(&[]), @"");
}

#[test]
fn an_unknown_command() {
    assert_snapshot!(said(&["predict"]), @"");
}

#[test]
fn a_run_without_a_plan() {
    assert_snapshot!(said(&["run"]), @"");
}

#[test]
fn an_unknown_plan() {
    assert_snapshot!(said(&["run", "video-predikt"]), @"");
}

#[test]
fn a_plan_file_that_is_absent() {
    assert_snapshot!(said(&["run", "mine.toml"]), @"");
}

#[test]
fn a_plan_that_is_no_toml() {
    assert_snapshot!(said_with(&[("mine.toml", b"flow = ")], &["run", "mine.toml"]), @"");
}

#[test]
fn a_plan_of_an_unknown_flow() {
    assert_snapshot!(said_with(&[("mine.toml", b"flow = \"predict\"")], &["run", "mine.toml"]), @"");
}

#[test]
fn a_plan_with_an_unknown_table() {
    assert_snapshot!(said_with(&[("mine.toml", b"[decoder]\nclips = 2")], &["run", "mine.toml"]), @"");
}

#[test]
fn an_unknown_key() {
    assert_snapshot!(said(&["run", "video-predict", "--set", "rollout.burnin=8"]), @"");
}

#[test]
fn a_change_without_a_value() {
    assert_snapshot!(said(&["run", "video-predict", "--set", "rollout.burn-in"]), @"");
}

#[test]
fn a_value_of_the_wrong_type() {
    assert_snapshot!(said(&["run", "video-predict", "--set", "rollout.burn-in=six"]), @"");
}

#[test]
fn no_observed_frames() {
    assert_snapshot!(said(&["run", "video-predict", "--set", "rollout.burn-in=0"]), @"");
}

#[test]
fn no_frames_to_predict() {
    assert_snapshot!(said(&["run", "video-predict", "--frames", "6"]), @"");
}

#[test]
fn an_impossible_size() {
    assert_snapshot!(said(&["run", "video-predict", "--set", "decode.size=[0, 64]"]), @"");
}

#[test]
fn an_unknown_video_format() {
    assert_snapshot!(said(&["run", "video-predict", "--set", "report.format=avi"]), @"");
}

#[test]
fn an_unknown_split() {
    assert_snapshot!(said(&["run", "video-predict", "--set", "decode.split=tset"]), @"");
}

#[test]
fn an_unknown_sampler() {
    assert_snapshot!(said(&["run", "video-predict", "--set", "render.sampler.method=ddpm"]), @"");
}

#[test]
fn an_unknown_metric_in_a_plan() {
    assert_snapshot!(said(&["run", "video-predict", "--quiet", "--clips", "1", "--set", "evaluate.metrics=\"pnsr\""]), @"");
}

#[test]
fn no_clips() {
    assert_snapshot!(said(&["run", "video-predict", "--clips", "0"]), @"");
}

#[test]
fn a_number_of_frames_in_words() {
    assert_snapshot!(said(&["run", "video-predict", "--frames", "many"]), @"");
}

#[test]
fn an_unknown_stage() {
    assert_snapshot!(said(&["run", "video-predict", "--fresh", "encoder"]), @"");
}

#[test]
fn a_training_given_to_run() {
    assert_snapshot!(said(&["run", "train/slots-synth"]), @"");
}

#[test]
fn a_prediction_given_to_train() {
    assert_snapshot!(said(&["train", "video-predict"]), @"");
}

#[test]
fn an_unknown_training() {
    assert_snapshot!(said(&["train", "slots-synt"]), @"");
}

#[test]
fn a_training_of_no_steps() {
    assert_snapshot!(said(&["train", "slots-synth", "--set", "fit.steps=0"]), @"");
}

#[test]
fn a_training_of_no_seeds() {
    assert_snapshot!(said(&["train", "slots-synth", "--seeds", "0"]), @"");
}

#[test]
fn a_training_with_two_objectives() {
    assert_snapshot!(said(&["train", "slots-synth", "--set", "vqvae.objective.batch=2"]), @"");
}

#[test]
fn a_training_on_data_without_a_reader() {
    assert_snapshot!(said(&["train", "savi-movi-e"]), @"");
}

#[test]
fn an_unknown_device() {
    assert_snapshot!(said(&["run", "video-predict", "--device", "gpu"]), @"");
}

#[test]
fn an_unknown_data_set() {
    assert_snapshot!(said(&["run", "video-predict", "--dataset", "clevr"]), @"");
}

#[test]
fn a_data_set_without_a_reader() {
    assert_snapshot!(said(&["run", "video-predict", "--dataset", "voc"]), @"");
}

#[test]
fn a_data_set_without_a_folder() {
    assert_snapshot!(said(&["run", "video-predict", "--dataset", "clevrer"]), @"");
}

#[test]
fn videos_and_a_data_set() {
    assert_snapshot!(said(&["run", "video-predict", "--videos", "clip.mp4", "--dataset", "clevrer"]), @"");
}

#[test]
fn a_video_that_is_absent() {
    assert_snapshot!(said(&["run", "video-predict", "--videos", "absent.mp4"]), @"");
}

#[test]
fn a_file_that_is_no_video() {
    assert_snapshot!(said_with(&[("text.mp4", b"this is no video")], &["run", "video-predict", "--quiet", "--videos", "text.mp4"]), @"");
}

#[test]
fn contacts_in_a_data_set_without_any() {
    assert_snapshot!(said(&["run", "physion-vqa", "--dataset", "synth"]), @"");
}

#[test]
fn answers_of_an_unknown_reasoner() {
    assert_snapshot!(said(&["run", "clevrer-vqa", "--set", "page.answers=nobody"]), @"");
}

#[test]
fn a_plan_to_show_that_is_unknown() {
    assert_snapshot!(said(&["show", "vidoe-predict"]), @"");
}
