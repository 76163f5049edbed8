//! The slow, plain prover: every step as the protocol says it, with the library's polynomials and group, one row after the other.

use super::{Setup, Written};
use crate::{
    prove::channel::{self, Channel as _},
    witness::{Phases, Synthesis, Witness},
};
use ff::{Field, PrimeField};
use group::Curve;
use halo2_proofs::{
    arithmetic::{best_multiexp, eval_polynomial, kate_division, lagrange_interpolate},
    halo2curves::bn256::{Fr, G1Affine},
    plonk::{Any, ConstraintSystem, Expression},
    poly::{
        Coeff, EvaluationDomain, Polynomial,
        commitment::{Blind, Params, ParamsProver},
    },
    transcript::{Challenge255, TranscriptWriterBuffer},
};
use rand::{RngCore, SeedableRng, rngs::StdRng};
use std::collections::{BTreeMap, BTreeSet};

type Channel<'a> = channel::Written<'a, Challenge255<G1Affine>, Written>;

/// Values on rows.
#[derive(Default)]
struct Table {
    fixed: Vec<Vec<Fr>>,
    advice: Vec<Vec<Fr>>,
    instance: Vec<Vec<Fr>>,
    challenges: Vec<Fr>,
}

impl Table {
    fn value(&self, e: &Expression<Fr>, row: usize, n: usize) -> Fr {
        let at = |r: i32| (row as i64 + i64::from(r)).rem_euclid(n as i64) as usize;
        e.evaluate(
            &|c| c,
            &|_| panic!("selectors are fixed columns"),
            &|q| self.fixed[q.column_index()][at(q.rotation().0)],
            &|q| self.advice[q.column_index()][at(q.rotation().0)],
            &|q| self.instance[q.column_index()][at(q.rotation().0)],
            &|c| self.challenges[c.index()],
            &|a| -a,
            &|a, b| a + b,
            &|a, b| a * b,
            &|a, c| a * c,
        )
    }
    fn column(&self, kind: &Any, i: usize) -> &[Fr] {
        match kind {
            Any::Advice(_) => &self.advice[i],
            Any::Fixed => &self.fixed[i],
            Any::Instance => &self.instance[i],
        }
    }
}

/// Commits to phases by definition.
struct Plain<'a, 'b> {
    setup: &'a Setup,
    channel: &'a mut Channel<'b>,
    rng: &'a mut StdRng,
    columns: Vec<Vec<usize>>,
    phase: usize,
    challenges: Vec<Option<Fr>>,
    advice: Vec<Vec<Fr>>,
}

impl Phases for Plain<'_, '_> {
    fn next(&self) -> Option<&[usize]> {
        self.columns.get(self.phase).map(Vec::as_slice)
    }
    fn challenges(&self) -> &[Option<Fr>] {
        &self.challenges
    }
    fn commit(&mut self, mut columns: Vec<Vec<Fr>>) -> Result<(), crate::Error> {
        for column in &mut columns {
            for row in self.usable_rows()..self.rows() {
                column[row] = Fr::random(&mut *self.rng);
            }
        }
        columns.iter().for_each(|_| _ = Fr::random(&mut *self.rng));
        let domain = self.setup.key.get_vk().get_domain();
        for (number, column) in self.columns[self.phase].iter().zip(columns) {
            let values = domain.lagrange_from_vec(column.clone());
            let point = self
                .setup
                .parameters
                .commit_lagrange(&values, Blind::default());
            self.channel.point(point.to_affine())?;
            self.advice[*number] = column;
        }
        let of = self.setup.key.get_vk().cs().challenge_phase();
        for (i, phase) in of.into_iter().enumerate() {
            if usize::from(phase) == self.phase {
                self.challenges[i] = Some(self.channel.challenge());
            }
        }
        self.phase += 1;
        Ok(())
    }
    fn rows(&self) -> usize {
        self.setup.parameters.n() as usize
    }
    fn usable_rows(&self) -> usize {
        self.rows() - self.setup.key.get_vk().cs().blinding_factors() - 1
    }
}

/// A value as an integer, the highest byte first.
fn integer(v: &Fr) -> Vec<u8> {
    v.to_repr().as_ref().iter().rev().copied().collect()
}

