//! What a contract sees of accounts and of blocks before: BALANCE, SELFBALANCE, EXTCODESIZE, EXTCODEHASH, BLOCKHASH.

use super::{
    Family, ask,
    code::Record,
    compare::{is_zero, less, same},
};
use crate::{
    Fr,
    cpu::{
        asm::{Micro, Next, Operand, Routine, Target, Var},
        isa::{Op, Service},
        program::{Vars, transaction::TransactionVars},
    },
};
use alloy_primitives::U256;
use protocol::{
    field,
    history::{BLOCKHASH_WINDOW, HISTORY_ADDRESS, HISTORY_WINDOW},
    rules::{LAST_NUMBERED_PRECOMPILE, P256_PRECOMPILE},
};

/// What the first access to an account costs beyond what every one does (EIP-2929).
const COLD_ACCOUNT_GAS: u64 = 2_500;

/// The words with which the routine works that opens any account.
#[derive(Clone, Copy)]
struct Words {
    /// The word on the stack, to be given; then the address in it.
    at: Var,
    balance: Var,
    nonce: Var,
    /// The code's commitment.
    code: Var,
    t: [Var; 2],
}

impl Words {
    fn of(v: &Vars) -> Self {
        let [at, balance, nonce, code, ..] = v.t;
        Self {
            at,
            balance,
            nonce,
            code,
            t: [v.t[4], v.t[5]],
        }
    }
}

/// The opcodes of accounts. `record` opens the record of a code.
pub(super) fn assemble(f: &mut Family<'_>, v: &Vars, x: &TransactionVars, record: &mut Routine) {
    let Words {
        at,
        balance,
        nonce,
        code,
        t: [marked, _],
    } = Words::of(v);
    let mut account = Routine::declare(f.p, f.e.account_caller);
    let opened = Record::of(f.e);

    let o = f.opcode(0x31);
    f.begin(o, &[at]);
    account.call(f.p);
    f.give(balance);

    let o = f.opcode(0x3b);
    f.begin(o, &[at]);
    account.call(f.p);
    opened.open(f.p, record, at, code);
    f.give(opened.size);

    let o = f.opcode(0x3f);
    let exists = f.p.label();
    f.begin(o, &[at]);
    account.call(f.p);
    opened.open(f.p, record, at, code);
    f.p.note("EIP-1052: 0 if the account is empty");
    for word in [opened.size, nonce, balance] {
        is_zero(f.p, word, [Next::Ahead, Next::To(exists)]);
    }
    f.give(balance);
    f.p.place(exists);
    f.give(opened.keccak);

    let o = f.opcode(0x47);
    f.p.note("the account whose code runs was touched when the frame began");
    f.p.open_account(f.e.address, [balance, nonce, code]);
    f.p.pair(marked, Some(x.number), nonce);
    f.p.close_account(balance, marked);
    f.push(o, balance);

    open(f, v, x, &account);
}

