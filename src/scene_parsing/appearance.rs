//! How probable each word for an object's appearance is.

use slotflow_datasets::question::Attributes;
use slotflow_datasets::question::events::{COLORS, MATERIALS, SHAPES};

use crate::rng::SeededRng;

/// Words for an object's appearance: colours, materials, shapes.
pub const WORD_COUNT: usize = COLORS.len() + MATERIALS.len() + SHAPES.len();

/// How probable each word for an object's appearance is: logarithms of probabilities, normalised over colours, over
/// materials and over shapes.
#[derive(Debug, Clone, PartialEq)]
pub struct Confidence([f32; WORD_COUNT]);

impl Confidence {
    /// Log-probabilities from logits, in the order of colours, materials and shapes.
    pub fn of_logits(mut logits: [f32; WORD_COUNT]) -> Self {
        for (first, last) in GROUPS {
            let group = &mut logits[first..last];
            let most = group.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let all = group
                .iter()
                .map(|logit| (logit - most).exp())
                .sum::<f32>()
                .ln()
                + most;
            for logit in group.iter_mut() {
                *logit -= all;
            }
        }
        Self(logits)
    }

    /// The most likely words.
    pub(super) fn most_likely(&self) -> Attributes {
        let word =
            |(first, last): (usize, usize)| WORDS[first + best(&self.0[first..last])].to_owned();
        Attributes {
            color: word(GROUPS[0]),
            material: word(GROUPS[1]),
            shape: word(GROUPS[2]),
        }
    }

    /// Words drawn by their probabilities.
    pub(super) fn drawn(&self, rng: &mut SeededRng) -> Attributes {
        let mut word = |(first, last): (usize, usize)| {
            let mut rest = rng.uniform();
            let drawn = (first..last).find(|place| {
                rest -= self.0[*place].exp();
                rest < 0.0
            });
            // What rounding leaves belongs to the last.
            WORDS[drawn.unwrap_or(last - 1)].to_owned()
        };
        Attributes {
            color: word(GROUPS[0]),
            material: word(GROUPS[1]),
            shape: word(GROUPS[2]),
        }
    }

    /// Logarithm of the probability of a word; 0 for what is no word for appearance.
    pub fn log_probability(&self, word: &str) -> f32 {
        WORDS
            .iter()
            .position(|known| *known == word)
            .map_or(0.0, |place| self.0[place])
    }

    /// The most probable other word of the same kind: another colour for a colour.
    pub fn alternative_to(&self, word: &str) -> Option<&'static str> {
        let place = WORDS.iter().position(|known| *known == word)?;
        let (first, last) = GROUPS
            .into_iter()
            .find(|(first, last)| (*first..*last).contains(&place))?;
        let others = (first..last).filter(|other| *other != place);
        let likeliest = others.max_by(|a, b| self.0[*a].total_cmp(&self.0[*b]))?;
        Some(WORDS[likeliest])
    }
}

/// Where colours, materials and shapes stand among [`WORDS`]: the first, and one behind the last.
const GROUPS: [(usize, usize); 3] = [(0, 8), (8, 10), (10, 13)];
/// All words for appearance, in the order of the head's channels.
const WORDS: [&str; WORD_COUNT] = {
    let mut words = [""; WORD_COUNT];
    let mut place = 0;
    while place < WORD_COUNT {
        words[place] = if place < 8 {
            COLORS[place]
        } else if place < 10 {
            MATERIALS[place - 8]
        } else {
            SHAPES[place - 10]
        };
        place += 1;
    }
    words
};

/// The colour with the largest logit, as a place among colours.
pub(super) fn colour(logits: &[f32; WORD_COUNT]) -> usize {
    best(&logits[GROUPS[0].0..GROUPS[0].1])
}

/// The place of the largest number.
fn best(of: &[f32]) -> usize {
    (0..of.len())
        .max_by(|a, b| of[*a].total_cmp(&of[*b]))
        .unwrap_or(0)
}
