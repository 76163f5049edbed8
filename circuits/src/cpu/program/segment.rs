//! A segment: boundary state before, blocks, boundary state after, public input.

use super::{
    Vars, block,
    hashing::{Item, record},
    transaction::TransactionVars,
};
use crate::cpu::asm::{Asm, Var};
use alloy_primitives::U256;
use protocol::{PROTOCOL_VERSION, statement::SEGMENT_DOMAIN, transaction::SECP256K1_HALF_ORDER};

/// Scratch words that live through the whole segment.
#[derive(Clone, Copy, Debug)]
pub struct SegmentVars {
    /// The public input.
    pub public: Var,
    /// Chain id.
    pub chain_id: Var,
    /// Batch hash, opaque here.
    pub batch_hash: Var,
    /// Hash of the boundary state before.
    pub from: Var,
    /// State root before, then after.
    pub root: Var,
    /// Hash of the last closed block.
    pub tip: Var,
    /// Number of the open or last closed block.
    pub number: Var,
    /// Its timestamp.
    pub timestamp: Var,
    /// The sponge word of the boundary state.
    pub sponge: Var,
    /// Next payload group.
    pub group: Var,
    /// Next payload byte, in the boundary states only.
    pub offset: Var,
    /// Transactions of the batch so far.
    pub transactions: Var,
    /// 1 while a block is open.
    pub open: Var,
    /// Gas limit of the open block.
    pub gas_limit: Var,
    /// Base fee of the open block.
    pub base_fee: Var,
    /// Coinbase of the open block.
    pub coinbase: Var,
    /// PREVRANDAO of the open block.
    pub prev_randao: Var,
    /// Transactions of the open block still to come.
    pub left: Var,
    /// Gas used so far in the open block.
    pub gas_used: Var,
    /// Transactions chain, a field element in the low half.
    pub transactions_chain: Var,
    /// Receipts chain, a field element in the low half.
    pub receipts_chain: Var,
    /// The chains as words.
    pub transactions_word: Var,
    /// See `transactions_word`.
    pub receipts_word: Var,
    /// 1 once the fields of the last closed block's header are known.
    pub have_parent: Var,
    /// Gas limit of the last closed block.
    pub parent_gas_limit: Var,
    /// Gas used by it.
    pub parent_gas_used: Var,
    /// Its base fee.
    pub parent_base_fee: Var,
    /// The order of the scalar field, to prove words canonical.
    pub modulus: Var,
    /// Half the order of secp256k1 (EIP-2).
    pub half_order: Var,
}

impl SegmentVars {
    pub(super) fn declare(p: &mut Asm) -> Self {
        Self {
            public: p.var("public input"),
            chain_id: p.var("chain id"),
            batch_hash: p.var("batch hash"),
            from: p.var("boundary hash before"),
            root: p.var("state root"),
            tip: p.var("tip hash"),
            number: p.var("block number"),
            timestamp: p.var("timestamp"),
            sponge: p.var("payload sponge"),
            group: p.var("payload group"),
            offset: p.var("payload offset"),
            transactions: p.var("transaction number"),
            open: p.var("block open"),
            gas_limit: p.var("gas limit"),
            base_fee: p.var("base fee"),
            coinbase: p.var("coinbase"),
            prev_randao: p.var("prevrandao"),
            left: p.var("transactions left"),
            gas_used: p.var("gas used"),
            transactions_chain: p.var("transactions chain"),
            receipts_chain: p.var("receipts chain"),
            transactions_word: p.var("transactions hash"),
            receipts_word: p.var("receipts hash"),
            have_parent: p.var("parent known"),
            parent_gas_limit: p.var("parent gas limit"),
            parent_gas_used: p.var("parent gas used"),
            parent_base_fee: p.var("parent base fee"),
            modulus: p.var("field modulus"),
            half_order: p.var("half of the curve order"),
        }
    }

    /// The words of a boundary state, in the protocol's order.
    fn boundary(&self) -> [Item; 21] {
        let zero = Item::Small(0);
        [
            self.root.into(),
            self.tip.into(),
            self.number.into(),
            self.timestamp.into(),
            zero,
            zero,
            zero,
            self.sponge.into(),
            self.offset.into(),
            self.transactions.into(),
            self.open.into(),
            self.gas_limit.into(),
            self.base_fee.into(),
            self.coinbase.into(),
            self.prev_randao.into(),
            self.left.into(),
            self.gas_used.into(),
            self.transactions_word.into(),
            self.receipts_word.into(),
            zero,
            zero,
        ]
    }
}

/// `word =` the canonical form of the field element in `element.lo`: below the modulus, so there is only one.
pub(super) fn canonical(p: &mut Asm, word: Var, element: Var, modulus: Var, t: Var) {
    p.hint(word, move |v| v.element(element));
    p.join(t, word);
    p.equal(Some(t), element);
    p.less(Some(word), modulus);
}

pub(super) fn assemble(p: &mut Asm, v: &Vars, tx: &TransactionVars) {
    let (s, t) = (v.s, v.t);
    p.note("public input; scratch words");
    p.public(s.public);
    for x in p.vars().into_iter().filter(|x| *x != s.public) {
        p.allocate(x);
    }
    p.constant(s.modulus, crate::witness::field_modulus());
    p.constant(s.half_order, SECP256K1_HALF_ORDER);

    p.note("boundary state before");
    p.hint(s.chain_id, |v| U256::from(v.context().chain_id));
    p.hint(s.batch_hash, |v| v.context().batch_hash.into());
    p.hint(s.root, |v| v.context().from.state_root.into());
    p.hint(s.tip, |v| v.context().from.tip_hash.into());
    p.hint(s.number, |v| U256::from(v.context().from.block_number));
    p.hint(s.timestamp, |v| {
        U256::from(v.context().from.block_timestamp)
    });
    p.less(Some(s.root), s.modulus);
    p.note("a batch begins here: the segment is the first, nothing of the payload is read, no block is open");
    record(p, s.from, &s.boundary(), [t[0], t[1], t[2]]);
    p.payload_begin(s.group);
    p.tree(s.root, false);

    p.note("payload: version, then blocks until its end");
    p.group(t[0], s.group);
    p.equal(Some(t[0]), PROTOCOL_VERSION);
    let (blocks, finish) = (p.label(), p.label());
    p.place(blocks);
    p.jump_hint(finish, move |v| {
        v.word(s.group) * U256::from(8) >= U256::from(v.context().payload.len())
    });
    block::assemble(p, v, tx);
    p.jump(blocks);

    p.place(finish);
    p.note("boundary state after: the payload is used up exactly");
    p.set(t[0], 8);
    p.mul_add(t[1], s.group, Some(t[0]), 0);
    p.keccak(s.sponge, None, 0, t[1]);
    p.payload_end();
    p.hint(s.root, |v| v.final_root());
    p.less(Some(s.root), s.modulus);
    p.tree(s.root, true);
    p.set(s.transactions, 0);
    record(p, t[3], &s.boundary(), [t[0], t[1], t[2]]);

    p.note("segment hash is the public input");
    let words = [
        Item::Wide(SEGMENT_DOMAIN.into()),
        Item::Small(PROTOCOL_VERSION),
        s.chain_id.into(),
        s.batch_hash.into(),
        s.from.into(),
        t[3].into(),
    ];
    record(p, t[4], &words, [t[0], t[1], t[2]]);
    p.equal(Some(t[4]), s.public);
    p.note("scratch words are given back");
    for x in p.vars() {
        p.free(x);
    }
    p.halt();
}
