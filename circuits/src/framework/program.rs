//! Expressions compiled to straight-line programs with shared subexpressions, for the checker and the trace builder.

use super::{super::Fr, Cell, Expr};
use ff::Field;
use std::collections::HashMap;

#[derive(Clone, Copy, Debug)]
enum Op {
    Const(Fr),
    Load(i8, u16),
    Add(u32, u32),
    Mul(u32, u32),
    Scale(u32, Fr),
    /// `r[a] + c * r[b]`, the workhorse of linear combinations.
    AddScaled(u32, u32, Fr),
    /// `r[a] - r[b]`.
    Sub(u32, u32),
}

#[derive(PartialEq, Eq, Hash)]
enum Key {
    Const([u8; 32]),
    Load(Cell),
    Add(u32, u32),
    Mul(u32, u32),
    Scale(u32, [u8; 32]),
    AddScaled(u32, u32, [u8; 32]),
}

/// A straight-line program with several outputs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Program {
    ops: Vec<Op>,
    outputs: Vec<u32>,
}

#[derive(Default)]
struct Compiler {
    ops: Vec<Op>,
    seen: HashMap<Key, u32>,
}

impl Compiler {
    fn push(&mut self, key: Key, op: Op) -> u32 {
        *self.seen.entry(key).or_insert_with(|| {
            self.ops.push(op);
            (self.ops.len() - 1) as u32
        })
    }
    fn expr(&mut self, e: &Expr) -> u32 {
        match e {
            Expr::Const(c) => self.push(Key::Const(c.to_bytes()), Op::Const(*c)),
            Expr::Cell(c) => self.push(Key::Load(*c), Op::Load(c.row, c.column)),
            Expr::Add(ab) => {
                if let Expr::Scale(b, c) = &ab.1 {
                    let (x, y) = (self.expr(&ab.0), self.expr(b));
                    let op = if *c == -Fr::ONE {
                        Op::Sub(x, y)
                    } else {
                        Op::AddScaled(x, y, *c)
                    };
                    return self.push(Key::AddScaled(x, y, c.to_bytes()), op);
                }
                let (x, y) = (self.expr(&ab.0), self.expr(&ab.1));
                self.push(Key::Add(x.min(y), x.max(y)), Op::Add(x, y))
            }
            Expr::Mul(ab) => {
                let (x, y) = (self.expr(&ab.0), self.expr(&ab.1));
                self.push(Key::Mul(x.min(y), x.max(y)), Op::Mul(x, y))
            }
            Expr::Scale(a, c) => {
                let x = self.expr(a);
                self.push(Key::Scale(x, c.to_bytes()), Op::Scale(x, *c))
            }
        }
    }
}

impl Program {
    pub(crate) fn compile<'a>(exprs: impl IntoIterator<Item = &'a Expr>) -> Self {
        let mut c = Compiler::default();
        let outputs = exprs.into_iter().map(|e| c.expr(e)).collect();
        Self {
            ops: c.ops,
            outputs,
        }
    }

    /// Runs the program for the logical row whose head is physical row `head` of the row-major `data` of `width` columns,
    /// using `registers` as scratch space, and calls `out` with each output's index and value.
    /// Rows outside `data` read as zero.
    pub(crate) fn run(
        &self,
        data: &[Fr],
        width: usize,
        head: usize,
        registers: &mut Vec<Fr>,
        mut out: impl FnMut(usize, Fr),
    ) {
        registers.clear();
        for op in &self.ops {
            let r = |i: &u32| registers[*i as usize];
            let v = match op {
                Op::Const(c) => *c,
                Op::Load(row, column) => {
                    let at = (head as isize + *row as isize) * width as isize + *column as isize;
                    usize::try_from(at)
                        .ok()
                        .and_then(|i| data.get(i))
                        .copied()
                        .unwrap_or(Fr::ZERO)
                }
                Op::Add(a, b) => r(a) + r(b),
                Op::Mul(a, b) => r(a) * r(b),
                Op::Scale(a, c) => r(a) * c,
                Op::AddScaled(a, b, c) => r(a) + r(b) * c,
                Op::Sub(a, b) => r(a) - r(b),
            };
            registers.push(v);
        }
        for (i, o) in self.outputs.iter().enumerate() {
            out(i, registers[*o as usize]);
        }
    }
}
