//! Constraint polynomials as one graph of field operations in which equal values are one node.

use std::collections::HashMap;

use ff::Field;
use halo2_proofs::halo2curves::bn256::Fr;

/// Index of a node in its [`Dag`].
pub(super) type Id = u32;

/// A value: a constant, an input, or one field operation on earlier values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Node {
    /// A constant of the constraint system.
    Constant(Fr),
    /// The word of this number among the programs' inputs after the constants.
    Input(u32),
    /// Sum.
    Add(Id, Id),
    /// First minus second.
    Sub(Id, Id),
    /// Negation.
    Neg(Id),
    /// Product.
    Mul(Id, Id),
}

/// Hash-consed nodes; operands always precede their users.
#[derive(Clone, Debug, Default)]
pub(super) struct Dag {
    nodes: Vec<Node>,
    known: HashMap<Node, Id>,
}

impl Dag {
    fn intern(&mut self, node: Node) -> Id {
        if let Some(id) = self.known.get(&node) {
            return *id;
        }
        let id = self.nodes.len() as Id;
        self.nodes.push(node);
        self.known.insert(node, id);
        id
    }

    pub(super) fn node(&self, id: Id) -> Node {
        self.nodes[id as usize]
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn constant(&mut self, value: Fr) -> Id {
        self.intern(Node::Constant(value))
    }

    pub(super) fn input(&mut self, slot: u32) -> Id {
        self.intern(Node::Input(slot))
    }

    fn as_constant(&self, id: Id) -> Option<Fr> {
        match self.node(id) {
            Node::Constant(c) => Some(c),
            _ => None,
        }
    }

    pub(super) fn neg(&mut self, a: Id) -> Id {
        match self.node(a) {
            Node::Constant(c) => self.constant(-c),
            Node::Neg(b) => b,
            Node::Sub(b, c) => self.intern(Node::Sub(c, b)),
            _ => self.intern(Node::Neg(a)),
        }
    }

    pub(super) fn add(&mut self, a: Id, b: Id) -> Id {
        match (self.node(a), self.node(b)) {
            (Node::Constant(x), Node::Constant(y)) => self.constant(x + y),
            (Node::Constant(x), _) if x == Fr::ZERO => b,
            (_, Node::Constant(y)) if y == Fr::ZERO => a,
            (_, Node::Neg(y)) => self.sub(a, y),
            (Node::Neg(x), _) => self.sub(b, x),
            (_, Node::Constant(y)) if is_negative(y) => {
                let y = self.constant(-y);
                self.intern(Node::Sub(a, y))
            }
            (Node::Constant(x), _) if is_negative(x) => {
                let x = self.constant(-x);
                self.intern(Node::Sub(b, x))
            }
            _ => self.intern(Node::Add(a.min(b), a.max(b))),
        }
    }

    pub(super) fn sub(&mut self, a: Id, b: Id) -> Id {
        if a == b {
            return self.constant(Fr::ZERO);
        }
        match (self.node(a), self.node(b)) {
            (Node::Constant(x), Node::Constant(y)) => self.constant(x - y),
            (Node::Constant(x), _) if x == Fr::ZERO => self.neg(b),
            (_, Node::Constant(y)) if y == Fr::ZERO => a,
            (_, Node::Neg(y)) => self.add(a, y),
            (_, Node::Constant(y)) if is_negative(y) => {
                let y = self.constant(-y);
                self.add(a, y)
            }
            _ => self.intern(Node::Sub(a, b)),
        }
    }

    pub(super) fn mul(&mut self, a: Id, b: Id) -> Id {
        let (x, y) = (self.as_constant(a), self.as_constant(b));
        match (x, y) {
            (Some(x), Some(y)) => return self.constant(x * y),
            (None, Some(_)) => return self.mul(b, a),
            (Some(x), None) => {
                if x == Fr::ZERO {
                    return a;
                }
                if x == Fr::ONE {
                    return b;
                }
                if is_negative(x) {
                    let x = self.constant(-x);
                    let product = self.mul(x, b);
                    return self.neg(product);
                }
            }
            (None, None) => {}
        }
        match (self.node(a), self.node(b)) {
            (Node::Neg(x), _) => {
                let product = self.mul(x, b);
                self.neg(product)
            }
            (_, Node::Neg(y)) => {
                let product = self.mul(a, y);
                self.neg(product)
            }
            _ => self.intern(Node::Mul(a.min(b), a.max(b))),
        }
    }

    /// Whether the product of these nodes is a node already.
    pub(super) fn has_product(&self, a: Id, b: Id) -> bool {
        self.known.contains_key(&Node::Mul(a.min(b), a.max(b)))
    }

    /// `base` to a positive power, by squarings.
    pub(super) fn pow(&mut self, base: Id, exponent: usize) -> Id {
        if exponent <= 1 {
            return base;
        }
        let half = self.pow(base, exponent / 2);
        let square = self.mul(half, half);
        if exponent % 2 == 1 {
            self.mul(square, base)
        } else {
            square
        }
    }

    /// Operands of a node.
    pub(super) fn operands(&self, id: Id) -> [Option<Id>; 2] {
        match self.node(id) {
            Node::Constant(_) | Node::Input(_) => [None, None],
            Node::Neg(a) => [Some(a), None],
            Node::Add(a, b) | Node::Sub(a, b) | Node::Mul(a, b) => [Some(a), Some(b)],
        }
    }

    /// Whether the node is a field operation, neither a constant nor an input.
    pub(super) fn is_operation(&self, id: Id) -> bool {
        self.operands(id)[0].is_some()
    }

    /// How often each node is used below `roots` (each root itself once) if the `known` values are there already;
    /// 0 for nodes that are not needed.
    pub(super) fn uses(&self, roots: &[Id], known: impl Fn(Id) -> bool) -> Vec<u32> {
        let mut uses = vec![0u32; self.nodes.len()];
        let mut stack = roots.to_vec();
        while let Some(id) = stack.pop() {
            uses[id as usize] += 1;
            if uses[id as usize] == 1 && !known(id) {
                stack.extend(self.operands(id).into_iter().flatten());
            }
        }
        uses
    }

    /// The field operations (additions, subtractions, negations, products) that `root` needs, operands before their
    /// users, the deeper operand first: fewer values wait for others then.
    pub(super) fn order(&self, root: Id) -> Vec<Id> {
        let mut depth = vec![0; self.nodes.len()];
        for id in 0..self.nodes.len() {
            let operands = self.operands(id as Id).into_iter().flatten();
            depth[id] = operands.map(|o| depth[o as usize] + 1).max().unwrap_or(0);
        }
        let (mut order, mut seen) = (vec![], vec![false; self.nodes.len()]);
        let mut stack = vec![(root, false)];
        while let Some((id, finished)) = stack.pop() {
            if finished {
                order.push(id);
            } else if self.is_operation(id) && !std::mem::replace(&mut seen[id as usize], true) {
                stack.push((id, true));
                let [a, b] = self.operands(id);
                let deep = |o: Option<Id>| o.map_or(0, |o| depth[o as usize]);
                let operands = if deep(a) >= deep(b) { [b, a] } else { [a, b] };
                stack.extend(operands.into_iter().flatten().map(|o| (o, false)));
            }
        }
        order
    }

    /// `fold(acc * y + e)` over `polynomials`.
    ///
    /// Neighbours that are products with a factor in common are folded without it and multiplied once:
    /// `y^n acc + f * fold(...)`.
    pub(super) fn fold(&mut self, polynomials: &[Id], y: Id) -> Id {
        let (mut acc, mut i) = (None, 0);
        while let Some(polynomial) = polynomials.get(i) {
            let run = |f: Id| {
                let has = |p: &&Id| self.product(**p).is_some_and(|ab| ab.contains(&f));
                polynomials[i..].iter().take_while(has).count()
            };
            let factors = self.product(*polynomial).into_iter().flatten();
            let longest = factors.map(|f| (f, run(f))).max_by_key(|(_, n)| *n);
            let (term, n) = match longest {
                Some((f, n)) if n > 1 => {
                    let rest: Vec<Id> = polynomials[i..i + n]
                        .iter()
                        .filter_map(|p| self.product(*p))
                        .map(|[a, b]| if a == f { b } else { a })
                        .collect();
                    let inner = self.fold(&rest, y);
                    (self.mul(f, inner), n)
                }
                _ => (*polynomial, 1),
            };
            acc = Some(match acc {
                None => term,
                Some(acc) => {
                    let power = self.pow(y, n);
                    let acc = self.mul(acc, power);
                    self.add(acc, term)
                }
            });
            i += n;
        }
        acc.unwrap_or_else(|| self.constant(Fr::ZERO))
    }

    fn product(&self, id: Id) -> Option<[Id; 2]> {
        match self.node(id) {
            Node::Mul(a, b) => Some([a, b]),
            _ => None,
        }
    }
}

/// Whether the constant is shorter written as a negative number.
pub(super) fn is_negative(value: Fr) -> bool {
    super::bits(value) > super::bits(-value)
}

/// The value of `root` for these inputs, operation by operation.
#[cfg(test)]
pub(super) fn evaluate(dag: &Dag, root: Id, inputs: &[Fr]) -> Fr {
    let mut values: Vec<Fr> = vec![];
    for id in 0..=root {
        let of = |id: Id| values[id as usize];
        let value = match dag.node(id) {
            Node::Constant(c) => c,
            Node::Input(slot) => inputs[slot as usize],
            Node::Add(a, b) => of(a) + of(b),
            Node::Sub(a, b) => of(a) - of(b),
            Node::Neg(a) => -of(a),
            Node::Mul(a, b) => of(a) * of(b),
        };
        values.push(value);
    }
    values[root as usize]
}
