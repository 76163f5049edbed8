//! From values to instructions: order, bounds and registers.

mod registers;

use super::{
    Cell,
    arrange::{Sum, Value, ValueId},
    scalar::Scalar,
};
use crate::engine::LIMIT;
use registers::Allocator;

/// A result is below so many times the modulus. Two of them can be multiplied and one be squared, since `KEPT * KEPT <= LIMIT` and
/// `KEPT <= 9`.
const KEPT: u64 = 8;
/// Products, loaded cells and scalars are below so many times the modulus, and so is what a sum of products is reduced to.
const FRESH: u64 = 2;
/// A sum is split where so many computed values wait for it, so that they do not crowd out others.
const WAITING: usize = 8;
/// As many products as the engine takes in a sum.
const PRODUCTS: usize = 256;

/// What is done to the sum so far. The operand is a register, or a scalar's number where it says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Linear {
    /// The sum is the operand, or 0.
    Set,
    SetScalar,
    SetZero,
    Add,
    AddScalar,
    /// The operand is at most that many times the modulus.
    Sub2,
    Sub4,
    Sub8,
    Reduce,
}

/// One operation. Each operand and result is a register's number; ranges are of the program's lists.
#[derive(Clone, Copy, Debug)]
pub(super) enum Instruction {
    Load {
        to: u32,
        query: u32,
    },
    Mul {
        to: u32,
        a: u32,
        b: u32,
    },
    Square {
        to: u32,
        a: u32,
    },
    Sum {
        to: u32,
        scaled: (u32, u32),
        products: (u32, u32),
        linear: (u32, u32),
    },
}

/// A program for one row, to be run on many.
#[derive(Clone, Debug, Default)]
pub(super) struct Code {
    pub(super) instructions: Vec<Instruction>,
    /// A scalar's number and a register.
    pub(super) scaled: Vec<(u32, u32)>,
    pub(super) products: Vec<(u32, u32)>,
    pub(super) linear: Vec<(Linear, u32)>,
    /// What is loaded.
    pub(super) cells: Vec<Cell>,
    pub(super) scalars: Vec<Scalar>,
    pub(super) registers: usize,
    /// Where the result is.
    pub(super) result: u32,
}

/// A value before it has a register: those that have been asked for, then parts of sums.
type Name = u32;

#[derive(Debug)]
enum Step {
    Mul(Name, Name),
    Sum(Part),
}

/// A sum with one reduction.
#[derive(Debug, Default)]
struct Part {
    scaled: Vec<(Scalar, Name)>,
    products: Vec<(Name, Name)>,
    linear: Vec<(Linear, Operand)>,
    /// What the products' bounds add up to.
    used: u64,
    /// Operands that are only there for this sum.
    waiting: usize,
}

#[derive(Clone, Copy, Debug)]
enum Operand {
    Name(Name),
    Scalar(Scalar),
    None,
}

impl Step {
    fn operands(&self) -> Vec<Name> {
        match self {
            Self::Mul(a, b) => vec![*a, *b],
            Self::Sum(part) => {
                let linear = part.linear.iter().filter_map(|(_, o)| match o {
                    Operand::Name(n) => Some(*n),
                    _ => None,
                });
                let scaled = part.scaled.iter().map(|(_, n)| *n);
                let products = part.products.iter().flat_map(|(a, b)| [*a, *b]);
                scaled.chain(products).chain(linear).collect()
            }
        }
    }
}

/// Puts the values in an order in which few of them wait.
struct Scheduler<'a> {
    values: &'a [Value],
    steps: Vec<(Name, Step)>,
    /// For each name, what its value is below of, as a multiple of the modulus, if it is there.
    bounds: Vec<Option<u64>>,
}

