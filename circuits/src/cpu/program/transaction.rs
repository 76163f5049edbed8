//! A transaction: signed bytes, sender, fields, rules, fees, receipt.

use super::{Vars, evm, rlp::Rlp};
use crate::{
    Fr,
    cpu::{
        asm::{Asm, Label, Micro, Next, Target, Var},
        isa::Op,
    },
};
use alloy_primitives::U256;
use protocol::{
    hash::Tag,
    rules::{
        ACCESS_LIST_ADDRESS_GAS, ACCESS_LIST_KEY_GAS, FLOOR_TOKEN_GAS, LAST_NUMBERED_PRECOMPILE,
        MAX_TRANSACTION_GAS, NONZERO_BYTE_TOKENS, P256_PRECOMPILE, TOKEN_GAS, TRANSACTION_GAS,
    },
    transaction::{TYPE_ACCESS_LIST, TYPE_DYNAMIC_FEE},
};

/// Scratch words of a transaction.
pub(super) struct TransactionVars {
    at: Var,
    end: Var,
    start: Var,
    length: Var,
    signing_hash: Var,
    parity: Var,
    r: Var,
    s: Var,
    key: [Var; 2],
    /// Its type: 0, 1 or 2.
    kind: Var,
    pub(super) sender: Var,
    pub(super) to: Var,
    pub(super) nonce: Var,
    pub(super) max_fee: Var,
    priority: Var,
    pub(super) gas: Var,
    pub(super) value: Var,
    tokens: Var,
    addresses: Var,
    keys: Var,
    /// Payload byte before the calldata.
    pub(super) data_before: Var,
    /// Bytes of calldata.
    pub(super) data_length: Var,
    /// 1 if the receiver has code, else 0.
    contract: Var,
    /// Number of the transaction in the batch, from 1; only if the receiver has code.
    pub(super) number: Var,
    /// `(1, number)`: what the first use of a slot in the transaction says of it.
    pub(super) first_use: Var,
    pub(super) intrinsic: Var,
    pub(super) floor: Var,
    pub(super) tip: Var,
    /// Wei per gas that the sender pays.
    pub(super) price: Var,
    pub(super) used: Var,
    pub(super) status: Var,
}

impl TransactionVars {
    pub(super) fn declare(p: &mut Asm) -> Self {
        Self {
            at: p.var("tx byte"),
            end: p.var("tx end"),
            start: p.var("tx start group"),
            length: p.var("tx length"),
            signing_hash: p.var("signing hash"),
            parity: p.var("y parity"),
            r: p.var("r"),
            s: p.var("s"),
            key: [p.var("key x"), p.var("key y")],
            kind: p.var("type of the transaction"),
            sender: p.var("sender"),
            to: p.var("to"),
            nonce: p.var("nonce"),
            max_fee: p.var("max fee"),
            priority: p.var("max priority fee"),
            gas: p.var("tx gas limit"),
            value: p.var("value"),
            tokens: p.var("calldata tokens"),
            addresses: p.var("access list addresses"),
            keys: p.var("access list keys"),
            data_before: p.var("byte before the calldata"),
            data_length: p.var("calldata length"),
            contract: p.var("receiver has code"),
            number: p.var("number of the transaction"),
            first_use: p.var("first use of a slot"),
            intrinsic: p.var("intrinsic gas"),
            floor: p.var("floor gas"),
            tip: p.var("priority fee"),
            price: p.var("gas price"),
            used: p.var("tx gas used"),
            status: p.var("status"),
        }
    }
}

pub(super) fn assemble(p: &mut Asm, v: &Vars, x: &TransactionVars) {
    signature(p, v, x);
    fields(p, v, x);
    rules(p, v, x);
    receiver(p, v, x);
    v.e.logs.clear(p);
    let (plain, contract, done) = (p.label(), p.label(), p.label());
    p.note("an account without code, or a contract: each way proves it");
    p.switch(x.contract, &[(0, plain), (1, contract)], None);
    p.place(plain);
    transfer(p, v, x);
    p.jump(done);
    p.place(contract);
    evm::run(p, v, x);
    p.place(done);
    receipt(p, v, x);
}

