//! Tests of the `hash` chip.

use super::{
    constraints::Constants,
    trace::{States, outer_round},
    *,
};
use crate::{
    Fr,
    framework::{
        Cell, Expr, KindId, Machine, MachineBuilder, State, checker, mutate::mutate, table::Table,
        trace::Trace,
    },
    testing::*,
};
use ff::Field;
use proptest::prelude::*;
use protocol::{hash::Tag, poseidon2};
use std::{collections::BTreeSet, sync::Arc};

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
    /// A row that requires the compression and the permutation of `input`.
    fn claim(&self, trace: &mut Trace<'_>, input: [Fr; 3], out: [Fr; 3]) {
        let [a, b, iv] = input;
        let values = [iv, a, b, out[0], a, b, iv, out[0], out[1], out[2] - iv];
        trace.push(self.user).set_all(&self.cells, values);
    }

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
                self.claim(&mut trace, *input, out);
            }
        }
        let before = trace.rows();
        self.chip.fill(&mut trace, &permutations);
        assert_eq!(trace.rows() - before, permutations.rows());
        trace.finish([Fr::ZERO; 2])
    }

    fn good(&self) -> Table {
        self.table(&[[1, 2, 3].map(Fr::from), [Fr::ZERO; 3]], 2)
    }

    /// Row 0 of the `i`-th permutation.
    fn run(&self, table: &Table, i: usize) -> usize {
        table.heads_of(self.chip.round)[ROUND_ROWS * i]
    }
}

// POSITIVE

#[test]
fn honest_tables_hold() {
    let rig = rig();
    let edge = [[Fr::ZERO; 3], [-Fr::ONE; 3], [0, 1, 2].map(Fr::from)];
    let report = assert_holds(&rig.machine, &rig.table(&edge, 3));
    assert_eq!(report.active[rig.chip.round.0], 24);
    assert_eq!(report.active[rig.chip.turn.0], 4);
    assert_holds(&rig.machine, &rig.table(&edge, 0));
    assert_holds(&rig.machine, &rig.table(&[], 0));
}

