//! The node without its server: execution, blocks, batches, restarts.

#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::{collections::BTreeMap, time::Duration};

use alloy::eips::eip2930::{AccessList, AccessListItem};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use common::*;
use protocol::{Account, Payload, account::storage_leaf_value, hash, rules, tree};
use sequencer::{
    AdmissionError, BatchWitness, BlockProduction, Config, NodeError, PoolLimits, ProofStatus,
    SealPolicy, StoreError, WitnessError,
};

/// A model of the chain that knows nothing of the EVM: transfers, fees, nonces.
#[derive(Default)]
struct Model {
    balances: BTreeMap<Address, U256>,
    nonces: BTreeMap<Address, u64>,
}

impl Model {
    fn genesis() -> Self {
        let balances = genesis()
            .accounts
            .iter()
            .map(|(a, account)| (*a, account.balance))
            .collect();
        Self {
            balances,
            nonces: BTreeMap::new(),
        }
    }

    fn apply(&mut self, signed: &protocol::SignedTransaction, base_fee: u64) -> u64 {
        let sender = signed.recover_sender().unwrap();
        let transaction = &signed.transaction;
        let gas = rules::intrinsic_gas(transaction).max(rules::floor_gas(transaction));
        let price = transaction.effective_gas_price(base_fee).unwrap();
        let nonce = self.nonces.entry(sender).or_default();
        assert_eq!(transaction.nonce, *nonce);
        *nonce += 1;
        *self.balances.entry(sender).or_default() -=
            U256::from(gas) * U256::from(price) + transaction.value;
        *self.balances.entry(transaction.to.unwrap()).or_default() += transaction.value;
        *self.balances.entry(COINBASE).or_default() +=
            U256::from(gas) * U256::from(price - u128::from(base_fee));
        gas
    }
}

