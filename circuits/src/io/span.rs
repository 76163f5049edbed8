//! `io.span`: one group of a span of payload bytes.

use super::groups::GROUP_BYTES;
use crate::{
    Fr,
    buses::Buses,
    framework::{Cell, Expr, KindBuilder, KindId, MachineBuilder, TableId, pow2, trace::Trace},
    tables::range13,
};
use ff::Field;

/// Scale of the looked-up bytes: 32 b below 2^13 means b below 2^8.
const SCALE: u64 = 32;
/// Weight of the "next byte is not zero" mark in a head value.
const LEAD: u64 = 256;
/// Weight of the "next byte lies in a group not yet seen" mark in a head value.
const PENDING: u64 = 512;

/// Handle of `io.span`.
#[derive(Clone, Debug)]
pub struct SpanKind {
    /// The kind `io.span`.
    pub kind: KindId,
    pub(super) c: Columns,
}

/// Cells of a span row.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    /// 32 times each byte of the group, first byte first.
    pub(super) scaled: Vec<Cell>,
    /// Each byte less one, or 0 for the byte 0.
    pub(super) less: Vec<Cell>,
    /// 1 for the bytes of the span.
    pub(super) mask: Vec<Cell>,
    /// 1 if the span begins in this group.
    pub(super) first: Cell,
    /// Index of the group.
    pub(super) group: Cell,
    /// Byte offset where the span starts.
    pub(super) start: Cell,
    /// Position of the span's start in this group; 0 if it began earlier.
    pub(super) position: Cell,
    pub(super) nonzero: Cell,
    pub(super) nonzero_before: Cell,
    pub(super) head: Cell,
    pub(super) head_before: Cell,
    /// Value as if the span reached the end of the group, its masked-out bytes being zero.
    pub(super) aligned: Cell,
    pub(super) value: Cell,
    pub(super) value_before: Cell,
    /// 1 if the head is the one byte that earlier groups hold of the span.
    pub(super) second: Cell,
}

impl Columns {
    fn declare(k: &mut KindBuilder<'_>, range: TableId) -> Self {
        Self {
            scaled: k.lookups("scaled", 0, range, GROUP_BYTES),
            less: k.lookups("less", 0, range, GROUP_BYTES),
            mask: (0..GROUP_BYTES)
                .map(|i| k.bit(&format!("mask.{i}"), 0))
                .collect(),
            first: k.bit("first", 0),
            group: k.cell("group", 0),
            start: k.cell("start", 0),
            position: k.cell("position", 0),
            nonzero: k.cell("nonzero", 0),
            nonzero_before: k.cell("nonzero_before", 0),
            head: k.cell("head", 0),
            head_before: k.cell("head_before", 0),
            aligned: k.cell("aligned", 0),
            value: k.cell("value", 0),
            value_before: k.cell("value_before", 0),
            second: k.bit("second", 0),
        }
    }
}

/// `32^-1`.
fn unscale() -> Fr {
    Fr::from(SCALE).invert().unwrap_or(Fr::ZERO)
}

