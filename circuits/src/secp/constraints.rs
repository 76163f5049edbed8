//! The relations of the four kinds.

use super::{
    columns::{Exprs, Limbs, Mul, Signature, Step, Word, digits, exprs, high, low, native},
    numbers::{BETA, CONSTANTS, LAMBDA, LIMB, Modulus, Num, WINDOWS},
};
use crate::{
    Fr,
    framework::{Bus, Cell, Expr, KindBuilder, TableId, pow2},
};

/// The buses inside the chip, and the fixed points.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inner {
    /// Fact `(order, o.., b.., a.., d.., c..)`: `o` is a number in `[-2^255, 2^255)` and `o b + a d + c` is 0 modulo p or n,
    /// if `|o b + a d + c| <= 3 * 2^511 + 2^300` and the limbs are small.
    pub(super) mul: Bus,
    /// Fact `(order, x.., hi, lo)`: `hi 2^128 + lo` is below p or n, `hi` and `lo` below `2^128`, and `x` is that number, or it minus p.
    pub(super) word: Bus,
    /// Fact `(label_0, x.., y.., label_1, tag, digit)`: the point is the offset + digit R, or the image of that.
    pub(super) multiple: Bus,
    /// Fact `(label_0, x.., y.., label_1, window, phase, four scalars)`: what an accumulator contains.
    pub(super) partial: Bus,
    /// Table `(index, x.., y..)`.
    pub(super) points: TableId,
}

/// Phases of an accumulator within an iteration; the offset's number weighs [`OFFSET`].
pub(super) const PHASE_POINT: u64 = 0;
/// Before the first doubling.
pub(super) const PHASE_READY: u64 = 1;
/// Before R's window is added.
pub(super) const PHASE_ADD: u64 = 5;
/// Before the window of R's image is added.
pub(super) const PHASE_ADD_PHI: u64 = 6;
/// Before the comb's point is added.
pub(super) const PHASE_ADD_COMB: u64 = 7;
/// The offset is removed: the public key.
pub(super) const PHASE_DONE: u64 = 8;
/// Weight of the offset's number in a phase.
pub(super) const OFFSET: u64 = 16;

const ZERO: fn() -> Exprs = || std::array::from_fn(|_| Expr::zero());

fn constant(n: Num) -> Exprs {
    n.fr().map(Expr::from)
}

fn minus_one() -> Exprs {
    constant(Num([-1, 0, 0, 0]))
}

fn map2(a: &Exprs, b: &Exprs, f: impl Fn(&Expr, &Expr) -> Expr) -> Exprs {
    std::array::from_fn(|i| f(&a[i], &b[i]))
}

fn sub(a: &Exprs, b: &Exprs) -> Exprs {
    map2(a, b, |x, y| x - y)
}

/// The operands of a relation; what is not named is zero.
struct Relation {
    m: Modulus,
    o: Exprs,
    b: Exprs,
    a: Exprs,
    d: Exprs,
    c: [Expr; 2],
}

impl Relation {
    fn values(self) -> Vec<Expr> {
        let c = self.c;
        std::iter::once(Expr::from(self.m.flag()))
            .chain(self.o)
            .chain(self.b)
            .chain(self.a)
            .chain(self.d)
            .chain(c)
            .collect()
    }
}

fn nothing() -> [Expr; 2] {
    [Expr::zero(), Expr::zero()]
}

fn minus(x: &Exprs) -> [Expr; 2] {
    [-low(x), -high(x)]
}

