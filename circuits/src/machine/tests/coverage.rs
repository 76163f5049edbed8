//! Activation: over the tables of these inputs, every kind, relation, message and ROM word is in use.

use super::{super::MainMachine, evm, mixed, segments};
use crate::{
    Fr,
    framework::{BITS, Cell, Expr, Kind, Machine, checker::Scratch, table::Table},
    sample::{Chain, address, genesis, key, sign, transfer},
    testing::assert_holds,
    witness::{Cut, SegmentInput},
};
use alloy_primitives::{Address, B256, Bytes, U256};
use ff::Field;
use protocol::{
    SignedTransaction,
    history::HISTORY_ADDRESS,
    transaction::{AccessListItem, Envelope},
};
use std::collections::{BTreeMap, BTreeSet};

/// How often a relation is looked at before it counts as active enough.
const ENOUGH: usize = 3;

fn fee(priority: u128, max: u128) -> Envelope {
    Envelope::DynamicFee {
        max_priority_fee_per_gas: priority,
        max_fee_per_gas: max,
        access_list: vec![],
    }
}

fn pay(from: u64, nonce: u64, to: Address, value: u64, envelope: Envelope) -> SignedTransaction {
    let mut t = transfer(nonce, to, U256::from(value), envelope);
    t.gas_limit = 21_000;
    sign(t, &key(from))
}

fn small(n: u64) -> Address {
    Address::from_word(B256::from(U256::from(n)))
}

/// Blocks of two transfers' target: above it with raise 1, at it, below it; small receivers; coinbase as sender and receiver.
fn congested() -> SegmentInput {
    let mut genesis = genesis(84_000, 7, 3, 5);
    genesis.coinbase = address(&key(1));
    let mut chain = Chain::of(genesis);
    let to = Address::repeat_byte(0x77);
    let first = vec![
        pay(0, 0, small(0), 1, fee(2, 100)),
        pay(0, 1, small(0x12), 1, fee(0, 100)),
        pay(0, 2, small(0x101), 1, fee(10, 10)),
        pay(1, 0, to, 9, fee(1, 100)),
    ];
    let second = vec![
        pay(0, 3, address(&key(1)), 1, fee(2, 100)),
        pay(1, 1, address(&key(1)), 0, fee(50, 50)),
    ];
    let third = vec![pay(
        2,
        0,
        small(u64::MAX),
        7,
        Envelope::Legacy { gas_price: 50 },
    )];
    chain.batch(vec![vec![], first, second, third])
}

/// A full block at a high base fee; calldata that the floor prices, of zeros only, and of one byte.
fn full() -> SegmentInput {
    let mut chain = Chain::of(genesis(84_000, 1_000_000_000, 3, 5));
    let to = Address::repeat_byte(0x66);
    let mut long = transfer(0, to, U256::from(5), fee(1, 2_000_000_000));
    long.input = Bytes::from((0..700u32).map(|i| (i % 7) as u8).collect::<Vec<_>>());
    let mut zeros = transfer(0, to, U256::from(5), fee(1, 2_000_000_000));
    zeros.input = vec![0; 40].into();
    zeros.gas_limit = 21_400;
    let mut one = transfer(1, to, U256::from(5), fee(1, 2_000_000_000));
    one.input = vec![1].into();
    one.gas_limit = 21_040;
    chain.batch(vec![
        vec![sign(long, &key(0)), sign(zeros, &key(1))],
        vec![sign(one, &key(1))],
    ])
}

