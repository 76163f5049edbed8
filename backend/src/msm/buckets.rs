//! Buckets: the sum of the bases that have the same digit, and from these the sum of all, each as often as its digit says.

use super::{
    arena::Arena,
    points::{self, Point},
    windows::Sorted,
};
use crate::engine::{Engine, LANES};
use halo2_proofs::halo2curves::bn256::G1Affine;
use std::ops::Range;

/// The number of a window and an absolute value of its digits.
type Bucket = (u32, u32);

/// References of windows that one task adds up: those of a window, from where to where.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) window: usize,
    pub(super) refs: Range<usize>,
}

/// Cuts the references of all windows, one after the other, into tasks of `size`.
pub(super) fn cut(windows: &[Sorted], size: usize) -> Vec<Vec<Piece>> {
    let (mut tasks, mut free) = (Vec::<Vec<Piece>>::new(), 0);
    for (window, sorted) in windows.iter().enumerate() {
        let mut start = 0;
        while start < sorted.refs.len() {
            if free == 0 {
                tasks.push(Vec::new());
                free = size;
            }
            let refs = start..sorted.refs.len().min(start + free);
            (start, free) = (refs.end, free - refs.len());
            if let Some(task) = tasks.last_mut() {
                task.push(Piece { window, refs });
            }
        }
    }
    tasks
}

/// Sums of buckets, none the identity: in the order of windows and digits. A bucket may be there several times, which are then to be added.
#[derive(Debug, Default)]
pub(super) struct Sums {
    keys: Vec<Bucket>,
    points: Vec<Point>,
}

/// Adds up what the pieces have of each bucket.
pub(super) fn sums<E: Engine>(
    arena: &mut Arena<E>,
    bases: &[Point],
    windows: &[Sorted],
    pieces: &[Piece],
) -> Sums {
    arena.clear();
    let (mut refs, mut lens, mut keys) = (Vec::new(), Vec::new(), Vec::new());
    for Piece {
        window,
        refs: range,
    } in pieces
    {
        let sorted = &windows[*window];
        refs.extend_from_slice(&sorted.refs[range.clone()]);
        let mut start = range.start;
        let mut digit = sorted.ends.partition_point(|end| *end as usize <= start);
        while start < range.end {
            let end = range.end.min(sorted.ends[digit] as usize);
            if end > start {
                lens.push((end - start) as u32);
                keys.push((*window as u32, digit as u32));
                start = end;
            }
            digit += 1;
        }
    }
    let mut names = Vec::new();
    arena.sums_of(bases, &refs, &lens, &mut names);
    let mut out = Sums::default();
    for (key, name) in keys.into_iter().zip(names) {
        let point = arena.point(name);
        if !point.is_identity() {
            out.keys.push(key);
            out.points.push(*point);
        }
    }
    out
}

/// Shares buckets out to tasks that have about `size` of them: windows, or parts of a window whose digits are the same after a division by
/// `size`.
pub(super) fn share(parts: &[Sums], size: usize) -> Vec<Range<Bucket>> {
    let block = |bucket: &Bucket| (bucket.0, bucket.1 / size as u32);
    let keys: Vec<Bucket> = parts.iter().flat_map(|part| &part.keys).copied().collect();
    let (mut tasks, mut start, mut sum) = (Vec::new(), (0, 0), 0);
    for keys in keys.chunk_by(|a, b| block(a) == block(b)) {
        if sum + keys.len() > size && sum > 0 {
            tasks.push(start..keys[0]);
            (start, sum) = (keys[0], 0);
        }
        sum += keys.len();
    }
    tasks.push(start..(u32::MAX, 0));
    tasks
}

/// The sum of a window's buckets, or of some: a point for each bit, to be added as often as the bit is worth.
#[derive(Debug)]
pub(super) struct Weighted {
    pub(super) window: usize,
    pub(super) points: Vec<G1Affine>,
}

