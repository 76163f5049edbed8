//! A key of the library and a witness that satisfies its circuit: all constraints vanish on all rows of the domain itself. This binds the
//! formulas, which rows the key's polynomials mean, and what they are computed from.

use super::plain::{Data, Run, sets};
use crate::{engine::with_engine, quotient::Program};
use ff::{Field, PrimeField};
use halo2_proofs::{
    arithmetic::eval_polynomial,
    circuit::{Layouter, SimpleFloorPlanner, Value},
    halo2curves::bn256::{Bn256, Fr, G1Affine},
    plonk::{
        Advice, Any, Circuit, Column, ConstraintSystem, Error, Fixed, Instance, ProvingKey,
        Selector, keygen_pk, keygen_vk_custom,
    },
    poly::{Rotation, kzg::commitment::ParamsKZG},
};
use rand::{SeedableRng, rngs::StdRng};

const K: u32 = 5;
/// Rows with an operation.
const USED: usize = 12;
/// Rows of the table, the first of them for rows without a lookup.
const TABLE: usize = 10;

/// `c = a b` or `c = a + b` by turns, each `a` the `c` of the row above, the last one public; `(b, b + 1)` is in a table.
#[derive(Clone, Default)]
struct Turns;

#[derive(Clone)]
struct Config {
    cells: [Column<Advice>; 3],
    start: Column<Fixed>,
    table: [Column<Fixed>; 2],
    public: Column<Instance>,
    /// Of products, of sums, of lookups.
    selectors: [Selector; 3],
}

fn second_operand(row: usize) -> u64 {
    (row as u64 * 5) % 8
}

/// The operands and the result of each row.
fn witness() -> Vec<[Fr; 3]> {
    let mut a = Fr::from(3);
    let row = |row| {
        let b = Fr::from(second_operand(row) + 1);
        let c = if row % 2 == 0 { a * b } else { a + b };
        let cells = [a, b, c];
        a = c;
        cells
    };
    (0..USED).map(row).collect()
}

fn table(row: usize) -> [Fr; 2] {
    if row == 0 || row >= TABLE {
        [Fr::ZERO; 2]
    } else {
        [row as u64, row as u64 + 1].map(Fr::from)
    }
}

impl Circuit<Fr> for Turns {
    type Config = Config;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = ();

    fn without_witnesses(&self) -> Self {
        Self
    }

    fn configure(cs: &mut ConstraintSystem<Fr>) -> Config {
        let config = Config {
            cells: [(); 3].map(|()| cs.advice_column()),
            start: cs.fixed_column(),
            table: [(); 2].map(|()| cs.fixed_column()),
            public: cs.instance_column(),
            selectors: [cs.selector(), cs.selector(), cs.complex_selector()],
        };
        config.cells.iter().for_each(|c| cs.enable_equality(*c));
        cs.enable_equality(config.start);
        cs.enable_equality(config.public);
        let [a, b, c] = config.cells.map(|c| c.cur());
        let [product, sum, looked_up] = config.selectors.map(|s| s.expr());
        cs.create_gate("product", |_| {
            [product * (a.clone() * b.clone() - c.clone())]
        });
        cs.create_gate("sum", |_| [sum * (a + b.clone() - c)]);
        cs.lookup_any("pairs", |cells| {
            let [s, t] = config.table.map(|c| cells.query_fixed(c, Rotation::cur()));
            let next = b.clone() + halo2_proofs::plonk::Expression::Constant(Fr::ONE);
            vec![(looked_up.clone() * b, s), (looked_up * next, t)]
        });
        config
    }

    fn synthesize(&self, config: Config, mut layouter: impl Layouter<Fr>) -> Result<(), Error> {
        let last = layouter.assign_region(
            || "all",
            |mut region| {
                for row in 0..TABLE {
                    for (column, value) in config.table.iter().zip(table(row)) {
                        region.assign_fixed(*column, row, value);
                    }
                }
                let mut above = region.assign_fixed(config.start, 0, Fr::from(3));
                for (row, values) in witness().into_iter().enumerate() {
                    config.selectors[row % 2].enable(&mut region, row)?;
                    config.selectors[2].enable(&mut region, row)?;
                    let mut put = |i: usize| {
                        region.assign_advice(config.cells[i], row, Value::known(values[i]))
                    };
                    let [a, _, c] = [0, 1, 2].map(|i| put(i).cell());
                    region.constrain_equal(a, above);
                    above = c;
                }
                Ok(above)
            },
        )?;
        layouter.constrain_instance(last, config.public, 0);
        Ok(())
    }
}

/// The key, its two simple selectors in one column if `compressed`.
fn key(compressed: bool) -> ProvingKey<G1Affine> {
    let params = ParamsKZG::<Bn256>::setup(K, StdRng::seed_from_u64(1));
    let vk = keygen_vk_custom(&params, &Turns, compressed).unwrap();
    keygen_pk(&params, vk, &Turns).unwrap()
}

