//! Filling the rows of a signature.

use super::{
    SecpChip,
    columns::Limbs,
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
    let [x0, x1, x2, x3] = x.fr();
    let base = pow2(LIMB);
    [
        x0 + x1 * base + pow2(130) * Fr::from(u64::from(odd)),
        x2 + x3 * base,
    ]
}

/// Inverses modulo 2^640 of the two primes.
fn inverse_of(m: Modulus) -> Wide {
    static INVERSES: std::sync::LazyLock<[Wide; 2]> =
        std::sync::LazyLock::new(|| [P, N].map(|m| Wide::from(m).inv_ring().unwrap_or(Wide::ZERO)));
    INVERSES[m.flag() as usize]
}

/// Operands of a relation `o b + a d + c = 0`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operands {
    pub(super) m: Modulus,
    pub(super) o: Num,
    pub(super) b: Num,
    pub(super) a: Num,
    pub(super) d: Num,
    /// `c_0 + 2^130 c_1`.
    pub(super) c: [Wide; 2],
}

impl Operands {
    pub(super) fn new(m: Modulus, o: Num, b: Num) -> Self {
        Self {
            m,
            o,
            b,
            a: Num::ZERO,
            d: Num::ZERO,
            c: [Wide::ZERO; 2],
        }
    }
    pub(super) fn product(self, a: Num, d: Num) -> Self {
        Self { a, d, ..self }
    }
    pub(super) fn plus(self, c: Num) -> Self {
        let [c0, c1, c2, c3] = c.0;
        let c = [[c0, c1], [c2, c3]].map(|[a, b]| Num([a, b, 0, 0]).wide());
        Self { c, ..self }
    }
    /// Adds a number as it is, not cut into limbs.
    fn plus_low(self, c: U256) -> Self {
        let c = [Wide::from(c), Wide::ZERO];
        Self { c, ..self }
    }
    /// The quotient by the modulus, if the relation holds.
    pub(super) fn quotient(&self) -> Wide {
        self.sum().wrapping_mul(inverse_of(self.m))
    }
    fn sum(&self) -> Wide {
        self.o
            .wide()
            .wrapping_mul(self.b.wide())
            .wrapping_add(self.a.wide().wrapping_mul(self.d.wide()))
            .wrapping_add(self.c[0])
            .wrapping_add(self.c[1] << (2 * LIMB as usize))
    }
}

const MINUS_ONE: Num = Num([-1, 0, 0, 0]);

impl SecpChip {
    /// Appends one relation; its quotient is exact if the relation holds.
    pub(super) fn push_mul(&self, t: &mut Trace<'_>, x: &Operands) -> usize {
        self.push_mul_with(t, x, x.quotient())
    }

    /// Appends one relation with a given quotient.
    pub(super) fn push_mul_with(&self, t: &mut Trace<'_>, x: &Operands, q: Wide) -> usize {
        let c = &self.mul.1;
        let head = t.rows();
        let o_digits = digits_of(x.o.wide().wrapping_add(Wide::from(1) << 255), 20);
        let q_digits = digits_of(q.wrapping_add(Wide::from(3) << 255), 20);
        let (o, b, a, d, m) = (x.o.fr(), x.b.fr(), x.a.fr(), x.d.fr(), x.m.limbs().fr());
        let qn = Num::normalised(q).fr();
        let position = |at: usize| -> Fr {
            (0..=at)
                .map(|i| o[i] * b[at - i] + a[i] * d[at - i] - qn[i] * m[at - i])
                .sum()
        };
        let base = pow2(LIMB);
        let cs = x.c.map(signed_wide);
        let shift = *SHIFT;
        let carry_0 = (position(0) + position(1) * base + cs[0]) * shift;
        let carry_1 = (position(2) + position(3) * base + cs[1] + carry_0) * shift;
        let carry = |v: Fr| digits_of(wide_of(v + pow2(77)), 6);
        let mut row = t.push(self.mul.0);
        row.set(c.order, x.m.flag())
            .set(c.o_bound, o_digits[19] + Fr::from((1 << 13) - (1 << 9)))
            .set(c.q_bound, q_digits[19] + Fr::from((1 << 13) - 1536))
            .set_all(&c.o, o_digits)
            .set_all(&c.q, q_digits)
            .set_all(&c.b, b)
            .set_all(&c.a, a)
            .set_all(&c.d, d)
            .set_all(&c.c, cs)
            .set_all(&c.carries[0], carry(carry_0))
            .set_all(&c.carries[1], carry(carry_1));
        head
    }

