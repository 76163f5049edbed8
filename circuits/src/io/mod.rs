//! `io`: the bytes of the payload, and what is read from them directly.
//!
//! | kind | rows | provides |
//! |---|---|---|
//! | `io.word` | 1 for a word | `bytes(stream, index .. index + 4, value)` with a token `word` |
//! | `io.span` | 1 for a group | `span(start, length, nonzero, head, value)` |
//!
//! A group is 8 bytes of a stream as a big-endian integer. The payload is stream 0.
//!
//! # `io.word`
//!
//! Makes `word(stream, index, hi, lo)` and provides four groups `g_i` with `hi = g_0 2^64 + g_1` and
//! `lo = g_2 2^64 + g_3`. The cpu takes one token for each word that it writes, the payload's among them, so each group has one
//! provider. Five limbs make a group: four of 13 bits and one of 12, which is looked up doubled as well; so a word outside 256 bits
//! has no row.
//!
//! # `io.span`
//!
//! A span is a block of payload bytes, one at least. Its fact is `span(start, length, nonzero, head, value)`:
//! `nonzero` counts its bytes that are not zero, `value` is the big-endian value (in the field) of all its bytes but
//! the first, and `head = first + 256 lead`, where `lead` is 1 if the byte after the first is not zero, or 2 if that
//! byte lies in a group that the span does not reach. It may be 2 as well where the span does reach that group: who needs a lead of 0 or 1
//! asks for heads that 512 more does not give.
//!
//! Each row proves the part of a span up to some byte of one group. The part that ends in a later group requires the fact of
//! the part up to the end of the group before, which some other row proves: no order of rows is assumed, and a ring is
//! impossible, because the group index falls by one with each requirement and only groups of the payload have a `bytes` fact.
//!
//! Per byte `b`, with `32 b` and `c` looked up: `(b + c)(b - c - 1) = 0`, so `b = c = 0` or `b = c + 1` with `1 <= b < 256`.
//! With mask bits `m_i`, `q_i = m_i m_{i-1}` and `q_0 = 1 - first`: `m_i - q_i` marks the start, `m_i - q_{i+1}` the end,
//! `Σ (m_i - q_i) = first` leaves exactly one block, begun at the group's first byte unless this is the first
//! row. `aligned = 2^64 value_before + Σ q_i b_i 256^(7-i)` is the value as if the span reached the end of the group;
//! dividing by the power of 256 at the end's mark gives `value`.
//!
//! # Rows
//!
//! A word takes 1 row, a span 1 row per group. Parts of spans that are equal share their rows.
//!
//! # Not constrained here
//!
//! Which bytes the payload has (the cpu hashes them), that its last group is padded with zeros (`keccak` enforces it),
//! which items the bytes are (the microcode decodes RLP on spans), that spans end before the payload does (the cpu compares offsets), and that no two words are written to the same
//! place of a stream (a stream is one time of the cpu). The value of a span of more than 32 bytes wraps in the field:
//! who uses a value has the length bounded.

mod groups;
mod reads;
mod rlp;
mod span;
#[cfg(test)]
mod tests;

use crate::{buses::Buses, framework::MachineBuilder};

pub use groups::{GROUP_BYTES, GroupKinds, WORD_GROUPS, Word, groups_of};
pub use reads::Reads;
pub use rlp::{Item, ItemError, read};
pub use span::{SpanFact, SpanKind};

/// Handles of the chip.
#[derive(Clone, Debug)]
pub struct IoChip {
    /// The kinds that provide `bytes`.
    pub groups: GroupKinds,
    /// The kind that provides `span`.
    pub span: SpanKind,
}

/// Declares the kinds of `io`.
pub fn define(b: &mut MachineBuilder, buses: &Buses) -> IoChip {
    let groups = groups::define(b, buses);
    let span = span::define(b, buses);
    IoChip { groups, span }
}