/// Long access lists in both types, a coinbase with code, and nothing sent to accounts that stay absent.
fn lists() -> SegmentInput {
    let mut genesis = genesis(30_000_000, 1_000_000_000, 2, 40);
    genesis.coinbase = HISTORY_ADDRESS;
    let mut chain = Chain::of(genesis);
    let item = |n: u8, keys: u64| AccessListItem {
        address: Address::repeat_byte(n),
        storage_keys: (0..keys).map(|k| U256::from(k).into()).collect(),
    };
    let of_type_1 = Envelope::AccessList {
        gas_price: 2_000_000_000,
        access_list: vec![item(1, 3), item(2, 0), item(1, 1)],
    };
    let of_type_2 = Envelope::DynamicFee {
        max_priority_fee_per_gas: 1,
        max_fee_per_gas: 2_000_000_000,
        access_list: vec![item(3, 9)],
    };
    let to = Address::repeat_byte(0x55);
    chain.batch(vec![vec![
        sign(transfer(0, to, U256::from(1) << 68, of_type_1), &key(0)),
        sign(transfer(0, to, U256::from(200), of_type_2), &key(1)),
        pay(1, 1, Address::repeat_byte(1), 0, fee(0, 2_000_000_000)),
        pay(1, 2, Address::repeat_byte(2), 0, fee(0, 2_000_000_000)),
        pay(1, 3, Address::repeat_byte(3), 0, fee(0, 2_000_000_000)),
        pay(1, 4, Address::repeat_byte(4), 0, fee(0, 2_000_000_000)),
    ]])
}

/// Every form of an RLP item, before a zero byte, before another one, and at the end of a group.
fn encodings() -> SegmentInput {
    let mut genesis = genesis(30_000_000, 7, 2, 3);
    let rich = genesis.accounts.get_mut(&address(&key(0))).unwrap();
    rich.balance = U256::from(1) << 200;
    let mut chain = Chain::of(genesis);
    let to = Address::repeat_byte(0x77);
    // A price of so many bytes moves what follows.
    let price = |bytes: u32| 1u128 << (8 * bytes - 8 + u32::from(bytes == 1) * 5);
    let legacy = |bytes, to, value, data: &[u8]| {
        let gas_price = price(bytes);
        let mut t = transfer(0, to, value, Envelope::Legacy { gas_price });
        t.input = data.to_vec().into();
        t
    };
    let listed = |bytes, access_list| {
        let gas_price = price(bytes);
        transfer(
            0,
            to,
            U256::ZERO,
            Envelope::AccessList {
                gas_price,
                access_list,
            },
        )
    };
    let (zero, five) = (U256::ZERO, U256::from(5));
    let mut all = vec![
        legacy(4, to, zero, &[]),
        legacy(4, to, five, &[]),
        legacy(3, to, zero, &[0]),
        legacy(3, small(3 << 20), five, &[0]),
        legacy(3, to, five, &[]),
        legacy(2, to, five, &[5]),
        legacy(2, to, five, &[0x90]),
        legacy(2, to, five, &[0, 1, 2]),
        legacy(2, to, five, &[1, 2]),
        legacy(3, to, five, &[1, 2]),
        legacy(2, to, five, &[1; 60]),
        legacy(2, to, U256::from(0xff) << 128, &[]),
        legacy(2, to, U256::from(1) << 190, &[1; 55]),
        listed(5, vec![]),
        listed(6, vec![]),
    ];
    let mut item = AccessListItem {
        address: small(1 << 40),
        storage_keys: vec![B256::repeat_byte(1), U256::from(1).into()],
    };
    let mut more = vec![item.clone(); 2];
    (more[1].address, more[1].storage_keys) = (to, vec![]);
    all.push(listed(4, more));
    item.storage_keys.clear();
    all.push(listed(4, vec![item]));
    let all = (0..).zip(all).map(|(nonce, mut t)| {
        t.nonce = nonce;
        sign(t, &key(0))
    });
    chain.batch(vec![all.collect()])
}

