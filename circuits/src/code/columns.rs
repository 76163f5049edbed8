//! Cells and tables of `code.byte`.

use crate::{
    Fr,
    framework::{Cell, KindBuilder, MachineBuilder, TableId, pow2},
    tables::range13,
};
use ff::Field;

/// Bytes of a word.
pub(super) const WORD_BYTES: usize = 32;
/// Bytes of a half of a word.
pub(super) const HALF_BYTES: usize = 16;
/// The first data byte that fills the low half alone has this many bytes left.
const LOW_BYTES: u64 = 16;
/// The longest push data.
pub(super) const MAX_PUSH: u64 = 32;
/// How far the counts of push data above 16 are set off.
pub(super) const TURN: u64 = 32;
/// How far the places of a word's second half are set off.
const HALF_GAP: u64 = HALF_BYTES as u64;

/// Weight of a count of push data: negative, see the chip's documentation.
pub(super) fn count_weight() -> Fr {
    -pow2(13)
}
/// Weight of a place in a word.
pub(super) fn place_weight() -> Fr {
    pow2(40)
}
/// Weight of `data` in an entry of the counts.
pub(super) fn count_mark() -> Fr {
    pow2(64)
}
/// Weight of `data` in an entry of the classes.
pub(super) fn class_mark() -> Fr {
    pow2(66)
}
/// What `begin` and `end` weigh in the state.
pub(super) fn jumps() -> (Fr, Fr) {
    let gap = Fr::from(HALF_GAP);
    (place_weight() * gap, place_weight() * gap * Fr::from(4))
}

/// Bytes of push data behind an opcode.
pub(super) fn push_length(opcode: u8) -> u64 {
    match opcode {
        0x60..=0x7f => u64::from(opcode) - 0x5f,
        _ => 0,
    }
}

/// A count of push data as the state has it, before its weight.
fn counted(count: u64) -> Fr {
    Fr::from(count + if count > LOW_BYTES { TURN } else { 0 })
}

/// The cell `count` where `count` bytes of push data are left, this one among them.
pub(super) fn count_entry(count: u64) -> Fr {
    let mark = if count > 0 { count_mark() } else { Fr::ZERO };
    count_weight() * (counted(count) - Fr::ONE) + mark
}

/// The cell `class` of a byte: what it does to the state.
pub(super) fn class_entry(byte: u8, data: bool) -> Fr {
    let change = if data {
        class_mark() - count_weight()
    } else {
        count_weight() * counted(push_length(byte))
    };
    Fr::from(u64::from(byte)) + change + place_weight()
}

/// The cell `place` of byte `i` of a word.
pub(super) fn place_entry(i: usize) -> Fr {
    let (_, end) = jumps();
    let gap = if i < HALF_BYTES { 1 } else { 2 } * HALF_GAP;
    let at = place_weight() * Fr::from(i as u64 + gap) + count_weight();
    if i + 1 == WORD_BYTES { at - end } else { at }
}

/// Cells of one byte; all on one row.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    /// 1 on the last byte of a word.
    pub(super) end: Cell,
    /// Place in the word, an entry of `code.place`.
    pub(super) place: Cell,
    /// The byte.
    pub(super) byte: Cell,
    /// What the byte does, an entry of `code.class`.
    pub(super) class: Cell,
    /// Bytes of push data left, an entry of `code.count`.
    pub(super) count: Cell,
    /// 1 on the first byte of a half of a word.
    pub(super) begin: Cell,
    /// 1 inside push data.
    pub(super) data: Cell,
    /// 1 on the first byte of the low half of push data that has a high half.
    pub(super) turn: Cell,
    /// 1 on the first byte of a code that another code stands below.
    pub(super) first: Cell,
    /// 1 on the first byte of the lowest code.
    pub(super) last: Cell,
    /// Position in the code.
    pub(super) position: Cell,
    /// Number of the code.
    pub(super) number: Cell,
    /// Value of the half so far, this byte included.
    pub(super) half: Cell,
    /// Value of the half before.
    pub(super) half_before: Cell,
    /// Low half of the push data so far, this byte included.
    pub(super) value_lo: Cell,
    /// High half of the push data; 0 until it is complete.
    pub(super) value_hi: Cell,
}

/// The fixed tables of the chip.
pub(super) struct Tables {
    place: TableId,
    class: TableId,
    count: TableId,
    range: TableId,
}

impl Tables {
    pub(super) fn declare(b: &mut MachineBuilder) -> Self {
        let bytes = || 0..=u8::MAX;
        Self {
            place: b.table("code.place", || {
                (0..WORD_BYTES).map(|i| vec![place_entry(i)]).collect()
            }),
            class: b.table("code.class", || {
                let of = |data| bytes().map(move |byte| vec![class_entry(byte, data)]);
                of(false).chain(of(true)).collect()
            }),
            count: b.table("code.count", || {
                (0..=MAX_PUSH).map(|n| vec![count_entry(n)]).collect()
            }),
            range: range13(b),
        }
    }
}

impl Columns {
    pub(super) fn declare(k: &mut KindBuilder<'_>, tables: &Tables) -> Self {
        let end = k.cell_at("end", Cell { column: 0, row: 0 });
        k.make_boolean(end);
        Self {
            end,
            place: k.lookup("place", 0, tables.place),
            byte: k.lookup("byte", 0, tables.range),
            class: k.lookup("class", 0, tables.class),
            count: k.lookup("count", 0, tables.count),
            begin: k.bit("begin", 0),
            data: k.bit("data", 0),
            turn: k.bit("turn", 0),
            first: k.bit("first", 0),
            last: k.bit("last", 0),
            position: k.cell("position", 0),
            number: k.cell("number", 0),
            half: k.cell("half", 0),
            half_before: k.cell("half before", 0),
            value_lo: k.cell("value.lo", 0),
            value_hi: k.cell("value.hi", 0),
        }
    }
}
