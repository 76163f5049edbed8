//! A circuit of the machine's final size and of no meaning, to measure what proving and verifying cost.
//!
//! 64 first-phase and 16 second-phase advice columns, 12 fixed ones, constraints of degree 5 in the machine's
//! style (everything under `q_active` and a kind's flag), one instance column bound by a gate. The constraints are
//! identities in which each left side is a cell chosen freely and the right side is computed, so witnesses are
//! quick to make for any number of rows.

use std::ops::{Add, Mul, Sub};

use ff::{Field, PrimeField};
use halo2_proofs::{
    circuit::{Layouter, SimpleFloorPlanner, Value},
    halo2curves::bn256::Fr,
    plonk::{
        Advice, Challenge, Circuit, Column, ConstraintSystem, Error, Expression, FirstPhase, Fixed,
        Instance, SecondPhase,
    },
    poly::Rotation,
};

/// First-phase columns.
pub const FIRST_PHASE: usize = 64;
/// Second-phase columns.
pub const SECOND_PHASE: usize = 16;
/// Fixed columns.
pub const FIXED: usize = 12;
/// Kinds: one flag column each.
const KINDS: usize = 8;
/// Row of the public values' gate; it reads the instance two and three rows above.
const START: usize = 3;
/// Columns that are also read one row above.
const REPEATED: usize = 12;
/// Rows that are left idle at the end.
const TAIL: usize = 12;

/// Columns of the synthetic circuit.
#[derive(Clone, Debug)]
pub struct Config {
    first: Vec<Column<Advice>>,
    second: Vec<Column<Advice>>,
    fixed: Vec<Column<Fixed>>,
    challenges: Vec<Challenge>,
    _instance: Column<Instance>,
}

/// The synthetic circuit.
#[derive(Clone, Debug, Default)]
pub struct Synthetic {
    /// Logarithm of the number of rows.
    pub k: u32,
    /// Public values, copied into the start row.
    pub public: [Fr; 2],
    /// Changes the random-looking witness.
    pub seed: u64,
}

/// What `configure` needs to know; nothing, at present.
#[derive(Clone, Copy, Debug, Default)]
pub struct Params;

