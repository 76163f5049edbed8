//! The relations of the four kinds.

use super::{
    columns::{
        Exprs, Limbs, Mul, SHORT_BITS, Signature, Step, Word, digits, exprs, ten_digits, two,
        word_limbs,
    },
    numbers::{BETA, LAMBDA, LIMB, Modulus, Num, OFFSET, PLACE_KEY, PLACE_POINT},
};
use crate::{
    Fr,
    framework::{Bus, Cell, Expr, KindBuilder, TableId, pow2},
};
use ff::Field;

/// The buses inside the chip, and its tables of several values.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inner {
    /// Token `(b.., order, a.., e.., o.., c..)`: `o` is a number in `[-2^255, 2^255)` and `o b - a (a + e) + c` is 0 modulo p or n,
    /// if the limbs are small.
    pub(super) mul: Bus,
    /// Token `(x.., order, hi, lo)`: `hi 2^128 + lo` is below p or n, `hi` and `lo` below `2^128`, and `x` is that number, or it minus p.
    pub(super) word: Bus,
    /// Fact `(x.., y.., place, label_0, label_1, four scalars)`: what a point contains.
    pub(super) partial: Bus,
    /// Table `(x.., y.., key, a, b)`.
    pub(super) points: TableId,
    /// Table `(doubles, multiple, image, other, place)`.
    pub(super) schedule: TableId,
}

fn zeros() -> Exprs {
    std::array::from_fn(|_| Expr::zero())
}

fn constant(n: Num) -> Exprs {
    n.fr().map(Expr::from)
}

fn one() -> Exprs {
    constant(Num::ONE)
}

fn map2(a: &Exprs, b: &Exprs, f: impl Fn(&Expr, &Expr) -> Expr) -> Exprs {
    std::array::from_fn(|i| f(&a[i], &b[i]))
}

fn sub(a: &Exprs, b: &Exprs) -> Exprs {
    map2(a, b, |x, y| x - y)
}

/// A number as the last operand of a relation.
fn whole(x: &Exprs) -> [Expr; 2] {
    [x[0].clone(), two(&x[1], &x[2])]
}

/// The values of a relation `o b - a (a + e) + c`.
fn relation(m: Modulus, o: &Exprs, b: &Exprs, a: &Exprs, e: &Exprs, c: [Expr; 2]) -> Vec<Expr> {
    b.iter()
        .chain([&Expr::from(m.flag())])
        .chain(a)
        .chain(e)
        .chain(o)
        .chain(&c)
        .cloned()
        .collect()
}

/// `secp.mul`.
pub(super) fn mul(k: &mut KindBuilder<'_>, c: &Mul, bus: Bus) {
    let mut o = word_limbs(&c.o);
    o[2] = &o[2] - pow2(73);
    let mut q = [0..7, 7..14, 14..20].map(|r| digits(&c.q[r]));
    q[2] = &q[2] - pow2(77);
    let (b, a, e) = (exprs(&c.b), exprs(&c.a), exprs(&c.e));
    let d = map2(&a, &e, |x, y| x + y);

    // m = p or n; they differ in two limbs, and the second is 0 for p.
    let (p, n) = (Modulus::P.limbs().fr(), Modulus::N.limbs().fr());
    let m: Exprs = std::array::from_fn(|i| c.order * (n[i] - p[i]) + p[i]);
    let position = |at: usize| -> Expr {
        (at.saturating_sub(2)..=at.min(2))
            .map(|i| &o[i] * &b[at - i] - &a[i] * &d[at - i] - &q[i] * &m[at - i])
            .sum()
    };
    let carry = |i: usize| digits(&c.carries[i]) - pow2(103);
    let base = pow2(LIMB);
    k.equal("bits 0 to 90", position(0) + c.c[0], carry(0) * base);
    k.equal(
        "bits 91 to 181",
        position(1) + c.c[1] + carry(0),
        carry(1) * base,
    );
    k.equal("bits 182 to 272", position(2) + carry(1), carry(2) * base);
    k.constrain("bits from 273 on", two(position(3), position(4)) + carry(2));
    let values = [&b[..], &[c.order.expr()], &a, &e, &o]
        .concat()
        .into_iter()
        .chain(c.c.map(Cell::expr))
        .collect();
    k.send(bus, 1, values);
}

