//! Parameters of the commitments from a known secret: for tests and local networks.

use crate::{
    engine::{Engine, WithEngine, with_engine},
    msm::FixedBase,
    ntt::omega,
};
use ff::{BatchInvert, Field, PrimeField};
use group::Curve;
use halo2_proofs::{
    halo2curves::bn256::{Bn256, Fr, G1Affine, G2, G2Affine},
    poly::kzg::commitment::ParamsKZG,
};
use rand::rngs::mock::StepRng;
use rayon::prelude::*;
use std::{iter, ops::Range};

/// Points that are made before `done` is told.
const STEP: usize = 1 << 13;

/// Parameters for `2^k` rows with the given secret, the same as those of `ParamsKZG::setup` if its generator gives this secret. `done` is told
/// the part that is done, up to a half for the powers, and then up to 1 for the Lagrange basis.
///
/// Whoever knows the secret can prove anything. Take the parameters of a ceremony where that matters.
///
/// # Panics
///
/// If `k` is 0 or more than 28, or if the secret is one of the rows' points, a root of unity of order `2^k`.
#[must_use]
pub fn setup(k: u32, secret: Fr, done: impl Fn(f64)) -> ParamsKZG<Bn256> {
    let points = with_engine(false, Points { k, secret, done });
    let [powers, lagrange] = points;
    let s_g2 = (G2::generator() * secret).to_affine();
    let (powers, lagrange) = (powers, Some(lagrange));
    // The library makes parameters of parts only by parameters that are there.
    ParamsKZG::setup(1, StepRng::new(7, 0)).from_parts(
        k,
        powers,
        lagrange,
        G2Affine::generator(),
        s_g2,
    )
}

struct Points<D> {
    k: u32,
    secret: Fr,
    done: D,
}

impl<D: Fn(f64)> WithEngine for Points<D> {
    /// The powers, and the Lagrange basis.
    type Output = [Vec<G1Affine>; 2];

    fn with<E: Engine>(self, engine: E) -> Self::Output {
        let Self { k, secret, done } = self;
        let n = 1usize << k;
        let generator = FixedBase::new(engine, G1Affine::generator(), 2 * n);
        let all = |before: usize, scalars: &dyn Fn(Range<usize>) -> Vec<Fr>| {
            let mut points = Vec::with_capacity(n);
            while points.len() < n {
                let next = points.len()..n.min(points.len() + STEP);
                points.extend(generator.of(&scalars(next)));
                done((before + points.len()) as f64 / (2 * n) as f64);
            }
            points
        };
        let powers = all(0, &|range| geometric(secret, range));
        // L_i(s) = (s^n - 1) w^i / (n (s - w^i)).
        let omega = omega(k);
        let factor =
            (secret.pow_vartime([n as u64]) - Fr::ONE) * Fr::TWO_INV.pow_vartime([u64::from(k)]);
        assert!(
            !bool::from(factor.is_zero()),
            "the secret is a root of unity"
        );
        let lagrange = all(n, &|range| {
            let roots = geometric(omega, range);
            let mut inverses: Vec<Fr> = roots.iter().map(|root| secret - root).collect();
            inverses.iter_mut().batch_invert();
            let products = roots.par_iter().zip(inverses);
            products.map(|(root, i)| factor * root * i).collect()
        });
        [powers, lagrange]
    }
}

/// The powers of `ratio` with these exponents.
fn geometric(ratio: Fr, exponents: Range<usize>) -> Vec<Fr> {
    let first = ratio.pow_vartime([exponents.start as u64]);
    let powers = iter::successors(Some(first), |power| Some(*power * ratio));
    powers.take(exponents.len()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use halo2_proofs::{SerdeFormat, poly::commitment::Params};
    use rand::{SeedableRng, rngs::StdRng};
    use std::cell::RefCell;

    fn bytes(parameters: &ParamsKZG<Bn256>) -> Vec<u8> {
        let mut bytes = vec![];
        let raw = SerdeFormat::RawBytes;
        parameters.write_custom(&mut bytes, raw).unwrap();
        bytes
    }

    #[test]
    fn parameters_are_those_of_the_library() {
        for k in [1, 2, 3, 7, 10] {
            let secret = Fr::random(StdRng::seed_from_u64(u64::from(k)));
            let ours = setup(k, secret, |_| ());
            let theirs = ParamsKZG::setup(k, StdRng::seed_from_u64(u64::from(k)));
            assert!(bytes(&ours) == bytes(&theirs), "2^{k} rows");
            assert_eq!(ours.n(), 1 << k);
        }
    }

    #[test]
    fn it_tells_how_far_it_is() {
        let told = RefCell::new(vec![]);
        let _ = setup(14, Fr::from(3), |part| told.borrow_mut().push(part));
        assert_eq!(told.into_inner(), [0.25, 0.5, 0.75, 1.0]);
    }

    #[test]
    #[should_panic(expected = "the secret is a root of unity")]
    fn a_secret_among_the_rows_points() {
        let _ = setup(5, omega(5).square(), |_| ());
    }
}
