//! Every relation is needed: for each there is a forged row that it alone stops.

use super::{super::MainMachine, coverage, evm};
use crate::{framework::teeth::Evidence, testing::assert_golden};

/// Relations without evidence, and why.
const NOT_SHOWN: [(&str, &str); 2] = [
    (
        "tree.end: join or drop",
        "follows from the other cases: a deletion is one of three booleans, and nothing else drops or clears",
    ),
    (
        "tree.root: carry",
        "guarded by `keys_twice_or_out_of_order` in the tests of `tree`: the other values differ by the field's order",
    ),
];

// NEGATIVE

#[test]
fn each_relation_is_needed() {
    let m = MainMachine::get();
    let mut evidence = Evidence::default();
    let some = evm::failing_inputs().into_iter().step_by(12);
    for (_, input) in coverage::inputs().into_iter().chain(some) {
        evidence.add(&m.machine, &m.fill(&input).unwrap().table, |_| true);
    }
    // Deletions, which no transfer makes.
    let (machine, tables) = crate::tree::tests::tables();
    for table in tables {
        evidence.add(&machine, &table, |k| k.chip() == "tree");
    }
    assert_golden("teeth", &evidence.lines());
    let missing = evidence.not_shown();
    let unknown: Vec<_> = missing
        .iter()
        .filter(|x| NOT_SHOWN.iter().all(|n| n.0 != **x))
        .collect();
    assert!(
        unknown.is_empty(),
        "neither needed nor with a reason: {unknown:#?}"
    );
    let needed: Vec<_> = NOT_SHOWN
        .iter()
        .filter(|n| missing.iter().all(|x| n.0 != x))
        .collect();
    assert!(needed.is_empty(), "needed after all: {needed:#?}");
}
