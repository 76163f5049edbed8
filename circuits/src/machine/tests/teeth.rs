//! Every relation is needed: for each there is a forged row that it alone stops.

use super::{super::MainMachine, coverage};
use crate::{framework::teeth::Evidence, testing::assert_golden};

/// Relations without evidence, and why.
const NOT_SHOWN: [(&str, &str); 4] = [
    (
        "cpu.word: address is pinned",
        "follows from the public values, of which one is not 0, and `initial` is 0 but for word 0",
    ),
    (
        "io.item: single in table bit",
        "follows from the other classes: with k of them `single` is 1 - k, and for k > 1 the classes' sizes less 1 add up to a \
         negative number, but `rest` and `slack` do not",
    ),
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
    for (_, input) in coverage::inputs() {
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
