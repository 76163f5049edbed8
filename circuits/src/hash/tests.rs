//! Tests of the `hash` chip.

use super::*;
use crate::{
    Fr,
    framework::{
        Cell, Expr, KindId, Machine, MachineBuilder, mutate::mutate, table::Table, trace::Trace,
    },
    testing::*,
};
use ff::Field;
use proptest::prelude::*;
use protocol::{hash::Tag, poseidon2};
use std::sync::Arc;

/// The chip and a kind that requires one fact of each bus.
struct Rig {
    machine: Arc<Machine>,
    start: KindId,
    chip: HashChip,
    user: KindId,
    cells: Vec<Cell>,
}

fn rig() -> Rig {
    let (machine, start, (chip, user, cells)) = machine_with(|b: &mut MachineBuilder, buses| {
        let chip = define(b, buses);
        let mut k = b.kind("test.user", 1);
        let cells = k.cells("v", 0, 10);
        let values = |r: std::ops::Range<usize>| r.map(|i| Expr::from(cells[i])).collect();
        k.require(buses.compress, 1, values(0..4));
        k.require(buses.permute, 1, values(4..10));
        (chip, k.finish(), cells)
    });
    Rig {
        machine,
        start,
        chip,
        user,
        cells,
    }
}

impl Rig {
    /// A table in which the compression and the permutation of each input are required `uses` times.
    fn table(&self, inputs: &[[Fr; 3]], uses: usize) -> Table {
        let mut permutations = Permutations::default();
        let mut trace = Trace::new(&self.machine);
        trace.push(self.start);
        for input in inputs {
            let out = permutations.permute(*input);
            let [a, b, iv] = *input;
            assert_eq!(permutations.compress(iv, a, b), out[0]);
            for _ in 0..uses {
                let values = [iv, a, b, out[0], a, b, iv, out[0], out[1], out[2]];
                trace.push(self.user).set_all(&self.cells, values);
            }
        }
        self.chip.fill(&mut trace, &permutations);
        trace.finish([Fr::ZERO; 2])
    }

    fn good(&self) -> Table {
        self.table(&[[1, 2, 3].map(Fr::from), [Fr::ZERO; 3]], 2)
    }

    /// First row of the `i`-th permutation.
    fn run(&self, table: &Table, i: usize) -> usize {
        table.heads_of(self.chip.full)[2 * i]
    }
}

// POSITIVE

#[test]
fn honest_tables_hold() {
    let rig = rig();
    let edge = [[Fr::ZERO; 3], [-Fr::ONE; 3], [0, 1, 2].map(Fr::from)];
    let report = assert_holds(&rig.machine, &rig.table(&edge, 3));
    assert_eq!(report.active[rig.chip.full.0], 6);
    assert_eq!(report.active[rig.chip.partial.0], 12);
    assert_holds(&rig.machine, &rig.table(&edge, 0));
    assert_holds(&rig.machine, &rig.table(&[], 0));
}

#[test]
fn equal_requests_share_their_rows() {
    let mut permutations = Permutations::default();
    let inputs = [7, 8, 9, 10].map(Fr::from);
    for n in [0, 1, 2, 3, 4] {
        let digest = protocol::hash::hash(Tag::Code, &inputs[..n]);
        assert_eq!(permutations.hash(Tag::Code, &inputs[..n]), digest);
    }
    assert_eq!(permutations.len(), 7);
    permutations.hash(Tag::Code, &inputs);
    let node = permutations.hash(Tag::Node, &inputs[..2]);
    assert_eq!(
        permutations.compress(Tag::Node.iv(2), inputs[0], inputs[1]),
        node
    );
    assert_eq!(permutations.len(), 8);
    assert_eq!(permutations.rows(), 48);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    #[test]
    fn agrees_with_the_protocol(inputs: Vec<[[u64; 4]; 3]>) {
        let inputs: Vec<_> = inputs.into_iter().take(4).map(|i| i.map(Fr::from_raw)).collect();
        let rig = rig();
        assert_holds(&rig.machine, &rig.table(&inputs, 1));
    }
}

#[test]
fn golden_costs() {
    let (machine, _, chip) = machine_with(define);
    let kind = |k: KindId| &machine.kinds[k.0];
    let mut lines = vec![
        format!("rows per permutation: {ROWS}"),
        "kinds: 2".to_string(),
        format!("cells of hash.full: {}", kind(chip.full).cells.len()),
        format!("cells of hash.partial: {}", kind(chip.partial).cells.len()),
        "look-ups per permutation: 0".to_string(),
    ];
    lines.extend(marginal_costs(define));
    assert_golden("hash", &lines);
}

#[test]
fn a_real_proof() {
    let rig = rig();
    let mut table = rig.good();
    assert!(prove_and_verify(&rig.machine, &table, 7));
    let row = rig.run(&table, 1) + 2;
    let cell = rig.chip.partial_cells.square[5];
    table.set(row, cell, table.cell(row, cell) + Fr::ONE);
    assert!(!prove_and_verify(&rig.machine, &table, 7));
}

// NEGATIVE

