//! Bad input over HTTP: each gives a clear error, and the node goes on.

#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use alloy::{
    consensus::{SignableTransaction, TxEip7702, TxEnvelope, TxLegacy},
    eips::{
        eip2718::Encodable2718,
        eip2930::{AccessList, AccessListItem},
    },
    signers::SignerSync,
};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, hex};
use common::*;
use protocol::{
    history::HISTORY_ADDRESS,
    rules::MAX_TRANSACTION_GAS,
    transaction::{SECP256K1_HALF_ORDER, SECP256K1_ORDER},
};
use sequencer::{BlockProduction, Config, Node, PoolLimits, RpcHandle, RpcLimits, SealPolicy};
use serde_json::{Value, json};

const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
const BLOCK_GAS: u64 = 10_000_000;

/// Account 8 delegates, account 9 has code; blocks have 10 M gas.
fn special_genesis() -> protocol::Genesis {
    let mut genesis = genesis();
    genesis.gas_limit = BLOCK_GAS;
    let delegation = [&hex!("ef0100")[..], Address::repeat_byte(5).as_slice()].concat();
    genesis.accounts.get_mut(&address(8)).unwrap().code = delegation.into();
    genesis.accounts.get_mut(&address(9)).unwrap().code = vec![0x60, 0x00].into();
    genesis
}

struct Server {
    _directory: tempfile::TempDir,
    node: Node,
    rpc: RpcHandle,
    _runtime: tokio::runtime::Runtime,
}

impl Server {
    fn start(change: impl FnOnce(&mut Config)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let pool = PoolLimits {
            nonce_gap_wait: Duration::from_millis(50),
            ..PoolLimits::default()
        };
        let mut config = Config {
            pool,
            ..config(BlockProduction::Manual)
        };
        change(&mut config);
        let node = Node::open(
            &directory.path().join("store.redb"),
            special_genesis(),
            config,
        )
        .unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .unwrap();
        let rpc = runtime.block_on(node.start_rpc(ANY)).unwrap();
        Self {
            _directory: directory,
            node,
            rpc,
            _runtime: runtime,
        }
    }

    fn address(&self) -> SocketAddr {
        self.rpc.address()
    }

    fn send(&self, raw: &[u8]) -> Value {
        rpc(
            self.address(),
            "eth_sendRawTransaction",
            json!([hex::encode_prefixed(raw)]),
        )
    }

    fn accept(&self, raw: &[u8]) {
        let answer = self.send(raw);
        assert!(answer["result"].is_string(), "{answer}");
    }

