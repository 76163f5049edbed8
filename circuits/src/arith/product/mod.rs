//! `arith.product`: the product of two 256-bit words, modulo 2^256 or exactly.
//!
//! One kind of one physical row, four rows for a product: one for each 64-bit digit, the top one first. The top row offers the fact
//! `product(code, a_hi, a_lo, b_hi, b_lo, d_hi, d_lo)`:
//!
//! | code | says |
//! |---|---|
//! | 0 | `d = a b mod 2^256` |
//! | 1 | `d = a b` |
//!
//! # Equations
//!
//! Let `a = x_hi 2^128 + x_lo`, and let the row of digit `j` hold `y` of the second factor, `d` of the product and a carry `u`. A cell of
//! the row below, that of digit `j - 1`, is written `'`, of the one below it `''`:
//!
//! ```text
//! x_lo y + two_lower x_hi y'' + lower u' = d + 2^64 u
//! lower (x_hi - x_hi') = lower (x_lo - x_lo') = 0
//! y_pair = 2^64 y + lower y',    d_pair = 2^64 d + lower d'
//! two_lower = lower lower',    top = modular + exact = lower two_lower',    lower top' = 0
//! exact u = 0,    exact x_hi y_pair = 0,    code = top + exact - 1
//! ```
//!
//! | cells | look-ups | range |
//! |---|---|---|
//! | `d` | 5, and twice the top limb | 64 bits, exactly |
//! | `y` | 5 | 65 bits |
//! | `u` | 10 | 130 bits |
//! | `lower`, `modular`, `exact` | 1 each | a bit |
//!
//! With `x_hi`, `x_lo` below 2^128 each side of the column's equation is below 2^196, so it holds over the integers, and `d` is the
//! remainder and `u` the quotient by 2^64. Weighted with `2^(64 j)` and added up, the four columns say
//!
//! ```text
//! d + 2^256 u_3 = x_lo (b_lo + 2^128 b_hi) + 2^128 x_hi b_lo,    b_lo = y_0 + 2^64 y_1,   b_hi = y_2 + 2^64 y_3
//! ```
//!
//! hence `a b = d + 2^256 (u_3 + x_hi b_hi)`. A `y` of 65 bits does no harm: only the sums `b_lo` and `b_hi` matter, below 2^130. The
//! product is below 2^256 exactly if `u_3` and `x_hi b_hi` are 0. The latter is demanded in the field: `x_hi` and `b_hi` are below its order,
//! so neither is 0 there unless it is 0, and a field's product is 0 only if a factor is.
//!
//! # Runs
//!
//! A row with `lower = 1` leaves a state that only this kind enters: the row below is one of its rows. `two_lower` and `top` count: the
//! row without `lower` is digit 0, and above it stand 1, 2 and 3, of which 3 alone is `top`; a row above a `top` one has no `lower`, so it is not part of
//! its run. On other rows the code is -1, for which no one asks; so are all facts of runs of less than four rows.
//!
//! # Rows
//!
//! Four for each distinct product, code included.
//!
//! # Not constrained here
//!
//! The asker's duty: the halves of both factors are below 2^128. Those of the product then are, too.

mod columns;
mod constraints;
#[cfg(test)]
mod tests;
mod trace;

use crate::framework::KindId;
use columns::Columns;

pub use constraints::define;
pub use trace::{Product, ROWS};

/// Handle of the kind.
#[derive(Clone, Debug)]
pub struct ProductChip {
    /// The kind `arith.product`.
    pub kind: KindId,
    columns: Columns,
}
