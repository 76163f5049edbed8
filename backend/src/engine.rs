//! Arithmetic on eight field elements at a time.
//!
//! An [`Engine`] says how, by the operations of [`Arithmetic`], [`Butterfly`] and [`Points`]: [`Portable`] with the arithmetic of `halo2curves`, one after the other, on any processor; `Ifma` with
//! AVX-512 IFMA, eight at once. Algorithms are written once over the trait. [`with_engine`] chooses at run time.
//!
//! # Ranges
//!
//! [`Arithmetic::V`] holds eight integers that stand for elements. They need not be below the modulus `p`, but there is an upper bound to keep: each
//! operation says what it takes and what it gives, as a multiple of `p`. A bound that is not given is [`LIMIT`]. `Portable` always has elements below
//! `p`, so its results keep any bound, and tests on `Ifma` are what show that an algorithm keeps to the bounds.

pub mod butterfly;
#[cfg(target_arch = "x86_64")]
mod ifma;
pub mod points;
mod portable;
#[cfg(test)]
mod tests;

#[cfg(target_arch = "x86_64")]
pub use ifma::Ifma;
pub use portable::Portable;

use crate::{array::Words, field::Field};
use butterfly::Butterfly;
use points::Points;
use std::marker::PhantomData;

/// Elements of a block.
pub const LANES: usize = 8;

/// Elements are below so many times the modulus: `2^260 / p`, rounded down.
pub const LIMIT: u64 = 84;

/// Eight elements as an engine keeps them in memory, each below `2 p`. What the words say is the engine's own matter: a block must not be
/// taken to another engine.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(64))]
pub struct Block<F> {
    pub(crate) words: [u64; 4 * LANES],
    field: PhantomData<F>,
}

// SAFETY: the words fill it: 256 bytes, a multiple of its alignment. An engine computes something with any words; that it is right is for
// whoever wrote them to care.
unsafe impl<F: Field> Words for Block<F> {}

impl<F> Block<F> {
    /// Eight zeros.
    pub const ZERO: Self = Self::of([0; 4 * LANES]);

    const fn of(words: [u64; 4 * LANES]) -> Self {
        Self {
            words,
            field: PhantomData,
        }
    }
}

/// How eight elements are computed with.
///
/// All methods but [`Arithmetic::run`] are compiled into their caller, and are fast only inside of `run`: nothing between may be a function that
/// is not `inline(always)`.
pub trait Arithmetic: Copy + Send + Sync + 'static {
    /// Eight elements in registers.
    type V<F: Field>: Copy + Send + Sync;
    /// Eight sums of products that are not reduced yet.
    type Sum<F: Field>: Copy;

    /// A name for reports.
    const NAME: &'static str;

    /// Runs `f` with the processor's instructions that the engine is made of.
    fn run<R>(self, f: impl FnOnce() -> R) -> R;

    /// Eight zeros.
    fn zero<F: Field>(self) -> Self::V<F>;
    /// Eight times the same element; below `2 p`.
    fn splat<F: Field>(self, x: F) -> Self::V<F>;
    /// From elements; below `2 p`.
    fn import<F: Field>(self, x: &[F; LANES]) -> Self::V<F>;
    /// To elements.
    fn export<F: Field>(self, x: Self::V<F>) -> [F; LANES];
    /// From memory; below `2 p`.
    fn load<F: Field>(self, block: &Block<F>) -> Self::V<F>;
    /// The eight elements from the one with the number `lane` on of two blocks that follow each other; below `2 p`.
    fn load_across<F: Field>(self, blocks: [&Block<F>; 2], lane: usize) -> Self::V<F>;
    /// To memory; takes elements below `2 p`, see [`Arithmetic::reduce`].
    fn store<F: Field>(self, x: Self::V<F>, block: &mut Block<F>);
    /// The sum, whose bound is the sum of the bounds.
    fn add<F: Field>(self, a: Self::V<F>, b: Self::V<F>) -> Self::V<F>;
    /// `a - b + K p`: `b` is at most `K p`, and `K` at most 32; the bound is that of `a` plus `K`.
    fn sub<const K: u64, F: Field>(self, a: Self::V<F>, b: Self::V<F>) -> Self::V<F>;
    /// The product, below `2 p`: the product of the bounds is at most [`LIMIT`].
    fn mul<F: Field>(self, a: Self::V<F>, b: Self::V<F>) -> Self::V<F>;
    /// The square, below `2 p`: the bound is at most 9.
    fn square<F: Field>(self, a: Self::V<F>) -> Self::V<F>;
    /// The same elements below `2 p`.
    fn reduce<F: Field>(self, a: Self::V<F>) -> Self::V<F>;

    /// The sum of no products.
    fn sum<F: Field>(self) -> Self::Sum<F>;
    /// One more product.
    fn sum_add<F: Field>(self, sum: Self::Sum<F>, a: Self::V<F>, b: Self::V<F>) -> Self::Sum<F>;
    /// The sum of the products, below `2 p`: they are at most 256, and the products of their bounds add up to at most [`LIMIT`].
    fn sum_done<F: Field>(self, sum: Self::Sum<F>) -> Self::V<F>;

    /// Element `i` of result `j` is element `j` of vector `i`.
    fn transpose<F: Field>(self, x: [Self::V<F>; LANES]) -> [Self::V<F>; LANES];

    /// Bit `i` says whether element `i` is 0.
    fn zeros<F: Field>(self, x: Self::V<F>) -> u8;
    /// Element `i` is that of `b` if bit `i` is set, else that of `a`.
    fn select<F: Field>(self, mask: u8, a: Self::V<F>, b: Self::V<F>) -> Self::V<F>;
    /// The integers below `p` that the elements are, the lowest word first.
    fn integers<F: Field>(self, x: &[F; LANES]) -> [[u64; 4]; LANES];
    /// From the words of elements, see [`Field::words`]; below `2 p`.
    fn import_words<F: Field>(self, words: &[[u64; 4]; LANES]) -> Self::V<F>;
}

/// All that algorithms are written over.
pub trait Engine: Arithmetic + Butterfly + Points {}

impl<E: Arithmetic + Butterfly + Points> Engine for E {}

/// Something that is done with any engine.
pub trait WithEngine {
    /// What comes out.
    type Output;
    /// Does it.
    fn with<E: Engine>(self, engine: E) -> Self::Output;
}

/// Does something with the fastest engine that this processor has, or with [`Portable`] if `portable` is set.
pub fn with_engine<W: WithEngine>(portable: bool, work: W) -> W::Output {
    #[cfg(target_arch = "x86_64")]
    if let Some(engine) = Ifma::new().filter(|_| !portable) {
        return work.with(engine);
    }
    work.with(Portable)
}

/// The name of the engine that [`with_engine`] takes.
#[must_use]
pub fn name(portable: bool) -> &'static str {
    struct Name;
    impl WithEngine for Name {
        type Output = &'static str;
        fn with<E: Engine>(self, _: E) -> &'static str {
            E::NAME
        }
    }
    with_engine(portable, Name)
}

/// What `portable` can be so that [`with_engine`] takes different engines, the fastest first.
#[must_use]
pub fn choices() -> &'static [bool] {
    if name(false) == name(true) {
        &[true]
    } else {
        &[false, true]
    }
}
