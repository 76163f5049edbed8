//! The memory of a frame: far words of the region that has the frame's number. MLOAD, MSTORE, MSTORE8, MSIZE, and the
//! routines that other opcodes read and write memory with.
//!
//! An offset is the address of a byte, and words begin at multiples of 32 alone ([`FAR_AT`]). So where an access is to the word at an
//! offset, that this is a multiple of 32 needs no proof. Words that are not in use yet (beyond `covered`) are 0: nothing is
//! written there but what was there before.

use super::{
    Family,
    arithmetic::divide,
    ask,
    compare::{at_least, is_zero},
};
use crate::Fr;
use crate::cpu::{
    asm::{Asm, Label, Micro, Next, Operand, Routine, Target, Var},
    isa::{FAR_AT, Op, REGION_BITS, Service},
};
use alloy_primitives::U256;

/// Bytes of a word.
const WORD: u64 = 32;
/// An end of memory beyond it costs more than the gas of any transaction: `3 w + w^2 / 512` is above 2^24 from `w = 2^17` on
/// (EIP-7825; Yellow Paper, appendix H).
const BOUND: u64 = 1 << 22;

/// Scratch words of the memory.
pub(super) struct MemoryVars {
    /// Address of the region.
    pub(super) base: Var,
    /// Bytes of the words in use.
    pub(super) covered: Var,
    /// Address of the last word in use; 32 less than `base` if there is none.
    last: Var,
    /// Gas that the words in use have cost.
    cost: Var,
    /// [`BOUND`].
    bound: Var,
    /// What [`Routines::touch`] is asked for.
    pub(super) offset: Var,
    pub(super) size: Var,
    /// Address that [`Routines::load`] and [`Routines::store`] are asked for, and the 32 bytes there.
    pub(super) at: Var,
    pub(super) value: Var,
    /// Where [`Routines::copy`] and [`Routines::next`] read on, and how many bytes are left.
    pub(super) from: Var,
    pub(super) left: Var,
    /// Where [`Routines::copy`] writes on.
    pub(super) to: Var,
    /// Of [`Routines::copy`]: the last bytes.
    kept: Var,
    /// Of [`Routines::next`]: 2 to the power of the bits that it cut off.
    cut: Var,
    // What an address that is no multiple of 32 is between, see `Routines::between`.
    below: Var,
    shift: Var,
    rest: Var,
    words: [Var; 2],
}

/// Routines on far words, by what they are called with and leave in [`MemoryVars`].
pub(super) struct Routines {
    /// Puts `size` bytes of memory from `offset` on to use and pays for them, or ends the frame. If `size` is not 0, `at` becomes the
    /// address of the first of them, and both are at most [`BOUND`].
    pub(super) touch: Routine,
    /// `value =` the 32 bytes at `at`.
    pub(super) load: Routine,
    /// The 32 bytes at `at` become `value`.
    pub(super) store: Routine,
    /// `value =` the next 32 of the `left` bytes from `from` on, or those that are left, which is one at least, and zeros. Both advance.
    pub(super) next: Routine,
    /// Copies `left` bytes, at most [`BOUND`], from `from` to `to`. They must not overlap.
    pub(super) copy: Routine,
    between: Routine,
}

impl MemoryVars {
    pub(super) fn declare(p: &mut Asm) -> Self {
        Self {
            base: p.var("memory"),
            covered: p.var("memory size"),
            last: p.var("memory's last word"),
            cost: p.var("memory gas"),
            bound: p.var("memory bound"),
            offset: p.var("memory offset"),
            size: p.var("bytes of memory"),
            at: p.var("memory address"),
            value: p.var("bytes at the address"),
            from: p.var("copied from"),
            left: p.var("bytes left"),
            to: p.var("copied to"),
            kept: p.var("last bytes"),
            cut: p.var("cut"),
            below: p.var("word below"),
            shift: p.var("shift"),
            rest: p.var("rest of the shift"),
            words: [p.var("first word"), p.var("second word")],
        }
    }
    /// Words that stay as they are, set once.
    pub(super) fn constants(&self, p: &mut Asm) {
        p.set(self.bound, BOUND);
    }
    /// A frame with the number in `frame` begins with no memory.
    pub(super) fn begin(&self, p: &mut Asm, frame: Var) {
        region(p, self.base, frame);
        p.mix(self.last, self.base, -Fr::from(WORD));
        p.set(self.covered, 0);
        p.set(self.cost, 0);
    }
}

