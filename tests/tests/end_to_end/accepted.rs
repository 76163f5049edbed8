//! What must hold for the honest batch.

use crate::fixture::{CONTRACT, FRESH, world};
use alloy::providers::{Provider, ProviderBuilder};
use alloy_primitives::U256;
use hallmark::pipeline;
use prover::ProofFile;
use sequencer::{RpcProof, RpcProveStatus};

// POSITIVE

#[test]
fn every_relation_of_the_table_holds() {
    let failures = pipeline::check(&world().segments).unwrap().failures;
    assert!(failures.is_empty(), "{}", failures[0]);
}

#[test]
fn the_payload_holds_every_kind_of_transaction() {
    let blocks = world().witness.decode_payload().unwrap().blocks;
    let types: Vec<Vec<u8>> = blocks
        .iter()
        .map(|b| {
            let types = b.transactions.iter().map(|t| t.transaction.tx_type());
            // The pool orders them by what they pay.
            let mut types: Vec<u8> = types.collect();
            types.sort_unstable();
            types
        })
        .collect();
    assert_eq!(types, [vec![0, 2], vec![1]]);
}

#[test]
fn from_json_rpc_to_finality() {
    let w = world();
    // The public values are those that the statement alone gives.
    let expected = pipeline::public_values(&w.witness);
    assert_eq!(w.files.len(), 1);
    assert_eq!(w.files[0].public, expected);
    w.key.verify_file(&w.files[0]).unwrap();

    let (statement, count) = (&w.witness.statement, w.files.len() as u32);
    for (file, i) in w.files.iter().zip(0..) {
        let bytes = file.encode().unwrap();
        w.node
            .record_proof(1, statement.hash(), i, count, bytes)
            .unwrap();
    }
    let mut l1 = w.committed();
    assert_eq!(l1.state_root().unwrap(), statement.previous_state_root);

    // Anybody takes the proof from the node and submits it.
    let provider = ProviderBuilder::new().connect_http(w.rpc.url().parse().unwrap());
    let published: RpcProof = w
        .runtime
        .block_on(provider.raw_request("hallmark_getProof".into(), [1]))
        .unwrap();
    let proofs: Vec<_> = published
        .proofs
        .iter()
        .map(|p| pipeline::for_l1(&ProofFile::decode(&p.proof).unwrap()).unwrap())
        .collect();
    assert_eq!(proofs, w.proofs());
    let verdict = l1.prove(1, &proofs).unwrap();
    assert!(verdict.accepted, "{}", verdict.reason);
    assert_eq!(l1.state_root().unwrap(), statement.state_root);
    println!("gas of proving: {}", verdict.gas_used);
    assert!(verdict.gas_used <= 1_600_000, "{}", verdict.gas_used);

    w.node.set_finalized(1).unwrap();
    let (status, balance, contract) = w.runtime.block_on(async {
        let status: RpcProveStatus = provider
            .raw_request("hallmark_proveStatus".into(), ())
            .await
            .unwrap();
        let balance = provider.get_balance(FRESH).await.unwrap();
        (
            status,
            balance,
            provider.get_balance(CONTRACT).await.unwrap(),
        )
    });
    assert_eq!(status.finalized.to::<u64>(), 1);
    assert_eq!(balance, U256::from(12));
    // The contract's code ran, in the proof too.
    assert_eq!(contract, U256::from(1));
    assert_eq!(w.witness.codes.len(), 1);
}
