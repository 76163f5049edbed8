//! Tests of `io`.

use super::*;
use crate::{
    Fr,
    arith::{self, ArithChip},
    framework::{
        Cell, Expr, KindId, Machine, MachineBuilder, checker,
        mutate::mutate,
        pow2,
        table::{LEAD_IN, Table},
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
    /// Makes and consumes a payload token.
    chain: (KindId, Cell, Cell),
    /// Makes a word token.
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
        let mut k = b.kind("test.chain", 1);
        let (from, to) = (k.cell("from", 0), k.cell("to", 0));
        k.send(buses.payload, 1, vec![from.expr()]);
        k.receive(buses.payload, 1, vec![to.expr()]);
        let chain = (k.finish(), from, to);
        let mut k = b.kind("test.write", 1);
        let cells = k.cells("word", 0, 4);
        k.send(buses.word, 1, exprs(&cells));
        let write = (k.finish(), cells);
        let mut ask = |name: &str, bus, n| {
            let mut k = b.kind(name, 1);
            let cells = k.cells("fact", 0, n);
            k.require(bus, 1, exprs(&cells));
            (k.finish(), cells)
        };
        let bytes = ask("test.bytes", buses.bytes, 3);
        let item = ask("test.item", buses.item, 7);
        let count = ask("test.count", buses.count, 3);
        let arith = ask("test.arith", buses.arith, 9);
        (chip, other, (chain, write, bytes, item, count, arith))
    });
    let (chain, write, bytes, item, count, arith) = kinds;
    Rig {
        machine,
        start,
        chip,
        chain,
        write,
        bytes,
        item,
        count,
        arith,
        other,
    }
}

impl Rig {
    /// A start row, the payload with its token chain, and every group of it asked for once.
    fn payload(&self, first: u64, bytes: &[u8]) -> Trace<'_> {
        let mut t = Trace::new(&self.machine);
        t.push(self.start);
        let end = GroupKinds::payload_end(first, bytes.len());
        let (kind, from, to) = self.chain;
        t.push(kind).set(from, first).set(to, end);
        self.chip.groups.trace_payload(&mut t, first, bytes);
        let groups = groups_of(bytes).chain(std::iter::repeat(0));
        for (index, value) in (first..end).zip(groups) {
            t.push(self.bytes.0)
                .set_all(&self.bytes.1, [0, index, value]);
        }
        t
    }
    fn ask_item(&self, t: &mut Trace<'_>, fact: [Fr; 7]) {
        t.push(self.item.0).set_all(&self.item.1, fact);
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
            self.ask_item(&mut t, fact(&item));
        }
        for (offset, length) in counts {
            let n = reads.count(*offset, *length).unwrap();
            self.ask_count(&mut t, [*offset, *length, n]);
        }
        self.chip.trace_reads(&mut t, &reads);
        finish(t)
    }
}

/// The fact of an item.
fn fact(item: &Item) -> [Fr; 7] {
    let (hi, lo) = split_word(item.value);
    [
        Fr::from(item.offset),
        Fr::from(item.next),
        Fr::from(u64::from(item.is_list)),
        Fr::from(item.length),
        Fr::from(u64::from(item.canonical)),
        hi,
        lo,
    ]
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
