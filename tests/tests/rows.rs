//! Rows of each kind of transaction, of a block and of a batch: golden figures, and the sequencer's bounds above them.
//!
//! `UPDATE_GOLDEN=1 cargo test --release -p tests --test rows` writes them anew.

#![allow(missing_docs, clippy::unwrap_used)]

use alloy::{
    consensus::{TxEip1559, TxEip2930, TxLegacy},
    eips::eip2930::{AccessList, AccessListItem},
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use hallmark::pipeline;
use tests::{CHAIN_ID, assert_golden, key, node, sign};

const PRICE: u128 = 2_000_000_000;

fn legacy(nonce: u64, input: Bytes) -> Bytes {
    let transaction = TxLegacy {
        chain_id: Some(CHAIN_ID),
        nonce,
        gas_price: PRICE,
        gas_limit: 21_000 + 40 * input.len() as u64,
        to: TxKind::Call(Address::repeat_byte(0x77)),
        value: U256::from(1),
        input,
    };
    sign(&key(0).unwrap(), transaction).unwrap()
}

fn dynamic(nonce: u64) -> Bytes {
    let transaction = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: PRICE,
        max_priority_fee_per_gas: 1,
        to: TxKind::Call(Address::repeat_byte(0x77)),
        value: U256::from(1),
        access_list: AccessList::default(),
        input: Bytes::new(),
    };
    sign(&key(0).unwrap(), transaction).unwrap()
}

fn listed(nonce: u64, addresses: u8, slots: u8) -> Bytes {
    let item = |n: u8| AccessListItem {
        address: Address::repeat_byte(n),
        storage_keys: (0..slots).map(B256::repeat_byte).collect(),
    };
    let transaction = TxEip2930 {
        chain_id: CHAIN_ID,
        nonce,
        gas_price: PRICE,
        gas_limit: 21_000 + u64::from(addresses) * (2_400 + 1_900 * u64::from(slots)),
        to: TxKind::Call(Address::repeat_byte(0x77)),
        value: U256::from(1),
        access_list: AccessList((0..addresses).map(item).collect()),
        input: Bytes::new(),
    };
    sign(&key(0).unwrap(), transaction).unwrap()
}

/// Rows of a batch of these blocks, and the sequencer's bound.
fn rows(blocks: &[&[Bytes]]) -> (usize, usize) {
    let directory = tempfile::tempdir().unwrap();
    let node = node(directory.path()).unwrap();
    for block in blocks {
        for transaction in *block {
            node.submit(transaction.clone()).unwrap();
        }
        assert_eq!(node.build_block().unwrap().transactions, block.len());
    }
    let bound = node.seal_batch().unwrap().unwrap().rows;
    let witness = node.batch_witness(1).unwrap();
    let rows = pipeline::whole_rows(&witness).unwrap();
    println!("{rows} rows, bound {bound}");
    assert!(rows <= bound as usize, "{rows} rows, bound {bound}");
    (rows, bound as usize)
}

#[test]
fn golden_rows_under_the_sequencers_bounds() {
    let first = dynamic(0);
    let base = rows(&[std::slice::from_ref(&first)]).0;
    let with = |more: Bytes| rows(&[&[first.clone(), more]]).0 - base;
    let lines = [
        ("batch of one block with one transfer", base),
        (
            "a block without transactions",
            rows(&[std::slice::from_ref(&first), &[]]).0 - base,
        ),
        (
            "a second transfer of the same sender, type 2",
            with(dynamic(1)),
        ),
        ("the same, type 0", with(legacy(1, Bytes::new()))),
        ("the same, type 1, empty list", with(listed(1, 0, 0))),
        (
            "the same, type 1, 20 addresses with 3 slots each",
            with(listed(1, 20, 3)),
        ),
        ("the same, type 1, 60 addresses", with(listed(1, 60, 0))),
        (
            "the same, type 0, 1,000 bytes of calldata",
            with(legacy(1, vec![1; 1_000].into())),
        ),
        (
            "the same, type 0, 10,000 bytes of calldata",
            with(legacy(1, vec![0; 10_000].into())),
        ),
    ];
    let text: String = lines
        .iter()
        .map(|(name, rows)| format!("{name}: {rows}\n"))
        .collect();
    assert_golden("rows.txt", &text);
}
