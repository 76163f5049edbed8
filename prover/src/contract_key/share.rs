//! Common parts of sums: which operations the constraint polynomials can share that were not written alike.
//!
//! The graph is read as a network of sums of products. A pair of terms is a multiple of a *divisor*, a sum of two terms
//! without a common factor: `a x + b x` of `a + b`, `3 x - 6 y` of `x - 2 y`. As long as that saves operations, the
//! divisor that saves most becomes a value of its own (the extraction of double-cube divisors of logic synthesis:
//! Rajski and Vasudevamurthi, IEEE TCAD 11(6), 1992).

use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};

use ff::Field;
use halo2_proofs::halo2curves::bn256::Fr;

use super::{
    bits,
    dag::{Dag, Id, Node, is_negative},
};

/// Factors in ascending order, repeated ones as often as they occur: inputs, and values of the network.
type Monomial = Vec<Id>;

/// The sum of two terms, the first with the coefficient 1 and the second with `ratio`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Divisor {
    first: Monomial,
    second: Monomial,
    ratio: Fr,
}

/// A sum and two of its terms, in the order of a divisor's.
type Place = (Id, Monomial, Monomial);

/// The graph as sums of products.
struct Network {
    /// Coefficients of each value's terms. A value is named by its node in the graph, or by a number above those.
    values: BTreeMap<Id, BTreeMap<Monomial, Fr>>,
    places: BTreeMap<Divisor, BTreeSet<Place>>,
    /// Divisors with what they save; figures out of date are put right when they come up.
    queue: BinaryHeap<(usize, Divisor)>,
    next: Id,
}

/// Whether a multiple by the constant takes no product.
fn is_unit(c: Fr) -> bool {
    c == Fr::ONE || c == -Fr::ONE
}

/// Products that a term takes.
fn products(monomial: &Monomial, coefficient: Fr) -> usize {
    let scaling = !monomial.is_empty() && !is_unit(coefficient);
    monomial.len().saturating_sub(1) + usize::from(scaling)
}

/// Common factors of two monomials, and what is left of each.
fn split(a: &Monomial, b: &Monomial) -> (Monomial, Monomial, Monomial) {
    let (mut common, mut first, mut second) = (vec![], vec![], vec![]);
    let (mut i, mut j) = (0, 0);
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        match x.cmp(y) {
            std::cmp::Ordering::Equal => common.push(*x),
            std::cmp::Ordering::Less => first.push(*x),
            std::cmp::Ordering::Greater => second.push(*y),
        }
        i += usize::from(x <= y);
        j += usize::from(y <= x);
    }
    first.extend(&a[i..]);
    second.extend(&b[j..]);
    (common, first, second)
}

impl Network {
    /// Reads the graph: values that several others use stay values.
    fn read(dag: &Dag, root: Id) -> Self {
        let uses = dag.uses(&[root], |_| false);
        let (mut values, mut open) = (BTreeMap::new(), vec![root]);
        while let Some(id) = open.pop() {
            if values.contains_key(&id) || matches!(dag.node(id), Node::Input(_)) {
                continue;
            }
            let mut terms = BTreeMap::new();
            let mut stack = vec![(id, Fr::ONE)];
            while let Some((at, c)) = stack.pop() {
                let alone = at == id || uses[at as usize] == 1;
                match dag.node(at) {
                    Node::Constant(value) => add(&mut terms, vec![], c * value),
                    Node::Add(a, b) if alone => stack.extend([(a, c), (b, c)]),
                    Node::Sub(a, b) if alone => stack.extend([(a, c), (b, -c)]),
                    _ => match multiple(dag, at) {
                        Some((of, scale)) if alone || !is_own_sum(dag, &uses, of) => {
                            stack.push((of, c * scale));
                        }
                        None if alone && matches!(dag.node(at), Node::Mul(..)) => {
                            let (factors, scale) = factors(dag, &uses, at);
                            open.extend(&factors);
                            add(&mut terms, factors, c * scale);
                        }
                        _ => {
                            open.push(at);
                            add(&mut terms, vec![at], c);
                        }
                    },
                }
            }
            values.insert(id, terms);
        }
        let mut network = Self {
            values,
            places: BTreeMap::new(),
            queue: BinaryHeap::new(),
            next: dag.len() as Id,
        };
        let ids: Vec<Id> = network.values.keys().copied().collect();
        for id in ids {
            let terms: Vec<Monomial> = network.values[&id].keys().cloned().collect();
            for (i, term) in terms.iter().enumerate() {
                for other in &terms[i + 1..] {
                    network.note(id, term, other, true);
                }
            }
        }
        network
    }

