//! What agreed and what did not.

use std::collections::{BTreeMap, BTreeSet};

use burn::tensor::{Int, Tensor};
use slotflow::weights::{StateDict, Values};

use super::fixture::Fixture;

/// Compares results with those of one fixture.
pub struct Compare<'a> {
    fixture: &'a Fixture,
    compared: BTreeSet<String>,
    failures: Vec<String>,
    /// Largest difference, as a share of what is allowed, and its relative size and name.
    worst: (f64, f64, String),
}

impl<'a> Compare<'a> {
    /// Nothing compared yet.
    pub fn new(fixture: &'a Fixture) -> Self {
        Self {
            fixture,
            compared: BTreeSet::new(),
            failures: Vec::new(),
            worst: (0.0, 0.0, "-".into()),
        }
    }

    /// Whether the fixture expects that result (`out/slots`).
    pub fn expects(&self, name: &str) -> bool {
        self.fixture.has(name)
    }

    /// The shape of an expected result.
    pub fn shape(&self, name: &str) -> Vec<usize> {
        self.fixture.value(name).shape.clone()
    }

    /// Says what went wrong.
    pub fn fail(&mut self, why: String) {
        self.failures.push(why);
    }

    /// Compares a float tensor, by its full name (`out/slots`). Ours may have ones in its shape that the
    /// fixture's lacks, and the reverse.
    pub fn tensor<const D: usize>(&mut self, name: &str, ours: Tensor<D>) {
        let shape = ours.dims();
        let values: Vec<f32> = ours.into_data().convert::<f32>().iter::<f32>().collect();
        self.values(name, &shape, &values);
    }

    /// Compares one number.
    pub fn number(&mut self, name: &str, ours: f64) {
        self.values(name, &[], &[ours as f32]);
    }

    /// Compares whole numbers, which must be equal.
    pub fn ints<const D: usize>(&mut self, name: &str, ours: Tensor<D, Int>) {
        let shape = ours.dims();
        let values: Vec<i64> = ours.into_data().iter::<i64>().collect();
        self.whole(name, &shape, &values);
    }

    /// Compares whole numbers, which must be equal.
    pub fn whole(&mut self, name: &str, shape: &[usize], ours: &[i64]) {
        self.compared.insert(name.into());
        let expected = self.fixture.value(name);
        let Values::I64(theirs) = &expected.values else {
            return self.fail(format!("{name}: expected no whole numbers"));
        };
        if !same_shape(shape, &expected.shape) {
            return self.fail(format!(
                "{name}: shape {shape:?}, expected {:?}",
                expected.shape
            ));
        }
        let wrong = ours
            .iter()
            .zip(theirs)
            .filter(|(ours, theirs)| ours != theirs)
            .count();
        if wrong > 0 {
            self.fail(format!(
                "{name}: {wrong} of {} whole numbers differ",
                ours.len()
            ));
        }
    }

    /// Compares float values of a shape.
    pub fn values(&mut self, name: &str, shape: &[usize], ours: &[f32]) {
        self.compared.insert(name.into());
        let expected = self.fixture.value(name);
        // Some results are stored as whole numbers though they are computed as floats (time steps).
        let theirs: Vec<f32> = match &expected.values {
            Values::F32(values) => values.clone(),
            Values::I64(values) => values.iter().map(|value| *value as f32).collect(),
            Values::Bool(_) => return self.fail(format!("{name}: expected a mask")),
        };
        if !same_shape(shape, &expected.shape) || ours.len() != theirs.len() {
            return self.fail(format!(
                "{name}: shape {shape:?}, expected {:?}",
                expected.shape
            ));
        }
        let magnitude = theirs
            .iter()
            .fold(0.0_f64, |max, x| max.max(f64::from(x.abs())));
        let difference = ours
            .iter()
            .zip(&theirs)
            .map(|(a, b)| f64::from(a - b).abs());
        // A NaN is the largest difference of all, which `max` would hide.
        let difference = difference.fold(0.0, |max: f64, x| {
            if x.is_nan() {
                f64::INFINITY
            } else {
                max.max(x)
            }
        });
        let relative = if magnitude > 0.0 {
            difference / magnitude
        } else {
            difference
        };
        let share = relative / self.fixture.tolerance(name);
        if share > self.worst.0 {
            self.worst = (share, relative, name.into());
        }
        if share > 1.0 {
            let allowed = self.fixture.tolerance(name);
            self.fail(format!(
                "{name}: differs by {relative:.1e} of {magnitude:.3e}, allowed {allowed:.1e}"
            ));
        }
    }

