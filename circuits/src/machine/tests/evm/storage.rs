//! SLOAD, SSTORE, access lists, refunds, and storage of frames that fail.

use super::{
    push,
    world::{SLOTS, World},
};
use crate::{
    machine::MainMachine,
    sample::{Chain, address, genesis, key},
    testing::assert_holds,
};
use alloy_primitives::{Address, Bytes, U256};
use protocol::{
    genesis::GenesisAccount,
    history::{HISTORY_ADDRESS, HISTORY_CODE, HISTORY_NONCE, history_slot},
};
use rand::{Rng, SeedableRng, rngs::StdRng};

/// Enough for every program here.
const PLENTY: u64 = 500_000;
/// Enough for one write.
const ENOUGH: u64 = 50_000;
const INTRINSIC: u64 = 21_000;
const INVALID: u8 = 0xfe;
/// REVERT without data.
const REVERT: [u8; 3] = [0x5f, 0x5f, 0xfd];
/// Gas of the two PUSH1 before an SSTORE.
const PUSHES: u64 = 6;

fn word(n: u64) -> U256 {
    U256::from(n)
}

/// PUSH1, or PUSH of more.
fn push1(word: U256) -> Vec<u8> {
    match word.is_zero() {
        true => vec![0x60, 0],
        false => push(word),
    }
}

/// The two words of an SSTORE.
fn operands(slot: U256, value: U256) -> Vec<u8> {
    [push1(value), push1(slot)].concat()
}

fn store(slot: u64, value: u64) -> Vec<u8> {
    [operands(word(slot), word(value)), vec![0x55]].concat()
}

fn load(slot: u64) -> Vec<u8> {
    [push1(word(slot)), vec![0x54, 0x50]].concat()
}

/// How a program finds its slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    Cold,
    Loaded,
    Listed,
}

impl Found {
    const ALL: [Self; 3] = [Self::Cold, Self::Loaded, Self::Listed];

    fn code(self) -> Vec<u8> {
        match self {
            Self::Loaded => load(0),
            _ => vec![],
        }
    }
    fn send(self, world: &mut World, to: Address, gas: u64) {
        let sent = world.send(to, gas);
        if self == Self::Listed {
            sent.list = vec![(to, vec![word(0)])];
        }
    }
}

/// Every way through SLOAD and SSTORE, the end of a frame and an access list.
pub(in crate::machine::tests) fn everything() -> World {
    let mut world = World::default();
    let sequences: [(u64, &[u64]); 6] = [
        (0, &[0, 1, 2, 0]),
        (1, &[2, 3, 1]),
        (2, &[3, 1, 0, 1]),
        (1, &[0, 1]),
        (1, &[0, 2]),
        (2, &[0, 1]),
    ];
    let stores = (0..).zip(sequences);
    let stores = stores.flat_map(|(slot, (_, values))| values.iter().map(move |v| store(slot, *v)));
    let code: Vec<u8> = [load(0), load(0)]
        .into_iter()
        .chain(stores)
        .flatten()
        .collect();
    let all = world.contract(&code, &sequences.map(|s| s.0));
    world.send(all, PLENTY);
    // A refund that a fifth of the gas used limits.
    let clears = world.contract(&[store(0, 0), store(1, 0)].concat(), &[1, 1]);
    world.send(clears, PLENTY);
    // Too little gas: to begin, to set, to reset, to load.
    let sets = world.contract(&store(0, 1), &[0]);
    world.send(sets, INTRINSIC + PUSHES + 2_300);
    world.send(sets, INTRINSIC + PUSHES + 22_099);
    let resets = world.contract(&store(0, 2), &[1]);
    world.send(resets, INTRINSIC + PUSHES + 4_999);
    let loads = world.contract(&load(0), &[1]);
    world.send(loads, INTRINSIC + 3 + 2_099);
    let fails = [store(0, 2), store(1, 3), store(0, 0), vec![INVALID]].concat();
    let fails = world.contract(&fails, &[1, 0]);
    world.send(fails, PLENTY);
    let list = vec![(fails, vec![word(0), word(0), word(7)]), (sets, vec![])];
    world.send(fails, PLENTY).list = list.clone();
    world.send(Address::repeat_byte(0x77), PLENTY).list = list;
    world
}

