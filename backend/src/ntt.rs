//! Number-theoretic transforms: between the coefficients of a polynomial over the scalar field and its values, both in natural order.
//!
//! A transform of size `n = 2^k` evaluates at `shift * omega^i`. An element's index is `8 b + lane`, where `b` is the number of its block.
//!
//! 1. For each lane a transform of size `m = n / 8` over `b`, the same for all eight lanes, so that all eight elements of a block are multiplied
//!    by the same factor. It is done in two rounds of `m1` and `m2` points, `m = m1 m2`, whose pieces stay in the caches (Bailey, "FFTs in
//!    external or hierarchical memory").
//! 2. Of eight results in a row a square is transposed, and eight lanes become the eight inputs of a transform of size 8 across. It writes whole
//!    blocks.
//!
//! All of these evaluate at points `G r^i`, where `r` is a root of unity, by decimation in time: `f(X) = f0(X^2) + X f1(X^2)`. `G` is in the factors
//! (`X` at the point itself) and costs nothing: it is the shift for the first round, and for the second one it is what else would be a pass
//! between the rounds that multiplies by powers of roots. What the transform across would have of its own for each block, the second round's
//! first level multiplies into each lane: it has a product for each element instead of one for each pair.
//!
//! Memory: tables of 10 bytes an element of `n` for each shift (and 1.3 kB for each result of the first round, of which there are about
//! `sqrt(n)`), and 40 bytes an element for each thread that transforms, which are kept for the next time.

mod passes;
mod plan;
mod pool;
mod small;
#[cfg(test)]
mod tests;

use crate::{
    column::Column,
    engine::{Engine, LANES},
};
use ff::{Field, PrimeField};
use halo2_proofs::halo2curves::bn256::Fr;
use passes::{Buffers, Finish, Job};
use plan::Plan;
use rayon::prelude::*;
use small::Small;
use std::sync::{Arc, OnceLock};

/// The least `k`.
pub const MIN_K: u32 = 3;
/// The greatest `k`.
pub const MAX_K: u32 = 20;

/// `omega` of a domain of `2^k` points, the same as in halo2's `EvaluationDomain`.
///
/// # Panics
///
/// If `k` is greater than 28.
#[must_use]
pub fn omega(k: u32) -> Fr {
    assert!(k <= Fr::S, "there is no root of unity of order 2^{k}");
    (k..Fr::S).fold(Fr::ROOT_OF_UNITY, |root, _| root.square())
}

/// The column of `first * ratio^i` for `i` below `n`, on all cores.
///
/// # Panics
///
/// If `n` is not a multiple of [`LANES`].
pub fn powers<E: Engine>(engine: E, first: Fr, ratio: Fr, n: usize) -> Column<Fr> {
    const CHUNK: usize = 1 << 9;
    let mut column = Column::zeros(n);
    let chunks = column.blocks_mut().par_chunks_mut(CHUNK).enumerate();
    chunks.for_each(|(i, blocks)| {
        let mut start = [first * ratio.pow([(i * CHUNK * LANES) as u64]); LANES];
        for i in 1..LANES {
            start[i] = start[i - 1] * ratio;
        }
        let step = ratio.pow([LANES as u64]);
        engine.run(
            #[inline(always)]
            || {
                let (mut power, step) = (engine.import(&start), engine.splat(step));
                for block in blocks {
                    engine.store(power, block);
                    power = engine.mul::<Fr>(power, step);
                }
            },
        );
    });
    column
}

/// How a transform of one size at the points of one coset is done.
enum Way<E: Engine> {
    Small(Small),
    Plan(Box<Plan<E>>),
}

impl<E: Engine> Way<E> {
    fn new(engine: E, k: u32, omega: Fr, shift: Fr) -> Self {
        if k < plan::MIN_K {
            Self::Small(Small::new(omega, shift))
        } else {
            Self::Plan(Box::new(Plan::new(engine, k, omega, shift)))
        }
    }
}

/// What all transforms of one size have in common.
struct Common<E: Engine> {
    engine: E,
    k: u32,
    omega: Fr,
    interpolation: Way<E>,
    buffers: Buffers<E>,
}

impl<E: Engine> Common<E> {
    fn n(&self) -> usize {
        1 << self.k
    }

    fn transform(&self, way: &Way<E>, finish: Finish<'_>, jobs: &mut [Job<'_>]) {
        for (source, column) in &*jobs {
            assert_eq!(column.len(), self.n(), "a column of the domain's size");
            let len = source.map_or(self.n(), Column::len);
            assert_eq!(len, self.n(), "a column of the domain's size");
        }
        match way {
            Way::Small(small) => jobs.par_iter_mut().for_each(|(source, column)| {
                small.run(self.engine, *source, column, finish);
            }),
            Way::Plan(plan) => plan.transform(&self.buffers, jobs, finish),
        }
    }
}

