//! ADDMOD and MULMOD.

use super::{Family, arithmetic::divide, ask, compare::same};
use crate::cpu::{
    asm::{Label, Micro, Next, Operand, Routine, Target, Var},
    isa::{Op, Service},
};
use alloy_primitives::{U256, U512};

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
    product_modulo(f, by_zero);

    f.p.place(by_zero);
    f.p.note("modulo 0");
    let zero = f.part(same(Operand::Pop(3), Operand::Zero));
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

/// MULMOD: with `x` the first factor's remainder, `x y = q n + r` in 512 bits, for some `q` below 2^256 as `x < n`, and `r < n`.
fn product_modulo(f: &mut Family<'_>, by_zero: Label) {
    let r = f.e.registers;
    let wide = Wide::declare(f);
    let mut routine = Routine::declare(f.p, wide.caller);
    let Wide { x, y, hi, lo, .. } = wide;
    let [high, low] = wide.kept;
    let o = f.opcode(0x09);
    f.p.jump_hint(by_zero, move |v| v.stack(r, 3) == U256::ZERO);
    divide(f, [hi, lo, x], Operand::Pop(1), MODULUS);
    f.pop(y, 2);
    routine.call(f.p);
    f.p.note("the product is a multiple of the modulus and a remainder");
    f.p.set(high, hi);
    f.p.set(low, lo);
    f.p.hint(x, move |v| {
        let product: U512 = (U512::from(v.word(high)) << 256) | U512::from(v.word(low));
        let modulus: U512 = U512::from(v.stack(r, 3));
        product.checked_div(modulus).unwrap_or_default().to()
    });
    let modulus = f.part(Micro {
        ops: vec![Op::Own, Op::CopyA],
        a: MODULUS,
        d: Target::Word(y),
        ..Micro::default()
    });
    f.p.emit(modulus);
    routine.call(f.p);
    let borrows = f.p.label();
    let same = f.p.label();
    let rest = |s| ask(s, low.into(), lo.into(), Target::Word(x));
    f.branch(
        rest(Service::Sub),
        vec![(rest(Service::Less), borrows)],
        move |v| usize::from(v.word(low) < v.word(lo)),
    );
    f.p.place(same);
    f.p.equal(Some(high), hi);
    let less = f.part(ask(
        Service::Less,
        x.into(),
        Operand::Pop(3),
        Target::Unread,
    ));
    f.p.emit(less);
    f.push(o, x);
    f.p.place(borrows);
    f.p.add(hi, hi, 1);
    f.p.jump(same);
    wide.assemble(f, &routine);
}

/// Scratch words of the product of 512 bits: `x * y` becomes `hi * 2^256 + lo`; the factors become something else.
#[derive(Clone, Copy)]
struct Wide {
    x: Var,
    y: Var,
    hi: Var,
    lo: Var,
    /// High halves of the factors.
    over: [Var; 2],
    middle: Var,
    /// For the caller: the first product while the second is made.
    kept: [Var; 2],
    caller: Var,
}

impl Wide {
    fn declare(f: &mut Family<'_>) -> Self {
        let [x, y, hi, lo, over_x, over_y, middle, low] = f.e.t;
        Self {
            x,
            y,
            hi,
            lo,
            over: [over_x, over_y],
            middle,
            kept: [f.p.var("high word of a product"), low],
            caller: f.p.var("caller of the product"),
        }
    }

    /// Four products of halves, which are exact below 2^256.
    fn assemble(&self, f: &mut Family<'_>, routine: &Routine) {
        let Self {
            x,
            y,
            hi,
            lo,
            over: [over_x, over_y],
            middle,
            ..
        } = *self;
        let one = f.e.one;
        let p = &mut *f.p;
        routine.begin(p);
        p.note("a product of 512 bits");
        for (over, of) in [(over_x, x), (over_y, y)] {
            p.high(over, of);
            p.low(of, of);
        }
        for (d, a, b) in [
            (lo, x, y),
            (middle, over_x, y),
            (x, x, over_y),
            (hi, over_x, over_y),
        ] {
            p.emit(ask(Service::Exact, a.into(), b.into(), Target::Word(d)));
        }
        // A product of halves leaves room for one more half; the sum of two may need a bit more.
        p.high(y, lo);
        p.add(middle, middle, y);
        let (carries, done) = (p.label(), p.label());
        let sum = |s, next| Micro {
            next,
            ..ask(s, middle.into(), x.into(), Target::Word(middle))
        };
        let ways = vec![
            sum(Service::Add, Next::Ahead),
            sum(Service::AddOver, Next::To(carries)),
        ];
        p.pick(ways, move |v| {
            usize::from(v.word(middle).checked_add(v.word(x)).is_none())
        });
        p.high(y, middle);
        p.jump(done);
        p.place(carries);
        p.cross(y, one, Some(middle));
        p.place(done);
        p.add(hi, hi, y);
        p.cross(lo, lo, None);
        p.cross(lo, middle, Some(lo));
        routine.end(p, None);
    }
}
