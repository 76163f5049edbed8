//! Multi-scalar multiplication on the curve G1 of BN254: `sum_i scalar_i * base_i` for bases that stay and many vectors of scalars.
//!
//! Pippenger's method in this form:
//!
//! 1. `scalars`: scalars become short integers with a sign, full-size ones two of 126 bits by the curve's endomorphism. Zeros vanish.
//! 2. `windows`: a vector's integers are cut into digits of a length that suits what it holds, and the bases are sorted by digits.
//! 3. `buckets`: the bases with the same digit are added up, and from these sums come the weighted sums of the windows.
//! 4. Doubling and adding puts the windows together.
//!
//! With memory to spare, `multiples` of the bases by powers of two are kept, so that windows share their buckets (Brickell, Gordon, McCurley,
//! Wilson, "Fast exponentiation with precomputation", EUROCRYPT 1992).
//!
//! All additions of 3 are affine, in large batches with one inversion each (`points`), in an order in which none waits for another one of its
//! batch (`arena`): bases with the same digit are added up in pairs, then the pairs in pairs, and so on. Additions of equal points, of a point
//! and its negative and of the identity are found by the product of the batch being 0, and then the batch is done again with care.

mod arena;
mod buckets;
mod fixed_base;
mod multiples;
mod points;
mod scalars;
#[cfg(test)]
mod tests;
mod windows;

use crate::{
    array::Array,
    engine::{Engine, LANES},
};
use arena::Arena;
use buckets::{Sums, Weighted};
pub use fixed_base::FixedBase;
use group::{Group, prime::PrimeCurveAffine};
use halo2_proofs::halo2curves::bn256::{Fr, G1, G1Affine};
pub(crate) use multiples::Layout;
pub(crate) use points::Point;
use rayon::prelude::*;
use scalars::Halves;
use std::sync::{Mutex, PoisonError};
use windows::{Multiples, Sorted, Windows};

/// Scalars that are worked on together, at most, unless one vector has more. A full-size scalar needs about 110 bytes meanwhile.
const GROUP: usize = 1 << 20;
/// Scalars of a task that cuts them in halves.
const SEGMENT: usize = 1 << 12;
/// Points of a task that adds up buckets: what comes of them stays in the cache of a core.
const TASK: usize = 1 << 13;
/// Buckets of a task that makes weighted sums.
const BUCKETS: usize = 1 << 12;

/// Points to be multiplied, as an engine keeps them: 128 bytes for each, and as much again for each multiple that is precomputed.
#[derive(Debug)]
pub struct Bases<E> {
    engine: E,
    layout: Layout,
    /// As the layout says.
    points: Array<Point>,
    /// Whether one of the points is the identity.
    identities: bool,
    /// Memory of tasks, kept for the next ones.
    arenas: Mutex<Vec<Arena<E>>>,
}

impl<E: Engine> Bases<E> {
    /// Prepares points, which may be the identity, for multiplication by this engine.
    ///
    /// # Panics
    ///
    /// If they are more than 2^30.
    #[must_use]
    pub fn new(engine: E, points: &[G1Affine]) -> Self {
        Self::with_precomputation(engine, points, 0)
    }

    /// As [`Bases::new`], and keeps multiples of the points in at most so many bytes more: 128 for each multiple of a point, where the number
    /// of points is rounded up to a multiple of 8. Sums are the same, in less time.
    ///
    /// As many multiples are made as make vectors of full-size scalars cheapest: not more than seven of each of 2^16 points, with which there are
    /// 14 % fewer additions. But points come more slowly from more memory, which costs as much with fast instructions, see
    /// [`Points::FAR`](crate::engine::points::Points::FAR): then none are made.
    ///
    /// # Panics
    ///
    /// If there are more than 2^30 points.
    #[must_use]
    pub fn with_precomputation(engine: E, points: &[G1Affine], bytes: usize) -> Self {
        Self::with_layout(engine, points, Layout::within(points.len(), bytes, E::FAR))
    }

    fn with_layout(engine: E, points: &[G1Affine], layout: Layout) -> Self {
        let mut all = vec![Point::IDENTITY; layout.points()];
        let (first, _) = all.split_at_mut(layout.apart());
        let (own, images) = first.split_at_mut(layout.padded());
        own.as_chunks_mut()
            .0
            .par_iter_mut()
            .zip(images.as_chunks_mut().0)
            .zip(points.par_chunks(LANES))
            .for_each(|((own, images), points)| {
                let mut eight = [G1Affine::identity(); LANES];
                eight[..points.len()].copy_from_slice(points);
                points::import(engine, &eight, scalars::ZETA, own, images);
            });
        multiples::fill(engine, layout, &mut all);
        Self::of(engine, layout, Array::Own(all))
    }

    /// Of points as the layout says.
    pub(crate) fn of(engine: E, layout: Layout, points: Array<Point>) -> Self {
        debug_assert_eq!(points.len(), layout.points());
        Self {
            engine,
            layout,
            identities: points[..layout.len].par_iter().any(Point::is_identity),
            points,
            arenas: Mutex::default(),
        }
    }

