//! The payload's hash over the segments of a batch.
//!
//! A payload group is 8 bytes, a block of the sponge 17 groups. Where a segment ends inside the batch, the blocks that are
//! full have been absorbed and the state after them is known; the groups of the block that is not full are committed to
//! next to it ([`protocol::statement::sponge_commitment`]). The next segment reads these groups again.

use super::{Vars, segment::canonical};
use crate::{
    cpu::{
        asm::{Asm, Var},
        interpreter::View,
    },
    framework::pow2,
    keccak,
};
use alloy_primitives::U256;
use protocol::{
    hash::Tag,
    statement::{SPONGE_ELEMENTS, SPONGE_GROUPS},
};

/// Stream of the state that the hash goes on from: the payload's, which is 0, plus 2. No stamp is even.
const STATE_BEFORE: u64 = 2;
/// Stream of the state that the hash ends in. Stamps are 1 modulo 4.
const STATE_AFTER: u64 = 3;
/// Bytes of a group.
const BYTES: u64 = 8;

/// `base =` the first group that is in no whole block, 17 times a hint. The groups behind it are fewer than 17 because
/// [`commitment`] reads them all.
fn whole_blocks(p: &mut Asm, v: &Vars, base: Var) {
    let (group, [blocks, ..]) = (v.s.group, v.t);
    p.hint(blocks, move |v| v.word(group) / U256::from(SPONGE_GROUPS));
    p.scale(base, blocks, SPONGE_GROUPS as u128, 0);
}

/// Word `i` of the state after the blocks before `base`.
fn word_of_state(view: &View<'_>, base: Var, i: usize) -> U256 {
    let payload = &view.context().payload;
    let bytes = view.word(base).saturating_mul(U256::from(BYTES));
    let bytes = bytes.saturating_to::<usize>().min(payload.len());
    let mut lanes = [0; 25];
    keccak::absorb(&mut lanes, payload.get(..bytes).unwrap_or_default());
    let mut words = keccak::state_bytes(&lanes).to_vec();
    words.resize(7 * 32, 0);
    words
        .get(32 * i..32 * i + 32)
        .map_or(U256::ZERO, U256::from_be_slice)
}

/// Writes the state to a stream, of which this is the only use in a segment.
fn write_state(p: &mut Asm, v: &Vars, stream: u64) {
    let t = v.t[0];
    p.set(t, stream);
    for (i, word) in (0u64..).zip(v.s.state) {
        p.write(t, 4 * i, word);
    }
}

/// The sponge word of a boundary state inside a batch: it commits to the state, to how many groups behind `base` are
/// read, and to these groups.
fn commitment(p: &mut Asm, v: &Vars) {
    let s = v.s;
    let [rate, capacity, at, rest, low, n] = v.t;
    // The sponge word is not needed yet: until then it holds the first element of a pair.
    let high = s.sponge;
    p.note("commitment to the payload's sponge: state, number of groups behind it, these groups");
    p.set(rate, 0);
    p.set(capacity, Tag::Sponge.iv(SPONGE_ELEMENTS as u64));
    for word in s.state {
        p.absorb(word, rate, capacity);
    }
    p.set(at, s.base);
    p.sub(Some(rest), Some(s.group), s.base);
    p.set(high, rest);
    p.set(n, (SPONGE_GROUPS as u64 - 1) / 2);
    let next = |p: &mut Asm, d: Var| {
        let none = p.label();
        p.set(d, 0);
        p.jump_zero(rest, none);
        p.group(d, at);
        p.sub(Some(rest), Some(rest), 1);
        p.place(none);
    };
    let (again, done) = (p.label(), p.label());
    p.place(again);
    next(p, low);
    p.pair(low, Some(high), low);
    p.absorb(low, rate, capacity);
    next(p, high);
    p.sub(Some(n), Some(n), 1);
    p.jump_zero(n, done);
    p.jump(again);
    p.place(done);
    p.note("sixteen groups at most, or a block would be full");
    p.equal(Some(rest), 0);
    p.pair(low, Some(high), 0);
    p.absorb(low, rate, capacity);
    p.high(rate, rate);
    canonical(p, s.sponge, rate, s.modulus, low);
}

/// The sponge before the segment, as the boundary state's word commits to it: the hash goes on from it.
pub(super) fn open(p: &mut Asm, v: &Vars) {
    let (s, t) = (v.s, v.t);
    p.note("payload's sponge before");
    whole_blocks(p, v, s.base);
    for (i, word) in s.state.into_iter().enumerate() {
        p.hint(word, move |v| word_of_state(v, s.base, i));
    }
    commitment(p, v);
    let done = p.label();
    p.note("without a whole block the hash begins anew");
    p.jump_zero(s.base, done);
    write_state(p, v, STATE_BEFORE);
    p.set(t[0], 1);
    p.pair(s.stream, Some(t[0]), 0);
    p.place(done);
}

/// At the batch's end: the payload's digest.
pub(super) fn digest(p: &mut Asm, v: &Vars) {
    let (s, [length, ..]) = (v.s, v.t);
    p.sub(Some(length), Some(s.group), s.base);
    p.scale(length, length, u128::from(BYTES), 0);
    p.keccak(s.sponge, Some(s.stream), s.base, length);
}

/// At a cut: absorbs the blocks that are whole by now, and commits to the sponge.
pub(super) fn absorb(p: &mut Asm, v: &Vars) {
    let (s, [_, unread, base, length, ..]) = (v.s, v.t);
    whole_blocks(p, v, base);
    p.sub(Some(length), Some(base), s.base);
    let (same, t) = (p.label(), v.t[0]);
    p.jump_zero(length, same);
    p.note("state after the whole blocks; its last word has one group");
    p.scale(length, length, u128::from(BYTES), 0);
    let [words @ .., last] = s.state;
    for (i, word) in words.into_iter().enumerate() {
        p.hint(word, move |v| word_of_state(v, base, i));
    }
    p.hint(last, move |v| word_of_state(v, base, 6) >> 192);
    p.less(Some(last), pow2(64));
    p.scale(last, last, 1 << 64, 0);
    p.pair(last, Some(last), 0);
    write_state(p, v, STATE_AFTER);
    p.set(t, 1);
    p.pair(t, Some(t), s.base);
    p.keccak(unread, Some(s.stream), t, length);
    p.place(same);
    p.set(s.base, base);
    commitment(p, v);
}