#[test]
fn every_cell_is_bound() {
    let rig = rig();
    let outcome = mutate(&rig.machine, &rig.good(), 100);
    assert!(outcome.survivors.is_empty(), "{:?}", outcome.survivors);
    assert_eq!(outcome.tried, outcome.killed);
    assert!(outcome.free.is_empty());
}

/// Claims `out` as the result of a run and in the rows that use it.
fn claim(rig: &Rig, table: &mut Table, out: [Fr; 3]) {
    let run = rig.run(table, 0);
    for i in 0..6 {
        for (cell, v) in rig.chip.full_cells.shared.out.iter().zip(out) {
            table.set(run + i, *cell, v);
        }
    }
    for head in table.heads_of(rig.user).into_iter().take(2) {
        table.set(head, rig.cells[3], out[0]);
        for (i, v) in out.into_iter().enumerate() {
            table.set(head, rig.cells[7 + i], v);
        }
    }
}

#[test]
fn a_claimed_result_is_compared_with_the_computed_one() {
    let rig = rig();
    let mut table = rig.good();
    let mut out = [1, 2, 3].map(Fr::from);
    poseidon2::permute(&mut out);
    claim(&rig, &mut table, out);
    assert_holds(&rig.machine, &table);
    for word in 0..3 {
        let mut wrong = out;
        wrong[word] += Fr::ONE;
        claim(&rig, &mut table, wrong);
        let f = assert_fails(&rig.machine, &table);
        assert_eq!(f.relation, format!("leaving word {word}"));
    }
}

/// The table without physical rows `from .. to`, as an attacker would lay it out.
fn without(table: &Table, from: usize, to: usize) -> Table {
    let mut t = table.clone();
    t.heads.drain(from..to);
    t.state.drain(from..to);
    t.left.drain(from..to);
    t.data.drain(from * t.width..to * t.width);
    t
}

#[test]
fn a_run_cannot_be_cut_short() {
    let rig = rig();
    let good = rig.good();
    let run = rig.run(&good, 0);
    for (from, to) in [
        (run, run + 1),
        (run + 1, run + 2),
        (run + 1, run + 5),
        (run + 4, run + 5),
        (run + 5, run + 6),
        (run + 2, run + 6),
        (run + 1, run + 6),
    ] {
        assert_fails(&rig.machine, &without(&good, from, to));
    }
    // The last run, cut by the table's end.
    let rows = good.rows();
    assert_fails(&rig.machine, &without(&good, rows - 1, rows));
}

#[test]
fn a_lone_last_row_sends_nothing() {
    let rig = rig();
    let good = rig.good();
    let run = rig.run(&good, 0);
    // Its other rows dropped, the last row holds by itself, but its facts are gone ...
    let mut lone = without(&good, run, run + 5);
    let f = assert_fails(&rig.machine, &lone);
    assert!(f.relation.starts_with("bus"), "{f}");
    // ... and it may not send them.
    for m in &rig.machine.kinds[rig.chip.full.0].messages {
        lone.set(run, m.counted.unwrap(), Fr::from(2));
    }
    assert_fails(&rig.machine, &lone);
}

#[test]
fn a_first_row_cannot_pose_as_the_last() {
    let rig = rig();
    let good = rig.good();
    let (first, second) = (rig.run(&good, 0), rig.run(&good, 1));
    // The second run's first row in the place of the first run's last row: the claim would never be compared.
    let mut spliced = good.clone();
    let width = spliced.width;
    let row = spliced.data[second * width..(second + 1) * width].to_vec();
    spliced.data[(first + 5) * width..(first + 6) * width].copy_from_slice(&row);
    assert_fails(&rig.machine, &spliced);
    // Neither by its position alone.
    for pos in [Fr::ZERO, Fr::from(2), -Fr::from(3)] {
        let mut table = good.clone();
        table.set(first + 5, rig.chip.full_cells.shared.pos, pos);
        assert_fails(&rig.machine, &table);
    }
}

#[test]
fn phases_cannot_repeat_or_swap() {
    let rig = rig();
    let good = rig.good();
    let run = rig.run(&good, 0);
    let c = &rig.chip.partial_cells;
    // Phase 1 twice, with constants of phase 1 recomputed from the state that enters: only the position objects.
    let mut table = good.clone();
    table.set(run + 3, c.phase[1], Fr::ZERO);
    table.set(run + 3, c.phase[0], Fr::ONE);
    assert_fails(&rig.machine, &table);
    let mut table = good.clone();
    table.set(run + 3, c.shared.pos, -Fr::from(2));
    assert_fails(&rig.machine, &table);
    // A fifth partial row between the fourth and the last.
    let mut table = good.clone();
    let width = table.width;
    let row = table.data[(run + 4) * width..(run + 5) * width].to_vec();
    let at = (run + 5) * width;
    table.data.splice(at..at, row);
    table.heads.insert(run + 5, table.heads[run + 4]);
    table.state.insert(run + 5, table.state[run + 4]);
    table.left.insert(run + 5, Fr::ZERO);
    assert_fails(&rig.machine, &table);
}
