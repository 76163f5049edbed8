//! A block: rules against its parent, history contract, transactions, header.

use super::{
    Vars,
    hashing::{Item, record},
    segment::chain_words,
    transaction::{self, TransactionVars},
};
use crate::cpu::asm::{Asm, Label};
use alloy_primitives::U256;
use protocol::{
    history::{HISTORY_ADDRESS, HISTORY_WINDOW},
    rules::{BASE_FEE_CHANGE_DENOMINATOR, ELASTICITY},
};

/// One block. `next` is placed before each transaction and before the block's end: there a segment may resume, and there it
/// may end, which goes to `cut`.
pub(super) fn assemble(p: &mut Asm, v: &Vars, tx: &TransactionVars, next: Label, cut: Label) {
    parent(p, v);
    open(p, v);
    base_fee(p, v);
    history(p, v);
    let (s, t) = (v.s, v.t);
    let close = p.label();
    p.place(next);
    p.note("the segment may end here");
    p.jump_hint(cut, move |v| {
        v.context().cut.is_some_and(|c| {
            v.word(s.number) == U256::from(c.block) && v.word(s.left) == U256::from(c.left)
        })
    });
    p.jump_zero(s.left, close);
    p.transaction(|p| transaction::assemble(p, v, tx));
    p.note("transaction done");
    p.sub(Some(s.left), Some(s.left), 1);
    p.add(s.transactions, s.transactions, 1);
    p.jump(next);
    p.place(close);

    p.note("header: its hash is the new tip");
    chain_words(p, v);
    let words = [
        s.tip.into(),
        s.number.into(),
        s.timestamp.into(),
        s.gas_limit.into(),
        s.gas_used.into(),
        s.base_fee.into(),
        s.coinbase.into(),
        s.prev_randao.into(),
        s.transactions_word.into(),
        s.receipts_word.into(),
        Item::Small(0),
    ];
    record(p, s.tip, &words, [t[0], t[1], t[2]]);
    p.set(s.parent_gas_limit, s.gas_limit);
    p.set(s.parent_gas_used, s.gas_used);
    p.set(s.parent_base_fee, s.base_fee);
    p.set(s.have_parent, 1);
    p.note("no block is open");
    let fields = [
        s.open,
        s.gas_limit,
        s.base_fee,
        s.coinbase,
        s.prev_randao,
        s.gas_used,
        s.transactions_chain,
        s.receipts_chain,
        s.transactions_word,
        s.receipts_word,
    ];
    for x in fields {
        p.set(x, 0);
    }
}

/// Opens the tip's header, unless this segment closed that block itself.
fn parent(p: &mut Asm, v: &Vars) {
    let (s, t) = (v.s, v.t);
    let (load, ready) = (p.label(), p.label());
    p.jump_zero(s.have_parent, load);
    p.jump(ready);
    p.place(load);
    p.note("header of the parent, opened against the tip hash");
    p.hint(s.parent_gas_limit, |v| {
        U256::from(v.context().parent.gas_limit)
    });
    p.hint(s.parent_gas_used, |v| {
        U256::from(v.context().parent.gas_used)
    });
    p.hint(s.parent_base_fee, |v| {
        U256::from(v.context().parent.base_fee)
    });
    // Fields that no rule needs pass through words of the block to come, which `open` overwrites.
    p.hint(s.coinbase, |v| {
        U256::from_be_slice(v.context().parent.coinbase.as_slice())
    });
    p.hint(s.prev_randao, |v| v.context().parent.prev_randao.into());
    p.hint(s.transactions_word, |v| {
        v.context().parent.transactions_hash.into()
    });
    p.hint(s.receipts_word, |v| v.context().parent.receipts_hash.into());
    p.hint(t[3], |v| v.context().parent.parent_hash.into());
    p.hint(t[4], |v| v.context().parent.queue_hash.into());
    let words = [
        t[3].into(),
        s.number.into(),
        s.timestamp.into(),
        s.parent_gas_limit.into(),
        s.parent_gas_used.into(),
        s.parent_base_fee.into(),
        s.coinbase.into(),
        s.prev_randao.into(),
        s.transactions_word.into(),
        s.receipts_word.into(),
        t[4].into(),
    ];
    record(p, t[5], &words, [t[0], t[1], t[2]]);
    p.equal(Some(t[5]), s.tip);
    p.place(ready);
}

