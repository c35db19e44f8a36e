//! `pipeline reproduce`: cards of bundled weights.

use insta::assert_snapshot;
use slotflow::weights::bundled;

use crate::cli_help::help;
use crate::support::Product;

#[test]
fn every_bundled_file_is_listed_and_has_a_card_with_its_commands() {
    let product = Product::new();
    let listed = product.succeed(&["reproduce"]);
    for name in bundled::names() {
        assert!(
            listed
                .lines()
                .any(|line| line.split_whitespace().next() == Some(name)),
            "{name} is not in {listed}"
        );
    }
    let card = product.succeed(&["reproduce", "bundled:synth-metal/slot-encoder", "--card"]);
    for part in [
        "limits  ",
        "scores  pipeline run segment --set decode.clips=200",
        "miou observed",
        "[0.804, 0.827]",
        "made by pipeline train slots-synth",
    ] {
        assert!(card.contains(part), "no `{part}` in {card}");
    }
}

#[test]
fn a_name_that_no_file_has_is_refused_and_nothing_is_begun() {
    let product = Product::new();
    let said = product.fail(2, &["reproduce", "slots"]);
    assert!(
        said.contains("no bundled weights are called `slots`"),
        "{said}"
    );
    assert!(!product.path("runs").exists());
}

#[test]
fn the_help_of_reproduce() {
    assert_snapshot!(help(&["reproduce"]), @"
    Measure the scores of bundled weights again, or train them from nothing

    Usage: pipeline reproduce [OPTIONS] [NAME]

    Arguments:
      [NAME]  Bundled weights, as they are called behind `bundled:`

    Options:
          --card             Print what there is to know about the weights: data, steps, hours, scores, limits, commands
          --train            Train the weights and all that they need from nothing, in place of measuring their scores
          --out <DIR>        Folder of the run or the trainings [default: runs/reproduce/NAME]
          --device <DEVICE>  Device: auto, cpu, cuda or cuda:N [default: auto]
          --cache <DIR>      Cache of stages, frames and networks [default: `$SLOTFLOW_CACHE`, else `.cache` here where it is one, else the user's]
      -q, --quiet            Print no progress
          --memory <SIZE>    The most memory that one array, picture or file may take [default: half of the machine's]
      -h, --help             Print help
      -V, --version          Print version

    Without a name the cards are listed. Exit code 3: a score is further from the card's than rounding explains.

    Examples:
      pipeline reproduce
      pipeline reproduce synth-metal/slot-encoder --card
      pipeline reproduce synth-metal/slot-encoder
      pipeline reproduce synth-metal/slot-encoder --train --out runs/from-nothing
    ");
}
