//! Butterflies with a product by Shoup's method (Harvey, "Faster arithmetic for number-theoretic transforms", section 3) on five limbs.
//!
//! A factor `w < p` comes with `w' = 2^260 w / p`, rounded down. Then `w a - q p`, where `q` is about `w' a / 2^260`, is `w a` modulo `p` and
//! small: modulo 2^260 its lower limbs are enough. There are 75 multiply-adds instead of 105, and no chain from one limb to the next.
//!
//! # Ranges
//!
//! `q` is made of the products that reach the limbs from the fifth on. What is left out are nine halves of products, each below 1, and what
//! carries into these, below 2^-48; to round `w'` and to round down what is left leaves out below 1 once more. Together that is from 0 to less
//! than `10 + 2^-48`, and [`HALF_ERROR`] is added: so `w a - q p` is at most `(5 + 2^-48) p` from 0, be it above or below.
//!
//! A loose vector is integers from 0 to `2^260 = 84.6 p`: the sum of its limbs modulo 2^260, where limbs are signed and carry nothing. Those of
//! age 0 are from `OFFSET p` to `(OFFSET + 2) p`; `DEPTH = 8` butterflies take at most `8 (5 + 2^-48)` below and add as much above, so that they
//! stay above 0 and below `84 p`. Limbs start below 2^54 and a butterfly adds less than 18 times 2^52: they are below 2^60.

#[cfg(test)]
mod tests;

use super::{BITS, Ifma, LIMBS, Limbs, MASK, Of, Register, times};
use crate::{
    engine::{
        Arithmetic, Block, LANES,
        butterfly::{Butterfly, DEPTH, assert_divisor},
    },
    field::Field,
};
use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};

/// Half of what the estimate of a quotient may lack.
const HALF_ERROR: u64 = 5;
/// Times the modulus that loose elements of age 0 are above 0.
const OFFSET: u64 = 41;
const _: () = assert!(OFFSET > HALF_ERROR * DEPTH as u64);
const _: () = assert!(OFFSET + 2 + HALF_ERROR * (DEPTH as u64) < super::super::LIMIT);

/// Does something for each limb, whose number is a constant: such loops are always unrolled, so that limbs stay in registers.
macro_rules! each_limb {
    ($i:ident => $body:block) => {
        each_limb!($i => $body, 0, 1, 2, 3, 4)
    };
    ($i:ident => $body:block, $($number:literal),*) => {
        $({
            const $i: usize = $number;
            $body
        })*
    };
}

impl<F: Field> Of<F> {
    const OFFSET: [u64; LIMBS] = times(OFFSET, Self::LIMBS_OF_P);
    /// `-1 / p` modulo 2^260.
    const FULL_INVERSE: [u64; LIMBS] = {
        // Montgomery's reduction of 1, limb by limb: the multiples of p that cancel it.
        let (p, mut rest, mut out, mut i) = (Self::LIMBS_OF_P, [1, 0, 0, 0, 0], [0; LIMBS], 0);
        while i < LIMBS {
            out[i] = (rest[i] as u64).wrapping_mul(Self::INVERSE) & MASK;
            let (mut carry, mut j) = (0u128, 0);
            while i + j < LIMBS {
                let sum = rest[i + j] + out[i] as u128 * p[j] as u128 + carry;
                rest[i + j] = sum & MASK as u128;
                carry = sum >> BITS;
                j += 1;
            }
            i += 1;
        }
        out
    };
}

