//! BALANCE, SELFBALANCE, EXTCODESIZE, EXTCODEHASH and BLOCKHASH.

use super::blocks::{Call, Code, VALUE, World};
use crate::{
    machine::MainMachine,
    sample::{address, key},
    testing::assert_holds,
    witness::SegmentInput,
};
use alloy_primitives::{Address, U256, keccak256};
use protocol::{
    genesis::GenesisAccount,
    hash::EMPTY_KECCAK,
    history::{BLOCKHASH_WINDOW, HISTORY_ADDRESS},
};

const BALANCE: u8 = 0x31;
const EXTCODESIZE: u8 = 0x3b;
const EXTCODEHASH: u8 = 0x3f;
const BLOCKHASH: u8 = 0x40;
const SELFBALANCE: u8 = 0x47;
const POP: u8 = 0x50;

/// A contract that no transaction goes to.
const OTHER: Address = Address::repeat_byte(0x0c);
/// An account with a balance alone.
const RICH: Address = Address::repeat_byte(0x0d);
/// An account with a nonce alone.
const OLD: Address = Address::repeat_byte(0x0e);
/// An account that has delegated (EIP-7702).
const DELEGATED: Address = Address::repeat_byte(0x0f);
/// An address without an account.
const ABSENT: Address = Address::repeat_byte(0x0a);

fn word(a: Address) -> U256 {
    U256::from_be_bytes(a.into_word().0)
}

/// A world with an account of each sort.
fn world() -> World {
    let mut world = World::new();
    let account = |nonce, balance: U256, code: &[u8]| GenesisAccount {
        nonce,
        balance,
        code: code.to_vec().into(),
        ..Default::default()
    };
    let some = U256::from(5) << 130;
    world.account(OTHER, account(1, some, &[0x5b; 70]));
    world.account(RICH, account(0, some, &[]));
    world.account(OLD, account(9, U256::ZERO, &[]));
    let delegation = [&[0xef, 1, 0][..], OTHER.as_slice()].concat();
    world.account(DELEGATED, account(3, U256::from(1), &delegation));
    let precompile = Address::with_last_byte(0x11);
    world.account(precompile, account(0, U256::from(7), &[]));
    world
}

/// Addresses of every sort, as words on the stack, with what is not among the genesis accounts.
fn targets(world: &World) -> Vec<U256> {
    let dirty = |bits: u32| word(OTHER) + (U256::from(1) << bits);
    let small = [0u64, 1, 0x10, 0x11, 0x12, 0xff, 0x100, 0x101];
    let all = [OTHER, RICH, OLD, DELEGATED, ABSENT, HISTORY_ADDRESS];
    let others = [
        dirty(160),
        dirty(255),
        U256::from(1) << 160,
        (U256::from(1) << 160) + U256::from(2),
        (U256::from(1) << 160) - U256::from(1),
        U256::MAX,
        word(address(&key(0))),
        word(world.genesis.coinbase),
    ];
    let small = small.map(U256::from).into_iter();
    small.chain(all.map(word)).chain(others).collect()
}

/// The address in a word.
fn in_word(target: U256) -> Address {
    Address::from_word(target.into())
}

/// What an opcode gives of an account that no transaction has changed.
fn given(world: &World, opcode: u8, target: U256) -> U256 {
    let genesis = world.genesis.clone().complete().unwrap();
    let account = genesis.accounts.get(&in_word(target));
    match (opcode, account) {
        (_, None) => U256::ZERO,
        (BALANCE, Some(a)) => a.balance,
        (EXTCODESIZE, Some(a)) => U256::from(a.code.len()),
        (_, Some(a)) if a.record().is_empty() => U256::ZERO,
        (_, Some(a)) if a.code.is_empty() => EMPTY_KECCAK.into(),
        (_, Some(a)) => keccak256(&a.code).into(),
    }
}

fn look(opcode: u8, target: U256) -> Code {
    Code::default().push(target).op(opcode)
}