/// `secp.mul`.
pub(super) fn mul(k: &mut KindBuilder<'_>, c: &Mul, bus: Bus) {
    let limb = |cells: &[Cell], i: usize| digits(&cells[5 * i..5 * i + 5]);
    let mut o: Exprs = std::array::from_fn(|i| limb(&c.o, i));
    o[3] = &o[3] - pow2(60);
    let mut q: Exprs = std::array::from_fn(|i| limb(&c.q, i));
    q[3] = &q[3] - pow2(60) * Fr::from(3);
    let (b, a, d) = (exprs(&c.b), exprs(&c.a), exprs(&c.d));
    k.equal(
        "o is below 2^255",
        c.o_bound,
        c.o[19] + ((1 << 13) - (1 << 9)),
    );
    k.equal(
        "q is below 3 * 2^255",
        c.q_bound,
        c.q[19] + ((1 << 13) - 1536),
    );

    // m = p or n; their limbs 2 and 3 agree.
    let (p, n) = (Modulus::P.limbs().fr(), Modulus::N.limbs().fr());
    let m: Exprs = std::array::from_fn(|i| c.order * (n[i] - p[i]) + p[i]);
    let position = |at: usize| -> Expr {
        (0..=at)
            .map(|i| {
                let qm = if m[at - i] == Expr::zero() {
                    Expr::zero()
                } else {
                    &q[i] * &m[at - i]
                };
                &o[i] * &b[at - i] + &a[i] * &d[at - i] - qm
            })
            .sum()
    };
    let carry = |i: usize| digits(&c.carries[i]) - pow2(77);
    let two = |at: usize| position(at) + position(at + 1) * pow2(LIMB);
    k.equal("bits 0 to 129", two(0) + c.c[0], carry(0) * pow2(130));
    k.equal(
        "bits 130 to 259",
        two(2) + c.c[1] + carry(0),
        carry(1) * pow2(130),
    );
    k.equal(
        "in the native field",
        native(&o) * native(&b) + native(&a) * native(&d) + c.c[0] + c.c[1] * pow2(130),
        native(&q) * native(&m),
    );
    let values = std::iter::once(c.order.expr())
        .chain(o)
        .chain(b)
        .chain(a)
        .chain(d)
        .chain(c.c.map(Cell::expr))
        .collect();
    k.provide(bus, 1, values);
}

