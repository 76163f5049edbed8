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
mod reading;
mod spans;

/// The chip and kinds that do what its neighbours would.
struct Rig {
    machine: Arc<Machine>,
    start: KindId,
    chip: IoChip,
    /// Consumes a word token.
    write: (KindId, Vec<Cell>),
    /// Require one fact each.
    bytes: (KindId, Vec<Cell>),
    span: (KindId, Vec<Cell>),
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
        let span = ask("test.span", buses.span, 5);
        let arith = ask("test.arith", buses.arith, 8);
        (chip, other, (write, bytes, span, arith))
    });
    let (write, bytes, span, arith) = kinds;
    Rig {
        machine,
        start,
        chip,
        write,
        bytes,
        span,
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
    fn ask_span(&self, t: &mut Trace<'_>, start: u64, length: u64, fact: SpanFact) {
        let [start, length, nonzero, head] = [start, length, fact.nonzero, fact.head].map(Fr::from);
        t.push(self.span.0)
            .set_all(&self.span.1, [start, length, nonzero, head, fact.value]);
    }
    /// The payload, with spans asked for and proven.
    fn reads(&self, payload: &[u8], spans: &[(u64, u64)]) -> Table {
        let mut t = self.payload(0, payload);
        let mut reads = Reads::new(payload.to_vec());
        for (offset, length) in spans {
            let fact = reads.span(*offset, *length).unwrap();
            self.ask_span(&mut t, *offset, *length, fact);
        }
        self.chip.trace_reads(&mut t, &reads);
        finish(t)
    }
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

/// Pseudo-random bytes.
fn noise(seed: u64, n: usize) -> Vec<u8> {
    use rand::{RngCore, SeedableRng, rngs::StdRng};
    let mut bytes = vec![0; n];
    StdRng::seed_from_u64(seed).fill_bytes(&mut bytes);
    bytes
}

fn finish(t: Trace<'_>) -> Table {
    t.finish([Fr::ZERO; 2])
}