/// Everything that the opcodes do, in one block; its last transaction cannot pay for a cold account.
pub(super) fn input() -> SegmentInput {
    let mut world = world().behind(1000, 0);
    let mut code = Code::default().op(SELFBALANCE).op(POP);
    for target in targets(&world) {
        for opcode in [BALANCE, EXTCODESIZE, EXTCODEHASH] {
            code = code.push(target).op(opcode).op(POP);
        }
    }
    for number in [0, 744, 745, 1000, 1001, u64::MAX] {
        code = code.push(U256::from(number)).op(BLOCKHASH).op(POP);
    }
    let all = world.contract(code);
    let poor = world.contract(look(BALANCE, word(RICH))).with(2602);
    world.input(&[vec![all, poor]])
}

// POSITIVE

#[test]
fn accounts_are_what_they_are_cold_and_warm() {
    let mut world = world();
    let mut calls = vec![];
    for opcode in [BALANCE, EXTCODESIZE, EXTCODEHASH] {
        let mut code = Code::default();
        for target in targets(&world).into_iter().cycle().take(44) {
            let changing = [address(&key(0)), world.genesis.coinbase];
            code = code.push(target).op(opcode);
            code = match changing.contains(&in_word(target)) && opcode != EXTCODESIZE {
                true => code.op(POP),
                false => code.expect(given(&world, opcode, target)),
            };
        }
        calls.push(world.contract(code));
    }
    let used = world.agrees(&[calls]);
    assert!(used.iter().all(|u| u.0), "{used:?}");
}

#[test]
fn sender_coinbase_and_self_have_what_the_transaction_left_them() {
    let mut world = world();
    let ether = U256::from(10).pow(U256::from(18));
    let paid = U256::from(1_000_000u64) * U256::from(875_000_002u64) + U256::from(VALUE);
    let own = U256::from(1000 + VALUE);
    let at = world.contract(Code::default()).to;
    let code = look(BALANCE, word(address(&key(0))))
        .expect(ether * U256::from(1000) - paid)
        .push(word(world.genesis.coinbase))
        .op(BALANCE)
        .expect(U256::ZERO)
        .push(word(at))
        .op(BALANCE)
        .expect(own)
        .op(SELFBALANCE)
        .expect(own)
        .push(word(at))
        .op(EXTCODESIZE)
        .op(0x38)
        .op(0x14)
        .expect(U256::from(1));
    let code = GenesisAccount {
        nonce: 1,
        balance: U256::from(1000),
        code: code.0.into(),
        ..Default::default()
    };
    world.account(at, code);
    let used = world.agrees(&[vec![Call::of(at)]]);
    assert!(used[0].0);
}

#[test]
fn gas_is_exact_and_one_less_is_too_little() {
    let mut world = world();
    let mut calls = vec![];
    for opcode in [BALANCE, EXTCODESIZE, EXTCODEHASH] {
        for target in targets(&world) {
            let once = look(opcode, target);
            let twice = once.clone().push(target).op(opcode);
            calls.push(world.contract(once));
            calls.push(world.contract(twice));
        }
    }
    calls.push(world.contract(Code::default().op(SELFBALANCE)));
    calls.push(world.contract(look(BLOCKHASH, U256::ZERO)));
    let used = world.agrees(&[calls.clone()]);
    assert!(used.iter().all(|u| u.0));
    // PUSH0 or another PUSH, and the opcode warm or cold.
    let expected = [5, 22, 103, 206, 2602, 2603, 2704, 2706];
    let costs = used.iter().map(|u| u.1);
    assert!(costs.clone().all(|c| expected.contains(&c)));
    for cost in expected {
        assert!(costs.clone().any(|c| c == cost), "{cost}");
    }
    let enough = calls.iter().zip(&used).map(|(c, u)| c.with(u.1));
    let used_again = world.agrees(&[enough.collect()]);
    assert_eq!(used, used_again);
    let less = calls.iter().zip(&used).map(|(c, u)| c.with(u.1 - 1));
    let failed = world.agrees(&[less.collect()]);
    assert!(failed.iter().all(|u| !u.0));
}