/// `secp.step`.
pub(super) fn step(k: &mut KindBuilder<'_>, c: &Step, inner: &Inner) {
    modes(k, c);
    let [x1, y1, x2, y2] = [&c.x1, &c.y1, &c.x2, &c.y2].map(exprs);
    let [slope, x3, y3] = [&c.slope, &c.x3, &c.y3].map(exprs);
    let [image, dx, dy] = [&c.image, &c.doubled_x, &c.doubled_y].map(exprs);
    let (double, build) = (c.double(), c.build());
    for i in 0..4 {
        k.equal("double * x1", c.doubled_x[i], &double * c.x1[i]);
        k.equal("double * y1", c.doubled_y[i], &double * c.y1[i]);
        k.equal("a doubling adds equal x", c.doubled_x[i], &double * c.x2[i]);
        k.free(
            c.image[i],
            "only a row that builds a multiple offers the image under a tag that is wanted",
        );
    }
    let distance = low(&x1) - low(&x2) + (high(&x1) - high(&x2)) * pow2(2 * LIMB);
    let p_squared = Modulus::P.limbs().native().square();
    k.equal("square", c.square, &distance * &distance);
    k.equal(
        "x1 and x2 differ modulo p",
        distance * (c.square - p_squared) * c.inverse,
        Expr::one() - &double,
    );
    k.constrain("no inverse in a doubling", &double * c.inverse);

    // slope (x2 - x1) = y2 - y1, or slope 2 y1 = 3 x1^2.
    let relation = |o, b, a, d, c| {
        Relation {
            m: Modulus::P,
            o,
            b,
            a,
            d,
            c,
        }
        .values()
    };
    let b = map2(&sub(&x2, &x1), &dy, |e, y| e + y * 2);
    let a = dx.map(|x| x * -Fr::from(3));
    let c_slope = [low(&y1) - low(&y2), high(&y1) - high(&y2)];
    for half in &c_slope {
        k.constrain("a doubling adds equal y", &double * half);
    }
    k.require(
        inner.mul,
        1,
        relation(slope.clone(), b, a, x1.clone(), c_slope),
    );
    let c_x = [-low(&x1) - low(&x2), -high(&x1) - high(&x2)];
    k.require(
        inner.mul,
        1,
        relation(x3.clone(), minus_one(), slope.clone(), slope.clone(), c_x),
    );
    k.require(
        inner.mul,
        1,
        relation(y3.clone(), minus_one(), slope, sub(&x1, &x3), minus(&y1)),
    );
    let beta = constant(Num::unsigned(BETA));
    k.require(
        inner.mul,
        build.clone(),
        relation(image.clone(), minus_one(), beta, x3.clone(), nothing()),
    );

    let [label_0, label_1] = c.label.map(Cell::expr);
    let point = |x: &Exprs, y: &Exprs, rest: [Expr; 2]| {
        std::iter::once(label_0.clone())
            .chain(x.iter().cloned())
            .chain(y.iter().cloned())
            .chain([label_1.clone()])
            .chain(rest)
            .collect::<Vec<_>>()
    };
    let [d0, d1, d2, d3] = c.doubles;
    let phase = d0 * PHASE_READY
        + d1 * (PHASE_READY + 1)
        + d2 * (PHASE_READY + 2)
        + d3 * (PHASE_READY + 3)
        + c.add * PHASE_ADD
        + c.add_phi * PHASE_ADD_PHI
        + c.add_comb * PHASE_ADD_COMB
        + c.correct * PHASE_READY
        + c.offset * OFFSET;
    let next_phase = &phase + 1 - c.add_comb * (PHASE_ADD_COMB + 1 - PHASE_READY)
        + c.correct * (PHASE_DONE - PHASE_READY - 1);
    let mut before = point(&x1, &y1, [c.window.expr(), phase]);
    before.extend(c.scalars.map(Cell::expr));
    k.require(inner.partial, 1, before);
    let mut after = point(&x3, &y3, [c.window + c.add_comb, next_phase]);
    after.extend(c.next.map(Cell::expr));
    k.provide(inner.partial, 1, after);

    // Tags: 1 (plain) or 5 (image), plus twice the offset's number. A row that builds nothing offers tags 0 and 2, which nobody wants.
    let offset = c.offset * 2;
    let built = c.digit + c.first;
    k.provide(
        inner.multiple,
        1,
        point(&x3, &y3, [&offset + &build, built.clone()]),
    );
    k.provide(
        inner.multiple,
        1,
        point(&image, &y3, [&offset + build * 5, built]),
    );
    k.require(
        inner.multiple,
        c.add + c.add_phi + c.further,
        point(&x2, &y2, [offset + c.add_phi * 4 + 1, c.digit - c.further]),
    );
    let constants = c.first + c.correct;
    let index = c.comb[0] * 16 + c.comb[1] + &constants * CONSTANTS;
    k.require(
        inner.points,
        constants + c.add_comb,
        std::iter::once(index).chain(x2).chain(y2).collect(),
    );
}

/// Modes, digits and scalars of a step.
fn modes(k: &mut KindBuilder<'_>, c: &Step) {
    let double = c.double();
    let others = [c.first, c.further, c.add, c.add_phi, c.add_comb, c.correct];
    let modes = &double + others.map(Cell::expr).into_iter().sum::<Expr>();
    k.equal("one mode", modes, 1);
    k.constrain(
        "corrected at the end",
        c.correct * (c.window - WINDOWS as u64),
    );
    k.constrain(
        "a digit only for multiples",
        c.digit * (&double + c.first + c.add_comb + c.correct),
    );
    // Offset b is constant b, correction b constant 2 + b. The comb's first digit is in the range, so no comb reaches the constants.
    k.equal(
        "comb.1 below 16",
        c.comb_bound,
        c.comb[1] + ((1 << 13) - 16),
    );
    let no_comb = Expr::one() - c.add_comb;
    k.constrain("comb.0 only for the comb", c.comb[0] * &no_comb);
    k.constrain(
        "comb.1 names a constant",
        no_comb * (c.comb[1] - (c.first + c.correct) * c.offset - c.correct * 2),
    );
    let digit = [
        (c.add + c.further) * c.digit + c.first,
        c.add_phi * c.digit,
        c.add_comb * (c.comb[0] + 1),
        c.add_comb * (c.comb[1] + 1),
    ];
    for (i, d) in digit.into_iter().enumerate() {
        k.equal(
            "scalar",
            c.next[i],
            c.scalars[i] + &double * c.scalars[i] + d,
        );
    }
}

