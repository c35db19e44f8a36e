//! Sweeps: one plan under every combination of values of some of its keys.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use slotflow_datasets::ClipId;

use crate::plan::error::PlanError;

/// Longest name of a combination, bytes; file systems end at 255.
const LONGEST: usize = 150;

/// The key under which the record of a sweep holds what is swept.
pub const RECORD: &str = "sweep";

/// A key of a plan and the values that it takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SweptKey {
    /// The key, such as `rollout.burn-in`.
    pub key: String,
    /// Its values, as they were written.
    pub values: Vec<String>,
}

/// Keys and their values; every combination is one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sweep {
    /// In the order in which they were given; the last one varies fastest.
    pub keys: Vec<SweptKey>,
}

/// One value of every swept key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Combination {
    /// Name of its folder, such as `burn-in=4,steps=12`.
    pub name: String,
    /// A value a key, in the order of [`Sweep::keys`].
    pub values: Vec<String>,
    /// The values as changes of the plan.
    pub changes: Vec<String>,
}

impl Sweep {
    /// The sweep that texts of the form `table.key=value,value` ask for; commas in brackets and quotes part no values.
    ///
    /// # Errors
    /// When a text is not of that form, or names a key or a value twice.
    pub fn parse(texts: &[String]) -> Result<Self, PlanError> {
        let mut keys: Vec<SweptKey> = Vec::new();
        for text in texts {
            let wrong = |reason: &str| PlanError::Sweep {
                reason: reason.to_owned(),
                sweep: text.clone(),
            };
            let (key, values) = text
                .split_once('=')
                .map(|(key, values)| (key.trim(), parted(values)))
                .filter(|(key, values)| {
                    !key.is_empty() && values.iter().all(|value| !value.is_empty())
                })
                .ok_or_else(|| wrong("not a sweep of the form table.key=value,value"))?;
            if keys.iter().any(|swept| swept.key == key) {
                return Err(wrong("the key is swept twice"));
            }
            let different: BTreeSet<&String> = values.iter().collect();
            if different.len() < values.len() {
                return Err(wrong("a value stands there twice"));
            }
            keys.push(SweptKey {
                key: key.to_owned(),
                values,
            });
        }
        Ok(Self { keys })
    }

    /// The sweep that a record in TOML is of; none where it is no such record.
    pub fn of_record(text: &str) -> Option<Self> {
        let mut record: toml::Table = text.parse().ok()?;
        let keys = record.remove(RECORD)?.try_into().ok()?;
        Some(Self { keys })
    }

    /// Every combination, the last key varying fastest.
    pub fn combinations(&self) -> Vec<Combination> {
        let mut all = vec![Vec::new()];
        for swept in &self.keys {
            let longer = |values: &Vec<String>| {
                let values = values.clone();
                let next = swept.values.iter();
                next.map(move |value| [&values[..], std::slice::from_ref(value)].concat())
            };
            all = all.iter().flat_map(longer).collect();
        }
        let names: Vec<String> = all.iter().map(|values| self.name(values)).collect();
        let different: BTreeSet<&String> = names.iter().collect();
        let are_names =
            different.len() == names.len() && names.iter().all(|name| name.len() <= LONGEST);
        let numbered = all.into_iter().zip(names).enumerate();
        let combination = |(index, (values, name)): (usize, (Vec<String>, String))| Combination {
            name: if are_names {
                name
            } else {
                format!("combination-{}", index + 1)
            },
            changes: self.changes(&values),
            values,
        };
        numbered.map(combination).collect()
    }

    fn changes(&self, values: &[String]) -> Vec<String> {
        let pairs = self.keys.iter().zip(values);
        pairs
            .map(|(swept, value)| format!("{}={value}", swept.key))
            .collect()
    }