/// What is looked up in increasing order, and the table such that each first one of equal values stands beside its equal.
fn permuted(input: &[Fr], table: &[Fr]) -> (Vec<Fr>, Vec<Fr>) {
    let mut input = input.to_vec();
    input.sort_by_key(integer);
    let mut left: BTreeMap<Vec<u8>, (Fr, usize)> = BTreeMap::new();
    for v in table {
        left.entry(integer(v)).or_insert((*v, 0)).1 += 1;
    }
    let first = |i: usize| i == 0 || input[i] != input[i - 1];
    for i in (0..input.len()).filter(|i| first(*i)) {
        left.get_mut(&integer(&input[i])).unwrap().1 -= 1;
    }
    let mut rest = left.into_values().flat_map(|(v, n)| vec![v; n]);
    let table = (0..input.len())
        .map(|i| {
            if first(i) {
                input[i]
            } else {
                rest.next().unwrap()
            }
        })
        .collect();
    (input, table)
}

/// `z` with `z(0) = first` and `z(i + 1) = z(i) factor(i)`.
fn product(first: Fr, rows: usize, factor: impl Fn(usize) -> Fr) -> Vec<Fr> {
    let mut z = vec![first];
    for i in 0..rows - 1 {
        z.push(z[i] * factor(i));
    }
    z
}

type Poly = Polynomial<Fr, Coeff>;

struct Prover<'a> {
    setup: &'a Setup,
    cs: &'a ConstraintSystem<Fr>,
    domain: &'a EvaluationDomain<Fr>,
    n: usize,
}

impl Prover<'_> {
    fn poly(&self, values: &[Fr]) -> Poly {
        let values = self.domain.lagrange_from_vec(values.to_vec());
        self.domain.lagrange_to_coeff(values)
    }
    fn commit(&self, poly: &[Fr]) -> G1Affine {
        best_multiexp(poly, &self.setup.parameters.get_g()[..poly.len()]).to_affine()
    }
    /// Permutation products by set.
    fn permutation(&self, t: &Table, beta: Fr, gamma: Fr, rng: &mut StdRng) -> Vec<Vec<Fr>> {
        let columns = self.cs.permutation().get_columns();
        let (room, blinding) = (self.cs.degree() - 2, self.cs.blinding_factors());
        let sigma = self.setup.key.permutation().permutations();
        let omega = self.domain.get_omega();
        let mut products: Vec<Vec<Fr>> = vec![];
        let mut first = Fr::ONE;
        for start in (0..columns.len()).step_by(room) {
            let set = start..columns.len().min(start + room);
            let factor = |row: usize| {
                let (mut up, mut down) = (Fr::ONE, Fr::ONE);
                for i in set.clone() {
                    let v = t.column(columns[i].column_type(), columns[i].index())[row];
                    let own = Fr::DELTA.pow([i as u64]) * omega.pow([row as u64]);
                    up *= v + beta * own + gamma;
                    down *= v + beta * sigma[i].values()[row] + gamma;
                }
                up * down.invert().unwrap()
            };
            let mut z = product(first, self.n, factor);
            for v in &mut z[self.n - blinding..] {
                *v = Fr::random(&mut *rng);
            }
            Fr::random(&mut *rng);
            first = z[self.n - blinding - 1];
            products.push(z);
        }
        products
    }
    /// The quotient's pieces on the library's extended domain.
    #[allow(clippy::too_many_arguments)]
    fn quotient(
        &self,
        polys: &Table,
        challenges: &[Fr],
        sets: &[Poly],
        lookups: &[[Poly; 3]],
        [theta, beta, gamma, y]: [Fr; 4],
    ) -> Vec<Vec<Fr>> {
        let (n, key) = (self.n, &self.setup.key);
        let step = self.domain.get_extended_omega();
        let count = self.domain.extended_len() / n;
        let mut parts = vec![];
        for part in 0..count {
            let factor = step.pow([part as u64]);
            let on = |p: &Poly| {
                let values = self.domain.coeff_to_extended_part(p.clone(), factor);
                values.into_values()
            };
            let all = |c: &[Vec<Fr>]| -> Vec<Vec<Fr>> {
                c.iter()
                    .map(|c| on(&self.domain.coeff_from_vec(c.clone())))
                    .collect()
            };
            let t = Table {
                fixed: key.fixed_polys().iter().map(&on).collect(),
                advice: all(&polys.advice),
                instance: all(&polys.instance),
                challenges: challenges.to_vec(),
            };
            let sigma: Vec<_> = key.permutation().polys().iter().map(&on).collect();
            let z: Vec<_> = sets.iter().map(&on).collect();
            let lookups: Vec<_> = lookups.iter().map(|l| l.each_ref().map(&on)).collect();
            let [l0, last, active] = [key.l0(), key.l_last(), key.l_active_row()].map(on);
            let values: Vec<Fr> = (0..n)
                .map(|row| {
                    let at = |r: i64| (row as i64 + r).rem_euclid(n as i64) as usize;
                    let mut terms = vec![];
                    for gate in self.cs.gates() {
                        terms.extend(gate.polynomials().iter().map(|e| t.value(e, row, n)));
                    }
                    if let (Some(first), Some(end)) = (z.first(), z.last()) {
                        terms.push(l0[row] * (Fr::ONE - first[row]));
                        terms.push(last[row] * (end[row].square() - end[row]));
                        let before = at(-(self.cs.blinding_factors() as i64 + 1));
                        for pair in z.windows(2) {
                            terms.push(l0[row] * (pair[1][row] - pair[0][before]));
                        }
                        let columns = self.cs.permutation().get_columns();
                        let room = self.cs.degree() - 2;
                        let x = Fr::ZETA * factor * self.domain.get_omega().pow([row as u64]);
                        for (s, z) in z.iter().enumerate() {
                            let (mut left, mut right) = (z[at(1)], z[row]);
                            for i in s * room..columns.len().min((s + 1) * room) {
                                let v = t.column(columns[i].column_type(), columns[i].index())[row];
                                left *= v + beta * sigma[i][row] + gamma;
                                right *= v + beta * Fr::DELTA.pow([i as u64]) * x + gamma;
                            }
                            terms.push(active[row] * (left - right));
                        }
                    }
                    for (argument, [z, a, s]) in self.cs.lookups().iter().zip(&lookups) {
                        let fold = |list: &[Expression<Fr>]| {
                            let values = list.iter().map(|e| t.value(e, row, n));
                            values.fold(Fr::ZERO, |acc, v| acc * theta + v)
                        };
                        let input = fold(argument.input_expressions());
                        let table = fold(argument.table_expressions());
                        terms.push(l0[row] * (Fr::ONE - z[row]));
                        terms.push(last[row] * (z[row].square() - z[row]));
                        let left = z[at(1)] * (a[row] + beta) * (s[row] + gamma);
                        let right = z[row] * (input + beta) * (table + gamma);
                        terms.push(active[row] * (left - right));
                        terms.push(l0[row] * (a[row] - s[row]));
                        terms.push(active[row] * (a[row] - s[row]) * (a[row] - a[at(-1)]));
                    }
                    terms.into_iter().fold(Fr::ZERO, |acc, term| acc * y + term)
                })
                .collect();
            parts.push(self.domain.lagrange_from_vec(values));
        }
        let whole = self.domain.extended_from_lagrange_vec(parts);
        let whole = self.domain.divide_by_vanishing_poly(whole);
        let whole = self.domain.extended_to_coeff(whole);
        whole.chunks_exact(n).map(<[Fr]>::to_vec).collect()
    }
}

