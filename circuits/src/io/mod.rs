//! `io`: the bytes of the payload, and what is read from them directly.
//!
//! | kind | rows | provides |
//! |---|---|---|
//! | `io.payload` | 1 for 3 groups | `bytes(0, index .. index + 3, value)`, chained by the token `payload` |
//! | `io.word` | 1 for a word | `bytes(stream, index .. index + 4, value)` for a token `word` |
//!
//! A group is 8 bytes of a stream as a big-endian integer. The payload is stream 0.
//!
//! # `io.payload`
//!
//! Consumes `payload(index)`, makes `payload(index + 3)` and provides the three groups from `index` on. The cpu makes
//! the first token and consumes the last, so the rows form one chain and each group of the payload has one
//! provider. Five limbs make a group: four of 13 bits and one of 12, which is looked up doubled as well.
//!
//! # `io.word`
//!
//! Consumes `word(stream, index, hi, lo)` and provides four groups `g_i` with `hi = g_0 2^64 + g_1` and
//! `lo = g_2 2^64 + g_3`. The groups are ranged like the payload's, so a word outside 256 bits has no row.
//!
//! # Not constrained here
//!
//! Which bytes the payload has (the cpu hashes them), that its last group is padded with zeros (`keccak` enforces it),
//! and that no two words are written to the same place of a stream (a stream is one time of the cpu).

mod groups;

use crate::{buses::Buses, framework::MachineBuilder};

pub use groups::{GROUP_BYTES, GroupKinds, Word, groups_of};

/// Handles of the chip.
#[derive(Clone, Debug)]
pub struct IoChip {
    /// The kinds that provide `bytes`.
    pub groups: GroupKinds,
}

/// Declares the kinds of `io`.
pub fn define(b: &mut MachineBuilder, buses: &Buses) -> IoChip {
    IoChip {
        groups: groups::define(b, buses),
    }
}
