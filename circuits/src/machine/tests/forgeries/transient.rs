//! Forged lists of transient words: a second node for a key, a node out of order, a node of another transaction.

use super::super::{
    evm::{
        blocks::{Code, World},
        transient::Keys,
    },
    with_program,
};
use crate::{
    cpu::{asm::Choice, interpreter::ExecutionError},
    machine::MainMachine,
    witness::SegmentInput,
};
use alloy_primitives::U256;
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Where a key is looked for, and where it gets a node.
const PARTS: [&str; 2] = [
    "the node of this key, or the one before its place",
    "a new node",
];

/// A choice that is made otherwise when it is asked for the `nth` time.
fn forged(honest: &Choice, nth: usize, value: U256) -> Choice {
    let asked = AtomicUsize::new(0);
    let now = move || asked.fetch_add(1, Ordering::Relaxed) == nth;
    match honest.clone() {
        Choice::Word(f) => Choice::Word(Arc::new(move |v| if now() { Ok(value) } else { f(v) })),
        Choice::Entry(f) => Choice::Entry(Arc::new(move |v| {
            let honest = f(v)?;
            Ok(if now() { value.to() } else { honest })
        })),
        Choice::Elements(_) => panic!("there is no such choice"),
    }
}

/// Runs with the node `index` for the `nth` key that is asked for, which is said to be new or not, and then to be the last one or not; a choice
/// that is not made otherwise is the honest one.
fn run(
    input: &SegmentInput,
    (nth, index): (usize, U256),
    new: Option<bool>,
    last: Option<(usize, bool)>,
) -> Result<(), ExecutionError> {
    let mut program = MainMachine::get().program.clone();
    let within = |part: &str| -> Vec<usize> {
        let words = 0..program.words.len();
        words
            .filter(|i| program.part(*i as u64) == part && program.words[*i].choice.is_some())
            .collect()
    };
    let ([node, found], [end]) = (
        <[usize; 2]>::try_from(within(PARTS[0])).unwrap(),
        <[usize; 1]>::try_from(within(PARTS[1])).unwrap(),
    );
    let mut forge = |word: usize, nth, value| {
        let honest = program.words[word].choice.clone().unwrap();
        program.words[word].choice = Some(forged(&honest, nth, value));
    };
    forge(node, nth, index);
    if let Some(new) = new {
        forge(found, nth, U256::from(!new));
    }
    if let Some((nth, last)) = last {
        forge(end, nth, U256::from(last));
    }
    with_program(program).execute(input).map(|_| ())
}

/// Stores of 5 and 9, then a load of `key`. The first node is that of 0.
fn input(key: u64) -> SegmentInput {
    let [a, b] = [5u64, 9].map(U256::from);
    let keys = Keys::default().store(a, b).store(b, a);
    let code = keys.load(U256::from(key)).code;
    let mut world = World::new();
    let call = world.contract(code);
    assert!(world.agrees(&[vec![call]])[0].0);
    world.input(&[vec![call]])
}

/// Each way to name a node for the third key, whether it is said to be new, and the last one, is refused but for these.
#[track_caller]
fn only(key: u64, good: &[(u64, bool)]) {
    let input = input(key);
    for index in 0..4u64 {
        for new in [false, true] {
            // Two keys had new nodes before.
            for last in [false, true] {
                let at = (2, U256::from(index));
                let result = run(&input, at, Some(new), new.then_some((2, last)));
                let right = good.contains(&(index, new)) && (!new || last == (key > 9));
                assert_eq!(result.is_ok(), right, "{key}: {index}, {new}, {last}");
            }
        }
    }
}

// NEGATIVE

#[test]
fn a_key_that_has_a_node_gets_no_other() {
    only(0, &[(0, false)]);
    only(5, &[(1, false)]);
    only(9, &[(2, false)]);
}

#[test]
fn a_key_without_a_node_is_put_in_its_place() {
    only(1, &[(0, true)]);
    only(7, &[(1, true)]);
    only(10, &[(2, true)]);
}

#[test]
fn a_node_is_one_of_this_transaction() {
    let [key, word] = [5u64, 6].map(U256::from);
    let mut world = World::new();
    let first = world.contract(Keys::default().store(key, word).code);
    let second = world.contract(Keys::default().load(key).code);
    let calls = vec![vec![first, second]];
    assert!(world.agrees(&calls).iter().all(|u| u.0));
    let input = world.input(&calls);
    assert_eq!(run(&input, (1, U256::ZERO), Some(true), None), Ok(()));
    // The key's node in the transaction before, behind this one's first node, as a number below 0 and as a fraction.
    let [one, two] = [1u64, 2].map(U256::from);
    let behind = run(&input, (1, one), Some(false), None);
    assert!(behind.unwrap_err().reason.contains("is not negative"));
    for index in [
        U256::ZERO.wrapping_sub(one),
        U256::ZERO.wrapping_sub(two),
        U256::MAX >> 5,
    ] {
        assert!(run(&input, (1, index), Some(false), None).is_err());
        assert!(run(&input, (1, index), Some(true), None).is_err());
    }
}

#[test]
fn a_word_that_was_stored_is_loaded() {
    // The honest run of a load that expects another word fails in the contract.
    let key = U256::from(5);
    let code = Code::default().push(U256::from(6)).push(key).op(0x5d);
    let mut world = World::new();
    let good = world.contract(code.clone().push(key).op(0x5c).expect(U256::from(6)));
    let bad = world.contract(code.push(key).op(0x5c).expect(U256::ZERO));
    let used = world.agrees(&[vec![good, bad]]);
    assert_eq!(used.iter().map(|u| u.0).collect::<Vec<_>>(), [true, false]);
}
