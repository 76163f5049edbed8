//! Constraint expressions as one graph in which equal values are one node.

use super::{
    Cell, Source,
    scalar::{Challenge, Scalar, Table},
};
use halo2_proofs::{halo2curves::bn256::Fr, plonk::Expression};
use std::collections::HashMap;

/// The number of a node. A node's operands have lower numbers.
pub(super) type Id = u32;

/// A value that differs from row to row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Node {
    /// A column's value.
    Cell(Cell),
    /// `constant + Σ scalar node`
    Sum(Vec<(Id, Scalar)>, Scalar),
    /// The lower number first.
    Product(Id, Id),
}

/// `factor node + constant`; without a node, it is the same on every row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Affine {
    pub(super) node: Option<(Id, Scalar)>,
    pub(super) constant: Scalar,
}

impl From<Scalar> for Affine {
    fn from(constant: Scalar) -> Self {
        Self {
            node: None,
            constant,
        }
    }
}

/// Nodes and scalars under construction.
#[derive(Debug)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) scalars: Table,
    seen: HashMap<Node, Id>,
}

impl Graph {
    pub(super) fn new() -> Self {
        Self {
            nodes: vec![],
            scalars: Table::new(),
            seen: HashMap::new(),
        }
    }

    fn push(&mut self, node: Node) -> Id {
        if let Some(id) = self.seen.get(&node) {
            return *id;
        }
        let id = self.nodes.len() as Id;
        self.nodes.push(node.clone());
        self.seen.insert(node, id);
        id
    }

    pub(super) fn constant(&mut self, x: Fr) -> Affine {
        self.scalars.constant(x).into()
    }

    pub(super) fn one(&mut self) -> Affine {
        Scalar::ONE.into()
    }

    pub(super) fn challenge(&mut self, challenge: Challenge) -> Affine {
        self.scalars.challenge(challenge).into()
    }

    pub(super) fn cell(&mut self, source: Source, rotation: i32) -> Affine {
        let node = self.push(Node::Cell(Cell { source, rotation }));
        Affine {
            node: Some((node, Scalar::ONE)),
            constant: Scalar::ZERO,
        }
    }

    pub(super) fn scale(&mut self, a: Affine, by: Scalar) -> Affine {
        let mut scaled = |s| self.scalars.mul(s, by);
        let constant = scaled(a.constant);
        let node = a.node.map(|(n, s)| (n, scaled(s)));
        Affine {
            node: node.filter(|(_, s)| *s != Scalar::ZERO),
            constant,
        }
    }

    pub(super) fn add(&mut self, a: Affine, b: Affine) -> Affine {
        let constant = self.scalars.add(a.constant, b.constant);
        let node = match (a.node, b.node) {
            (Some((x, s)), Some((y, t))) if x == y => Some((x, self.scalars.add(s, t))),
            (Some(a), Some(b)) => Some(self.sum(a.min(b), a.max(b))),
            (a, b) => a.or(b),
        };
        Affine {
            node: node.filter(|(_, s)| *s != Scalar::ZERO),
            constant,
        }
    }

    /// A sum without what its terms have in common: a scalar up to the sign, or the sign of the first.
    fn sum(&mut self, (x, s): (Id, Scalar), (y, t): (Id, Scalar)) -> (Id, Scalar) {
        let common = if s.id == t.id { s } else { s.sign() };
        let [s, t] = [s, t].map(|u| {
            if s.id == t.id {
                u.sign().negated_if(common.negative)
            } else {
                u.negated_if(common.negative)
            }
        });
        let node = Node::Sum(vec![(x, s), (y, t)], Scalar::ZERO);
        (self.push(node), common)
    }

    pub(super) fn sub(&mut self, a: Affine, b: Affine) -> Affine {
        let b = self.scale(b, -Scalar::ONE);
        self.add(a, b)
    }

    pub(super) fn mul(&mut self, a: Affine, b: Affine) -> Affine {
        if a.node.is_none() {
            return self.scale(b, a.constant);
        }
        let Some((x, s)) = self.factor(a) else {
            return self.scale(b, a.constant);
        };
        let Some((y, t)) = self.factor(b) else {
            return self.scale(a, b.constant);
        };
        let node = self.push(Node::Product(x.min(y), x.max(y)));
        Affine {
            node: Some((node, self.scalars.mul(s, t))),
            constant: Scalar::ZERO,
        }
    }

    /// A node that it is, but for a scalar.
    fn factor(&mut self, a: Affine) -> Option<(Id, Scalar)> {
        let (node, s) = a.node?;
        if a.constant == Scalar::ZERO {
            return a.node;
        }
        let [t, constant] = [s, a.constant].map(|u| u.negated_if(s.negative));
        let node = self.push(Node::Sum(vec![(node, t)], constant));
        Some((node, s.sign()))
    }

    /// # Panics
    ///
    /// If there is a selector in it: a key's expressions have fixed columns instead.
    pub(super) fn expression(&mut self, e: &Expression<Fr>) -> Affine {
        match e {
            Expression::Constant(x) => self.constant(*x),
            Expression::Selector(_) => panic!("a selector in a key's expression"),
            Expression::Fixed(q) => self.cell(Source::Fixed(q.column_index()), q.rotation().0),
            Expression::Advice(q) => self.cell(Source::Advice(q.column_index()), q.rotation().0),
            Expression::Instance(q) => {
                self.cell(Source::Instance(q.column_index()), q.rotation().0)
            }
            Expression::Challenge(c) => self.challenge(Challenge::Phase(c.index())),
            Expression::Negated(a) => {
                let a = self.expression(a);
                self.scale(a, -Scalar::ONE)
            }
            Expression::Sum(a, b) => {
                let (a, b) = (self.expression(a), self.expression(b));
                self.add(a, b)
            }
            Expression::Product(a, b) => {
                let (a, b) = (self.expression(a), self.expression(b));
                self.mul(a, b)
            }
            Expression::Scaled(a, x) => {
                let (a, x) = (self.expression(a), self.scalars.constant(*x));
                self.scale(a, x)
            }
        }
    }

    /// How many operands each node is, of nodes that the given ones are computed from.
    pub(super) fn uses(&self, of: impl IntoIterator<Item = Id>) -> Vec<u32> {
        let mut uses = vec![0; self.nodes.len()];
        for id in of {
            uses[id as usize] += 1;
        }
        for (id, node) in self.nodes.iter().enumerate().rev() {
            if uses[id] == 0 {
                continue;
            }
            match node {
                Node::Cell(_) => {}
                Node::Sum(terms, _) => terms.iter().for_each(|(n, _)| uses[*n as usize] += 1),
                Node::Product(a, b) => [a, b].into_iter().for_each(|n| uses[*n as usize] += 1),
            }
        }
        uses
    }
}
