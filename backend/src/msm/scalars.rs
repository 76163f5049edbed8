//! Scalars as short integers with a sign, in halves.
//!
//! The curve has an endomorphism, `phi(x, y) = (zeta x, y)`, which multiplies by a cube root of unity (Gallant, Lambert, Vanstone, "Faster point
//! multiplication on elliptic curves with efficient endomorphisms", CRYPTO 2001). A scalar `k` is `k1 + lambda k2` with halves below 2^126, so
//! `k P = k1 P + k2 phi(P)`. Where `k` or `-k` is that short itself, it is `k1`.
//!
//! The parameter of the curve is `u`. With `a = 2 u + 1`, `b = 6 u^2 + 2 u`, `d = 6 u^2 + 4 u + 1`, the vectors `(a, d)` and `(b, -a)` span all
//! `(x, y)` with `x + lambda y = 0`, and `a^2 + b d = r`. Then `(k, 0)` is `(k a / r) (a, d) + (k d / r) (b, -a)`, and with the quotients rounded
//! the difference is `(k1, k2)`. What is rounded is at most 0.55 away, so both are at most `0.55 (d + a)`, which is below 2^126.

use super::points::NEGATIVE;
use crate::{
    engine::{Engine, LANES},
    field::Field,
};
use ff::{Field as _, WithSmallOrderMulGroup};
use halo2_proofs::halo2curves::bn256::{Fq, Fr};

/// Halves are below two to the power of this.
pub(super) const BITS: usize = 126;

/// What `phi` multiplies `x` by; it multiplies a point by `Fr::ZETA`.
pub(super) const ZETA: Fq = <Fq as WithSmallOrderMulGroup<3>>::ZETA;

const U: u128 = 4_965_661_367_192_848_881;
const A: u128 = 2 * U + 1;
const B: u128 = 6 * U * U + 2 * U;
const D: u128 = 6 * U * U + 4 * U + 1;

/// `2^256 x / r`, rounded to the next integer, below 2^192.
const fn ratio(x: u128) -> [u64; 3] {
    // Long division of x by r, 256 digits behind the point: the remainder stays below r, which is below 2^254.
    let (mut quotient, mut i) = ([0; 3], 0);
    let mut rest = [x as u64, (x >> 64) as u64, 0, 0];
    while i < 256 {
        rest = [
            rest[0] << 1,
            rest[1] << 1 | rest[0] >> 63,
            rest[2] << 1 | rest[1] >> 63,
            rest[3] << 1 | rest[2] >> 63,
        ];
        assert!(quotient[2] >> 63 == 0);
        quotient = [
            quotient[0] << 1,
            quotient[1] << 1 | quotient[0] >> 63,
            quotient[2] << 1 | quotient[1] >> 63,
        ];
        let (less, borrow) = difference(rest, <Fr as Field>::P);
        if !borrow {
            rest = less;
            quotient[0] |= 1;
        }
        i += 1;
    }
    let twice = [
        rest[0] << 1,
        rest[1] << 1 | rest[0] >> 63,
        rest[2] << 1 | rest[1] >> 63,
        rest[3] << 1 | rest[2] >> 63,
    ];
    if !difference(twice, <Fr as Field>::P).1 {
        assert!(quotient[0] < u64::MAX);
        quotient[0] += 1;
    }
    quotient
}

/// `a - b` modulo 2^256, and whether `a < b`.
const fn difference(a: [u64; 4], b: [u64; 4]) -> ([u64; 4], bool) {
    let (mut out, mut borrow, mut i) = ([0; 4], false, 0);
    while i < 4 {
        let (d, b1) = a[i].overflowing_sub(b[i]);
        let (d, b2) = d.overflowing_sub(borrow as u64);
        out[i] = d;
        borrow = b1 || b2;
        i += 1;
    }
    (out, borrow)
}

