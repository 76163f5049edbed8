//! Tests of `logic`: against arithmetic on bits, by mutation, by hand, and with one real proof.

use super::{columns::*, *};
use crate::{
    Fr,
    framework::{Cell, mutate::mutate, pow2, table::Table, teeth::Evidence},
    testing::*,
};
use alloy_primitives::U256;
use ff::Field;
use proptest::prelude::*;
use protocol::field::split_word;

type Small = Asked<LogicChip>;

fn small() -> Small {
    Asked::of(define, |b| b.logic, 7)
}

/// The operation bit by bit.
fn reference(op: &Operation) -> U256 {
    let mut d = U256::ZERO;
    for i in 0..256 {
        let set = match (op.code, op.a.bit(i), op.b.bit(i)) {
            (Code::And, a, b) => a && b,
            (Code::Or, a, b) => a || b,
            (Code::Xor, a, b) => a != b,
        };
        d.set_bit(i, set);
    }
    d
}

impl Small {
    fn asked(&self, operations: &[Operation], asked: impl IntoIterator<Item = Vec<Fr>>) -> Table {
        let mut t = self.questions(asked);
        self.chip.trace(&mut t, operations.iter().copied());
        t.finish([Fr::ZERO; 2])
    }
    fn table(&self, operations: &[Operation]) -> Table {
        let asked = operations
            .iter()
            .map(|o| answer(o.code as u64, [o.a, o.b, reference(o)]));
        self.asked(operations, asked)
    }
    /// What the row on `row` makes differs by this much: the row that takes it follows.
    fn follow(&self, table: &mut Table, row: usize, by: [Fr; 3]) {
        let c = &self.chip.columns;
        let own = |limbs: &[Cell]| -> Fr {
            let limbs = limbs.iter().zip(0u32..);
            limbs.map(|(l, i)| table.cell(row, *l) * pow2(13 * i)).sum()
        };
        let made = [
            own(&c.limbs[0]),
            own(&c.limbs[1]),
            table.cell(row, c.result),
        ];
        let takes = |r: &usize| {
            let cells = c.piece.cells();
            cells.iter().zip(made).all(|(c, v)| table.cell(*r, *c) == v)
        };
        let taker = table.heads_of(self.chip.kind).into_iter().find(takes);
        let taker = taker.expect("someone takes the piece");
        // It is a row of a piece alone, which takes its own half.
        for triple in [c.piece, c.half] {
            for (cell, by) in triple.cells().into_iter().zip(by) {
                let v = table.cell(taker, cell) + by;
                table.set(taker, cell, v);
            }
        }
    }
}

const CODES: [Code; 3] = [Code::And, Code::Or, Code::Xor];

fn words() -> [U256; 6] {
    let half = U256::from(1) << 128;
    let mixed =
        U256::from_be_bytes::<32>(std::array::from_fn(|i| (i as u8).wrapping_mul(0x9d) ^ 0x35));
    [
        U256::ZERO,
        U256::from(1),
        U256::MAX,
        half - U256::from(1),
        mixed,
        !mixed.rotate_left(77),
    ]
}

fn corners() -> Vec<Operation> {
    let mut all = vec![];
    for code in CODES {
        for a in words() {
            all.extend(words().map(|b| Operation { code, a, b }));
        }
    }
    all
}

fn some() -> Vec<Operation> {
    let [.., a, b] = words();
    CODES.map(|code| Operation { code, a, b }).to_vec()
}

// POSITIVE

#[test]
fn golden_costs() {
    let (machine, ..) = machine_with(define);
    let address = (U256::from(1) << 160) - U256::from(1);
    let [.., a, b] = words();
    let and = |a, b| Operation {
        code: Code::And,
        a,
        b,
    };
    let mut lines = vec![
        format!("rows of an operation: {}", rows([and(a, b)])),
        format!("rows of a mask of 160 bits: {}", rows([and(a, address)])),
        format!(
            "rows of four with one mask of 160 bits: {}",
            rows([a, b, !a, !b].map(|v| and(v, address)))
        ),
        format!(
            "rows of a mask of one byte: {}",
            rows([and(a, U256::from(255))])
        ),
        format!(
            "rows of ones or zeros: {}",
            rows([and(U256::MAX, U256::ZERO)])
        ),
    ];
    lines.extend(cost_lines(define, |chip| chip.kind));
    let names = machine
        .entries
        .iter()
        .map(|e| &machine.buses[e.table.0].name);
    let own = names
        .filter(|n| ["logic.and", "logic.code"].contains(&n.as_str()))
        .count();
    lines.push(format!("entries of fixed tables: {own}"));
    assert_golden("logic", &lines);
}

