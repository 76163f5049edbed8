//! Tests of `arith`: against arithmetic on wide integers, by mutation, by hand, and with one real proof.

use super::{columns::*, *};
use crate::{
    Fr,
    framework::{Cell, mutate::mutate, pow2, table::Table, trace::Trace},
    testing::*,
};
use alloy_primitives::U256;
use ff::{Field, PrimeField};
use proptest::prelude::*;
use protocol::field::split_word;

type Small = Asked<ArithChip>;

fn small() -> Small {
    Asked::of(define, |b| b.arith, 8)
}

/// `v` as a field element, from its two's complement.
fn signed(v: i128) -> Fr {
    let size = Fr::from_u128(v.unsigned_abs());
    if v < 0 { -size } else { size }
}

fn answer(op: &Operation, z: U256, q: i128) -> [Fr; 8] {
    let (x, y, z) = (split_word(op.x), split_word(op.y), split_word(z));
    [
        Fr::from(u64::from(op.subtract)) + signed(2 * q + 2),
        x.0,
        x.1,
        Fr::from_u128(op.m) - Fr::ONE,
        y.0,
        y.1,
        z.0,
        z.1,
    ]
}

/// The result by long multiplication over 32-bit digits with signed carries, apart from the chip's own way.
fn reference(op: &Operation) -> (U256, i128) {
    let digits = |v: U256| -> Vec<i128> {
        let limbs = v.as_limbs().iter();
        limbs
            .flat_map(|l| [i128::from(*l as u32), i128::from(*l >> 32)])
            .collect()
    };
    let (x, y) = (digits(op.x), digits(op.y));
    let m = [i128::from(op.m as u32), (op.m >> 32) as i128];
    let sign = if op.subtract { -1 } else { 1 };
    let (mut z, mut carry) = (U256::ZERO, 0i128);
    for i in 0..8 {
        let second = if i > 0 { x[i - 1] * m[1] } else { 0 };
        let sum = x[i] * m[0] + second + sign * y[i] + carry;
        z |= U256::from(sum.rem_euclid(1 << 32) as u64) << (32 * i);
        carry = sum.div_euclid(1 << 32);
    }
    (z, carry + x[7] * m[1])
}

impl Small {
    fn table(&self, operations: &[Operation]) -> Table {
        let asked = operations.iter().map(|op| {
            let (z, q) = reference(op);
            answer(op, z, q).to_vec()
        });
        let mut t = self.questions(asked);
        self.chip.trace(&mut t, operations.iter().copied());
        t.finish([Fr::ZERO; 2])
    }
    /// Head row of the first operation.
    fn first(&self, table: &Table) -> usize {
        table.heads_of(self.chip.kind)[0]
    }
}

fn corners() -> Vec<Operation> {
    let top = U256::from(1) << 255;
    let half = U256::from(1) << 128;
    let words = [
        U256::ZERO,
        U256::from(1),
        half - U256::from(1),
        half,
        top,
        U256::MAX,
    ];
    let mut all = vec![];
    for subtract in [false, true] {
        for x in words {
            for y in words {
                for m in [0, 1, 1 << 63, (1 << 64) - 1, 1 << 64] {
                    all.push(Operation { subtract, x, m, y });
                }
            }
        }
    }
    all
}

fn some() -> Vec<Operation> {
    let x = U256::from_str_radix(
        "123456789abcdef0fedcba98765432100f1e2d3c4b5a69788796a5b4c3d2e1f1",
        16,
    );
    let y = U256::from_str_radix(
        "fedcba98765432100123456789abcdefffffffffffffffff0000000000000001",
        16,
    );
    let (x, y) = (x.unwrap(), y.unwrap());
    let op = |subtract, x, m, y| Operation { subtract, x, m, y };
    vec![
        op(false, x, 1_000_003, y),
        op(true, x, 0xdead_beef_1234_5678, y),
        op(true, x, 1, y),
        op(false, y, 1 << 64, y),
    ]
}

// POSITIVE

#[test]
fn corner_cases_hold() {
    let s = small();
    assert_holds(&s.machine, &s.table(&corners()));
}

#[test]
fn equal_operations_share_a_row() {
    let s = small();
    let op = some()[0];
    let report = assert_holds(&s.machine, &s.table(&[op, op, op]));
    assert_eq!(report.active[s.chip.kind.0], 1);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn results_equal_those_of_wide_integers(
        subtract: bool,
        x: [u64; 4],
        y: [u64; 4],
        m: u64,
        narrow in 0usize..4,
    ) {
        let cut = |v: [u64; 4]| U256::from_limbs(v) >> (64 * narrow);
        let op = Operation { subtract, x: cut(x), m: u128::from(m), y: cut(y) };
        let r = op.result();
        prop_assert_eq!((r.z, r.q), reference(&op));
    }
}

