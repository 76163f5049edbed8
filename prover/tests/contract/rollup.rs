//! The contract `Rollup`: batches are committed, proven, reverted; a proof fits only what the contract itself knows.

use alloy_primitives::{Address, B256, Bytes, TxKind, U256, address, keccak256};
use alloy_sol_types::{SolCall, SolError, SolEvent};
use protocol::{
    PROTOCOL_VERSION,
    statement::{self, BatchStatement, BoundaryState},
};
use prover::SrsLabel;
use verifier_contract::{
    Rollup, Verifier,
    deployment::{Plan, PlanError, RollupParameters},
    local::{LocalL1, Receipt},
};

use crate::support::{K, Keys, NOW, SENDER};

pub(crate) const SEQUENCER: Address = address!("00000000000000000000000000000000000005e9");
const ANYONE: Address = address!("00000000000000000000000000000000000000aa");
const TIMEOUT: u64 = 3600;

pub(crate) fn parameters() -> RollupParameters {
    RollupParameters {
        sequencer: SEQUENCER,
        chain_id: 2026,
        revert_timeout: TIMEOUT,
        first_k: K as u8,
        srs_label: SrsLabel::development().to_bytes().into(),
        state_root: B256::repeat_byte(0x11),
        block_hash: B256::repeat_byte(0x22),
        timestamp: NOW - 1000,
    }
}

pub(crate) fn plan(parameters: RollupParameters) -> Plan {
    Plan::new(parameters, &[Keys::small().code(), Keys::large().code()]).unwrap()
}

/// A rollup on an L1 of its own, and what an honest sequencer knows of it.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) l1: LocalL1,
    pub(crate) rollup: Address,
    parameters: RollupParameters,
}

/// A batch to be committed: its header and its payload.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) header: Rollup::Header,
    pub(crate) payload: Bytes,
}

impl World {
    pub(crate) fn new(parameters: RollupParameters) -> Self {
        let mut l1 = LocalL1::new(1, NOW);
        let plan = plan(parameters.clone());
        let parts: Vec<_> = plan
            .parts()
            .into_iter()
            .map(|init| l1.deploy(SENDER, init).unwrap().created.unwrap())
            .collect();
        let receipt = l1.deploy(SENDER, plan.rollup(&parts).unwrap()).unwrap();
        Self {
            l1,
            rollup: receipt.created.expect("deployed"),
            parameters,
        }
    }

    pub(crate) fn call<C: SolCall>(&self, call: C) -> C::Return {
        let receipt = self
            .l1
            .call(ANYONE, self.rollup, call.abi_encode().into())
            .unwrap();
        C::abi_decode_returns(&receipt.output).unwrap_or_else(|e| panic!("{e}: {}", receipt.output))
    }

    pub(crate) fn send<C: SolCall>(&mut self, from: Address, call: &C) -> Receipt {
        self.l1
            .send(from, TxKind::Call(self.rollup), call.abi_encode().into())
            .unwrap()
    }

    /// The batch after the last committed one, of two blocks.
    pub(crate) fn next(&self) -> Draft {
        let number = self.call(Rollup::committedBatchesCall {}) + 1;
        let previous = self.call(Rollup::getBatchCall { number: number - 1 });
        let header = Rollup::Header {
            version: PROTOCOL_VERSION,
            number,
            firstBlock: previous.lastBlock + 1,
            lastBlock: previous.lastBlock + 2,
            lastTimestamp: previous.lastTimestamp + 24,
            previousStateRoot: previous.stateRoot,
            stateRoot: keccak256([1, number as u8]),
            previousBlockHash: previous.blockHash,
            blockHash: keccak256([2, number as u8]),
        };
        Draft {
            header,
            payload: vec![number as u8; 1000].into(),
        }
    }

    pub(crate) fn try_commit(&mut self, draft: &Draft) -> Receipt {
        let call = Rollup::commitBatchCall {
            header: draft.header.clone(),
            payload: draft.payload.clone(),
        };
        self.send(SEQUENCER, &call)
    }

    fn commit(&mut self, draft: &Draft) {
        let receipt = self.try_commit(draft);
        assert!(receipt.success, "{}", receipt.output);
    }

