//! The door: a call to a contract goes in exactly if the machine can prove it, and a batch never needs more rows than were
//! reserved for it.

#![allow(missing_docs, clippy::unwrap_used)]

use alloy::{
    consensus::{TxEip1559, TxEip2930},
    eips::eip2930::{AccessList, AccessListItem},
    network::TransactionBuilder,
    providers::{DynProvider, Provider, ProviderBuilder},
    rpc::types::TransactionRequest,
    sol_types::SolCall,
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use hallmark::{door::Door, pipeline, plan, token::genesis_account};
use proptest::{prelude::*, test_runner::Config as Cases};
use protocol::{Genesis, genesis::GenesisAccount};
use sequencer::{BlockProduction, Config, Node, ProvabilityCheck, RpcHandle, SealPolicy};
use std::sync::Arc;
use tempfile::TempDir;
use tests::{CHAIN_ID, COINBASE, FUNDED, genesis, key, sign};
use tokio::runtime::Runtime;
use verifier_contract::Token;

/// Counts down from 40, and adds on the way.
const LOOP: (Address, &[u8]) = (
    Address::repeat_byte(0xa1),
    &[
        0x5f, 0x60, 40, 0x5b, 0x90, 0x81, 0x01, 0x90, 0x60, 1, 0x90, 0x03, 0x80, 0x60, 3, 0x57,
        0x00,
    ],
);
/// Creates a contract.
const CREATES: (Address, &[u8]) = (Address::repeat_byte(0xa2), &[0x5f, 0x5f, 0x5f, 0xf0, 0x00]);
/// Creates a contract, but in block 1.
const CREATES_LATER: (Address, &[u8]) = (
    Address::repeat_byte(0xa3),
    &[
        0x43, 0x60, 1, 0x14, 0x60, 0x0c, 0x57, 0x5f, 0x5f, 0x5f, 0xf0, 0x00, 0x5b, 0x00,
    ],
);
/// Uses up its gas at once.
const INVALID: (Address, &[u8]) = (Address::repeat_byte(0xa4), &[0xfe]);
/// Uses up its gas three words of a stack at a time.
const ENDLESS: (Address, &[u8]) = (Address::repeat_byte(0xa5), &[0x5b, 0x5f, 0x56]);
/// An account that delegates to the first one.
const DELEGATED: Address = Address::repeat_byte(0xa6);
/// The token, of which accounts with ether have 500 units each.
const TOKEN: Address = Address::repeat_byte(0xa7);
/// Tip in wei per gas.
const TIP: u128 = 1_000_000;

fn with_contracts(accounts: u32) -> Genesis {
    let mut genesis = genesis().unwrap();
    let mut insert = |address, code: Vec<u8>| {
        let account = GenesisAccount {
            nonce: 1,
            code: code.into(),
            ..GenesisAccount::default()
        };
        genesis.accounts.insert(address, account);
    };
    for (address, code) in [LOOP, CREATES, CREATES_LATER, INVALID, ENDLESS] {
        insert(address, code.to_vec());
    }
    let delegation = [&[0xef, 0x01, 0x00], LOOP.0.as_slice()].concat();
    insert(DELEGATED, delegation.clone());
    // One more with ether delegates.
    let sender = key(FUNDED - 1).unwrap().address();
    genesis.accounts.get_mut(&sender).unwrap().code = delegation.into();
    let holders = (0..FUNDED).map(|n| (key(n).unwrap().address(), U256::from(500)));
    let token = genesis_account("Token", "TOK", &holders.collect()).unwrap();
    genesis.accounts.insert(TOKEN, token);
    for n in 0..accounts {
        let account = GenesisAccount {
            balance: U256::from(1),
            ..GenesisAccount::default()
        };
        genesis.accounts.insert(filler(n), account);
    }
    genesis.complete().unwrap()
}

/// An account that only makes the tree deeper.
fn filler(n: u32) -> Address {
    Address::left_padding_from(&(u64::from(n) + 0x1_0000).to_be_bytes())
}

fn open(directory: &TempDir, accounts: u32, seal: SealPolicy) -> Node {
    let config = Config {
        coinbase: COINBASE,
        block_production: BlockProduction::Manual,
        seal,
        ..Config::default()
    };
    let store = directory.path().join("store.redb");
    let check = Arc::new(Door::new().unwrap());
    Node::open_with(&store, with_contracts(accounts), config, check).unwrap()
}

fn seal() -> SealPolicy {
    SealPolicy {
        max_segment_rows: pipeline::capacity(*pipeline::SHAPES.end()) as u64,
        ..SealPolicy::default()
    }
}

/// A signed call without value.
fn call(sender: u8, nonce: u64, to: Address, gas_limit: u64, tip: u128) -> Bytes {
    let transaction = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit,
        max_fee_per_gas: 2_000_000_000,
        max_priority_fee_per_gas: tip,
        to: TxKind::Call(to),
        ..TxEip1559::default()
    };
    sign(&key(sender).unwrap(), transaction).unwrap()
}

