//! Adam (Kingma & Ba 2015), the clip by global norm before it, and the running average after it.
//!
//! Source: PyTorch's `Adam` and `clip_grad_norm_`, as the reference trainings call them.
//! The arithmetic runs over the parameters' plain numbers, so that a checkpoint holds all of it.

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::weights::{StateDict, Value, Values};

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.999;
const EPSILON: f32 = 1e-8;

/// First and second moments of every gradient.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Adam {
    time: u64,
    first: BTreeMap<String, Vec<f32>>,
    second: BTreeMap<String, Vec<f32>>,
}

impl Adam {
    /// Moves every parameter that has a gradient against it.
    ///
    /// `rate` gives the learning rate of a parameter by its path.
    pub fn step(
        &mut self,
        parameters: &mut StateDict,
        gradients: &StateDict,
        rate: impl Fn(&str) -> f64,
    ) {
        self.time += 1;
        let power = i32::try_from(self.time).unwrap_or(i32::MAX);
        let (bias_1, bias_2) = (1.0 - BETA_1.powi(power), 1.0 - BETA_2.powi(power));
        for (path, gradient) in &gradients.entries {
            let (Some(gradient), Some(value)) =
                (gradient.as_f32(), parameters.entries.get_mut(path))
            else {
                continue;
            };
            let Values::F32(values) = &mut value.values else {
                continue;
            };
            let first = self
                .first
                .entry(path.clone())
                .or_insert_with(|| vec![0.0; gradient.len()]);
            let second = self
                .second
                .entry(path.clone())
                .or_insert_with(|| vec![0.0; gradient.len()]);
            let step = (rate(path) / bias_1) as f32;
            let root = (1.0 / bias_2.sqrt()) as f32;
            let moments = first.par_iter_mut().zip(second.par_iter_mut());
            let all = values
                .par_iter_mut()
                .zip(moments)
                .zip(gradient.par_iter())
                .with_min_len(8192);
            all.for_each(|((value, (first, second)), &gradient)| {
                *first += (1.0 - BETA_1 as f32) * (gradient - *first);
                *second = BETA_2 as f32 * *second + (1.0 - BETA_2 as f32) * gradient * gradient;
                *value -= step * *first / (second.sqrt() * root + EPSILON);
            });
        }
    }

    /// How many numbers were moved so far.
    pub fn moved(&self) -> usize {
        self.first.values().map(Vec::len).sum()
    }

    /// Everything that the next step depends on, as arrays.
    pub fn state(&self) -> StateDict {
        let mut state = StateDict::default();
        state.insert(
            "time",
            Value {
                shape: vec![1],
                values: Values::I64(vec![self.time as i64]),
            },
        );
        for (path, values) in &self.first {
            state.insert(
                format!("first.{path}"),
                Value::f32([values.len()], values.clone()),
            );
        }
        for (path, values) in &self.second {
            state.insert(
                format!("second.{path}"),
                Value::f32([values.len()], values.clone()),
            );
        }
        state
    }

    /// What [`Adam::state`] gave.
    pub fn from_state(state: &StateDict) -> Option<Self> {
        let mut adam = Self::default();
        for (key, value) in &state.entries {
            match (&value.values, key.split_once('.')) {
                (Values::I64(time), None) if key == "time" => adam.time = *time.first()? as u64,
                (Values::F32(values), Some(("first", path))) => {
                    adam.first.insert(path.to_owned(), values.clone());
                }
                (Values::F32(values), Some(("second", path))) => {
                    adam.second.insert(path.to_owned(), values.clone());
                }
                _ => return None,
            }
        }
        Some(adam)
    }
}

