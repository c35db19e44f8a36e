//! Tables of scores, one a kind of measure.

use std::collections::BTreeSet;

use super::charts::bar::bar;
use super::markup::{Style, counted, escape, known, metric_name};
use crate::metric::definition::Group;
use crate::metric::{Direction, MetricName};
use crate::tables::{NOT_APPLICABLE, Score, ScoreTable};

/// A table of the page.
pub(super) struct Section {
    /// The metrics in it; `None` for those that the registry does not know.
    pub(super) group: Option<Group>,
    pub(super) title: &'static str,
    pub(super) about: &'static str,
}

/// The tables in the order of the page.
pub(super) const GROUPS: [Section; 5] = [
    Section {
        group: Some(Group::Pixels),
        title: "Pixels",
        about: "Drawn frames against true ones. The floor of imagined frames copies the last frame that was seen.",
    },
    Section {
        group: Some(Group::Masks),
        title: "Masks",
        about: "Slots against true objects. The floor is the best of masks that never looked at the picture.",
    },
    Section {
        group: Some(Group::Distance),
        title: "Video distance",
        about: "Sets of clips against sets of clips, over the features of a network.",
    },
    Section {
        group: Some(Group::Answers),
        title: "Answers",
        about: "Questions about the clips. The floor answers from the question alone.",
    },
    Section {
        group: None,
        title: "Other measures",
        about: "",
    },
];

/// The table that a row stands in.
pub(super) fn group_of(metric: &MetricName) -> Option<Group> {
    known(metric).map(|metric| metric.group)
}

/// The tables, those of groups without a row left out.
pub(super) fn tables(table: &ScoreTable) -> String {
    if table.rows.is_empty() {
        return "<p class=\"empty\">Nothing was scored.</p>".to_owned();
    }
    let runs: BTreeSet<&str> = table.rows.iter().map(|score| score.run.as_str()).collect();
    let section = |section: &Section| {
        let Section {
            group,
            title,
            about,
        } = *section;
        let rows = table.rows.iter();
        let rows: Vec<&Score> = rows
            .filter(|score| group_of(&score.metric) == group)
            .collect();
        let above = std::iter::once(None).chain(rows.iter().copied().map(Some));
        let rows: String = rows
            .iter()
            .zip(above)
            .map(|(score, above)| row(score, above, runs.len() > 1))
            .collect();
        if rows.is_empty() {
            return String::new();
        }
        format!(
            "<h3>{title}</h3><p class=\"about\">{about}</p><div class=\"wide\"><table class=\"scores\"><thead><tr>\
             <th>metric</th><th>on</th><th class=\"num\">value</th><th class=\"num\">95 % interval</th>\
             <th class=\"num\">floor</th><th class=\"num\">ceiling</th><th></th><th class=\"num\">items</th>\
             <th>profile</th><th>note</th></tr></thead><tbody>{rows}</tbody></table></div>"
        )
    };
    let tables: String = GROUPS.iter().map(section).collect();
    let some_grey = table
        .rows
        .iter()
        .any(|score| score.value.is_some() && !score.unknown_fields().is_empty());
    let legend = if some_grey {
        "<p class=\"about\">A number in grey lacks something that one must know to repeat it; \
         pointing at its row says what.</p>"
    } else {
        ""
    };
    format!("{tables}{legend}")
}