impl Routines {
    pub(super) fn declare(p: &mut Asm) -> Self {
        let mut routine = |name: &str| {
            let caller = p.var(&format!("caller of {name}"));
            Routine::declare(p, caller)
        };
        Self {
            touch: routine("touch"),
            load: routine("load"),
            store: routine("store"),
            next: routine("next"),
            copy: routine("copy"),
            between: routine("between"),
        }
    }
}

/// `d =` the address of the region with the number in `number`.
pub(super) fn region(p: &mut Asm, d: Var, number: Var) {
    p.scale(d, number, 1 << REGION_BITS, Fr::from(FAR_AT));
}

pub(super) fn opcodes(f: &mut Family<'_>) {
    let m = &f.e.memory;
    let o = f.opcode(0x51);
    let slow = f.p.label();
    in_use(f, o.gas, slow);
    let read = f.last(
        o,
        Micro {
            ops: vec![Op::Own, Op::CopyB],
            a: m.at.into(),
            b: Operand::Far(0),
            d: Target::Push(1),
            ..Micro::default()
        },
    );
    f.p.emit(read);
    f.p.place(slow);
    f.p.note("MLOAD of words that are not in use, or of parts of two");
    f.p.set(m.size, WORD);
    f.m.touch.call(f.p);
    f.m.load.call(f.p);
    f.give(m.value);

    let o = f.opcode(0x52);
    let slow = f.p.label();
    in_use(f, o.gas, slow);
    let write = f.part(Micro {
        ops: vec![Op::Own, Op::CopyB],
        a: m.at.into(),
        b: Operand::Pop(2),
        d: Target::Far(0),
        ..Micro::default()
    });
    f.p.emit(write);
    let done = f.last(
        o,
        Micro {
            ops: vec![Op::Own],
            ..Micro::default()
        },
    );
    f.p.emit(done);
    f.p.place(slow);
    f.p.note("MSTORE to words that are not in use, or to parts of two");
    f.take(m.value);
    f.p.set(m.size, WORD);
    f.m.touch.call(f.p);
    f.m.store.call(f.p);
    f.finish();

    let o = f.opcode(0x53);
    let [_, quotient, product, rest, top, ..] = f.e.t;
    f.begin(o, &[m.offset, m.kept]);
    f.p.set(m.size, 1);
    f.m.touch.call(f.p);
    f.m.load.call(f.p);
    f.p.note("another first byte of the 32");
    f.p.set(top, 248);
    f.p.power(top, top);
    divide(f, [quotient, product, rest], m.value.into(), top.into());
    let low = f.part(ask(
        Service::And,
        m.kept.into(),
        f.e.byte.into(),
        Target::Word(m.kept),
    ));
    f.p.emit(low);
    let moved = f.part(ask(
        Service::Exact,
        m.kept.into(),
        top.into(),
        Target::Word(m.kept),
    ));
    f.p.emit(moved);
    f.p.add(m.value, m.kept, rest);
    f.m.store.call(f.p);
    f.finish();

    let o = f.opcode(0x59);
    f.push(o, m.covered);
}

/// `at =` the address of the word in use at the offset at the top of the stack, which is taken off; the stack stays as deep. Or
/// the opcode pays, takes the offset, and goes on at `slow`, which does the same for any offset.
fn in_use(f: &mut Family<'_>, gas: u64, slow: Label) {
    let (m, r) = (&f.e.memory, f.e.registers);
    let fast = f.part(Micro {
        ops: vec![Op::Own, Op::CopyA, Op::CopyB],
        a: Operand::Pop(1),
        b: m.base.into(),
        d: Target::Word(m.at),
        ..Micro::default()
    });
    let other = Micro {
        next: Next::To(slow),
        ..f.taking(m.offset, gas)
    };
    let covered = m.covered;
    f.p.pick(vec![fast, other], move |v| {
        let offset = v.stack(r, 1);
        let word = U256::from(WORD);
        let inside = offset.saturating_add(word) <= v.word(covered);
        usize::from(!inside || offset % word != U256::ZERO)
    });
    f.p.sub(None, Some(m.last), m.at);
}

/// Pays `gas` for each word that `size` bytes take, at most [`BOUND`].
pub(super) fn charge_words(f: &mut Family<'_>, size: Var, gas: u64) {
    let words = f.e.t[1];
    round_up(f.p, words, f.e.t[2], size);
    f.p.scale(words, words, u128::from(gas), 0);
    f.charge(words);
}

