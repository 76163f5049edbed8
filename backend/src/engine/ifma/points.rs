//! Coordinates of points: from anywhere in memory, and sums that are carried once.

use super::{Ifma, LIMBS, Limbs, Of, Register, times};
use crate::{
    engine::{
        LANES,
        points::{Points, Single},
    },
    field::Field,
};
use std::arch::x86_64::*;

impl Ifma {
    #[inline(always)]
    fn negated(self, mask: u8, a: Register) -> Register {
        // SAFETY: as above.
        unsafe { _mm512_mask_sub_epi64(a, mask, _mm512_setzero_si512(), a) }
    }
    /// Four words of one place and four of another.
    #[inline(always)]
    fn read_halves(self, low: &[u64; 4], high: &[u64; 4]) -> Register {
        // SAFETY: as above, AVX-512 F includes AVX; four words can be read of each, at any alignment.
        unsafe {
            let low = _mm256_loadu_si256(low.as_ptr().cast());
            let high = _mm256_loadu_si256(high.as_ptr().cast());
            _mm512_inserti64x4::<1>(_mm512_castsi256_si512(low), high)
        }
    }
    #[inline(always)]
    fn write_halves(self, a: Register, low: &mut [u64; 4], high: &mut [u64; 4]) {
        // SAFETY: as above; four words can be written to each, at any alignment.
        unsafe {
            _mm256_storeu_si256(low.as_mut_ptr().cast(), _mm512_castsi512_si256(a));
            _mm256_storeu_si256(high.as_mut_ptr().cast(), _mm512_extracti64x4_epi64::<1>(a));
        }
    }
}

impl Points for Ifma {
    type Lazy<F: Field> = Limbs;

    const WAYS: usize = 2;
    const FAR: f64 = 0.35;

    #[inline(always)]
    fn gather<F: Field>(self, from: [&Single<F>; LANES]) -> Limbs {
        // Elements i and i + 4 share a register. After the unpacking, `low` has words 0 and 2 of elements 0, 1 | 0, 1 | 4, 5 | 4, 5 or of the
        // others, `high` words 1 and 3.
        let row = |i: usize| self.read_halves(&from[i].words, &from[i + 4].words);
        let (a, b, c, d) = (row(0), row(1), row(2), row(3));
        let low = [self.unpack_low(a, b), self.unpack_low(c, d)];
        let high = [self.unpack_high(a, b), self.unpack_high(c, d)];
        let first = self.read(&[0, 1, 8, 9, 4, 5, 12, 13]);
        let second = self.read(&[2, 3, 10, 11, 6, 7, 14, 15]);
        self.unpacked([
            self.across(low[0], first, low[1]),
            self.across(high[0], first, high[1]),
            self.across(low[0], second, low[1]),
            self.across(high[0], second, high[1]),
        ])
    }
    #[inline(always)]
    fn scatter<F: Field>(self, x: Limbs, mut to: [&mut Single<F>; LANES]) {
        // The way of `gather` back.
        let [w0, w1, w2, w3] = self.packed(x);
        let first = self.read(&[0, 1, 8, 9, 4, 5, 12, 13]);
        let second = self.read(&[2, 3, 10, 11, 6, 7, 14, 15]);
        let (low_a, low_c) = (self.across(w0, first, w2), self.across(w0, second, w2));
        let (high_a, high_c) = (self.across(w1, first, w3), self.across(w1, second, w3));
        let rows = [
            self.unpack_low(low_a, high_a),
            self.unpack_high(low_a, high_a),
            self.unpack_low(low_c, high_c),
            self.unpack_high(low_c, high_c),
        ];
        let (front, back) = to.split_at_mut(4);
        for (i, row) in rows.into_iter().enumerate() {
            self.write_halves(row, &mut front[i].words, &mut back[i].words);
        }
    }
    #[inline(always)]
    fn lazy<F: Field>(self, a: Limbs) -> Limbs {
        a
    }
    #[inline(always)]
    fn lazy_add<F: Field>(self, a: Limbs, b: Limbs) -> Limbs {
        std::array::from_fn(|i| self.add64(a[i], b[i]))
    }
    #[inline(always)]
    fn lazy_sub<F: Field>(self, a: Limbs, b: Limbs) -> Limbs {
        std::array::from_fn(|i| self.sub64(a[i], b[i]))
    }
    #[inline(always)]
    fn lazy_negate<F: Field>(self, mask: u8, a: Limbs) -> Limbs {
        std::array::from_fn(|i| self.negated(mask, a[i]))
    }
    #[inline(always)]
    fn lazy_done<const K: u64, F: Field>(self, a: Limbs) -> Limbs {
        let multiple = self.constant(const { times(K, Of::<F>::LIMBS_OF_P) });
        self.carried(std::array::from_fn(|i| self.add64(a[i], multiple[i])))
    }
    #[inline(always)]
    fn lazy_reduced<const K: u64, F: Field>(self, a: Limbs) -> Limbs {
        // As `reduce`, but what the lower limbs carry is not in the upper one yet: it is between -32 and 32. With 32 less, p is not taken away
        // too often; once too few still, as 64 is less than 2^-38 of the upper limb of p. The upper limb is at least that of p less 32.
        let multiple = self.constant(const { times(K, Of::<F>::LIMBS_OF_P) });
        let x: Limbs = std::array::from_fn(|i| self.add64(a[i], multiple[i]));
        let upper = self.sub64(x[LIMBS - 1], self.set(32));
        self.without_multiple::<F>(x, upper)
    }
}
