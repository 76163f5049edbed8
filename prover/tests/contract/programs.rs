//! Keys of several programs: each reads the words that the one before gave back.

use alloy_primitives::Bytes;
use alloy_sol_types::SolError;
use prover::contract_key::{self, ContractKey, KeyError};
use verifier_contract::Verifier;

use crate::support::{Fixture, Keys, words};

/// Where the head has the number of programs, then the bytes that each gives back: 16 bits each.
const PROGRAMS_AT: usize = 1 + 32 * 29;

/// Bytes of a program of which there are three.
const THREE: usize = 8_500;

/// The synthetic circuit's key in more programs than its size demands.
fn cut(program_bytes: usize) -> ContractKey {
    let keys = Keys::small();
    let (key, figures) =
        contract_key::export_within(&keys.params, keys.pk.get_vk(), 2, program_bytes).unwrap();
    // Every operation is done once, however often the programs are cut.
    assert_eq!(figures.field_operations, keys.figures.field_operations);
    let handed: usize = (0..key.programs.len()).map(|i| outputs(&key, i)).sum();
    assert_eq!(figures.carried_words, handed - 1);
    key
}

/// Words that the program gives back by the head.
fn outputs(key: &ContractKey, program: usize) -> usize {
    let at = PROGRAMS_AT + 2 * (program + 1);
    usize::from(key.head[at]) << 3 | usize::from(key.head[at + 1]) >> 5
}

/// Contract and mirror on the shared proof; the contract's revert data if it refuses.
fn verdicts(key: &ContractKey) -> (Result<(), Bytes>, Result<(), KeyError>) {
    let fixture = Fixture::shared();
    let (mut chain, public) = (fixture.chain.clone(), words(&fixture.public));
    let contracts = chain.deploy_key(key);
    let receipt = chain.verify(&contracts, &fixture.proof, &public);
    let contract = if receipt.success {
        Ok(())
    } else {
        Err(receipt.output)
    };
    let mirror = contract_key::verify_with_key_data(key, &fixture.proof, &public);
    (contract, mirror)
}

fn accepted(key: &ContractKey) {
    assert_eq!(verdicts(key), (Ok(()), Ok(())));
}

fn refused(name: &str, key: &ContractKey, error: &KeyError, revert: impl SolError) {
    let (contract, mirror) = verdicts(key);
    assert_eq!(mirror.as_ref(), Err(error), "{name}");
    assert_eq!(contract, Err(revert.abi_encode().into()), "{name}");
}

fn invalid(name: &str, key: &ContractKey) {
    refused(name, key, &KeyError::InvalidKey, Verifier::InvalidKey {});
}

/// The end of a program: it gives back the first words of its memory.
fn give_back(words: usize) -> Vec<u8> {
    let bytes = (32 * words).to_be_bytes();
    let bytes = match words {
        0 => &[][..],
        1..8 => &bytes[7..],
        _ => &bytes[6..],
    };
    [&[0x5f + bytes.len() as u8], bytes, &[0x5f, 0xf3]].concat()
}

#[test]
fn values_pass_from_program_to_program() {
    for programs in 1..=4 {
        // Each has its own constants, and stores what it gives back.
        let program_bytes = Keys::small().figures.program_bytes / programs + 700;
        let key = cut(program_bytes);
        assert_eq!(key.programs.len(), programs);
        for i in 0..programs {
            assert!(key.programs[i].len() <= program_bytes);
            assert_eq!(outputs(&key, i) > 1, i + 1 < programs, "program {i}");
        }
        accepted(&key);
    }
}

// NEGATIVE

#[test]
fn other_lengths_than_the_head_says() {
    let key = cut(THREE);
    for i in 0..key.programs.len() {
        let words = outputs(&key, i);
        let rest = key.programs[i].strip_suffix(&give_back(words)[..]);
        let rest = rest.expect("the program ends so").to_vec();
        for other in [0, words - 1, words + 1, 2 * words, 200] {
            let mut spoilt = key.clone();
            spoilt.programs[i] = [&rest[..], &give_back(other)].concat();
            invalid(&format!("program {i} gives back {other} words"), &spoilt);
        }
        for bit in [0x01, 0x20] {
            let mut spoilt = key.clone();
            spoilt.head[PROGRAMS_AT + 2 * i + 3] ^= bit;
            invalid(&format!("head: bytes of program {i}"), &spoilt);
        }
    }
    let mut spoilt = key.clone();
    spoilt.head[PROGRAMS_AT + 1] ^= 1;
    invalid("head: number of programs", &spoilt);
}

#[test]
fn other_programs_than_the_heads() {
    let key = cut(THREE);
    let mut swapped = key.clone();
    swapped.programs.swap(0, 1);
    invalid("swapped", &swapped);
    let mut short = key.clone();
    short.programs.pop();
    invalid("one too few", &short);
    let mut long = key.clone();
    long.programs.push(key.programs[2].clone());
    invalid("one too many", &long);
}

#[test]
fn words_are_handed_on_as_they_are() {
    let key = cut(THREE);
    let (rejected, revert) = (KeyError::ProofRejected, || Verifier::ProofRejected {});
    for i in 0..key.programs.len() {
        let words = outputs(&key, i);
        let tail = give_back(words);
        let rest = key.programs[i].strip_suffix(&tail[..]).unwrap().to_vec();
        // One of the words is 1 too large when it is given back: PUSH2 address MLOAD PUSH1 1 ADD PUSH2 address MSTORE.
        for word in [0, words / 2, words - 1] {
            let [high, low] = ((32 * word) as u16).to_be_bytes();
            let one_more = [0x61, high, low, 0x51, 0x60, 1, 0x01, 0x61, high, low, 0x52];
            let mut spoilt = key.clone();
            spoilt.programs[i] = [&rest[..], &one_more, &tail].concat();
            let name = format!("program {i}, word {word}");
            refused(&name, &spoilt, &rejected, revert());
        }
    }
}
