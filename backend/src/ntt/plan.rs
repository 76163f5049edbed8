//! The tables of a transform.

use super::powers;
use crate::engine::{Block, Engine, LANES};
use ff::Field;
use halo2_proofs::halo2curves::bn256::Fr;
use rayon::prelude::*;

/// The least `k` of a [`Plan`]: eight results in a row need `m1 >= 8`, and each of the two rounds has a level at least.
pub(super) const MIN_K: u32 = 7;

/// Levels of the transform across lanes.
pub(super) const ACROSS: u32 = LANES.trailing_zeros();

/// A transform of size `n = 2^k` at the points `shift * omega^i`, see [`super`].
///
/// A transform of `2^levels` points `G r^i` has for level `s` (from 0) and group `u` below `2^s` a factor with the number `2^s + u`:
/// `G^(2^(levels - 1 - s))` times [`Roots::get`] of `u`. In place, level `s` has `2^s` groups, the groups of the results are `2 u` (the sum) and
/// `2 u + 1` (the difference), and the results come in bit-reversed order.
pub(super) struct Plan<E: Engine> {
    pub(super) engine: E,
    pub(super) k: u32,
    /// Levels of the first round: `m1 = 2^first_levels`.
    pub(super) first_levels: u32,
    /// Levels of the second round.
    pub(super) second_levels: u32,
    /// Whether the shift is 1: then the factor of each level's group 0 in the first round is 1.
    pub(super) plain: bool,
    /// The first round evaluates at `G = shift^(n / m1)` times the roots of order `m1`.
    pub(super) first: Vec<E::Factor<Fr>>,
    /// The second round for the first one's result `i`, `m2` factors each: at `(shift omega^i)^8` times the roots of order `m2`.
    pub(super) second: Vec<E::Factor<Fr>>,
    /// For the first one's result `i`: `(shift omega^i)^lane`, and that times the factor of the second round's first level.
    pub(super) lanes: Vec<[E::Factors<Fr>; 2]>,
    /// The transform across for the second round's result `i`, without the factor number 0: at `omega^(m1 i)` times the roots of order 8. That is all
    /// that is left of the shift and of the first round's result: their powers are in `lanes`.
    pub(super) across: Vec<[E::Factor<Fr>; LANES - 1]>,
}

/// The roots of unity of order `2^levels` that factors are made of.
struct Roots(Vec<Fr>);

impl Roots {
    /// For transforms by roots of order `2^levels`, of which `root` is the first.
    fn new(root: Fr, levels: u32) -> Self {
        // Group u of level s has X^(2^(levels - s)) = r^(2^(levels - s) v) at G = 1, where v is u with its s bits reversed: its factor is the
        // root of that. So bit i of u stands for a 2^(i + 2)th of the circle, at any level.
        let mut roots = vec![Fr::ONE];
        for s in 1..levels {
            let step = root.pow([1 << (levels - 1 - s)]);
            let next: Vec<_> = roots.iter().map(|r| r * step).collect();
            roots.extend(next);
        }
        Self(roots)
    }
}

/// The factors, in their order, of eight transforms of `2^levels` points.
#[inline(always)]
fn factors<E: Engine>(
    e: E,
    points: &Block<Fr>,
    levels: u32,
    roots: &Roots,
    mut each: impl FnMut(usize, E::Factors<Fr>),
) {
    let mut power = e.load(points);
    for s in (0..levels).rev() {
        for u in 0..1 << s {
            let mut block = Block::ZERO;
            e.store(e.mul::<Fr>(power, e.splat(roots.0[u])), &mut block);
            each((1 << s) + u, e.factors(&block));
        }
        power = e.square::<Fr>(power);
    }
}

impl<E: Engine> Plan<E> {
    pub(super) fn new(engine: E, k: u32, omega: Fr, shift: Fr) -> Self {
        let levels = k - ACROSS;
        let first_levels = levels.div_ceil(2).max(ACROSS);
        let second_levels = levels - first_levels;
        let (m1, m2) = (1usize << first_levels, 1usize << second_levels);
        let root = |levels: u32| omega.pow([1 << (k - levels)]);
        let [roots1, roots2, roots8] =
            [first_levels, second_levels, ACROSS].map(|l| Roots::new(root(l), l));

        let blank = engine.run(
            #[inline(always)]
            || engine.factors(&Block::ZERO),
        );
        let [blank_factor, ..] = engine.run(
            #[inline(always)]
            || engine.each_factor(&blank),
        );
        let mut first = vec![blank_factor; m1];
        engine.run(
            #[inline(always)]
            || {
                let mut point = Block::ZERO;
                engine.store(engine.splat(shift.pow([(LANES * m2) as u64])), &mut point);
                factors(engine, &point, first_levels, &roots1, |i, f| {
                    [first[i], ..] = engine.each_factor(&f);
                });
            },
        );

        let mut across = vec![[blank_factor; LANES - 1]; m2];
        let points = powers(engine, Fr::ONE, omega.pow([m1 as u64]), m2.max(LANES));
        for (across, point) in across.chunks_mut(LANES).zip(points.blocks()) {
            engine.run(
                #[inline(always)]
                || {
                    factors(engine, point, ACROSS, &roots8, |i, f| {
                        for (across, factor) in across.iter_mut().zip(engine.each_factor(&f)) {
                            across[i - 1] = factor;
                        }
                    });
                },
            );
        }

        let points = powers(engine, shift, omega, m1);
        let mut second = vec![blank_factor; m1 * m2];
        let mut lanes = vec![[blank; 2]; m1];
        let tables = second.par_chunks_mut(LANES * m2);
        let tables = tables.zip(lanes.par_chunks_mut(LANES));
        tables
            .zip(points.blocks())
            .for_each(|((second, lanes), points)| {
                engine.run(
                    #[inline(always)]
                    || {
                        let point = engine.load(points);
                        let mut power = engine.splat(Fr::ONE);
                        let mut by_lane = [power; LANES];
                        for lane in 0..LANES {
                            by_lane[lane] = power;
                            power = engine.mul::<Fr>(power, point);
                        }
                        let mut eighth = Block::ZERO;
                        engine.store(power, &mut eighth);
                        for _ in 1..second_levels {
                            power = engine.square::<Fr>(power);
                        }
                        for times_first in [false, true] {
                            let by_point = engine.transpose::<Fr>(by_lane);
                            for (lanes, row) in lanes.iter_mut().zip(by_point) {
                                let mut block = Block::ZERO;
                                engine.store(row, &mut block);
                                lanes[usize::from(times_first)] = engine.factors(&block);
                            }
                            for row in &mut by_lane {
                                *row = engine.mul::<Fr>(*row, power);
                            }
                        }
                        factors(engine, &eighth, second_levels, &roots2, |i, f| {
                            for (lane, factor) in engine.each_factor(&f).into_iter().enumerate() {
                                second[lane * m2 + i] = factor;
                            }
                        });
                    },
                );
            });
        Self {
            engine,
            k,
            first_levels,
            second_levels,
            plain: shift == Fr::ONE,
            first,
            second,
            lanes,
            across,
        }
    }
}
