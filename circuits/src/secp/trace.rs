//! Filling the rows of a signature.

use super::{
    SecpChip,
    columns::{Limbs, SHORT_BITS},
    numbers::*,
    run::{Mode, Plan, Run, Windows, lift},
};
use crate::{
    Fr,
    framework::{
        pow2,
        trace::{Row, Trace},
    },
};
use alloy_primitives::U256;
use ff::{BatchInvert, Field, PrimeField};
use group::{Curve, Group, prime::PrimeCurveAffine};
use halo2_proofs::halo2curves::secp256k1::{Fp, Fq, Secp256k1, Secp256k1Affine};

/// A signature over a 256-bit hash, as a transaction carries it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Signature {
    /// The signed hash; any 256-bit value.
    pub z: U256,
    /// x of the point R; 1 to n - 1.
    pub r: U256,
    /// 1 to n - 1.
    pub s: U256,
    /// Whether R's y is odd.
    pub odd: bool,
}

/// A point of the curve, coordinates below p.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// First coordinate.
    pub x: U256,
    /// Second coordinate.
    pub y: U256,
}

impl PublicKey {
    fn of(point: Secp256k1Affine) -> Self {
        Self {
            x: integer(point.x),
            y: integer(point.y),
        }
    }
}

impl Signature {
    /// The key that made the signature.
    ///
    /// # Errors
    /// If there is none: `r` or `s` out of range, `r` no x of a point, or the point at infinity.
    pub fn recover(&self) -> Result<PublicKey, SecpError> {
        self.recovery().map(|(_, _, key)| PublicKey::of(key))
    }

    /// The point R, the scalars of R and of the generator, and the key.
    fn recovery(&self) -> Result<(Secp256k1Affine, [Fq; 2], Secp256k1Affine), SecpError> {
        if self.r.is_zero() || self.r >= N {
            return Err(SecpError::RangeOfR);
        }
        if self.s.is_zero() || self.s >= N {
            return Err(SecpError::RangeOfS);
        }
        let point = lift(self.r, self.odd)?;
        let inverse = scalar(self.r).invert().unwrap_or(Fq::ZERO);
        let (u, v) = (scalar(self.s) * inverse, -scalar(self.z) * inverse);
        let key = (point * u + Secp256k1Affine::generator() * v).to_affine();
        if bool::from(key.is_identity()) {
            return Err(SecpError::Infinity);
        }
        Ok((point, [u, v], key))
    }
}

/// Why a signature has no rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecpError {
    /// `r` is 0 or not below the group order.
    #[error("r is not between 1 and the group order")]
    RangeOfR,
    /// `s` is 0 or not below the group order.
    #[error("s is not between 1 and the group order")]
    RangeOfS,
    /// No point of the curve has this `r` as its x.
    #[error("r is not the x of a point of the curve")]
    NotOnCurve,
    /// The recovered point is the point at infinity.
    #[error("the signature recovers the point at infinity")]
    Infinity,
    /// Both offsets meet an addition of points with equal x. Finding such a signature is as hard as a discrete logarithm.
    #[error("the additions meet an exceptional case with either offset")]
    Exceptional,
}

/// Coordinates of a point, centred.
pub(super) fn centred_point(p: &Secp256k1Affine) -> (Num, Num) {
    (centred(p.x), centred(p.y))
}

pub(super) fn centred(v: Fp) -> Num {
    Num::centred(integer(v), Modulus::P)
}

pub(super) fn half(v: U256) -> [Fr; 2] {
    let l = v.as_limbs();
    [[l[2], l[3]], [l[0], l[1]]].map(|[a, b]| Fr::from_u128(u128::from(a) | u128::from(b) << 64))
}

/// 13-bit digits of a non-negative number.
fn digits_of(v: Wide, n: usize) -> Vec<Fr> {
    (0..n)
        .map(|i| Fr::from((v >> (13 * i)).as_limbs()[0] & 0x1fff))
        .collect()
}

/// Digits of a number below 2^256: 18 of 13 bits, two of 11.
fn word_digits(v: Wide) -> Vec<Fr> {
    let mut digits = digits_of(v, 18);
    for i in 0..2 {
        let at = 18 * 13 + i * SHORT_BITS as usize;
        let mask = (1 << SHORT_BITS) - 1;
        digits.push(Fr::from((v >> at).as_limbs()[0] & mask));
    }
    digits
}

fn wide_of(v: Fr) -> Wide {
    Wide::from(integer(v))
}

