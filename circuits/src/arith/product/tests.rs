//! Tests of `arith.product`: against wide integers, by mutation, by hand, and with one real proof.

use super::{columns::*, *};
use crate::{
    Fr,
    framework::{Cell, mutate::mutate, pow2, table::Table, teeth::Evidence, trace::Trace},
    testing::*,
};
use alloy_primitives::{U256, U512};
use ff::Field;
use proptest::prelude::*;

type Small = Asked<ProductChip>;

fn small() -> Small {
    Asked::of(define, |b| b.product, 7)
}

/// The product modulo 2^256 and whether it is exact, by addition and doubling alone.
fn reference(a: U256, b: U256) -> (U256, bool) {
    let (mut sum, mut exact) = (U256::ZERO, true);
    for i in (0..256).rev() {
        exact &= !sum.bit(255);
        sum <<= 1;
        if b.bit(i) {
            let (next, over) = sum.overflowing_add(a);
            exact &= !over;
            sum = next;
        }
    }
    (sum, exact)
}

impl Small {
    fn asked(&self, products: &[Product], asked: impl IntoIterator<Item = Vec<Fr>>) -> Table {
        let mut t = self.questions(asked);
        self.chip.trace(&mut t, products.iter().copied());
        t.finish([Fr::ZERO; 2])
    }
    fn table(&self, products: &[Product]) -> Table {
        let asked = products.iter().map(|p| {
            let (d, exact) = reference(p.a, p.b);
            assert!(exact || !p.exact);
            answer(u64::from(p.exact), [p.a, p.b, d])
        });
        self.asked(products, asked)
    }
    /// Adds to cells of the row of digit `j` of the first product.
    fn shift(&self, table: &mut Table, j: usize, by: &[(Cell, Fr)]) {
        let row = table.heads_of(self.chip.kind)[DIGITS - 1 - j];
        for (cell, by) in by {
            let v = table.cell(row, *cell) + by;
            table.set(row, *cell, v);
        }
    }
}

fn words() -> Vec<U256> {
    let one = U256::from(1);
    let half = one << 128;
    let mut words = vec![
        U256::ZERO,
        one,
        U256::from(3),
        U256::MAX,
        half,
        half - one,
        half + one,
    ];
    words.extend([
        one << 64,
        (one << 64) - one,
        one << 192,
        one << 255,
        (one << 192) - one,
    ]);
    words.push(U256::from_be_bytes::<32>(std::array::from_fn(|i| {
        (i as u8).wrapping_mul(0x9d) ^ 0x35
    })));
    words
}

fn corners() -> Vec<Product> {
    let mut all = vec![];
    for a in words() {
        for b in words() {
            let product = |exact| Product { exact, a, b };
            all.extend(
                [false, true]
                    .map(product)
                    .into_iter()
                    .filter(|p| p.result().is_some()),
            );
        }
    }
    all
}

fn some() -> Vec<Product> {
    let mixed = words()[12];
    let product = |exact, a, b| Product { exact, a, b };
    vec![
        product(false, mixed, !mixed.rotate_left(77)),
        product(true, mixed >> 128, mixed >> 140),
        product(true, mixed >> 40, U256::from(0x1234_5678)),
        product(true, U256::from(0x1234_5678), mixed >> 40),
    ]
}

// POSITIVE

#[test]
fn golden_costs() {
    let mut lines = vec![format!("rows of a product: {ROWS}")];
    lines.extend(cost_lines(define, |chip| chip.kind));
    assert_golden("product", &lines);
}

#[test]
fn corner_cases_hold() {
    let s = small();
    let report = assert_holds(&s.machine, &s.table(&corners()));
    assert_eq!(report.active[s.chip.kind.0], ROWS * corners().len());
}

