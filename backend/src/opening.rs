//! Evaluations at the challenge point, and SHPLONK's two commitments that open them (Boneh, Drake, Fisch, Gabizon: "Efficient
//! polynomial commitment schemes for multiple points and polynomials", 2020/081, section 4).

use crate::{
    column::Column,
    engine::{Block, Engine},
    ntt,
};
use ff::Field;
use halo2_proofs::halo2curves::bn256::Fr;
use rayon::prelude::*;

/// Products that are summed before they are reduced: a block is below `2 p`, a power as well, so that a product counts 4 of the 84 that there
/// may be.
const PRODUCTS: usize = 21;

/// Blocks that a task takes at once.
const CHUNK: usize = 1 << 9;

/// The polynomials' values at a point.
pub(crate) fn evaluate<E: Engine>(engine: E, polynomials: &[&Column<Fr>], point: Fr) -> Vec<Fr> {
    let Some(first) = polynomials.first() else {
        return vec![];
    };
    let powers = ntt::powers(engine, Fr::ONE, point, first.len());
    let tasks: Vec<(usize, usize)> = (0..polynomials.len())
        .flat_map(|p| (0..powers.blocks().len().div_ceil(CHUNK)).map(move |c| (p, c)))
        .collect();
    let parts: Vec<(usize, Fr)> = tasks
        .par_iter()
        .map(|(p, c)| {
            let range = c * CHUNK..powers.blocks().len().min((c + 1) * CHUNK);
            let blocks = &polynomials[*p].blocks()[range.clone()];
            let sum = inner_product(engine, blocks, &powers.blocks()[range]);
            (*p, sum)
        })
        .collect();
    let mut values = vec![Fr::ZERO; polynomials.len()];
    for (p, part) in parts {
        values[p] += part;
    }
    values
}

fn inner_product<E: Engine>(engine: E, a: &[Block<Fr>], b: &[Block<Fr>]) -> Fr {
    let lanes = engine.run(
        #[inline(always)]
        || {
            let mut total = engine.zero::<Fr>();
            for (a, b) in a.chunks(PRODUCTS).zip(b.chunks(PRODUCTS)) {
                let mut sum = engine.sum::<Fr>();
                for (a, b) in a.iter().zip(b) {
                    sum = engine.sum_add::<Fr>(sum, engine.load(a), engine.load(b));
                }
                // Below 2 p each.
                let both = engine.add::<Fr>(total, engine.sum_done::<Fr>(sum));
                total = engine.reduce::<Fr>(both);
            }
            engine.export::<Fr>(total)
        },
    );
    lanes.iter().sum()
}

/// The sum of the polynomials, each times its factor.
pub(crate) fn combine<E: Engine>(
    engine: E,
    polynomials: &[(&Column<Fr>, Fr)],
    n: usize,
) -> Column<Fr> {
    let mut out = Column::zeros(n);
    out.blocks_mut()
        .par_chunks_mut(CHUNK)
        .enumerate()
        .for_each(|(i, out)| {
            engine.run(
                #[inline(always)]
                || {
                    for some in polynomials.chunks(PRODUCTS) {
                        let mut factors = [engine.zero::<Fr>(); PRODUCTS];
                        for (factor, (_, value)) in factors.iter_mut().zip(some) {
                            *factor = engine.splat(*value);
                        }
                        for (j, out) in out.iter_mut().enumerate() {
                            let mut sum = engine.sum::<Fr>();
                            for ((polynomial, _), factor) in some.iter().zip(factors) {
                                let block = engine.load(&polynomial.blocks()[i * CHUNK + j]);
                                sum = engine.sum_add::<Fr>(sum, block, factor);
                            }
                            // Below 2 p each.
                            let both =
                                engine.add::<Fr>(engine.load(out), engine.sum_done::<Fr>(sum));
                            engine.store(engine.reduce::<Fr>(both), out);
                        }
                    }
                },
            );
        });
    out
}

/// The quotient by `X - point`, without the remainder; the highest coefficient becomes 0.
pub(crate) fn divide(coefficients: &mut [Fr], point: Fr) {
    let mut carry = Fr::ZERO;
    for coefficient in coefficients.iter_mut().rev() {
        let this = *coefficient + carry * point;
        *coefficient = carry;
        carry = this;
    }
}

/// A polynomial that is opened, by its place in some list, and the number of the point where.
pub(crate) type Query = (usize, usize);

