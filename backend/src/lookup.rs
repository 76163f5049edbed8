//! Look-ups: what is looked up and the table, permuted so that equal values are neighbours, and their grand product.
//!
//! The columns are those of halo2's lookup argument. Which permutation of them is committed to is the prover's choice: here values
//! are in increasing order as integers, and rows of the table that no value needs fill the gaps in that order, too. halo2-axiom takes the order of
//! a hash table that is seeded anew in each process, so that its own proofs differ from run to run.

use crate::{
    engine::{Engine, LANES},
    error::Error,
    permutation::{Values, running_product},
};
use ff::Field;
use halo2_proofs::{
    halo2curves::bn256::Fr,
    plonk::{ConstraintSystem, Expression},
};
use rand::RngCore;
use rayon::prelude::*;

/// The columns of one look-up.
#[derive(Clone, Debug)]
pub(crate) struct Permuted {
    /// What is looked up, by row.
    input: Vec<Fr>,
    /// The table, by row.
    table: Vec<Fr>,
    /// Both permuted.
    pub(crate) permuted_input: Vec<Fr>,
    pub(crate) permuted_table: Vec<Fr>,
}

/// Rows that a task takes at once.
const CHUNK: usize = 1 << 10;

/// What expressions are evaluated on.
pub(crate) struct Rows<'a> {
    pub(crate) values: Values<'a>,
    pub(crate) challenges: &'a [Fr],
    /// All rows.
    pub(crate) n: usize,
}

impl Rows<'_> {
    /// An expression's value in a row.
    fn evaluate(&self, expression: &Expression<Fr>, row: usize) -> Fr {
        let n = self.n as i64;
        let at = |rotation: i32| (row as i64 + i64::from(rotation)).rem_euclid(n) as usize;
        let values = self.values;
        expression.evaluate(
            &|constant| constant,
            // Keys have fixed columns in place of selectors.
            &|_| unreachable!("a key without selectors"),
            &|q| values.fixed[q.column_index()][at(q.rotation().0)],
            &|q| values.advice[q.column_index()][at(q.rotation().0)],
            &|q| values.instance[q.column_index()][at(q.rotation().0)],
            &|challenge| self.challenges[challenge.index()],
            &|a| -a,
            &|a, b| a + b,
            &|a, b| a * b,
            &|a, constant| a * constant,
        )
    }
}

/// `theta^(m-1) e_0 + ... + e_(m-1)` in every row.
fn compressed(expressions: &[Expression<Fr>], rows: &Rows<'_>, theta: Fr) -> Vec<Fr> {
    let mut out = vec![Fr::ZERO; rows.n];
    out.par_chunks_mut(CHUNK).enumerate().for_each(|(i, out)| {
        for (j, out) in out.iter_mut().enumerate() {
            let row = i * CHUNK + j;
            *out = expressions
                .iter()
                .fold(Fr::ZERO, |acc, e| acc * theta + rows.evaluate(e, row));
        }
    });
    out
}

/// The numbers of the rows, those of small values first.
fn sorted<E: Engine>(engine: E, values: &[Fr]) -> Vec<([u64; 4], u32)> {
    let mut rows: Vec<_> = values
        .par_chunks(CHUNK)
        .enumerate()
        .flat_map_iter(|(i, chunk)| {
            let (whole, rest) = chunk.as_chunks::<LANES>();
            let mut last = [Fr::ZERO; LANES];
            last[..rest.len()].copy_from_slice(rest);
            let mut integers = Vec::with_capacity(chunk.len() + LANES);
            engine.run(
                #[inline(always)]
                || {
                    for eight in whole.iter().chain([&last]) {
                        integers.extend(engine.integers(eight));
                    }
                },
            );
            integers.truncate(chunk.len());
            let high_first = |mut words: [u64; 4]| {
                words.reverse();
                words
            };
            let rows = (i * CHUNK) as u32..;
            integers.into_iter().map(high_first).zip(rows)
        })
        .collect();
    rows.par_sort_unstable();
    rows
}

impl Permuted {
    /// The columns of the look-up with this number, their last rows random.
    ///
    /// # Errors
    ///
    /// [`Error::NotInTable`].
    pub(crate) fn of<E: Engine>(
        engine: E,
        constraints: &ConstraintSystem<Fr>,
        number: usize,
        rows: &Rows<'_>,
        theta: Fr,
        rng: &mut dyn RngCore,
    ) -> Result<Self, Error> {
        let argument = &constraints.lookups()[number];
        let n = rows.n;
        let usable = n - constraints.blinding_factors() - 1;
        let input = compressed(argument.input_expressions(), rows, theta);
        let table = compressed(argument.table_expressions(), rows, theta);
        let inputs = sorted(engine, &input[..usable]);
        let tables = sorted(engine, &table[..usable]);
        // Rows of the table that stand beside the first one of equal inputs; the others are left.
        let mut left = vec![];
        let mut next = tables.iter().peekable();
        let mut permuted_table = vec![None; usable];
        for (i, (value, row)) in inputs.iter().enumerate() {
            if i > 0 && inputs[i - 1].0 == *value {
                continue;
            }
            while let Some(other) = next.next_if(|t| t.0 < *value) {
                left.push(other.1);
            }
            let Some(found) = next.next_if(|t| t.0 == *value) else {
                return Err(Error::NotInTable {
                    lookup: number,
                    name: argument.name().to_owned(),
                    row: *row as usize,
                });
            };
            permuted_table[i] = Some(found.1);
        }
        left.extend(next.map(|t| t.1));
        let mut left = left.into_iter();
        let mut permuted_table: Vec<Fr> = permuted_table
            .into_iter()
            .filter_map(|row| row.or_else(|| left.next()))
            .map(|row| table[row as usize])
            .collect();
        let mut permuted_input: Vec<Fr> =
            inputs.iter().map(|(_, row)| input[*row as usize]).collect();
        permuted_input.resize_with(n, || Fr::random(&mut *rng));
        permuted_table.resize_with(n, || Fr::random(&mut *rng));
        Ok(Self {
            input,
            table,
            permuted_input,
            permuted_table,
        })
    }

    /// The grand product: 1 in row 0, and from row to row it changes by `(a + beta)(s + gamma) / ((a' + beta)(s' + gamma))`. The last
    /// `blinding` rows are random.
    pub(crate) fn product(
        &self,
        beta: Fr,
        gamma: Fr,
        blinding: usize,
        rng: &mut dyn RngCore,
    ) -> Vec<Fr> {
        let pairs = |a: &[Fr], s: &[Fr]| -> Vec<Fr> {
            let pairs = a.par_iter().zip(s);
            pairs.map(|(a, s)| (beta + a) * (gamma + s)).collect()
        };
        let n = self.input.len();
        let mut product = running_product(
            Fr::ONE,
            &pairs(&self.input, &self.table),
            pairs(&self.permuted_input, &self.permuted_table),
            n - blinding,
        );
        product.resize_with(n, || Fr::random(&mut *rng));
        product
    }
}
