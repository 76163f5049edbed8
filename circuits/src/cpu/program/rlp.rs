//! RLP items of the payload, canonical ones only, read with spans of bytes (see [`crate::io`]).
//!
//! An item begins at byte `at`. The span of `n + 1` bytes from there says its *head*, `b + 256 lead` with the first byte `b` below
//! 256, and the value of the `n` others. The *lead* says whether the byte after `b` is 0 (then it is 0) or not (1); if `b` is a
//! group's last byte, it may be 2 as well, and is so for `n = 0`. The prover chooses a class and, where the length is not part of the
//! class, the length; what each class proves:
//!
//! | item | class | proves |
//! |---|---|---|
//! | integer | single | `b = head - 256 k`, `1 <= b < 0x80` |
//! | | empty | `head = 0x80 + 256 k` |
//! | | half | `head = 0x180 + n`, `n <= 16`, value at least `0x80` |
//! | | word | `head = 0x190 + n`, `1 <= n <= 16`; 16 bytes more from a second span |
//! | fixed | 20, 32 bytes | `head = 0x80 + bytes`, or 256 more; 16 of the bytes from a second span |
//! | list | short | with `n` bytes up to its end: `head = 0xc0 + n + 256 k`, `n < 56` |
//! | | long | `head = 0x1f7 + n`, `n <= 3`; the value is what lies up to its end, at least 56 |
//! | calldata | empty | `head = 0x80 + 256 k` |
//! | | single | `b = head - 256 k`, `0 <= b < 0x80` |
//! | | one | `head = 0x181`, value at least `0x80` |
//! | | short | `head = 0x80 + n + 256 k`, `2 <= n < 56` |
//! | | long | `head = 0x1b7 + n`, `n <= 3`, value at least 56 |
//!
//! # Why there is one outcome
//!
//! The head and the value are functions of `at` and `n`. Of the head:
//!
//! - Single: `b` and the true byte differ by a multiple of 256 and both are in `0 .. 256`, so they are equal. Short: the header
//!   byte that the entry with `k` and `n` announces lies in `0 .. 256`, as the true one does; so it is the true one, and `n` follows
//!   from it.
//! - Half, word, long: `head = 0x100 + c + n` for a span of `n + 1` bytes, with `c` at least `0x80` and `c + n` below `0x100`: with a lead
//!   of 0 the byte would be above 255, with a lead of 2 it would be `c + n - 0x100`, which is negative. So the lead is 1 and the byte
//!   is `c + n`: it gives `n`, and the first byte of content is not 0. In half and word `n <= 16` because there is a power
//!   `2^(n + 239)` in the table of those below 2^256.
//! - Fixed, one: the length is known, and the head leaves one byte, as a lead of 2 would make it negative.
//!
//! So each class gives one length, one next offset, and one value, from the header byte. The classes of an item have no
//! header byte in common: `01..7f`, `80`, `81..90`, `91..a0` (integer); `c0..f7`, `f8..fa` (list); `80`, `00..7f`, `81`, `82..b7`,
//! `b8..ba` (calldata). Half with `n = 0` has the value 0, with `n = 1` a value from `0x80` on, so that a byte below has no header; with
//! more bytes the first of them makes the value greater. All values are of 16 bytes at most, once the length is bounded, so none wraps in the
//! field and each is a half of a word.
//!
//! A list is given its end by the program: a prover's word for an entry of the access list, the known end of what contains it
//! otherwise. The header is proven to announce just the bytes up to there, so the end is unique as well.

use crate::{
    Fr,
    cpu::{
        asm::{Asm, Label, Micro, Next, Operand, Routine, Target, Var},
        interpreter::View,
        isa::{Op, Service},
    },
    io::Item,
};
use alloy_primitives::U256;

#[cfg(test)]
mod tests;

