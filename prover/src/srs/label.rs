//! Which reference string: a name that keys, proofs and contracts carry, and that says whether it may be trusted.

use std::fmt;

use alloy_primitives::keccak256;
use halo2_proofs::halo2curves::bn256::G2Affine;
use halo2_proofs::halo2curves::serde::SerdeObject;

use super::dev;

const INSECURE_PREFIX: &[u8] = b"INSECURE-DEV-SRS";
const CEREMONY_PREFIX: &[u8] = b"CEREMONY-SRS----";

/// The identity of a structured reference string: 16 readable ASCII bytes, then 16 bytes of the keccak hash of its
/// second G2 point. Two files of one ceremony, of whatever size, have the same label.
///
/// The development string always reads `INSECURE-DEV-SRS`, however it was obtained.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SrsLabel([u8; 32]);

impl SrsLabel {
    /// The label of the string whose second G2 point (`tau` times the generator) is `s_g2`.
    pub fn of(s_g2: &G2Affine) -> Self {
        let prefix = if *s_g2 == dev::s_g2() {
            INSECURE_PREFIX
        } else {
            CEREMONY_PREFIX
        };
        let digest = keccak256(s_g2.to_raw_bytes());
        let mut label = [0; 32];
        for (to, from) in label.iter_mut().zip(prefix.iter().chain(digest.iter())) {
            *to = *from;
        }
        Self(label)
    }

    /// The development string's label.
    pub fn development() -> Self {
        Self::of(&dev::s_g2())
    }

    /// A label read from a file or a contract. Says nothing about whether such a string exists.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The label as a contract keeps it (`bytes32`).
    pub fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// Whether the string's secret is public, so that anyone can forge proofs over it.
    pub fn is_insecure(self) -> bool {
        !self.0.starts_with(CEREMONY_PREFIX)
    }

    /// The eight hexadecimal digits that file names use.
    pub(crate) fn short(self) -> String {
        self.0
            .iter()
            .skip(16)
            .take(4)
            .map(|b| format!("{b:02x}"))
            .collect()
    }
}

impl fmt::Display for SrsLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_insecure() {
            write!(f, "development-INSECURE-{}", self.short())
        } else {
            write!(f, "ceremony-{}", self.short())
        }
    }
}

impl fmt::Debug for SrsLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // POSITIVE

    #[test]
    fn the_development_label_says_that_it_is_insecure() {
        let label = SrsLabel::development();
        assert!(label.is_insecure());
        assert!(label.to_string().contains("INSECURE"));
        assert!(label.to_bytes().starts_with(b"INSECURE-DEV-SRS"));
    }

    #[test]
    fn another_secret_has_another_label() {
        let label = SrsLabel::of(&G2Affine::generator());
        assert!(!label.is_insecure());
        assert_ne!(label, SrsLabel::development());
    }

    // NEGATIVE

    #[test]
    fn an_unknown_label_counts_as_insecure() {
        assert!(SrsLabel::from_bytes([0; 32]).is_insecure());
    }
}