#[test]
fn transfers_follow_the_model_and_the_witness_proves_the_root() {
    let directory = tempfile::tempdir().unwrap();
    let node = open(directory.path(), config(BlockProduction::Manual));
    let list = AccessList(vec![AccessListItem {
        address: address(7),
        storage_keys: vec![B256::ZERO, B256::repeat_byte(1)],
    }]);
    let fresh = Address::repeat_byte(0xaa);
    for round in 0..3_u64 {
        for index in 0..5_u8 {
            let nonce = round * 3;
            let mut with_data = transfer(nonce, fresh, 1_000);
            with_data.input = Bytes::from(vec![round as u8; 100]);
            with_data.gas_limit = 60_000;
            with_data.max_priority_fee_per_gas = u128::from(index) * 1_000_000;
            node.submit(sign(&key(index), with_data)).unwrap();
            node.submit(sign(&key(index), legacy(nonce + 1, address(9), 5)))
                .unwrap();
            node.submit(sign(
                &key(index),
                access_list(nonce + 2, address(8), 0, list.clone()),
            ))
            .unwrap();
        }
        let block = node.build_block().unwrap();
        assert_eq!((block.number, block.transactions), (round + 1, 15));
    }
    let empty = node.build_block().unwrap();
    assert_eq!(
        (empty.number, empty.transactions, empty.gas_used),
        (4, 0, 0)
    );
    let batch = node.seal_batch().unwrap().unwrap();
    assert_eq!(node.seal_batch().unwrap(), None);
    assert_eq!(batch.transactions, 45);

    // The payload alone, with the genesis, gives every header and the whole state.
    let payload = Payload::decode(&batch.payload).unwrap();
    let mut model = Model::genesis();
    let mut parent = genesis().header();
    let mut slots = BTreeMap::new();
    for block in &payload.blocks {
        rules::check_block(&parent, block).unwrap();
        let parent_hash = parent.hash();
        slots.insert(protocol::history::history_slot(parent.number), parent_hash);
        let mut cumulative_gas_used = 0;
        let receipts = block
            .transactions
            .iter()
            .map(|signed| {
                rules::check_transaction(
                    &signed.transaction,
                    CHAIN_ID,
                    block.base_fee,
                    block.gas_limit,
                    cumulative_gas_used,
                )
                .unwrap();
                cumulative_gas_used += model.apply(signed, block.base_fee);
                protocol::Receipt {
                    success: true,
                    cumulative_gas_used,
                    logs: vec![],
                }
            })
            .collect();
        parent = protocol::Block::seal(block.clone(), parent_hash, receipts).header;
    }
    let statement = batch.statement;
    assert_eq!(parent.hash(), statement.block_hash);
    assert_eq!(statement.previous_block_hash, genesis().header().hash());
    assert_eq!((statement.batch_number, statement.batch_nonce), (1, 0));
    assert_eq!((statement.first_block, statement.last_block), (1, 4));
    assert_eq!(statement.payload_hash, keccak256(&batch.payload));

    let mut leaves: BTreeMap<protocol::Fr, Option<protocol::Fr>> =
        genesis().leaves().into_iter().collect();
    model.balances.remove(&protocol::history::HISTORY_ADDRESS);
    for (address, balance) in &model.balances {
        let nonce = model.nonces.get(address).copied().unwrap_or_default();
        let account = Account {
            nonce,
            balance: *balance,
            ..Account::default()
        };
        leaves.insert(hash::account_key(*address), account.leaf_value());
    }
    for (slot, word) in slots {
        let key = hash::storage_key(protocol::history::HISTORY_ADDRESS, slot);
        leaves.insert(key, storage_leaf_value(U256::from_be_bytes(word.0)));
    }
    let changes: Vec<_> = leaves.into_iter().collect();
    let expected = tree::update(&tree::MemoryStore::new(), tree::EMPTY, &changes).unwrap();
    assert_eq!(
        protocol::field::to_bytes(&expected.root),
        statement.state_root
    );

    // The witness stands alone.
    let witness = BatchWitness::from_bytes(&node.batch_file(1).unwrap()).unwrap();
    witness.check().unwrap();
    assert_eq!(witness.statement, statement);
    for key in [fresh, address(0), address(7), address(9), COINBASE] {
        assert!(
            witness.accounts.iter().any(|(address, _)| *address == key),
            "{key}"
        );
    }
    assert!(
        witness
            .storage
            .iter()
            .any(|(owner, slot, _)| *owner == address(7) && slot.is_zero())
    );

    // The second batch goes on where the first ended.
    node.submit(sign(&key(0), transfer(9, fresh, 1))).unwrap();
    node.build_block().unwrap();
    let second = node.seal_batch().unwrap().unwrap().statement;
    assert_eq!(
        (second.batch_number, second.batch_nonce, second.first_block),
        (2, 1, 5)
    );
    assert_eq!(second.previous_state_root, statement.state_root);
    assert_eq!(second.previous_block_hash, statement.block_hash);
    node.batch_witness(2).unwrap().check().unwrap();
}

