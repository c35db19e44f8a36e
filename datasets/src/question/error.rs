//! Errors of questions and their programs.

/// Reason that a question cannot be read or its program cannot be run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuestionError {
    /// A word that the reasoner has no number for.
    #[error("`{word}` is not one of CLEVRER's words, in \"{text}\"")]
    UnknownWord {
        /// The word.
        word: String,
        /// Where it stands.
        text: String,
    },
    /// More words than the reasoner reads.
    #[error("{found} words where {limit} fit, in \"{text}\"")]
    TooLong {
        /// Words there are.
        found: usize,
        /// Words that fit.
        limit: usize,
        /// The text.
        text: String,
    },
    /// A token that is no module, no alias and no literal.
    #[error("`{token}` (token {place}) is neither a module nor a value")]
    UnknownToken {
        /// The token.
        token: String,
        /// Its place in the program, from 0.
        place: usize,
    },
    /// A module without the inputs that it takes.
    #[error("`{module}` (token {place}) takes {takes} but gets {gets}")]
    Arguments {
        /// The module.
        module: String,
        /// Its place in the program, from 0.
        place: usize,
        /// What it takes.
        takes: String,
        /// What lies on the stack.
        gets: String,
    },
    /// A program that ends with something else than an answer.
    #[error("the program ends with {found} where {expected} is asked for")]
    Ends {
        /// What was left.
        found: String,
        /// What the question asks for.
        expected: &'static str,
    },
    /// A word that is not a colour, material or shape of CLEVRER's objects.
    #[error("`{word}` is not a {what} of CLEVRER's objects")]
    UnknownAttribute {
        /// The word.
        word: String,
        /// "color", "material" or "shape".
        what: &'static str,
    },
}

impl QuestionError {
    /// What the person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::UnknownWord { .. } | Self::TooLong { .. } => {
                "the reasoner reads CLEVRER's 81 words, 20 a question and 12 a choice; say it with those"
            }
            Self::UnknownToken { .. } | Self::Arguments { .. } | Self::Ends { .. } => {
                "programs are lists of CLEVRER's modules in postfix order; compare with the question files' own"
            }
            Self::UnknownAttribute { .. } => {
                "objects have CLEVRER's 8 colours, 2 materials and 3 shapes"
            }
        }
    }
}
