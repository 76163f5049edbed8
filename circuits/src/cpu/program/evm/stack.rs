//! The stack: POP, PUSH, DUP, SWAP.

use super::Family;
use crate::cpu::{
    asm::{Micro, Next, Operand, Target},
    isa::Op,
};

pub(super) fn assemble(f: &mut Family<'_>) {
    let o = f.opcode(0x50);
    let pop = Micro {
        ops: vec![Op::Own],
        a: Operand::Pop(1),
        ..Micro::default()
    };
    let pop = f.last(o, pop);
    f.p.emit(pop);
    for n in 0..=32u8 {
        let o = f.opcode(0x5f + n);
        let (ops, a) = match n {
            0 => (vec![Op::Own], Operand::Zero),
            _ => (vec![Op::Own, Op::CopyA], Operand::Data(u16::from(n))),
        };
        let push = Micro {
            ops,
            a,
            d: Target::Push(0),
            ..Micro::default()
        };
        let push = Micro {
            next: Next::Opcode(1 + u16::from(n)),
            ..f.last(o, push)
        };
        f.p.emit(push);
    }
    for n in 1..=16u8 {
        let o = f.opcode(0x7f + n);
        let dup = Micro {
            ops: vec![Op::Own, Op::CopyA],
            a: Operand::Stack(u16::from(n)),
            d: Target::Push(0),
            ..Micro::default()
        };
        let dup = f.last(o, dup);
        f.p.emit(dup);
    }
    for n in 1..=16u8 {
        let o = f.opcode(0x8f + n);
        let swap = Micro {
            ops: vec![Op::Own, Op::Swap],
            a: Operand::Stack(1),
            b: Operand::Stack(u16::from(n) + 1),
            ..Micro::default()
        };
        let swap = f.last(o, swap);
        f.p.emit(swap);
    }
}