/// The node's only open batch, sealed: true rows, and those that were reserved.
fn sealed_rows(node: &Node) -> (u64, u64) {
    let batch = node.seal_batch().unwrap().unwrap();
    let witness = node.batch_witness(batch.number()).unwrap();
    witness.check().unwrap();
    (pipeline::whole_rows(&witness).unwrap() as u64, batch.rows)
}

struct Server {
    node: Node,
    rpc: RpcHandle,
    runtime: Runtime,
    _directory: TempDir,
}

impl Server {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let node = open(&directory, 0, seal());
        let runtime = Runtime::new().unwrap();
        let rpc = runtime.block_on(node.start_rpc(([127, 0, 0, 1], 0).into()));
        Self {
            node,
            rpc: rpc.unwrap(),
            runtime,
            _directory: directory,
        }
    }

    fn provider(&self) -> DynProvider {
        ProviderBuilder::new()
            .connect_http(self.rpc.url().parse().unwrap())
            .erased()
    }

    fn send(&self, raw: &Bytes) -> Result<B256, String> {
        let provider = self.provider();
        let sent = self.runtime.block_on(provider.send_raw_transaction(raw));
        sent.map(|pending| *pending.tx_hash())
            .map_err(|e| e.to_string())
    }

    fn estimate(&self, to: Option<Address>) -> Result<u64, String> {
        let mut request = TransactionRequest::default()
            .with_from(key(0).unwrap().address())
            .with_input(vec![]);
        request.to = Some(to.map_or(TxKind::Create, TxKind::Call));
        let provider = self.provider();
        let gas = self
            .runtime
            .block_on(async { provider.estimate_gas(request).await });
        gas.map_err(|e| e.to_string())
    }
}

// POSITIVE

#[test]
fn calls_go_from_json_rpc_into_tables_that_hold() {
    let server = Server::start();
    assert!(server.estimate(Some(LOOP.0)).unwrap() > 22_000);
    let hashes: Vec<_> = (0..3)
        .map(|n| server.send(&call(0, n, LOOP.0, 40_000, TIP)).unwrap())
        // This one fails with all its gas used up, and is proven so.
        .chain([server.send(&call(1, 0, INVALID.0, 50_000, TIP)).unwrap()])
        .collect();
    assert_eq!(server.node.build_block().unwrap().transactions, 4);
    let statuses: Vec<bool> = hashes
        .iter()
        .map(|hash| {
            let provider = server.provider();
            let receipt = server
                .runtime
                .block_on(async { provider.get_transaction_receipt(*hash).await });
            receipt.unwrap().unwrap().status()
        })
        .collect();
    assert_eq!(statuses, [true, true, true, false]);

    let (rows, reserved) = sealed_rows(&server.node);
    assert!(rows <= reserved, "{rows} rows, {reserved} reserved");
    let witness = server.node.batch_witness(1).unwrap();
    assert!(witness.codes.iter().any(|code| code[..] == *LOOP.1));
    // Cut into segments or not, the tables hold.
    for largest in [*pipeline::SHAPES.start(), *pipeline::SHAPES.end()] {
        let segments = plan::plan(&witness, largest).unwrap();
        let failures = pipeline::check(&segments).unwrap().failures;
        assert!(failures.is_empty(), "{}", failures[0]);
    }
}

#[test]
fn many_calls_share_batches_that_fit() {
    // About eight of them fit into a batch.
    let directory = tempfile::tempdir().unwrap();
    let policy = SealPolicy {
        max_rows: 1 << 16,
        max_segment_rows: 1 << 16,
        ..seal()
    };
    let node = open(&directory, 0, policy);
    for nonce in 0..30 {
        node.submit(call(0, nonce, LOOP.0, 40_000, TIP)).unwrap();
    }
    let mut mined = 0;
    while mined < 30 {
        mined += node.build_block().unwrap().transactions;
    }
    node.seal_batch().unwrap();
    let batches = node.latest_batch().unwrap();
    assert!((3..10).contains(&batches), "{batches}");
    for number in 1..=batches {
        let rows = pipeline::whole_rows(&node.batch_witness(number).unwrap()).unwrap();
        assert!(rows <= 1 << 16, "{rows}");
    }
}

