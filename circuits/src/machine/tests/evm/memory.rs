//! Memory, calldata, copies, hashes, logs, RETURN.

use super::{Case, holds, push};
use alloy_primitives::U256;

/// A word of 32 different bytes.
fn pattern() -> U256 {
    U256::from_be_bytes(std::array::from_fn::<u8, 32, _>(|i| 0xa0 + i as u8))
}

/// An opcode on these words, the first one at the top.
fn on(opcode: u8, words: &[U256]) -> Vec<u8> {
    let pushes = words.iter().rev().flat_map(|w| push(*w));
    pushes.chain([opcode]).collect()
}

fn small(opcode: u8, words: &[u64]) -> Vec<u8> {
    let words: Vec<U256> = words.iter().map(|w| U256::from(*w)).collect();
    on(opcode, &words)
}

/// The word at the top becomes the topic of a log.
fn show() -> Vec<u8> {
    small(0xa1, &[0, 0])
}

/// The first bytes of the memory become the data of a log.
fn show_memory(bytes: u64) -> Vec<u8> {
    small(0xa0, &[0, bytes])
}

fn mstore(offset: u64, word: U256) -> Vec<u8> {
    on(0x52, &[U256::from(offset), word])
}

/// A memory of 96 different bytes.
fn filled() -> Vec<u8> {
    let turned = |n: usize| pattern().rotate_left(n) ^ U256::from(n);
    [
        mstore(0, turned(3)),
        mstore(32, turned(40)),
        mstore(64, turned(101)),
    ]
    .concat()
}

fn case(code: Vec<u8>) -> Case {
    Case {
        gas: 400_000,
        ..Case::of(&code)
    }
}

fn with_input(code: Vec<u8>, length: usize) -> Case {
    Case {
        input: (0..length).map(|i| (i % 7 * 40) as u8 ^ i as u8).collect(),
        ..case(code)
    }
}

fn loads_and_stores() -> Case {
    let mut code = vec![];
    for offset in [0, 1, 31, 32, 33, 64, 40, 0, 32, 129] {
        code.extend(mstore(offset, pattern()));
        code.push(0x59);
        code.extend(show());
    }
    for offset in [0, 1, 31, 32, 64, 100, 128, 130, 200, 300] {
        code.extend(small(0x51, &[offset]));
        code.extend(show());
    }
    for offset in [0, 1, 31, 32, 63, 400] {
        code.extend(on(
            0x53,
            &[U256::from(offset), U256::MAX - U256::from(offset)],
        ));
    }
    code.extend(show_memory(430));
    case(code)
}

fn hashes() -> Case {
    let mut code = filled();
    for size in [0, 1, 31, 32, 33, 64, 136, 137] {
        for offset in [0, 5] {
            code.extend(small(0x20, &[offset, size]));
            code.extend(show());
        }
    }
    case(code)
}

fn logs() -> Case {
    let mut code = filled();
    for topics in 0..=4u8 {
        for (offset, size) in [
            (0, 0),
            (0, 1),
            (0, 16),
            (3, 17),
            (0, 32),
            (31, 33),
            (64, 64),
        ] {
            let topics = (0..u64::from(topics)).map(|t| pattern() >> t);
            let words: Vec<U256> = [offset, size]
                .map(U256::from)
                .into_iter()
                .chain(topics)
                .collect();
            code.extend(on(0xa0 + words.len() as u8 - 2, &words));
        }
    }
    case(code)
}

fn copies(opcode: u8, sources: &[U256]) -> Vec<u8> {
    let mut code = filled();
    for source in sources {
        for (to, size) in [(0, 0), (0, 1), (7, 32), (32, 64), (3, 70), (90, 33)] {
            code.extend(on(opcode, &[U256::from(to), *source, U256::from(size)]));
            code.extend(show_memory(130));
        }
    }
    code
}

fn offsets(most: u64) -> Vec<U256> {
    let around = [
        0,
        1,
        4,
        31,
        32,
        33,
        most.saturating_sub(32),
        most.saturating_sub(31),
    ];
    let end = [most.saturating_sub(1), most, most + 1, 1 << 40];
    let far = [U256::from(1) << 128, U256::MAX];
    around
        .into_iter()
        .chain(end)
        .map(U256::from)
        .chain(far)
        .collect()
}

