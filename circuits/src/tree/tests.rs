//! Tests of the `tree` chip.

mod negative;

use super::{trace::Plan, *};
use crate::{
    Fr,
    framework::{
        Cell, Expr, KindId, Machine, MachineBuilder, mutate::mutate, table::Table, trace::Trace,
    },
    hash::{self, HashChip, Permutations},
    testing::*,
};
use alloy_primitives::{Address, U256};
use ff::Field;
use proptest::prelude::*;
use protocol::{
    account::{Account, CodeRecord},
    tree::{self, MemoryStore, PathEnd},
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// `tree` and `hash`, and kinds that do what the neighbours do.
struct Rig {
    machine: Arc<Machine>,
    start: KindId,
    tree: TreeChip,
    hash: HashChip,
    /// Makes the first `tree` token and takes the last.
    ends: (KindId, Vec<Cell>),
    /// Takes an account's first token and makes its last.
    account: (KindId, Vec<Cell>),
    /// The same for a slot.
    storage: (KindId, Vec<Cell>),
    /// Offers any `compress` fact, for keys at chosen places.
    oracle: (KindId, Vec<Cell>),
}

fn rig() -> Rig {
    let (machine, start, (tree, hash, ends, account, storage, oracle)) =
        machine_with(|b: &mut MachineBuilder, buses| {
            let tree = define(b, buses);
            let hash = hash::define(b, buses);
            let exprs = |c: &[Cell]| c.iter().map(Expr::from).collect::<Vec<_>>();
            let mut pair = |name: &str, bus, n: usize, sends_first: bool| {
                let mut k = b.kind(name, 1);
                let cells = k.cells("v", 0, 2 * n);
                let (first, last) = (exprs(&cells[..n]), exprs(&cells[n..]));
                let (made, taken) = if sends_first {
                    (first, last)
                } else {
                    (last, first)
                };
                k.send(bus, 1, made).receive(bus, 1, taken);
                (k.finish(), cells)
            };
            let ends = pair("test.ends", buses.tree, 3, true);
            let account = pair("test.account", buses.account, 9, false);
            let storage = pair("test.storage", buses.storage, 9, false);
            let mut k = b.kind("test.oracle", 1);
            let cells = k.cells("v", 0, 4);
            k.provide(buses.compress, 0, exprs(&cells));
            (tree, hash, ends, account, storage, (k.finish(), cells))
        });
    Rig {
        machine,
        start,
        tree,
        hash,
        ends,
        account,
        storage,
        oracle,
    }
}

/// Steps with a plan each, over a root.
#[derive(Clone)]
struct Workload {
    root: Fr,
    steps: Vec<(Step, Plan)>,
    /// `compress` facts from nowhere.
    oracle: Vec<[Fr; 4]>,
}

impl Workload {
    fn new(root: Fr, steps: Vec<Step>) -> Self {
        let steps = steps
            .into_iter()
            .map(|s| {
                let plan = Plan::of(&s.access);
                (s, plan)
            })
            .collect();
        Self {
            root,
            steps,
            oracle: vec![],
        }
    }
}

impl Rig {
    fn table(&self, w: &Workload) -> Table {
        let mut permutations = Permutations::default();
        let mut trace = Trace::new(&self.machine);
        trace.push(self.start);
        let start = Chain::start(w.root);
        let mut chain = start;
        for (step, plan) in &w.steps {
            chain = self
                .tree
                .run(&mut trace, &mut permutations, chain, step, plan);
        }
        let ends = start.values().into_iter().chain(chain.values());
        trace.push(self.ends.0).set_all(&self.ends.1, ends);
        for (step, _) in &w.steps {
            let first = step.record.first();
            match &step.record {
                Record::Account { last, .. } => {
                    let values = first.iter().chain(last).copied();
                    trace.push(self.account.0).set_all(&self.account.1, values);
                }
                Record::Storage { last, .. } => {
                    let values = first.iter().chain(last).copied();
                    trace.push(self.storage.0).set_all(&self.storage.1, values);
                }
            }
        }
        for fact in &w.oracle {
            trace.push(self.oracle.0).set_all(&self.oracle.1, *fact);
        }
        self.hash.fill(&mut trace, &permutations);
        trace.finish([Fr::ZERO; 2])
    }
}

/// A state key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Id {
    Account(u64),
    Slot(u64, u64),
}