#[test]
fn restart_keeps_pool_blocks_batches_and_proofs() {
    let directory = tempfile::tempdir().unwrap();
    let node = open(directory.path(), config(BlockProduction::Manual));
    node.submit(sign(&key(0), transfer(0, address(1), 1)))
        .unwrap();
    node.build_block().unwrap();
    let batch = node.seal_batch().unwrap().unwrap();
    node.submit(sign(&key(0), transfer(1, address(1), 2)))
        .unwrap();
    node.build_block().unwrap();
    let pending = [
        sign(&key(0), transfer(2, address(1), 3)),
        sign(&key(0), transfer(3, address(1), 4)),
    ];
    for raw in &pending {
        node.submit(raw.clone()).unwrap();
    }
    node.record_proof(1, batch.statement.hash(), 1, 2, vec![7; 100])
        .unwrap();
    assert_eq!(node.proof_status(1).unwrap(), ProofStatus::Sealed);
    drop(node);

    let node = open(directory.path(), config(BlockProduction::Manual));
    assert_eq!(node.batch(1).unwrap(), batch);
    assert!(!node.proofs(1).unwrap().complete());
    node.record_proof(1, batch.statement.hash(), 0, 2, vec![8; 100])
        .unwrap();
    assert_eq!(
        node.unfinished_batches().unwrap(),
        [(1, ProofStatus::Proven)]
    );
    for raw in &pending {
        assert!(matches!(
            node.submit(raw.clone()),
            Err(NodeError::Admission(AdmissionError::AlreadyKnown(_)))
        ));
    }
    assert_eq!(node.build_block().unwrap().transactions, 2);
    let second = node.seal_batch().unwrap().unwrap();
    assert_eq!(
        (second.statement.first_block, second.statement.last_block),
        (2, 3)
    );
    node.batch_witness(2).unwrap().check().unwrap();
    node.set_finalized(1).unwrap();
    drop(node);

    // With automining, what was pending when the process ended is mined at the start.
    let node = open(directory.path(), config(BlockProduction::Manual));
    node.submit(sign(&key(0), transfer(4, address(1), 5)))
        .unwrap();
    drop(node);
    let node = open(directory.path(), config(BlockProduction::Automine));
    let mut blocks = node.subscribe_blocks();
    node.submit(sign(&key(0), transfer(5, address(1), 5)))
        .unwrap();
    assert_eq!(blocks.blocking_recv().unwrap().transactions, 1);
    assert_eq!(node.proof_status(1).unwrap(), ProofStatus::Finalized);
    assert_eq!(node.proof_status(2).unwrap(), ProofStatus::Sealed);
    assert_eq!(node.proofs(1).unwrap().proofs.len(), 2);
}

#[test]
fn batches_are_sealed_by_each_limit() {
    let directory = tempfile::tempdir().unwrap();
    let seal = SealPolicy {
        max_transactions: 3,
        ..SealPolicy::default()
    };
    let node = open(
        directory.path(),
        Config {
            seal,
            ..config(BlockProduction::Manual)
        },
    );
    let mut sealed = node.subscribe_batches();
    for nonce in 0..7 {
        node.submit(sign(&key(0), transfer(nonce, address(1), 1)))
            .unwrap();
    }
    assert_eq!(node.build_block().unwrap().transactions, 3);
    assert_eq!(sealed.try_recv().unwrap(), 1);
    assert_eq!(node.build_block().unwrap().transactions, 3);
    assert_eq!(node.build_block().unwrap().transactions, 1);
    assert_eq!(sealed.try_recv().unwrap(), 2);
    assert!(sealed.try_recv().is_err());

    // Payload bytes: two transactions with 50,000 bytes of calldata do not share a batch with a third.
    let directory = tempfile::tempdir().unwrap();
    let node = open(directory.path(), config(BlockProduction::Automine));
    for nonce in 0..3 {
        let mut large = transfer(nonce, address(1), 1);
        large.input = vec![1; 50_000].into();
        large.gas_limit = 3_000_000;
        node.submit(sign(&key(0), large)).unwrap();
    }
    let batch = node.batch(1).unwrap();
    assert_eq!(batch.transactions, 2);
    assert!(batch.payload.len() <= protocol::payload::MAX_PAYLOAD_BYTES);
    assert_eq!(node.seal_batch().unwrap().unwrap().transactions, 1);

    // Rows.
    let directory = tempfile::tempdir().unwrap();
    let seal = SealPolicy {
        max_rows: 6_000 + 6_000 + 2 * 6_500,
        ..SealPolicy::default()
    };
    let node = open(
        directory.path(),
        Config {
            seal,
            ..config(BlockProduction::Manual)
        },
    );
    for nonce in 0..3 {
        node.submit(sign(&key(0), transfer(nonce, address(1), 1)))
            .unwrap();
    }
    assert_eq!(node.build_block().unwrap().transactions, 2);
    assert_eq!(node.latest_batch().unwrap(), 1);
    assert_eq!(node.batch(1).unwrap().rows, 6_000 + 6_000 + 2 * 6_500);
    assert_eq!(node.build_block().unwrap().transactions, 1);
    let mut large = transfer(3, address(1), 1);
    large.input = vec![1; 2_000].into();
    large.gas_limit = 3_000_000;
    let refused = node.submit(sign(&key(0), large)).unwrap_err().to_string();
    assert!(
        refused.contains("cannot be proven") && refused.contains("25000"),
        "{refused}"
    );

    // Age.
    let directory = tempfile::tempdir().unwrap();
    let seal = SealPolicy {
        max_age: Some(Duration::from_millis(50)),
        ..SealPolicy::default()
    };
    let node = open(
        directory.path(),
        Config {
            seal,
            ..config(BlockProduction::Automine)
        },
    );
    let mut sealed = node.subscribe_batches();
    node.submit(sign(&key(0), transfer(0, address(1), 1)))
        .unwrap();
    assert_eq!(sealed.blocking_recv().unwrap(), 1);
}

