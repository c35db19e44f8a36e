//! What a question presupposes of a scene: "the metal cube" is there, and is one.

use slotflow_datasets::question::events::{COLORS, MATERIALS};
use slotflow_datasets::question::{Attributes, EventTable};
use slotflow_datasets::{Ask, Question};

use crate::scene_parsing::appearance::Confidence;

/// The objects and events as the question presupposes them: "the metal cube" is the one object that most probably is one,
/// and no other is a metal cube.
pub fn presupposed(
    mut table: EventTable,
    confidence: &[Confidence],
    question: &Question,
) -> EventTable {
    let mut pinned: Vec<Vec<String>> = vec![Vec::new(); table.objects.len()];
    for words in named(question) {
        let log_probability = |object: &usize| {
            let sum: f32 = words
                .iter()
                .map(|word| confidence[*object].log_probability(word))
                .sum();
            sum - if pinned[*object].is_empty() {
                0.0
            } else {
                SHARED
            }
        };
        let objects = 0..table.objects.len();
        let Some(chosen) = objects.max_by(|a, b| log_probability(a).total_cmp(&log_probability(b)))
        else {
            continue;
        };
        for word in &words {
            set(&mut table.objects[chosen], word, word);
        }
        pinned[chosen].extend(words.iter().cloned());
        for other in (0..table.objects.len()).filter(|other| *other != chosen) {
            if !words.iter().all(|word| looks(&table.objects[other], word)) {
                continue;
            }
            let free = words.iter().filter(|word| !pinned[other].contains(word));
            let least = free.min_by(|a, b| {
                let of = |word: &str| confidence[other].log_probability(word);
                of(a).total_cmp(&of(b))
            });
            if let Some(word) = least
                && let Some(instead) = confidence[other].alternative_to(word)
            {
                set(&mut table.objects[other], word, instead);
            }
        }
    }
    table
}

/// What it costs that two descriptions of a question are of one object, as a logarithm.
const SHARED: f32 = 1.0;

/// The words of every object that the question's programs name, the longest descriptions first.
fn named(question: &Question) -> Vec<Vec<String>> {
    let mut programs = vec![&question.program];
    if let Ask::Choices(choices) = &question.ask {
        programs.extend(choices.iter().map(|choice| &choice.program));
    }
    let mut all: Vec<Vec<String>> = Vec::new();
    for program in programs {
        for (start, _) in program
            .iter()
            .enumerate()
            .filter(|(_, token)| *token == "objects")
        {
            let mut words = Vec::new();
            let mut rest = program[start + 1..].chunks(2);
            let ends = loop {
                match rest.next() {
                    Some([word, filter]) if FILTERS.contains(&filter.as_str()) => {
                        words.push(word.clone());
                    }
                    Some([token, ..]) => break token == "unique",
                    _ => break false,
                }
            };
            words.sort();
            if ends && !words.is_empty() && !all.contains(&words) {
                all.push(words);
            }
        }
    }
    all.sort_by_key(|words| std::cmp::Reverse(words.len()));
    all
}

const FILTERS: [&str; 3] = ["filter_color", "filter_material", "filter_shape"];

fn looks(object: &Attributes, word: &str) -> bool {
    [&object.color, &object.material, &object.shape]
        .into_iter()
        .any(|own| own == word)
}

/// Puts `instead` where an object has a word of the kind of `word`.
fn set(object: &mut Attributes, word: &str, instead: &str) {
    let place = if COLORS.contains(&word) {
        &mut object.color
    } else if MATERIALS.contains(&word) {
        &mut object.material
    } else {
        &mut object.shape
    };
    instead.clone_into(place);
}

#[cfg(test)]
mod tests {
    use slotflow_datasets::QuestionKind;

    use super::*;

    #[test]
    fn the_objects_that_a_question_names_are_read_from_its_programs() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let question = Question {
            id: 0,
            kind: QuestionKind::Descriptive,
            subtype: None,
            text: String::new(),
            program: words(
                "events objects metal filter_material cube filter_shape unique filter_collision unique objects red \
                 filter_color unique get_col_partner query_shape",
            ),
            ask: Ask::Word(None),
        };
        assert_eq!(named(&question), [vec!["cube", "metal"], vec!["red"]]);
        let open = Question {
            program: words("objects red filter_color count"),
            ..question
        };
        assert!(named(&open).is_empty());
    }
}
