//! Calldata and code, and copies into memory: CALLDATALOAD, CALLDATACOPY, CODECOPY, MCOPY, RETURNDATACOPY.
//!
//! A whole word of calldata is read from the payload where it stands. For all else the calldata becomes far words, once in a
//! transaction, with words that are 0 behind them, as a code has them. So bytes past the end are bytes behind the last one.

use super::{
    Family, ask, code,
    compare::{at_least, is_zero},
    memory::{another_word, charge_words, region},
};
use crate::{
    Fr,
    cpu::{
        asm::{Asm, Label, Micro, Next, Operand, Routine, Target, Var},
        isa::{Op, Service},
        program::transaction::TransactionVars,
    },
};
use alloy_primitives::U256;

/// Bytes of half a word.
const HALF: u64 = 16;

/// Scratch words for calldata.
pub(super) struct DataVars {
    /// Region of the calldata as words, 0 as long as there is none.
    region: Var,
    /// Payload byte before the one from which on the last whole word of calldata is.
    last: Var,
    /// Payload byte before the next one.
    before: Var,
    /// What a span counts.
    count: Var,
    halves: [Var; 2],
    /// Makes the calldata far words, unless it was done before.
    caller: Var,
}

impl DataVars {
    pub(super) fn declare(p: &mut Asm) -> Self {
        Self {
            region: p.var("calldata as words"),
            last: p.var("last word of calldata"),
            before: p.var("calldata byte"),
            count: p.var("calldata count"),
            halves: [p.var("upper bytes"), p.var("lower bytes")],
            caller: p.var("caller of calldata"),
        }
    }
    /// A transaction begins.
    pub(super) fn begin(&self, p: &mut Asm, x: &TransactionVars) {
        p.set(self.region, 0);
        p.mix(self.last, x.data_before, -Fr::from(32));
        p.mix(self.last, self.last, x.data_length);
    }
}

pub(super) fn assemble(f: &mut Family<'_>, x: &TransactionVars) {
    let (m, d) = (&f.e.memory, &f.e.data);
    let mut data = Routine::declare(f.p, d.caller);
    load(f, x, &mut data);

    let o = f.opcode(0x37);
    f.begin(o, &[m.offset, m.from, m.size]);
    data.call(f.p);
    let size = x.data_length;
    clamp(f.p, m.from, size);
    f.p.mix(m.from, m.from, d.region);
    let copied = f.p.label();
    f.p.place(copied);
    f.p.note("a copy into memory");
    copy(f);

    let o = f.opcode(0x39);
    f.begin(o, &[m.offset, m.from, m.size]);
    clamp(f.p, m.from, f.e.code_size);
    let [_, at, ..] = f.e.t;
    f.p.high(at, f.e.registers);
    code::region_of(f.p, at, at);
    f.p.mix(at, at, u64::from(code::WORDS));
    f.p.mix(m.from, m.from, at);
    f.p.jump(copied);

    mcopy(f);

    let o = f.opcode(0x3e);
    let halt = f.ends.halt;
    f.begin(o, &[m.offset, m.from, m.size]);
    f.p.note("no call has returned anything");
    is_zero(f.p, m.from, [Next::Ahead, Next::To(halt)]);
    is_zero(f.p, m.size, [Next::Ahead, Next::To(halt)]);
    f.finish();
    routine(f, x, &data);
}

/// CALLDATALOAD.
fn load(f: &mut Family<'_>, x: &TransactionVars, data: &mut Routine) {
    let (m, d, r) = (&f.e.memory, &f.e.data, f.e.registers);
    let o = f.opcode(0x35);
    let slow = f.p.label();
    let whole = f.part(Micro {
        ops: vec![Op::Own, Op::CopyA, Op::CopyB],
        a: Operand::Pop(1),
        b: x.data_before.into(),
        d: Target::Word(d.before),
        ..Micro::default()
    });
    let other = Micro {
        next: Next::To(slow),
        ..f.taking(m.offset, o.gas)
    };
    let length = x.data_length;
    f.p.pick(vec![whole, other], move |v| {
        let end = v.stack(r, 1).saturating_add(U256::from(32));
        usize::from(end > v.word(length))
    });
    f.p.emit(Micro {
        ops: vec![Op::Serve, Op::Own],
        ..ask(
            Service::Sub,
            d.last.into(),
            d.before.into(),
            Target::Word(d.count),
        )
    });
    whole_word(f.p, f.e);
    let both = Micro {
        ops: vec![Op::Own, Op::Cross],
        a: d.halves[0].into(),
        b: d.halves[1].into(),
        d: Target::Push(1),
        ..Micro::default()
    };
    let both = f.last(o, both);
    f.p.emit(both);

    f.p.place(slow);
    f.p.note("a word of which calldata has not all bytes");
    data.call(f.p);
    clamp(f.p, m.offset, x.data_length);
    f.p.mix(m.at, m.offset, d.region);
    f.m.load.call(f.p);
    f.give(m.value);
}

/// The halves of the 32 bytes of calldata behind `before`, which advances by 16: `halves[0].lo` and `halves[1].hi`. The count must be 0.
fn whole_word(p: &mut Asm, e: &super::EvmVars) {
    let d = &e.data;
    span(p, d, d.halves[0], None, HALF + 1);
    p.mix(d.before, d.before, HALF);
    p.set(d.count, 0);
    span(p, d, d.halves[1], None, HALF + 1);
    p.cross(d.halves[1], d.halves[1], None);
}

