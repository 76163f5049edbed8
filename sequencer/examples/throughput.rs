//! How fast a node accepts, mines and seals: `cargo run --release -p sequencer --example throughput [TRANSACTIONS] [ACCOUNTS]`.

#![allow(missing_docs, clippy::unwrap_used)]

use std::time::{Duration, Instant};

use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEnvelope},
    eips::eip2718::Encodable2718,
    signers::{SignerSync, local::PrivateKeySigner},
};
use alloy_primitives::{Address, B256, TxKind, U256};
use protocol::{Genesis, genesis::GenesisAccount};
use sequencer::{BlockProduction, Config, Node, PoolLimits, SealPolicy};

fn main() {
    let mut arguments = std::env::args()
        .skip(1)
        .map(|text| text.parse::<u64>().unwrap());
    let transactions = arguments.next().unwrap_or(5_000);
    let accounts = arguments.next().unwrap_or(1 << 16);
    let signers: Vec<_> = (1..=20_u8)
        .map(|index| PrivateKeySigner::from_bytes(&B256::repeat_byte(index)).unwrap())
        .collect();
    let rich = GenesisAccount {
        balance: U256::from(u128::MAX),
        ..GenesisAccount::default()
    };
    let genesis = Genesis {
        chain_id: 1,
        timestamp: 0,
        gas_limit: 30_000_000,
        base_fee: 1_000,
        coinbase: Address::ZERO,
        accounts: (0..accounts)
            .map(|index| Address::left_padding_from(&(index + 0x10_0000).to_be_bytes()))
            .chain(signers.iter().map(PrivateKeySigner::address))
            .map(|address| (address, rich.clone()))
            .collect(),
    }
    .complete()
    .unwrap();
    let directory = tempfile::tempdir().unwrap();
    let config = Config {
        block_production: BlockProduction::Manual,
        pool: PoolLimits {
            nonce_gap_wait: Duration::from_secs(60),
            transactions: usize::MAX,
            per_sender: usize::MAX,
            waiting: usize::MAX,
            ..PoolLimits::default()
        },
        seal: SealPolicy {
            max_transactions: 500,
            max_rows: u64::MAX,
            ..SealPolicy::default()
        },
        ..Config::default()
    };
    let start = Instant::now();
    let path = directory.path().join("store.redb");
    let node = Node::open(&path, genesis.clone(), config.clone()).unwrap();
    println!("genesis of {accounts} accounts: {:.2?}", start.elapsed());

    let sign = |index: u64| {
        let signer = &signers[index as usize % signers.len()];
        let transaction = TxEip1559 {
            chain_id: 1,
            nonce: index / signers.len() as u64,
            gas_limit: 21_000,
            max_fee_per_gas: 1_000_000_000_000,
            max_priority_fee_per_gas: 1,
            to: TxKind::Call(Address::left_padding_from(
                &(index * 7 + 0x10_0000).to_be_bytes(),
            )),
            value: U256::from(1),
            ..TxEip1559::default()
        };
        let signature = signer
            .sign_hash_sync(&transaction.signature_hash())
            .unwrap();
        TxEnvelope::from(transaction.into_signed(signature)).encoded_2718()
    };
    let raws: Vec<_> = (0..transactions).map(sign).collect();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let start = Instant::now();
    runtime.block_on(async {
        let tasks: Vec<_> = raws
            .into_iter()
            .map(|raw| {
                let node = node.clone();
                tokio::spawn(async move { node.submit_async(raw).await.unwrap() })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    let accepted = start.elapsed();
    println!(
        "accepted {transactions} transactions: {accepted:.2?}, {:.0} per second",
        transactions as f64 / accepted.as_secs_f64()
    );
    let start = Instant::now();
    let mut mined = 0;
    while mined < transactions {
        mined += node.build_block().unwrap().transactions as u64;
    }
    node.seal_batch().unwrap();
    let elapsed = start.elapsed();
    println!(
        "mined and sealed {} batches: {elapsed:.2?}, {:.0} per second",
        node.latest_batch().unwrap(),
        transactions as f64 / elapsed.as_secs_f64()
    );
    drop(node);
    let start = Instant::now();
    drop(Node::open(&path, genesis, config).unwrap());
    println!("opened again, every page checked: {:.2?}", start.elapsed());
}
