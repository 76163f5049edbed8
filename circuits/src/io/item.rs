//! `io.item`: the header of an RLP item, and what its content says.

use super::span::{LEAD, SpanKind};
use crate::{
    buses::Buses,
    framework::{Cell, Expr, KindBuilder, KindId, MachineBuilder, TableId, lin, pow2},
    tables::{RANGE_BITS, range13},
};

/// A class of header bytes: the first one, how many there are.
pub(super) struct Class {
    name: &'static str,
    pub(super) base: u64,
    pub(super) size: u64,
}

const fn class(name: &'static str, first: u64, last: u64) -> Class {
    Class {
        name,
        base: first,
        size: last - first + 1,
    }
}

/// The classes, in the order of their header bytes; other header bytes begin no item.
pub(super) const CLASSES: [Class; 9] = [
    class("single", 0x00, 0x7f),
    class("empty", 0x80, 0x80),
    class("one", 0x81, 0x81),
    class("half", 0x82, 0x90),
    class("word", 0x91, 0xa0),
    class("skipped", 0xa1, 0xb7),
    class("long_string", 0xb8, 0xba),
    class("list", 0xc0, 0xf7),
    class("long_list", 0xf8, 0xfa),
];
/// Indices of the classes that have bytes after the header byte in their first span.
pub(super) const ONE: usize = 2;
pub(super) const UP_TO_HALF: usize = 3;
pub(super) const UP_TO_WORD: usize = 4;
pub(super) const LONG_STRING: usize = 6;
pub(super) const LONG_LIST: usize = 8;
/// Bytes of the low half of a word.
pub(super) const HALF: u64 = 16;
/// Longest content that the short form has.
pub(super) const SHORT_MAX: u64 = 55;
/// Longest content whose value is given.
pub(super) const WORD_MAX: u64 = 32;

/// Handle of `io.item`.
#[derive(Clone, Debug)]
pub struct ItemKind {
    /// The kind `io.item`.
    pub kind: KindId,
    pub(super) c: Columns,
}

/// Cells of an item row.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    /// One boolean per class of header bytes.
    pub(super) classes: Vec<Cell>,
    /// Header byte less the first one of its class.
    pub(super) rest: Cell,
    /// The last header byte of the class less the header byte.
    pub(super) slack: Cell,
    /// What the first span says of the byte after the header byte: 0 zero, 1 not zero, 2 unseen.
    pub(super) lead: Cell,
    /// By how much a value exceeds its least value allowed.
    pub(super) excess: Vec<Cell>,
    pub(super) offset: Cell,
    /// Bytes of the first span after the header byte.
    pub(super) content: Cell,
    pub(super) nonzero: Cell,
    pub(super) value: Cell,
    /// What the span of the low half says, for strings of 17 to 32 bytes.
    pub(super) low_nonzero: Cell,
    pub(super) low_head: Cell,
    pub(super) low_value: Cell,
    pub(super) size: Cell,
    pub(super) length: Cell,
    pub(super) canonical: Cell,
    pub(super) hi: Cell,
    pub(super) lo: Cell,
}

impl Columns {
    fn declare(k: &mut KindBuilder<'_>, range: TableId) -> Self {
        Self {
            rest: k.lookup("rest", 0, range),
            slack: k.lookup("slack", 0, range),
            lead: k.lookup("lead", 0, range),
            excess: k.lookups("excess", 0, range, 2),
            classes: CLASSES.iter().map(|c| k.bit(c.name, 0)).collect(),
            offset: k.cell("offset", 0),
            content: k.cell("content", 0),
            nonzero: k.cell("nonzero", 0),
            value: k.cell("value", 0),
            low_nonzero: k.cell("low_nonzero", 0),
            low_head: k.cell("low_head", 0),
            low_value: k.cell("low_value", 0),
            size: k.cell("size", 0),
            length: k.cell("length", 0),
            canonical: k.cell("canonical", 0),
            hi: k.cell("hi", 0),
            lo: k.cell("lo", 0),
        }
    }
}

