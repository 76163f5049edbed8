//! `logic`: AND, OR and XOR of 256-bit words.
//!
//! One kind, `logic.piece`, of one physical row, which proves one operation on 65 bits and joins it with what other rows prove:
//!
//! | bus | kind | message | says |
//! |---|---|---|---|
//! | `logic.piece` | token | `(code, A, B, D)` | `D` is the operation on `A` and `B`, both below 2^65 |
//! | `logic.half` | fact | `(code, a, b, d)` | the same of `a` and `b`, both below 2^130 |
//! | `logic` | fact | `(code, a_hi, a_lo, b_hi, b_lo, d_hi, d_lo)` | the same of both halves of a word |
//!
//! with code 0 for AND, 1 for OR, 2 for XOR. The first two are buses of this chip alone.
//!
//! # Equations
//!
//! The table `logic.and` has an entry `x + 2^65 y + 2^130 (x and y)` for each pair of 5-bit digits, 1024 in all. With `A`, `B`, `C`
//! of five 13-bit limbs each and 13 digits:
//!
//! ```text
//! Σ 2^(5 i) digit_i = A + 2^65 B + 2^130 C
//! D = (1 + t - code) C - t (A + B),    t = code (code - 3) / 2
//! ```
//!
//! All digits together are `A' + 2^65 B' + 2^130 (A' and B')` for some `A'`, `B'`, and all six numbers are below 2^65, so both sides are
//! below 2^195: they are equal over the integers, so `A = A'`, `B = B'`, and `C` is the conjunction. All three ranges are
//! needed: were `C` what the equation leaves, other operands would give a `C` that is a fraction in the field.
//!
//! `t` is 0 for code 0, and -1 for codes 1 and 2: so `D` is `C`, the disjunction `A + B - C`, or the exclusive one `A + B - 2 C`.
//!
//! Each row makes the token of its own piece and takes that of a lower piece `(A0, B0, D0)`, of the same code. It offers the half
//! `A0 + 2^65 A`, requires a lower half of the same code and offers the word of both. A piece rests on its row alone, a half on a
//! piece, a word on halves, so nothing rests on itself. What a row needs of others though nobody wants its half or its word is
//! what is there: a piece that is left over, its own half.
//!
//! | cells | look-ups |
//! |---|---|
//! | `digit`: 13 | `logic.and` |
//! | `a`, `b`, `and`: five limbs each | `range13` |
//! | `code` | `logic.code`: 0 to 2 |
//!
//! # Rows
//!
//! Four for a word; less where halves are shared by words of the same code, or a lower piece is some row's own: [`rows`] says how many.
//!
//! # Not constrained here
//!
//! Nothing: a fact speaks of halves below 2^130, and its result has the bits that the operands' bits give. An asker whose
//! halves are below 2^128 gets halves below 2^128.

mod columns;
mod constraints;
#[cfg(test)]
mod tests;
mod trace;

use crate::framework::KindId;
use columns::Columns;

pub use constraints::define;
pub use trace::{Code, Operation, rows};

/// Handle of the chip.
#[derive(Clone, Debug)]
pub struct LogicChip {
    /// The kind `logic.piece`.
    pub kind: KindId,
    columns: Columns,
}