/// A number in two's complement, at most 2^253 in size, in the native field.
fn signed_wide(v: Wide) -> Fr {
    let native = |v: Wide| Num::normalised(v).native();
    if v.bit(639) {
        -native(v.wrapping_neg())
    } else {
        native(v)
    }
}

fn native_of(v: U256) -> Fr {
    Num::unsigned(v).native()
}

fn set_limbs(row: &mut Row<'_>, cells: &Limbs, n: Num) {
    row.set_all(cells, n.fr());
}

/// What names R in every fact of a run.
pub(super) fn label_of(x: Num, odd: bool) -> [Fr; 2] {
    let [x0, x1, x2] = x.fr();
    let parity = Fr::from(u64::from(odd));
    [x0 + x1 * pow2(LIMB) + pow2(190) * parity, x2]
}

/// Inverses modulo 2^640 of the two primes.
fn inverse_of(m: Modulus) -> Wide {
    static INVERSES: std::sync::LazyLock<[Wide; 2]> =
        std::sync::LazyLock::new(|| [P, N].map(|m| Wide::from(m).inv_ring().unwrap_or(Wide::ZERO)));
    INVERSES[m.flag() as usize]
}

/// Operands of a relation `o b - a d + c = 0`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operands {
    pub(super) m: Modulus,
    pub(super) o: Num,
    pub(super) b: Num,
    pub(super) a: Num,
    pub(super) d: Num,
    /// `c_0 + 2^91 c_1`.
    pub(super) c: [Wide; 2],
}

impl Operands {
    pub(super) fn new(m: Modulus, o: Num, b: Num) -> Self {
        let zero = Num::ZERO;
        Self {
            m,
            o,
            b,
            a: zero,
            d: zero,
            c: [Wide::ZERO; 2],
        }
    }
    /// Subtracts `a d`.
    pub(super) fn less(self, a: Num, d: Num) -> Self {
        Self { a, d, ..self }
    }
    /// With this number as `c`.
    pub(super) fn plus(self, c: Num) -> Self {
        let [c0, c1, c2] = c.0;
        let c = [[c0, 0, 0], [c1, c2, 0]].map(|l| Num(l).wide());
        Self { c, ..self }
    }
    /// Adds a number as it is, not cut into limbs.
    fn plus_low(mut self, low: U256) -> Self {
        self.c[0] = self.c[0].wrapping_add(Wide::from(low));
        self
    }
    /// The quotient by the modulus, if the relation holds.
    pub(super) fn quotient(&self) -> Wide {
        self.sum().wrapping_mul(inverse_of(self.m))
    }
    fn sum(&self) -> Wide {
        self.o
            .wide()
            .wrapping_mul(self.b.wide())
            .wrapping_sub(self.a.wide().wrapping_mul(self.d.wide()))
            .wrapping_add(self.c[0])
            .wrapping_add(self.c[1] << LIMB as usize)
    }
}

impl SecpChip {
    /// Appends one relation; its quotient is exact if the relation holds.
    pub(super) fn push_mul(&self, t: &mut Trace<'_>, x: &Operands) -> usize {
        self.push_mul_with(t, x, x.quotient())
    }

    /// Appends one relation with a given quotient.
    pub(super) fn push_mul_with(&self, t: &mut Trace<'_>, x: &Operands, q: Wide) -> usize {
        let c = &self.mul.1;
        let head = t.rows();
        let o_digits = word_digits(x.o.wide().wrapping_add(Wide::from(1) << 255));
        let q_digits = digits_of(q.wrapping_add(Wide::from(1) << 259), 20);
        let (o, b, a, d, m) = (x.o.fr(), x.b.fr(), x.a.fr(), x.d.fr(), x.m.limbs().fr());
        let qn = Num::normalised(q).fr();
        let position = |at: usize| -> Fr {
            (0..=at)
                .map(|i| o[i] * b[at - i] - a[i] * d[at - i] - qn[i] * m[at - i])
                .sum()
        };
        let (cs, shift) = (x.c.map(signed_wide), *SHIFT);
        let carry_0 = (position(0) + cs[0]) * shift;
        let carry_1 = (position(1) + cs[1] + carry_0) * shift;
        let carry_2 = (position(2) + carry_1) * shift;
        let e: [Fr; 3] = std::array::from_fn(|i| d[i] - a[i]);
        let mut row = t.push(self.mul.0);
        row.set(c.order, x.m.flag())
            .set_all(&c.o, o_digits)
            .set_all(&c.q, q_digits)
            .set_all(&c.b, b)
            .set_all(&c.a, a)
            .set_all(&c.e, e)
            .set_all(&c.c, cs);
        for (cells, carry) in c.carries.iter().zip([carry_0, carry_1, carry_2]) {
            row.set_all(cells, digits_of(wide_of(carry + pow2(103)), 8));
        }
        head
    }