/// The programs of up to three writes of 0, 1, 2 to slot 0, after what makes it warm.
fn programs(found: Found, last: impl Fn(u64) -> Vec<u8>) -> Vec<Vec<u8>> {
    let mut programs = vec![];
    let mut prefixes = vec![found.code()];
    for _ in 0..3 {
        let mut longer = vec![];
        for prefix in &prefixes {
            for value in 0..3 {
                programs.push([prefix.clone(), last(value)].concat());
                longer.push([prefix.clone(), store(0, value)].concat());
            }
        }
        prefixes = longer;
    }
    programs
}

// POSITIVE

#[test]
fn every_way_through_agrees_and_holds() {
    let world = everything();
    let said = world.agrees().unwrap();
    let success: Vec<_> = said.iter().map(|s| s.success).collect();
    assert_eq!(
        success,
        [true, true, false, false, false, false, false, false, true]
    );
    world.holds();
}

#[test]
fn all_sequences_of_three_writes() {
    for original in 0..3 {
        for found in Found::ALL {
            let mut world = World::default();
            for code in programs(found, |value| store(0, value)) {
                let to = world.contract(&code, &[original]);
                found.send(&mut world, to, PLENTY);
            }
            let said = world
                .agrees()
                .unwrap_or_else(|e| panic!("{original} {found:?}: {e}"));
            assert!(said.iter().all(|s| s.success));
        }
    }
}

#[test]
fn gas_exactly_enough_and_one_less() {
    for original in 0..3 {
        for found in Found::ALL {
            let [mut whole, mut before] = [World::default(), World::default()];
            let codes = programs(found, |value| store(0, value));
            for code in &codes {
                let to = whole.contract(code, &[original]);
                found.send(&mut whole, to, PLENTY);
            }
            for code in programs(found, |value| operands(word(0), word(value))) {
                let to = before.contract(&code, &[original]);
                found.send(&mut before, to, PLENTY);
            }
            let mut world = World::default();
            let mut expected = vec![];
            let said = whole.said().into_iter().zip(before.said());
            for (code, (whole, before)) in codes.iter().zip(said) {
                let least = whole.spent.max(before.spent + 2_301);
                let to = world.contract(code, &[original]);
                for gas in [
                    least,
                    least - 1,
                    whole.spent - 1,
                    before.spent + 2_301,
                    before.spent + 2_300,
                    before.spent + 99,
                ] {
                    let to = match gas >= least {
                        // What succeeds finds the slot as it was.
                        true => world.contract(code, &[original]),
                        false => to,
                    };
                    found.send(&mut world, to, gas);
                    expected.push(gas >= least);
                }
            }
            let said = world
                .agrees()
                .unwrap_or_else(|e| panic!("{original} {found:?}: {e}"));
            let success: Vec<_> = said.iter().map(|s| s.success).collect();
            assert_eq!(success, expected, "{original} {found:?}");
        }
    }
}

