//! Adversarial rows by hand. Where exactly one relation stands against a forgery, the test says which.

use super::{
    super::span::{Span, SpanFact},
    *,
};

/// Rows made one by one, as an attacker would.
struct Forge<'r> {
    rig: &'r Rig,
    payload: Vec<u8>,
    trace: Trace<'r>,
}

impl<'r> Forge<'r> {
    fn new(rig: &'r Rig, payload: &[u8]) -> Self {
        Self {
            rig,
            payload: payload.to_vec(),
            trace: rig.payload(0, payload),
        }
    }
    fn group(&self, index: u64) -> [u8; 8] {
        let at = |i| self.payload.get(index as usize * 8 + i).copied();
        std::array::from_fn(|i| at(i).unwrap_or(0))
    }
    /// The rows of a span, honestly.
    fn span(&mut self, start: u64, length: u64) -> SpanFact {
        let mut fact = None;
        for part in (Span { start, length }).parts() {
            fact = Some(self.part(part, fact));
        }
        fact.unwrap()
    }
    fn part(&mut self, part: Span, before: Option<SpanFact>) -> SpanFact {
        let group = self.group((part.start + part.length - 1) / 8);
        let kind = &self.rig.chip.span;
        kind.push(&mut self.trace, part, before, group)
    }
    fn finish(self) -> Table {
        finish(self.trace)
    }
}

/// Changes cells of the first row of a kind.
fn edit(table: &mut Table, kind: KindId, nth: usize, changes: &[(Cell, Fr)]) {
    let row = table.heads_of(kind)[nth];
    for (cell, v) in changes {
        table.set(row, *cell, *v);
    }
}

/// The span cells that depend on the mask, computed from the equations for any cells whatever.
fn settle(rig: &Rig, table: &mut Table, nth: usize) {
    let c = &rig.chip.span.c;
    let row = table.heads_of(rig.chip.span.kind)[nth];
    let get = |cell: Cell| table.cell(row, cell);
    let inverse = |n: u32| pow2(n).invert().unwrap();
    let m: Vec<Fr> = c.mask.iter().map(|x| get(*x)).collect();
    let byte: Vec<Fr> = c.scaled.iter().map(|x| get(*x) * inverse(5)).collect();
    let seen: Vec<Fr> = (0..8).map(|i| byte[i] - get(c.less[i])).collect();
    let inner: Vec<Fr> = (0..8)
        .map(|i| {
            if i == 0 {
                Fr::ONE - get(c.first)
            } else {
                m[i] * m[i - 1]
            }
        })
        .collect();
    let begins: Vec<Fr> = (0..8).map(|i| m[i] - inner[i]).collect();
    let ends = (0..8).map(|i| if i == 7 { m[7] } else { m[i] - inner[i + 1] });
    let position = (0u64..8).map(|i| Fr::from(i) * begins[i as usize]).sum();
    let content: Fr = (0..8)
        .map(|i| inner[i] * byte[i] * pow2(56 - 8 * i as u32))
        .sum();
    let aligned = get(c.value_before) * pow2(64) + content;
    let shift: Fr = ends.zip(0u32..).map(|(e, i)| e * inverse(56 - 8 * i)).sum();
    let counted: Fr = (0..8).map(|i| m[i] * seen[i]).sum();
    let head: Fr = (0..8)
        .map(|i| {
            let lead = if i == 7 { Fr::from(2) } else { seen[i + 1] };
            begins[i] * (byte[i] + lead * Fr::from(256))
        })
        .sum::<Fr>()
        + get(c.second) * (seen[0] - Fr::from(2)) * Fr::from(256);
    let changes = [
        (c.position, position),
        (c.aligned, aligned),
        (c.value, aligned * shift),
        (c.nonzero, get(c.nonzero_before) + counted),
        (c.head, get(c.head_before) + head),
    ];
    for (cell, v) in changes {
        table.set(row, cell, v);
    }
}

/// Makes the only span that is asked for the one of the last span row, so that its fact is used.
fn ask_for_what_the_last_row_says(rig: &Rig, table: &mut Table) {
    let c = &rig.chip.span.c;
    let row = *table.heads_of(rig.chip.span.kind).last().unwrap();
    let ask = table.heads_of(rig.span.0)[0];
    let masked: Fr = c.mask.iter().map(|m| table.cell(row, *m)).sum();
    let start = table.cell(row, c.start);
    let end = table.cell(row, c.group) * Fr::from(8) + table.cell(row, c.position) + masked;
    let [nonzero, head, value] = [c.nonzero, c.head, c.value].map(|c| table.cell(row, c));
    let fact = [start, end - start, nonzero, head, value];
    for (cell, v) in rig.span.1.iter().zip(fact) {
        table.set(ask, *cell, v);
    }
}

/// A payload, and one span of it asked for: the spans' cells are then edited.
fn counted(rig: &Rig, payload: &[u8], start: u64, length: u64) -> Table {
    let mut forge = Forge::new(rig, payload);
    let fact = forge.span(start, length);
    rig.ask_span(&mut forge.trace, start, length, fact);
    let table = forge.finish();
    assert_holds(&rig.machine, &table);
    table
}

// NEGATIVE

#[test]
fn a_span_cannot_skip_the_first_bytes_of_a_later_group() {
    let rig = rig();
    let payload = [[1; 8], [1, 1, 0, 0, 1, 1, 1, 1]].concat();
    let mut bad = counted(&rig, &payload, 4, 8);
    let c = &rig.chip.span.c;
    let (zero, one) = (Fr::ZERO, Fr::ONE);
    let mask: Vec<_> = c.mask.iter().copied().zip([zero, zero, one, one]).collect();
    edit(&mut bad, rig.chip.span.kind, 1, &mask);
    settle(&rig, &mut bad, 1);
    ask_for_what_the_last_row_says(&rig, &mut bad);
    let ask = bad.heads_of(rig.span.0)[0];
    let asked = rig.span.1.iter().take(3).map(|c| bad.cell(ask, *c));
    assert!(asked.eq([4, 8, 4].map(Fr::from)));
    only(
        &rig.machine,
        &bad,
        "a later group is entered at its first byte",
    );
}

