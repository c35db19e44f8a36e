//! Physion's question, "will the red touch the yellow?": which of many trained readouts is scored, and how.
//!
//! The papers choose checkpoint, threshold and seed by the accuracy on the test set itself (`paper`). That number is
//! optimistic, so the honest one stands beside it: checkpoint and threshold are chosen on held-out readout clips, the
//! test set is met once, and seeds are averaged (`honest`).
//!
//! Reference: SlotFormer `slotformer/physion_vqa/test_physion_vqa.py`.

use std::collections::BTreeMap;

use crate::error::{EvalError, same_shape};

/// Thresholds that are tried, in this order.
pub const THRESHOLDS: [f64; 6] = [0.4, 0.45, 0.5, 0.55, 0.6, 0.65];

/// What one trained readout said, as probabilities of "yes".
#[derive(Debug, Clone, PartialEq)]
pub struct Readout {
    /// Seed that it was trained from.
    pub seed: u64,
    /// Which checkpoint of that training.
    pub checkpoint: usize,
    /// About the held-out clips.
    pub held_out: Vec<f64>,
    /// About the test clips.
    pub test: Vec<f64>,
}

/// The readout that was chosen, and what it reaches on the test set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Chosen {
    /// Its seed.
    pub seed: u64,
    /// Its checkpoint.
    pub checkpoint: usize,
    /// Probability above which the answer is "yes".
    pub threshold: f64,
    /// Share of right answers on the test set.
    pub accuracy: f64,
}

/// One chosen readout a seed, and what they reach together.
#[derive(Debug, Clone, PartialEq)]
pub struct OverSeeds {
    /// Mean accuracy on the test set.
    pub mean: f64,
    /// Standard deviation over seeds (divisor: count − 1); `None` for one seed.
    pub sd: Option<f64>,
    /// What was chosen for each seed.
    pub chosen: Vec<Chosen>,
}

/// Share of answers that agree with the truth; "yes" is a probability above the threshold.
///
/// # Errors
/// Unequal counts, nothing, or a NaN.
pub fn accuracy(probabilities: &[f64], threshold: f64, truth: &[bool]) -> Result<f64, EvalError> {
    same_shape("answers", &[truth.len()], &[probabilities.len()])?;
    if truth.is_empty() {
        return Err(EvalError::Empty { what: "answers" });
    }
    if let Some(index) = probabilities
        .iter()
        .position(|probability| probability.is_nan())
    {
        return Err(EvalError::NotFinite {
            what: "probabilities",
            place: format!("answer {index}"),
        });
    }
    let right = probabilities
        .iter()
        .zip(truth)
        .filter(|(probability, truth)| (**probability > threshold) == **truth);
    Ok(right.count() as f64 / truth.len() as f64)
}

/// Right answers and all answers of each scenario.
///
/// # Errors
/// As [`accuracy`].
pub fn by_scenario(
    probabilities: &[f64],
    threshold: f64,
    truth: &[bool],
    scenarios: &[&str],
) -> Result<BTreeMap<String, (usize, usize)>, EvalError> {
    accuracy(probabilities, threshold, truth)?;
    same_shape("scenarios", &[truth.len()], &[scenarios.len()])?;
    let mut table: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for ((probability, truth), scenario) in probabilities.iter().zip(truth).zip(scenarios) {
        let (right, all) = table.entry((*scenario).to_owned()).or_default();
        *right += usize::from((*probability > threshold) == *truth);
        *all += 1;
    }
    Ok(table)
}

/// The best of all readouts and thresholds on the test set; the first of equals. Optimistic: it is chosen by what it is
/// measured on.
///
/// # Errors
/// No readout, or whatever [`accuracy`] refuses.
pub fn paper(readouts: &[Readout], truth: &[bool]) -> Result<Chosen, EvalError> {
    best(readouts.iter(), truth, |readout| &readout.test)
}

