//! Relations of `arith.product`.

use super::{ProductChip, columns::*};
use crate::{
    buses::Buses,
    framework::{Cell, MachineBuilder, State, pow2},
    limbs::compose,
    tables::range13,
};

/// Declares the kind `arith.product`.
pub fn define(b: &mut MachineBuilder, buses: &Buses) -> ProductChip {
    let range = range13(b);
    let open = b.state();
    let mut k = b.kind("arith.product", 1);
    let c = Columns::declare(&mut k, range);
    let base = pow2(DIGIT_BITS);
    // The digit below stands on the row below.
    let below = |cell: Cell| cell.shift(1);
    let two_below = |cell: Cell| cell.shift(2);

    k.equal("digit of the second factor", c.y, compose(&c.y_limbs));
    k.equal("digit of the product", c.d, compose(&c.d_limbs));
    k.equal("carry", c.carry, compose(&c.carry_limbs));
    k.equal(
        "the top limb has 12 bits",
        c.doubled,
        c.d_limbs[LIMBS - 1] * 2,
    );
    // x_lo y + x_hi y'' + carry' = d + 2^64 carry
    k.equal(
        "column",
        c.x_lo * c.y + c.two_lower * (c.x_hi * two_below(c.y)) + c.lower * below(c.carry),
        c.d + c.carry * base,
    );
    for (name, cell) in [("x_hi stays", c.x_hi), ("x_lo stays", c.x_lo)] {
        k.constrain(name, c.lower * (cell - below(cell)));
    }
    for (name, pair, digit) in [
        ("pair of the second factor", c.y_pair, c.y),
        ("pair of the product", c.d_pair, c.d),
    ] {
        k.equal(name, pair, digit * base + c.lower * below(digit));
    }
    let top = c.modular + c.exact;
    k.equal("two lower digits", c.two_lower, c.lower * below(c.lower));
    k.equal("top digit", &top, c.lower * below(c.two_lower));
    k.constrain("four digits", c.lower * top.shift(1));
    k.constrain("exact: no carry", c.exact * c.carry);
    k.constrain("exact: high halves", c.exact * (c.x_hi * c.y_pair));

    k.provide(
        buses.product,
        0,
        vec![
            top + c.exact - 1,
            c.x_hi.expr(),
            c.x_lo.expr(),
            c.y_pair.expr(),
            two_below(c.y_pair).expr(),
            c.d_pair.expr(),
            two_below(c.d_pair).expr(),
        ],
    );
    let id = k
        .enter(&[State::CLOSED, open])
        .leave_expr(c.lower * open.element())
        .finish();
    ProductChip {
        kind: id,
        columns: c,
    }
}