    /// The statement of a draft, by the crate `protocol`, as it would be committed now.
    pub(crate) fn statement(&self, draft: &Draft) -> (BatchStatement, u64) {
        let previous = self.call(Rollup::getBatchCall {
            number: draft.header.number - 1,
        });
        let statement = BatchStatement {
            chain_id: self.parameters.chain_id,
            batch_number: draft.header.number,
            batch_nonce: self.call(Rollup::commitsCall {}),
            first_block: draft.header.firstBlock,
            last_block: draft.header.lastBlock,
            last_timestamp: draft.header.lastTimestamp,
            previous_state_root: draft.header.previousStateRoot,
            state_root: draft.header.stateRoot,
            previous_block_hash: draft.header.previousBlockHash,
            block_hash: draft.header.blockHash,
            payload_hash: keccak256(&draft.payload),
            ..BatchStatement::default()
        };
        (statement, previous.lastTimestamp)
    }

    pub(crate) fn prove(&mut self, first: u64, proofs: Vec<Vec<Rollup::Segment>>) -> Receipt {
        self.send(ANYONE, &Rollup::proveBatchesCall { first, proofs })
    }

    fn counters(&self) -> (u64, u64, u64) {
        (
            self.call(Rollup::committedBatchesCall {}),
            self.call(Rollup::provenBatchesCall {}),
            self.call(Rollup::commitsCall {}),
        )
    }
}

fn segment_proof(keys: &Keys, segment_hash: B256) -> Bytes {
    keys.prove(statement::public_values(segment_hash)).into()
}

/// The only segment of a batch.
pub(crate) fn whole(statement: &BatchStatement, previous_timestamp: u64) -> Rollup::Segment {
    let (start, end) = (statement.start(previous_timestamp), statement.end());
    Rollup::Segment {
        k: K as u8,
        end: end.hash(),
        proof: segment_proof(Keys::small(), statement.segment_hash(&start, &end)),
    }
}

fn rejected() -> Bytes {
    Verifier::ProofRejected {}.abi_encode().into()
}

fn assert_error(receipt: &Receipt, error: impl SolError + std::fmt::Debug) {
    assert!(!receipt.success, "expected {error:?}");
    assert_eq!(
        receipt.output,
        Bytes::from(error.abi_encode()),
        "expected {error:?}"
    );
}

// POSITIVE

#[test]
fn deployment_says_what_it_is() {
    let world = World::new(parameters());
    assert_eq!(world.call(Rollup::CHAIN_IDCall {}), 2026);
    assert_eq!(
        world.call(Rollup::PROTOCOL_VERSIONCall {}),
        PROTOCOL_VERSION
    );
    assert_eq!(world.call(Rollup::SEQUENCERCall {}), SEQUENCER);
    assert_eq!(world.call(Rollup::REVERT_TIMEOUTCall {}), TIMEOUT);
    assert_eq!(
        (
            world.call(Rollup::FIRST_KCall {}),
            world.call(Rollup::SHAPESCall {})
        ),
        (K as u8, 2)
    );
    let label = world.call(Rollup::SRS_LABELCall {});
    assert!(label.starts_with(b"INSECURE"));
    assert_eq!(
        world.call(Rollup::stateRootCall {}),
        B256::repeat_byte(0x11)
    );
    assert!(world.call(Rollup::isFinalCall { number: 0 }));
    let key = world.call(Rollup::keyForCall { k: K as u8 + 1 });
    assert_eq!(
        world.l1.code(key[0]),
        Bytes::from(Keys::large().key.head.clone())
    );
    assert_eq!(key.len(), 1 + Keys::large().key.programs.len());
}

/// The constraint programs do not depend on the number of rows, so all shapes share them.
#[test]
fn shapes_share_their_programs() {
    assert_eq!(Keys::small().key.programs, Keys::large().key.programs);
    assert_ne!(Keys::small().key.head, Keys::large().key.head);
}