/// `secp.step`.
pub(super) fn step(k: &mut KindBuilder<'_>, c: &Step, inner: &Inner) {
    let [x1, y1, x2, y2] = [&c.x1, &c.y1, &c.x2, &c.y2].map(exprs);
    let [slope, x3, y3, raw] = [&c.slope, &c.x3, &c.y3, &c.raw].map(exprs);
    let double = c.doubles.expr();
    let addition = double.not();

    let [d0, d1, d2] = sub(&x1, &x2);
    let upper = two(d1, d2);
    k.constrain("a doubling adds equal x", &double * &d0);
    k.constrain("a doubling adds equal x, upper limbs", &double * &upper);
    for cell in c.y2 {
        k.free(cell, "a doubling has no second y; every addition reads it");
    }
    let distance = two(d0, upper);
    let p_squared = Modulus::P.limbs().native().square();
    k.equal("square", c.square, &distance * &distance);
    k.equal(
        "x1 and x2 differ modulo p",
        (distance + &double) * (c.square - p_squared) * c.inverse,
        1,
    );
    let plain = c.image.expr().not();
    for (x, raw) in x2.iter().zip(&raw) {
        k.constrain("an image only where it is wanted", &plain * (raw - x));
    }
    k.constrain(
        "a digit only for multiples",
        c.multiple.expr().not() * c.digit,
    );
    let no_point = &double + c.multiple;
    for cell in c.comb {
        k.constrain("a comb only for fixed points", &no_point * cell);
    }
    let (twice, of_image) = (&double + 1, c.image * c.digit);
    let added = [
        c.digit - &of_image,
        of_image,
        c.comb[0].expr(),
        c.comb[1].expr(),
    ];
    for (i, d) in added.into_iter().enumerate() {
        k.equal("scalar", c.next[i], &twice * c.scalars[i] + d);
    }

    // slope (x2 - x1) = y2 - y1, or slope 2 y1 = 3 x1^2.
    let mut relation = |on: Expr, o: &Exprs, b: &Exprs, a: &Exprs, e: &Exprs, c: [Expr; 2]| {
        k.receive(inner.mul, on, relation(Modulus::P, o, b, a, e, c));
    };
    let (x1_twice, y1_twice) = (map2(&x1, &x1, |x, _| x * 2), map2(&y1, &y1, |y, _| y * 2));
    relation(
        addition.clone(),
        &slope,
        &sub(&x2, &x1),
        &zeros(),
        &zeros(),
        whole(&sub(&y1, &y2)),
    );
    relation(double, &slope, &y1_twice, &x1, &x1_twice, whole(&zeros()));
    // x3 = slope^2 - x1 - x2, y3 = slope (x1 - x3) - y1.
    relation(
        Expr::one(),
        &x3,
        &one(),
        &slope,
        &zeros(),
        whole(&map2(&x1, &x2, |x, y| x + y)),
    );
    relation(
        Expr::one(),
        &y3,
        &one(),
        &slope,
        &sub(&sub(&x1, &x3), &slope),
        whole(&y1),
    );
    let beta = constant(Num::unsigned(BETA));
    relation(
        c.image.expr(),
        &x2,
        &one(),
        &beta,
        &sub(&raw, &beta),
        whole(&zeros()),
    );

    let point = |x: &Exprs, y: &Exprs, place: Expr, scalars: [Expr; 4]| {
        [&x[..], y, &[place], &c.label.map(Cell::expr), &scalars].concat()
    };
    k.require(
        inner.schedule,
        1,
        [c.doubles, c.multiple, c.image, c.other, c.place]
            .map(Cell::expr)
            .to_vec(),
    );
    k.require(
        inner.partial,
        1,
        point(&x1, &y1, c.place.expr(), c.scalars.map(Cell::expr)),
    );
    let mut digit: [Expr; 4] = std::array::from_fn(|_| Expr::zero());
    digit[0] = c.digit.expr();
    k.require(
        inner.partial,
        c.multiple,
        point(&raw, &y2, c.other.expr(), digit),
    );
    k.require(
        inner.points,
        addition - c.multiple,
        [
            &x2[..],
            &y2,
            &[c.other, c.comb[0], c.comb[1]].map(Cell::expr),
        ]
        .concat(),
    );
    k.provide(
        inner.partial,
        1,
        point(&x3, &y3, c.place + 1, c.next.map(Cell::expr)),
    );
}

/// `secp.word`.
pub(super) fn word(k: &mut KindBuilder<'_>, c: &Word, bus: Bus) {
    let v = word_limbs(&c.digits);
    let complement = [0..7, 7..14, 14..20].map(|r| digits(&c.complement[r]));
    k.equal(
        "digit 9 has bit 128 in it",
        c.digits[9],
        c.below + c.above * pow2(SHORT_BITS),
    );
    let [p, n] = [Modulus::P, Modulus::N].map(|m| {
        let limbs = m.limbs().fr();
        limbs[0] + limbs[1] * pow2(LIMB) + pow2(2 * LIMB)
    });
    // Both primes are 2^74 - 1 from bit 182 on.
    k.equal(
        "number + complement + 1 = m, bits 0 to 181",
        two(&v[0], &v[1]) + two(&complement[0], &complement[1]),
        c.order * (n - p) + (p - Fr::ONE) + c.carry * pow2(2 * LIMB),
    );
    k.equal(
        "number + complement + 1 = m, bits from 182 on",
        &v[2] + &complement[2] + c.carry,
        pow2(74) - Fr::ONE,
    );
    k.constrain("only coordinates are reduced", c.reduced * c.order);
    let [p0, p1, p2] = Modulus::P.limbs().fr();
    debug_assert_eq!(p1, Fr::ZERO);
    let x = [
        &v[0] - c.reduced * p0 - c.moved[0] * pow2(LIMB),
        &v[1] + c.moved[0] - c.moved[1] * pow2(LIMB),
        &v[2] - c.reduced * p2 + c.moved[1],
    ];
    // Limb 1's bits below 37 belong to the low half.
    let below = digits(&c.digits[7..9]) + c.below * pow2(26);
    let inverse = pow2(37).invert().unwrap_or(Fr::ZERO);
    let hi = (&v[1] - &below) * inverse + &v[2] * pow2(54);
    let lo = two(&v[0], below);
    let values = [&x[..], &[c.order.expr(), hi, lo]].concat();
    k.send(bus, 1, values);
}

