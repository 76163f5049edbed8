//! Is this a reference string? Every power is checked against the one before with two pairings: for a random `r`,
//! `e(sum r^i P_(i+1), G2) = e(sum r^i P_i, tau G2)`. A string that is wrong anywhere passes with probability
//! below `2^k / 2^253`.

use ff::Field;
use group::cofactor::CofactorGroup;
use group::{Curve, Group};
use halo2_proofs::arithmetic::best_multiexp;
use halo2_proofs::halo2curves::bn256::{Fr, G1Affine, G2, G2Affine, pairing};
use halo2_proofs::poly::EvaluationDomain;
use rand::rngs::OsRng;
use thiserror::Error;

/// Why points do not form a reference string.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum SrsInvalid {
    /// The first power is not the generator.
    #[error("the first point in {group} is not the group's generator")]
    Generator {
        /// `G1` or `G2`.
        group: &'static str,
    },
    /// The second G2 point has not the right order.
    #[error(
        "the second G2 point is not in the subgroup of prime order, or is the point at infinity"
    )]
    Subgroup,
    /// A secret of 0, 1 or -1 multiplies nothing.
    #[error(
        "the secret is trivial: the second power is the point at infinity, the generator or its negative"
    )]
    Trivial,
    /// The powers do not belong to one secret.
    #[error("the pairing check failed: the points are not the successive powers of one secret")]
    Powers,
    /// The Lagrange basis does not belong to the powers.
    #[error("the Lagrange basis does not belong to the powers")]
    Lagrange,
    /// Fewer than two points.
    #[error("there are only {0} points; at least two are needed")]
    TooFew(usize),
}

/// Successive powers of a random element.
fn random_powers(count: usize) -> Vec<Fr> {
    let r = Fr::random(OsRng);
    std::iter::successors(Some(Fr::ONE), |power| Some(*power * r))
        .take(count)
        .collect()
}

/// Checks the powers in G1 against the two points in G2. The points are on the curve already.
pub(super) fn powers(g: &[G1Affine], g2: &G2Affine, s_g2: &G2Affine) -> Result<(), SrsInvalid> {
    let (Some((first, shifted)), Some((_, low))) = (g.split_first(), g.split_last()) else {
        return Err(SrsInvalid::TooFew(g.len()));
    };
    let Some(second) = shifted.first() else {
        return Err(SrsInvalid::TooFew(g.len()));
    };
    if *first != G1Affine::generator() {
        return Err(SrsInvalid::Generator { group: "G1" });
    }
    if *g2 != G2Affine::generator() {
        return Err(SrsInvalid::Generator { group: "G2" });
    }
    let tau_g2 = G2::from(*s_g2);
    if bool::from(tau_g2.is_identity()) || !bool::from(tau_g2.is_torsion_free()) {
        return Err(SrsInvalid::Subgroup);
    }
    if *second == G1Affine::default() || second == first || *second == -*first {
        return Err(SrsInvalid::Trivial);
    }
    let factors = random_powers(low.len());
    let high_sum = best_multiexp(&factors, shifted).to_affine();
    let low_sum = best_multiexp(&factors, low).to_affine();
    if pairing(&high_sum, g2) != pairing(&low_sum, s_g2) {
        return Err(SrsInvalid::Powers);
    }
    Ok(())
}

/// Whether a random polynomial has the same commitment over `basis` by its values on the domain of `2^k` points as over
/// `powers` by its coefficients.
pub(super) fn same_polynomial(k: u32, powers: &[G1Affine], basis: &[G1Affine]) -> bool {
    let n = 1usize << k;
    let Some(powers) = powers.get(..n) else {
        return false;
    };
    if basis.len() != n {
        return false;
    }
    let values = random_powers(n);
    let by_values = best_multiexp(&values, basis);
    let domain = EvaluationDomain::<Fr>::new(1, k);
    let coefficients = domain.lagrange_to_coeff(domain.lagrange_from_vec(values));
    by_values == best_multiexp(&coefficients, powers)
}