/// Transforms of size `2^k`.
pub struct Ntt<E: Engine> {
    common: Arc<Common<E>>,
}

impl<E: Engine> Ntt<E> {
    /// With `omega = Fr::ROOT_OF_UNITY^(2^(28 - k))`, as in halo2's `EvaluationDomain`. Computes the table for interpolation.
    ///
    /// # Panics
    ///
    /// If `k` is not from [`MIN_K`] to [`MAX_K`].
    #[must_use]
    pub fn new(engine: E, k: u32) -> Self {
        assert!((MIN_K..=MAX_K).contains(&k), "no transform of size 2^{k}");
        let omega = omega(k);
        let inverse = omega.invert().expect("a root of unity is not 0");
        let common = Common {
            engine,
            k,
            omega,
            interpolation: Way::new(engine, k, inverse, Fr::ONE),
            buffers: Buffers::default(),
        };
        Self {
            common: Arc::new(common),
        }
    }

    /// The size, `2^k`.
    #[must_use]
    pub fn n(&self) -> usize {
        self.common.n()
    }

    /// Of values at `omega^i` the coefficients of the polynomial of degree below `2^k` that has them. In place, on all cores.
    ///
    /// # Panics
    ///
    /// If a column has not `2^k` elements.
    pub fn interpolate(&self, columns: &mut [Column<Fr>]) {
        let c = &*self.common;
        let finish = Finish::Divide;
        let mut columns: Vec<_> = columns.iter_mut().map(|c| (None, c)).collect();
        c.transform(&c.interpolation, finish, &mut columns);
    }

    /// What evaluates at the points `shift * omega^i`. Computes its table, which takes less time than a transform.
    ///
    /// # Panics
    ///
    /// If the shift is 0.
    #[must_use]
    pub fn coset(&self, shift: Fr) -> Coset<E> {
        let c = &*self.common;
        let inverse = Option::<Fr>::from(shift.invert()).expect("the shift of a coset is not 0");
        Coset {
            common: self.common.clone(),
            inverse,
            evaluation: Way::new(c.engine, c.k, c.omega, shift),
            scale: OnceLock::new(),
        }
    }
}

/// The transforms of size `2^k` at the points `shift * omega^i`, made by [`Ntt::coset`]. It keeps a table of 10 bytes for each of them,
/// and 32 more once it has interpolated.
pub struct Coset<E: Engine> {
    common: Arc<Common<E>>,
    inverse: Fr,
    evaluation: Way<E>,
    /// `shift^-i / n`.
    scale: OnceLock<Column<Fr>>,
}

impl<E: Engine> Coset<E> {
    /// Of coefficients the values at `shift * omega^i`, on all cores.
    ///
    /// # Panics
    ///
    /// If a column has not `2^k` elements.
    #[must_use]
    pub fn evaluate(&self, coefficients: &[&Column<Fr>]) -> Vec<Column<Fr>> {
        let mut values: Vec<_> = (0..coefficients.len())
            .into_par_iter()
            .map(|_| Column::zeros(self.common.n()))
            .collect();
        self.evaluate_into(coefficients, &mut values);
        values
    }

    /// The same, over what the columns `values` hold: no memory has to be found for them.
    ///
    /// # Panics
    ///
    /// If a column has not `2^k` elements, or there are not as many of one as of the other.
    pub fn evaluate_into(&self, coefficients: &[&Column<Fr>], values: &mut [Column<Fr>]) {
        assert_eq!(coefficients.len(), values.len(), "a column for each");
        let sources = coefficients.iter().map(|c| Some(*c));
        let mut columns: Vec<_> = sources.zip(values).collect();
        self.common
            .transform(&self.evaluation, Finish::Keep, &mut columns);
    }

    /// Of values at `shift * omega^i` the coefficients of the polynomial of degree below `2^k` that has them. In place, on all cores.
    ///
    /// # Panics
    ///
    /// If a column has not `2^k` elements.
    pub fn interpolate(&self, columns: &mut [Column<Fr>]) {
        let c = &*self.common;
        if self.scale.get().is_none() {
            let inverse_n = Fr::TWO_INV.pow([u64::from(c.k)]);
            // Not within the lock: its threads might come here for another task. If several did it, they did the same.
            let _ = (self.scale).set(powers(c.engine, inverse_n, self.inverse, c.n()));
        }
        let scale = self.scale.get().expect("it is set");
        let mut columns: Vec<_> = columns.iter_mut().map(|c| (None, c)).collect();
        let finish = Finish::Multiply(scale);
        c.transform(&c.interpolation, finish, &mut columns);
    }
}