/// Signing hash of the signed bytes, key recovery, sender, and the transactions chain.
fn signature(p: &mut Asm, v: &Vars, x: &TransactionVars) {
    let (g, t) = (v.s, v.t);
    p.note("signed bytes: keccak of the slice");
    p.group(x.length, g.group);
    p.set(x.start, g.group);
    p.keccak(x.signing_hash, None, x.start, x.length);
    p.scale(x.at, x.start, 8, 0);
    p.add(x.end, x.at, x.length);
    p.note("fill to a multiple of 8 bytes, all zero by the hash's own rule");
    let length = x.length;
    p.hint(t[1], move |v| v.word(length).div_ceil(U256::from(8)));
    p.scale(t[2], t[1], 8, 0);
    p.sub(Some(t[2]), Some(t[2]), x.length);
    p.less(Some(t[2]), 8);
    p.add(g.group, g.group, t[1]);
    p.group(x.parity, g.group);
    p.payload_word(x.r, g.group);
    p.payload_word(x.s, g.group);
    p.note("EIP-2: s is at most half the order; r and s are in range by the recovery");
    p.sub(None, Some(g.half_order), x.s);
    let (even, done) = (p.label(), p.label());
    p.jump_zero(x.parity, even);
    p.equal(Some(x.parity), 1);
    p.recover(x.key, x.signing_hash, [x.r, x.s], 1);
    p.jump(done);
    p.place(even);
    p.recover(x.key, x.signing_hash, [x.r, x.s], 0);
    p.place(done);

    p.note("sender: low 160 bits of the key's keccak");
    p.clock(t[0]);
    p.write(t[0], 0, x.key[0]);
    p.write(t[0], 4, x.key[1]);
    p.set(t[1], 64);
    p.keccak(t[2], Some(t[0]), 0, t[1]);
    p.high(t[0], t[2]);
    p.hint(t[1], {
        let all = t[0];
        move |v| v.word(all) >> 32
    });
    p.scale(t[4], t[1], 1 << 32, 0);
    p.sub(Some(t[4]), Some(t[0]), t[4]);
    p.less(Some(t[4]), 1 << 32);
    p.pair(x.sender, Some(t[4]), t[2]);

    p.note("transactions chain: hash, parity * 2^128 + r, s");
    p.set(t[0], 0);
    p.set(t[1], Tag::Transaction.iv(6));
    p.absorb(x.signing_hash, t[0], t[1]);
    p.high(t[2], x.r);
    p.pair(t[2], Some(x.parity), t[2]);
    p.join(t[2], t[2]);
    p.pair(t[2], Some(t[2]), x.r);
    p.absorb(t[2], t[0], t[1]);
    p.absorb(x.s, t[0], t[1]);
    p.high(t[0], t[0]);
    p.compress(
        g.transactions_chain,
        Tag::Transactions.iv(2),
        g.transactions_chain,
        t[0],
    );
}

/// Decodes the RLP: type 0 with EIP-155, 1 or 2.
fn fields(p: &mut Asm, v: &Vars, x: &TransactionVars) {
    let (g, t, at) = (v.s, v.t, x.at);
    let mut rlp = Rlp::declare(p, at);
    let [
        typed,
        list,
        chain,
        prices,
        dynamic,
        body,
        legacy,
        access,
        done,
        end,
    ] = std::array::from_fn(|_| p.label());
    let types = |of_0, of_1, of_2| {
        let others = [(TYPE_ACCESS_LIST, of_1), (TYPE_DYNAMIC_FEE, of_2)];
        let others = others.map(|(t, l)| (u64::from(t), l));
        [(0, of_0), others[0], others[1]]
    };
    p.note("type of the transaction: 0 begins with a list");
    p.jump_hint(typed, move |v| v.payload_byte(at) < 0xc0);
    p.set(x.kind, 0);
    p.jump(list);
    p.place(typed);
    rlp.type_byte(p, x.kind, &[TYPE_ACCESS_LIST, TYPE_DYNAMIC_FEE]);
    p.place(list);
    p.note("fields: chain id but for type 0, nonce, prices, gas, to, value, data");
    rlp.list(p, x.end);
    p.switch(x.kind, &types(prices, chain, chain), None);
    p.place(chain);
    rlp.integer(p, t[0]);
    p.equal(Some(t[0]), g.chain_id);
    p.place(prices);
    rlp.integer(p, x.nonce);
    rlp.integer(p, x.priority);
    let (one, two) = (p.label(), dynamic);
    p.switch(x.kind, &types(one, one, two), None);
    p.place(one);
    p.set(x.max_fee, x.priority);
    p.jump(body);
    p.place(dynamic);
    rlp.integer(p, x.max_fee);
    p.place(body);
    rlp.integer(p, x.gas);
    rlp.fixed(p, x.to, 20);
    rlp.integer(p, x.value);
    calldata(p, v, x, &rlp);
    receiver_has_code(p, v, x);
    p.set(x.addresses, 0);
    p.set(x.keys, 0);
    p.switch(x.kind, &types(legacy, access, access), None);

    p.place(legacy);
    p.note("type 0: chain id, 0, 0");
    rlp.integer(p, t[0]);
    p.equal(Some(t[0]), g.chain_id);
    for _ in 0..2 {
        rlp.integer(p, t[0]);
        p.equal(Some(t[0]), 0);
    }
    p.jump(done);
    p.place(access);
    access_list(p, v, x, &mut rlp);
    p.place(done);
    p.note("the bytes end with the list");
    p.equal(Some(at), x.end);
    p.jump(end);
    rlp.routines(p);
    p.place(end);
}

