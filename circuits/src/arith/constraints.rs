//! Relations of `arith.linear`.

use super::{ArithChip, columns::*};
use crate::{
    buses::Buses,
    framework::{Expr, MachineBuilder, pow2},
    limbs::compose,
    tables::range13,
};

/// Declares the kind `arith.linear`.
pub fn define(b: &mut MachineBuilder, buses: &Buses) -> ArithChip {
    let range = range13(b);
    let mut k = b.kind("arith.linear", 1);
    let c = Columns::declare(&mut k, range);
    let (z_hi, z_lo) = (compose(&c.z_hi), compose(&c.z_lo));
    let (carry, q) = (compose(&c.carry) - 1, compose(&c.overflow) - 1);
    let sign = Expr::one() - c.subtract * 2;

    // x_lo m + s y_lo = z_lo + 2^128 k
    k.equal(
        "low half",
        c.x_lo * c.m + &sign * c.y_lo,
        &z_lo + &carry * pow2(128),
    );
    // x_hi m + s y_hi + k = z_hi + 2^128 q
    k.equal(
        "high half",
        c.x_hi * c.m + sign * c.y_hi + carry,
        &z_hi + &q * pow2(128),
    );
    for half in [&c.z_hi, &c.z_lo] {
        k.require(range, 1, vec![half[HALF_LIMBS - 1] * TOP_SCALE]);
    }
    let values = vec![
        c.subtract + (&q + 1) * 2,
        c.x_hi.expr(),
        c.x_lo.expr(),
        c.m - 1,
        c.y_hi.expr(),
        c.y_lo.expr(),
        z_hi,
        z_lo,
    ];
    k.provide(buses.arith, 0, values);
    ArithChip {
        kind: k.finish(),
        columns: c,
    }
}
