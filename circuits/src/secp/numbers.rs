//! 256-bit integers as three signed limbs of 91 bits, the curve's constants, and the split of a scalar.

use crate::Fr;
use alloy_primitives::{U256, keccak256, ruint::Uint, uint};
use ff::{Field, PrimeField};
use group::Curve;
use halo2_proofs::halo2curves::{
    CurveAffine,
    secp256k1::{Fp, Fq, Secp256k1, Secp256k1Affine},
};
use std::sync::LazyLock;

/// Bits of a limb.
pub(super) const LIMB: u32 = 91;
/// Iterations of the main loop: one 4-bit window of every scalar each.
pub(super) const WINDOWS: usize = 32;
/// Multiples of `R` that are tabulated: window digits are 1 to 16.
pub(super) const DIGITS: usize = 16;

/// The prime of the coordinates, `2^256 - 2^32 - 977`.
pub(super) const P: U256 =
    uint!(0xfffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f_U256);
/// The prime order of the group.
pub(super) const N: U256 =
    uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);
/// `(x, y) -> (BETA x, y)` is multiplication by [`LAMBDA`].
pub(super) const BETA: U256 =
    uint!(0x7ae96a2b657c07106e64479eac3434e99cf0497512f58995c1396c28719501ee_U256);
/// A cube root of one modulo the group order.
pub(super) const LAMBDA: U256 =
    uint!(0x5363ad4cc05c30e0a5261c028812645a122e22ea20816678df02967c1b23bd72_U256);

/// 640-bit two's complement: room for any product of two limbed numbers.
pub(super) type Wide = Uint<640, 10>;

/// Which prime a relation is taken modulo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Modulus {
    /// The prime of the coordinates.
    P,
    /// The group order.
    N,
}

impl Modulus {
    pub(super) fn value(self) -> U256 {
        match self {
            Self::P => P,
            Self::N => N,
        }
    }
    /// `2^256 - c` as `(-c_0, -c_1, 2^74)`.
    pub(super) fn limbs(self) -> Num {
        let c = Num::unsigned(U256::ZERO.wrapping_sub(self.value()));
        Num([-c.0[0], -c.0[1], 1 << 74])
    }
    pub(super) fn flag(self) -> u64 {
        u64::from(self == Self::N)
    }
}

/// An integer `Σ limb_i 2^(91 i)` with signed limbs, not necessarily normalised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub(super) struct Num(pub(super) [i128; 3]);

impl Num {
    pub(super) const ZERO: Self = Self([0; 3]);
    pub(super) const ONE: Self = Self([1, 0, 0]);
    /// The normalised limbs of a two's complement number: the first two in `[0, 2^91)`, the last signed.
    pub(super) fn normalised(v: Wide) -> Self {
        let mask = (Wide::from(1) << LIMB as usize) - Wide::from(1);
        let limb = |i: usize| (v >> (i * LIMB as usize)) & mask;
        let top = v.arithmetic_shr(2 * LIMB as usize);
        let low = |w: Wide| u128::from(w.as_limbs()[0]) | (u128::from(w.as_limbs()[1]) << 64);
        Self([low(limb(0)) as i128, low(limb(1)) as i128, low(top) as i128])
    }
    /// Limbs of a number in `[0, 2^256)`.
    pub(super) fn unsigned(v: U256) -> Self {
        Self::normalised(Wide::from(v))
    }
    /// Limbs of the representative of `v` modulo `m` in `[-2^255, 2^255)`; `v < m`.
    pub(super) fn centred(v: U256, m: Modulus) -> Self {
        if v.bit(255) {
            Self::normalised(Wide::from(v).wrapping_sub(Wide::from(m.value())))
        } else {
            Self::unsigned(v)
        }
    }
    /// The integer, in two's complement.
    pub(super) fn wide(&self) -> Wide {
        self.0.iter().rev().fold(Wide::ZERO, |acc, l| {
            let magnitude = Wide::from(l.unsigned_abs());
            let shifted = acc << LIMB as usize;
            if *l < 0 {
                shifted.wrapping_sub(magnitude)
            } else {
                shifted.wrapping_add(magnitude)
            }
        })
    }
    pub(super) fn fr(&self) -> [Fr; 3] {
        self.0.map(signed)
    }
    /// The integer in the native field.
    pub(super) fn native(&self) -> Fr {
        let base = Fr::from_u128(1 << LIMB);
        self.fr()
            .iter()
            .rev()
            .fold(Fr::ZERO, |acc, l| acc * base + l)
    }
    pub(super) fn add(&self, o: &Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] + o.0[i]))
    }
    pub(super) fn sub(&self, o: &Self) -> Self {
        Self(std::array::from_fn(|i| self.0[i] - o.0[i]))
    }
    pub(super) fn times(&self, c: i128) -> Self {
        Self(self.0.map(|l| l * c))
    }
}