/// For each seed the readout and threshold that are best on held-out clips, measured once on the test set.
///
/// # Errors
/// No readout, or whatever [`accuracy`] refuses.
pub fn honest(
    readouts: &[Readout],
    held_out: &[bool],
    truth: &[bool],
) -> Result<OverSeeds, EvalError> {
    let mut seeds: BTreeMap<u64, Vec<&Readout>> = BTreeMap::new();
    for readout in readouts {
        seeds.entry(readout.seed).or_default().push(readout);
    }
    let mut chosen = Vec::new();
    for readouts in seeds.values() {
        let best = best(readouts.iter().copied(), held_out, |readout| {
            &readout.held_out
        })?;
        let readout = readouts
            .iter()
            .find(|readout| readout.checkpoint == best.checkpoint);
        let test = readout.map_or(&[][..], |readout| &readout.test);
        chosen.push(Chosen {
            accuracy: accuracy(test, best.threshold, truth)?,
            ..best
        });
    }
    if chosen.is_empty() {
        return Err(EvalError::Empty { what: "readouts" });
    }
    let count = chosen.len() as f64;
    let mean = chosen.iter().map(|one| one.accuracy).sum::<f64>() / count;
    let squares: f64 = chosen.iter().map(|one| (one.accuracy - mean).powi(2)).sum();
    let sd = (chosen.len() > 1).then(|| (squares / (count - 1.0)).sqrt());
    Ok(OverSeeds { mean, sd, chosen })
}

/// The first of the best pairs of readout and threshold by the answers that `answers` picks.
fn best<'a>(
    readouts: impl Iterator<Item = &'a Readout>,
    truth: &[bool],
    answers: fn(&Readout) -> &Vec<f64>,
) -> Result<Chosen, EvalError> {
    let mut best: Option<Chosen> = None;
    for readout in readouts {
        for threshold in THRESHOLDS {
            let accuracy = accuracy(answers(readout), threshold, truth)?;
            if best.is_none_or(|best| accuracy > best.accuracy) {
                let (seed, checkpoint) = (readout.seed, readout.checkpoint);
                best = Some(Chosen {
                    seed,
                    checkpoint,
                    threshold,
                    accuracy,
                });
            }
        }
    }
    best.ok_or(EvalError::Empty { what: "readouts" })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRUTH: [bool; 4] = [true, true, false, false];

    fn readout(seed: u64, checkpoint: usize, held_out: [f64; 4], test: [f64; 4]) -> Readout {
        Readout {
            seed,
            checkpoint,
            held_out: held_out.to_vec(),
            test: test.to_vec(),
        }
    }

    fn two_seeds() -> [Readout; 3] {
        let (good, poor) = ([0.9, 0.8, 0.1, 0.2], [0.1, 0.9, 0.9, 0.1]);
        [
            readout(1, 10, good, poor),
            readout(1, 20, poor, good),
            readout(2, 10, good, good),
        ]
    }

    #[test]
    fn the_paper_chooses_by_the_test_set_and_the_honest_way_does_not() {
        let chosen = paper(&two_seeds(), &TRUTH).unwrap();
        assert_eq!(
            (chosen.seed, chosen.checkpoint, chosen.threshold),
            (1, 20, 0.4)
        );
        assert!((chosen.accuracy - 1.0).abs() < 1e-12);
        let honest = honest(&two_seeds(), &TRUTH, &TRUTH).unwrap();
        assert_eq!(
            honest
                .chosen
                .iter()
                .map(|one| one.checkpoint)
                .collect::<Vec<_>>(),
            [10, 10]
        );
        assert!(
            (honest.mean - 0.75).abs() < 1e-12
                && (honest.sd.unwrap() - 0.125_f64.sqrt()).abs() < 1e-12
        );
    }

    #[test]
    fn scenarios_are_counted_apart() {
        let table = by_scenario(
            &[0.9, 0.1, 0.1, 0.9],
            0.5,
            &TRUTH,
            &["Drop", "Drop", "Roll", "Roll"],
        )
        .unwrap();
        assert_eq!(table["Drop"], (1, 2));
        assert_eq!(table["Roll"], (1, 2));
    }

    #[test]
    fn nothing_and_nan_are_refused() {
        assert!(paper(&[], &TRUTH).is_err());
        assert!(honest(&[], &TRUTH, &TRUTH).is_err());
        assert!(accuracy(&[0.5], 0.5, &TRUTH).is_err());
        assert!(accuracy(&[f64::NAN], 0.5, &[true]).is_err());
    }
}
