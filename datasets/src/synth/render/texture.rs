//! Patterns painted on objects and floors, as functions of a point: no image files.

use serde::{Deserialize, Serialize};

/// A kind of pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pattern {
    /// One colour.
    Plain,
    /// Light and dark cubes in turn.
    Checker,
    /// Light and dark bands in turn.
    Stripes,
    /// Soft random spots.
    Noise,
}

/// A pattern with its measures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Texture {
    /// The pattern.
    pub pattern: Pattern,
    /// Cells or bands in one unit of length.
    pub frequency: f32,
    /// How much darker the dark parts are, 0..1.
    pub contrast: f32,
    /// Makes two noises differ.
    pub salt: u32,
}

impl Texture {
    /// Nothing painted.
    pub const PLAIN: Self = Self {
        pattern: Pattern::Plain,
        frequency: 1.0,
        contrast: 0.0,
        salt: 0,
    };

    /// What the albedo at a point is multiplied with, 0..1.
    pub fn brightness(&self, [x, y, z]: [f32; 3]) -> f32 {
        // Off the lattice by a little: a flat face at a cell border must not flicker between two cells.
        let [x, y, z] = [x, y, z].map(|at| at * self.frequency + 0.27);
        let dark = match self.pattern {
            Pattern::Plain => return 1.0,
            Pattern::Checker => parity(x.floor() + y.floor() + z.floor()),
            Pattern::Stripes => parity((x + y + z).floor()),
            Pattern::Noise => self.noise([x, y, z]),
        };
        1.0 - self.contrast * dark
    }

    /// Random values at whole points, blended between them.
    fn noise(&self, at: [f32; 3]) -> f32 {
        let cell = at.map(|a| a.floor() as i32);
        let part = at.map(|a| a - a.floor()).map(|t| t * t * (3.0 - 2.0 * t));
        let mut sum = 0.0;
        for corner in 0..8 {
            let on = [corner & 1, corner >> 1 & 1, corner >> 2];
            let weight: f32 = (0..3)
                .map(|i| if on[i] == 1 { part[i] } else { 1.0 - part[i] })
                .product();
            let [x, y, z] = [0, 1, 2].map(|i| (cell[i] + on[i]) as u32);
            sum += weight * unit(hash(x ^ hash(y ^ hash(z ^ hash(self.salt)))));
        }
        sum
    }
}

/// 1 for odd whole numbers, 0 for even ones.
fn parity(whole: f32) -> f32 {
    (whole as i32 & 1) as f32
}

/// Well mixed bits.
///
/// # Source
/// Wellons, "Prospecting for hash functions", the two-round function `lowbias32`.
pub(crate) fn hash(bits: u32) -> u32 {
    let bits = (bits ^ (bits >> 16)).wrapping_mul(0x7feb_352d);
    let bits = (bits ^ (bits >> 15)).wrapping_mul(0x846c_a68b);
    bits ^ (bits >> 16)
}

/// A number in 0..1 from random bits.
pub(crate) fn unit(bits: u32) -> f32 {
    (bits >> 8) as f32 / (1 << 24) as f32
}
