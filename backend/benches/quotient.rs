//! The constraints of two large systems on the rows of a coset: programs on both engines, and the way of halo2's own prover, which is private
//! there and is written anew in `rowwise`. An element is a row.

#![allow(missing_docs)]

#[path = "quotient/rowwise.rs"]
mod rowwise;
#[path = "quotient/systems.rs"]
mod systems;

use backend::{
    column::Column,
    engine::{Engine, WithEngine, choices, with_engine},
    quotient::{Inputs, Program, Scalars},
};
use criterion::{BenchmarkGroup, Criterion, Throughput, measurement::WallTime};
use ff::Field;
use halo2_proofs::{halo2curves::bn256::Fr, plonk::ConstraintSystem};
use rand::{SeedableRng, rngs::StdRng};
use rowwise::{Columns, RowWise};
use std::hint::black_box;

/// Rows of a column.
const ROWS: usize = 1 << 13;
/// Rows that the slow way is timed on.
const FEW: usize = 1 << 10;

struct Timed<'a, 'b> {
    group: &'a mut BenchmarkGroup<'b, WallTime>,
    program: &'a Program,
    columns: &'a Columns<'a>,
    expected: &'a [Fr],
}

impl WithEngine for Timed<'_, '_> {
    type Output = ();
    fn with<E: Engine>(self, e: E) {
        let import = |columns: &[Vec<Fr>]| -> Vec<Column<Fr>> {
            columns.iter().map(|c| Column::import(e, c)).collect()
        };
        let inputs = Inputs {
            rows: ROWS,
            fixed: &import(self.columns.fixed),
            advice: &import(self.columns.advice),
            ..Inputs::default()
        };
        let scalars = Scalars {
            challenges: self.columns.challenges,
            beta: Fr::ZERO,
            gamma: Fr::ZERO,
            theta: Fr::ZERO,
            y: self.columns.y,
        };
        let run = || self.program.run(e, &inputs, &scalars, Fr::ONE);
        assert_eq!(run().export(e)[..FEW], *self.expected);
        self.group.throughput(Throughput::Elements(ROWS as u64));
        self.group.bench_function(E::NAME, |b| b.iter(run));
    }
}

fn compare(c: &mut Criterion, name: &str, cs: &ConstraintSystem<Fr>) {
    let rng = &mut StdRng::seed_from_u64(1);
    let mut columns = |n: usize| -> Vec<Vec<Fr>> {
        let mut column = || (0..ROWS).map(|_| Fr::random(&mut *rng)).collect();
        (0..n).map(|_| column()).collect()
    };
    let columns = Columns {
        fixed: &columns(cs.num_fixed_columns()),
        advice: &columns(cs.num_advice_columns()),
        challenges: &columns(1)[0][..cs.num_challenges()],
        y: columns(1)[0][0],
    };
    let program = &Program::compile(cs);
    let row_wise = RowWise::compile(cs);
    let (operations, queries) = (row_wise.operations(), row_wise.queries());
    println!(
        "{name}: {operations} operations, {queries} cells; {:?}",
        program.stats()
    );
    let group = &mut c.benchmark_group(format!("quotient, {name}"));
    group.sample_size(10);
    group.throughput(Throughput::Elements(FEW as u64));
    group.bench_function("row by row", |b| {
        b.iter(|| row_wise.run(black_box(&columns), 0..FEW));
    });
    let expected = &row_wise.run(&columns, 0..FEW);
    let columns = &columns;
    for portable in choices() {
        let timed = Timed {
            group,
            program,
            columns,
            expected,
        };
        with_engine(*portable, timed);
    }
}

fn main() {
    let mut c = Criterion::default().configure_from_args();
    compare(&mut c, "shared parts", &systems::shared(1));
    compare(&mut c, "kinds and fingerprints", &systems::machine(1));
    c.final_summary();
}
