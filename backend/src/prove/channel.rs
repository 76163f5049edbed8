//! A transcript as the prover sees it, whatever its hash and its challenges are.

use halo2_proofs::{
    halo2curves::bn256::{Fr, G1Affine},
    transcript::{EncodedChallenge, TranscriptWrite},
};
use std::{io, marker::PhantomData};

/// Takes what the prover says, and asks.
pub(super) trait Channel {
    /// A public value: it is absorbed and not written.
    fn absorb(&mut self, value: Fr) -> io::Result<()>;
    /// A commitment.
    fn point(&mut self, point: G1Affine) -> io::Result<()>;
    /// An evaluation.
    fn scalar(&mut self, value: Fr) -> io::Result<()>;
    /// The next challenge.
    fn challenge(&mut self) -> Fr;
}

/// The channel over a transcript of the library.
pub(super) struct Written<'a, Ch, T> {
    transcript: &'a mut T,
    challenge: PhantomData<Ch>,
}

impl<'a, Ch, T> Written<'a, Ch, T> {
    pub(super) fn new(transcript: &'a mut T) -> Self {
        Self {
            transcript,
            challenge: PhantomData,
        }
    }
}

impl<Ch: EncodedChallenge<G1Affine>, T: TranscriptWrite<G1Affine, Ch>> Channel
    for Written<'_, Ch, T>
{
    fn absorb(&mut self, value: Fr) -> io::Result<()> {
        self.transcript.common_scalar(value)
    }
    fn point(&mut self, point: G1Affine) -> io::Result<()> {
        self.transcript.write_point(point)
    }
    fn scalar(&mut self, value: Fr) -> io::Result<()> {
        self.transcript.write_scalar(value)
    }
    fn challenge(&mut self) -> Fr {
        *self.transcript.squeeze_challenge_scalar::<()>()
    }
}
