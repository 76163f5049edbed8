//! Arithmetic and comparisons.

use super::{Family, ask, compare::same, signed};
use crate::cpu::{
    asm::{Micro, Operand, Target, Var},
    isa::{Op, Service},
    opcodes::opcode,
};
use alloy_primitives::U256;

const TOP: Operand = Operand::Pop(1);
const SECOND: Operand = Operand::Pop(2);

pub(super) fn assemble(f: &mut Family<'_>) {
    let r = f.e.registers;
    let wrapping = |f: &mut Family<'_>, byte, [fits, wraps]: [Service; 2]| {
        let o = f.opcode(byte);
        let way = |s| f.last(o, ask(s, TOP, SECOND, Target::Push(2)));
        let ways = vec![way(fits), way(wraps)];
        let adds = fits == Service::Add;
        f.p.pick(ways, move |v| {
            let [a, b] = [1, 2].map(|k| v.stack(r, k));
            let over = if adds {
                a.checked_add(b).is_none()
            } else {
                a < b
            };
            usize::from(over)
        });
    };
    wrapping(f, 0x01, [Service::Add, Service::AddOver]);
    wrapping(f, 0x03, [Service::Sub, Service::Less]);
    let o = f.opcode(0x02);
    let product = f.last(o, ask(Service::Product, TOP, SECOND, Target::Push(2)));
    f.p.emit(product);
    quotients(f);

    // LT and GT: the difference that proves it is not kept.
    for (byte, [a, b], [ka, kb]) in [(0x10, [TOP, SECOND], [1, 2]), (0x11, [SECOND, TOP], [2, 1])] {
        let o = f.opcode(byte);
        let less = f.last(o, flag(ask(Service::Less, a, b, Target::Push(2)), true));
        let not = f.last(o, flag(ask(Service::Sub, a, b, Target::Push(2)), false));
        f.p.pick(vec![less, not], move |v| {
            usize::from(v.stack(r, ka) >= v.stack(r, kb))
        });
    }

    let o = f.opcode(0x14);
    let equal = Micro {
        ops: vec![Op::Equal],
        a: TOP,
        b: SECOND,
        d: Target::Push(2),
        ..Micro::default()
    };
    let ways = vec![
        f.last(o, flag(equal, true)),
        f.last(
            o,
            flag(ask(Service::Less, TOP, SECOND, Target::Push(2)), false),
        ),
        f.last(
            o,
            flag(ask(Service::Less, SECOND, TOP, Target::Push(2)), false),
        ),
    ];
    f.p.pick(ways, move |v| {
        let [a, b] = [1, 2].map(|k| v.stack(r, k));
        match a.cmp(&b) {
            std::cmp::Ordering::Equal => 0,
            std::cmp::Ordering::Less => 1,
            std::cmp::Ordering::Greater => 2,
        }
    });

    let o = f.opcode(0x15);
    let zero = Micro {
        ops: vec![Op::Equal],
        a: TOP,
        d: Target::Push(1),
        ..Micro::default()
    };
    let more = ask(Service::Less, Operand::Zero, TOP, Target::Push(1));
    let ways = vec![f.last(o, flag(zero, true)), f.last(o, flag(more, false))];
    f.p.pick(ways, move |v| usize::from(v.stack(r, 1) != U256::ZERO));
}

/// The entry, which pushes 1 or 0 whatever the service says.
pub(super) fn flag(mut m: Micro, one: bool) -> Micro {
    m.ops.push(Op::Own);
    m.ops.extend(one.then_some(Op::One));
    m
}

/// DIV, MOD and their signed forms: a quotient and a remainder that is less than the divisor, or 0 if that is 0.
fn quotients(f: &mut Family<'_>) {
    let r = f.e.registers;
    let [quotient, product, rest, ..] = f.e.t;
    let by_zero = f.p.label();
    for (byte, whole) in [(0x04, true), (0x06, false)] {
        let o = f.opcode(byte);
        f.p.jump_hint(by_zero, move |v| v.stack(r, 2) == U256::ZERO);
        divide(f, [quotient, product, rest], TOP, SECOND);
        f.push(o, if whole { quotient } else { rest });
    }
    signed::quotients(f, by_zero);

    f.p.place(by_zero);
    f.p.note("by 0");
    let zero = f.part(same(SECOND, Operand::Zero));
    f.p.emit(zero);
    let result = f.last(
        opcode(0x04).expect("DIV is an opcode"),
        Micro {
            ops: vec![Op::Own],
            a: TOP,
            d: Target::Push(2),
            ..Micro::default()
        },
    );
    f.p.emit(result);
}

/// `quotient, rest = a / b`: proves that `a = quotient * b + rest` with `rest < b`. Both are taken as they say, `b` after it was read.
pub(super) fn divide(
    f: &mut Family<'_>,
    [quotient, product, rest]: [Var; 3],
    a: Operand,
    b: Operand,
) {
    let r = f.e.registers;
    f.p.hint(quotient, move |v| {
        let value = |operand| match operand {
            Operand::Pop(k) | Operand::Stack(k) => v.stack(r, k.into()),
            Operand::Word(word) => v.word(word),
            _ => U256::ZERO,
        };
        value(a).checked_div(value(b)).unwrap_or_default()
    });
    let read = match b {
        Operand::Pop(k) => Operand::Stack(k),
        other => other,
    };
    let exact = ask(Service::Exact, quotient.into(), read, Target::Word(product));
    let sub = ask(Service::Sub, a, product.into(), Target::Word(rest));
    let less = ask(Service::Less, rest.into(), b, Target::Unread);
    for m in [exact, sub, less] {
        let m = f.part(m);
        f.p.emit(m);
    }
}
