//! The report as a whole: what it must hold, and what no name may do to it.

use slotflow_eval::distribution::metrics::FVD;
use slotflow_eval::pixel::psnr::PSNR;
use slotflow_eval::report::{
    AnswerRow, ClipView, Made, Page, StageRow, Strip, StripRow, TraceStep, VideoView, html,
};
use slotflow_eval::{ItemTable, ItemValue, MetricName, Score, ScoreTable};

pub const PAYLOADS: [&str; 24] = [
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</title><svg onload=alert(1)>",
    "</pre></details><iframe src=//evil.example>",
    "</textarea><img src=x onerror=alert(1)>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "\" onfocus=\"alert(1)\" autofocus=\"",
    "\" style=\"background:url(//evil.example)",
    "<a href=\"javascript:alert(1)\">x</a>",
    "<!-- ",
    "--><b>",
    "<![CDATA[<b>]]>",
    "{{script}}{{plan}}{{policy}}",
    "&lt;script&gt;",
    "&#60;script&#62;",
    "<base href=//evil.example/>",
    "<meta http-equiv=refresh content=0>",
    "<source src=//evil.example/a.mp4>",
    "video/mp4\" onerror=\"alert(1)",
    "text/html,<script>alert(1)</script>",
    "\0<\u{b}svg/onload=alert(1)>\u{202e}gpm.exe",
    "=cmd|'/c calc'!A1 <b",
];

/// The owned tables of a page, with one text in every place that takes one.
struct Example {
    scores: ScoreTable,
    items: ItemTable,
    text: String,
}

/// An answer of texts that `own` makes.
fn answer(own: &dyn Fn(&str) -> String, option: Option<String>) -> AnswerRow {
    AnswerRow {
        video: own("video"),
        question: own("question"),
        kind: own("kind"),
        subtype: Some(own("subtype")),
        option,
        truth: Some(own("truth")),
        answer: own("answer"),
        probability: 0.75,
        trace: vec![TraceStep {
            module: own("module"),
            found: own("found"),
            probability: 0.5,
        }],
    }
}

impl Example {
    fn new(text: &str) -> Self {
        let own = |name: &str| format!("{name}{text}");
        // A table that was read may hold any name.
        let read = |name: String| -> MetricName { serde_json::from_value(name.into()).unwrap() };
        let made = |metric: &str, subset: &str| {
            let mut score = Score::new(PSNR.default_id(), subset)
                .with_value(24.5, 8)
                .with_interval(23.0, 26.0, &own("bca"))
                .with_bounds(Some(20.0), Some(30.0));
            score.metric = read(metric.to_owned());
            score.profile = own("profile");
            score.note = own("note");
            score
        };
        let reason = own("reason");
        let missing = Score::not_computed(FVD.default_id(), "imagined", &reason);
        let scores = [
            made("psnr", "imagined"),
            made(&own("odd"), &own("subset")),
            missing,
        ];
        let item = |frame: usize| ItemValue {
            metric: read(own("psnr")),
            profile: own("profile"),
            subset: own("imagined-"),
            item: own("clip"),
            frame: Some(frame),
            value: Some(30.0 - frame as f64),
        };
        Self {
            scores: scores.into_iter().collect(),
            items: (6..24).map(item).collect(),
            text: text.to_owned(),
        }
    }

    fn page(&self) -> Page<'_> {
        let own = |name: &str| format!("{name}{}", self.text);
        let video = |mime: &str| VideoView {
            label: own("truth"),
            mime: own(mime),
            bytes: vec![0, 1, 2, 250],
        };
        let row = |label: &str| StripRow {
            label: own(label),
            pictures: vec![vec![9, 9]; 2],
        };
        let clip = ClipView {
            name: own("clip"),
            strip: Some(Strip {
                frames: vec![0, 6],
                imagined_from: Some(6),
                rows: vec![row("truth")],
                slots: vec![row("slot")],
            }),
            frames: 24,
            videos: vec![video("video/mp4"), video("image/gif")],
            observed_share: 0.25,
            scores: vec![("psnr".to_owned(), 24.5), (own("odd"), 1.0)],
            note: Some(own("note")),
        };
        Page {
            title: own("title"),
            subtitle: own("subtitle"),
            scores: &self.scores,
            items: &self.items,
            clips: vec![clip.clone(), clip],
            answers: vec![answer(&own, None), answer(&own, Some(own("option")))],
            stages: vec![StageRow {
                stage: own("stage"),
                why: own("why"),
            }],
            made: Some(Made {
                command: own("command"),
                date: own("date"),
                version: own("version"),
                facts: vec![(own("fact"), own("value"))],
            }),
            plan: own("plan"),
            notes: vec![own("note")],
            failures: vec![(own("clip"), own("reason"))],
            burn_in: 6,
        }
    }
}

const VOID: [&str; 7] = ["meta", "img", "input", "source", "wbr", "br", "!doctype"];