/// The columns on the domain.
fn columns(pk: &ProvingKey<G1Affine>) -> Data {
    let cs = pk.get_vk().cs();
    let mut data = Data::random(cs, K, 1);
    // Other than zero, so that each constraint counts.
    data.drawn = std::array::from_fn(|i| Fr::MULTIPLICATIVE_GENERATOR.pow([i as u64 + 100]));
    let (rows, usable) = (1usize << K, (1 << K) - cs.blinding_factors() - 1);
    let omega = Fr::ROOT_OF_UNITY.pow([1 << (Fr::S - K)]);
    let identity: Vec<Fr> = (0..rows).map(|i| omega.pow([i as u64])).collect();
    let on_domain =
        |poly: &[Fr]| -> Vec<Fr> { identity.iter().map(|x| eval_polynomial(poly, *x)).collect() };
    data.fixed = pk.fixed_polys().iter().map(|p| on_domain(p)).collect();
    data.sigma = pk
        .permutation()
        .polys()
        .iter()
        .map(|p| on_domain(p))
        .collect();
    let [first, last, active] = [pk.l0(), pk.l_last(), pk.l_active_row()].map(|p| on_domain(p));
    data.rows_of = [first, last, active, identity.clone()];
    for (i, column) in data.advice.iter_mut().enumerate() {
        let values = witness().into_iter().map(|row| row[i]);
        let all = values.chain(std::iter::repeat(Fr::ZERO));
        // The other rows are random.
        column
            .iter_mut()
            .zip(all)
            .take(usable)
            .for_each(|(cell, x)| *cell = x);
    }
    data.instance = vec![vec![Fr::ZERO; rows]];
    data.instance[0][0] = data.advice[2][USED - 1];

    // A running product on the rows that are used.
    let run = |column: &mut Vec<Fr>, start: Fr, step: &dyn Fn(usize) -> Fr| {
        column[0] = start;
        for row in 0..usable {
            column[row + 1] = column[row] * step(row);
        }
        column[usable]
    };
    let [beta, gamma, theta, _] = data.drawn;
    let (mut z, width, permuted) = (Fr::ONE, cs.degree() - 2, cs.permutation().get_columns());
    for set in 0..sets(cs) {
        let step = |row: usize| {
            let of = permuted.iter().enumerate().skip(set * width).take(width);
            let fractions = of.map(|(j, column)| {
                let value = match column.column_type() {
                    Any::Advice(_) => data.advice[column.index()][row],
                    Any::Fixed => data.fixed[column.index()][row],
                    Any::Instance => data.instance[column.index()][row],
                };
                let name = Fr::DELTA.pow([j as u64]) * identity[row];
                let below = value + beta * data.sigma[j][row] + gamma;
                (value + beta * name + gamma) * below.invert().unwrap()
            });
            fractions.product()
        };
        z = run(&mut data.permutation_products[set], z, &step);
    }
    assert_eq!(z, Fr::ONE);

    let lookup = &cs.lookups()[0];
    let folded = |row: usize, input: bool| {
        let es = if input {
            lookup.input_expressions()
        } else {
            lookup.table_expressions()
        };
        es.iter()
            .fold(Fr::ZERO, |sum, e| sum * theta + data.expression(e, row))
    };
    let inputs: Vec<Fr> = (0..usable).map(|row| folded(row, true)).collect();
    let table: Vec<Fr> = (0..usable).map(|row| folded(row, false)).collect();
    let mut sorted = inputs.clone();
    sorted.sort();
    let mut left = table.clone();
    let mut permuted = vec![None; usable];
    for row in 0..usable {
        if row == 0 || sorted[row] != sorted[row - 1] {
            let at = left.iter().position(|x| *x == sorted[row]);
            permuted[row] = Some(left.remove(at.expect("it is in the table")));
        }
    }
    for row in 0..usable {
        data.lookup_inputs[0][row] = sorted[row];
        let own = permuted[row].or_else(|| left.pop());
        data.lookup_tables[0][row] = own.expect("as many as there are rows");
    }
    let step = |row: usize| {
        let below = (data.lookup_inputs[0][row] + beta) * (data.lookup_tables[0][row] + gamma);
        (inputs[row] + beta) * (table[row] + gamma) * below.invert().unwrap()
    };
    assert_eq!(run(&mut data.lookup_products[0], Fr::ONE, &step), Fr::ONE);
    data
}

#[test]
fn a_witness_that_satisfies_vanishes_on_the_domain() {
    for compressed in [false, true] {
        vanishes(compressed);
    }
}

fn vanishes(compressed: bool) {
    let pk = key(compressed);
    let cs = pk.get_vk().cs();
    let fixed = if compressed { 5 } else { 6 };
    assert_eq!((sets(cs), cs.num_fixed_columns()), (2, fixed));
    let (program, mut data) = (&Program::compile(cs), columns(&pk));
    let zeros = vec![Fr::ZERO; 1 << K];
    for portable in [false, true] {
        let run = |data: &Data| with_engine(portable, Run { program, data });
        assert_eq!(run(&data), zeros);
        // Each column matters, on the first row or on another one.
        let columns: [fn(&mut Data) -> &mut Vec<Fr>; 8] = [
            |d| &mut d.advice[2],
            |d| &mut d.fixed[0],
            |d| &mut d.instance[0],
            |d| &mut d.sigma[3],
            |d| &mut d.permutation_products[1],
            |d| &mut d.lookup_products[0],
            |d| &mut d.lookup_inputs[0],
            |d| &mut d.lookup_tables[0],
        ];
        for (i, column) in columns.into_iter().enumerate() {
            let mut noticed = false;
            for row in [0, 4] {
                column(&mut data)[row] += Fr::ONE;
                noticed |= run(&data) != zeros;
                column(&mut data)[row] -= Fr::ONE;
            }
            assert!(noticed, "column {i}");
        }
    }
}