impl Ifma {
    /// Limbs whose lower 52 bits are right, which is what a multiply-add reads.
    #[inline(always)]
    fn carried_up(self, mut x: Limbs) -> Limbs {
        for i in 0..LIMBS - 1 {
            x[i + 1] = self.add64(x[i + 1], self.right_signed::<BITS>(x[i]));
        }
        x
    }
    /// Limbs below 2^52 of an integer modulo 2^260.
    #[inline(always)]
    fn wrapped(self, x: Limbs) -> Limbs {
        let mut x = self.carried(x);
        x[LIMBS - 1] = self.and(x[LIMBS - 1], self.set(MASK));
        x
    }
    /// `sum + a b` modulo 2^260, not carried.
    #[inline(always)]
    fn add_low(self, mut sum: Limbs, a: Limbs, b: Limbs) -> Limbs {
        each_limb!(I => {
            each_limb!(J => {
                if I + J < LIMBS {
                    sum[(I + J) % LIMBS] = self.low_product(sum[(I + J) % LIMBS], a[I], b[J]);
                }
                if I + J + 1 < LIMBS {
                    sum[(I + J + 1) % LIMBS] = self.high_product(sum[(I + J + 1) % LIMBS], a[I], b[J]);
                }
            });
            self.fence(&mut sum);
        });
        sum
    }
    /// The limbs of `a b` from the fifth on, not carried, without what is carried into them: less than `9 + 2^-48` too little.
    // Each case is compiled by itself, with constants.
    #[allow(clippy::absurd_extreme_comparisons)]
    #[inline(always)]
    fn high_half(self, a: Limbs, b: Limbs) -> Limbs {
        let (mut low, mut high) = ([self.none(); LIMBS], [self.none(); LIMBS]);
        each_limb!(I => {
            each_limb!(J => {
                const K: usize = (I + J) % LIMBS;
                const NEXT: usize = (I + J + 1) % LIMBS;
                if I + J >= LIMBS {
                    low[K] = self.low_product(low[K], a[I], b[J]);
                }
                if I + J + 1 >= LIMBS {
                    high[NEXT] = self.high_product(high[NEXT], a[I], b[J]);
                }
            });
            self.fence(&mut low);
            self.fence(&mut high);
        });
        self.sum_of(low, high)
    }
    /// Has the limbs computed before what comes after the next fence. It is no instruction. Two multiply-adds start in each cycle and each takes
    /// four, so that products need many sums in turn; left alone, the compiler computes one sum after the other, and the processor waits.
    #[inline(always)]
    fn fence(self, x: &mut Limbs) {
        #[inline]
        #[target_feature(enable = "avx512f")]
        fn fence(x: &mut Limbs) {
            let [a, b, c, d, e] = x;
            // SAFETY: it does nothing.
            unsafe {
                std::arch::asm!(
                    "/* {0} {1} {2} {3} {4} */",
                    inout(zmm_reg) * a,
                    inout(zmm_reg) * b,
                    inout(zmm_reg) * c,
                    inout(zmm_reg) * d,
                    inout(zmm_reg) * e,
                    options(nomem, nostack, preserves_flags)
                );
            }
        }
        // SAFETY: a value of `Ifma` exists only where the processor has these instructions.
        unsafe { fence(x) }
    }
    /// `w y` modulo `p`, from `-5 p` to `5 p` modulo 2^260, not carried.
    #[inline(always)]
    fn prepared<F: Field>(self, y: Limbs, [w, quotient]: [Limbs; 2]) -> Limbs {
        let y = self.carried_up(y);
        let mut q = self.high_half(y, quotient);
        q[0] = self.add64(q[0], self.set(HALF_ERROR));
        let q = self.carried_up(q);
        let product = self.add_low([self.none(); LIMBS], y, w);
        self.add_low(product, q, self.same(&Of::<F>::COMPLEMENT))
    }
    /// The same elements from 0 to `2 p`, modulo 2^260 and not carried.
    #[inline(always)]
    fn nearly_reduced<F: Field>(self, x: Limbs) -> Limbs {
        // As `reduce`, without its last carries.
        let mut x = self.wrapped(x);
        let times = self.high_product(self.none(), x[LIMBS - 1], self.set(Of::<F>::RATIO));
        let times = self.right::<45>(times);
        let complement = self.same(&Of::<F>::COMPLEMENT);
        for i in 0..LIMBS {
            x[i] = self.low_product(x[i], times, complement[i]);
            if i + 1 < LIMBS {
                x[i + 1] = self.high_product(x[i + 1], times, complement[i]);
            }
        }
        x
    }
    #[inline(always)]
    fn both(self, x: Limbs, y: Limbs) -> [Limbs; 2] {
        let mut out = [x, x];
        for i in 0..LIMBS {
            out[0][i] = self.add64(x[i], y[i]);
            out[1][i] = self.sub64(x[i], y[i]);
        }
        out
    }
    #[inline(always)]
    fn raised<F: Field>(self, x: Limbs) -> Limbs {
        self.sum_of(x, self.same(&Of::<F>::OFFSET))
    }
    #[inline(always)]
    fn sum_of(self, mut x: Limbs, y: Limbs) -> Limbs {
        for i in 0..LIMBS {
            x[i] = self.add64(x[i], y[i]);
        }
        x
    }
    /// The same integer eight times.
    #[inline(always)]
    fn same(self, limbs: &[u64; LIMBS]) -> Limbs {
        let mut out = [self.none(); LIMBS];
        for i in 0..LIMBS {
            out[i] = self.set(limbs[i]);
        }
        out
    }
}

impl Butterfly for Ifma {
    type Loose<F: Field> = Limbs;
    type Factor<F: Field> = [[u64; LIMBS]; 2];
    type Factors<F: Field> = [Limbs; 2];
    type Divisor<F: Field> = u64;

