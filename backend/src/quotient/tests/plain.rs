//! The constraints as the protocol's formulas say, row by row.

use super::super::{Inputs, REGISTERS, Scalars};
use crate::{
    column::Column,
    engine::{Arithmetic, Engine, WithEngine, with_engine},
    quotient::Program,
};
use ff::{Field, PrimeField};
use halo2_proofs::{
    halo2curves::bn256::Fr,
    plonk::{Any, ConstraintSystem, Expression},
};
use rand::{Rng, SeedableRng, rngs::StdRng};

/// Columns of a coset as elements, and what is drawn.
#[derive(Clone, Debug)]
pub(super) struct Data {
    pub(super) rows: usize,
    pub(super) fixed: Vec<Vec<Fr>>,
    pub(super) advice: Vec<Vec<Fr>>,
    pub(super) instance: Vec<Vec<Fr>>,
    pub(super) sigma: Vec<Vec<Fr>>,
    pub(super) permutation_products: Vec<Vec<Fr>>,
    pub(super) lookup_products: Vec<Vec<Fr>>,
    pub(super) lookup_inputs: Vec<Vec<Fr>>,
    pub(super) lookup_tables: Vec<Vec<Fr>>,
    /// First, last, active, identity.
    pub(super) rows_of: [Vec<Fr>; 4],
    pub(super) challenges: Vec<Fr>,
    pub(super) drawn: [Fr; 4],
    pub(super) scale: Fr,
}

/// Half of them random, the others close to zero.
fn element(rng: &mut StdRng) -> Fr {
    match rng.gen_range(0..8) {
        0 => Fr::ZERO,
        1 => Fr::ONE,
        2 => -Fr::ONE,
        3 => Fr::from(rng.gen_range(2..5)),
        _ => Fr::random(rng),
    }
}

impl Data {
    pub(super) fn random(cs: &ConstraintSystem<Fr>, k: u32, seed: u64) -> Self {
        let rng = &mut StdRng::seed_from_u64(seed);
        let rows = 1 << k;
        let mut column = || -> Vec<Fr> { (0..rows).map(|_| element(rng)).collect() };
        let mut columns = |n: usize| -> Vec<Vec<Fr>> { (0..n).map(|_| column()).collect() };
        let (permuted, lookups) = (cs.permutation().get_columns().len(), cs.lookups().len());
        Self {
            rows,
            fixed: columns(cs.num_fixed_columns()),
            advice: columns(cs.num_advice_columns()),
            instance: columns(cs.num_instance_columns()),
            sigma: columns(permuted),
            permutation_products: columns(sets(cs)),
            lookup_products: columns(lookups),
            lookup_inputs: columns(lookups),
            lookup_tables: columns(lookups),
            rows_of: std::array::from_fn(|_| columns(1).remove(0)),
            challenges: (0..cs.num_challenges()).map(|_| element(rng)).collect(),
            drawn: std::array::from_fn(|_| element(rng)),
            scale: Fr::random(rng),
        }
    }

    fn row(&self, row: usize, rotation: i32) -> usize {
        (row as i64 + i64::from(rotation)).rem_euclid(self.rows as i64) as usize
    }

    pub(super) fn expression(&self, e: &Expression<Fr>, row: usize) -> Fr {
        let at = |column: &[Fr], rotation: i32| column[self.row(row, rotation)];
        e.evaluate(
            &|x| x,
            &|_| unreachable!(),
            &|q| at(&self.fixed[q.column_index()], q.rotation().0),
            &|q| at(&self.advice[q.column_index()], q.rotation().0),
            &|q| at(&self.instance[q.column_index()], q.rotation().0),
            &|c| self.challenges[c.index()],
            &|a| -a,
            &|a, b| a + b,
            &|a, b| a * b,
            &|a, x| a * x,
        )
    }

