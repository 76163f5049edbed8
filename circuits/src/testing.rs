//! What chip tests share: a start kind, and one real proof.

use crate::{
    Fr,
    framework::{
        Cell, KindId, Machine, MachineBuilder, State, checker, circuit::MachineCircuit,
        table::Table,
    },
};
use halo2_proofs::{
    halo2curves::bn256::{Bn256, G1Affine},
    plonk::{create_proof, keygen_pk, keygen_vk, verify_proof},
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
use rand::{SeedableRng, rngs::StdRng};
use std::sync::Arc;

/// Declares a start row that binds two free cells to the public values and opens nothing else.
pub(crate) fn start_kind(b: &mut MachineBuilder) -> (KindId, Cell, Cell) {
    let mut k = b.kind("test.start", 1);
    let (high, low) = (k.cell("high", 0), k.cell("low", 0));
    let id = k.enter(&[State::START]).finish();
    b.bind_instance(id, high, low);
    (id, high, low)
}

/// Panics with the failures, readable, unless the table holds.
pub(crate) fn assert_holds(machine: &Machine, table: &Table) -> checker::Report {
    checker::check(machine, table, 10).unwrap_or_else(|failures| {
        let all: Vec<String> = failures.iter().map(ToString::to_string).collect();
        panic!("the table does not hold:\n{}", all.join("\n"))
    })
}

/// Panics unless the checker rejects the table; gives the first failure.
pub(crate) fn assert_fails(machine: &Machine, table: &Table) -> checker::Failure {
    match checker::check(machine, table, 1) {
        Ok(_) => panic!("the checker accepted a bad table"),
        Err(failures) => failures[0].clone(),
    }
}

/// Proves the table for real and verifies the proof; false if the verifier refuses it.
pub(crate) fn prove_and_verify(machine: &Arc<Machine>, table: &Table, k: u32) -> bool {
    let params = ParamsKZG::<Bn256>::setup(k, StdRng::seed_from_u64(7));
    let empty = MachineCircuit::new(machine.clone(), k);
    let vk = keygen_vk(&params, &empty).expect("verifying key");
    let pk = keygen_pk(&params, vk, &empty).expect("proving key");
    let circuit = MachineCircuit::with_table(machine.clone(), k, Arc::new(table.clone()));
    let instance: &[Fr] = &table.instance;
    let mut transcript = Blake2bWrite::<_, G1Affine, Challenge255<_>>::init(vec![]);
    create_proof::<KZGCommitmentScheme<Bn256>, ProverSHPLONK<'_, Bn256>, _, _, _, _>(
        &params,
        &pk,
        &[circuit],
        &[&[instance]],
        StdRng::seed_from_u64(8),
        &mut transcript,
    )
    .expect("a proof");
    let proof = transcript.finalize();
    let mut transcript = Blake2bRead::<_, G1Affine, Challenge255<_>>::init(&proof[..]);
    verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>, _, _, _>(
        params.verifier_params(),
        pk.get_vk(),
        SingleStrategy::new(&params),
        &[&[instance]],
        &mut transcript,
    )
    .is_ok()
}