/// The calldata's place, and its tokens (EIP-7623).
fn calldata(p: &mut Asm, v: &Vars, x: &TransactionVars, rlp: &Rlp) {
    let t = v.t;
    let (empty, done) = (p.label(), p.label());
    rlp.calldata(p, x.tokens, empty);
    p.set(x.data_length, x.tokens);
    p.sub(Some(t[2]), Some(x.at), x.tokens);
    p.mix(x.data_before, t[2], -Fr::from(1));
    p.count(t[2], t[2], x.tokens);
    p.scale(
        x.tokens,
        t[2],
        u128::from(NONZERO_BYTE_TOKENS - 1),
        x.tokens,
    );
    p.jump(done);
    p.place(empty);
    p.set(x.data_length, 0);
    p.set(x.data_before, x.at);
    p.place(done);
}

/// Runs `body` until `at` reaches `end` exactly.
fn until(p: &mut Asm, at: Var, end: Var, t: Var, body: impl FnOnce(&mut Asm)) {
    let (again, done): (Label, Label) = (p.label(), p.label());
    p.place(again);
    p.sub(Some(t), Some(end), at);
    p.jump_zero(t, done);
    body(p);
    p.jump(again);
    p.place(done);
}

/// The prover says whether the receiver has code, which [`assemble`] proves. If it has, the transaction gets its number.
fn receiver_has_code(p: &mut Asm, v: &Vars, x: &TransactionVars) {
    let plain = p.label();
    let (to, e) = (x.to, &v.e);
    let says = |contract: u64, next| Micro {
        ops: vec![Op::Own, Op::CopyB],
        imm: Fr::from(contract),
        d: Target::Word(x.contract),
        next,
        ..Micro::default()
    };
    let ways = vec![says(0, Next::To(plain)), says(1, Next::Ahead)];
    p.pick(ways, move |v| {
        usize::from(v.account(to).is_ok_and(|a| !a.code.is_empty()))
    });
    p.add(x.number, v.s.transactions, 1);
    p.beside(x.first_use, e.one, x.number);
    p.place(plain);
}

/// EIP-2930: counts addresses and keys, and marks them if code will run.
///
/// A slot of the list was not used in this transaction before, so its word is the original one; it is so still where the list has it
/// twice, as nothing was written in between. Records of transactions are marked by number, and a plain transfer leaves no mark, so who
/// is marked here can matter to no other transaction.
fn access_list(p: &mut Asm, v: &Vars, x: &TransactionVars, rlp: &mut Rlp) {
    let [t, entry_end, word, mark, original, of] = v.t;
    p.note("access list: [address, [key, ...]], ...");
    rlp.list(p, x.end);
    until(p, x.at, x.end, t, |p| {
        rlp.list_within(p, entry_end);
        rlp.fixed(p, t, 20);
        p.add(x.addresses, x.addresses, 1);
        if_code_runs(p, x, |p| {
            let (balance, nonce, code) = (word, mark, original);
            p.open_account(t, [balance, nonce, code]);
            p.beside(nonce, x.number, nonce);
            p.close_account(balance, nonce);
            p.join(of, t);
        });
        rlp.list(p, entry_end);
        until(p, x.at, entry_end, t, |p| {
            rlp.fixed(p, t, 32);
            p.add(x.keys, x.keys, 1);
            if_code_runs(p, x, |p| {
                p.open_slot(of, t, [word, mark, original]);
                p.close_slot(x.first_use, word);
            });
        });
    });
}

/// Runs `body` if the receiver has code.
fn if_code_runs(p: &mut Asm, x: &TransactionVars, body: impl FnOnce(&mut Asm)) {
    let (runs, done) = (p.label(), p.label());
    p.switch(x.contract, &[(1, runs), (0, done)], None);
    p.place(runs);
    body(p);
    p.place(done);
}