/// `d =` the words that `size` bytes take.
fn round_up(p: &mut Asm, d: Var, t: Var, size: Var) {
    p.hint(d, move |v| v.word(size).div_ceil(U256::from(WORD)));
    p.scale(t, d, u128::from(WORD), 0);
    p.sub(Some(t), Some(t), size);
    p.less(Some(t), WORD);
}

/// `d = a - 32`, or on at `below` if that is negative.
pub(super) fn another_word(p: &mut Asm, d: Var, a: Var, below: Label) {
    let way = |service, d, next| Micro {
        imm: Fr::from(WORD),
        next,
        ..ask(service, a.into(), Operand::Zero, d)
    };
    let ways = vec![
        way(Service::Sub, Target::Word(d), Next::Ahead),
        way(Service::Less, Target::Unread, Next::To(below)),
    ];
    p.pick(ways, move |v| usize::from(v.word(a) < U256::from(WORD)));
}

/// The routines; all calls of them stand before.
pub(super) fn routines(f: &mut Family<'_>) {
    copy(f);
    next(f);
    touch(f);
    load(f);
    store(f);
    between(f);
}

fn touch(f: &mut Family<'_>) {
    let m = &f.e.memory;
    let [_, end, words, t, square, cost, amount, _] = f.e.t;
    let (halt, back) = (f.ends.halt, f.p.label());
    f.p.note("memory is put to use");
    f.m.touch.begin(f.p);
    is_zero(f.p, m.size, [Next::To(back), Next::Ahead]);
    for n in [m.offset, m.size] {
        at_least(f.p, [m.bound, n], [Next::Ahead, Next::To(halt)]);
    }
    f.p.mix(m.at, m.offset, m.base);
    f.p.add(end, m.offset, m.size);
    at_least(f.p, [m.covered, end], [Next::To(back), Next::Ahead]);
    f.p.note("more words of memory");
    round_up(f.p, words, t, end);
    f.p.scale(m.covered, words, u128::from(WORD), 0);
    f.p.mix(m.last, m.covered, -Fr::from(WORD));
    f.p.mix(m.last, m.last, m.base);
    let squared = f.part(ask(
        Service::Exact,
        words.into(),
        words.into(),
        Target::Word(square),
    ));
    f.p.emit(squared);
    f.p.hint(cost, move |v| v.word(square) >> 9);
    f.p.scale(t, cost, 512, 0);
    f.p.sub(Some(t), Some(square), t);
    f.p.less(Some(t), 512);
    f.p.scale(cost, words, 3, cost);
    f.p.sub(Some(amount), Some(cost), m.cost);
    f.p.set(m.cost, cost);
    f.charge(amount);
    f.p.place(back);
    f.m.touch.end(f.p, None);
}

fn load(f: &mut Family<'_>) {
    let m = &f.e.memory;
    let [_, quotient, product, rest, ..] = f.e.t;
    let back = f.p.label();
    f.p.note("32 bytes are read");
    f.m.load.begin(f.p);
    let direct = Micro {
        b: Operand::Far(0),
        d: Target::Word(m.value),
        ..direct(m, back)
    };
    aligned(f.p, m, direct);
    f.m.between.call(f.p);
    let [first, second] = m.words;
    let high = f.part(ask(
        Service::Product,
        first.into(),
        m.shift.into(),
        Target::Word(m.value),
    ));
    f.p.emit(high);
    divide(f, [quotient, product, rest], second.into(), m.rest.into());
    f.p.add(m.value, m.value, quotient);
    f.p.place(back);
    f.m.load.end(f.p, None);
}

fn store(f: &mut Family<'_>) {
    let m = &f.e.memory;
    let [_, quotient, product, rest, low, ..] = f.e.t;
    let back = f.p.label();
    f.p.note("32 bytes are written");
    f.m.store.begin(f.p);
    let direct = Micro {
        b: m.value.into(),
        d: Target::Far(0),
        ..direct(m, back)
    };
    aligned(f.p, m, direct);
    f.m.between.call(f.p);
    let [first, second] = m.words;
    f.p.note("the first word keeps its upper bytes, the second one its lower ones");
    divide(f, [quotient, product, rest], first.into(), m.rest.into());
    f.p.sub(Some(first), Some(first), rest);
    divide(f, [quotient, product, low], m.value.into(), m.shift.into());
    f.p.add(first, first, quotient);
    f.p.write_far(m.below, 0, first);
    divide(f, [quotient, product, rest], second.into(), m.rest.into());
    let high = f.part(ask(
        Service::Exact,
        low.into(),
        m.rest.into(),
        Target::Word(low),
    ));
    f.p.emit(high);
    f.p.add(low, low, rest);
    f.p.write_far(m.below, WORD as u16, low);
    f.p.place(back);
    f.m.store.end(f.p, None);
}