    /// The divisor of two terms of a value, and the place where it is found. Of its two forms the one with the shorter
    /// ratio stands for both.
    fn divisor(&self, id: Id, a: &Monomial, b: &Monomial) -> (Divisor, Place) {
        let (_, first, second) = split(a, b);
        let terms = &self.values[&id];
        let over = |c: Fr, d: Fr| c * d.invert().unwrap_or(Fr::ZERO);
        let (ratio, inverse) = (over(terms[b], terms[a]), over(terms[a], terms[b]));
        let length = |c: Fr| bits(c).min(bits(-c));
        if (length(ratio), &first) <= (length(inverse), &second) {
            let divisor = Divisor {
                first,
                second,
                ratio,
            };
            (divisor, (id, a.clone(), b.clone()))
        } else {
            let divisor = Divisor {
                first: second,
                second: first,
                ratio: inverse,
            };
            (divisor, (id, b.clone(), a.clone()))
        }
    }

    /// Adds or removes the divisor of two terms.
    fn note(&mut self, id: Id, a: &Monomial, b: &Monomial, present: bool) {
        let (divisor, place) = self.divisor(id, a, b);
        let places = self.places.entry(divisor.clone()).or_default();
        if present {
            places.insert(place);
        } else {
            places.remove(&place);
        }
        let saved = self.saved(&divisor).0;
        if saved > 0 {
            self.queue.push((saved, divisor));
        }
    }

    /// Operations saved by making the divisor a value, and the places that can use it: no term serves twice.
    fn saved(&self, divisor: &Divisor) -> (usize, Vec<Place>) {
        let (mut taken, mut saved, mut places) = (BTreeSet::new(), 0, vec![]);
        for place in self.places.get(divisor).into_iter().flatten() {
            let (id, a, b) = place;
            if taken.contains(&(*id, a)) || taken.contains(&(*id, b)) {
                continue;
            }
            taken.extend([(*id, a), (*id, b)]);
            let (c, d) = (self.values[id][a], self.values[id][b]);
            let common = split(a, b).0;
            let before = products(a, c) + products(b, d) + 1;
            saved += before - common.len() - usize::from(!is_unit(c));
            places.push(place.clone());
        }
        let second = products(&divisor.second, divisor.ratio);
        let own = products(&divisor.first, Fr::ONE) + second + 1;
        (saved.saturating_sub(own), places)
    }

    /// Removes a term of a value.
    fn remove(&mut self, id: Id, term: &Monomial) {
        let others: Vec<Monomial> = self.values[&id].keys().cloned().collect();
        for other in others.iter().filter(|other| *other != term) {
            self.note(id, term, other, false);
        }
        if let Some(terms) = self.values.get_mut(&id) {
            terms.remove(term);
        }
    }

    /// Adds a term that the value does not have.
    fn insert(&mut self, id: Id, term: Monomial, coefficient: Fr) {
        let others: Vec<Monomial> = self.values[&id].keys().cloned().collect();
        if let Some(terms) = self.values.get_mut(&id) {
            terms.insert(term.clone(), coefficient);
        }
        for other in &others {
            self.note(id, &term, other, true);
        }
    }

    /// Makes a divisor a value and uses it.
    fn extract(&mut self, divisor: &Divisor, places: Vec<Place>) {
        let new = self.next;
        self.next += 1;
        for (id, a, b) in places {
            let mut term = split(&a, &b).0;
            term.push(new); // above all others
            let coefficient = self.values[&id][&a];
            self.remove(id, &a);
            self.remove(id, &b);
            self.insert(id, term, coefficient);
        }
        self.values.insert(new, BTreeMap::new());
        self.insert(new, divisor.first.clone(), Fr::ONE);
        self.insert(new, divisor.second.clone(), divisor.ratio);
    }
}

/// Adds a multiple of a monomial to a sum.
fn add(terms: &mut BTreeMap<Monomial, Fr>, monomial: Monomial, coefficient: Fr) {
    let total = terms.remove(&monomial).unwrap_or(Fr::ZERO) + coefficient;
    if total != Fr::ZERO {
        terms.insert(monomial, total);
    }
}

/// A node that is a constant multiple of another, and the constant.
fn multiple(dag: &Dag, id: Id) -> Option<(Id, Fr)> {
    match dag.node(id) {
        Node::Neg(a) => Some((a, -Fr::ONE)),
        Node::Mul(a, b) => match (dag.node(a), dag.node(b)) {
            (Node::Constant(c), _) => Some((b, c)),
            (_, Node::Constant(c)) => Some((a, c)),
            _ => None,
        },
        _ => None,
    }
}

