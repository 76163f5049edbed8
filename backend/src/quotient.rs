//! The quotient's numerator: all constraints of a key, folded by the powers of a challenge, on every row of a coset.
//!
//! The constraints are those of halo2: gates, the permutation argument, and lookups (The halo2 Book, "Proving system"; our order and signs are
//! those of `halo2-axiom`, so that the proofs are). [`Program::compile`] makes a straight-line program of them, once for a key:
//!
//! 1. `graph`: the expressions as one graph, in which equal values are one node; `scalar`: what is the same on all rows;
//! 2. `arrange`: the sum of all constraints as few products as we can, most of them in sums that are reduced once;
//! 3. `emit`: the order, which bounds values have, where to reduce, and registers.
//!
//! [`Program::run`] interprets it: each instruction on a few blocks of rows at once, with registers that stay in the cache.

mod arrange;
mod constraints;
mod emit;
mod graph;
mod run;
mod scalar;
#[cfg(test)]
mod tests;

use crate::column::Column;
use arrange::Arranger;
use emit::{Code, Instruction, Linear};
use graph::Graph;
use halo2_proofs::{halo2curves::bn256::Fr, plonk::ConstraintSystem};
use scalar::{Challenge, Scalar, Table};

/// Registers that a program has, if it can do with so many: the more, the fewer cells are loaded again; but they should stay in the cache.
const REGISTERS: usize = 256;

/// Where a value of a row comes from: a polynomial's value at the row's point `X` of the coset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// A fixed column.
    Fixed(usize),
    /// An advice column.
    Advice(usize),
    /// An instance column.
    Instance(usize),
    /// The permutation of a column, by its place among those that take part in the permutation argument.
    Sigma(usize),
    /// The running product of a set of columns of the permutation argument.
    PermutationProduct(usize),
    /// The running product of a lookup.
    LookupProduct(usize),
    /// The permuted input of a lookup.
    LookupInput(usize),
    /// The permuted table of a lookup.
    LookupTable(usize),
    /// 1 on the first row, 0 on all others: `l_0`.
    LagrangeFirst,
    /// 1 on the last row that is not blinded: `l_last`.
    LagrangeLast,
    /// 1 on all rows before that one: `1 - l_last - l_blind`.
    Active,
    /// The point `X` itself.
    Identity,
}

/// A value of the row that is `rotation` rows ahead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell {
    /// Of which column.
    pub source: Source,
    /// How many rows ahead, or behind if negative. After the last row comes the first one.
    pub rotation: i32,
}

/// The columns of a coset, each of `rows` rows, for one [`Engine`](crate::engine::Engine). Only those that [`Program::cells`] names are
/// looked at.
#[derive(Clone, Copy, Debug, Default)]
pub struct Inputs<'a> {
    /// Rows: a power of two, at least 8.
    pub rows: usize,
    /// See [`Source::Fixed`].
    pub fixed: &'a [Column<Fr>],
    /// See [`Source::Advice`].
    pub advice: &'a [Column<Fr>],
    /// See [`Source::Instance`].
    pub instance: &'a [Column<Fr>],
    /// See [`Source::Sigma`].
    pub sigma: &'a [Column<Fr>],
    /// See [`Source::PermutationProduct`].
    pub permutation_products: &'a [Column<Fr>],
    /// See [`Source::LookupProduct`].
    pub lookup_products: &'a [Column<Fr>],
    /// See [`Source::LookupInput`].
    pub lookup_inputs: &'a [Column<Fr>],
    /// See [`Source::LookupTable`].
    pub lookup_tables: &'a [Column<Fr>],
    /// See [`Source::LagrangeFirst`].
    pub first: Option<&'a Column<Fr>>,
    /// See [`Source::LagrangeLast`].
    pub last: Option<&'a Column<Fr>>,
    /// See [`Source::Active`].
    pub active: Option<&'a Column<Fr>>,
    /// See [`Source::Identity`].
    pub identity: Option<&'a Column<Fr>>,
}

