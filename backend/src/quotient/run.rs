//! The interpreter.

use super::{
    Inputs, Program, Scalars,
    emit::{Code, Instruction, Linear},
};
use crate::{
    column::Column,
    engine::{Arithmetic, Block, LANES},
};
use halo2_proofs::halo2curves::bn256::Fr;
use rayon::prelude::*;

/// Blocks that an instruction is done on: they pay for finding out which one it is, and the work on one fills the gaps of another.
const GROUP: usize = 4;
/// Sums of products that are computed side by side: each is a chain in which every product waits for the one before.
const ABREAST: usize = 2;
/// Groups that are one thread's task.
const TASK: usize = 16;

type Group<E> = [<E as Arithmetic>::V<Fr>; GROUP];

/// A column at a rotation.
struct Query<'a> {
    blocks: &'a [Block<Fr>],
    /// Blocks that it is ahead.
    ahead: usize,
    /// And elements.
    lane: usize,
}

impl Program {
    /// Computes the sum of all constraints on `inputs.rows` rows and multiplies it by `scale`.
    ///
    /// # Panics
    ///
    /// If the number of rows is not a power of two or less than 8, if a column of [`Program::cells`] is missing or has another number of
    /// rows, or if a challenge is missing.
    pub fn run<E: Arithmetic>(
        &self,
        engine: E,
        inputs: &Inputs<'_>,
        scalars: &Scalars<'_>,
        scale: Fr,
    ) -> Column<Fr> {
        let rows = inputs.rows;
        assert!(
            rows.is_power_of_two() && rows >= LANES,
            "a power of two, whole blocks"
        );
        let code = &self.code;
        let mut queries = vec![];
        for cell in &code.cells {
            let column = inputs
                .column(cell.source)
                .unwrap_or_else(|| panic!("no {:?}", cell.source));
            assert_eq!(column.len(), rows, "rows of {:?}", cell.source);
            let rotation = (i64::from(cell.rotation)).rem_euclid(rows as i64) as usize;
            queries.push(Query {
                blocks: column.blocks(),
                ahead: rotation / LANES,
                lane: rotation % LANES,
            });
        }
        let entries = self.scalars.values(scalars);
        let values = code.scalars.iter().map(|s| {
            let value = entries[s.id as usize];
            if s.negative { -value } else { value }
        });
        let values: Vec<Fr> = values.collect();
        let mut constants = Vec::with_capacity(values.len());
        engine.run(
            #[inline(always)]
            || {
                for x in &values {
                    constants.push(engine.splat(*x));
                }
            },
        );

        let mut out = Column::zeros(rows);
        out.blocks_mut()
            .par_chunks_mut(TASK * GROUP)
            .enumerate()
            .for_each_init(Vec::new, |registers, (task, out)| {
                engine.run(
                    #[inline(always)]
                    || {
                        registers.resize(code.registers, [engine.zero(); GROUP]);
                        let scale = engine.splat(scale);
                        for (i, out) in out.chunks_mut(GROUP).enumerate() {
                            let start = (task * TASK + i) * GROUP;
                            interpret(engine, code, &queries, &constants, registers, start);
                            let result = &registers[code.result as usize];
                            for (block, x) in out.iter_mut().zip(result) {
                                engine.store(engine.mul::<Fr>(*x, scale), block);
                            }
                        }
                    },
                );
            });
        out
    }
}

/// Runs the program on a group of blocks, from block `start` on.
#[inline(always)]
fn interpret<E: Arithmetic>(
    e: E,
    code: &Code,
    queries: &[Query<'_>],
    constants: &[E::V<Fr>],
    registers: &mut [Group<E>],
    start: usize,
) {
    for instruction in &code.instructions {
        match *instruction {
            Instruction::Load { to, query } => {
                let Query {
                    blocks,
                    ahead,
                    lane,
                } = queries[query as usize];
                let to = &mut registers[to as usize];
                let mask = blocks.len() - 1;
                for g in 0..GROUP {
                    let i = (start + g + ahead) & mask;
                    to[g] = if lane == 0 {
                        e.load(&blocks[i])
                    } else {
                        e.load_across([&blocks[i], &blocks[(i + 1) & mask]], lane)
                    };
                }
            }
            Instruction::Mul { to, a, b } => {
                for g in 0..GROUP {
                    let (a, b) = (registers[a as usize][g], registers[b as usize][g]);
                    registers[to as usize][g] = e.mul::<Fr>(a, b);
                }
            }
            Instruction::Square { to, a } => {
                for g in 0..GROUP {
                    registers[to as usize][g] = e.square::<Fr>(registers[a as usize][g]);
                }
            }
            Instruction::Sum {
                to,
                scaled,
                products,
                linear,
            } => {
                let scaled = &code.scaled[scaled.0 as usize..scaled.1 as usize];
                let products = &code.products[products.0 as usize..products.1 as usize];
                let linear = &code.linear[linear.0 as usize..linear.1 as usize];
                for first in (0..GROUP).step_by(ABREAST) {
                    let mut x = [e.zero(); ABREAST];
                    if scaled.len() + products.len() > 0 {
                        let mut sums = [e.sum::<Fr>(); ABREAST];
                        for (s, r) in scaled {
                            let (s, r) = (constants[*s as usize], &registers[*r as usize]);
                            for i in 0..ABREAST {
                                sums[i] = e.sum_add::<Fr>(sums[i], r[first + i], s);
                            }
                        }
                        for (a, b) in products {
                            let (a, b) = (&registers[*a as usize], &registers[*b as usize]);
                            for i in 0..ABREAST {
                                sums[i] = e.sum_add::<Fr>(sums[i], a[first + i], b[first + i]);
                            }
                        }
                        for i in 0..ABREAST {
                            x[i] = e.sum_done::<Fr>(sums[i]);
                        }
                    }
                    for (op, operand) in linear {
                        let operand = *operand as usize;
                        for i in 0..ABREAST {
                            let g = first + i;
                            x[i] = match op {
                                Linear::Set => registers[operand][g],
                                Linear::SetScalar => constants[operand],
                                Linear::SetZero => e.zero(),
                                Linear::Add => e.add::<Fr>(x[i], registers[operand][g]),
                                Linear::AddScalar => e.add::<Fr>(x[i], constants[operand]),
                                Linear::Sub2 => e.sub::<2, Fr>(x[i], registers[operand][g]),
                                Linear::Sub4 => e.sub::<4, Fr>(x[i], registers[operand][g]),
                                Linear::Sub8 => e.sub::<8, Fr>(x[i], registers[operand][g]),
                                Linear::Reduce => e.reduce::<Fr>(x[i]),
                            };
                        }
                    }
                    let to = &mut registers[to as usize];
                    to[first..first + ABREAST].copy_from_slice(&x);
                }
            }
        }
    }
}