#[test]
fn blocks_respect_the_gas_limit_and_the_base_fee_follows() {
    let directory = tempfile::tempdir().unwrap();
    let node = open(directory.path(), config(BlockProduction::Manual));
    // Three transactions that may use 12 M gas each: the third does not fit 30 M, although the
    // first two use less.
    for index in 0..3 {
        let mut wide = transfer(0, address(9), 1);
        wide.gas_limit = 12_000_000;
        wide.max_priority_fee_per_gas = 100 - u128::from(index);
        wide.input = vec![1; 30_000].into();
        node.submit(sign(&key(index), wide)).unwrap();
    }
    let block = node.build_block().unwrap();
    // 21,000 + 40 x 30,000 by the floor, twice; 12 M is less than what is then left.
    assert_eq!(block.gas_used, 3 * (21_000 + 1_200_000));
    let mut wide = transfer(1, address(9), 1);
    wide.gas_limit = 16_000_000;
    node.submit(sign(&key(0), wide.clone())).unwrap();
    node.submit(sign(&key(1), wide)).unwrap();
    assert_eq!(
        node.build_block().unwrap().transactions,
        2,
        "the first used 21,000 only"
    );
    let batch = node.seal_batch().unwrap().unwrap();
    let payload = Payload::decode(&batch.payload).unwrap();
    let fees: Vec<_> = payload.blocks.iter().map(|block| block.base_fee).collect();
    assert_eq!(
        fees,
        [
            875_000_000,
            rules::next_base_fee(GAS_LIMIT, 3_663_000, 875_000_000).unwrap()
        ]
    );
}

