//! What an official configuration says, and what the papers say where it is silent.

use serde_json::{Value, json};

use crate::weights::WeightsError;

/// Settings under official names, `slot_dict/num_slots`: those that a person gave, then the papers'.
#[derive(Debug, Clone)]
pub struct OfficialConfig {
    /// The official class.
    pub class: &'static str,
    given: Value,
    published: Value,
}

/// Settings that the official classes have but every published configuration leaves at one value, which is
/// the one that our models know.
fn fixed() -> [(&'static str, Value); 19] {
    [
        ("enc_dict/use_layer4", json!(false)),
        ("enc_dict/enc_norm", json!("")),
        ("dec_dict/dec_norm", json!("")),
        ("pred_dict/pred_norm_first", json!(true)),
        ("rollout_dict/norm_first", json!(true)),
        ("rollout_dict/t_pe", json!("sin")),
        ("rollout_dict/slots_pe", json!("")),
        ("readout_dict/norm_first", json!(true)),
        ("readout_dict/t_pe", json!("sin")),
        ("readout_dict/agg_func", json!("max")),
        ("transformer_dict/norm_first", json!(true)),
        ("transformer_dict/pos_enc", json!("learnable")),
        ("dec_dict/conditioning_key", json!("crossattn")),
        ("dec_dict/vae_dict/vae_type", json!("VQVAE")),
        ("dec_dict/unet_dict/dims", json!(2)),
        ("dec_dict/unet_dict/resblock_updown", json!(false)),
        ("dec_dict/unet_dict/conv_resample", json!(true)),
        ("dec_dict/unet_dict/transformer_depth", json!(1)),
        ("dec_dict/diffusion_dict/logvar_init", json!(0.0)),
    ]
}

impl OfficialConfig {
    /// What a person gave, and what the papers say.
    pub fn new(class: &'static str, given: Value, published: Value) -> Self {
        Self {
            class,
            given,
            published,
        }
    }

    /// Refuses a configuration of another class, and one that asks for what no model of ours does.
    pub(crate) fn check(&self) -> Result<(), WeightsError> {
        let class = self.class;
        if !(self.given.is_null() || self.given.is_object()) {
            return Err(setting("", "the configuration is no JSON object"));
        }
        if let Some(other) = self.given.get("model").and_then(Value::as_str)
            && other != class
        {
            return Err(setting(
                "model",
                format!("is {other}, the model asked for is {class}"),
            ));
        }
        for (key, only) in fixed() {
            let given = pointer(&self.given, key);
            if !(given.is_null() || *given == only) {
                return Err(setting(
                    key,
                    format!("is {given}; only {only} is supported"),
                ));
            }
        }
        Ok(())
    }

    /// A setting, null if nobody says anything.
    pub fn get(&self, key: &str) -> &Value {
        match pointer(&self.given, key) {
            Value::Null => pointer(&self.published, key),
            given => given,
        }
    }

    /// Whether a person gave this setting.
    pub fn is_given(&self, key: &str) -> bool {
        !pointer(&self.given, key).is_null()
    }

    /// A size that shapes do not tell.
    ///
    /// # Errors
    /// When nobody says it, or it is no positive whole number.
    pub fn size(&self, key: &str) -> Result<usize, WeightsError> {
        let value = self.get(key);
        if value.is_null() {
            return Err(setting(
                key,
                "is not told by any shape: give it with `--config`",
            ));
        }
        let size = value.as_u64().filter(|size| (1..=1 << 32).contains(size));
        size.map(|size| size as usize)
            .ok_or_else(|| setting(key, format!("is {value}, which is no size")))
    }

    /// The same with a value for when nobody says it.
    ///
    /// # Errors
    /// When it is no positive whole number.
    pub fn size_or(&self, key: &str, default: usize) -> Result<usize, WeightsError> {
        if self.get(key).is_null() {
            Ok(default)
        } else {
            self.size(key)
        }
    }

    /// Several sizes.
    ///
    /// # Errors
    /// When it is no list of whole numbers.
    pub fn sizes(&self, key: &str) -> Result<Vec<usize>, WeightsError> {
        let value = self.get(key);
        let sizes = value.as_array().map(|list| {
            let sizes = list
                .iter()
                .map(|size| size.as_u64().map(|size| size as usize));
            sizes.collect::<Option<Vec<_>>>()
        });
        sizes
            .flatten()
            .ok_or_else(|| setting(key, format!("is {value}, which is no list of sizes")))
    }

    /// Height and width, if somebody says them.
    ///
    /// # Errors
    /// When they are not two positive numbers.
    pub fn pair(&self, key: &str) -> Result<Option<[usize; 2]>, WeightsError> {
        if self.get(key).is_null() {
            return Ok(None);
        }
        match self.sizes(key)?[..] {
            [height, width]
                if (1..=1 << 16).contains(&height) && (1..=1 << 16).contains(&width) =>
            {
                Ok(Some([height, width]))
            }
            _ => Err(setting(key, "must be a height and a width")),
        }
    }

    /// A number.
    ///
    /// # Errors
    /// When it is none.
    pub fn number_or(&self, key: &str, default: f64) -> Result<f64, WeightsError> {
        match self.get(key) {
            Value::Null => Ok(default),
            value => value
                .as_f64()
                .ok_or_else(|| setting(key, format!("is {value}, which is no number"))),
        }
    }

    /// A word.
    ///
    /// # Errors
    /// When it is none.
    pub fn word(&self, key: &str) -> Result<Option<&str>, WeightsError> {
        match self.get(key) {
            Value::Null => Ok(None),
            Value::String(word) => Ok(Some(word)),
            value => Err(setting(key, format!("is {value}, which is no text"))),
        }
    }

    /// Yes or no.
    ///
    /// # Errors
    /// When it is neither.
    pub fn flag(&self, key: &str) -> Result<Option<bool>, WeightsError> {
        match self.get(key) {
            Value::Null => Ok(None),
            Value::Bool(flag) => Ok(Some(*flag)),
            value => Err(setting(key, format!("is {value}, not true or false"))),
        }
    }

    /// What shapes told, if the given configuration does not contradict it.
    ///
    /// # Errors
    /// Names the setting with both values.
    pub fn confirm<T: Into<Value>>(&self, key: &str, found: T) -> Result<(), WeightsError> {
        let (given, found) = (pointer(&self.given, key), found.into());
        if given.is_null() || *given == found {
            return Ok(());
        }
        Err(setting(
            key,
            format!("is {given} but the arrays say {found}"),
        ))
    }
}

/// An error about one setting; its dots are those of a person.
pub(crate) fn setting(key: &str, reason: impl Into<String>) -> WeightsError {
    WeightsError::Setting {
        key: key.replace('/', "."),
        reason: reason.into(),
    }
}

fn pointer<'a>(config: &'a Value, key: &str) -> &'a Value {
    config.pointer(&format!("/{key}")).unwrap_or(&Value::Null)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(given: Value) -> OfficialConfig {
        OfficialConfig::new(
            "SAVi",
            given,
            json!({ "slot_dict": { "num_iterations": 2 } }),
        )
    }

    #[test]
    fn what_was_given_comes_before_what_was_published() {
        let key = "slot_dict/num_iterations";
        assert_eq!(facts(Value::Null).size(key).unwrap(), 2);
        let given = facts(json!({ "slot_dict": { "num_iterations": 5 } }));
        assert_eq!(given.size(key).unwrap(), 5);
        let wrong = facts(json!({ "slot_dict": { "num_iterations": -1 } }));
        assert!(wrong.size(key).is_err());
    }

    #[test]
    fn a_contradiction_is_named_with_both_values() {
        let said = facts(json!({ "slot_dict": { "num_slots": 5 } }))
            .confirm("slot_dict/num_slots", 7)
            .unwrap_err();
        assert_eq!(
            said.to_string(),
            "`slot_dict.num_slots` is 5 but the arrays say 7"
        );
    }

    #[test]
    fn what_no_model_does_is_refused() {
        let said = facts(json!({ "enc_dict": { "use_layer4": true } }))
            .check()
            .unwrap_err();
        assert!(
            said.to_string().contains("only false is supported"),
            "{said}"
        );
        assert!(facts(json!({ "model": "SA" })).check().is_err());
        assert!(facts(json!([1])).check().is_err());
    }
}
