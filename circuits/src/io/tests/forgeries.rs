//! Adversarial rows by hand. Where exactly one relation stands against a forgery, the test says which.

use super::{
    super::{
        item::*,
        rlp::Header,
        span::{Span, SpanFact},
    },
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
    /// An item row of a chosen class, over honest spans.
    fn item(&mut self, item: &Item, class: usize, rest: u64) {
        let header = Header { class, rest };
        let (content, low) = header.spans();
        let first = Span {
            start: item.offset,
            length: content + 1,
        };
        let fact = self.span(first.start, first.length);
        let low = low.then(|| self.span(item.offset + content, HALF + 1));
        let kind = &self.rig.chip.item;
        kind.push(&mut self.trace, item, header, first, fact, low);
        self.rig.ask_item(&mut self.trace, item);
    }
    fn finish(self) -> Table {
        finish(self.trace)
    }
}

fn string(offset: u64, next: u64, length: u64, value: u64) -> Item {
    Item {
        offset,
        next,
        is_list: false,
        length,
        canonical: value != 0,
        value: U256::from(value),
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

/// Makes the only count that is asked for the one of the last span row, so that its fact is used.
fn ask_for_what_the_last_row_says(rig: &Rig, table: &mut Table) {
    let c = &rig.chip.span.c;
    let row = *table.heads_of(rig.chip.span.kind).last().unwrap();
    let ask = table.heads_of(rig.count.0)[0];
    let masked: Fr = c.mask.iter().map(|m| table.cell(row, *m)).sum();
    let start = table.cell(row, c.start);
    let end = table.cell(row, c.group) * Fr::from(8) + table.cell(row, c.position) + masked;
    let fact = [start, end - start, table.cell(row, c.nonzero)];
    for (cell, v) in rig.count.1.iter().zip(fact) {
        table.set(ask, *cell, v);
    }
}

/// A payload, one span of it, and a count asked for: the spans' cells are then edited.
fn counted(rig: &Rig, payload: &[u8], start: u64, length: u64) -> Table {
    let mut forge = Forge::new(rig, payload);
    let fact = forge.span(start, length);
    rig.ask_count(&mut forge.trace, [start, length, fact.nonzero]);
    let table = forge.finish();
    assert_holds(&rig.machine, &table);
    table
}

// NEGATIVE

#[test]
fn a_header_byte_belongs_to_its_own_class_only() {
    let rig = rig();
    let bounds = CLASSES
        .iter()
        .flat_map(|c| [c.base, c.base + c.size - 1, c.base + c.size]);
    for byte in bounds.chain([0xbf, 0xff]).filter(|b| *b < 256) {
        let mut payload = vec![0xee; 80];
        payload[3] = byte as u8;
        // Lengths of one to three bytes that are fine for the long form.
        payload[4] = 0xe0;
        for (class, c) in CLASSES.iter().enumerate() {
            let rest = byte.wrapping_sub(c.base);
            if rest > 64 && byte < c.base {
                continue;
            }
            let honest = Header::of(byte as u8).is_some_and(|h| h.class == class);
            if honest {
                let mut reads = Reads::new(payload.clone());
                assert!(reads.item(3).is_ok(), "{byte:x}");
                continue;
            }
            // Too large for the class: the claimed span and fields follow the class's formulas.
            let mut forge = Forge::new(&rig, &payload);
            let at = 3;
            let (content, low) = Header { class, rest }.spans();
            if content > 60 || low {
                continue;
            }
            let item = string(at, at + 1 + content, content, 1);
            forge.item(&item, class, rest);
            let failures = checker::check(&rig.machine, &forge.finish(), 20).unwrap_err();
            let slack = failures
                .iter()
                .any(|f| f.relation == "slack in table range13");
            assert!(slack, "{byte:x} as class {class}: {failures:?}");
        }
    }
}

#[test]
fn a_header_byte_below_its_class_is_refused() {
    let rig = rig();
    // 0x80 as a list of -64 bytes: next = offset + 1 all the same.
    let item = Item {
        is_list: true,
        canonical: true,
        ..string(1, 2, 0, 0)
    };
    let mut forge = Forge::new(&rig, &[1, 0x80, 3]);
    forge.item(&item, 7, 0);
    let mut bad = forge.finish();
    let c = &rig.chip.item.c;
    let (minus, slack) = (-Fr::from(64), Fr::from(55 + 64));
    let changes = [(c.rest, minus), (c.slack, slack), (c.length, minus)];
    edit(&mut bad, rig.chip.item.kind, 0, &changes);
    edit(&mut bad, rig.item.0, 0, &[(rig.item.1[3], minus)]);
    edit(&mut bad, rig.item.0, 1, &[(rig.item.1[5], minus)]);
    // The header byte's span is asked for now; it was not while the rest was 0.
    let span = rig.chip.span.kind;
    let asked = rig.machine.kinds[span.0].messages.iter();
    let asked = asked.filter_map(|m| m.counted).next().unwrap();
    edit(&mut bad, span, 0, &[(asked, Fr::ONE)]);
    only(&rig.machine, &bad, "rest in table range13");
}

#[test]
fn a_long_form_of_four_length_bytes_is_refused() {
    let rig = rig();
    let mut forge = Forge::new(&rig, &[0xbb, 1, 0, 0, 0]);
    // The class's formulas: 4 bytes of length, which is 2^24.
    let item = Item {
        canonical: false,
        value: U256::ZERO,
        ..string(0, 5 + (1 << 24), 1 << 24, 0)
    };
    forge.item(&item, LONG_STRING, 3);
    only(&rig.machine, &forge.finish(), "slack in table range13");
}

#[test]
fn a_single_byte_with_a_header_is_refused() {
    let rig = rig();
    for byte in [0x00, 0x05, 0x7f] {
        let mut forge = Forge::new(&rig, &[0x81, byte]);
        let item = Item {
            canonical: true,
            ..string(0, 2, 1, u64::from(byte))
        };
        forge.item(&item, ONE, 0);
        let mut bad = forge.finish();
        let c = &rig.chip.item.c;
        let excess = Fr::from(u64::from(byte)) - Fr::from(0x80);
        let changes = [(c.excess[0], excess), (c.excess[1], Fr::ZERO)];
        edit(&mut bad, rig.chip.item.kind, 0, &changes);
        only(&rig.machine, &bad, "excess.0 in table range13");
        // A length-two look-alike of the same bytes has no fact either.
        edit(&mut bad, rig.chip.item.kind, 0, &[(c.excess[0], Fr::ZERO)]);
        only(&rig.machine, &bad, "least value");
    }
}

#[test]
fn a_long_form_of_a_short_length_is_refused() {
    let rig = rig();
    for (first, class) in [(0xb8, LONG_STRING), (0xf8, LONG_LIST)] {
        let mut forge = Forge::new(&rig, &[first, 55]);
        let is_list = class == LONG_LIST;
        let item = Item {
            is_list,
            canonical: is_list,
            next: if is_list { 2 } else { 57 },
            ..string(0, 0, 55, 0)
        };
        forge.item(&item, class, 0);
        let mut bad = forge.finish();
        let c = &rig.chip.item.c;
        let changes = [(c.excess[0], -Fr::ONE), (c.excess[1], Fr::ZERO)];
        edit(&mut bad, rig.chip.item.kind, 0, &changes);
        only(&rig.machine, &bad, "excess.0 in table range13");
    }
}

#[test]
fn a_length_with_a_leading_zero_is_refused() {
    let rig = rig();
    // Also where the header byte is the last of its group.
    for filler in [0usize, 7] {
        let payload = [vec![9; filler], vec![0xb9, 0, 0x80]].concat();
        let at = filler as u64;
        let mut forge = Forge::new(&rig, &payload);
        forge.item(&string(at, at + 3 + 128, 128, 0), LONG_STRING, 1);
        only(
            &rig.machine,
            &forge.finish(),
            "a length has no leading zero",
        );
    }
}

#[test]
fn the_first_content_byte_cannot_stay_unseen() {
    let rig = rig();
    // Header in the last byte of a group, content 00 07; the second row keeps the mark "unseen".
    let payload = [vec![9; 7], vec![0x82, 0, 7]].concat();
    let mut forge = Forge::new(&rig, &payload);
    forge.item(&string(7, 10, 2, 7), UP_TO_HALF, 0);
    let mut bad = forge.finish();
    let head = Fr::from(0x82 + 512);
    let span = &rig.chip.span;
    edit(
        &mut bad,
        span.kind,
        1,
        &[(span.c.second, Fr::ZERO), (span.c.head, head)],
    );
    let c = &rig.chip.item.c;
    let two = Fr::from(2);
    edit(
        &mut bad,
        rig.chip.item.kind,
        0,
        &[(c.lead, two), (c.canonical, two)],
    );
    edit(&mut bad, rig.item.0, 0, &[(rig.item.1[0], two)]);
    only(&rig.machine, &bad, "the first content byte is seen");
}

#[test]
fn a_canonical_integer_cannot_be_made_to_look_otherwise() {
    let rig = rig();
    // Header at position 5, content 07 07 07 07: the second row pretends that it follows a head alone.
    let payload = [vec![9; 5], vec![0x84, 7, 7, 7, 7]].concat();
    let mut forge = Forge::new(&rig, &payload);
    forge.item(&string(5, 10, 4, 0x0707_0707), UP_TO_HALF, 2);
    let mut bad = forge.finish();
    let span = &rig.chip.span;
    let changes = [(span.c.second, Fr::ONE), (span.c.head, Fr::from(0x84))];
    edit(&mut bad, span.kind, 1, &changes);
    let c = &rig.chip.item.c;
    let zero = Fr::ZERO;
    edit(
        &mut bad,
        rig.chip.item.kind,
        0,
        &[(c.lead, zero), (c.canonical, zero)],
    );
    edit(&mut bad, rig.item.0, 0, &[(rig.item.1[0], zero)]);
    only(&rig.machine, &bad, "the second group follows a head alone");
}

#[test]
fn a_short_string_has_no_low_half_of_its_own() {
    let rig = rig();
    let mut forge = Forge::new(&rig, &[0x82, 1, 2]);
    forge.item(&string(0, 3, 2, 0x0102), UP_TO_HALF, 0);
    let mut bad = forge.finish();
    let c = &rig.chip.item.c;
    let lo = Fr::from(0x0102 + 5);
    edit(
        &mut bad,
        rig.chip.item.kind,
        0,
        &[(c.low_value, Fr::from(5)), (c.lo, lo)],
    );
    for ask in [0, 1] {
        edit(&mut bad, rig.item.0, ask, &[(rig.item.1[5], lo)]);
    }
    only(&rig.machine, &bad, "only a word has a low span");
}

#[test]
fn an_item_of_no_class_or_two_is_refused() {
    let rig = rig();
    let good = || {
        let mut forge = Forge::new(&rig, &[0x05, 0x80]);
        forge.item(&string(0, 1, 1, 5), 0, 5);
        forge.finish()
    };
    let c = &rig.chip.item.c;
    for classes in [vec![], vec![0, 2], vec![0, 0]] {
        let mut bad = good();
        let row = bad.heads_of(rig.chip.item.kind)[0];
        bad.set(row, c.classes[0], Fr::ZERO);
        for class in classes {
            let v = bad.cell(row, c.classes[class]) + Fr::ONE;
            bad.set(row, c.classes[class], v);
        }
        assert_fails(&rig.machine, &bad);
    }
}

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
    let ask = bad.heads_of(rig.count.0)[0];
    let asked = rig.count.1.iter().map(|c| bad.cell(ask, *c));
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
        rig.ask_count(&mut forge.trace, [4, length, fact.nonzero]);
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
