//! What is read from the payload: collected by the interpreter, then filled into rows.

use super::{
    IoChip,
    groups::GROUP_BYTES,
    item::{CLASSES, HALF, ItemKind, LONG_LIST, LONG_STRING, ONE, SHORT_MAX},
    rlp::{self, Header, Item, ItemError},
    span::{LEAD, Span, SpanFact, SpanKind},
};
use crate::{Fr, framework::trace::Trace, limbs::split};
use ff::Field;
use protocol::field::split_word;
use std::collections::{BTreeMap, BTreeSet};

/// The payload's bytes and what was read from them; equal requests share their rows.
#[derive(Clone, Debug, Default)]
pub struct Reads {
    payload: Vec<u8>,
    items: BTreeMap<u64, Item>,
    counts: BTreeSet<Span>,
}

impl Reads {
    /// Nothing read yet of `payload`, whose first byte has offset 0.
    pub fn new(payload: Vec<u8>) -> Self {
        Self {
            payload,
            ..Self::default()
        }
    }

    /// The payload.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// Reads the item at byte `offset`, and has it proven.
    ///
    /// # Errors
    /// If no canonical item with a length below 2^24 begins there; then there is no fact either.
    pub fn item(&mut self, offset: u64) -> Result<Item, ItemError> {
        let item = rlp::read(&self.payload, offset)?;
        self.items.insert(offset, item);
        Ok(item)
    }

    /// Counts the bytes that are not zero among `length` bytes from byte `offset`, and has it proven.
    /// `None` if there is no such fact: no byte, or bytes outside the payload.
    pub fn count(&mut self, offset: u64, length: u64) -> Option<u64> {
        let from = usize::try_from(offset).ok()?;
        let to = from.checked_add(usize::try_from(length).ok()?)?;
        let bytes = self.payload.get(from..to).filter(|b| !b.is_empty())?;
        self.counts.insert(Span {
            start: offset,
            length,
        });
        Some(bytes.iter().filter(|b| **b != 0).count() as u64)
    }

    /// The spans that prove an item: its header with what follows it, and the low half of a word.
    fn spans_of(&self, item: &Item) -> Option<(Header, Span, Option<Span>)> {
        let byte = self.payload.get(usize::try_from(item.offset).ok()?)?;
        let header = Header::of(*byte)?;
        let (content, low) = header.spans();
        let first = Span {
            start: item.offset,
            length: content + 1,
        };
        let low = low.then_some(Span {
            start: item.offset + content,
            length: HALF + 1,
        });
        Some((header, first, low))
    }

    fn parts(&self) -> BTreeSet<Span> {
        self.items
            .values()
            .filter_map(|i| self.spans_of(i))
            .flat_map(|(_, first, low)| [Some(first), low])
            .flatten()
            .chain(self.counts.iter().copied())
            .flat_map(Span::parts)
            .collect()
    }

    /// Rows of `io.item` and `io.span` that prove what was read.
    pub fn rows(&self) -> usize {
        self.items.len() + self.parts().len()
    }

    fn group(&self, index: u64) -> [u8; GROUP_BYTES] {
        let from = usize::try_from(index).map_or(usize::MAX, |i| i.saturating_mul(GROUP_BYTES));
        std::array::from_fn(|i| {
            let at = from.saturating_add(i);
            self.payload.get(at).copied().unwrap_or(0)
        })
    }
}

impl IoChip {
    /// Appends the rows that prove what was read. The payload's own rows are [`super::GroupKinds::trace_words`]'s.
    pub fn trace_reads(&self, trace: &mut Trace<'_>, reads: &Reads) {
        let facts = trace_parts(&self.span, trace, reads);
        for item in reads.items.values() {
            let Some((header, first, low)) = reads.spans_of(item) else {
                continue;
            };
            let fact = |s: &Span| facts.get(s).copied();
            if let Some(fact_of_first) = fact(&first) {
                let low = low.as_ref().and_then(fact);
                self.item
                    .push(trace, item, header, first, fact_of_first, low);
            }
        }
    }
}

/// Appends the rows of all parts of spans. A span's parts are in the order of their length, next to each other.
fn trace_parts(kind: &SpanKind, trace: &mut Trace<'_>, reads: &Reads) -> BTreeMap<Span, SpanFact> {
    let mut facts = BTreeMap::new();
    // The part up to the end of a group, from which the parts that end in the next group go on.
    let mut whole: Option<(Span, SpanFact)> = None;
    for part in reads.parts() {
        let end = part.start + part.length;
        let index = (end - 1) / GROUP_BYTES as u64;
        let before = whole
            .filter(|(w, _)| w.start == part.start && part.start / GROUP_BYTES as u64 != index)
            .map(|w| w.1);
        let fact = kind.push(trace, part, before, reads.group(index));
        if end % GROUP_BYTES as u64 == 0 {
            whole = Some((part, fact));
        }
        facts.insert(part, fact);
    }
    facts
}

impl ItemKind {
    /// Appends the row of an item, given the facts of its spans.
    pub(super) fn push(
        &self,
        trace: &mut Trace<'_>,
        item: &Item,
        header: Header,
        first: Span,
        fact: SpanFact,
        low: Option<SpanFact>,
    ) {
        let c = &self.c;
        let class = &CLASSES[header.class];
        let (hi, lo) = split_word(item.value);
        let low = low.unwrap_or(SpanFact {
            nonzero: 0,
            head: 0,
            value: Fr::ZERO,
        });
        // `fact.value` is the content byte of a string of one, or the length of a long form.
        let excess = match header.class {
            ONE => lo - Fr::from(0x80),
            LONG_STRING | LONG_LIST => Fr::from(item.length) - Fr::from(SHORT_MAX + 1),
            _ => Fr::ZERO,
        };
        trace
            .push(self.kind)
            .set(c.classes[header.class], 1)
            .set(c.rest, header.rest)
            .set(c.slack, Fr::from(class.size - 1) - Fr::from(header.rest))
            .set(c.lead, fact.head / LEAD)
            .set_all(&c.excess, split(protocol::field::to_word(&excess), 2))
            .set(c.offset, item.offset)
            .set(c.content, first.length - 1)
            .set(c.nonzero, fact.nonzero)
            .set(c.value, fact.value)
            .set(c.low_nonzero, low.nonzero)
            .set(c.low_head, low.head)
            .set(c.low_value, low.value)
            .set(c.size, item.next - item.offset)
            .set(c.length, item.length)
            .set(c.canonical, u64::from(item.canonical && !item.is_list))
            .set(c.hi, hi)
            .set(c.lo, lo);
    }
}