fn calldata(length: usize) -> Case {
    let mut code = vec![];
    for offset in offsets(length as u64) {
        code.extend(on(0x35, &[offset]));
        code.extend(show());
    }
    with_input(code, length)
}

/// What runs and what it leaves, with its gas.
pub(super) fn plain() -> Vec<Case> {
    let few = [0, 1, 33, 70].map(U256::from);
    let far = [U256::from(1) << 128];
    let mut cases = vec![
        loads_and_stores(),
        hashes(),
        logs(),
        calldata(100),
        calldata(0),
        with_input(copies(0x37, &[&few[..], &far].concat()), 75),
        case(copies(0x39, &[&few[..], &far].concat())),
        case(copies(0x5e, &few)),
        case(small(0x3e, &[U256::MAX.as_limbs()[0], 0, 0])),
        case([filled(), small(0xf3, &[5, 100])].concat()),
        case(small(0xf3, &[1 << 40, 0])),
    ];
    cases.extend([1, 16, 17, 32, 33].map(calldata));
    cases
}

/// Accesses that nobody can pay, each to be followed by others if it could.
pub(super) fn failing() -> Vec<Case> {
    let one = U256::from(1);
    let far = [
        one << 22,
        (one << 22) + one,
        one << 32,
        one << 64,
        one << 128,
        U256::MAX,
    ];
    let mut codes = vec![];
    for at in far {
        for opcode in [0x51, 0x52, 0x53] {
            codes.push(on(opcode, &[at, one]));
        }
        for opcode in [0x20, 0xa0, 0xf3, 0xfd] {
            codes.push(on(opcode, &[at, one]));
            codes.push(on(opcode, &[one, at]));
        }
        for opcode in [0x37, 0x39, 0x5e] {
            codes.push(on(opcode, &[at, one, one]));
            codes.push(on(opcode, &[one, one, at]));
        }
        codes.push(on(0x5e, &[one, at, one]));
        codes.push(on(0x3e, &[one, at, U256::ZERO]));
        codes.push(on(0x3e, &[one, U256::ZERO, at]));
    }
    let short = edges().into_iter().map(|code| {
        let mut case = case(code);
        case.gas = case.gas_used() - 1;
        case
    });
    // REVERT after a log, which does not count.
    let revert = [filled(), show_memory(40), small(0xfd, &[5, 100])].concat();
    codes.push(revert);
    codes.push(small(0xfd, &[1 << 40, 0]));
    codes.into_iter().map(case).chain(short).collect()
}

/// One of each opcode that pays for what it does, to be run with just enough gas.
fn edges() -> Vec<Vec<u8>> {
    let mut codes = vec![
        small(0x51, &[1000]),
        small(0x52, &[1000, 1]),
        small(0x53, &[1000, 1]),
        small(0xf3, &[1000, 5000]),
    ];
    for opcode in [0x37, 0x39, 0x5e] {
        codes.push(small(opcode, &[1, 2, 333]));
        codes.push([filled(), small(opcode, &[1, 2, 3])].concat());
    }
    for topics in 0..=4 {
        let words = [&[31, 300][..], &[7; 4][..topics]].concat();
        codes.push(small(0xa0 + topics as u8, &words));
    }
    codes.push(small(0x20, &[3, 333]));
    codes.push([filled(), small(0x20, &[1, 90])].concat());
    codes
}

// POSITIVE

#[test]
fn memory_agrees_with_revm() {
    for case in plain() {
        assert_eq!(case.agrees(), Ok(true), "{case:?}");
    }
    for case in failing() {
        assert_eq!(case.agrees(), Ok(false), "{case:?}");
    }
}

#[test]
fn gas_is_just_enough() {
    for code in edges() {
        let mut case = case(code);
        case.gas = case.gas_used();
        assert_eq!(case.agrees(), Ok(true), "{case:?}");
        for less in [1, 2, 3] {
            let case = Case {
                gas: case.gas - less,
                ..case.clone()
            };
            assert_eq!(case.agrees(), Ok(false), "{case:?}");
        }
    }
}

#[test]
fn memory_holds() {
    for case in plain() {
        holds(&case);
    }
}
