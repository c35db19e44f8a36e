//! A configuration that diffusers wrote: one setting at a time, refused where no model here has it.

use std::path::Path;

use serde_json::{Value, json};

use crate::weights::WeightsError;

/// A configuration of diffusers and the file that it is from, for messages.
#[derive(Debug, Clone, Copy)]
pub struct Component<'a> {
    /// The settings.
    pub config: &'a Value,
    /// Where they stand.
    pub path: &'a Path,
}

/// The largest size that is taken from a file.
const LARGEST: u64 = 1 << 16;

impl Component<'_> {
    /// An error about one of its settings.
    pub fn refuse(&self, key: &str, reason: impl Into<String>) -> WeightsError {
        WeightsError::Component {
            key: key.to_owned(),
            reason: reason.into(),
            path: self.path.to_owned(),
        }
    }

    /// Refuses a configuration of another class.
    ///
    /// # Errors
    /// Names both classes.
    pub fn class(&self, expected: &str) -> Result<(), WeightsError> {
        match self.config.get("_class_name").and_then(Value::as_str) {
            Some(class) if class == expected => Ok(()),
            Some(class) => Err(self.refuse("_class_name", format!("is {class}, not {expected}"))),
            None => Err(self.refuse("_class_name", format!("is missing, not {expected}"))),
        }
    }

    /// Refuses another value than the only one, which is JSON.
    ///
    /// # Errors
    /// Names both.
    pub fn only(&self, key: &str, only: &str) -> Result<(), WeightsError> {
        let Some(given) = self.config.get(key) else {
            return Ok(());
        };
        let only: Value = serde_json::from_str(only).unwrap_or_default();
        let is_equal = match (given.as_f64(), only.as_f64()) {
            (Some(given), Some(only)) => given == only,
            _ => *given == only,
        };
        if is_equal {
            return Ok(());
        }
        Err(self.refuse(key, format!("is {given}; only {only} is supported")))
    }

    /// Refuses other values of what has one, and whatever else is switched on.
    ///
    /// # Errors
    /// Names the first.
    pub fn fixed(&self, table: &[(&str, &str)], read: &[&str]) -> Result<(), WeightsError> {
        for (key, only) in table {
            self.only(key, only)?;
        }
        for (key, value) in self.config.as_object().into_iter().flatten() {
            let is_known = key.starts_with('_')
                || read.contains(&key.as_str())
                || table.iter().any(|(known, _)| known == key);
            if !is_known && !matches!(value, Value::Null | Value::Bool(false)) {
                return Err(self.refuse(key, format!("is {value}, which is not supported")));
            }
        }
        Ok(())
    }

    /// A setting, unless it is null or absent.
    fn get(&self, key: &str) -> Option<&Value> {
        self.config.get(key).filter(|value| !value.is_null())
    }

    /// A size.
    ///
    /// # Errors
    /// When it is no positive whole number, or is absent and has no default.
    pub fn size(&self, key: &str, default: Option<usize>) -> Result<usize, WeightsError> {
        match (self.get(key), default) {
            (Some(value), _) => self.size_of(key, value),
            (None, Some(default)) => Ok(default),
            (None, None) => Err(self.refuse(key, "is missing")),
        }
    }

    fn size_of(&self, key: &str, value: &Value) -> Result<usize, WeightsError> {
        let size = value.as_u64().filter(|size| (1..=LARGEST).contains(size));
        size.map(|size| size as usize)
            .ok_or_else(|| self.refuse(key, format!("is {value}, which is no size")))
    }

    /// A size of every resolution: a list, or one for all.
    ///
    /// # Errors
    /// When it is no size, or the list is of another length.
    pub fn per_level(
        &self,
        key: &str,
        default: Option<usize>,
        levels: usize,
    ) -> Result<Vec<usize>, WeightsError> {
        let Some(Value::Array(list)) = self.get(key) else {
            return Ok(vec![self.size(key, default)?; levels]);
        };
        if list.len() != levels {
            let why = format!("has {} values for {levels} resolutions", list.len());
            return Err(self.refuse(key, why));
        }
        list.iter().map(|size| self.size_of(key, size)).collect()
    }

    /// Channels of the highest resolution, and those of all as multiples of it.
    ///
    /// # Errors
    /// When they are no multiples.
    pub fn widths(&self) -> Result<(usize, Vec<usize>), WeightsError> {
        let key = "block_out_channels";
        let default = json!([320, 640, 1280, 1280]);
        let list = self.get(key).unwrap_or(&default);
        let sizes = list.as_array().filter(|list| (1..=8).contains(&list.len()));
        let sizes = sizes.ok_or_else(|| {
            self.refuse(key, format!("is {list}, which is no list of a few sizes"))
        })?;
        let widths: Result<Vec<_>, _> = sizes.iter().map(|size| self.size_of(key, size)).collect();
        let widths = widths?;
        let channels = widths[0];
        if widths.iter().any(|width| !width.is_multiple_of(channels)) {
            let why = format!("is {list}, of which the first divides not all");
            return Err(self.refuse(key, why));
        }
        let multipliers = widths.iter().map(|width| width / channels).collect();
        Ok((channels, multipliers))
    }

    /// Groups of every norm, which divide the channels.
    ///
    /// # Errors
    /// When they do not.
    pub fn groups(&self, channels: usize) -> Result<usize, WeightsError> {
        let key = "norm_num_groups";
        let groups = self.size(key, Some(32))?;
        if channels.is_multiple_of(groups) {
            return Ok(groups);
        }
        Err(self.refuse(
            key,
            format!("is {groups}, which does not divide {channels}"),
        ))
    }

    /// Whether each block is of the second kind and not of the first.
    ///
    /// # Errors
    /// When it is of neither, or there are not as many as resolutions.
    pub fn blocks(
        &self,
        key: &str,
        kinds: [&str; 2],
        default: &[&str],
        levels: usize,
    ) -> Result<Vec<bool>, WeightsError> {
        let default = json!(default);
        let list = self.get(key).unwrap_or(&default);
        let kind = |block: &Value| {
            let place = kinds.iter().position(|kind| block == kind);
            let place = place.map(|place| place == 1);
            place.ok_or_else(|| self.refuse(key, format!("names {block}, which is not supported")))
        };
        let blocks: Vec<bool> = match list.as_array() {
            Some(list) => list.iter().map(kind).collect::<Result<_, _>>()?,
            None => return Err(self.refuse(key, format!("is {list}, which is no list"))),
        };
        if blocks.len() == levels {
            return Ok(blocks);
        }
        let why = format!("has {} blocks for {levels} resolutions", blocks.len());
        Err(self.refuse(key, why))
    }

    /// A positive number.
    ///
    /// # Errors
    /// When it is none.
    pub fn number(&self, key: &str, default: f64) -> Result<f64, WeightsError> {
        match self.get(key) {
            None => Ok(default),
            Some(value) => value
                .as_f64()
                .filter(|number| *number > 0.0)
                .ok_or_else(|| self.refuse(key, format!("is {value}, no positive number"))),
        }
    }

    /// A word.
    ///
    /// # Errors
    /// When it is none.
    pub fn word(&self, key: &str, default: &'static str) -> Result<&str, WeightsError> {
        match self.get(key) {
            None => Ok(default),
            Some(Value::String(word)) => Ok(word),
            Some(value) => Err(self.refuse(key, format!("is {value}, which is no text"))),
        }
    }

    /// Yes or no; no where it is absent.
    ///
    /// # Errors
    /// When it is neither.
    pub fn flag(&self, key: &str) -> Result<bool, WeightsError> {
        match self.get(key) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(value) => Err(self.refuse(key, format!("is {value}, not true or false"))),
        }
    }
}
