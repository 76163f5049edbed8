//! The Keccak transcript that the contract reads too, and a wrapper that tells the stage of a proof from what is written.

use std::fmt;
use std::io;

use halo2_proofs::halo2curves::bn256::{Fr, G1Affine};
use halo2_proofs::plonk::{ConstraintSystem, VerifyingKey};
use halo2_proofs::transcript::{
    Transcript, TranscriptReadBuffer, TranscriptWrite, TranscriptWriterBuffer,
};
use snark_verifier::loader::native::NativeLoader;
use snark_verifier::system::halo2::transcript::evm::{ChallengeEvm, EvmTranscript};

use crate::progress::{Stage, Tracker};

type Evm<S> = EvmTranscript<G1Affine, NativeLoader, S, Vec<u8>>;

/// The transcript that a verifier reads a proof from.
pub(crate) fn reader(proof: &[u8]) -> Evm<&[u8]> {
    TranscriptReadBuffer::<_, G1Affine, ChallengeEvm<G1Affine>>::init(proof)
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

/// A writing transcript that moves a tracker through the stages of a proof.
pub(crate) struct Observed<'t, 'p> {
    inner: Evm<Vec<u8>>,
    tracker: &'t Tracker<'p>,
    shape: ProofShape,
    points: usize,
    scalars: usize,
}

impl fmt::Debug for Observed<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observed")
            .field("points", &self.points)
            .field("scalars", &self.scalars)
            .finish_non_exhaustive()
    }
}

impl<'t, 'p> Observed<'t, 'p> {
    pub(crate) fn new(shape: ProofShape, tracker: &'t Tracker<'p>) -> Self {
        let inner = TranscriptWriterBuffer::<_, G1Affine, ChallengeEvm<G1Affine>>::init(Vec::new());
        Self {
            inner,
            tracker,
            shape,
            points: 0,
            scalars: 0,
        }
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        TranscriptWriterBuffer::<_, G1Affine, ChallengeEvm<G1Affine>>::finalize(self.inner)
    }
}

impl Transcript<G1Affine, ChallengeEvm<G1Affine>> for Observed<'_, '_> {
    fn squeeze_challenge(&mut self) -> ChallengeEvm<G1Affine> {
        Transcript::squeeze_challenge(&mut self.inner)
    }

    fn common_point(&mut self, point: G1Affine) -> io::Result<()> {
        Transcript::common_point(&mut self.inner, point)
    }

    fn common_scalar(&mut self, scalar: Fr) -> io::Result<()> {
        Transcript::common_scalar(&mut self.inner, scalar)
    }
}

impl TranscriptWrite<G1Affine, ChallengeEvm<G1Affine>> for Observed<'_, '_> {
    fn write_point(&mut self, point: G1Affine) -> io::Result<()> {
        TranscriptWrite::write_point(&mut self.inner, point)?;
        self.points += 1;
        let advice = self.shape.first_phase + self.shape.second_phase;
        // The last point of a stage ends it. Without a second phase the second comparison is the one that holds last.
        if self.points == self.shape.first_phase {
            self.tracker.enter(Stage::SecondPhase);
        }
        if self.points == advice {
            self.tracker.enter(Stage::Quotient);
        }
        if self.points == self.shape.commitments() {
            self.tracker.enter(Stage::Evaluations);
        }
        Ok(())
    }

    fn write_scalar(&mut self, scalar: Fr) -> io::Result<()> {
        TranscriptWrite::write_scalar(&mut self.inner, scalar)?;
        self.scalars += 1;
        if self.scalars == self.shape.evaluations {
            self.tracker.enter(Stage::Openings);
        }
        Ok(())
    }
}