/// Weight of the lead in a head.
const LEAD: i64 = 256;
/// Header byte of the empty string.
const STRING: i64 = 0x80;
/// Header byte of the empty list.
const LIST: i64 = 0xc0;
/// Least length that has the long form.
const LONG: u64 = 56;
/// Header byte of a string or list of `LONG` bytes or more, less the number of bytes of its length.
const LONG_STRING: i64 = 0xb7;
const LONG_LIST: i64 = 0xf7;
/// Bytes that a length has at most.
const LENGTH_BYTES: i64 = 3;
/// Bytes of half a word.
const HALF: i64 = 16;
/// 2 to the power of a length of at most `HALF` bytes and this is below 2^256.
const ROOM: i64 = 255 - HALF;

/// Scratch words of the decoder, and its routines.
pub(super) struct Rlp {
    /// Byte where the next item begins.
    at: Var,
    /// Bytes of a span that are not zero; 0 between two items.
    count: Var,
    span: Var,
    low: Var,
    head: Var,
    /// A length or header that the prover says.
    hint: Var,
    result: Var,
    /// Where a list ends.
    end: Var,
    integers: Routine,
    lists: Routine,
}

fn element(n: i64) -> Fr {
    let size = Fr::from(n.unsigned_abs());
    if n < 0 { -size } else { size }
}

/// Proves `a = b + imm`; `d` becomes 0.
fn same(a: Var, b: Option<Var>, imm: i64, d: Var, next: Next) -> Micro {
    Micro {
        ops: vec![Op::Own, Op::Equal],
        imm: element(imm),
        a: a.into(),
        b: b.map_or(Operand::Zero, Operand::Word),
        d: Target::Word(d),
        next,
        ..Micro::default()
    }
}

/// `d = a + b + imm`, the first halves added as they are.
fn sum(d: Var, a: Var, b: Option<Var>, imm: i64, next: Next) -> Micro {
    Micro {
        ops: vec![Op::Own, Op::CopyA, Op::CopyB],
        imm: element(imm),
        a: a.into(),
        b: b.map_or(Operand::Zero, Operand::Word),
        d: Target::Word(d),
        next,
        ..Micro::default()
    }
}

fn go(next: Next) -> Micro {
    Micro {
        ops: vec![Op::Own],
        next,
        ..Micro::default()
    }
}

/// The item at `at` if it is a string, or why it is none.
fn string(v: &View<'_>, at: Var) -> Result<Item, String> {
    let item = v.item(at)?;
    if item.is_list {
        return Err(format!("byte {} begins a list", item.offset));
    }
    Ok(item)
}

/// The item at `at` if it is a list, or why it is none.
fn list(v: &View<'_>, at: Var) -> Result<Item, String> {
    let item = v.item(at)?;
    if !item.is_list {
        return Err(format!("byte {} begins a string", item.offset));
    }
    Ok(item)
}

/// Class of an integer: a span of one byte, of up to 17, or two spans.
fn integer_class(v: &View<'_>, at: Var) -> Result<usize, String> {
    let item = string(v, at)?;
    if !item.canonical {
        let at = item.offset;
        return Err(format!(
            "the item at byte {at} is no canonical 256-bit integer"
        ));
    }
    Ok(match item.next - item.offset {
        1 => 0,
        2..=17 => 1,
        _ => 2,
    })
}

/// The lead in a head, and the byte.
fn parts(v: &View<'_>, head: Var) -> (usize, u64) {
    let head: u64 = v.word(head).saturating_to();
    ((head >> 8) as usize, head & 0xff)
}

