use std::collections::BTreeMap;

use super::*;
use crate::question::executor::Verdict;
use crate::synth::{SynthPreset, World};

fn told(seeds: std::ops::Range<u64>) -> Vec<Told> {
    let preset = SynthPreset::builtin("synth").unwrap();
    seeds.map(|seed| Told::simulate(&preset, seed)).collect()
}

#[test]
fn every_answer_is_what_the_program_says() {
    for (seed, told) in told(0..20).iter().enumerate() {
        for question in questions(told, Amount::default(), seed as u64) {
            let truth = match &question.ask {
                Ask::Word(word) => Verdict::Word(word.clone().unwrap()),
                Ask::Choices(choices) => Verdict::Choices(
                    choices
                        .iter()
                        .map(|choice| {
                            if choice.correct.unwrap() {
                                "correct"
                            } else {
                                "wrong"
                            }
                        })
                        .collect(),
                ),
            };
            assert_eq!(
                executor::verdict(&told.table, &question),
                truth,
                "seed {seed}: {}",
                question.text
            );
        }
    }
}

#[test]
fn every_question_has_clevrers_words_and_a_sound_program() {
    for (seed, told) in told(20..40).iter().enumerate() {
        let asked = questions(told, Amount::default(), seed as u64);
        assert!(asked.len() >= 10, "seed {seed}: {}", asked.len());
        for (place, question) in asked.iter().enumerate() {
            question.check().unwrap();
            assert_eq!(question.id, place);
            if let Ask::Choices(choices) = &question.ask {
                assert!((2..=4).contains(&choices.len()), "{question:?}");
            }
        }
    }
}

#[test]
fn a_prediction_has_one_right_statement_of_two() {
    let preset = SynthPreset::builtin("synth").unwrap();
    let mut found = 0;
    for seed in 40..100 {
        let told = Told::new(World::simulate(&preset, seed), BTreeMap::new());
        for question in questions(&told, Amount::default(), seed) {
            if let (QuestionKind::Predictive, Ask::Choices(choices)) =
                (question.kind, &question.ask)
            {
                let right = choices
                    .iter()
                    .filter(|choice| choice.correct == Some(true))
                    .count();
                assert_eq!((choices.len(), right), (2, 1));
                found += 1;
            }
        }
    }
    assert!(found >= 5, "{found} predictive questions in 60 clips");
}

#[test]
fn answers_are_balanced_and_both_states_of_every_kind_occur() {
    let mut words: BTreeMap<String, BTreeMap<String, usize>> = BTreeMap::new();
    let mut options: BTreeMap<QuestionKind, [usize; 2]> = BTreeMap::new();
    for (seed, told) in told(100..160).iter().enumerate() {
        for question in questions(told, Amount::default(), seed as u64) {
            match question.ask {
                Ask::Word(word) => {
                    let by_word = words.entry(question.subtype.unwrap()).or_default();
                    *by_word.entry(word.unwrap()).or_default() += 1;
                }
                Ask::Choices(choices) => {
                    for choice in choices {
                        options.entry(question.kind).or_default()
                            [usize::from(choice.correct.unwrap())] += 1;
                    }
                }
            }
        }
    }
    assert_eq!(words.len(), 5, "{words:?}");
    for (subtype, by_word) in &words {
        let all: usize = by_word.values().sum();
        let most = by_word.values().max().unwrap();
        assert!(10 * most <= 6 * all, "{subtype}: {by_word:?}");
    }
    for (kind, [wrong, right]) in &options {
        let share = *right as f64 / (wrong + right) as f64;
        assert!((0.3..=0.7).contains(&share), "{kind:?}: {share}");
    }
    assert_eq!(options.len(), 3, "{options:?}");
}

#[test]
fn the_same_seed_asks_the_same() {
    let told = &told(7..8)[0];
    assert_eq!(
        questions(told, Amount::default(), 1),
        questions(told, Amount::default(), 1)
    );
    assert_ne!(
        questions(told, Amount::default(), 1),
        questions(told, Amount::default(), 2)
    );
}
