//! Processes that train one model together: each computes its share of the batches of a step, and all move by the same gradient.
//!
//! A step is made of `fit.accumulate` batches, which are numbered over the whole training. Who computes a batch changes neither
//! its samples nor its random numbers, and the gradient is the mean over all of them, so a training is the same on any number of
//! ranks, and goes on on another number, up to the order in which gradients are added.

use std::fmt::Debug;

use blake3::{Hash, Hasher};

use super::error::RanksError;
use crate::weights::{StateDict, Value, Values};

/// Numbers that are summed in one message; smaller parameters go together.
const BUCKET: usize = 1 << 20;
/// Bytes of a hash.
const HASH: usize = 32;

/// The processes of a training, and which of them this one is. Rank 0 alone writes files.
pub trait Ranks: Debug {
    /// This process, from 0.
    fn rank(&self) -> usize;

    /// How many there are.
    fn size(&self) -> usize;

    /// Puts into every place the sum of what all ranks have there; all come out with the same bytes. It waits for all of them,
    /// and ends the process where they do not come.
    fn sum(&self, numbers: &mut [f32]);

    /// Ends all of them at once, this one with an exit code.
    fn abort(&self, _code: u8) {}
}

/// A process that trains alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct OneRank;

impl Ranks for OneRank {
    fn rank(&self) -> usize {
        0
    }

    fn size(&self) -> usize {
        1
    }

    fn sum(&self, _numbers: &mut [f32]) {}
}

impl dyn Ranks + '_ {
    /// Whether this is the rank that writes files.
    pub fn is_first(&self) -> bool {
        self.rank() == 0
    }

    /// This rank's share of so many things, by their numbers.
    pub fn own(&self, count: u64) -> impl Iterator<Item = u64> + Clone + Send + use<> {
        (self.rank() as u64..count).step_by(self.size())
    }

    /// Waits until all ranks have come here.
    pub fn wait(&self) {
        self.sum(&mut [0.0]);
    }

    /// Whether it is so on any rank.
    pub fn any(&self, here: bool) -> bool {
        let mut sum = [f32::from(u8::from(here))];
        self.sum(&mut sum);
        sum[0] > 0.0
    }

    /// Adds up the gradients of all ranks. A parameter of `parameters` that has a gradient on some of them has zeros on the others.
    pub fn sum_gradients(&self, gradients: &mut StateDict, parameters: &StateDict) {
        if self.size() == 1 {
            return;
        }
        let is_there = |path: &String| f32::from(u8::from(gradients.entries.contains_key(path)));
        let mut there: Vec<f32> = parameters.entries.keys().map(is_there).collect();
        self.sum(&mut there);
        let all = parameters.entries.iter().zip(there);
        for ((path, value), _) in all.filter(|(_, ranks)| *ranks > 0.0) {
            let numbers = value.shape.iter().product();
            let zeros = || Value::f32(value.shape.clone(), vec![0.0; numbers]);
            gradients.entries.entry(path.clone()).or_insert_with(zeros);
        }
        self.sum_all(gradients);
    }

    /// Gives the numbers of rank 0 to all; the others' are written over.
    pub fn share(&self, state: &mut StateDict) {
        if !self.is_first() {
            floats(state).for_each(|values| values.fill(0.0));
        }
        self.sum_all(state);
    }

    /// Sums every array, many small ones in one message.
    fn sum_all(&self, state: &mut StateDict) {
        let mut arrays: Vec<&mut Vec<f32>> = floats(state).collect();
        let mut rest = &mut arrays[..];
        while !rest.is_empty() {
            let mut count = 0;
            let together = rest.iter().take_while(|values| {
                count += values.len();
                count <= BUCKET
            });
            let together = together.count().max(1);
            let (now, later) = rest.split_at_mut(together);
            let mut bucket: Vec<f32> = now
                .iter()
                .flat_map(|values| values.iter().copied())
                .collect();
            self.sum(&mut bucket);
            let mut summed = &bucket[..];
            for values in now {
                let (own, others) = summed.split_at(values.len());
                values.copy_from_slice(own);
                summed = others;
            }
            rest = later;
        }
    }

    /// Refuses to go on where a rank has something else than rank 0.
    ///
    /// # Errors
    /// Names the first rank that has, and what.
    pub fn agree(&self, what: &'static str, hash: Hash) -> Result<(), RanksError> {
        let mut bytes = vec![0.0; HASH * self.size()];
        let own = &mut bytes[HASH * self.rank()..];
        for (place, byte) in own.iter_mut().zip(hash.as_bytes()) {
            *place = f32::from(*byte);
        }
        self.sum(&mut bytes);
        let mut hashes = bytes.chunks(HASH);
        let first = hashes.next();
        match hashes.position(|hash| Some(hash) != first) {
            None => Ok(()),
            Some(place) => Err(RanksError::Differ {
                what,
                rank: place + 1,
            }),
        }
    }
}

fn floats(state: &mut StateDict) -> impl Iterator<Item = &mut Vec<f32>> {
    let all = state.entries.values_mut();
    all.filter_map(|value| match &mut value.values {
        Values::F32(values) => Some(values),
        Values::I64(_) | Values::Bool(_) => None,
    })
}

/// A hash of parameters' names and numbers.
pub fn hash_of(state: &StateDict) -> Hash {
    let mut hasher = Hasher::new();
    for (path, value) in &state.entries {
        hasher.update(path.as_bytes());
        if let Values::F32(values) = &value.values {
            hasher.update(bytemuck::cast_slice(values));
        }
    }
    hasher.finalize()
}

/// Refuses more ranks than a step has batches: some would have nothing to do.
///
/// # Errors
/// [`RanksError::TooMany`].
pub fn check_parts(ranks: &dyn Ranks, parts: u64) -> Result<(), RanksError> {
    if ranks.size() as u64 <= parts {
        return Ok(());
    }
    Err(RanksError::TooMany {
        size: ranks.size(),
        parts,
    })
}
