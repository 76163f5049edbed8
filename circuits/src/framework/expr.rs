//! Expressions over the cells of a logical row.

use super::super::Fr;
use alloy_primitives::U256;
use ff::Field;
use std::{
    ops::{Add, Mul, Neg, Sub},
    sync::Arc,
};

/// A cell, addressed from the first physical row of the logical row that reads it.
///
/// `row` may be negative (rows above) or beyond the logical row's length (rows below).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
pub struct Cell {
    /// Index among the data columns.
    pub column: u16,
    /// Physical rows below the head row.
    pub row: i8,
}

impl Cell {
    /// The same column, `by` physical rows further down (up, if negative).
    pub fn shift(self, by: i8) -> Self {
        Self {
            column: self.column,
            row: self.row + by,
        }
    }
    /// The cell as an expression.
    pub fn expr(self) -> Expr {
        Expr::Cell(self)
    }
}

/// A polynomial over cells. Cloning is cheap: inner nodes are shared.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// A constant.
    Const(Fr),
    /// The value of a cell.
    Cell(Cell),
    /// A sum.
    Add(Arc<(Self, Self)>),
    /// A product.
    Mul(Arc<(Self, Self)>),
    /// A multiple by a constant.
    Scale(Arc<Self>, Fr),
}

impl Expr {
    /// The constant 0.
    pub fn zero() -> Self {
        Self::Const(Fr::ZERO)
    }
    /// The constant 1.
    pub fn one() -> Self {
        Self::Const(Fr::ONE)
    }
    /// `1 - self`, the negation of a boolean.
    pub fn not(&self) -> Self {
        Self::one() - self.clone()
    }
    /// Degree in the cells.
    pub fn degree(&self) -> usize {
        match self {
            Self::Const(_) => 0,
            Self::Cell(_) => 1,
            Self::Add(ab) => ab.0.degree().max(ab.1.degree()),
            Self::Mul(ab) => ab.0.degree() + ab.1.degree(),
            Self::Scale(a, _) => a.degree(),
        }
    }
    /// The same polynomial, `by` physical rows further down.
    pub(crate) fn shift(&self, by: i8) -> Self {
        match self {
            Self::Const(c) => Self::Const(*c),
            Self::Cell(c) => Self::Cell(c.shift(by)),
            Self::Add(ab) => Self::Add(Arc::new((ab.0.shift(by), ab.1.shift(by)))),
            Self::Mul(ab) => Self::Mul(Arc::new((ab.0.shift(by), ab.1.shift(by)))),
            Self::Scale(a, c) => Self::Scale(Arc::new(a.shift(by)), *c),
        }
    }
    /// Value under the assignment `get`.
    pub fn eval(&self, get: &dyn Fn(Cell) -> Fr) -> Fr {
        match self {
            Self::Const(c) => *c,
            Self::Cell(c) => get(*c),
            Self::Add(ab) => ab.0.eval(get) + ab.1.eval(get),
            Self::Mul(ab) => ab.0.eval(get) * ab.1.eval(get),
            Self::Scale(a, c) => a.eval(get) * c,
        }
    }
    /// Calls `f` for each cell that occurs, repeats included.
    pub fn visit(&self, f: &mut dyn FnMut(Cell)) {
        match self {
            Self::Const(_) => {}
            Self::Cell(c) => f(*c),
            Self::Add(ab) | Self::Mul(ab) => {
                ab.0.visit(f);
                ab.1.visit(f);
            }
            Self::Scale(a, _) => a.visit(f),
        }
    }
}

impl From<Cell> for Expr {
    fn from(c: Cell) -> Self {
        Self::Cell(c)
    }
}
impl From<&Cell> for Expr {
    fn from(c: &Cell) -> Self {
        Self::Cell(*c)
    }
}
impl From<&Self> for Expr {
    fn from(e: &Self) -> Self {
        e.clone()
    }
}
impl From<Fr> for Expr {
    fn from(c: Fr) -> Self {
        Self::Const(c)
    }
}
impl From<u64> for Expr {
    fn from(c: u64) -> Self {
        Self::Const(Fr::from(c))
    }
}

fn add(a: Expr, b: Expr) -> Expr {
    match (&a, &b) {
        (Expr::Const(x), Expr::Const(y)) => Expr::Const(x + y),
        (Expr::Const(x), _) if *x == Fr::ZERO => b,
        (_, Expr::Const(y)) if *y == Fr::ZERO => a,
        _ => Expr::Add(Arc::new((a, b))),
    }
}
fn scale(a: Expr, c: Fr) -> Expr {
    match a {
        Expr::Const(x) => Expr::Const(x * c),
        _ if c == Fr::ZERO => Expr::zero(),
        _ if c == Fr::ONE => a,
        Expr::Scale(inner, d) => Expr::Scale(inner, c * d),
        other => Expr::Scale(Arc::new(other), c),
    }
}
fn mul(a: Expr, b: Expr) -> Expr {
    match (&a, &b) {
        (Expr::Const(x), _) => scale(b, *x),
        (_, Expr::Const(y)) => {
            let y = *y;
            scale(a, y)
        }
        _ => Expr::Mul(Arc::new((a, b))),
    }
}

macro_rules! operators {
    ($($l:ty),*) => {$(
        impl<R: Into<Expr>> Add<R> for $l { type Output = Expr; fn add(self, r: R) -> Expr { add(self.into(), r.into()) } }
        impl<R: Into<Expr>> Sub<R> for $l { type Output = Expr; fn sub(self, r: R) -> Expr { add(self.into(), scale(r.into(), -Fr::ONE)) } }
        impl<R: Into<Expr>> Mul<R> for $l { type Output = Expr; fn mul(self, r: R) -> Expr { mul(self.into(), r.into()) } }
        impl Neg for $l { type Output = Expr; fn neg(self) -> Expr { scale(self.into(), -Fr::ONE) } }
    )*};
}
operators!(Expr, &Expr, Cell, &Cell);

impl std::iter::Sum for Expr {
    fn sum<I: Iterator<Item = Self>>(it: I) -> Self {
        it.fold(Self::zero(), add)
    }
}

/// `2^n` in the scalar field.
pub fn pow2(n: u32) -> Fr {
    match n {
        // Less than the order.
        0..=253 => Fr::from_raw(*(U256::from(1) << n).as_limbs()),
        _ => Fr::from(2).pow([u64::from(n)]),
    }
}

/// `Σ coefficient · cell`.
pub fn lin<C: Into<Fr>, E: Into<Expr>>(terms: impl IntoIterator<Item = (C, E)>) -> Expr {
    terms
        .into_iter()
        .map(|(c, e)| scale(e.into(), c.into()))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_two_double() {
        assert_eq!(pow2(0), Fr::ONE);
        for n in 0..300 {
            assert_eq!(pow2(n + 1), pow2(n).double(), "2^{n}");
        }
    }
}
