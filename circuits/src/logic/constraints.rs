//! Relations of `logic.piece`.

use super::{LogicChip, columns::*};
use crate::{
    Fr,
    buses::{Buses, place::*},
    framework::{BusKind, Expr, MachineBuilder, lin, pow2},
    limbs::compose,
};
use ff::Field;

/// Declares the kind `logic.piece`.
pub fn define(b: &mut MachineBuilder, buses: &Buses) -> LogicChip {
    let tables = Tables::declare(b);
    // The same places as in the word's message, so that what the halves put there is computed once.
    let places = [CODE, A_HI, B_HI, D_HI];
    let piece = b.bus_at("logic.piece", BusKind::Token, &places, None);
    let half = b.bus_at("logic.half", BusKind::Fact, &places, None);
    let mut k = b.kind("logic.piece", 1);
    let c = Columns::declare(&mut k, &tables);

    // Σ 2^(5 i) digit_i = A + 2^65 B + 2^130 C
    let [x, y, and] = [0, 1, 2].map(|i| compose(&c.limbs[i]));
    let digits = lin((0u32..)
        .zip(&c.digits)
        .map(|(i, d)| (pow2(DIGIT_BITS * i), d)));
    let [_, second, third] = weights();
    k.equal("digits", digits, &x + &y * second + &and * third);
    // t = code (code - 3) / 2, D = (1 + t - code) C - t (A + B)
    let half_of = Fr::from(2).invert().unwrap_or(Fr::ZERO);
    let t = c.code * (c.code - 3) * half_of;
    k.equal(
        "result",
        c.result,
        (Expr::one() + &t - c.code) * and - t * (&x + &y),
    );

    let message = |values: [Expr; 3]| {
        let [a, b, d] = values;
        vec![c.code.expr(), a, b, d]
    };
    let own = [x, y, c.result.expr()];
    let low = c.piece.cells();
    let [a, b, d] = [0, 1, 2].map(|i| low[i] + &own[i] * pow2(PIECE_BITS));
    k.send(piece, 1, message(own));
    k.receive(piece, 1, message(low.map(|c| c.expr())));
    k.provide(half, 0, message([a.clone(), b.clone(), d.clone()]));
    k.require(half, 1, message(c.half.cells().map(|c| c.expr())));
    let [a_lo, b_lo, d_lo] = c.half.cells().map(|c| c.expr());
    k.provide(
        buses.logic,
        0,
        vec![c.code.expr(), a, a_lo, b, b_lo, d, d_lo],
    );
    LogicChip {
        kind: k.finish(),
        columns: c,
    }
}
