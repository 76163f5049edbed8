//! Kinds, constraints, tables and facts of the `hash` chip.

use super::{FACT_ROW, INNER_ROUNDS, ROUND_ROWS, RoundCells, TurnCells, columns::Shared};
use crate::{
    Fr,
    buses::Buses,
    framework::{Expr, KindId, MachineBuilder, State},
};
use ff::Field;
use protocol::poseidon2::{EXTERNAL_CONSTANTS, EXTERNAL_ROUNDS, INTERNAL_CONSTANTS, WIDTH};

/// Handles of the `hash` chip.
#[derive(Clone, Debug)]
pub struct HashChip {
    /// Kind of the rows that prove rounds.
    pub round: KindId,
    /// Its cells.
    pub round_cells: RoundCells,
    /// Kind of the rows above and below a permutation.
    pub turn: KindId,
    /// Its cells.
    pub turn_cells: TurnCells,
}

/// Adds the chip to a machine.
pub fn define(b: &mut MachineBuilder, buses: &Buses) -> HashChip {
    let open = b.state();
    let (round, round_cells) = round(b, buses, open);
    let (turn, turn_cells) = turn(b, open);
    HashChip {
        round,
        round_cells,
        turn,
        turn_cells,
    }
}

/// Constants of one `hash.round` row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Constants {
    pub(super) inner: [Fr; INNER_ROUNDS],
    pub(super) outer: [Fr; WIDTH],
}

impl Constants {
    /// Those of the rows of a permutation, top to bottom.
    pub(super) fn all() -> [Self; ROUND_ROWS] {
        std::array::from_fn(|row| Self {
            inner: std::array::from_fn(|r| INTERNAL_CONSTANTS[row * INNER_ROUNDS + r]),
            outer: EXTERNAL_CONSTANTS[external_round(row)],
        })
    }
    /// What tells the row from the others.
    pub(super) fn mark(&self) -> Fr {
        self.inner[0]
    }
}

/// The external round on a `hash.round` row: 3, 2, 1, 0, 7, 6, 5, 4.
pub(super) const fn external_round(row: usize) -> usize {
    (EXTERNAL_ROUNDS / 2 - 1 + ROUND_ROWS - row) % ROUND_ROWS
}

/// `M state`, `M = 1 + J` with J all ones.
fn external_layer(state: [Expr; WIDTH]) -> [Expr; WIDTH] {
    let sum = &state[0] + &state[1] + &state[2];
    state.map(|word| word + &sum)
}

/// One external round and seven internal rounds.
fn round(b: &mut MachineBuilder, buses: &Buses, open: State) -> (KindId, RoundCells) {
    let constants = Constants::all();
    let inner_table = b.table("hash.inner", || {
        let next = constants[1..].iter().map(Constants::mark).chain([Fr::ZERO]);
        let rows = constants.iter().zip(next);
        rows.map(|(c, next)| [&c.inner[..], &[next]].concat())
            .collect()
    });
    let outer_table = b.table("hash.outer", || {
        let rows = constants.iter();
        rows.map(|c| [&[c.mark()], &c.outer[..]].concat()).collect()
    });
    let mut k = b.kind("hash.round", 1);
    let c = RoundCells::declare(&mut k);
    let Shared { inner, outer, mark } = c.shared;

    let inner_constants: Vec<Expr> = [mark].iter().chain(&c.constant).map(Expr::from).collect();
    let mut values = inner_constants.clone();
    values.push(mark.shift(1).expr());
    k.require(inner_table, 1, values);
    let values = [mark].into_iter().chain(c.outer_constant);
    k.require(outer_table, 1, values.map(Expr::from).collect());

    // The external round: x = F + e, q = x^2, R = M q^2 x.
    let fifth = [0, 1, 2].map(|w| {
        let (x, q) = (c.entering[w] + c.outer_constant[w], c.outer_square[w]);
        k.equal(&format!("outer square {w}"), q, &x * &x);
        q * q * x
    });
    for (w, leaving) in external_layer(fifth).into_iter().enumerate() {
        k.equal(&format!("outer round, word {w}"), outer[w], leaving);
    }
    // F is R of the row below, but where the permutation's input enters.
    let other = mark - constants[FACT_ROW].mark();
    for w in 0..WIDTH {
        k.constrain(
            &format!("entering word {w}"),
            &other * (c.entering[w] - outer[w].shift(1)),
        );
    }

    // The internal rounds: x = s + c, q = x^2, y = q^2 x, d = y + h1 + h2.
    let [mut s, mut h1, mut h2] = inner.map(Expr::from);
    for r in 0..INNER_ROUNDS {
        let (x, q) = (&s + &inner_constants[r], c.square[r]);
        k.equal(&format!("square {r}"), q, &x * &x);
        let (fifth, others) = (q * q * x, &h1 + &h2);
        let (y, d) = match c.sum.get(r) {
            Some(d) => {
                let y = d - others;
                k.equal(&format!("fifth power {r}"), &y, fifth);
                (y, d.expr())
            }
            None => (fifth.clone(), fifth + others),
        };
        (s, h1, h2) = (y + &d, h1 + &d, &h2 + &h2 + d);
    }
    for (w, leaving) in [s, h1, h2].into_iter().enumerate() {
        k.equal(
            &format!("inner rounds, word {w}"),
            inner[w].shift(1),
            leaving,
        );
    }

    // The facts. The inverse of 1 + J is 1 - J / 4.
    let quarter = Fr::from(4).invert().unwrap_or(Fr::ZERO);
    let mean = (c.entering[0] + c.entering[1] + c.entering[2]) * quarter;
    let [x, y, iv] = c.entering.map(|word| word - &mean);
    let result = outer.map(|word| word.shift(1).expr());
    k.provide(
        buses.compress,
        0,
        vec![iv.clone(), x.clone(), y.clone(), result[0].clone()],
    );
    let [d0, d1, d2] = result;
    k.provide(buses.permute, 0, vec![x, y, iv.clone(), d0, d1, d2 - iv]);
    for (i, multiplicity) in k.multiplicities().into_iter().enumerate() {
        k.constrain(
            &format!("fact {i} is sent from row {FACT_ROW} alone"),
            &other * multiplicity,
        );
    }
    (k.enter(&[open]).leave(open).finish(), c)
}

/// The row above and below a permutation.
fn turn(b: &mut MachineBuilder, open: State) -> (KindId, TurnCells) {
    let mut k = b.kind("hash.turn", 1);
    let c = TurnCells::declare(&mut k);
    let Shared { inner, outer, mark } = c.shared;
    k.constrain("a turn has no constants", mark);
    let first = Constants::all()[0].mark();
    k.constrain(
        "the first row follows a turn",
        c.more * (mark.shift(1) - first),
    );
    for w in 0..WIDTH {
        // What the internal rounds above leave enters the external round above.
        k.equal(&format!("turn below, word {w}"), outer[w], inner[w]);
        // What the external round below leaves enters the internal rounds below.
        k.constrain(
            &format!("turn above, word {w}"),
            c.more * (inner[w].shift(1) - outer[w].shift(1)),
        );
    }
    let id = k
        .enter(&[State::CLOSED, open])
        .leave_expr(c.more * open.expr())
        .finish();
    (id, c)
}