fn row(score: &Score, above: Option<&Score>, with_run: bool) -> String {
    let style = Style::of_score(score);
    let bound = |bound: Option<f64>| bound.map_or_else(|| "–".to_owned(), |one| style.show(one));
    let interval = match (score.ci_low, score.ci_high) {
        (Some(low), Some(high)) => style.range(low, high),
        _ => "–".to_owned(),
    };
    let run = if with_run && !score.run.is_empty() {
        format!("<small>{}</small>", escape(&score.run))
    } else {
        String::new()
    };
    let (class, title) = greyed(score);
    let numbers = match score.value {
        Some(value) => format!(
            "<td class=\"num value\" data-label=\"value\">{}</td>\
             <td class=\"num\" data-label=\"95\u{a0}% interval\" title=\"{}\">{interval}</td>",
            style.show(value),
            escape(&score.ci_method)
        ),
        None => "<td class=\"absent\" colspan=\"2\">not computed</td>".to_owned(),
    };
    format!(
        "<tr class=\"{class}\" title=\"{title}\">{name}<td class=\"on\">{subset}{run}</td>{numbers}\
         <td class=\"num\" data-label=\"floor\">{floor}</td><td class=\"num\" data-label=\"ceiling\">{ceiling}</td>\
         <td class=\"barred\">{bar}</td><td class=\"num\" data-label=\"items\">{items}</td>\
         <td data-label=\"profile\"><code>{profile}</code></td><td class=\"note\">{note}</td></tr>",
        name = name(score),
        subset = escape(&score.subset).replace('/', "/<wbr>"),
        floor = bound(score.floor),
        ceiling = bound(score.ceiling),
        bar = bar(score),
        items = items(score),
        profile = escape(&score.profile),
        note = escape(&note_below(score, above)),
    )
}

fn name(score: &Score) -> String {
    let (name, meaning) = metric_name(&score.metric);
    let (arrow, better) = match score.direction {
        Direction::Higher => ("↑", "higher is better"),
        Direction::Lower => ("↓", "lower is better"),
    };
    let title = if meaning.is_empty() {
        better.to_owned()
    } else {
        format!("{meaning}; {better}")
    };
    format!(
        "<th scope=\"row\" title=\"{}\">{}<span class=\"arrow\">{arrow}</span></th>",
        escape(&title),
        escape(name)
    )
}

/// The class of a row, and what pointing at it says.
fn greyed(score: &Score) -> (&'static str, String) {
    let unknown = score.unknown_fields();
    if score.value.is_none() {
        ("grey", escape(&score.note))
    } else if unknown.is_empty() {
        ("", escape(&provenance(score)))
    } else {
        ("grey", escape(&format!("unknown: {}", unknown.join(", "))))
    }
}

/// How a number was made, in one line.
fn provenance(score: &Score) -> String {
    let made = &score.provenance;
    let parts = [
        ("interval", &score.ci_method),
        ("clips from", &made.offset_policy),
        ("frames", &made.frame_order),
        ("resized by", &made.resize_kernel),
        ("covariance", &made.cov_estimator),
        ("weights", &made.weights_sha256),
        ("data", &made.data_manifest_sha256),
        ("model", &made.checkpoint_sha256),
        ("version", &made.code_version),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(_, text)| text.as_str() != NOT_APPLICABLE)
        .map(|(name, text)| format!("{name}: {text}"))
        .collect();
    parts.join("\n")
}

fn items(score: &Score) -> String {
    match (score.value, score.n_real, score.n_fake) {
        (None, ..) => "–".to_owned(),
        (Some(_), Some(real), Some(fake)) => format!("{real}\u{2009}/\u{2009}{fake}"),
        _ => score.n_items.to_string(),
    }
}

/// The note without the words that the row itself already says, and what was not counted like the rest.
fn note(score: &Score) -> String {
    let note = score.note.strip_prefix("not computed: ");
    let mut parts = vec![note.unwrap_or(&score.note).to_owned()];
    if score.n_skipped > 0 {
        parts.push(counted(score.n_skipped, "value", "values") + " skipped");
    }
    if score.n_degenerate > 0 {
        parts.push(counted(score.n_degenerate, "value", "values") + " by convention");
    }
    parts.retain(|part| !part.is_empty());
    parts.join("; ")
}

/// Letters from which on a note is not said again in the next row.
const LONG: usize = 60;