#[test]
fn token_transfers_reserve_the_code_for_each() {
    let directory = tempfile::tempdir().unwrap();
    let node = open(&directory, 3_000, seal());
    for n in 0..20u32 {
        let transfer = Token::transferCall {
            to: filler(31 * n),
            value: U256::from(7),
        };
        let transaction = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce: u64::from(n / 5),
            gas_limit: 100_000,
            max_fee_per_gas: 2_000_000_000,
            max_priority_fee_per_gas: TIP,
            to: TxKind::Call(TOKEN),
            input: transfer.abi_encode().into(),
            ..TxEip1559::default()
        };
        node.submit(sign(&key((n % 5) as u8).unwrap(), transaction).unwrap())
            .unwrap();
    }
    assert_eq!(node.build_block().unwrap().transactions, 20);
    let (rows, reserved) = sealed_rows(&node);
    println!("{rows} rows, {reserved} reserved");
    // A batch brings the code once; each transaction is counted as if it were the one that brings it.
    assert!(
        rows <= reserved && reserved <= 2 * rows,
        "{rows} rows, {reserved} reserved"
    );
}

#[test]
fn transfers_reserve_little_more_than_they_need() {
    let directory = tempfile::tempdir().unwrap();
    let node = open(&directory, 3_000, seal());
    for n in 0..100u32 {
        let (sender, nonce) = (n % 5, u64::from(n / 5));
        node.submit(call(sender as u8, nonce, filler(29 * n), 21_000, TIP))
            .unwrap();
    }
    assert_eq!(node.build_block().unwrap().transactions, 100);
    let (rows, reserved) = sealed_rows(&node);
    println!("{rows} rows, {reserved} reserved");
    assert!(
        rows <= reserved && reserved * 2 <= rows * 3,
        "{rows} rows, {reserved} reserved"
    );
}

/// A call or transfer to anybody, with an access list. The token is asked for a transfer, of more than there is at times.
fn attempts() -> impl Strategy<Value = (u8, Address, usize, Vec<(u32, u8)>)> {
    let fresh = any::<[u8; 20]>().prop_map(Address::from);
    let known = (0u32..300).prop_map(filler);
    let to = prop_oneof![
        fresh,
        known,
        Just(LOOP.0),
        Just(INVALID.0),
        Just(COINBASE),
        Just(TOKEN),
        Just(TOKEN)
    ];
    let list = prop::collection::vec((0u32..400, 0u8..3), 0..3);
    (0..FUNDED - 1, to, 0usize..300, list)
}

proptest! {
    #![proptest_config(Cases { cases: 16, max_shrink_iters: 40, failure_persistence: None, ..Cases::default() })]

    #[test]
    fn no_batch_needs_more_rows_than_were_reserved(
        accounts in prop_oneof![Just(0), Just(300)],
        blocks in prop::collection::vec(prop::collection::vec(attempts(), 0..6), 1..4),
    ) {
        let directory = tempfile::tempdir().unwrap();
        let node = open(&directory, accounts, seal());
        let mut nonces = [0; FUNDED as usize];
        for block in &blocks {
            for (sender, to, bytes, list) in block {
                let item = |(n, keys): &(u32, u8)| AccessListItem {
                    address: filler(*n),
                    storage_keys: (0..*keys).map(B256::repeat_byte).collect(),
                };
                let (mut value, mut input) = (U256::from(1), vec![7; *bytes]);
                if *to == TOKEN {
                    let to = filler(*bytes as u32 % 7);
                    (value, input) = (
                        U256::ZERO,
                        Token::transferCall { to, value: U256::from(*bytes) }.abi_encode(),
                    );
                }
                let transaction = TxEip2930 {
                    chain_id: CHAIN_ID,
                    nonce: nonces[usize::from(*sender)],
                    gas_price: 2_000_000_000,
                    gas_limit: 150_000,
                    to: TxKind::Call(*to),
                    value,
                    access_list: AccessList(list.iter().map(item).collect()),
                    input: input.into(),
                };
                node.submit(sign(&key(*sender).unwrap(), transaction).unwrap()).unwrap();
                nonces[usize::from(*sender)] += 1;
            }
            prop_assert_eq!(node.build_block().unwrap().transactions, block.len());
        }
        let (rows, reserved) = sealed_rows(&node);
        prop_assert!(rows <= reserved, "{} rows, {} reserved", rows, reserved);
    }
}

