//! The `hash` chip: Poseidon2 permutations (width 3, x^5, BN254 scalar field), offered as facts.
//!
//! # What it does
//!
//! A run of six rows proves one permutation `in -> out` and offers it twice: on `permute` with its whole state, and on
//! `compress` as `(iv, a, b, out)` with `in = (a, b, iv)` and `out` the first word of the result. Either fact may be
//! used any number of times.
//!
//! | row | kind | rounds | `pos` |
//! |---|---|---|---|
//! | 1 | `hash.full` | first layer, four external rounds | 0 |
//! | 2 to 5 | `hash.partial` | fourteen internal rounds each | -3, -2, -1, 0 |
//! | 6 | `hash.full` | four external rounds | 1 |
//!
//! # Equations
//!
//! `h` is the state that enters a row's first round, on row 1 after the first layer, so that `in = h - (h0 + h1 + h2) / 4`.
//! `out` holds the claimed result; every row copies it, and the last one compares it with what it computed.
//!
//! An S-box costs two cells. On `hash.full` they are `u = x^2` and `y = u^2 x`, and the next `x` is a short linear form
//! of the `y`. On `hash.partial` they are `x` and `u = x^2`: words 1 and 2 of the state are eliminated, which leaves, with
//! `s_r` the word that enters the S-box of round `r` before its constant and `y_r = u_r^2 x_r`,
//!
//! `s_{r+3} = 5 (s_{r+2} - s_{r+1}) + 2 y_{r+2} - 8 y_{r+1} + 7 y_r`
//!
//! a recurrence of fixed length where the plain matrix would give linear forms that grow with the round. It follows from
//! `t = s1 + s2`: `s0' = 2y + t`, `t' = 2y + 3t + s2`, `s2' = y + t + 2 s2`.
//!
//! Round constants are `c_0 + Σ p_i (c_i - c_0)`, where the indicators `p_i` are Lagrange polynomials of `pos`.
//!
//! # Runs
//!
//! Facts are sent only from a row with `pos = 0` of kind `hash.full`. It leaves a state that nothing but `hash.partial`
//! accepts, four of these must follow because `pos` counts, and the last of them leaves a state that only `hash.full`
//! accepts and demands `pos = 1` of it, which is the row that compares. A row with `pos = 1` alone proves nothing and
//! sends nothing.
//!
//! # Not constrained here
//!
//! Inputs are any field elements; what they mean is the matter of who requires the fact.

mod columns;
mod constraints;
#[cfg(test)]
mod tests;
mod trace;

pub use columns::{FullCells, PartialCells};
pub use constraints::{HashChip, define};
pub use trace::Permutations;

/// Rows of one permutation.
pub const ROWS: usize = 6;
/// Internal rounds that one `hash.partial` row proves.
pub const PARTIAL_ROUNDS: usize = 14;
/// External rounds that one `hash.full` row proves.
pub const FULL_ROUNDS: usize = 4;
