//! Every cell of the `cpu` rows is bound, in the whole machine.

use super::{super::MainMachine, coverage};
use crate::{Fr, framework::mutate};
use protocol::field;
use std::collections::BTreeSet;

// NEGATIVE

#[test]
fn every_cell_of_the_cpu_is_bound() {
    let m = MainMachine::get();
    let mut words = BTreeSet::new();
    let (mut tried, mut killed) = (0, 0);
    for (name, input) in coverage::inputs() {
        let table = m.fill(&input).unwrap().table;
        // One row for each set of controls and each next instruction, and some of the other kinds.
        let (c, first) = (&m.cpu.op_cells, m.program.first_upc());
        let mut heads = table.heads_of(m.cpu.word);
        heads.extend(table.heads_of(m.cpu.record));
        for row in table.heads_of(m.cpu.op) {
            let at = field::to_word(&table.cell(row, c.upc)).to::<u64>() - first;
            let word = &m.program.words[at as usize];
            let next = table.cell(row, c.next);
            let ahead = next == Fr::from(first + at + 1);
            if words.insert((word.controls, word.service, ahead)) {
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
