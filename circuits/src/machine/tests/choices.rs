//! Every hint and every jump that the prover chooses, chosen otherwise: no other choice has a proof, or both lead to the same end.

use super::{super::MainMachine, coverage, evm, with_program};
use crate::{
    cpu::asm::{Choice, Program, Var, Word},
    framework::{checker, table::Table, trace::Trace},
    io,
    witness::{SegmentInput, field_modulus, halves, join},
};
use alloy_primitives::U256;
use protocol::{BoundaryState, field};
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

/// The part of the program that gives the payload's groups, and the scratch word that says which one is next.
const GIVING: (&str, &str) = ("the payload that was read", "payload groups given");

/// Opcodes that may go a slower way, which leads to the same end.
const SLOWER: [&str; 3] = ["MLOAD", "MSTORE", "CALLDATALOAD"];

/// A name, and another value for the honest one.
type Change = (&'static str, fn(U256) -> U256);

/// Other values for a hint.
const OTHERS: [Change; 9] = [
    ("plus 1", |v| v.wrapping_add(U256::from(1))),
    ("minus 1", |v| v.wrapping_sub(U256::from(1))),
    ("zero", |_| U256::ZERO),
    ("greatest", |_| U256::MAX),
    ("plus 2^64", |v| v.wrapping_add(U256::from(1) << 64)),
    ("plus 2^128", |v| v.wrapping_add(U256::from(1) << 128)),
    ("plus the field's order", |v| {
        v.wrapping_add(field_modulus())
    }),
    ("twice", |v| v.wrapping_shl(1)),
    ("half", |v| v >> 1),
];

/// Other entries of an instruction, counted from the one that the honest choice takes.
const WAYS: [Change; 9] = [
    ("next way", further::<1>),
    ("2 ways on", further::<2>),
    ("3 ways on", further::<3>),
    ("4 ways on", further::<4>),
    ("5 ways on", further::<5>),
    ("6 ways on", further::<6>),
    ("7 ways on", further::<7>),
    ("8 ways on", further::<8>),
    ("9 ways on", further::<9>),
];

fn further<const N: u64>(entry: U256) -> U256 {
    entry.wrapping_add(U256::from(N))
}

/// Whether a choice was asked for, and differed from the honest one.
#[derive(Clone, Default)]
struct Seen {
    asked: Arc<AtomicUsize>,
    differed: Arc<AtomicBool>,
}

/// The choice with `change` on the occurrence `only`, or on all. `given` is there for the payload's groups, which are free
/// where the program does not read them: only those change that it reads, and none is given beyond.
fn altered(
    honest: &Choice,
    ways: usize,
    given: Option<Var>,
    seen: &Seen,
    only: Option<usize>,
    change: fn(U256) -> U256,
) -> Choice {
    let seen = seen.clone();
    let now = move |differs: bool| {
        let n = seen.asked.fetch_add(1, Ordering::Relaxed);
        let on = only.is_none_or(|o| o == n);
        seen.differed.fetch_or(on && differs, Ordering::Relaxed);
        on
    };
    match honest.clone() {
        Choice::Word(f) => Choice::Word(Arc::new(move |v| {
            let word = f(v)?;
            let all = io::WORD_GROUPS as u64;
            let read = given.map_or(all, |at| v.payload_left(at).min(all));
            let kept = U256::MAX >> (64 * read);
            let other = change(word) & !kept | word & kept;
            Ok(if now(word != other) { other } else { word })
        })),
        Choice::Elements(f) => Choice::Elements(Arc::new(move |v| {
            let (hi, lo) = f(v)?;
            let other = [hi, lo].map(|x| {
                let [hi, lo] = halves(change(field::to_word(&x)));
                join(hi, lo)
            });
            let differs = [hi, lo] != other;
            Ok(if now(differs) { other.into() } else { (hi, lo) })
        })),
        Choice::Entry(f) => Choice::Entry(Arc::new(move |v| match f(v)? {
            0 if given.is_some() => Ok(0),
            entry if now(true) => Ok(change(U256::from(entry)).to::<usize>() % ways),
            entry => Ok(entry),
        })),
    }
}

fn program_with(upc: usize, choice: Choice) -> Program {
    let mut program = MainMachine::get().program.clone();
    program.words[upc].choice = Some(choice);
    program
}

/// Runs with the altered choice: whether it came up, and the boundary state after it if there is a table that holds.
fn survives(
    program: Program,
    seen: &Seen,
    input: &SegmentInput,
    most: usize,
) -> (bool, Option<BoundaryState>) {
    let machine = with_program(program);
    // A choice may lead round in a loop.
    let run = machine.run(Trace::new(&machine.machine), input, most);
    let run = run.ok().map(|e| e.boundary);
    let Some(boundary) = run.filter(|_| seen.differed.load(Ordering::Relaxed)) else {
        return (seen.differed.load(Ordering::Relaxed), None);
    };
    seen.asked.store(0, Ordering::Relaxed);
    let holds = |t: &Table| checker::check(&machine.machine, t, 1).is_ok();
    let filled = machine.fill(input).is_ok_and(|f| holds(&f.table));
    (true, filled.then_some(boundary))
}

// POSITIVE

#[test]
fn a_slower_way_leads_to_the_same_end() {
    let honest = &MainMachine::get().program;
    for name in SLOWER {
        let picks = honest.words.iter().enumerate();
        let pick = |(i, w): &(usize, &Word)| honest.part(*i as u64) == name && w.choice.is_some();
        let upc = picks.clone().find(pick).expect("the opcode has a choice").0;
        let slow = Choice::Entry(Arc::new(|_| Ok(1)));
        let seen = Seen::default();
        seen.differed.store(true, Ordering::Relaxed);
        let mut tried = false;
        for (_, input) in evm::inputs() {
            let run = MainMachine::get().execute(&input).unwrap();
            if run.executed[upc] > 0 && !tried {
                tried = true;
                let program = program_with(upc, slow.clone());
                let (_, end) = survives(program, &seen, &input, usize::MAX);
                assert_eq!(end, Some(run.boundary), "{name}");
            }
        }
        assert!(tried, "{name}");
    }
}

// NEGATIVE

#[test]
fn no_other_choice_has_a_proof() {
    let honest = &MainMachine::get().program;
    let (mut choices, mut tried, mut untouched, mut survivors) = (0, 0, vec![], vec![]);
    let mut inputs = coverage::all_inputs();
    // Short ones are tried first.
    let instructions = |input: &SegmentInput| {
        let run = MainMachine::get().execute(input);
        run.map_or(0, |e| e.executed.iter().sum::<u64>())
    };
    inputs.sort_by_cached_key(|(_, input)| instructions(input));
    let mut ends = vec![];
    let executed: Vec<Vec<u64>> = inputs
        .iter()
        .map(|(name, input)| {
            let run = MainMachine::get().execute(input);
            let run = run.unwrap_or_else(|e| panic!("{name}: {e}"));
            ends.push(run.boundary);
            run.executed
        })
        .collect();
    let next = honest.names.iter().position(|n| n == GIVING.1);
    let next = Var(next.expect("the word is declared") as u16);
    for (upc, word) in honest.words.iter().enumerate() {
        let Some(choice) = &word.choice else {
            continue;
        };
        choices += 1;
        let given = (honest.part(upc as u64) == GIVING.0).then_some(next);
        let ways = word.entries.len();
        let changes: &[Change] = match choice {
            Choice::Word(_) | Choice::Elements(_) => &OTHERS,
            Choice::Entry(_) => &WAYS[..ways - 1],
        };
        let mut touched = false;
        let may_be_slower = SLOWER.contains(&honest.part(upc as u64));
        for (name, change) in changes {
            for only in [None, Some(0)] {
                let asking = inputs.iter().zip(&executed).zip(&ends);
                let asking = asking.filter(|((_, e), _)| e[upc] > 0);
                // What differs in the first inputs that ask differs in all, but for a word that is 0 there.
                for (((at, input), executed), end) in asking.take(4) {
                    let seen = Seen::default();
                    let choice = altered(choice, ways, given, &seen, only, *change);
                    let most = 2 * executed.iter().sum::<u64>() as usize;
                    let program = program_with(upc, choice);
                    let (differed, survived) = survives(program, &seen, input, most);
                    if !differed {
                        continue;
                    }
                    touched = true;
                    tried += 1;
                    let same_end = survived.as_ref() == Some(end);
                    if survived.is_some() && !(may_be_slower && same_end) {
                        survivors.push(format!("word {upc}, {name}, only {only:?}, {at}"));
                    }
                    break;
                }
            }
        }
        if !touched {
            untouched.push(upc);
        }
    }
    println!(
        "{} choices, {tried} other choices tried, {} survive",
        choices,
        survivors.len()
    );
    assert!(untouched.is_empty(), "never asked: {untouched:?}");
    assert!(survivors.is_empty(), "{survivors:#?}");
}