/// A small signed integer in the native field.
pub(super) fn signed(v: i128) -> Fr {
    let magnitude = Fr::from_u128(v.unsigned_abs());
    if v < 0 { -magnitude } else { magnitude }
}

/// The canonical integer of a field element.
pub(super) fn integer<F: PrimeField<Repr = [u8; 32]>>(v: F) -> U256 {
    U256::from_le_bytes(v.to_repr())
}

/// The field element of an integer below the field's prime.
pub(super) fn element<F: PrimeField<Repr = [u8; 32]>>(v: U256) -> Option<F> {
    F::from_repr(v.to_le_bytes()).into()
}

/// `v` modulo the group order.
pub(super) fn scalar(v: U256) -> Fq {
    element(if v >= N { v - N } else { v }).unwrap_or(Fq::ZERO)
}

/// Fixed points.
#[derive(Debug)]
pub(super) struct Points {
    /// Two points whose discrete logarithms nobody knows: what blinds a run.
    pub(super) offsets: [Secp256k1Affine; 2],
    /// Per offset, minus what it adds up to over a run.
    pub(super) corrections: [Secp256k1Affine; 2],
    /// Entry `16 a + b` is `(a + 1) G + (b + 1) 2^128 G`.
    pub(super) comb: Vec<Secp256k1Affine>,
}

/// `Σ_{i < windows} 16^i`, what digits counted from 1 add to a scalar.
pub(super) fn ones(windows: usize) -> Fq {
    (0..windows).fold(Fq::ZERO, |acc, _| acc * Fq::from(16) + Fq::ONE)
}

/// How often the offset is contained in the accumulator after `windows` iterations.
pub(super) fn offset_multiple(windows: usize) -> Fq {
    let lambda = scalar(LAMBDA);
    Fq::from(16).pow([windows as u64]) + (Fq::ONE + lambda) * ones(windows)
}

/// The first point with even y whose x is the hash of a label and a counter.
fn unknown_logarithm(label: &str) -> Secp256k1Affine {
    (0u64..)
        .find_map(|counter| {
            let hash = keccak256([label.as_bytes(), &counter.to_be_bytes()].concat());
            let x: Fp = element(U256::from_be_bytes(hash.0))?;
            let y: Option<Fp> = (x.square() * x + Fp::from(7)).sqrt().into();
            let y = y?;
            let y = if integer(y).bit(0) { -y } else { y };
            Secp256k1Affine::from_xy(x, y).into()
        })
        .unwrap_or_else(Secp256k1Affine::generator)
}

pub(super) static POINTS: LazyLock<Points> = LazyLock::new(|| {
    let offsets =
        ["hallmark secp256k1 offset 0", "hallmark secp256k1 offset 1"].map(unknown_logarithm);
    let g = Secp256k1::generator();
    let high = g * Fq::from_u128(1 << 64).square();
    let comb: Vec<Secp256k1> = (0..256u64)
        .map(|i| g * Fq::from(i / 16 + 1) + high * Fq::from(i % 16 + 1))
        .collect();
    Points {
        offsets,
        corrections: offsets.map(|h| (h * -offset_multiple(WINDOWS)).to_affine()),
        comb: comb.iter().map(Curve::to_affine).collect(),
    }
});

/// Keys of the fixed points that are no points of the comb: an offset, and its correction.
pub(super) const KEY_OFFSET: u64 = 1;
/// See [`KEY_OFFSET`]; the offset's number is added to either.
pub(super) const KEY_CORRECTION: u64 = 3;