#[test]
fn a_batch_is_committed_and_proven() {
    let mut world = World::new(parameters());
    let draft = world.next();
    let (statement, previous_timestamp) = world.statement(&draft);
    let receipt = world.try_commit(&draft);
    let event = Rollup::BatchCommitted::decode_log(&receipt.logs[0]).unwrap();
    assert_eq!((event.number, event.batchHash), (1, statement.hash()));
    assert_eq!(
        (event.payloadHash, event.nonce),
        (statement.payload_hash, 0)
    );
    assert_eq!(
        world.call(Rollup::batchHashCall { number: 1 }),
        statement.hash()
    );
    let boundaries = world.call(Rollup::boundariesCall { number: 1 });
    assert_eq!(boundaries.start, statement.start(previous_timestamp).hash());
    assert_eq!(boundaries.end, statement.end().hash());
    assert!(!world.call(Rollup::isFinalCall { number: 1 }));
    assert_eq!(
        world.call(Rollup::stateRootCall {}),
        B256::repeat_byte(0x11)
    );

    let receipt = world.prove(1, vec![vec![whole(&statement, previous_timestamp)]]);
    assert!(receipt.success, "{}", receipt.output);
    let event = Rollup::BatchProven::decode_log(&receipt.logs[0]).unwrap();
    assert_eq!(
        (event.number, event.batchHash, event.stateRoot),
        (1, statement.hash(), draft.header.stateRoot)
    );
    assert_eq!(world.call(Rollup::stateRootCall {}), draft.header.stateRoot);
    assert!(world.call(Rollup::isFinalCall { number: 1 }));
    assert_eq!(world.counters(), (1, 1, 1));
}

/// Two batches in one call, the second of two segments of different shapes.
#[test]
fn segments_are_chained() {
    let mut world = World::new(parameters());
    let mut proofs = vec![];
    let first = world.next();
    let (statement, previous_timestamp) = world.statement(&first);
    world.commit(&first);
    proofs.push(vec![whole(&statement, previous_timestamp)]);

    let second = world.next();
    let (statement, previous_timestamp) = world.statement(&second);
    world.commit(&second);
    let (start, end) = (statement.start(previous_timestamp), statement.end());
    let middle = BoundaryState {
        payload_offset: 500,
        block_open: true,
        transaction_number: 3,
        ..start
    };
    let segments = vec![
        Rollup::Segment {
            k: K as u8 + 1,
            end: middle.hash(),
            proof: segment_proof(Keys::large(), statement.segment_hash(&start, &middle)),
        },
        Rollup::Segment {
            k: K as u8,
            end: end.hash(),
            proof: segment_proof(Keys::small(), statement.segment_hash(&middle, &end)),
        },
    ];
    proofs.push(segments.clone());

    // NEGATIVE: out of order, one missing, one twice, another hand-over, another shape.
    let spoil = |change: &dyn Fn(&mut Vec<Rollup::Segment>)| {
        let mut world = world.clone();
        let mut proofs = proofs.clone();
        change(&mut proofs[1]);
        let receipt = world.prove(1, proofs);
        assert!(!receipt.success);
        assert_eq!(world.counters(), (2, 0, 2));
        receipt
    };
    let wrong_end = |given: &BoundaryState| Rollup::WrongEnd {
        expected: end.hash(),
        given: given.hash(),
    };
    assert_error(&spoil(&|s| s.reverse()), wrong_end(&middle));
    assert_error(&spoil(&|s| s.truncate(1)), wrong_end(&middle));
    assert_eq!(spoil(&|s| drop(s.remove(0))).output, rejected());
    assert_eq!(spoil(&|s| s.push(segments[1].clone())).output, rejected());
    assert_eq!(spoil(&|s| s[0].end.0[31] ^= 1).output, rejected());
    assert!(!spoil(&|s| s[0].k -= 1).success);
    assert_error(
        &spoil(&|s| s[0].k += 1),
        Rollup::UnknownShape { k: K as u8 + 2 },
    );
    assert_error(
        &spoil(&|s| s[0].k = K as u8 - 1),
        Rollup::UnknownShape { k: K as u8 - 1 },
    );
    assert_error(&spoil(&|s| s.clear()), Rollup::NothingToProve {});

    let receipt = world.prove(1, proofs);
    assert!(receipt.success, "{}", receipt.output);
    assert_eq!(
        Rollup::BatchProven::decode_log(&receipt.logs[1])
            .unwrap()
            .segments,
        U256::from(2)
    );
    assert_eq!(world.counters(), (2, 2, 2));
}

