//! Relations of `code.byte`.

use super::{CodeChip, columns::*};
use crate::{
    Fr,
    buses::Buses,
    framework::{Cell, Expr, MachineBuilder, State},
};
use ff::Field;

/// Declares the kind `code.byte`, whose run is entered from `codes`.
///
/// Who leaves `codes` sees to it that column 0 of the row below is 1. No other kind enters from it.
pub fn define(b: &mut MachineBuilder, buses: &Buses, codes: State) -> CodeChip {
    let tables = Tables::declare(b);
    let mut k = b.kind("code.byte", 1);
    let c = Columns::declare(&mut k, &tables);
    // The byte before stands on the row below.
    let before = |cell: Cell| cell.shift(1);
    let (begin, end) = jumps();

    // Count and place in one number, which the byte before determines.
    let left = c.count - c.data * count_mark();
    let state = &left + c.turn * (count_weight() * Fr::from(TURN)) + c.place + c.end * end
        - c.begin * begin;
    let first = c.first + c.last;
    k.constrain("a code begins", &first * (c.position - &state));
    let state_before = before(c.place) + before(c.count) + before(c.class)
        - before(c.byte)
        - before(c.data) * (count_mark() + class_mark());
    let goes_on = c.last.expr().not();
    k.constrain("state", &goes_on * (state - state_before));
    let later = first.not();
    k.constrain(
        "next position",
        &later * (c.position - before(c.position) - 1),
    );
    k.constrain("same code", &later * (c.number - before(c.number)));

    // half = byte + 256 (1 - begin) half', and where it begins anew, half' is the half before.
    let base = Fr::from(256);
    k.equal(
        "half",
        c.half,
        c.byte + c.begin.expr().not() * before(c.half) * base,
    );
    let kept = before(c.half_before);
    k.constrain(
        "half before",
        &later * (c.half_before - kept - c.begin * (before(c.half) - kept)),
    );
    // lo = data byte + 256 (data - turn) lo', hi = data hi' + turn lo'.
    let (lo, hi) = (before(c.value_lo), before(c.value_hi));
    k.equal(
        "low half of push data",
        c.value_lo,
        c.data * c.byte + (c.data - c.turn) * lo * base,
    );
    k.equal(
        "high half of push data",
        c.value_hi,
        c.data * hi + c.turn * lo,
    );

    k.provide(
        buses.code,
        0,
        vec![
            c.position.expr(),
            Expr::zero(),
            c.byte + c.data * 256,
            Expr::zero(),
            c.number.expr(),
        ],
    );
    k.provide(
        buses.push,
        0,
        vec![
            c.position.expr(),
            c.value_hi.expr(),
            c.value_lo.expr(),
            left,
            c.number.expr(),
        ],
    );
    let word_bytes = Fr::from(WORD_BYTES as u64);
    let index = (c.position - (WORD_BYTES as u64 - 1)) * word_bytes.invert().unwrap_or(Fr::ZERO);
    k.send(
        buses.code_word,
        c.end,
        vec![c.number.expr(), index, c.half_before.expr(), c.half.expr()],
    );
    k.free(
        c.class,
        "nothing follows the run's top row; bound on all others",
    );
    let id = k
        .enter(&[codes])
        .leave_expr(goes_on * codes.element())
        .finish();
    CodeChip {
        kind: id,
        columns: c,
    }
}