    /// Appends the proof that `v` is below the modulus; with `reduced`, the limbs are those of `v - p`.
    pub(super) fn push_word(&self, t: &mut Trace<'_>, m: Modulus, v: U256, reduced: bool) -> Num {
        self.fill_word(&mut t.push(self.word.0), m, v, reduced)
    }

    /// Fills the rows of [`Self::push_word`].
    pub(super) fn fill_word(&self, row: &mut Row<'_>, m: Modulus, v: U256, reduced: bool) -> Num {
        let c = &self.word.1;
        let number = Num::unsigned(v);
        let complement = Num::normalised(
            Wide::from(m.value())
                .wrapping_sub(Wide::from(1))
                .wrapping_sub(Wide::from(v)),
        );
        let mut x = number;
        if reduced {
            x = Num::normalised(Wide::from(v).wrapping_sub(Wide::from(P)));
        }
        let digits = word_digits(Wide::from(v));
        let middle = (v >> 117usize).as_limbs()[0];
        let below_182 = |n: &Num| Num([n.0[0], n.0[1], 0]).wide();
        let sum = below_182(&number)
            .wrapping_add(below_182(&complement))
            .wrapping_add(Wide::from(1));
        let carry = sum.wrapping_sub(below_182(&Num::unsigned(m.value()))) >> (2 * LIMB as usize);
        // 2^256 - p, a small number, may be added to limb 0.
        let small = if reduced {
            P.wrapping_neg()
        } else {
            U256::ZERO
        };
        let moved = [1, 2].map(|i| {
            let mask = (Wide::from(1) << (i * LIMB as usize)) - Wide::from(1);
            let sum = (Wide::from(v) & mask).wrapping_add(Wide::from(small));
            sum >> (i * LIMB as usize)
        });
        let small_wide = |w: Wide| w.as_limbs()[0];
        row.set(c.order, m.flag())
            .set(c.reduced, u64::from(reduced))
            .set_all(&c.digits, digits)
            .set(c.below, middle & 0x7ff)
            .set(c.above, (middle >> SHORT_BITS) & 3)
            .set_all(&c.complement, digits_of(complement.wide(), 20))
            .set(c.carry, small_wide(carry))
            .set_all(&c.moved, moved.map(small_wide));
        x
    }
}

static SHIFT: std::sync::LazyLock<Fr> =
    std::sync::LazyLock::new(|| pow2(LIMB).invert().unwrap_or(Fr::ZERO));

/// A step with its numbers.
pub(super) struct Filled {
    pub(super) plan: Plan,
    pub(super) points: [(Num, Num); 3],
    /// x of the multiple whose image is added, or of the second point.
    pub(super) raw: Num,
    pub(super) slope: Num,
    pub(super) inverse: Fr,
    pub(super) label: [Fr; 2],
    pub(super) offset: u64,
}

impl SecpChip {
    /// Appends the rows that prove which public key a signature recovers, and gives the key.
    ///
    /// # Errors
    /// If no key can be recovered; the trace is then unchanged.
    pub fn recover(&self, t: &mut Trace<'_>, sig: &Signature) -> Result<PublicKey, SecpError> {
        let (point, [u, v], key) = sig.recovery()?;
        (0..2)
            .find_map(|offset| {
                let run = Run::new(point, offset, Windows::of(u, v));
                let mut part = Trace::new(t.machine());
                self.push_run(&mut part, &run)?;
                self.push_signature(&mut part, sig, &run, key, [u, v]);
                t.append(part);
                Some(())
            })
            .ok_or(SecpError::Exceptional)?;
        Ok(PublicKey::of(key))
    }

