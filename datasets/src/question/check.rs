//! Whether a question is one of CLEVRER's.

use super::error::QuestionError;
use super::program;
use super::schema::{Ask, Question};
use super::vocabulary::Vocabulary;

impl Question {
    /// Whether the question's words are CLEVRER's and its programs can give an answer.
    ///
    /// # Errors
    /// When a word or token is unknown, or a program cannot run. Programs that are not published are not checked.
    pub fn check(&self) -> Result<(), QuestionError> {
        Vocabulary.encode(self)?;
        match &self.ask {
            Ask::Word(_) if self.program.is_empty() => Ok(()),
            Ask::Word(_) => program::check_open(&self.program),
            Ask::Choices(choices) => {
                let mut published = choices.iter().filter(|choice| !choice.program.is_empty());
                published
                    .try_for_each(|choice| program::check_choice(&choice.program, &self.program))
            }
        }
    }
}
