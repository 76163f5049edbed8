//! What the machine's own key and proof cost on L1, as committed figures.
//!
//! `UPDATE_GOLDEN=1 cargo test --release -p tests --test end_to_end gas` writes them anew.

use crate::fixture::{keys, world};
use alloy::sol_types::SolCall;
use alloy_primitives::{Address, Bytes, TxKind, U256, keccak256};
use hallmark::{
    l1::{self, OPERATOR, SegmentProof},
    pipeline,
};
use prover::{SrsLabel, segments::Prover};
use std::fmt::Write as _;
use tests::{CHAIN_ID, assert_golden, genesis};
use verifier_contract::{
    Verifier,
    local::{LocalL1, Receipt},
};

/// Gas by which a zero byte of calldata is cheaper than another.
const ZERO_BYTE: u64 = 12;
/// Bytes of the payload that is committed.
const PAYLOAD: u8 = 64;

/// Gas as if no byte of these parts of the calldata were zero: how many are differs from proof to proof.
fn without_zeros<'a>(receipt: &Receipt, parts: impl IntoIterator<Item = &'a [u8]>) -> u64 {
    let zeros = parts.into_iter().flatten().filter(|b| **b == 0).count();
    receipt.gas_used + ZERO_BYTE * zeros as u64
}

#[derive(Clone)]
struct Chain {
    l1: LocalL1,
    rollup: Address,
}

impl Chain {
    fn send(&mut self, call: impl SolCall) -> Receipt {
        let data = call.abi_encode().into();
        self.l1
            .send(OPERATOR, TxKind::Call(self.rollup), data)
            .unwrap()
    }
}

#[test]
fn gas_of_the_machines_key() {
    let w = world();
    let statement = &w.witness.statement;
    let mut figures: Vec<(&str, u64)> = vec![];

    // Deployments: the verifier, the key's head and programs, the rollup.
    let header = genesis().unwrap().header();
    let root = statement.previous_state_root;
    let plan = l1::plan(&[&w.key], CHAIN_ID, &header, root).unwrap();
    let mut chain = LocalL1::new(1, statement.last_timestamp);
    let deployed: Vec<_> = plan
        .parts()
        .into_iter()
        .map(|code| chain.deploy(OPERATOR, code).unwrap())
        .collect();
    let parts: Vec<Address> = deployed.iter().map(|r| r.created.unwrap()).collect();
    let rollup = chain
        .deploy(OPERATOR, plan.rollup(&parts).unwrap())
        .unwrap();
    figures.extend([
        ("deploy_verifier", deployed[0].gas_used),
        ("deploy_key_head", deployed[1].gas_used),
        (
            "deploy_key_programs",
            deployed[2..].iter().map(|r| r.gas_used).sum(),
        ),
        ("deploy_rollup", rollup.gas_used),
    ]);
    let mut chain = Chain {
        l1: chain,
        rollup: rollup.created.unwrap(),
    };

    // The contract does not look into a payload, so one of random bytes costs what a batch's of this size does.
    let payload: Bytes = (0..PAYLOAD).flat_map(|i| keccak256([i]).0).collect();
    let committed = chain.clone().send(l1::commit_call(statement, payload));
    assert!(committed.success);
    let time = statement.last_timestamp.to_be_bytes();
    let variable = [
        &time[4..],
        statement.previous_state_root.as_slice(),
        statement.state_root.as_slice(),
        statement.previous_block_hash.as_slice(),
        statement.block_hash.as_slice(),
    ];
    figures.push(("commit_2048_bytes", without_zeros(&committed, variable)));

    // The proof, and a copy with a bit of its last evaluation turned.
    let commit = l1::commit_call(statement, w.witness.payload.clone());
    assert!(chain.send(commit).success);
    let proofs = w.proofs();
    let variable = |proofs: &[SegmentProof], receipt: &Receipt| {
        let parts = proofs.iter().flat_map(|p| [&p.proof[..], p.end.as_slice()]);
        without_zeros(receipt, parts)
    };
    let mut tampered = proofs.clone();
    let mut bytes = tampered[0].proof.to_vec();
    let last_evaluation = bytes.len() - 129;
    bytes[last_evaluation] ^= 1;
    tampered[0].proof = bytes.into();
    let refused = chain.send(l1::prove_call(1, &tampered).unwrap());
    assert!(!refused.success);
    let refused = variable(&tampered, &refused);
    let public: Vec<[u8; 32]> = w.files[0].public.iter().map(|p| p.to_bytes()).collect();
    let alone = Verifier::verifyCall {
        key: parts[1..].to_vec(),
        instances: public.iter().copied().map(U256::from_le_bytes).collect(),
        proof: proofs[0].proof.clone(),
    };
    let alone = chain
        .l1
        .call(OPERATOR, parts[0], alone.abi_encode().into())
        .unwrap();
    assert!(alone.success);
    // Public values are below 2^128.
    let variable_alone = public.iter().map(|p| &p[..16]);
    let alone = without_zeros(&alone, variable_alone.chain([&proofs[0].proof[..]]));
    let proven = chain.send(l1::prove_call(1, &proofs).unwrap());
    assert!(proven.success);
    let accepted = variable(&proofs, &proven);
    assert!(refused <= accepted, "{refused} > {accepted}");
    figures.extend([
        ("prove_1_segment", accepted),
        ("prove_1_segment_rejected", refused),
        ("verify_alone", alone),
    ]);

    // What a user is told before a proof is near the truth.
    let prover = Prover::new(&keys(), SrsLabel::development());
    let told = pipeline::budget(&prover, w.files[0].k).l1_gas.unwrap();
    assert!(
        told.abs_diff(accepted) < accepted / 20,
        "told {told}, used {accepted}"
    );
    assert!(accepted <= 1_200_000, "{accepted}");

    let mut text = String::new();
    for (name, value) in figures {
        let _ = writeln!(text, "{name} {value}");
    }
    assert_golden("machine-gas.txt", &text);
}
