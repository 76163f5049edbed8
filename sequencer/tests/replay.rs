//! The chain from its payloads alone, and random transfers against a model.

#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use alloy::eips::eip2930::{AccessList, AccessListItem};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use common::*;
use proptest::prelude::*;
use protocol::{Payload, SignedTransaction, history::HISTORY_ADDRESS, rules};
use revm::{
    Context, MainBuilder, MainContext, SystemCallEvm,
    database::{CacheDB, EmptyDB},
    state::{AccountInfo, Bytecode},
};
use sequencer::{BlockProduction, Config, Node, NodeError};

/// A node whose coinbase is account 3, so that fees flow back to a sender.
fn start(directory: &tempfile::TempDir) -> Node {
    let config = Config {
        coinbase: address(3),
        ..config(BlockProduction::Manual)
    };
    open(directory.path(), config)
}

#[derive(Debug, Clone)]
struct Step {
    sender: u8,
    to: u8,
    value: u64,
    tip: u64,
    kind: u8,
    data: Vec<u8>,
    slots: u8,
    new_block: bool,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (
        0..6_u8,
        0..8_u8,
        prop_oneof![Just(0), any::<u64>()],
        prop_oneof![Just(0), 0..3_000_000_000_u64],
        0..3_u8,
        proptest::collection::vec(prop_oneof![Just(0), any::<u8>()], 0..80),
        0..4_u8,
        proptest::bool::weighted(0.3),
    );
    let step = step.prop_map(
        |(sender, to, value, tip, kind, data, slots, new_block)| Step {
            sender,
            to,
            value,
            tip,
            kind,
            data,
            slots,
            new_block,
        },
    );
    proptest::collection::vec(step, 1..40)
}

/// Accounts 0 to 5 are funded senders, 6 and 7 do not exist at first.
fn recipient(index: u8) -> Address {
    if index < 6 {
        address(index)
    } else {
        Address::repeat_byte(0x60 + index)
    }
}

fn raw(step: &Step, nonce: u64) -> Bytes {
    let to = TxKind::Call(recipient(step.to));
    let signer = key(step.sender);
    let list = AccessList(vec![AccessListItem {
        address: recipient(step.slots),
        storage_keys: (0..step.slots).map(B256::repeat_byte).collect(),
    }]);
    let (price, gas_limit) = (u128::from(BASE_FEE) * 4 + u128::from(step.tip), 100_000);
    match step.kind {
        0 => {
            let mut transaction = legacy(nonce, Address::ZERO, step.value.into());
            (transaction.to, transaction.input) = (to, step.data.clone().into());
            (transaction.gas_price, transaction.gas_limit) = (price, gas_limit);
            sign(&signer, transaction)
        }
        1 => {
            let mut transaction = access_list(nonce, Address::ZERO, step.value.into(), list);
            (transaction.to, transaction.input) = (to, step.data.clone().into());
            (transaction.gas_price, transaction.gas_limit) = (price, gas_limit);
            sign(&signer, transaction)
        }
        _ => {
            let mut transaction = transfer(nonce, Address::ZERO, step.value.into());
            (transaction.to, transaction.input) = (to, step.data.clone().into());
            (transaction.max_fee_per_gas, transaction.gas_limit) = (price, gas_limit);
            transaction.max_priority_fee_per_gas = step.tip.into();
            transaction.access_list = list;
            sign(&signer, transaction)
        }
    }
}