use ff::WithSmallOrderMulGroup;

/// A proof with the randomness of the seed.
pub(super) fn prove(setup: &Setup, seed: u64) -> Vec<u8> {
    let (vk, mut rng) = (setup.key.get_vk(), StdRng::seed_from_u64(seed));
    let (cs, domain) = (vk.cs(), vk.get_domain());
    let n = setup.parameters.n() as usize;
    let p = Prover {
        setup,
        cs,
        domain,
        n,
    };
    let mut transcript = Written::init(vec![]);
    vk.hash_into(&mut transcript).unwrap();
    let mut channel = Channel::new(&mut transcript);
    setup
        .instances
        .iter()
        .flatten()
        .for_each(|v| channel.absorb(*v).unwrap());

    // Advice.
    let phases = cs.advice_column_phase();
    let last = phases.iter().max().copied().unwrap_or(0);
    let of = |phase| (0..phases.len()).filter(|c| phases[*c] == phase).collect();
    let mut plain = Plain {
        setup,
        channel: &mut channel,
        rng: &mut rng,
        columns: (0..=last).map(of).collect(),
        phase: 0,
        challenges: vec![None; cs.num_challenges()],
        advice: vec![vec![]; phases.len()],
    };
    let instances = setup.columns();
    Synthesis::new(&setup.circuit, &instances, cs)
        .assign(&mut plain)
        .unwrap();
    let (challenges, advice) = (plain.challenges, plain.advice);
    let padded = |v: &Vec<Fr>| [v.clone(), vec![Fr::ZERO; n - v.len()]].concat();
    let t = Table {
        fixed: setup
            .key
            .fixed_values()
            .iter()
            .map(|v| v.values().to_vec())
            .collect(),
        advice,
        instance: setup.instances.iter().map(padded).collect(),
        challenges: challenges.into_iter().map(Option::unwrap).collect(),
    };

    // Look-ups, permutation, products.
    let blinding = cs.blinding_factors();
    let usable = n - blinding - 1;
    let theta = channel.challenge();
    let mut lookups = vec![];
    for argument in cs.lookups() {
        let fold = |list: &[Expression<Fr>]| -> Vec<Fr> {
            let fold = |row| {
                list.iter()
                    .fold(Fr::ZERO, |acc, e| acc * theta + t.value(e, row, n))
            };
            (0..n).map(fold).collect()
        };
        let input = fold(argument.input_expressions());
        let table = fold(argument.table_expressions());
        let (mut a, mut s) = permuted(&input[..usable], &table[..usable]);
        a.resize_with(n, || Fr::random(&mut rng));
        s.resize_with(n, || Fr::random(&mut rng));
        for _ in 0..2 {
            Fr::random(&mut rng);
        }
        for column in [&a, &s] {
            channel.point(p.commit(p.poly(column).values())).unwrap();
        }
        lookups.push([input, table, a, s]);
    }
    let (beta, gamma) = (channel.challenge(), channel.challenge());
    let sets = p.permutation(&t, beta, gamma, &mut rng);
    let sets: Vec<Poly> = sets.iter().map(|z| p.poly(z)).collect();
    for z in &sets {
        channel.point(p.commit(z.values())).unwrap();
    }
    let mut looked: Vec<[Poly; 3]> = vec![];
    for [input, table, a, s] in &lookups {
        let mut z = product(Fr::ONE, n - blinding, |i| {
            let down = (a[i] + beta) * (s[i] + gamma);
            (input[i] + beta) * (table[i] + gamma) * down.invert().unwrap()
        });
        z.resize_with(n, || Fr::random(&mut rng));
        Fr::random(&mut rng);
        let z = p.poly(&z);
        channel.point(p.commit(z.values())).unwrap();
        looked.push([z, p.poly(a), p.poly(s)]);
    }

    // The random polynomial, as this crate draws it, and the quotient.
    let mut bytes = [0; 32];
    rng.fill_bytes(&mut bytes);
    let mut own = StdRng::from_seed(bytes);
    let random: Vec<Fr> = (0..n).map(|_| Fr::random(&mut own)).collect();
    channel.point(p.commit(&random)).unwrap();
    let y = channel.challenge();
    let coefficients = |c: &[Vec<Fr>]| c.iter().map(|c| p.poly(c).into_values()).collect();
    let polys = Table {
        advice: coefficients(&t.advice),
        instance: coefficients(&t.instance),
        ..Table::default()
    };
    let scalars = [theta, beta, gamma, y];
    let pieces = p.quotient(&polys, &t.challenges, &sets, &looked, scalars);
    for piece in &pieces {
        channel.point(p.commit(piece)).unwrap();
    }

    // Evaluations.
    let x = channel.challenge();
    let at = |rotation: i32| {
        let omega = domain.get_omega();
        let step = if rotation < 0 {
            omega.invert().unwrap()
        } else {
            omega
        };
        x * step.pow([u64::from(rotation.unsigned_abs())])
    };
    let end = -(blinding as i32 + 1);
    let mut polynomials: Vec<Vec<Fr>> = vec![];
    let mut group = |list: Vec<Vec<Fr>>| {
        let start = polynomials.len();
        polynomials.extend(list);
        start
    };
    let values = |list: &[Poly]| list.iter().map(|p| p.values().to_vec()).collect();
    let advice = group(polys.advice);
    let fixed = group(values(setup.key.fixed_polys()));
    let sigma = group(values(setup.key.permutation().polys()));
    let set = group(values(&sets));
    let look = group(
        looked
            .iter()
            .flat_map(|l| values(l))
            .collect::<Vec<Vec<Fr>>>(),
    );
    let xn = x.pow([n as u64]);
    let whole = (0..n)
        .map(|i| {
            pieces
                .iter()
                .rev()
                .fold(Fr::ZERO, |acc, piece| acc * xn + piece[i])
        })
        .collect();
    let whole = group(vec![whole]);
    let random = group(vec![random]);
    let advice_queries = cs
        .advice_queries()
        .iter()
        .map(|(c, r)| (advice + c.index(), r.0));
    let fixed_queries = cs
        .fixed_queries()
        .iter()
        .map(|(c, r)| (fixed + c.index(), r.0));
    let sigmas = cs.permutation().get_columns().len();
    let mut said: Vec<(usize, i32)> = advice_queries
        .clone()
        .chain(fixed_queries.clone())
        .collect();
    said.push((random, 0));
    said.extend((0..sigmas).map(|i| (sigma + i, 0)));
    for i in 0..sets.len() {
        said.extend([(set + i, 0), (set + i, 1)]);
        if i + 1 < sets.len() {
            said.push((set + i, end));
        }
    }
    for l in (0..looked.len()).map(|i| look + 3 * i) {
        said.extend([(l, 0), (l, 1), (l + 1, 0), (l + 1, -1), (l + 2, 0)]);
    }
    for (polynomial, rotation) in said {
        let value = eval_polynomial(&polynomials[polynomial], at(rotation));
        channel.scalar(value).unwrap();
    }

    // Openings, with the polynomials of low degree that SHPLONK takes off.
    let mut opened: Vec<(usize, i32)> = advice_queries.collect();
    opened.extend((0..sets.len()).flat_map(|i| [(set + i, 0), (set + i, 1)]));
    opened.extend((0..sets.len()).rev().skip(1).map(|i| (set + i, end)));
    for l in (0..looked.len()).map(|i| look + 3 * i) {
        opened.extend([(l, 0), (l + 1, 0), (l + 2, 0), (l + 1, -1), (l, 1)]);
    }
    opened.extend(fixed_queries);
    opened.extend((0..sigmas).map(|i| (sigma + i, 0)));
    opened.extend([(whole, 0), (random, 0)]);
    let mut order: Vec<usize> = vec![];
    let mut points: BTreeMap<usize, BTreeSet<Vec<u8>>> = BTreeMap::new();
    let mut known: BTreeMap<Vec<u8>, Fr> = BTreeMap::new();
    for (polynomial, rotation) in opened {
        if !order.contains(&polynomial) {
            order.push(polynomial);
        }
        let point = at(rotation);
        known.insert(integer(&point), point);
        points
            .entry(polynomial)
            .or_default()
            .insert(integer(&point));
    }
    let mut groups: Vec<(BTreeSet<Vec<u8>>, Vec<usize>)> = vec![];
    for polynomial in order {
        let own = &points[&polynomial];
        match groups.iter_mut().find(|g| g.0 == *own) {
            Some(group) => group.1.push(polynomial),
            None => groups.push((own.clone(), vec![polynomial])),
        }
    }
    let (y, v) = (channel.challenge(), channel.challenge());
    let low = |own: &BTreeSet<Vec<u8>>, polynomial: &[Fr]| {
        let own: Vec<Fr> = own.iter().map(|k| known[k]).collect();
        let values: Vec<Fr> = own
            .iter()
            .map(|x| eval_polynomial(polynomial, *x))
            .collect();
        lagrange_interpolate(&own, &values)
    };
    let mut first = vec![Fr::ZERO; n];
    for (i, (own, members)) in groups.iter().enumerate() {
        let mut numerator = vec![Fr::ZERO; n];
        for (j, member) in members.iter().enumerate() {
            let mut difference = polynomials[*member].clone();
            for (c, r) in difference.iter_mut().zip(low(own, &polynomials[*member])) {
                *c -= r;
            }
            for (sum, c) in numerator.iter_mut().zip(difference) {
                *sum += y.pow([j as u64]) * c;
            }
        }
        for key in own {
            assert_eq!(eval_polynomial(&numerator, known[key]), Fr::ZERO);
            numerator = kate_division(&numerator, known[key]);
        }
        for (sum, c) in first.iter_mut().zip(numerator) {
            *sum += v.pow([i as u64]) * c;
        }
    }
    channel.point(p.commit(&first)).unwrap();
    let u = channel.challenge();
    let vanishing = |keys: Vec<&Vec<u8>>| keys.iter().map(|k| u - known[*k]).product::<Fr>();
    let missing =
        |own: &BTreeSet<Vec<u8>>| vanishing(known.keys().filter(|k| !own.contains(*k)).collect());
    let mut numerator = vec![Fr::ZERO; n];
    for (i, (own, members)) in groups.iter().enumerate() {
        for (j, member) in members.iter().enumerate() {
            let scale = v.pow([i as u64]) * y.pow([j as u64]) * missing(own);
            for (sum, c) in numerator.iter_mut().zip(&polynomials[*member]) {
                *sum += scale * c;
            }
            let rest = low(own, &polynomials[*member]);
            numerator[0] -= scale * eval_polynomial(&rest, u);
        }
    }
    let all = vanishing(known.keys().collect());
    for (sum, c) in numerator.iter_mut().zip(&first) {
        *sum -= all * c;
    }
    assert_eq!(eval_polynomial(&numerator, u), Fr::ZERO);
    let scale = missing(&groups[0].0).invert().unwrap();
    let second = kate_division(&numerator, u);
    let second: Vec<Fr> = second.into_iter().map(|c| c * scale).collect();
    channel.point(p.commit(&second)).unwrap();
    transcript.finalize()
}