#[test]
fn equal_products_share_rows_and_false_ones_have_none() {
    let s = small();
    let p = some()[0];
    let report = assert_holds(&s.machine, &s.table(&[p, p]));
    assert_eq!(report.active[s.chip.kind.0], ROWS);
    let over = Product { exact: true, ..p };
    assert_eq!(over.result(), None);
    let report = assert_holds(&s.machine, &s.asked(&[over], []));
    assert_eq!(report.active[s.chip.kind.0], 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn results_equal_those_of_wide_integers(a: [u64; 4], b: [u64; 4], i in 0usize..256, j in 0usize..256) {
        let (a, b) = (U256::from_limbs(a) >> i, U256::from_limbs(b) >> j);
        let (d, exact) = reference(a, b);
        let p = Product { exact: false, a, b };
        prop_assert_eq!(p.result(), Some(d));
        prop_assert_eq!(Product { exact: true, ..p }.result(), exact.then_some(d));
        prop_assert_eq!(exact, U512::from(a) * U512::from(b) == U512::from(d));
    }
}

#[test]
fn random_products_hold() {
    use rand::{Rng, SeedableRng, rngs::StdRng};
    let mut rng = StdRng::seed_from_u64(13);
    let mut products = vec![];
    for i in 0..200 {
        let a = U256::from_limbs(rng.r#gen()) >> (i % 250);
        let b = U256::from_limbs(rng.r#gen()) >> (7 * i % 255);
        let product = |exact| Product { exact, a, b };
        products.extend(
            [false, true]
                .map(product)
                .into_iter()
                .filter(|p| p.result().is_some()),
        );
    }
    let s = small();
    assert_holds(&s.machine, &s.table(&products));
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
    let outcome = mutate(&s.machine, &s.table(&some()), 16);
    assert!(outcome.survivors.is_empty(), "{:?}", outcome.survivors);
    assert!(outcome.tried > 2_000);
}

#[test]
fn each_relation_is_needed() {
    let s = small();
    let mut evidence = Evidence::default();
    evidence.add(&s.machine, &s.table(&some()), |k| k.chip() == "arith");
    assert_eq!(evidence.not_shown(), [] as [&str; 0]);
}

#[test]
fn another_product_has_no_fact() {
    let s = small();
    for p in some() {
        let d = p.result().unwrap();
        let code = u64::from(p.exact);
        for i in [0, 63, 64, 127, 128, 200, 255] {
            let wrong = d ^ (U256::from(1) << i);
            assert_fails(
                &s.machine,
                &s.asked(&[p], [answer(code, [p.a, p.b, wrong])]),
            );
        }
        for code in [1 - code, 2] {
            assert_fails(&s.machine, &s.asked(&[p], [answer(code, [p.a, p.b, d])]));
        }
    }
}

#[test]
fn a_product_beyond_256_bits_is_not_exact() {
    let s = small();
    let c = &s.chip.columns;
    let (one, half) = (U256::from(1), U256::from(1) << 128);
    for (a, b, relation) in [
        (half, half, "exact: high halves"),
        (one << 255, one << 255, "exact: high halves"),
        (U256::MAX, U256::from(2), "exact: no carry"),
        (U256::from(2), U256::MAX, "exact: no carry"),
        (half, half - one + one, "exact: high halves"),
        (one << 192, one << 64, "exact: no carry"),
        (one << 64, one << 192, "exact: no carry"),
    ] {
        let p = Product { exact: false, a, b };
        let d = p.result().unwrap();
        let mut table = s.asked(&[p], [answer(1, [a, b, d])]);
        s.shift(
            &mut table,
            DIGITS - 1,
            &[(c.exact, Fr::ONE), (c.modular, -Fr::ONE)],
        );
        let multiplicity = s.machine.kinds[s.chip.kind.0].messages[0].counted.unwrap();
        s.shift(&mut table, DIGITS - 1, &[(multiplicity, Fr::ONE)]);
        assert_eq!(s.against(&table), [relation]);
    }
}

/// Moves units of 2^64 between a digit of the product and its carry; only the ranges are left to refuse.
#[test]
fn a_digit_of_more_than_64_bits_is_refused_by_its_range_alone() {
    let s = small();
    let c = &s.chip.columns;
    let p = some()[0];
    for j in 0..DIGITS {
        let mut table = s.table(&[p]);
        let (unit, base) = (Fr::ONE, pow2(DIGIT_BITS));
        // The top limb weighs 2^52, so 2^64 are 2^12 of it.
        let more = unit * Fr::from(1 << 12);
        s.shift(
            &mut table,
            j,
            &[
                (c.d_limbs[LIMBS - 1], more),
                (c.doubled, more.double()),
                (c.d, base),
                (c.carry_limbs[0], -unit),
                (c.carry, -unit),
            ],
        );
        // The next digit takes the carry up; pairs and the claim follow.
        if j + 1 < DIGITS {
            s.shift(&mut table, j + 1, &[(c.d_limbs[0], -unit), (c.d, -unit)]);
        }
        s.shift(&mut table, j, &[(c.d_pair, base * base)]);
        if j + 2 < DIGITS {
            s.shift(&mut table, j + 2, &[(c.d_pair, -unit)]);
        }
        let ask = table.heads_of(s.ask)[0];
        let rows = table.heads_of(s.chip.kind);
        for (at, row) in [(5, rows[0]), (6, rows[2])] {
            table.set(ask, s.question[at], table.cell(row, c.d_pair));
        }
        let against = s.against(&table);
        assert!(
            against.iter().all(|a| a.contains("in table range13")),
            "{j}: {against:?}"
        );
        assert!(
            against.contains(&"doubled in table range13".into()),
            "{against:?}"
        );
    }
}

#[test]
fn a_fraction_as_carry_is_refused() {
    let s = small();
    let c = &s.chip.columns;
    let mut table = s.table(&some()[..1]);
    // One more in the lowest digit, which the carry makes up for as a fraction, and the next digit likewise.
    let inverse = pow2(DIGIT_BITS).invert().unwrap();
    let mut carry = Fr::ZERO;
    for j in 0..DIGITS {
        let digit = if j == 0 { Fr::ONE } else { Fr::ZERO };
        carry = (carry - digit) * inverse;
        s.shift(
            &mut table,
            j,
            &[
                (c.d_limbs[0], digit),
                (c.d, digit),
                (c.carry_limbs[0], carry),
                (c.carry, carry),
            ],
        );
    }
    s.shift(&mut table, 0, &[(c.d_pair, pow2(DIGIT_BITS))]);
    s.shift(&mut table, 1, &[(c.d_pair, Fr::ONE)]);
    let ask = table.heads_of(s.ask)[0];
    let d_lo = table.cell(ask, s.question[6]) + Fr::ONE;
    table.set(ask, s.question[6], d_lo);
    let against = s.against(&table);
    assert_eq!(against.len(), DIGITS, "{against:?}");
    let limb = |a: &String| a == "carry limb.0 in table range13";
    assert!(against.iter().all(limb), "{against:?}");
}

#[test]
fn runs_of_another_length_and_spliced_runs_are_refused() {
    let s = small();
    let products = [
        some()[0],
        Product {
            exact: false,
            ..some()[2]
        },
    ];
    let mut honest = Trace::new(&s.machine);
    honest.push(s.start);
    s.chip.trace(&mut honest, products);
    let rows = |order: &[usize]| {
        let mut t = Trace::new(&s.machine);
        t.push(s.start);
        for i in order {
            let mut row = t.push(s.chip.kind);
            for cell in &s.machine.kinds[s.chip.kind.0].cells {
                row.set(cell.cell, honest.get(1 + i, cell.cell));
            }
        }
        t.finish([Fr::ZERO; 2])
    };
    assert_holds(&s.machine, &rows(&[0, 1, 2, 3, 4, 5, 6, 7]));
    // A run cut off, a row too many, a row missing, the lower part of another product.
    for order in [
        &[0, 1, 2][..],
        &[0, 1, 2, 4, 5, 6, 7],
        &[0, 1, 1, 2, 3],
        &[0, 2, 3],
        &[0, 0, 1, 2, 3],
        &[0, 1, 6, 7],
        &[0, 5, 6, 7],
    ] {
        assert_fails(&s.machine, &rows(order));
    }
    // The lower rows alone are a run; what they offer no one asks for.
    let mut table = rows(&[1, 2, 3]);
    assert_holds(&s.machine, &table);
    let row = table.heads_of(s.chip.kind)[0];
    for cell in [s.chip.columns.modular, s.chip.columns.exact] {
        let mut bad = table.clone();
        bad.set(row, cell, Fr::ONE);
        let against = s.against(&bad);
        assert!(against.contains(&"top digit".into()), "{against:?}");
    }
    // Neither bit is set, but they make up for each other.
    table.set(row, s.chip.columns.modular, -Fr::ONE);
    table.set(row, s.chip.columns.exact, Fr::ONE);
    let against = s.against(&table);
    assert!(
        against.contains(&"modular is boolean".into()),
        "{against:?}"
    );
}

#[test]
fn the_lower_rows_of_small_products_are_not_taken_for_others() {
    let s = small();
    let product = |a: u64, b: u64| Product {
        exact: false,
        a: U256::from(a),
        b: U256::from(b),
    };
    // The second row of the first product says what the second one does, but for the code.
    assert_holds(&s.machine, &s.table(&[product(5, 7), product(5, 0)]));
}
