//! The prover: from a proving key and a witness to a proof.

mod channel;
mod core;
mod given;
mod opened;
mod phases;
#[cfg(test)]
mod tests;

use self::core::{Core, Key, Prepared};
use crate::{
    engine::{Engine, WithEngine, with_engine},
    error::Error,
    progress::{Observer, Silent},
    witness::{Synthesis, Witness},
};
use channel::{Channel, Written};
use halo2_proofs::{
    halo2curves::bn256::{Bn256, Fr, G1Affine},
    plonk::{Circuit, ProvingKey},
    poly::kzg::commitment::ParamsKZG,
    transcript::{EncodedChallenge, TranscriptWrite},
};
use rand::RngCore;
use std::{fmt, marker::PhantomData, ops::Deref};

/// How a [`Prover`] works.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Whether to leave aside the processor's special instructions.
    pub portable: bool,
    /// Bytes for precomputed multiples of the points that polynomials are committed to with, of both bases together: at most so many are used
    /// beyond the 256 for each row that a prover always has, and only where it makes commitments faster: at most seven times 256 for each row.
    /// Proofs are the same. See [`Bases::with_precomputation`](crate::msm::Bases::with_precomputation).
    pub precomputed_bytes: usize,
}

/// A prover for one key: what does not depend on a witness is computed once.
///
/// The key may be borrowed (`&'a ProvingKey`) or shared (`Arc<ProvingKey>`).
pub struct Prover<'a> {
    /// The key's hash, which a proof begins with.
    digest: Fr,
    prepared: Box<dyn Prepared + 'a>,
}

impl fmt::Debug for Prover<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prover")
            .field("engine", &self.prepared.engine())
            .finish_non_exhaustive()
    }
}

impl<'a> Prover<'a> {
    /// Prepares proofs with a key and the parameters that it was made with.
    ///
    /// # Errors
    ///
    /// [`Error::Size`], [`Error::Degree`], and [`Error::Unsupported`] for fewer than 8 or more than 2^20 rows.
    pub fn new(
        parameters: &ParamsKZG<Bn256>,
        key: impl Deref<Target = ProvingKey<G1Affine>> + Send + Sync + 'a,
        options: Options,
    ) -> Result<Self, Error> {
        struct Prepare<'a, 'b, K> {
            parameters: &'b ParamsKZG<Bn256>,
            key: K,
            precomputed_bytes: usize,
            lives: PhantomData<&'a ()>,
        }
        impl<'a, K: Key + 'a> WithEngine for Prepare<'a, '_, K> {
            type Output = Result<Box<dyn Prepared + 'a>, Error>;
            fn with<E: Engine>(self, engine: E) -> Self::Output {
                Ok(Box::new(Core::new(
                    engine,
                    self.parameters,
                    self.key,
                    self.precomputed_bytes,
                )?))
            }
        }
        let digest = key.get_vk().transcript_repr();
        let prepare = Prepare {
            parameters,
            key,
            precomputed_bytes: options.precomputed_bytes,
            lives: PhantomData,
        };
        let prepared = with_engine(options.portable, prepare)?;
        Ok(Self { digest, prepared })
    }

    /// The instructions that are used, in words.
    #[must_use]
    pub fn engine(&self) -> &'static str {
        self.prepared.engine()
    }

    /// Writes a proof to the transcript. The key is absorbed first, then the instance columns, of which each is filled up with zeros.
    ///
    /// A witness that does not satisfy the circuit gives a proof that does not verify.
    ///
    /// # Errors
    ///
    /// Instance or advice columns that do not fit, a look-up of a value that its table does not have, a transcript that cannot be written, and
    /// whatever the witness returns.
    pub fn prove<Ch, T>(
        &self,
        instances: &[&[Fr]],
        witness: impl Witness,
        mut rng: impl RngCore,
        transcript: &mut T,
        observer: &dyn Observer,
    ) -> Result<(), Error>
    where
        Ch: EncodedChallenge<G1Affine>,
        T: TranscriptWrite<G1Affine, Ch>,
    {
        let mut witness = Some(witness);
        let mut channel = Written::new(transcript);
        channel.absorb(self.digest)?;
        self.prepared.prove(
            instances,
            &mut |phases| match witness.take() {
                Some(witness) => witness.assign(phases),
                None => Ok(()),
            },
            &mut rng,
            &mut channel,
            observer,
        )
    }
}

/// Creates a proof as halo2-axiom's function of the same name does, with KZG and SHPLONK on BN254, for one circuit.
///
/// It prepares a [`Prover`] each time: make one yourself for more than one proof.
///
/// # Errors
///
/// Those of [`Prover::new`] and [`Prover::prove`], and [`Error::Unsupported`] for any number of circuits but one.
pub fn create_proof<Ch, T, C>(
    parameters: &ParamsKZG<Bn256>,
    key: &ProvingKey<G1Affine>,
    circuits: &[C],
    instances: &[&[&[Fr]]],
    rng: impl RngCore,
    transcript: &mut T,
) -> Result<(), Error>
where
    Ch: EncodedChallenge<G1Affine>,
    T: TranscriptWrite<G1Affine, Ch>,
    C: Circuit<Fr>,
{
    let ([circuit], [instances]) = (circuits, instances) else {
        return Err(Error::Unsupported(
            "a proof of several circuits or of none: make one proof for each",
        ));
    };
    let witness = Synthesis::new(circuit, instances, key.get_vk().cs());
    let prover = Prover::new(parameters, key, Options::default())?;
    prover.prove(instances, witness, rng, transcript, &Silent)
}
