//! A small two-phase circuit for tests: the values of a column lie in a fixed table, shown by a running sum over a
//! challenge, and the first two of them are public.

use ff::Field;
use halo2_proofs::circuit::{Layouter, SimpleFloorPlanner, Value};
use halo2_proofs::halo2curves::bn256::Fr;
use halo2_proofs::plonk::{
    Advice, Challenge, Circuit, Column, ConstraintSystem, Error, FirstPhase, Fixed, SecondPhase,
};
use halo2_proofs::poly::Rotation;

use crate::circuit::ProvableCircuit;

/// Table size and number of looked-up values of each column.
pub(crate) const SIZE: usize = 16;

#[derive(Clone, Debug)]
pub(crate) struct Config {
    values: Vec<Column<Advice>>,
    multiplicities: Vec<Column<Advice>>,
    helpers: Vec<Column<Advice>>,
    sums: Vec<Column<Advice>>,
    first: Column<Fixed>,
    active: Column<Fixed>,
    last: Column<Fixed>,
    table: Column<Fixed>,
    alpha: Challenge,
}

/// `width` copies of the argument side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    pub(crate) k: u32,
    pub(crate) width: usize,
    /// Added to the table's values, to have circuits that differ in a fixed column only.
    pub(crate) offset: u64,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            k: 6,
            width: 1,
            offset: 0,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Toy {
    pub(crate) shape: Shape,
    pub(crate) values: Option<Vec<u64>>,
}

impl Toy {
    pub(crate) fn new(shape: Shape) -> (Self, Vec<Fr>) {
        let values: Vec<u64> = (0..SIZE as u64)
            .map(|i| (i * 7 + 3) % SIZE as u64 + shape.offset)
            .collect();
        let public = values.iter().take(2).copied().map(Fr::from).collect();
        (
            Self {
                shape,
                values: Some(values),
            },
            public,
        )
    }
}

impl ProvableCircuit for Toy {
    const NAME: &'static str = "toy";
    const PUBLIC_VALUES: usize = 2;

    fn k(&self) -> u32 {
        self.shape.k
    }
}

impl Circuit<Fr> for Toy {
    type Config = Config;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = Shape;

    fn params(&self) -> Shape {
        self.shape
    }

    fn without_witnesses(&self) -> Self {
        Self {
            shape: self.shape,
            values: None,
        }
    }

    fn configure(cs: &mut ConstraintSystem<Fr>) -> Config {
        Self::configure_with_params(cs, Shape::default())
    }

    fn configure_with_params(cs: &mut ConstraintSystem<Fr>, shape: Shape) -> Config {
        cs.set_minimum_degree(5);
        let values: Vec<_> = (0..shape.width)
            .map(|_| cs.advice_column_in(FirstPhase))
            .collect();
        let multiplicities: Vec<_> = (0..shape.width)
            .map(|_| cs.advice_column_in(FirstPhase))
            .collect();
        let alpha = cs.challenge_usable_after(FirstPhase);
        let helpers: Vec<_> = (0..shape.width)
            .map(|_| cs.advice_column_in(SecondPhase))
            .collect();
        let sums: Vec<_> = (0..shape.width)
            .map(|_| cs.advice_column_in(SecondPhase))
            .collect();
        let [first, active, last, table] = [(); 4].map(|()| cs.fixed_column());
        let public = cs.instance_column();
        for i in 0..shape.width {
            cs.create_gate("look-up", |v| {
                let (value, next) = (
                    v.query_advice(values[i], Rotation::cur()),
                    v.query_advice(values[i], Rotation::next()),
                );
                let multiplicity = v.query_advice(multiplicities[i], Rotation::cur());
                let helper = v.query_advice(helpers[i], Rotation::cur());
                let (sum, sum_next) = (
                    v.query_advice(sums[i], Rotation::cur()),
                    v.query_advice(sums[i], Rotation::next()),
                );
                let [first, active, last, table] =
                    [first, active, last, table].map(|c| v.query_fixed(c, Rotation::cur()));
                let alpha = v.query_challenge(alpha);
                let (p0, p1) = (
                    v.query_instance(public, Rotation::cur()),
                    v.query_instance(public, Rotation::next()),
                );
                let (f, t) = (alpha.clone() - value.clone(), alpha - table);
                vec![
                    active.clone()
                        * (helper.clone() * f.clone() * t.clone() - (t - multiplicity * f)),
                    active * (sum_next - sum.clone() - helper),
                    first.clone() * sum.clone(),
                    last * sum,
                    first.clone() * (value - p0),
                    first * (next - p1),
                ]
            });
        }
        Config {
            values,
            multiplicities,
            helpers,
            sums,
            first,
            active,
            last,
            table,
            alpha,
        }
    }

    fn synthesize(&self, config: Config, mut layouter: impl Layouter<Fr>) -> Result<(), Error> {
        let offset = self.shape.offset;
        let value_at = |i: usize| {
            self.values
                .as_ref()
                .and_then(|v| v.get(i))
                .copied()
                .unwrap_or(offset)
        };
        let multiplicity_at = |i: usize| {
            self.values
                .iter()
                .flatten()
                .filter(|v| **v == i as u64 + offset)
                .count() as u64
        };
        let known = |x: u64| {
            if self.values.is_some() {
                Value::known(Fr::from(x))
            } else {
                Value::unknown()
            }
        };
        layouter.assign_region(
            || "all",
            |mut region| {
                for i in 0..SIZE {
                    region.assign_fixed(config.first, i, Fr::from(u64::from(i == 0)));
                    region.assign_fixed(config.active, i, Fr::ONE);
                    region.assign_fixed(config.table, i, Fr::from(i as u64 + offset));
                    for column in 0..self.shape.width {
                        region.assign_advice(config.values[column], i, known(value_at(i)));
                        region.assign_advice(
                            config.multiplicities[column],
                            i,
                            known(multiplicity_at(i)),
                        );
                    }
                }
                region.assign_fixed(config.last, SIZE, Fr::ONE);
                region.next_phase();
                let alpha = region.get_challenge(config.alpha);
                let mut sum = Value::known(Fr::ZERO);
                for i in 0..=SIZE {
                    for column in 0..self.shape.width {
                        region.assign_advice(config.sums[column], i, sum);
                    }
                    if i == SIZE {
                        break;
                    }
                    let helper = alpha.map(|alpha| {
                        let inverse = |x: u64| (alpha - Fr::from(x)).invert().unwrap_or(Fr::ZERO);
                        inverse(value_at(i))
                            - Fr::from(multiplicity_at(i)) * inverse(i as u64 + offset)
                    });
                    for column in 0..self.shape.width {
                        region.assign_advice(config.helpers[column], i, helper);
                    }
                    sum = sum + helper;
                }
                Ok(())
            },
        )
    }
}