    fn refuse(&self, raw: &[u8], code: i64, reason: &str, text: &str) {
        let answer = self.send(raw);
        let error = &answer["error"];
        assert_eq!(error["code"], code, "{reason}: {answer}");
        assert_eq!(error["data"]["reason"], reason, "{answer}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(text), "{reason}: {message}");
    }
}

fn signed(index: u8, change: impl FnOnce(&mut alloy::consensus::TxEip1559)) -> Bytes {
    let mut transaction = transfer(0, Address::repeat_byte(0x55), 1);
    change(&mut transaction);
    sign(&key(index), transaction)
}

/// A transfer of account 0 with the given signature in place of its own.
fn with_signature(change: impl FnOnce(Signature) -> Signature) -> Bytes {
    let transaction = transfer(0, Address::repeat_byte(0x55), 1);
    let signature = key(0)
        .sign_hash_sync(&transaction.signature_hash())
        .unwrap();
    TxEnvelope::from(transaction.into_signed(change(signature)))
        .encoded_2718()
        .into()
}

// NEGATIVE

#[test]
fn refused_transactions() {
    let server = Server::start(|_| {});
    let good = signed(0, |_| {});
    let table: Vec<(Bytes, i64, &str, &str)> = vec![
        // Bytes that are no transaction.
        (Bytes::new(), -32602, "malformed", "byte 0"),
        (vec![0xc0].into(), -32602, "malformed", "byte"),
        (vec![0x80; 40].into(), -32602, "malformed", "list"),
        (
            good[..good.len() - 1].to_vec().into(),
            -32602,
            "malformed",
            "end inside",
        ),
        (
            [&good[..], &[0]].concat().into(),
            -32602,
            "malformed",
            "follow",
        ),
        (
            hex!("02f863827cfd80").to_vec().into(),
            -32602,
            "malformed",
            "end inside",
        ),
        // Types.
        (
            hex!("03c0").to_vec().into(),
            -32004,
            "unsupportedType",
            "blob",
        ),
        (set_code(), -32004, "unsupportedType", "type 4"),
        (
            hex!("05c0").to_vec().into(),
            -32004,
            "unsupportedType",
            "type 5",
        ),
        (
            hex!("00c0").to_vec().into(),
            -32004,
            "unsupportedType",
            "type 0",
        ),
        (unprotected(), -32000, "unprotected", "EIP-155"),
        // Chain id.
        (
            signed(0, |t| t.chain_id = 1),
            -32000,
            "wrongChainId",
            "31997",
        ),
        (
            sign(
                &key(0),
                TxLegacy {
                    chain_id: Some(5),
                    ..legacy(0, address(1), 1)
                },
            ),
            -32000,
            "wrongChainId",
            "5",
        ),
        // Signatures.
        (
            with_signature(|s| Signature::new(s.r(), SECP256K1_ORDER - s.s(), !s.v())),
            -32000,
            "badSignature",
            "EIP-2",
        ),
        (
            with_signature(|s| Signature::new(s.r(), SECP256K1_HALF_ORDER + U256::from(1), s.v())),
            -32000,
            "badSignature",
            "EIP-2",
        ),
        (
            with_signature(|s| Signature::new(U256::ZERO, s.s(), s.v())),
            -32000,
            "badSignature",
            "r is 0",
        ),
        (
            with_signature(|s| Signature::new(s.r(), U256::ZERO, s.v())),
            -32000,
            "badSignature",
            "s is 0",
        ),
        (
            with_signature(|s| Signature::new(SECP256K1_ORDER, s.s(), s.v())),
            -32000,
            "badSignature",
            "group order",
        ),
        (
            with_signature(|s| Signature::new(U256::from(5), s.s(), s.v())),
            -32000,
            "badSignature",
            "no public key",
        ),
        // Another signature recovers another sender, which has nothing.
        (
            with_signature(|s| Signature::new(s.r(), s.s(), !s.v())),
            -32000,
            "insufficientFunds",
            "0 wei",
        ),
        // Size and gas.
        (
            signed(0, |t| t.input = vec![0; 119_900].into()),
            -32000,
            "oversized",
            "payload",
        ),
        (
            signed(0, |t| t.input = vec![0; 500_000].into()),
            -32000,
            "oversized",
            "payload",
        ),
        (
            signed(0, |t| t.gas_limit = MAX_TRANSACTION_GAS + 1),
            -32000,
            "gasLimitAboveCap",
            "16777216",
        ),
        (
            signed(0, |t| t.gas_limit = u64::MAX),
            -32000,
            "gasLimitAboveCap",
            "EIP-7825",
        ),
        (
            signed(0, |t| t.gas_limit = BLOCK_GAS + 1),
            -32000,
            "gasLimitAboveBlock",
            "10000000",
        ),
        (
            signed(0, |t| t.gas_limit = 20_999),
            -32000,
            "intrinsicGas",
            "21000",
        ),
        (
            signed(0, |t| t.gas_limit = 0),
            -32000,
            "intrinsicGas",
            "21000",
        ),
        (
            signed(0, |t| t.input = vec![1].into()),
            -32000,
            "intrinsicGas",
            "21016",
        ),
        (
            signed(0, |t| (t.input, t.gas_limit) = (vec![1].into(), 21_039)),
            -32000,
            "floorGas",
            "21040",
        ),
        (
            signed(0, |t| (t.access_list, t.gas_limit) = (one_slot(), 25_299)),
            -32000,
            "intrinsicGas",
            "25300",
        ),
        // Fees.
        (
            signed(0, |t| t.max_priority_fee_per_gas = t.max_fee_per_gas + 1),
            -32000,
            "tipAboveFeeCap",
            "max priority fee",
        ),
        (
            signed(0, |t| t.max_fee_per_gas = 874_999_999),
            -32000,
            "underpriced",
            "875000000 wei",
        ),
        (
            signed(0, |t| {
                (t.max_fee_per_gas, t.max_priority_fee_per_gas) = (0, 0)
            }),
            -32000,
            "underpriced",
            "base fee",
        ),
        // Balance.
        (
            signed(0, |t| t.value = U256::from(100 * ETHER)),
            -32000,
            "insufficientFunds",
            "insufficient funds for gas * price + value",
        ),
        (
            signed(0, |t| t.value = U256::MAX),
            -32000,
            "insufficientFunds",
            "insufficient funds",
        ),
        (
            signed(0, |t| t.max_fee_per_gas = u128::MAX),
            -32000,
            "insufficientFunds",
            "insufficient funds",
        ),
        (
            sign(&key(77), transfer(0, address(1), 0)),
            -32000,
            "insufficientFunds",
            "0 wei",
        ),
        // Nonces.
        (
            signed(0, |t| t.nonce = 1),
            -32000,
            "nonceGap",
            "next nonce 0 (pending transactions included), tx nonce 1",
        ),
        (
            signed(0, |t| t.nonce = u64::MAX - 1),
            -32000,
            "nonceGap",
            "missing",
        ),
        (
            signed(0, |t| t.nonce = u64::MAX),
            -32000,
            "nonceMax",
            "EIP-2681",
        ),
        // Code.
        (signed(9, |_| {}), -32000, "senderHasCode", "EIP-3607"),
        (signed(8, |_| {}), -32004, "unprovable", "delegates"),
        (
            signed(0, |t| t.to = TxKind::Call(address(8))),
            -32004,
            "unprovable",
            "is a contract",
        ),
        (
            signed(0, |t| t.to = TxKind::Call(HISTORY_ADDRESS)),
            -32004,
            "unprovable",
            "transaction cannot be proven",
        ),
        (
            signed(0, |t| (t.to, t.gas_limit) = (TxKind::Create, 100_000)),
            -32004,
            "unprovable",
            "creates a contract",
        ),
        (
            signed(0, |t| t.to = TxKind::Call(precompile(1))),
            -32004,
            "unprovable",
            "precompiled",
        ),
        (
            signed(0, |t| t.to = TxKind::Call(precompile(0x11))),
            -32004,
            "unprovable",
            "precompiled",
        ),
        (
            signed(0, |t| t.to = TxKind::Call(precompile(0x100))),
            -32004,
            "unprovable",
            "precompiled",
        ),
    ];
    for (raw, code, reason, text) in &table {
        server.refuse(raw, *code, reason, text);
    }
    // Neighbours of what is refused are accepted.
    server.accept(&signed(0, |t| t.to = TxKind::Call(Address::ZERO)));
    server.accept(&signed(0, |t| {
        (t.nonce, t.to) = (1, TxKind::Call(precompile(0x12)))
    }));
    server.accept(&signed(0, |t| (t.nonce, t.gas_limit) = (2, BLOCK_GAS)));
    server.accept(&signed(0, |t| {
        (t.nonce, t.max_fee_per_gas) = (3, 875_000_000)
    }));
    server.accept(&signed(0, |t| {
        (t.nonce, t.input, t.gas_limit) = (4, vec![1].into(), 21_040)
    }));
    server.accept(&signed(0, |t| {
        (t.nonce, t.access_list, t.gas_limit) = (5, one_slot(), 25_300)
    }));
    // The one with 10 M gas does not fit after others, and holds back its successors.
    assert_eq!(server.node.build_block().unwrap().transactions, 2);
    assert_eq!(server.node.build_block().unwrap().transactions, 4);

    server.refuse(
        &signed(0, |t| t.value = U256::from(3)),
        -32000,
        "nonceTooLow",
        "next nonce 6, tx nonce 0",
    );
    server.refuse(
        &signed(0, |t| t.to = TxKind::Call(Address::ZERO)),
        -32000,
        "alreadyKnown",
        "accepted before",
    );
}

#[test]
fn pool_rules() {
    let server = Server::start(|config| {
        config.pool.per_sender = 2;
        config.pool.transactions = 3;
        config.seal = SealPolicy {
            max_rows: 25_000,
            ..SealPolicy::default()
        };
    });
    // Pending transactions are counted against the balance together.
    server.accept(&signed(0, |t| t.value = U256::from(60 * ETHER)));
    server.refuse(
        &signed(0, |t| (t.nonce, t.value) = (1, U256::from(50 * ETHER))),
        -32000,
        "insufficientFunds",
        "pending ones 60000210000000000000 wei",
    );
    let same = signed(0, |t| t.value = U256::from(60 * ETHER));
    server.refuse(&same, -32000, "alreadyKnown", "already known");
    // A replacement needs 10 % more of both fees.
    let close = signed(0, |t| t.max_fee_per_gas += t.max_fee_per_gas / 10);
    server.refuse(
        &close,
        -32000,
        "replacementUnderpriced",
        "replacement transaction underpriced",
    );
    let enough = signed(0, |t| {
        t.max_fee_per_gas += t.max_fee_per_gas / 10;
        t.max_priority_fee_per_gas += 1;
    });
    server.accept(&enough);
    server.refuse(&same, -32000, "replacementUnderpriced", "offer at least");
    // A transaction of too many rows.
    let large = signed(3, |t| {
        (t.input, t.gas_limit) = (vec![0; 2_000].into(), 100_000)
    });
    server.refuse(&large, -32004, "unprovable", "a proof holds 25000");
    // Limits.
    server.accept(&signed(0, |t| t.nonce = 1));
    server.refuse(
        &signed(0, |t| t.nonce = 2),
        -32005,
        "senderFull",
        "2 pending",
    );
    server.accept(&signed(1, |_| {}));
    server.refuse(&signed(2, |_| {}), -32005, "poolFull", "txpool is full");
    // Rows.
    // Two transactions, their block and their batch take all 25,000 rows.
    assert_eq!(server.node.build_block().unwrap().transactions, 2);
    assert_eq!(server.node.latest_batch().unwrap(), 1);
}

#[test]
fn malformed_requests() {
    let server = Server::start(|config| {
        config.rpc = RpcLimits {
            request_bytes: 200_000,
            batch_calls: 5,
            ..RpcLimits::default()
        };
    });
    let address = server.address();
    let code = |body: &str| {
        let (status, answer) = post(address, body.as_bytes());
        let answer: Value = serde_json::from_str(&answer)
            .unwrap_or_else(|error| panic!("{body}: {status} {answer}: {error}"));
        answer["error"]["code"]
            .as_i64()
            .unwrap_or_else(|| panic!("{body}: {answer}"))
    };
    for (body, expected) in [
        ("", -32700),
        ("{", -32700),
        ("\u{0}\u{1}", -32700),
        ("[]", -32600),
        ("{}", -32700),
        ("7", -32700),
        (r#"{"jsonrpc":"2.0","id":1}"#, -32600),
        (
            r#"{"jsonrpc":"1.0","id":1,"method":"eth_chainId","params":[]}"#,
            -32600,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"eth_sendTransaction","params":[{}]}"#,
            -32601,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"eth_sendRawTransaction","params":[]}"#,
            -32602,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"eth_sendRawTransaction","params":["xyz"]}"#,
            -32602,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"eth_sendRawTransaction","params":["0x123"]}"#,
            -32602,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"eth_sendRawTransaction","params":[12]}"#,
            -32602,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":["0x12"]}"#,
            -32602,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"eth_getBalance","params":{"a":1}}"#,
            -32602,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"eth_getBlockByNumber","params":["newest",false]}"#,
            -32602,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"eth_feeHistory","params":["0x5","latest",[60,50]]}"#,
            -32602,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"eth_feeHistory","params":["0x5","latest",[101]]}"#,
            -32602,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"hallmark_getBatch","params":["last"]}"#,
            -32602,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"hallmark_getBatch","params":["0x1"]}"#,
            -32001,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"hallmark_getBatch","params":["latest"]}"#,
            -32001,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"hallmark_getProof","params":["0xffffffffffffffff"]}"#,
            -32001,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"eth_getLogs","params":[{"fromBlock":"0x0","toBlock":"0x1","blockHash":"0x0000000000000000000000000000000000000000000000000000000000000000"}]}"#,
            -32602,
        ),
    ] {
        assert_eq!(code(body), expected, "{body}");
    }
    let unknown = rpc(address, "eth_getBalance", json!([Address::ZERO, "0x63"]));
    assert_eq!(unknown["error"]["code"], -32001);
    assert!(
        unknown["error"]["message"]
            .as_str()
            .unwrap()
            .contains("no block 99 yet"),
        "{unknown}"
    );
    let unknown = rpc(
        address,
        "eth_getBalance",
        json!([Address::ZERO, { "blockHash": B256::ZERO }]),
    );
    assert!(
        unknown["error"]["message"]
            .as_str()
            .unwrap()
            .contains("no block has hash"),
        "{unknown}"
    );
    let unknown = rpc(address, "hallmark_getProof", json!(["0x9"]));
    assert!(
        unknown["error"]["message"]
            .as_str()
            .unwrap()
            .contains("unknown batch 9"),
        "{unknown}"
    );

    // Sizes.
    let (status, body) = post(address, &vec![b' '; 300_000]);
    assert!(status == 413 || body.contains("-32007"), "{status} {body}");
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}"#;
    let (_, five) = post(address, format!("[{}]", [call; 5].join(",")).as_bytes());
    assert_eq!(
        serde_json::from_str::<Value>(&five)
            .unwrap()
            .as_array()
            .unwrap()
            .len(),
        5
    );
    let (_, six) = post(address, format!("[{}]", [call; 6].join(",")).as_bytes());
    assert!(six.contains("-32010"), "{six}");
    let nested = "[".repeat(100_000);
    let (_, body) = post(address, nested.as_bytes());
    assert!(body.contains("error"), "{body}");

    // HTTP that is no call.
    let get = format!("GET / HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    assert_eq!(http(address, get.as_bytes()).0, 405);
    let other = format!(
        "POST / HTTP/1.1\r\nHost: evil.example\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{call}",
        call.len()
    );
    assert_eq!(http(address, other.as_bytes()).0, 403);
    assert_eq!(
        http(address, b"\x16\x03\x01\x02\x00 no http\r\n\r\n").0,
        400
    );

    assert_eq!(rpc_ok(address, "eth_chainId", json!([])), "0x7cfd");
}