/// Polynomials that are opened at the same points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Set {
    /// Numbers of the points, in increasing order.
    pub(crate) points: Vec<usize>,
    /// The polynomials, in order of their first appearance.
    pub(crate) polynomials: Vec<usize>,
}

/// Sets by the order of their first polynomials' first appearance.
pub(crate) fn sets(queries: &[Query]) -> Vec<Set> {
    let mut polynomials: Vec<(usize, Vec<usize>)> = vec![];
    for (polynomial, point) in queries {
        match polynomials.iter_mut().find(|p| p.0 == *polynomial) {
            Some((_, points)) if points.contains(point) => {}
            Some((_, points)) => points.push(*point),
            None => polynomials.push((*polynomial, vec![*point])),
        }
    }
    let mut sets: Vec<Set> = vec![];
    for (polynomial, mut points) in polynomials {
        points.sort_unstable();
        match sets.iter_mut().find(|s| s.points == points) {
            Some(set) => set.polynomials.push(polynomial),
            None => sets.push(Set {
                points,
                polynomials: vec![polynomial],
            }),
        }
    }
    sets
}

/// What is left to open after the first commitment.
#[derive(Debug)]
pub(crate) struct Opening {
    sets: Vec<Set>,
    points: Vec<Fr>,
    /// For each set the sum of its polynomials, by powers of a challenge.
    sums: Vec<Column<Fr>>,
    /// What was committed to first.
    first: Vec<Fr>,
    v: Fr,
}

impl Opening {
    /// Begins with the challenges `y` (polynomials of a set) and `v` (sets). The first polynomial to commit to is
    /// `sum_i v^i quotient(S_i, Z_i)`, `S_i` the sum of the set's polynomials, `Z_i` zero at its points. What the polynomials come to at the points
    /// only changes remainders, which are left out.
    pub(crate) fn new<E: Engine>(
        engine: E,
        polynomials: &[&Column<Fr>],
        queries: &[Query],
        points: Vec<Fr>,
        [y, v]: [Fr; 2],
    ) -> Self {
        let sets = sets(queries);
        let n = polynomials.first().map_or(0, |p| p.len());
        let powers = |base: Fr| std::iter::successors(Some(Fr::ONE), move |p| Some(p * base));
        let sums: Vec<Column<Fr>> = sets
            .iter()
            .map(|set| {
                let members = set.polynomials.iter().map(|p| polynomials[*p]);
                let terms: Vec<_> = members.zip(powers(y)).collect();
                combine(engine, &terms, n)
            })
            .collect();
        let quotients: Vec<Vec<Fr>> = sets
            .par_iter()
            .zip(&sums)
            .map(|(set, sum)| {
                let mut quotient = sum.export(engine);
                for point in &set.points {
                    divide(&mut quotient, points[*point]);
                }
                quotient
            })
            .collect();
        let mut first = vec![Fr::ZERO; n];
        for (quotient, power) in quotients.iter().zip(powers(v)) {
            let sum = first.par_iter_mut().zip(quotient);
            sum.for_each(|(sum, q)| *sum += power * q);
        }
        Self {
            sets,
            points,
            sums,
            first,
            v,
        }
    }

    /// The first polynomial.
    pub(crate) fn first(&self) -> &[Fr] {
        &self.first
    }

    /// The second one, at the challenge `u`: the quotient by `X - u` of `sum_i v^i z_i S_i - Z first`, where `z_i` is the product of `u - p` over the
    /// points that the set does not have, and `Z` over all; all of it divided by `z_0`.
    pub(crate) fn second<E: Engine>(self, engine: E, u: Fr) -> Vec<Fr> {
        let n = self.first.len();
        let missing: Vec<Fr> = self
            .sets
            .iter()
            .map(|set| {
                let others = (0..self.points.len()).filter(|p| !set.points.contains(p));
                others.map(|p| u - self.points[p]).product()
            })
            .collect();
        let all: Fr = self.points.iter().map(|p| u - p).product();
        // u is a challenge: that it is one of the points has a chance of 2^-250, and then there is no such proof.
        let scale = missing
            .first()
            .map_or(Fr::ONE, |z| z.invert().unwrap_or(Fr::ZERO));
        let mut power = scale;
        let mut terms = vec![];
        for (sum, z) in self.sums.iter().zip(&missing) {
            terms.push((sum, power * z));
            power *= self.v;
        }
        let first = Column::import(engine, &self.first);
        terms.push((&first, -all * scale));
        let mut quotient = combine(engine, &terms, n).export(engine);
        divide(&mut quotient, u);
        quotient
    }
}
