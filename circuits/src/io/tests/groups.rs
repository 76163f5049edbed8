//! `io.word`.

use super::*;

fn word() -> Word {
    let text = "0123456789abcdef1122334455667788fedcba9876543210ffffffffffffffff";
    Word {
        stream: 77,
        index: 12,
        value: U256::from_str_radix(text, 16).unwrap(),
    }
}

fn payload() -> Vec<u8> {
    (0..50u8)
        .map(|i| i.wrapping_mul(89).wrapping_add(0xf1))
        .collect()
}

impl Rig {
    fn both(&self) -> Table {
        let mut t = self.payload(5, &payload());
        self.word(&mut t, word());
        finish(t)
    }
}

// POSITIVE

#[test]
fn payloads_of_all_lengths_are_provided() {
    let rig = rig();
    for n in [0, 1, 7, 8, 9, 31, 32, 33, 50, 64] {
        let bytes = vec![0xff; n];
        let report = assert_holds(&rig.machine, &finish(rig.payload(3, &bytes)));
        assert_eq!(report.active[rig.chip.groups.word.0], n.div_ceil(32));
    }
}

#[test]
fn words_are_provided() {
    let rig = rig();
    for value in [
        U256::ZERO,
        U256::MAX,
        U256::from(1),
        U256::from(1) << 128,
        word().value,
    ] {
        let mut t = rig.payload(0, &[]);
        rig.word(&mut t, Word { value, ..word() });
        assert_holds(&rig.machine, &finish(t));
    }
}

// NEGATIVE

#[test]
fn every_cell_is_bound() {
    let rig = rig();
    let outcome = mutate(&rig.machine, &rig.both(), 8);
    assert!(outcome.survivors.is_empty(), "{:?}", outcome.survivors);
    assert!(outcome.tried > 500);
}

#[test]
fn a_limb_of_two_to_the_thirteen_is_refused() {
    let rig = rig();
    let table = rig.both();
    let g = &rig.chip.groups;
    let row = table.heads_of(g.word)[0];
    for pair in g.limbs.iter().flat_map(|l| l.windows(2)) {
        let mut bad = table.clone();
        // The same group, one unit of the upper limb written as 2^13 of the lower.
        bad.set(row, pair[0], table.cell(row, pair[0]) + Fr::from(1 << 13));
        bad.set(row, pair[1], table.cell(row, pair[1]) - Fr::ONE);
        assert_fails(&rig.machine, &bad);
    }
}

#[test]
fn a_word_group_of_more_than_64_bits_is_refused_by_the_doubled_look_up() {
    let rig = rig();
    let mut bad = rig.both();
    let g = &rig.chip.groups;
    let row = *bad.heads_of(g.word).last().unwrap();
    // Move 2^64 from the upper group of a half to the lower: the token stays the same, the facts do not.
    let (upper, lower) = (g.limbs[2][0], g.limbs[3][4]);
    bad.set(row, upper, bad.cell(row, upper) - Fr::ONE);
    bad.set(row, lower, bad.cell(row, lower) + Fr::from(1 << 12));
    bad.set(row, g.doubled[3], bad.cell(row, lower) * Fr::from(2));
    let asks = bad.heads_of(rig.bytes.0);
    let [.., third, fourth] = asks[..] else {
        unreachable!()
    };
    let value = rig.bytes.1[2];
    bad.set(third, value, bad.cell(third, value) - Fr::ONE);
    bad.set(fourth, value, bad.cell(fourth, value) + pow2(64));
    let fail = assert_fails(&rig.machine, &bad);
    assert_eq!(fail.relation, "doubled.3 in table range13");
}

#[test]
fn a_word_nobody_takes_is_refused() {
    let rig = rig();
    let mut t = rig.payload(0, &[]);
    rig.chip.groups.trace_words(&mut t, [word()]);
    assert_fails(&rig.machine, &finish(t));

    let mut t = rig.payload(0, &[]);
    rig.word(&mut t, word());
    let twice = Word {
        stream: 78,
        ..word()
    };
    rig.chip.groups.trace_words(&mut t, [twice]);
    assert_fails(&rig.machine, &finish(t));
}
