//! Statement binding: whatever is changed about the batch, the proof or their order is refused.

use crate::fixture::{World, keys, world};
use alloy_primitives::{B256, Bytes, U256};
use circuits::{
    Fr,
    framework::{checker, circuit::MachineCircuit},
    machine::MainMachine,
    witness::halves,
};
use hallmark::{
    l1::{EmbeddedL1, SegmentProof},
    pipeline,
};
use protocol::{BatchStatement, BlockHeader, statement};
use prover::{ProofFile, ProveError, Prover, SrsLabel, VerifyError, progress::Silent};
use std::sync::Arc;
use tests::{CHAIN_ID, genesis};

/// Whether an L1 commits to the statement and then takes the honest proof.
fn taken(mut l1: EmbeddedL1, statement: &BatchStatement, payload: Bytes) -> bool {
    let before = l1.state_root().unwrap();
    let taken =
        l1.commit(statement, payload).is_ok() && l1.prove(1, &world().proofs()).unwrap().accepted;
    assert!(taken || l1.state_root().unwrap() == before);
    taken
}

fn deploy(chain_id: u64, header: &BlockHeader, root: B256) -> EmbeddedL1 {
    let w = world();
    let mut l1 = EmbeddedL1::deploy(&[&w.key], chain_id, header, root, 0).unwrap();
    l1.set_time(w.witness.statement.last_timestamp);
    l1
}

fn flipped(bytes: &[u8], at: usize, bit: u8) -> Bytes {
    let mut bytes = bytes.to_vec();
    bytes[at] ^= 1 << bit;
    bytes.into()
}

/// Every `step`-th byte's place.
fn places(w: &World, step: usize) -> impl Iterator<Item = usize> + use<> {
    (0..w.files[0].proof.len()).step_by(step)
}

// NEGATIVE

#[test]
fn each_field_of_the_statement() {
    let w = world();
    let payload = &w.witness.payload;
    let l1 = w.l1();
    assert!(taken(l1.clone(), &w.witness.statement, payload.clone()));
    type Change = fn(&mut BatchStatement);
    let changes: [(&str, Change); 8] = [
        ("batch number", |s| s.batch_number += 1),
        ("first block", |s| s.first_block += 1),
        ("last block", |s| s.last_block += 1),
        ("last timestamp", |s| s.last_timestamp += 1),
        ("state root before", |s| s.previous_state_root.0[31] ^= 1),
        ("state root", |s| s.state_root.0[31] ^= 1),
        ("block hash before", |s| s.previous_block_hash.0[31] ^= 1),
        ("block hash", |s| s.block_hash.0[31] ^= 1),
    ];
    for (name, change) in changes {
        let mut statement = w.witness.statement;
        change(&mut statement);
        assert!(!taken(l1.clone(), &statement, payload.clone()), "{name}");
    }
}

#[test]
fn each_part_of_the_payload() {
    let w = world();
    let (l1, statement, payload) = (w.l1(), &w.witness.statement, &w.witness.payload);
    for at in (0..payload.len()).step_by(23) {
        assert!(
            !taken(l1.clone(), statement, flipped(payload, at, 0)),
            "{at}"
        );
    }
    let shorter = Bytes::copy_from_slice(&payload[..payload.len() - 1]);
    let longer = Bytes::from([payload.as_ref(), &[0]].concat());
    for changed in [shorter, longer] {
        assert!(!taken(l1.clone(), statement, changed));
    }
}

#[test]
fn what_the_contract_was_deployed_with() {
    let w = world();
    let (header, statement) = (genesis().unwrap().header(), &w.witness.statement);
    let root = statement.previous_state_root;
    let payload = &w.witness.payload;
    assert!(taken(
        deploy(CHAIN_ID, &header, root),
        statement,
        payload.clone()
    ));
    // Another chain.
    assert!(!taken(
        deploy(CHAIN_ID + 1, &header, root),
        statement,
        payload.clone()
    ));
    // Another genesis state: also when the batch is said to follow on it.
    let other = B256::with_last_byte(5);
    let mut follows = *statement;
    follows.previous_state_root = other;
    for s in [statement, &follows] {
        assert!(!taken(deploy(CHAIN_ID, &header, other), s, payload.clone()));
    }
    // Another block before the first: a hash, then a timestamp, that the statement does not name.
    let mut late = header;
    late.timestamp += 1;
    let mut follows = *statement;
    follows.previous_block_hash = late.hash();
    for s in [statement, &follows] {
        assert!(!taken(deploy(CHAIN_ID, &late, root), s, payload.clone()));
    }
}