/// `secp.word`.
pub(super) fn word(k: &mut KindBuilder<'_>, c: &Word, bus: Bus) {
    let below_63 = digits(&c.digits[1]);
    k.equal("top of limb 1", c.top_bound, c.top + ((1 << 13) - 4));
    k.equal(
        "digit 4 of limb 1",
        c.bound,
        c.digits[1][4] + ((1 << 13) - (1 << 11)),
    );
    let v = [
        digits(&c.digits[0]),
        &below_63 + c.top * pow2(63),
        digits(&c.digits[2]),
        digits(&c.digits[3]),
    ];
    let [p, n] = [Modulus::P, Modulus::N].map(|m| Num::unsigned(m.value()).fr());
    for i in 0..4usize {
        let carry_in = i
            .checked_sub(1)
            .map_or(Expr::one(), |j| c.carries[j].expr());
        let carry_out = c.carries.get(i).map_or(Expr::zero(), |o| *o * pow2(LIMB));
        k.equal(
            "number + complement + 1 = m",
            &v[i] + digits(&c.complement[i]) + carry_in,
            c.order * (n[i] - p[i]) + p[i] + carry_out,
        );
    }
    k.constrain("only coordinates are reduced", c.reduced * c.order);
    let borrows: Expr = c.borrows.map(Cell::expr).into_iter().sum();
    k.constrain(
        "no borrow if not reduced",
        borrows * (Expr::one() - c.reduced),
    );
    let x: Exprs = std::array::from_fn(|i| {
        let borrow_in = i
            .checked_sub(1)
            .map_or(Expr::zero(), |j| c.borrows[j].expr());
        let borrow_out = c.borrows.get(i).map_or(Expr::zero(), |o| *o * pow2(LIMB));
        &v[i] - c.reduced * p[i] - borrow_in + borrow_out
    });
    let hi = c.top + &v[2] * 4 + &v[3] * pow2(67);
    let lo = &v[0] + below_63 * pow2(LIMB);
    let values = std::iter::once(c.order.expr())
        .chain(x)
        .chain([hi, lo])
        .collect();
    k.provide(bus, 0, values);
}

