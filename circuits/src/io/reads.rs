//! What is read from the payload: collected by the interpreter, then filled into rows.

use super::{
    IoChip,
    groups::GROUP_BYTES,
    span::{Span, SpanFact, SpanKind},
};
use crate::framework::trace::Trace;
use std::collections::BTreeSet;

/// The payload's bytes and what was read from them; equal requests share their rows.
#[derive(Clone, Debug, Default)]
pub struct Reads {
    payload: Vec<u8>,
    spans: BTreeSet<Span>,
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

    /// What `length` bytes from byte `offset` hold, and has it proven.
    /// `None` if there is no such fact: no byte, or bytes outside the payload.
    pub fn span(&mut self, offset: u64, length: u64) -> Option<SpanFact> {
        let from = usize::try_from(offset).ok()?;
        let to = from.checked_add(usize::try_from(length).ok()?)?;
        let bytes = self.payload.get(from..to).filter(|b| !b.is_empty())?;
        let span = Span {
            start: offset,
            length,
        };
        let fact = SpanFact::of(span, bytes, self.payload.get(from + 1).copied());
        self.spans.insert(span);
        Some(fact)
    }

    fn parts(&self) -> BTreeSet<Span> {
        self.spans.iter().copied().flat_map(Span::parts).collect()
    }

    /// Rows of `io.span` that prove what was read.
    pub fn rows(&self) -> usize {
        self.parts().len()
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
        trace_parts(&self.span, trace, reads);
    }
}

/// Appends the rows of all parts of spans. A span's parts are in the order of their length, next to each other.
fn trace_parts(kind: &SpanKind, trace: &mut Trace<'_>, reads: &Reads) {
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
    }
}