#[test]
fn random_operations_hold() {
    use rand::{Rng, SeedableRng, rngs::StdRng};
    let mut rng = StdRng::seed_from_u64(11);
    let operations: Vec<_> = (0..300)
        .map(|i| Operation {
            subtract: rng.r#gen(),
            x: U256::from_limbs(rng.r#gen()) >> (i % 250),
            m: u128::from(rng.r#gen::<u64>() >> (i % 64)),
            y: U256::from_limbs(rng.r#gen()) >> (i % 199),
        })
        .collect();
    let s = small();
    assert_holds(&s.machine, &s.table(&operations));
}

// NEGATIVE

#[test]
fn every_cell_is_bound() {
    let s = small();
    let outcome = mutate(&s.machine, &s.table(&some()), 8);
    assert!(outcome.survivors.is_empty(), "{:?}", outcome.survivors);
    assert!(outcome.tried > 500);
}

#[test]
fn another_result_of_the_same_operation_has_no_fact() {
    let s = small();
    let op = some()[1];
    let (z, q) = reference(&op);
    for (z, q) in [
        (z + U256::from(1), q),
        (z, q + 1),
        (z, q - 1),
        (z.wrapping_add(U256::from(1) << 128), q),
    ] {
        let mut t = Trace::new(&s.machine);
        t.push(s.start);
        t.push(s.ask).set_all(&s.question, answer(&op, z, q));
        s.chip.trace(&mut t, [op]);
        assert_fails(&s.machine, &t.finish([Fr::ZERO; 2]));
    }
}

/// Moves `units` of 2^128 between a half and its carry, so that the equations still hold and the asker gets the forged
/// result; only the ranges are left to refuse.
fn moved(s: &Small, z: &[Cell], carry: &[Cell], units: Fr) -> Table {
    let mut table = s.table(&some()[..1]);
    let row = s.first(&table);
    let columns = &s.chip.columns;
    let top = HALF_LIMBS - 1;
    // The top limb weighs 2^117, so 2^128 are 2^11 of it.
    let limb = table.cell(row, z[top]) + units * Fr::from(1 << 11);
    table.set(row, z[top], limb);
    let low = table.cell(row, carry[0]) - units;
    table.set(row, carry[0], low);
    // A change of the middle carry also changes the high half, which takes it up at its lowest limb.
    if carry == columns.carry.as_slice() {
        let v = table.cell(row, columns.z_hi[0]) - units;
        table.set(row, columns.z_hi[0], v);
    }
    let ask = table.heads_of(s.ask)[0];
    let limbs = |cells: &[Cell]| -> Fr {
        cells
            .iter()
            .zip(0u32..)
            .map(|(c, i)| table.cell(row, *c) * pow2(13 * i))
            .sum()
    };
    let q = limbs(&columns.overflow) - Fr::ONE;
    let code = table.cell(row, columns.subtract) + (q + Fr::ONE).double();
    let claimed = [code, limbs(&columns.z_hi), limbs(&columns.z_lo)];
    for (i, v) in [0, 6, 7].into_iter().zip(claimed) {
        table.set(ask, s.question[i], v);
    }
    table
}

#[test]
fn a_half_of_more_than_128_bits_is_refused_by_its_range_alone() {
    let s = small();
    let c = s.chip.columns.clone();
    let top = HALF_LIMBS - 1;
    for (z, carry) in [(&c.z_lo, &c.carry), (&c.z_hi, &c.overflow)] {
        for units in [Fr::ONE, -Fr::ONE] {
            let table = moved(&s, z, carry, units);
            let fail = assert_fails(&s.machine, &table);
            assert_eq!(fail.kind, "arith.linear");
            let about_range = fail.relation.contains("range13");
            assert!(about_range, "{fail}");
            // The top limb itself stays below 2^13: only the scaled look-up sees the excess.
            if units == Fr::ONE {
                let limb = table.cell(s.first(&table), z[top]);
                assert!(limb < Fr::from(1 << 13));
            }
        }
    }
}

#[test]
fn a_limb_of_two_to_the_thirteen_is_refused() {
    let s = small();
    let c = s.chip.columns.clone();
    for limbs in [&c.z_lo, &c.z_hi, &c.carry, &c.overflow] {
        for pair in limbs.windows(2) {
            let mut table = s.table(&some()[..1]);
            let row = s.first(&table);
            // One unit of the upper limb written as 2^13 of the lower: the number stays the same.
            let (low, high) = (table.cell(row, pair[0]), table.cell(row, pair[1]));
            table.set(row, pair[0], low + Fr::from(1 << 13));
            table.set(row, pair[1], high - Fr::ONE);
            let fail = assert_fails(&s.machine, &table);
            assert!(fail.relation.contains("range13"), "{fail}");
        }
    }
}

#[test]
fn a_selector_between_adding_and_subtracting_is_refused() {
    let s = small();
    // x = 0, m = 0: z = (1 - 2 subtract) y; with subtract = -1 it would be 3 y.
    let op = Operation {
        subtract: false,
        x: U256::ZERO,
        m: 0,
        y: U256::from(5),
    };
    let mut table = s.table(&[op]);
    let (row, ask) = (s.first(&table), table.heads_of(s.ask)[0]);
    table.set(row, s.chip.columns.subtract, -Fr::ONE);
    table.set(row, s.chip.columns.z_lo[0], Fr::from(15));
    table.set(ask, s.question[0], -Fr::ONE);
    table.set(ask, s.question[7], Fr::from(15));
    let fail = assert_fails(&s.machine, &table);
    assert_eq!(fail.relation, "subtract is boolean");
}