/// The fixed points as `(key, a, b, point)`: the comb's `a G + b 2^128 G` under key 0, then offsets and corrections.
pub(super) fn fixed_points() -> Vec<([u64; 3], Secp256k1Affine)> {
    let p = &*POINTS;
    let constants = p.offsets.iter().chain(&p.corrections);
    let comb = (0..).zip(&p.comb);
    comb.map(|(i, p)| ([0, i / 16 + 1, i % 16 + 1], *p))
        .chain((KEY_OFFSET..).zip(constants).map(|(k, p)| ([k, 0, 0], *p)))
        .collect()
}

/// Weight of the offset's number in a place.
pub(super) const OFFSET: u64 = 1 << 10;
/// Place of the point `R` itself.
pub(super) const PLACE_POINT: u64 = 0;
/// Place of a multiple, which is where the first iteration begins.
pub(super) const PLACE_MULTIPLE: u64 = 1;
/// Steps of an iteration: four doublings, then three additions.
pub(super) const STEPS: u64 = 7;
/// Place of an accumulator that all iterations are done with.
pub(super) const PLACE_LAST: u64 = PLACE_MULTIPLE + STEPS * WINDOWS as u64;
/// Place of the public key: the offset is removed.
pub(super) const PLACE_KEY: u64 = PLACE_LAST + 1;

/// What a step does at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Scheduled {
    /// Where the first point stands; the result stands one further.
    pub(super) place: u64,
    /// Where the second point stands: the place of a multiple, or the key of a fixed point.
    pub(super) other: u64,
    pub(super) doubles: bool,
    /// The second point is a multiple.
    pub(super) multiple: bool,
    /// It is the image of that multiple.
    pub(super) image: bool,
}

/// All steps there are, for both offsets.
pub(super) fn schedule() -> Vec<Scheduled> {
    let mut all = vec![];
    for offset in 0..2u64 {
        let base = offset * OFFSET;
        let mut put = |place: u64, other: u64, [doubles, multiple, image]: [bool; 3]| {
            all.push(Scheduled {
                place: base + place,
                other,
                doubles,
                multiple,
                image,
            });
        };
        let (fixed, multiple) = ([false; 3], base + PLACE_MULTIPLE);
        put(PLACE_POINT, KEY_OFFSET + offset, fixed);
        put(PLACE_POINT, multiple, [false, true, false]);
        for begin in (0..WINDOWS as u64).map(|w| PLACE_MULTIPLE + STEPS * w) {
            for turn in 0..4 {
                put(begin + turn, 0, [true, false, false]);
            }
            put(begin + 4, multiple, [false, true, false]);
            put(begin + 5, multiple, [false, true, true]);
            put(begin + 6, 0, fixed);
        }
        put(PLACE_LAST, KEY_CORRECTION + offset, fixed);
    }
    all
}

/// Splits `u` into `(a, b)` with `a + λ b = u` modulo the order, `0 <= a < 2^131`, `0 <= b < 2^128`.
pub(super) fn split(u: Fq) -> (U256, U256) {
    // A reduced basis of the lattice of all (a, b) with a + λ b = 0: (A1, -B1) and (A2, A1).
    let a1 = Wide::from(0x3086d221a7d46bcde86c90e49284eb15_u128);
    let b1 = Wide::from(0xe4437ed6010e88286f547fa90abfe4c3_u128);
    let a2 = (Wide::from(1) << 128) + Wide::from(0x14ca50f7a8e2f3f657c1108d9d44cfd8_u128);
    let (n, u) = (Wide::from(N), Wide::from(integer(u)));
    let half = n >> 1;
    let c1: Wide = (a1 * u + half) / n;
    let c2: Wide = (b1 * u + half) / n;
    let mut a = u.wrapping_sub(c1 * a1).wrapping_sub(c2 * a2);
    let mut b: Wide = c1 * b1;
    b = b.wrapping_sub(c2 * a1);
    while a.bit(639) || b.bit(639) {
        a = a.wrapping_add(a2);
        b = b.wrapping_add(a1);
    }
    (a.to::<U256>(), b.to::<U256>())
}
