//! Transforms with both engines against halo2's domain and against a plain evaluation.

use super::*;
use crate::engine::{WithEngine, with_engine};
use ff::WithSmallOrderMulGroup;
use halo2_proofs::{arithmetic::eval_polynomial, poly::EvaluationDomain};
use proptest::prelude::*;
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A random element, or an edge.
fn element(rng: &mut StdRng, edges: bool) -> Fr {
    match rng.gen_range(0..4) {
        0 if edges => Fr::ZERO,
        1 if edges => -Fr::ONE,
        2 if edges => Fr::ONE,
        _ => Fr::random(rng),
    }
}

/// All transforms of `count` columns of size `2^k`.
#[derive(Clone, Copy)]
struct Check {
    k: u32,
    count: usize,
    shift: Fr,
    edges: bool,
    seed: u64,
}

impl WithEngine for Check {
    type Output = ();
    fn with<E: Engine>(self, e: E) {
        let Self {
            k, count, shift, ..
        } = self;
        let n = 1 << k;
        let mut rng = StdRng::seed_from_u64(self.seed);
        let columns: Vec<Vec<Fr>> = (0..count)
            .map(|_| (0..n).map(|_| element(&mut rng, self.edges)).collect())
            .collect();
        let imported: Vec<_> = columns.iter().map(|c| Column::import(e, c)).collect();
        let ntt = Ntt::new(e, k);
        let coset = ntt.coset(shift);
        let domain = EvaluationDomain::<Fr>::new(1, k);
        assert_eq!(omega(k), domain.get_omega());

        let mut coefficients = imported.clone();
        ntt.interpolate(&mut coefficients);
        for (coefficients, values) in coefficients.iter().zip(&columns) {
            let expected = domain.lagrange_to_coeff(domain.lagrange_from_vec(values.clone()));
            assert!(
                coefficients.export(e) == expected[..],
                "interpolated, k = {k}"
            );
        }

        let references: Vec<_> = imported.iter().collect();
        let mut values = coset.evaluate(&references);
        for (values, coefficients) in values.iter().zip(&columns) {
            let part = domain.coeff_from_vec(coefficients.clone());
            // Its cosets have ZETA in their shift.
            let expected = domain.coeff_to_extended_part(part, shift * Fr::ZETA.square());
            let values = values.export(e);
            assert!(values == expected[..], "evaluated, k = {k}");
            for i in [0, 1, n / 2 + 3, n - 1] {
                let point = shift * omega(k).pow([i as u64]);
                assert_eq!(values[i], eval_polynomial(coefficients, point));
            }
        }
        coset.interpolate(&mut values);
        for (values, coefficients) in values.iter().zip(&columns) {
            assert!(values.export(e) == *coefficients, "interpolated, k = {k}");
        }
    }
}

fn check(check: Check) {
    for portable in [false, true] {
        with_engine(portable, check);
    }
}

#[test]
fn each_size() {
    for k in MIN_K..=15 {
        for (shift, edges) in [(Fr::MULTIPLICATIVE_GENERATOR, false), (Fr::ONE, true)] {
            check(Check {
                k,
                count: 1,
                shift,
                edges,
                seed: u64::from(k),
            });
        }
    }
}

/// The first round has more levels than elements may get old.
#[test]
fn greatest_size() {
    check(Check {
        k: MAX_K,
        count: 1,
        shift: Fr::DELTA,
        edges: true,
        seed: 1,
    });
}

/// Columns that each thread has alone, and those that are left over.
#[test]
fn any_number_of_columns_and_threads() {
    for threads in [1, 2, 3, 8] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.expect("threads").install(|| {
            for count in [0, 1, 2, 3, 7, 9] {
                for k in [4, 7, 9, 12] {
                    check(Check {
                        k,
                        count,
                        shift: -Fr::ONE,
                        edges: false,
                        seed: 2,
                    });
                }
            }
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_shift(k in MIN_K..=11, count in 1..4usize, seed: u64, edges: bool) {
        let mut rng = StdRng::seed_from_u64(!seed);
        let shift = match rng.gen_range(0..3) {
            0 => omega(k).pow([rng.r#gen::<u64>()]),
            _ => Fr::random(&mut rng),
        };
        check(Check { k, count, shift, edges, seed });
    }
}

struct OfPolynomials;

impl WithEngine for OfPolynomials {
    type Output = ();
    fn with<E: Engine>(self, e: E) {
        let k = 8;
        let n = 1 << k;
        let ntt = Ntt::new(e, k);
        let coset = ntt.coset(Fr::DELTA);
        let points = powers(e, Fr::DELTA, omega(k), n);
        let mut expected = Fr::DELTA;
        for point in points.export(e) {
            assert_eq!(point, expected);
            expected *= omega(k);
        }
        assert_eq!(expected, Fr::DELTA);

        // X^(n - 1) - 2, over columns that hold something.
        let mut coefficients = vec![Fr::ZERO; n];
        coefficients[0] = -Fr::from(2);
        coefficients[n - 1] = Fr::ONE;
        let column = Column::import(e, &coefficients);
        let mut values = [points.clone(), points.clone()];
        coset.evaluate_into(&[&column, &points], &mut values);
        for (value, x) in values[0].export(e).iter().zip(points.export(e)) {
            assert_eq!(*value, x.pow([n as u64 - 1]) - Fr::from(2));
        }
        // The same columns serve again, and transforms of one size do not disturb each other.
        let again = ntt.coset(Fr::DELTA).evaluate(&[&column, &points]);
        for (again, values) in again.iter().zip(&values) {
            assert_eq!(again.export(e), values.export(e));
        }

        let refused = |work: &mut dyn FnMut()| catch_unwind(AssertUnwindSafe(work)).is_err();
        let mut short = [Column::zeros(n / 2)];
        assert!(refused(&mut || ntt.interpolate(&mut short)));
        assert!(refused(&mut || coset.interpolate(&mut short)));
        assert!(refused(&mut || drop(coset.evaluate(&[&short[0]]))));
        assert!(refused(&mut || coset.evaluate_into(&[&column], &mut short)));
        assert!(refused(&mut || coset.evaluate_into(&[&column], &mut [])));
        assert!(refused(&mut || drop(ntt.coset(Fr::ZERO))));
        assert!(refused(&mut || drop(Ntt::new(e, MIN_K - 1))));
        assert!(refused(&mut || drop(Ntt::new(e, MAX_K + 1))));
        assert!(refused(&mut || assert_eq!(omega(Fr::S + 1), Fr::ONE)));
    }
}

#[test]
fn polynomials_and_misuse() {
    for portable in [false, true] {
        with_engine(portable, OfPolynomials);
    }
}