    /// `key=value,key=value`, keys by their last word where that is enough.
    fn name(&self, values: &[String]) -> String {
        let last = |key: &str| key.rsplit('.').next().unwrap_or(key).to_owned();
        let shorts: Vec<String> = self.keys.iter().map(|swept| last(&swept.key)).collect();
        let parts = self.keys.iter().zip(values).zip(&shorts);
        let parts = parts.map(|((swept, value), short)| {
            let is_unique = shorts.iter().filter(|other| *other == short).count() == 1;
            let key = if is_unique { short } else { &swept.key };
            let value = ClipId::new(value);
            format!("{}={}", ClipId::new(key), value.as_str().trim_matches('-'))
        });
        parts.collect::<Vec<_>>().join(",")
    }
}

/// What stands between commas that are in no brackets and in no quotes.
fn parted(text: &str) -> Vec<String> {
    let (mut parts, mut depth, mut quote) = (vec![String::new()], 0_usize, None);
    for character in text.chars() {
        match (character, quote) {
            ('"' | '\'', None) => quote = Some(character),
            (_, Some(open)) if character == open => quote = None,
            ('[' | '{', None) => depth += 1,
            (']' | '}', None) => depth = depth.saturating_sub(1),
            (',', None) if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(part) = parts.last_mut() {
            part.push(character);
        }
    }
    parts.iter().map(|part| part.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sweep(texts: &[&str]) -> Result<Sweep, PlanError> {
        let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
        Sweep::parse(&texts)
    }

    fn names(texts: &[&str]) -> Vec<String> {
        let all = sweep(texts).unwrap().combinations();
        all.into_iter().map(|one| one.name).collect()
    }

    #[test]
    fn several_keys_are_a_product_named_by_their_values() {
        let all = sweep(&["rollout.burn-in=4,6", "render.sampler.steps = 2, 4"])
            .unwrap()
            .combinations();
        let names: Vec<&str> = all.iter().map(|one| &*one.name).collect();
        let expected = [
            "burn-in=4,steps=2",
            "burn-in=4,steps=4",
            "burn-in=6,steps=2",
            "burn-in=6,steps=4",
        ];
        assert_eq!(names, expected);
        assert_eq!(
            all[1].changes,
            ["rollout.burn-in=4", "render.sampler.steps=4"]
        );
        assert_eq!(all[3].values, ["6", "4"]);
    }

    #[test]
    fn brackets_and_quotes_hold_values_together_and_no_name_is_a_path() {
        let parts = sweep(&["decode.size=[64, 64],[128, 128]"]).unwrap();
        assert_eq!(parts.keys[0].values, ["[64, 64]", "[128, 128]"]);
        assert_eq!(
            names(&["decode.size=[64, 64],[32, 32]"]),
            ["size=64--64", "size=32--32"]
        );
        assert_eq!(parted("\"a,b\",c"), ["\"a,b\"", "c"]);
        assert_eq!(
            names(&["encode.weights=a/b.safetensors"]),
            ["weights=a-b.safetensors"]
        );
        // Keys of one last word are told apart, and values that no name tells apart are numbered.
        assert_eq!(
            names(&["encode.weights=a", "render.weights=b"]),
            ["encode.weights=a,render.weights=b"]
        );
        assert_eq!(
            names(&["encode.weights=a/b,a-b"]),
            ["combination-1", "combination-2"]
        );
        assert_eq!(
            names(&[&format!("seed={}", "1".repeat(200))]),
            ["combination-1"]
        );
    }

    #[test]
    fn what_is_no_sweep_is_refused_by_itself() {
        for (texts, word) in [
            (&["rollout.burn-in"][..], "form"),
            (&["=4"], "form"),
            (&["rollout.burn-in=4,,6"], "form"),
            (&["seed=1,1"], "twice"),
            (&["seed=1", "seed=2"], "twice"),
        ] {
            let said = sweep(texts).unwrap_err().to_string();
            assert!(said.contains(word), "{texts:?}: {said}");
        }
    }
}
