//! The two passes of a transform: the first round, and the second one with the transform across.

use super::{
    plan::{ACROSS, Plan},
    pool::Pool,
};
use crate::{
    column::Column,
    engine::{Block, Engine, LANES, butterfly::DEPTH},
};
use halo2_proofs::halo2curves::bn256::Fr;
use rayon::prelude::*;
use std::marker::PhantomData;

/// What is done with results at the end.
#[derive(Clone, Copy)]
pub(super) enum Finish<'a> {
    Keep,
    /// Divides by the number of points.
    Divide,
    /// Multiplies by those of a column.
    Multiply(&'a Column<Fr>),
}

/// A column to transform: from a source, or else from what it holds.
pub(super) type Job<'a> = (Option<&'a Column<Fr>>, &'a mut Column<Fr>);

/// Buffers that are kept from one transform to the next.
pub(super) struct Buffers<E: Engine> {
    /// What the first round leaves for the second one: result `i` of piece `c` of a column at `m1 c + i`.
    middles: Pool<Vec<E::Loose<Fr>>>,
    /// A piece of the first round, or eight of the second one.
    pieces: Pool<Vec<E::Loose<Fr>>>,
}

impl<E: Engine> Default for Buffers<E> {
    fn default() -> Self {
        Self {
            middles: Pool::default(),
            pieces: Pool::default(),
        }
    }
}

/// At most so many pieces of the first round make a task: neighbours read blocks that are neighbours.
const TASK: usize = 4;

/// Columns that are fewer than threads go through the passes together until they have so many elements: that is work enough for many threads.
const TOGETHER: usize = 1 << 18;

#[inline(always)]
fn reversed(i: usize, bits: u32) -> usize {
    if bits == 0 {
        return 0;
    }
    i.reverse_bits() >> (usize::BITS - bits)
}

/// The blocks of a column, of which each thread writes its own.
struct Shared<'a> {
    start: *mut Block<Fr>,
    len: usize,
    life: PhantomData<&'a mut [Block<Fr>]>,
}

// SAFETY: it stands for a `&mut [Block<Fr>]`, which may be sent; that no two threads get the same block is for the caller of `at` to see to.
unsafe impl Send for Shared<'_> {}
// SAFETY: as above.
unsafe impl Sync for Shared<'_> {}

impl<'a> Shared<'a> {
    fn new(blocks: &'a mut [Block<Fr>]) -> Self {
        Self {
            start: blocks.as_mut_ptr(),
            len: blocks.len(),
            life: PhantomData,
        }
    }
    /// # Safety
    ///
    /// While the result lives there must be no other one for the same number.
    #[allow(clippy::mut_from_ref)]
    #[inline(always)]
    unsafe fn at(&self, i: usize) -> &mut Block<Fr> {
        assert!(i < self.len);
        // SAFETY: within the slice, which is borrowed for as long as `self` lives, and by the caller's word nobody else's.
        unsafe { &mut *self.start.add(i) }
    }
}

/// Levels `from` to `to` of a transform in place, see [`Plan`], of elements of some age. Does something `each` time before a butterfly.
#[inline(always)]
fn levels<E: Engine>(
    e: E,
    work: &mut [E::Loose<Fr>],
    factors: &[E::Factor<Fr>],
    [from, to]: [u32; 2],
    mut age: u32,
    plain: bool,
    mut each: impl FnMut(),
) {
    for s in from..to {
        let aged = age == DEPTH;
        age = if aged { 1 } else { age + 1 };
        let half = work.len() >> (s + 1);
        for (u, group) in work.chunks_exact_mut(2 * half).enumerate() {
            let w = &factors[(1 << s) + u];
            let (low, high) = group.split_at_mut(half);
            if aged {
                for x in &mut *low {
                    *x = e.refresh::<Fr>(*x);
                }
            }
            if plain && u == 0 {
                for i in 0..half {
                    [low[i], high[i]] = e.butterfly_one::<Fr>(low[i], high[i]);
                }
            } else {
                for i in 0..half {
                    each();
                    [low[i], high[i]] = e.butterfly::<Fr>(low[i], high[i], w);
                }
            }
        }
    }
}

impl<E: Engine> Plan<E> {
    fn m1(&self) -> usize {
        1 << self.first_levels
    }
    fn m2(&self) -> usize {
        1 << self.second_levels
    }

