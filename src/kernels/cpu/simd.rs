//! Vectors of f32, and the choice at run time of the widest that the machine has.
//!
//! A piece of arithmetic is a [`Work`]: generic over [`Lanes`], compiled once per instruction set,
//! and run by [`Isa::run`]. Everything a `run` calls must be `#[inline(always)]`, so that it is
//! compiled with the instructions of the set, not with the baseline's.

/// A vector register of f32.
pub trait Lanes: Copy {
    /// How many numbers a register holds.
    const WIDTH: usize;
    /// How many rows of two registers the register file holds beside their operands, or of three
    /// where it is eight.
    const ROWS: usize;

    /// `x` in every lane.
    fn splat(x: f32) -> Self;
    /// `self + other`.
    fn add(self, other: Self) -> Self;
    /// `self · factor + addend`.
    fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// The numbers at `from`.
    ///
    /// # Safety
    /// `from` must be readable for [`Self::WIDTH`] numbers.
    unsafe fn load(from: *const f32) -> Self;
    /// Writes the numbers to `to`.
    ///
    /// # Safety
    /// `to` must be writable for [`Self::WIDTH`] numbers.
    unsafe fn store(self, to: *mut f32);

    /// The numbers of a slice of [`Self::WIDTH`].
    #[inline(always)]
    fn of(numbers: &[f32]) -> Self {
        assert_eq!(numbers.len(), Self::WIDTH, "a register's worth of numbers");
        // SAFETY: the length was just looked at.
        unsafe { Self::load(numbers.as_ptr()) }
    }
    /// Writes the numbers to the start of `buffer`.
    #[inline(always)]
    fn put(self, buffer: &mut [f32; 16]) {
        assert!(Self::WIDTH <= buffer.len(), "a register fits the buffer");
        // SAFETY: the buffer is long enough.
        unsafe { self.store(buffer.as_mut_ptr()) }
    }

    /// Writes a square of eight as its transpose; both sides come with the distance of rows.
    ///
    /// # Safety
    /// Eight numbers must be readable, and writable, in each of the eight rows.
    #[inline(always)]
    unsafe fn transpose(
        (from, from_pitch): (*const f32, usize),
        (to, to_pitch): (*mut f32, usize),
    ) {
        for row in 0..8 {
            for column in 0..8 {
                // SAFETY: within the squares that the caller vouched for.
                unsafe { *to.add(column * to_pitch + row) = *from.add(row * from_pitch + column) };
            }
        }
    }

    /// `a · b + c` of single numbers: one instruction where the set has it, else two, but never a
    /// call of the C library. Loops over it become vector code.
    fn fused(a: f32, b: f32, c: f32) -> f32;
}

/// Arithmetic that is compiled once per instruction set.
pub trait Work {
    /// What it gives.
    type Output;
    /// Does it; to be marked `#[inline(always)]`.
    fn run<L: Lanes>(self) -> Self::Output;
}

/// An instruction set that this machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Isa(Set);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    Portable,
}

impl Isa {
    /// The best that this machine has.
    pub fn best() -> Self {
        Self::available().next().unwrap_or(Self(Set::Portable))
    }

    /// All that this machine has, best first.
    pub fn available() -> impl Iterator<Item = Self> {
        #[cfg(target_arch = "x86_64")]
        let sets = [
            x86::has_avx512().then_some(Set::Avx512),
            x86::has_avx2().then_some(Set::Avx2),
            Some(Set::Portable),
        ];
        #[cfg(not(target_arch = "x86_64"))]
        let sets = [Some(Set::Portable)];
        sets.into_iter().flatten().map(Self)
    }

    /// Numbers in a register of this set.
    pub fn width(self) -> usize {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => 16,
            _ => 8,
        }
    }

    /// What `work` gives, computed with this set's instructions.
    #[inline]
    pub fn run<W: Work>(self, work: W) -> W::Output {
        match self.0 {
            // SAFETY: an `Isa` with this set is only made after the machine was asked for it.
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => unsafe { x86::run_avx512(work) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => unsafe { x86::run_avx2(work) },
            Set::Portable => work.run::<[f32; 8]>(),
        }
    }
}

impl Lanes for [f32; 8] {
    const WIDTH: usize = 8;
    const ROWS: usize = 2;

