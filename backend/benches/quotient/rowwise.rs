//! What programs are compared with: the way of halo2's own prover, one row after the other through a list of calculations, written anew since
//! the library's is private. Equal calculations are done once; constraints are folded by Horner's rule.

use ff::Field;
use halo2_proofs::{
    halo2curves::bn256::Fr,
    plonk::{ConstraintSystem, Expression},
};
use rayon::prelude::*;
use std::collections::HashMap;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Operand {
    Constant(usize),
    Result(usize),
    Fixed(usize, usize),
    Advice(usize, usize),
    Challenge(usize),
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Calculation {
    Add(Operand, Operand),
    Sub(Operand, Operand),
    Mul(Operand, Operand),
    Square(Operand),
    Double(Operand),
    Negate(Operand),
    Store(Operand),
}

/// The gates of a system as calculations.
#[derive(Default)]
pub(crate) struct RowWise {
    constants: Vec<Fr>,
    rotations: Vec<i32>,
    calculations: Vec<Calculation>,
    seen: HashMap<Calculation, usize>,
    constraints: Vec<Operand>,
}

/// Columns of a coset.
pub(crate) struct Columns<'a> {
    pub(crate) fixed: &'a [Vec<Fr>],
    pub(crate) advice: &'a [Vec<Fr>],
    pub(crate) challenges: &'a [Fr],
    pub(crate) y: Fr,
}

impl RowWise {
    pub(crate) fn compile(cs: &ConstraintSystem<Fr>) -> Self {
        let mut this = Self::default();
        for e in cs.gates().iter().flat_map(|g| g.polynomials()) {
            let e = this.expression(e);
            this.constraints.push(e);
        }
        this
    }

    /// Field operations on a row: without the copies of cells, with the folding.
    pub(crate) fn operations(&self) -> usize {
        let copies = |c: &&Calculation| matches!(c, Calculation::Store(_));
        let copies = self.calculations.iter().filter(copies).count();
        self.calculations.len() - copies + 2 * self.constraints.len()
    }

    /// Copies of cells.
    pub(crate) fn queries(&self) -> usize {
        let cells = |c: &&Calculation| matches!(c, Calculation::Store(o) if !matches!(o, Operand::Challenge(_)));
        self.calculations.iter().filter(cells).count()
    }

    fn push(&mut self, c: Calculation) -> Operand {
        let next = self.calculations.len();
        let id = *self.seen.entry(c).or_insert(next);
        if id == next {
            self.calculations.push(c);
        }
        Operand::Result(id)
    }

    fn constant(&mut self, x: Fr) -> Operand {
        let at = self.constants.iter().position(|c| *c == x);
        Operand::Constant(at.unwrap_or_else(|| {
            self.constants.push(x);
            self.constants.len() - 1
        }))
    }

    fn rotation(&mut self, r: i32) -> usize {
        let at = self.rotations.iter().position(|s| *s == r);
        at.unwrap_or_else(|| {
            self.rotations.push(r);
            self.rotations.len() - 1
        })
    }

    fn is(&self, o: Operand, x: Fr) -> bool {
        matches!(o, Operand::Constant(i) if self.constants[i] == x)
    }

    fn expression(&mut self, e: &Expression<Fr>) -> Operand {
        match e {
            Expression::Constant(x) => self.constant(*x),
            Expression::Selector(_) | Expression::Instance(_) => unreachable!("not in our systems"),
            Expression::Fixed(q) => {
                let r = self.rotation(q.rotation().0);
                self.push(Calculation::Store(Operand::Fixed(q.column_index(), r)))
            }
            Expression::Advice(q) => {
                let r = self.rotation(q.rotation().0);
                self.push(Calculation::Store(Operand::Advice(q.column_index(), r)))
            }
            Expression::Challenge(c) => {
                self.push(Calculation::Store(Operand::Challenge(c.index())))
            }
            Expression::Negated(a) => {
                let a = self.expression(a);
                self.push(Calculation::Negate(a))
            }
            Expression::Sum(a, b) => {
                let (negated, b) = match &**b {
                    Expression::Negated(b) => (true, b),
                    _ => (false, b),
                };
                let (a, b) = (self.expression(a), self.expression(b));
                match (self.is(a, Fr::ZERO), self.is(b, Fr::ZERO), negated) {
                    (_, true, _) => a,
                    (true, _, false) => b,
                    (true, _, true) => self.push(Calculation::Negate(b)),
                    (.., false) => self.push(Calculation::Add(a, b)),
                    (.., true) => self.push(Calculation::Sub(a, b)),
                }
            }
            Expression::Product(a, b) => {
                let (a, b) = (self.expression(a), self.expression(b));
                self.product(a, b)
            }
            Expression::Scaled(a, x) => {
                let (a, x) = (self.expression(a), self.constant(*x));
                self.product(a, x)
            }
        }
    }

    fn product(&mut self, a: Operand, b: Operand) -> Operand {
        for (x, y) in [(a, b), (b, a)] {
            if self.is(x, Fr::ZERO) {
                return x;
            } else if self.is(x, Fr::ONE) {
                return y;
            } else if self.is(x, Fr::from(2)) {
                return self.push(Calculation::Double(y));
            }
        }
        if a == b {
            return self.push(Calculation::Square(a));
        }
        self.push(Calculation::Mul(a, b))
    }

    /// The folded constraints on the rows of a range, on all threads.
    pub(crate) fn run(&self, columns: &Columns<'_>, rows: std::ops::Range<usize>) -> Vec<Fr> {
        let n = columns.advice[0].len() as i64;
        let threads = rayon::current_num_threads();
        let mut out = vec![Fr::ZERO; rows.len()];
        let size = rows.len().div_ceil(threads);
        out.par_chunks_mut(size).enumerate().for_each(|(t, out)| {
            let mut results = vec![Fr::ZERO; self.calculations.len()];
            let mut at = vec![0; self.rotations.len()];
            for (i, out) in out.iter_mut().enumerate() {
                let row = (rows.start + t * size + i) as i64;
                for (at, r) in at.iter_mut().zip(&self.rotations) {
                    *at = (row + i64::from(*r)).rem_euclid(n) as usize;
                }
                *out = self.row(columns, &at, &mut results);
            }
        });
        out
    }

    fn row(&self, columns: &Columns<'_>, at: &[usize], results: &mut [Fr]) -> Fr {
        let get = |results: &[Fr], o: Operand| match o {
            Operand::Constant(i) => self.constants[i],
            Operand::Result(i) => results[i],
            Operand::Fixed(i, r) => columns.fixed[i][at[r]],
            Operand::Advice(i, r) => columns.advice[i][at[r]],
            Operand::Challenge(i) => columns.challenges[i],
        };
        for (i, c) in self.calculations.iter().enumerate() {
            results[i] = match *c {
                Calculation::Add(a, b) => get(results, a) + get(results, b),
                Calculation::Sub(a, b) => get(results, a) - get(results, b),
                Calculation::Mul(a, b) => get(results, a) * get(results, b),
                Calculation::Square(a) => get(results, a).square(),
                Calculation::Double(a) => get(results, a).double(),
                Calculation::Negate(a) => -get(results, a),
                Calculation::Store(a) => get(results, a),
            };
        }
        let folded = |sum: Fr, o: &Operand| sum * columns.y + get(results, *o);
        self.constraints.iter().fold(Fr::ZERO, folded)
    }
}
