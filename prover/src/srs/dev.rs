//! The development string. Its secret is computed from a public sentence, so anyone can forge proofs over it: it exists
//! for local networks and tests only, and everything made with it carries a label that says so.
//!
//! `tau` is the 64-byte little-endian number `keccak256(SEED || 0x00) || keccak256(SEED || 0x01)` modulo the order of
//! the scalar field.

use std::sync::LazyLock;

use alloy_primitives::keccak256;
use ff::FromUniformBytes;
use group::Curve;
use halo2_proofs::halo2curves::bn256::{Fr, G2, G2Affine};

/// The public sentence that the development secret comes from.
pub const SEED: &str = "Hallmark development reference string, version 1. Its secret is public. Never use it for value.";

/// The secret that everybody knows.
pub(super) static TAU: LazyLock<Fr> = LazyLock::new(|| {
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
