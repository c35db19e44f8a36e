//! `pipeline reproduce`: cards of bundled weights.

use slotflow::weights::bundled;

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
