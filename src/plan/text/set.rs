//! Changes of one value: `table.key=value`.

use toml::{Table, Value};

use super::earlier::renamed;
use crate::plan::error::PlanError;

/// Puts the value of `table.key=value` into a plan; the value is TOML, or text as it stands, or `unset`.
///
/// # Errors
/// When `change` is not of that form, or a table on the way is a value.
pub fn apply(plan: &mut Table, change: &str) -> Result<(), PlanError> {
    let wrong = || PlanError::Change {
        change: change.to_owned(),
    };
    let (path, raw) = change.split_once('=').ok_or_else(wrong)?;
    let raw = raw.trim();
    let mut keys: Vec<&str> = path.trim().split('.').collect();
    if let Some(first) = keys.first_mut() {
        *first = renamed(first);
    }
    let last = keys.pop().filter(|key| !key.is_empty()).ok_or_else(wrong)?;
    let mut table = plan;
    for key in keys {
        let entry = table
            .entry(key)
            .or_insert_with(|| Value::Table(Table::new()));
        table = entry.as_table_mut().ok_or_else(wrong)?;
    }
    if raw == "unset" {
        table.remove(last);
    } else {
        table.insert(last.to_owned(), parsed(raw));
    }
    Ok(())
}

fn parsed(raw: &str) -> Value {
    let table = format!("value = {raw}").parse::<Table>().ok();
    table
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| Value::String(raw.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_toml_or_else_text() {
        let mut plan: Table = "seed = 1\n[rollout]\nburn-in = 6".parse().unwrap();
        for change in [
            "rollout.burn-in=8",
            "encode.weights=a/b.safetensors",
            "decode.size=[64, 64]",
        ] {
            apply(&mut plan, change).unwrap();
        }
        assert_eq!(plan["rollout"]["burn-in"].as_integer(), Some(8));
        assert_eq!(plan["encode"]["weights"].as_str(), Some("a/b.safetensors"));
        assert_eq!(plan["decode"]["size"].as_array().map(Vec::len), Some(2));
    }

    #[test]
    fn what_is_no_change_is_refused() {
        let mut plan: Table = "seed = 1".parse().unwrap();
        assert!(apply(&mut plan, "seed").is_err() && apply(&mut plan, "seed.key=1").is_err());
        assert!(apply(&mut plan, "=1").is_err());
    }
}
