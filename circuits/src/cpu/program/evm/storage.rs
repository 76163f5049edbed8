//! SLOAD and SSTORE, and the journal that puts a failing frame's storage back.
//!
//! # Marks and original words
//!
//! A slot's record has its word, a *mark*, the number of the transaction that used it last, and its *original* word, the one that it
//! had when that transaction began (EIP-2200). Transactions are numbered over the batch from 1, and a segment's records begin with the
//! mark 0, so the mark is never above the number of the transaction that runs. If it is equal the slot is warm (EIP-2929), and the original word is this
//! transaction's. If it is below, the slot is cold, nothing was written to it in this transaction, and the access makes its word the
//! original one. So what a transaction leaves in mark and original word means nothing to a later one, whether it failed or not:
//! marks need not be put back when the outermost frame fails.
//!
//! # The journal
//!
//! Region 0 of the far words, which is no frame's: entry `i` is the slot and the word that it had before, at `64 i` and `64 i + 32`.
//! A write that changes a word adds an entry; with 100 gas each, entries stay far below the region's end. A transaction begins with
//! an empty journal, and what is left of an older one is written over before it is read. A frame that fails takes its entries back,
//! the last one first, by accesses that keep mark and original word. The loop cannot stop early, as it ends where the journal begins;
//! it cannot go on either, as there is no word below.
//!
//! # The refund
//!
//! It is never negative: it is 4,800 for each slot whose original word is not 0 and whose word is 0, plus what was given each time when a slot
//! became its original word again. If the frame fails it is 0.

use super::{
    EvmVars, Family,
    compare::{are_equal, is_zero, less, same},
};
use crate::{
    Fr,
    cpu::{
        asm::{Asm, Label, Micro, Next, Operand, Target, Var},
        isa::{FAR_AT, Op},
        program::transaction::TransactionVars,
    },
};
use alloy_primitives::U256;

/// SSTORE fails with less gas than this (EIP-2200: the stipend of a call does not suffice).
const SSTORE_LEAST_GAS: u64 = 2_301;
/// What the first SLOAD of a slot costs beyond what every one does (EIP-2929).
const COLD_SLOAD_GAS: u64 = 2_000;
/// The same of an SSTORE.
const COLD_SSTORE_GAS: u64 = 2_100;
/// What SSTORE costs beyond 100 gas where it changes an original word that is 0 (EIP-2200).
const SET_GAS: u64 = 19_900;
/// The same where that is not 0 (EIP-2929: less what a cold access costs).
const RESET_GAS: u64 = 2_800;
/// Refund for a word that becomes 0 (EIP-3529).
const CLEAR_REFUND: u64 = 4_800;

/// Where the journal begins.
const JOURNAL: u64 = FAR_AT;
/// Bytes of an entry of the journal.
const ENTRY: u64 = 64;
/// Where an entry has the word.
const BEFORE: u16 = 32;

/// The journal is empty, and there is no refund so far.
pub(super) fn begin(p: &mut Asm, e: &EvmVars) {
    p.set(e.journal, Fr::from(JOURNAL));
    p.set(e.refund, 0);
}

/// Takes back what the journal says.
pub(super) fn undo(p: &mut Asm, e: &EvmVars) {
    let [_, key, word, mark, ..] = e.t;
    let (journal, done, again) = (e.journal, p.label(), p.label());
    p.note("the journal, backwards");
    p.place(again);
    let back = Micro {
        ops: vec![Op::Own, Op::CopyA, Op::CopyB],
        imm: -Fr::from(ENTRY),
        a: journal.into(),
        d: Target::Word(journal),
        ..Micro::default()
    };
    let empty = Micro {
        imm: Fr::from(JOURNAL),
        ..same(journal, Operand::Zero).then(Next::To(done))
    };
    p.pick(vec![back, empty], move |v| {
        usize::from(v.word(journal) == U256::from(JOURNAL))
    });
    p.read_far(key, journal, 0);
    p.read_far(word, journal, BEFORE);
    let t = e.t[0];
    p.open_slot(e.account, key, [t, mark, mark]);
    p.close_slot(mark, word);
    p.jump(again);
    p.place(done);
}

/// SLOAD and SSTORE.
pub(super) fn assemble(f: &mut Family<'_>, x: &TransactionVars) {
    load(f, x);
    store(f, x);
}

