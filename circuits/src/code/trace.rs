//! What a code is made of, and its rows.

use super::{
    CodeChip, FIRST_NUMBER,
    columns::{self, HALF_BYTES, WORD_BYTES},
};
use crate::{Fr, framework::trace::Trace};
use alloy_primitives::U256;
use ff::PrimeField;

/// Words of zeros behind a code: they hold the longest push data, and an instruction behind it.
pub const ZERO_WORDS: usize = 2;

/// Number of 32-byte words of a code with its zero bytes; all of them are written to the chip.
#[must_use]
pub fn padded_words(code: &[u8]) -> usize {
    code.len().div_ceil(WORD_BYTES) + ZERO_WORDS
}

/// A code with its zero bytes, and which of its bytes are push data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Analysis {
    bytes: Vec<u8>,
    /// For each byte, how many bytes of push data end with it, and how many begin with it; none outside of push data.
    data: Vec<(u8, u8)>,
}

impl Analysis {
    /// Reads a code given without its zero bytes.
    #[must_use]
    pub fn new(code: &[u8]) -> Self {
        Self::padded(code, padded_words(code))
    }

    /// Reads a code of so many words, the last ones zeros.
    fn padded(code: &[u8], words: usize) -> Self {
        let mut bytes = code.to_vec();
        bytes.resize(words * WORD_BYTES, 0);
        let (mut data, mut done, mut left) = (Vec::with_capacity(bytes.len()), 0, 0);
        for byte in &bytes {
            if left > 0 {
                done += 1;
                data.push((done, left));
                left -= 1;
            } else {
                data.push((0, 0));
                // At most 32.
                (done, left) = (0, columns::push_length(*byte) as u8);
            }
        }
        Self { bytes, data }
    }

    /// The code's 32-byte words, zero bytes included, as the cpu writes them.
    pub fn words(&self) -> impl Iterator<Item = U256> + '_ {
        self.bytes.chunks(WORD_BYTES).map(U256::from_be_slice)
    }

    /// What the fact on the bus `code` says of the byte at position `p`: the byte, plus 256 inside push data. None past the zero
    /// bytes, where there is no fact.
    #[must_use]
    pub fn fetch(&self, p: usize) -> Option<u64> {
        let (byte, (done, _)) = (self.bytes.get(p)?, self.data.get(p)?);
        Some(u64::from(*byte) + if *done > 0 { 256 } else { 0 })
    }

    /// The value of the push data whose last byte is at position `last`, missing bytes being zeros. None if no push data ends
    /// there.
    #[must_use]
    pub fn push(&self, last: usize) -> Option<U256> {
        match self.data.get(last)? {
            (done, 1) => self.value(last, usize::from(*done)),
            _ => None,
        }
    }

    /// The value of `n` bytes, the last one at position `last`.
    fn value(&self, last: usize, n: usize) -> Option<U256> {
        let bytes = self.bytes.get((last + 1).checked_sub(n)?..=last)?;
        Some(U256::from_be_slice(bytes))
    }
}

/// A value of at most 16 bytes as a field element.
fn small(v: U256) -> Fr {
    Fr::from_u128(v.to())
}

impl CodeChip {
    /// Appends a row for each byte of the codes, given without their zero bytes. Code `i` has the number
    /// [`FIRST_NUMBER`]` + i`; its last byte stands on top, and the last code lowest. No code, no row.
    pub fn trace(&self, trace: &mut Trace<'_>, codes: &[Vec<u8>]) {
        for (i, code) in codes.iter().enumerate() {
            let analysis = Analysis::new(code);
            let more = i + 1 < codes.len();
            for p in (0..analysis.bytes.len()).rev() {
                self.push(trace, &analysis, FIRST_NUMBER + i as u64, p, more);
            }
        }
    }

    fn push(&self, trace: &mut Trace<'_>, code: &Analysis, number: u64, p: usize, more: bool) {
        let c = &self.columns;
        let bit = u64::from;
        let (at, (done, left)) = (p % WORD_BYTES, code.data[p]);
        let (byte, done, left) = (code.bytes[p], usize::from(done), u64::from(left));
        let value = |last: usize, n: usize| code.value(last, n).map_or_else(Fr::default, small);
        let in_half = p % HALF_BYTES;
        // The half before this one, in the first half of a code's first word 0.
        let begun = p - in_half;
        let before = match begun.checked_sub(1) {
            Some(last) => value(last, HALF_BYTES),
            None => Fr::default(),
        };
        // Bytes of push data in its high half, if it has one and it is complete.
        let total = done + left as usize;
        let high = total.saturating_sub(1).saturating_sub(HALF_BYTES);
        let (high_done, low_done) = if done > high {
            (high, done - high)
        } else {
            (0, done)
        };
        trace
            .push(self.kind)
            .set(c.end, bit(at + 1 == WORD_BYTES))
            .set(c.place, columns::place_entry(at))
            .set(c.byte, u64::from(byte))
            .set(c.class, columns::class_entry(byte, done > 0))
            .set(c.count, columns::count_entry(left))
            .set(c.begin, bit(in_half == 0))
            .set(c.data, bit(done > 0))
            .set(c.turn, bit(high > 0 && done == high + 1))
            .set(c.first, bit(p == 0 && more))
            .set(c.last, bit(p == 0 && !more))
            .set(c.position, p as u64)
            .set(c.number, number)
            .set(c.half, value(p, in_half + 1))
            .set(c.half_before, before)
            .set(c.value_lo, value(p, low_done))
            .set(c.value_hi, value(p.saturating_sub(low_done), high_done));
    }
}