    /// The steps of a run; nothing if one of them adds points of equal x.
    pub(super) fn push_run(&self, t: &mut Trace<'_>, run: &Run) -> Option<()> {
        let (r, windows) = (run.r, &run.windows);
        let mut points = vec![Secp256k1Affine::default(); run.points.len()];
        Secp256k1::batch_normalize(&run.points, &mut points);
        let mut nums: Vec<(Num, Num)> = points.iter().map(centred_point).collect();
        // R is used as the signature has it, without a sign.
        nums[0] = (Num::unsigned(integer(r.x)), Num::unsigned(integer(r.y)));
        let p_squared = Modulus::P.limbs().native().square();
        let mut slopes = Vec::with_capacity(run.steps.len());
        let mut inverses = Vec::with_capacity(run.steps.len());
        for s in &run.steps {
            let [a, b, _] = s.points;
            let distance = nums[a].0.sub(&nums[b].0).native();
            if a == b {
                slopes.push(points[a].y.double());
                inverses.push(-p_squared);
            } else {
                slopes.push(points[b].x - points[a].x);
                inverses.push(distance * (distance.square() - p_squared));
            }
        }
        let zero = slopes.iter().any(|v| v.is_zero_vartime());
        let infinity = run.points.iter().any(|p| bool::from(p.is_identity()));
        if infinity || zero || inverses.iter().any(|v| v.is_zero_vartime()) {
            return None;
        }
        slopes.iter_mut().batch_invert();
        inverses.iter_mut().batch_invert();
        let label = label_of(nums[0].0, run.odd);
        let mut scalars = [Fr::ZERO; 4];
        for ((s, inverse), native_inverse) in run.steps.iter().zip(slopes).zip(inverses) {
            let [a, b, _] = s.points;
            let numerator = if a == b {
                points[a].x.square() * Fp::from(3)
            } else {
                points[b].y - points[a].y
            };
            let step = Filled {
                plan: *s,
                raw: nums[s.raw].0,
                points: s.points.map(|i| nums[i]),
                slope: centred(numerator * inverse),
                inverse: native_inverse,
                label,
                offset: run.offset as u64,
            };
            if let Mode::Build(_) = s.mode {
                scalars = [Fr::ONE, Fr::ZERO, Fr::ZERO, Fr::ZERO];
            }
            let next = self.push_step(t, &step, scalars);
            scalars = next;
            if s.mode == Mode::Build(DIGITS) {
                scalars = [Fr::from(windows.top as u64), Fr::ZERO, Fr::ZERO, Fr::ZERO];
            }
        }
        Some(())
    }

    /// One step and the relations it needs; gives the scalars after it.
    pub(super) fn push_step(&self, t: &mut Trace<'_>, s: &Filled, scalars: [Fr; 4]) -> [Fr; 4] {
        let [(x1, y1), (x2, y2), (x3, y3)] = s.points;
        let c = &self.step.1;
        let doubling = matches!(s.plan.mode, Mode::Double(_));
        let (m, one, raw) = (Modulus::P, Num::ONE, s.raw);
        let slope = if doubling {
            Operands::new(m, s.slope, y1.times(2)).less(x1, x1.times(3))
        } else {
            Operands::new(m, s.slope, x2.sub(&x1)).plus(y1.sub(&y2))
        };
        self.push_mul(t, &slope);
        let x = Operands::new(m, x3, one)
            .less(s.slope, s.slope)
            .plus(x1.add(&x2));
        self.push_mul(t, &x);
        let y = Operands::new(m, y3, one)
            .less(s.slope, x1.sub(&x3))
            .plus(y1);
        self.push_mul(t, &y);
        if let Mode::AddPhi(_) = s.plan.mode {
            let beta = Num::unsigned(BETA);
            self.push_mul(t, &Operands::new(m, x2, one).less(beta, raw));
        }

        let multiples = s.offset * OFFSET + PLACE_MULTIPLE;
        let none = Fr::ZERO;
        let (mut other, mut digit, mut comb, mut added) = (0, 0, [0; 2], [none; 4]);
        let mut image = false;
        match s.plan.mode {
            Mode::Build(1) => other = KEY_OFFSET + s.offset,
            Mode::Build(j) => {
                (other, digit) = (multiples, j as u64 - 1);
                added[0] = Fr::from(digit);
            }
            Mode::Double(_) => added = scalars,
            Mode::Add(d) => {
                (other, digit) = (multiples, d as u64);
                added[0] = Fr::from(digit);
            }
            Mode::AddPhi(d) => {
                (other, digit, image) = (multiples, d as u64, true);
                added[1] = Fr::from(digit);
            }
            Mode::AddComb(g, h) => {
                comb = [g + 1, h + 1];
                (added[2], added[3]) = (Fr::from(g + 1), Fr::from(h + 1));
            }
            Mode::Correct => other = KEY_CORRECTION + s.offset,
        }
        let next: [Fr; 4] = std::array::from_fn(|i| scalars[i] + added[i]);
        let mut row = t.push(self.step.0);
        row.set_all(&c.label, s.label)
            .set(c.place, s.plan.place(s.offset))
            .set(c.other, other)
            .set(c.doubles, u64::from(doubling))
            .set(c.multiple, u64::from(digit != 0))
            .set(c.image, u64::from(image))
            .set(c.digit, digit)
            .set_all(&c.comb, comb)
            .set_all(&c.scalars, scalars)
            .set_all(&c.next, next)
            .set(c.square, x1.sub(&x2).native().square())
            .set(c.inverse, s.inverse);
        for (cells, n) in [
            (&c.x1, x1),
            (&c.y1, y1),
            (&c.x2, x2),
            (&c.y2, y2),
            (&c.raw, raw),
            (&c.slope, s.slope),
            (&c.x3, x3),
            (&c.y3, y3),
        ] {
            set_limbs(&mut row, cells, n);
        }
        next
    }