    /// The constraints' values on a row.
    fn constraints(&self, cs: &ConstraintSystem<Fr>, row: usize) -> Vec<Fr> {
        let [beta, gamma, theta, _] = self.drawn;
        let [first, last, active, identity] = &self.rows_of;
        let (first, last, active) = (first[row], last[row], active[row]);
        let gates = cs.gates().iter().flat_map(|g| g.polynomials());
        let mut all: Vec<Fr> = gates.map(|e| self.expression(e, row)).collect();

        let columns = cs.permutation().get_columns();
        let z = |i: usize, r: i32| self.permutation_products[i][self.row(row, r)];
        if let Some(top) = sets(cs).checked_sub(1) {
            all.push(first * (Fr::ONE - z(0, 0)));
            all.push(last * (z(top, 0).square() - z(top, 0)));
            for i in 1..=top {
                let end = -(cs.blinding_factors() as i32) - 1;
                all.push(first * (z(i, 0) - z(i - 1, end)));
            }
            for i in 0..=top {
                let (mut left, mut right) = (z(i, 1), z(i, 0));
                let width = cs.degree() - 2;
                for (j, column) in columns.iter().enumerate().skip(i * width).take(width) {
                    let value = match column.column_type() {
                        Any::Advice(_) => self.advice[column.index()][row],
                        Any::Fixed => self.fixed[column.index()][row],
                        Any::Instance => self.instance[column.index()][row],
                    };
                    left *= value + beta * self.sigma[j][row] + gamma;
                    right *= value + Fr::DELTA.pow([j as u64]) * beta * identity[row] + gamma;
                }
                all.push(active * (left - right));
            }
        }
        for (i, lookup) in cs.lookups().iter().enumerate() {
            let folded = |es: &[Expression<Fr>]| {
                es.iter()
                    .fold(Fr::ZERO, |sum, e| sum * theta + self.expression(e, row))
            };
            let (a, s) = (
                folded(lookup.input_expressions()),
                folded(lookup.table_expressions()),
            );
            let z = |r: i32| self.lookup_products[i][self.row(row, r)];
            let permuted = |r: i32| self.lookup_inputs[i][self.row(row, r)];
            let table = self.lookup_tables[i][row];
            all.push(first * (Fr::ONE - z(0)));
            all.push(last * (z(0).square() - z(0)));
            let left = z(1) * (permuted(0) + beta) * (table + gamma);
            all.push(active * (left - z(0) * (a + beta) * (s + gamma)));
            all.push(first * (permuted(0) - table));
            all.push(active * (permuted(0) - table) * (permuted(0) - permuted(-1)));
        }
        all
    }

    fn expected(&self, cs: &ConstraintSystem<Fr>) -> Vec<Fr> {
        let [.., y] = self.drawn;
        let folded = |row| {
            let all = self.constraints(cs, row);
            all.iter().fold(Fr::ZERO, |sum, e| sum * y + e) * self.scale
        };
        (0..self.rows).map(folded).collect()
    }
}

/// Sets of columns of the permutation argument.
pub(super) fn sets(cs: &ConstraintSystem<Fr>) -> usize {
    let columns = cs.permutation().get_columns().len();
    columns.div_ceil(cs.degree() - 2)
}

pub(super) struct Run<'a> {
    pub(super) program: &'a Program,
    pub(super) data: &'a Data,
}

impl WithEngine for Run<'_> {
    type Output = Vec<Fr>;
    fn with<E: Engine>(self, e: E) -> Vec<Fr> {
        self.on(e)
    }
}

impl Run<'_> {
    fn on<A: Arithmetic>(self, e: A) -> Vec<Fr> {
        let Self { program, data } = self;
        let columns = |of: &[Vec<Fr>]| -> Vec<Column<Fr>> {
            of.iter().map(|c| Column::import(e, c)).collect()
        };
        let rows_of = columns(&data.rows_of);
        let [beta, gamma, theta, y] = data.drawn;
        let scalars = Scalars {
            challenges: &data.challenges,
            beta,
            gamma,
            theta,
            y,
        };
        let inputs = Inputs {
            rows: data.rows,
            fixed: &columns(&data.fixed),
            advice: &columns(&data.advice),
            instance: &columns(&data.instance),
            sigma: &columns(&data.sigma),
            permutation_products: &columns(&data.permutation_products),
            lookup_products: &columns(&data.lookup_products),
            lookup_inputs: &columns(&data.lookup_inputs),
            lookup_tables: &columns(&data.lookup_tables),
            first: Some(&rows_of[0]),
            last: Some(&rows_of[1]),
            active: Some(&rows_of[2]),
            identity: Some(&rows_of[3]),
        };
        program.run(e, &inputs, &scalars, data.scale).export(e)
    }
}

/// Both engines against the formulas, and no bound exceeded; with many registers, and with so few that cells are loaded several times.
pub(super) fn check(cs: &ConstraintSystem<Fr>, k: u32, seed: u64) {
    let data = &Data::random(cs, k, seed);
    let expected = data.expected(cs);
    for registers in [REGISTERS, 3] {
        let program = &Program::with_registers(cs, registers);
        for portable in [false, true] {
            let values = with_engine(portable, Run { program, data });
            assert_eq!(values, expected, "portable: {portable}");
        }
        Run { program, data }.on(super::watch::Watch);
    }
}
