//! The decoder alone: what it reads, and that whatever the prover chooses there is one outcome at most.

use super::*;
use crate::{
    cpu::{
        asm::{Choice, Program},
        interpreter::{self, Options},
        program::SegmentVars,
    },
    framework::trace::Trace,
    io,
    machine::MainMachine,
    sample::Chain,
    witness::SegmentInput,
};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

/// What is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Integer,
    Fixed(i64),
    List,
    Calldata,
}

/// Value (or length, or end) and next offset.
type Outcome = (U256, u64);

/// A program that reads one item at `offset`: the value is its state root after, the next offset its block number.
fn program(kind: Kind, offset: u64) -> Program {
    let mut p = Asm::default();
    let s = SegmentVars::declare(&mut p);
    let at = p.var("at");
    let mut rlp = Rlp::declare(&mut p, at);
    let (end, done, begin) = (p.label(), p.label(), p.label());
    p.set(at, offset);
    p.place(begin);
    match kind {
        Kind::Integer => rlp.integer(&mut p, s.root),
        Kind::Fixed(n) => rlp.fixed(&mut p, s.root, n),
        Kind::List => rlp.list_within(&mut p, s.root),
        Kind::Calldata => rlp.calldata(&mut p, s.root, done),
    }
    p.place(done);
    p.set(s.number, at);
    p.jump(end);
    rlp.routines(&mut p);
    p.place(end);
    p.halt();
    p.assemble(end, s)
}

/// What a run chose: how many ways there were at each choice, and which one it took.
#[derive(Default)]
struct Script {
    taken: Vec<(usize, usize)>,
    next: usize,
}

impl Script {
    /// The way at the next choice among `ways`.
    fn choose(&mut self, ways: usize) -> usize {
        if self.next == self.taken.len() {
            self.taken.push((0, ways));
        }
        self.next += 1;
        self.taken[self.next - 1].0
    }
    /// Goes to the next combination, if there is one.
    fn step(&mut self) -> bool {
        self.next = 0;
        while let Some((way, ways)) = self.taken.pop() {
            if way + 1 < ways {
                self.taken.push((way + 1, ways));
                return true;
            }
        }
        false
    }
}

/// A segment without records.
fn input() -> SegmentInput {
    Chain::new(1, 1).batch(vec![vec![]])
}

fn run(program: &Program, input: &SegmentInput) -> Option<Outcome> {
    let m = MainMachine::get();
    let trace = Trace::counting(&m.machine);
    let run = interpreter::run(trace, m.chips(), program, input, Options::default()).ok()?;
    Some((run.boundary.state_root.into(), run.boundary.block_number))
}

/// Every outcome of the program, over all ways on and, for each word that is hinted, over `words` and those near the header byte's
/// own; and how many combinations there are.
fn outcomes(program: &Program, input: &SegmentInput, words: u64) -> (Vec<Outcome>, usize) {
    let script = Arc::new(Mutex::new(Script::default()));
    let mut program = program.clone();
    let last = program.words.len() - 1;
    // How the program ends is no part of the reading.
    for word in &mut program.words[..last] {
        let ways = word.entries.len();
        let of = Arc::clone(&script);
        word.choice = match word.choice.take() {
            Some(Choice::Entry(_)) => Some(Choice::Entry(Arc::new(move |_| {
                Ok(of.lock().unwrap().choose(ways))
            }))),
            Some(Choice::Word(honest)) => Some(Choice::Word(Arc::new(move |v| {
                let honest: BTreeSet<_> = match honest(v) {
                    Ok(word) => {
                        let near = [0, 1, 2, 8, 16, 56, 128, 256].map(U256::from);
                        near.iter()
                            .flat_map(|n| [word.wrapping_add(*n), word.wrapping_sub(*n)])
                            .collect()
                    }
                    Err(_) => BTreeSet::new(),
                };
                let all: BTreeSet<_> = (0..=words).map(U256::from).chain(honest).collect();
                let way = of.lock().unwrap().choose(all.len());
                Ok(*all.iter().nth(way).unwrap())
            }))),
            other => other,
        };
    }
    let (mut found, mut tried) = (vec![], 0);
    loop {
        tried += 1;
        found.extend(run(&program, input));
        if !script.lock().unwrap().step() {
            return (found, tried);
        }
    }
}

/// What the reader without a circuit says.
fn expected(kind: Kind, payload: &[u8], offset: u64) -> Option<Outcome> {
    let item = io::read(payload, offset).ok()?;
    let length = U256::from(item.length);
    match kind {
        Kind::List if item.is_list => Some((U256::from(item.next) + length, item.next)),
        _ if item.is_list => None,
        Kind::Integer => (item.canonical && item.length <= 32).then_some((item.value, item.next)),
        Kind::Fixed(n) => (item.length == n as u64).then_some((item.value, item.next)),
        // Of one byte; what follows in a transaction is never a zero byte.
        Kind::Calldata
            if item.next == offset + 1
                && item.next % 8 != 0
                && payload[item.next as usize] == 0 =>
        {
            None
        }
        Kind::Calldata => Some((length, item.next)),
        Kind::List => None,
    }
}

/// Header bytes at the bounds of the classes.
fn headers() -> Vec<u8> {
    let bounds = [
        0x00, 0x01, 0x7f, 0x80, 0x81, 0x82, 0x8f, 0x90, 0x91, 0x92, 0x94, 0x9f, 0xa0, 0xa1, 0xb6,
        0xb7, 0xb8, 0xb9, 0xba, 0xbb, 0xbf, 0xc0, 0xc1, 0xc8, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa, 0xfb,
        0xff,
    ];
    bounds.to_vec()
}

/// The bytes after a header: a length of one byte or two at the bounds, a leading zero, small and great content.
fn tails() -> Vec<[u8; 3]> {
    vec![
        [0, 0, 0],
        [0, 0x38, 1],
        [1, 0, 0],
        [0x37, 1, 1],
        [0x38, 0, 1],
        [0x7f, 9, 9],
        [0x80, 0, 0],
        [0xff, 0xff, 0xff],
    ]
}

fn payload(offset: u64, header: u8, tail: [u8; 3]) -> Vec<u8> {
    let mut bytes = vec![0x55; 420];
    bytes[offset as usize] = header;
    bytes[offset as usize + 1..][..3].copy_from_slice(&tail);
    bytes
}

/// Checks that each of the items has the outcome of the plain reader and no other.
fn unique(kind: Kind, words: u64) {
    let mut input = input();
    let (mut tried, mut read) = (0, 0);
    for offset in [15, 17] {
        let program = program(kind, offset);
        for header in headers() {
            for tail in tails() {
                input.payload = payload(offset, header, tail);
                let want = expected(kind, &input.payload, offset);
                assert_eq!(run(&program, &input), want, "{kind:?} {header:x} {tail:x?}");
                let (found, n) = outcomes(&program, &input, words);
                let want: Vec<_> = want.into_iter().collect();
                assert_eq!(found, want, "{kind:?} {header:x} {tail:x?} at {offset}");
                tried += n;
                read += want.len();
            }
        }
    }
    println!("{kind:?}: {tried} combinations, {read} items");
    assert!(read > 0);
}

// NEGATIVE

#[test]
fn an_integer_has_one_reading() {
    unique(Kind::Integer, 300);
}

#[test]
fn a_string_of_known_length_has_one_reading() {
    unique(Kind::Fixed(20), 0);
    unique(Kind::Fixed(32), 0);
}

#[test]
fn a_list_has_one_end() {
    unique(Kind::List, 0);
}

#[test]
fn calldata_has_one_reading() {
    unique(Kind::Calldata, 130);
}
