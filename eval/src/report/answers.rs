//! What was answered, by type of question, what is wrong first; and what was taken for what.

use std::collections::{BTreeMap, BTreeSet};

use crate::answers::confusion;

use super::markup::{counted, escape};
use super::page::{AnswerRow, TraceStep};

/// How many questions of a type stand on the page; all of them stand in `answers.csv`.
const SHOWN: usize = 200;

/// A question with its rows: one for a word, one for each option.
type Question<'a> = Vec<&'a AnswerRow>;

/// Tables of all types, and confusions after them.
pub(super) fn answers(rows: &[AnswerRow]) -> String {
    if rows.is_empty() {
        return "<p class=\"empty\">No question was asked.</p>".to_owned();
    }
    let mut kinds: BTreeMap<&str, Vec<Question<'_>>> = BTreeMap::new();
    for row in rows {
        let questions = kinds.entry(&row.kind).or_default();
        match questions.last_mut() {
            Some(question) if continues(question, row) => question.push(row),
            _ => questions.push(vec![row]),
        }
    }
    let mut page: String = kinds.iter().map(|(kind, all)| table(kind, all)).collect();
    let confusions = confusions(rows);
    if !confusions.is_empty() {
        page.push_str(
            "<h3>What was taken for what</h3><p class=\"about\">A row is a true answer, a column what was answered.</p>",
        );
        page.push_str(&["<div class=\"confusions\">", &confusions, "</div>"].concat());
    }
    page
}

fn continues(question: &Question<'_>, row: &AnswerRow) -> bool {
    question.first().is_some_and(|first| {
        first.option.is_some()
            && row.option.is_some()
            && first.video == row.video
            && first.question == row.question
            && question.iter().all(|before| before.option != row.option)
    })
}

/// Whether an answer is right; `None` where the truth is not known.
fn right(row: &AnswerRow) -> Option<bool> {
    row.truth.as_ref().map(|truth| *truth == row.answer)
}