/// The inputs that together activate everything but the failures of contracts, by name.
pub(super) fn inputs() -> Vec<(String, SegmentInput)> {
    let cuts = [(1, 3), (1, 0), (2, 0)].map(|(block, left)| Cut { block, left });
    let names = ["first of four", "second", "third", "last of four"];
    let mut inputs: Vec<_> = names
        .into_iter()
        .zip(segments::segments(&mixed(), &cuts))
        .collect();
    inputs.extend([
        ("mixed", mixed()),
        ("congested", congested()),
        ("full", full()),
        ("lists", lists()),
        ("encodings", encodings()),
    ]);
    let named = |(name, input): (&str, SegmentInput)| (name.to_string(), input);
    inputs.into_iter().map(named).chain(evm::inputs()).collect()
}

/// All inputs.
pub(super) fn all_inputs() -> Vec<(String, SegmentInput)> {
    inputs().into_iter().chain(evm::failing_inputs()).collect()
}

/// Cells that a relation reads, without repeats.
fn cells(e: &Expr) -> BTreeSet<Cell> {
    let mut seen = BTreeSet::new();
    e.visit(&mut |c| _ = seen.insert(c));
    seen
}

/// Cells that a relation of their own holds to 0 or 1.
fn booleans(machine: &Machine, kind: &Kind) -> BTreeSet<Cell> {
    let root = |e: &Expr, v: u64| e.eval(&|_| Fr::from(v)) == Fr::ZERO;
    let constrained = kind
        .constraints
        .iter()
        .filter(|(_, e)| root(e, 0) && root(e, 1) && !root(e, 2))
        .map(|(_, e)| cells(e))
        .filter(|c| c.len() == 1)
        .flatten();
    let looked_up = kind
        .lookups
        .iter()
        .filter(|(_, t)| machine.buses[t.0].name == BITS)
        .map(|(c, _)| *c);
    constrained.chain(looked_up).collect()
}

#[derive(Default)]
struct Coverage {
    kinds: BTreeMap<usize, usize>,
    /// By kind and constraint: rows where a change of a cell that is no switch breaks it.
    constraints: BTreeMap<(usize, usize), usize>,
    /// By kind, message and bus: rows that put it on the bus.
    messages: BTreeMap<(usize, usize, usize), usize>,
    /// By kind and boolean cell: rows with 0, rows with 1.
    switches: BTreeMap<(usize, Cell), [usize; 2]>,
    /// By index of the instruction and of its entry.
    words: BTreeMap<(usize, usize), usize>,
}

impl Coverage {
    fn add(&mut self, m: &MainMachine, table: &Table) {
        let mut scratch = Scratch::default();
        for (k, kind) in m.machine.kinds.iter().enumerate() {
            let switches = booleans(&m.machine, kind);
            let read: Vec<Vec<Cell>> = kind
                .constraints
                .iter()
                .map(|(_, e)| {
                    let all = cells(e);
                    let values: Vec<Cell> = all.difference(&switches).copied().collect();
                    if values.is_empty() {
                        all.into_iter().collect()
                    } else {
                        values
                    }
                })
                .collect();
            for row in table.heads_of(crate::framework::KindId(k)) {
                *self.kinds.entry(k).or_default() += 1;
                scratch.evaluate(kind, table, row);
                for sent in kind
                    .sent(&scratch.outputs)
                    .filter(|s| s.multiplicity != Fr::ZERO)
                {
                    let bus = sent.bus.unwrap().0;
                    *self.messages.entry((k, sent.index, bus)).or_default() += 1;
                }
                for c in &switches {
                    let at = usize::from(table.cell(row, *c) != Fr::ZERO);
                    self.switches.entry((k, *c)).or_default()[at] += 1;
                }
                for (i, (_, e)) in kind.constraints.iter().enumerate() {
                    let seen = self.constraints.entry((k, i)).or_default();
                    if *seen < ENOUGH {
                        let breaks = |c: &Cell| {
                            let changed = |x: Cell| {
                                let v = table.cell(row, x);
                                if x == *c { v + Fr::from(11) } else { v }
                            };
                            e.eval(&changed) != Fr::ZERO
                        };
                        *seen += usize::from(read[i].iter().any(breaks));
                    }
                }
            }
        }
        for row in table.heads_of(m.cpu.op) {
            *self.words.entry(m.taken(table, row)).or_default() += 1;
        }
    }

