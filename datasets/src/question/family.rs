//! Which questions are alike but for the objects that they name: what a guess without the video can be fitted on.

use super::events::{COLORS, MATERIALS, SHAPES};
use super::schema::{Choice, Question};

/// What stands for an object in the wording of a family.
const OBJECT: &str = "object";

/// The wording of a question, or of one of its options, with every object's colour and material left out and its shape
/// called an object: `what color is the object that exits the scene`.
///
/// Whoever does not look at the video can answer all questions of a family alike, and knows no more than that.
pub fn family(question: &Question, choice: Option<&Choice>) -> String {
    let asked = wording(&question.text);
    match choice {
        Some(choice) => [&*asked, " | ", &wording(&choice.text)].concat(),
        None => asked,
    }
}

/// A sentence without what tells one object from another.
fn wording(sentence: &str) -> String {
    let lower = sentence.to_lowercase();
    let words = lower.split(|letter: char| !letter.is_alphanumeric() && letter != '\'');
    let kept: Vec<&str> = words
        .map(|word| word.trim_end_matches("'s").trim_matches('\''))
        .filter(|word| !word.is_empty() && !COLORS.contains(word) && !MATERIALS.contains(word))
        .map(|word| if is_object(word) { OBJECT } else { word })
        .collect();
    kept.join(" ")
}

/// Whether a word names things by their shape, or any thing.
fn is_object(word: &str) -> bool {
    let one = word.strip_suffix('s').unwrap_or(word);
    one == OBJECT || SHAPES.contains(&one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::question::{Ask, QuestionKind};

    fn question(text: &str) -> Question {
        Question {
            id: 0,
            kind: QuestionKind::Descriptive,
            subtype: Some("query_color".to_owned()),
            text: text.to_owned(),
            program: Vec::new(),
            ask: Ask::Word(None),
        }
    }

    #[test]
    fn objects_are_all_one_to_a_family() {
        let one = family(
            &question("What color is the metal cube that exits the scene?"),
            None,
        );
        let other = family(
            &question("What color is the sphere that exits the scene?"),
            None,
        );
        assert_eq!(one, "what color is the object that exits the scene");
        assert_eq!(one, other);
        let material = family(
            &question("What material is the sphere that exits the scene?"),
            None,
        );
        assert_ne!(one, material);
    }

    #[test]
    fn options_have_families_of_their_own() {
        let asked = question(
            "Which of the following is responsible for the red cube's entering the scene?",
        );
        let choice = |text: &str| Choice {
            text: text.to_owned(),
            program: Vec::new(),
            correct: None,
        };
        let presence = family(
            &asked,
            Some(&choice("The presence of the gray rubber sphere")),
        );
        let collision = family(
            &asked,
            Some(&choice(
                "the collision between the cyan cubes and the sphere",
            )),
        );
        assert!(
            presence.ends_with("entering the scene | the presence of the object"),
            "{presence}"
        );
        assert!(
            collision.ends_with("| the collision between the object and the object"),
            "{collision}"
        );
    }
}
