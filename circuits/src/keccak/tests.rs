use super::*;
use crate::{
    LAYOUT,
    framework::{Cell, Machine, table::Table, trace::Trace},
    testing::*,
};
use alloy_primitives::keccak256;
use std::sync::Arc;

/// A machine of the chip, a kind that offers byte groups and a kind that wants digests.
struct Bench {
    machine: Arc<Machine>,
    chip: KeccakChip,
    start: KindId,
    high: Cell,
    low: Cell,
    source: (KindId, [Cell; 3]),
    sink: (KindId, [Cell; 5]),
}

fn bench() -> Bench {
    let mut b = MachineBuilder::new(LAYOUT);
    let buses = Buses::declare(&mut b);
    let (start, high, low) = start_kind(&mut b);
    let chip = define(&mut b, &buses);
    let mut k = b.kind("test.source", 1);
    let source: [Cell; 3] = std::array::from_fn(|i| k.cell(&format!("v{i}"), 0));
    k.provide(buses.bytes, 0, source.map(|c| c.expr()).to_vec());
    let source = (k.finish(), source);
    let mut k = b.kind("test.sink", 1);
    let sink: [Cell; 5] = std::array::from_fn(|i| k.cell(&format!("v{i}"), 0));
    k.require(buses.keccak, 1, sink.map(|c| c.expr()).to_vec());
    let sink = (k.finish(), sink);
    Bench {
        machine: Arc::new(b.build()),
        chip,
        start,
        high,
        low,
        source,
        sink,
    }
}

fn half(bytes: &[u8]) -> Fr {
    bytes
        .iter()
        .fold(Fr::ZERO, |v, b| v * Fr::from(256) + Fr::from(u64::from(*b)))
}

impl Bench {
    /// A table that hashes each message from group `start` of a stream of its own; `want` gives the demanded digests.
    fn table_with(
        &self,
        messages: &[(u64, u64, Vec<u8>)],
        want: impl Fn(&[u8]) -> [u8; 32],
    ) -> Table {
        let mut trace = Trace::new(&self.machine);
        trace.push(self.start).set(self.high, 1).set(self.low, 2);
        for (stream, start, bytes) in messages {
            let digest = self.chip.hash(&mut trace, *stream, *start, bytes);
            assert_eq!(digest, keccak256(bytes).0, "length {}", bytes.len());
            for (i, g) in trace::groups(bytes).into_iter().enumerate() {
                trace
                    .push(self.source.0)
                    .set(self.source.1[0], *stream)
                    .set(self.source.1[1], start + i as u64)
                    .set(self.source.1[2], g);
            }
            let digest = want(bytes);
            trace
                .push(self.sink.0)
                .set(self.sink.1[0], *stream)
                .set(self.sink.1[1], *start)
                .set(self.sink.1[2], bytes.len() as u64)
                .set(self.sink.1[3], half(&digest[..16]))
                .set(self.sink.1[4], half(&digest[16..]));
        }
        trace.finish([Fr::from(1), Fr::from(2)])
    }
    fn table(&self, messages: &[(u64, u64, Vec<u8>)]) -> Table {
        self.table_with(messages, |b| keccak256(b).0)
    }
}

fn text(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i * 151 + i / 7 + 13) as u8).collect()
}

// POSITIVE

#[test]
fn digests_agree_with_an_independent_implementation() {
    let b = bench();
    for length in [
        0, 1, 7, 8, 9, 127, 128, 129, 134, 135, 136, 137, 143, 144, 271, 272, 273, 300,
    ] {
        let table = b.table(&[(7, 3, text(length))]);
        let report = assert_holds(&b.machine, &table);
        let blocks = length / RATE_BYTES + 1;
        assert_eq!(report.active[b.chip.chi.0], 120 * blocks);
        let used: usize = table
            .rows_by_chip(&b.machine)
            .iter()
            .filter(|r| r.0 == "keccak")
            .map(|r| r.1)
            .sum();
        assert_eq!(used, rows(length));
    }
}
