//! Butterflies: what number-theoretic transforms are made of.
//!
//! A butterfly takes `x` and `y` to `x + w y` and `x - w y`. The factor `w` is known long before, so that the product can be cheaper than
//! [`Arithmetic::mul`], and only `y` is ever multiplied, so that `x` need not be brought into a range each time.
//!
//! # Ages
//!
//! Between butterflies elements are [`Butterfly::Loose`]. How great they get is the engine's own matter; what a caller keeps to is their
//! *age*. From memory it is 0, and so it is after [`Butterfly::refresh`]. Both results of a butterfly are one older than its `x`, however
//! old `y` is. No element may get older than [`DEPTH`]. `Portable` needs no ages, but counts them in this crate's own tests, and panics at
//! those that are too great: random elements would hardly ever show it on `Ifma`.

#[cfg(test)]
mod tests;

use super::{Arithmetic, Block, LANES, Portable};
use crate::field::Field;
use std::array::from_fn;

/// The greatest age.
pub const DEPTH: u32 = 8;

/// How eight elements at a time go through a transform. Like those of [`Arithmetic`], the methods are fast only inside of
/// [`Arithmetic::run`].
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
    fn leave_divided<F: Field>(self, x: Self::Loose<F>, by: Self::Divisor<F>, block: &mut Block<F>);

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
    fn product_each<F: Field>(self, y: Self::Loose<F>, w: &Self::Factors<F>) -> Self::Loose<F>;
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
    fn butterfly_one<F: Field>(self, x: Self::Loose<F>, y: Self::Loose<F>) -> [Self::Loose<F>; 2];
    /// Element `i` of result `j` is element `j` of vector `i`. The age of all is that of the oldest.
    fn transpose_loose<F: Field>(self, x: [Self::Loose<F>; LANES]) -> [Self::Loose<F>; LANES];
}

/// Panics unless one can divide by `2^k`.
#[inline(always)]
pub(super) fn assert_divisor(k: u32) {
    assert!((7..=52).contains(&k), "no division by 2^{k}");
}

/// Eight elements between butterflies, and in tests their age.
#[derive(Clone, Copy, Debug)]
pub struct Aged<F> {
    elements: [F; LANES],
    #[cfg(test)]
    age: u32,
}

impl<F: Field> Aged<F> {
    #[inline(always)]
    fn new(elements: [F; LANES], age: impl FnOnce() -> u32) -> Self {
        #[cfg(not(test))]
        let _ = age;
        Self {
            elements,
            #[cfg(test)]
            age: {
                let age = age();
                assert!(age <= DEPTH, "older than elements may get");
                age
            },
        }
    }
    #[cfg(test)]
    fn age(&self) -> u32 {
        self.age
    }
    #[cfg(not(test))]
    #[inline(always)]
    fn age(&self) -> u32 {
        0
    }
    /// `x + y` and `x - y`.
    #[inline(always)]
    fn both(x: &Self, y: [F; LANES]) -> [Self; 2] {
        let age = || x.age() + 1;
        let sum = from_fn(|i| x.elements[i] + y[i]);
        let difference = from_fn(|i| x.elements[i] - y[i]);
        [Self::new(sum, age), Self::new(difference, age)]
    }
}

impl Butterfly for Portable {
    type Loose<F: Field> = Aged<F>;
    type Factor<F: Field> = F;
    type Factors<F: Field> = [F; LANES];
    type Divisor<F: Field> = F;

    #[inline(always)]
    fn blank<F: Field>(self) -> Aged<F> {
        Aged::new([F::ZERO; LANES], || 0)
    }
    #[inline(always)]
    fn enter<F: Field>(self, block: &Block<F>) -> Aged<F> {
        Aged::new(self.load(block), || 0)
    }
    #[inline(always)]
    fn refresh<F: Field>(self, x: Aged<F>) -> Aged<F> {
        Aged::new(x.elements, || 0)
    }
    #[inline(always)]
    fn leave<F: Field>(self, x: Aged<F>, block: &mut Block<F>) {
        self.store(x.elements, block);
    }
    #[inline(always)]
    fn leave_divided<F: Field>(self, x: Aged<F>, by: F, block: &mut Block<F>) {
        self.store(x.elements.map(|x| x * by), block);
    }
    #[inline(always)]
    fn factors<F: Field>(self, block: &Block<F>) -> [F; LANES] {
        self.load(block)
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
    fn product_each<F: Field>(self, y: Aged<F>, w: &[F; LANES]) -> Aged<F> {
        Aged::new(from_fn(|i| y.elements[i] * w[i]), || 1)
    }
    #[inline(always)]
    fn butterfly<F: Field>(self, x: Aged<F>, y: Aged<F>, w: &F) -> [Aged<F>; 2] {
        Aged::both(&x, y.elements.map(|y| y * w))
    }
    #[inline(always)]
    fn butterfly_each<F: Field>(self, x: Aged<F>, y: Aged<F>, w: &[F; LANES]) -> [Aged<F>; 2] {
        Aged::both(&x, from_fn(|i| y.elements[i] * w[i]))
    }
    #[inline(always)]
    fn butterfly_one<F: Field>(self, x: Aged<F>, y: Aged<F>) -> [Aged<F>; 2] {
        Aged::both(&x, y.elements)
    }
    #[inline(always)]
    fn transpose_loose<F: Field>(self, x: [Aged<F>; LANES]) -> [Aged<F>; LANES] {
        let oldest = x.iter().map(Aged::age).fold(0, u32::max);
        self.transpose(x.map(|x| x.elements))
            .map(|elements| Aged::new(elements, || oldest))
    }
}