#[test]
fn calls_that_fail() {
    let server = Server::start(|_| {});
    let address = server.address();
    let from = common::address(0);
    let error = |method: &str, params: Value| {
        let answer = rpc(address, method, params);
        let error = answer["error"].clone();
        assert!(error.is_object(), "{method}: {answer}");
        (
            error["code"].as_i64().unwrap(),
            error["message"].as_str().unwrap().to_owned(),
        )
    };
    // The history contract reverts on anything but a number of a block it keeps.
    let (code, message) = error(
        "eth_call",
        json!([{ "to": HISTORY_ADDRESS, "data": "0x01" }, "latest"]),
    );
    assert_eq!((code, message.as_str()), (3, "execution reverted"));
    let (code, message) = error(
        "eth_call",
        json!([{ "from": Address::repeat_byte(1), "to": from, "value": "0x1" }, "latest"]),
    );
    assert_eq!(code, -32000);
    assert!(
        message.starts_with("insufficient funds for gas * price + value"),
        "{message}"
    );
    let (_, message) = error("eth_call", json!([{ "to": from, "gas": "0x5207" }]));
    assert!(message.starts_with("intrinsic gas too low"), "{message}");
    let (_, message) = error(
        "eth_call",
        json!([{ "to": from, "data": "0x01", "input": "0x02" }]),
    );
    assert!(message.contains("both set"), "{message}");
    let (code, _) = error(
        "eth_call",
        json!([{ "to": from, "gasPrice": "0x1", "maxFeePerGas": "0x1" }]),
    );
    assert_eq!(code, -32602);
    let (_, message) = error(
        "eth_call",
        json!([{ "to": from }, "latest", { "0x0000000000000000000000000000000000000001": {} }]),
    );
    assert!(message.contains("overrides are not supported"), "{message}");
    let (_, message) = error("eth_call", json!([{ "to": from, "chainId": "0x1" }]));
    assert!(message.contains("invalid chain id"), "{message}");
    let (code, message) = error(
        "eth_estimateGas",
        json!([{ "from": from, "to": HISTORY_ADDRESS }]),
    );
    assert_eq!(code, -32004);
    assert!(message.contains("cannot be proven"), "{message}");
    let (_, message) = error("eth_estimateGas", json!([{ "from": from, "data": "0x00" }]));
    assert!(message.contains("creates a contract"), "{message}");
    let (_, message) = error(
        "eth_estimateGas",
        json!([{ "from": from, "to": from, "value": "0xffffffffffffffffffffff" }]),
    );
    assert!(message.starts_with("insufficient funds"), "{message}");
}

