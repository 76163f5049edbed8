//! Hallmark's machine filled with transfers of ether, its key, and proofs of it by both provers.

use backend::{Options, Phases, Prover, Silent};
use circuits::{framework::circuit::MachineCircuit, machine::MainMachine};
use eyre::{Result, ensure, eyre};
use ff::Field;
use halo2_proofs::{
    halo2curves::bn256::{Bn256, Fr, G1Affine},
    plonk::{self, ProvingKey, keygen_pk, keygen_vk, verify_proof},
    poly::{
        commitment::ParamsProver,
        kzg::{
            commitment::{KZGCommitmentScheme, ParamsKZG},
            multiopen::{ProverSHPLONK, VerifierSHPLONK},
            strategy::SingleStrategy,
        },
    },
    transcript::{
        Blake2bRead, Blake2bWrite, Challenge255, TranscriptReadBuffer, TranscriptWriterBuffer,
    },
};
use prover::ProvableCircuit;
use rand::{SeedableRng, rngs::StdRng};
use std::sync::Arc;

type Transcript = Blake2bWrite<Vec<u8>, G1Affine, Challenge255<G1Affine>>;

/// What both provers are given.
pub(crate) struct Machine {
    circuit: MachineCircuit,
    public: [Fr; MachineCircuit::PUBLIC_VALUES],
    parameters: ParamsKZG<Bn256>,
    pub(crate) key: ProvingKey<G1Affine>,
}

impl Machine {
    /// The machine with 2^`k` rows.
    pub(crate) fn new(k: u32) -> Result<Self> {
        let circuit = circuit(k)?;
        let public = circuit
            .instance()
            .ok_or_else(|| eyre!("there is no table"))?;
        let parameters = backend::setup(k, Fr::random(StdRng::seed_from_u64(1)), |_| ());
        let blank = MachineCircuit::new(circuit.machine().clone(), k);
        let key = keygen_pk(&parameters, keygen_vk(&parameters, &blank)?, &blank)?;
        Ok(Self {
            circuit,
            public,
            parameters,
            key,
        })
    }

    /// A proof by the library.
    pub(crate) fn prove_with_library(&self, seed: u64) -> Result<Vec<u8>> {
        let mut transcript = Transcript::init(vec![]);
        plonk::create_proof::<KZGCommitmentScheme<Bn256>, ProverSHPLONK<'_, Bn256>, _, _, _, _>(
            &self.parameters,
            &self.key,
            std::slice::from_ref(&self.circuit),
            &[&[&self.public]],
            StdRng::seed_from_u64(seed),
            &mut transcript,
        )?;
        Ok(transcript.finalize())
    }

    /// The prover of this crate for the key.
    pub(crate) fn prover(&self, portable: bool) -> Result<Prover> {
        Ok(Prover::new(
            &self.parameters,
            &self.key,
            Options {
                portable,
                ..Options::default()
            },
        )?)
    }

    /// A proof by [`Machine::prover`].
    pub(crate) fn prove(&self, prover: &Prover, seed: u64) -> Result<Vec<u8>> {
        let constraints = self.key.get_vk().cs();
        let mut transcript = Transcript::init(vec![]);
        prover.prove(
            &[&self.public],
            |phases: &mut dyn Phases| self.circuit.assign(constraints, &self.public, phases),
            StdRng::seed_from_u64(seed),
            &mut transcript,
            &Silent,
        )?;
        Ok(transcript.finalize())
    }

    /// An error unless the library's verifier accepts the proof.
    pub(crate) fn verify(&self, proof: &[u8]) -> Result<()> {
        let mut transcript = Blake2bRead::<_, G1Affine, Challenge255<_>>::init(proof);
        let parameters = self.parameters.verifier_params();
        let verified =
            verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>, _, _, _>(
                parameters,
                self.key.get_vk(),
                SingleStrategy::new(parameters),
                &[&[&self.public]],
                &mut transcript,
            );
        verified.map_err(|e| eyre!("the library's verifier refuses a proof: {e}"))
    }
}

/// The circuit with the table of a batch of transfers that fills it.
fn circuit(k: u32) -> Result<MachineCircuit> {
    let capacity = hallmark::pipeline::capacity(k);
    let rows = |transfers| -> Result<_> {
        let witness = tests::transfers(transfers)?;
        Ok((hallmark::pipeline::whole_rows(&witness)?, witness))
    };
    // What a batch of one transfer and a further one need decides how many fit.
    let (one, two) = (rows(1)?.0, rows(2)?.0);
    let mut transfers = 1 + capacity.saturating_sub(one) / (two - one);
    loop {
        let (rows, witness) = rows(transfers)?;
        if rows <= capacity {
            let segments = hallmark::plan::plan(&witness, k)?;
            ensure!(segments.len() == 1, "a batch that fits has one segment");
            let table = segments[0].table().map_err(|e| eyre!(e))?;
            let machine = MainMachine::get().machine.clone();
            return Ok(MachineCircuit::with_table(machine, k, Arc::new(table)));
        }
        transfers -= 1;
    }
}
