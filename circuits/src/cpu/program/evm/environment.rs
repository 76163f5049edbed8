//! What a frame knows of transaction, block and itself.

use super::{Family, frame::gas_left};
use crate::cpu::{
    asm::{Micro, Operand, Target},
    isa::{DEPTH_AT, Op},
    program::{Vars, transaction::TransactionVars},
};

pub(super) fn assemble(f: &mut Family<'_>, v: &Vars, x: &TransactionVars) {
    let (s, e) = (v.s, f.e);
    for (byte, word) in [
        (0x30, e.address),
        (0x32, x.sender),
        (0x33, x.sender),
        (0x34, x.value),
        (0x36, x.data_length),
        (0x38, e.code_size),
        (0x3a, x.price),
        (0x41, s.coinbase),
        (0x42, s.timestamp),
        (0x43, s.number),
        (0x44, s.prev_randao),
        (0x45, s.gas_limit),
        (0x46, s.chain_id),
        (0x48, s.base_fee),
        (0x4a, e.one),
    ] {
        let o = f.opcode(byte);
        f.push(o, word);
    }
    // No call has returned anything; a transaction without blobs has no blob hash.
    for byte in [0x3d, 0x49] {
        let o = f.opcode(byte);
        let taken = o.pops as u16;
        let zero = Micro {
            ops: vec![Op::Own],
            a: if taken == 0 {
                Operand::Zero
            } else {
                Operand::Pop(1)
            },
            d: Target::Push(taken),
            ..Micro::default()
        };
        let zero = f.last(o, zero);
        f.p.emit(zero);
    }

    let (r, [low, gas, t, pc, ..]) = (e.registers, e.t);
    let o = f.opcode(0x5a);
    gas_left(f.p, e, gas, t);
    f.p.sub(Some(gas), Some(gas), o.gas);
    f.push(o, gas);

    let o = f.opcode(0x58);
    f.p.low(low, r);
    f.p.hint(t, move |v| v.word(low) >> DEPTH_AT);
    f.p.scale(pc, t, 1 << DEPTH_AT, 0);
    f.p.sub(Some(pc), Some(low), pc);
    f.p.less(Some(pc), 1 << DEPTH_AT);
    f.push(o, pc);
}