    #[inline(always)]
    fn prefetch<T>(self, of: &T) {
        const LINE: usize = 64;
        let start = std::ptr::from_ref(of).cast::<i8>();
        for line in 0..size_of::<T>().div_ceil(LINE) {
            // SAFETY: it reads nothing, and any address is allowed.
            unsafe { _mm_prefetch::<_MM_HINT_T1>(start.wrapping_add(LINE * line)) }
        }
    }
    #[inline(always)]
    fn blank<F: Field>(self) -> Limbs {
        [self.none(); LIMBS]
    }
    #[inline(always)]
    fn enter<F: Field>(self, block: &Block<F>) -> Limbs {
        self.raised::<F>(self.load(block))
    }
    #[inline(always)]
    fn refresh<F: Field>(self, x: Limbs) -> Limbs {
        self.raised::<F>(self.nearly_reduced::<F>(x))
    }
    #[inline(always)]
    fn leave<F: Field>(self, x: Limbs, block: &mut Block<F>) {
        self.store(self.wrapped(self.nearly_reduced::<F>(x)), block);
    }
    #[inline(always)]
    fn leave_divided<F: Field>(self, x: Limbs, by: u64, block: &mut Block<F>) {
        // x * 2^(52 - k), and one step of Montgomery's reduction: a multiple of p that makes the lowest limb 0, which is then dropped. It is
        // below 84 p / 2^k + p, which is below 2 p from k = 7 on.
        let (x, by) = (self.carried_up(x), self.set(by));
        let p = self.same(&Of::<F>::LIMBS_OF_P);
        let mut t: [Register; LIMBS + 1] = [self.none(); LIMBS + 1];
        for i in 0..LIMBS {
            t[i] = self.low_product(t[i], x[i], by);
            t[i + 1] = self.high_product(t[i + 1], x[i], by);
        }
        let m = self.low_product(self.none(), t[0], self.set(Of::<F>::INVERSE));
        for i in 0..LIMBS {
            t[i] = self.low_product(t[i], m, p[i]);
            t[i + 1] = self.high_product(t[i + 1], m, p[i]);
        }
        t[1] = self.add64(t[1], self.right::<BITS>(t[0]));
        self.store(self.carried([t[1], t[2], t[3], t[4], t[5]]), block);
    }
    #[inline(always)]
    fn factors<F: Field>(self, block: &Block<F>) -> [Limbs; 2] {
        // What is kept of w is r = 2^260 w modulo p. As 2^260 w = w' p + r, w' is -r / p modulo 2^260.
        let kept = self.canonical::<F>(self.load(block));
        let w = self.mul::<F>(kept, self.same(&[1, 0, 0, 0, 0]));
        let inverse = self.same(&Of::<F>::FULL_INVERSE);
        let quotient = self.add_low([self.none(); LIMBS], kept, inverse);
        [self.canonical::<F>(w), self.wrapped(quotient)]
    }
    #[inline(always)]
    fn each_factor<F: Field>(self, factors: &[Limbs; 2]) -> [[[u64; LIMBS]; 2]; LANES] {
        let mut out = [[[0; LIMBS]; 2]; LANES];
        for (half, limbs) in factors.iter().enumerate() {
            for (l, limb) in limbs.iter().enumerate() {
                let mut words = [0; LANES];
                self.write(*limb, &mut words);
                for (out, word) in out.iter_mut().zip(words) {
                    out[half][l] = word;
                }
            }
        }
        out
    }
    #[inline(always)]
    fn divisor<F: Field>(self, k: u32) -> u64 {
        assert_divisor(k);
        1 << (BITS - k)
    }
    #[inline(always)]
    fn product_each<F: Field>(self, y: Limbs, w: &[Limbs; 2]) -> Limbs {
        // As if it had been added to OFFSET p.
        self.raised::<F>(self.prepared::<F>(y, *w))
    }
    #[inline(always)]
    fn butterfly<F: Field>(self, x: Limbs, y: Limbs, w: &[[u64; LIMBS]; 2]) -> [Limbs; 2] {
        let w = [self.same(&w[0]), self.same(&w[1])];
        self.both(x, self.prepared::<F>(y, w))
    }
    #[inline(always)]
    fn butterfly_each<F: Field>(self, x: Limbs, y: Limbs, w: &[Limbs; 2]) -> [Limbs; 2] {
        self.both(x, self.prepared::<F>(y, *w))
    }
    #[inline(always)]
    fn butterfly_one<F: Field>(self, x: Limbs, y: Limbs) -> [Limbs; 2] {
        // From 0 to 2 p, which is within what a product may be.
        self.both(x, self.nearly_reduced::<F>(y))
    }
    #[inline(always)]
    fn transpose_loose<F: Field>(self, x: [Limbs; LANES]) -> [Limbs; LANES] {
        let mut out = x;
        for l in 0..LIMBS {
            let mut square = [self.none(); LANES];
            for i in 0..LANES {
                square[i] = x[i][l];
            }
            let square = self.transposed(square);
            for i in 0..LANES {
                out[i][l] = square[i];
            }
        }
        out
    }
}