pub(super) fn define(b: &mut MachineBuilder, buses: &Buses, spans: &SpanKind) -> ItemKind {
    let range = range13(b);
    let mut k = b.kind("io.item", 1);
    let c = Columns::declare(&mut k, range);
    let x = c.rest;
    let classes: [Expr; CLASSES.len()] = std::array::from_fn(|i| c.classes[i].expr());
    let [
        single,
        empty,
        one,
        half,
        word,
        skipped,
        long_string,
        list,
        long_list,
    ] = &classes;
    let long = long_string + long_list;
    let is_list = list + long_list;

    // The header byte is `base + rest` with 0 <= rest < size.
    k.equal(
        "one class",
        classes.iter().cloned().sum::<Expr>(),
        Expr::one(),
    );
    let by_class =
        |f: fn(&Class) -> u64| lin(CLASSES.iter().map(f).zip(&c.classes).filter(|t| t.0 != 0));
    k.equal(
        "the header byte is in its class",
        x + c.slack,
        by_class(|c| c.size - 1),
    );
    let header = by_class(|c| c.base) + x;

    // What the first span holds after the header byte: the content of a string of up to 16 bytes, the high bytes of
    // one of up to 32, or the bytes of a length.
    let up_to_word = half + word;
    k.equal(
        "bytes after the header byte",
        c.content,
        (&up_to_word + &long) * x + one + half * 2 + word + &long,
    );
    k.require(
        spans.bus,
        1,
        vec![
            c.offset.expr(),
            c.content + 1,
            c.nonzero.expr(),
            &header + c.lead * LEAD,
            c.value.expr(),
        ],
    );
    k.require(
        spans.bus,
        word.clone(),
        vec![
            c.offset + c.content,
            Expr::from(HALF + 1),
            c.low_nonzero.expr(),
            c.low_head.expr(),
            c.low_value.expr(),
        ],
    );
    for cell in [c.low_nonzero, c.low_head, c.low_value] {
        k.constrain("only a word has a low span", word.not() * cell);
    }

    // A single byte is written as itself; the long form is for more than 55 bytes, its length has no leading zero.
    k.equal(
        "least value",
        one * (c.value - 0x80) + &long * (c.value - (SHORT_MAX + 1)),
        c.excess[0] + c.excess[1] * pow2(RANGE_BITS),
    );
    k.constrain("a length has no leading zero", &long * (c.lead - 1));
    k.constrain(
        "the first content byte is seen",
        &up_to_word * c.lead * (c.lead - 1),
    );
    k.equal(
        "canonical integer",
        c.canonical,
        single * c.nonzero + empty + one + &up_to_word * c.lead,
    );

    k.equal(
        "length of the content",
        c.length,
        (&up_to_word + skipped + list) * x
            + single
            + one
            + half * 2
            + word * (HALF + 1)
            + skipped * (WORD_MAX + 1)
            + &long * c.value,
    );
    k.equal(
        "bytes of the string, or of the list's header",
        c.size,
        single.not() + &long * (x + 1) + is_list.not() * c.length,
    );
    k.equal("high half", c.hi, word * c.value);
    k.equal(
        "low half",
        c.lo,
        single * x + (one + half) * c.value + c.low_value,
    );
    for (code, length, hi, lo) in [
        (c.canonical.expr(), Expr::zero(), c.hi.expr(), c.lo.expr()),
        (&is_list + 2, c.length.expr(), c.hi.expr(), c.lo.expr()),
        (is_list + 4, Expr::zero(), Expr::zero(), c.length.expr()),
    ] {
        let (offset, size) = (c.offset.expr(), c.size.expr());
        k.provide(buses.item, 0, vec![code, offset, size, length, hi, lo]);
    }
    let kind = k.finish();
    ItemKind { kind, c }
}