/// The routine that opens an account: it is warm afterwards, and paid for if it was not.
///
/// An account is warm if this transaction has touched it, or if it is a precompile. Which of these it is, and that it is none, is proven.
fn open(f: &mut Family<'_>, v: &Vars, x: &TransactionVars, routine: &Routine) {
    let Words {
        at,
        balance,
        nonce,
        code,
        t: [mark, t],
    } = Words::of(v);
    let [numbered, between, cold, warm] = std::array::from_fn(|_| f.p.label());
    let p = &mut *f.p;
    routine.begin(p);
    p.note("an address: the low 160 bits of a word");
    p.high(t, at);
    p.hint(mark, move |v| v.word(t) >> 32);
    p.scale(mark, mark, 1 << 32, 0);
    p.sub(Some(t), Some(t), mark);
    p.less(Some(t), 1 << 32);
    p.pair(at, Some(t), at);
    p.note("any account is touched");
    p.open_account(at, [balance, nonce, code]);
    p.pair(t, Some(x.number), nonce);
    p.close_account(balance, t);
    p.low(mark, code);
    p.high(code, code);
    let (number, touched) = (x.number, mark);
    let was_warm = same(touched, number).then(Next::To(warm));
    p.pick(vec![less(touched, number), was_warm], move |v| {
        usize::from(v.word(touched) == v.word(number))
    });

    p.note("EIP-2929: precompiles are warm");
    let [last, p256] = [LAST_NUMBERED_PRECOMPILE, P256_PRECOMPILE];
    let equal = |n: u64, label| {
        let m = Micro {
            imm: Fr::from(n),
            ..same(at, Operand::Zero)
        };
        m.then(Next::To(label))
    };
    let reaches = |n: u64, label| {
        let m = Micro {
            imm: Fr::from(n),
            ..ask(Service::Sub, at.into(), Operand::Zero, Target::Unread)
        };
        m.then(Next::To(label))
    };
    let ways = vec![
        reaches(p256 + 1, cold),
        reaches(last + 1, between),
        reaches(1, numbered),
        equal(p256, warm),
        equal(0, cold),
    ];
    p.pick(ways, move |v| match v.word(at).saturating_to::<u64>() {
        0 => 4,
        P256_PRECOMPILE => 3,
        n if n > P256_PRECOMPILE => 0,
        n => usize::from(n <= LAST_NUMBERED_PRECOMPILE) + 1,
    });
    p.place(numbered);
    p.less(Some(at), last + 1);
    p.jump(warm);
    p.place(between);
    p.less(Some(at), p256);
    p.place(cold);
    f.charge_constant(COLD_ACCOUNT_GAS);
    f.p.place(warm);
    routine.end(f.p, None);
}

/// BLOCKHASH: block `n + 1` wrote the hash of block `n` to slot `n mod 8191` of the history contract (EIP-2935).
///
/// The slot still has it: of the blocks from `n + 1` to the current one, at most 256, only the first writes there, and nothing else ever
/// does. Each `n` from 0 on has had its block, as genesis is block 0. The access is none of the transaction: the
/// slot stays as warm as it was, and its original word what it was.
pub(super) fn block_hash(f: &mut Family<'_>, v: &Vars) {
    let [n, parent, quotient, slot, hash, mark] = v.t;
    let of = quotient;
    let number = v.s.number;
    let outside = f.p.label();
    let o = f.opcode(0x40);
    f.pop(n, 1);
    f.p.sub(Some(parent), Some(number), 1);
    let past = ask(Service::Sub, parent.into(), n.into(), Target::Word(slot));
    let ahead = less(parent, n).then(Next::To(outside));
    f.p.pick(vec![past, ahead], move |v| {
        usize::from(v.word(n) > v.word(parent))
    });
    let reached = |service| Micro {
        imm: Fr::from(BLOCKHASH_WINDOW),
        ..ask(service, slot.into(), Operand::Zero, Target::Unread)
    };
    let beyond = reached(Service::Sub).then(Next::To(outside));
    f.p.pick(vec![reached(Service::Less), beyond], move |v| {
        usize::from(v.word(slot) >= U256::from(BLOCKHASH_WINDOW))
    });
    f.p.hint(quotient, move |v| v.word(n) / U256::from(HISTORY_WINDOW));
    f.p.scale(slot, quotient, u128::from(HISTORY_WINDOW), 0);
    f.p.sub(Some(slot), Some(n), slot);
    f.p.less(Some(slot), HISTORY_WINDOW);
    f.p.set(of, field::from_address(HISTORY_ADDRESS));
    f.p.open_slot(of, slot, [hash, mark, mark]);
    f.p.close_slot(mark, hash);
    f.push(o, hash);
    f.p.place(outside);
    f.p.note("a block that BLOCKHASH does not reach");
    let zero = f.last(
        o,
        Micro {
            ops: vec![Op::Own],
            d: Target::Push(1),
            ..Micro::default()
        },
    );
    f.p.emit(zero);
}
