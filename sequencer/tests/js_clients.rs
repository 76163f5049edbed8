//! The node through ethers and viem, as people use them from JavaScript.
//!
//! Needs `node` and `npm`; without them the tests fail, they are never skipped.

#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
};

use alloy_primitives::hex;
use common::*;
use sequencer::{BlockProduction, Node, RpcHandle};
use serde_json::Value;

static INSTALL: Mutex<()> = Mutex::new(());

/// The folder of the scripts, with their packages installed as the lock file says.
fn scripts() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../tests/js")
        .canonicalize()
        .unwrap();
    let _guard = INSTALL
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    // npm writes this file last; it is stale if the lock file is newer.
    let modified = |file: &str| {
        folder
            .join(file)
            .metadata()
            .and_then(|data| data.modified())
            .ok()
    };
    let installed = modified("node_modules/.package-lock.json");
    if installed.is_none() || installed < modified("package-lock.json") {
        let status = Command::new("npm")
            .args(["ci", "--no-audit", "--no-fund"])
            .current_dir(&folder)
            .status()
            .expect("npm is needed for this test: install Node.js 20 or later");
        assert!(status.success(), "npm ci failed in {}", folder.display());
    }
    folder
}

fn run(script: &str, server: &RpcHandle) -> Value {
    let output = Command::new("node")
        .arg(script)
        .arg(server.url())
        .env("HALLMARK_TEST_KEY", hex::encode_prefixed(key(0).to_bytes()))
        .current_dir(scripts())
        .output()
        .expect("node is needed for this test: install Node.js 20 or later");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{script} failed:\n{text}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

async fn start(directory: &Path) -> (Node, RpcHandle) {
    let node = open(directory, config(BlockProduction::Automine));
    let server = node
        .start_rpc(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
        .await
        .unwrap();
    (node, server)
}

async fn client(script: &'static str) {
    let directory = tempfile::tempdir().unwrap();
    let (node, server) = start(directory.path()).await;
    let (report, server) = tokio::task::spawn_blocking(move || (run(script, &server), server))
        .await
        .unwrap();
    // What the client saw is what the chain has.
    let batch = tokio::task::spawn_blocking(move || node.seal_batch())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert_eq!(report["transactions"], batch.transactions);
    assert_eq!(report["nonce"], batch.transactions);
    for hash in report["hashes"].as_array().unwrap() {
        let address = server.address();
        let hash = hash.clone();
        let receipt = tokio::task::spawn_blocking(move || {
            rpc_ok(
                address,
                "eth_getTransactionReceipt",
                serde_json::json!([hash]),
            )
        });
        assert_eq!(receipt.await.unwrap()["status"], "0x1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ethers() {
    client("ethers.mjs").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn viem() {
    client("viem.mjs").await;
}
