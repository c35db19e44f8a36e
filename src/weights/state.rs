//! Named arrays in memory: what a file of parameters holds, before and after it is a model.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::WeightsError;

/// The numbers of one array.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Parameters; half and double precision are converted when read.
    F32(Vec<f32>),
    /// Indices and counters.
    I64(Vec<i64>),
    /// Masks.
    Bool(Vec<bool>),
}

/// One array.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
    /// Length of every axis, outermost first; empty for a single number.
    pub shape: Vec<usize>,
    /// Row-major.
    pub values: Values,
}

impl Value {
    /// An array of parameters.
    ///
    /// # Panics
    /// When there are not as many values as the shape says.
    pub fn f32(shape: impl Into<Vec<usize>>, values: Vec<f32>) -> Self {
        let shape = shape.into();
        assert_eq!(
            shape.iter().product::<usize>(),
            values.len(),
            "values of shape {shape:?}"
        );
        Self {
            shape,
            values: Values::F32(values),
        }
    }

    /// What the numbers are: `f32`, `i64` or `bool`.
    pub fn kind(&self) -> &'static str {
        match self.values {
            Values::F32(_) => "f32",
            Values::I64(_) => "i64",
            Values::Bool(_) => "bool",
        }
    }

    /// The parameters, if that is what it holds.
    pub fn as_f32(&self) -> Option<&[f32]> {
        match &self.values {
            Values::F32(values) => Some(values),
            _ => None,
        }
    }
}

/// Named arrays and where they came from.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StateDict {
    /// The file, for messages.
    pub source: PathBuf,
    /// Name → array.
    pub entries: BTreeMap<String, Value>,
}

impl StateDict {
    /// Nothing yet, from `source`.
    pub fn new(source: impl Into<PathBuf>) -> Self {
        Self {
            source: source.into(),
            entries: BTreeMap::new(),
        }
    }

    /// Where it came from.
    pub fn source(&self) -> &Path {
        &self.source
    }

    /// The array of that name.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.entries.get(key)
    }

    /// Length of every axis of the array of that name.
    ///
    /// # Errors
    /// When it is missing.
    pub fn shape(&self, key: &str) -> Result<&[usize], WeightsError> {
        let missing = || WeightsError::Keys {
            missing: vec![key.to_owned()],
            unused: Vec::new(),
            path: self.source.clone(),
        };
        Ok(&self.entries.get(key).ok_or_else(missing)?.shape)
    }

    /// Adds or replaces an array.
    pub fn insert(&mut self, key: impl Into<String>, value: Value) {
        self.entries.insert(key.into(), value);
    }

    /// How many numbers it holds.
    pub fn numbers(&self) -> usize {
        self.entries
            .values()
            .map(|value| value.shape.iter().product::<usize>())
            .sum()
    }

    /// Refuses NaN and infinity.
    ///
    /// # Errors
    /// Names the first array that holds one.
    pub fn check_finite(&self) -> Result<(), WeightsError> {
        for (key, value) in &self.entries {
            let Some(values) = value.as_f32() else {
                continue;
            };
            if let Some(at) = values.iter().position(|x| !x.is_finite()) {
                let (key, path) = (key.clone(), self.source.clone());
                return Err(WeightsError::NotFinite {
                    key,
                    at,
                    value: values[at],
                    path,
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_none_is_named_with_its_place() {
        let mut state = StateDict::new("x.pth");
        state.insert("good", Value::f32([2], vec![1.0, 2.0]));
        assert!(state.check_finite().is_ok());
        state.insert("bad", Value::f32([1, 2], vec![1.0, f32::NAN]));
        let message = state.check_finite().unwrap_err().to_string();
        assert_eq!(message, "`bad` holds NaN at 1: `x.pth`");
    }
}