    /// Appends the proof that `v` is below the modulus; with `reduced`, the limbs are those of `v - p`.
    pub(super) fn push_word(&self, t: &mut Trace<'_>, m: Modulus, v: U256, reduced: bool) -> Num {
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
        let (p, modulus) = (Num::unsigned(P), Num::unsigned(m.value()));
        let mut row = t.push(self.word.0);
        row.set(c.order, m.flag())
            .set(c.reduced, u64::from(reduced));
        let (mut carry, mut borrow) = (1i128, 0i128);
        for i in 0..4 {
            let mut limb = number.0[i];
            if i == 1 {
                row.set(c.top, (limb >> 63) as u64)
                    .set(c.top_bound, (limb >> 63) as u64 + (1 << 13) - 4);
                limb &= (1 << 63) - 1;
                row.set(c.bound, (limb >> 52) as u64 + (1 << 13) - (1 << 11));
            }
            row.set_all(&c.digits[i], digits_of(Wide::from(limb as u128), 5));
            row.set_all(
                &c.complement[i],
                digits_of(Wide::from(complement.0[i] as u128), 5),
            );
            carry = (number.0[i] + complement.0[i] + carry - modulus.0[i]) >> LIMB;
            let difference = number.0[i] - borrow - if reduced { p.0[i] } else { 0 };
            borrow = i128::from(x.0[i] != difference);
            if i < 3 {
                row.set(c.carries[i], carry as u64)
                    .set(c.borrows[i], borrow as u64);
            }
        }
        x
    }
}

static SHIFT: std::sync::LazyLock<Fr> =
    std::sync::LazyLock::new(|| pow2(130).invert().unwrap_or(Fr::ZERO));

