//! Signed numbers: SLT, SGT, SDIV, SMOD. A word is negative from 2^255 on.

use super::{
    Family,
    arithmetic::{divide, flag},
    ask,
    compare::same,
};
use crate::cpu::{
    asm::{Label, Operand, Target, Var},
    interpreter::View,
    isa::Service,
};
use alloy_primitives::U256;

/// 2^255.
pub(super) fn top() -> U256 {
    U256::from(1) << 255
}

/// SLT and SGT: both words are moved by 2^255, modulo 2^256, and compared.
pub(super) fn comparisons(f: &mut Family<'_>) {
    let r = f.e.registers;
    let [a, b, ..] = f.e.t;
    for (byte, [x, y]) in [(0x12, [a, b]), (0x13, [b, a])] {
        let o = f.opcode(byte);
        for (k, d) in [(1, a), (2, b)] {
            let moved = |f: &Family<'_>, s| {
                let top = f.e.top.into();
                f.part(ask(s, Operand::Pop(k), top, Target::Word(d)))
            };
            let ways = vec![moved(f, Service::Add), moved(f, Service::AddOver)];
            f.p.pick(ways, move |v| {
                usize::from(v.stack(r, u64::from(k)) >= top())
            });
        }
        let compared = |s| ask(s, x.into(), y.into(), Target::Push(2));
        let less = f.last(o, flag(compared(Service::Less), true));
        let not = f.last(o, flag(compared(Service::Sub), false));
        f.p.pick(vec![less, not], move |v| {
            usize::from(v.word(x) >= v.word(y))
        });
    }
}

/// `size =` the size of the `k`-th word, which is taken; `sign` is 1 if it is negative.
fn size(f: &mut Family<'_>, size: Var, sign: Var, k: u16) {
    let r = f.e.registers;
    let (negative, done) = (f.p.label(), f.p.label());
    let compared = |s, top: Var| ask(s, Operand::Stack(k), top.into(), Target::Unread);
    let [below, not] = [Service::Less, Service::Sub].map(|s| compared(s, f.e.top));
    f.branch(below, vec![(not, negative)], move |v| {
        usize::from(v.stack(r, u64::from(k)) >= top())
    });
    f.pop(size, k);
    f.p.set(sign, 0);
    f.p.jump(done);
    f.p.place(negative);
    let opposite = f.part(ask(
        Service::Less,
        Operand::Zero,
        Operand::Pop(k),
        Target::Word(size),
    ));
    f.p.emit(opposite);
    f.p.set(sign, 1);
    f.p.place(done);
}

/// SDIV and SMOD: sizes are divided, then the sign is put back.
pub(super) fn quotients(f: &mut Family<'_>, by_zero: Label) {
    let r = f.e.registers;
    let [quotient, product, rest, a, b, sign_a, sign_b, sum] = f.e.t;
    for (byte, whole) in [(0x05, true), (0x07, false)] {
        let o = f.opcode(byte);
        f.p.jump_hint(by_zero, move |v| v.stack(r, 2) == U256::ZERO);
        size(f, a, sign_a, 1);
        size(f, b, sign_b, 2);
        divide(f, [quotient, product, rest], a.into(), b.into());
        let negative = f.p.label();
        let result = if whole { quotient } else { rest };
        if whole {
            f.p.mix(sum, sign_a, sign_b);
            let ways = vec![(same(sum, f.e.one), negative)];
            f.branch(same(sign_a, sign_b), ways, move |v: &View<'_>| {
                usize::from(v.word(sign_a) != v.word(sign_b))
            });
        } else {
            let zero = same(sign_a, Operand::Zero);
            let ways = vec![(same(sign_a, f.e.one), negative)];
            f.branch(zero, ways, move |v: &View<'_>| {
                usize::from(v.word(sign_a) != U256::ZERO)
            });
        }
        f.push(o, result);
        f.p.place(negative);
        let opposite =
            |f: &Family<'_>, s| f.last(o, ask(s, Operand::Zero, result.into(), Target::Push(2)));
        let ways = vec![opposite(f, Service::Sub), opposite(f, Service::Less)];
        f.p.pick(ways, move |v| usize::from(v.word(result) != U256::ZERO));
    }
}
