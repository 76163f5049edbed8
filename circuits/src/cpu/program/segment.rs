//! A segment: boundary state before, blocks, boundary state after, public input.

use super::{
    Vars, block,
    hashing::{Item, record},
    sponge,
    transaction::TransactionVars,
};
use crate::cpu::{
    asm::{Asm, Label, Var},
    interpreter::View,
};
use alloy_primitives::{Address, B256, U256};
use protocol::{
    BoundaryState, PROTOCOL_VERSION, statement::SEGMENT_DOMAIN, transaction::SECP256K1_HALF_ORDER,
};

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
    /// First group of the payload that the sponge has not absorbed yet: those from here to `group` are in no whole block.
    pub base: Var,
    /// The payload's stream; its high half is 1 if the hash goes on from a state.
    pub stream: Var,
    /// The sponge's state after the whole blocks before the segment, then after it: 200 bytes and zeros.
    pub state: [Var; 7],
    /// Next payload group.
    pub group: Var,
    /// Next payload byte, in the boundary states only; 0 in the one at the batch's end.
    pub offset: Var,
    /// Transactions of the batch so far; 0 in the boundary state at the batch's end.
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
            public: p.public(),
            chain_id: p.var("chain id"),
            batch_hash: p.var("batch hash"),
            from: p.var("boundary hash before"),
            root: p.var("state root"),
            tip: p.var("tip hash"),
            number: p.var("block number"),
            timestamp: p.var("timestamp"),
            sponge: p.var("payload sponge"),
            base: p.var("payload groups absorbed"),
            stream: p.var("payload stream"),
            state: [0, 1, 2, 3, 4, 5, 6].map(|i| p.var(&format!("sponge state {i}"))),
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

/// The boundary state that the words of [`SegmentVars`] make; what does not fit its field becomes the greatest value.
pub(crate) fn boundary_state(view: &View<'_>, s: &SegmentVars) -> BoundaryState {
    let number = |v: Var| view.word(v).saturating_to::<u64>();
    let word = |v: Var| B256::from(view.word(v));
    BoundaryState {
        state_root: word(s.root),
        tip_hash: word(s.tip),
        block_number: number(s.number),
        block_timestamp: number(s.timestamp),
        payload_sponge: word(s.sponge),
        payload_offset: number(s.offset),
        transaction_number: number(s.transactions),
        block_open: number(s.open) == 1,
        gas_limit: number(s.gas_limit),
        base_fee: number(s.base_fee),
        coinbase: Address::from_word(word(s.coinbase)),
        prev_randao: word(s.prev_randao),
        transactions_left: number(s.left),
        gas_used: number(s.gas_used),
        transactions_hash: word(s.transactions_word),
        receipts_hash: word(s.receipts_word),
        ..BoundaryState::default()
    }
}

/// `word =` the canonical form of the field element in `element.lo`: below the modulus, so there is only one.
pub(super) fn canonical(p: &mut Asm, word: Var, element: Var, modulus: Var, t: Var) {
    p.hint(word, move |v| v.element(element));
    p.join(t, word);
    p.equal(Some(t), element);
    p.less(Some(word), modulus);
}

/// Assembles the whole program; the label is where the words of the boundary state after the segment are in place.
pub(super) fn assemble(p: &mut Asm, v: &Vars, tx: &TransactionVars) -> Label {
    let (s, t) = (v.s, v.t);
    before(p, v);
    let (first, blocks, next, cut, after) = (p.label(), p.label(), p.label(), p.label(), p.label());
    p.jump_zero(s.open, first);
    p.jump(next);

    p.place(first);
    p.note("payload: version, then blocks until its end, one at least");
    p.group(t[0], s.group);
    p.equal(Some(t[0]), PROTOCOL_VERSION);
    p.place(blocks);
    block::assemble(p, v, tx, next, cut);
    p.jump_hint(blocks, move |v| {
        v.word(s.group) * U256::from(8) < U256::from(v.context().payload.len())
    });

    p.note("the batch ends here: the payload is used up exactly");
    sponge::digest(p, v);
    p.set(s.offset, 0);
    p.set(s.transactions, 0);
    p.jump(after);

    p.place(cut);
    p.note("the segment ends in a block");
    sponge::absorb(p, v);
    p.scale(s.offset, s.group, 8, 0);
    chain_words(p, v);

    p.place(after);
    public_input(p, v)
}

/// The boundary state before: at a batch's start all words of an open block are 0, as they begin.
fn before(p: &mut Asm, v: &Vars) {
    let (s, t) = (v.s, v.t);
    p.note("constants");
    p.constant(s.modulus, crate::witness::field_modulus());
    p.constant(s.half_order, SECP256K1_HALF_ORDER);
    v.e.constants(p);

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
    let begins = p.label();
    p.jump_hint(begins, |v| !v.context().from.block_open);

    p.note("a block is open: what it has so far, and how far the payload is read");
    p.set(s.open, 1);
    p.hint(s.group, |v| U256::from(v.context().from.payload_offset / 8));
    p.scale(s.offset, s.group, 8, 0);
    p.hint(s.transactions, |v| {
        U256::from(v.context().from.transaction_number)
    });
    p.hint(s.gas_limit, |v| U256::from(v.context().from.gas_limit));
    p.hint(s.base_fee, |v| U256::from(v.context().from.base_fee));
    p.hint(s.coinbase, |v| {
        U256::from_be_slice(v.context().from.coinbase.as_slice())
    });
    p.hint(s.prev_randao, |v| v.context().from.prev_randao.into());
    p.hint(s.left, |v| U256::from(v.context().from.transactions_left));
    p.hint(s.gas_used, |v| U256::from(v.context().from.gas_used));
    p.hint(s.transactions_word, |v| {
        v.context().from.transactions_hash.into()
    });
    p.hint(s.receipts_word, |v| v.context().from.receipts_hash.into());
    p.join(s.transactions_chain, s.transactions_word);
    p.join(s.receipts_chain, s.receipts_word);
    sponge::open(p, v);

    p.place(begins);
    p.note("hash of the boundary state before");
    record(p, s.from, &s.boundary(), [t[0], t[1], t[2]]);
    p.payload_begin(s.base);
    p.tree(s.root, false);
}

/// The words of the open block's chains.
pub(super) fn chain_words(p: &mut Asm, v: &Vars) {
    let (s, t) = (v.s, v.t);
    canonical(
        p,
        s.transactions_word,
        s.transactions_chain,
        s.modulus,
        t[0],
    );
    canonical(p, s.receipts_word, s.receipts_chain, s.modulus, t[0]);
}

/// The ends of the chains, the boundary state after, the segment hash.
fn public_input(p: &mut Asm, v: &Vars) -> Label {
    let (s, t) = (v.s, v.t);
    p.note("state root after");
    p.try_hint(s.root, |v| v.final_root());
    p.less(Some(s.root), s.modulus);
    p.tree(s.root, true);
    p.note("the payload that was read");
    p.payload_end();
    let complete = p.label();
    p.place(complete);
    p.note("hash of the boundary state after");
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
    p.halt();
    complete
}
