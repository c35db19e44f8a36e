//! CLEVRER's words and their numbers, as SlotFormer's reasoner reads them.
//!
//! The numbers are part of published weights: the embedding's rows. Words keep what hangs on them (`cube's`, `cube,`).

use super::error::QuestionError;
use super::schema::{Ask, Question};

/// Every word of CLEVRER's questions and choices; a word's number is its place here plus one.
const QUESTION_WORDS: &str = "\
    after and any are before begins between blue brown collide collides colliding collision \
    collisions color cube cube's cube, cubes cyan cylinder cylinder's cylinder, cylinders ends \
    enter entering enters entrance event exit exiting exits first following for gray green happen \
    how if is last many material metal moving next not object object's object, objects of presence \
    purple red removed removed, responsible rubber scene second shape sphere sphere's sphere, \
    spheres stationary that the there to video what when which will with without yellow";

/// Every answer of a descriptive question; an answer's number is its place here plus one.
const ANSWER_WORDS: &str = "\
    0 1 2 3 4 5 blue brown cube cyan cylinder gray green metal no purple red rubber sphere yellow \
    yes";

/// The number of no word: what fills up a short text.
pub const PAD: u32 = 0;

/// Tokens of a whole text: a descriptive question, or a question and one choice.
pub const TEXT_TOKENS: usize = 32;

/// Tokens of the question before a choice; the choice has the rest of [`TEXT_TOKENS`].
pub const QUESTION_TOKENS: usize = 20;

/// Words of CLEVRER and their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Vocabulary;

/// A question as the reasoner reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encoded {
    /// A descriptive question.
    Open([u32; TEXT_TOKENS]),
    /// One text per choice: the question in the first [`QUESTION_TOKENS`], then the choice.
    Choices(Vec<[u32; TEXT_TOKENS]>),
}

impl Vocabulary {
    /// Rows of the word embedding: 81 words and the padding.
    pub fn words(self) -> usize {
        QUESTION_WORDS.split(' ').count() + 1
    }

    /// Classes of the descriptive head: 21 answers and the padding.
    pub fn answers(self) -> usize {
        ANSWER_WORDS.split(' ').count() + 1
    }

    /// The number of an answer.
    pub fn answer_id(self, word: &str) -> Option<u32> {
        place(ANSWER_WORDS, word)
    }

    /// The answer with this number.
    pub fn answer_word(self, id: u32) -> Option<&'static str> {
        word_at(ANSWER_WORDS, id)
    }

    /// The question word with this number.
    pub fn word(self, id: u32) -> Option<&'static str> {
        word_at(QUESTION_WORDS, id)
    }

    /// The numbers of a text's words.
    ///
    /// # Errors
    /// When a word is not CLEVRER's.
    ///
    /// # Source
    /// Lower case, no `?`, split at blanks (SlotFormer `clevrer_vqa/datasets/clevrer.py`).
    pub fn tokenise(self, text: &str) -> Result<Vec<u32>, QuestionError> {
        let plain = text.to_lowercase().replace('?', "");
        let number = |word: &str| {
            place(QUESTION_WORDS, word).ok_or_else(|| QuestionError::UnknownWord {
                word: word.to_owned(),
                text: text.to_owned(),
            })
        };
        plain.split_whitespace().map(number).collect()
    }

    /// A question as the reasoner reads it.
    ///
    /// # Errors
    /// When a word is not CLEVRER's, or a text is longer than the reasoner's.
    pub fn encode(self, question: &Question) -> Result<Encoded, QuestionError> {
        match &question.ask {
            Ask::Word(_) => {
                let mut text = [PAD; TEXT_TOKENS];
                self.fill(&mut text, &question.text)?;
                Ok(Encoded::Open(text))
            }
            Ask::Choices(choices) => {
                let one = |choice: &super::Choice| {
                    let mut text = [PAD; TEXT_TOKENS];
                    let (head, tail) = text.split_at_mut(QUESTION_TOKENS);
                    self.fill(head, &question.text)?;
                    self.fill(tail, &choice.text)?;
                    Ok(text)
                };
                choices
                    .iter()
                    .map(one)
                    .collect::<Result<_, _>>()
                    .map(Encoded::Choices)
            }
        }
    }

    /// Writes a text's numbers to the front of `out`.
    fn fill(self, out: &mut [u32], text: &str) -> Result<(), QuestionError> {
        let tokens = self.tokenise(text)?;
        let limit = out.len();
        let room = out
            .get_mut(..tokens.len())
            .ok_or_else(|| QuestionError::TooLong {
                found: tokens.len(),
                limit,
                text: text.to_owned(),
            })?;
        room.copy_from_slice(&tokens);
        Ok(())
    }
}

fn place(words: &str, word: &str) -> Option<u32> {
    let place = words.split(' ').position(|known| known == word);
    place.map(|place| place as u32 + 1)
}

fn word_at(words: &'static str, id: u32) -> Option<&'static str> {
    words.split(' ').nth((id as usize).checked_sub(1)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::question::{Choice, QuestionKind};

    fn question(text: &str, ask: Ask) -> Question {
        Question {
            id: 0,
            kind: QuestionKind::Descriptive,
            subtype: None,
            text: text.into(),
            program: vec![],
            ask,
        }
    }

    #[test]
    fn words_keep_what_hangs_on_them() {
        let tokens = Vocabulary
            .tokenise("If the cube is removed, what will happen?")
            .unwrap();
        assert_eq!(tokens, [41, 71, 16, 42, 59, 75, 78, 39]);
        assert_eq!(
            Vocabulary.tokenise("cube cube's cube, cubes").unwrap(),
            [16, 17, 18, 19]
        );
    }

    #[test]
    fn an_unknown_word_is_named() {
        let error = Vocabulary.tokenise("What is the pink cube").unwrap_err();
        assert_eq!(
            error,
            QuestionError::UnknownWord {
                word: "pink".into(),
                text: "What is the pink cube".into()
            }
        );
    }

    #[test]
    fn answers_have_the_published_numbers() {
        let known = [
            ("0", 1),
            ("5", 6),
            ("blue", 7),
            ("gray", 12),
            ("no", 15),
            ("yes", 21),
        ];
        for (word, id) in known {
            assert_eq!(Vocabulary.answer_id(word), Some(id));
            assert_eq!(Vocabulary.answer_word(id), Some(word));
        }
        assert_eq!(
            (Vocabulary.answer_word(PAD), Vocabulary.answer_word(22)),
            (None, None)
        );
        assert_eq!((Vocabulary.words(), Vocabulary.answers()), (82, 22));
    }

    #[test]
    fn a_choice_begins_at_the_twenty_first_token() {
        let choice = Choice {
            text: "the presence of the cube".into(),
            program: vec![],
            correct: None,
        };
        let asked = question(
            "What will happen next?",
            Ask::Choices(vec![choice.clone(), choice]),
        );
        let Encoded::Choices(texts) = Vocabulary.encode(&asked).unwrap() else {
            panic!("not a choice")
        };
        assert_eq!(texts.len(), 2);
        assert_eq!(texts[0][..5], [75, 78, 39, 48, PAD]);
        assert_eq!(texts[0][19..27], [PAD, 71, 55, 54, 71, 16, PAD, PAD]);
    }

    #[test]
    fn a_text_that_does_not_fit_is_refused() {
        let long = "cube ".repeat(33);
        let error = Vocabulary
            .encode(&question(&long, Ask::Word(None)))
            .unwrap_err();
        assert!(matches!(
            error,
            QuestionError::TooLong {
                found: 33,
                limit: 32,
                ..
            }
        ));
    }
}
