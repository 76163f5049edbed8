//! Evaluations at the challenge point, and what opens them.

use super::{channel::Channel, core::Core, cosets::Polynomials};
use crate::{
    column::Column,
    engine::Engine,
    error::Error,
    opening::{Opening, Query, combine, evaluate},
    progress::{Observer, Stage, tell},
};
use ff::Field;
use halo2_proofs::halo2curves::bn256::Fr;
use std::collections::BTreeMap;

impl<E: Engine> Core<E> {
    /// Evaluations, and the two commitments that open them.
    pub(super) fn open(
        &self,
        polynomials: &Polynomials,
        pieces: &[Column<Fr>],
        random: &Column<Fr>,
        channel: &mut dyn Channel,
        observer: &dyn Observer,
    ) -> Result<(), Error> {
        let (engine, cs, n) = (self.engine, self.constraints(), self.n());
        let x = channel.challenge();
        let xn = x.pow_vartime([n as u64]);
        let powers = std::iter::successors(Some(Fr::ONE), |p| Some(p * xn));
        let terms: Vec<_> = pieces.iter().zip(powers).collect();
        let quotient = combine(engine, &terms, n);

        // All polynomials in one list, and where the parts of the list begin.
        let groups: [&[Column<Fr>]; 8] = [
            &polynomials.advice,
            &self.given.fixed,
            &self.given.sigma,
            &polynomials.permutation_products,
            &polynomials.lookup_products,
            &polynomials.lookup_inputs,
            &polynomials.lookup_tables,
            std::slice::from_ref(random),
        ];
        let mut all: Vec<&Column<Fr>> = vec![];
        let [advice, fixed, sigma, set, product, input, table, last] = groups.map(|group| {
            let start = all.len();
            all.extend(group);
            start
        });
        let whole = all.len();
        all.push(&quotient);

        let sets = polynomials.permutation_products.len();
        let lookups = polynomials.lookup_products.len();
        let end = -(cs.blinding_factors() as i32 + 1);
        let queried = |start: usize, queries: Vec<(usize, i32)>| {
            queries.into_iter().map(move |(c, r)| (start + c, r))
        };
        let advice_queries = cs.advice_queries().iter().map(|(c, r)| (c.index(), r.0));
        let fixed_queries = cs.fixed_queries().iter().map(|(c, r)| (c.index(), r.0));
        let advice_queries: Vec<_> = queried(advice, advice_queries.collect()).collect();
        let fixed_queries: Vec<_> = queried(fixed, fixed_queries.collect()).collect();
        let sigma_queries: Vec<_> = (0..self.given.sigma.len())
            .map(|i| (sigma + i, 0))
            .collect();

        // What is said, in the order in which it is said.
        let mut said = advice_queries.clone();
        said.extend(&fixed_queries);
        said.push((last, 0));
        said.extend(&sigma_queries);
        for i in 0..sets {
            said.extend([(set + i, 0), (set + i, 1)]);
            if i + 1 < sets {
                said.push((set + i, end));
            }
        }
        for i in 0..lookups {
            said.extend([(product + i, 0), (product + i, 1)]);
            said.extend([(input + i, 0), (input + i, -1), (table + i, 0)]);
        }
        tell(observer, Stage::Evaluations, 0, 1)?;
        let omega = self.key.get_domain().get_omega();
        // Rotations by whole turns are the same.
        let turn = |rotation: i32| i64::from(rotation).rem_euclid(n as i64) as u64;
        let mut by_turn: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        for (polynomial, rotation) in &said {
            by_turn
                .entry(turn(*rotation))
                .or_default()
                .push(*polynomial);
        }
        let mut values: BTreeMap<(usize, u64), Fr> = BTreeMap::new();
        for (turn, list) in by_turn {
            let columns: Vec<_> = list.iter().map(|p| all[*p]).collect();
            let results = evaluate(engine, &columns, x * omega.pow_vartime([turn]));
            values.extend(list.into_iter().map(|p| (p, turn)).zip(results));
        }
        for (polynomial, rotation) in &said {
            channel.scalar(values[&(*polynomial, turn(*rotation))])?;
        }
        tell(observer, Stage::Evaluations, 1, 1)?;

        // What is opened, in the order that decides the sets.
        let mut opened = advice_queries;
        opened.extend((0..sets).flat_map(|i| [(set + i, 0), (set + i, 1)]));
        opened.extend((0..sets).rev().skip(1).map(|i| (set + i, end)));
        for i in 0..lookups {
            opened.extend([(product + i, 0), (input + i, 0), (table + i, 0)]);
            opened.extend([(input + i, -1), (product + i, 1)]);
        }
        opened.extend(fixed_queries);
        opened.extend(sigma_queries);
        opened.extend([(whole, 0), (last, 0)]);
        let mut turns: Vec<u64> = vec![];
        let queries: Vec<Query> = opened
            .into_iter()
            .map(|(polynomial, rotation)| {
                let turn = turn(rotation);
                let point = turns.iter().position(|t| *t == turn);
                let point = point.unwrap_or_else(|| {
                    turns.push(turn);
                    turns.len() - 1
                });
                (polynomial, point)
            })
            .collect();
        let points = turns.iter().map(|t| x * omega.pow_vartime([*t])).collect();
        tell(observer, Stage::Openings, 0, 2)?;
        let challenges = [channel.challenge(), channel.challenge()];
        let opening = Opening::new(engine, &all, &queries, points, challenges);
        self.say(&self.given.powers, &[opening.first()], channel)?;
        tell(observer, Stage::Openings, 1, 2)?;
        let second = opening.second(engine, channel.challenge());
        self.say(&self.given.powers, &[&second], channel)?;
        tell(observer, Stage::Openings, 2, 2)
    }
}
