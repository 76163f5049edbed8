//! The development string. Its secret is computed from a public sentence, so anyone can forge proofs over it: it exists
//! for local networks and tests only, and everything made with it carries a label that says so.
//!
//! `tau` is the 64-byte little-endian number `keccak256(SEED || 0x00) || keccak256(SEED || 0x01)` modulo the order of
//! the scalar field.

use std::sync::LazyLock;

use alloy_primitives::keccak256;
use ff::{BatchInvert, Field, FromUniformBytes, PrimeField};
use group::Curve;
use halo2_proofs::halo2curves::bn256::{Fr, G1Affine, G2, G2Affine};

use super::fixed_base::FixedBase;
use super::lagrange::root_of_unity;

/// The public sentence that the development secret comes from.
pub const SEED: &str = "Hallmark development reference string, version 1. Its secret is public. Never use it for value.";

static TAU: LazyLock<Fr> = LazyLock::new(|| {
    let mut wide = [0; 64];
    for (counter, half) in wide.chunks_exact_mut(32).enumerate() {
        let mut preimage = SEED.as_bytes().to_vec();
        preimage.push(counter as u8);
        half.copy_from_slice(keccak256(preimage).as_slice());
    }
    Fr::from_uniform_bytes(&wide)
});

static S_G2: LazyLock<G2Affine> = LazyLock::new(|| (G2::generator() * *TAU).to_affine());

/// The second G2 point.
pub(super) fn s_g2() -> G2Affine {
    *S_G2
}

/// The powers `tau^0 G ... tau^(2^k - 1) G`.
pub(super) fn powers(k: u32, base: &FixedBase, done: impl Fn(usize) + Sync) -> Vec<G1Affine> {
    base.multiples(
        1 << k,
        |range| {
            let first = TAU.pow_vartime([range.start as u64]);
            std::iter::successors(Some(first), |power| Some(*power * *TAU))
                .take(range.len())
                .collect()
        },
        done,
    )
}

/// The Lagrange basis of the domain of `2^k` points, in the exponent: `L_i(tau) = (tau^n - 1) w^i / (n (tau - w^i))`.
pub(super) fn lagrange(k: u32, base: &FixedBase, done: impl Fn(usize) + Sync) -> Vec<G1Affine> {
    let n = 1u64 << k;
    let omega = root_of_unity(k);
    let factor = (TAU.pow_vartime([n]) - Fr::ONE) * Fr::TWO_INV.pow_vartime([u64::from(k)]);
    base.multiples(
        1 << k,
        |range| {
            let first = omega.pow_vartime([range.start as u64]);
            let roots: Vec<Fr> = std::iter::successors(Some(first), |root| Some(*root * omega))
                .take(range.len())
                .collect();
            // tau is no root of unity, so that no difference is zero.
            let mut inverses: Vec<Fr> = roots.iter().map(|root| *TAU - root).collect();
            inverses.iter_mut().batch_invert();
            roots
                .iter()
                .zip(inverses)
                .map(|(root, inverse)| factor * root * inverse)
                .collect()
        },
        done,
    )
}
