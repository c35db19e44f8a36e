//! Timings: a list of cases, each warmed up, repeated, and reported as median and quartiles.
//!
//! A case is named `room/thing`. New ones go into the list of their room: `networks` of metrics, `layers` of models,
//! whole `models`.

/// A case, its input and how its result is waited for.
mod case;
/// Layers that models spend their time in, in the sizes of the published models.
mod layers;
/// Models in their published sizes.
mod models;
/// Metric networks: I3D, Inception, LPIPS.
mod networks;

use std::time::Instant;

use burn::tensor::Device;
use serde::Serialize;

pub use case::Case;

/// How often a case is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// Times that are not counted, so that caches and clocks have settled.
    pub warm_up: usize,
    /// Times that are counted.
    pub repeats: usize,
}

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Timing {
    /// The case.
    pub case: String,
    /// Sizes of what goes in, with × as `x`.
    pub shape: String,
    /// Where it ran.
    pub device: String,
    /// Threads of the CPU.
    pub threads: usize,
    /// Times that were not counted.
    pub warm_up: usize,
    /// Times that were counted.
    pub repeats: usize,
    /// The time in the middle.
    pub median_secs: f64,
    /// A quarter of the times is shorter.
    pub low_secs: f64,
    /// A quarter of the times is longer.
    pub high_secs: f64,
    /// The shortest time.
    pub least_secs: f64,
    /// Version of the program.
    pub code_version: String,
}

/// Why nothing was timed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BenchError {
    /// A word that begins no case.
    #[error("no case is called `{found}`; known are {known}")]
    Unknown {
        /// The word.
        found: String,
        /// All names.
        known: String,
    },
    /// A median of nothing.
    #[error("a time that is taken {found} times is none")]
    NoRepeats {
        /// What was asked for.
        found: usize,
    },
}

impl BenchError {
    /// What the person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unknown { .. } => {
                "name a case or a room, such as `networks/i3d` or `networks`; `pipeline bench --list` lists them"
            }
            Self::NoRepeats { .. } => "say `--repeats 10`",
        }
    }
}

/// Every case.
pub fn cases() -> Vec<Case> {
    let mut all = networks::cases();
    all.extend(layers::cases());
    all.extend(models::cases());
    all
}

/// The cases of these names or rooms; all of them if none is named.
///
/// # Errors
/// A word that is neither.
pub fn chosen(words: &[String]) -> Result<Vec<Case>, BenchError> {
    let all = cases();
    let means = |word: &str, name: &str| {
        name.strip_prefix(word)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    for word in words {
        if !all.iter().any(|case| means(word, &case.name)) {
            let names: Vec<&str> = all.iter().map(|case| case.name.as_str()).collect();
            return Err(BenchError::Unknown {
                found: word.clone(),
                known: names.join(", "),
            });
        }
    }
    let wanted = |case: &Case| words.is_empty() || words.iter().any(|word| means(word, &case.name));
    Ok(all.into_iter().filter(wanted).collect())
}

impl Case {
    /// Its time.
    ///
    /// # Errors
    /// When no repeats are asked for.
    pub fn time(&self, effort: Effort, device: &Device, name: &str) -> Result<Timing, BenchError> {
        let mut work = (self.make)(device, &self.shape);
        for _ in 0..effort.warm_up {
            work();
        }
        let once = |()| {
            let begun = Instant::now();
            work();
            begun.elapsed().as_secs_f64()
        };
        let mut times: Vec<f64> = std::iter::repeat_n((), effort.repeats).map(once).collect();
        times.sort_by(f64::total_cmp);
        let [low, median, high] = [0.25, 0.5, 0.75].map(|share| quantile(&times, share));
        let [Some(median), Some(low), Some(high)] = [median, low, high] else {
            return Err(BenchError::NoRepeats {
                found: effort.repeats,
            });
        };
        Ok(Timing {
            case: self.name.clone(),
            shape: joined(&self.shape),
            device: name.to_owned(),
            threads: rayon::current_num_threads(),
            warm_up: effort.warm_up,
            repeats: effort.repeats,
            median_secs: median,
            low_secs: low,
            high_secs: high,
            least_secs: times[0],
            code_version: env!("CARGO_PKG_VERSION").to_owned(),
        })
    }
}

/// The number below which `share` of the sorted numbers lie, with a line between neighbours.
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share * sorted.len().checked_sub(1)? as f64;
    let (below, above) = (
        sorted[place.floor() as usize],
        sorted[place.ceil() as usize],
    );
    Some(below + (above - below) * place.fract())
}

fn joined(shape: &[usize]) -> String {
    let sizes: Vec<String> = shape.iter().map(ToString::to_string).collect();
    sizes.join("x")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_means_a_case_or_a_room_and_nothing_between() {
        let named = |words: &[&str]| -> Result<Vec<String>, BenchError> {
            let words: Vec<String> = words.iter().map(ToString::to_string).collect();
            let found = chosen(&words)?;
            Ok(found.into_iter().map(|case| case.name).collect())
        };
        assert_eq!(named(&["networks/i3d"]).unwrap(), ["networks/i3d"]);
        assert_eq!(named(&["networks"]).unwrap().len(), 5);
        assert_eq!(named(&[]).unwrap().len(), cases().len());
        let said = named(&["networks/i3"]).unwrap_err().to_string();
        assert!(
            said.contains("`networks/i3`") && said.contains("networks/i3d"),
            "{said}"
        );
    }

    #[test]
    fn warm_up_is_not_counted_and_the_median_is_the_time_in_the_middle() {
        let counted = std::rc::Rc::new(std::cell::Cell::new(0));
        let calls = counted.clone();
        let case = Case::new("tests", "count", &[2, 3], move |_, shape| {
            assert_eq!(shape, [2, 3]);
            let calls = calls.clone();
            Box::new(move || calls.set(calls.get() + 1))
        });
        let effort = Effort {
            warm_up: 2,
            repeats: 5,
        };
        let found = case.time(effort, &Device::flex(), "cpu").unwrap();
        assert_eq!(
            (counted.get(), found.repeats, found.shape.as_str()),
            (7, 5, "2x3")
        );
        assert!(found.least_secs <= found.low_secs && found.low_secs <= found.median_secs);
        assert_eq!(quantile(&[1.0, 2.0, 4.0, 8.0], 0.5), Some(3.0));
        let none = Effort {
            warm_up: 0,
            repeats: 0,
        };
        assert!(case.time(none, &Device::flex(), "cpu").is_err());
    }
}