/// Some of a window's buckets on the way there. The sum of `i` times bucket `i` is the sum of the buckets with odd `i`, and twice the same of the sums of two
/// neighbours with `i / 2`. So each level halves the number of buckets, and leaves those with odd numbers to be added up. Together this is less
/// than two additions for each bucket.
#[derive(Debug)]
struct Levels {
    window: usize,
    /// The digits of the buckets, in ascending order, and their names.
    buckets: Vec<(u32, u32)>,
    /// What is to be added up at each level, the lowest one first.
    odd: Vec<Vec<u32>>,
}

/// Makes the weighted sums of these buckets, for each window by itself. `parts` have the sums of all buckets, in order.
pub(super) fn weighted<E: Engine>(
    engine: E,
    arena: &mut Arena<E>,
    buckets: Range<Bucket>,
    parts: &[Sums],
) -> Vec<Weighted> {
    arena.clear();
    let mut all = merged(arena, buckets, parts);
    let mut active = true;
    while active {
        active = false;
        for levels in &mut all {
            active |= levels.halve(arena);
        }
        arena.add();
    }
    all.into_iter()
        .map(|levels| levels.export(engine, arena))
        .collect()
}

/// The buckets of each window, each once.
fn merged<E: Engine>(arena: &mut Arena<E>, buckets: Range<Bucket>, parts: &[Sums]) -> Vec<Levels> {
    let (mut names, mut lens, mut keys) = (Vec::new(), Vec::<u32>::new(), Vec::new());
    for part in parts {
        let before = |bucket| part.keys.partition_point(|key| *key < bucket);
        let range = before(buckets.start)..before(buckets.end);
        for (key, point) in part.keys[range.clone()].iter().zip(&part.points[range]) {
            names.push(arena.push(*point));
            match lens.last_mut() {
                Some(len) if keys.last() == Some(key) => *len += 1,
                _ => {
                    keys.push(*key);
                    lens.push(1);
                }
            }
        }
    }
    let mut sums = Vec::new();
    arena.sums(names, &lens, &mut sums);
    let mut all = Vec::<Levels>::new();
    for ((window, digit), name) in keys.into_iter().zip(sums) {
        let window = window as usize;
        match all.last_mut() {
            Some(levels) if levels.window == window => levels.buckets.push((digit, name)),
            _ => all.push(Levels {
                window,
                buckets: vec![(digit, name)],
                odd: Vec::new(),
            }),
        }
    }
    all
}

impl Levels {
    /// Plans the next level and a round of the sums of those before. Says whether there was something to do.
    fn halve<E: Engine>(&mut self, arena: &mut Arena<E>) -> bool {
        let mut active = false;
        for odd in &mut self.odd {
            active |= odd.len() > 1;
            let left = arena.plan_halving(odd);
            odd.truncate(left as usize);
        }
        if self.buckets.is_empty() {
            return active;
        }
        let odd = self.buckets.iter().filter(|b| b.0 % 2 == 1).map(|b| b.1);
        self.odd.push(odd.collect());
        // A bucket with the number 0 counts no more.
        let halved = self.buckets.chunk_by(|a, b| a.0 / 2 == b.0 / 2);
        self.buckets = halved
            .filter(|pair| pair[0].0 > 1)
            .map(|pair| match *pair {
                [(i, a), (_, b)] => (i / 2, arena.plan([a, b])),
                [(i, a), ..] => (i / 2, a),
                [] => unreachable!("a chunk has an element"),
            })
            .collect();
        true
    }

    fn export<E: Engine>(self, engine: E, arena: &Arena<E>) -> Weighted {
        let bits: Vec<Point> = self
            .odd
            .iter()
            .map(|odd| {
                odd.first()
                    .map_or(Point::IDENTITY, |name| *arena.point(*name))
            })
            .collect();
        let mut points = Vec::with_capacity(bits.len());
        for eight in bits.chunks(LANES) {
            let mut block = [Point::IDENTITY; LANES];
            block[..eight.len()].copy_from_slice(eight);
            points.extend_from_slice(&points::export(engine, &block)[..eight.len()]);
        }
        Weighted {
            window: self.window,
            points,
        }
    }
}
