//! Verifying proofs. Nothing here panics, whatever the bytes.

use halo2_proofs::halo2curves::bn256::{Bn256, Fr};
use halo2_proofs::plonk::{Error, verify_proof};
use halo2_proofs::poly::commitment::ParamsProver;
use halo2_proofs::poly::kzg::commitment::KZGCommitmentScheme;
use halo2_proofs::poly::kzg::multiopen::VerifierSHPLONK;
use halo2_proofs::poly::kzg::strategy::SingleStrategy;
use thiserror::Error;

use crate::circuit::CircuitDigest;
use crate::keys::VerifyingKey;
use crate::proof::ProofFile;
use crate::srs::SrsLabel;
use crate::transcript;

/// Why a proof is not accepted.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// Not the one length that proofs under this key have.
    #[error(
        "the proof has {have} bytes, a proof under this key has exactly {want}; it was cut short or is of another circuit"
    )]
    Length {
        /// What was given.
        have: usize,
        /// What is right.
        want: usize,
    },
    /// Too few or too many public values.
    #[error("{have} public values were given, the circuit has {want}")]
    PublicValues {
        /// What was given.
        have: usize,
        /// What is right.
        want: usize,
    },
    /// The proof is of another size.
    #[error("the proof is of a circuit of 2^{proof} rows, the key of one of 2^{key}")]
    Size {
        /// The proof's k.
        proof: u32,
        /// The key's k.
        key: u32,
    },
    /// The proof is of another circuit, or another version of it.
    #[error(
        "the proof is of the circuit {proof}, the key of {key}; they come from different versions"
    )]
    Circuit {
        /// The proof's circuit.
        proof: CircuitDigest,
        /// The key's circuit.
        key: CircuitDigest,
    },
    /// The proof is over another reference string.
    #[error("the proof was made with the reference string {proof}, the key with {key}")]
    Srs {
        /// The proof's string.
        proof: SrsLabel,
        /// The key's string.
        key: SrsLabel,
    },
    /// A point or a scalar is malformed.
    #[error("the proof is malformed: {0}")]
    Malformed(String),
    /// The proof does not prove this statement.
    #[error("the proof is invalid for these public values")]
    Invalid,
}

impl VerifyingKey {
    /// Accepts `proof` only if it proves `public` under this key.
    pub fn verify(&self, public: &[Fr], proof: &[u8]) -> Result<(), VerifyError> {
        if public.len() != self.public_values() {
            return Err(VerifyError::PublicValues {
                have: public.len(),
                want: self.public_values(),
            });
        }
        // The library would accept trailing bytes.
        if proof.len() != self.proof_bytes() {
            return Err(VerifyError::Length {
                have: proof.len(),
                want: self.proof_bytes(),
            });
        }
        let params = self.params();
        let mut transcript = transcript::reader(proof);
        verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>, _, _, _>(
            params.verifier_params(),
            self.inner(),
            SingleStrategy::new(params),
            &[&[public]],
            &mut transcript,
        )
        .map_err(|error| match error {
            Error::Transcript(error) => VerifyError::Malformed(error.to_string()),
            _ => VerifyError::Invalid,
        })
    }

    /// Accepts a proof file only if it is of this key's circuit and string and its proof is valid.
    ///
    /// That the public values are those of a particular batch is for the caller to check.
    pub fn verify_file(&self, file: &ProofFile) -> Result<(), VerifyError> {
        if file.k != self.k() {
            return Err(VerifyError::Size {
                proof: file.k,
                key: self.k(),
            });
        }
        if file.circuit != self.digest() {
            return Err(VerifyError::Circuit {
                proof: file.circuit,
                key: self.digest(),
            });
        }
        if file.srs != self.srs().label() {
            return Err(VerifyError::Srs {
                proof: file.srs,
                key: self.srs().label(),
            });
        }
        self.verify(&file.public, &file.proof)
    }
}
