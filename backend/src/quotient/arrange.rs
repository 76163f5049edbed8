//! The sum of all constraints, rearranged so that it costs little.
//!
//! What is summed with scalars is multiplied out as far as sums go, so that a value that many constraints have gets one scalar, computed once
//! for all rows. Then terms with a common factor are put together, as in Horner's rule for several variables, the factor that saves most first:
//! a selector is multiplied by the sum of all it selects. Then terms with a common scalar. Products of sums are never multiplied out, and a sum
//! that is used in several places is a value that is computed once.

mod cost;
mod group;

use super::{
    Cell,
    graph::{Graph, Id, Node},
    scalar::Scalar,
};
use cost::Classes;
use std::collections::{BTreeMap, HashMap};

/// The number of a value. A value's operands have lower numbers.
pub(super) type ValueId = u32;

/// What is computed on a row.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Value {
    /// A column's value.
    Cell(Cell),
    /// A product.
    Product(ValueId, ValueId),
    /// A sum, with one reduction for all its products.
    Sum(Sum),
}

/// `constant + Σ scaled + Σ products + Σ plus - Σ minus`
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Sum {
    pub(super) constant: Scalar,
    pub(super) scaled: Vec<(Scalar, ValueId)>,
    pub(super) products: Vec<(ValueId, ValueId)>,
    pub(super) plus: Vec<ValueId>,
    pub(super) minus: Vec<ValueId>,
}

impl Sum {
    fn of(constant: Scalar) -> Self {
        Self {
            constant,
            scaled: vec![],
            products: vec![],
            plus: vec![],
            minus: vec![],
        }
    }
}

/// A factor of a term: a node, or what is a value already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Factor {
    Node(Id),
    Value(ValueId),
}

/// `scalar Π factors`, the factors in order.
#[derive(Clone, Debug)]
struct Term {
    scalar: Scalar,
    factors: Vec<Factor>,
}

impl Term {
    fn node(scalar: Scalar, node: Id) -> Self {
        Self {
            scalar,
            factors: vec![Factor::Node(node)],
        }
    }
}

/// Values, and how they are made from a graph.
#[derive(Debug)]
pub(super) struct Arranger {
    graph: Graph,
    /// How many operands a node is.
    uses: Vec<u32>,
    values: Vec<Value>,
    seen: HashMap<Value, ValueId>,
    of_node: HashMap<Id, ValueId>,
}

impl Arranger {
    /// `constant + Σ scalar node`: all values that it needs, it being the last, and the graph with all scalars.
    pub(super) fn arrange(
        graph: Graph,
        sum: &[(Scalar, Id)],
        constant: Scalar,
    ) -> (Vec<Value>, ValueId, Graph) {
        let mut this = Self {
            uses: graph.uses(sum.iter().map(|(_, n)| *n)),
            graph,
            values: vec![],
            seen: HashMap::new(),
            of_node: HashMap::new(),
        };
        let terms = sum.iter().map(|(s, n)| Term::node(*s, *n)).collect();
        let root = this.sum(terms, constant);
        (this.values, root, this.graph)
    }

    fn push(&mut self, value: Value) -> ValueId {
        if let Some(id) = self.seen.get(&value) {
            return *id;
        }
        let id = self.values.len() as ValueId;
        self.values.push(value.clone());
        self.seen.insert(value, id);
        id
    }

    /// What a value is, if it is the same on all rows.
    fn as_constant(&self, value: ValueId) -> Option<Scalar> {
        match &self.values[value as usize] {
            Value::Sum(sum) if *sum == Sum::of(sum.constant) => Some(sum.constant),
            _ => None,
        }
    }

    fn value(&mut self, factor: Factor) -> ValueId {
        let node = match factor {
            Factor::Value(v) => return v,
            Factor::Node(n) => n,
        };
        if let Some(v) = self.of_node.get(&node) {
            return *v;
        }
        let value = match self.graph.nodes[node as usize].clone() {
            Node::Cell(cell) => self.push(Value::Cell(cell)),
            Node::Product(..) => {
                let factors = self.factors(node);
                self.product(&factors)
            }
            Node::Sum(terms, constant) => {
                let terms = terms.iter().map(|(n, s)| Term::node(*s, *n)).collect();
                self.sum(terms, constant)
            }
        };
        self.of_node.insert(node, value);
        value
    }

    /// The factors of a product; those that are products for this one alone, taken apart.
    fn factors(&self, product: Id) -> Vec<Factor> {
        let (mut factors, mut open) = (vec![], vec![product]);
        while let Some(n) = open.pop() {
            match self.graph.nodes[n as usize] {
                Node::Product(a, b) if n == product || self.uses[n as usize] == 1 => {
                    open.extend([a, b]);
                }
                _ => factors.push(Factor::Node(n)),
            }
        }
        factors.sort();
        factors
    }

    /// The product of at least one factor.
    fn product(&mut self, factors: &[Factor]) -> ValueId {
        let mut values: Vec<_> = factors.iter().map(|f| self.value(*f)).collect();
        values.sort_unstable();
        let (first, rest) = values.split_first().expect("at least one factor");
        rest.iter().fold(*first, |a, b| {
            self.push(Value::Product(a.min(*b), a.max(*b)))
        })
    }

    fn sum(&mut self, terms: Vec<Term>, mut constant: Scalar) -> ValueId {
        let mut terms = self.flattened(terms, &mut constant);
        self.group(&mut terms);
        self.pack(&mut terms);
        self.built(terms, constant)
    }

