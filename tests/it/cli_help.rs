//! Help of every command, in snapshots, so that a change of words is seen in review.

use insta::assert_snapshot;

use crate::support::Product;
use crate::transcript::visible;

/// What `pipeline ARGUMENTS --help` prints.
pub fn help(arguments: &[&str]) -> String {
    visible(&Product::new().succeed(&[arguments, &["--help"]].concat()))
}

#[test]
fn pipeline() {
    assert_snapshot!(help(&[]), @"
    Object-centric video prediction: encode frames into slots, roll the slots forward, decode and evaluate them

    Usage: pipeline [OPTIONS] <COMMAND>

    Commands:
      run          Predict or segment videos, or answer questions, as one or several plans say, and write a report
      merge        Put shards together into what one command would have made
      compare      Compare finished runs on one page, with paired differences
      edit         Remove, add, exchange or move objects of a finished run's clip, and predict it anew
      train        Train the model of a plan, or resume its training
      eval         Evaluate predicted videos, masks or features against the ground truth
      reproduce    Measure the scores of bundled weights again, or train them from nothing
      weights      List, download or add the pretrained networks behind LPIPS, FVD and FID
      import       Convert a checkpoint of the official code into weights files, one per module
      export       Convert weights files into one file with the official parameter names
      bench        Measure the time of layers and networks on this machine
      generate     Write generated clips or pictures in the folder layout of CLEVRER, Physion, COCO or CelebA
      doctor       Examine a copy of a data set: missing clips, unreadable files, duplicates, labels that do not join
      show         Print a plan with every key, or list the built-in plans
      runs         List finished runs with their scores, the latest first
      clean        Print what the cache holds, or remove part of it
      completions  Print completions for a shell
      man          Print a manual page
      help         Print this message or the help of the given subcommand(s)

    Options:
          --memory <SIZE>  The most memory that one array, picture or file may take [default: half of the machine's]
      -h, --help           Print help
      -V, --version        Print version

    Examples:
      pipeline run video-predict                          predict generated clips with the bundled weights
      pipeline run video-predict --videos clip.mp4        predict your own video
      pipeline run clevrer-vqa                            answer CLEVRER's questions about generated clips
      pipeline eval --pred DIR --truth DIR --metrics psnr,ssim
      pipeline train slots-synth                          train a slot encoder
      pipeline show                                       list the built-in plans

    Exit codes: 0 done, 1 failed, 2 refused before work began, 3 done but some clips failed, 70 fault of the program, 130 interrupted, 143 terminated
    ");
}

#[test]
fn run() {
    assert_snapshot!(help(&["run"]), @"
    Predict or segment videos, or answer questions, as one or several plans say, and write a report

    Usage: pipeline run [OPTIONS] <PLANS>...

    Arguments:
      <PLANS>...  Built-in plans (`pipeline show` lists them) or TOML files

    Options:
          --videos <FILE>...       Your own video files, or folders of videos or of numbered frames
          --dataset <NAME>         Data set: synth-metal, synth, synth-textured, synth-varied, contact, videos, pictures, clevrer, physion, obj3d, phyre, movi-a, movi-b, movi-c, movi-d, movi-e, movi-solid, movi-tex, clevrtex, celeba, coco, voc
          --root <DIR>             Folder of the data set
          --clips <COUNT>          Number of clips
          --frames <COUNT>         Sampled frames of a clip, or `all`; with --videos, `all` cuts each into clips of 48 frames
          --out <DIR>              Run folder, or of several plans the folder above their run folders [default: runs/PLAN]
          --overwrite              Replace the finished run of other settings that --out holds
          --sweep <KEY=VALUES>     Run the plan with each of these values, with commas between them, into one folder and table; given several times, with every combination
          --fresh <STAGE>          Run a stage again although it is cached, and all that depend on it [possible values: decode, encode, segment, rollout, render, answer, neuro-symbolic, oracle, count-misreadings, noisy-oracle, physion, score-answers, score-masks, score-reconstructions, edit-benchmark, evaluate, compose, render-scenes, evaluate-scenes]
          --until <STAGE>          Stop when this stage is done, and print the folder of what it made [possible values: decode, encode, segment, rollout, render, answer, neuro-symbolic, oracle, count-misreadings, noisy-oracle, physion, score-answers, score-masks, score-reconstructions, edit-benchmark, evaluate, compose, render-scenes, evaluate-scenes]
          --json                   Print one JSON object a run, with its scores, in place of the report's path
          --shard <I/N>            Do the I-th of N equal shares, counted from 1, in a folder shard-I-of-N; `auto` takes both from Slurm or MPI
          --dry-run                Print for every stage whether it would run, and why; run nothing
          --set <TABLE.KEY=VALUE>  Change one value of the plan; may be given several times
          --seed <SEED>            Seed of all random numbers [default: the plan's]
          --device <DEVICE>        Device: auto, cpu, cuda or cuda:N [default: auto]
          --cache <DIR>            Cache of stages, frames and networks [default: `$SLOTFLOW_CACHE`, else `.cache` here where it is one, else the user's]
      -q, --quiet                  Print no progress
          --memory <SIZE>          The most memory that one array, picture or file may take [default: half of the machine's]
      -h, --help                   Print help
      -V, --version                Print version

    Examples:
      pipeline run video-predict --clips 2
      pipeline run video-predict --videos clip.mp4 more/ --frames all --set decode.fps=5
      pipeline run video-predict --dataset clevrer --root DIR
      pipeline run compose --clips 64
      pipeline run segment --dataset pictures --root DIR
      pipeline run clevrer-vqa --set decode.clips=10 --dry-run
      pipeline run compare-savi compare-steve --out runs/decoders
      pipeline run video-predict --clips 4 --sweep rollout.burn-in=6,8,10
    ");
}

#[test]
fn compare() {
    assert_snapshot!(help(&["compare"]), @"
    Compare finished runs on one page, with paired differences

    Usage: pipeline compare [OPTIONS] <RUN> <RUN>...

    Arguments:
      <RUN> <RUN>...  Run folders; differences are taken from the first

    Options:
          --out <DIR>      Folder of the page and its tables [default: runs/compare]
          --json           Print one JSON object with all scores in place of the page's path
          --memory <SIZE>  The most memory that one array, picture or file may take [default: half of the machine's]
      -h, --help           Print help
      -V, --version        Print version

    Example:
      pipeline compare runs/savi runs/steve runs/slotdiffusion --out runs/three
    ");
}

#[test]
fn train() {
    assert_snapshot!(help(&["train"]), @"
    Train the model of a plan, or resume its training

    Usage: pipeline train [OPTIONS] <PLAN>

    Arguments:
      <PLAN>  Built-in training plan (`pipeline show` lists them under train/) or a TOML file

    Options:
          --out <DIR>              Folder of checkpoints, log, pictures and weights [default: runs/PLAN]
          --seeds <COUNT>          Begin with so many seeds, compare them early on validation clips, and continue the best
          --videos <FILE>...       Your own video files, or folders of videos or of numbered frames
          --dataset <NAME>         Data set: synth-metal, synth, synth-textured, synth-varied, contact, videos, pictures, clevrer, physion, obj3d, phyre, movi-a, movi-b, movi-c, movi-d, movi-e, movi-solid, movi-tex, clevrtex, celeba, coco, voc
          --root <DIR>             Folder of the data set
          --set <TABLE.KEY=VALUE>  Change one value of the plan; may be given several times
          --seed <SEED>            Seed of all random numbers [default: the plan's]
          --device <DEVICE>        Device: auto, cpu, cuda or cuda:N [default: auto]
          --cache <DIR>            Cache of stages, frames and networks [default: `$SLOTFLOW_CACHE`, else `.cache` here where it is one, else the user's]
      -q, --quiet                  Print no progress
          --memory <SIZE>          The most memory that one array, picture or file may take [default: half of the machine's]
      -h, --help                   Print help
      -V, --version                Print version

    Examples:
      pipeline train vqvae-synth
      pipeline train slots-synth --set fit.steps=500 --set data.clips=200 --out runs/small
      pipeline train slots-synth --seeds 3
      pipeline train slots-synth --videos my-videos/
      pipeline train savi-movi-e --root data/MOVi

    The same command resumes an interrupted training from its newest checkpoint.
    ");
}

#[test]
fn eval() {
    assert_snapshot!(help(&["eval"]), @"
    Evaluate predicted videos, masks or features against the ground truth

    Usage: pipeline eval [OPTIONS] --metrics <LIST>

    Options:
          --pred <DIR>             Predicted videos: a folder of video files or of frame folders (CLIP/0000.png)
          --truth <DIR>            Ground-truth videos, named like the predicted ones
          --pred-masks <DIR>       Predicted masks: a folder of CLIP.npz, CLIP.npy, CLIP.png or CLIP/0000.png
          --truth-masks <DIR>      Ground-truth masks, named like the predicted ones; 0 is background
          --void <ID>              Id of pixels in the ground-truth masks that are left out, such as 255
          --resize <HOW>           Bring predicted masks to the size of the ground truth [possible values: nearest]
          --pred-features <FILE>   Predicted features, .npy of floats [items, dim], for jedi
          --truth-features <FILE>  Ground-truth features
          --metrics <LIST>         Metrics, separated by commas; METRIC:PROFILE for another definition, METRIC:all for all of them
          --out <FILE>             Table of scores [default: scores.csv]
          --items <FILE>           Table of the values of single clips and frames [default: items.csv beside scores.csv, a.items.csv beside a.csv]
          --report <FILE>          Page with the scores, their curves over time, and the best and worst clips, such as report.html
          --skip <FRAMES>          Frames at the beginning of every clip that are not evaluated [default: 0]
          --clip-length <FRAMES>   Frames of a clip for fvd and kvd, from the first evaluated frame on [default: 16]
          --unpaired               For distances between distributions (fvd, fid, …), take every clip of both folders, paired or not
          --device <DEVICE>        Device: auto, cpu, cuda or cuda:N [default: auto]
          --cache <DIR>            Cache of stages, frames and networks [default: `$SLOTFLOW_CACHE`, else `.cache` here where it is one, else the user's]
          --shard <I/N>            Do the I-th of N equal shares, counted from 1, in a folder shard-I-of-N; `auto` takes both from Slurm or MPI
      -q, --quiet                  Print no progress and no scores
          --json                   Print one JSON object with the scores in place of the table's path
          --resamples <COUNT>      Resamples of the bootstrap [default: 10000]
          --seed <SEED>            Seed of the bootstrap and of random subsets [default: 0]
          --memory <SIZE>          The most memory that one array, picture or file may take [default: half of the machine's]
      -h, --help                   Print help
      -V, --version                Print version

    Examples:
      pipeline eval --pred DIR --truth DIR --metrics psnr,ssim,mse:all,fvd --report page.html
      pipeline eval --pred-masks DIR --truth-masks DIR --metrics fg-ari,ari,miou,mbo
    ");
}

#[test]
fn weights() {
    assert_snapshot!(help(&["weights"]), @"
    List, download or add the pretrained networks behind LPIPS, FVD and FID

    Usage: pipeline weights [OPTIONS] <COMMAND>

    Commands:
      list   List the networks: metrics that need them, where they are published, which are present
      fetch  Download a network's file with curl, check its hash and add it
      add    Add a file that was downloaded by hand; the network is recognised by its arrays
      help   Print this message or the help of the given subcommand(s)

    Options:
          --cache <DIR>    Cache of stages, frames and networks [default: `$SLOTFLOW_CACHE`, else `.cache` here where it is one, else the user's]
          --memory <SIZE>  The most memory that one array, picture or file may take [default: half of the machine's]
      -h, --help           Print help
      -V, --version        Print version

    Examples:
      pipeline weights list
      pipeline weights fetch vgg16
      pipeline weights add i3d_torchscript.pt
    ");
}

#[test]
fn weights_list() {
    assert_snapshot!(help(&["weights", "list"]), @"
    List the networks: metrics that need them, where they are published, which are present

    Usage: pipeline weights list [OPTIONS]

    Options:
          --cache <DIR>    Cache of stages, frames and networks [default: `$SLOTFLOW_CACHE`, else `.cache` here where it is one, else the user's]
          --memory <SIZE>  The most memory that one array, picture or file may take [default: half of the machine's]
      -h, --help           Print help
      -V, --version        Print version
    ");
}

#[test]
fn weights_fetch() {
    assert_snapshot!(help(&["weights", "fetch"]), @"
    Download a network's file with curl, check its hash and add it

    Usage: pipeline weights fetch [OPTIONS] <NAME>

    Arguments:
      <NAME>  Network, as `pipeline weights list` names it

    Options:
          --cache <DIR>    Cache of stages, frames and networks [default: `$SLOTFLOW_CACHE`, else `.cache` here where it is one, else the user's]
          --memory <SIZE>  The most memory that one array, picture or file may take [default: half of the machine's]
      -h, --help           Print help
      -V, --version        Print version
    ");
}

#[test]
fn weights_add() {
    assert_snapshot!(help(&["weights", "add"]), @"
    Add a file that was downloaded by hand; the network is recognised by its arrays

    Usage: pipeline weights add [OPTIONS] <FILE>

    Arguments:
      <FILE>  Downloaded file

    Options:
          --allow-nonstandard-weights  Accept a file that papers do not use; its scores carry the file's hash in the metric's name
          --cache <DIR>                Cache of stages, frames and networks [default: `$SLOTFLOW_CACHE`, else `.cache` here where it is one, else the user's]
          --memory <SIZE>              The most memory that one array, picture or file may take [default: half of the machine's]
      -h, --help                       Print help
      -V, --version                    Print version
    ");
}

#[test]
fn import() {
    assert_snapshot!(help(&["import"]), @"
    Convert a checkpoint of the official code into weights files, one per module

    Usage: pipeline import [OPTIONS] --model <NAME> --out <DIR> <CHECKPOINT>

    Arguments:
      <CHECKPOINT>  Checkpoint of the official code (.pth), Hugging Face safetensors of DINO, extracted slots (.pkl), or a folder in diffusers' layout

    Options:
          --model <NAME>        Model of the checkpoint, such as savi, slotdiffusion-video or slotformer, or `slots`; a wrong name lists all
          --config <FILE.json>  Official configuration as JSON, for settings that shapes do not determine
          --out <DIR>           Folder for the weights files, one per module
          --memory <SIZE>       The most memory that one array, picture or file may take [default: half of the machine's]
      -h, --help                Print help
      -V, --version             Print version

    Examples:
      pipeline import savi_ldm_movie_params-res128.pth --model slotdiffusion-video --out weights/movi-e
      pipeline import model.pth --model savi --config official.json --out weights/savi
      pipeline import obj3d_slots.pkl --model slots --out slots/obj3d
      pipeline import stable-diffusion-v1-5 --model stable-diffusion --out weights/sd15
    ");
}

#[test]
fn export() {
    assert_snapshot!(help(&["export"]), @"
    Convert weights files into one file with the official parameter names

    Usage: pipeline export [OPTIONS] --out <FILE> <FROM>

    Arguments:
      <FROM>  Folder of weights files, one weights file, or a folder of imported slots

    Options:
          --out <FILE>     File to write: safetensors with the official names; .npz for slots
          --model <NAME>   Official model, for weights that were not imported
          --memory <SIZE>  The most memory that one array, picture or file may take [default: half of the machine's]
      -h, --help           Print help
      -V, --version        Print version

    Examples:
      pipeline export weights/movi-e --out movi-e.safetensors
      pipeline export slots/obj3d --out slots.npz
    ");
}

#[test]
fn generate() {
    assert_snapshot!(help(&["generate"]), @"
    Write generated clips or pictures in the folder layout of CLEVRER, Physion, COCO or CelebA

    Usage: pipeline generate [OPTIONS] --layout <LAYOUT> --out <DIR>

    Options:
          --layout <LAYOUT>
              Folder layout to write

              Possible values:
              - clevrer: CLEVRER: videos, annotations, mask proposals, questions
              - physion: Physion: videos and contact labels
              - coco:    COCO 2017: pictures and instances, whose classes are shapes
              - celeba:  CelebA: pictures and the list of splits

          --out <DIR>
              Folder of the data set

          --clips <COUNT>
              Number of clips, or of pictures: the middle frames of clips

              [default: 20]

          --split <SPLIT>
              Split; Physion's readout clips are those of train, and COCO's val2017 holds val or test

              Possible values:
              - train: Seeds that models are trained on
              - val:   Seeds for validation during training
              - test:  Seeds that nothing is trained or tuned on

              [default: test]

          --first <INDEX>
              Index of the first clip within the split; only with clevrer

              [default: 0]

          --preset <NAME>
              Preset of the generator: synth-metal, synth, synth-textured or synth-varied; not with physion

              [default: synth-metal]

          --size <HEIGHT> <WIDTH>
              Height and width in pixels [default: 320 480 for clevrer and coco, 256 256 for physion, 218 178 for celeba]

          --shard <I/N>
              Do the I-th of N equal shares, counted from 1, in a folder shard-I-of-N; `auto` takes both from Slurm or MPI

      -q, --quiet
              Print no progress

          --memory <SIZE>
              The most memory that one array, picture or file may take [default: half of the machine's]

      -h, --help
              Print help (see a summary with '-h')

      -V, --version
              Print version

    Examples:
      pipeline generate --layout clevrer --out data/clevrer --clips 20
      pipeline generate --layout physion --out data/physion --split train --clips 100
      pipeline generate --layout coco --out data/coco --split train --clips 6000 --size 64 64
    ");
}

#[test]
fn show() {
    assert_snapshot!(help(&["show"]), @"
    Print a plan with every key, or list the built-in plans

    Usage: pipeline show [OPTIONS] [PLAN]

    Arguments:
      [PLAN]  Built-in plan or TOML file; without one, the names of the built-in plans are printed

    Options:
          --set <TABLE.KEY=VALUE>  Change one value of the plan; may be given several times
          --memory <SIZE>          The most memory that one array, picture or file may take [default: half of the machine's]
      -h, --help                   Print help
      -V, --version                Print version

    Examples:
      pipeline show
      pipeline show video-predict --set rollout.burn-in=8 > mine.toml
      pipeline show train/slots-synth
    ");
}

#[test]
fn every_command_is_here_and_its_help_has_an_example() {
    // The help of some commands stands with their other tests.
    let here = [
        include_str!("cli.rs"),
        include_str!("cli_help.rs"),
        include_str!("edit.rs"),
        include_str!("reproduce.rs"),
        include_str!("shard.rs"),
        include_str!("upkeep.rs"),
    ]
    .concat();
    let command = slotflow::cli::command();
    for subcommand in command.get_subcommands() {
        let name = subcommand.get_name();
        assert!(
            here.contains(&format!("help(&[\"{name}\"])")),
            "no snapshot of `pipeline {name} --help`"
        );
        let examples = subcommand.get_after_help().map(ToString::to_string);
        assert!(
            examples.is_some_and(|text| text.contains(&format!("pipeline {name}"))),
            "no example in `pipeline {name} --help`"
        );
    }
}

#[test]
fn a_command_is_named_in_its_own_file_and_in_the_list_alone() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = crate::layers::files(&root.join("src"));
    let sources: Vec<(String, String)> = sources
        .iter()
        .map(|file| {
            let short = file.strip_prefix(root).unwrap().display().to_string();
            (short, std::fs::read_to_string(file).unwrap())
        })
        .collect();
    for subcommand in slotflow::cli::command().get_subcommands() {
        let name = subcommand.get_name();
        let arguments = format!("{}{}Args", name[..1].to_uppercase(), &name[1..]);
        let naming = sources.iter().filter(|(_, text)| text.contains(&arguments));
        let naming: Vec<&str> = naming.map(|(file, _)| file.as_str()).collect();
        // Import and export are two directions of one thing.
        let own = format!("{}.rs", name.replace("export", "import"));
        let homes = ["src/cli/", "src/cli/tools/"].map(|folder| format!("{folder}{own}"));
        let is_fine =
            |file: &&str| *file == "src/cli/mod.rs" || homes.iter().any(|home| home == file);
        assert!(
            naming.len() == 2 && naming.iter().all(is_fine),
            "{naming:?}"
        );
    }
}