/// `to.lo =` the value of the `bytes + plus - 1` bytes behind `before`; the count must be 0.
fn span(p: &mut Asm, d: &DataVars, to: Var, bytes: Option<Var>, plus: u64) {
    p.emit(Micro {
        ops: vec![Op::Serve],
        service: Some(Service::Span),
        imm: Fr::from(plus),
        a: d.before.into(),
        b: bytes.map_or(Operand::Zero, Operand::Word),
        c: Some(d.count),
        d: Target::Word(to),
        ..Micro::default()
    });
}

/// `a` becomes `most` if it is more.
fn clamp(p: &mut Asm, a: Var, most: Var) {
    let done = p.label();
    at_least(p, [most, a], [Next::To(done), Next::Ahead]);
    p.set(a, most);
    p.place(done);
}

/// The rest of a copy of `size` bytes from the address `from` to the offset: memory is put to use, words are paid, bytes are copied.
fn copy(f: &mut Family<'_>) {
    let m = &f.e.memory;
    let nothing = f.p.label();
    f.m.touch.call(f.p);
    is_zero(f.p, m.size, [Next::To(nothing), Next::Ahead]);
    charge_words(f, m.size, 3);
    f.p.set(m.to, m.at);
    f.p.set(m.left, m.size);
    f.m.copy.call(f.p);
    f.p.place(nothing);
    f.finish();
}

/// MCOPY (EIP-5656): the bytes go to words of a region of their own first, so that they may overlap.
fn mcopy(f: &mut Family<'_>) {
    let m = &f.e.memory;
    let e = f.e;
    let [.., to] = f.e.t;
    let o = f.opcode(0x5e);
    let nothing = f.p.label();
    f.begin(o, &[to, m.offset, m.size]);
    f.p.set(m.to, to);
    f.m.touch.call(f.p);
    is_zero(f.p, m.size, [Next::To(nothing), Next::Ahead]);
    f.p.set(m.from, m.at);
    f.p.set(m.offset, m.to);
    f.m.touch.call(f.p);
    charge_words(f, m.size, 3);
    f.p.add(e.frames, e.frames, 1);
    region(f.p, m.to, e.frames);
    f.p.set(m.left, m.size);
    f.m.copy.call(f.p);
    region(f.p, m.from, e.frames);
    f.p.mix(m.to, m.offset, m.base);
    f.p.set(m.left, m.size);
    f.m.copy.call(f.p);
    f.p.place(nothing);
    f.finish();
}

/// Calldata becomes far words.
fn routine(f: &mut Family<'_>, x: &TransactionVars, data: &Routine) {
    let (e, d) = (f.e, &f.e.data);
    let p = &mut *f.p;
    let [_, to, left, power, bits, value, ..] = e.t;
    let [again, some, short, last, back] = std::array::from_fn::<Label, 5, _>(|_| p.label());
    p.note("calldata becomes far words");
    data.begin(p);
    is_zero(p, d.region, [Next::Ahead, Next::To(back)]);
    p.add(e.frames, e.frames, 1);
    region(p, d.region, e.frames);
    p.set(to, d.region);
    p.set(d.before, x.data_before);
    p.set(left, x.data_length);
    p.place(again);
    p.set(d.count, 0);
    another_word(p, left, left, some);
    whole_word(p, e);
    p.mix(d.before, d.before, HALF);
    p.cross(value, d.halves[0], Some(d.halves[1]));
    p.write_far(to, 0, value);
    p.mix(to, to, 32);
    p.jump(again);

    p.place(some);
    is_zero(p, left, [Next::To(back), Next::Ahead]);
    p.note("the last bytes, in the upper part of a word");
    p.scale(bits, left, 8, 0);
    p.set(power, 256);
    p.sub(Some(bits), Some(power), bits);
    p.power(power, bits);
    p.set(value, 0);
    let way = |service, d, imm: u64, next| Micro {
        imm: Fr::from(imm),
        next,
        ..ask(service, left.into(), Operand::Zero, d)
    };
    let ways = vec![
        way(Service::Sub, Target::Word(left), HALF, Next::Ahead),
        way(Service::Less, Target::Unread, HALF, Next::To(short)),
    ];
    p.pick(ways, move |v| usize::from(v.word(left) < U256::from(HALF)));
    span(p, d, d.halves[0], None, HALF + 1);
    p.cross(value, d.halves[0], None);
    p.mix(d.before, d.before, HALF);
    p.set(d.count, 0);
    p.place(short);
    is_zero(p, left, [Next::To(last), Next::Ahead]);
    span(p, d, d.halves[0], Some(left), 1);
    p.low(d.halves[0], d.halves[0]);
    let moved = f.part(ask(
        Service::Exact,
        d.halves[0].into(),
        power.into(),
        Target::Word(power),
    ));
    f.p.emit(moved);
    f.p.add(value, value, power);
    f.p.place(last);
    f.p.write_far(to, 0, value);
    f.p.place(back);
    data.end(f.p, None);
}
