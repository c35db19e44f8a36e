//! The codes of a VQ-VAE (van den Oord et al. 2017): latents are replaced by their nearest code.
//! Reference: SlotDiffusion `video_based/models/vqvae/quantize.py`.

use burn::module::Module;
use burn::tensor::{IndexingUpdateOp, Int, Tensor};

use crate::models::blocks::Embedding;
use crate::rng::{Init, SeededRng};

/// Rows whose distances to all codes are held at once.
const ROWS_AT_ONCE: usize = 8192;

/// A table of codes.
#[derive(Module, Debug)]
pub struct Codebook {
    /// `[codes, channels]`
    pub embedding: Embedding,
}

/// Latents and their nearest codes.
#[derive(Debug, Clone)]
pub struct Quantised {
    /// `[batch, channels, height, width]`; gradients pass straight through to the latents.
    pub latents: Tensor<4>,
    /// The codes themselves, with gradients to the table, in the shape of the latents.
    pub chosen: Tensor<4>,
    /// Which code, `[batch, height·width]`, row by row.
    pub codes: Tensor<2, Int>,
}

impl Codebook {
    /// Codes uniform in ±1/codes, the reference's first values.
    pub fn new(init: &mut Init, codes: usize, channels: usize) -> Self {
        let weight = init.uniform([codes, channels], 1.0 / codes as f64);
        Self {
            embedding: Embedding { weight },
        }
    }

    /// How many codes there are.
    pub fn size(&self) -> usize {
        self.embedding.weight.dims()[0]
    }

    /// Every latent's nearest code; of equally near ones the first.
    ///
    /// # Shape
    /// - `latents`: `[batch, channels, height, width]`
    pub fn quantise(&self, latents: Tensor<4>) -> Quantised {
        let [batch, channels, height, width] = latents.dims();
        let rows = rows_of(latents.clone());
        let codes = self.nearest(rows);
        let chosen = self
            .embedding
            .forward(codes.clone().reshape([batch, height * width]));
        let chosen = chosen
            .swap_dims(1, 2)
            .reshape([batch, channels, height, width]);
        // The reference adds the difference, so a value may differ from its code by rounding.
        let shift = (chosen.clone() - latents.clone()).detach();
        Quantised {
            latents: latents + shift,
            chosen,
            codes: codes.reshape([batch, height * width]),
        }
    }

    /// `latents` moved onto their nearest codes, without gradients.
    pub fn project(&self, latents: Tensor<4>) -> Tensor<4> {
        self.quantise(latents).latents.detach()
    }

    /// The nearest code of every row, `[rows, channels]` → `[rows]`.
    fn nearest(&self, rows: Tensor<2>) -> Tensor<1, Int> {
        let (rows, table) = (rows.inner(), self.embedding.weight.val().inner());
        let count = rows.dims()[0];
        // |z − e|² without the part that is the same for every code.
        let squares = table.clone().powi_scalar(2).sum_dim(1).transpose();
        let table = table.transpose() * -2.0;
        let starts = (0..count).step_by(ROWS_AT_ONCE);
        let nearest = starts.map(|start| {
            let chunk = rows
                .clone()
                .narrow(0, start, ROWS_AT_ONCE.min(count - start));
            (chunk.matmul(table.clone()) + squares.clone()).argmin(1)
        });
        Tensor::cat(nearest.collect(), 0).squeeze_dim(1)
    }

    /// The same table with codes drawn from `latents`, so that training starts with codes in use.
    ///
    /// Differs: the reference starts from a tiny uniform cube, in which most codes are never met.
    ///
    /// # Shape
    /// - `latents`: `[batch, channels, height, width]`
    #[must_use]
    pub fn from_latents(self, latents: Tensor<4>, noise: &mut SeededRng) -> Self {
        let every = (0..self.size()).collect::<Vec<_>>();
        self.restart(&every, latents, noise)
    }

    /// The same table with `dead` codes moved onto latents drawn at random.
    ///
    /// Differs: the reference never moves a code that is not used.
    ///
    /// # Shape
    /// - `latents`: `[batch, channels, height, width]`
    #[must_use]
    pub fn restart(mut self, dead: &[usize], latents: Tensor<4>, noise: &mut SeededRng) -> Self {
        if dead.is_empty() {
            return self;
        }
        let rows = rows_of(latents.inner());
        let [count, channels] = rows.dims();
        let order = noise.shuffled(count);
        let picked: Vec<i64> = (0..dead.len())
            .map(|index| order[index % count] as i64)
            .collect();
        let device = rows.device();
        let fresh = rows.select(0, Tensor::<1, Int>::from_data(picked.as_slice(), &device));
        // Two codes drawn from one latent must part.
        let fresh = fresh + noise.normal([dead.len(), channels], &device) * 1e-4;
        let dead: Vec<i64> = dead.iter().map(|code| *code as i64).collect();
        let dead = Tensor::<1, Int>::from_data(dead.as_slice(), &device);
        self.embedding.weight = self.embedding.weight.map(|table| {
            let (tracked, autodiff) = (table.is_require_grad(), table.is_autodiff());
            let moved = table
                .inner()
                .select_assign(0, dead, fresh, IndexingUpdateOp::Assign);
            let moved = if autodiff { moved.autodiff() } else { moved };
            moved.set_require_grad(tracked)
        });
        self
    }
}