pub(super) fn define(b: &mut MachineBuilder, buses: &Buses) -> SpanKind {
    let range = range13(b);
    let bus = buses.span;
    let mut k = b.kind("io.span", 1);
    let c = Columns::declare(&mut k, range);
    let last = GROUP_BYTES - 1;
    let next = c.first.expr().not();

    // A byte b with 32 b and c in range: (b + c) (b - c - 1) = 0, so b = c + 1 in 1..256, or b = c = 0.
    // `seen[i]` is 32 where the byte is not zero, else 0.
    let mut seen = vec![];
    for i in 0..GROUP_BYTES {
        let less = c.less[i] * SCALE;
        let difference = c.scaled[i] - less.clone();
        k.constrain(
            "a byte and whether it is zero",
            (c.scaled[i] + less) * (&difference - SCALE),
        );
        seen.push(difference);
    }

    // The span's bytes of a group are one block: inner[i] says that byte i and the one before it are in the span.
    k.constrain(
        "a later group is entered at its first byte",
        &next * c.mask[0].expr().not(),
    );
    let inner: Vec<Expr> = std::iter::once(next.clone())
        .chain((1..GROUP_BYTES).map(|i| c.mask[i] * c.mask[i - 1]))
        .collect();
    let begins: Vec<Expr> = c.mask.iter().zip(&inner).map(|(m, q)| m - q).collect();
    let ends: Vec<Expr> = (0..last)
        .map(|i| c.mask[i] - &inner[i + 1])
        .chain([c.mask[last].expr()])
        .collect();
    // Suffix sums of `begins` are 1 up to the start: their number is the position of the start.
    let mut suffix = begins[last].clone();
    let mut position = suffix.clone();
    for i in (1..last).rev() {
        suffix = suffix + &begins[i];
        position = position + &suffix;
    }
    k.equal(
        "one block, begun on the first row only",
        suffix + &begins[0],
        c.first,
    );
    k.equal("position of the start", c.position, position);

    let before = c.group * (GROUP_BYTES as u64) - c.start;
    let length = &before + c.position + c.mask.iter().map(Expr::from).sum::<Expr>();
    k.constrain(
        "the span starts in its first group",
        c.first * (&before + c.position),
    );
    for cell in [c.nonzero_before, c.head_before, c.value_before] {
        k.constrain("nothing lies before the first group", c.first * cell);
    }

    let counted: Expr = c.mask.iter().zip(&seen).map(|(m, s)| m * s).sum();
    k.equal(
        "bytes that are not zero",
        c.nonzero,
        c.nonzero_before + counted * unscale(),
    );

    let weighted: Vec<Expr> = (0..GROUP_BYTES)
        .map(|i| c.scaled[i] * (pow2(8 * (last - i) as u32) * unscale()))
        .collect();
    let content: Expr = inner.iter().zip(&weighted).map(|(q, w)| q * w).sum();
    k.equal(
        "value up to the end of the group",
        c.aligned,
        c.value_before * pow2(64) + content,
    );
    let shift: Expr = ends
        .iter()
        .enumerate()
        .map(|(i, e)| e * pow2(8 * (last - i) as u32).invert().unwrap_or(Fr::ZERO))
        .sum();
    k.equal("value of the span", c.value, c.aligned * shift);

    // head = first byte + 256 [the next byte is not zero], the mark being PENDING while the next byte is unseen.
    k.constrain(
        "the second group follows a head alone",
        c.second * (&before - 1),
    );
    let head: Expr = (0..last)
        .map(|i| &begins[i] * (c.scaled[i] + &seen[i + 1] * LEAD))
        .sum::<Expr>()
        + &begins[last] * (c.scaled[last] + PENDING * SCALE)
        + c.second * (&seen[0] * LEAD - PENDING * SCALE);
    k.equal("head of the span", c.head, c.head_before + head * unscale());

    let group = weighted.into_iter().sum();
    k.require(buses.bytes, 1, vec![Expr::zero(), c.group.expr(), group]);
    let fact = |length: &Expr, nonzero: Cell, head: Cell, value: Cell| {
        let (length, start) = (length.clone(), c.start.expr());
        vec![start, length, nonzero.expr(), head.expr(), value.expr()]
    };
    k.require(
        bus,
        next,
        fact(&before, c.nonzero_before, c.head_before, c.value_before),
    );
    k.provide(bus, 0, fact(&length, c.nonzero, c.head, c.value));
    let kind = k.finish();
    SpanKind { kind, c }
}

/// `length` bytes of the payload from byte `start`, `length` at least 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Span {
    pub(super) start: u64,
    pub(super) length: u64,
}

/// What the fact of a span says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpanFact {
    /// Bytes that are not zero.
    pub nonzero: u64,
    /// First byte; plus 256 if the byte after it is not zero, or 512 if that byte lies in a group that the span does not reach.
    pub head: u64,
    /// Big-endian value of the bytes after the first, in the field.
    pub value: Fr,
}