impl Scheduler<'_> {
    fn step(&mut self, name: Name, step: Step, bound: u64) {
        self.steps.push((name, step));
        self.bounds[name as usize] = Some(bound);
    }

    /// Computes a value and what it needs; says whether it has been computed just now.
    fn visit(&mut self, name: Name) -> bool {
        if self.bounds[name as usize].is_some() {
            return false;
        }
        let values = self.values;
        match &values[name as usize] {
            Value::Cell(_) => {
                self.bounds[name as usize] = Some(FRESH);
                return false;
            }
            Value::Product(a, b) => {
                self.visit(*a);
                self.visit(*b);
                self.step(name, Step::Mul(*a, *b), FRESH);
            }
            Value::Sum(sum) => self.sum(name, sum),
        }
        true
    }

    fn bound(&self, name: Name) -> u64 {
        self.bounds[name as usize].expect("operands are computed first")
    }

    fn sum(&mut self, name: Name, sum: &Sum) {
        let mut part = Part::default();
        for (a, b) in &sum.products {
            self.split(&mut part);
            part.waiting += usize::from(self.visit(*a)) + usize::from(self.visit(*b));
            let needed = self.bound(*a) * self.bound(*b);
            self.make_room(&mut part, needed);
            part.products.push((*a, *b));
        }
        for (s, v) in &sum.scaled {
            self.split(&mut part);
            part.waiting += usize::from(self.visit(*v));
            let needed = self.bound(*v) * FRESH;
            self.make_room(&mut part, needed);
            part.scaled.push((*s, *v));
        }
        for v in &sum.plus {
            self.split(&mut part);
            part.waiting += usize::from(self.visit(*v));
            part.linear.push((Linear::Add, Operand::Name(*v)));
        }
        if sum.constant != Scalar::ZERO {
            let constant = Operand::Scalar(sum.constant);
            part.linear.push((Linear::AddScalar, constant));
        }
        for v in &sum.minus {
            self.split(&mut part);
            part.waiting += usize::from(self.visit(*v));
            part.linear.push((Linear::Sub2, Operand::Name(*v)));
        }
        self.finish(name, part);
    }

    /// Sums what there is if much waits for it.
    fn split(&mut self, part: &mut Part) {
        if part.waiting >= WAITING {
            self.flush(part);
        }
    }

    /// Sums what there is if the next product, the bounds of whose operands have this product, does not fit.
    fn make_room(&mut self, part: &mut Part, needed: u64) {
        if part.used + needed > LIMIT || part.scaled.len() + part.products.len() == PRODUCTS {
            // Operands of the product that does not fit wait on.
            self.flush(part);
        }
        part.used += needed;
    }

    /// Sums what there is. The result is the first term of what comes next.
    fn flush(&mut self, part: &mut Part) {
        let name = self.bounds.len() as Name;
        self.bounds.push(None);
        let done = std::mem::take(part);
        self.finish(name, done);
        part.linear.push((Linear::Add, Operand::Name(name)));
    }

    /// Chooses what the additions are by the bounds.
    fn finish(&mut self, name: Name, mut part: Part) {
        let reduced = part.scaled.len() + part.products.len() > 0;
        let mut sum = reduced.then_some(FRESH);
        let mut linear = vec![];
        for (op, operand) in part.linear {
            let mut bound = match operand {
                Operand::Name(n) => self.bound(n),
                _ => FRESH,
            };
            let op = match (op, sum) {
                (Linear::Add, None) => Linear::Set,
                (Linear::AddScalar, None) => Linear::SetScalar,
                (Linear::Sub2, _) => {
                    if sum.is_none() {
                        linear.push((Linear::SetZero, Operand::None));
                        sum = Some(0);
                    }
                    let (op, multiple) = match bound {
                        0..=2 => (Linear::Sub2, 2),
                        3..=4 => (Linear::Sub4, 4),
                        _ => (Linear::Sub8, 8),
                    };
                    assert!(bound <= multiple);
                    bound = multiple;
                    op
                }
                (op, _) => op,
            };
            if sum.unwrap_or(0) + bound > LIMIT {
                linear.push((Linear::Reduce, Operand::None));
                sum = Some(FRESH);
            }
            sum = Some(sum.unwrap_or(0) + bound);
            linear.push((op, operand));
        }
        let mut bound = sum.unwrap_or_else(|| {
            linear.push((Linear::SetZero, Operand::None));
            0
        });
        if bound > KEPT {
            linear.push((Linear::Reduce, Operand::None));
            bound = FRESH;
        }
        part.linear = linear;
        self.step(name, Step::Sum(part), bound);
    }
}

/// The program that computes a value, with `budget` registers if they suffice.
pub(super) fn emit(values: &[Value], result: ValueId, budget: usize) -> Code {
    let mut scheduler = Scheduler {
        values,
        steps: vec![],
        bounds: vec![None; values.len()],
    };
    scheduler.visit(result);
    let Scheduler { steps, .. } = scheduler;
    let cell = |name: Name| match values.get(name as usize) {
        Some(Value::Cell(cell)) => Some(*cell),
        _ => None,
    };
    Allocator::allocate(&steps, result, cell, budget)
}
