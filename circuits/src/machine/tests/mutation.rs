//! Every cell of the `cpu` rows is bound, in the whole machine.

use super::{super::MainMachine, coverage};
use crate::framework::mutate;
use std::collections::BTreeSet;

// NEGATIVE

#[test]
fn every_cell_of_the_cpu_is_bound() {
    let m = MainMachine::get();
    let mut words = BTreeSet::new();
    let (mut tried, mut killed) = (0, 0);
    for (name, input) in coverage::all_inputs() {
        let table = m.fill(&input).unwrap().table;
        // One row for each set of controls and each next instruction, and some of the other kinds.
        let mut heads = vec![];
        for kind in [m.cpu.word, m.cpu.record] {
            if !name.starts_with("failures") {
                heads.extend(table.heads_of(kind));
            }
        }
        for row in table.heads_of(m.cpu.op) {
            let (index, entry) = m.taken(&table, row);
            let word = &m.program.words[index];
            let e = &word.entries[entry];
            if words.insert((e.controls, e.service, entry, word.choice.is_some())) {
                heads.push(row);
            }
        }
        let outcome = mutate::mutate_rows(&m.machine, &table, &heads);
        tried += outcome.tried;
        killed += outcome.killed;
        assert!(
            outcome.survivors.is_empty(),
            "{name}: {:#?}",
            outcome.survivors
        );
    }
    println!(
        "{killed} of {tried} changes noticed, over {} sorts of row",
        words.len()
    );
    assert!(tried > 5_000 && killed == tried);
}