#[test]
fn a_span_cannot_have_a_hole() {
    let rig = rig();
    let mut bad = counted(&rig, &[1; 8], 1, 5);
    let c = &rig.chip.span.c;
    edit(&mut bad, rig.chip.span.kind, 0, &[(c.mask[3], Fr::ZERO)]);
    settle(&rig, &mut bad, 0);
    let start = bad.cell(bad.heads_of(rig.chip.span.kind)[0], c.position);
    edit(&mut bad, rig.chip.span.kind, 0, &[(c.start, start)]);
    ask_for_what_the_last_row_says(&rig, &mut bad);
    only(&rig.machine, &bad, "one block, begun on the first row only");
}

#[test]
fn an_empty_row_cannot_prove_itself() {
    let rig = rig();
    // A later group with no byte of the span would provide exactly what it requires.
    let mut bad = counted(&rig, &[1; 16], 4, 8);
    let c = &rig.chip.span.c;
    let mask: Vec<_> = c.mask.iter().map(|m| (*m, Fr::ZERO)).collect();
    edit(&mut bad, rig.chip.span.kind, 1, &mask);
    edit(
        &mut bad,
        rig.chip.span.kind,
        1,
        &[(c.nonzero_before, Fr::from(99))],
    );
    settle(&rig, &mut bad, 1);
    ask_for_what_the_last_row_says(&rig, &mut bad);
    assert_fails(&rig.machine, &bad);
}

#[test]
fn a_span_starts_where_its_mask_starts() {
    let rig = rig();
    let c = &rig.chip.span.c;
    let kind = rig.chip.span.kind;

    let mut bad = counted(&rig, &[1; 16], 10, 3);
    edit(
        &mut bad,
        kind,
        0,
        &[(c.position, Fr::ONE), (c.start, Fr::from(9))],
    );
    ask_for_what_the_last_row_says(&rig, &mut bad);
    only(&rig.machine, &bad, "position of the start");

    let mut bad = counted(&rig, &[1; 16], 10, 3);
    edit(&mut bad, kind, 0, &[(c.start, Fr::from(2))]);
    ask_for_what_the_last_row_says(&rig, &mut bad);
    only(&rig.machine, &bad, "the span starts in its first group");
}

#[test]
fn a_span_brings_nothing_from_before_its_start() {
    let rig = rig();
    let c = &rig.chip.span.c;
    for cell in [c.nonzero_before, c.head_before, c.value_before] {
        let mut bad = counted(&rig, &[1; 16], 10, 3);
        edit(&mut bad, rig.chip.span.kind, 0, &[(cell, Fr::from(7))]);
        settle(&rig, &mut bad, 0);
        ask_for_what_the_last_row_says(&rig, &mut bad);
        only(&rig.machine, &bad, "nothing lies before the first group");
    }
}

#[test]
fn a_later_part_needs_the_part_before() {
    let rig = rig();
    let part = |length| Span { start: 4, length };
    let invented = SpanFact {
        nonzero: 1,
        head: 5,
        value: Fr::from(3),
    };
    // Without any earlier row; with one that stops short; with a group left out.
    let starts: [&[u64]; 3] = [&[], &[3], &[4]];
    for (earlier, length) in starts.into_iter().zip([8, 8, 16]) {
        let mut forge = Forge::new(&rig, &[1; 24]);
        let mut before = None;
        for n in earlier {
            before = Some(forge.part(part(*n), before));
        }
        let fact = forge.part(part(length), Some(before.unwrap_or(invented)));
        rig.ask_span(&mut forge.trace, 4, length, fact);
        let fail = assert_fails(&rig.machine, &forge.finish());
        assert!(fail.relation.contains("span"), "{fail}");
    }
}

#[test]
fn a_byte_is_an_integer_below_256_and_told_from_zero() {
    let rig = rig();
    let good = counted(&rig, &[0, 1, 0, 5, 6, 7, 8, 9], 0, 8);
    let c = &rig.chip.span.c;
    let kind = rig.chip.span.kind;
    let scaled = |n: u64| Fr::from(32 * n);
    let forged = |changes: &[(Cell, Fr)]| {
        let mut bad = good.clone();
        edit(&mut bad, kind, 0, changes);
        settle(&rig, &mut bad, 0);
        ask_for_what_the_last_row_says(&rig, &mut bad);
        bad
    };
    // 256 in the second byte of a pair for 1 in the first.
    let bad = forged(&[
        (c.scaled[1], scaled(0)),
        (c.less[1], Fr::ZERO),
        (c.scaled[2], scaled(256)),
        (c.less[2], Fr::from(255)),
    ]);
    only(&rig.machine, &bad, "scaled.2 in table range13");
    // A zero byte counted, a byte not counted.
    let bad = forged(&[(c.less[0], -Fr::ONE)]);
    only(&rig.machine, &bad, "less.0 in table range13");
    let bad = forged(&[(c.less[3], Fr::from(5))]);
    only(&rig.machine, &bad, "a byte and whether it is zero");
    // A fraction of a byte, made up for by the next one: 4 + 1/2 and 6 + 128.
    let bad = forged(&[
        (c.scaled[3], Fr::from(32 * 4 + 16)),
        (c.scaled[4], scaled(6 + 128)),
        (c.less[4], Fr::from(6 + 127)),
    ]);
    only(&rig.machine, &bad, "a byte and whether it is zero");
}