impl SpanFact {
    /// What the `bytes` of a span say, `second` being the payload's byte after the first one.
    pub(super) fn of(span: Span, bytes: &[u8], second: Option<u8>) -> Self {
        let size = GROUP_BYTES as u64;
        let unseen = span.length == 1 && span.end().is_multiple_of(size);
        let mark = match second {
            _ if unseen => PENDING,
            Some(b) if b != 0 => LEAD,
            _ => 0,
        };
        let fold = |v: Fr, byte: &u8| v * Fr::from(256) + Fr::from(u64::from(*byte));
        Self {
            nonzero: bytes.iter().filter(|b| **b != 0).count() as u64,
            head: bytes.first().map_or(0, |b| u64::from(*b)) + mark,
            value: bytes.iter().skip(1).fold(Fr::ZERO, fold),
        }
    }
}

impl Span {
    /// The parts of the span up to the end of each of its groups, the last one being the span itself.
    pub(super) fn parts(self) -> impl Iterator<Item = Self> {
        let size = GROUP_BYTES as u64;
        let end = self.start + self.length;
        (self.start / size..end.div_ceil(size)).map(move |group| Self {
            start: self.start,
            length: end.min((group + 1) * size) - self.start,
        })
    }
    fn end(self) -> u64 {
        self.start + self.length
    }
}

impl SpanKind {
    /// Appends the row of one part of a span after that of the part before it, and gives its fact.
    /// `group` holds the bytes of the part's last group.
    pub(super) fn push(
        &self,
        trace: &mut Trace<'_>,
        part: Span,
        before: Option<SpanFact>,
        group: [u8; GROUP_BYTES],
    ) -> SpanFact {
        let (c, size) = (&self.c, GROUP_BYTES as u64);
        let index = (part.end() - 1) / size;
        let (from, to) = (
            part.start.max(index * size) - index * size,
            part.end() - index * size,
        );
        let inside = |i: &u64| (from..to).contains(i);
        let bytes = || (0u64..).zip(group.map(u64::from));
        let nonzero = |b: u64| u64::from(b != 0);

        let old = before.unwrap_or(SpanFact {
            nonzero: 0,
            head: 0,
            value: Fr::ZERO,
        });
        let second = before.is_some() && index * size == part.start + 1;
        let first = before.is_none();
        let content = |i: &u64| inside(i) && !(first && *i == from);
        let fold = |v: Fr, byte: u64| v * Fr::from(256) + Fr::from(byte);
        let value = bytes()
            .filter(|(i, _)| content(i))
            .fold(old.value, |v, (_, b)| fold(v, b));
        let aligned = bytes().fold(old.value, |v, (i, b)| {
            fold(v, if content(&i) { b } else { 0 })
        });
        let mark = |i: u64| {
            let next = group.get(i as usize).map(|b| u64::from(*b));
            next.map_or(PENDING, |b| LEAD * nonzero(b))
        };
        let head = if first {
            u64::from(group[from as usize]) + mark(from + 1)
        } else if second {
            old.head - PENDING + mark(0)
        } else {
            old.head
        };
        let seen = bytes().filter(|(i, b)| inside(i) && *b != 0).count() as u64;
        let fact = SpanFact {
            nonzero: old.nonzero + seen,
            head,
            value,
        };
        trace
            .push(self.kind)
            .set_all(&c.scaled, bytes().map(|(_, b)| b * SCALE))
            .set_all(&c.less, bytes().map(|(_, b)| b.saturating_sub(1)))
            .set_all(&c.mask, (0..size).map(|i| u64::from(inside(&i))))
            .set(c.first, u64::from(first))
            .set(c.group, index)
            .set(c.start, part.start)
            .set(c.position, if first { from } else { 0 })
            .set(c.nonzero, fact.nonzero)
            .set(c.nonzero_before, old.nonzero)
            .set(c.head, fact.head)
            .set(c.head_before, old.head)
            .set(c.aligned, aligned)
            .set(c.value, fact.value)
            .set(c.value_before, old.value)
            .set(c.second, u64::from(second));
        fact
    }
}
