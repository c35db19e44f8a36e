//! What an artifact is the result of: the content of its inputs and settings, and why it is not there yet.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The name of an artifact's content: a hash of everything that it depends on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ArtifactId(pub String);

/// One thing that a stage depends on beside its own settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// What it is to the stage: `clips`, `weights`.
    pub name: String,
    /// The hash of its content.
    pub id: String,
}

impl Input {
    /// An input under the name by which a person knows it.
    pub fn new(name: &str, id: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            id: id.into(),
        }
    }
}

/// Everything that an artifact's bytes depend on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// The stage: its table in a plan.
    pub stage: String,
    /// The stage's version.
    pub version: u32,
    /// Its settings.
    pub config: Value,
    /// What it reads.
    pub inputs: Vec<Input>,
    /// The seed, where the stage draws random numbers.
    pub seed: Option<u64>,
    /// Kind of device and precision.
    pub arithmetic: String,
}

impl Recipe {
    /// The artifact's id.
    pub fn id(&self) -> ArtifactId {
        let text = canonical(&serde_json::to_value(self).unwrap_or(Value::Null));
        ArtifactId(blake3::hash(text.as_bytes()).to_hex()[..32].to_owned())
    }

    /// What differs from an earlier recipe, in a person's words; empty where nothing does.
    pub fn differences(&self, earlier: &Self) -> Vec<String> {
        let mut found = Vec::new();
        differing(&self.stage, &earlier.config, &self.config, &mut found);
        for input in &self.inputs {
            let before = earlier.inputs.iter().find(|other| other.name == input.name);
            if before != Some(input) {
                found.push(format!("`{}` changed", input.name));
            }
        }
        if self.seed != earlier.seed {
            found.push("`seed` changed".to_owned());
        }
        if self.arithmetic != earlier.arithmetic {
            found.push(format!(
                "device {} → {}",
                earlier.arithmetic, self.arithmetic
            ));
        }
        found
    }
}

/// Notes every leaf at which two settings differ, as `table.key` old → new.
fn differing(path: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
    match (old, new) {
        (Value::Object(before), Value::Object(after)) => {
            let mut keys: Vec<&String> = before.keys().chain(after.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let side = |map: &serde_json::Map<String, Value>| {
                    map.get(key).cloned().unwrap_or(Value::Null)
                };
                let dot = if path.is_empty() { "" } else { "." };
                let path = format!("{path}{dot}{key}");
                differing(&path, &side(before), &side(after), found);
            }
        }
        _ if old == new => {}
        _ => found.push(format!("`{path}` {} → {}", spoken(old), spoken(new))),
    }
}

fn spoken(value: &Value) -> String {
    match value {
        Value::Null => "unset".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// JSON with sorted keys and no space: equal values give equal text.
pub fn canonical(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| key.as_str());
            let inner: Vec<String> = entries
                .into_iter()
                .map(|(key, value)| format!("{}:{}", Value::String(key.clone()), canonical(value)))
                .collect();
            format!("{{{}}}", inner.join(","))
        }
        Value::Array(items) => format!(
            "[{}]",
            items.iter().map(canonical).collect::<Vec<_>>().join(",")
        ),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn recipe(burn_in: u32, clips: &str) -> Recipe {
        Recipe {
            stage: "rollout".into(),
            version: 1,
            config: json!({"burn-in": burn_in, "steps": null}),
            inputs: vec![Input::new("slots", clips)],
            seed: None,
            arithmetic: "cpu-f32".into(),
        }
    }

    #[test]
    fn an_id_does_not_depend_on_the_order_of_keys() {
        let (a, b) = (
            json!({"x": 1, "y": [2, {"p": 1, "q": 2}]}),
            json!({"y": [2, {"q": 2, "p": 1}], "x": 1}),
        );
        assert_eq!(canonical(&a), canonical(&b));
        assert_ne!(recipe(6, "a").id(), recipe(8, "a").id());
        assert_eq!(recipe(6, "a").id(), recipe(6, "a").id());
    }

    #[test]
    fn a_difference_names_the_knob_and_both_values() {
        assert_eq!(
            recipe(8, "a").differences(&recipe(6, "a")),
            ["`rollout.burn-in` 6 → 8"]
        );
        assert_eq!(
            recipe(6, "b").differences(&recipe(6, "a")),
            ["`slots` changed"]
        );
    }
}