/// Reads the block's fields from the payload.
fn open(p: &mut Asm, v: &Vars) {
    let (s, t) = (v.s, v.t);
    p.note("number = parent's + 1, timestamp >= parent's, gas limit unchanged");
    p.add(s.number, s.number, 1);
    p.group(t[0], s.group);
    p.equal(Some(t[0]), s.number);
    p.group(t[0], s.group);
    p.sub(None, Some(t[0]), s.timestamp);
    p.set(s.timestamp, t[0]);
    p.group(s.gas_limit, s.group);
    p.equal(Some(s.gas_limit), s.parent_gas_limit);
    p.group(s.base_fee, s.group);
    p.note("coinbase: three groups, the first below 2^32");
    p.group(s.coinbase, s.group);
    p.group_shift(s.coinbase, s.group);
    p.group_shift(s.coinbase, s.group);
    p.high(t[0], s.coinbase);
    p.less(Some(t[0]), 1 << 32);
    p.payload_word(s.prev_randao, s.group);
    p.note("no messages in this version; number of transactions");
    p.group(t[0], s.group);
    p.equal(Some(t[0]), 0);
    p.group(s.left, s.group);
    p.set(s.open, 1);
    p.set(s.gas_used, 0);
    p.set(s.transactions_chain, 0);
    p.set(s.receipts_chain, 0);
}

/// EIP-1559 from the parent's header.
fn base_fee(p: &mut Asm, v: &Vars) {
    let (s, [target, delta, product, quotient, rest, den]) = (v.s, v.t);
    let (up, down, done) = (p.label(), p.label(), p.label());
    p.note("EIP-1559: target = gas limit / 2");
    p.hint(target, move |v| {
        v.word(s.gas_limit) / U256::from(ELASTICITY)
    });
    p.scale(product, target, u128::from(ELASTICITY), 0);
    p.sub(Some(rest), Some(s.gas_limit), product);
    p.less(Some(rest), ELASTICITY);
    p.less(None, target);
    p.scale(den, target, u128::from(BASE_FEE_CHANGE_DENOMINATOR), 0);
    p.jump_hint(up, move |v| v.word(s.parent_gas_used) > v.word(target));
    p.jump_hint(down, move |v| v.word(s.parent_gas_used) < v.word(target));
    p.equal(Some(s.parent_gas_used), target);
    p.equal(Some(s.base_fee), s.parent_base_fee);
    p.jump(done);

    // Both directions divide base fee times distance to the target by eight targets.
    let divide = |p: &mut Asm| {
        p.mul_add(product, s.parent_base_fee, delta, 0);
        p.hint(quotient, move |v| v.word(product) / v.word(den));
        p.mul_add(rest, quotient, den, 0);
        p.sub(Some(rest), Some(product), rest);
        p.less(Some(rest), den);
    };
    p.place(up);
    p.note("above the target: the base fee grows, by 1 at least");
    p.less(Some(target), s.parent_gas_used);
    p.sub(Some(delta), Some(s.parent_gas_used), target);
    divide(p);
    let (positive, one) = (p.label(), p.label());
    p.jump_zero(quotient, one);
    p.jump(positive);
    p.place(one);
    p.set(quotient, 1);
    p.place(positive);
    p.add(product, s.parent_base_fee, quotient);
    p.equal(Some(s.base_fee), product);
    p.jump(done);

    p.place(down);
    p.note("below the target: the base fee shrinks");
    p.less(Some(s.parent_gas_used), target);
    p.sub(Some(delta), Some(target), s.parent_gas_used);
    divide(p);
    p.sub(Some(product), Some(s.parent_base_fee), quotient);
    p.equal(Some(s.base_fee), product);
    p.place(done);
}

/// EIP-2935: the parent's hash goes to slot `(number - 1) mod 8191` of the history contract.
fn history(p: &mut Asm, v: &Vars) {
    let (s, [parent, quotient, slot, ..]) = (v.s, v.t);
    p.note("EIP-2935: parent hash into the history contract");
    p.sub(Some(parent), Some(s.number), 1);
    p.hint(quotient, move |v| {
        v.word(parent) / U256::from(HISTORY_WINDOW)
    });
    p.scale(slot, quotient, u128::from(HISTORY_WINDOW), 0);
    p.sub(Some(slot), Some(parent), slot);
    p.less(Some(slot), HISTORY_WINDOW);
    p.set_storage(HISTORY_ADDRESS, slot, s.tip);
}
