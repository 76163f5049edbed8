//! ADDMOD.

use super::{Family, arithmetic::divide, ask};
use crate::cpu::{
    asm::{Micro, Operand, Target},
    isa::{Op, Service},
};
use alloy_primitives::U256;

const MODULUS: Operand = Operand::Stack(3);

pub(super) fn assemble(f: &mut Family<'_>) {
    let r = f.e.registers;
    let [quotient, product, a, b, room, ..] = f.e.t;
    let by_zero = f.p.label();
    let o = f.opcode(0x08);
    f.p.jump_hint(by_zero, move |v| v.stack(r, 3) == U256::ZERO);
    for (k, rest) in [(1, a), (2, b)] {
        divide(f, [quotient, product, rest], Operand::Pop(k), MODULUS);
    }
    f.p.note("the sum of the remainders, less the modulus if it reaches that");
    let rest = f.part(ask(
        Service::Sub,
        Operand::Pop(3),
        b.into(),
        Target::Word(room),
    ));
    f.p.emit(rest);
    let below = f.p.label();
    let less = ask(Service::Less, a.into(), room.into(), Target::Unread);
    let over = ask(Service::Sub, a.into(), room.into(), Target::Word(a));
    f.branch(over, vec![(less, below)], move |v| {
        usize::from(v.word(a) < v.word(room))
    });
    f.push(o, a);
    f.p.place(below);
    let sum = f.last(o, ask(Service::Add, a.into(), b.into(), Target::Push(3)));
    f.p.emit(sum);

    f.p.place(by_zero);
    f.p.note("modulo 0");
    let zero = f.part(Micro {
        ops: vec![Op::Own, Op::Equal],
        a: Operand::Pop(3),
        ..Micro::default()
    });
    f.p.emit(zero);
    let result = f.last(
        o,
        Micro {
            ops: vec![Op::Own],
            a: Operand::Pop(1),
            b: Operand::Pop(2),
            d: Target::Push(3),
            ..Micro::default()
        },
    );
    f.p.emit(result);
}
