//! Tests of `code`: against a plain reading of the bytes, by mutation, by hand, and with one real proof.

use super::{columns::*, *};
use crate::{
    Fr,
    buses::Buses,
    framework::{
        Cell, Machine, MachineBuilder, State, checker, mutate, table::Table, teeth::Evidence,
        trace::Trace,
    },
    testing::*,
};
use alloy_primitives::U256;
use ff::Field;
use proptest::prelude::*;
use protocol::field::split_word;
use std::sync::Arc;

mod costs;
mod forgeries;
mod runs;

/// A machine of `code`, a start row that enters it, and kinds that ask as the cpu would.
struct Rig {
    machine: Arc<Machine>,
    start: KindId,
    chip: CodeChip,
    code: (KindId, Vec<Cell>),
    push: (KindId, Vec<Cell>),
    word: (KindId, Vec<Cell>),
}

/// Declares a start row that enters the run of codes as the cpu's last row would.
fn entering(b: &mut MachineBuilder) -> (KindId, State) {
    let codes = b.state();
    let mut k = b.kind("test.start", 1);
    let (high, low) = (k.cell("high", 0), k.cell("low", 0));
    let below = Cell { column: 0, row: 1 };
    k.equal("a run of codes begins with a word's last byte", below, 1);
    let id = k.enter(&[State::START]).leave(codes).finish();
    b.bind_instance(id, high, low);
    (id, codes)
}

fn rig() -> Rig {
    let mut b = MachineBuilder::new(crate::LAYOUT);
    let buses = Buses::declare(&mut b);
    let (start, codes) = entering(&mut b);
    let chip = define(&mut b, &buses, codes);
    let mut ask = |name: &str, bus, n, token| {
        let mut k = b.kind(name, 1);
        let cells = k.cells("message", 0, n);
        let values = cells.iter().map(|c| c.expr()).collect();
        if token {
            k.receive(bus, 1, values);
        } else {
            k.require(bus, 1, values);
        }
        (k.finish(), cells)
    };
    let code = ask("test.code", buses.code, 5, false);
    let push = ask("test.push", buses.push, 5, false);
    let word = ask("test.word", buses.code_word, 4, true);
    Rig {
        machine: Arc::new(b.build()),
        start,
        chip,
        code,
        push,
        word,
    }
}

/// Bytes of the code with its zero bytes, and whether each is push data, read one after the other.
fn read(code: &[u8]) -> Vec<(u8, bool)> {
    let mut bytes = code.to_vec();
    bytes.resize(code.len().next_multiple_of(32) + 64, 0);
    let (mut p, mut all) = (0, vec![]);
    while p < bytes.len() {
        all.push((bytes[p], false));
        let n = match bytes[p] {
            b @ 0x60..=0x7f => usize::from(b - 0x5f),
            _ => 0,
        };
        all.extend(bytes[p + 1..].iter().take(n).map(|b| (*b, true)));
        p += n + 1;
    }
    all
}

impl Rig {
    fn ask_code(&self, t: &mut Trace<'_>, number: u64, p: u64, lo: u64) {
        t.push(self.code.0)
            .set_all(&self.code.1, [p, 0, lo, 0, number]);
    }
    fn ask_push(&self, t: &mut Trace<'_>, number: u64, last: u64, value: U256) {
        let (hi, lo) = split_word(value);
        let message = [Fr::from(last), hi, lo, Fr::ZERO, Fr::from(number)];
        t.push(self.push.0).set_all(&self.push.1, message);
    }
    fn take_word(&self, t: &mut Trace<'_>, number: u64, index: u64, value: U256) {
        let (hi, lo) = split_word(value);
        let token = [Fr::from(number), Fr::from(index), hi, lo];
        t.push(self.word.0).set_all(&self.word.1, token);
    }
    /// All that can be asked about a code.
    fn ask_all(&self, t: &mut Trace<'_>, number: u64, code: &[u8]) {
        let all = read(code);
        for (p, (byte, data)) in (0u64..).zip(&all) {
            let tag = if *data { 256 } else { 0 };
            self.ask_code(t, number, p, u64::from(*byte) + tag);
            if *data || !(0x60..=0x7f).contains(byte) {
                continue;
            }
            let (first, n) = (p as usize + 1, usize::from(byte - 0x5f));
            let value = all[first..first + n]
                .iter()
                .fold(U256::ZERO, |v, (b, _)| (v << 8) | U256::from(*b));
            self.ask_push(t, number, p + n as u64, value);
        }
        for (index, word) in (0..).zip(all.chunks(32)) {
            let bytes: Vec<u8> = word.iter().map(|b| b.0).collect();
            self.take_word(t, number, index, U256::from_be_slice(&bytes));
        }
    }
    /// The codes, and all that can be asked about them.
    fn table(&self, codes: &[Vec<u8>]) -> Table {
        let mut t = Trace::new(&self.machine);
        t.push(self.start);
        self.chip.trace(&mut t, codes);
        for (number, code) in (FIRST_NUMBER..).zip(codes) {
            self.ask_all(&mut t, number, code);
        }
        t.finish([Fr::ZERO; 2])
    }
}

