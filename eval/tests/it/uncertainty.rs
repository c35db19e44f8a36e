//! Answers, intervals and tests.

use serde_json::Value;
use slotflow_eval::answers::{Graded, tally};
use slotflow_eval::stats::proportion::{mcnemar, wilson};

use crate::support::{agree, golden, number, numbers};

#[test]
fn intervals_of_shares_agree_with_the_reference() {
    for case in golden("stats.json")["wilson95"].as_array().unwrap() {
        let (correct, total) = (number(&case["k"]) as usize, number(&case["n"]) as usize);
        let (found, expected) = (wilson(correct, total, 1.0).unwrap(), numbers(&case["ci"]));
        agree(found.low, expected[0], 1e-12, "low");
        agree(found.high, expected[1], 1e-12, "high");
    }
}

#[test]
fn the_exact_test_agrees_with_the_reference() {
    for case in golden("stats.json")["mcnemar_exact_two_sided"]
        .as_array()
        .unwrap()
    {
        let found = mcnemar(number(&case["b"]) as usize, number(&case["c"]) as usize);
        agree(found, number(&case["p"]), 1e-11, "p");
    }
}

fn words(value: &Value) -> Vec<&str> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|word| word.as_str().unwrap())
        .collect()
}

#[test]
fn accuracies_agree_with_the_example() {
    let example = &golden("clevrer.json")["accuracy_example"];
    let graded: Vec<Graded> = example["questions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|question| {
            let kind = question["t"].as_str().unwrap();
            match (&question["gt"], &question["pred"]) {
                (Value::String(truth), Value::String(answer)) => {
                    Graded::word("v", kind, truth, answer)
                }
                (truth, answers) => {
                    Graded::options("v", kind, &words(truth), &words(answers)).unwrap()
                }
            }
        })
        .collect();
    let found = tally(&graded);
    for (kind, expected) in example["expected"].as_object().unwrap() {
        let found = &found[kind];
        if let Some(expected) = expected.get("acc") {
            agree(
                found.per_question.share().unwrap(),
                number(expected),
                1e-12,
                kind,
            );
            continue;
        }
        agree(
            found.per_option.share().unwrap(),
            number(&expected["per_option"]),
            1e-12,
            kind,
        );
        agree(
            found.per_question.share().unwrap(),
            number(&expected["per_question"]),
            1e-12,
            kind,
        );
        assert_eq!(
            found.per_option.total(),
            number(&expected["n_options"]) as usize
        );
        assert_eq!(
            found.per_question.total(),
            number(&expected["n_questions"]) as usize
        );
    }
}