#[test]
fn equal_requests_share_their_rows() {
    let mut permutations = Permutations::default();
    assert_eq!(permutations.rows(), 0);
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
    assert_eq!(permutations.rows(), 73);
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
fn rows_hold_all_published_constants() {
    let rows = Constants::all();
    let inner: Vec<Fr> = rows.iter().flat_map(|c| c.inner).collect();
    assert_eq!(inner, poseidon2::INTERNAL_CONSTANTS);
    let outer = [3, 2, 1, 0, 7, 6, 5, 4].map(|round| poseidon2::EXTERNAL_CONSTANTS[round]);
    assert_eq!(rows.map(|c| c.outer), outer);
    // The mark says which row it is, and that it is no turn.
    let marks: BTreeSet<_> = rows.iter().map(|c| c.mark().to_bytes()).collect();
    assert_eq!(marks.len(), ROUND_ROWS);
    assert!(!marks.contains(&Fr::ZERO.to_bytes()));
}

#[test]
fn golden_costs() {
    let (machine, _, chip) = machine_with(define);
    let kind = |k: KindId| &machine.kinds[k.0];
    let mut lines = vec![
        format!("rows per permutation: {ROWS}"),
        "rows beside them: 1".to_string(),
        "kinds: 2".to_string(),
        format!("cells of hash.round: {}", kind(chip.round).cells.len()),
        format!("cells of hash.turn: {}", kind(chip.turn).cells.len()),
        format!("entries of fixed tables: {}", 2 * ROUND_ROWS),
    ];
    lines.extend(marginal_costs(define));
    assert_golden("hash", &lines);
}

#[test]
fn a_real_proof() {
    let rig = rig();
    let mut table = rig.good();
    assert!(prove_and_verify(&rig.machine, &table, 9));
    let row = rig.run(&table, 1) + 2;
    let cell = rig.chip.round_cells.square[5];
    table.set(row, cell, table.cell(row, cell) + Fr::ONE);
    assert!(!prove_and_verify(&rig.machine, &table, 9));
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

/// Panics unless the table fails, and in relations of these names alone: without them it would be accepted.
fn assert_only(rig: &Rig, table: &Table, names: &[&str]) {
    let failures = checker::check(&rig.machine, table, 1000).expect_err("a bad table");
    for f in &failures {
        let known = names.iter().any(|n| f.relation.starts_with(n));
        assert!(known, "{names:?} expected: {f}");
    }
}

/// A permutation computed row by row from wrong values.
struct Forger<'a> {
    rig: &'a Rig,
    /// Rows by the constants they use, top to bottom; row 3 is among them once.
    constants: Vec<Constants>,
    /// Index of row 3 in `constants`.
    fact: usize,
    /// Relation and row that are off by one; what depends on it is computed from the wrong value.
    spoilt: (String, usize),
}

impl<'a> Forger<'a> {
    fn new(rig: &'a Rig) -> Self {
        Self {
            rig,
            constants: Constants::all().to_vec(),
            fact: FACT_ROW,
            spoilt: (String::new(), 0),
        }
    }

    /// Rows `order` of the permutation instead of 0 to 7.
    fn in_order(rig: &'a Rig, order: &[usize]) -> Self {
        Self {
            constants: order.iter().map(|i| Constants::all()[*i]).collect(),
            fact: order.iter().position(|i| *i == FACT_ROW).unwrap(),
            ..Self::new(rig)
        }
    }

    fn see(&self, relation: &str, row: usize, value: Fr) -> Fr {
        let here = self.spoilt.0 == relation && self.spoilt.1 == row;
        value + Fr::from(u64::from(here))
    }

    /// Cells of an external round, and what leaves it.
    fn outer(&self, trace: &mut Trace<'_>, at: usize, row: usize, entering: [Fr; 3]) -> [Fr; 3] {
        let (c, constants) = (&self.rig.chip.round_cells, &self.constants[row]);
        let mut t = trace.row_mut(at + row);
        let mut fifth = [Fr::ZERO; 3];
        for w in 0..3 {
            let x = entering[w] + constants.outer[w];
            let square = self.see(&format!("outer square {w}"), row, x * x);
            fifth[w] = square * square * x;
            t.set(c.entering[w], entering[w])
                .set(c.outer_constant[w], constants.outer[w])
                .set(c.outer_square[w], square);
        }
        let sum = fifth[0] + fifth[1] + fifth[2];
        [0, 1, 2].map(|w| {
            let leaving = self.see(&format!("outer round, word {w}"), row, fifth[w] + sum);
            t.set(c.shared.outer[w], leaving);
            leaving
        })
    }

    /// Cells of seven internal rounds, and what leaves them.
    fn inner(&self, trace: &mut Trace<'_>, at: usize, row: usize, entering: [Fr; 3]) -> [Fr; 3] {
        let (c, constants) = (&self.rig.chip.round_cells, &self.constants[row]);
        let mut t = trace.row_mut(at + row);
        t.set_all(&c.shared.inner, entering)
            .set(c.shared.mark, constants.mark());
        let [mut s, mut h1, mut h2] = entering;
        for r in 0..INNER_ROUNDS {
            let x = s + constants.inner[r];
            let square = self.see(&format!("square {r}"), row, x * x);
            let y = self.see(&format!("fifth power {r}"), row, square * square * x);
            let d = y + h1 + h2;
            (s, h1, h2) = (y + d, h1 + d, h2 + h2 + d);
            t.set(c.square[r], square);
            if r > 0 {
                t.set(c.constant[r - 1], constants.inner[r]);
            }
            if let Some(sum) = c.sum.get(r) {
                t.set(*sum, d);
            }
        }
        let leaving = [s, h1, h2];
        [0, 1, 2].map(|w| self.see(&format!("inner rounds, word {w}"), row, leaving[w]))
    }

    /// Appends a turn and the rows below it, without the turn that should follow them; gives what it must hold and the result.
    fn rows(&self, trace: &mut Trace<'_>, input: [Fr; 3]) -> ([Fr; 3], [Fr; 3]) {
        let chip = &self.rig.chip;
        chip.turn(trace, [Fr::ZERO; 3]);
        let at = trace.rows();
        for _ in &self.constants {
            trace.push(chip.round);
        }
        let all = |relation: &str, row, state: [Fr; 3]| {
            [0, 1, 2].map(|w| self.see(&format!("{relation} word {w}"), row, state[w]))
        };
        let mut state = input;
        poseidon2::external_layer(&mut state);
        for row in (0..=self.fact).rev() {
            if row != self.fact {
                state = all("entering", row, state);
            }
            state = self.outer(trace, at, row, state);
        }
        state = all("turn above,", 0, state);
        for row in 0..self.constants.len() {
            state = self.inner(trace, at, row, state);
        }
        let turned = state;
        state = all("turn below,", 0, state);
        for row in (self.fact + 1..self.constants.len()).rev() {
            state = self.outer(trace, at, row, all("entering", row, state));
        }
        (turned, state)
    }

    /// A table in which the forged permutation's facts are required.
    fn table(&self) -> Table {
        self.table_with(|_| {})
    }

    /// The same with `change` made to the last turn.
    fn table_with(&self, change: impl FnOnce(&mut crate::framework::trace::Row<'_>)) -> Table {
        let (chip, input) = (&self.rig.chip, [1, 2, 3].map(Fr::from));
        let mut trace = Trace::new(&self.rig.machine);
        trace.push(self.rig.start);
        let (turned, out) = self.rows(&mut trace, input);
        chip.turn(&mut trace, turned);
        let mut last = trace.row_mut(trace.rows() - 1);
        last.set(chip.turn_cells.more, Fr::ZERO);
        for (w, cell) in chip.turn_cells.shared.outer.iter().enumerate() {
            let v = self.see(&format!("turn below, word {w}"), 0, turned[w]);
            last.set(*cell, v);
        }
        change(&mut last);
        self.rig.claim(&mut trace, input, out);
        trace.finish([Fr::ZERO; 2])
    }
}

#[test]
fn every_step_of_a_permutation_is_checked() {
    let rig = rig();
    assert_holds(&rig.machine, &Forger::new(&rig).table());
    let words = |name: &'static str, rows: std::ops::Range<usize>| {
        (0..3).flat_map(move |w| rows.clone().map(move |row| (format!("{name} {w}"), row)))
    };
    let rounds = |name: &'static str, n: usize| {
        (0..n).flat_map(move |r| (0..ROUND_ROWS).map(move |row| (format!("{name} {r}"), row)))
    };
    let steps = words("outer square", 0..8)
        .chain(words("outer round, word", 0..8))
        .chain(words("entering word", 0..3))
        .chain(words("entering word", 4..8))
        .chain(words("inner rounds, word", 0..8))
        .chain(words("turn above, word", 0..1))
        .chain(words("turn below, word", 0..1))
        .chain(rounds("square", INNER_ROUNDS))
        .chain(rounds("fifth power", INNER_ROUNDS - 1));
    let mut tried = 0;
    for spoilt in steps {
        let forger = Forger {
            spoilt: spoilt.clone(),
            ..Forger::new(&rig)
        };
        assert_only(&rig, &forger.table(), &[&spoilt.0]);
        tried += 1;
    }
    assert_eq!(tried, 3 * (8 + 8 + 7 + 8 + 1 + 1) + 8 * (7 + 6));
}

