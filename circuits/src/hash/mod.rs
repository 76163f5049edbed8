//! The `hash` chip: Poseidon2 permutations (width 3, x^5, BN254 scalar field), offered as facts.
//!
//! # What it does
//!
//! Eight `hash.round` rows prove one permutation `in -> out` and offer it twice: on `permute` with its whole state, and
//! on `compress` as `(iv, a, b, out)` with `in = (a, b, iv)` and `out` the first word of the result. Either fact may be
//! used any number of times. A `hash.turn` row stands above the first permutation and below each one: nine rows a
//! permutation, and one more in the whole table.
//!
//! # The path of a state
//!
//! Each `hash.round` row proves one external round and seven internal ones, of different parts of the permutation:
//! internal rounds follow each other downwards, external rounds upwards.
//!
//! | row | external round | internal rounds | |
//! |---|---|---|---|
//! | turn | | | |
//! | 0 | 3 | 0 to 6 | what round 3 leaves enters internal round 0 of the same row, by the turn above |
//! | 1 | 2 | 7 to 13 | |
//! | 2 | 1 | 14 to 20 | |
//! | 3 | 0 | 21 to 27 | `in`, after the first layer, enters round 0; both facts are offered here |
//! | 4 | 7 | 28 to 34 | what round 7 leaves is `out` |
//! | 5 | 6 | 35 to 41 | |
//! | 6 | 5 | 42 to 48 | |
//! | 7 | 4 | 49 to 55 | |
//! | turn | | | what internal round 55 leaves enters external round 4 of the row above |
//!
//! So every state passes between neighbouring rows, `in` and `out` lie on two of them, and nothing is carried along.
//!
//! # Equations
//!
//! On `hash.round`, `F` is the state that enters the external round, `R` the one that leaves it, `P` the one that enters
//! the first internal round; `e` and `c` are the row's constants.
//!
//! - External round: `x = F + e`, `q = x^2`, `R = M q^2 x` with `M = 1 + J`, `J` all ones. `F` is `R` of the row below,
//!   but on row 3, where it is `M in`, so that `in = F - (F0 + F1 + F2) / 4`.
//! - Internal round: let `(s, h1, h2)` enter. `x = s + c`, `q = x^2`, `y = q^2 x`, and `d = y + h1 + h2` gives
//!   `(y + d, h1 + d, 2 h2 + d)`. Rounds 0 to 5 of the row have cells for `q` and `d`, and with `y = d - h1 - h2` all
//!   states are linear forms; round 6 has a cell for `q`, and what leaves it is `P` of the row below.
//!
//! On `hash.turn`, `R = P`, and unless it is the last one, `P = R` on the row below.
//!
//! # Constants and order
//!
//! The table `hash.inner` holds `(c_0, ..., c_6, c_0 of the next row)` for each of the eight rows and `hash.outer`
//! `(c_0, e_0, e_1, e_2)`. So the cell of `c_0`, called `mark`, says which row this is: marks differ, and none is 0,
//! which is the mark of a turn. Each row looks up both entries, the last value of the first one being the mark of
//! the row below.
//!
//! # Runs
//!
//! All permutations form one run. Only a turn may begin it; `hash.round` leaves a state that only `hash.round` and
//! `hash.turn` accept, so does a turn with `more = 1`, and it demands that the mark below is that of row 0. Hence below
//! such a turn come exactly rows 0 to 7 and a turn. Facts are sent from row 3 alone.
//!
//! # Not constrained here
//!
//! Inputs are any field elements; what they mean is the matter of who requires the fact. The first turn's `P` and `R`
//! may be any equal states: nothing reads them.

mod columns;
mod constraints;
#[cfg(test)]
mod tests;
mod trace;

pub use columns::{RoundCells, TurnCells};
pub use constraints::{HashChip, define};
pub use trace::Permutations;

/// Rows of one permutation, the turn below it included.
pub const ROWS: usize = ROUND_ROWS + 1;
/// `hash.round` rows of one permutation.
pub const ROUND_ROWS: usize = 8;
/// Internal rounds that one `hash.round` row proves.
pub const INNER_ROUNDS: usize = 7;
/// The `hash.round` row that the permutation's input enters and that offers the facts; the result lies on the one below.
const FACT_ROW: usize = 3;