/// Balances by arithmetic alone.
fn model(payload: &Payload) -> BTreeMap<Address, U256> {
    let mut balances: BTreeMap<_, _> = genesis()
        .accounts
        .iter()
        .map(|(address, account)| (*address, account.balance))
        .collect();
    for block in &payload.blocks {
        for signed in &block.transactions {
            let transaction = &signed.transaction;
            let gas = rules::intrinsic_gas(transaction).max(rules::floor_gas(transaction));
            let price = transaction.effective_gas_price(block.base_fee).unwrap();
            let fee = U256::from(gas) * U256::from(price);
            let tip = U256::from(gas) * U256::from(price - u128::from(block.base_fee));
            let sender = signed.recover_sender().unwrap();
            *balances.entry(sender).or_default() -= transaction.value + fee;
            *balances.entry(transaction.to.unwrap()).or_default() += transaction.value;
            *balances.entry(block.coinbase).or_default() += tip;
        }
    }
    balances
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn random_transfers(steps in steps()) {
        let directory = tempfile::tempdir().unwrap();
        let node = start(&directory);
        let mut nonces = [0_u64; 6];
        for step in &steps {
            let nonce = &mut nonces[usize::from(step.sender)];
            node.submit(raw(step, *nonce)).unwrap();
            *nonce += 1;
            if step.new_block {
                node.build_block().unwrap();
            }
        }
        node.build_block().unwrap();
        let batch = node.seal_batch().unwrap().unwrap();
        prop_assert_eq!(batch.transactions, steps.len() as u64);
        let witness = node.batch_witness(1).unwrap();
        witness.check().unwrap();

        // The leaves after the batch are those of the model's balances.
        let payload = Payload::decode(&batch.payload).unwrap();
        let balances = model(&payload);
        let after: BTreeMap<_, _> = witness.changes().unwrap().into_iter().collect();
        for (place, account) in &witness.accounts {
            if *place == HISTORY_ADDRESS {
                continue;
            }
            let mut account = *account;
            account.balance = balances.get(place).copied().unwrap_or_default();
            account.nonce = (0..6_u8).find(|i| address(*i) == *place).map_or(0, |i| nonces[usize::from(i)]);
            prop_assert_eq!(after[&protocol::hash::account_key(*place)], account.leaf_value(), "{}", place);
        }

        // A wiped node gets the same chain from the payload.
        let wiped = tempfile::tempdir().unwrap();
        let replayed = open(wiped.path(), config(BlockProduction::Manual));
        prop_assert_eq!(replayed.replay_batch(batch.payload.clone()).unwrap(), batch);
        prop_assert_eq!(replayed.batch_file(1).unwrap(), node.batch_file(1).unwrap());
    }
}

#[test]
fn a_chain_of_batches_comes_back() {
    let directory = tempfile::tempdir().unwrap();
    let node = start(&directory);
    let mut batches = Vec::new();
    for number in 0..4 {
        for nonce in 0..3 {
            let nonce = number * 3 + nonce;
            node.submit(sign(&key(0), transfer(nonce, address(1), 5)))
                .unwrap();
            if nonce % 2 == 0 {
                node.build_block().unwrap();
            }
        }
        node.build_block().unwrap();
        batches.push(node.seal_batch().unwrap().unwrap());
    }
    let wiped = tempfile::tempdir().unwrap();
    let replayed = open(wiped.path(), config(BlockProduction::Manual));
    for batch in &batches {
        assert_eq!(
            replayed.replay_batch(batch.payload.clone()).unwrap(),
            *batch
        );
    }
    // It goes on as the first one does.
    replayed
        .submit(sign(&key(0), transfer(12, address(1), 5)))
        .unwrap();
    assert_eq!(replayed.build_block().unwrap().transactions, 1);
}

