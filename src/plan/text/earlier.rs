//! Plans of earlier versions: tables under their former names, and settings that nothing reads any more.

use toml::{Table, Value};

/// Tables that were renamed: the former name and today's.
const RENAMED: [(&str, &str); 3] = [
    ("beside", "baselines"),
    ("contact", "physion"),
    ("reason", "neuro-symbolic"),
];

/// Settings that were dropped, by table and key, each with the reason.
const DROPPED: [(&str, &str, &str); 1] = [(
    "encode",
    "chunk",
    "frames are encoded in chunks of a fixed length, which changes no number",
)];

/// Today's name of a plan's table.
pub fn renamed(table: &str) -> &str {
    let found = RENAMED.iter().find(|(former, _)| *former == table);
    found.map_or(table, |(_, name)| name)
}

/// Puts a plan's tables under today's names.
///
/// # Errors
/// When a table is there under both names; which one is meant cannot be known.
pub fn rename(plan: &mut Table) -> Result<(), String> {
    for (former, name) in RENAMED {
        if let Some(table) = plan.remove(former)
            && plan.insert(name.to_owned(), table).is_some()
        {
            return Err(format!(
                "`{former}` is the former name of `{name}`; one of them may be set"
            ));
        }
    }
    Ok(())
}

/// Takes out the settings that nothing reads any more; a sentence on each.
pub fn drop_unread(plan: &mut Table) -> Vec<String> {
    let mut notes = Vec::new();
    for (table, key, reason) in DROPPED {
        let found = plan.get_mut(table).and_then(Value::as_table_mut);
        if found.and_then(|table| table.remove(key)).is_some() {
            notes.push(format!("note: `{table}.{key}` is no longer read: {reason}"));
        }
    }
    notes
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::plan::Plan;

    fn read(text: &str, changes: &[&str]) -> Plan {
        let changes: Vec<String> = changes.iter().map(|&change| change.to_owned()).collect();
        Plan::parse(text, Path::new("earlier.toml"), &changes).unwrap()
    }

    #[test]
    fn tables_are_read_under_their_former_names() {
        let [former, today] = [["beside", "reason"], ["baselines", "neuro-symbolic"]].map(|[beside, reason]| {
            let head = "flow = \"clevrer-vqa\"\n[decode]\nstride = 5\n";
            format!("{head}[{beside}]\nquestion = \"a\"\n[{reason}]\nsteps = 3\n[page]\nanswers = \"reason\"\n")
        });
        assert_eq!(
            read(&former, &[]),
            read(&today, &["page.answers=neuro-symbolic"])
        );
        assert_eq!(
            read(&today, &["reason.steps=4", "beside.x=b"]),
            read(&former, &["neuro-symbolic.steps=4", "baselines.x=b"])
        );
        let physion = |name: &str| {
            format!(
                "flow = \"physion-vqa\"\n[decode]\ndataset = \"contact\"\nstride = 6\n[{name}]\nsteps = 7\n"
            )
        };
        assert_eq!(
            read(&physion("contact"), &[]),
            read(&physion("physion"), &[])
        );
        let both = [physion("contact"), "[physion]\nsteps = 8\n".to_owned()].concat();
        let refused = Plan::parse(&both, Path::new("both.toml"), &[]).unwrap_err();
        assert!(refused.to_string().contains("former name"), "{refused}");
    }

    #[test]
    fn a_setting_that_nothing_reads_changes_nothing_and_is_told() {
        assert_eq!(read("[encode]\nchunk = 8\n", &[]), read("", &[]));
        let mut plan: Table = "[encode]\nchunk = 8\nweights = \"a\"".parse().unwrap();
        let notes = drop_unread(&mut plan);
        assert!(
            notes.len() == 1 && notes[0].contains("`encode.chunk`"),
            "{notes:?}"
        );
        assert_eq!(plan, "[encode]\nweights = \"a\"".parse().unwrap());
        assert!(drop_unread(&mut plan).is_empty());
    }
}