/// Whether the node is a sum that one other node uses: to open a multiple of it in two places would double its work.
fn is_own_sum(dag: &Dag, uses: &[u32], id: Id) -> bool {
    uses[id as usize] == 1 && matches!(dag.node(id), Node::Add(..) | Node::Sub(..))
}

/// The factors of a product, opened through products that nothing else uses and through multiples, and a constant.
fn factors(dag: &Dag, uses: &[u32], product: Id) -> (Monomial, Fr) {
    let (mut factors, mut scale, mut stack) = (vec![], Fr::ONE, vec![product]);
    while let Some(id) = stack.pop() {
        let alone = id == product || uses[id as usize] == 1;
        match (multiple(dag, id), dag.node(id)) {
            (Some((of, c)), _) if alone || !is_own_sum(dag, uses, of) => {
                scale *= c;
                stack.push(of);
            }
            (None, Node::Mul(a, b)) if alone => stack.extend([a, b]),
            _ => factors.push(id),
        }
    }
    factors.sort_unstable();
    (factors, scale)
}

/// Writes a network as a graph.
struct Writer<'a> {
    network: &'a Network,
    old: &'a Dag,
    new: Dag,
    /// By value: a node, and the constant that it is to be multiplied by.
    written: HashMap<Id, (Id, Fr)>,
}

impl Writer<'_> {
    /// The node of a value, but for a constant factor, which its users have to scale by anyhow or can subtract.
    fn value(&mut self, id: Id) -> (Id, Fr) {
        if id < self.old.len() as Id
            && let Node::Input(slot) = self.old.node(id)
        {
            return (self.new.input(slot), Fr::ONE);
        }
        if let Some(known) = self.written.get(&id) {
            return *known;
        }
        let network = self.network;
        let mut terms = vec![];
        for (monomial, coefficient) in network.values.get(&id).into_iter().flatten() {
            let (mut factors, mut coefficient) = (vec![], *coefficient);
            for factor in monomial {
                let (factor, scale) = self.value(*factor);
                factors.push(factor);
                coefficient *= scale;
            }
            terms.push((factors, coefficient));
        }
        let scale = match &terms[..] {
            [(_, c)] => *c,
            _ if terms.iter().all(|(_, c)| is_negative(*c)) => -Fr::ONE,
            _ => Fr::ONE,
        };
        let inverse = scale.invert().unwrap_or(Fr::ZERO);
        let zero = self.new.constant(Fr::ZERO);
        let (mut plus, mut minus) = (zero, zero);
        for (mut factors, coefficient) in terms {
            let coefficient = coefficient * inverse;
            let negative = is_negative(coefficient);
            let size = if negative { -coefficient } else { coefficient };
            let size = self.new.constant(size);
            // The multiple of one factor may be there already.
            if let Some(at) = factors.iter().position(|f| self.new.has_product(size, *f)) {
                factors.swap(0, at);
                factors.insert(0, size);
            } else {
                factors.push(size);
            }
            let term = factors
                .into_iter()
                .reduce(|a, b| self.new.mul(a, b))
                .unwrap_or(zero);
            let side = if negative { &mut minus } else { &mut plus };
            *side = self.new.add(*side, term);
        }
        let written = (self.new.sub(plus, minus), scale);
        self.written.insert(id, written);
        written
    }
}