impl Inputs<'_> {
    fn column(&self, source: Source) -> Option<&Column<Fr>> {
        match source {
            Source::Fixed(i) => self.fixed.get(i),
            Source::Advice(i) => self.advice.get(i),
            Source::Instance(i) => self.instance.get(i),
            Source::Sigma(i) => self.sigma.get(i),
            Source::PermutationProduct(i) => self.permutation_products.get(i),
            Source::LookupProduct(i) => self.lookup_products.get(i),
            Source::LookupInput(i) => self.lookup_inputs.get(i),
            Source::LookupTable(i) => self.lookup_tables.get(i),
            Source::LagrangeFirst => self.first,
            Source::LagrangeLast => self.last,
            Source::Active => self.active,
            Source::Identity => self.identity,
        }
    }
}

/// What the prover draws.
#[derive(Clone, Copy, Debug)]
pub struct Scalars<'a> {
    /// The challenges of the phases, by their numbers.
    pub challenges: &'a [Fr],
    /// Of the permutation argument and of lookups.
    pub beta: Fr,
    /// Of the permutation argument and of lookups.
    pub gamma: Fr,
    /// Folds the expressions of a lookup.
    pub theta: Fr,
    /// Folds the constraints.
    pub y: Fr,
}

/// All constraints of a key as a program, independent of challenges and of the number of rows.
#[derive(Clone, Debug)]
pub struct Program {
    code: Code,
    scalars: Table,
}

/// What a program does on one row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Instructions.
    pub instructions: usize,
    /// Columns' values that are loaded, some of them several times.
    pub loads: usize,
    /// Different ones.
    pub cells: usize,
    /// Products that are reduced at once, squares among them.
    pub products: usize,
    /// Products of two values in sums that are reduced once.
    pub summed_products: usize,
    /// Products of a value and a scalar in sums that are reduced once.
    pub scaled: usize,
    /// Such sums.
    pub sums: usize,
    /// Additions and subtractions.
    pub additions: usize,
    /// Reductions of sums without products.
    pub reductions: usize,
    /// Values that are kept at a time.
    pub registers: usize,
    /// Scalars, computed once for all rows.
    pub scalars: usize,
}

impl Program {
    /// The program of all constraints of a key, from `vk.cs()`.
    ///
    /// # Panics
    ///
    /// If an expression has a selector: those of a key have fixed columns instead.
    #[must_use]
    pub fn compile(cs: &ConstraintSystem<Fr>) -> Self {
        Self::with_registers(cs, REGISTERS)
    }

    /// The program, with no more registers than that if they suffice.
    fn with_registers(cs: &ConstraintSystem<Fr>, registers: usize) -> Self {
        let mut g = Graph::new();
        let all = constraints::constraints(&mut g, cs);
        // Σ y^(m-1-i) e_i
        let y = g.scalars.challenge(Challenge::Y);
        let (mut power, mut constant, mut sum) = (Scalar::ONE, Scalar::ZERO, vec![]);
        for e in all.iter().rev() {
            let e = g.scale(*e, power);
            constant = g.scalars.add(constant, e.constant);
            sum.extend(e.node.map(|(n, s)| (s, n)));
            power = g.scalars.mul(power, y);
        }
        let (values, result, g) = Arranger::arrange(g, &sum, constant);
        let code = emit::emit(&values, result, registers);
        Self {
            code,
            scalars: g.scalars,
        }
    }

    /// The columns' values that it needs, each once.
    #[must_use]
    pub fn cells(&self) -> &[Cell] {
        &self.code.cells
    }

    /// What it does on one row.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let code = &self.code;
        let mut stats = Stats {
            instructions: code.instructions.len(),
            cells: code.cells.len(),
            registers: code.registers,
            scalars: code.scalars.len(),
            scaled: code.scaled.len(),
            summed_products: code.products.len(),
            ..Stats::default()
        };
        for instruction in &code.instructions {
            match instruction {
                Instruction::Load { .. } => stats.loads += 1,
                Instruction::Mul { .. } | Instruction::Square { .. } => stats.products += 1,
                Instruction::Sum {
                    scaled, products, ..
                } => {
                    let there = scaled.0 < scaled.1 || products.0 < products.1;
                    stats.sums += usize::from(there);
                }
            }
        }
        for (op, _) in &code.linear {
            match op {
                Linear::Set | Linear::SetScalar | Linear::SetZero => {}
                Linear::Reduce => stats.reductions += 1,
                _ => stats.additions += 1,
            }
        }
        stats
    }
}
