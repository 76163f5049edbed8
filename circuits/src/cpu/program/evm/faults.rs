//! Why an opcode cannot begin: too little gas, too few words on the stack, or too many.

use super::{Family, power};
use crate::{
    Fr,
    cpu::{
        asm::{Asm, Label, Micro, Next, Target},
        isa::{DEPTH_AT, FAULTS, FRAME_AT, GAS_AT, LANDINGS_AT, OPCODES_AT, Op, STACK_LIMIT},
        opcodes::{JUMPDEST, OPCODES, Opcode},
    },
};
use alloy_primitives::U256;

/// Where the reasons are proven, given what they are compared with in the first temporary.
#[derive(Clone, Copy)]
struct Reasons {
    gas: Label,
    few: Label,
    many: Label,
}

pub(super) fn assemble(f: &mut Family<'_>) {
    let reasons = Reasons {
        gas: f.ends.short,
        few: f.p.label(),
        many: f.p.label(),
    };
    f.p.note("opcodes that cannot begin");
    for o in OPCODES {
        fault(f, o, OPCODES_AT, reasons);
        if o.byte == JUMPDEST {
            fault(f, o, LANDINGS_AT, reasons);
        }
    }
    proofs(f, reasons);
    bad_jump(f);
}

/// The instruction that an opcode which cannot begin has instead of its own.
fn fault(f: &mut Family<'_>, o: &'static Opcode, base: u64, reasons: Reasons) {
    let r = f.e.registers;
    let limit = f.e.t[0];
    let way = |imm, to| Micro {
        ops: vec![Op::Own, Op::CopyB],
        imm,
        d: Target::Word(limit),
        next: Next::To(to),
        ..Micro::default()
    };
    // What the registers' low half is compared with, or the part of it below the frame.
    let depth = |n: u64| power(DEPTH_AT) * Fr::from(n);
    let gas = (o.gas > 0).then(|| way(power(GAS_AT) * Fr::from(o.gas), reasons.gas));
    let few = (o.pops > 0).then(|| way(depth(o.pops), reasons.few));
    let most = STACK_LIMIT + o.pops - o.pushes.max(o.pops);
    let many = (o.pushes > o.pops).then(|| way(depth(most + 1), reasons.many));
    let (has_gas, has_few) = (gas.is_some(), few.is_some());
    let ways: Vec<Micro> = [gas, few, many].into_iter().flatten().collect();
    if ways.is_empty() {
        return;
    }
    f.p.at(base + FAULTS + u64::from(o.byte));
    if let [only] = &ways[..] {
        f.p.emit(only.clone());
        return;
    }
    f.p.pick(ways, move |v| {
        let registers = v.registers(r);
        let short = has_gas && registers.gas < o.gas;
        let few = has_few && registers.depth < o.pops;
        match (short, few) {
            (true, _) => 0,
            (false, true) => usize::from(has_gas),
            (false, false) => usize::from(has_gas) + usize::from(has_few),
        }
    });
}

/// The three reasons.
fn proofs(f: &mut Family<'_>, reasons: Reasons) {
    let (r, halt) = (f.e.registers, f.ends.halt);
    let [limit, low, rest, t, ..] = f.e.t;
    let p = &mut *f.p;
    p.place(reasons.gas);
    p.note("too little gas");
    p.low(low, r);
    p.less(Some(low), limit);
    p.jump(halt);

    let depth = |p: &mut Asm| {
        p.low(low, r);
        p.hint(rest, move |v| v.word(low) >> FRAME_AT);
        p.scale(t, rest, 1 << FRAME_AT, 0);
        p.sub(Some(t), Some(low), t);
        p.less(Some(t), 1 << FRAME_AT);
    };
    p.place(reasons.few);
    p.note("too few words on the stack");
    depth(p);
    p.less(Some(t), limit);
    p.jump(halt);
    p.place(reasons.many);
    p.note("too many words on the stack");
    depth(p);
    p.sub(None, Some(t), limit);
    p.jump(halt);
}

/// A jump to no destination: past the end, or to another byte, or to data.
fn bad_jump(f: &mut Family<'_>) {
    let [to, tag, byte, ..] = f.e.t;
    let (size, halt) = (f.e.code_size, f.ends.halt);
    let jumpdest = u64::from(JUMPDEST);
    f.p.place(f.ends.outside);
    f.p.note("a jump past the end");
    f.p.sub(None, Some(to), size);
    f.p.jump(halt);
    f.p.place(f.ends.inspect);
    f.p.note("a jump to another byte");
    f.take(tag);
    let above = f.p.label();
    f.p.jump_hint(above, move |v| v.word(tag) > U256::from(jumpdest));
    f.p.less(Some(tag), jumpdest);
    f.p.jump(halt);
    f.p.place(above);
    f.p.set(byte, jumpdest);
    f.p.less(Some(byte), tag);
    f.p.jump(halt);
}