#[test]
fn random_bytes_never_stop_the_node() {
    let server = Server::start(|config| config.pool.nonce_gap_wait = Duration::ZERO);
    let good = signed(0, |_| {});
    // A small deterministic generator is enough: mutations of a good transaction, and noise.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for round in 0..3_000 {
        let mut raw = good.to_vec();
        match round % 3 {
            0 => {
                let at = next() as usize % raw.len();
                raw[at] = next() as u8;
            }
            1 => raw.truncate(next() as usize % raw.len()),
            _ => raw = (0..next() % 150).map(|_| next() as u8).collect(),
        }
        if raw == *good {
            continue;
        }
        // Most change the sender or the form; a few, like another value, stay valid for nobody.
        if let Err(error) = server.node.submit(raw) {
            assert!(!error.to_string().is_empty());
        }
    }
    server.accept(&signed(1, |_| {}));
    assert!(server.node.build_block().unwrap().transactions >= 1);
}

#[test]
fn remote_addresses_must_be_asked_for() {
    let server = Server::start(|_| {});
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let remote = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    let error = runtime
        .block_on(server.node.start_rpc(remote))
        .unwrap_err()
        .to_string();
    assert!(error.contains("not loopback"), "{error}");
    // A port that is taken.
    let error = runtime
        .block_on(server.node.start_rpc(server.address()))
        .unwrap_err()
        .to_string();
    assert!(error.contains("cannot listen on 127.0.0.1"), "{error}");
}

