//! Bitwise operations and shifts.

use super::{
    Family,
    arithmetic::divide,
    ask,
    compare::{less, same},
    signed,
};
use crate::cpu::{
    asm::{Label, Micro, Operand, Target, Var},
    isa::{Op, Service},
};
use alloy_primitives::U256;

pub(super) fn assemble(f: &mut Family<'_>) {
    for (byte, service) in [
        (0x16, Service::And),
        (0x17, Service::Or),
        (0x18, Service::Xor),
    ] {
        let o = f.opcode(byte);
        let m = ask(service, Operand::Pop(1), Operand::Pop(2), Target::Push(2));
        let m = f.last(o, m);
        f.p.emit(m);
    }
    let o = f.opcode(0x19);
    let not = ask(
        Service::Sub,
        f.e.ones.into(),
        Operand::Pop(1),
        Target::Push(1),
    );
    let not = f.last(o, not);
    f.p.emit(not);

    let [factor, quotient, product, rest, value, ..] = f.e.t;
    let r = f.e.registers;
    let o = f.opcode(0x1b);
    let nothing = f.p.label();
    power(f, factor, nothing);
    let shifted = ask(
        Service::Product,
        factor.into(),
        Operand::Pop(2),
        Target::Push(2),
    );
    let shifted = f.last(o, shifted);
    f.p.emit(shifted);

    let o = f.opcode(0x1c);
    let right = f.p.label();
    f.p.place(right);
    power(f, factor, nothing);
    divide(f, [quotient, product, rest], Operand::Pop(2), factor.into());
    f.push(o, quotient);

    // SAR of a negative word is the complement of SHR of the complement.
    let o = f.opcode(0x1d);
    let all = f.p.label();
    let top = f.e.top;
    let compared = |s| ask(s, Operand::Stack(2), top.into(), Target::Unread);
    let [positive, negative] = [Service::Less, Service::Sub].map(compared);
    f.branch(negative, vec![(positive, right)], move |v| {
        usize::from(v.stack(r, 2) < signed::top())
    });
    let complement = f.part(ask(
        Service::Sub,
        f.e.ones.into(),
        Operand::Pop(2),
        Target::Word(value),
    ));
    f.p.emit(complement);
    power(f, factor, all);
    divide(f, [quotient, product, rest], value.into(), factor.into());
    let back = ask(
        Service::Sub,
        f.e.ones.into(),
        quotient.into(),
        Target::Push(2),
    );
    let back = f.last(o, back);
    f.p.emit(back);
    f.p.place(all);
    f.push(o, f.e.ones);

    byte(f, nothing);
    sign_extend(f);
    leading_zeros(f);

    f.p.place(nothing);
    f.p.note("shifts by 256 bits and more");
    let zero = Micro {
        ops: vec![Op::Own],
        a: Operand::Pop(2),
        d: Target::Push(2),
        ..Micro::default()
    };
    let zero = f.last(o, zero);
    f.p.emit(zero);
}

/// BYTE: `nothing` is where an index above 31 leads to, the index taken.
fn byte(f: &mut Family<'_>, nothing: Label) {
    let [factor, quotient, product, rest, index, last, ..] = f.e.t;
    let o = f.opcode(0x1a);
    f.pop(index, 1);
    f.p.set(last, 31);
    let inside = ask(Service::Sub, last.into(), index.into(), Target::Word(rest));
    let outside = ask(Service::Less, last.into(), index.into(), Target::Unread);
    f.branch(inside, vec![(outside, nothing)], move |v| {
        usize::from(v.word(index) > U256::from(31))
    });
    f.p.scale(rest, rest, 8, 0);
    f.p.power(factor, rest);
    divide(f, [quotient, product, rest], Operand::Pop(2), factor.into());
    f.p.hint(rest, move |v| v.word(quotient) >> 8);
    f.p.scale(rest, rest, 256, 0);
    f.p.sub(Some(rest), Some(quotient), rest);
    f.p.less(Some(rest), 256);
    f.push(o, rest);
}

fn sign_extend(f: &mut Family<'_>) {
    let [factor, quotient, product, rest, index, bits, ..] = f.e.t;
    let o = f.opcode(0x0b);
    let (whole, negative) = (f.p.label(), f.p.label());
    f.pop(index, 1);
    f.p.set(bits, 30);
    let inside = ask(Service::Sub, bits.into(), index.into(), Target::Unread);
    let outside = ask(Service::Less, bits.into(), index.into(), Target::Unread);
    f.branch(inside, vec![(outside, whole)], move |v| {
        usize::from(v.word(index) > U256::from(30))
    });
    f.p.scale(bits, index, 8, 8);
    f.p.power(factor, bits);
    divide(f, [quotient, product, rest], Operand::Pop(2), factor.into());
    f.p.note("the sign bit");
    f.p.scale(bits, index, 8, 7);
    f.p.power(product, bits);
    let below = ask(Service::Less, rest.into(), product.into(), Target::Unread);
    let not = ask(Service::Sub, rest.into(), product.into(), Target::Unread);
    f.branch(below, vec![(not, negative)], move |v| {
        usize::from(v.word(rest) >= v.word(product))
    });
    f.push(o, rest);
    f.p.place(negative);
    f.p.sub(Some(rest), Some(factor), rest);
    f.p.sub(Some(rest), Some(rest), 1);
    let extended = ask(Service::Sub, f.e.ones.into(), rest.into(), Target::Push(2));
    let extended = f.last(o, extended);
    f.p.emit(extended);
    f.p.place(whole);
    let kept = Micro {
        ops: vec![Op::Own, Op::CopyA],
        a: Operand::Pop(2),
        d: Target::Push(2),
        ..Micro::default()
    };
    let kept = f.last(o, kept);
    f.p.emit(kept);
}

/// CLZ (EIP-7939).
fn leading_zeros(f: &mut Family<'_>) {
    let r = f.e.registers;
    let [log, bound, rest, ..] = f.e.t;
    let o = f.opcode(0x1e);
    let zero = f.p.label();
    let none = same(Operand::Pop(1), Operand::Zero);
    let some = less(Operand::Zero, Operand::Stack(1));
    f.branch(some, vec![(none, zero)], move |v| {
        usize::from(v.stack(r, 1) == U256::ZERO)
    });
    f.p.hint(log, move |v| U256::from(v.stack(r, 1).log2()));
    f.p.power(bound, log);
    let reaches = f.part(ask(
        Service::Sub,
        Operand::Pop(1),
        bound.into(),
        Target::Word(rest),
    ));
    f.p.emit(reaches);
    f.p.note("what is left is below the same power of 2");
    f.p.less(Some(rest), bound);
    f.p.sub(Some(rest), Some(f.e.byte), log);
    f.push(o, rest);
    f.p.place(zero);
    f.p.set(rest, 256);
    f.push(o, rest);
}

/// Takes the shift off the stack: `factor = 2^shift`, or on to `nothing` if that is above 255.
fn power(f: &mut Family<'_>, factor: Var, nothing: Label) {
    let (r, top) = (f.e.registers, Operand::Pop(1));
    let small = ask(Service::Power, top, Operand::Zero, Target::Word(factor));
    let large = ask(Service::Less, f.e.byte.into(), top, Target::Unread);
    f.branch(small, vec![(large, nothing)], move |v| {
        usize::from(v.stack(r, 1) > U256::from(255))
    });
}
