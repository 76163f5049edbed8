//! EXP.

use super::{Family, ask, compare::same};
use crate::cpu::{
    asm::{Micro, Next, Operand, Target},
    isa::Service,
};
use alloy_primitives::U256;

/// Gas for each byte of the exponent (EIP-160).
const BYTE_GAS: u128 = 50;

/// Square and multiply, from the highest bit.
///
/// The exponent is shifted until its highest bit is bit 255; that bit is dropped, and a mark follows the lowest one. Then doubling tells
/// one bit after the other, as the sum reaches 2^256 or not, until only the mark is left, at bit 255. Whoever takes the mark for a bit of the
/// exponent has 0 left, which doubles for ever and never is the mark.
pub(super) fn assemble(f: &mut Family<'_>) {
    let [_, base, exponent, zeros, rest, t, bytes, result] = f.e.t;
    let (one, top) = (f.e.one, f.e.top);
    let o = f.opcode(0x0a);
    f.begin(o, &[base, exponent]);
    let nothing = f.p.label();
    f.p.jump_hint(nothing, move |v| v.word(exponent) == U256::ZERO);

    f.p.note("the exponent's highest bit");
    f.p.hint(zeros, move |v| U256::from(v.word(exponent).leading_zeros()));
    f.p.power(t, zeros);
    let shifted = ask(
        Service::Exact,
        exponent.into(),
        t.into(),
        Target::Word(rest),
    );
    f.p.emit(shifted);
    // Twice the shifted exponent, plus the mark, is 2^256 or more: it is a multiple of twice the mark, so it is 2^256 without the mark.
    let marked = Micro {
        c: Some(one),
        ..ask(Service::AddOver, rest.into(), t.into(), Target::Word(rest))
    };
    f.p.emit(marked);

    f.p.note("gas for the bytes of the exponent");
    f.p.hint(bytes, move |v| v.word(zeros) >> 3);
    f.p.scale(t, bytes, 8, 0);
    f.p.sub(Some(t), Some(zeros), t);
    f.p.less(Some(t), 8);
    f.p.scale(bytes, bytes, BYTE_GAS, 0);
    f.p.set(t, 32 * BYTE_GAS as u64);
    f.p.sub(Some(bytes), Some(t), bytes);
    f.charge(bytes);

    f.p.note("a bit of the exponent");
    let [again, zero, end] = std::array::from_fn(|_| f.p.label());
    f.p.set(result, base);
    f.p.place(again);
    let double = |service, next| Micro {
        next,
        ..ask(service, rest.into(), rest.into(), Target::Word(rest))
    };
    let marked = same(rest, top).then(Next::To(end));
    let ways = vec![
        double(Service::AddOver, Next::Ahead),
        double(Service::Add, Next::To(zero)),
        marked,
    ];
    f.p.try_pick(ways, move |v| match v.word(rest) {
        rest if rest == v.word(top) => Ok(2),
        U256::ZERO => Err("the exponent's bits have no end".into()),
        rest => Ok(usize::from(rest < v.word(top))),
    });
    let times = |by: Operand| ask(Service::Product, result.into(), by, Target::Word(result));
    f.p.emit(times(result.into()));
    f.p.emit(times(base.into()));
    f.p.jump(again);
    f.p.place(zero);
    f.p.emit(times(result.into()));
    f.p.jump(again);

    f.p.place(end);
    f.give(result);
    f.p.place(nothing);
    f.p.note("to the power of 0");
    f.p.equal(Some(exponent), 0);
    f.give(one);
}
