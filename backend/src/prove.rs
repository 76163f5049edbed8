//! The prover: from a proving key and a witness to a proof.

mod channel;
mod core;
mod cosets;
mod file;
mod given;
mod opened;
mod phases;
#[cfg(test)]
mod tests;

use self::core::{Core, Prepared};
use crate::{
    engine::{Engine, WithEngine, with_engine},
    error::Error,
    progress::{Observer, Silent},
    witness::{Synthesis, Witness},
};
use channel::{Channel, Written};
use given::Given;
use halo2_proofs::{
    halo2curves::bn256::{Bn256, Fr, G1Affine},
    plonk::{Circuit, ProvingKey, VerifyingKey},
    poly::{commitment::Params, kzg::commitment::ParamsKZG},
    transcript::{EncodedChallenge, TranscriptWrite},
};
use rand::RngCore;
use std::{
    fmt,
    fs::File,
    io::{self, Write},
};

/// How a [`Prover`] works.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Whether to leave aside the processor's special instructions.
    pub portable: bool,
    /// Bytes for precomputed multiples of the points that polynomials are committed to with, of both bases together: at most so many are used
    /// beyond the 256 for each row that a prover always has, and only where it makes commitments faster: at most seven times 256 for each row.
    /// Proofs are the same. A key that is opened from a file has those that it was written with. See [`Bases::with_precomputation`](crate::msm::Bases::with_precomputation).
    pub precomputed_bytes: usize,
}

/// A prover for one key: what does not depend on a witness is computed once, or comes from a file.
pub struct Prover {
    /// The key's hash, which a proof begins with.
    digest: Fr,
    prepared: Box<dyn Prepared>,
}

impl fmt::Debug for Prover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prover")
            .field("engine", &self.prepared.engine())
            .finish_non_exhaustive()
    }
}

/// Where a prover has from what belongs to its key.
enum Origin<'a> {
    Key {
        parameters: &'a ParamsKZG<Bn256>,
        key: &'a ProvingKey<G1Affine>,
        precomputed_bytes: usize,
    },
    File(&'a File),
}

/// Makes a prover.
struct Prepare<'a> {
    key: VerifyingKey<G1Affine>,
    origin: Origin<'a>,
}

impl WithEngine for Prepare<'_> {
    type Output = Result<Box<dyn Prepared>, Error>;
    fn with<E: Engine>(self, engine: E) -> Self::Output {
        let Self { key, origin } = self;
        let core = Core::new(engine, key, |verifying| match origin {
            Origin::Key {
                parameters,
                key,
                precomputed_bytes,
            } => Given::new(engine, parameters, key, precomputed_bytes),
            Origin::File(file) => file::open(engine, verifying, file),
        })?;
        Ok(Box::new(core))
    }
}

impl Prover {
    /// Prepares proofs with a key and the parameters that it was made with. Neither is needed afterwards.
    ///
    /// # Errors
    ///
    /// [`Error::Size`], [`Error::Degree`], and [`Error::Unsupported`] for fewer than 8 or more than 2^20 rows.
    pub fn new(
        parameters: &ParamsKZG<Bn256>,
        key: &ProvingKey<G1Affine>,
        options: Options,
    ) -> Result<Self, Error> {
        let k = key.get_vk().get_domain().k();
        if k != parameters.k() {
            return Err(Error::Size {
                key: k,
                parameters: parameters.k(),
            });
        }
        let origin = Origin::Key {
            parameters,
            key,
            precomputed_bytes: options.precomputed_bytes,
        };
        Self::prepare(key.get_vk().clone(), origin, options)
    }

    /// Takes from a file what [`Prover::write`] wrote: neither proving key nor parameters are needed.
    ///
    /// The file is mapped into memory. It must not be changed as long as the prover lives; to remove it, or to put another one in its place, does
    /// no harm.
    ///
    /// # Errors
    ///
    /// [`Error::KeyFile`] if it is not whole, or if it was written for another key or with another engine, and those of [`Prover::new`].
    pub fn open(key: VerifyingKey<G1Affine>, file: &File, options: Options) -> Result<Self, Error> {
        Self::prepare(key, Origin::File(file), options)
    }

    fn prepare(
        key: VerifyingKey<G1Affine>,
        origin: Origin<'_>,
        options: Options,
    ) -> Result<Self, Error> {
        let digest = key.transcript_repr();
        let prepared = with_engine(options.portable, Prepare { key, origin })?;
        Ok(Self { digest, prepared })
    }

    /// Writes what was prepared, for [`Prover::open`]: 32 bytes for each row of each fixed and each copied column, and 256 for each row.
    ///
    /// The file is good for the same engine and the same order of bytes only.
    ///
    /// # Errors
    ///
    /// Those of `to`.
    pub fn write(&self, mut to: impl Write) -> io::Result<()> {
        self.prepared.write(&mut to)
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