    #[inline(always)]
    fn splat(x: f32) -> Self {
        [x; 8]
    }
    #[inline(always)]
    fn add(self, other: Self) -> Self {
        std::array::from_fn(|lane| self[lane] + other[lane])
    }
    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        std::array::from_fn(|lane| self[lane] * factor[lane] + addend[lane])
    }
    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller vouches for eight readable numbers; arrays need no alignment here.
        unsafe { from.cast::<Self>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller vouches for eight writable numbers.
        unsafe { to.cast::<Self>().write_unaligned(self) }
    }
    #[inline(always)]
    fn fused(a: f32, b: f32, c: f32) -> f32 {
        a * b + c
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::{
        __m256, __m512, _mm256_add_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_permute2f128_ps,
        _mm256_set1_ps, _mm256_shuffle_ps, _mm256_storeu_ps, _mm256_unpackhi_ps,
        _mm256_unpacklo_ps, _mm512_add_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps,
        _mm512_storeu_ps,
    };

    use super::{Lanes, Work};

    pub fn has_avx512() -> bool {
        is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512dq")
            && has_avx2()
    }

    pub fn has_avx2() -> bool {
        is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
    }

    #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx2,fma")]
    pub fn run_avx512<W: Work>(work: W) -> W::Output {
        work.run::<__m512>()
    }

    #[target_feature(enable = "avx2,fma")]
    pub fn run_avx2<W: Work>(work: W) -> W::Output {
        work.run::<__m256>()
    }

    // SAFETY of every block in the two implementations: these types' methods are reached only from
    // `run_avx512` and `run_avx2`, that is, on machines that have the instructions; addresses are
    // the caller's promise.
    impl Lanes for __m512 {
        const WIDTH: usize = 16;
        const ROWS: usize = 8;

        #[inline(always)]
        fn splat(x: f32) -> Self {
            unsafe { _mm512_set1_ps(x) }
        }
        #[inline(always)]
        fn add(self, other: Self) -> Self {
            unsafe { _mm512_add_ps(self, other) }
        }
        #[inline(always)]
        fn mul_add(self, factor: Self, addend: Self) -> Self {
            unsafe { _mm512_fmadd_ps(self, factor, addend) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            unsafe { _mm512_loadu_ps(from) }
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            unsafe { _mm512_storeu_ps(to, self) }
        }
        #[inline(always)]
        unsafe fn transpose(from: (*const f32, usize), to: (*mut f32, usize)) {
            unsafe { transpose(from, to) }
        }
        #[inline(always)]
        fn fused(a: f32, b: f32, c: f32) -> f32 {
            a.mul_add(b, c)
        }
    }

    impl Lanes for __m256 {
        const WIDTH: usize = 8;
        const ROWS: usize = 4;

        #[inline(always)]
        fn splat(x: f32) -> Self {
            unsafe { _mm256_set1_ps(x) }
        }
        #[inline(always)]
        fn add(self, other: Self) -> Self {
            unsafe { _mm256_add_ps(self, other) }
        }
        #[inline(always)]
        fn mul_add(self, factor: Self, addend: Self) -> Self {
            unsafe { _mm256_fmadd_ps(self, factor, addend) }
        }
        #[inline(always)]
        unsafe fn load(from: *const f32) -> Self {
            unsafe { _mm256_loadu_ps(from) }
        }
        #[inline(always)]
        unsafe fn store(self, to: *mut f32) {
            unsafe { _mm256_storeu_ps(to, self) }
        }
        #[inline(always)]
        unsafe fn transpose(from: (*const f32, usize), to: (*mut f32, usize)) {
            unsafe { transpose(from, to) }
        }
        #[inline(always)]
        fn fused(a: f32, b: f32, c: f32) -> f32 {
            a.mul_add(b, c)
        }
    }

    /// # Safety
    /// As of [`Lanes::transpose`], on a machine with AVX2.
    #[target_feature(enable = "avx2")]
    unsafe fn transpose(
        (from, from_pitch): (*const f32, usize),
        (to, to_pitch): (*mut f32, usize),
    ) {
        // SAFETY: rows are the caller's promise.
        let rows: [__m256; 8] =
            std::array::from_fn(|row| unsafe { _mm256_loadu_ps(from.add(row * from_pitch)) });
        // Pairs, then fours, then halves change places.
        let pairs: [__m256; 8] = std::array::from_fn(|index| {
            let (a, b) = (rows[index / 2 * 2], rows[index / 2 * 2 + 1]);
            if index % 2 == 0 {
                _mm256_unpacklo_ps(a, b)
            } else {
                _mm256_unpackhi_ps(a, b)
            }
        });
        let fours: [__m256; 8] = std::array::from_fn(|index| {
            let first = index / 4 * 4 + index % 4 / 2;
            let (a, b) = (pairs[first], pairs[first + 2]);
            if index % 2 == 0 {
                _mm256_shuffle_ps::<0x44>(a, b)
            } else {
                _mm256_shuffle_ps::<0xEE>(a, b)
            }
        });
        for column in 0..4 {
            let (a, b) = (fours[column], fours[column + 4]);
            let (low, high) = (
                _mm256_permute2f128_ps::<0x20>(a, b),
                _mm256_permute2f128_ps::<0x31>(a, b),
            );
            // SAFETY: columns are the caller's promise.
            unsafe {
                _mm256_storeu_ps(to.add(column * to_pitch), low);
                _mm256_storeu_ps(to.add((column + 4) * to_pitch), high);
            }
        }
    }
}