/// `secp.signature`.
pub(super) fn signature(k: &mut KindBuilder<'_>, c: &Signature, inner: &Inner, ecdsa: Bus) {
    let [square, u, v, r, s, y] = [&c.square, &c.u, &c.v, &c.r, &c.s, &c.y].map(exprs);
    let half_y = ten_digits(&c.half_y[0], &c.half_y[1]);
    k.equal("parity of y", c.y_half[1], half_y * 2 + c.parity);
    k.equal("s is not zero", (c.s_half[0] + c.s_half[1]) * c.inverse, 1);
    for (half, [low, high]) in c.z_half.iter().zip(&c.z_digits) {
        k.equal("z's half is below 2^130", half, ten_digits(low, high));
    }

    use Modulus::{N, P};
    let mut relation = |m: Modulus, o: &Exprs, b: &Exprs, a: &Exprs, c: [Expr; 2]| {
        k.receive(inner.mul, 1, relation(m, o, b, a, &zeros(), c));
    };
    // x^2, then x^3 + 7 = y^2.
    relation(P, &square, &one(), &r, whole(&zeros()));
    relation(P, &square, &r, &y, [Expr::from(7), Expr::zero()]);
    // u = k1 + λ k2 and u r = s.
    let k2 = [c.k2[0].expr(), c.k2[1].expr(), Expr::zero()];
    let lambda = constant(Num::unsigned(LAMBDA));
    let [u0, u1] = whole(&u);
    relation(N, &k2, &lambda, &zeros(), [c.k1 - u0, -u1]);
    let [s0, s1] = whole(&s);
    relation(N, &u, &r, &zeros(), [-s0, -s1]);
    // v = g0 + 2^128 g1 and v r = -z.
    let g1 = [c.g1[0].expr(), c.g1[1].expr(), Expr::zero()];
    let two_128 = constant(Num([0, 1 << 37, 0]));
    let [v0, v1] = whole(&v);
    relation(N, &g1, &two_128, &zeros(), [c.g0 - v0, -v1]);
    let z = [c.z_half[1].expr(), c.z_half[0] * pow2(37)];
    relation(N, &v, &r, &zeros(), z);

    let label = [two(&r[0], &r[1]) + c.parity * pow2(190), r[2].clone()];
    let partial = |place: u64, scalars: [Expr; 4], x: &Limbs, y: &Limbs| {
        let place = c.offset * OFFSET + place;
        [&exprs(x)[..], &exprs(y), &[place], &label, &scalars].concat()
    };
    // The point R itself, for the steps.
    let once = [Expr::one(), Expr::zero(), Expr::zero(), Expr::zero()];
    k.provide(inner.partial, 0, partial(PLACE_POINT, once, &c.r, &c.y));
    // k1 R + k2 λ R + g0 G + g1 2^128 G = Q.
    let scalars = [
        c.k1.expr(),
        two(c.k2[0], c.k2[1]),
        c.g0.expr(),
        two(c.g1[0], c.g1[1]),
    ];
    k.require(inner.partial, 1, partial(PLACE_KEY, scalars, &c.qx, &c.qy));
    for (m, half, x) in [
        (N, &c.r_half, &c.r),
        (N, &c.s_half, &c.s),
        (P, &c.y_half, &c.y),
        (P, &c.qx_half, &c.qx),
        (P, &c.qy_half, &c.qy),
    ] {
        let values = exprs(x)
            .into_iter()
            .chain([Expr::from(m.flag())])
            .chain(half.map(Cell::expr))
            .collect();
        k.receive(inner.word, 1, values);
    }
    let halves = [c.z_half, c.r_half, c.s_half].concat();
    for (code, q) in [(0, &c.qx_half), (2, &c.qy_half)] {
        k.provide(
            ecdsa,
            2,
            lin_cells(&halves)
                .chain([c.parity + code])
                .chain(lin_cells(q))
                .collect(),
        );
    }
}

fn lin_cells(cells: &[Cell]) -> impl Iterator<Item = Expr> + '_ {
    cells.iter().map(|c| c.expr())
}
