//! Eight elements at once, by the multiply-add instructions on 52-bit integers of AVX-512 (IFMA).
//!
//! An element `x` is `x * 2^260 mod p` (Montgomery's form) in five limbs of 52 bits, one register for each limb of all eight. After each
//! operation limbs are below 2^52, so the integers are below `2^260 = 84.6 p`. In memory it has four words of 64 bits, which are enough
//! below `2 p`.
//!
//! `halo2curves` keeps `x * 2^256`. Times 16 that is ours, which is how elements are imported: by a shift.

mod butterfly;
mod points;

use super::{Arithmetic, Block, LANES};
use crate::field::Field;
use std::arch::x86_64::*;

/// Limbs of an element.
const LIMBS: usize = 5;
/// Bits of a limb.
const BITS: u32 = 52;
const MASK: u64 = (1 << BITS) - 1;

/// The engine for processors with AVX-512 IFMA. There is a value only where the processor has all that it needs.
#[derive(Clone, Copy, Debug)]
pub struct Ifma(());

impl Ifma {
    /// The engine, if the processor has AVX-512 F, DQ, IFMA and VBMI2.
    #[must_use]
    pub fn new() -> Option<Self> {
        let there = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512ifma")
            && is_x86_feature_detected!("avx512vbmi2");
        there.then_some(Self(()))
    }
}

type Register = __m512i;
type Limbs = [Register; LIMBS];

/// The instructions. The token stands for the check that the processor has them; they touch registers alone.
macro_rules! instruction {
    ($($name:ident($($arg:ident),*) => $body:expr;)*) => {
        impl Ifma {
            $(
                #[inline(always)]
                fn $name(self, $($arg: Register),*) -> Register {
                    // SAFETY: a value of `Ifma` exists only where the processor has these instructions.
                    unsafe { $body }
                }
            )*
        }
    };
}
instruction! {
    add64(a, b) => _mm512_add_epi64(a, b);
    sub64(a, b) => _mm512_sub_epi64(a, b);
    and(a, b) => _mm512_and_si512(a, b);
    or(a, b) => _mm512_or_si512(a, b);
    low_product(acc, a, b) => _mm512_madd52lo_epu64(acc, a, b);
    high_product(acc, a, b) => _mm512_madd52hi_epu64(acc, a, b);
    unpack_low(a, b) => _mm512_unpacklo_epi64(a, b);
    unpack_high(a, b) => _mm512_unpackhi_epi64(a, b);
    across(a, index, b) => _mm512_permutex2var_epi64(a, index, b);
    none() => _mm512_setzero_si512();
}

impl Ifma {
    #[inline(always)]
    fn set(self, x: u64) -> Register {
        // SAFETY: as above.
        unsafe { _mm512_set1_epi64(x.cast_signed()) }
    }
    #[inline(always)]
    fn right<const N: u32>(self, a: Register) -> Register {
        // SAFETY: as above.
        unsafe { _mm512_srli_epi64::<N>(a) }
    }
    #[inline(always)]
    fn right_signed<const N: u32>(self, a: Register) -> Register {
        // SAFETY: as above.
        unsafe { _mm512_srai_epi64::<N>(a) }
    }
    #[inline(always)]
    fn left<const N: u32>(self, a: Register) -> Register {
        // SAFETY: as above.
        unsafe { _mm512_slli_epi64::<N>(a) }
    }
    /// The low words of `(b * 2^64 + a) >> N`.
    #[inline(always)]
    fn funnel<const N: i32>(self, a: Register, b: Register) -> Register {
        // SAFETY: as above.
        unsafe { _mm512_shrdi_epi64::<N>(a, b) }
    }
    #[inline(always)]
    fn halves<const N: i32>(self, a: Register, b: Register) -> Register {
        // SAFETY: as above.
        unsafe { _mm512_shuffle_i64x2::<N>(a, b) }
    }
    #[inline(always)]
    fn blend(self, mask: u8, a: Register, b: Register) -> Register {
        // SAFETY: as above.
        unsafe { _mm512_mask_blend_epi64(mask, a, b) }
    }
    /// Which words are negative.
    #[inline(always)]
    fn negative(self, a: Register) -> u8 {
        // SAFETY: as above.
        unsafe { _mm512_movepi64_mask(a) }
    }
    /// Which words are 0.
    #[inline(always)]
    fn zero_words(self, a: Register) -> u8 {
        // SAFETY: as above.
        unsafe { _mm512_testn_epi64_mask(a, a) }
    }
    #[inline(always)]
    fn read(self, words: &[u64; LANES]) -> Register {
        // SAFETY: as above; eight words can be read, at any alignment.
        unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
    }
    #[inline(always)]
    fn write(self, a: Register, words: &mut [u64; LANES]) {
        // SAFETY: as above; eight words can be written, at any alignment.
        unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), a) }
    }
}