#[test]
fn constants_are_those_of_the_row() {
    let rig = rig();
    for row in 0..ROUND_ROWS {
        for i in 0..INNER_ROUNDS + 3 {
            let mut forger = Forger::new(&rig);
            let c = &mut forger.constants[row];
            match i.checked_sub(INNER_ROUNDS) {
                Some(w) => c.outer[w] += Fr::ONE,
                None => c.inner[i] += Fr::ONE,
            }
            let names = match i {
                // The mark: both tables, the row above, and the rules that know marks.
                0 if row == 0 => vec!["message", "the first row"],
                0 if row == FACT_ROW => vec!["message", "entering word", "fact"],
                0 => vec!["message"],
                1..INNER_ROUNDS => vec!["message 0 in table hash.inner"],
                _ => vec!["message 1 in table hash.outer"],
            };
            assert_only(&rig, &forger.table(), &names);
        }
        // Constants of another row, by its mark or not.
        for other in (0..ROUND_ROWS).filter(|o| *o != row) {
            let mut forger = Forger::new(&rig);
            let all = Constants::all();
            forger.constants[row].outer = all[other].outer;
            assert_only(&rig, &forger.table(), &["message 1 in table hash.outer"]);
            let mut forger = Forger::new(&rig);
            forger.constants[row].inner[1..].copy_from_slice(&all[other].inner[1..]);
            assert_only(&rig, &forger.table(), &["message 0 in table hash.inner"]);
        }
    }
}

#[test]
fn rows_come_whole_and_in_order() {
    let rig = rig();
    let order = "message 0 in table hash.inner";
    for left_out in [1, 2, 4, 5, 6, 7] {
        let rows: Vec<usize> = (0..8).filter(|r| *r != left_out).collect();
        assert_only(&rig, &Forger::in_order(&rig, &rows).table(), &[order]);
    }
    for rows in [
        &[0, 1, 1, 2, 3, 4, 5, 6, 7][..],
        &[0, 1, 2, 3, 4, 5, 6, 7, 7],
        &[0, 2, 1, 3, 4, 5, 6, 7],
        &[0, 1, 2, 3, 4, 6, 5, 7],
        &[0, 3, 7],
        &[0, 1, 2, 4, 5, 6, 3, 7],
        &[0, 1, 2, 3],
    ] {
        assert_only(&rig, &Forger::in_order(&rig, rows).table(), &[order]);
    }
    for rows in [&[1, 2, 3, 4, 5, 6, 7][..], &[3, 4, 5, 6, 7]] {
        let forger = Forger::in_order(&rig, rows);
        assert_only(&rig, &forger.table(), &["the first row follows a turn"]);
    }
}

