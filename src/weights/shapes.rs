//! The shapes of named arrays, without their numbers.

use std::collections::BTreeMap;

use crate::weights::{StateDict, WeightsError};

/// Name → length of every axis.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Shapes {
    /// Length of every axis.
    pub entries: BTreeMap<String, Vec<usize>>,
    /// What names begin with where these stand within others.
    prefix: String,
}

impl FromIterator<(String, Vec<usize>)> for Shapes {
    fn from_iter<I: IntoIterator<Item = (String, Vec<usize>)>>(entries: I) -> Self {
        Self {
            entries: entries.into_iter().collect(),
            prefix: String::new(),
        }
    }
}

impl Shapes {
    /// The shapes of a state dict.
    pub fn of(state: &StateDict) -> Self {
        let entries = state.entries.iter();
        entries
            .map(|(key, value)| (key.clone(), value.shape.clone()))
            .collect()
    }

    /// Whether an array of that name is there.
    pub fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// The lengths of an array with that many axes.
    ///
    /// # Errors
    /// When it is missing, or has another number of axes.
    pub fn axes<const D: usize>(&self, key: &str) -> Result<[usize; D], WeightsError> {
        let shape = self.entries.get(key).ok_or_else(|| WeightsError::Keys {
            missing: vec![format!("{}{key}", self.prefix)],
            unused: Vec::new(),
            path: std::path::PathBuf::new(),
        })?;
        <[usize; D]>::try_from(shape.as_slice()).map_err(|_| WeightsError::Axes {
            key: format!("{}{key}", self.prefix),
            expected: D,
            found: shape.clone(),
        })
    }

    /// How many numbered things stand under a prefix: the largest number and one.
    pub fn count(&self, prefix: &str) -> usize {
        self.numbers(prefix)
            .into_iter()
            .max()
            .map_or(0, |last| last + 1)
    }

    /// The numbers that follow a prefix.
    pub fn numbers(&self, prefix: &str) -> Vec<usize> {
        let rest = self
            .entries
            .keys()
            .filter_map(|key| key.strip_prefix(prefix));
        let heads = rest.filter_map(|rest| rest.split('.').next()?.parse::<usize>().ok());
        // A number that no model has would make lists of any length below.
        let mut numbers: Vec<usize> = heads.filter(|number| *number < 1 << 10).collect();
        numbers.dedup();
        numbers
    }

    /// Whether any name begins so.
    pub fn any(&self, prefix: &str) -> bool {
        self.entries.keys().any(|key| key.starts_with(prefix))
    }

    /// The arrays whose names begin so, under the rest of their names.
    #[must_use]
    pub fn under(&self, prefix: &str) -> Self {
        let entries = self.entries.iter();
        let kept = entries
            .filter_map(|(key, shape)| Some((key.strip_prefix(prefix)?.to_owned(), shape.clone())));
        Self {
            entries: kept.collect(),
            prefix: format!("{}{prefix}", self.prefix),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbered_things_are_counted_by_the_largest_number() {
        let keys = ["layers.0.weight", "layers.11.bias", "other.40.weight"];
        let shapes = Shapes::from_iter(keys.map(|key| (key.to_owned(), vec![1])));
        assert_eq!((shapes.count("layers."), shapes.count("none.")), (12, 0));
    }

    #[test]
    fn a_missing_array_and_one_of_other_axes_are_named() {
        let shapes = Shapes::from_iter([("a".to_owned(), vec![2, 3])]);
        assert_eq!(shapes.axes::<2>("a").unwrap(), [2, 3]);
        assert!(
            shapes
                .axes::<1>("a")
                .unwrap_err()
                .to_string()
                .contains("`a`")
        );
        assert!(
            shapes
                .axes::<1>("b")
                .unwrap_err()
                .to_string()
                .contains("`b`")
        );
    }
}