#[test]
fn origins_must_be_asked_for() {
    let preflight = |address: SocketAddr| {
        http(
            address,
            format!(
                "OPTIONS / HTTP/1.1\r\nHost: {address}\r\nOrigin: https://dapp.example\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: content-type\r\nConnection: close\r\n\r\n"
            )
            .as_bytes(),
        )
        .0
    };
    let closed = Server::start(|_| {});
    assert_eq!(preflight(closed.address()), 405);
    let open = Server::start(|config| config.rpc.allow_origin = Some("*".to_owned()));
    assert_eq!(preflight(open.address()), 200);
}

fn precompile(number: u16) -> Address {
    Address::left_padding_from(&number.to_be_bytes())
}

fn one_slot() -> AccessList {
    AccessList(vec![AccessListItem {
        address: Address::repeat_byte(0x11),
        storage_keys: vec![B256::ZERO],
    }])
}

fn unprotected() -> Bytes {
    sign(
        &key(0),
        TxLegacy {
            chain_id: None,
            ..legacy(0, Address::ZERO, 1)
        },
    )
}

fn set_code() -> Bytes {
    let transaction = TxEip7702 {
        chain_id: CHAIN_ID,
        nonce: 0,
        gas_limit: 100_000,
        max_fee_per_gas: u128::from(BASE_FEE),
        max_priority_fee_per_gas: 0,
        to: Address::ZERO,
        value: U256::ZERO,
        access_list: AccessList::default(),
        authorization_list: vec![],
        input: Bytes::new(),
    };
    sign(&key(0), transaction)
}