#[test]
fn unproven_batches_can_be_reverted() {
    let mut world = World::new(parameters());
    let draft = world.next();
    let (statement, previous_timestamp) = world.statement(&draft);
    world.commit(&draft);
    let proof = vec![vec![whole(&statement, previous_timestamp)]];
    let second = world.next();
    world.commit(&second);
    let mut proven = world.clone();
    assert!(proven.prove(1, proof.clone()).success);

    let receipt = world.send(SEQUENCER, &Rollup::revertBatchesCall { last: 0 });
    let event = Rollup::BatchesReverted::decode_log(&receipt.logs[0]).unwrap();
    assert_eq!((event.first, event.last, event.by), (1, 2, SEQUENCER));
    assert_eq!(world.counters(), (0, 0, 2));
    assert_error(
        &world.prove(1, proof.clone()),
        Rollup::UnknownBatch { number: 1 },
    );

    // The same batch again: everything is the same but the nonce, and the old proof no longer fits.
    world.commit(&draft);
    assert_eq!(world.prove(1, proof).output, rejected());
    let (statement, previous_timestamp) = (
        BatchStatement {
            batch_nonce: 2,
            ..statement
        },
        previous_timestamp,
    );
    assert_eq!(
        world.call(Rollup::batchHashCall { number: 1 }),
        statement.hash()
    );
    assert!(
        world
            .prove(1, vec![vec![whole(&statement, previous_timestamp)]])
            .success
    );

    // Proven ones stay; those after them may go.
    assert_error(
        &proven.send(SEQUENCER, &Rollup::revertBatchesCall { last: 0 }),
        Rollup::BatchIsFinal { number: 1 },
    );
    assert!(
        proven
            .send(SEQUENCER, &Rollup::revertBatchesCall { last: 1 })
            .success
    );
    assert_eq!(proven.counters(), (1, 1, 2));
    assert_eq!(proven.next().header, Rollup::Header { ..second.header });
    for last in [1, 2, u64::MAX - 1] {
        assert_error(
            &proven.send(SEQUENCER, &Rollup::revertBatchesCall { last }),
            Rollup::UnknownBatch { number: last + 1 },
        );
    }
}

#[test]
fn anyone_may_revert_after_the_timeout() {
    let mut world = World::new(parameters());
    let draft = world.next();
    world.commit(&draft);
    world.l1.set_timestamp(NOW + 10);
    let draft = world.next();
    world.commit(&draft);
    world.l1.set_timestamp(NOW + TIMEOUT - 1);
    let revert = |last| Rollup::revertBatchesCall { last };
    assert_error(
        &world.send(ANYONE, &revert(0)),
        Rollup::TooEarly {
            notBefore: NOW + TIMEOUT,
        },
    );
    world.l1.set_timestamp(NOW + TIMEOUT);
    // The second has not waited long enough, but falls with the first.
    assert_error(
        &world.send(ANYONE, &revert(1)),
        Rollup::TooEarly {
            notBefore: NOW + TIMEOUT + 10,
        },
    );
    assert!(world.send(ANYONE, &revert(0)).success);
    assert_eq!(world.counters(), (0, 0, 2));
}

// NEGATIVE

