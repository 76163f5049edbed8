//! The grand products of the permutation argument.

use ff::{BatchInvert, Field, PrimeField};
use halo2_proofs::{
    halo2curves::bn256::Fr,
    plonk::{Any, ConstraintSystem},
};
use rand::RngCore;
use rayon::prelude::*;

/// Rows that a task takes at once.
const CHUNK: usize = 1 << 12;

/// Values of all rows of the columns of a proof, as far as they are needed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Values<'a> {
    pub(crate) fixed: &'a [Vec<Fr>],
    pub(crate) advice: &'a [Vec<Fr>],
    pub(crate) instance: &'a [Vec<Fr>],
}

impl<'a> Values<'a> {
    /// A column's.
    pub(crate) fn column(&self, kind: Any, index: usize) -> &'a [Fr] {
        match kind {
            Any::Fixed => &self.fixed[index],
            Any::Advice(_) => &self.advice[index],
            Any::Instance => &self.instance[index],
        }
    }
}

/// The running product of `numerators / denominators` from `first` on: one value more than there are factors, of which the first
/// `rows` are given.
pub(crate) fn running_product(
    first: Fr,
    numerators: &[Fr],
    mut denominators: Vec<Fr>,
    rows: usize,
) -> Vec<Fr> {
    denominators
        .par_chunks_mut(CHUNK)
        .for_each(|chunk| _ = chunk.iter_mut().batch_invert());
    let factors = numerators.iter().zip(&denominators);
    let mut state = first;
    std::iter::once(first)
        .chain(factors.map(|(n, d)| {
            state *= n * d;
            state
        }))
        .take(rows)
        .collect()
}

/// The grand products over each set of columns: as many columns as the degree leaves room for.
///
/// A set's product is 1, or what the set before came to, in row 0, and changes from row to row by
/// `prod (p + delta^j beta X + gamma) / prod (p + beta s + gamma)` over its columns `p` and their permutations `s`. The last
/// rows are random. `sigmas` are values.
pub(crate) fn products(
    sigmas: &[Vec<Fr>],
    omega: Fr,
    constraints: &ConstraintSystem<Fr>,
    values: Values<'_>,
    beta: Fr,
    gamma: Fr,
    rng: &mut dyn RngCore,
) -> Vec<Vec<Fr>> {
    let columns = constraints.permutation().get_columns();
    let room = constraints.degree() - 2;
    let blinding = constraints.blinding_factors();
    let (mut first, mut delta, mut products) = (Fr::ONE, Fr::ONE, vec![]);
    for (columns, sigmas) in columns.chunks(room).zip(sigmas.chunks(room)) {
        let rows = sigmas[0].len();
        let columns: Vec<_> = columns
            .iter()
            .map(|c| values.column(*c.column_type(), c.index()))
            .collect();
        let (mut numerators, mut denominators) = (vec![Fr::ONE; rows], vec![Fr::ONE; rows]);
        let chunks = numerators.par_chunks_mut(CHUNK);
        let chunks = chunks.zip(denominators.par_chunks_mut(CHUNK)).enumerate();
        chunks.for_each(|(i, (numerators, denominators))| {
            let start = i * CHUNK;
            let mut delta = delta * beta * omega.pow_vartime([start as u64]);
            for (column, sigma) in columns.iter().zip(sigmas) {
                let mut point = delta;
                for (j, (n, d)) in numerators.iter_mut().zip(&mut *denominators).enumerate() {
                    let value = column[start + j] + gamma;
                    *n *= value + point;
                    *d *= value + beta * sigma[start + j];
                    point *= omega;
                }
                delta *= Fr::DELTA;
            }
        });
        delta *= Fr::DELTA.pow_vartime([columns.len() as u64]);
        let mut product = running_product(first, &numerators, denominators, rows);
        for value in &mut product[rows - blinding..] {
            *value = Fr::random(&mut *rng);
        }
        first = product[rows - blinding - 1];
        // A blinding factor for the commitment is drawn, as the library does, though KZG commitments have none.
        Fr::random(&mut *rng);
        products.push(product);
    }
    products
}