#[test]
fn early_nonces_wait_for_their_predecessors() {
    let directory = tempfile::tempdir().unwrap();
    let pool = PoolLimits {
        nonce_gap_wait: Duration::from_secs(30),
        ..PoolLimits::default()
    };
    let node = open(
        directory.path(),
        Config {
            pool,
            ..config(BlockProduction::Automine)
        },
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let raws: Vec<_> = (0..20)
        .map(|n| sign(&key(0), transfer(n, address(1), 1)))
        .collect();
    runtime.block_on(async {
        // Last first: none can be accepted before nonce 0 is there.
        let mut tasks = Vec::new();
        for raw in raws.into_iter().rev() {
            let node = node.clone();
            tasks.push(tokio::spawn(async move { node.submit_async(raw).await }));
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        for task in tasks {
            task.await.unwrap().unwrap();
        }
    });
    let batch = node.seal_batch().unwrap().unwrap();
    assert_eq!(batch.transactions, 20);
}

#[test]
fn intervals_build_empty_blocks_only_if_asked() {
    let production = BlockProduction::Interval(Duration::from_millis(20));
    let directory = tempfile::tempdir().unwrap();
    let node = open(
        directory.path(),
        Config {
            empty_blocks: true,
            ..config(production)
        },
    );
    let mut blocks = node.subscribe_blocks();
    let first = blocks.blocking_recv().unwrap().number;
    for number in first + 1..first + 3 {
        let block = blocks.blocking_recv().unwrap();
        assert_eq!((block.number, block.transactions), (number, 0));
    }
    let directory = tempfile::tempdir().unwrap();
    let node = open(directory.path(), config(production));
    let mut blocks = node.subscribe_blocks();
    std::thread::sleep(Duration::from_millis(100));
    node.submit(sign(&key(0), transfer(0, address(1), 1)))
        .unwrap();
    let block = blocks.blocking_recv().unwrap();
    assert_eq!((block.number, block.transactions), (1, 1));
}

#[test]
fn a_batch_takes_a_new_nonce_after_a_revert() {
    let directory = tempfile::tempdir().unwrap();
    let node = open(directory.path(), config(BlockProduction::Automine));
    node.submit(sign(&key(0), transfer(0, address(1), 1)))
        .unwrap();
    let batch = node.seal_batch().unwrap().unwrap();
    let old = batch.statement.hash();
    node.record_proof(1, old, 0, 1, vec![1]).unwrap();
    let renewed = node.set_batch_nonce(1, 4).unwrap();
    assert_eq!(renewed.statement.batch_nonce, 4);
    assert_ne!(renewed.statement.hash(), old);
    assert_eq!(node.proof_status(1).unwrap(), ProofStatus::Sealed);
    assert_eq!(node.batch_witness(1).unwrap().statement, renewed.statement);
    assert!(matches!(
        node.record_proof(1, old, 0, 1, vec![1]),
        Err(NodeError::BatchState { batch: 1, .. })
    ));
    node.submit(sign(&key(0), transfer(1, address(1), 1)))
        .unwrap();
    assert_eq!(node.seal_batch().unwrap().unwrap().statement.batch_nonce, 5);
    node.set_finalized(1).unwrap();
    assert!(matches!(
        node.set_batch_nonce(1, 9),
        Err(NodeError::BatchState { .. })
    ));
}

// NEGATIVE

#[test]
fn another_genesis_or_a_second_process_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    let node = open(directory.path(), config(BlockProduction::Manual));
    let second = sequencer::Node::open(&path, genesis(), Config::default());
    assert!(matches!(
        second,
        Err(NodeError::Store(StoreError::InUse(_)))
    ));
    drop(node);
    let mut other = genesis();
    other.accounts.get_mut(&address(3)).unwrap().balance += U256::from(1);
    let error = sequencer::Node::open(&path, other, Config::default()).unwrap_err();
    assert!(
        matches!(&error, NodeError::Store(StoreError::OtherGenesis { .. })),
        "{error}"
    );
}

#[test]
fn damaged_stores_give_an_error_or_lose_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.redb");
    let node = open(directory.path(), config(BlockProduction::Automine));
    for nonce in 0..20 {
        node.submit(sign(&key(0), transfer(nonce, address(1), 1)))
            .unwrap();
    }
    let batch = node.seal_batch().unwrap().unwrap();
    drop(node);
    let good = std::fs::read(&path).unwrap();
    let mut refused = 0;
    let step = good.len() / 40;
    for round in 0..40 {
        let mut bad = good.clone();
        // A run of bytes in each fortieth of the file.
        for byte in bad.iter_mut().skip(round * step + 64).take(200) {
            *byte = byte.wrapping_add(0x5b);
        }
        std::fs::write(&path, &bad).unwrap();
        match sequencer::Node::open(&path, genesis(), config(BlockProduction::Manual)) {
            Err(NodeError::Store(StoreError::Corrupt { .. })) => refused += 1,
            Err(error) => panic!("round {round}: {error}"),
            Ok(node) => assert_eq!(node.batch(1).unwrap(), batch, "round {round}"),
        }
    }
    assert!(refused > 0);
    for bad in [&good[..good.len() / 2], &[0; 10_000], b"not a database"] {
        std::fs::write(&path, bad).unwrap();
        let error = sequencer::Node::open(&path, genesis(), Config::default()).unwrap_err();
        assert!(
            matches!(&error, NodeError::Store(StoreError::Corrupt { .. })),
            "{error}"
        );
    }
}

