//! Answers in the form that CLEVRER's evaluation server took (EvalAI challenge 667), and what it would have refused.
//! The server is gone; the form is kept, so that answers can be handed to whoever scores them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::schema::{Ask, Question};
use super::vocabulary::Vocabulary;
use crate::error::DataError;
use crate::listing::read_text;
use crate::partial::write_whole;

/// An answer to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// To a descriptive question.
    Word(String),
    /// Right or wrong for each choice, in order.
    Choices(Vec<bool>),
}

/// Answers by scene and question.
pub type Answers = BTreeMap<usize, BTreeMap<usize, Answer>>;

#[derive(Serialize, Deserialize)]
struct Scene {
    #[serde(rename = "scene_index")]
    index: usize,
    questions: Vec<Answered>,
}

#[derive(Serialize, Deserialize)]
struct Answered {
    question_id: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    choices: Option<Vec<AnsweredChoice>>,
}

#[derive(Serialize, Deserialize)]
struct AnsweredChoice {
    choice_id: usize,
    answer: String,
}

/// Something that a submission must not have; all of a file's are found at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The scene.
    pub scene: usize,
    /// The question, where it is about one.
    pub question: Option<usize>,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.question {
            Some(question) => write!(
                f,
                "scene {}, question {question}: {}",
                self.scene, self.reason
            ),
            None => write!(f, "scene {}: {}", self.scene, self.reason),
        }
    }
}

/// Writes answers as a submission.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, answers: &Answers) -> Result<(), DataError> {
    let io = |source| DataError::Io {
        action: "write",
        source,
        path: path.to_owned(),
    };
    let scenes: Vec<Scene> = answers
        .iter()
        .map(|(index, answers)| Scene {
            index: *index,
            questions: answers
                .iter()
                .map(|(id, answer)| Answered::of(*id, answer))
                .collect(),
        })
        .collect();
    let text = serde_json::to_vec(&scenes).map_err(|error| io(error.into()))?;
    write_whole(path, text.as_ref()).map_err(io)
}

/// Problems of a submission to a set of questions; none if the list is empty.
///
/// Every question and choice must be answered exactly once, with a word of the vocabulary or `correct` or `wrong`.
/// For the official test the questions are those of `questions/test.json`, scenes 15,000 to 19,999.
///
/// # Errors
/// When the file cannot be read or is no list of scenes at all.
pub fn check(
    path: &Path,
    questions: &BTreeMap<usize, Vec<Question>>,
) -> Result<Vec<Problem>, DataError> {
    let bytes = read_text(path)?;
    let scenes: Vec<Scene> =
        serde_json::from_slice(&bytes).map_err(|error| DataError::Malformed {
            reason: format!("not a list of answered scenes ({error})"),
            path: path.to_owned(),
        })?;
    let mut problems = Vec::new();
    let mut by_scene: BTreeMap<usize, Scene> = BTreeMap::new();
    for scene in scenes {
        let index = scene.index;
        if by_scene.insert(index, scene).is_some() {
            problems.push(problem(index, None, "answered twice"));
        }
    }
    for (scene, asked) in questions {
        match by_scene.remove(scene) {
            Some(answered) => check_scene(&mut problems, *scene, asked, answered),
            None => problems.push(problem(*scene, None, "not answered")),
        }
    }
    problems.extend(
        by_scene
            .into_keys()
            .map(|scene| problem(scene, None, "nothing is asked about it")),
    );
    Ok(problems)
}

fn check_scene(problems: &mut Vec<Problem>, scene: usize, asked: &[Question], answered: Scene) {
    let mut by_id: BTreeMap<usize, Answered> = BTreeMap::new();
    for answer in answered.questions {
        let id = answer.question_id;
        if by_id.insert(id, answer).is_some() {
            problems.push(problem(scene, Some(id), "answered twice"));
        }
    }
    for question in asked {
        let wrong = match by_id.remove(&question.id) {
            Some(answer) => answer.check(question).err(),
            None => Some("not answered".to_owned()),
        };
        problems.extend(wrong.map(|reason| problem(scene, Some(question.id), &reason)));
    }
    let strangers = by_id.into_keys();
    problems.extend(strangers.map(|id| problem(scene, Some(id), "no such question")));
}