    /// Transforms columns: as many as there are threads at a time, each on one thread; what is left over, on all threads.
    pub(super) fn transform(&self, buffers: &Buffers<E>, jobs: &mut [Job<'_>], finish: Finish<'_>) {
        let threads = rayon::current_num_threads();
        let alone = jobs.len() - jobs.len() % threads;
        let (alone, rest) = jobs.split_at_mut(alone);
        alone.par_iter_mut().for_each(|job| {
            self.passes(buffers, std::slice::from_mut(job), finish, false);
        });
        for jobs in rest.chunks_mut((TOGETHER >> self.k).max(1)) {
            self.passes(buffers, jobs, finish, true);
        }
    }

    /// Transforms columns on this thread, or on all of them.
    fn passes(&self, buffers: &Buffers<E>, jobs: &mut [Job<'_>], finish: Finish<'_>, all: bool) {
        let (m1, m2) = (self.m1(), self.m2());
        let m = m1 * m2;
        let mut middle = buffers.middles.take();
        if middle.len() < jobs.len() * m {
            middle.resize(jobs.len() * m, self.engine.blank::<Fr>());
        }

        let task = TASK.min(m2);
        let first = |(i, results): (usize, &mut [E::Loose<Fr>])| {
            let (source, column) = &jobs[i * task / m2];
            let from = source.unwrap_or(column).blocks();
            self.with_pieces(buffers, |work| {
                for (c, results) in results.chunks_exact_mut(m1).enumerate() {
                    self.first_round(from, i * task % m2 + c, work, results);
                }
            });
        };
        let pieces = &mut middle[..jobs.len() * m];
        if all {
            let tasks = pieces.par_chunks_mut(task * m1);
            tasks.enumerate().for_each(first);
        } else {
            let tasks = pieces.chunks_mut(task * m1);
            tasks.enumerate().for_each(first);
        }

        let groups = m1 / LANES;
        let count = groups * jobs.len();
        let columns = jobs.iter_mut();
        let to: Vec<_> = columns.map(|(_, c)| Shared::new(c.blocks_mut())).collect();
        let part = |i: usize| (&middle[i / groups * m..][..m], i % groups);
        let second = |i: usize| {
            let next = (i + 1 < count).then(|| part(i + 1));
            let to = &to[i / groups];
            // SAFETY: each group of each column once.
            self.with_pieces(buffers, |work| unsafe {
                self.second_round(part(i), work, to, finish, next);
            });
        };
        if all {
            (0..count).into_par_iter().for_each(second);
        } else {
            (0..count).for_each(second);
        }
        buffers.middles.put(middle);
    }

    /// Does some work with a buffer for pieces.
    fn with_pieces(&self, buffers: &Buffers<E>, work: impl FnOnce(&mut [E::Loose<Fr>])) {
        let mut pieces = buffers.pieces.take();
        let len = self.m1().max(LANES * self.m2());
        pieces.resize(len, self.engine.blank::<Fr>());
        work(&mut pieces);
        buffers.pieces.put(pieces);
    }

    /// The transform of the blocks `c`, `c + m2`, `c + 2 m2` ..., in natural order.
    fn first_round(
        &self,
        from: &[Block<Fr>],
        c: usize,
        work: &mut [E::Loose<Fr>],
        results: &mut [E::Loose<Fr>],
    ) {
        let (e, m1, m2) = (self.engine, self.m1(), self.m2());
        let (half, last) = (m1 / 2, self.first_levels - 1);
        let factors = &self.first[..];
        let work = &mut work[..m1];
        e.run(
            #[inline(always)]
            || {
                let (low, high) = work.split_at_mut(half);
                for (i, (low, high)) in low.iter_mut().zip(high).enumerate() {
                    let x = e.enter::<Fr>(&from[m2 * i + c]);
                    let y = e.enter::<Fr>(&from[m2 * (i + half) + c]);
                    [*low, *high] = if self.plain {
                        e.butterfly_one::<Fr>(x, y)
                    } else {
                        e.butterfly::<Fr>(x, y, &factors[1])
                    };
                }
                let mut soon = 0;
                levels(e, work, factors, [1, last], 1, self.plain, || {
                    if soon < m1 {
                        e.prefetch(&results[soon]);
                        if c + 1 < m2 {
                            e.prefetch(&from[m2 * soon + c + 1]);
                        }
                    }
                    soon += 1;
                });
                // Levels have been done since age 0 was refreshed the last time.
                let aged = last % DEPTH == 0;
                for (u, pair) in work.as_chunks::<2>().0.iter().enumerate() {
                    let x = if aged {
                        e.refresh::<Fr>(pair[0])
                    } else {
                        pair[0]
                    };
                    let [sum, difference] = if self.plain && u == 0 {
                        e.butterfly_one::<Fr>(x, pair[1])
                    } else {
                        e.butterfly::<Fr>(x, pair[1], &factors[half + u])
                    };
                    let i = reversed(u, last);
                    results[i] = sum;
                    results[i + half] = difference;
                }
            },
        );
    }

    /// The second round for the results `8 group` to `8 group + 7` of the first one, and the transforms across.
    ///
    /// # Safety
    ///
    /// It writes the blocks of `to` with the numbers `group + i m1 / 8`, which nobody else may at the same time.
    unsafe fn second_round(
        &self,
        (middle, group): (&[E::Loose<Fr>], usize),
        work: &mut [E::Loose<Fr>],
        to: &Shared<'_>,
        finish: Finish<'_>,
        next: Option<(&[E::Loose<Fr>], usize)>,
    ) {
        let (e, m1, m2) = (self.engine, self.m1(), self.m2());
        let half = m2 / 2;
        let factors = &self.second[LANES * group * m2..][..LANES * m2];
        let lanes = &self.lanes[LANES * group..][..LANES];
        let work = &mut work[..LANES * m2];
        let divisor = e.divisor::<Fr>(self.k);
        e.run(
            #[inline(always)]
            || {
                for c in 0..half {
                    let lows = &middle[m1 * c + LANES * group..][..LANES];
                    let highs = &middle[m1 * (c + half) + LANES * group..][..LANES];
                    for i in 0..LANES {
                        let x = e.product_each::<Fr>(lows[i], &lanes[i][0]);
                        let both = e.butterfly_each::<Fr>(x, highs[i], &lanes[i][1]);
                        work[i * m2 + c] = both[0];
                        work[i * m2 + c + half] = both[1];
                    }
                }
            },
        );
        e.run(
            #[inline(always)]
            || {
                let mut soon = 0;
                for i in 0..LANES {
                    let piece = &mut work[i * m2..][..m2];
                    let factors = &factors[i * m2..][..m2];
                    levels(e, piece, factors, [1, self.second_levels], 2, false, || {
                        if let Some((middle, group)) = next
                            && soon < LANES * m2
                        {
                            e.prefetch(&middle[m1 * (soon / LANES) + LANES * group + soon % LANES]);
                        }
                        if soon < LANES * m2 {
                            // SAFETY: by the caller's word.
                            e.prefetch(unsafe { to.at(group + m1 / LANES * soon) });
                        }
                        soon += 1;
                    });
                }
            },
        );
        e.run(
            #[inline(always)]
            || {
                for (i, factors) in self.across.iter().enumerate() {
                    let place = reversed(i, self.second_levels);
                    let mut x = [e.blank::<Fr>(); LANES];
                    for lane in 0..LANES {
                        x[lane] = work[lane * m2 + place];
                    }
                    x = e.transpose_loose::<Fr>(x);
                    for j in 0..LANES / 2 {
                        x[j] = e.refresh::<Fr>(x[j]);
                    }
                    for s in 0..ACROSS {
                        let half = LANES >> (s + 1);
                        for u in 0..1 << s {
                            for j in 2 * half * u..2 * half * u + half {
                                let w = &factors[(1 << s) + u - 1];
                                let both = e.butterfly::<Fr>(x[j], x[j + half], w);
                                x[j] = both[0];
                                x[j + half] = both[1];
                            }
                        }
                    }
                    for j in 0..LANES {
                        let number = group + m1 / LANES * (i + m2 * reversed(j, ACROSS));
                        // SAFETY: by the caller's word.
                        let block = unsafe { to.at(number) };
                        match finish {
                            Finish::Keep => e.leave(x[j], block),
                            Finish::Divide => e.leave_divided(x[j], divisor, block),
                            Finish::Multiply(scale) => {
                                e.leave(x[j], block);
                                let scale = e.load(&scale.blocks()[number]);
                                e.store(e.mul::<Fr>(e.load(block), scale), block);
                            }
                        }
                    }
                }
            },
        );
    }
}
