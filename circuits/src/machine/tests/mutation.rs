//! Every cell of the `cpu` rows is bound, in the whole machine.

use super::{super::MainMachine, coverage};
use crate::framework::mutate;
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
        // One row for each set of controls and each direction of a jump.
        let mut heads = vec![];
        for (kind, upc) in [
            (m.cpu.op, m.cpu.op_cells.common.upc),
            (m.cpu.state, m.cpu.state_cells.common.upc),
        ] {
            for row in table.heads_of(kind) {
                let at = field::to_word(&table.cell(row, upc)).to::<usize>();
                let taken = table.cell(row, m.cpu.op_cells.taken);
                let taken = kind == m.cpu.op && taken != crate::Fr::default();
                if words.insert((m.program.words[at].controls, taken)) {
                    heads.push(row);
                }
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