/// A graph with the value of `root`, and of fewer operations where sums have parts in common.
pub(super) fn share(dag: Dag, root: Id) -> (Dag, Id) {
    let mut network = Network::read(&dag, root);
    while let Some((saved, divisor)) = network.queue.pop() {
        let (now, places) = network.saved(&divisor);
        if now == saved {
            network.extract(&divisor, places);
        } else if now > 0 {
            network.queue.push((now, divisor));
        }
    }
    let mut writer = Writer {
        network: &network,
        old: &dag,
        new: Dag::default(),
        written: HashMap::new(),
    };
    let (value, scale) = writer.value(root);
    let scale = writer.new.constant(scale);
    let new_root = writer.new.mul(scale, value);
    let new = writer.new;
    // To open a product or a multiple can cost more than was found.
    if new.order(new_root).len() < dag.order(root).len() {
        (new, new_root)
    } else {
        (dag, root)
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use super::*;
    use crate::contract_key::dag::evaluate;

    fn inputs(rng: &mut StdRng) -> Vec<Fr> {
        (0..8).map(|_| Fr::random(&mut *rng)).collect()
    }

    /// Shares the graph, and checks its value where nobody chose the inputs.
    fn operations(dag: &Dag, root: Id) -> usize {
        let (shared, new_root) = share(dag.clone(), root);
        let mut rng = StdRng::seed_from_u64(3);
        for _ in 0..4 {
            let inputs = inputs(&mut rng);
            assert_eq!(
                evaluate(&shared, new_root, &inputs),
                evaluate(dag, root, &inputs)
            );
        }
        shared.order(new_root).len()
    }

    /// Sums of multiples of inputs, folded by the last input.
    fn fold(dag: &mut Dag, sums: &[&[(u32, i64)]]) -> Id {
        let mut folded = vec![];
        for terms in sums {
            let mut sum = dag.constant(Fr::ZERO);
            for (slot, c) in *terms {
                let size = dag.constant(Fr::from(c.unsigned_abs()));
                let input = dag.input(*slot);
                let term = dag.mul(size, input);
                sum = if *c < 0 {
                    dag.sub(sum, term)
                } else {
                    dag.add(sum, term)
                };
            }
            folded.push(sum);
        }
        let y = dag.input(7);
        dag.fold(&folded, y)
    }

    #[test]
    fn a_common_part_is_computed_once() {
        let mut dag = Dag::default();
        // x - 2 y occurs as it is, tripled, and negated.
        let sums: [&[(u32, i64)]; 3] = [
            &[(0, 1), (1, -2), (2, 1)],
            &[(0, 3), (1, -6), (3, 1)],
            &[(0, -1), (1, 2), (4, 1)],
        ];
        let root = fold(&mut dag, &sums);
        // The part 2, its multiple 1, three additions, and four for the fold.
        assert_eq!(operations(&dag, root), 10);
    }

    #[test]
    fn a_common_factor_is_multiplied_once() {
        let mut dag = Dag::default();
        let [a, b, c, x] = [0, 1, 2, 3].map(|slot| dag.input(slot));
        let (ax, bx) = (dag.mul(a, x), dag.mul(b, x));
        let cx = dag.mul(c, x);
        let sum = dag.add(ax, bx);
        let sum = dag.sub(sum, cx);
        let [d, y] = [4, 7].map(|slot| dag.input(slot));
        let root = dag.fold(&[sum, d], y);
        assert_eq!(operations(&dag, root), 5);
    }

    #[test]
    fn nothing_is_lost_where_nothing_is_common() {
        let mut dag = Dag::default();
        let root = fold(&mut dag, &[&[(0, 1), (1, 5)], &[(2, 1), (3, -1)]]);
        assert_eq!(operations(&dag, root), dag.order(root).len());
        for constant in [Fr::ZERO, -Fr::ONE] {
            let root = dag.constant(constant);
            assert_eq!(operations(&dag, root), 0);
        }
        let x = dag.input(0);
        assert_eq!(operations(&dag, x), 0);
        let negative = dag.neg(x);
        assert_eq!(operations(&dag, negative), 1);
    }

    #[test]
    fn any_graph_keeps_its_value() {
        let mut rng = StdRng::seed_from_u64(4);
        for size in [5, 20, 100, 300] {
            for _ in 0..10 {
                let mut dag = Dag::default();
                let mut values: Vec<Id> = (0..8).map(|slot| dag.input(slot)).collect();
                values.extend([2, 7, 1 << 40].map(|c| dag.constant(Fr::from(c))));
                for _ in 0..size {
                    let [a, b] = [(); 2].map(|()| values[rng.gen_range(0..values.len())]);
                    values.push(match rng.gen_range(0..5) {
                        0 | 1 => dag.add(a, b),
                        2 => dag.sub(a, b),
                        3 => dag.mul(a, b),
                        _ => dag.neg(a),
                    });
                }
                let y = dag.input(7);
                let root = dag.fold(&values[values.len() - 4..], y);
                assert!(operations(&dag, root) <= dag.order(root).len());
            }
        }
    }

    /// The same programs on every machine: a rollup fixes their hash.
    #[test]
    fn the_choice_is_always_the_same() {
        let mut dag = Dag::default();
        let sums: [&[(u32, i64)]; 3] = [
            &[(0, 1), (1, 1), (2, 1)],
            &[(0, 1), (1, 1), (3, 2)],
            &[(1, 1), (2, 1), (3, 2)],
        ];
        let root = fold(&mut dag, &sums);
        let nodes = || {
            let (dag, root) = share(dag.clone(), root);
            (0..=root).map(|id| dag.node(id)).collect::<Vec<_>>()
        };
        assert_eq!(nodes(), nodes());
    }
}
