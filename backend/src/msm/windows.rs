//! Windows: how scalars are cut into digits, and which bases have which digit.

use super::{
    points::NEGATIVE,
    scalars::{BITS, Halves},
};
use rayon::prelude::*;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// A task that sorts digits has so many [`Halves`], unless there are fewer.
const FEWEST: usize = 4;
/// Digits of so many bits are the longest.
const LONGEST: usize = 17;

/// Which multiples there are of each base, itself included: with the number `j`, below `count`, the one by `2^(step j)`, whose reference is
/// greater by `apart j`. As `step count` is at least [`BITS`], there is one for each piece of a value that has `step` bits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Multiples {
    pub(super) count: usize,
    pub(super) step: usize,
    pub(super) apart: usize,
    /// What it costs more to have a point come from them, in additions.
    pub(super) far: f64,
}

impl Multiples {
    /// So many multiples. The upper piece of a value has less than `step` bits, so that its digits are not greater than others, which have a sign.
    pub(super) fn new(count: usize, apart: usize, far: f64) -> Self {
        Self {
            count,
            step: (BITS + 1).div_ceil(count),
            apart,
            far,
        }
    }
}

/// How the values of a vector are cut into digits.
///
/// A value is first cut into `pieces` of `step` bits, each for another multiple of the base: they share the windows. A piece is cut into `count`
/// digits, one for each window, of `bits` bits but for the last, which has what is left of the piece. All digits of `b` bits are between
/// `-2^(b - 1)` and `2^(b - 1) - 1`, so that there are half as many absolute values, but for the upper digit of the value, which takes what is
/// left, and has no sign.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Windows {
    pub(super) bits: usize,
    pub(super) count: usize,
    /// Bits of the longest value.
    length: usize,
    pieces: usize,
    step: usize,
    /// How much greater the references of the next piece are.
    apart: usize,
    /// What a point costs, in additions: its own, and to have it come.
    point: f64,
}

/// Where a digit is in a value.
#[derive(Clone, Copy, Debug)]
struct Place {
    piece: usize,
    /// The bit that it begins with.
    start: usize,
    /// How many bits it has. It has no sign if it is the upper one of a value.
    bits: usize,
    upper: bool,
}

impl Place {
    /// The digit of a value, see [`Windows::bias`].
    #[inline(always)]
    fn digit(self, value: u128, bias: u128) -> i32 {
        let bits = ((value + bias) >> self.start) as u32;
        if self.upper {
            bits as i32
        } else {
            let all = (1u32 << self.bits) - 1;
            (bits & all) as i32 - (1 << (self.bits - 1))
        }
    }

    /// The greatest absolute value of the digit.
    fn greatest(self) -> usize {
        match self {
            // Nothing is carried from below.
            Self {
                start: 0,
                upper: true,
                bits,
                ..
            } => (1 << bits) - 1,
            // A carry from below may make it a power of two.
            Self {
                upper: true, bits, ..
            } => 1 << bits,
            Self { bits, .. } => 1 << (bits - 1),
        }
    }
}

/// A bucket costs two additions when the buckets' sum is made, see [`super::buckets`].
const BUCKET: f64 = 2.0;
/// What it costs, in additions, to look at a value twice and to sort a digit.
const DIGIT: f64 = 0.15;
/// What the first bucket of a window costs, and each halving of their number: rounds of additions that fill no batch.
const ROUND: f64 = 100.0;

impl Windows {
    /// The windows that cost least for values of which `lengths[i]` have `i` bits.
    pub(super) fn choose(lengths: &[u64; BITS + 1], multiples: Multiples) -> Self {
        Self::cheapest(lengths, multiples).0
    }

    /// The windows that cost least, and what that is.
    pub(super) fn cheapest(lengths: &[u64; BITS + 1], multiples: Multiples) -> (Self, f64) {
        let length = lengths.iter().rposition(|n| *n != 0).unwrap_or(0);
        let mut at_least = *lengths;
        for i in (0..BITS).rev() {
            at_least[i] += at_least[i + 1];
        }
        Self::all(length, multiples)
            .map(|windows| (windows, windows.cost(&at_least)))
            .min_by(|a, b| a.1.total_cmp(&b.1))
            .expect("one bit, if no other")
    }

    /// All ways to cut values of at most so many bits.
    pub(super) fn all(length: usize, multiples: Multiples) -> impl Iterator<Item = Self> {
        let length = length.max(1);
        // For every multiple, for every second one, and so on until values are not cut in pieces.
        let needed = length.div_ceil(multiples.step);
        (1..=needed).flat_map(move |every| {
            let pieces = needed.div_ceil(every);
            let step = length.min(multiples.step * every);
            (1..=LONGEST.min(step))
                .filter(move |bits| *bits > 1 || step == 1)
                .map(move |bits| Self {
                    bits,
                    count: step.div_ceil(bits),
                    length,
                    pieces,
                    step,
                    apart: multiples.apart * every,
                    point: if pieces == 1 {
                        1.0
                    } else {
                        1.0 + multiples.far
                    },
                })
        })
    }