#[test]
fn headers_that_do_not_fit_the_chain() {
    let mut world = World::new(parameters());
    let draft = world.next();
    world.commit(&draft);
    let good = world.next();
    let mut refused = |change: &dyn Fn(&mut Draft), error: &dyn Fn() -> Vec<u8>| {
        let mut draft = good.clone();
        change(&mut draft);
        let receipt = world.try_commit(&draft);
        assert!(!receipt.success, "{draft:?}");
        assert_eq!(receipt.output, Bytes::from(error()), "{draft:?}");
    };
    let h = &good.header;
    refused(&|d| d.header.version = 2, &|| {
        Rollup::WrongVersion {
            expected: 1,
            given: 2,
        }
        .abi_encode()
    });
    refused(&|d| d.header.version = 0, &|| {
        Rollup::WrongVersion {
            expected: 1,
            given: 0,
        }
        .abi_encode()
    });
    // A replay and a gap.
    refused(&|d| *d = draft.clone(), &|| {
        Rollup::WrongBatchNumber {
            expected: 2,
            given: 1,
        }
        .abi_encode()
    });
    refused(&|d| d.header.number = 3, &|| {
        Rollup::WrongBatchNumber {
            expected: 2,
            given: 3,
        }
        .abi_encode()
    });
    for given in [h.firstBlock - 1, h.firstBlock + 1] {
        refused(&|d| d.header.firstBlock = given, &|| {
            Rollup::WrongFirstBlock {
                expected: h.firstBlock,
                given,
            }
            .abi_encode()
        });
    }
    refused(&|d| d.header.lastBlock = h.firstBlock - 1, &|| {
        Rollup::NoBlock {}.abi_encode()
    });
    let given = B256::repeat_byte(0x77);
    refused(&|d| d.header.previousStateRoot = given, &|| {
        Rollup::WrongPreviousState {
            expected: h.previousStateRoot,
            given,
        }
        .abi_encode()
    });
    refused(&|d| d.header.previousBlockHash = given, &|| {
        Rollup::WrongPreviousBlock {
            expected: h.previousBlockHash,
            given,
        }
        .abi_encode()
    });
    let previous = draft.header.lastTimestamp;
    refused(&|d| d.header.lastTimestamp = previous - 1, &|| {
        Rollup::TimestampBackwards {
            previous,
            given: previous - 1,
        }
        .abi_encode()
    });
    let latest = NOW + 900;
    refused(&|d| d.header.lastTimestamp = latest + 1, &|| {
        Rollup::TimestampInFuture {
            latest,
            given: latest + 1,
        }
        .abi_encode()
    });
    refused(&|d| d.payload = Bytes::new(), &|| {
        Rollup::WrongPayloadLength { length: U256::ZERO }.abi_encode()
    });
    refused(&|d| d.payload = vec![0; 120_001].into(), &|| {
        Rollup::WrongPayloadLength {
            length: U256::from(120_001),
        }
        .abi_encode()
    });
    let call = Rollup::commitBatchCall {
        header: good.header.clone(),
        payload: good.payload.clone(),
    };
    assert_error(&world.send(ANYONE, &call), Rollup::NotSequencer {});

    // The limits themselves are inside.
    let limit = |change: &dyn Fn(&mut Draft)| {
        let mut draft = good.clone();
        change(&mut draft);
        assert!(world.clone().try_commit(&draft).success, "{draft:?}");
    };
    limit(&|d| d.header.lastTimestamp = latest);
    limit(&|d| d.header.lastTimestamp = previous);
    limit(&|d| d.header.lastBlock = h.firstBlock);
    limit(&|d| d.payload = vec![0; 120_000].into());
}

#[test]
fn proofs_out_of_turn() {
    let mut world = World::new(parameters());
    let draft = world.next();
    let (statement, previous_timestamp) = world.statement(&draft);
    let segment = whole(&statement, previous_timestamp);
    let proofs = vec![vec![segment.clone()]];
    assert_error(
        &world.prove(1, proofs.clone()),
        Rollup::UnknownBatch { number: 1 },
    );
    world.commit(&draft);
    for given in [0, 2, u64::MAX] {
        assert_error(
            &world.prove(given, proofs.clone()),
            Rollup::WrongBatchNumber { expected: 1, given },
        );
    }
    assert_error(&world.prove(1, vec![]), Rollup::NothingToProve {});
    assert_error(
        &world.prove(1, vec![vec![segment.clone()], vec![segment]]),
        Rollup::UnknownBatch { number: 2 },
    );
    assert!(world.prove(1, proofs.clone()).success);
    assert_error(
        &world.prove(1, proofs),
        Rollup::WrongBatchNumber {
            expected: 2,
            given: 1,
        },
    );
}