/// Pushes of every length, one after the other, with data that looks like pushes.
fn every_push() -> Vec<u8> {
    let mut code = vec![];
    for n in 0..=32u8 {
        code.push(0x5f + n);
        code.extend((0..n).map(|i| 0x5bu8.wrapping_add(i.wrapping_mul(7)).max(1)));
    }
    code
}

/// A push of `n` bytes of which `there` are in the code.
fn cut_short(n: u8, there: u8) -> Vec<u8> {
    [vec![0x5f + n], (1..=there).map(|i| 0xf0 + i % 16).collect()].concat()
}

// POSITIVE

#[test]
fn pushes_of_every_length_hold() {
    let rig = rig();
    let report = assert_holds(&rig.machine, &rig.table(&[every_push()]));
    let rows = 32 * padded_words(&every_push());
    assert_eq!(report.active[rig.chip.kind.0], rows);
}

#[test]
fn corner_codes_hold() {
    let rig = rig();
    let codes = [
        vec![],
        vec![0x00],
        vec![0x5b; 62],
        vec![0x60; 31],
        vec![0x7f; 32],
        vec![0x7f; 66],
        cut_short(32, 0),
        cut_short(32, 31),
        cut_short(17, 1),
        cut_short(16, 0),
        cut_short(1, 0),
        [vec![0x5b; 31], vec![0x7f], vec![0xff; 32]].concat(),
        (0..=255).collect(),
        (0..=255).rev().collect(),
    ];
    for code in &codes {
        assert_holds(&rig.machine, &rig.table(std::slice::from_ref(code)));
    }
    assert_holds(&rig.machine, &rig.table(&codes));
}

#[test]
fn two_words_of_zeros_follow() {
    for n in 0..100 {
        let bytes = 32 * padded_words(&vec![1; n]);
        assert!(bytes >= n + 64 && bytes < n + 64 + 32);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn analysis_equals_a_plain_reading(code in prop::collection::vec(
        prop_oneof![any::<u8>(), 0x5fu8..=0x80, Just(0x5b)], 0..200,
    )) {
        let (analysis, all) = (Analysis::new(&code), read(&code));
        let mut left = 0;
        for (p, (byte, data)) in all.iter().enumerate() {
            let tag = if *data { 256 } else { 0 };
            prop_assert_eq!(analysis.fetch(p), Some(u64::from(*byte) + tag));
            if *data {
                left -= 1;
            } else {
                left = usize::from(*byte).saturating_sub(0x5f) * usize::from(*byte < 0x80);
                for last in p + 1..p + left {
                    prop_assert_eq!(analysis.push(last), None);
                }
                if left > 0 {
                    let bytes: Vec<u8> = all[p + 1..=p + left].iter().map(|b| b.0).collect();
                    prop_assert_eq!(analysis.push(p + left), Some(U256::from_be_slice(&bytes)));
                }
                prop_assert_eq!(analysis.push(p), None);
            }
        }
        prop_assert_eq!(left, 0);
        prop_assert_eq!(analysis.fetch(all.len()), None);
        prop_assert_eq!(analysis.push(all.len()), None);
    }
}

#[test]
fn random_codes_hold() {
    use rand::{Rng, SeedableRng, rngs::StdRng};
    let mut rng = StdRng::seed_from_u64(5);
    let codes: Vec<Vec<u8>> = (0..12)
        .map(|_| {
            let n = rng.gen_range(0..150);
            let byte = |rng: &mut StdRng| match rng.gen_range(0..3) {
                0 => rng.gen_range(0x5e..=0x80),
                _ => rng.r#gen(),
            };
            (0..n).map(|_| byte(&mut rng)).collect()
        })
        .collect();
    let rig = rig();
    assert_holds(&rig.machine, &rig.table(&codes));
}