fn problem(scene: usize, question: Option<usize>, reason: &str) -> Problem {
    Problem {
        scene,
        question,
        reason: reason.to_owned(),
    }
}

impl Answered {
    fn of(question_id: usize, answer: &Answer) -> Self {
        let word = |correct: bool| if correct { "correct" } else { "wrong" }.to_owned();
        let (answer, choices) = match answer {
            Answer::Word(word) => (Some(word.clone()), None),
            Answer::Choices(choices) => {
                let answered = choices.iter().enumerate();
                let answered = answered.map(|(choice_id, correct)| AnsweredChoice {
                    choice_id,
                    answer: word(*correct),
                });
                (None, Some(answered.collect()))
            }
        };
        Self {
            question_id,
            answer,
            choices,
        }
    }

    fn check(&self, question: &Question) -> Result<(), String> {
        match (&question.ask, &self.answer, &self.choices) {
            (Ask::Word(_), Some(word), None) => match Vocabulary.answer_id(word) {
                Some(_) => Ok(()),
                None => Err(format!("`{word}` is not one of the 21 answers")),
            },
            (Ask::Choices(asked), None, Some(answered)) => {
                let mut ids: Vec<usize> = answered.iter().map(|choice| choice.choice_id).collect();
                ids.sort_unstable();
                if !ids.iter().copied().eq(0..asked.len()) {
                    return Err(format!("choices {ids:?} of {} answered", asked.len()));
                }
                let known = |choice: &&AnsweredChoice| {
                    !["correct", "wrong"].contains(&choice.answer.as_str())
                };
                match answered.iter().find(known) {
                    Some(choice) => {
                        Err(format!("`{}` is neither correct nor wrong", choice.answer))
                    }
                    None => Ok(()),
                }
            }
            _ => Err("answered as another kind of question".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::question::{Choice, QuestionKind};

    fn questions() -> BTreeMap<usize, Vec<Question>> {
        let question = |id, ask| Question {
            id,
            kind: QuestionKind::Descriptive,
            subtype: None,
            text: String::new(),
            program: vec![],
            ask,
        };
        let choice = Choice {
            text: String::new(),
            program: vec![],
            correct: None,
        };
        let asked = vec![
            question(0, Ask::Word(None)),
            question(1, Ask::Choices(vec![choice.clone(), choice])),
        ];
        BTreeMap::from([(15_000, asked)])
    }

    fn reasons(text: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("CLEVRER.json");
        std::fs::write(&path, text).unwrap();
        let problems = check(&path, &questions()).unwrap();
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_complete_submission_has_no_problems() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("CLEVRER.json");
        let answers = BTreeMap::from([
            (0, Answer::Word("cube".to_owned())),
            (1, Answer::Choices(vec![true, false])),
        ]);
        write(&path, &BTreeMap::from([(15_000, answers)])).unwrap();
        assert_eq!(check(&path, &questions()).unwrap(), []);
        let text = std::fs::read_to_string(&path).unwrap();
        let form = concat!(
            r#"[{"scene_index":15000,"questions":[{"question_id":0,"answer":"cube"},{"question_id":1,"choices":["#,
            r#"{"choice_id":0,"answer":"correct"},{"choice_id":1,"answer":"wrong"}]}]}]"#
        );
        assert_eq!(text, form);
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let text = r#"[{"scene_index": 15000, "questions": [
                {"question_id": 0, "answer": "error"},
                {"question_id": 1, "choices": [{"choice_id": 1, "answer": "wrong"}]},
                {"question_id": 2, "answer": "yes"}]},
            {"scene_index": 3, "questions": []}]"#;
        let expected = [
            "scene 15000, question 0: `error` is not one of the 21 answers",
            "scene 15000, question 1: choices [1] of 2 answered",
            "scene 15000, question 2: no such question",
            "scene 3: nothing is asked about it",
        ];
        assert_eq!(reasons(text), expected);
        assert_eq!(reasons("[]"), ["scene 15000: not answered"]);
    }
}