/// A proof made for one chain's batch, shown to a chain that differs from it in one field: refused.
#[test]
fn a_proof_fits_one_statement_only() {
    let honest = World::new(parameters());
    let draft = honest.next();
    let (statement, previous_timestamp) = honest.statement(&draft);
    let proof = whole(&statement, previous_timestamp);
    let refused = |name: &str, parameters: RollupParameters, change: &dyn Fn(&mut Draft)| {
        let mut world = World::new(parameters);
        let mut draft = world.next();
        change(&mut draft);
        let end = world.statement(&draft).0.end().hash();
        world.commit(&draft);
        // As it is, and with the end that this chain expects.
        for end in [proof.end, end] {
            let receipt = world.prove(
                1,
                vec![vec![Rollup::Segment {
                    end,
                    ..proof.clone()
                }]],
            );
            assert!(!receipt.success, "{name}");
            assert_eq!(world.counters(), (1, 0, 1), "{name}");
        }
    };
    let p = parameters;
    let other = B256::repeat_byte(0x99);
    refused(
        "chain id",
        RollupParameters {
            chain_id: 2027,
            ..p()
        },
        &|_| {},
    );
    refused(
        "previous state root",
        RollupParameters {
            state_root: other,
            ..p()
        },
        &|_| {},
    );
    refused(
        "previous block hash",
        RollupParameters {
            block_hash: other,
            ..p()
        },
        &|_| {},
    );
    refused(
        "previous timestamp",
        RollupParameters {
            timestamp: p().timestamp + 1,
            ..p()
        },
        &|d| {
            d.header.lastTimestamp -= 1;
        },
    );
    refused("state root", p(), &|d| d.header.stateRoot = other);
    refused("block hash", p(), &|d| d.header.blockHash = other);
    refused("last block", p(), &|d| d.header.lastBlock += 1);
    refused("last timestamp", p(), &|d| d.header.lastTimestamp += 1);
    refused("payload", p(), &|d| {
        d.payload = [&d.payload[..999], &[0]].concat().into()
    });
    refused("payload length", p(), &|d| {
        d.payload = [&d.payload[..], &[0]].concat().into()
    });

    // The honest chain accepts it.
    let mut world = honest.clone();
    world.commit(&draft);
    assert!(world.prove(1, vec![vec![proof.clone()]]).success);
}