fn address(n: u64) -> Address {
    Address::from_word(U256::from(n).into())
}

/// A record from a small number: 0 is empty, the others differ in every field.
fn some_account(n: u64) -> Account {
    match n {
        0 => Account::default(),
        1 => Account {
            balance: U256::from(1),
            ..Account::default()
        },
        2 => Account {
            nonce: u64::MAX,
            balance: U256::MAX,
            code: CodeRecord::of(&[1]),
        },
        n => Account {
            nonce: n,
            balance: U256::from(n) << (n % 250),
            ..Account::default()
        },
    }
}

fn some_word(n: u64) -> U256 {
    match n {
        0 => U256::ZERO,
        1 => U256::MAX,
        n => U256::from(n) << (n % 250),
    }
}

fn record(id: Id, before: u64, after: u64) -> Record {
    match id {
        Id::Account(a) => Record::account(
            address(a),
            &some_account(before),
            &some_account(after),
            [after, before, 9 + after],
        ),
        Id::Slot(a, s) => {
            let slot = some_word(s + 2);
            let (before, after) = (some_word(before), some_word(after));
            Record::storage(address(a), slot, before, after, before, [3, 17])
        }
    }
}

/// The openings of `touched` (id to value after) over the state `before`, by the protocol's tree.
fn workload(before: &BTreeMap<Id, u64>, touched: &BTreeMap<Id, u64>) -> Workload {
    let mut leaves: Vec<_> = before
        .iter()
        .map(|(id, v)| record(*id, 0, *v).change())
        .collect();
    leaves.sort();
    let mut store = MemoryStore::new();
    let update = tree::update(&store, tree::EMPTY, &leaves).unwrap();
    store.insert(update.nodes);
    let mut records: Vec<_> = touched
        .iter()
        .map(|(id, after)| {
            let r = record(*id, before.get(id).copied().unwrap_or(0), *after);
            (r.change(), r)
        })
        .collect();
    records.sort_by_key(|(change, _)| change.0);
    let changes: Vec<_> = records.iter().map(|(change, _)| *change).collect();
    let accesses = tree::open(&store, update.root, &changes).unwrap();
    let root = tree::update(&store, update.root, &changes).unwrap().root;
    assert_eq!(accesses.last().map_or(root, |a| a.new_root), root);
    let steps = accesses
        .into_iter()
        .zip(records)
        .map(|(access, (_, record))| {
            assert_eq!(access.verify(), Ok(()));
            Step { record, access }
        });
    Workload::new(update.root, steps.collect())
}

fn random_id(rng: &mut StdRng) -> Id {
    let a = rng.gen_range(0..8);
    if rng.r#gen() {
        Id::Account(a)
    } else {
        Id::Slot(a, rng.gen_range(0..3))
    }
}

fn random_workload(seed: u64) -> Workload {
    let rng = &mut StdRng::seed_from_u64(seed);
    let mut some = |most: usize, least: u64| {
        let n = rng.gen_range(0..=most);
        (0..n)
            .map(|_| (random_id(rng), rng.gen_range(least..5)))
            .collect::<BTreeMap<_, _>>()
    };
    let before = some(seed as usize % 12, 1);
    let mut touched = some(10, 0);
    // Reads, and deletions of what is there, which random ids would rarely hit.
    for (i, (id, v)) in before.iter().enumerate() {
        if seed.is_multiple_of(3) || i % 4 == 0 {
            touched.insert(*id, if i % 2 == 0 { 0 } else { *v });
        }
    }
    workload(&before, &touched)
}

