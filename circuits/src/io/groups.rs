//! `io.payload` and `io.word`: who provides the groups of byte streams.

use crate::{
    buses::Buses,
    framework::{Cell, Expr, KindBuilder, KindId, MachineBuilder, TableId, pow2, trace::Trace},
    limbs::{compose, split},
    tables::range13,
};
use alloy_primitives::U256;

/// Groups of a payload row.
pub(super) const PAYLOAD_GROUPS: usize = 3;
/// Groups of a word.
pub(super) const WORD_GROUPS: usize = 4;
/// Bytes of a group.
pub const GROUP_BYTES: usize = 8;
/// Limbs of a group: four of 13 bits and one of 12.
const LIMBS: usize = 5;

/// Cells of the groups of a row.
#[derive(Clone, Debug)]
pub(super) struct GroupCells {
    /// Limbs of each group, least significant first.
    pub(super) limbs: Vec<Vec<Cell>>,
    /// Twice each top limb.
    pub(super) doubled: Vec<Cell>,
}

impl GroupCells {
    fn declare(k: &mut KindBuilder<'_>, range: TableId, n: usize) -> Self {
        let limbs: Vec<_> = (0..n)
            .map(|i| k.lookups(&format!("group.{i}"), 0, range, LIMBS))
            .collect();
        let doubled = k.lookups("doubled", 0, range, n);
        for (limbs, d) in limbs.iter().zip(&doubled) {
            k.equal("the top limb has 12 bits", *d, limbs[LIMBS - 1] * 2);
        }
        Self { limbs, doubled }
    }
    fn values(&self) -> Vec<Expr> {
        self.limbs.iter().map(|l| compose(l)).collect()
    }
    fn fill<'a>(
        &'a self,
        values: impl IntoIterator<Item = u64> + 'a,
    ) -> impl Iterator<Item = (Cell, u64)> + 'a {
        let rows = self.limbs.iter().zip(&self.doubled).zip(values);
        rows.flat_map(|((limbs, doubled), v)| {
            let doubled = std::iter::once((*doubled, (v >> 52) * 2));
            limbs
                .iter()
                .copied()
                .zip(split(U256::from(v), LIMBS))
                .chain(doubled)
        })
    }
}

/// Handles of `io.payload` and `io.word`.
#[derive(Clone, Debug)]
pub struct GroupKinds {
    /// The kind `io.payload`.
    pub payload: KindId,
    /// The kind `io.word`.
    pub word: KindId,
    pub(super) payload_index: Cell,
    pub(super) payload_groups: GroupCells,
    pub(super) stream: Cell,
    pub(super) word_index: Cell,
    pub(super) word_groups: GroupCells,
}

pub(super) fn define(b: &mut MachineBuilder, buses: &Buses) -> GroupKinds {
    let range = range13(b);

    let mut k = b.kind("io.payload", 1);
    let payload_groups = GroupCells::declare(&mut k, range, PAYLOAD_GROUPS);
    let payload_index = k.cell("index", 0);
    k.receive(buses.payload, 1, vec![payload_index.expr()]);
    k.send(
        buses.payload,
        1,
        vec![payload_index + PAYLOAD_GROUPS as u64],
    );
    for (i, value) in (0u64..).zip(payload_groups.values()) {
        k.provide(buses.bytes, 0, vec![Expr::zero(), payload_index + i, value]);
    }
    let payload = k.finish();

    let mut k = b.kind("io.word", 1);
    let word_groups = GroupCells::declare(&mut k, range, WORD_GROUPS);
    let (stream, word_index) = (k.cell("stream", 0), k.cell("index", 0));
    let values = word_groups.values();
    let half = |hi: &Expr, lo: &Expr| lo + hi * pow2(64);
    let (hi, lo) = (half(&values[0], &values[1]), half(&values[2], &values[3]));
    k.receive(
        buses.word,
        1,
        vec![stream.expr(), word_index.expr(), hi, lo],
    );
    for (i, value) in (0u64..).zip(values) {
        k.provide(buses.bytes, 0, vec![stream.expr(), word_index + i, value]);
    }
    let word = k.finish();
    GroupKinds {
        payload,
        word,
        payload_index,
        payload_groups,
        stream,
        word_index,
        word_groups,
    }
}

/// A 32-byte word written to a byte stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word {
    /// The stream's number; not 0, which is the payload.
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
    /// Rows of [`Self::trace_payload`] for `length` bytes.
    pub fn payload_rows(length: usize) -> usize {
        length.div_ceil(GROUP_BYTES * PAYLOAD_GROUPS)
    }

    /// Index of the payload token that is left after [`Self::trace_payload`] of `length` bytes from group `first`.
    pub fn payload_end(first: u64, length: usize) -> u64 {
        first + (Self::payload_rows(length) * PAYLOAD_GROUPS) as u64
    }

    /// Appends the rows of payload `bytes` that begin at group `first`; groups beyond the bytes are zero.
    ///
    /// One row for 24 bytes. The rows consume the token of `first` and leave that of [`Self::payload_end`].
    pub fn trace_payload(&self, trace: &mut Trace<'_>, first: u64, bytes: &[u8]) {
        let rows = bytes.chunks(GROUP_BYTES * PAYLOAD_GROUPS);
        for (i, bytes) in (0u64..).zip(rows) {
            let values = groups_of(bytes).chain(std::iter::repeat(0));
            let mut row = trace.push(self.payload);
            row.set(self.payload_index, first + i * PAYLOAD_GROUPS as u64);
            for (cell, v) in self.payload_groups.fill(values) {
                row.set(cell, v);
            }
        }
    }

    /// Appends one row for each word.
    pub fn trace_words(&self, trace: &mut Trace<'_>, words: impl IntoIterator<Item = Word>) {
        for word in words {
            let bytes: [u8; 32] = word.value.to_be_bytes();
            let mut row = trace.push(self.word);
            row.set(self.stream, word.stream);
            row.set(self.word_index, word.index);
            for (cell, v) in self.word_groups.fill(groups_of(&bytes)) {
                row.set(cell, v);
            }
        }
    }
}