fn load(f: &mut Family<'_>, x: &TransactionVars) {
    let [_, key, word, mark, original, ..] = f.e.t;
    let cold = f.p.label();
    let o = f.opcode(0x54);
    f.begin(o, &[key]);
    f.p.open_slot(f.e.account, key, [word, mark, original]);
    warm_or_cold(f.p, mark, x.number, cold);
    f.p.close_slot(x.number, word);
    f.give(word);
    f.p.place(cold);
    f.p.record_is_open();
    f.p.close_slot(x.first_use, word);
    f.charge_constant(COLD_SLOAD_GAS);
    f.give(word);
}

const _: () = assert!(SSTORE_LEAST_GAS - 100 >= COLD_SSTORE_GAS);

/// The EIP's cases; each comparison is proven where it is known to matter.
fn store(f: &mut Family<'_>, x: &TransactionVars) {
    let r = f.e.registers;
    let [_, key, current, mark, original, new, ..] = f.e.t;
    let (refund, journal) = (f.e.refund, f.e.journal);
    let [cold, warm, done, clean, set, never, cleared, clears, resets] =
        std::array::from_fn(|_| f.p.label());
    let o = f.opcode(0x55);
    // That much is paid and given back, which proves that it was there.
    let ways = vec![
        f.taking(key, SSTORE_LEAST_GAS),
        f.too_little(SSTORE_LEAST_GAS),
    ];
    f.p.pick(ways, move |v| {
        usize::from(v.registers(r).gas < SSTORE_LEAST_GAS)
    });
    let m = Micro {
        next: Next::To(warm),
        ..f.taking(new, 0)
    };
    let m = f.giving_back(m, SSTORE_LEAST_GAS - o.gas, -1);
    f.p.emit(m);

    f.p.note("SSTORE to a cold slot, which becomes warm");
    f.p.place(cold);
    f.p.record_is_open();
    f.p.close_slot(x.first_use, current);
    // What is left of the least gas suffices.
    let pays = Micro {
        ops: vec![Op::Own],
        ..Micro::default()
    };
    let pays = f.paying(pays, COLD_SSTORE_GAS, 0);
    f.p.emit(pays);

    f.p.place(warm);
    f.p.note("SSTORE to a warm slot");
    f.p.open_slot(f.e.account, key, [current, mark, original]);
    warm_or_cold(f.p, mark, x.number, cold);
    f.p.close_slot(x.number, new);
    are_equal(f.p, [new, current], [Next::To(done), Next::Ahead]);
    f.p.write_far(journal, 0, key);
    f.p.write_far(journal, BEFORE, current);
    f.p.mix(journal, journal, ENTRY);
    are_equal(f.p, [current, original], [Next::To(clean), Next::Ahead]);

    f.p.note("SSTORE to a slot that this transaction has changed");
    is_zero(f.p, original, [Next::To(never), Next::Ahead]);
    is_zero(f.p, current, [Next::To(cleared), Next::Ahead]);
    is_zero(f.p, new, [Next::To(clears), Next::Ahead]);
    are_equal(f.p, [new, original], [Next::To(resets), Next::Ahead]);
    f.p.place(done);
    f.finish();

    f.p.place(never);
    f.p.note("its original word is 0");
    is_zero(f.p, new, [Next::Ahead, Next::To(done)]);
    f.p.mix(refund, refund, SET_GAS);
    f.p.jump(done);

    f.p.place(cleared);
    f.p.note("its word is 0, and was not");
    f.p.mix(refund, refund, -Fr::from(CLEAR_REFUND));
    are_equal(f.p, [new, original], [Next::Ahead, Next::To(done)]);
    f.p.place(resets);
    f.p.note("it gets its original word");
    f.p.mix(refund, refund, RESET_GAS);
    f.p.jump(done);

    f.p.place(clean);
    f.p.note("SSTORE to a slot that has its original word");
    is_zero(f.p, original, [Next::To(set), Next::Ahead]);
    f.charge_constant(RESET_GAS);
    is_zero(f.p, new, [Next::Ahead, Next::To(done)]);
    f.p.place(clears);
    f.p.note("its word becomes 0");
    f.p.mix(refund, refund, CLEAR_REFUND);
    f.p.jump(done);
    f.p.place(set);
    f.p.note("it was 0 until now");
    f.charge_constant(SET_GAS);
    f.finish();
}

/// Goes on at `cold` if the mark is that of an earlier transaction.
fn warm_or_cold(p: &mut Asm, mark: Var, number: Var, cold: Label) {
    let ways = vec![same(mark, number), less(mark, number).then(Next::To(cold))];
    p.pick(ways, move |v| usize::from(v.word(mark) != v.word(number)));
}
