//! CLEVRER's question files: a list of scenes, or a table of scenes by number.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::schema::{Ask, Choice, Question, QuestionKind};
use crate::error::DataError;
use crate::listing::read_text;
use crate::partial::write_whole;

#[derive(Serialize, Deserialize)]
struct Scene {
    #[serde(rename = "scene_index")]
    index: usize,
    #[serde(default)]
    video_filename: String,
    questions: Vec<Written>,
}

/// A scene of a table: its number is the key.
#[derive(Deserialize)]
struct Entry {
    questions: Vec<Written>,
}

/// A question as the files write it.
#[derive(Serialize, Deserialize)]
struct Written {
    question_id: usize,
    question: String,
    question_type: QuestionKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    question_subtype: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    program: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    choices: Option<Vec<WrittenChoice>>,
}

#[derive(Serialize, Deserialize)]
struct WrittenChoice {
    choice_id: usize,
    choice: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    program: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
}

/// The questions of a file by the number of their scene.
///
/// # Errors
/// When the file cannot be read, is no question file, or names a scene twice.
pub fn read(path: &Path) -> Result<BTreeMap<usize, Vec<Question>>, DataError> {
    let malformed = |reason: String| DataError::Malformed {
        reason,
        path: path.to_owned(),
    };
    let bytes = read_text(path)?;
    let unread = |error: serde_json::Error| {
        malformed(format!(
            "not a list or table of CLEVRER's questions ({error})"
        ))
    };
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    let scenes: Vec<(usize, Vec<Written>)> = if first == Some(&b'[') {
        let scenes: Vec<Scene> = serde_json::from_slice(&bytes).map_err(unread)?;
        let scenes = scenes.into_iter();
        scenes.map(|scene| (scene.index, scene.questions)).collect()
    } else {
        let table: BTreeMap<String, Entry> = serde_json::from_slice(&bytes).map_err(unread)?;
        let numbered = table.into_iter().map(|(key, entry)| {
            let number = key
                .parse()
                .map_err(|_| malformed(format!("`{key}` is no scene's number")))?;
            Ok((number, entry.questions))
        });
        numbered.collect::<Result<_, DataError>>()?
    };
    let mut by_scene = BTreeMap::new();
    for (scene, written) in scenes {
        let read = written.into_iter().map(|question| question.read(scene));
        let questions = read.collect::<Result<Vec<_>, _>>().map_err(malformed)?;
        if by_scene.insert(scene, questions).is_some() {
            return Err(malformed(format!("scene {scene} stands there twice")));
        }
    }
    Ok(by_scene)
}

/// Writes the questions of scenes in CLEVRER's own form.
///
/// # Errors
/// When the file cannot be written.
pub fn write(path: &Path, scenes: &BTreeMap<usize, Vec<Question>>) -> Result<(), DataError> {
    let io = |source| DataError::Io {
        action: "write",
        source,
        path: path.to_owned(),
    };
    let written = |(scene, questions): (&usize, &Vec<Question>)| Scene {
        index: *scene,
        video_filename: video_name(*scene),
        questions: questions.iter().map(Written::of).collect(),
    };
    let scenes: Vec<Scene> = scenes.iter().map(written).collect();
    let text = serde_json::to_vec(&scenes).map_err(|error| io(error.into()))?;
    write_whole(path, text.as_ref()).map_err(io)
}

/// A scene's video file.
pub fn video_name(scene: usize) -> String {
    format!("video_{scene:05}.mp4")
}

impl Written {
    fn read(self, scene: usize) -> Result<Question, String> {
        let place = format!("question {} of scene {scene}", self.question_id);
        let ask = match (self.question_type, self.choices) {
            (QuestionKind::Descriptive, None) => Ask::Word(self.answer),
            (QuestionKind::Descriptive, Some(_)) => {
                return Err(format!("{place} is descriptive and has choices"));
            }
            (_, None) => return Err(format!("{place} has no choices")),
            (_, Some(choices)) => {
                let choices = choices.into_iter().map(|choice| choice.read(&place));
                Ask::Choices(choices.collect::<Result<_, _>>()?)
            }
        };
        Ok(Question {
            id: self.question_id,
            kind: self.question_type,
            subtype: self.question_subtype,
            text: self.question,
            program: self.program,
            ask,
        })
    }

