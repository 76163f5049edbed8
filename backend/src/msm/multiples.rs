//! Multiples of the bases by powers of two, precomputed.

use super::{
    points::{self, BATCH, Point},
    scalars::{BITS, ZETA},
    windows::{Multiples, Windows},
};
use crate::engine::{Block, Engine, LANES};
use rayon::prelude::*;
use std::mem::size_of;

/// More multiples than these are never kept: a piece of a value would be shorter than any digit that pays.
const MOST: usize = 64;
/// More points cannot be named: references have 31 bits.
const REFERENCES: usize = 1 << 31;
/// Points of a task that doubles them, a multiple of [`BATCH`]: they stay in the cache of a core.
const TASK: usize = 1 << 12;

/// Points in so many bytes come quickly: a processor has about as much cache for each core.
const CACHE: usize = 4 << 20;

/// Where points are in a list: the bases, filled up with the identity to a multiple of [`LANES`]; as many images of them under the endomorphism;
/// then both again for each multiple.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Layout {
    /// How many bases there are.
    pub(super) len: usize,
    pub(super) multiples: Multiples,
}

impl Layout {
    /// Numbers that say all of it but what depends on the engine.
    pub(crate) const WORDS: usize = 2;

    /// The layout of so many points and of the multiples with which full-size scalars cost least, in at most so many bytes more. About `far` see
    /// [`Points::FAR`](crate::engine::points::Points::FAR).
    ///
    /// # Panics
    ///
    /// If there are more than 2^30 points.
    pub(super) fn within(len: usize, bytes: usize, far: f64) -> Self {
        assert!(len <= 1 << 30, "at most 2^30 bases");
        let apart = Self::with_count(len, 1, far).apart();
        let room = bytes / size_of::<Point>();
        let room = (room / apart.max(1) + 1).min(REFERENCES / apart.max(1));
        // Full-size scalars are two values each.
        let mut lengths = [0; BITS + 1];
        lengths[BITS] = 2 * len as u64;
        let cost = |layout: Self| Windows::cheapest(&lengths, layout.multiples).1;
        (1..=room.min(MOST))
            .map(|count| Self::with_count(len, count, far))
            .map(|layout| (layout, cost(layout)))
            .min_by(|a, b| a.1.total_cmp(&b.1))
            .map_or(Self::with_count(len, 1, far), |best| best.0)
    }

    /// The layout of so many points, with so many multiples of each, itself included.
    pub(super) fn with_count(len: usize, count: usize, far: f64) -> Self {
        let apart = 2 * len.next_multiple_of(LANES);
        let near = count * apart * size_of::<Point>() <= CACHE;
        let multiples = Multiples::new(count, apart, if near { 0.0 } else { far });
        Self { len, multiples }
    }

    /// The numbers that [`Layout::of_words`] makes it of again.
    pub(crate) fn words(self) -> [u64; Self::WORDS] {
        [self.len as u64, self.multiples.count as u64]
    }

    /// By numbers that may be anything. `None` if no layout has them.
    pub(crate) fn of_words([len, count]: [u64; Self::WORDS], far: f64) -> Option<Self> {
        let (len, count) = (usize::try_from(len).ok()?, usize::try_from(count).ok()?);
        let sensible = len <= 1 << 30 && (1..=MOST).contains(&count);
        let layout = sensible.then(|| Self::with_count(len, count, far))?;
        (layout.points() <= REFERENCES).then_some(layout)
    }

    /// How many bases there are with those that fill up.
    pub(super) fn padded(self) -> usize {
        self.len.next_multiple_of(LANES)
    }

    /// From a point to its next multiple.
    pub(super) fn apart(self) -> usize {
        self.multiples.apart
    }

    /// How many points there are in all.
    pub(crate) fn points(self) -> usize {
        self.apart() * self.multiples.count
    }
}

/// Fills in all multiples; the bases and their images are there.
pub(super) fn fill<E: Engine>(engine: E, layout: Layout, points: &mut [Point]) {
    for number in 1..layout.multiples.count {
        let (before, next) = points.split_at_mut(layout.apart() * number);
        let from = &before[layout.apart() * (number - 1)..][..layout.padded()];
        let (own, images) = next[..layout.apart()].split_at_mut(layout.padded());
        own.par_chunks_mut(TASK)
            .zip(images.par_chunks_mut(TASK))
            .zip(from.par_chunks(TASK))
            .for_each(|((own, images), from)| {
                double(engine, layout.multiples.step, from, own);
                points::images(engine, ZETA, own, images);
            });
    }
}

/// Points doubled so many times.
fn double<E: Engine>(engine: E, times: usize, from: &[Point], to: &mut [Point]) {
    let count = from.len().next_multiple_of(BATCH);
    let mut points = vec![Point::IDENTITY; count];
    points[..from.len()].copy_from_slice(from);
    let mut doubled = points.clone();
    let pairs: Vec<[u32; 2]> = (0..count as u32).map(|i| [i, i]).collect();
    let mut before = vec![Block::ZERO; count / LANES];
    for _ in 0..times {
        points::add::<E, false>(engine, &points, &pairs, &mut before, &mut doubled, false);
        std::mem::swap(&mut points, &mut doubled);
    }
    to.copy_from_slice(&points[..to.len()]);
}