/// An integer below 2^260 in limbs.
const fn split(w: [u64; 4]) -> [u64; LIMBS] {
    [
        w[0] & MASK,
        (w[0] >> 52 | w[1] << 12) & MASK,
        (w[1] >> 40 | w[2] << 24) & MASK,
        (w[2] >> 28 | w[3] << 36) & MASK,
        w[3] >> 16,
    ]
}

/// `k` times the integer, `k` below 64.
const fn times(k: u64, limbs: [u64; LIMBS]) -> [u64; LIMBS] {
    let (mut out, mut carry, mut i) = ([0; LIMBS], 0u128, 0);
    while i < LIMBS {
        let sum = limbs[i] as u128 * k as u128 + carry;
        out[i] = sum as u64 & MASK;
        carry = sum >> BITS;
        i += 1;
    }
    assert!(carry == 0);
    out
}

/// Constants of a field.
struct Of<F>(F);

impl<F: Field> Of<F> {
    const LIMBS_OF_P: [u64; LIMBS] = split(F::P);
    /// `2^260 - p`.
    const COMPLEMENT: [u64; LIMBS] = {
        let (p, mut out, mut i) = (Self::LIMBS_OF_P, [0; LIMBS], 0);
        while i < LIMBS {
            out[i] = MASK - p[i];
            i += 1;
        }
        // The lowest limb of an odd modulus is not 0, so that there is no carry.
        out[0] += 1;
        assert!(out[0] <= MASK);
        out
    };
    /// `-1 / p` modulo 2^52.
    const INVERSE: u64 = {
        let (p, mut inverse, mut i) = (F::P[0], 1u64, 0);
        while i < 6 {
            inverse = inverse.wrapping_mul(2u64.wrapping_sub(p.wrapping_mul(inverse)));
            i += 1;
        }
        inverse.wrapping_neg() & MASK
    };
    /// `2^305 / p`, rounded down: how often `p` is in `2^208` is `RATIO / 2^97`.
    const RATIO: u64 = {
        // Long division: the remainder stays below p, which is below 2^254.
        let (mut quotient, mut rest, mut i) = (0u64, [1u64, 0, 0, 0], 0);
        while i < 305 {
            rest = [
                rest[0] << 1,
                rest[1] << 1 | rest[0] >> 63,
                rest[2] << 1 | rest[1] >> 63,
                rest[3] << 1 | rest[2] >> 63,
            ];
            quotient <<= 1;
            let (mut difference, mut borrow, mut j) = ([0; 4], false, 0);
            while j < 4 {
                let (d, b1) = rest[j].overflowing_sub(F::P[j]);
                let (d, b2) = d.overflowing_sub(borrow as u64);
                difference[j] = d;
                borrow = b1 || b2;
                j += 1;
            }
            if !borrow {
                rest = difference;
                quotient |= 1;
            }
            i += 1;
        }
        assert!(quotient <= MASK);
        quotient
    };
}