    fn of(question: &Question) -> Self {
        let (answer, choices) = match &question.ask {
            Ask::Word(answer) => (answer.clone(), None),
            Ask::Choices(choices) => (
                None,
                Some(
                    choices
                        .iter()
                        .enumerate()
                        .map(|(id, choice)| WrittenChoice::of(id, choice))
                        .collect(),
                ),
            ),
        };
        Self {
            question_id: question.id,
            question: question.text.clone(),
            question_type: question.kind,
            question_subtype: question.subtype.clone(),
            program: question.program.clone(),
            answer,
            choices,
        }
    }
}

impl WrittenChoice {
    fn read(self, place: &str) -> Result<Choice, String> {
        let correct = match self.answer.as_deref() {
            None => None,
            Some("correct") => Some(true),
            Some("wrong") => Some(false),
            Some(other) => {
                return Err(format!(
                    "a choice of {place} is `{other}`, neither correct nor wrong"
                ));
            }
        };
        Ok(Choice {
            text: self.choice,
            program: self.program,
            correct,
        })
    }

    fn of(id: usize, choice: &Choice) -> Self {
        let answer = choice
            .correct
            .map(|correct| if correct { "correct" } else { "wrong" }.to_owned());
        Self {
            choice_id: id,
            choice: choice.text.clone(),
            program: choice.program.clone(),
            answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<BTreeMap<usize, Vec<Question>>, DataError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("questions.json");
        std::fs::write(&path, text).unwrap();
        read(&path)
    }

    const CHOICES: &str = r#"{"question_id": 3, "question": "What will happen next?", "question_type": "predictive",
        "program": ["unseen_events", "belong_to"], "choices": [
            {"choice_id": 0, "choice": "The cube and the sphere collide", "program": ["objects"], "answer": "correct"}]}"#;

    #[test]
    fn a_list_and_a_table_say_the_same() {
        let list = read_text(&format!(
            r#"[{{"scene_index": 17, "video_filename": "v", "questions": [{CHOICES}]}}]"#
        ));
        let table = read_text(&format!(r#"{{"17": {{"questions": [{CHOICES}]}}}}"#)).unwrap();
        assert_eq!(list.unwrap(), table);
        let Ask::Choices(choices) = &table[&17][0].ask else {
            panic!("not choices")
        };
        assert_eq!(choices[0].correct, Some(true));
    }

    #[test]
    fn the_test_split_has_neither_programs_nor_answers() {
        let text = r#"[{"scene_index": 15000, "questions": [
            {"question_id": 0, "question": "How many collisions happen?", "question_type": "descriptive"}]}]"#;
        let question = &read_text(text).unwrap()[&15000][0];
        assert_eq!(
            (question.ask.clone(), question.program.len()),
            (Ask::Word(None), 0)
        );
    }

    #[test]
    fn what_is_written_is_read_back() {
        let scenes = read_text(&format!(r#"{{"17": {{"questions": [{CHOICES}]}}}}"#)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("train.json");
        write(&path, &scenes).unwrap();
        assert_eq!(read(&path).unwrap(), scenes);
        assert!(
            std::fs::read_to_string(&path)
                .unwrap()
                .contains(r#""video_filename":"video_00017.mp4""#)
        );
    }

    #[test]
    fn a_file_that_is_something_else_is_named() {
        for (text, reason) in [
            ("{}x", "not a list or table"),
            (r#"{"x": {"questions": []}}"#, "`x` is no scene's number"),
            (
                &format!(
                    r#"{{"1": {{"questions": [{}]}}}}"#,
                    CHOICES.replace("correct", "maybe")
                ),
                "`maybe`",
            ),
            (
                &format!(
                    r#"{{"1": {{"questions": [{}]}}}}"#,
                    CHOICES.replace("predictive", "descriptive")
                ),
                "choices",
            ),
        ] {
            let error = read_text(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