/// A step with its numbers.
pub(super) struct Filled {
    pub(super) plan: Plan,
    pub(super) points: [(Num, Num); 3],
    /// x of the third point.
    pub(super) x3: Fp,
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
        if sig.r.is_zero() || sig.r >= N {
            return Err(SecpError::RangeOfR);
        }
        if sig.s.is_zero() || sig.s >= N {
            return Err(SecpError::RangeOfS);
        }
        let point = lift(sig.r, sig.odd)?;
        let inverse = scalar(sig.r).invert().unwrap_or(Fq::ZERO);
        let (u, v) = (scalar(sig.s) * inverse, -scalar(sig.z) * inverse);
        let key = (point * u + Secp256k1Affine::generator() * v).to_affine();
        if bool::from(key.is_identity()) {
            return Err(SecpError::Infinity);
        }
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
        Ok(PublicKey {
            x: integer(key.x),
            y: integer(key.y),
        })
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
                inverses.push(Fr::ONE);
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
                x3: points[s.points[2]].x,
                points: s.points.map(|i| nums[i]),
                slope: centred(numerator * inverse),
                inverse: native_inverse,
                label,
                offset: run.offset as u64,
            };
            if let Mode::Build(_) = s.mode {
                scalars = [Fr::ZERO; 4];
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
        let zero = Num::ZERO;
        let (dx, dy) = if doubling { (x1, y1) } else { (zero, zero) };
        let b = x2.sub(&x1).add(&dy.times(2));
        let m = Modulus::P;
        let slope = Operands::new(m, s.slope, b)
            .product(dx.times(-3), x1)
            .plus(y1.sub(&y2));
        self.push_mul(t, &slope);
        let x = Operands::new(m, x3, MINUS_ONE)
            .product(s.slope, s.slope)
            .plus(x1.add(&x2).times(-1));
        self.push_mul(t, &x);
        let y = Operands::new(m, y3, MINUS_ONE)
            .product(s.slope, x1.sub(&x3))
            .plus(y1.times(-1));
        self.push_mul(t, &y);
        let mut image = zero;
        if let Mode::Build(_) = s.plan.mode {
            image = centred(s.x3 * element(BETA).unwrap_or(Fp::ONE));
            let beta = Num::unsigned(BETA);
            self.push_mul(
                t,
                &Operands::new(m, image, MINUS_ONE).product(beta, s.points[2].0),
            );
        }

        let mut row = t.push(self.step.0);
        let (mut add, mut comb) = ([Fr::ZERO; 4], [0, 0]);
        match s.plan.mode {
            Mode::Build(j) => {
                add[0] = Fr::from(j as u64);
                if j == 1 {
                    row.set(c.first, 1);
                    comb[1] = s.offset;
                } else {
                    row.set(c.further, 1).set(c.digit, j as u64);
                }
            }
            Mode::Double(turn) => {
                row.set(c.doubles[turn], 1);
                add = scalars;
            }
            Mode::Add(d) => {
                row.set(c.add, 1).set(c.digit, d as u64);
                add[0] = Fr::from(d as u64);
            }
            Mode::AddPhi(d) => {
                row.set(c.add_phi, 1).set(c.digit, d as u64);
                add[1] = Fr::from(d as u64);
            }
            Mode::AddComb(g, h) => {
                row.set(c.add_comb, 1);
                comb = [g, h];
                (add[2], add[3]) = (Fr::from(g + 1), Fr::from(h + 1));
            }
            Mode::Correct => {
                row.set(c.correct, 1);
                comb[1] = 2 + s.offset;
            }
        }
        let next: [Fr; 4] = std::array::from_fn(|i| scalars[i] + add[i]);
        let distance = x1.sub(&x2).native();
        row.set_all(&c.label, s.label)
            .set(c.offset, s.offset)
            .set(c.window, s.plan.window)
            .set_all(&c.comb, comb)
            .set(c.comb_bound, comb[1] + (1 << 13) - 16)
            .set_all(&c.scalars, scalars)
            .set_all(&c.next, next)
            .set(c.square, distance.square())
            .set(c.inverse, if doubling { Fr::ZERO } else { s.inverse });
        for (cells, n) in [
            (&c.x1, x1),
            (&c.y1, y1),
            (&c.x2, x2),
            (&c.y2, y2),
            (&c.slope, s.slope),
            (&c.x3, x3),
            (&c.y3, y3),
            (&c.image, image),
            (&c.doubled_x, dx),
            (&c.doubled_y, dy),
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

        let square = centred(point.x.square());
        let minus_r = r.times(-1);
        self.push_mul(t, &Operands::new(P, square, MINUS_ONE).product(r, r));
        self.push_mul(
            t,
            &Operands::new(P, square, minus_r)
                .product(y_limbs, y_limbs)
                .plus(Num([-7, 0, 0, 0])),
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
        let minus = MINUS_ONE;
        self.push_mul(
            t,
            &Operands::new(N, k2n, lambda).product(u, minus).plus_low(k1),
        );
        self.push_mul(t, &Operands::new(N, u, r).plus(s.times(-1)));
        let two_128 = Num([0, 1 << 63, 0, 0]);
        self.push_mul(
            t,
            &Operands::new(N, g1n, two_128)
                .product(v, minus)
                .plus_low(g0),
        );
        self.push_mul(t, &Operands::new(N, v, r).plus(Num::unsigned(sig.z)));

        let c = &self.signature.1;
        let [s_hi, s_lo] = half(sig.s);
        let z_top = sig.z >> 130;
        let z_bits = (sig.z >> 128usize).as_limbs()[0] & 3;
        let z_top_digits = digits_of(Wide::from(z_top), 10);
        let z_low_digits = digits_of(Wide::from(sig.z & U256::from(u128::MAX)), 10);
        let y_low = y & U256::from(u128::MAX);
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
            .set_all(&c.k2, k2n.fr())
            .set(c.g0, native_of(g0))
            .set_all(&c.g1, g1n.fr())
            .set_all(&c.half_y, digits_of(Wide::from(y_low >> 1), 10))
            .set(c.z_bits, z_bits)
            .set(c.z_bits_bound, z_bits + (1 << 13) - 4)
            .set(c.z_top, native_of(z_top))
            .set(
                c.z_top_bound,
                z_top_digits[9] + Fr::from((1 << 13) - (1 << 9)),
            )
            .set_all(&c.z_top_digits, z_top_digits)
            .set(
                c.z_low_bound,
                z_low_digits[9] + Fr::from((1 << 13) - (1 << 11)),
            )
            .set_all(&c.z_low_digits, z_low_digits)
            .set(c.inverse, (s_hi + s_lo).invert().unwrap_or(Fr::ZERO));
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
