//! Kinds, constraints and facts of the `hash` chip.

use super::{FULL_ROUNDS, FullCells, PARTIAL_ROUNDS, PartialCells, columns::Shared};
use crate::{
    Fr,
    buses::Buses,
    framework::{Expr, KindId, MachineBuilder, State},
};
use ff::Field;
use protocol::poseidon2::{EXTERNAL_CONSTANTS, INTERNAL_CONSTANTS, WIDTH};

/// Handles of the `hash` chip.
#[derive(Clone, Debug)]
pub struct HashChip {
    /// Kind of a run's first and last row.
    pub full: KindId,
    /// Its cells.
    pub full_cells: FullCells,
    /// Kind of the four rows between.
    pub partial: KindId,
    /// Its cells.
    pub partial_cells: PartialCells,
}

/// Adds the chip to a machine.
pub fn define(b: &mut MachineBuilder, buses: &Buses) -> HashChip {
    let (open, done) = (b.state(), b.state());
    let (full, full_cells) = full(b, buses, open, done);
    let (partial, partial_cells) = partial(b, open, done);
    HashChip {
        full,
        full_cells,
        partial,
        partial_cells,
    }
}

/// `c_0 + Σ p_i (c_i - c_0)`.
fn constant(phases: &[Expr], values: &[Fr]) -> Expr {
    phases
        .iter()
        .zip(&values[1..])
        .map(|(p, v)| p * (*v - values[0]))
        .fold(Expr::from(values[0]), |sum, term| term + sum)
}

/// Row 1 and row 6 of a run.
fn full(b: &mut MachineBuilder, buses: &Buses, open: State, done: State) -> (KindId, FullCells) {
    let mut k = b.kind("hash.full", 1);
    let c = FullCells::declare(&mut k);
    let Shared { state, pos, out } = c.shared;
    // pos is 0 on the first row of a run and 1 on the last.
    k.constrain("pos is boolean", pos * (pos - 1));

    let mut entering = state.map(Expr::from);
    for r in 0..FULL_ROUNDS {
        for w in 0..WIDTH {
            let constants = [0, FULL_ROUNDS].map(|half| EXTERNAL_CONSTANTS[half + r][w]);
            let x = &entering[w] + constant(&[pos.expr()], &constants);
            let (u, y) = (c.square[r][w], c.fifth[r][w]);
            // u = x^2
            k.equal(&format!("square {r} {w}"), u, &x * &x);
            // y = u^2 x
            k.equal(&format!("fifth power {r} {w}"), y, u * u * x);
        }
        let y = c.fifth[r];
        let sum = y[0] + y[1] + y[2];
        entering = y.map(|y| &sum + y);
    }
    for w in 0..WIDTH {
        let next = state[w].shift(1);
        // First row: what leaves enters the row below. Last row: what leaves is the result.
        k.constrain(
            &format!("leaving word {w}"),
            &entering[w] - next - pos * (out[w] - next),
        );
        k.constrain(
            &format!("result {w} is copied"),
            pos.expr().not() * (out[w].shift(1) - out[w]),
        );
    }
    k.constrain(
        "the first row is followed by pos -3",
        pos.expr().not() * (pos.shift(1) + 3),
    );

    // The first layer is 1 + J with J all ones, and its inverse 1 - J / 4.
    let quarter = Fr::from(4).invert().unwrap_or(Fr::ZERO);
    let mean = (state[0] + state[1] + state[2]) * quarter;
    let input = state.map(|s| s - &mean);
    let result = out.map(Expr::from);
    let [a, b, iv] = input.clone();
    k.provide(buses.compress, 0, vec![iv, a, b, out[0].expr()]);
    k.provide(buses.permute, 0, input.into_iter().chain(result).collect());
    for multiplicity in k.multiplicities() {
        k.constrain("facts are sent from the first row", pos * multiplicity);
    }
    let id = k
        .enter(&[State::CLOSED, done])
        .leave_expr(pos.expr().not() * open.expr())
        .finish();
    (id, c)
}