    /// The row that ties words, scalars and points together, and what it needs.
    pub(super) fn push_signature(
        &self,
        t: &mut Trace<'_>,
        sig: &Signature,
        run: &Run,
        key: Secp256k1Affine,
        [u, v]: [Fq; 2],
    ) {
        let (point, windows) = (run.r, &run.windows);
        use Modulus::{N, P};
        let y = integer(point.y);
        let r = self.push_word(t, N, sig.r, false);
        let s = self.push_word(t, N, sig.s, false);
        let y_limbs = self.push_word(t, P, y, false);
        let [qx, qy] = [key.x, key.y].map(integer);
        let qx_limbs = self.push_word(t, P, qx, qx.bit(255));
        let qy_limbs = self.push_word(t, P, qy, qy.bit(255));

        let (square, one) = (centred(point.x.square()), Num::ONE);
        self.push_mul(t, &Operands::new(P, square, one).less(r, r));
        self.push_mul(
            t,
            &Operands::new(P, square, r)
                .less(y_limbs, y_limbs)
                .plus(one.times(7)),
        );
        let sum = |i: usize, base: u64, top: u64| -> U256 {
            windows.rows.iter().fold(U256::from(top), |acc, w| {
                (acc << 4) + U256::from(w[i] + base)
            })
        };
        let k1 = sum(0, 0, windows.top as u64);
        let (k2, g0, g1) = (sum(1, 0, 0), sum(2, 1, 0), sum(3, 1, 0));
        let [u, v] = [u, v].map(|w| Num::centred(integer(w), N));
        let [k2n, g1n] = [k2, g1].map(Num::unsigned);
        let lambda = Num::unsigned(LAMBDA);
        let k2_relation = Operands::new(N, k2n, lambda).plus(u.times(-1));
        self.push_mul(t, &k2_relation.plus_low(k1));
        self.push_mul(t, &Operands::new(N, u, r).plus(s.times(-1)));
        let two_128 = Num([0, 1 << 37, 0]);
        let g1_relation = Operands::new(N, g1n, two_128).plus(v.times(-1));
        self.push_mul(t, &g1_relation.plus_low(g0));
        let z = [sig.z >> 128usize, sig.z & U256::from(u128::MAX)].map(Wide::from);
        let mut z_relation = Operands::new(N, v, r);
        z_relation.c = [z[1], z[0] << 37];
        self.push_mul(t, &z_relation);

        let c = &self.signature.1;
        let [s_hi, s_lo] = half(sig.s);
        let half_y = Wide::from(y & U256::from(u128::MAX)) >> 1;
        let mut row = t.push(self.signature.0);
        row.set_all(&c.z_half, half(sig.z))
            .set_all(&c.r_half, half(sig.r))
            .set_all(&c.s_half, [s_hi, s_lo])
            .set_all(&c.y_half, half(y))
            .set_all(&c.qx_half, half(qx))
            .set_all(&c.qy_half, half(qy))
            .set(c.parity, u64::from(sig.odd))
            .set(c.offset, run.offset as u64)
            .set(c.k1, native_of(k1))
            .set_all(&c.k2, k2n.fr().into_iter().take(2))
            .set(c.g0, native_of(g0))
            .set_all(&c.g1, g1n.fr().into_iter().take(2))
            .set(c.inverse, (s_hi + s_lo).invert().unwrap_or(Fr::ZERO));
        for ([low, high], n) in [
            (&c.half_y, half_y),
            (&c.z_digits[0], z[0]),
            (&c.z_digits[1], z[1]),
        ] {
            let digits = digits_of(n, 10);
            row.set_all(low, digits[..7].iter().copied())
                .set_all(high, digits[7..].iter().copied());
        }
        for (cells, n) in [
            (&c.square, square),
            (&c.u, u),
            (&c.v, v),
            (&c.r, r),
            (&c.s, s),
            (&c.y, y_limbs),
            (&c.qx, qx_limbs),
            (&c.qy, qy_limbs),
        ] {
            set_limbs(&mut row, cells, n);
        }
    }
}
