//! The page of a benchmark of edits: measures with intervals and what is required of them, and a sheet of pictures.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::report::html::{SCRIPT, STYLE, TEMPLATE, clips_section, notes, policy, section, stages};
use crate::report::markup::{escape, fill};
use crate::report::page::StageRow;
use crate::stats::Interval;

/// All that the page shows.
#[derive(Debug, Clone)]
pub struct EditBenchmarkPage {
    /// What it is.
    pub title: String,
    /// Which clips.
    pub subtitle: String,
    /// The numbers.
    pub measures: Vec<EditMeasure>,
    /// What a reader must know before believing the numbers.
    pub notes: Vec<String>,
    /// A picture of edits, as PNG, and what its columns are.
    pub sheet: Option<(Vec<u8>, String)>,
    /// What was run, in order.
    pub stages: Vec<StageRow>,
    /// The plan, as TOML.
    pub plan: String,
}

/// One number over many edits.
#[derive(Debug, Clone, PartialEq)]
pub struct EditMeasure {
    /// What was done to slots.
    pub edit: String,
    /// Which edits count.
    pub subset: String,
    /// What is measured.
    pub measure: String,
    /// The number.
    pub value: f64,
    /// Its interval of 95 % over clips.
    pub interval: Option<Interval>,
    /// What is required, in words, and whether the number reaches it.
    pub required: Option<(String, bool)>,
    /// Edits.
    pub edits: usize,
    /// Clips.
    pub clips: usize,
}

/// The page as one string: equal input gives equal bytes.
pub fn edit_benchmark(page: &EditBenchmarkPage) -> String {
    let links: String = [
        ("clips", "Pictures"),
        ("scores", "Measures"),
        ("run", "What was run"),
    ]
    .map(|(id, title)| ["<a href=\"#", id, "\">", title, "</a>"].concat())
    .concat();
    let rows: String = page.measures.iter().map(row).collect();
    let table = format!(
        "<div class=\"wide\"><table><thead><tr><th>slot</th><th>of</th><th>measure</th><th class=\"num\">value</th>\
         <th class=\"num\">95\u{a0}%</th><th>required</th><th class=\"num\">edits</th><th class=\"num\">clips</th></tr>\
         </thead><tbody>{rows}</tbody></table></div>"
    );
    let sheet = page.sheet.as_ref().map_or_else(
        || "<p class=\"empty\">No picture was asked for.</p>".to_owned(),
        |(png, about)| {
            format!(
                "<p class=\"about\">{0}</p><div class=\"wide\"><img src=\"data:image/png;base64,{1}\" alt=\"{0}\"></div>",
                escape(about),
                STANDARD.encode(png)
            )
        },
    );
    let parts = [
        ("policy", policy()),
        ("title", escape(&page.title)),
        ("subtitle", escape(&page.subtitle)),
        ("style", STYLE.to_owned()),
        ("script", SCRIPT.to_owned()),
        ("links", links),
        ("notes", notes(&page.notes)),
        ("scores", section("scores", "Measures", &table)),
        ("clips", clips_section(&sheet)),
        ("stages", stages(&page.stages)),
        ("plan", escape(&page.plan)),
    ];
    fill(TEMPLATE, &parts)
}

fn row(measure: &EditMeasure) -> String {
    let absent = "<td class=\"absent\">–</td>".to_owned();
    let interval = measure.interval.map_or_else(
        || absent.clone(),
        |Interval { low, high }| {
            format!("<td class=\"num\">{low:.3}\u{2009}–\u{2009}{high:.3}</td>")
        },
    );
    let required = measure.required.as_ref().map_or(absent, |(words, met)| {
        let (class, word) = if *met {
            ("good", "met")
        } else {
            ("bad", "missed")
        };
        format!(
            "<td>{} <small class=\"{class}\">{word}</small></td>",
            escape(words)
        )
    });
    format!(
        "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td class=\"num\">{:.3}</td>{interval}{required}\
         <td class=\"num\">{}</td><td class=\"num\">{}</td></tr>",
        escape(&measure.edit),
        escape(&measure.subset),
        escape(&measure.measure),
        measure.value,
        measure.edits,
        measure.clips
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measure_says_whether_it_reaches_what_is_required() {
        let measure = |value: f64, met: bool| EditMeasure {
            edit: "removed".to_owned(),
            subset: "all".to_owned(),
            measure: "fall".to_owned(),
            value,
            interval: Some(Interval {
                low: 0.5,
                high: 0.75,
            }),
            required: Some(("≥ 0.6".to_owned(), met)),
            edits: 30,
            clips: 10,
        };
        let page = EditBenchmarkPage {
            title: "Edits".to_owned(),
            subtitle: String::new(),
            measures: vec![measure(0.7, true), measure(0.4, false)],
            notes: Vec::new(),
            sheet: Some((vec![1, 2], "columns <here>".to_owned())),
            stages: Vec::new(),
            plan: String::new(),
        };
        let html = edit_benchmark(&page);
        assert!(html.contains("0.500\u{2009}–\u{2009}0.750"), "{html}");
        assert!(
            html.contains(">met<") && html.contains(">missed<"),
            "{html}"
        );
        assert!(html.contains("columns &lt;here&gt;"), "{html}");
    }
}