#[test]
fn loads_cost_what_they_should() {
    let mut world = World::default();
    let to = world.contract(&[load(0), load(0), load(3)].concat(), &[1]);
    let exact = INTRINSIC + 9 + 3 * 2 + 2_100 + 100 + 2_100;
    let warm = exact - 2_000;
    for (gas, slots) in [
        (exact, vec![]),
        (exact - 1, vec![]),
        // The last POP, the second cold slot, its static gas, the warm access.
        (exact - 2 - 1, vec![]),
        (exact - 2 - 2_001, vec![]),
        (INTRINSIC + 2_108 + 3 + 99, vec![]),
        (INTRINSIC + 3 + 2_100, vec![]),
        (INTRINSIC + 3 + 2_099, vec![]),
        (INTRINSIC + 3 + 100, vec![]),
        (INTRINSIC + 3 + 99, vec![]),
        (warm + 2_400 + 1_900, vec![word(3)]),
        (warm + 2_400 + 1_900 - 1, vec![word(3)]),
        (warm + 2_400 + 1_900, vec![word(4)]),
    ] {
        let sent = world.send(to, gas);
        if !slots.is_empty() {
            sent.list = vec![(to, slots)];
        }
    }
    let success: Vec<_> = world.agrees().unwrap().iter().map(|s| s.success).collect();
    let expected = [
        true, false, false, false, false, false, false, false, false, true, false, false,
    ];
    assert_eq!(success, expected);
}

#[test]
fn slots_at_the_edges_are_different_ones() {
    let slots = [
        U256::ZERO,
        word(1),
        word(1) << 128,
        U256::MAX,
        U256::MAX - word(1),
    ];
    let mut world = World::default();
    let values = [U256::MAX, word(1), word(1) << 128, word(2), word(1) << 255];
    let stores = slots.into_iter().zip(values);
    let code = stores.flat_map(|(s, v)| [operands(s, v), vec![0x55]].concat());
    let mut code: Vec<u8> = code.collect();
    // Each is read again, and decides whether the frame fails.
    for (slot, value) in slots.into_iter().zip(values) {
        code.extend([push1(slot), vec![0x54], push(value), vec![0x14]].concat());
        let to = code.len() as u16 + 5;
        code.push(0x61);
        code.extend(to.to_be_bytes());
        code.extend([0x57, INVALID, 0x5b]);
    }
    for slot in slots {
        world.slot(Address::from_word(word(0xc0de_0000).into()), slot);
    }
    let to = world.contract(&code, &[]);
    world.send(to, PLENTY);
    world.send(to, PLENTY);
    let said = world.agrees().unwrap();
    assert!(said.iter().all(|s| s.success));
}

#[test]
fn refunds_are_limited_to_a_fifth() {
    let mut world = World::default();
    // One cleared slot is below the limit, two are above; with JUMPDESTs two are just at it.
    let one = world.contract(&store(0, 0), &[1]);
    world.send(one, PLENTY);
    let clears = |rest: usize| [store(0, 0), store(1, 0), vec![0x5b; rest]].concat();
    let spent = INTRINSIC + 2 * (PUSHES + 5_000);
    let to = world.contract(&clears(0), &[1, 1]);
    world.send(to, PLENTY);
    for least in [47_999, 48_000, 48_001, 48_004, 48_005] {
        let to = world.contract(&clears((least - spent) as usize), &[1, 1]);
        world.send(to, PLENTY);
    }
    // A slot set and taken back.
    let back = world.contract(&[store(0, 1), store(0, 0)].concat(), &[0]);
    world.send(back, PLENTY);
    // Undone refunds: cleared and set anew.
    let undone = world.contract(&[store(0, 0), store(0, 2)].concat(), &[1]);
    world.send(undone, PLENTY);
    let said = world.agrees().unwrap();
    let refunded: Vec<_> = said.iter().map(|s| s.refunded).collect();
    let expected = [
        4_800,
        spent / 5,
        9_599,
        9_600,
        9_600,
        9_600,
        9_600,
        43_212 / 5,
        0,
    ];
    assert_eq!(refunded, expected, "{said:?}");
    for s in said {
        assert_eq!(s.used, s.spent - s.refunded);
    }
}

