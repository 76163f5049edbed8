//! Windows: how scalars are cut into digits, and which bases have which digit.

use super::{
    points::NEGATIVE,
    scalars::{BITS, Halves},
};

/// Digits of so many bits are the longest.
const LONGEST: usize = 17;

/// How the values of a vector are cut into digits of `bits` bits. All digits but the upper one are between `-2^(bits - 1)` and
/// `2^(bits - 1) - 1`, so that there are half as many absolute values; the upper one takes what is left, and has no sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Windows {
    pub(super) bits: usize,
    pub(super) count: usize,
    /// Bits of the longest value.
    length: usize,
}

/// A bucket costs two additions when the buckets' sum is made, see [`super::buckets`].
const BUCKET: f64 = 2.0;
/// What it costs, in additions, to look at a value twice and to sort a digit.
const DIGIT: f64 = 0.15;
/// What the first bucket of a window costs, and each halving of their number: rounds of additions that fill no batch.
const ROUND: f64 = 100.0;

impl Windows {
    /// The windows that cost least for values of which `lengths[i]` have `i` bits.
    pub(super) fn choose(lengths: &[u64; BITS + 1]) -> Self {
        let length = lengths.iter().rposition(|n| *n != 0).unwrap_or(0).max(1);
        (1..=LONGEST.min(length))
            .filter(|bits| *bits > 1 || length == 1)
            .map(|bits| Self {
                bits,
                count: length.div_ceil(bits),
                length,
            })
            .min_by(|a, b| a.cost(lengths).total_cmp(&b.cost(lengths)))
            .expect("one bit, if no other")
    }

    /// The time it takes, in additions.
    fn cost(self, lengths: &[u64; BITS + 1]) -> f64 {
        let all: u64 = lengths.iter().sum();
        (0..self.count)
            .map(|w| {
                let here: u64 = lengths[self.bits * w..].iter().sum();
                let buckets = self.buckets(w) as f64;
                here as f64
                    + BUCKET * buckets.min(here as f64)
                    + ROUND * (1.0 + buckets.log2())
                    + DIGIT * all as f64
            })
            .sum()
    }

    /// How many absolute values other than 0 the digits of a window may have.
    pub(super) fn buckets(self, window: usize) -> usize {
        if window + 1 < self.count {
            1 << (self.bits - 1)
        } else if self.count == 1 {
            (1 << self.length) - 1
        } else {
            // A carry from below may make it a power of two.
            1 << (self.length - self.bits * window)
        }
    }

    /// Sorts the bases by the absolute values of the digits of a window, 0 left out.
    pub(super) fn sort(self, window: usize, halves: &[Halves]) -> Sorted {
        // With half of the greatest digit added to each digit but the upper one, digits are not negative, and do not depend on those below.
        let half = 1u128 << (self.bits - 1);
        let bias: u128 = (0..self.count - 1).map(|w| half << (self.bits * w)).sum();
        let shift = self.bits * window;
        let (mask, offset) = if window + 1 < self.count {
            ((1u32 << self.bits) - 1, half as i32)
        } else {
            (u32::MAX, 0)
        };
        let digit = |value: u128| ((value + bias) >> shift) as u32 as i32 & mask as i32;
        let digit = |value: u128| digit(value) - offset;
        let mut ends = vec![0u32; self.buckets(window) + 1];
        let mut digits = Vec::with_capacity(halves.iter().map(|h| h.values.len()).sum());
        for halves in halves {
            digits.extend(halves.values.iter().map(|value| digit(*value)));
        }
        for digit in &digits {
            ends[digit.unsigned_abs() as usize] += 1;
        }
        // Where each bucket starts; when it has been filled, this is where it ends.
        let mut start = 0;
        ends[0] = 0;
        for end in &mut ends[1..] {
            let count = *end;
            *end = start;
            start += count;
        }
        let mut refs = vec![0u32; start as usize];
        for (digit, base) in digits.into_iter().zip(halves.iter().flat_map(|h| &h.refs)) {
            if digit != 0 {
                let end = &mut ends[digit.unsigned_abs() as usize];
                refs[*end as usize] = base ^ (digit as u32 & NEGATIVE);
                *end += 1;
            }
        }
        Sorted { refs, ends }
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