    /// The terms, those that are sums for this one alone multiplied out, and like ones put together where that saves something.
    fn flattened(&mut self, terms: Vec<Term>, constant: &mut Scalar) -> Vec<Term> {
        // What is not a product yet: the scalars it has, and how many of its uses they stand for. A node's operands have lower numbers, so the
        // greatest one is complete.
        let mut open: BTreeMap<Id, (Vec<Scalar>, u32)> = BTreeMap::new();
        let mut done: BTreeMap<Vec<Factor>, Vec<Scalar>> = BTreeMap::new();
        for term in terms {
            match term.factors[..] {
                [] => *constant = self.graph.scalars.add(*constant, term.scalar),
                [Factor::Node(n)] => {
                    let (scalars, uses) = open.entry(n).or_default();
                    scalars.push(term.scalar);
                    *uses += 1;
                }
                _ => done.entry(term.factors).or_default().push(term.scalar),
            }
        }
        while let Some((n, (scalars, uses))) = open.pop_last() {
            let own = uses == self.uses[n as usize];
            match &self.graph.nodes[n as usize] {
                Node::Sum(terms, k) if own => {
                    let (terms, k) = (terms.clone(), *k);
                    let table = &mut self.graph.scalars;
                    let all = scalars
                        .iter()
                        .fold(Scalar::ZERO, |sum, s| table.add(sum, *s));
                    for (child, s) in terms {
                        let (scalars, uses) = open.entry(child).or_default();
                        scalars.push(table.mul(s, all));
                        *uses += 1;
                    }
                    let k = table.mul(k, all);
                    *constant = table.add(*constant, k);
                }
                Node::Product(..) if own => {
                    let factors = self.factors(n);
                    done.entry(factors).or_default().extend(scalars);
                }
                _ => done
                    .entry(vec![Factor::Node(n)])
                    .or_default()
                    .extend(scalars),
            }
        }
        self.merged(done)
    }

    /// Like terms are put together if that is cheaper than what their scalars have in common with those of others.
    fn merged(&mut self, mut terms: BTreeMap<Vec<Factor>, Vec<Scalar>>) -> Vec<Term> {
        let table = &mut self.graph.scalars;
        let mut classes = Classes::default();
        for (factors, scalars) in &mut terms {
            // Equal scalars first.
            scalars.sort_unstable();
            let mut distinct = vec![];
            for same in scalars.chunk_by(|s, t| s.id == t.id) {
                let sum = same.iter().fold(Scalar::ZERO, |a, b| table.add(a, *b));
                if sum != Scalar::ZERO {
                    classes.add(sum, factors.len());
                    distinct.push(sum);
                }
            }
            *scalars = distinct;
        }
        let mut out = vec![];
        for (factors, mut scalars) in terms {
            let apart: i64 = scalars.iter().map(|s| classes.share(*s, &factors)).sum();
            if scalars.len() > 1 && cost::alone(&factors) <= apart {
                scalars
                    .iter()
                    .for_each(|s| classes.remove(*s, factors.len()));
                let sum = scalars.iter().fold(Scalar::ZERO, |a, b| table.add(a, *b));
                scalars = vec![sum];
                if sum != Scalar::ZERO {
                    classes.add(sum, factors.len());
                }
            }
            let scalars = scalars.into_iter().filter(|s| *s != Scalar::ZERO);
            out.extend(scalars.map(|scalar| Term {
                scalar,
                factors: factors.clone(),
            }));
        }
        out
    }

    /// The sum as a value.
    fn built(&mut self, terms: Vec<Term>, constant: Scalar) -> ValueId {
        let mut sum = Sum::of(constant);
        for mut term in terms {
            if term.factors.len() > 1 && term.scalar != Scalar::ONE {
                self.absorb(&mut term);
            }
            let Term { scalar, factors } = term;
            let (last, others) = factors.split_last().expect("constants are apart");
            if others.is_empty() || !scalar.is_unit() {
                let v = self.product(&factors);
                if !scalar.is_unit() {
                    sum.scaled.push((scalar, v));
                } else if scalar.negative {
                    sum.minus.push(v);
                } else {
                    sum.plus.push(v);
                }
                continue;
            }
            let (a, mut b) = (self.product(others), self.value(*last));
            if scalar.negative {
                let mut negative = Sum::of(Scalar::ZERO);
                negative.minus.push(b);
                b = self.push(Value::Sum(negative));
            }
            sum.products.push((a.min(b), a.max(b)));
        }
        let added = sum.scaled.len() + sum.minus.len();
        if added == 0 && sum.constant == Scalar::ZERO {
            match (&sum.products[..], &sum.plus[..]) {
                ([(a, b)], []) => return self.push(Value::Product(*a, *b)),
                ([], [v]) => return *v,
                _ => {}
            }
        }
        self.push(Value::Sum(sum))
    }

    /// Gives the scalar to a factor that is a sum for this term alone, if its terms take it for less than a product.
    fn absorb(&mut self, term: &mut Term) {
        for i in 0..term.factors.len() {
            let Factor::Node(n) = term.factors[i] else {
                continue;
            };
            let Node::Sum(terms, constant) = &self.graph.nodes[n as usize] else {
                continue;
            };
            if self.uses[n as usize] != 1 {
                continue;
            }
            let mut constant = *constant;
            let terms = terms.iter().map(|(n, s)| Term::node(*s, *n)).collect();
            let mut terms = self.flattened(terms, &mut constant);
            let scalars = terms.iter().map(|t| (t.scalar, t.factors.len()));
            if cost::of_scaling(scalars, term.scalar) {
                let table = &mut self.graph.scalars;
                for t in &mut terms {
                    t.scalar = table.mul(t.scalar, term.scalar);
                }
                constant = table.mul(constant, term.scalar);
                term.factors[i] = Factor::Value(self.sum(terms, constant));
                term.factors.sort();
                term.scalar = Scalar::ONE;
                return;
            }
        }
    }
}
