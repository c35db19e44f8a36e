//! Functions of one number that a loop over them turns into vector code.
//!
//! `L` only says how products and sums are fused; errors are a few units in the last place.

use std::f32::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI, LOG2_E};

use crate::kernels::cpu::simd::Lanes;

/// Where `exp` is taken to be 0, and above which it would overflow.
const RANGE: [f32; 2] = [-87.0, 88.0];

/// `eˣ`; 0 below −87.
///
/// # Source
/// Cephes `expf`: 2ⁿ · eʳ, with r in ±ln 2 / 2 and a polynomial of degree five.
#[inline(always)]
pub fn exp<L: Lanes>(x: f32) -> f32 {
    // Adding 1.5 · 2²³ rounds to an integer, which then lies in the low bits.
    const ROUND: f32 = 12_582_912.0;
    let inside = x.clamp(RANGE[0], RANGE[1]);
    let shifted = L::fused(inside, LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = L::fused(n, -0.693_359_4, inside);
    let r = L::fused(n, 2.121_944_4e-4, r);
    let p = L::fused(1.987_569_1e-4, r, 1.398_199_9e-3);
    let p = L::fused(p, r, 8.333_452e-3);
    let p = L::fused(p, r, 4.166_579_6e-2);
    let p = L::fused(p, r, 0.166_666_65);
    let p = L::fused(p, r, 0.5);
    let mantissa = L::fused(r * r, p, r) + 1.0;
    let power = f32::from_bits((shifted.to_bits() << 23).wrapping_add(1.0_f32.to_bits()));
    if x < RANGE[0] { 0.0 } else { mantissa * power }
}

/// `1 / (1 + e⁻ˣ)`.
#[inline(always)]
pub fn sigmoid<L: Lanes>(x: f32) -> f32 {
    1.0 / (1.0 + exp::<L>(-x))
}

/// Hyperbolic tangent.
///
/// # Source
/// Cephes `tanhf`: a polynomial near 0, `1 − 2 / (e²ˣ + 1)` elsewhere.
#[inline(always)]
pub fn tanh<L: Lanes>(x: f32) -> f32 {
    let size = x.abs();
    let square = x * x;
    let p = L::fused(-5.704_988_7e-3, square, 2.063_909e-2);
    let p = L::fused(p, square, -5.373_971_5e-2);
    let p = L::fused(p, square, 0.133_314_42);
    let p = L::fused(p, square, -0.333_332_8);
    let near = L::fused(p * square, x, x);
    let far = 1.0 - 2.0 / (exp::<L>(2.0 * size) + 1.0);
    if size < 0.625 { near } else { far.copysign(x) }
}

/// Error function: an odd rational function of degree 9 / 12 on ±3.83, ±1 beyond.
#[inline(always)]
pub fn erf<L: Lanes>(x: f32) -> f32 {
    let x = x.clamp(-3.832_507, 3.832_507);
    let square = x * x;
    let p = L::fused(2.290_506_5e-4, square, 3.408_291e-3);
    let p = L::fused(p, square, 5.095_569_5e-2);
    let p = L::fused(p, square, 0.185_208_32);
    let p = L::fused(p, square, FRAC_2_SQRT_PI);
    let q = L::fused(-1.179_160_3e-7, square, 2.354_796_6e-5);
    let q = L::fused(q, square, 1.017_962_5e-3);
    let q = L::fused(q, square, 1.407_047e-2);
    let q = L::fused(q, square, 0.110_985_05);
    let q = L::fused(q, square, 0.497_469_25);
    let q = L::fused(q, square, 1.0);
    x * p / q
}

/// The normal distribution function Φ.
#[inline(always)]
pub fn normal<L: Lanes>(x: f32) -> f32 {
    L::fused(0.5, erf::<L>(x * FRAC_1_SQRT_2), 0.5)
}

/// The slope of `x · sigmoid(x)`.
#[inline(always)]
pub fn silu_slope<L: Lanes>(x: f32) -> f32 {
    let s = sigmoid::<L>(x);
    s * L::fused(x, 1.0 - s, 1.0)
}

/// The slope of `x · Φ(x)`.
#[inline(always)]
pub fn gelu_slope<L: Lanes>(x: f32) -> f32 {
    const DENSITY: f32 = 0.398_942_3;
    L::fused(x, DENSITY * exp::<L>(-0.5 * x * x), normal::<L>(x))
}

/// Numbers whose sum is taken in f32 before it is added to the others in f64.
const BLOCK: usize = 1024;

/// The sum of `x`.
#[inline(always)]
pub fn sum<L: Lanes>(x: &[f32]) -> f32 {
    let mut total = 0.0;
    for block in x.chunks(BLOCK) {
        let mut sums = [L::splat(0.0); 4];
        let mut rest = 0.0;
        let mut chunks = block.chunks_exact(L::WIDTH);
        for (index, chunk) in chunks.by_ref().enumerate() {
            sums[index % 4] = sums[index % 4].add(L::of(chunk));
        }
        for x in chunks.remainder() {
            rest += x;
        }
        total += f64::from(rest + across(sums));
    }
    total as f32
}

/// The sum of `(a − shifts[0]) · (b − shifts[1])`; both are equally long.
#[inline(always)]
pub fn dot<L: Lanes>(a: &[f32], b: &[f32], shifts: [f32; 2]) -> f32 {
    assert_eq!(a.len(), b.len(), "a product of rows of equal length");
    let [shift_a, shift_b] = shifts.map(|shift| L::splat(-shift));
    let mut total = 0.0;
    for (a, b) in a.chunks(BLOCK).zip(b.chunks(BLOCK)) {
        let mut sums = [L::splat(0.0); 4];
        let mut rest = 0.0;
        let (mut a, mut b) = (a.chunks_exact(L::WIDTH), b.chunks_exact(L::WIDTH));
        for (index, (a, b)) in a.by_ref().zip(b.by_ref()).enumerate() {
            let (a, b) = (L::of(a).add(shift_a), L::of(b).add(shift_b));
            sums[index % 4] = a.mul_add(b, sums[index % 4]);
        }
        for (a, b) in a.remainder().iter().zip(b.remainder()) {
            rest += (a - shifts[0]) * (b - shifts[1]);
        }
        total += f64::from(rest + across(sums));
    }
    total as f32
}

/// The sum of all lanes of four registers.
#[inline(always)]
fn across<L: Lanes>(sums: [L; 4]) -> f32 {
    let mut lanes = [0.0; 16];
    sums[0]
        .add(sums[2])
        .add(sums[1].add(sums[3]))
        .put(&mut lanes);
    for half in [8, 4, 2, 1] {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
    }
    lanes[0]
}

/// The greatest of `x`; −∞ of none.
#[inline(always)]
pub fn greatest(x: &[f32]) -> f32 {
    let mut most = [f32::NEG_INFINITY; 16];
    let mut chunks = x.chunks_exact(16);
    for chunk in chunks.by_ref() {
        for (most, &x) in most.iter_mut().zip(chunk) {
            *most = if x > *most { x } else { *most };
        }
    }
    let rest = chunks.remainder().iter();
    most.iter().chain(rest).fold(
        f32::NEG_INFINITY,
        |most, &x| if x > most { x } else { most },
    )
}
