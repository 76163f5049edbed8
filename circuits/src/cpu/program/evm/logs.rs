//! KECCAK256 and LOG: bytes of memory that are hashed.

use super::{EvmVars, Family, compare::is_zero, memory::charge_words};
use crate::{
    Fr,
    cpu::asm::{Asm, Next, Routine, Var},
};
use alloy_primitives::KECCAK256_EMPTY;
use protocol::hash::Tag;

/// Scratch words for logs.
pub(in crate::cpu::program) struct LogVars {
    /// Logs of the transaction so far.
    pub(in crate::cpu::program) count: Var,
    /// Their chain.
    pub(in crate::cpu::program) chain: Var,
    topics: [Var; 4],
    /// How many topics a log has.
    number: Var,
    rate: Var,
    capacity: Var,
    /// Hash of the data.
    data: Var,
    stream: Var,
    caller: Var,
}

impl LogVars {
    pub(super) fn declare(p: &mut Asm) -> Self {
        Self {
            count: p.var("logs"),
            chain: p.var("log chain"),
            topics: [0, 1, 2, 3].map(|i| p.var(&format!("topic {i}"))),
            number: p.var("topics"),
            rate: p.var("log rate"),
            capacity: p.var("log capacity"),
            data: p.var("hash of the data"),
            stream: p.var("hashed stream"),
            caller: p.var("caller of log"),
        }
    }
    /// There is no log.
    pub(in crate::cpu::program) fn clear(&self, p: &mut Asm) {
        p.set(self.count, 0);
        p.set(self.chain, 0);
    }
}

pub(super) fn assemble(f: &mut Family<'_>) {
    keccak(f);
    logs(f);
}

fn keccak(f: &mut Family<'_>) {
    let (m, l) = (&f.e.memory, &f.e.logs);
    let [_, digest, ..] = f.e.t;
    let [empty, again, done] = std::array::from_fn(|_| f.p.label());
    let o = f.opcode(0x20);
    f.begin(o, &[m.offset, m.size]);
    f.m.touch.call(f.p);
    is_zero(f.p, m.size, [Next::To(empty), Next::Ahead]);
    charge_words(f, m.size, 6);
    f.p.set(m.from, m.at);
    f.p.set(m.left, m.size);
    f.p.begin_stream(l.stream);
    f.p.place(again);
    f.m.next.call(f.p);
    f.p.write_next(l.stream, m.value);
    is_zero(f.p, m.left, [Next::Ahead, Next::To(again)]);
    f.p.keccak(digest, Some(l.stream), 0, m.size);
    f.p.place(done);
    f.give(digest);
    f.p.place(empty);
    f.p.constant(digest, KECCAK256_EMPTY.into());
    f.p.jump(done);
}

fn logs(f: &mut Family<'_>) {
    let (m, l) = (&f.e.memory, &f.e.logs);
    let mut data = Routine::declare(f.p, l.caller);
    let last = f.p.label();
    for topics in 0..=4usize {
        let o = f.opcode(0xa0 + topics as u8);
        let words: Vec<Var> = [m.offset, m.size]
            .into_iter()
            .chain(l.topics.into_iter().take(topics))
            .collect();
        f.begin(o, &words);
        f.p.set(l.number, topics as u64);
        data.call(f.p);
        for topic in l.topics.iter().take(topics) {
            f.p.absorb(*topic, l.rate, l.capacity);
        }
        f.p.jump(last);
    }
    f.p.place(last);
    f.p.note("the log joins the chain");
    let [_, item, ..] = f.e.t;
    f.p.pair(item, Some(m.size), l.data);
    f.p.absorb(item, l.rate, l.capacity);
    f.p.high(item, l.rate);
    f.p.compress(l.chain, Tag::Logs.iv(2), l.chain, item);
    f.p.add(l.count, l.count, 1);
    f.finish();
    begin(f, &data);
}

/// A log's data is hashed, and the log's own hash begins with address and number of topics.
fn begin(f: &mut Family<'_>, data: &Routine) {
    let e: &EvmVars = f.e;
    let (m, l) = (&e.memory, &e.logs);
    let [_, amount, item, ..] = e.t;
    let [empty, again, done] = std::array::from_fn(|_| f.p.label());
    f.p.note("data of a log");
    data.begin(f.p);
    f.m.touch.call(f.p);
    f.p.set(l.rate, 0);
    is_zero(f.p, m.size, [Next::To(empty), Next::Ahead]);
    f.p.scale(amount, m.size, 8, 0);
    f.charge(amount);
    f.p.scale(l.capacity, m.size, 1 << 64, Tag::LogData.iv(0));
    f.p.set(m.from, m.at);
    f.p.set(m.left, m.size);
    f.p.place(again);
    f.m.next.call(f.p);
    f.p.absorb(m.value, l.rate, l.capacity);
    is_zero(f.p, m.left, [Next::To(done), Next::To(again)]);
    f.p.place(empty);
    f.p.set(l.capacity, Tag::LogData.iv(0));
    f.p.set(m.value, 0);
    f.p.absorb(m.value, l.rate, l.capacity);
    f.p.place(done);
    f.p.high(l.data, l.rate);
    f.p.note("address and number of topics of a log");
    // The item has four elements and two for each topic.
    f.p.scale(l.capacity, l.number, 1 << 64, Fr::from(0));
    f.p.add(l.capacity, l.capacity, l.capacity);
    f.p.mix(l.capacity, l.capacity, Tag::Log.iv(4));
    f.p.set(l.rate, 0);
    f.p.join(item, e.address);
    f.p.pair(item, Some(item), l.number);
    f.p.absorb(item, l.rate, l.capacity);
    data.end(f.p, None);
}