/// Rules that need no state, and the gas used: a transfer's is the greater of intrinsic gas and floor.
fn rules(p: &mut Asm, v: &Vars, x: &TransactionVars) {
    let (g, t, intrinsic, floor) = (v.s, v.t[0], x.intrinsic, x.floor);
    p.note("EIP-2681, EIP-1559, EIP-7825 and the block's gas limit");
    p.less(Some(x.nonce), Fr::from(u64::MAX));
    p.high(t, x.max_fee);
    p.equal(Some(t), 0);
    p.sub(None, Some(x.max_fee), x.priority);
    p.sub(None, Some(x.max_fee), g.base_fee);
    p.less(Some(x.gas), MAX_TRANSACTION_GAS + 1);
    p.sub(Some(t), Some(g.gas_limit), g.gas_used);
    p.sub(None, Some(t), x.gas);
    p.note("intrinsic gas and calldata floor (EIP-2930, EIP-7623)");
    p.scale(intrinsic, x.tokens, u128::from(TOKEN_GAS), TRANSACTION_GAS);
    p.scale(
        intrinsic,
        x.addresses,
        u128::from(ACCESS_LIST_ADDRESS_GAS),
        intrinsic,
    );
    p.scale(
        intrinsic,
        x.keys,
        u128::from(ACCESS_LIST_KEY_GAS),
        intrinsic,
    );
    p.scale(
        floor,
        x.tokens,
        u128::from(FLOOR_TOKEN_GAS),
        TRANSACTION_GAS,
    );
    let (higher, done) = (p.label(), p.label());
    p.jump_hint(higher, move |v| v.word(floor) > v.word(intrinsic));
    p.sub(None, Some(intrinsic), floor);
    p.set(x.used, intrinsic);
    p.jump(done);
    p.place(higher);
    p.less(Some(intrinsic), floor);
    p.set(x.used, floor);
    p.place(done);
    p.sub(None, Some(x.gas), x.used);
    p.note("priority fee: the lesser of the maximum and what the maximum fee leaves");
    p.sub(Some(t), Some(x.max_fee), g.base_fee);
    let (room, done) = (p.label(), p.label());
    let priority = x.priority;
    p.jump_hint(room, move |v| v.word(t) < v.word(priority));
    p.sub(None, Some(t), x.priority);
    p.set(x.tip, x.priority);
    p.jump(done);
    p.place(room);
    p.less(Some(t), x.priority);
    p.set(x.tip, t);
    p.place(done);
    p.add(x.price, x.tip, g.base_fee);
}

/// The receiver is no precompile, whether it has code or not.
fn receiver(p: &mut Asm, v: &Vars, x: &TransactionVars) {
    let t = v.t[0];
    let (small, done, above) = (p.label(), p.label(), p.label());
    p.note("the receiver is no precompile");
    p.high(t, x.to);
    p.jump_zero(t, small);
    p.jump(done);
    p.place(small);
    p.jump_zero(x.to, done);
    let to = x.to;
    p.jump_hint(above, move |v| v.word(to) > U256::from(P256_PRECOMPILE));
    p.set(t, LAST_NUMBERED_PRECOMPILE);
    p.less(Some(t), x.to);
    p.less(Some(x.to), P256_PRECOMPILE);
    p.jump(done);
    p.place(above);
    p.set(t, P256_PRECOMPILE);
    p.less(Some(t), x.to);
    p.place(done);
}

/// Sender, receiver and coinbase. The base fee is burnt: nobody receives it.
fn transfer(p: &mut Asm, v: &Vars, x: &TransactionVars) {
    let (g, [_, balance, cost, nonce, code, _]) = (v.s, v.t);
    p.note("EIP-3607 and nonce");
    p.open_account(x.sender, [balance, nonce, code]);
    p.no_code(code);
    p.equal(Some(nonce), x.nonce);
    p.note("the balance covers gas limit x max fee + value");
    p.mul_add(cost, x.max_fee, x.gas, x.value);
    p.sub(None, Some(balance), cost);
    p.mul_add(cost, x.price, x.used, x.value);
    p.sub(Some(balance), Some(balance), cost);
    p.successor(nonce, nonce);
    p.close_account(balance, nonce);
    p.note("value to the receiver, which has no code");
    p.open_account(x.to, [balance, nonce, code]);
    p.no_code(code);
    p.add(balance, balance, x.value);
    p.close_account(balance, nonce);
    p.note("priority fee to the coinbase");
    p.open_account(g.coinbase, [balance, nonce, code]);
    p.mul_add(balance, x.tip, x.used, balance);
    p.close_account(balance, nonce);
    p.set(x.status, 1);
}

/// Receipts chain: status, cumulative gas, logs.
fn receipt(p: &mut Asm, v: &Vars, x: &TransactionVars) {
    let (g, [item, rate, capacity, ..]) = (v.s, v.t);
    p.note("receipts chain");
    p.add(g.gas_used, g.gas_used, x.used);
    p.set(rate, 0);
    p.set(capacity, Tag::Receipt.iv(4));
    p.pair(item, Some(x.status), g.gas_used);
    p.absorb(item, rate, capacity);
    let logs = &v.e.logs;
    p.pair(item, Some(logs.count), logs.chain);
    p.absorb(item, rate, capacity);
    p.high(item, rate);
    p.compress(
        g.receipts_chain,
        Tag::Receipts.iv(2),
        g.receipts_chain,
        item,
    );
}
