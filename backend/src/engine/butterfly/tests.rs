//! Butterflies with both engines against `halo2curves`, up to the greatest age.

use super::*;
use crate::engine::{Engine, WithEngine, with_engine};
use halo2_proofs::halo2curves::bn256::{Fq, Fr};
use proptest::prelude::*;

fn both<F: Field>(x: [F; LANES], y: [F; LANES]) -> [[F; LANES]; 2] {
    [from_fn(|i| x[i] + y[i]), from_fn(|i| x[i] - y[i])]
}

struct Check<F> {
    x: [F; LANES],
    y: [F; LANES],
    w: [F; LANES],
    /// Which result of each butterfly goes on.
    turns: u8,
    k: u32,
}

impl<F: Field> WithEngine for Check<F> {
    type Output = ();
    fn with<E: Engine>(self, e: E) {
        let Self { x, y, w, turns, k } = self;
        e.run(
            #[inline(always)]
            || {
                let block = |values: &[F; LANES]| {
                    let mut block = Block::ZERO;
                    e.store(e.import(values), &mut block);
                    block
                };
                let out = |x: E::Loose<F>| {
                    let mut block = Block::ZERO;
                    e.leave(x, &mut block);
                    e.export::<F>(e.load(&block))
                };
                let (first, second) = (e.enter(&block(&x)), e.enter(&block(&y)));
                assert_eq!(out(first), x);
                assert_eq!(out(e.blank::<F>()), [F::ZERO; LANES]);
                let factors = e.factors(&block(&w));
                let each = e.each_factor(&factors);
                e.prefetch(&factors);

                let product = from_fn(|i| y[i] * w[i]);
                assert_eq!(out(e.product_each::<F>(second, &factors)), product);
                let results = e.butterfly_each::<F>(first, second, &factors).map(out);
                assert_eq!(results, both(x, product));
                let results = e.butterfly_one::<F>(first, second).map(out);
                assert_eq!(results, both(x, y));
                for (lane, factor) in each.iter().enumerate() {
                    let results = e.butterfly::<F>(first, second, factor).map(out);
                    assert_eq!(results, both(x, y.map(|y| y * w[lane])));
                }

                // Both get as old as they may, by all kinds of butterflies, and are each other's operands.
                let (mut old, mut other) = ([first, second], [x, y]);
                for round in 0..3 {
                    for age in 0..DEPTH {
                        let (a, b) = (old[0], old[1]);
                        let factor = age as usize % LANES;
                        let (results, w) = match (age + round) % 3 {
                            0 => (e.butterfly::<F>(a, b, &each[factor]), [w[factor]; LANES]),
                            1 => (e.butterfly_each::<F>(a, b, &factors), w),
                            _ => (e.butterfly_one::<F>(a, b), [F::ONE; LANES]),
                        };
                        let expected = both(other[0], from_fn(|i| other[1][i] * w[i]));
                        let turn = usize::from(turns >> age & 1);
                        old = [results[turn], results[1 - turn]];
                        other = [expected[turn], expected[1 - turn]];
                        assert_eq!(old.map(out), other);
                    }
                    let divided = |x: E::Loose<F>| {
                        let mut block = Block::ZERO;
                        e.leave_divided(x, e.divisor::<F>(k), &mut block);
                        e.export::<F>(e.load(&block))
                    };
                    let power = F::from(2).pow([u64::from(k)]);
                    assert_eq!(old.map(|x| divided(x).map(|x| x * power)), other);
                    let mut rows = [old[0]; LANES];
                    rows[7] = old[1];
                    let columns = e.transpose_loose::<F>(rows).map(out);
                    for (lane, column) in columns.into_iter().enumerate() {
                        let mut expected = [other[0][lane]; LANES];
                        expected[7] = other[1][lane];
                        assert_eq!(column, expected);
                    }
                    old = old.map(|x| e.refresh::<F>(x));
                    assert_eq!(old.map(out), other);
                }
            },
        );
    }
}

fn check<F: Field>(x: [F; LANES], y: [F; LANES], w: [F; LANES], turns: u8, k: u32) {
    for portable in [false, true] {
        with_engine(portable, Check { x, y, w, turns, k });
    }
}

/// Elements that are 0, or great, or of many set bits, also as what engines keep of them.
fn edges<F: Field>() -> [F; LANES] {
    let [r, s] = [256, 260].map(|bits| F::from(2).pow([bits]).invert().unwrap_or(F::ONE));
    let ones = |bits: u64| F::from(2).pow([bits]) - F::ONE;
    [
        F::ZERO,
        -F::ONE,
        F::ONE,
        ones(253),
        ones(253) * r,
        ones(253) * s,
        -s,
        ones(208) * s,
    ]
}

fn check_edges<F: Field>() {
    let edges = edges::<F>();
    for a in 0..LANES {
        for b in 0..LANES {
            for turns in [0, u8::MAX, 0x55, 0x0f] {
                check([edges[a]; LANES], [edges[b]; LANES], edges, turns, 7);
                check(edges, [edges[a]; LANES], [edges[b]; LANES], turns, 52);
            }
        }
    }
}

#[test]
fn edges_of_both_fields() {
    check_edges::<Fr>();
    check_edges::<Fq>();
}

fn element<F: Field>(words: [u64; 4]) -> F {
    let base = F::from(1 << 32).square();
    words
        .iter()
        .fold(F::ZERO, |acc, w| acc * base + F::from(*w))
}

proptest! {
    #[test]
    fn random_elements(
        x: [[u64; 4]; LANES],
        y: [[u64; 4]; LANES],
        w: [[u64; 4]; LANES],
        turns: u8,
        k in 7..=52u32,
    ) {
        check::<Fr>(x.map(element), y.map(element), w.map(element), turns, k);
        check::<Fq>(x.map(element), y.map(element), w.map(element), turns, k);
    }
}

#[test]
#[should_panic(expected = "no division by 2^6")]
fn divisors_are_not_small() {
    let _ = Portable.divisor::<Fr>(6);
}

#[test]
#[should_panic(expected = "older than elements may get")]
fn portable_counts_ages() {
    let mut x = Portable.enter(&Block::<Fr>::ZERO);
    for _ in 0..=DEPTH {
        [_, x] = Portable.butterfly_one(x, x);
    }
}
