//! The page of an edited clip: what was changed, before and after side by side, and the answers that are others now.

use super::clips;
use super::html::{SCRIPT, STYLE, TEMPLATE, clips_section, notes, policy, section, stages};
use super::markup::{counted, escape, fill};
use super::page::{ClipView, StageRow};

/// Many edits against the truth.
pub mod benchmark;

/// All that the page of an edit shows.
#[derive(Debug, Clone)]
pub struct EditPage {
    /// What it is.
    pub title: String,
    /// Which clip of which run.
    pub subtitle: String,
    /// The changes, one sentence each.
    pub changes: Vec<String>,
    /// What a reader must know before believing the pictures.
    pub notes: Vec<String>,
    /// The clip, before and after.
    pub clips: Vec<ClipView>,
    /// Answers before and after; none where there are no questions.
    pub answers: Vec<AnswerChange>,
    /// What was run, in order.
    pub stages: Vec<StageRow>,
    /// The edit file.
    pub edit: String,
    /// The run's plan, as TOML.
    pub plan: String,
    /// Frames that were seen before imagination starts.
    pub burn_in: usize,
}

/// One question, or one option of it, before and after.
#[derive(Debug, Clone, PartialEq)]
pub struct AnswerChange {
    /// The question in words.
    pub question: String,
    /// Its type.
    pub kind: String,
    /// The option, where the question has some.
    pub option: Option<String>,
    /// The true answer for the clip as it was seen, where it is known.
    pub truth: Option<String>,
    /// The answer and its probability before the edit.
    pub before: (String, f64),
    /// The same behind it.
    pub after: (String, f64),
}

impl AnswerChange {
    /// Whether the edit changed the answer.
    pub fn is_other(&self) -> bool {
        self.before.0 != self.after.0
    }
}

/// The page as one string: equal input gives equal bytes.
pub fn edited(page: &EditPage) -> String {
    let answers = answers(&page.answers);
    let mut links = vec![("changes", "Changes"), ("clips", "Clip")];
    if !answers.is_empty() {
        links.push(("answers", "Answers"));
    }
    links.push(("run", "What was run"));
    let links: String = links
        .iter()
        .map(|(id, title)| ["<a href=\"#", id, "\">", title, "</a>"].concat())
        .collect();
    let changes: String = page
        .changes
        .iter()
        .map(|change| ["<li>", &escape(change), "</li>"].concat())
        .collect();
    let file = format!(
        "<details class=\"plan\" open><summary>The edit file</summary><pre>{}</pre></details>",
        escape(&page.edit)
    );
    let parts = [
        ("policy", policy()),
        ("title", escape(&page.title)),
        ("subtitle", escape(&page.subtitle)),
        ("style", STYLE.to_owned()),
        ("script", SCRIPT.to_owned()),
        ("links", links),
        ("notes", notes(&page.notes)),
        (
            "before",
            section("changes", "Changes", &format!("<ul>{changes}</ul>")),
        ),
        (
            "clips",
            clips_section(&clips::clips(&page.clips, page.burn_in)),
        ),
        ("answers", section("answers", "Answers", &answers)),
        ("stages", stages(&page.stages) + &file),
        ("plan", escape(&page.plan)),
    ];
    fill(TEMPLATE, &parts)
}

/// The answers that are others now; how many stayed.
fn answers(all: &[AnswerChange]) -> String {
    if all.is_empty() {
        return String::new();
    }
    let others: Vec<&AnswerChange> = all.iter().filter(|change| change.is_other()).collect();
    let about = format!(
        "<p class=\"about\">{} of {} changed. The true answer is that of the clip as it was seen.</p>",
        others.len(),
        counted(all.len(), "answer", "answers")
    );
    if others.is_empty() {
        return about;
    }
    let rows: String = others.iter().map(|change| row(change)).collect();
    format!(
        "{about}<div class=\"wide\"><table><thead><tr><th>type</th><th>question</th><th>option</th><th>before</th>\
         <th>after</th><th>true, unedited</th></tr></thead><tbody>{rows}</tbody></table></div>"
    )
}

fn row(change: &AnswerChange) -> String {
    let absent = "<td class=\"absent\">–</td>".to_owned();
    let cell = |text: &Option<String>| {
        text.as_deref().map_or_else(
            || absent.clone(),
            |text| ["<td>", &escape(text), "</td>"].concat(),
        )
    };
    let answer = |(word, probability): &(String, f64)| {
        format!(
            "<td>{} <small>{:.0}\u{2009}%</small></td>",
            escape(word),
            100.0 * probability
        )
    };
    [
        "<tr><td>",
        &escape(&change.kind),
        "</td><td>",
        &escape(&change.question),
        "</td>",
        &cell(&change.option),
        &answer(&change.before),
        &answer(&change.after),
        &cell(&change.truth),
        "</tr>",
    ]
    .concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(answers: Vec<AnswerChange>) -> EditPage {
        EditPage {
            title: "An edit".to_owned(),
            subtitle: "clip <1>".to_owned(),
            changes: vec!["slot 3 removed".to_owned()],
            notes: Vec::new(),
            clips: Vec::new(),
            answers,
            stages: Vec::new(),
            edit: "[[operations]]".to_owned(),
            plan: "seed = 1".to_owned(),
            burn_in: 6,
        }
    }

    #[test]
    fn only_answers_that_changed_stand_on_the_page() {
        let change = |question: &str, after: &str| AnswerChange {
            question: question.to_owned(),
            kind: "count".to_owned(),
            option: None,
            truth: Some("4".to_owned()),
            before: ("4".to_owned(), 0.91),
            after: (after.to_owned(), 0.62),
        };
        let html = edited(&page(vec![
            change("How many?", "3"),
            change("Which one?", "4"),
        ]));
        assert!(
            html.contains("How many?") && !html.contains("Which one?"),
            "{html}"
        );
        assert!(html.contains("1 of 2 answers changed"), "{html}");
        assert!(
            html.contains("62\u{2009}%") && html.contains("clip &lt;1&gt;"),
            "{html}"
        );
    }

    #[test]
    fn without_questions_the_page_has_no_answers() {
        let html = edited(&page(Vec::new()));
        assert!(!html.contains("id=\"answers\""), "{html}");
        assert!(
            html.contains("slot 3 removed") && html.contains("[[operations]]"),
            "{html}"
        );
    }
}