impl Ifma {
    #[inline(always)]
    fn constant(self, limbs: [u64; LIMBS]) -> Limbs {
        limbs.map(|l| self.set(l))
    }
    /// Limbs below 2^52 of a sum of limbs that may be negative or greater; the integer is none of both.
    #[inline(always)]
    fn carried(self, mut x: Limbs) -> Limbs {
        let mask = self.set(MASK);
        for i in 0..LIMBS - 1 {
            let carry = self.right_signed::<BITS>(x[i]);
            x[i] = self.and(x[i], mask);
            x[i + 1] = self.add64(x[i + 1], carry);
        }
        x
    }
    #[inline(always)]
    fn product(self, a: Limbs, b: Limbs, p: Limbs, inverse: Register) -> Limbs {
        // Limb by limb of b: the product so far and a multiple of p, divided by 2^52. Each limb of the sum gets four products of 52 bits
        // and a carry each time: 20 of them stay below 2^57.
        let mut t = [self.none(); LIMBS + 1];
        for b in b {
            for j in 0..LIMBS {
                t[j] = self.low_product(t[j], a[j], b);
            }
            let m = self.low_product(self.none(), t[0], inverse);
            for j in 0..LIMBS {
                t[j] = self.low_product(t[j], m, p[j]);
            }
            t[1] = self.add64(t[1], self.right::<BITS>(t[0]));
            let mut next = [self.none(); LIMBS + 1];
            for j in 0..LIMBS {
                next[j] = self.high_product(t[j + 1], a[j], b);
                next[j] = self.high_product(next[j], m, p[j]);
            }
            t = next;
        }
        self.carried([t[0], t[1], t[2], t[3], t[4]])
    }
    /// Montgomery's reduction of twice as many limbs.
    #[inline(always)]
    fn reduced(self, mut t: [Register; 2 * LIMBS], p: Limbs, inverse: Register) -> Limbs {
        for i in 0..LIMBS {
            let m = self.low_product(self.none(), t[i], inverse);
            for j in 0..LIMBS {
                t[i + j] = self.low_product(t[i + j], m, p[j]);
                t[i + j + 1] = self.high_product(t[i + j + 1], m, p[j]);
            }
            t[i + 1] = self.add64(t[i + 1], self.right::<BITS>(t[i]));
        }
        self.carried([t[5], t[6], t[7], t[8], t[9]])
    }
    /// The integer less as many times `p` as are in an integer with that upper limb, rounded down.
    #[inline(always)]
    fn without_multiple<F: Field>(self, mut x: Limbs, upper: Register) -> Limbs {
        let times = self.high_product(self.none(), upper, self.set(Of::<F>::RATIO));
        let times = self.right::<45>(times);
        // So many times 2^260 - p are added modulo 2^260.
        let complement = self.constant(Of::<F>::COMPLEMENT);
        for i in 0..LIMBS {
            x[i] = self.low_product(x[i], times, complement[i]);
            if i + 1 < LIMBS {
                x[i + 1] = self.high_product(x[i + 1], times, complement[i]);
            }
        }
        let mut x = self.carried(x);
        x[LIMBS - 1] = self.and(x[LIMBS - 1], self.set(MASK));
        x
    }
    /// The integer below `p`, of one below `2 p`.
    #[inline(always)]
    fn canonical<F: Field>(self, x: Limbs) -> Limbs {
        let p = self.constant(Of::<F>::LIMBS_OF_P);
        let less = self.carried(std::array::from_fn(|i| self.sub64(x[i], p[i])));
        let keep = self.negative(less[LIMBS - 1]);
        std::array::from_fn(|i| self.blend(keep, less[i], x[i]))
    }
    /// Four words of an integer below 2^256.
    #[inline(always)]
    fn packed(self, x: Limbs) -> [Register; 4] {
        [
            self.or(x[0], self.left::<52>(x[1])),
            self.or(self.right::<12>(x[1]), self.left::<40>(x[2])),
            self.or(self.right::<24>(x[2]), self.left::<28>(x[3])),
            self.or(self.right::<36>(x[3]), self.left::<16>(x[4])),
        ]
    }
    /// The limbs of four words.
    #[inline(always)]
    fn unpacked(self, w: [Register; 4]) -> Limbs {
        let mask = self.set(MASK);
        [
            self.and(w[0], mask),
            self.and(self.funnel::<52>(w[0], w[1]), mask),
            self.and(self.funnel::<40>(w[1], w[2]), mask),
            self.and(self.funnel::<28>(w[2], w[3]), mask),
            self.right::<16>(w[3]),
        ]
    }
    #[inline(always)]
    fn words<F>(self, block: &Block<F>) -> [Register; 4] {
        let words = block.words.as_chunks::<LANES>().0;
        std::array::from_fn(|i| self.read(&words[i]))
    }
    /// Word `j` of each of eight elements in register `j`.
    #[inline(always)]
    fn by_word(self, rows: &[[u64; 4]; LANES]) -> [Register; 4] {
        std::array::from_fn(|j| self.read(&std::array::from_fn(|i| rows[i][j])))
    }
    #[inline(always)]
    fn by_element(self, words: [Register; 4]) -> [[u64; 4]; LANES] {
        let mut columns = [[0; LANES]; 4];
        for (column, word) in columns.iter_mut().zip(words) {
            self.write(word, column);
        }
        std::array::from_fn(|i| std::array::from_fn(|j| columns[j][i]))
    }
    #[inline(always)]
    fn transposed(self, x: [Register; LANES]) -> [Register; LANES] {
        // Pairs of neighbours, then blocks of two, then halves.
        let mut y = x;
        for i in 0..4 {
            y[2 * i] = self.unpack_low(x[2 * i], x[2 * i + 1]);
            y[2 * i + 1] = self.unpack_high(x[2 * i], x[2 * i + 1]);
        }
        let mut z = y;
        for i in 0..2 {
            for j in 0..2 {
                let (a, b) = (y[4 * i + j], y[4 * i + 2 + j]);
                z[4 * i + j] = self.halves::<0b10_00_10_00>(a, b);
                z[4 * i + 2 + j] = self.halves::<0b11_01_11_01>(a, b);
            }
        }
        let mut out = z;
        for j in 0..4 {
            let (a, b) = (z[j], z[4 + j]);
            out[j] = self.halves::<0b10_00_10_00>(a, b);
            out[4 + j] = self.halves::<0b11_01_11_01>(a, b);
        }
        out
    }
}

