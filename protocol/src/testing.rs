//! Strategies and keys that the tests of several modules share.

use alloy_primitives::{Address, B256, Bytes, U256};
use k256::ecdsa::SigningKey;
use proptest::prelude::*;

use crate::{
    payload::{BlockInput, Payload},
    transaction::{AccessListItem, Envelope, Signature, SignedTransaction, Transaction},
};

/// Integers with all lengths equally likely: RLP cares about the length.
pub(crate) fn words() -> impl Strategy<Value = U256> {
    (any::<[u8; 32]>(), 0usize..=256)
        .prop_map(|(bytes, shift)| U256::from_be_bytes(bytes).wrapping_shr(shift))
}

pub(crate) fn small() -> impl Strategy<Value = u64> {
    words().prop_map(|word| word.as_limbs()[0])
}

fn prices() -> impl Strategy<Value = u128> {
    words().prop_map(|word| (u128::from(word.as_limbs()[1]) << 64) | u128::from(word.as_limbs()[0]))
}

fn access_lists() -> impl Strategy<Value = Vec<AccessListItem>> {
    let item = (
        any::<[u8; 20]>(),
        prop::collection::vec(any::<[u8; 32]>(), 0..4),
    )
        .prop_map(|(address, keys)| AccessListItem {
            address: address.into(),
            storage_keys: keys.into_iter().map(B256::from).collect(),
        });
    prop::collection::vec(item, 0..4)
}

fn envelopes() -> impl Strategy<Value = Envelope> {
    prop_oneof![
        prices().prop_map(|gas_price| Envelope::Legacy { gas_price }),
        (prices(), access_lists()).prop_map(|(gas_price, access_list)| Envelope::AccessList {
            gas_price,
            access_list
        }),
        (prices(), prices(), access_lists()).prop_map(
            |(max_priority_fee_per_gas, max_fee_per_gas, access_list)| Envelope::DynamicFee {
                max_priority_fee_per_gas,
                max_fee_per_gas,
                access_list
            }
        ),
    ]
}

pub(crate) fn transactions() -> impl Strategy<Value = Transaction> {
    let input = prop_oneof![
        Just(Vec::new()),
        prop::collection::vec(any::<u8>(), 0..4),
        prop::collection::vec(any::<u8>(), 50..60),
        prop::collection::vec(any::<u8>(), 250..260),
    ];
    (
        small().prop_map(|id| id.max(1)),
        small(),
        small(),
        prop::option::of(any::<[u8; 20]>()),
        words(),
        input,
        envelopes(),
    )
        .prop_map(
            |(chain_id, nonce, gas_limit, to, value, input, envelope)| Transaction {
                chain_id,
                nonce,
                gas_limit,
                to: to.map(Address::from),
                value,
                input: Bytes::from(input),
                envelope,
            },
        )
}

/// Signs with a real key.
pub(crate) fn sign(transaction: Transaction, key: &SigningKey) -> SignedTransaction {
    let (signature, recovery) = key
        .sign_prehash_recoverable(transaction.signing_hash().as_slice())
        .unwrap();
    let signature = Signature {
        y_parity: recovery.is_y_odd(),
        r: U256::from_be_slice(&signature.r().to_bytes()),
        s: U256::from_be_slice(&signature.s().to_bytes()),
    };
    SignedTransaction {
        transaction,
        signature,
    }
}

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_slice(&[(seed % 128).max(1); 32]).unwrap()
}

pub(crate) fn signed() -> impl Strategy<Value = SignedTransaction> {
    (transactions(), any::<u8>()).prop_map(|(transaction, seed)| sign(transaction, &key(seed)))
}

pub(crate) fn payloads() -> impl Strategy<Value = Payload> {
    let block = (
        (small(), small(), small(), small()),
        any::<[u8; 20]>(),
        any::<[u8; 32]>(),
        prop::collection::vec(signed(), 0..4),
    )
        .prop_map(
            |((number, timestamp, gas_limit, base_fee), coinbase, prev_randao, transactions)| {
                BlockInput {
                    number,
                    timestamp,
                    gas_limit,
                    base_fee,
                    coinbase: coinbase.into(),
                    prev_randao: prev_randao.into(),
                    transactions,
                }
            },
        );
    prop::collection::vec(block, 1..4).prop_map(|blocks| Payload { blocks })
}