#[test]
fn the_floor_comes_after_the_refund() {
    let mut world = World::default();
    // A byte that is not 0 costs 16 gas, and 40 in the floor; so that many decide whether the floor is above.
    let sizes = [0, 8, 9, 208, 209, 300];
    for bytes in sizes {
        let to = world.contract(&store(0, 0), &[1]);
        world.send(to, PLENTY).data = vec![1; bytes];
    }
    let said = world.agrees().unwrap();
    let above: Vec<_> = said.iter().map(|s| s.used > s.spent - s.refunded).collect();
    assert_eq!(above, [false, false, true, true, true, true], "{said:?}");
    let refunded = said.iter().map(|s| s.used < s.spent);
    let refunded: Vec<_> = refunded.collect();
    assert_eq!(refunded, [true, true, true, true, false, false], "{said:?}");
}

#[test]
fn a_frame_that_fails_leaves_storage_as_it_was() {
    let mut world = World::default();
    let many: Vec<u8> = (0..40u64).flat_map(|n| store(n % 5, n / 3 % 4)).collect();
    let codes: [Vec<u8>; 6] = [
        vec![],
        store(0, 1),
        [store(0, 2), store(0, 3), store(0, 0), store(0, 1)].concat(),
        [store(0, 0), store(1, 2), store(2, 3), store(0, 4)].concat(),
        [store(4, 9), load(4), load(5), store(5, 1), store(5, 1)].concat(),
        many,
    ];
    for code in codes {
        for end in [&[INVALID][..], &REVERT] {
            let fails = [&code[..], end].concat();
            let fails = world.contract(&fails, &[1, 1, 0, 0, 7]);
            world.send(fails, PLENTY).value = 5;
            world.send(fails, PLENTY);
        }
    }
    let said = world.agrees().unwrap();
    assert!(said.iter().all(|s| !s.success && s.refunded == 0));
    let halts = said.iter().map(|s| s.used == PLENTY);
    let ends = [true, true, false, false].into_iter().cycle();
    assert!(halts.eq(ends.take(said.len())), "{said:?}");
    world.holds();
}

/// Writes the value sent to slot 0, and fails if there is calldata.
fn writes_its_value() -> Vec<u8> {
    vec![0x34, 0x5f, 0x55, 0x36, 0x60, 8, 0x57, 0x00, 0x5b, INVALID]
}

#[test]
fn original_words_are_those_of_the_transaction() {
    for original in 0..3 {
        let mut world = World::default();
        for values in 0..27u64 {
            let to = world.contract(&writes_its_value(), &[original]);
            for n in [1, 3, 9] {
                world.send(to, ENOUGH).value = values / n % 3;
            }
        }
        assert!(world.agrees().unwrap().iter().all(|s| s.success));
    }
    // The same with failures, and with a list, between them.
    let mut world = World::default();
    for pattern in 0..64u64 {
        let to = world.contract(&writes_its_value(), &[1]);
        for n in 0..6 {
            let sent = world.send(to, ENOUGH);
            sent.value = (pattern + n) % 3;
            sent.data = vec![1; usize::from(pattern >> n & 1 == 1)];
            if (pattern + n).is_multiple_of(5) {
                sent.list = vec![(to, vec![word(0)])];
            }
        }
    }
    world.agrees().unwrap();
}

#[test]
fn access_lists_make_accounts_and_slots_warm() {
    let mut world = World::default();
    let code = [load(0), load(1), store(1, 5), store(2, 1), load(0)].concat();
    let to = world.contract(&code, &[1, 2]);
    let other = world.contract(&code, &[1, 2]);
    let small = |n: u64| Address::from_word(word(n).into());
    let keys = |n: &[u64]| n.iter().map(|k| word(*k)).collect::<Vec<_>>();
    let lists = [
        vec![],
        vec![(to, keys(&[0, 1]))],
        vec![(to, keys(&[0, 0, 0])), (to, keys(&[1, 0]))],
        vec![(other, keys(&[0, 1])), (to, vec![])],
        vec![
            (address(&key(0)), keys(&[0])),
            (Address::repeat_byte(0xcb), vec![]),
            (Address::repeat_byte(0x99), keys(&[0, 7])),
            (small(1), keys(&[3])),
            (small(0), vec![]),
            (HISTORY_ADDRESS, keys(&[0, 1])),
            (to, vec![U256::MAX, word(2), word(1) << 128]),
        ],
        vec![],
    ];
    for list in lists {
        // A transfer with the list makes nothing warm for the next one.
        world.send(Address::repeat_byte(0x66), PLENTY).list = list.clone();
        world.send(to, PLENTY);
        world.send(to, PLENTY).list = list.clone();
        world.send(other, PLENTY).list = list;
    }
    assert!(world.agrees().unwrap().iter().all(|s| s.success));
    world.holds();
}