/// The note, without the long beginning that the row above of the same profile says too.
fn note_below(score: &Score, above: Option<&Score>) -> String {
    let own = note(score);
    let of_same = |above: &&Score| above.profile == score.profile && above.run == score.run;
    let Some(above) = above.filter(of_same).map(note) else {
        return own;
    };
    let parts: Vec<&str> = own.split("; ").collect();
    let alike = parts.iter().zip(above.split("; "));
    let alike = alike.take_while(|(one, other)| *one == other).count();
    if parts[..alike].join("; ").chars().count() < LONG {
        return own;
    }
    [&["as above"], &parts[alike..]].concat().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answers::clevrer::ACCURACY;
    use crate::distribution::metrics::FVD;
    use crate::metric::definition::Metric;
    use crate::metric::registry::METRICS;
    use crate::pixel::psnr::PSNR;
    use crate::tables::Provenance;

    fn full(metric: &'static Metric) -> Score {
        let score = Score::new(metric.default_id(), "imagined").with_value(24.5, 8);
        let known = Provenance::of_clips("data", "1.0", NOT_APPLICABLE);
        score
            .with_interval(23.0, 26.0, "bca")
            .with_provenance(&known)
    }

    #[test]
    fn every_metric_finds_its_table_and_one_of_another_version_is_shown_too() {
        let read = |name: &str| -> MetricName { serde_json::from_value(name.into()).unwrap() };
        let group = |name: &str| group_of(&read(name));
        assert_eq!(group("lpips"), Some(Group::Pixels));
        assert_eq!(group("fg-miou"), Some(Group::Masks));
        assert_eq!(group("fvd-motion"), Some(Group::Distance));
        assert_eq!(group("fvd*[sha256:01234567]"), Some(Group::Distance));
        assert_eq!(group("accuracy"), Some(Group::Answers));
        assert_eq!(group("made-up"), None);
        for metric in METRICS {
            let page = tables(&[full(metric)].into_iter().collect());
            assert!(page.contains(metric.title), "{}", metric.name);
        }
    }

    #[test]
    fn only_groups_with_rows_have_a_table() {
        let page = tables(&[full(&PSNR), full(&ACCURACY)].into_iter().collect());
        assert!(page.contains("<h3>Pixels</h3>") && page.contains("<h3>Answers</h3>"));
        assert!(!page.contains("<h3>Masks</h3>") && !page.contains("<h3>Other"));
    }

    #[test]
    fn a_number_of_unknown_making_is_grey_and_says_why() {
        let known = row(&full(&PSNR), None, false);
        assert!(known.starts_with("<tr class=\"\""), "{known}");
        let bare = Score {
            provenance: Provenance {
                weights_sha256: String::new(),
                ..full(&PSNR).provenance
            },
            ..full(&PSNR)
        };
        let unknown = row(&bare, None, false);
        assert!(unknown.starts_with("<tr class=\"grey\" title=\"unknown: weights_sha256\">"));
    }

    #[test]
    fn a_number_that_was_not_computed_is_grey_and_says_why() {
        let reason = "weights missing";
        let missing = Score::not_computed(FVD.default_id(), "imagined", reason);
        let text = row(&missing, None, false);
        assert!(text.starts_with("<tr class=\"grey\""), "{text}");
        assert!(text.contains(">not computed</td>") && text.contains(">weights missing</td>"));
    }

    #[test]
    fn what_was_skipped_is_counted() {
        let some = Score {
            n_skipped: 3,
            ..full(&PSNR)
        };
        assert!(row(&some, None, false).contains(">3 values skipped</td>"));
    }

    #[test]
    fn a_long_note_is_said_once_a_profile() {
        let noted = |profile: &str, note: &str| Score {
            profile: profile.to_owned(),
            note: note.to_owned(),
            ..full(&PSNR)
        };
        let long = "programs on what a head reads off slots, taught by generated events";
        let first = noted("reason", &format!("{long}; of 3 videos"));
        let second = noted("reason", &format!("{long}; of 5 videos"));
        let short = noted("reason", "frames at 64×64; of 5 videos");
        let below = |score: &Score, above: &Score| note_below(score, Some(above));
        assert_eq!(note_below(&first, None), first.note);
        assert_eq!(below(&second, &first), "as above; of 5 videos");
        assert_eq!(below(&first, &first), "as above");
        assert_eq!(below(&short, &short), short.note);
        assert_eq!(below(&noted("aloe", &first.note), &first), first.note);
    }
}
