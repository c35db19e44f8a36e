//! Random numbers from a seed, drawn on the CPU: the same on every device, in any order of work.

use burn::module::Param;
use burn::tensor::{Device, Tensor, TensorData};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A stream of random numbers that is named by what it is for.
#[derive(Debug, Clone)]
pub struct SeededRng {
    rng: ChaCha8Rng,
}

impl SeededRng {
    /// The stream of a seed and a purpose: `SeededRng::new(seed, &["render", clip])`.
    pub fn new(seed: u64, purpose: &[&str]) -> Self {
        let mut hash = blake3::Hasher::new();
        hash.update(&seed.to_le_bytes());
        for word in purpose {
            hash.update(&(word.len() as u64).to_le_bytes());
            hash.update(word.as_bytes());
        }
        Self {
            rng: ChaCha8Rng::from_seed(*hash.finalize().as_bytes()),
        }
    }

    /// One number in 0..1.
    pub fn uniform(&mut self) -> f32 {
        self.rng.random()
    }

    /// One whole number below `end`.
    ///
    /// # Panics
    /// When `end` is zero.
    pub fn below(&mut self, end: usize) -> usize {
        self.rng.random_range(0..end)
    }

    /// Standard normal numbers (Box and Muller 1958).
    pub fn normal_vec(&mut self, count: usize) -> Vec<f32> {
        let mut values = Vec::with_capacity(count + 1);
        while values.len() < count {
            let radius = (-2.0 * f64::ln(1.0 - self.rng.random::<f64>())).sqrt();
            let (sin, cos) = (std::f64::consts::TAU * self.rng.random::<f64>()).sin_cos();
            values.push((radius * cos) as f32);
            values.push((radius * sin) as f32);
        }
        values.truncate(count);
        values
    }

    /// A tensor of standard normal numbers.
    pub fn normal<const D: usize>(&mut self, shape: [usize; D], device: &Device) -> Tensor<D> {
        let values = self.normal_vec(shape.iter().product());
        Tensor::from_data(TensorData::new(values, shape), device)
    }

    /// A permutation of `0..count`.
    pub fn shuffled(&mut self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        for last in (1..count).rev() {
            order.swap(last, self.below(last + 1));
        }
        order
    }
}

/// Parameters that a model may have beside those of its file.
const SPARE: usize = 4 << 20;

/// Initialiser of parameters: random from a seed, or blank.
#[derive(Debug, Clone)]
pub struct Init {
    noise: Option<SeededRng>,
    device: Device,
    /// Numbers that there are to fill parameters with, and those of them that are left.
    numbers: Option<[usize; 2]>,
}

impl Init {
    /// First values drawn from a seed.
    pub fn seeded(seed: u64, device: &Device) -> Self {
        Self {
            noise: Some(SeededRng::new(seed, &["init"])),
            device: device.clone(),
            numbers: None,
        }
    }

    /// Zeros everywhere: for a model whose parameters are read from a file next.
    pub fn blank(device: &Device) -> Self {
        Self {
            noise: None,
            device: device.clone(),
            numbers: None,
        }
    }

    /// The same for a file of so many numbers: a model of many times more panics before it takes memory. A few more may be
    /// parts that are not kept.
    pub fn blank_of(device: &Device, numbers: usize) -> Self {
        Self {
            numbers: Some([numbers, numbers.saturating_mul(4).saturating_add(SPARE)]),
            ..Self::blank(device)
        }
    }

    /// The product of a shape.
    ///
    /// # Panics
    /// When it is more than there are numbers left.
    #[expect(
        clippy::panic,
        reason = "settings that contradict their file; the caller catches it"
    )]
    fn count(&mut self, shape: &[usize]) -> usize {
        let count = shape
            .iter()
            .try_fold(1_usize, |all, &part| all.checked_mul(part));
        let Some([all, left]) = &mut self.numbers else {
            return count.unwrap_or(usize::MAX);
        };
        match count.and_then(|count| Some((count, left.checked_sub(count)?))) {
            Some((count, rest)) => {
                *left = rest;
                count
            }
            None => panic!("many times the {all} parameters of its file"),
        }
    }

    /// Where the parameters live.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// Uniform in ±`bound`.
    pub fn uniform<const D: usize>(&mut self, shape: [usize; D], bound: f64) -> Param<Tensor<D>> {
        let count = self.count(&shape);
        let draw = |noise: &mut SeededRng| {
            (0..count)
                .map(|_| (noise.uniform() * 2.0 - 1.0) * bound as f32)
                .collect()
        };
        let values = self.noise.as_mut().map_or_else(|| vec![0.0; count], draw);
        self.param(shape, values)
    }

    /// Normal with deviation `std`.
    pub fn normal<const D: usize>(&mut self, shape: [usize; D], std: f64) -> Param<Tensor<D>> {
        let count = self.count(&shape);
        let draw = |noise: &mut SeededRng| {
            noise
                .normal_vec(count)
                .into_iter()
                .map(|x| x * std as f32)
                .collect()
        };
        let values = self.noise.as_mut().map_or_else(|| vec![0.0; count], draw);
        self.param(shape, values)
    }

    /// The same value everywhere.
    pub fn constant<const D: usize>(&mut self, shape: [usize; D], value: f32) -> Param<Tensor<D>> {
        let count = self.count(&shape);
        self.param(shape, vec![value; count])
    }

    /// A parameter with these values.
    pub fn param<const D: usize>(
        &mut self,
        shape: [usize; D],
        values: Vec<f32>,
    ) -> Param<Tensor<D>> {
        let tensor = Tensor::from_data(TensorData::new(values, shape), &self.device);
        // Trainable wherever the device records gradients; `require_grad` would panic elsewhere.
        Param::from_tensor(tensor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_depends_on_its_seed_and_purpose_alone() {
        let draw = |seed, purpose: &[&str]| SeededRng::new(seed, purpose).normal_vec(5);
        assert_eq!(draw(1, &["a"]), draw(1, &["a"]));
        assert_ne!(draw(1, &["a"]), draw(2, &["a"]));
        assert_ne!(draw(1, &["ab", "c"]), draw(1, &["a", "bc"]));
    }

    #[test]
    fn normal_numbers_have_mean_zero_and_deviation_one() {
        let values = SeededRng::new(7, &["test"]).normal_vec(20_000);
        let mean = values.iter().sum::<f32>() / 20_000.0;
        let variance = values.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / 20_000.0;
        assert!(
            mean.abs() < 0.03 && (variance - 1.0).abs() < 0.04,
            "{mean} {variance}"
        );
    }
}
