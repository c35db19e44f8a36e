//! Typical errors of weights, checkpoints, folders and tables: exit code and message of the binary, in snapshots, so that a change of words is seen in review.

use crate::snapshot::assert_snapshot;
use crate::transcript::{said, said_with};

/// A small checkpoint of the official code, of Slot Attention.
const CHECKPOINT: &[u8] = include_bytes!("../golden/models/sa.pth");

#[test]
fn weights_that_are_absent() {
    assert_snapshot!(said(&["run", "video-predict", "--set", "encode.weights=none.safetensors"]), @"");
}

#[test]
fn weights_of_another_model() {
    assert_snapshot!(said(&["run", "video-predict", "--set", "encode.weights=shipped:slotformer"]), @"");
}

#[test]
fn bundled_weights_of_an_unknown_name() {
    assert_snapshot!(said(&["run", "video-predict", "--set", "encode.weights=shipped:nothing"]), @"");
}

#[test]
fn a_file_that_is_no_weights_file() {
    assert_snapshot!(said_with(&[("text.safetensors", b"not weights")], &["run", "video-predict", "--set", "encode.weights=text.safetensors"]), @"");
}

#[test]
fn an_evaluation_without_metrics() {
    assert_snapshot!(said(&["eval", "--pred", "a", "--truth", "b"]), @"");
}

#[test]
fn an_evaluation_of_an_empty_list() {
    assert_snapshot!(said(&["eval", "--pred", "a", "--truth", "b", "--metrics", ""]), @"");
}

#[test]
fn an_unknown_metric() {
    assert_snapshot!(said(&["eval", "--pred", "a", "--truth", "b", "--metrics", "pnsr"]), @"");
}

#[test]
fn an_unknown_profile() {
    assert_snapshot!(said(&["eval", "--pred", "a", "--truth", "b", "--metrics", "lpips:vgg"]), @"");
}

#[test]
fn predictions_without_truth() {
    assert_snapshot!(said(&["eval", "--pred", "a", "--metrics", "psnr"]), @"");
}

#[test]
fn a_mask_metric_without_masks() {
    assert_snapshot!(said(&["eval", "--pred", "a", "--truth", "b", "--metrics", "miou"]), @"");
}

#[test]
fn a_folder_of_predictions_that_is_absent() {
    assert_snapshot!(said(&["eval", "--pred", "a", "--truth", "b", "--metrics", "psnr"]), @"");
}

#[test]
fn a_network_that_is_unknown() {
    assert_snapshot!(said(&["weights", "fetch", "vgg"]), @"");
}

#[test]
fn a_network_without_an_address() {
    assert_snapshot!(said(&["weights", "fetch", "i3d"]), @"");
}

#[test]
fn a_network_file_that_is_none() {
    assert_snapshot!(said_with(&[("net.pth", b"not a network")], &["weights", "add", "net.pth"]), @"");
}

#[test]
fn a_checkpoint_that_is_absent() {
    assert_snapshot!(said(&["import", "model.pth", "--model", "savi", "--out", "weights"]), @"");
}

#[test]
fn a_checkpoint_that_is_none() {
    assert_snapshot!(said_with(&[("model.pth", b"not a checkpoint")], &["import", "model.pth", "--model", "savi", "--out", "weights"]), @"");
}

#[test]
fn a_checkpoint_of_an_unknown_model() {
    assert_snapshot!(said_with(&[("model.pth", b"not a checkpoint")], &["import", "model.pth", "--model", "savy", "--out", "weights"]), @"");
}

#[test]
fn a_checkpoint_of_another_model() {
    assert_snapshot!(said_with(&[("sa.pth", CHECKPOINT)], &["import", "sa.pth", "--model", "steve", "--out", "weights"]), @"");
}

#[test]
fn a_configuration_that_is_no_json() {
    assert_snapshot!(said_with(&[("official.json", b"slots = 7")], &["import", "model.pth", "--model", "savi", "--config", "official.json", "--out", "weights"]), @"");
}

#[test]
fn weights_to_export_that_are_absent() {
    assert_snapshot!(said(&["export", "weights", "--out", "model.safetensors"]), @"");
}

#[test]
fn runs_to_compare_that_are_none() {
    assert_snapshot!(said(&["compare", "runs/a", "runs/b"]), @"");
}

#[test]
fn one_run_to_compare() {
    assert_snapshot!(said(&["compare", "runs/a"]), @"");
}

#[test]
fn an_unknown_case_to_time() {
    assert_snapshot!(said(&["bench", "layer/linear"]), @"");
}

#[test]
fn an_unknown_layout() {
    assert_snapshot!(said(&["generate", "--layout", "kitti", "--out", "data"]), @"");
}

#[test]
fn an_unknown_split_to_generate() {
    assert_snapshot!(said(&["generate", "--layout", "clevrer", "--out", "data", "--split", "tset"]), @"");
}

#[test]
fn an_unknown_preset_to_generate() {
    assert_snapshot!(said(&["generate", "--layout", "clevrer", "--out", "data", "--preset", "real"]), @"");
}
