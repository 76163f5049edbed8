//! Transforms with both engines against a plain evaluation and against halo2's domain.

use super::*;
use crate::engine::{WithEngine, with_engine};
use ff::WithSmallOrderMulGroup;
use halo2_proofs::{arithmetic::eval_polynomial, poly::EvaluationDomain};
use rand::{Rng, SeedableRng, rngs::StdRng};

/// A random element, or an edge.
fn element(rng: &mut StdRng, edges: bool) -> Fr {
    match rng.gen_range(0..4) {
        0 if edges => Fr::ZERO,
        1 if edges => -Fr::ONE,
        2 if edges => Fr::ONE,
        _ => Fr::random(rng),
    }
}

/// Transforms of `count` columns of size `2^k`.
struct Check {
    k: u32,
    count: usize,
    shift: Fr,
    edges: bool,
}

impl WithEngine for Check {
    type Output = Vec<Vec<Fr>>;
    fn with<E: Engine>(self, e: E) -> Vec<Vec<Fr>> {
        let Self {
            k,
            count,
            shift,
            edges,
        } = self;
        let n = 1 << k;
        let mut rng = StdRng::seed_from_u64(u64::from(k));
        let columns: Vec<Vec<Fr>> = (0..count)
            .map(|_| (0..n).map(|_| element(&mut rng, edges)).collect())
            .collect();
        let imported: Vec<_> = columns.iter().map(|c| Column::import(e, c)).collect();
        let ntt = Ntt::new(e, k);
        let coset = ntt.coset(shift);

        let mut coefficients = imported.clone();
        ntt.interpolate(&mut coefficients);
        let domain = EvaluationDomain::<Fr>::new(1, k);
        for (coefficients, values) in coefficients.iter().zip(&columns) {
            let expected = domain.lagrange_to_coeff(domain.lagrange_from_vec(values.clone()));
            assert!(coefficients.export(e) == expected[..]);
        }

        let references: Vec<_> = imported.iter().collect();
        let mut values = coset.evaluate(&references);
        for (values, coefficients) in values.iter().zip(&columns) {
            let part = domain.coeff_from_vec(coefficients.clone());
            // Its cosets have ZETA in their shift.
            let expected = domain.coeff_to_extended_part(part, shift * Fr::ZETA.square());
            let values = values.export(e);
            assert!(values == expected[..]);
            for i in [0, 1, n / 2 + 3, n - 1] {
                let point = shift * domain.get_omega().pow([i as u64]);
                assert_eq!(values[i], eval_polynomial(coefficients, point));
            }
        }
        let all = values.iter().map(|c| c.export(e)).collect();
        coset.interpolate(&mut values);
        for (values, coefficients) in values.iter().zip(&columns) {
            assert!(values.export(e) == *coefficients);
        }
        all
    }
}

fn check(k: u32, count: usize, shift: Fr, edges: bool) {
    let [fast, plain] = [false, true].map(|portable| {
        with_engine(
            portable,
            Check {
                k,
                count,
                shift,
                edges,
            },
        )
    });
    assert!(fast == plain);
}

#[test]
fn each_size() {
    for k in MIN_K..=13 {
        check(k, 1, Fr::MULTIPLICATIVE_GENERATOR, false);
        check(k, 1, Fr::ONE, true);
    }
}
