//! What the tests share: accounts, a genesis, signed transactions, a plain HTTP client.

#![allow(dead_code, unreachable_pub, missing_docs, clippy::unwrap_used)]

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::Path,
    time::Duration,
};

use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEip2930, TxEnvelope, TxLegacy},
    eips::{eip2718::Encodable2718, eip2930::AccessList},
    signers::{SignerSync, local::PrivateKeySigner},
};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use protocol::{Genesis, genesis::GenesisAccount};
use sequencer::{BlockProduction, Config, Node};
use serde_json::{Value, json};

pub const CHAIN_ID: u64 = 31_997;
pub const GAS_LIMIT: u64 = 30_000_000;
pub const BASE_FEE: u64 = 1_000_000_000;
pub const ETHER: u128 = 1_000_000_000_000_000_000;
pub const COINBASE: Address = Address::repeat_byte(0xc0);

/// The key of a funded account; `index` from 0 to 9.
pub fn key(index: u8) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(index + 1)).unwrap()
}

pub fn address(index: u8) -> Address {
    key(index).address()
}

pub fn genesis() -> Genesis {
    let accounts = (0..10).map(|index| {
        let balance = U256::from(100) * U256::from(ETHER);
        (
            address(index),
            GenesisAccount {
                balance,
                ..GenesisAccount::default()
            },
        )
    });
    Genesis {
        chain_id: CHAIN_ID,
        timestamp: 1_700_000_000,
        gas_limit: GAS_LIMIT,
        base_fee: BASE_FEE,
        coinbase: Address::ZERO,
        accounts: accounts.collect(),
    }
    .complete()
    .unwrap()
}

pub fn config(block_production: BlockProduction) -> Config {
    Config {
        coinbase: COINBASE,
        block_production,
        ..Config::default()
    }
}

pub fn open(path: &Path, config: Config) -> Node {
    Node::open(&path.join("store.redb"), genesis(), config).unwrap()
}

/// Fields of an EIP-1559 transfer that a test may change before it signs.
pub fn transfer(nonce: u64, to: Address, value: u128) -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 10 * u128::from(BASE_FEE),
        max_priority_fee_per_gas: 7,
        to: TxKind::Call(to),
        value: U256::from(value),
        access_list: AccessList::default(),
        input: Bytes::new(),
    }
}

pub fn legacy(nonce: u64, to: Address, value: u128) -> TxLegacy {
    TxLegacy {
        chain_id: Some(CHAIN_ID),
        nonce,
        gas_price: 10 * u128::from(BASE_FEE),
        gas_limit: 21_000,
        to: TxKind::Call(to),
        value: U256::from(value),
        input: Bytes::new(),
    }
}

pub fn access_list(nonce: u64, to: Address, value: u128, list: AccessList) -> TxEip2930 {
    TxEip2930 {
        chain_id: CHAIN_ID,
        nonce,
        gas_price: 10 * u128::from(BASE_FEE),
        gas_limit: 100_000,
        to: TxKind::Call(to),
        value: U256::from(value),
        access_list: list,
        input: Bytes::new(),
    }
}

pub fn sign<T>(signer: &PrivateKeySigner, transaction: T) -> Bytes
where
    T: SignableTransaction<alloy_primitives::Signature>,
    TxEnvelope: From<alloy::consensus::Signed<T>>,
{
    let signature = signer
        .sign_hash_sync(&transaction.signature_hash())
        .unwrap();
    TxEnvelope::from(transaction.into_signed(signature))
        .encoded_2718()
        .into()
}

/// Posts bytes and returns the body of the answer with its status.
pub fn post(address: SocketAddr, body: &[u8]) -> (u16, String) {
    let head = format!(
        "POST / HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    http(address, &[head.as_bytes(), body].concat())
}

/// Sends raw bytes as one HTTP exchange.
pub fn http(address: SocketAddr, request: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    // The server may answer and hang up before it has read everything.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .unwrap_or(0);
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    (status, body.to_owned())
}

/// Calls a method and returns the whole answer.
pub fn rpc(address: SocketAddr, method: &str, params: Value) -> Value {
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let (status, body) = post(address, request.to_string().as_bytes());
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"))
}

/// Calls a method that must succeed.
pub fn rpc_ok(address: SocketAddr, method: &str, params: Value) -> Value {
    let answer = rpc(address, method, params);
    assert!(answer.get("error").is_none(), "{method}: {answer}");
    answer["result"].clone()
}
