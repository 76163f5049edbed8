//! Sums of many runs of points, each by a tree: in each round the points of a run are added in pairs. All runs take part in a round, so that
//! its additions share an inversion, and no addition waits for another one of its round.

use super::points::{self, BATCH, NEGATIVE, Point};
use crate::engine::{Block, Engine, LANES};
use halo2_proofs::halo2curves::bn256::Fq;

/// Memory for points that are made from each other, to be used again and again. A point is named by its index.
#[derive(Debug)]
pub(super) struct Arena<E> {
    engine: E,
    points: Vec<Point>,
    /// The points in use. After them there may be some that fill up eight lanes.
    len: usize,
    /// Whether one of them may be the identity.
    identities: bool,
    pairs: Vec<[u32; 2]>,
    before: Vec<Block<Fq>>,
    /// Additions made so far.
    additions: u64,
}

/// Points that are added up: so many from that place in the list of references.
#[derive(Clone, Copy, Debug)]
struct Run {
    number: u32,
    start: u32,
    len: u32,
}

impl<E: Engine> Arena<E> {
    pub(super) fn new(engine: E) -> Self {
        Self {
            engine,
            points: Vec::new(),
            len: 0,
            identities: false,
            pairs: Vec::new(),
            before: Vec::new(),
            additions: 0,
        }
    }

    /// How many additions have been made so far.
    pub(super) fn additions(&self) -> u64 {
        self.additions
    }

    /// Forgets all points.
    pub(super) fn clear(&mut self) {
        self.len = 0;
        self.identities = false;
        self.pairs.clear();
    }

    /// A new point; returns its name.
    pub(super) fn push(&mut self, point: Point) -> u32 {
        self.reserve(1);
        self.points[self.len] = point;
        self.identities |= point.is_identity();
        self.len += 1;
        (self.len - 1) as u32
    }

    pub(super) fn point(&self, name: u32) -> &Point {
        &self.points[name as usize]
    }

    /// Plans that two points are to be added by the next [`Arena::add`]. Returns what the name of the sum will be.
    pub(super) fn plan(&mut self, pair: [u32; 2]) -> u32 {
        self.pairs.push(pair);
        (self.len + self.pairs.len() - 1) as u32
    }

    fn reserve(&mut self, more: usize) {
        let needed = self.len + more;
        if self.points.len() < needed {
            self.points
                .resize(needed.max(2 * self.points.len()), Point::IDENTITY);
        }
    }

    /// Adds as planned, points of this arena.
    pub(super) fn add(&mut self) {
        self.add_from::<false>(None);
    }

    fn add_from<const SIGNED: bool>(&mut self, others: Option<&[Point]>) {
        let Some(&last) = self.pairs.last() else {
            return;
        };
        let count = self.pairs.len();
        self.additions += count as u64;
        self.pairs.resize(count.next_multiple_of(BATCH), last);
        let blocks = self.pairs.len() / LANES;
        if self.before.len() < blocks {
            self.before.resize(blocks, Block::ZERO);
        }
        self.reserve(self.pairs.len());
        let (own, out) = self.points.split_at_mut(self.len);
        self.identities |= points::add::<E, SIGNED>(
            self.engine,
            others.unwrap_or(own),
            &self.pairs,
            &mut self.before,
            out,
            !self.identities,
        );
        self.len += count;
        self.pairs.clear();
    }

    /// Sums of runs of other points, none the identity. `refs` names them, perhaps with a sign, one run after the other; `lens` are the runs'
    /// lengths, none 0. The sums' names come in `sums`.
    pub(super) fn sums_of(
        &mut self,
        others: &[Point],
        refs: &[u32],
        lens: &[u32],
        sums: &mut Vec<u32>,
    ) {
        // The first round: pairs, then those without a partner, which are copied.
        let first = self.len as u32;
        let pairs: u32 = lens.iter().map(|len| len / 2).sum();
        let (mut added, mut copied) = (first, first + pairs);
        let (mut alone, mut names) = (Vec::new(), Vec::with_capacity(refs.len() / 2 + lens.len()));
        let mut rest = refs;
        for len in lens {
            let (run, others) = rest.split_at(*len as usize);
            rest = others;
            let (pairs, odd) = run.as_chunks::<2>();
            self.pairs.extend_from_slice(pairs);
            names.extend(added..added + pairs.len() as u32);
            added += pairs.len() as u32;
            if let [odd] = odd {
                alone.push(*odd);
                names.push(copied);
                copied += 1;
            }
        }
        self.add_from::<true>(Some(others));
        self.copy(others, &mut alone);
        let lens: Vec<u32> = lens.iter().map(|len| len.div_ceil(2)).collect();
        self.sums(names, &lens, sums);
    }

    fn copy(&mut self, others: &[Point], refs: &mut Vec<u32>) {
        let Some(&last) = refs.last() else {
            return;
        };
        let count = refs.len();
        refs.resize(count.next_multiple_of(LANES), last);
        self.reserve(refs.len());
        let out = self.points[self.len..].as_chunks_mut().0;
        points::copy(self.engine, others, refs.as_chunks().0, out);
        self.len += count;
    }

    /// Sums of runs of points of this arena, as [`Arena::sums_of`] but without signs.
    pub(super) fn sums(&mut self, mut names: Vec<u32>, lens: &[u32], sums: &mut Vec<u32>) {
        debug_assert!(names.iter().all(|n| n & NEGATIVE == 0));
        sums.clear();
        sums.resize(lens.len(), 0);
        let mut runs = Vec::with_capacity(lens.len());
        let mut start = 0;
        for (number, &len) in lens.iter().enumerate() {
            runs.push(Run {
                number: number as u32,
                start,
                len,
            });
            start += len;
        }
        loop {
            runs.retain(|run| {
                let more = run.len > 1;
                if !more {
                    sums[run.number as usize] = names[run.start as usize];
                }
                more
            });
            if runs.is_empty() {
                return;
            }
            for run in &mut runs {
                run.len = self.plan_halving(&mut names[run.start as usize..][..run.len as usize]);
            }
            self.add();
        }
    }

    /// Plans the additions in pairs of points, whose names become those of the sums and of the one that is left. Returns how many that are.
    pub(super) fn plan_halving(&mut self, names: &mut [u32]) -> u32 {
        let half = names.len() / 2;
        for i in 0..half {
            names[i] = self.plan([names[2 * i], names[2 * i + 1]]);
        }
        if names.len() % 2 == 1 {
            names[half] = names[2 * half];
        }
        names.len().div_ceil(2) as u32
    }
}