/// Every tag in order, with the names of its attributes: the shape of a page, whatever its texts say.
fn shape(page: &str) -> Vec<String> {
    let mut tags = Vec::new();
    let mut open: Vec<String> = Vec::new();
    let mut rest = page;
    while let Some((_, after)) = rest.split_once('<') {
        let (name, attributes, tail) = tag(after);
        rest = tail;
        if let Some(closed) = name.strip_prefix('/') {
            let expected = open.pop();
            assert_eq!(
                expected.as_deref(),
                Some(closed),
                "closed out of turn before: {}",
                start(rest)
            );
        } else if !attributes.ends_with(&["/".to_owned()]) && !VOID.contains(&name.as_str()) {
            open.push(name.clone());
        }
        // What stands in these is no markup.
        for raw in ["script", "style"] {
            if name == raw {
                let end = rest.find(&format!("</{raw}")).unwrap();
                rest = &rest[end..];
            }
        }
        tags.push([vec![name], attributes].concat().join(" "));
    }
    assert!(open.is_empty(), "never closed: {open:?}");
    // A place where a line may break follows every slash in a subset; it holds nothing.
    tags.retain(|tag| tag != "wbr");
    tags
}

/// Name and attribute names of a tag, and what follows it.
fn tag(text: &str) -> (String, Vec<String>, &str) {
    let end = text.find([' ', '>']).unwrap();
    let name = text[..end].to_owned();
    let mut attributes = Vec::new();
    let mut rest = text[end..].trim_start();
    while !rest.starts_with('>') {
        let end = rest.find(['=', ' ', '>']).unwrap();
        attributes.push(rest[..end].to_owned());
        rest = &rest[end..];
        if let Some(value) = rest.strip_prefix("=\"") {
            rest = &value[value.find('"').unwrap() + 1..];
        }
        rest = rest.trim_start();
        if rest.starts_with("/>") {
            attributes.push("/".to_owned());
            rest = &rest[1..];
        }
    }
    (name, attributes, &rest[1..])
}

fn start(text: &str) -> String {
    text.chars().take(80).collect()
}

/// Tags close where they should, also those that end in `/>`.
pub fn parsed(page: &str) -> Vec<String> {
    shape(&page.replace("/>", " />"))
}

#[test]
fn no_text_changes_the_shape_of_the_page() {
    let plain = parsed(&html(&Example::new("plain").page()));
    for payload in PAYLOADS {
        let page = html(&Example::new(payload).page());
        assert_eq!(parsed(&page), plain, "{payload}");
        assert_eq!(page.matches("<script").count(), 1, "{payload}");
    }
}

#[test]
fn nothing_is_fetched_from_anywhere() {
    let page = html(&Example::new("").page());
    for attribute in ["src=\"", "href=\"", "url("] {
        for (place, _) in page.match_indices(attribute) {
            let value = &page[place + attribute.len()..];
            assert!(
                value.starts_with("data:") || value.starts_with('#'),
                "{}",
                start(value)
            );
        }
    }
    assert!(!page.contains("http://") && !page.contains("https://"));
    assert!(
        !page.contains("style=\"") && !page.contains("@import"),
        "the policy forbids it"
    );
}

#[test]
fn the_policy_allows_exactly_the_style_and_the_script_of_the_page() {
    use base64::Engine;
    use sha2::{Digest, Sha256};
    let page = html(&Example::new("").page());
    for element in ["style", "script"] {
        let (_, after) = page.split_once(&format!("<{element}>")).unwrap();
        let (text, _) = after.split_once(&format!("</{element}>")).unwrap();
        let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(text));
        assert!(
            page.contains(&format!("{element}-src 'sha256-{hash}'")),
            "{element}"
        );
    }
    assert!(page.contains("default-src 'none'") && !page.contains("unsafe"));
}

#[test]
fn an_empty_run_still_makes_a_page() {
    let (scores, items) = (ScoreTable::default(), ItemTable::default());
    let page = html(&Page {
        title: "empty".to_owned(),
        subtitle: String::new(),
        scores: &scores,
        items: &items,
        clips: Vec::new(),
        answers: Vec::new(),
        stages: Vec::new(),
        made: None,
        plan: String::new(),
        notes: Vec::new(),
        failures: Vec::new(),
        burn_in: 0,
    });
    parsed(&page);
    for said in [
        "Nothing was scored.",
        "No clip was drawn.",
        "No stage is on record.",
    ] {
        assert!(page.contains(said), "{said}");
    }
    assert!(!page.contains("id=\"answers\"") && !page.contains("id=\"horizon\""));
}

#[test]
fn equal_input_gives_equal_bytes() {
    let page = || html(&Example::new("x").page());
    assert_eq!(page(), page());
}

#[test]
fn every_part_of_a_run_is_shown() {
    let page = html(&Example::new("").page());
    let parts = [
        "<h1>title</h1>",
        "24.50",
        "23.00",
        "not computed",
        "<h3>Pixels</h3>",
        "<h3>Video distance</h3>",
        "class=\"line main\"",
        "class=\"start\"",
        "AAEC+g==",
        "class=\"was-imagined\"",
        "alt=\"truth, frame 6\"",
        "<code>command</code> <span>date</span> <span>version</span>",
        "<dt>fact</dt><dd>value</dd>",
        "data-label=\"floor\"",
        "<span class=\"ends\">95\u{a0}%: 23.00",
        "class=\"badge best\"",
        "class=\"confusion\"",
        "<code>stage</code>",
        "<pre>plan</pre>",
        "1 clip was left out",
    ];
    for part in parts {
        assert!(page.contains(part), "{part}");
    }
}

#[test]
fn clips_stand_before_numbers() {
    let page = html(&Example::new("").page());
    let place = |part: &str| page.find(part).unwrap_or_else(|| panic!("no {part}"));
    let order = [
        "class=\"wide strip few\"",
        "<video",
        "class=\"cards\"",
        "class=\"summary\"",
        "class=\"scores\"",
    ]
    .map(place);
    assert!(order.is_sorted(), "{order:?}");
}