    /// The time it takes, in additions, where `at_least[i]` values have `i` bits or more.
    fn cost(self, at_least: &[u64; BITS + 1]) -> f64 {
        (0..self.count)
            .map(|window| {
                let (mut here, mut digits) = (0, 0);
                for place in self.places(window) {
                    here += at_least[place.start];
                    digits += at_least[0];
                }
                let buckets = self.buckets(window) as f64;
                self.point * here as f64
                    + BUCKET * buckets.min(here as f64)
                    + ROUND * (1.0 + buckets.log2())
                    + DIGIT * digits as f64
            })
            .sum()
    }

    /// The digits of a window, at most one of each piece.
    fn places(self, window: usize) -> impl Iterator<Item = Place> {
        let offset = self.bits * window;
        (0..self.pieces).filter_map(move |piece| {
            let start = self.step * piece;
            // The bits of the piece from this window on.
            let left = self.step.min(self.length - start).checked_sub(offset)?;
            let bits = self.bits.min(left);
            (bits > 0).then_some(Place {
                piece,
                start: start + offset,
                bits,
                upper: start + offset + bits == self.length,
            })
        })
    }

    /// How many absolute values other than 0 the digits of a window may have.
    pub(super) fn buckets(self, window: usize) -> usize {
        let greatest = self.places(window).map(Place::greatest).max();
        greatest.expect("the first piece has all windows")
    }

    /// What is added to values so that with half of the greatest digit more in each digit but the upper one none is negative, and none depends
    /// on those below.
    fn bias(self) -> u128 {
        let all = (0..self.count).flat_map(|window| self.places(window));
        all.filter(|place| !place.upper)
            .map(|place| 1 << (place.start + place.bits - 1))
            .sum()
    }

    /// Sorts the bases by the absolute values of the digits of a window, 0 left out, in so many tasks if there are enough of them.
    pub(super) fn sort(self, window: usize, halves: &[Halves], tasks: usize) -> Sorted {
        let bias = self.bias();
        let buckets = self.buckets(window) + 1;
        let tasks = tasks.clamp(1, halves.len().div_ceil(FEWEST).max(1));
        let size = halves.len().div_ceil(tasks).max(1);
        // The digits of each task, and how many of each absolute value it has.
        let mut parts: Vec<(&[Halves], Vec<i32>, Vec<u32>)> = halves
            .par_chunks(size)
            .map(|halves| {
                let (mut digits, mut counts) = (Vec::new(), vec![0; buckets]);
                let values = halves.iter().map(|h| h.values.len()).sum::<usize>();
                digits.reserve_exact(values * self.places(window).count());
                for place in self.places(window) {
                    for halves in halves {
                        digits.extend(halves.values.iter().map(|v| place.digit(*v, bias)));
                    }
                }
                for digit in &digits {
                    counts[digit.unsigned_abs() as usize] += 1;
                }
                (halves, digits, counts)
            })
            .collect();
        // Where each task's part of each bucket starts; when it has been filled, this is where it ends.
        let mut start = 0;
        for bucket in 1..buckets {
            for (_, _, ends) in &mut parts {
                (ends[bucket], start) = (start, start + ends[bucket]);
            }
        }
        // Each is written once; atomic, as tasks write to places between those of the others.
        let refs: Vec<AtomicU32> = (0..start).map(|_| AtomicU32::new(0)).collect();
        parts.par_iter_mut().for_each(|(halves, digits, ends)| {
            let mut digits = digits.iter();
            for place in self.places(window) {
                let apart = (self.apart * place.piece) as u32;
                for (base, digit) in halves.iter().flat_map(|h| &h.refs).zip(&mut digits) {
                    if *digit != 0 {
                        let end = &mut ends[digit.unsigned_abs() as usize];
                        let reference = (base + apart) ^ (*digit as u32 & NEGATIVE);
                        refs[*end as usize].store(reference, Relaxed);
                        *end += 1;
                    }
                }
            }
        });
        let mut ends = parts.pop().map_or(vec![0; buckets], |part| part.2);
        ends[0] = 0;
        Sorted {
            refs: refs.into_iter().map(AtomicU32::into_inner).collect(),
            ends,
        }
    }
}

/// Bases sorted by digits.
#[derive(Debug)]
pub(super) struct Sorted {
    /// The bases, with the digits' signs.
    pub(super) refs: Vec<u32>,
    /// Where the bases of each absolute value end.
    pub(super) ends: Vec<u32>,
}