/// The name of what a step does.
fn case(step: &Step, plan: &Plan) -> &'static str {
    let a = &step.access;
    match (a.end, a.old, a.new) {
        (PathEnd::Own, Some(old), Some(new)) if old == new => "read",
        (PathEnd::Own, Some(_), Some(_)) => "update",
        (PathEnd::Empty, _, None) if plan.siblings.is_empty() => "absent from an empty tree",
        (PathEnd::Empty, _, None) => "absent at an empty place",
        (PathEnd::Other { .. }, _, None) if plan.siblings.is_empty() => {
            "absent beside the only leaf"
        }
        (PathEnd::Other { .. }, _, None) => "absent beside a leaf",
        (PathEnd::Empty, _, Some(_)) if plan.siblings.is_empty() => "first insertion",
        (PathEnd::Empty, _, Some(_)) => "insertion at an empty place",
        (PathEnd::Other { .. }, _, Some(_)) if plan.checks_other => {
            "insertion beside the only leaf"
        }
        (PathEnd::Other { .. }, _, Some(_)) if plan.lifted > 1 => "insertion far below a leaf",
        (PathEnd::Other { .. }, _, Some(_)) => "insertion beside a leaf",
        (PathEnd::Own, _, None) if plan.clear => "deletion of the only leaf",
        (PathEnd::Own, _, None) if plan.drop => "deletion beside an inner node",
        (PathEnd::Own, _, None) if plan.lifted == plan.siblings.len() => {
            "deletion that leaves one leaf"
        }
        (PathEnd::Own, _, None) if plan.lifted > 1 => "deletion that lifts far",
        (PathEnd::Own, ..) => "deletion beside a leaf",
    }
}

/// Seeds that together show every case.
fn covering() -> Vec<u64> {
    let (mut seen, mut seeds) = (BTreeSet::new(), vec![]);
    for seed in 0..400 {
        let w = random_workload(seed);
        let cases: BTreeSet<_> = w.steps.iter().map(|(s, p)| case(s, p)).collect();
        if !cases.is_subset(&seen) {
            seen.extend(cases);
            seeds.push(seed);
        }
    }
    assert_eq!(seen.len(), 16, "{seen:?}");
    seeds
}

/// Tables that together show every case.
pub(crate) fn tables() -> (Arc<Machine>, Vec<Table>) {
    let rig = rig();
    let tables = covering()
        .into_iter()
        .map(|seed| rig.table(&random_workload(seed)));
    (rig.machine.clone(), tables.collect())
}

// POSITIVE