/// A cheap mixing of numbers into small constants and choices.
fn mix(a: usize, b: usize, c: usize) -> usize {
    let mut z = (a as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
        ^ (b as u64).wrapping_mul(0xbf58_476d_1ce4_e5b9)
        ^ (c as u64).wrapping_mul(0x94d0_49bb_1331_11eb);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (z >> 33) as usize
}

/// Constants as circuits have them: small numbers, powers of two, a few of full size.
fn constant(a: usize, b: usize) -> Fr {
    match mix(a, b, 7) % 8 {
        0 | 1 => Fr::from(1 + mix(a, b, 8) as u64 % 31),
        2 | 3 => Fr::from(1u64 << (1 + mix(a, b, 9) % 52)),
        4 => -Fr::ONE,
        5 => Fr::from(2).pow([128]),
        6 => Fr::from_u128(mix(a, 3, 10) as u128).pow([5]),
        _ => Fr::ONE,
    }
}

/// Anything that constraints can be computed in: expressions, or a row's values.
trait Algebra: Clone + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> {
    fn constant(value: Fr) -> Self;
}

impl Algebra for Expression<Fr> {
    fn constant(value: Fr) -> Self {
        Self::Constant(value)
    }
}

impl Algebra for Value<Fr> {
    fn constant(value: Fr) -> Self {
        Self::known(value)
    }
}

/// Free cells of a row: flags, then operands; the rest of the first phase is computed from them.
const OPERANDS: std::ops::Range<usize> = KINDS..40;
const RESULTS: std::ops::Range<usize> = 40..FIRST_PHASE;

fn dot<A: Algebra>(n: usize, tag: usize, operand: &impl Fn(usize) -> A) -> A {
    (0..n).fold(A::constant(constant(tag, 99)), |sum, j| {
        let cell = operand(OPERANDS.start + mix(tag, j, 1) % OPERANDS.len());
        sum + A::constant(constant(tag, j)) * cell
    })
}

/// The value of result `i` under kind `kind`: of degree at most 3 in the operands.
fn result<A: Algebra>(kind: usize, i: usize, operand: &impl Fn(usize) -> A) -> A {
    let tag = kind * 100 + i;
    match mix(kind, i, 2) % 4 {
        0 => dot(10, tag, operand),
        1 => dot(5, tag, operand) * dot(4, tag + 1000, operand),
        2 => {
            let a = operand(OPERANDS.start + mix(tag, 0, 3) % OPERANDS.len());
            a.clone() * (a - A::constant(Fr::ONE)) + dot(8, tag, operand)
        }
        _ => {
            let a = operand(OPERANDS.start + mix(tag, 0, 4) % OPERANDS.len());
            dot(4, tag, operand) * a - dot(5, tag + 1000, operand)
        }
    }
}

/// Fingerprint of message `i`.
fn fingerprint<A: Algebra>(
    i: usize,
    operand: &impl Fn(usize) -> A,
    challenge: &impl Fn(usize) -> A,
) -> A {
    (0..7).fold(A::constant(Fr::from(i as u64 + 1)), |sum, j| {
        let cell = operand(OPERANDS.start + mix(i, j, 5) % OPERANDS.len());
        sum + challenge(1 + j) * cell
    })
}

/// What a second-phase helper's defining product is: `(alpha - f1)(alpha - f2)`.
fn denominators<A: Algebra>(
    i: usize,
    operand: &impl Fn(usize) -> A,
    challenge: &impl Fn(usize) -> A,
) -> (A, A) {
    let f = |n: usize| challenge(0) - fingerprint(2 * i + n, operand, challenge);
    (f(0), f(1))
}

impl Circuit<Fr> for Synthetic {
    type Config = Config;
    type FloorPlanner = SimpleFloorPlanner;
    type Params = Params;

    fn params(&self) -> Params {
        Params
    }

    fn without_witnesses(&self) -> Self {
        Self {
            k: self.k,
            ..Self::default()
        }
    }

    fn configure(cs: &mut ConstraintSystem<Fr>) -> Config {
        cs.set_minimum_degree(5);
        let first: Vec<_> = (0..FIRST_PHASE)
            .map(|_| cs.advice_column_in(FirstPhase))
            .collect();
        let challenges: Vec<_> = (0..8)
            .map(|_| cs.challenge_usable_after(FirstPhase))
            .collect();
        let second: Vec<_> = (0..SECOND_PHASE)
            .map(|_| cs.advice_column_in(SecondPhase))
            .collect();
        let fixed: Vec<_> = (0..FIXED).map(|_| cs.fixed_column()).collect();
        let instance = cs.instance_column();
        cs.create_gate("synthetic", |cells| {
            let a: Vec<_> = first
                .iter()
                .map(|c| cells.query_advice(*c, Rotation::cur()))
                .collect();
            let a_next: Vec<_> = first
                .iter()
                .map(|c| cells.query_advice(*c, Rotation::next()))
                .collect();
            let a_prev: Vec<_> = first[..REPEATED]
                .iter()
                .map(|c| cells.query_advice(*c, Rotation::prev()))
                .collect();
            let s: Vec<_> = second
                .iter()
                .map(|c| cells.query_advice(*c, Rotation::cur()))
                .collect();
            let s_next = cells.query_advice(second[SECOND_PHASE - 1], Rotation::next());
            let f: Vec<_> = fixed
                .iter()
                .map(|c| cells.query_fixed(*c, Rotation::cur()))
                .collect();
            let c: Vec<_> = challenges
                .iter()
                .map(|c| cells.query_challenge(*c))
                .collect();
            let (active, start) = (f[0].clone(), f[1].clone());
            let operand = |j: usize| a[j].clone();
            let operand_next = |j: usize| a_next[j].clone();
            let challenge = |j: usize| c[j].clone();
            let one = || Expression::Constant(Fr::ONE);

            let mut polynomials = vec![];
            // The lead-in makes the public values cells of the start row.
            for (column, rotation) in [(OPERANDS.start, -3), (OPERANDS.start + 1, -2)] {
                let public = cells.query_instance(instance, Rotation(rotation));
                polynomials.push(start.clone() * (a[column].clone() - public));
            }
            for flag in &a[..KINDS] {
                polynomials.push(active.clone() * flag.clone() * (one() - flag.clone()));
            }
            let flags = a[..KINDS]
                .iter()
                .cloned()
                .reduce(|x, y| x + y)
                .unwrap_or_else(one);
            polynomials.push(active.clone() * (flags - one()));
            // Even kinds say what the row's results are, odd ones what the next row's are.
            for kind in 0..KINDS {
                let guard = active.clone() * a[kind].clone() * f[2 + kind % 2].clone();
                for i in RESULTS {
                    let (computed, expected) = if kind % 2 == 0 {
                        (a[i].clone(), result(kind, i, &operand))
                    } else {
                        (a_next[i].clone(), result(kind, i, &operand_next))
                    };
                    polynomials.push(guard.clone() * (computed - expected));
                }
            }
            for (j, prev) in a_prev.iter().enumerate() {
                polynomials.push(f[4 + j % 6].clone() * (prev.clone() - a[j].clone()));
            }
            for (i, h) in s[..SECOND_PHASE - 1].iter().enumerate() {
                let (d1, d2) = denominators(i, &operand, &challenge);
                let (m1, m2) = (
                    a[OPERANDS.start + i].clone(),
                    a[OPERANDS.start + i + 1].clone(),
                );
                let product = h.clone() * d1.clone() * d2.clone();
                polynomials.push(active.clone() * (product - (m1 * d2 + m2 * d1)));
            }
            let sum = s[..SECOND_PHASE - 1]
                .iter()
                .cloned()
                .fold(s[SECOND_PHASE - 1].clone(), |x, y| x + y);
            polynomials.push(active * (s_next - sum));
            polynomials.push(start * s[SECOND_PHASE - 1].clone());
            polynomials.push(f[10].clone() * f[11].clone() * s[0].clone());
            polynomials
        });
        Config {
            first,
            second,
            fixed,
            challenges,
            _instance: instance,
        }
    }

    fn configure_with_params(cs: &mut ConstraintSystem<Fr>, _: Params) -> Config {
        Self::configure(cs)
    }

    fn synthesize(&self, config: Config, mut layouter: impl Layouter<Fr>) -> Result<(), Error> {
        let rows = (1usize << self.k) - TAIL;
        layouter.assign_region(
            || "rows",
            |mut region| {
                let mut first = vec![[Fr::ZERO; FIRST_PHASE]; rows];
                let mut announced = None;
                for row in 0..rows {
                    // Every fourth row announces the next one's results, which then has no even kind of its own.
                    let announces = row % 4 == 1;
                    let kind = match (announces, announced) {
                        (false, None) => 2 * (mix(row, 0, 6) % (KINDS / 2)),
                        _ => 1 + 2 * (mix(row, 0, 6) % (KINDS / 2)),
                    };
                    let results = announced.unwrap_or(kind);
                    announced = announces.then_some(kind);
                    let mut cells = [Fr::ZERO; FIRST_PHASE];
                    for (j, cell) in cells.iter_mut().enumerate().take(OPERANDS.end) {
                        *cell = match j {
                            j if j < KINDS => Fr::from(u64::from(j == kind)),
                            _ => Fr::from((mix(row, j, self.seed as usize) & 0xffff) as u64),
                        };
                    }
                    if row == START {
                        cells[OPERANDS.start..OPERANDS.start + 2].copy_from_slice(&self.public);
                    }
                    let operands = cells;
                    for i in RESULTS {
                        result::<Value<Fr>>(results, i, &|j| Value::known(operands[j]))
                            .map(|v| cells[i] = v);
                    }
                    first[row] = cells;
                }
                // Row 1 repeats row 0 where the fixed columns ask for it.
                let repeated = first[0];
                first[1][..REPEATED].copy_from_slice(&repeated[..REPEATED]);
                for (row, cells) in first.iter().enumerate() {
                    let fixed = |column: usize| -> u64 {
                        match column {
                            0 => u64::from((START..rows - 1).contains(&row)),
                            1 => u64::from(row == START),
                            2 => u64::from(row % 4 != 2),
                            3 => u64::from(row % 4 == 1),
                            10 => u64::from(row == 0),
                            11 if row == 0 => 0,
                            11 => mix(row, 1, 11) as u64,
                            _ => u64::from(row == 1) * (column as u64),
                        }
                    };
                    for (i, column) in config.fixed.iter().enumerate() {
                        region.assign_fixed(*column, row, Fr::from(fixed(i)));
                    }
                    for (column, value) in config.first.iter().zip(cells) {
                        region.assign_advice(*column, row, Value::known(*value));
                    }
                }
                region.next_phase();
                let challenges: Vec<_> = config
                    .challenges
                    .iter()
                    .map(|c| region.get_challenge(*c))
                    .collect();
                let mut sum = Value::known(Fr::ZERO);
                for (row, cells) in first.iter().enumerate() {
                    let (operand, challenge) =
                        (|j: usize| Value::known(cells[j]), |j: usize| challenges[j]);
                    region.assign_advice(config.second[SECOND_PHASE - 1], row, sum);
                    for i in 0..SECOND_PHASE - 1 {
                        let (d1, d2) = denominators(i, &operand, &challenge);
                        let h = d1.zip(d2).map(|(d1, d2)| {
                            let inverse = (d1 * d2).invert().unwrap_or(Fr::ZERO);
                            (cells[OPERANDS.start + i] * d2 + cells[OPERANDS.start + i + 1] * d1)
                                * inverse
                        });
                        region.assign_advice(config.second[i], row, h);
                        if row >= START {
                            sum = sum + h;
                        }
                    }
                }
                Ok(())
            },
        )
    }
}
