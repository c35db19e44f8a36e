//! Typical errors of weights, checkpoints, folders and tables: exit code and message of the binary, in snapshots, so that a change of words is seen in review.

use insta::assert_snapshot;

use crate::transcript::{said, said_with};

/// A small checkpoint of the official code, of Slot Attention.
const CHECKPOINT: &[u8] = include_bytes!("../golden/models/sa.pth");

#[test]
fn weights_that_are_absent() {
    assert_snapshot!(said(&["run", "video-predict", "--set", "encode.weights=none.safetensors"]), @"
    $ pipeline run video-predict --set encode.weights=none.safetensors
    exit code 2
    error: cannot read: No such file or directory (os error 2): `none.safetensors`

    hint: check that the path exists, that it may be used, and that the disk has room
    ");
}

#[test]
fn weights_of_another_model() {
    assert_snapshot!(said(&["run", "video-predict", "--set", "encode.weights=shipped:slotformer"]), @"
    $ pipeline run video-predict --set encode.weights=shipped:slotformer
    exit code 2
    error: weights of a `slotformer`, not of a `slot-encoder`: `shipped:slotformer`

    hint: name the weights of the model that this step needs
    ");
}

#[test]
fn bundled_weights_of_an_unknown_name() {
    assert_snapshot!(said(&["run", "video-predict", "--set", "encode.weights=shipped:nothing"]), @"
    $ pipeline run video-predict --set encode.weights=shipped:nothing
    exit code 2
    error: no weights called `nothing` come with the program; there are: slot-encoder, slotformer, latent-diffusion, aloe, motion, object-event-head, synth-metal/slot-encoder, synth-metal/slotformer, synth-metal/latent-diffusion, synth-metal/aloe, synth-metal/motion, synth-metal/vqvae, synth-metal/mixture, synth-metal/object-event-head, compare/savi-slot-encoder, compare/savi-slotformer, compare/savi-mixture, compare/steve-slot-encoder, compare/steve-slotformer, compare/steve-autoregressive, compare/slotdiffusion-slot-encoder, compare/slotdiffusion-slotformer, compare/slotdiffusion-latent-diffusion: `bundled:nothing`

    hint: `pipeline weights list` lists them; or name a file
    ");
}

#[test]
fn a_file_that_is_no_weights_file() {
    assert_snapshot!(said_with(&[("text.safetensors", b"not weights")], &["run", "video-predict", "--set", "encode.weights=text.safetensors"]), @"
    $ pipeline run video-predict --set encode.weights=text.safetensors
    exit code 2
    error: not a weights file: it does not begin with the size of a header: `text.safetensors`

    hint: name a `.pth` checkpoint of the official code to `import`, or a weights file of ours elsewhere
    ");
}

#[test]
fn an_evaluation_without_metrics() {
    assert_snapshot!(said(&["eval", "--pred", "a", "--truth", "b"]), @"
    $ pipeline eval --pred a --truth b
    exit code 2
    error: the following required arguments were not provided:
      --metrics <LIST>

    Usage: pipeline eval --metrics <LIST> --pred <DIR> --truth <DIR>

    For more information, try '--help'.
    ");
}

#[test]
fn an_evaluation_of_an_empty_list() {
    assert_snapshot!(said(&["eval", "--pred", "a", "--truth", "b", "--metrics", ""]), @"
    $ pipeline eval --pred a --truth b --metrics
    exit code 2
    error: no metric is named

    hint: name some with `--metrics`, such as `psnr,ssim`
    ");
}

#[test]
fn an_unknown_metric() {
    assert_snapshot!(said(&["eval", "--pred", "a", "--truth", "b", "--metrics", "pnsr"]), @"
    $ pipeline eval --pred a --truth b --metrics pnsr
    exit code 2
    error: unknown metric `pnsr`; known are psnr, ssim, mse, lpips, fvd, fid, fvd-infinity, fid-infinity, kvd, kid, jedi, miou, ari, fg-ari, fg-miou, mbo, corloc, recall, box-ar, box-ap, fvd-motion; did you mean `psnr`?

    hint: eval/README.md says what each is; a definition is named after a colon: `ssim:torchmetrics`
    ");
}

#[test]
fn an_unknown_profile() {
    assert_snapshot!(said(&["eval", "--pred", "a", "--truth", "b", "--metrics", "lpips:vgg"]), @"
    $ pipeline eval --pred a --truth b --metrics lpips:vgg
    exit code 2
    error: unknown metric `lpips:vgg`; known are lpips:vgg-v0.1, lpips:alex-v0.1, lpips:squeeze-v0.1

    hint: eval/README.md says what each is; a definition is named after a colon: `ssim:torchmetrics`
    ");
}

#[test]
fn predictions_without_truth() {
    assert_snapshot!(said(&["eval", "--pred", "a", "--metrics", "psnr"]), @"
    $ pipeline eval --pred a --metrics psnr
    exit code 2
    error: the following required arguments were not provided:
      --truth <DIR>

    Usage: pipeline eval --metrics <LIST> --pred <DIR> --truth <DIR>

    For more information, try '--help'.
    ");
}

#[test]
fn a_mask_metric_without_masks() {
    assert_snapshot!(said(&["eval", "--pred", "a", "--truth", "b", "--metrics", "miou"]), @"
    $ pipeline eval --pred a --truth b --metrics miou
    exit code 2
    error: `miou:slotdiffusion-video` looks at masks, and no folders of masks are given

    hint: give them with `--pred-masks` and `--truth-masks`
    ");
}

#[test]
fn a_folder_of_predictions_that_is_absent() {
    assert_snapshot!(said(&["eval", "--pred", "a", "--truth", "b", "--metrics", "psnr"]), @"
    $ pipeline eval --pred a --truth b --metrics psnr
    exit code 2
    error: cannot read (No such file or directory (os error 2)): `a`

    hint: check that the path exists, that you may use it, and that the disk has room
    ");
}

#[test]
fn a_network_that_is_unknown() {
    assert_snapshot!(said(&["weights", "fetch", "vgg"]), @"
    $ pipeline weights fetch vgg
    exit code 2
    error: no network is called `vgg`; there are i3d, inception, inception-nvidia, vgg16, alexnet, squeezenet

    hint: `pipeline weights list` says what each is for
    ");
}

#[test]
fn a_network_without_an_address() {
    assert_snapshot!(said(&["weights", "fetch", "i3d"]), @"
    $ pipeline weights fetch i3d
    exit code 2
    error: `i3d` has no fixed address: StyleGAN-V, `src/metrics/frechet_video_distance.py` names the address (a personal cloud share)

    hint: download it by hand, then `pipeline weights add FILE`
    ");
}

#[test]
fn a_network_file_that_is_none() {
    assert_snapshot!(said_with(&[("net.pth", b"not a network")], &["weights", "add", "net.pth"]), @"
    $ pipeline weights add net.pth
    exit code 2
    error: not a checkpoint: invalid Zip archive: Could not find EOCD: `net.pth`

    hint: name a `.pth` checkpoint of the official code to `import`, or a weights file of ours elsewhere
    ");
}

#[test]
fn a_checkpoint_that_is_absent() {
    assert_snapshot!(said(&["import", "model.pth", "--model", "savi", "--out", "weights"]), @"
    $ pipeline import model.pth --model savi --out weights
    exit code 2
    error: cannot open: No such file or directory (os error 2): `model.pth`

    hint: check that the path exists, that it may be used, and that the disk has room
    ");
}

#[test]
fn a_checkpoint_that_is_none() {
    assert_snapshot!(said_with(&[("model.pth", b"not a checkpoint")], &["import", "model.pth", "--model", "savi", "--out", "weights"]), @"
    $ pipeline import model.pth --model savi --out weights
    exit code 2
    error: not a checkpoint: invalid Zip archive: Could not find EOCD: `model.pth`

    hint: name a `.pth` checkpoint of the official code to `import`, or a weights file of ours elsewhere
    ");
}

#[test]
fn a_checkpoint_of_an_unknown_model() {
    assert_snapshot!(said_with(&[("model.pth", b"not a checkpoint")], &["import", "model.pth", "--model", "savy", "--out", "weights"]), @"
    $ pipeline import model.pth --model savy --out weights
    exit code 2
    error: no model is called `savy`; there are slot-attention, savi, stosavi, stosavi-clevrer, stosavi-phyre, slate, steve, dvae, vqvae, slotdiffusion-image, slotdiffusion-video, slotdiffusion-dino, slotformer, slotformer-phyre, slotformer-steve, slotformer-slotdiffusion, aloe, physion-readout, phyre-readout, dino, dinov2, stable-diffusion, slots

    hint: name one of them with `--model`
    ");
}

#[test]
fn a_checkpoint_of_another_model() {
    assert_snapshot!(said_with(&[("sa.pth", CHECKPOINT)], &["import", "sa.pth", "--model", "steve", "--out", "weights"]), @"
    $ pipeline import sa.pth --model steve --out weights
    exit code 2
    error: by its names a checkpoint of `slot-attention` or `savi` or `stosavi` or `stosavi-clevrer` or `stosavi-phyre`, not of `steve` (missing `trans_decoder.in_proj.weight`; unused `decoder.0.0.bias`, `decoder.0.0.weight`, `decoder.1.0.bias`, `decoder.1.0.weight`, `decoder.2.0.bias`, `decoder.2.0.weight`, `decoder.3.0.bias`, `decoder.3.0.weight` and 5 more): `sa.pth`

    hint: say which model it is with `--model`
    ");
}

#[test]
fn a_configuration_that_is_no_json() {
    assert_snapshot!(said_with(&[("official.json", b"slots = 7")], &["import", "model.pth", "--model", "savi", "--config", "official.json", "--out", "weights"]), @"
    $ pipeline import model.pth --model savi --config official.json --out weights
    exit code 2
    error: cannot read the configuration (expected value at line 1 column 1): `official.json`

    hint: `--config` takes the official configuration as JSON
    ");
}

#[test]
fn weights_to_export_that_are_absent() {
    assert_snapshot!(said(&["export", "weights", "--out", "model.safetensors"]), @"
    $ pipeline export weights --out model.safetensors
    exit code 2
    error: cannot open: No such file or directory (os error 2): `weights`

    hint: check that the path exists, that it may be used, and that the disk has room
    ");
}

#[test]
fn runs_to_compare_that_are_none() {
    assert_snapshot!(said(&["compare", "runs/a", "runs/b"]), @"
    $ pipeline compare runs/a runs/b
    exit code 2
    error: not a run folder (no `plan.toml` and `scores.csv`): `runs/a`

    hint: `pipeline run video-predict --out DIR` makes one
    ");
}

#[test]
fn one_run_to_compare() {
    assert_snapshot!(said(&["compare", "runs/a"]), @"
    $ pipeline compare runs/a
    exit code 2
    error: 2 values required by '<RUN> <RUN>...'; only 1 was provided

    Usage: pipeline compare [OPTIONS] <RUN> <RUN>...

    For more information, try '--help'.
    ");
}

#[test]
fn an_unknown_case_to_time() {
    assert_snapshot!(said(&["bench", "layer/linear"]), @"
    $ pipeline bench layer/linear
    exit code 2
    error: no case is called `layer/linear`; known are networks/i3d, networks/inception, networks/lpips-vgg, networks/lpips-alex, networks/lpips-squeeze, layers/conv3x3, layers/conv-transpose5x5, layers/group-norm-silu, layers/attention, layers/linear, models/unet, models/unet-train, models/vqvae-decode, models/slot-encoder, models/rollout, models/training-step

    hint: name a case or a room, such as `networks/i3d` or `networks`; `pipeline bench --list` lists them
    ");
}

#[test]
fn an_unknown_layout() {
    assert_snapshot!(said(&["generate", "--layout", "kitti", "--out", "data"]), @"
    $ pipeline generate --layout kitti --out data
    exit code 2
    error: invalid value 'kitti' for '--layout <LAYOUT>'
      [possible values: clevrer, physion, coco, celeba]

    For more information, try '--help'.
    ");
}

#[test]
fn an_unknown_split_to_generate() {
    assert_snapshot!(said(&["generate", "--layout", "clevrer", "--out", "data", "--split", "tset"]), @"
    $ pipeline generate --layout clevrer --out data --split tset
    exit code 2
    error: invalid value 'tset' for '--split <SPLIT>'
      [possible values: train, val, test]

      tip: a similar value exists: 'test'

    For more information, try '--help'.
    ");
}

#[test]
fn an_unknown_preset_to_generate() {
    assert_snapshot!(said(&["generate", "--layout", "clevrer", "--out", "data", "--preset", "real"]), @"
    $ pipeline generate --layout clevrer --out data --preset real
    exit code 2
    error: no data set is called `real`; there are synth-metal, synth, synth-textured, synth-varied, contact, videos, pictures, clevrer, physion, obj3d, phyre, movi-a, movi-b, movi-c, movi-d, movi-e, movi-solid, movi-tex, clevrtex, celeba, coco, voc

    hint: datasets/README.md describes them
    ");
}