/// `secp.signature`.
pub(super) fn signature(k: &mut KindBuilder<'_>, c: &Signature, inner: &Inner, ecdsa: Bus) {
    let [square, u, v, r, s, y] = [&c.square, &c.u, &c.v, &c.r, &c.s, &c.y].map(exprs);
    k.equal("parity of y", c.y_half[1], digits(&c.half_y) * 2 + c.parity);
    k.equal("s is not zero", (c.s_half[0] + c.s_half[1]) * c.inverse, 1);
    k.equal("z's high half", c.z_half[0], c.z_bits + c.z_top * 4);
    k.equal("z's bits", c.z_bits_bound, c.z_bits + ((1 << 13) - 4));
    k.equal("z's top", c.z_top, digits(&c.z_top_digits));
    k.equal(
        "z's top is below 2^126",
        c.z_top_bound,
        c.z_top_digits[9] + ((1 << 13) - (1 << 9)),
    );
    k.equal("z's low half", c.z_half[1], digits(&c.z_low_digits));
    k.equal(
        "z's low half is below 2^128",
        c.z_low_bound,
        c.z_low_digits[9] + ((1 << 13) - (1 << 11)),
    );

    let (label_0, label_1) = (low(&r) + c.parity * pow2(130), high(&r));
    let relation = |m, o: &Exprs, b, a, d, c| {
        Relation {
            m,
            o: o.clone(),
            b,
            a,
            d,
            c,
        }
        .values()
    };
    use Modulus::{N, P};
    // x^2, then x^3 + 7 = y^2.
    k.require(
        inner.mul,
        1,
        relation(P, &square, minus_one(), r.clone(), r.clone(), nothing()),
    );
    let minus_seven = [-Expr::from(7), Expr::zero()];
    let minus_r = r.clone().map(|e| -e);
    k.require(
        inner.mul,
        1,
        relation(P, &square, minus_r, y.clone(), y.clone(), minus_seven),
    );
    // u = k1 + λ k2 and u r = s.
    let [k0, k1, k2] = c.k2.map(Cell::expr);
    let k2 = [k0, k1, k2, Expr::zero()];
    let lambda = constant(Num::unsigned(LAMBDA));
    k.require(
        inner.mul,
        1,
        relation(
            N,
            &k2,
            lambda,
            u.clone(),
            minus_one(),
            [c.k1.expr(), Expr::zero()],
        ),
    );
    k.require(
        inner.mul,
        1,
        relation(N, &u, r.clone(), ZERO(), ZERO(), minus(&s)),
    );
    // The point R itself, for the steps.
    let partial = |window: u64, phase: u64, scalars: [Expr; 4], x: &Limbs, y: &Limbs| {
        std::iter::once(label_0.clone())
            .chain(exprs(x))
            .chain(exprs(y))
            .chain([label_1.clone()])
            .chain([Expr::from(window), c.offset * OFFSET + phase])
            .chain(scalars)
            .collect::<Vec<_>>()
    };
    k.provide(
        inner.partial,
        0,
        partial(0, PHASE_POINT, ZERO(), &c.r, &c.y),
    );
    // v r = -z.
    let z = [c.z_half[1] + c.z_bits * pow2(128), c.z_top.expr()];
    k.require(inner.mul, 1, relation(N, &v, r.clone(), ZERO(), ZERO(), z));
    // k1 R + k2 λ R + g0 G + g1 2^128 G = Q.
    let g1 = [c.g1[0].expr(), c.g1[1].expr(), Expr::zero(), Expr::zero()];
    let scalars = [c.k1.expr(), native(&k2), c.g0.expr(), low(&g1)];
    k.require(
        inner.partial,
        1,
        partial(WINDOWS as u64, PHASE_DONE, scalars, &c.qx, &c.qy),
    );
    let word = |m: Modulus, half: &[Cell; 2], x: &Limbs| {
        std::iter::once(Expr::from(m.flag()))
            .chain(exprs(x))
            .chain(half.map(Cell::expr))
            .collect::<Vec<_>>()
    };
    k.require(inner.word, 1, word(N, &c.r_half, &c.r));
    k.require(inner.word, 1, word(N, &c.s_half, &c.s));
    k.require(inner.word, 1, word(P, &c.y_half, &c.y));
    // v = g0 + 2^128 g1.
    let two_128 = constant(Num([0, 1 << 63, 0, 0]));
    k.require(
        inner.mul,
        1,
        relation(N, &g1, two_128, v, minus_one(), [c.g0.expr(), Expr::zero()]),
    );
    k.require(inner.word, 1, word(P, &c.qx_half, &c.qx));
    k.require(inner.word, 1, word(P, &c.qy_half, &c.qy));
    let halves = [c.z_half, c.r_half, c.s_half].concat();
    let q = [c.qx_half, c.qy_half].concat();
    k.provide(
        ecdsa,
        2,
        lin_cells(&halves)
            .chain([c.parity.expr()])
            .chain(lin_cells(&q))
            .chain([Expr::one()])
            .collect(),
    );
}

fn lin_cells(cells: &[Cell]) -> impl Iterator<Item = Expr> + '_ {
    cells.iter().map(|c| c.expr())
}