/// `k ratio / 2^256`, rounded to the next integer, below 2^128. A ratio is at most 1/2 wrong, and `k` is below `2^253`, so the product is at
/// most 1/16 wrong before it is rounded; with `k` below `r / 2 + 2^192`, at most 1/20.
#[inline(always)]
fn rounded(k: [u64; 4], ratio: [u64; 3]) -> u128 {
    let mut t = [0u64; 7];
    t[3] = 1 << 63;
    for (j, r) in ratio.into_iter().enumerate() {
        let mut carry = 0;
        for (i, k) in k.into_iter().enumerate() {
            let sum = u128::from(k) * u128::from(r) + u128::from(t[i + j]) + u128::from(carry);
            t[i + j] = sum as u64;
            carry = (sum >> 64) as u64;
        }
        // Nothing is there yet but the half, at t[3], which is below this.
        t[j + 4] = carry;
    }
    u128::from(t[4]) | u128::from(t[5]) << 64
}

/// `k1` and `k2` of `k`, which is below `r / 2 + 2^192`.
#[inline(always)]
fn split(k: [u64; 4]) -> [i128; 2] {
    const RATIOS: [[u64; 3]; 2] = [ratio(A), ratio(D)];
    let [c1, c2] = RATIOS.map(|r| rounded(k, r));
    let low = u128::from(k[0]) | u128::from(k[1]) << 64;
    // The results have less than 127 bits and a sign: they are right modulo 2^128.
    let k1 = low
        .wrapping_sub(c1.wrapping_mul(A))
        .wrapping_sub(c2.wrapping_mul(B));
    let k2 = c2.wrapping_mul(A).wrapping_sub(c1.wrapping_mul(D));
    [k1.cast_signed(), k2.cast_signed()]
}

/// The halves of some scalars of a vector that are not 0.
#[derive(Debug)]
pub(super) struct Halves {
    /// The base that each is for, with its sign.
    pub(super) refs: Vec<u32>,
    /// The absolute values, below two to the power of [`BITS`].
    pub(super) values: Vec<u128>,
    /// How many of them have so many bits.
    pub(super) lengths: [u32; BITS + 1],
}

/// The halves of scalars of the bases from the one with the number `first` on. The images of the bases have numbers greater by `images`; no
/// halves are made of bases for which `skip` says so.
pub(super) fn halves<E: Engine>(
    engine: E,
    scalars: &[Fr],
    first: usize,
    images: usize,
    skip: impl Fn(usize) -> bool,
) -> Halves {
    let mut out = Halves {
        refs: Vec::new(),
        values: Vec::new(),
        lengths: [0; BITS + 1],
    };
    engine.run(
        #[inline(always)]
        || {
            for (start, scalars) in (first..).step_by(LANES).zip(scalars.chunks(LANES)) {
                if scalars.iter().all(|s| s.words() == [0; 4]) {
                    continue;
                }
                let mut eight = [Fr::ZERO; LANES];
                eight[..scalars.len()].copy_from_slice(scalars);
                for (lane, k) in engine.integers(&eight).into_iter().enumerate() {
                    if k != [0; 4] && !skip(start + lane) {
                        out.push(k, start + lane, images);
                    }
                }
            }
        },
    );
    out
}

impl Halves {
    #[inline(always)]
    fn push(&mut self, k: [u64; 4], base: usize, images: usize) {
        let (less, _) = difference(<Fr as Field>::P, k);
        // The one of both that is below r / 2, or so: the upper words decide but for very few, which are right both ways.
        let (k, negative) = if k[3] > <Fr as Field>::P[3] / 2 {
            (less, NEGATIVE)
        } else {
            (k, 0)
        };
        let short = u128::from(k[0]) | u128::from(k[1]) << 64;
        if k[2] | k[3] == 0 && short >> BITS == 0 {
            self.push_half(short, base as u32 | negative);
            return;
        }
        let [k1, k2] = split(k);
        for (half, base) in [(k1, base), (k2, base + images)] {
            let sign = if half < 0 { NEGATIVE } else { 0 };
            if half != 0 {
                self.push_half(half.unsigned_abs(), base as u32 | sign ^ negative);
            }
        }
    }

    #[inline(always)]
    fn push_half(&mut self, value: u128, base: u32) {
        self.refs.push(base);
        self.values.push(value);
        self.lengths[(u128::BITS - value.leading_zeros()) as usize] += 1;
    }
}