#[test]
fn every_case_holds() {
    let rig = rig();
    for seed in covering() {
        let w = random_workload(seed);
        let report = assert_holds(&rig.machine, &rig.table(&w));
        assert_eq!(report.active[rig.tree.record.0], w.steps.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn agrees_with_the_protocol_on_random_workloads(seed in 1000u64..1_000_000) {
        let rig = rig();
        assert_holds(&rig.machine, &rig.table(&random_workload(seed)));
    }
}

/// Steps at chosen keys, whose derivation the oracle vouches for. Values: (key, before, after).
fn placed(keys: &[(Fr, u64, u64)]) -> Workload {
    let value = |v: u64| record(Id::Account(1), 0, v).change().1;
    let mut leaves: Vec<_> = keys
        .iter()
        .map(|(k, before, _)| (*k, value(*before)))
        .collect();
    leaves.sort();
    let mut store = MemoryStore::new();
    let update = tree::update(&store, tree::EMPTY, &leaves).unwrap();
    store.insert(update.nodes);
    let mut changes: Vec<_> = keys
        .iter()
        .map(|(k, _, after)| (*k, value(*after)))
        .collect();
    changes.sort();
    let accesses = tree::open(&store, update.root, &changes).unwrap();
    let mut oracle = vec![];
    let steps = accesses.into_iter().enumerate().map(|(i, access)| {
        let (_, before, after) = keys.iter().find(|(k, ..)| *k == access.key).unwrap();
        let id = i as u64 + 1;
        let iv = protocol::hash::Tag::KeyAccount.iv(1);
        oracle.push([iv, Fr::from(id), Fr::ZERO, access.key]);
        let record = record(Id::Account(id), *before, *after);
        Step { record, access }
    });
    let steps = steps.collect();
    Workload {
        oracle,
        ..Workload::new(update.root, steps)
    }
}

#[test]
fn paths_of_any_length_hold() {
    let rig = rig();
    let high = Fr::from_raw([0, 0, 0, 1 << 61]);
    for bits in [0, 1, 2, 100, 122, 123, 124, 125, 130, 131, 252, 253] {
        // Two keys that differ first at depth 253 - bits; both present, one inserted, one deleted.
        let near = crate::framework::pow2(bits);
        let far = Fr::from(3);
        for (key, other) in [(far, far + near), (high + far, high + far + near)] {
            for (a, b) in [
                ((1, 3), (4, 4)),
                ((0, 3), (4, 4)),
                ((3, 0), (4, 4)),
                ((4, 4), (0, 0)),
                ((5, 5), (5, 0)),
            ] {
                let w = placed(&[(key, a.0, a.1), (other, b.0, b.1)]);
                assert_holds(&rig.machine, &rig.table(&w));
            }
        }
    }
    // The greatest key, beside others and alone.
    for keys in [
        vec![(-Fr::ONE, 0, 3)],
        vec![(-Fr::ONE, 0, 3), (-Fr::from(2), 3, 3), (Fr::from(7), 1, 0)],
    ] {
        assert_holds(&rig.machine, &rig.table(&placed(&keys)));
    }
}

/// No negative power of two that a table is long enough to reach passes for a small weight.
#[test]
fn negative_powers_of_two_are_large() {
    let half = Fr::from(2).invert().unwrap();
    let mut power = Fr::ONE;
    for _ in 0..1 << 20 {
        power *= half;
        let bytes = power.to_bytes();
        assert!(bytes[16] >= 16 || bytes[17..].iter().any(|b| *b != 0));
    }
}

#[test]
fn golden_costs() {
    let (machine, _, chip) = machine_with(define);
    let rows = |w: &Workload| {
        let rig = rig();
        let table = rig.table(w);
        let by_chip: BTreeMap<_, _> = table.rows_by_chip(&rig.machine).into_iter().collect();
        (by_chip["tree"], by_chip["hash"])
    };
    let (high, low) = (Fr::from_raw([0, 0, 0, 1 << 61]), Fr::from(3));
    let read = |bits| {
        placed(&[
            (high + low, 3, 4),
            (high + low + crate::framework::pow2(bits), 3, 3),
        ])
    };
    let one = |mut w: Workload| {
        w.steps.truncate(1);
        rows(&w)
    };
    let (short, long) = (one(read(240)), one(read(230)));
    let updates = |id: Id| {
        one(workload(
            &BTreeMap::from([(id, 3)]),
            &BTreeMap::from([(id, 4)]),
        ))
    };
    let (account, slot) = (updates(Id::Account(1)), updates(Id::Slot(1, 1)));
    let cells: Vec<_> = [chip.record, chip.end, chip.level, chip.root]
        .iter()
        .map(|k| &machine.kinds[k.0])
        .map(|k| {
            format!(
                "cells of {}: {}, look-ups {}",
                k.name,
                k.cells.len(),
                k.lookups.len()
            )
        })
        .collect();
    let mut lines = vec![
        format!(
            "rows per level: tree {}, hash {}",
            (long.0 - short.0) / 10,
            (long.1 - short.1) / 10
        ),
        format!(
            "rows per account beside its levels: tree {}, hash {}",
            account.0, account.1
        ),
        format!(
            "rows per slot beside its levels: tree {}, hash {}",
            slot.0, slot.1
        ),
        "kinds: 4".to_string(),
    ];
    lines.extend(cells);
    lines.extend(marginal_costs(define));
    assert_golden("tree", &lines);
}

#[test]
fn a_real_proof() {
    let rig = rig();
    let ids = [
        Id::Account(1),
        Id::Account(2),
        Id::Slot(1, 1),
        Id::Slot(2, 0),
    ];
    let before = ids.into_iter().zip([3, 4, 3, 2]).collect();
    let touched = ids
        .into_iter()
        .zip([4, 0, 0, 3])
        .chain([(Id::Account(5), 3)])
        .collect();
    let w = workload(&before, &touched);
    let table = rig.table(&w);
    assert_holds(&rig.machine, &table);
    assert!(prove_and_verify(&rig.machine, &table, 14));
}
