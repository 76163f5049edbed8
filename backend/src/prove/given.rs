//! What a key and its parameters give, in the form that the prover needs it.

use crate::{column::Column, engine::Engine, error::Error, msm::Bases, ntt};
use ff::Field;
use halo2_proofs::{
    SerdeFormat,
    halo2curves::{
        bn256::{Bn256, Fr, G1Affine},
        serde::SerdeObject,
    },
    plonk::{ConstraintSystem, Expression, ProvingKey},
    poly::{
        Coeff, Polynomial,
        commitment::{Params, ParamsProver},
        kzg::commitment::ParamsKZG,
    },
};
use rand::{RngCore, SeedableRng, rngs::StdRng};
use rayon::prelude::*;
use std::{cell::RefCell, collections::BTreeSet};

/// All that a proof needs beside the verifying key.
pub(super) struct Given<E: Engine> {
    /// Coefficients of the fixed columns.
    pub(super) fixed: Vec<Column<Fr>>,
    /// Coefficients of the permutations of the columns that take part in the permutation argument.
    pub(super) sigma: Vec<Column<Fr>>,
    /// The points to commit to coefficients with.
    pub(super) powers: Bases<E>,
    /// The points to commit to values with.
    pub(super) lagrange: Bases<E>,
}

impl<E: Engine> Given<E> {
    /// By a proving key and its parameters.
    pub(super) fn new(
        engine: E,
        parameters: &ParamsKZG<Bn256>,
        key: &ProvingKey<G1Affine>,
        precomputed_bytes: usize,
    ) -> Result<Self, Error> {
        let (fixed, sigma) = (key.fixed_polys(), key.permutation().polys());
        let import = |polynomials: &[Polynomial<Fr, Coeff>]| -> Vec<_> {
            let columns = polynomials.par_iter();
            columns
                .map(|p| Column::import(engine, p.values()))
                .collect()
        };
        let bases =
            |points: &[G1Affine]| Bases::with_precomputation(engine, points, precomputed_bytes / 2);
        Ok(Self {
            fixed: import(fixed),
            sigma: import(sigma),
            powers: bases(parameters.get_g()),
            lagrange: bases(&lagrange(parameters)?),
        })
    }
}

/// Points of the Lagrange basis, which the library only writes.
fn lagrange(parameters: &ParamsKZG<Bn256>) -> Result<Vec<G1Affine>, Error> {
    const POINT: usize = 64;
    let n = parameters.n() as usize;
    let mut bytes = vec![];
    parameters.write_custom(&mut bytes, SerdeFormat::RawBytesUnchecked)?;
    // The size, the powers, then these.
    let points = &bytes[4 + n * POINT..4 + 2 * n * POINT];
    Ok(points
        .par_chunks_exact(POINT)
        .map(G1Affine::from_raw_bytes_unchecked)
        .collect())
}

/// Refuses a key of `2^k` rows, with room for a quotient of so many pieces, for which no proofs can be made here.
pub(super) fn check(
    k: u32,
    pieces: usize,
    constraints: &ConstraintSystem<Fr>,
) -> Result<(), Error> {
    if k < ntt::MIN_K {
        return Err(Error::Unsupported("circuits of fewer than 8 rows"));
    }
    if k > ntt::MAX_K {
        return Err(Error::Unsupported("circuits of more than 2^20 rows"));
    }
    let (have, room) = (degree(constraints), constraints.degree());
    if have > room {
        return Err(Error::Degree { have, room });
    }
    // The library reads `MAX_DEGREE` each time that it is asked for the degree.
    if pieces + 1 != room {
        return Err(Error::Unsupported(
            "a key that was made with another `MAX_DEGREE` in the environment",
        ));
    }
    Ok(())
}

/// The degree of all constraints, without the bound that the library puts on it.
fn degree(constraints: &ConstraintSystem<Fr>) -> usize {
    let greatest = |list: &[Expression<Fr>]| list.iter().map(Expression::degree).max();
    let gates = constraints.gates().iter();
    let gates = gates.filter_map(|g| greatest(g.polynomials())).max();
    // The grand product of a look-up, see `lookup`: the active rows, the product, and the two compressed expressions.
    let lookups = constraints.lookups().iter().map(|l| {
        let [input, table] = [l.input_expressions(), l.table_expressions()];
        2 + greatest(input).unwrap_or(0).max(1) + greatest(table).unwrap_or(0).max(1)
    });
    gates.into_iter().chain(lookups).max().unwrap_or(0)
}

/// The fixed columns that look-ups read.
pub(super) fn read_by_lookups(constraints: &ConstraintSystem<Fr>) -> BTreeSet<usize> {
    let lookups = constraints.lookups().iter();
    let expressions =
        lookups.flat_map(|l| l.input_expressions().iter().chain(l.table_expressions()));
    let mut all = BTreeSet::new();
    for expression in expressions {
        let found = RefCell::new(&mut all);
        expression.evaluate(
            &|_| (),
            &|_| (),
            &|fixed| _ = found.borrow_mut().insert(fixed.column_index()),
            &|_| (),
            &|_| (),
            &|_| (),
            &|()| (),
            &|(), ()| (),
            &|(), ()| (),
            &|(), _| (),
        );
    }
    all
}

/// The inverse of the matrix with the rows `1, c, c^2, ...`: entry `(i, j)` is the coefficient of `X^i` in the polynomial that is 1 at `nodes[j]` and
/// 0 at the others.
pub(super) fn interpolation(nodes: &[Fr]) -> Vec<Vec<Fr>> {
    let columns: Vec<Vec<Fr>> = (0..nodes.len())
        .map(|j| {
            let mut polynomial = vec![Fr::ONE];
            for (m, node) in nodes.iter().enumerate().filter(|(m, _)| *m != j) {
                debug_assert_ne!(nodes[j], nodes[m]);
                let scale = (nodes[j] - node).invert().unwrap_or(Fr::ZERO);
                let mut next = vec![Fr::ZERO; polynomial.len() + 1];
                for (i, c) in polynomial.iter().enumerate() {
                    next[i] -= *c * node * scale;
                    next[i + 1] += *c * scale;
                }
                polynomial = next;
            }
            polynomial
        })
        .collect();
    (0..nodes.len())
        .map(|i| columns.iter().map(|c| c[i]).collect())
        .collect()
}

/// A polynomial whose coefficients nobody knows, from 32 random bytes.
pub(super) fn random_polynomial(rng: &mut dyn RngCore, n: usize) -> Vec<Fr> {
    let mut seed = [0; 32];
    rng.fill_bytes(&mut seed);
    let mut rng = StdRng::from_seed(seed);
    (0..n).map(|_| Fr::random(&mut rng)).collect()
}