#[test]
fn order_and_replay() {
    let w = world();
    let mut l1 = w.l1();
    let verdict = l1.prove(1, &w.proofs()).unwrap();
    assert!(!verdict.accepted, "a batch that is not committed");
    let mut l1 = w.committed();
    for (first, proofs) in [(0, w.proofs()), (2, w.proofs()), (1, vec![])] {
        assert!(!l1.prove(first, &proofs).unwrap().accepted, "{first}");
    }
    let twice = [w.proofs(), w.proofs()].concat();
    assert!(!l1.prove(1, &twice).unwrap().accepted, "two segments");
    assert!(l1.prove(1, &w.proofs()).unwrap().accepted);
    assert!(!l1.prove(1, &w.proofs()).unwrap().accepted, "again");
    assert!(!l1.prove(2, &w.proofs()).unwrap().accepted, "for the next");
}

#[test]
fn a_proof_of_a_batch_that_was_reverted_and_committed_again() {
    let w = world();
    let mut l1 = w.committed();
    l1.revert(0).unwrap();
    assert!(!l1.prove(1, &w.proofs()).unwrap().accepted);
    l1.commit(&w.witness.statement, w.witness.payload.clone())
        .unwrap();
    // The contract gave the batch another nonce, so its hash is another.
    assert!(!l1.prove(1, &w.proofs()).unwrap().accepted);
}

#[test]
fn a_refused_batch_leaves_l1_as_it_was() {
    let w = world();
    let (mut l1, payload) = (w.l1(), &w.witness.payload);
    let mut wrong = w.proofs();
    wrong[0].proof = flipped(&wrong[0].proof, 40, 0);
    let statement = &w.witness.statement;
    let refusal = l1.settle(statement, payload.clone(), &wrong).unwrap_err();
    assert!(
        refusal.to_string().contains("refused the proof of batch 1"),
        "{refusal}"
    );
    assert_eq!(l1.committed().unwrap(), 0);
    // So the same batch is taken without a revert, which would change its hash.
    l1.settle(statement, payload.clone(), &w.proofs()).unwrap();
    assert_eq!(l1.committed().unwrap(), 1);
    assert_eq!(l1.state_root().unwrap(), statement.state_root);
}

#[test]
fn the_batch_hash_alone() {
    let (w, mut hash) = (world(), world().witness.statement.hash());
    let s = &w.witness.statement;
    let (start, end) = (s.start(w.witness.parent.timestamp).hash(), s.end().hash());
    let verify = |hash| {
        let segment = statement::segment_hash(s.chain_id, hash, start, end);
        let public = halves(U256::from_be_bytes(segment.0));
        w.key.verify(&public, &w.files[0].proof)
    };
    verify(hash).unwrap();
    hash.0[31] ^= 1;
    assert!(verify(hash).is_err());
}

#[test]
fn segment_fields() {
    let w = world();
    let l1 = w.committed();
    type Change = fn(&mut SegmentProof);
    let changes: [(&str, Change); 5] = [
        ("larger shape", |p| p.k += 1),
        ("smaller shape", |p| p.k -= 1),
        ("shape 0", |p| p.k = 0),
        ("end", |p| p.end.0[0] ^= 1),
        ("no proof", |p| p.proof = Bytes::new()),
    ];
    for (name, change) in changes {
        let mut proofs = w.proofs();
        change(&mut proofs[0]);
        assert!(!l1.clone().prove(1, &proofs).unwrap().accepted, "{name}");
    }
}

