//! The page as a whole: template, styles, script and the policy that allows no others.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::charts::curve;
use super::markup::{counted, escape, fill};
use super::page::{Made, Page, StageRow};
use super::{answers, clips, scores, summary};

pub(super) const TEMPLATE: &str = include_str!("template/page.html");
pub(super) const STYLE: &str = include_str!("template/page.css");
pub(super) const SCRIPT: &str = include_str!("template/page.js");

/// The page as one string: equal input gives equal bytes.
pub fn html(page: &Page<'_>) -> String {
    let curves = curve::charts(page.items, page.burn_in);
    let curves = section(
        "horizon",
        "Along the horizon",
        &if curves.is_empty() {
            String::new()
        } else {
            format!("<div class=\"charts\">{curves}</div>")
        },
    );
    let answers = if page.answers.is_empty() {
        String::new()
    } else {
        answers::answers(&page.answers)
    };
    // A page of answers has no clips and does not say so.
    let clips = if page.clips.is_empty() && !page.answers.is_empty() {
        String::new()
    } else {
        clips_section(&clips::clips(&page.clips, page.burn_in))
    };
    let parts = [
        ("policy", policy()),
        ("title", escape(&page.title)),
        ("subtitle", escape(&page.subtitle)),
        ("style", STYLE.to_owned()),
        ("script", SCRIPT.to_owned()),
        ("made", page.made.as_ref().map_or_else(String::new, made)),
        ("links", links(page, &clips, &curves)),
        ("summary", summary::paragraph(page)),
        ("cards", summary::cards(page)),
        ("notes", notes(&page.notes)),
        ("failures", failures(&page.failures)),
        (
            "scores",
            section("scores", "Scores", &scores::tables(page.scores)),
        ),
        ("curves", curves),
        ("clips", clips),
        ("answers", section("answers", "Answers", &answers)),
        (
            "stages",
            page.made.as_ref().map_or_else(String::new, facts) + &stages(&page.stages),
        ),
        ("plan", escape(&page.plan)),
    ];
    fill(TEMPLATE, &parts)
}

/// The line below the title that says by what command, when and with which version the run was made.
fn made(made: &Made) -> String {
    format!(
        "<p class=\"made\"><code>{}</code> <span>{}</span> <span>{}</span></p>",
        escape(&made.command),
        escape(&made.date),
        escape(&made.version)
    )
}

/// What else the run hangs on.
fn facts(made: &Made) -> String {
    let fact = |(name, value): &(String, String)| {
        [
            "<div><dt>",
            &escape(name),
            "</dt><dd>",
            &escape(value),
            "</dd></div>",
        ]
        .concat()
    };
    let facts: String = made.facts.iter().map(fact).collect();
    if facts.is_empty() {
        return facts;
    }
    format!("<dl class=\"facts\">{facts}</dl>")
}

/// Nothing is loaded from anywhere; the one style sheet and the one script are those with these hashes.
pub(super) fn policy() -> String {
    let hash = |text: &str| STANDARD.encode(Sha256::digest(text));
    format!(
        "default-src 'none'; img-src data:; media-src data:; style-src 'sha256-{}'; script-src 'sha256-{}'; \
         base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    )
}

pub(super) fn section(id: &str, title: &str, content: &str) -> String {
    if content.is_empty() {
        return String::new();
    }
    format!("<section id=\"{id}\"><h2>{title}</h2>{content}</section>")
}

/// Clips below their heading and the button that plays them all.
pub(super) fn clips_section(clips: &str) -> String {
    format!(
        "<section id=\"clips\"><div class=\"heading\"><h2>Clips</h2>\
         <button id=\"in-step\" type=\"button\" hidden>▶ play all in step</button></div>{clips}</section>"
    )
}

fn links(page: &Page<'_>, clips: &str, curves: &str) -> String {
    let links = [
        ("clips", "Clips", !clips.is_empty()),
        ("scores", "Scores", true),
        ("horizon", "Horizon", !curves.is_empty()),
        ("answers", "Answers", !page.answers.is_empty()),
        ("run", "What was run", true),
    ];
    links
        .into_iter()
        .filter(|(_, _, there)| *there)
        .map(|(id, title, _)| ["<a href=\"#", id, "\">", title, "</a>"].concat())
        .collect()
}

pub(super) fn notes(notes: &[String]) -> String {
    let items: String = notes
        .iter()
        .map(|note| ["<li>", &escape(note), "</li>"].concat())
        .collect();
    if items.is_empty() {
        return items;
    }
    format!("<aside class=\"notes\"><h2>Before you believe it</h2><ul>{items}</ul></aside>")
}

fn failures(failures: &[(String, String)]) -> String {
    let row = |(clip, reason): &(String, String)| {
        ["<li><b>", &escape(clip), "</b> ", &escape(reason), "</li>"].concat()
    };
    let items: String = failures.iter().map(row).collect();
    if items.is_empty() {
        return items;
    }
    let count = counted(failures.len(), "clip was left out", "clips were left out");
    format!("<aside class=\"notes failed\"><h2>{count}</h2><ul>{items}</ul></aside>")
}

pub(super) fn stages(stages: &[StageRow]) -> String {
    if stages.is_empty() {
        return "<p class=\"empty\">No stage is on record.</p>".to_owned();
    }
    let row = |stage: &StageRow| {
        let (name, why) = (escape(&stage.stage), escape(&stage.why));
        [
            "<tr><th scope=\"row\"><code>",
            &name,
            "</code></th><td>",
            &why,
            "</td></tr>",
        ]
        .concat()
    };
    let rows: String = stages.iter().map(row).collect();
    format!(
        "<div class=\"wide\"><table class=\"stages\"><thead><tr><th>stage</th><th>why</th></tr></thead>\
         <tbody>{rows}</tbody></table></div>"
    )
}