// NEGATIVE

#[test]
fn what_the_machine_cannot_prove_is_refused_with_the_reason() {
    let server = Server::start();
    let refused = |raw: &Bytes| server.send(raw).unwrap_err();
    let create = refused(&call(0, 0, CREATES.0, 100_000, TIP));
    assert!(
        create.contains("the opcode CREATE cannot be proven yet"),
        "{create}"
    );
    let estimate = server.estimate(Some(CREATES.0)).unwrap_err();
    assert!(
        estimate.contains("the opcode CREATE cannot be proven yet"),
        "{estimate}"
    );

    let receiver = refused(&call(0, 0, DELEGATED, 100_000, TIP));
    assert!(
        receiver.contains("delegates to code") && receiver.contains(&DELEGATED.to_string()),
        "{receiver}"
    );
    let sender = refused(&call(FUNDED - 1, 0, LOOP.0, 100_000, TIP));
    assert!(sender.contains("delegates to code"), "{sender}");

    let precompile = refused(&call(0, 0, Address::with_last_byte(4), 100_000, TIP));
    assert!(precompile.contains("precompiled contract"), "{precompile}");
    let creation = TxEip1559 {
        chain_id: CHAIN_ID,
        gas_limit: 100_000,
        max_fee_per_gas: 2_000_000_000,
        ..TxEip1559::default()
    };
    let creation = refused(&sign(&key(0).unwrap(), creation).unwrap());
    assert!(creation.contains("creates a contract"), "{creation}");
    assert!(
        server
            .estimate(None)
            .unwrap_err()
            .contains("creates a contract")
    );

    // With 2^24 gas it would run for four million instructions.
    let endless = refused(&call(0, 0, ENDLESS.0, 1 << 24, TIP));
    let limit = pipeline::capacity(*pipeline::SHAPES.end()).to_string();
    assert!(
        endless.contains("rows with its block") && endless.contains(&limit),
        "{endless}"
    );
    server.send(&call(0, 0, ENDLESS.0, 100_000, TIP)).unwrap();
}

#[test]
fn what_cannot_be_proven_any_more_is_dropped_alone() {
    let server = Server::start();
    let node = &server.node;
    // The first two of the highest tip leave no gas for others in block 1.
    for sender in 0..2 {
        server
            .send(&call(sender, 0, INVALID.0, 14_990_000, 2 * TIP))
            .unwrap();
    }
    let doomed = server
        .send(&call(2, 0, CREATES_LATER.0, 60_000, TIP))
        .unwrap();
    let after = server.send(&call(2, 1, LOOP.0, 60_000, TIP)).unwrap();
    let other = server.send(&call(3, 0, LOOP.0, 60_000, TIP)).unwrap();
    assert_eq!(node.build_block().unwrap().transactions, 2);
    assert_eq!(node.build_block().unwrap().transactions, 1);
    let reason = node.dropped(doomed).unwrap();
    assert!(
        reason.contains("the opcode CREATE cannot be proven yet"),
        "{reason}"
    );
    let provider = server.provider();
    let (told, none, pending) = server.runtime.block_on(async {
        let told: Option<String> = provider
            .raw_request("hallmark_getDropReason".into(), [doomed])
            .await
            .unwrap();
        let none: Option<String> = provider
            .raw_request("hallmark_getDropReason".into(), [other])
            .await
            .unwrap();
        (
            told,
            none,
            provider
                .get_transaction_count(key(2).unwrap().address())
                .pending()
                .await
                .unwrap(),
        )
    });
    assert_eq!((told, none, pending), (Some(reason), None, 0));

    // The sender's next one waits for another with the lost nonce.
    assert_eq!(node.build_block().unwrap().transactions, 0);
    assert_eq!(node.dropped(after), None);
    server.send(&call(2, 0, LOOP.0, 60_000, TIP)).unwrap();
    assert_eq!(node.build_block().unwrap().transactions, 2);
    let (rows, reserved) = sealed_rows(node);
    assert!(rows <= reserved);
}

#[test]
fn rows_are_measured_and_not_guessed() {
    // What an empty block needs is what the machine says, with little above it.
    let door = Door::new().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let node = open(&directory, 0, seal());
    node.build_block().unwrap();
    let (rows, reserved) = sealed_rows(&node);
    assert!(
        rows <= reserved && reserved < rows + 2_000,
        "{rows} rows, {reserved} reserved"
    );
    assert!(door.batch_rows() + door.block_rows() <= reserved);
}