#[test]
fn bytes_of_the_proof_by_rust_and_contract_alike() {
    let w = world();
    let (file, l1) = (&w.files[0], w.committed());
    let refused = |bytes: Bytes, what: &str| {
        assert!(w.key.verify(&file.public, &bytes).is_err(), "{what}");
        let mut proofs = w.proofs();
        proofs[0].proof = bytes;
        let verdict = l1.clone().prove(1, &proofs).unwrap();
        assert!(!verdict.accepted, "{what}");
        // A wrong proof costs no more than a right one, up to what its calldata costs.
        verdict.gas_used
    };
    let right = l1.clone().prove(1, &w.proofs()).unwrap().gas_used;
    for at in places(w, 331) {
        let gas = refused(flipped(&file.proof, at, 7), &format!("byte {at}"));
        assert!(gas <= right + 100, "byte {at}: {gas} of {right}");
        refused(flipped(&file.proof, at, 0), &format!("byte {at}"));
    }
    let shorter = Bytes::copy_from_slice(&file.proof[..file.proof.len() - 1]);
    refused(shorter, "a byte less");
    refused([file.proof.as_slice(), &[0]].concat().into(), "a byte more");
    refused(vec![0; file.proof.len()].into(), "zeros");
    refused(vec![0xff; file.proof.len()].into(), "ones");
}

#[test]
fn public_values_and_headers_of_the_proof_file() {
    let w = world();
    let file = &w.files[0];
    let one = circuits::Fr::from(1);
    for i in 0..2 {
        let mut public = file.public.clone();
        public[i] += one;
        assert!(w.key.verify(&public, &file.proof).is_err());
    }
    let swapped = [file.public[1], file.public[0]];
    assert!(w.key.verify(&swapped, &file.proof).is_err());
    assert!(matches!(
        w.key.verify(&file.public[..1], &file.proof),
        Err(VerifyError::PublicValues { have: 1, want: 2 })
    ));
    type Change = fn(&mut ProofFile);
    let changes: [Change; 3] = [
        |f| f.k += 1,
        |f| f.srs = SrsLabel::from_bytes([1; 32]),
        |f| f.circuit = prover::circuit::digest(&pipeline::blank(f.k + 1)).unwrap(),
    ];
    for change in changes {
        let mut changed = file.clone();
        change(&mut changed);
        assert!(w.key.verify_file(&changed).is_err());
    }
    // A proof file cut anywhere, or with a bit turned, is refused or says another thing; nothing panics.
    let bytes = file.encode().unwrap();
    for at in (0..bytes.len()).step_by(211) {
        assert!(ProofFile::decode(&bytes[..at]).is_err());
        if let Ok(changed) = ProofFile::decode(&flipped(&bytes, at, 2))
            && w.key.verify_file(&changed).is_ok()
        {
            assert_eq!(
                (&changed.public, &changed.proof),
                (&file.public, &file.proof)
            );
        }
    }
}

/// A table that the checker refuses has no proof either: prover and verifier work on other data than the checker.
#[test]
fn forged_tables() {
    let w = world();
    let machine = MainMachine::get();
    let cpu = machine.cpu();
    let planned = &w.segments[0];
    let honest = planned.table().unwrap();
    let prover = Prover::new(&keys(), SrsLabel::development());
    let key = pipeline::load(&prover, planned.k, &Silent).unwrap();
    let forgeries = [
        ("d.lo", cpu.op, cpu.op_cells.d.lo),
        ("bus record", cpu.record, cpu.record_cells.after[2]),
    ];
    for (relation, kind, cell) in forgeries {
        let mut table = honest.clone();
        // The last row of the kind that the relation stops.
        let refused = honest.heads_of(kind).into_iter().rev().any(|row| {
            let value = honest.cell(row, cell);
            table.set(row, cell, value + Fr::from(1));
            let failures = checker::check(&machine.machine, &table, usize::MAX).unwrap_err();
            let stops = failures.iter().any(|f| f.relation.starts_with(relation));
            if !stops {
                table.set(row, cell, value);
            }
            stops
        });
        assert!(refused, "{relation}");
        let build = || {
            let table = Arc::new(table);
            Ok(MachineCircuit::with_table(
                machine.machine.clone(),
                planned.k,
                table,
            ))
        };
        let proof = prover::prove(&key, build, &planned.public, "a forged table", &[], &Silent);
        assert!(
            matches!(proof, Err(ProveError::Rejected(_))),
            "{relation}: {proof:?}"
        );
    }
}