#[test]
fn wrong_witnesses_are_found() {
    let directory = tempfile::tempdir().unwrap();
    let node = open(directory.path(), config(BlockProduction::Automine));
    node.submit(sign(&key(0), transfer(0, address(1), 1)))
        .unwrap();
    node.seal_batch().unwrap().unwrap();
    let good = node.batch_witness(1).unwrap();
    good.check().unwrap();
    let change = |change: &dyn Fn(&mut BatchWitness)| {
        let mut bad = good.clone();
        change(&mut bad);
        assert!(
            matches!(bad.check(), Err(WitnessError::Inconsistent(_))),
            "{bad:?}"
        );
    };
    change(&|bad| bad.statement.state_root = B256::ZERO);
    change(&|bad| bad.statement.previous_state_root = B256::ZERO);
    change(&|bad| bad.statement.last_timestamp += 1);
    change(&|bad| bad.statement.first_block = 0);
    change(&|bad| bad.parent.gas_used += 1);
    change(&|bad| bad.accounts[0].1.nonce += 1);
    change(&|bad| bad.storage[0].2 += U256::from(1));
    change(&|bad| bad.accounts.truncate(1));
    change(&|bad| bad.nodes.truncate(1));
    change(&|bad| bad.leaves_after.truncate(1));
    change(&|bad| bad.leaves_after[0].1 = None);
    change(&|bad| bad.payload = Bytes::new());

    let bytes = good.to_bytes().unwrap();
    for length in 0..bytes.len() {
        assert!(BatchWitness::from_bytes(&bytes[..length]).is_err());
    }
    let mut longer = bytes.clone();
    longer.push(0);
    assert!(BatchWitness::from_bytes(&longer).is_err());
    // Each byte changed: an error, or a witness that its check or the statement tells apart.
    for position in 0..bytes.len() {
        let mut bad = bytes.clone();
        bad[position] ^= 0x81;
        if let Ok(witness) = BatchWitness::from_bytes(&bad) {
            assert_ne!(witness, good, "byte {position}");
        }
    }
}

#[test]
fn refused_statuses() {
    let directory = tempfile::tempdir().unwrap();
    let node = open(directory.path(), config(BlockProduction::Automine));
    for error in [
        node.batch(1).unwrap_err(),
        node.batch_file(1).unwrap_err(),
        node.proofs(1).unwrap_err(),
        node.proof_status(0).unwrap_err(),
        node.set_finalized(1).unwrap_err(),
        node.record_proof(1, B256::ZERO, 0, 1, vec![]).unwrap_err(),
    ] {
        assert!(matches!(error, NodeError::UnknownBatch(_)), "{error}");
    }
    node.submit(sign(&key(0), transfer(0, address(1), 1)))
        .unwrap();
    let hash = node.seal_batch().unwrap().unwrap().statement.hash();
    assert!(matches!(
        node.record_proof(1, hash, 1, 1, vec![]),
        Err(NodeError::BatchState { .. })
    ));
    // Another cut: the old segments' proofs do not fit it.
    node.record_proof(1, hash, 0, 2, vec![1]).unwrap();
    node.record_proof(1, hash, 2, 3, vec![2]).unwrap();
    assert_eq!(node.proofs(1).unwrap().proofs.len(), 1);
}

#[test]
fn a_refused_proof_is_a_failure_until_it_is_stored_again() {
    let directory = tempfile::tempdir().unwrap();
    let node = open(directory.path(), config(BlockProduction::Automine));
    node.submit(sign(&key(0), transfer(0, address(1), 1)))
        .unwrap();
    let hash = node.seal_batch().unwrap().unwrap().statement.hash();
    let record = |segment| node.record_proof(1, hash, segment, 2, vec![1]).unwrap();
    record(0);
    record(1);
    assert_eq!(node.proof_status(1).unwrap(), ProofStatus::Proven);
    node.set_failed(1, "L1 refused it");
    let ProofStatus::Failed { reason } = node.proof_status(1).unwrap() else {
        panic!("{:?}", node.proof_status(1));
    };
    assert_eq!(reason, "L1 refused it");
    assert!(node.proofs(1).unwrap().complete(), "nothing is removed");
    record(1);
    assert_eq!(node.proof_status(1).unwrap(), ProofStatus::Proven);
    node.set_failed(1, "L1 refused it again");
    node.set_finalized(1).unwrap();
    assert_eq!(node.proof_status(1).unwrap(), ProofStatus::Finalized);
}
