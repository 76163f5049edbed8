//! TLOAD and TSTORE.

use super::blocks::{Code, World};
use crate::{machine::MainMachine, testing::assert_holds, witness::SegmentInput};
use alloy_primitives::U256;
use std::collections::BTreeMap;

const TLOAD: u8 = 0x5c;
const TSTORE: u8 = 0x5d;
const POP: u8 = 0x50;
const INVALID: u8 = 0xfe;

/// Stores and loads, with what the loads must give.
#[derive(Default)]
pub(in super::super) struct Keys {
    pub(in super::super) code: Code,
    words: BTreeMap<U256, U256>,
}

impl Keys {
    pub(in super::super) fn store(mut self, key: U256, word: U256) -> Self {
        self.code = self.code.push(word).push(key).op(TSTORE);
        self.words.insert(key, word);
        self
    }
    pub(in super::super) fn load(mut self, key: U256) -> Self {
        let word = self.words.get(&key).copied().unwrap_or_default();
        self.code = self.code.push(key).op(TLOAD).expect(word);
        self
    }
}

/// Keys near 0, near 2^256 and in between, with halves in common.
fn keys() -> Vec<U256> {
    let one = U256::from(1);
    let middle = [1u32, 64, 127, 128, 129, 255].map(|bits| one << bits);
    let near = middle.into_iter().flat_map(|m| [m - one, m, m + one]);
    let mut keys: Vec<U256> = near
        .chain([U256::ZERO, U256::MAX - one, U256::MAX])
        .collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Stores all keys in this order and loads them, then stores other words and loads them again.
fn all(order: &[U256]) -> Code {
    let mut keys = Keys::default();
    for round in 1..=2u64 {
        for (i, key) in (0u64..).zip(order) {
            keys = keys.store(*key, (U256::from(i) << 140) + U256::from(round));
        }
        for key in order {
            keys = keys.load(*key);
        }
    }
    keys.code
}

/// Every way that TLOAD and TSTORE go.
pub(super) fn input() -> SegmentInput {
    let [a, b, c] = [5u64, 9, 7].map(U256::from);
    let mut world = World::new();
    let code = Keys::default()
        .store(a, b)
        .store(b, a)
        .load(c)
        .load(a)
        .load(U256::ZERO);
    let call = world.contract(code.code);
    world.input(&[vec![call, call]])
}

// POSITIVE

#[test]
fn words_are_kept_in_any_order_of_keys() {
    let sorted = keys();
    let mut backwards = sorted.clone();
    backwards.reverse();
    // A step that shares no factor with the number of keys.
    let n = sorted.len();
    assert_eq!(n, 21);
    let mixed: Vec<U256> = (0..n).map(|i| sorted[(i * 8 + 3) % n]).collect();
    let mut world = World::new();
    let orders = [sorted, backwards, mixed];
    let calls = orders.map(|o| world.contract(all(&o))).to_vec();
    let used = world.agrees(&[calls.clone(), calls]);
    assert!(used.iter().all(|u| u.0), "{used:?}");
}

#[test]
fn many_keys_at_random() {
    let mut keys = Keys::default();
    let mut at = U256::from(1);
    for i in 0..400u64 {
        at = alloy_primitives::keccak256(at.to_be_bytes::<32>()).into();
        // Half of the accesses are to the same few keys.
        let key = if i % 2 == 0 { at } else { at >> 251 };
        keys = if i % 3 == 0 {
            keys.load(key)
        } else {
            keys.store(key, at >> 3).load(key)
        };
    }
    let mut world = World::new();
    let mut call = world.contract(keys.code);
    call.gas = 10_000_000;
    let used = world.agrees(&[vec![call]]);
    assert!(used[0].0);
}

#[test]
fn words_end_with_their_transaction() {
    let keys = [0u64, 1, 2].map(U256::from);
    let mut world = World::new();
    let mut code = Keys::default();
    for key in keys {
        // Nothing is there, then something is, which may be nothing.
        code = code.load(key).store(key, U256::MAX).load(key);
    }
    code = code.store(keys[1], U256::ZERO).load(keys[1]).load(keys[2]);
    let good = world.contract(code.code.clone());
    let failing = world.contract(code.code.op(INVALID));
    let used = world.agrees(&[vec![good, good, failing, good], vec![good]]);
    let success: Vec<bool> = used.iter().map(|u| u.0).collect();
    assert_eq!(success, [true, true, false, true, true]);
}

#[test]
fn gas_is_exact_and_one_less_is_too_little() {
    let one = U256::from(1);
    let mut world = World::new();
    let load = Code::default().push(one).op(TLOAD);
    let store = Code::default().push(one).push(one).op(TSTORE);
    let both = Code([store.0.clone(), load.0.clone(), vec![POP], load.0.clone()].concat());
    let calls = [load, store, both].map(|c| world.contract(c));
    for (call, cost) in calls.into_iter().zip([103, 106, 106 + 103 + 2 + 103]) {
        let used = world.agrees(&[vec![call, call.with(cost), call.with(cost - 1)]]);
        assert_eq!(used, [(true, cost), (true, cost), (false, cost - 1)]);
    }
}

#[test]
fn a_table_of_transient_words_holds() {
    let m = MainMachine::get();
    assert_holds(&m.machine, &m.fill(&input()).unwrap().table);
}