    /// What was never active, by name.
    fn missing(&self, m: &MainMachine) -> Vec<String> {
        let mut missing = vec![];
        for (k, kind) in m.machine.kinds.iter().enumerate() {
            if !self.kinds.contains_key(&k) {
                missing.push(format!("{}: kind", kind.name));
                continue;
            }
            for (i, (name, _)) in kind.constraints.iter().enumerate() {
                if self.constraints.get(&(k, i)).is_none_or(|n| *n == 0) {
                    missing.push(format!("{}: constraint {name}", kind.name));
                }
            }
            for (i, message) in kind.messages.iter().enumerate() {
                for bus in &message.buses {
                    if !self.messages.contains_key(&(k, i, bus.0)) {
                        let bus = &m.machine.buses[bus.0].name;
                        missing.push(format!("{}: message {i} on {bus}", kind.name));
                    }
                }
            }
            for c in booleans(&m.machine, kind) {
                let [off, on] = self.switches.get(&(k, c)).copied().unwrap_or_default();
                if on == 0 || off == 0 {
                    let name = kind.cell_name(c).unwrap_or("?");
                    let value = u8::from(on == 0);
                    missing.push(format!("{}: {name} is never {value}", kind.name));
                }
            }
        }
        for (at, word) in m.program.words.iter().enumerate() {
            for entry in 0..word.entries.len() {
                if !self.words.contains_key(&(at, entry)) {
                    let part = m.program.part(at as u64);
                    missing.push(format!("rom: word {at}, entry {entry} ({part})"));
                }
            }
        }
        missing
    }
}

/// Why these inputs cannot reach some of the machine. The chips' own tests do.
const FILL: &str = "the rows after the last run are idle";
const CHANCE: &str = "a signature whose r is reduced has a chance of 2^-128";
const MANY_LEAVES: &str = "a chain has the history contract and a funded account";

/// What is not reached, and why.
const UNREACHED: [(&str, &str); 9] = [
    ("idle: kind", FILL),
    ("secp.signature: offset is never 1", CHANCE),
    ("tree.end: constraint clear is at the root", MANY_LEAVES),
    ("tree.end: heavy is never 0", MANY_LEAVES),
    ("tree.end: clear is never 1", MANY_LEAVES),
    (
        "tree.root: constraint an insertion beside the only leaf has that leaf checked",
        MANY_LEAVES,
    ),
    ("tree.root: message 0 on compress", MANY_LEAVES),
    ("tree.root: ? is never 0", MANY_LEAVES),
    ("tree.root: checks other is never 1", MANY_LEAVES),
];

// POSITIVE

#[test]
fn everything_is_active() {
    let m = MainMachine::get();
    let mut coverage = Coverage::default();
    for (name, input) in all_inputs() {
        let filled = m.fill(&input).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_holds(&m.machine, &filled.table);
        coverage.add(m, &filled.table);
    }
    println!(
        "{} kinds, {} constraints, {} messages by bus, {} switches, {} ROM entries of {} words",
        coverage.kinds.len(),
        coverage.constraints.values().filter(|n| **n > 0).count(),
        coverage.messages.len(),
        coverage.switches.len(),
        coverage.words.len(),
        m.program.words.len()
    );
    for (k, n) in &coverage.kinds {
        println!("{:>8} {}", n, m.machine.kinds[*k].name);
    }
    let missing = coverage.missing(m);
    let (known, unknown): (Vec<String>, Vec<String>) = missing
        .into_iter()
        .partition(|x| UNREACHED.iter().any(|u| u.0 == x));
    assert!(unknown.is_empty(), "never active:\n{}", unknown.join("\n"));
    let reached: Vec<_> = UNREACHED
        .iter()
        .filter(|u| !known.iter().any(|k| k == u.0))
        .collect();
    assert!(reached.is_empty(), "reached after all: {reached:?}");
}
