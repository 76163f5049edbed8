//! A transaction to a contract: it buys its gas, one frame runs the contract's code, and what is left is given back.

use super::{Ends, EvmVars, ask, code, opcodes, storage, transient};
use crate::cpu::{
    asm::{Asm, Micro, Next, Operand, Routine, Step, Target, Var},
    isa::{FRAME_AT, GAS_AT, Op, Service},
    program::{Vars, transaction::TransactionVars},
};
use alloy_primitives::U256;

/// A refund is at most this part of the gas used (EIP-3529).
const REFUND_QUOTIENT: u64 = 5;

/// From the rules on, up to the gas used and the status.
pub(in crate::cpu::program) fn run(p: &mut Asm, v: &Vars, x: &TransactionVars) {
    let e = &v.e;
    let ends = Ends {
        stop: p.label(),
        revert: p.label(),
        halt: p.label(),
        outside: p.label(),
        inspect: p.label(),
        short: p.label(),
    };
    let mut record = Routine::declare(p, e.record_caller);
    begin(p, v, x, e, &mut record);
    p.opcodes(|p| opcodes(p, v, x, e, ends, record));
    end(p, v, x, e, ends);
}

/// Sender, receiver and coinbase are touched, the value moves, the first opcode is read.
fn begin(p: &mut Asm, v: &Vars, x: &TransactionVars, e: &EvmVars, record: &mut Routine) {
    let (g, [balance, cost, nonce, code, number, t]) = (v.s, v.t);
    p.note("EIP-3607 and nonce; the sender buys the gas");
    p.open_account(x.sender, [balance, nonce, code]);
    p.no_code(code);
    p.equal(Some(nonce), x.nonce);
    p.mul_add(cost, x.max_fee, x.gas, x.value);
    p.sub(None, Some(balance), cost);
    p.mul_add(cost, x.price, x.gas, x.value);
    p.sub(Some(balance), Some(balance), cost);
    p.successor(nonce, nonce);
    p.pair(nonce, Some(x.number), nonce);
    p.close_account(balance, nonce);
    p.note("value to the contract");
    p.open_account(x.to, [balance, nonce, code]);
    p.high(code, code);
    p.add(balance, balance, x.value);
    p.pair(nonce, Some(x.number), nonce);
    p.close_account(balance, nonce);
    p.note("EIP-3651: the coinbase is warm");
    p.open_account(g.coinbase, [balance, nonce, t]);
    p.pair(nonce, Some(x.number), nonce);
    p.close_account(balance, nonce);

    code::load(p, e, record, [x.to, code, number]);
    p.note("the frame begins");
    transient::begin(p, e);
    p.set(e.address, x.to);
    p.join(e.account, x.to);
    storage::begin(p, e);
    p.add(e.frames, e.frames, 1);
    e.memory.begin(p, e.frames);
    e.data.begin(p, x);
    p.sub(Some(t), Some(x.gas), x.intrinsic);
    p.scale(t, t, 1 << (GAS_AT - FRAME_AT), e.frames);
    p.scale(t, t, 1 << FRAME_AT, 0);
    p.pair(e.registers, Some(number), t);
    let first = Micro {
        ops: vec![Op::Own],
        registers: Some(Step {
            word: e.registers,
            gas: 0,
            grows: 0,
        }),
        next: Next::Opcode(0),
        ..Micro::default()
    };
    p.emit(first);
}

/// Gas is given back and paid; what is left on the stack is taken off.
fn end(p: &mut Asm, v: &Vars, x: &TransactionVars, e: &EvmVars, ends: Ends) {
    let (g, [balance, left, nonce, code, back, t]) = (v.s, v.t);
    let [fails, finish, lower, higher, used] = std::array::from_fn(|_| p.label());
    p.place(ends.stop);
    p.note("the frame succeeds");
    p.set(x.status, 1);
    gas_left(p, e, left, t);
    p.set(back, 0);
    p.jump(finish);
    p.place(ends.revert);
    p.note("the frame reverts: the gas that is left stays");
    gas_left(p, e, left, t);
    p.jump(fails);
    p.place(ends.halt);
    p.note("the frame halts: all gas is used up");
    p.set(left, 0);
    p.place(fails);
    p.note("the frame fails: no logs, no refund, its storage is as before, the value goes back");
    p.set(x.status, 0);
    p.set(e.refund, 0);
    e.logs.clear(p);
    storage::undo(p, e);
    p.set(back, x.value);
    p.open_account(x.to, [balance, nonce, code]);
    p.sub(Some(balance), Some(balance), x.value);
    p.close_account(balance, nonce);

    p.place(finish);
    p.note("gas used: what is not left, less the refund or a fifth (EIP-3529)");
    p.sub(Some(x.used), Some(x.gas), left);
    let (refund, spent) = (e.refund, x.used);
    p.scale(t, refund, REFUND_QUOTIENT.into(), 0);
    let against = |service, next| Micro {
        next,
        ..ask(service, spent.into(), t.into(), Target::Unread)
    };
    let ways = vec![
        against(Service::Sub, Next::To(lower)),
        against(Service::Less, Next::Ahead),
    ];
    p.pick(ways, move |v| usize::from(v.word(spent) < v.word(t)));
    p.hint(refund, move |v| v.word(spent) / U256::from(REFUND_QUOTIENT));
    p.scale(t, refund, REFUND_QUOTIENT.into(), 0);
    p.sub(Some(t), Some(spent), t);
    p.less(Some(t), REFUND_QUOTIENT);
    p.place(lower);
    p.sub(Some(spent), Some(spent), refund);
    p.note("the floor (EIP-7623)");
    let floor = x.floor;
    p.jump_hint(higher, move |v| v.word(floor) > v.word(spent));
    p.sub(None, Some(x.used), x.floor);
    p.jump(used);
    p.place(higher);
    p.less(Some(x.used), x.floor);
    p.set(x.used, x.floor);
    p.place(used);
    p.sub(Some(left), Some(x.gas), x.used);
    p.note("what is left goes back to the sender");
    p.open_account(x.sender, [balance, nonce, code]);
    p.mul_add(back, x.price, left, back);
    p.add(balance, balance, back);
    p.close_account(balance, nonce);
    p.note("priority fee to the coinbase");
    p.open_account(g.coinbase, [balance, nonce, code]);
    p.mul_add(balance, x.tip, x.used, balance);
    p.close_account(balance, nonce);

    p.note("the rest of the stack");
    let again = p.label();
    p.place(again);
    let r = e.registers;
    let take = Micro {
        ops: vec![Op::Own],
        a: Operand::Pop(1),
        registers: Some(Step {
            word: r,
            gas: 0,
            grows: -1,
        }),
        next: Next::To(again),
        ..Micro::default()
    };
    let done = Micro {
        ops: vec![Op::Own],
        ..Micro::default()
    };
    p.pick(vec![done, take], move |v| {
        usize::from(v.registers(r).depth > 0)
    });
}

/// `d =` the gas in the registers.
pub(super) fn gas_left(p: &mut Asm, e: &EvmVars, d: Var, t: Var) {
    let low = e.t[0];
    p.low(low, e.registers);
    p.hint(d, move |v| v.word(low) >> GAS_AT);
    p.scale(t, d, 1 << 64, 0);
    p.add(t, t, t);
    p.sub(Some(t), Some(low), t);
    p.less(Some(t), super::power(GAS_AT));
}
