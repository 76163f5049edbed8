//! Jumps and ends.

use super::{
    Family,
    compare::{less, same},
};
use crate::cpu::{
    asm::{Micro, Next, Operand, Target},
    isa::{LANDINGS_AT, Op},
    opcodes::{JUMPDEST, Opcode, opcode},
};
use alloy_primitives::U256;

pub(super) fn assemble(f: &mut Family<'_>) {
    let r = f.e.registers;
    let o = f.opcode(0x56);
    jump(f, o);

    let o = f.opcode(0x57);
    let stay = f.p.label();
    let zero = same(Operand::Pop(2), Operand::Zero);
    let more = less(Operand::Zero, Operand::Pop(2));
    f.branch(more, vec![(zero, stay)], move |v| {
        usize::from(v.stack(r, 2) == U256::ZERO)
    });
    jump(f, o);
    f.p.place(stay);
    let on = Micro {
        ops: vec![Op::Own],
        a: Operand::Pop(1),
        ..Micro::default()
    };
    let on = f.last(o, on);
    f.p.emit(on);

    // JUMPDEST, in a row and jumped to.
    let o = f.opcode(JUMPDEST);
    let on = Micro {
        ops: vec![Op::Own],
        ..Micro::default()
    };
    let on = f.last(o, on);
    f.p.emit(on.clone());
    f.p.at(LANDINGS_AT + u64::from(JUMPDEST));
    f.p.emit(on);

    let m = &f.e.memory;
    for (byte, end) in [(0xf3, f.ends.stop), (0xfd, f.ends.revert)] {
        let o = f.opcode(byte);
        f.begin(o, &[m.offset, m.size]);
        f.m.touch.call(f.p);
        ends(f, end);
    }
    f.opcode(0x00);
    ends(f, f.ends.stop);
    f.opcode(0xfe);
    ends(f, f.ends.halt);
    f.p.note("bytes that are no opcode");
    for byte in (0..=u8::MAX).filter(|b| opcode(*b).is_none()) {
        f.p.at(crate::cpu::isa::OPCODES_AT + u64::from(byte));
        ends(f, f.ends.halt);
    }
}

/// Jumps to the word at the top, or ends if that is no destination.
fn jump(f: &mut Family<'_>, o: &Opcode) {
    let r = f.e.registers;
    let nothing = Micro {
        ops: vec![Op::Own],
        a: Operand::Pop(1),
        ..Micro::default()
    };
    let good = Micro {
        next: Next::Landing,
        ..f.last(o, nothing.clone())
    };
    let outside = Micro {
        ops: vec![Op::Own, Op::CopyA],
        d: Target::Word(f.e.t[0]),
        next: Next::To(f.ends.outside),
        ..nothing.clone()
    };
    let outside = f.grows(outside, -(o.pops as i64));
    let inspect = Micro {
        d: Target::Push(o.pops as u16),
        next: Next::Inspect(f.ends.inspect),
        ..nothing
    };
    let inspect = f.grows(inspect, 1 - o.pops as i64);
    let size = f.e.code_size;
    f.p.pick(vec![good, outside, inspect], move |v| {
        let to = v.stack(r, 1);
        match v.is_destination(r, to) {
            true => 0,
            false if to >= v.word(size) => 1,
            false => 2,
        }
    });
}

/// Checks the registers and goes to where the frame ends.
fn ends(f: &mut Family<'_>, to: crate::cpu::asm::Label) {
    let m = f.part(Micro {
        ops: vec![Op::Own],
        next: Next::To(to),
        ..Micro::default()
    });
    f.p.emit(m);
}