/// An access to the word at `at`, which exists only if that is a multiple of 32.
fn direct(m: &MemoryVars, back: Label) -> Micro {
    Micro {
        ops: vec![Op::Own, Op::CopyB],
        a: m.at.into(),
        next: Next::To(back),
        ..Micro::default()
    }
}

/// The direct access, or ahead.
fn aligned(p: &mut Asm, m: &MemoryVars, direct: Micro) {
    let at = m.at;
    let split = Micro {
        ops: vec![Op::Own],
        ..Micro::default()
    };
    p.pick(vec![direct, split], move |v| {
        usize::from(v.word(at) % U256::from(WORD) != U256::ZERO)
    });
}

/// `at` is between the words `below` and that plus 32, which become `words`: `at - below` is 1 to 31 bytes, `shift` is 2 to the power of
/// that many bits, `rest` is `2^256 / shift`.
fn between(f: &mut Family<'_>) {
    let m = &f.e.memory;
    let [_, bytes, bits, ..] = f.e.t;
    let (p, at) = (&mut *f.p, m.at);
    p.note("the words around 32 bytes");
    f.m.between.begin(p);
    p.hint(m.below, move |v| {
        let at = v.word(at);
        at - at % U256::from(WORD)
    });
    p.sub(Some(bytes), Some(at), m.below);
    p.less(Some(bytes), WORD);
    p.scale(bits, bytes, 8, 0);
    p.power(m.shift, bits);
    rest_of(p, m.rest, bits);
    for (word, bytes) in m.words.into_iter().zip([0, WORD as u16]) {
        p.read_far(word, m.below, bytes);
    }
    f.m.between.end(p, None);
}

/// `d = 2^(256 - bits)`, which proves that there is a bit; `bits` becomes a temporary.
fn rest_of(p: &mut Asm, d: Var, bits: Var) {
    p.set(d, 256);
    p.sub(Some(bits), Some(d), bits);
    p.power(d, bits);
}

fn next(f: &mut Family<'_>) {
    let m = &f.e.memory;
    let [_, quotient, product, rest, bits, ..] = f.e.t;
    let (some, back) = (f.p.label(), f.p.label());
    f.p.note("the next word of bytes");
    f.m.next.begin(f.p);
    f.p.set(m.at, m.from);
    f.m.load.call(f.p);
    f.p.mix(m.from, m.from, WORD);
    another_word(f.p, m.left, m.left, some);
    f.p.jump(back);
    f.p.place(some);
    f.p.scale(bits, m.left, 8, 0);
    rest_of(f.p, m.cut, bits);
    divide(f, [quotient, product, rest], m.value.into(), m.cut.into());
    f.p.sub(Some(m.value), Some(m.value), rest);
    f.p.set(m.left, 0);
    f.p.place(back);
    f.m.next.end(f.p, None);
}

fn copy(f: &mut Family<'_>) {
    let m = &f.e.memory;
    let [_, quotient, product, rest, ..] = f.e.t;
    let [again, some, back] = std::array::from_fn(|_| f.p.label());
    f.p.note("bytes are copied");
    f.m.copy.begin(f.p);
    f.p.place(again);
    another_word(f.p, m.left, m.left, some);
    f.p.set(m.at, m.from);
    f.m.load.call(f.p);
    f.p.set(m.at, m.to);
    f.m.store.call(f.p);
    f.p.mix(m.from, m.from, WORD);
    f.p.mix(m.to, m.to, WORD);
    f.p.jump(again);
    f.p.place(some);
    is_zero(f.p, m.left, [Next::To(back), Next::Ahead]);
    f.p.note("the last bytes, and behind them what was there");
    f.m.next.call(f.p);
    f.p.set(m.kept, m.value);
    f.p.set(m.at, m.to);
    f.m.load.call(f.p);
    divide(f, [quotient, product, rest], m.value.into(), m.cut.into());
    f.p.add(m.value, m.kept, rest);
    f.m.store.call(f.p);
    f.p.place(back);
    f.m.copy.end(f.p, None);
}