/// Length of the gradient over all parameters together.
pub fn global_norm(gradients: &StateDict) -> f64 {
    let squares = |value: &Value| -> f64 {
        // Sums in fixed pieces: the same bytes for any number of threads.
        let pieces = value.as_f32().unwrap_or_default().par_chunks(65_536);
        let sums: Vec<f64> = pieces
            .map(|piece| piece.iter().map(|x| f64::from(*x).powi(2)).sum())
            .collect();
        sums.iter().sum()
    };
    gradients.entries.values().map(squares).sum::<f64>().sqrt()
}

/// Shortens the gradient to `limit` where it is longer: by the norm over all parameters, not of each.
pub fn clip(gradients: &mut StateDict, norm: f64, limit: f64) {
    // PyTorch's own guard against a division by zero.
    let factor = (limit / (norm + 1e-6)) as f32;
    if factor < 1.0 {
        scale(gradients, factor);
    }
}

/// Multiplies every number.
pub fn scale(state: &mut StateDict, factor: f32) {
    for value in state.entries.values_mut() {
        if let Values::F32(values) = &mut value.values {
            values
                .par_iter_mut()
                .with_min_len(8192)
                .for_each(|x| *x *= factor);
        }
    }
}

/// Adds another set of gradients.
pub fn add(sum: &mut StateDict, other: StateDict) {
    for (path, value) in other.entries {
        match (
            sum.entries.get_mut(&path).map(|entry| &mut entry.values),
            &value.values,
        ) {
            (Some(Values::F32(sum)), Values::F32(values)) => {
                sum.par_iter_mut()
                    .zip(values)
                    .with_min_len(8192)
                    .for_each(|(sum, x)| *sum += x);
            }
            _ => {
                sum.entries.insert(path, value);
            }
        }
    }
}

/// Moves a running average of parameters towards them.
pub fn average(mean: &mut StateDict, parameters: &StateDict, decay: f64) {
    let share = (1.0 - decay) as f32;
    for (path, value) in &parameters.entries {
        let target = mean.entries.get_mut(path).map(|entry| &mut entry.values);
        if let (Some(Values::F32(mean)), Values::F32(values)) = (target, &value.values) {
            mean.par_iter_mut()
                .zip(values)
                .with_min_len(8192)
                .for_each(|(mean, x)| *mean += share * (x - *mean));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(values: &[f32]) -> StateDict {
        let mut state = StateDict::default();
        state.insert("w", Value::f32([values.len()], values.to_vec()));
        state
    }

    #[test]
    fn the_first_step_is_the_rate_long_whatever_the_gradient() {
        let mut parameters = state(&[1.0, 1.0]);
        Adam::default().step(&mut parameters, &state(&[0.3, -40.0]), |_| 0.1);
        let moved = parameters.get("w").unwrap().as_f32().unwrap();
        assert!(
            (moved[0] - 0.9).abs() < 1e-6 && (moved[1] - 1.1).abs() < 1e-6,
            "{moved:?}"
        );
    }

    #[test]
    fn adam_goes_on_from_its_state_as_if_never_stopped() {
        let (mut adam, mut parameters) = (Adam::default(), state(&[1.0, -2.0]));
        adam.step(&mut parameters, &state(&[0.5, 0.1]), |_| 0.1);
        let (mut again, mut copy) = (Adam::from_state(&adam.state()).unwrap(), parameters.clone());
        adam.step(&mut parameters, &state(&[0.2, -0.4]), |_| 0.1);
        again.step(&mut copy, &state(&[0.2, -0.4]), |_| 0.1);
        assert_eq!((adam, parameters), (again, copy));
    }

    #[test]
    fn clipping_keeps_the_direction_of_all_gradients_together() {
        let mut gradients = state(&[3.0, 4.0]);
        let norm = global_norm(&gradients);
        clip(&mut gradients, norm, 1.0);
        assert!((norm - 5.0).abs() < 1e-9 && (global_norm(&gradients) - 1.0).abs() < 1e-5);
        let mut short = state(&[0.3, 0.4]);
        clip(&mut short, 0.5, 1.0);
        assert_eq!(short, state(&[0.3, 0.4]));
    }
}
