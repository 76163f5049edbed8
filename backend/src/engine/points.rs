//! What additions of points need beyond [`Arithmetic`]: coordinates from anywhere in memory, and sums that are carried once.

use super::{Arithmetic, LANES, Portable};
use crate::field::Field;
use std::marker::PhantomData;

/// One element as an engine keeps it in memory where it is not part of a [`Block`](super::Block), below `4 p`: for access by index, see
/// [`Points::gather`].
#[derive(Clone, Copy, Debug)]
#[repr(C, align(32))]
pub struct Single<F> {
    pub(crate) words: [u64; 4],
    field: PhantomData<F>,
}

impl<F> Single<F> {
    /// Zero.
    pub const ZERO: Self = Self::of([0; 4]);

    const fn of(words: [u64; 4]) -> Self {
        Self {
            words,
            field: PhantomData,
        }
    }
}

/// Coordinates of points, eight at a time. Like those of [`Arithmetic`], the methods are fast only inside of [`Arithmetic::run`].
pub trait Points: Arithmetic {
    /// Eight sums and differences that are not in order yet: integers that may be negative.
    type Lazy<F: Field>: Copy;

    /// How many independent eights a long computation should work on in turns, 1 or 2. Where an operation can start before the one before it
    /// has ended, two chains of operations that each wait for each other take hardly more time than one.
    const WAYS: usize;

    /// What it costs, in additions of points, to have a point come from a list that is many times greater than the processor's caches. This was
    /// measured; the memory is the same, so it is more where additions are fast.
    const FAR: f64;

    /// From eight places in memory; below `4 p`.
    fn gather<F: Field>(self, from: [&Single<F>; LANES]) -> Self::V<F>;
    /// To eight places in memory; takes elements below `4 p`.
    fn scatter<F: Field>(self, x: Self::V<F>, to: [&mut Single<F>; LANES]);
    /// The start of sums and differences of at most 16 elements, which are less work than by [`Arithmetic::add`] and [`Arithmetic::sub`].
    fn lazy<F: Field>(self, a: Self::V<F>) -> Self::Lazy<F>;
    /// The sum.
    fn lazy_add<F: Field>(self, a: Self::Lazy<F>, b: Self::Lazy<F>) -> Self::Lazy<F>;
    /// The difference.
    fn lazy_sub<F: Field>(self, a: Self::Lazy<F>, b: Self::Lazy<F>) -> Self::Lazy<F>;
    /// Element `i` is negated if bit `i` is set.
    fn lazy_negate<F: Field>(self, mask: u8, a: Self::Lazy<F>) -> Self::Lazy<F>;
    /// The elements, plus `K p`: the integers are at least `-K p`, and `K` at most 32.
    fn lazy_done<const K: u64, F: Field>(self, a: Self::Lazy<F>) -> Self::V<F>;
    /// The elements, below `3 p`: the integers are at least `-(K - 1) p`, and at most `(84 - K) p`, and `K` is at most 32.
    fn lazy_reduced<const K: u64, F: Field>(self, a: Self::Lazy<F>) -> Self::V<F>;
}

#[inline(always)]
fn each<F: Field>(f: impl Fn(usize) -> F) -> [F; LANES] {
    std::array::from_fn(f)
}

impl Points for Portable {
    type Lazy<F: Field> = [F; LANES];

    const WAYS: usize = 1;
    const FAR: f64 = 0.16;

    #[inline(always)]
    fn gather<F: Field>(self, from: [&Single<F>; LANES]) -> [F; LANES] {
        each(|i| F::from_words(from[i].words))
    }
    #[inline(always)]
    fn scatter<F: Field>(self, x: [F; LANES], to: [&mut Single<F>; LANES]) {
        for (to, x) in to.into_iter().zip(x) {
            to.words = x.words();
        }
    }
    #[inline(always)]
    fn lazy<F: Field>(self, a: [F; LANES]) -> [F; LANES] {
        a
    }
    #[inline(always)]
    fn lazy_add<F: Field>(self, a: [F; LANES], b: [F; LANES]) -> [F; LANES] {
        each(|i| a[i] + b[i])
    }
    #[inline(always)]
    fn lazy_sub<F: Field>(self, a: [F; LANES], b: [F; LANES]) -> [F; LANES] {
        each(|i| a[i] - b[i])
    }
    #[inline(always)]
    fn lazy_negate<F: Field>(self, mask: u8, a: [F; LANES]) -> [F; LANES] {
        each(|i| if mask >> i & 1 == 1 { -a[i] } else { a[i] })
    }
    #[inline(always)]
    fn lazy_done<const K: u64, F: Field>(self, a: [F; LANES]) -> [F; LANES] {
        a
    }
    #[inline(always)]
    fn lazy_reduced<const K: u64, F: Field>(self, a: [F; LANES]) -> [F; LANES] {
        a
    }
}
