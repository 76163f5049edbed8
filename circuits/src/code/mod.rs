//! `code`: the bytes of contract codes, which of them are push data, and the values of push data.
//!
//! One kind, `code.byte`, one physical row for each byte of a code with its zero bytes. It offers two facts and makes a token:
//!
//! | bus | message | says |
//! |---|---|---|
//! | `code` | `(position, 0, byte + 256 data, 0, number)` | which byte it is, and whether it is push data |
//! | `push` | `(position, hi, lo, left, number)` | `left = 0`: the push data that ends here is `hi 2^128 + lo` |
//! | `code.word` | `(number, index, hi, lo)`, on the last byte of each word | the word that the bytes make |
//!
//! # Order
//!
//! All codes are one run, each one *upside down*: its last byte on top, its first byte lowest. So what a byte follows from, the
//! byte before, stands on the row below, written `x'` here. A code ends with a whole word, followed by two words of zeros:
//! missing push data reads zeros, and the instruction past the end is a `STOP`.
//!
//! # State
//!
//! Where a byte stands in its word, and how many bytes of push data are left, are one number:
//!
//! ```text
//! state = left + W 32 turn + place + M 64 end - M 16 begin,    left = count - X data
//! ```
//!
//! with `W = -2^13`, `M = 2^40`, `X = 2^64`, `Y = 2^66` and three tables of one column:
//!
//! | table | entries | for |
//! |---|---|---|
//! | `code.place` | 32 | byte `i` of a word: `W + M (i + 16)`, `+ 16 M` for `i >= 16`, `- 64 M` for `i = 31` |
//! | `code.count` | 33 | `r` bytes of push data left, this one included: `W (r - 1)`, `+ 32 W` for `r > 16`, `+ X` for `r > 0` |
//! | `code.class` | 512 | an opcode with `n` bytes of push data: `byte + M + W n`, `+ 32 W` for `n > 16`; data: `byte + M - W + Y` |
//!
//! Cells and relations, with `first + last = 1` on the first byte of a code, `last` on the lowest code's:
//!
//! | relation | where |
//! |---|---|
//! | `position = state` (both are 0) | first byte |
//! | `state = place' + count' + class' - byte' - (X + Y) data'` | unless `last` |
//! | `position = position' + 1`, `number = number'` | other bytes |
//! | `half = byte + 256 (1 - begin) half'` | everywhere |
//! | `half_before = half_before' + begin (half' - half_before')` | other bytes |
//! | `lo = data byte + 256 (data - turn) lo'`, `hi = data hi' + turn lo'` | everywhere |
//!
//! *Why the state is right.* All cells in it are looked up: multiples of `W`, of `M`, of `X` and of `Y` cannot reach each other, so
//! the relation holds for each of them, over the integers. Suppose the byte before has the state it should have, hence the `count`,
//! `data`, `place`, `end` and `begin` that it should have.
//!
//! - `X` and `Y`: `data` is the mark of `count`, and the mark of `class'` is `data'`.
//! - Below `2^13`: `class'` is an entry of `byte'`, for a `byte'` below 2^13 that differs from the entry's by a multiple of 2^13.
//! - `W`: the count goes down by one on data, from 0 to `n` after an opcode, with 32 more above 16. The entries leave the gap 17
//!   to 48, so exactly where 17 is followed by 16 `turn` must be 1: elsewhere `turn` leads to no entry. Below 1 there is only 0.
//! - `M`: the place goes up by one, or by 17 where `begin` is 1; where the byte before was the word's last one, by 64 less. The places
//!   are 16 to 31 and 48 to 62, and -1 for 63 with `end`: here too exactly one choice of `begin` and `end` leads to an entry.
//!
//! Nothing follows the run's top row, so nothing binds its `class`; its byte is zero, because the word is (below).
//!
//! *Why a code begins properly.* `position = state` is one relation for both being 0. With a state other than 0 the code starts at a
//! position that is not 0: below 0 if push data is left over or if the place is before the first byte, beyond 2^40 in size if the place is
//! another one. Its first word then has an index that is negative, a fraction, or above 2^32, and no one takes the
//! token. Only a code of one row that is not a word's last makes none; then its place is -1 without `end`, it starts at a
//! negative position, as a field element above 2^128, and no fact at a position below 2^128 comes from it.
//!
//! *Why each code is whole.* The row that leaves `codes` forces `end = 1` on the top row, by column 0. Below a `first` row the
//! state is 0, so there is a word's last byte. And the run goes on until `last`, the first byte of the lowest code.
//! If `first` and `last` are both 1, that is a `last` row on which more relations hold.
//!
//! # Rows
//!
//! 32 for each of [`padded_words`]`(code)` words.
//!
//! # Not constrained here
//!
//! What the cpu owes:
//!
//! - It takes each `(number, index)` once at most, with an index below 2^32; and with number and index 0 all words of the code, the
//!   last two of which it has as zeros. So a number has one code: its first byte is on one row, and the rows above follow from it.
//! - It hashes the words. Words are halves of 16 bytes below 2^8, so bytes and words determine each other.
//! - It asks for facts at positions below 2^128, and for `push` with `left = 0` and only at the end of push data that `code` shows to begin:
//!   at `p + n` with an opcode of `n` bytes of push data at `p`. (`left` is `W` times the bytes left after this one; on bytes that are no data
//!   it is never 0.)

mod columns;
mod constraints;
#[cfg(test)]
mod tests;
mod trace;

use crate::framework::KindId;
use columns::Columns;

pub use constraints::define;
pub use trace::{Analysis, ZERO_WORDS, padded_words};

/// Number of the first code of a segment.
pub const FIRST_NUMBER: u64 = 1;

/// Handle of the chip.
#[derive(Clone, Debug)]
pub struct CodeChip {
    /// The kind `code.byte`.
    pub kind: KindId,
    columns: Columns,
}