/// Rows 2 to 5 of a run.
fn partial(b: &mut MachineBuilder, open: State, done: State) -> (KindId, PartialCells) {
    let mut k = b.kind("hash.partial", 1);
    let c = PartialCells::declare(&mut k);
    let Shared { state, pos, out } = c.shared;
    // pos is -3, -2, -1, 0 because it counts from the first row on; phase.i is 1 on pos = i - 3 and 0 on the others.
    let half = Fr::from(2).invert().unwrap_or(Fr::ZERO);
    let sixth = Fr::from(6).invert().unwrap_or(Fr::ZERO);
    let (p1, p2, p3) = (pos + 1, pos + 2, pos + 3);
    k.equal("phase 1", c.phase[0], pos * &p1 * &p3 * half);
    k.equal("phase 2", c.phase[1], pos * &p2 * &p3 * -half);
    k.equal("phase 3", c.phase[2], p1 * p2 * p3 * sixth);
    k.equal("pos counts", pos.shift(1), pos + 1);

    let phases = c.phase.map(Expr::from);
    // The constant of round r on this row, of each phase.
    let of_round = |r: usize| [0, 1, 2, 3].map(|i| INTERNAL_CONSTANTS[i * PARTIAL_ROUNDS + r]);
    let first = state[0] + constant(&phases, &of_round(0));
    let x: Vec<Expr> = std::iter::once(first)
        .chain(c.input.iter().map(Expr::from))
        .collect();
    for (r, (u, x)) in c.square.iter().zip(&x).enumerate() {
        // u = x^2
        k.equal(&format!("square {r}"), u, x * x);
    }
    let y: Vec<Expr> = c.square.iter().zip(&x).map(|(u, x)| u * u * x).collect();
    // s_1 = 2 y_0 + h1 + h2
    k.equal(
        "input 1",
        &x[1],
        &y[0] * Fr::from(2) + state[1] + state[2] + constant(&phases, &of_round(1)),
    );
    // s_2 = 2 y_1 + 2 y_0 + 3 h1 + 4 h2
    k.equal(
        "input 2",
        &x[2],
        (&y[1] + &y[0]) * Fr::from(2)
            + state[1] * 3
            + state[2] * 4
            + constant(&phases, &of_round(2)),
    );
    let five = Fr::from(5);
    for r in 3..PARTIAL_ROUNDS {
        // s_r = 5 (s_{r-1} - s_{r-2}) + 2 y_{r-1} - 8 y_{r-2} + 7 y_{r-3}, with x_i = s_i + c_i
        let (now, one, two) = (of_round(r), of_round(r - 1), of_round(r - 2));
        let constants = [0, 1, 2, 3].map(|i| now[i] - five * (one[i] - two[i]));
        k.equal(
            &format!("input {r}"),
            &x[r],
            recurrence(&x, &y, r) + constant(&phases, &constants),
        );
    }
    // s_12 and s_13, without their constants.
    let n = PARTIAL_ROUNDS;
    let (a, b) = (
        &x[n - 2] - constant(&phases, &of_round(n - 2)),
        &x[n - 1] - constant(&phases, &of_round(n - 1)),
    );
    let leaving = [
        (&b - &a) * five + y_part(&y, n),
        // h1' = y_13 - 7 y_12 + 5 s_13
        &y[n - 1] - &y[n - 2] * Fr::from(7) + &b * five,
        // h2' = y_13 - 26 y_12 + 35 y_11 + 15 s_13 - 25 s_12
        &y[n - 1] - &y[n - 2] * Fr::from(26) + &y[n - 3] * Fr::from(35) + b * Fr::from(15)
            - a * Fr::from(25),
    ];
    for (w, leaving) in leaving.into_iter().enumerate() {
        k.equal(&format!("leaving word {w}"), state[w].shift(1), leaving);
        k.equal(&format!("result {w} is copied"), out[w].shift(1), out[w]);
    }
    let last = c.phase[2];
    let id = k
        .enter(&[open])
        .leave_expr(open.expr() + last * (done.expr() - open.expr()))
        .finish();
    (id, c)
}

/// `5 (x_{r-1} - x_{r-2}) + 2 y_{r-1} - 8 y_{r-2} + 7 y_{r-3}`.
fn recurrence(x: &[Expr], y: &[Expr], r: usize) -> Expr {
    (&x[r - 1] - &x[r - 2]) * Fr::from(5) + y_part(y, r)
}

fn y_part(y: &[Expr], r: usize) -> Expr {
    &y[r - 1] * Fr::from(2) - &y[r - 2] * Fr::from(8) + &y[r - 3] * Fr::from(7)
}