impl Arithmetic for Ifma {
    type V<F: Field> = Limbs;
    type Sum<F: Field> = [Register; 2 * LIMBS];

    const NAME: &'static str = "AVX-512 IFMA";

    #[inline(always)]
    fn run<R>(self, f: impl FnOnce() -> R) -> R {
        #[target_feature(enable = "avx512f,avx512dq,avx512ifma,avx512vbmi2")]
        fn with_features<R>(f: impl FnOnce() -> R) -> R {
            f()
        }
        // SAFETY: a value of `Ifma` exists only where the processor has these features.
        unsafe { with_features(f) }
    }
    #[inline(always)]
    fn zero<F: Field>(self) -> Limbs {
        [self.none(); LIMBS]
    }
    #[inline(always)]
    fn splat<F: Field>(self, x: F) -> Limbs {
        self.import_words::<F>(&[x.words(); LANES])
    }
    #[inline(always)]
    fn import<F: Field>(self, x: &[F; LANES]) -> Limbs {
        self.import_words::<F>(&x.map(|x| x.words()))
    }
    #[inline(always)]
    fn import_words<F: Field>(self, words: &[[u64; 4]; LANES]) -> Limbs {
        let (w, mask) = (self.by_word(words), self.set(MASK));
        self.reduce::<F>([
            self.and(self.left::<4>(w[0]), mask),
            self.and(self.funnel::<48>(w[0], w[1]), mask),
            self.and(self.funnel::<36>(w[1], w[2]), mask),
            self.and(self.funnel::<24>(w[2], w[3]), mask),
            self.right::<12>(w[3]),
        ])
    }
    #[inline(always)]
    fn export<F: Field>(self, x: Limbs) -> [F; LANES] {
        // x * 2^260 times 2^256, divided by 2^260.
        let x = self.mul::<F>(x, self.constant(split(F::ONE.words())));
        let words = self.by_element(self.packed(self.canonical::<F>(x)));
        words.map(F::from_words)
    }
    #[inline(always)]
    fn integers<F: Field>(self, x: &[F; LANES]) -> [[u64; 4]; LANES] {
        // x * 2^256 times 2^4, divided by 2^260.
        let x = self.unpacked(self.by_word(&x.map(|x| x.words())));
        let x = self.mul::<F>(x, self.constant([16, 0, 0, 0, 0]));
        self.by_element(self.packed(self.canonical::<F>(x)))
    }
    #[inline(always)]
    fn load<F: Field>(self, block: &Block<F>) -> Limbs {
        self.unpacked(self.words(block))
    }
    #[inline(always)]
    fn load_across<F: Field>(self, blocks: [&Block<F>; 2], lane: usize) -> Limbs {
        let index = std::array::from_fn(|i| (lane + i) as u64);
        let index = self.read(&index);
        let [a, b] = blocks.map(|b| self.words(b));
        self.unpacked(std::array::from_fn(|i| self.across(a[i], index, b[i])))
    }
    #[inline(always)]
    fn store<F: Field>(self, x: Limbs, block: &mut Block<F>) {
        let words = block.words.as_chunks_mut::<LANES>().0;
        for (to, word) in words.iter_mut().zip(self.packed(x)) {
            self.write(word, to);
        }
    }
    #[inline(always)]
    fn add<F: Field>(self, a: Limbs, b: Limbs) -> Limbs {
        self.carried(std::array::from_fn(|i| self.add64(a[i], b[i])))
    }
    #[inline(always)]
    fn sub<const K: u64, F: Field>(self, a: Limbs, b: Limbs) -> Limbs {
        let multiple = self.constant(const { times(K, Of::<F>::LIMBS_OF_P) });
        self.carried(std::array::from_fn(|i| {
            self.sub64(self.add64(a[i], multiple[i]), b[i])
        }))
    }
    #[inline(always)]
    fn mul<F: Field>(self, a: Limbs, b: Limbs) -> Limbs {
        let p = self.constant(Of::<F>::LIMBS_OF_P);
        self.product(a, b, p, self.set(Of::<F>::INVERSE))
    }
    #[inline(always)]
    fn square<F: Field>(self, a: Limbs) -> Limbs {
        let mut t = [self.none(); 2 * LIMBS];
        for i in 0..LIMBS {
            for j in i + 1..LIMBS {
                t[i + j] = self.low_product(t[i + j], a[i], a[j]);
                t[i + j + 1] = self.high_product(t[i + j + 1], a[i], a[j]);
            }
        }
        for limb in &mut t {
            *limb = self.add64(*limb, *limb);
        }
        for i in 0..LIMBS {
            t[2 * i] = self.low_product(t[2 * i], a[i], a[i]);
            t[2 * i + 1] = self.high_product(t[2 * i + 1], a[i], a[i]);
        }
        let p = self.constant(Of::<F>::LIMBS_OF_P);
        self.reduced(t, p, self.set(Of::<F>::INVERSE))
    }
    #[inline(always)]
    fn reduce<F: Field>(self, a: Limbs) -> Limbs {
        // How often p is in the integer, or one less: the upper limb decides it but for less than 2^-43.
        self.without_multiple::<F>(a, a[LIMBS - 1])
    }
    #[inline(always)]
    fn sum<F: Field>(self) -> [Register; 2 * LIMBS] {
        [self.none(); 2 * LIMBS]
    }
    #[inline(always)]
    fn sum_add<F: Field>(
        self,
        mut sum: [Register; 2 * LIMBS],
        a: Limbs,
        b: Limbs,
    ) -> [Register; 2 * LIMBS] {
        // A limb gets at most ten products of 52 bits each time: 256 times that are below 2^64.
        for i in 0..LIMBS {
            for j in 0..LIMBS {
                sum[i + j] = self.low_product(sum[i + j], a[i], b[j]);
                sum[i + j + 1] = self.high_product(sum[i + j + 1], a[i], b[j]);
            }
        }
        sum
    }
    #[inline(always)]
    fn sum_done<F: Field>(self, sum: [Register; 2 * LIMBS]) -> Limbs {
        let p = self.constant(Of::<F>::LIMBS_OF_P);
        self.reduced(sum, p, self.set(Of::<F>::INVERSE))
    }
    #[inline(always)]
    fn transpose<F: Field>(self, x: [Limbs; LANES]) -> [Limbs; LANES] {
        let by_limb: [[Register; LANES]; LIMBS] =
            std::array::from_fn(|l| self.transposed(x.map(|x| x[l])));
        std::array::from_fn(|i| std::array::from_fn(|l| by_limb[l][i]))
    }
    #[inline(always)]
    fn zeros<F: Field>(self, x: Limbs) -> u8 {
        let x = self.canonical::<F>(self.reduce::<F>(x));
        let [first, rest @ ..] = x;
        self.zero_words(rest.into_iter().fold(first, |a, b| self.or(a, b)))
    }
    #[inline(always)]
    fn select<F: Field>(self, mask: u8, a: Limbs, b: Limbs) -> Limbs {
        std::array::from_fn(|i| self.blend(mask, a[i], b[i]))
    }
}