    /// What [`Bases::of`] makes them of again.
    pub(crate) fn parts(&self) -> (Layout, &[Point]) {
        (self.layout, &self.points)
    }

    /// How many points there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.layout.len
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.layout.len == 0
    }

    /// The bytes of the precomputed multiples.
    #[must_use]
    pub fn precomputed_bytes(&self) -> usize {
        (self.points.len() - self.layout.apart()) * size_of::<Point>()
    }

    /// How many affine additions [`Bases::multiply`] has made so far, a measure of its work that is the same on any machine.
    #[must_use]
    pub fn additions(&self) -> u64 {
        let arenas = self.arenas.lock().unwrap_or_else(PoisonError::into_inner);
        arenas.iter().map(Arena::additions).sum()
    }

    /// The sum of the multiples of the points, for each vector of scalars. A vector that is shorter than the points is for the first ones.
    ///
    /// The time goes by the sizes of the scalars: zeros cost next to nothing, and a number below 2^16 or its negative far less than one of full
    /// size.
    ///
    /// # Panics
    ///
    /// If a vector is longer than the points.
    #[must_use]
    pub fn multiply(&self, scalars: &[&[Fr]]) -> Vec<G1> {
        let mut out = Vec::with_capacity(scalars.len());
        let mut rest = scalars;
        while !rest.is_empty() {
            let mut size = 0;
            let fitting = rest.iter().take_while(|vector| {
                size += vector.len();
                size <= GROUP
            });
            let (group, others) = rest.split_at(fitting.count().max(1));
            rest = others;
            out.extend(self.multiply_group(group));
        }
        out
    }

    fn multiply_group(&self, scalars: &[&[Fr]]) -> Vec<G1> {
        let halves: Vec<Vec<Halves>> = scalars.par_iter().map(|s| self.halves(s)).collect();
        let multiples = self.layout.multiples;
        let plans: Vec<Windows> = halves.iter().map(|h| plan(h, multiples)).collect();
        let windows: Vec<(usize, usize)> = (0..plans.len())
            .flat_map(|vector| (0..plans[vector].count).map(move |window| (vector, window)))
            .collect();
        let tasks = rayon::current_num_threads().div_ceil(windows.len().max(1));
        let sorted: Vec<Sorted> = windows
            .par_iter()
            .with_max_len(1)
            .map(|&(vector, window)| plans[vector].sort(window, &halves[vector], tasks))
            .collect();
        drop(halves);
        let sums: Vec<Sums> = buckets::cut(&sorted, TASK)
            .par_iter()
            .with_max_len(1)
            .map(|pieces| {
                self.with_arena(|arena| buckets::sums(arena, &self.points, &sorted, pieces))
            })
            .collect();
        let weighted: Vec<Vec<Weighted>> = buckets::share(&sums, BUCKETS)
            .into_par_iter()
            .with_max_len(1)
            .map(|buckets| {
                self.with_arena(|arena| buckets::weighted(self.engine, arena, buckets, &sums))
            })
            .collect();
        let mut of_vectors = vec![Vec::new(); scalars.len()];
        for Weighted { window, points } in weighted.into_iter().flatten() {
            let (vector, window) = windows[window];
            let shift = plans[vector].bits * window;
            of_vectors[vector].extend((shift..).zip(points));
        }
        of_vectors
            .par_iter_mut()
            .map(|terms| combined(terms))
            .collect()
    }

    fn halves(&self, scalars: &[Fr]) -> Vec<Halves> {
        assert!(
            scalars.len() <= self.layout.len,
            "a vector is longer than the bases"
        );
        let images = self.layout.padded();
        scalars
            .par_chunks(SEGMENT)
            .enumerate()
            .map(|(i, scalars)| {
                let skip = |base: usize| self.identities && self.points[base].is_identity();
                scalars::halves(self.engine, scalars, SEGMENT * i, images, skip)
            })
            .collect()
    }

    fn with_arena<R>(&self, work: impl FnOnce(&mut Arena<E>) -> R) -> R {
        let lock = || self.arenas.lock().unwrap_or_else(PoisonError::into_inner);
        let arena = lock().pop();
        let mut arena = arena.unwrap_or_else(|| Arena::new(self.engine));
        let out = work(&mut arena);
        lock().push(arena);
        out
    }
}

fn plan(halves: &[Halves], multiples: Multiples) -> Windows {
    let mut lengths = [0; scalars::BITS + 1];
    for halves in halves {
        for (sum, own) in lengths.iter_mut().zip(halves.lengths) {
            *sum += u64::from(own);
        }
    }
    Windows::choose(&lengths, multiples)
}

/// The sum of points, each times two to the power of a number.
fn combined(terms: &mut [(usize, G1Affine)]) -> G1 {
    terms.sort_by_key(|term| std::cmp::Reverse(term.0));
    let mut sum = G1::identity();
    let mut at = terms.first().map_or(0, |term| term.0);
    for (power, point) in terms {
        for _ in *power..at {
            sum = sum.double();
        }
        at = *power;
        sum += *point;
    }
    (0..at).fold(sum, |sum, _| sum.double())
}
