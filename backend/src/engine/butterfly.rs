//! Butterflies: what number-theoretic transforms are made of.
//!
//! A butterfly takes `x` and `y` to `x + w y` and `x - w y`. The factor `w` is known long before, so that the product can be cheaper than
//! [`Engine::mul`](super::Engine::mul), and only `y` is ever multiplied, so that `x` need not be brought into a range each time.
//!
//! # Ages
//!
//! Between butterflies elements are [`Butterfly::Loose`]. How great they get is the engine's own matter; what a caller keeps to is their
//! *age*. From memory it is 0, and so it is after [`Butterfly::refresh`]. Both results of a butterfly are one older than its `x`, however
//! old `y` is. No element may get older than [`DEPTH`]. `Portable` knows no ages: tests on `Ifma` are what shows that an algorithm keeps
//! to them.

#[cfg(test)]
mod tests;

use super::{Block, LANES, Portable};
use crate::field::Field;
use std::array::from_fn;

/// The greatest age.
pub const DEPTH: u32 = 8;

/// How eight elements at a time go through a transform. Like those of [`Engine`](super::Engine), the methods are fast only inside of
/// [`Engine::run`](super::Engine::run).
pub trait Butterfly: Copy + Send + Sync + 'static {
    /// Eight elements between butterflies.
    type Loose<F: Field>: Copy + Send + Sync;
    /// What all eight are multiplied by.
    type Factor<F: Field>: Copy + Send + Sync;
    /// What they are multiplied by, each of its own.
    type Factors<F: Field>: Copy + Send + Sync;
    /// What divides by a power of two.
    type Divisor<F: Field>: Copy + Send + Sync;

    /// Says that something in memory is needed soon.
    #[inline(always)]
    fn prefetch<T>(self, of: &T) {
        let _ = of;
    }
    /// Something to fill a buffer with.
    fn blank<F: Field>(self) -> Self::Loose<F>;
    /// From memory; the age is 0.
    fn enter<F: Field>(self, block: &Block<F>) -> Self::Loose<F>;
    /// The same elements; the age is 0.
    fn refresh<F: Field>(self, x: Self::Loose<F>) -> Self::Loose<F>;
    /// To memory.
    fn leave<F: Field>(self, x: Self::Loose<F>, block: &mut Block<F>);
    /// To memory, divided.
    fn leave_divided<F: Field>(
        self,
        x: Self::Loose<F>,
        by: Self::Divisor<F>,
        block: &mut Block<F>,
    );

    /// The factors that the elements of a block are.
    fn factors<F: Field>(self, block: &Block<F>) -> Self::Factors<F>;
    /// Each of them as a factor of its own.
    fn each_factor<F: Field>(self, factors: &Self::Factors<F>) -> [Self::Factor<F>; LANES];
    /// What divides by `2^k`, for `k` from 7 to 52.
    ///
    /// # Panics
    ///
    /// If `k` is none of these.
    fn divisor<F: Field>(self, k: u32) -> Self::Divisor<F>;

    /// `w y`; the age is 1.
    fn product_each<F: Field>(
        self,
        y: Self::Loose<F>,
        w: &Self::Factors<F>,
    ) -> Self::Loose<F>;
    /// `x + w y` and `x - w y`.
    fn butterfly<F: Field>(
        self,
        x: Self::Loose<F>,
        y: Self::Loose<F>,
        w: &Self::Factor<F>,
    ) -> [Self::Loose<F>; 2];
    /// The same with a factor for each of the eight.
    fn butterfly_each<F: Field>(
        self,
        x: Self::Loose<F>,
        y: Self::Loose<F>,
        w: &Self::Factors<F>,
    ) -> [Self::Loose<F>; 2];
    /// `x + y` and `x - y`.
    fn butterfly_one<F: Field>(
        self,
        x: Self::Loose<F>,
        y: Self::Loose<F>,
    ) -> [Self::Loose<F>; 2];
    /// Element `i` of result `j` is element `j` of vector `i`. The age of all is that of the oldest.
    fn transpose_loose<F: Field>(self, x: [Self::Loose<F>; LANES]) -> [Self::Loose<F>; LANES];
}

/// Panics unless one can divide by `2^k`.
#[inline(always)]
pub(super) fn assert_divisor(k: u32) {
    assert!((7..=52).contains(&k), "no division by 2^{k}");
}

#[inline(always)]
fn both<F: Field>(x: [F; LANES], y: [F; LANES]) -> [[F; LANES]; 2] {
    [from_fn(|i| x[i] + y[i]), from_fn(|i| x[i] - y[i])]
}

impl Butterfly for Portable {
    type Loose<F: Field> = [F; LANES];
    type Factor<F: Field> = F;
    type Factors<F: Field> = [F; LANES];
    type Divisor<F: Field> = F;

    #[inline(always)]
    fn blank<F: Field>(self) -> [F; LANES] {
        [F::ZERO; LANES]
    }
    #[inline(always)]
    fn enter<F: Field>(self, block: &Block<F>) -> [F; LANES] {
        super::Engine::load(self, block)
    }
    #[inline(always)]
    fn refresh<F: Field>(self, x: [F; LANES]) -> [F; LANES] {
        x
    }
    #[inline(always)]
    fn leave<F: Field>(self, x: [F; LANES], block: &mut Block<F>) {
        super::Engine::store(self, x, block);
    }
    #[inline(always)]
    fn leave_divided<F: Field>(self, x: [F; LANES], by: F, block: &mut Block<F>) {
        super::Engine::store(self, x.map(|x| x * by), block);
    }
    #[inline(always)]
    fn factors<F: Field>(self, block: &Block<F>) -> [F; LANES] {
        super::Engine::load(self, block)
    }
    #[inline(always)]
    fn each_factor<F: Field>(self, factors: &[F; LANES]) -> [F; LANES] {
        *factors
    }
    #[inline(always)]
    fn divisor<F: Field>(self, k: u32) -> F {
        assert_divisor(k);
        F::TWO_INV.pow([u64::from(k)])
    }
    #[inline(always)]
    fn product_each<F: Field>(self, y: [F; LANES], w: &[F; LANES]) -> [F; LANES] {
        from_fn(|i| y[i] * w[i])
    }
    #[inline(always)]
    fn butterfly<F: Field>(self, x: [F; LANES], y: [F; LANES], w: &F) -> [[F; LANES]; 2] {
        both(x, y.map(|y| y * w))
    }
    #[inline(always)]
    fn butterfly_each<F: Field>(
        self,
        x: [F; LANES],
        y: [F; LANES],
        w: &[F; LANES],
    ) -> [[F; LANES]; 2] {
        both(x, from_fn(|i| y[i] * w[i]))
    }
    #[inline(always)]
    fn butterfly_one<F: Field>(self, x: [F; LANES], y: [F; LANES]) -> [[F; LANES]; 2] {
        both(x, y)
    }
    #[inline(always)]
    fn transpose_loose<F: Field>(self, x: [[F; LANES]; LANES]) -> [[F; LANES]; LANES] {
        super::Engine::transpose(self, x)
    }
}
