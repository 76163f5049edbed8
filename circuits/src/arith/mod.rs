//! `arith`: arithmetic on 256-bit words. This page is about linear operations; products are in [`product`].
//!
//! The kind `arith.linear` has one physical row. It provides the fact
//! `arith(code, x_hi, x_lo, m - 1, y_hi, y_lo, z_hi, z_lo)` with `code = subtract + 2 q + 2`, which says over the integers
//!
//! ```text
//! z + q 2^256 = x m + (1 - 2 subtract) y,   0 <= z < 2^256,   -1 <= q < 2^65 - 1
//! ```
//!
//! # Equations
//!
//! With `s = 1 - 2 subtract` and a carry `k` between the halves:
//!
//! ```text
//! x_lo m + s y_lo     = z_lo + 2^128 k
//! x_hi m + s y_hi + k = z_hi + 2^128 q
//! ```
//!
//! | cells | look-ups | range |
//! |---|---|---|
//! | `z_hi`, `z_lo`: ten limbs each | 10, and 4 times the top limb on a wide slot | 128 bits: 9 of 13 and one of 11 |
//! | `carry` = k + 1, `overflow` = q + 1: five limbs each | 5 | 65 bits |
//!
//! Both sides of each equation are smaller than 2^194 in absolute value, so equality in the field is equality
//! over the integers, and `z_lo`, `k`, `z_hi`, `q` are unique: a remainder and a quotient by 2^128. `code` tells `subtract`
//! (its parity) and `q`, both of which are in range: 2 is a sum below 2^256, 4 one
//! from there to 2^257, 3 a difference that is not negative, 1 one that is.
//!
//! # Rows
//!
//! One per distinct operation.
//!
//! # Not constrained here
//!
//! The asker's duty: `x_hi`, `x_lo`, `y_hi`, `y_lo` below 2^128 and `m` at most 2^64. Without it the equations hold
//! modulo the field's prime only.

mod columns;
mod constraints;
pub mod product;
#[cfg(test)]
mod tests;
mod trace;

use crate::framework::KindId;
use columns::Columns;

pub use constraints::define;
pub use trace::{Linear, Operation};

/// Handle of the chip.
#[derive(Clone, Debug)]
pub struct ArithChip {
    /// The kind `arith.linear`.
    pub kind: KindId,
    columns: Columns,
}
