//! `io.word`: who provides the groups of byte streams.

use crate::{
    buses::Buses,
    framework::{Cell, Expr, KindId, MachineBuilder, pow2, trace::Trace},
    limbs::{compose, split},
    tables::range13,
};
use alloy_primitives::U256;

/// Groups of a word.
pub const WORD_GROUPS: usize = 4;
/// Bytes of a group.
pub const GROUP_BYTES: usize = 8;
/// Limbs of a group: four of 13 bits and one of 12.
const LIMBS: usize = 5;

/// Handle of `io.word`.
#[derive(Clone, Debug)]
pub struct GroupKinds {
    /// The kind `io.word`.
    pub word: KindId,
    /// Limbs of each group, least significant first.
    pub(super) limbs: Vec<Vec<Cell>>,
    /// Twice each top limb.
    pub(super) doubled: Vec<Cell>,
    pub(super) stream: Cell,
    pub(super) index: Cell,
}

pub(super) fn define(b: &mut MachineBuilder, buses: &Buses) -> GroupKinds {
    let range = range13(b);
    let mut k = b.kind("io.word", 1);
    let limbs: Vec<_> = (0..WORD_GROUPS)
        .map(|i| k.lookups(&format!("group.{i}"), 0, range, LIMBS))
        .collect();
    let doubled = k.lookups("doubled", 0, range, WORD_GROUPS);
    for (limbs, d) in limbs.iter().zip(&doubled) {
        k.equal("the top limb has 12 bits", *d, limbs[LIMBS - 1] * 2);
    }
    let (stream, index) = (k.cell("stream", 0), k.cell("index", 0));
    let values: Vec<Expr> = limbs.iter().map(|l| compose(l)).collect();
    let half = |hi: &Expr, lo: &Expr| lo + hi * pow2(64);
    let (hi, lo) = (half(&values[0], &values[1]), half(&values[2], &values[3]));
    k.send(buses.word, 1, vec![stream.expr(), index.expr(), hi, lo]);
    for (i, value) in (0u64..).zip(values) {
        k.provide(buses.bytes, 0, vec![stream.expr(), index + i, value]);
    }
    GroupKinds {
        word: k.finish(),
        limbs,
        doubled,
        stream,
        index,
    }
}

/// A 32-byte word written to a byte stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// The stream's number; 0 is the payload.
    pub stream: u64,
    /// Index of the first of its four groups.
    pub index: u64,
    /// Its value.
    pub value: U256,
}

/// The groups of `bytes`, the last one padded with zeros on the right.
pub fn groups_of(bytes: &[u8]) -> impl Iterator<Item = u64> + '_ {
    bytes.chunks(GROUP_BYTES).map(|chunk| {
        let mut group = [0; GROUP_BYTES];
        group[..chunk.len()].copy_from_slice(chunk);
        u64::from_be_bytes(group)
    })
}

impl GroupKinds {
    /// Appends one row for each word.
    pub fn trace_words(&self, trace: &mut Trace<'_>, words: impl IntoIterator<Item = Word>) {
        for word in words {
            let bytes: [u8; 32] = word.value.to_be_bytes();
            let mut row = trace.push(self.word);
            row.set(self.stream, word.stream)
                .set(self.index, word.index);
            for ((limbs, doubled), v) in self.limbs.iter().zip(&self.doubled).zip(groups_of(&bytes))
            {
                row.set_all(limbs, split(U256::from(v), LIMBS))
                    .set(*doubled, (v >> 52) * 2);
            }
        }
    }
}