    /// Compares `grad_norm/…`, `grad/…` and `grad_total_norm` with the gradients of our parts
    /// (`collect_gradients`), which must cover everything that is trainable.
    pub fn gradients(&mut self, parts: BTreeMap<&'static str, StateDict>) {
        let official = self.fixture.layout().merge(parts).unwrap();
        let norm = |values: &[f32]| values.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>();
        let total: f64 = official
            .entries
            .values()
            .filter_map(|value| value.as_f32())
            .map(norm)
            .sum();
        if self.expects("out/grad_total_norm") {
            self.number("out/grad_total_norm", total.sqrt());
        }
        let names: Vec<String> = self.fixture.expected().map(str::to_owned).collect();
        for name in names {
            if let Some(parameter) = name.strip_prefix("out/grad_norm/") {
                match official.get(parameter).and_then(|value| value.as_f32()) {
                    Some(values) => self.number(&name, norm(values).sqrt()),
                    None => self.fail(format!("{name}: no gradient")),
                }
            } else if let Some(parameter) = name.strip_prefix("out/grad/") {
                match official.get(parameter) {
                    Some(value) => self.values(&name, &value.shape, value.as_f32().unwrap()),
                    None => self.fail(format!("{name}: no gradient")),
                }
            }
        }
    }

    /// Expected results that nothing was compared with.
    fn unchecked(&self) -> Vec<&str> {
        self.fixture
            .expected()
            .filter(|name| !self.compared.contains(*name))
            .collect()
    }

    /// `pass` or `fail`.
    pub fn end(&self) -> &'static str {
        if self.failures.is_empty() && self.unchecked().is_empty() {
            "pass"
        } else {
            "fail"
        }
    }

    /// Whether all that failed are gradients.
    pub fn only_gradients_fail(&self) -> bool {
        let gradient = |why: &String| why.starts_with("out/grad");
        !self.failures.is_empty() && self.failures.iter().all(gradient)
    }

    /// The line of this fixture.
    pub fn line(&self) -> String {
        let (name, end, count) = (&self.fixture.name, self.end(), self.compared.len());
        let (_, worst, tensor) = &self.worst;
        let all = self.fixture.expected().count();
        format!("parity {name} {end} worst={worst:.1e} ({tensor}) tensors={count}/{all}")
    }

    /// What went wrong, what was not compared.
    pub fn details(&self) -> Vec<String> {
        let mut details = self.failures.clone();
        let unchecked = self.unchecked();
        let begun = !(self.compared.is_empty() && self.failures.is_empty());
        if begun && !unchecked.is_empty() {
            details.push(format!("not compared: {}", unchecked.join(", ")));
        }
        details
    }
}

/// Whether two shapes differ by nothing but ones, or but by batch and time that the other keeps apart.
fn same_shape(ours: &[usize], theirs: &[usize]) -> bool {
    let long = |shape: &[usize]| {
        shape
            .iter()
            .copied()
            .filter(|size| *size != 1)
            .collect::<Vec<_>>()
    };
    let flat = match theirs {
        [batch, time, rest @ ..] => [&[batch * time], rest].concat(),
        short => short.to_vec(),
    };
    long(ours) == long(theirs) || long(ours) == long(&flat)
}

#[test]
fn frames_of_clips_may_lie_flat() {
    assert!(same_shape(&[6, 3, 8, 8], &[2, 3, 3, 8, 8]));
    assert!(same_shape(&[1, 4, 8], &[4, 1, 8]));
    assert!(!same_shape(&[6, 3, 8, 8], &[3, 3, 3, 8, 8]));
    assert!(!same_shape(&[2, 8], &[8, 2]));
}