#[test]
fn a_turn_ends_a_whole_permutation() {
    let rig = rig();
    let mark = rig.chip.turn_cells.shared.mark;
    for n in 4..8 {
        let rows: Vec<usize> = (0..n).collect();
        let next = Constants::all()[n].mark();
        let cut = Forger::in_order(&rig, &rows).table_with(|turn| {
            turn.set(mark, next);
        });
        assert_only(&rig, &cut, &["a turn has no constants"]);
    }
}

#[test]
fn a_run_begins_and_ends_with_a_turn() {
    let rig = rig();
    let good = rig.good();
    let run = rig.run(&good, 0);
    let (from, to) = (run - 1, run + 2 * ROWS);
    assert_eq!(to, good.rows());
    // Any part of the run left out, at its end too; what goes with a whole permutation are its facts.
    for a in from..to {
        for b in a + 1..=to {
            assert_fails(&rig.machine, &without(&good, a, b));
        }
    }
    // No turn above, and none below.
    let f = assert_fails(&rig.machine, &without(&good, from, run));
    assert_eq!(f.relation, "run", "{f}");
    assert_fails(&rig.machine, &without(&good, to - 1, to));
    // A last turn that promises more, and a turn between two permutations that does not.
    for (row, v) in [(to - 1, Fr::ONE), (run + ROUND_ROWS, Fr::ZERO)] {
        let mut table = good.clone();
        table.set(row, rig.chip.turn_cells.more, v);
        assert_fails(&rig.machine, &table);
    }
}

/// The table without physical rows `from .. to`, as an attacker would lay it out.
fn without(table: &Table, from: usize, to: usize) -> Table {
    let mut t = table.clone();
    t.heads.drain(from..to);
    t.state.drain(from..to);
    t.data.drain(from * t.width..to * t.width);
    t
}

#[test]
fn a_turn_opens_no_other_run() {
    let rig = rig();
    let cells = &rig.chip.turn_cells;
    let good = rig.good();
    let open = good.state[rig.run(&good, 0)];
    let mut trace = Trace::new(&rig.machine);
    trace.push(rig.start);
    rig.chip.turn(&mut trace, [Fr::ZERO; 3]);
    // The state above the start row, by a multiple of the own one; the row below has what a turn demands.
    let start = State::START.element();
    let more = start * open.invert().unwrap();
    let turn = trace.rows() - 1;
    trace.row_mut(turn).set(cells.more, more);
    let first = Constants::all()[0].mark();
    trace.push(rig.start).set(cells.shared.mark, first);
    assert_only(&rig, &trace.finish([Fr::ZERO; 2]), &["more "]);
}

#[test]
fn facts_are_sent_from_one_row_alone() {
    let rig = rig();
    let states = States::of([1, 2, 3].map(Fr::from), Constants::all());
    let left = |row: usize| match row {
        ROUND_ROWS => states.turned,
        _ => outer_round(states.entering[row], &states.constants[row]),
    };
    let quarter = Fr::from(4).invert().unwrap();
    for row in 0..ROUND_ROWS {
        let mut trace = Trace::new(&rig.machine);
        trace.push(rig.start);
        rig.chip.turn(&mut trace, [Fr::ZERO; 3]);
        rig.chip.permutation(&mut trace, &states);
        let last = trace.rows() - 1;
        trace.row_mut(last).set(rig.chip.turn_cells.more, Fr::ZERO);
        let entering = states.entering[row];
        let mean = (entering[0] + entering[1] + entering[2]) * quarter;
        rig.claim(&mut trace, entering.map(|w| w - mean), left(row + 1));
        let table = trace.finish([Fr::ZERO; 2]);
        if row == FACT_ROW {
            assert_holds(&rig.machine, &table);
            continue;
        }
        let names = ["fact 0 is sent", "fact 1 is sent"];
        assert_only(&rig, &table, &names);
        let failures = checker::check(&rig.machine, &table, 1000).unwrap_err();
        for name in names {
            assert!(failures.iter().any(|f| f.relation.starts_with(name)));
        }
    }
}

#[test]
fn a_claim_is_the_whole_fact() {
    let rig = rig();
    let good = rig.good();
    let claim = good.heads_of(rig.user)[0];
    for cell in &rig.cells {
        let mut table = good.clone();
        table.set(claim, *cell, table.cell(claim, *cell) + Fr::ONE);
        let f = assert_fails(&rig.machine, &table);
        assert!(f.relation.starts_with("bus"), "{f}");
    }
}
