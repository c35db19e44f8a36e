//! The running average of a denoiser that some official checkpoints hold beside the last step's parameters.
//!
//! Source: `LitEma` of latent diffusion; SlotDiffusion's `DDPM(use_ema=True)`.

use super::OfficialConfig;
use crate::weights::{StateDict, WeightsError};

const LAST: &str = "dm_decoder.model.";
const AVERAGE: &str = "dm_decoder.model_ema.";

/// Its own counters, which are no parameters.
const COUNTERS: [&str; 2] = ["decay", "num_updates"];

/// Puts the average in the place of the parameters of the last step, as the official code does to draw, unless the
/// configuration says `use_ema: false`. What is put aside comes back under its official names.
///
/// # Errors
/// When the average lacks a parameter or has one too many, or is asked for and is not there.
pub fn take_average(
    state: &mut StateDict,
    facts: &OfficialConfig,
) -> Result<StateDict, WeightsError> {
    let asked = facts.flag("dec_dict/use_ema")?;
    let mut aside = StateDict::new(&state.source);
    let averages = state.entries.keys().filter(|key| key.starts_with(AVERAGE));
    for key in averages.cloned().collect::<Vec<_>>() {
        if let Some(value) = state.entries.remove(&key) {
            aside.insert(key, value);
        }
    }
    if aside.entries.is_empty() {
        return match asked {
            Some(true) => Err(WeightsError::Setting {
                key: "dec_dict.use_ema".into(),
                reason: format!("is true, but the checkpoint has no `{AVERAGE}*`"),
            }),
            _ => Ok(aside),
        };
    }
    let mut unused: Vec<String> = aside.entries.keys().cloned().collect();
    unused.retain(|key| !COUNTERS.contains(&&key[AVERAGE.len()..]));
    let mut missing = Vec::new();
    let last = state.entries.keys().filter(|key| key.starts_with(LAST));
    for key in last.cloned().collect::<Vec<_>>() {
        let name = format!("{AVERAGE}{}", key[LAST.len()..].replace('.', ""));
        let Some(average) = aside.get(&name).cloned() else {
            missing.push(name);
            continue;
        };
        unused.retain(|other| *other != name);
        if asked != Some(false)
            && let Some(value) = state.entries.insert(key.clone(), average)
        {
            aside.insert(key, value);
        }
    }
    if missing.is_empty() && unused.is_empty() {
        return Ok(aside);
    }
    Err(WeightsError::Keys {
        missing,
        unused,
        path: state.source.clone(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::weights::Value;

    fn state(average: &str) -> StateDict {
        let mut state = StateDict::new("x.pth");
        state.insert("dm_decoder.model.a.b", Value::f32([1], vec![1.0]));
        state.insert(average, Value::f32([1], vec![2.0]));
        state.insert(format!("{AVERAGE}decay"), Value::f32([], vec![0.9]));
        state
    }

    fn facts(given: serde_json::Value) -> OfficialConfig {
        OfficialConfig::new("SADiffusion", given, json!({}))
    }

    #[test]
    fn the_average_draws_unless_it_is_refused_and_nothing_is_lost() {
        let refused = json!({"dec_dict": {"use_ema": false}});
        for (given, drawn) in [(json!({}), 2.0), (refused, 1.0)] {
            let before = state("dm_decoder.model_ema.ab");
            let mut after = before.clone();
            let aside = take_average(&mut after, &facts(given)).unwrap();
            let value = after.get("dm_decoder.model.a.b").unwrap();
            assert_eq!(value.as_f32(), Some(&[drawn][..]));
            assert_eq!(after.entries.len(), 1);
            after.entries.extend(aside.entries);
            assert_eq!(after, before);
        }
    }

    #[test]
    fn an_average_of_other_parameters_is_refused_by_name() {
        let other = take_average(&mut state("dm_decoder.model_ema.cd"), &facts(json!({})));
        let said = other.unwrap_err().to_string();
        assert!(
            said.contains("model_ema.ab") && said.contains("model_ema.cd"),
            "{said}"
        );
        let asked = facts(json!({"dec_dict": {"use_ema": true}}));
        assert!(take_average(&mut StateDict::default(), &asked).is_err());
        let both = json!({"dec_dict": {"use_ema": 1}});
        assert!(take_average(&mut StateDict::default(), &facts(both)).is_err());
    }
}
