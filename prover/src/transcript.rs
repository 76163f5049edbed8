//! The Keccak transcript that the contract reads too, and what a proof in it holds.

use halo2_proofs::halo2curves::bn256::{Fr, G1Affine};
use halo2_proofs::plonk::{ConstraintSystem, VerifyingKey};
use halo2_proofs::transcript::{TranscriptReadBuffer, TranscriptWriterBuffer};
use snark_verifier::loader::native::NativeLoader;
use snark_verifier::system::halo2::transcript::evm::{ChallengeEvm, EvmTranscript};

type Evm<S> = EvmTranscript<G1Affine, NativeLoader, S, Vec<u8>>;

/// The transcript that a verifier reads a proof from.
pub(crate) fn reader(proof: &[u8]) -> Evm<&[u8]> {
    TranscriptReadBuffer::<_, G1Affine, ChallengeEvm<G1Affine>>::init(proof)
}

/// The transcript that a prover writes a proof to.
pub(crate) fn writer() -> Evm<Vec<u8>> {
    TranscriptWriterBuffer::<_, G1Affine, ChallengeEvm<G1Affine>>::init(Vec::new())
}

/// The proof that was written.
pub(crate) fn finish(transcript: Evm<Vec<u8>>) -> Vec<u8> {
    TranscriptWriterBuffer::<_, G1Affine, ChallengeEvm<G1Affine>>::finalize(transcript)
}

/// How many points and scalars a proof holds, in the order in which they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProofShape {
    /// Commitments to first-phase advice columns.
    pub first_phase: usize,
    /// Commitments to second-phase advice columns.
    pub second_phase: usize,
    /// Commitments to the pieces of the quotient.
    pub quotient_pieces: usize,
    /// Evaluations: advice, fixed and the random polynomial's.
    pub evaluations: usize,
}

impl ProofShape {
    /// The shape of the proofs under a key whose circuit has neither copy constraints nor halo2 look-ups.
    pub(crate) fn of(key: &VerifyingKey<G1Affine>) -> Self {
        Self {
            quotient_pieces: key.get_domain().get_quotient_poly_degree(),
            ..Self::of_constraint_system(key.cs())
        }
    }

    /// The same before there is a key.
    pub(crate) fn of_constraint_system(cs: &ConstraintSystem<Fr>) -> Self {
        let phases = cs.advice_column_phase();
        let second_phase = phases.iter().filter(|phase| **phase > 0).count();
        Self {
            first_phase: phases.len() - second_phase,
            second_phase,
            quotient_pieces: cs.degree().saturating_sub(1),
            evaluations: cs.advice_queries().len() + cs.fixed_queries().len() + 1,
        }
    }

    /// Points written before the evaluations.
    fn commitments(&self) -> usize {
        self.first_phase + self.second_phase + 1 + self.quotient_pieces
    }

    /// Bytes of a proof: 64 for a point, 32 for a scalar; the random polynomial and two openings among the points.
    pub fn proof_bytes(&self) -> usize {
        64 * (self.commitments() + 2) + 32 * self.evaluations
    }
}
