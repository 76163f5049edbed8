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

/// Buffers of a thread.
pub(super) struct Room<E: Engine> {
    /// Between the passes: result `i` of piece `c` at `m1 c + i`.
    middle: Vec<E::Loose<Fr>>,
    /// A piece of the first round, or eight of the second one.
    pieces: Vec<E::Loose<Fr>>,
}

impl<E: Engine> Default for Room<E> {
    fn default() -> Self {
        Self {
            middle: Vec::new(),
            pieces: Vec::new(),
        }
    }
}

/// At least so many pieces of the first round make a task: those of neighbours read neighbouring blocks.
const TASK: usize = 4;

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

/// Levels `from` to `to` of a transform in place, see [`Plan`]. Elements are of age `from`.
#[inline(always)]
fn levels<E: Engine>(
    e: E,
    work: &mut [E::Loose<Fr>],
    factors: &[E::Factor<Fr>],
    [from, to]: [u32; 2],
    plain: bool,
) {
    for s in from..to {
        let aged = s > 0 && s % DEPTH == 0;
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

    /// Transforms the source, or else what `to` holds, into `to`, on this thread.
    pub(super) fn transform(
        &self,
        room: &mut Room<E>,
        source: Option<&Column<Fr>>,
        to: &mut [Block<Fr>],
        finish: Finish<'_>,
    ) {
        self.make_room(room);
        let Room { middle, pieces } = room;
        let from = source.map_or(&*to, |s| s.blocks());
        for (c, results) in middle.chunks_exact_mut(self.m1()).enumerate() {
            self.first_round(from, c, pieces, results);
        }
        let to = Shared::new(to);
        for group in 0..self.m1() / LANES {
            // SAFETY: one group after the other.
            unsafe { self.second_round(middle, group, pieces, &to, finish) };
        }
    }

    /// The same on all threads. Their rooms are from the pool; that of the middle is given.
    pub(super) fn transform_together(
        &self,
        room: &mut Room<E>,
        rooms: &Pool<Room<E>>,
        source: Option<&Column<Fr>>,
        to: &mut [Block<Fr>],
        finish: Finish<'_>,
    ) {
        self.make_room(room);
        let m1 = self.m1();
        let middle = &mut room.middle[..];
        let from = source.map_or(&*to, |s| s.blocks());
        let tasks = middle.par_chunks_mut(TASK * m1).enumerate();
        tasks.for_each(|(task, results)| {
            let mut room = rooms.take();
            self.make_pieces(&mut room);
            for (c, results) in results.chunks_exact_mut(m1).enumerate() {
                self.first_round(from, TASK * task + c, &mut room.pieces, results);
            }
            rooms.put(room);
        });
        let middle = &room.middle[..];
        let to = Shared::new(to);
        (0..m1 / LANES).into_par_iter().for_each(|group| {
            let mut room = rooms.take();
            self.make_pieces(&mut room);
            // SAFETY: each group once.
            unsafe { self.second_round(middle, group, &mut room.pieces, &to, finish) };
            rooms.put(room);
        });
    }

    fn make_room(&self, room: &mut Room<E>) {
        room.middle
            .resize(self.m1() * self.m2(), self.engine.blank::<Fr>());
        self.make_pieces(room);
    }
    fn make_pieces(&self, room: &mut Room<E>) {
        let len = self.m1().max(LANES * self.m2());
        room.pieces.resize(len, self.engine.blank::<Fr>());
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
                levels(e, work, factors, [1, last], self.plain);
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
        middle: &[E::Loose<Fr>],
        group: usize,
        work: &mut [E::Loose<Fr>],
        to: &Shared<'_>,
        finish: Finish<'_>,
    ) {
        let (e, m1, m2) = (self.engine, self.m1(), self.m2());
        let half = m2 / 2;
        let factors = &self.second[LANES * group * m2..][..LANES * m2];
        let across = &self.across[group * m2..][..m2];
        let work = &mut work[..LANES * m2];
        let divisor = e.divisor::<Fr>(self.k);
        e.run(
            #[inline(always)]
            || {
                for c in 0..half {
                    let lows = &middle[m1 * c + LANES * group..][..LANES];
                    let highs = &middle[m1 * (c + half) + LANES * group..][..LANES];
                    for i in 0..LANES {
                        let x = e.refresh::<Fr>(lows[i]);
                        let w = &factors[i * m2 + 1];
                        let both = e.butterfly::<Fr>(x, highs[i], w);
                        work[i * m2 + c] = both[0];
                        work[i * m2 + c + half] = both[1];
                    }
                }
            },
        );
        e.run(
            #[inline(always)]
            || {
                for i in 0..LANES {
                    let piece = &mut work[i * m2..][..m2];
                    let factors = &factors[i * m2..][..m2];
                    levels(e, piece, factors, [1, self.second_levels], false);
                }
            },
        );
        e.run(
            #[inline(always)]
            || {
                for (i, factors) in across.iter().enumerate() {
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
                                let both = e.butterfly_each::<Fr>(x[j], x[j + half], w);
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