#[test]
fn rows_of_a_load_and_a_store() {
    // Rows of the last opcode of a program whose slots are warm; without it a word of the stack takes an instruction to go.
    let rows = |last: &[u8], pops: usize| {
        let warm = [load(0), load(1)].concat();
        let of = |code: &[u8]| {
            let mut world = World::default();
            let to = world.contract(&[&warm[..], code].concat(), &[1, 2]);
            world.send(to, PLENTY);
            world.rows()
        };
        of(last) + 2 * pops - of(&last[..last.len() - 1])
    };
    let slot = push1(word(0));
    let of_load = rows(&[slot, vec![0x54]].concat(), 1);
    // What is loaded goes off the stack in the end, too.
    assert!(of_load - 2 <= 20, "SLOAD: {of_load} rows");
    for value in [0, 1, 2] {
        let of_store = rows(&store(0, value), 2);
        println!("SSTORE of {value} to 1: {of_store} rows");
        assert!(of_store <= 60, "SSTORE: {of_store} rows");
    }
    println!("SLOAD: {} rows", of_load - 2);
}

/// The slot of the parent's hash has been written before, as after as many blocks as the contract has slots.
#[test]
fn the_history_contract_writes_over_old_words() {
    let mut genesis = genesis(30_000_000, 7, 1, 3);
    let history = GenesisAccount {
        nonce: HISTORY_NONCE,
        code: Bytes::from_static(HISTORY_CODE),
        storage: [(history_slot(0), U256::MAX)].into_iter().collect(),
        ..GenesisAccount::default()
    };
    genesis.accounts.insert(HISTORY_ADDRESS, history);
    let input = Chain::of(genesis).open_batch(vec![]);
    let machine = MainMachine::get();
    let filled = machine.fill(&input).unwrap();
    assert_holds(&machine.machine, &filled.table);
}

/// Random reads and writes of few slots by few contracts, with gas that does not always suffice.
#[test]
fn random_programs_with_storage() {
    for seed in 0..20 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut world = World::default();
        let contracts: Vec<_> = (0..4)
            .map(|_| {
                let mut code = vec![];
                for _ in 0..rng.gen_range(0..12) {
                    let slot = rng.gen_range(0..3);
                    code.extend(match rng.gen_range(0..8) {
                        0 | 1 => load(slot),
                        2 => [vec![0x34], push1(word(slot)), vec![0x55]].concat(),
                        _ => store(slot, rng.gen_range(0..3)),
                    });
                }
                if rng.gen_range(0..4) == 0 {
                    code.push(INVALID);
                }
                let words: [u64; 3] = std::array::from_fn(|_| rng.gen_range(0..3));
                world.contract(&code, &words)
            })
            .collect();
        for _ in 0..40 {
            let to = contracts[rng.gen_range(0..4)];
            let gas = match rng.gen_range(0..3) {
                0 => rng.gen_range(31_000..60_000),
                _ => PLENTY,
            };
            let sent = world.send(to, gas);
            sent.value = rng.gen_range(0..3);
            if rng.gen_range(0..4) == 0 {
                sent.list = vec![(to, vec![word(rng.gen_range(0..SLOTS))])];
            }
        }
        world
            .agrees()
            .unwrap_or_else(|e| panic!("seed {seed}: {e}"));
    }
}
