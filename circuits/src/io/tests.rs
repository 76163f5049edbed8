//! Tests of `io`.

use super::*;
use crate::{
    Fr,
    arith::{self, ArithChip},
    framework::{
        Cell, Expr, KindId, Machine, MachineBuilder, checker, mutate::mutate, pow2, table::Table,
        trace::Trace,
    },
    testing::*,
};
use alloy_primitives::U256;
use ff::Field;
use proptest::prelude::*;
use protocol::field::split_word;
use std::sync::Arc;

mod costs;
mod forgeries;
mod groups;
mod items;

/// The chip and kinds that do what its neighbours would.
struct Rig {
    machine: Arc<Machine>,
    start: KindId,
    chip: IoChip,
    /// Consumes a word token.
    write: (KindId, Vec<Cell>),
    /// Require one fact each.
    bytes: (KindId, Vec<Cell>),
    item: (KindId, Vec<Cell>),
    count: (KindId, Vec<Cell>),
    arith: (KindId, Vec<Cell>),
    other: ArithChip,
}

fn rig() -> Rig {
    let (machine, start, (chip, other, kinds)) = machine_with(|b: &mut MachineBuilder, buses| {
        let chip = define(b, buses);
        let other = arith::define(b, buses);
        let exprs = |cells: &[Cell]| cells.iter().map(Expr::from).collect::<Vec<_>>();
        let mut k = b.kind("test.write", 1);
        let cells = k.cells("word", 0, 4);
        k.receive(buses.word, 1, exprs(&cells));
        let write = (k.finish(), cells);
        let mut ask = |name: &str, bus, n| {
            let mut k = b.kind(name, 1);
            let cells = k.cells("fact", 0, n);
            k.require(bus, 1, exprs(&cells));
            (k.finish(), cells)
        };
        let bytes = ask("test.bytes", buses.bytes, 3);
        let item = ask("test.item", buses.item, 6);
        let count = ask("test.count", buses.count, 3);
        let arith = ask("test.arith", buses.arith, 8);
        (chip, other, (write, bytes, item, count, arith))
    });
    let (write, bytes, item, count, arith) = kinds;
    Rig {
        machine,
        start,
        chip,
        write,
        bytes,
        item,
        count,
        arith,
        other,
    }
}

impl Rig {
    /// A start row, and the payload from group `first` on with every group of it asked for once.
    fn payload(&self, first: u64, bytes: &[u8]) -> Trace<'_> {
        let mut t = Trace::new(&self.machine);
        t.push(self.start);
        for (i, part) in (0u64..).zip(bytes.chunks(32)) {
            let mut value = [0; 32];
            value[..part.len()].copy_from_slice(part);
            let word = Word {
                stream: 0,
                index: first + 4 * i,
                value: U256::from_be_bytes(value),
            };
            self.word(&mut t, word);
        }
        t
    }
    /// A word, its token, and its four groups asked for once.
    fn word(&self, t: &mut Trace<'_>, word: Word) {
        let (hi, lo) = split_word(word.value);
        let token = [Fr::from(word.stream), Fr::from(word.index), hi, lo];
        t.push(self.write.0).set_all(&self.write.1, token);
        let bytes: [u8; 32] = word.value.to_be_bytes();
        for (i, value) in (0..).zip(groups_of(&bytes)) {
            t.push(self.bytes.0)
                .set_all(&self.bytes.1, [word.stream, word.index + i, value]);
        }
        self.chip.groups.trace_words(t, [word]);
    }
    /// Asks for each of the facts about an item.
    fn ask_item(&self, t: &mut Trace<'_>, item: &Item) {
        for fact in facts(item) {
            t.push(self.item.0).set_all(&self.item.1, fact);
        }
    }
    fn ask_count(&self, t: &mut Trace<'_>, fact: [u64; 3]) {
        t.push(self.count.0).set_all(&self.count.1, fact);
    }
    /// The payload, with items and counts asked for and proven.
    fn reads(&self, payload: &[u8], items: &[u64], counts: &[(u64, u64)]) -> Table {
        let mut t = self.payload(0, payload);
        let mut reads = Reads::new(payload.to_vec());
        for offset in items {
            let item = reads.item(*offset).unwrap();
            self.ask_item(&mut t, &item);
        }
        for (offset, length) in counts {
            let n = reads.count(*offset, *length).unwrap();
            self.ask_count(&mut t, [*offset, *length, n]);
        }
        self.chip.trace_reads(&mut t, &reads);
        finish(t)
    }
}

/// The facts about an item: the integer if it is one, content, length.
fn facts(item: &Item) -> Vec<[Fr; 6]> {
    let (hi, lo) = split_word(item.value);
    let [offset, size, length] = [item.offset, item.next - item.offset, item.length].map(Fr::from);
    let list = u64::from(item.is_list);
    let mut facts = vec![];
    if item.canonical && !item.is_list {
        facts.push([Fr::ONE, offset, size, Fr::ZERO, hi, lo]);
    }
    facts.push([Fr::from(2 + list), offset, size, length, hi, lo]);
    facts.push([Fr::from(4 + list), offset, size, Fr::ZERO, Fr::ZERO, length]);
    facts
}

/// Panics unless exactly one relation stands against this forgery, the one named.
/// Multiplicities of fixed tables do not count: an attacker would adjust them.
fn only(machine: &Machine, table: &Table, relation: &str) {
    let failures = checker::check(machine, table, 100).expect_err("a bad table was accepted");
    let against: Vec<_> = failures
        .iter()
        .filter(|f| !f.relation.starts_with("multiplicity in table"))
        .collect();
    let all: Vec<_> = against.iter().map(ToString::to_string).collect();
    assert_eq!(against.len(), 1, "{}", all.join("\n"));
    assert_eq!(against[0].relation, relation, "{}", all[0]);
}

fn finish(t: Trace<'_>) -> Table {
    t.finish([Fr::ZERO; 2])
}