/// What the prover says where the header byte gives it: the byte and `plus`, 0 if that is negative.
fn from_header(at: Var, plus: i64) -> impl Fn(&View<'_>) -> U256 + Send + Sync + 'static {
    move |v| {
        let sum = i64::from(v.payload_byte(at)) + plus;
        U256::from(u64::try_from(sum).unwrap_or(0))
    }
}

impl Rlp {
    pub(super) fn declare(p: &mut Asm, at: Var) -> Self {
        let caller = p.var("caller of the rlp routine");
        Self {
            at,
            count: p.var("rlp span's count"),
            span: p.var("rlp span"),
            low: p.var("rlp low half"),
            head: p.var("rlp head"),
            hint: p.var("rlp hint"),
            result: p.var("rlp result"),
            end: p.var("rlp list's end"),
            integers: Routine::declare(p, caller),
            lists: Routine::declare(p, caller),
        }
    }

    /// `d =` what the span of `length + plus` bytes from the offset says.
    fn asks(&self, d: Var, length: Option<Var>, plus: i64, next: Next) -> Micro {
        Micro {
            ops: vec![Op::Serve],
            service: Some(Service::Span),
            imm: element(plus),
            a: self.at.into(),
            b: length.map_or(Operand::Zero, Operand::Word),
            c: Some(self.count),
            d: Target::Word(d),
            next,
            ..Micro::default()
        }
    }
    fn ask(&self, p: &mut Asm, d: Var, length: Option<Var>, plus: i64) {
        p.emit(self.asks(d, length, plus, Next::Ahead));
    }
    /// The offset advances by `by + plus`.
    fn advance(&self, p: &mut Asm, by: Option<Var>, plus: i64) {
        p.emit(sum(self.at, self.at, by, plus, Next::Ahead));
    }
    /// The head becomes a word of its own.
    fn head(&self, p: &mut Asm) {
        p.high(self.head, self.span);
    }
    /// Proves that the head is `b + imm`, and forgets the count.
    fn has_head(&self, p: &mut Asm, b: Option<Var>, imm: i64) {
        p.emit(same(self.head, b, imm, self.count, Next::Ahead));
    }
    /// The same for some lead, one of `leads`.
    fn has_byte(&self, p: &mut Asm, b: Option<Var>, byte: i64, leads: std::ops::Range<i64>) {
        let first = leads.start as usize;
        let ways = leads.map(|k| same(self.head, b, byte + LEAD * k, self.count, Next::Ahead));
        let head = self.head;
        p.pick(ways.collect(), move |v| {
            parts(v, head).0.saturating_sub(first)
        });
    }
    /// `d =` the value of the span alone.
    fn value(&self, p: &mut Asm, d: Var) {
        p.low(d, self.span);
    }

    /// `d =` the integer of at most 32 bytes at the offset, which advances.
    pub(super) fn integer(&mut self, p: &mut Asm, d: Var) {
        self.integers.call(p);
        p.set(d, self.result);
    }
    /// Enters the list at the offset, which ends at `end`.
    pub(super) fn list(&mut self, p: &mut Asm, end: Var) {
        p.set(self.end, end);
        self.lists.call(p);
    }
    /// The same where the end is not known: `end` becomes it.
    pub(super) fn list_within(&mut self, p: &mut Asm, end: Var) {
        let at = self.at;
        p.try_hint(end, move |v| {
            list(v, at).map(|i| U256::from(i.next + i.length))
        });
        self.list(p, end);
    }
    /// `d =` the string of so many bytes at the offset, which advances: more than 16, at most 32.
    pub(super) fn fixed(&self, p: &mut Asm, d: Var, bytes: i64) {
        let (head, at) = (self.head, self.at);
        self.ask(p, self.span, None, bytes - HALF + 1);
        self.head(p);
        let way = |k| {
            same(
                head,
                None,
                STRING + bytes + LEAD * k,
                self.count,
                Next::Ahead,
            )
        };
        p.try_pick(vec![way(0), way(1)], move |v| {
            let item = string(v, at)?;
            if item.length != bytes as u64 {
                let (at, has) = (item.offset, item.length);
                return Err(format!("the item at byte {at} has {has} bytes"));
            }
            Ok(parts(v, head).0)
        });
        self.advance(p, None, bytes - HALF);
        self.low_half(p, d);
        p.set(self.count, 0);
    }
    /// `d =` the value of the span and that of the next 16 bytes after the one at the offset, which advances past them.
    fn low_half(&self, p: &mut Asm, d: Var) {
        self.ask(p, self.low, None, HALF + 1);
        p.cross(self.low, self.low, None);
        p.cross(d, self.span, Some(self.low));
        self.advance(p, None, HALF + 1);
    }
    /// `d =` the type of a transaction, one of `types`, each a byte that begins a group and is no RLP; what follows is not zero.
    pub(super) fn type_byte(&self, p: &mut Asm, d: Var, types: &[u8]) {
        self.ask(p, self.span, None, 1);
        self.head(p);
        let labels: Vec<_> = types.iter().map(|t| (*t, p.label())).collect();
        let way = |(t, l): &(u8, Label)| {
            let imm = i64::from(*t) + LEAD;
            same(self.head, None, imm, self.count, Next::To(*l))
        };
        let (at, known) = (self.at, types.to_vec());
        p.try_pick(labels.iter().map(way).collect(), move |v| {
            let t = v.payload_byte(at);
            let found = known.iter().position(|k| *k == t);
            found.ok_or_else(|| format!("{t} is not the type of a transaction that is supported"))
        });
        let done = p.label();
        for (t, label) in labels {
            p.place(label);
            p.set(d, u64::from(t));
            p.jump(done);
        }
        p.place(done);
        self.advance(p, None, 1);
    }

    /// `length =` that of the string at the offset, which advances past it; without content the program goes on at `empty`.
    /// What follows the string is no zero byte: a list, or an integer that is not 0.
    pub(super) fn calldata(&self, p: &mut Asm, length: Var, empty: Label) {
        let [byte, one, short, long, none, single, done] = std::array::from_fn(|_| p.label());
        let Self { at, head, hint, .. } = *self;
        let ways = vec![
            self.asks(self.span, None, 1, Next::To(byte)),
            self.asks(self.span, None, 2, Next::To(one)),
            self.asks(self.span, None, 1, Next::To(short)),
            go(Next::To(long)),
        ];
        p.try_pick(ways, move |v| {
            let item = string(v, at)?;
            Ok(match (item.next - item.offset, item.length) {
                (1, _) => 0,
                (2, 1) => 1,
                (_, n) if n < LONG => 2,
                _ => 3,
            })
        });

        p.place(byte);
        self.head(p);
        let is_empty = |k| same(head, None, STRING + LEAD * k, length, Next::To(none));
        let is_byte = |k| sum(self.result, head, None, -LEAD * k, Next::To(single));
        let ways = vec![is_empty(1), is_empty(2), is_byte(1), is_byte(2)];
        p.pick(ways, move |v| {
            let (lead, byte) = parts(v, head);
            lead.saturating_sub(1) + 2 * usize::from(byte != STRING as u64)
        });
        p.place(none);
        self.advance(p, None, 1);
        p.set(self.count, 0);
        p.jump(empty);

        p.place(single);
        p.sub(None, Some(self.result), 0);
        p.less(Some(self.result), STRING as u64);
        p.set(length, 1);
        self.advance(p, None, 1);
        p.set(self.count, 0);
        p.jump(done);

        p.place(one);
        self.head(p);
        self.has_head(p, None, STRING + 1 + LEAD);
        self.value(p, self.result);
        p.sub(None, Some(self.result), STRING as u64);
        p.set(length, 1);
        self.advance(p, None, 2);
        p.jump(done);

        p.place(short);
        p.free(length, from_header(at, -STRING));
        self.head(p);
        self.has_byte(p, Some(length), STRING, 0..3);
        p.sub(None, Some(length), 2);
        p.less(Some(length), LONG);
        self.advance(p, Some(length), 1);
        p.jump(done);

        p.place(long);
        let least = LONG_STRING + LEAD;
        p.free(hint, from_header(at, LEAD));
        self.ask(p, self.span, Some(hint), 1 - least);
        self.head(p);
        self.has_head(p, Some(hint), 0);
        p.less(Some(hint), (least + LENGTH_BYTES + 1) as u64);
        self.value(p, length);
        p.sub(None, Some(length), LONG);
        self.advance(p, Some(hint), 1 - least);
        self.advance(p, Some(length), 0);
        p.place(done);
    }

    /// The routines; all calls of them stand before.
    pub(super) fn routines(&self, p: &mut Asm) {
        self.integer_routine(p);
        self.list_routine(p);
    }

    fn integer_routine(&self, p: &mut Asm) {
        let [byte, half, word, single, one, back] = std::array::from_fn(|_| p.label());
        let Self {
            at,
            head,
            hint,
            result,
            ..
        } = *self;
        p.note("integer of a transaction");
        self.integers.begin(p);
        let ways = vec![
            self.asks(self.span, None, 1, Next::To(byte)),
            go(Next::To(half)),
            go(Next::To(word)),
        ];
        p.try_pick(ways, move |v| integer_class(v, at));

        p.place(byte);
        self.head(p);
        let is_byte = |k| sum(result, head, None, -LEAD * k, Next::To(single));
        let is_empty = |k| same(head, None, STRING + LEAD * k, result, Next::To(one));
        let ways = (0..3).map(is_byte).chain((0..3).map(is_empty));
        p.pick(ways.collect(), move |v| {
            let (lead, byte) = parts(v, head);
            lead + 3 * usize::from(byte == STRING as u64)
        });
        p.place(single);
        p.sub(None, Some(result), 1);
        p.less(Some(result), STRING as u64);
        p.place(one);
        self.advance(p, None, 1);
        p.jump(back);

        p.place(half);
        p.free(hint, from_header(at, ROOM - STRING));
        self.ask(p, self.span, Some(hint), 1 - ROOM);
        self.head(p);
        self.has_head(p, Some(hint), STRING + LEAD - ROOM);
        self.bounded(p);
        self.value(p, result);
        p.sub(None, Some(result), STRING as u64);
        self.advance(p, Some(hint), 1 - ROOM);
        p.jump(back);

        p.place(word);
        p.free(hint, from_header(at, ROOM - STRING - HALF));
        self.ask(p, self.span, Some(hint), 1 - ROOM);
        self.head(p);
        self.has_head(p, Some(hint), STRING + HALF + LEAD - ROOM);
        self.bounded(p);
        p.sub(None, Some(hint), (ROOM + 1) as u64);
        self.advance(p, Some(hint), -ROOM);
        self.low_half(p, result);
        p.place(back);
        self.integers.end(p, Some(self.count));
    }

    /// The length in the hint is at most [`HALF`]: 2 to its power and that of [`ROOM`] is a word.
    fn bounded(&self, p: &mut Asm) {
        p.emit(Micro {
            ops: vec![Op::Serve],
            service: Some(Service::Power),
            a: self.hint.into(),
            ..Micro::default()
        });
    }

    fn list_routine(&self, p: &mut Asm) {
        let [short, long, back] = std::array::from_fn(|_| p.label());
        let Self {
            at,
            hint,
            result,
            end,
            ..
        } = *self;
        p.note("list of a transaction");
        self.lists.begin(p);
        let ways = vec![
            self.asks(self.span, None, 1, Next::To(short)),
            go(Next::To(long)),
        ];
        p.try_pick(ways, move |v| {
            list(v, at).map(|i| usize::from(i.length >= LONG))
        });

        p.place(short);
        self.head(p);
        self.advance(p, None, 1);
        p.sub(Some(result), Some(end), at);
        self.has_byte(p, Some(result), LIST, 0..3);
        p.less(Some(result), LONG);
        p.jump(back);

        p.place(long);
        let least = LONG_LIST + LEAD;
        p.free(hint, from_header(at, LEAD));
        self.ask(p, self.span, Some(hint), 1 - least);
        p.less(Some(hint), (least + LENGTH_BYTES + 1) as u64);
        self.advance(p, Some(hint), 1 - least);
        p.sub(Some(result), Some(end), at);
        p.sub(None, Some(result), LONG);
        p.less(Some(result), 1 << (8 * LENGTH_BYTES));
        // The word that the span must be is `(hint, result)`, as the result's high half is 0.
        p.emit(Micro {
            ops: vec![Op::Own, Op::Cross, Op::CopyB],
            a: hint.into(),
            b: result.into(),
            d: Target::Word(result),
            ..Micro::default()
        });
        p.emit(same(self.span, Some(result), 0, self.count, Next::Ahead));
        p.place(back);
        self.lists.end(p, Some(self.count));
    }
}