fn table(kind: &str, questions: &[Question<'_>]) -> String {
    let wrong = |question: &Question<'_>| question.iter().any(|row| right(row) == Some(false));
    let known = |question: &&Question<'_>| question.iter().all(|row| right(row).is_some());
    let (failed, passed): (Vec<_>, Vec<_>) = questions.iter().partition(|one| wrong(one));
    let graded = questions.iter().filter(known).count();
    let right = questions
        .iter()
        .filter(known)
        .filter(|one| !wrong(one))
        .count();
    let with_options = questions.iter().flatten().any(|row| row.option.is_some());
    let option = if with_options { "<th>option</th>" } else { "" };
    let rows: String = failed
        .into_iter()
        .chain(passed)
        .take(SHOWN)
        .map(|one| question(one, with_options))
        .collect();
    let share = match graded {
        0 => "truth not known".to_owned(),
        _ => format!(
            "{right} of {graded} right, {:.1}\u{2009}%",
            100.0 * right as f64 / graded as f64
        ),
    };
    let rest = questions.len().saturating_sub(SHOWN);
    let rest = match rest {
        0 => String::new(),
        rest => format!("<p class=\"about\">{rest} more in <code>answers.csv</code></p>"),
    };
    format!(
        "<details class=\"kind\" open><summary><b>{}</b> {} <span>{share}</span></summary><div class=\"wide tall\">\
         <table class=\"answers\"><thead><tr><th>video</th><th>question</th>{option}<th>truth</th><th>answer</th>\
         <th class=\"num\">probability</th></tr></thead><tbody>{rows}</tbody></table></div>{rest}</details>",
        escape(kind),
        counted(questions.len(), "question", "questions"),
    )
}

fn question(rows: &Question<'_>, with_options: bool) -> String {
    let span = rows.len();
    let one = |(index, row): (usize, &&AnswerRow)| {
        let head = if index == 0 {
            format!(
                "<td rowspan=\"{span}\">{}</td><td rowspan=\"{span}\" class=\"words\">{}</td>",
                escape(&row.video),
                escape(&row.question)
            )
        } else {
            String::new()
        };
        let option = if with_options {
            let option = row.option.as_deref().map(escape).unwrap_or_default();
            ["<td class=\"words\">", &option, "</td>"].concat()
        } else {
            String::new()
        };
        let class = match right(row) {
            Some(true) => "good",
            Some(false) => "bad",
            None => "open",
        };
        let mark = match right(row) {
            Some(true) => "✓ ",
            Some(false) => "✗ ",
            None => "",
        };
        let trace = match right(row) {
            Some(false) => trace(row),
            _ => String::new(),
        };
        format!(
            "<tr>{head}{option}<td>{}</td><td class=\"{class}\">{mark}{}{trace}</td>\
             <td class=\"num\">{:.3}</td></tr>",
            row.truth.as_deref().map_or_else(|| "–".to_owned(), escape),
            escape(&row.answer),
            row.probability
        )
    };
    rows.iter().enumerate().map(one).collect()
}

/// How an answer was found, behind a fold.
fn trace(row: &AnswerRow) -> String {
    if row.trace.is_empty() {
        return String::new();
    }
    let step = |step: &TraceStep| {
        format!(
            "<tr><td><code>{}</code></td><td class=\"words\">{}</td><td class=\"num\">{:.2}</td></tr>",
            escape(&step.module),
            escape(&step.found),
            step.probability
        )
    };
    let steps = row.trace.iter().map(step).collect::<Vec<_>>().concat();
    format!("<details class=\"trace\"><summary>steps</summary><table>{steps}</table></details>")
}

/// A table for each kind of answer: the subtypes of questions of one word, then the options of each type.
fn confusions(rows: &[AnswerRow]) -> String {
    let mut pairs: BTreeMap<(bool, &str), Vec<(&str, &str)>> = BTreeMap::new();
    for row in rows {
        if let Some(truth) = &row.truth {
            let named = row.subtype.as_deref().unwrap_or(&row.kind);
            let all = pairs.entry((row.option.is_some(), named)).or_default();
            all.push((truth, &row.answer));
        }
    }
    pairs
        .iter()
        .map(|((_, named), pairs)| one_confusion(named, pairs))
        .collect()
}

fn one_confusion(named: &str, pairs: &[(&str, &str)]) -> String {
    let truths: BTreeSet<&str> = pairs.iter().map(|(truth, _)| *truth).collect();
    let answers: BTreeSet<&str> = pairs
        .iter()
        .flat_map(|(truth, answer)| [*truth, *answer])
        .collect();
    let counts = confusion(pairs.iter().copied());
    let row = |truth: &&str| {
        let count = |answer: &&str| {
            let key = ((*truth).to_owned(), (*answer).to_owned());
            counts.get(&key).copied().unwrap_or(0)
        };
        let all: usize = answers.iter().map(count).sum();
        let cell = |answer: &&str| {
            let count = count(answer);
            if count == 0 {
                return "<td></td>".to_owned();
            }
            let kind = if truth == answer { "hit" } else { "miss" };
            let tenths = (10 * count).div_ceil(all.max(1));
            format!("<td class=\"{kind} s{tenths}\">{count}</td>")
        };
        let cells: String = answers.iter().map(cell).collect();
        format!("<tr><th scope=\"row\">{}</th>{cells}</tr>", escape(truth))
    };
    let heads: String = answers
        .iter()
        .map(|answer| ["<th scope=\"col\">", &escape(answer), "</th>"].concat())
        .collect();
    format!(
        "<figure><figcaption>{} <span>{}</span></figcaption><div class=\"wide\"><table class=\"confusion\">\
         <thead><tr><th></th>{heads}</tr></thead><tbody>{}</tbody></table></div></figure>",
        escape(named),
        counted(pairs.len(), "answer", "answers"),
        truths.iter().map(row).collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(question: &str, option: Option<&str>, truth: &str, answer: &str) -> AnswerRow {
        AnswerRow {
            video: "v".to_owned(),
            question: question.to_owned(),
            kind: "predictive".to_owned(),
            subtype: None,
            option: option.map(str::to_owned),
            truth: Some(truth.to_owned()),
            answer: answer.to_owned(),
            probability: 0.5,
            trace: vec![TraceStep {
                module: "unique".to_owned(),
                found: "red <cube>".to_owned(),
                probability: 0.25,
            }],
        }
    }

    #[test]
    fn only_wrong_answers_show_their_steps() {
        let page = answers(&[row("good one", None, "red", "red")]);
        assert!(!page.contains("class=\"trace\""), "{page}");
        let page = answers(&[row("bad one", None, "red", "blue")]);
        let step = "<code>unique</code></td><td class=\"words\">red &lt;cube&gt;</td><td class=\"num\">0.25";
        assert!(page.contains(step), "{page}");
    }

    #[test]
    fn what_is_wrong_comes_first() {
        let page = answers(&[
            row("good one", None, "red", "red"),
            row("bad one", None, "red", "blue"),
        ]);
        assert!(page.find("bad one").unwrap() < page.find("good one").unwrap());
        assert!(page.contains("1 of 2 right, 50.0"), "{page}");
    }

    #[test]
    fn options_of_a_question_share_its_words() {
        let page = answers(&[
            row("what next?", Some("a"), "correct", "correct"),
            row("what next?", Some("b"), "wrong", "correct"),
            row("what next?", Some("a"), "wrong", "wrong"),
        ]);
        assert_eq!(
            page.matches("rowspan=\"2\" class=\"words\">what next?")
                .count(),
            1
        );
        assert_eq!(
            page.matches("rowspan=\"1\" class=\"words\">what next?")
                .count(),
            1
        );
        assert!(
            page.contains("1 of 2 right"),
            "a question wants all of its options: {page}"
        );
    }

    #[test]
    fn an_unknown_truth_is_neither_right_nor_wrong() {
        let open = AnswerRow {
            truth: None,
            ..row("q", None, "", "red")
        };
        let page = answers(&[open]);
        assert!(
            page.contains("truth not known") && page.contains("<td class=\"open\">red"),
            "{page}"
        );
        assert!(!page.contains("What was taken for what"));
    }

    #[test]
    fn a_subtype_has_its_own_confusion() {
        let subtype = |named: &str, truth: &str, answer: &str| AnswerRow {
            subtype: Some(named.to_owned()),
            ..row("q", None, truth, answer)
        };
        let page = answers(&[
            subtype("query_color", "red", "blue"),
            subtype("query_color", "red", "red"),
            subtype("count", "2", "2"),
        ]);
        assert_eq!(page.matches("<table class=\"confusion\">").count(), 2);
        assert!(
            page.contains("<td class=\"miss s5\">1</td><td class=\"hit s5\">1</td>"),
            "{page}"
        );
    }
}
