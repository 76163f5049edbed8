//! Constraint systems with every feature.

use halo2_proofs::{
    halo2curves::bn256::Fr,
    plonk::{
        Advice, Challenge, Column, ConstraintSystem, Expression, FirstPhase, Fixed, Instance,
        SecondPhase, Selector,
    },
    poly::Rotation,
};
use proptest::prelude::*;
use std::rc::Rc;

/// An expression, its cells and challenges by numbers that are taken modulo how many there are.
#[derive(Clone, Debug)]
pub(super) enum Tree {
    Constant(i8),
    Large(u64),
    Advice(usize, i32),
    Fixed(usize, i32),
    Instance(usize, i32),
    Challenge(usize),
    Selector(usize),
    Negated(Rc<Self>),
    Sum(Rc<Self>, Rc<Self>),
    Difference(Rc<Self>, Rc<Self>),
    Product(Rc<Self>, Rc<Self>),
    Scaled(Rc<Self>, i8),
}

/// Trees of up to about 60 nodes.
pub(super) fn tree() -> impl Strategy<Value = Tree> {
    let rotation = prop_oneof![4 => -2..=3, 1 => -40..=40];
    let leaf = prop_oneof![
        1 => (-2i8..=2).prop_map(Tree::Constant),
        1 => any::<u64>().prop_map(Tree::Large),
        6 => (0..4usize, rotation.clone()).prop_map(|(i, r)| Tree::Advice(i, r)),
        2 => (0..3usize, rotation.clone()).prop_map(|(i, r)| Tree::Fixed(i, r)),
        1 => (0..2usize, rotation).prop_map(|(i, r)| Tree::Instance(i, r)),
        2 => (0..3usize).prop_map(Tree::Challenge),
        1 => (0..2usize).prop_map(Tree::Selector),
    ];
    leaf.prop_recursive(6, 60, 2, |inner| {
        let two = (inner.clone(), inner.clone()).prop_map(|(a, b)| (Rc::new(a), Rc::new(b)));
        prop_oneof![
            3 => two.clone().prop_map(|(a, b)| Tree::Sum(a, b)),
            2 => two.clone().prop_map(|(a, b)| Tree::Difference(a, b)),
            3 => two.prop_map(|(a, b)| Tree::Product(a, b)),
            1 => inner.clone().prop_map(|a| Tree::Product(Rc::new(a.clone()), Rc::new(a))),
            1 => inner.clone().prop_map(|a| Tree::Negated(Rc::new(a))),
            1 => (inner, -3i8..=3).prop_map(|(a, x)| Tree::Scaled(Rc::new(a), x)),
        ]
    })
}

/// What a system has beside its gates.
#[derive(Clone, Debug, Default)]
pub(super) struct Shape {
    pub(super) gates: Vec<Vec<Tree>>,
    /// Columns of the permutation argument, of all three kinds by turns.
    pub(super) permuted: usize,
    /// Pairs of input and table expressions.
    pub(super) lookups: Vec<Vec<(Tree, Tree)>>,
    /// At least; what decides how many columns a set of the permutation argument has.
    pub(super) degree: usize,
}

/// The columns of a system.
#[derive(Clone, Debug)]
struct Columns {
    advice: Vec<Column<Advice>>,
    fixed: Vec<Column<Fixed>>,
    instance: Vec<Column<Instance>>,
    challenges: Vec<Challenge>,
    /// Those that expressions may use anywhere.
    complex: [Selector; 2],
}

impl Columns {
    fn expression(&self, tree: &Tree) -> Expression<Fr> {
        let small = |x: i8| {
            let magnitude = Fr::from(u64::from(x.unsigned_abs()));
            if x < 0 { -magnitude } else { magnitude }
        };
        let of = |t: &Tree| self.expression(t);
        match tree {
            Tree::Constant(x) => Expression::Constant(small(*x)),
            Tree::Large(x) => Expression::Constant(Fr::from(*x).square()),
            Tree::Advice(i, r) => self.advice[*i].query_cell(Rotation(*r)),
            Tree::Fixed(i, r) => self.fixed[*i].query_cell(Rotation(*r)),
            Tree::Instance(i, r) => self.instance[*i].query_cell(Rotation(*r)),
            Tree::Challenge(i) => self.challenges[*i].expr(),
            Tree::Selector(i) => self.complex[*i].expr(),
            Tree::Negated(a) => -of(a),
            Tree::Sum(a, b) => of(a) + of(b),
            Tree::Difference(a, b) => of(a) - of(b),
            Tree::Product(a, b) => of(a) * of(b),
            Tree::Scaled(a, x) => of(a) * small(*x),
        }
    }
}

impl Shape {
    /// The system as keys have it, with fixed columns instead of selectors; several selectors in one column if `compressed`.
    pub(super) fn system(&self, compressed: bool) -> ConstraintSystem<Fr> {
        let mut cs = ConstraintSystem::default();
        let first: Vec<_> = (0..3).map(|_| cs.advice_column_in(FirstPhase)).collect();
        let challenges = [(); 3].map(|()| cs.challenge_usable_after(FirstPhase));
        let columns = Columns {
            advice: [first, vec![cs.advice_column_in(SecondPhase)]].concat(),
            fixed: (0..3).map(|_| cs.fixed_column()).collect(),
            instance: (0..2).map(|_| cs.instance_column()).collect(),
            challenges: challenges.to_vec(),
            complex: [(); 2].map(|()| cs.complex_selector()),
        };
        for i in 0..self.permuted {
            match i % 3 {
                0 => cs.enable_equality(columns.advice[i / 3]),
                1 => cs.enable_equality(columns.fixed[i / 3]),
                _ => cs.enable_equality(columns.instance[i / 3 % 2]),
            }
        }
        for gate in &self.gates {
            let simple = cs.selector();
            cs.create_gate("selected", |_| {
                let of = |t| simple.expr() * columns.expression(t);
                gate.iter().map(of).collect::<Vec<_>>()
            });
            cs.create_gate("others", |_| {
                let of = |t| columns.expression(t);
                gate.iter().map(of).collect::<Vec<_>>()
            });
        }
        for pairs in &self.lookups {
            cs.lookup_any("lookup", |_| {
                let of = |t| columns.expression(t);
                pairs.iter().map(|(a, s)| (of(a), of(s))).collect()
            });
        }
        let gates = cs.gates().iter().flat_map(|g| g.polynomials());
        let needed = gates.map(Expression::degree).max().unwrap_or(0);
        // The library takes no account of degrees above 5, but does not compress selectors of such expressions.
        cs.set_minimum_degree(if compressed {
            needed.max(self.degree)
        } else {
            self.degree
        });
        // Each selector is on in a row of its own, so that they can be compressed.
        let on = |i| (0..32).map(|row| row == i).collect();
        let rows = (0..cs.num_selectors()).map(on).collect();
        if compressed {
            cs.compress_selectors(rows).0
        } else {
            cs.directly_convert_selectors_to_fixed(rows).0
        }
    }
}

/// A shape with all features; the degree is one that its sets of permuted columns are made by.
pub(super) fn shape() -> impl Strategy<Value = Shape> {
    let gates = prop::collection::vec(prop::collection::vec(tree(), 1..4), 0..4);
    let pairs = prop::collection::vec((tree(), tree()), 1..4);
    (
        gates,
        0..=9usize,
        prop::collection::vec(pairs, 0..=3),
        3..=6usize,
    )
        .prop_map(|(gates, permuted, lookups, degree)| Shape {
            gates,
            permuted,
            lookups,
            degree,
        })
}