#[test]
fn what_one_transaction_touched_is_cold_in_the_next() {
    let mut world = world();
    let call = world.contract(look(EXTCODEHASH, word(OTHER)));
    let failing = world.contract(look(EXTCODEHASH, word(OTHER)).op(0xfe));
    let blocks = [vec![call, call, failing, call], vec![call]];
    let used = world.agrees(&blocks);
    let cost: Vec<u64> = used.iter().filter(|u| u.0).map(|u| u.1).collect();
    assert_eq!(cost, [2603; 4]);
}

/// What BLOCKHASH gives in a block of the given number for each of these.
fn asked(number: u64) -> Vec<U256> {
    let one = U256::from(1);
    let n = U256::from(number);
    let near = [0u64, 1, 2, 255, 256, 257, 258].map(|d| n.wrapping_sub(U256::from(d)));
    let far = [
        n + one,
        U256::ZERO,
        one << 64,
        (one << 64) + n - one,
        (one << 128) + n - one,
        (one << 255) + n - one,
        U256::MAX,
    ];
    near.into_iter().chain(far).collect()
}

/// Two blocks that ask for block hashes, the first one twice, and one that asks for their hashes.
#[track_caller]
fn asks(parent: u64, first: u64) {
    let mut world = World::new().behind(parent, first);
    let tip = world.chain().tip();
    let hash = |number: u64, of: U256| match u64::try_from(of) {
        Ok(n) if n < number && n + BLOCKHASH_WINDOW >= number => match n == tip.number {
            true => Some(tip.hash()),
            false if n < tip.number => Some(World::hash_of(n)),
            // A block of the batch, whose hash depends on this very code.
            false => None,
        },
        _ => Some(Default::default()),
    };
    let mut calls = vec![];
    for number in [parent + 1, parent + 2] {
        let mut code = Code::default();
        for of in asked(number) {
            code = code.push(of).op(BLOCKHASH);
            code = match hash(number, of) {
                Some(hash) => code.expect(hash.into()),
                // Not 0, and by the gas the same bits as for `revm`.
                None => code.op(0x80).op(0x15).expect(U256::ZERO).op(POP),
            };
        }
        calls.push(world.contract(code));
    }
    let [a, b] = [calls[0], calls[1]];
    let used = world.agrees(&[vec![a, a], vec![b], vec![], vec![b]]);
    let success: Vec<bool> = used.iter().map(|u| u.0).collect();
    assert_eq!(success, [true, true, true, false], "behind {parent}");
}

#[test]
fn block_hashes_are_those_of_256_blocks() {
    asks(1000, 700);
    // Every slot of the window has been written, and is written again.
    asks(8191 + 100, 50);
    asks(8191 + 256, 8191);
    asks(3 * 8191 - 1, 2 * 8191 - 1);
}

#[test]
fn block_hashes_near_genesis() {
    for parent in [0, 1, 254, 255, 256] {
        asks(parent, 0);
    }
}

#[test]
fn block_hashes_in_the_same_batch_are_those_of_its_blocks() {
    let mut world = World::new();
    // Each byte of the hash of the block before decides over one GAS.
    let mut code = Code::default()
        .op(0x60)
        .op(1)
        .op(0x43)
        .op(0x03)
        .op(BLOCKHASH);
    for byte in 0..32u64 {
        code = code.op(0x80).push(U256::from(byte)).op(0x1a);
        code = code.push(U256::from(128)).op(0x10);
        let to = code.0.len() as u16 + 6;
        code.0.push(0x61);
        code.0.extend(to.to_be_bytes());
        code = code.op(0x57).op(0x5a).op(POP).op(0x5b);
        assert_eq!(code.0[usize::from(to)], 0x5b);
    }
    let call = world.contract(code);
    let used = world.agrees(&vec![vec![call]; 6]);
    assert!(used.iter().all(|u| u.0));
    assert!(used.iter().any(|u| u.1 != used[0].1));
}

#[test]
fn a_table_of_accounts_and_block_hashes_holds() {
    let m = MainMachine::get();
    assert_holds(&m.machine, &m.fill(&input()).unwrap().table);
}