/// The other side: the honest chain, and proofs of statements that differ from its own in one field.
#[test]
fn a_statement_accepts_its_own_proof_only() {
    let mut world = World::new(parameters());
    let draft = world.next();
    let (s, previous_timestamp) = world.statement(&draft);
    world.commit(&draft);
    let (start, end) = (s.start(previous_timestamp), s.end());
    let honest = s.segment_hash(&start, &end);
    let other = B256::repeat_byte(0x99);
    let with = |s: BatchStatement| s.segment_hash(&s.start(previous_timestamp), &s.end());
    let words = |version: u64| {
        let word = |v: u64| B256::from(U256::from(v));
        let words = [
            statement::SEGMENT_DOMAIN,
            word(version),
            word(s.chain_id),
            s.hash(),
            start.hash(),
            end.hash(),
        ];
        keccak256(words.concat())
    };
    assert_eq!(words(PROTOCOL_VERSION), honest);
    for (name, hash) in [
        ("version", words(PROTOCOL_VERSION + 1)),
        ("chain id", with(BatchStatement { chain_id: 1, ..s })),
        (
            "batch hash",
            statement::segment_hash(s.chain_id, other, start.hash(), end.hash()),
        ),
        (
            "number",
            with(BatchStatement {
                batch_number: 2,
                ..s
            }),
        ),
        (
            "nonce",
            with(BatchStatement {
                batch_nonce: 1,
                ..s
            }),
        ),
        (
            "first block",
            with(BatchStatement {
                first_block: 2,
                ..s
            }),
        ),
        ("last block", with(BatchStatement { last_block: 3, ..s })),
        (
            "last timestamp",
            with(BatchStatement {
                last_timestamp: 1,
                ..s
            }),
        ),
        (
            "previous state root",
            with(BatchStatement {
                previous_state_root: other,
                ..s
            }),
        ),
        (
            "state root",
            with(BatchStatement {
                state_root: other,
                ..s
            }),
        ),
        (
            "previous block hash",
            with(BatchStatement {
                previous_block_hash: other,
                ..s
            }),
        ),
        (
            "block hash",
            with(BatchStatement {
                block_hash: other,
                ..s
            }),
        ),
        (
            "payload hash",
            with(BatchStatement {
                payload_hash: other,
                ..s
            }),
        ),
        (
            "queue index before",
            with(BatchStatement {
                previous_queue_index: 1,
                ..s
            }),
        ),
        (
            "queue hash before",
            with(BatchStatement {
                previous_queue_hash: other,
                ..s
            }),
        ),
        (
            "queue index",
            with(BatchStatement {
                queue_index: 1,
                ..s
            }),
        ),
        (
            "queue hash",
            with(BatchStatement {
                queue_hash: other,
                ..s
            }),
        ),
        (
            "withdrawal root",
            with(BatchStatement {
                withdrawal_root: other,
                ..s
            }),
        ),
        (
            "start",
            s.segment_hash(
                &BoundaryState {
                    gas_used: 1,
                    ..start
                },
                &end,
            ),
        ),
        (
            "end",
            s.segment_hash(
                &start,
                &BoundaryState {
                    suspended: other,
                    ..end
                },
            ),
        ),
        ("both exchanged", s.segment_hash(&end, &start)),
    ] {
        let segment = Rollup::Segment {
            k: K as u8,
            end: end.hash(),
            proof: segment_proof(Keys::small(), hash),
        };
        let receipt = world.prove(1, vec![vec![segment]]);
        assert_eq!(receipt.output, rejected(), "{name}");
    }
    // Halves exchanged.
    let [hi, lo] = statement::public_values(honest);
    let segment = Rollup::Segment {
        k: K as u8,
        end: end.hash(),
        proof: Keys::small().prove([lo, hi]).into(),
    };
    assert_eq!(world.prove(1, vec![vec![segment]]).output, rejected());
    assert!(
        world
            .prove(1, vec![vec![whole(&s, previous_timestamp)]])
            .success
    );
}

#[test]
fn deployments_that_are_refused() {
    let small = Keys::small().code();
    let plan = Plan::new(parameters(), std::slice::from_ref(&small)).unwrap();
    let mut l1 = LocalL1::new(1, NOW);
    let parts: Vec<_> = plan
        .parts()
        .into_iter()
        .map(|init| l1.deploy(SENDER, init).unwrap().created.unwrap())
        .collect();
    // Each part replaced by another one: the code hash does not fit.
    for i in 0..parts.len() {
        let mut wrong = parts.clone();
        wrong[i] = parts[(i + 1) % parts.len()];
        let receipt = l1.deploy(SENDER, plan.rollup(&wrong).unwrap()).unwrap();
        assert_error(&receipt, Rollup::WrongCode { account: wrong[i] });
        wrong[i] = ANYONE;
        let receipt = l1.deploy(SENDER, plan.rollup(&wrong).unwrap()).unwrap();
        assert_error(&receipt, Rollup::WrongCode { account: ANYONE });
    }
    for wrong in [
        RollupParameters {
            sequencer: Address::ZERO,
            ..parameters()
        },
        RollupParameters {
            chain_id: 0,
            ..parameters()
        },
    ] {
        let plan = Plan::new(wrong, std::slice::from_ref(&small)).unwrap();
        let receipt = l1.deploy(SENDER, plan.rollup(&parts).unwrap()).unwrap();
        assert_error(&receipt, Rollup::WrongConfiguration {});
    }
    assert!(matches!(
        plan.rollup(&parts[1..]),
        Err(PlanError::Addresses { .. })
    ));
    assert!(matches!(
        Plan::new(parameters(), &[]),
        Err(PlanError::Keys(0))
    ));
    assert!(matches!(
        Plan::new(parameters(), &vec![small.clone(); 7]),
        Err(PlanError::Keys(7))
    ));
    let mut other = small.clone();
    other.programs.pop();
    assert!(matches!(
        Plan::new(parameters(), &[small.clone(), other]),
        Err(PlanError::ProgramsDiffer)
    ));
}
