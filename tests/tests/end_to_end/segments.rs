//! A batch that is larger than the shape: several segments, each proven, accepted by the contract only as they follow on each
//! other.

use crate::fixture::keys;
use alloy::consensus::TxEip1559;
use alloy_primitives::{Address, B256, TxKind, U256};
use hallmark::{
    l1::{EmbeddedL1, SegmentProof},
    pipeline::{self, PlannedSegment},
    plan,
};
use prover::{ProofFile, SrsLabel, VerifyingKey, progress::Silent, segments::Prover};
use sequencer::BatchWitness;
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, LazyLock},
};
use tests::{CHAIN_ID, genesis, key, node, sign};

/// The shape that the batch must not fit.
const SHAPE: u32 = 15;

struct Segmented {
    witness: BatchWitness,
    segments: Vec<PlannedSegment>,
    files: Vec<ProofFile>,
    key: Arc<VerifyingKey>,
}

fn segmented() -> &'static Segmented {
    static SEGMENTED: LazyLock<Segmented> = LazyLock::new(Segmented::new);
    &SEGMENTED
}

/// Two blocks of three transfers each.
fn batch() -> BatchWitness {
    let directory = tempfile::tempdir().unwrap();
    let node = node(directory.path()).unwrap();
    for block in 0..2 {
        for nonce in 3 * block..3 * block + 3 {
            let transfer = TxEip1559 {
                chain_id: CHAIN_ID,
                nonce,
                gas_limit: 21_000,
                max_fee_per_gas: 2_000_000_000,
                max_priority_fee_per_gas: 1,
                to: TxKind::Call(Address::repeat_byte(0x77)),
                value: U256::from(1),
                ..Default::default()
            };
            node.submit(sign(&key(0).unwrap(), transfer).unwrap())
                .unwrap();
        }
        assert_eq!(node.build_block().unwrap().transactions, 3);
    }
    node.seal_batch().unwrap().unwrap();
    node.batch_witness(1).unwrap()
}

impl Segmented {
    fn new() -> Self {
        let witness = batch();
        let segments = plan::plan(&witness, SHAPE).unwrap();
        let shapes: Vec<u32> = segments.iter().map(|s| s.k).collect();
        assert_eq!(shapes, [SHAPE; 2], "{}", pipeline::describe(&segments));

        let prover = Prover::new(&keys(), SrsLabel::development());
        let directory = tempfile::tempdir().unwrap();
        let store = directory.path();
        // The run ends between the two proofs.
        let interrupted = catch_unwind(AssertUnwindSafe(|| {
            let announce = |id: prover::SegmentId, _: &prover::Budget| assert_eq!(id.index, 0);
            pipeline::prove(&prover, &witness, &segments, store, &announce, &Silent)
        }));
        assert!(interrupted.is_err());
        let proven =
            pipeline::prove(&prover, &witness, &segments, store, &|_, _| (), &Silent).unwrap();
        let made: Vec<bool> = proven.iter().map(|p| p.seconds.is_some()).collect();
        assert_eq!(made, [false, true], "the first proof is taken from before");
        Self {
            files: proven.into_iter().map(|p| p.file).collect(),
            key: pipeline::verifying_key(&prover, SHAPE, &Silent).unwrap(),
            segments,
            witness,
        }
    }

    fn proofs(&self) -> Vec<SegmentProof> {
        let proofs = self.files.iter().map(pipeline::for_l1);
        proofs.collect::<Result<_, _>>().unwrap()
    }

    /// An L1 on which the batch is committed.
    fn committed(&self) -> EmbeddedL1 {
        let statement = &self.witness.statement;
        let (header, root) = (genesis().unwrap().header(), statement.previous_state_root);
        let mut l1 = EmbeddedL1::deploy(&[&self.key], CHAIN_ID, &header, root, 0).unwrap();
        l1.set_time(statement.last_timestamp);
        l1.commit(statement, self.witness.payload.clone()).unwrap();
        l1
    }
}

// POSITIVE

#[test]
fn segments_hold_chain_and_are_accepted() {
    let s = segmented();
    let failures = pipeline::check(&s.segments).unwrap().failures;
    assert!(failures.is_empty(), "{}", failures[0]);
    for (file, segment) in s.files.iter().zip(&s.segments) {
        assert_eq!(file.public, segment.public);
        s.key.verify_file(file).unwrap();
    }
    let statement = &s.witness.statement;
    assert_eq!(s.segments[1].end, statement.end().hash());
    let mut l1 = s.committed();
    let verdict = l1.prove(1, &s.proofs()).unwrap();
    assert!(verdict.accepted, "{}", verdict.reason);
    assert_eq!(l1.state_root().unwrap(), statement.state_root);
    println!("gas of proving two segments: {}", verdict.gas_used);
}

// NEGATIVE

#[test]
fn segments_out_of_their_places_are_refused() {
    let s = segmented();
    let l1 = s.committed();
    let [first, second] = &s.proofs()[..] else {
        panic!("two proofs")
    };
    let end = s.witness.statement.end().hash();
    let with_end = |p: &SegmentProof, end: B256| SegmentProof { end, ..p.clone() };
    let mut other_end = first.end;
    other_end.0[31] ^= 1;
    let wrong = [
        ("swapped", vec![second.clone(), first.clone()]),
        ("the first alone", vec![first.clone()]),
        ("the second alone", vec![second.clone()]),
        ("the first as the whole", vec![with_end(first, end)]),
        ("the first twice", vec![first.clone(), first.clone()]),
        ("the second twice", vec![second.clone(), second.clone()]),
        (
            "the first, then both",
            vec![first.clone(), first.clone(), second.clone()],
        ),
        (
            "both, then the second",
            vec![first.clone(), second.clone(), second.clone()],
        ),
        (
            "another state at the cut",
            vec![with_end(first, other_end), second.clone()],
        ),
        (
            "another state at the end",
            vec![first.clone(), with_end(second, other_end)],
        ),
        (
            "states exchanged",
            vec![with_end(first, second.end), with_end(second, first.end)],
        ),
        ("none", vec![]),
    ];
    for (name, proofs) in wrong {
        let mut l1 = l1.clone();
        assert!(!l1.prove(1, &proofs).unwrap().accepted, "{name}");
        assert_eq!(
            l1.state_root().unwrap(),
            s.witness.statement.previous_state_root,
            "{name}"
        );
    }
}