#[test]
fn corner_cases_hold() {
    let s = small();
    assert_holds(&s.machine, &s.table(&corners()));
    for op in corners() {
        assert_holds(&s.machine, &s.table(&[op]));
    }
}

#[test]
fn rows_are_those_counted_and_shared() {
    let s = small();
    for operations in [corners(), some(), some()[..1].to_vec(), vec![]] {
        let report = assert_holds(&s.machine, &s.table(&operations));
        assert_eq!(
            report.active[s.chip.kind.0],
            rows(operations.iter().copied())
        );
        assert!(rows(operations.iter().copied()) <= 4 * operations.len());
    }
    let op = some()[0];
    assert_eq!(rows([op, op]), 4);
    // All four pieces alike: one row says it all.
    let zeros = Operation {
        a: U256::ZERO,
        b: U256::ZERO,
        ..op
    };
    assert_eq!(rows([zeros]), 1);
}

#[test]
fn random_operations_hold() {
    use rand::{Rng, SeedableRng, rngs::StdRng};
    let mut rng = StdRng::seed_from_u64(3);
    let mut word = |i: usize| U256::from_limbs(rng.r#gen()) >> (i % 250);
    let operations: Vec<_> = (0..200)
        .map(|i| Operation {
            code: CODES[i % 3],
            a: word(i),
            b: word(3 * i),
        })
        .collect();
    let s = small();
    assert_holds(&s.machine, &s.table(&operations));
}

proptest! {
    #[test]
    fn results_equal_those_bit_by_bit(a: [u64; 4], b: [u64; 4], code in 0usize..3) {
        let op = Operation { code: CODES[code], a: U256::from_limbs(a), b: U256::from_limbs(b) };
        prop_assert_eq!(op.result(), reference(&op));
        prop_assert!(rows([op]) <= 4);
    }
}

#[test]
fn a_real_proof() {
    let s = small();
    let table = s.table(&some());
    assert_holds(&s.machine, &table);
    assert!(prove_and_verify(&s.machine, &table, 14));
}

// NEGATIVE

#[test]
fn every_cell_is_bound() {
    let s = small();
    let outcome = mutate(&s.machine, &s.table(&some()), 12);
    assert!(outcome.survivors.is_empty(), "{:?}", outcome.survivors);
    assert!(outcome.tried > 1_000);
}

#[test]
fn each_relation_is_needed() {
    let s = small();
    let mut evidence = Evidence::default();
    evidence.add(&s.machine, &s.table(&some()), |k| k.chip() == "logic");
    assert_eq!(evidence.not_shown(), [] as [&str; 0]);
}

#[test]
fn another_result_has_no_fact() {
    let s = small();
    for op in some() {
        let d = op.result();
        let others = CODES.map(|code| Operation { code, ..op }.result());
        let wrong = [
            d ^ U256::from(1),
            d ^ (U256::from(1) << 255),
            d.rotate_left(128),
            !d,
        ];
        for w in wrong.into_iter().chain(others).filter(|w| *w != d) {
            let table = s.asked(&[op], [answer(op.code as u64, [op.a, op.b, w])]);
            assert_fails(&s.machine, &table);
        }
        // Codes that no operation has.
        for code in [3, 4, u64::MAX] {
            let table = s.asked(&[op], [answer(code, [op.a, op.b, d])]);
            assert_fails(&s.machine, &table);
        }
    }
}

#[test]
fn a_digit_with_a_wrong_conjunction_is_refused() {
    let s = small();
    let op = some()[0];
    let mut table = s.table(&[op]);
    let row = table.heads_of(s.chip.kind)[0];
    let c = &s.chip.columns;
    // One bit more in the conjunction, everywhere it is said but in what is asked and offered above.
    let [_, _, and] = weights();
    s.follow(&mut table, row, [Fr::ZERO, Fr::ZERO, Fr::ONE]);
    for (cell, by) in [
        (c.digits[0], and),
        (c.limbs[2][0], Fr::ONE),
        (c.result, Fr::ONE),
    ] {
        let v = table.cell(row, cell) + by;
        table.set(row, cell, v);
    }
    let ask = table.heads_of(s.ask)[0];
    let v = table.cell(ask, s.question[5]) + pow2(65);
    table.set(ask, s.question[5], v);
    let against = s.against(&table);
    assert_eq!(against, ["digit.0 in table logic.and"]);
}

#[test]
fn other_operands_are_not_made_up_for_by_a_fraction() {
    let s = small();
    let op = some()[0];
    let mut table = s.table(&[op]);
    let row = table.heads_of(s.chip.kind)[0];
    let c = &s.chip.columns;
    // The first operand is one more than its digits; the conjunction takes what the equation leaves.
    let inverse = |w: Fr| w.invert().unwrap();
    let [_, second, third] = weights();
    for (left, by) in [(Fr::ONE, third), (second, third)] {
        let mut table = table.clone();
        let limb = if left == Fr::ONE {
            c.limbs[0][0]
        } else {
            c.limbs[1][0]
        };
        let rest = -left * inverse(by);
        let by = match left == Fr::ONE {
            true => [Fr::ONE, Fr::ZERO, rest],
            false => [Fr::ZERO, Fr::ONE, rest],
        };
        s.follow(&mut table, row, by);
        for (cell, by) in [(limb, Fr::ONE), (c.limbs[2][0], rest), (c.result, rest)] {
            let v = table.cell(row, cell) + by;
            table.set(row, cell, v);
        }
        let ask = table.heads_of(s.ask)[0];
        let operand = if left == Fr::ONE { 1 } else { 3 };
        for (at, by) in [(operand, pow2(65)), (5, rest * pow2(65))] {
            let v = table.cell(ask, s.question[at]) + by;
            table.set(ask, s.question[at], v);
        }
        let against = s.against(&table);
        assert_eq!(against, ["and.0 in table range13"]);
    }
    // Units of 2^65 moved between the operands: out of range above.
    for (cell, by) in [(c.limbs[0][4], pow2(13)), (c.limbs[1][0], -Fr::ONE)] {
        let v = table.cell(row, cell) + by;
        table.set(row, cell, v);
    }
    let against = s.against(&table);
    assert!(
        against.contains(&"a.4 in table range13".into()),
        "{against:?}"
    );
}

#[test]
fn parts_of_another_operation_are_refused() {
    let s = small();
    let operations = some();
    let table = s.table(&operations);
    let c = &s.chip.columns;
    let rows = table.heads_of(s.chip.kind);
    // The lower half and the lower piece of OR under XOR's word.
    for (triple, bus) in [(c.half, "logic.half"), (c.piece, "logic.piece")] {
        let mut bad = table.clone();
        for cell in triple.cells() {
            bad.set(rows[2], cell, table.cell(rows[1], cell));
        }
        let against = s.against(&bad);
        assert!(against.iter().any(|a| a.contains(bus)), "{against:?}");
    }
    // Another code on the row of the word alone.
    for code in [0, 1, 3] {
        let mut bad = table.clone();
        bad.set(rows[2], c.code, Fr::from(code));
        assert_fails(&s.machine, &bad);
    }
}

#[test]
fn a_piece_serves_one_row() {
    let s = small();
    let table = s.table(&some()[..1]);
    let c = &s.chip.columns;
    // Both halves on one lower piece: it is made once, the other one is left.
    let rows = table.heads_of(s.chip.kind);
    let mut bad = table.clone();
    for cell in c.piece.cells() {
        bad.set(rows[0], cell, table.cell(rows[1], cell));
    }
    let against = s.against(&bad);
    assert!(
        against.iter().any(|a| a.contains("logic.piece")),
        "{against:?}"
    );
}

#[test]
fn lower_parts_that_no_row_proves_are_refused() {
    let s = small();
    let op = some()[0];
    let (hi, lo) = split_word(op.result());
    // The word is said to have 0 as its lower result; the row asks for that half in vain.
    let mut table = s.table(&[op]);
    let row = table.heads_of(s.chip.kind)[0];
    let ask = table.heads_of(s.ask)[0];
    assert_eq!(table.cell(ask, s.question[5]), hi);
    assert_eq!(table.cell(ask, s.question[6]), lo);
    table.set(row, s.chip.columns.half.d, Fr::ZERO);
    table.set(ask, s.question[6], Fr::ZERO);
    let against = s.against(&table);
    assert!(
        against.iter().all(|a| a.contains("logic.half")),
        "{against:?}"
    );
}