#[test]
fn the_history_write_is_the_system_call() {
    // EIP-2935 as Ethereum does it, by a call of the contract's code, has the same effect.
    let directory = tempfile::tempdir().unwrap();
    let node = start(&directory);
    node.build_block().unwrap();
    node.seal_batch().unwrap().unwrap();
    let witness = node.batch_witness(1).unwrap();
    let after: BTreeMap<_, _> = witness.changes().unwrap().into_iter().collect();

    let mut database = CacheDB::new(EmptyDB::default());
    let code = Bytecode::new_raw(Bytes::from_static(protocol::history::HISTORY_CODE));
    let info = AccountInfo {
        nonce: 1,
        ..AccountInfo::default()
    }
    .with_code(code);
    database.insert_account_info(HISTORY_ADDRESS, info);
    let mut evm = Context::mainnet()
        .with_db(database)
        .modify_block_chained(|block| block.number = U256::from(1))
        .build_mainnet();
    let parent = genesis().header().hash();
    let outcome = evm
        .system_call(HISTORY_ADDRESS, Bytes::copy_from_slice(parent.as_slice()))
        .unwrap();
    assert!(outcome.result.is_success());
    let slots: Vec<_> = outcome.state[&HISTORY_ADDRESS]
        .changed_storage_slots()
        .map(|(slot, value)| (*slot, value.present_value()))
        .collect();
    assert_eq!(slots, [(U256::ZERO, U256::from_be_bytes(parent.0))]);
    let leaf = protocol::account::storage_leaf_value(slots[0].1);
    assert_eq!(
        after[&protocol::hash::storage_key(HISTORY_ADDRESS, slots[0].0)],
        leaf
    );
}

// NEGATIVE

#[test]
fn payloads_that_break_a_rule_change_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let node = start(&directory);
    for nonce in 0..3 {
        node.submit(sign(&key(0), transfer(nonce, address(1), 5)))
            .unwrap();
        node.build_block().unwrap();
    }
    let batch = node.seal_batch().unwrap().unwrap();
    let good = Payload::decode(&batch.payload).unwrap();

    let wiped = tempfile::tempdir().unwrap();
    let replayed = open(wiped.path(), config(BlockProduction::Manual));
    let refuse = |change: &dyn Fn(&mut Payload), text: &str| {
        let mut bad = good.clone();
        change(&mut bad);
        let error = replayed.replay_batch(bad.encode()).unwrap_err();
        assert!(matches!(error, NodeError::Replay { .. }), "{error}");
        assert!(error.to_string().contains(text), "{error}");
    };
    refuse(&|bad| bad.blocks[1].number += 1, "block number");
    refuse(&|bad| bad.blocks[2].timestamp = 0, "timestamp");
    refuse(&|bad| bad.blocks[2].gas_limit += 1, "gas limit");
    refuse(&|bad| bad.blocks[2].base_fee += 1, "base fee");
    refuse(
        &|bad| bad.blocks[2].transactions[0].transaction.nonce = 5,
        "transaction 0",
    );
    refuse(
        &|bad| bad.blocks[2].transactions[0].transaction.gas_limit = 20_000,
        "gas limit",
    );
    refuse(
        &|bad| bad.blocks[2].transactions[0].transaction.value = U256::MAX,
        "transaction 0",
    );
    refuse(
        &|bad| {
            let mut creation = transfer(2, address(1), 5);
            (creation.to, creation.gas_limit) = (TxKind::Create, 100_000);
            let raw = sign(&key(0), creation);
            bad.blocks[2].transactions[0] = SignedTransaction::decode_2718(&raw).unwrap();
        },
        "creates a contract",
    );
    refuse(&|bad| bad.blocks = bad.blocks[1..].to_vec(), "block number");
    refuse(
        &|bad| bad.blocks[2].transactions[0].transaction.chain_id = 9,
        "chain id",
    );
    refuse(&|bad| bad.blocks.truncate(0), "no block");
    assert!(matches!(
        replayed.replay_batch(vec![1, 2, 3]),
        Err(NodeError::Replay { .. })
    ));
    // Nothing of the refused payloads stayed.
    assert_eq!(replayed.replay_batch(batch.payload.clone()).unwrap(), batch);
    // Twice is a gap in the numbers.
    let again = replayed
        .replay_batch(batch.payload.clone())
        .unwrap_err()
        .to_string();
    assert!(again.contains("block number 1, must be 4"), "{again}");
    replayed
        .submit(sign(&key(0), transfer(3, address(1), 5)))
        .unwrap();
    replayed.build_block().unwrap();
    let open = replayed
        .replay_batch(batch.payload)
        .unwrap_err()
        .to_string();
    assert!(open.contains("seal them first"), "{open}");
}
