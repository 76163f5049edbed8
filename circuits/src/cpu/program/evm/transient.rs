//! TLOAD and TSTORE (EIP-1153): words that a transaction begins with as 0 and takes with it.
//!
//! # The list
//!
//! A region of far words holds nodes of 96 bytes: a key, its word, and the next greater key that has a node, 0 if there is none. A
//! transaction's nodes are those from the one that was taken when its frame began, at `transient`, up to `transient_end`, which
//! only grows, by one node at a time. So a new node is three words that no one has used, all 0, and the first
//! one is that of key 0, with the word 0 and no greater key: what it should be before anything is stored.
//!
//! To find a key, the prover names a node, which is proven to be one of this transaction's, with a key that is not greater. If it is the
//! key itself, that is it. If it is less, the next one must be greater, or there must be none: then the key gets a node of its own, with the
//! word 0, between these two.
//!
//! # Why a key has one node
//!
//! A node stands for the interval from its key to the next one, or to 2^256. The first node stands for all of [0, 2^256), and a new
//! node splits an interval in two at a key strictly inside. So at all times each number is in exactly one interval. A key that
//! has a node is the beginning of its interval, and strictly inside none: no second node can be made for it. A key that has none is
//! no node's key, so no way leads past making one.
//!
//! # Frames and transactions
//!
//! The next transaction that runs a contract takes a new first node, and no node before it can be named any more. That is also why a frame
//! that fails has nothing to undo: it is the transaction's only one. There is only one account whose words are
//! asked for, so a key is a slot alone. With several frames a key must be a pair of address and slot, which a node and the
//! comparisons then have twice, and what a failed frame stored must be put back.
//!
//! A region has room for 2^32 bytes of nodes, a segment has 2^20 rows at most.

use super::{
    EvmVars, Family,
    compare::{less, same},
};
use crate::cpu::{
    asm::{Asm, Micro, Next, Operand, Routine, Target, Var},
    interpreter::View,
    isa::{CODE_REGIONS, FAR_AT, Op, REGION_BITS},
    program::Vars,
};
use crate::witness::from_halves;
use alloy_primitives::U256;

/// The first node's address. Its region is that of a frame with the greatest number, which none has: a segment has no room for so many.
pub(super) const FIRST: u64 = FAR_AT + ((CODE_REGIONS - 1) << REGION_BITS);
/// Bytes of a node.
const NODE: u64 = 96;
/// Where it has its word, after the key.
const WORD: u16 = 32;
/// Where it has the next key.
const NEXT: u16 = 64;

/// A transaction begins: the list of key 0 alone.
pub(super) fn begin(p: &mut Asm, e: &EvmVars) {
    p.set(e.transient, e.transient_end);
    p.mix(e.transient_end, e.transient_end, NODE);
}

pub(super) fn assemble(f: &mut Family<'_>, v: &Vars) {
    let mut find = Routine::declare(f.p, f.e.transient_caller);
    let [key, node, ..] = v.t;
    let o = f.opcode(0x5c);
    f.pop(key, 1);
    find.call(f.p);
    let load = Micro {
        ops: vec![Op::Own, Op::CopyB],
        a: node.into(),
        b: Operand::Far(WORD),
        d: Target::Push(1),
        ..Micro::default()
    };
    let load = f.last(o, load);
    f.p.emit(load);

    let o = f.opcode(0x5d);
    f.pop(key, 1);
    find.call(f.p);
    let store = f.part(Micro {
        ops: vec![Op::Own, Op::CopyB],
        a: node.into(),
        b: Operand::Pop(2),
        d: Target::Far(WORD),
        ..Micro::default()
    });
    f.p.emit(store);
    let done = f.last(
        o,
        Micro {
            ops: vec![Op::Own],
            ..Micro::default()
        },
    );
    f.p.emit(done);

    node_of(f.p, f.e, [key, node], [v.t[2], v.t[3]], &find);
}

/// The routine that finds or makes the node of a key: `node =` its address.
fn node_of(
    p: &mut Asm,
    e: &EvmVars,
    [key, node]: [Var; 2],
    [index, word]: [Var; 2],
    routine: &Routine,
) {
    let (first, end) = (e.transient, e.transient_end);
    let [found, inside] = std::array::from_fn(|_| p.label());
    routine.begin(p);
    p.note("the node of this key, or the one before its place");
    p.hint(index, move |v| before(v, [first, end], v.word(key)));
    p.scale(node, index, u128::from(NODE), first);
    p.less(Some(node), end);
    p.read_far(word, node, 0);
    let ways = vec![less(word, key), same(word, key).then(Next::To(found))];
    p.pick(ways, move |v| usize::from(v.word(word) == v.word(key)));
    p.note("a new node");
    p.read_far(word, node, NEXT);
    let last = same(word, Operand::Zero).then(Next::To(inside));
    let ways = vec![less(key, word), last];
    p.pick(ways, move |v| usize::from(v.word(word) == U256::ZERO));
    p.place(inside);
    p.write_far(node, NEXT, key);
    p.set(node, end);
    p.write_far(node, 0, key);
    p.write_far(node, NEXT, word);
    p.mix(end, end, NODE);
    p.place(found);
    p.note("the key has a node");
    routine.end(p, None);
}

/// Which of the nodes between two addresses has the greatest key that is not above `key`.
fn before(v: &View<'_>, ends: [Var; 2], key: U256) -> U256 {
    let [first, end] = ends.map(|e| v.word(e).saturating_to::<u64>());
    let nodes = (first..end).step_by(NODE as usize);
    let keys = nodes.map(|at| {
        let (hi, lo) = v.far(at);
        from_halves(hi, lo)
    });
    let below = (0u64..).zip(keys).filter(|(_, k)| *k <= key);
    let found = below.max_by_key(|(_, k)| *k);
    U256::from(found.map_or(0, |(i, _)| i))
}