/// Usage counts of the codes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeUse {
    counts: Vec<u64>,
}

impl CodeUse {
    /// No code of `codes` was met yet.
    pub fn new(codes: usize) -> Self {
        Self {
            counts: vec![0; codes],
        }
    }

    /// Counts what a batch chose.
    pub fn observe(&mut self, codes: &Tensor<2, Int>) {
        for code in codes.to_data().iter::<i64>() {
            if let Some(count) = self.counts.get_mut(code as usize) {
                *count += 1;
            }
        }
    }

    /// The codes that were chosen fewer than `least` times.
    pub fn dead(&self, least: u64) -> Vec<usize> {
        (0..self.counts.len())
            .filter(|code| self.counts[*code] < least)
            .collect()
    }

    /// How many codes would be as informative if all were equally frequent: e to the entropy.
    pub fn perplexity(&self) -> f64 {
        let total = self.counts.iter().sum::<u64>().max(1) as f64;
        let shares = self
            .counts
            .iter()
            .filter(|count| **count > 0)
            .map(|count| *count as f64 / total);
        (-shares.map(|share| share * share.ln()).sum::<f64>()).exp()
    }
}

/// `[batch, channels, height, width]` → `[batch·height·width, channels]`
fn rows_of(latents: Tensor<4>) -> Tensor<2> {
    let [batch, channels, height, width] = latents.dims();
    let rows = latents
        .reshape([batch, channels, height * width])
        .swap_dims(1, 2);
    rows.reshape([batch * height * width, channels])
}

#[cfg(test)]
mod tests {
    use burn::tensor::Device;

    use super::*;

    fn codebook(codes: usize) -> Codebook {
        let mut init = Init::seeded(3, &Device::flex());
        Codebook {
            embedding: Embedding::new(&mut init, codes, 3),
        }
    }

    fn latents(seed: u64) -> Tensor<4> {
        SeededRng::new(seed, &["latents"]).normal([2, 3, 4, 4], &Device::flex())
    }

    fn values(tensor: &Tensor<4>) -> Vec<f32> {
        tensor.to_data().try_to_vec().unwrap()
    }

    #[test]
    fn every_latent_becomes_the_code_that_a_search_through_all_finds() {
        let (codebook, latents) = (codebook(37), latents(1));
        let table = codebook
            .embedding
            .weight
            .val()
            .into_data()
            .try_to_vec::<f32>()
            .unwrap();
        let rows = rows_of(latents.clone())
            .into_data()
            .try_to_vec::<f32>()
            .unwrap();
        let quantised = codebook.quantise(latents);
        for (row, code) in rows
            .chunks(3)
            .zip(quantised.codes.into_data().iter::<i64>())
        {
            let distance = |code: usize| {
                (0..3)
                    .map(|c| (row[c] - table[code * 3 + c]).powi(2))
                    .sum::<f32>()
            };
            let best = (0..37).map(distance).fold(f32::INFINITY, f32::min);
            assert!(
                distance(code as usize) <= best + 1e-5,
                "{code} is not nearest"
            );
        }
    }

    #[test]
    fn of_equal_codes_the_first_wins() {
        let mut codebook = codebook(4);
        codebook.embedding.weight = Init::blank(&Device::flex()).constant([4, 3], 0.5);
        let codes = codebook.quantise(latents(2)).codes.into_data();
        assert!(codes.iter::<i64>().all(|code| code == 0));
    }

    #[test]
    fn a_projected_latent_stays_where_it_is() {
        let codebook = codebook(16);
        let once = codebook.project(latents(4));
        let twice = codebook.project(once.clone());
        for (a, b) in values(&once).iter().zip(values(&twice)) {
            assert!((a - b).abs() < 1e-6, "{a} {b}");
        }
    }

    #[test]
    fn codes_drawn_from_latents_are_all_near_one_of_them() {
        let latents = latents(5);
        let codebook =
            codebook(8).from_latents(latents.clone(), &mut SeededRng::new(1, &["codes"]));
        let table = codebook
            .embedding
            .weight
            .val()
            .into_data()
            .try_to_vec::<f32>()
            .unwrap();
        let rows = rows_of(latents).into_data().try_to_vec::<f32>().unwrap();
        for code in table.chunks(3) {
            let distance = |row: &[f32]| (0..3).map(|c| (row[c] - code[c]).powi(2)).sum::<f32>();
            assert!(rows.chunks(3).map(distance).fold(f32::INFINITY, f32::min) < 1e-5);
        }
    }

    #[test]
    fn only_dead_codes_are_moved() {
        let before = codebook(6);
        let table = |book: &Codebook| {
            book.embedding
                .weight
                .val()
                .into_data()
                .try_to_vec::<f32>()
                .unwrap()
        };
        let mut used = CodeUse::new(6);
        used.observe(&Tensor::from_data([[0, 1, 2, 4]], &Device::flex()));
        assert_eq!(used.dead(1), [3, 5]);
        let after = before.clone().restart(
            &used.dead(1),
            latents(6),
            &mut SeededRng::new(2, &["codes"]),
        );
        for code in 0..6 {
            let same = table(&before)[code * 3..][..3] == table(&after)[code * 3..][..3];
            assert_eq!(same, ![3, 5].contains(&code), "code {code}");
        }
    }
}
