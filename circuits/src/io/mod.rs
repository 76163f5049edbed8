//! `io`: the bytes of the payload, and what is read from them directly.
//!
//! | kind | rows | provides |
//! |---|---|---|
//! | `io.word` | 1 for a word | `bytes(stream, index .. index + 4, value)` with a token `word` |
//! | `io.span` | 1 for a group | `count(offset, length, nonzero)`, and `span`, a bus of this chip alone |
//! | `io.item` | 1 for an item | three facts `item(code, offset, size, length, hi, lo)` |
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
//! byte lies in a group that the span does not reach.
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
//! # `io.item`
//!
//! One boolean for each class of header bytes, and two look-ups that put the header byte into its class:
//!
//! | class | header bytes | bytes in the first span after the header byte | rule |
//! |---|---|---|---|
//! | single | `00..7f` | 0 | |
//! | empty | `80` | 0 | |
//! | one | `81` | 1 | content at least `80` |
//! | half, word | `82..90`, `91..a0` | length, length - 16 | |
//! | skipped | `a1..b7` | 0 | |
//! | long string | `b8..ba` | 1 to 3 | no leading zero, length above 55 |
//! | list | `c0..f7` | 0 | |
//! | long list | `f8..fa` | 1 to 3 | no leading zero, length above 55 |
//!
//! The last 16 bytes of a word come from a second span, so no value exceeds 128 bits and none wraps in the field.
//! Other header bytes have no class, hence no fact. `canonical` says that it is a string and the canonical form of an integer below
//! 2^256; it is 0 for strings of more than 32 bytes, whose content is not read. The facts are
//!
//! | code | length | hi, lo | asked for with |
//! |---|---|---|---|
//! | `canonical` | 0 | value | 1 |
//! | `2 + is_list` | length | value | 2 |
//! | `4 + is_list` | 0 | 0, length | 4 or 5 |
//!
//! # Rows
//!
//! An item takes 1 row and its spans' rows: 2 or 3 in all up to 8 bytes of content, at most 7 for 32 bytes. A count
//! takes 1 row per group.
//!
//! # Not constrained here
//!
//! Which bytes the payload has (the cpu hashes them), that its last group is padded with zeros (`keccak` enforces it),
//! that items and counts end before the payload does (the cpu compares offsets), and that no two words are written to the same
//! place of a stream (a stream is one time of the cpu). The value of a span of more than 32 bytes wraps in the field;
//! nothing asks for one.

mod groups;
mod item;
mod reads;
mod rlp;
mod span;
#[cfg(test)]
mod tests;

use crate::{buses::Buses, framework::MachineBuilder};

pub use groups::{GROUP_BYTES, GroupKinds, WORD_GROUPS, Word, groups_of};
pub use item::ItemKind;
pub use reads::Reads;
pub use rlp::{Item, ItemError, read};
pub use span::SpanKind;

/// Handles of the chip.
#[derive(Clone, Debug)]
pub struct IoChip {
    /// The kinds that provide `bytes`.
    pub groups: GroupKinds,
    /// The kind that provides `count`.
    pub span: SpanKind,
    /// The kind that provides `item`.
    pub item: ItemKind,
}

/// Declares the kinds of `io`.
pub fn define(b: &mut MachineBuilder, buses: &Buses) -> IoChip {
    let groups = groups::define(b, buses);
    let span = span::define(b, buses);
    let item = item::define(b, buses, &span);
    IoChip { groups, span, item }
}
