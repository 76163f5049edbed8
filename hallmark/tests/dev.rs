//! `hallmark dev` over kills and failures: a batch that cannot be proven, a proof that L1 refuses, a process killed in every state of
//! a batch. One real proof is finished, in the smallest shape.

#![allow(missing_docs, clippy::unwrap_used)]

use alloy::{
    network::{EthereumWallet, TransactionBuilder},
    providers::{DynProvider, Provider, ProviderBuilder},
    rpc::types::{TransactionReceipt, TransactionRequest},
    signers::local::PrivateKeySigner,
};
use alloy_primitives::{Address, B256, U256};
use hallmark::pipeline;
use protocol::Genesis;
use prover::{ProofFile, SegmentId, SrsLabel, circuit, segments::Prover};
use sequencer::{Config, Node, ProofStatus, RpcBatch, RpcProveStatus};
use serde_json::{Value, json};
use std::{
    fs,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;

const RECIPIENT: Address = Address::repeat_byte(0x42);
/// The only shape.
const SHAPE: u32 = 15;
/// After this long the node is taken to hang. Keys and a proof take some 20 seconds on two idle cores.
const HUNG: Duration = Duration::from_secs(1_800);
const FIRST: SegmentId = SegmentId {
    batch: 1,
    index: 0,
    count: 1,
};

fn key() -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(1)).unwrap()
}

fn genesis() -> String {
    let balance = U256::from(10).pow(U256::from(20));
    json!({
        "chainId": 1337, "gasLimit": 30_000_000, "baseFee": 1_000_000_000,
        "accounts": { key().address().to_string(): { "balance": balance } },
    })
    .to_string()
}

/// A running `hallmark dev` on a kept chain.
struct Dev {
    process: Child,
    provider: DynProvider,
    /// What it has said on standard error.
    said: Arc<Mutex<String>>,
    runtime: Runtime,
}

impl Drop for Dev {
    /// Kills it, as a crash does.
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Dev {
    /// Starts it; each transaction becomes a batch.
    fn start(data: &Path, more: &[&str]) -> Self {
        let genesis_file = data.join("genesis.json");
        fs::write(&genesis_file, genesis()).unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_hallmark"))
            .args(["dev", "--json", "--listen", "127.0.0.1:0"])
            .args(["--batch-transactions", "1", "--max-k", &SHAPE.to_string()])
            .arg("--genesis")
            .arg(genesis_file)
            .arg("--data")
            .arg(data)
            .args(more)
            .current_dir(data)
            .env_clear()
            // Reference strings and keys are kept between runs.
            .env(
                "HALLMARK_HOME",
                Path::new(env!("CARGO_TARGET_TMPDIR")).join("hallmark"),
            )
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let (heard, lines) = (said.clone(), process.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in BufReader::new(lines).lines().map_while(Result::ok) {
                eprintln!("{line}");
                *heard.lock().unwrap() += &format!("{line}\n");
            }
        });
        let mut first = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut first)
            .unwrap();
        let started: Value = serde_json::from_str(&first).unwrap();
        let url = started["rpc"].as_str().unwrap().parse().unwrap();
        Self {
            process,
            provider: ProviderBuilder::new().connect_http(url).erased(),
            said,
            runtime: Runtime::new().unwrap(),
        }
    }

    /// Sends a wei; the receipt.
    fn send(&self, nonce: u64) -> TransactionReceipt {
        let request = TransactionRequest::default()
            .with_to(RECIPIENT)
            .with_value(U256::from(1))
            .with_nonce(nonce);
        let provider = ProviderBuilder::new()
            .wallet(EthereumWallet::from(key()))
            .connect_provider(self.provider.clone());
        self.runtime.block_on(async {
            let sent = provider.send_transaction(request).await.unwrap();
            sent.get_receipt().await.unwrap()
        })
    }

    /// What was acknowledged is there.
    fn has(&self, receipts: &[&TransactionReceipt]) {
        self.runtime.block_on(async {
            for receipt in receipts {
                let hash = receipt.transaction_hash;
                let found = self.provider.get_transaction_receipt(hash).await.unwrap();
                assert_eq!(found.as_ref(), Some(*receipt));
            }
            let balance = self.provider.get_balance(RECIPIENT).await.unwrap();
            assert_eq!(balance, U256::from(receipts.len()));
        });
    }

    fn batch(&self, number: u64) -> RpcBatch {
        let found = self
            .provider
            .raw_request("hallmark_getBatch".into(), [number]);
        self.runtime.block_on(found).unwrap()
    }

    /// Numbers of the newest sealed, proven and final batch, and status and reason of those that are not final.
    fn status(&self) -> ([u64; 3], Vec<(String, Option<String>)>) {
        let status = self.provider.raw_request("hallmark_proveStatus".into(), ());
        let status: RpcProveStatus = self.runtime.block_on(status).unwrap();
        let batches = status.batches.into_iter().map(|b| b.status);
        (
            [status.sealed, status.proven, status.finalized].map(|n| n.to()),
            batches.map(|s| (s.status, s.reason)).collect(),
        )
    }

    /// Waits until something is there.
    fn wait<T>(&mut self, what: &str, found: impl Fn(&Self) -> Option<T>) -> T {
        let started = Instant::now();
        loop {
            if let Some(found) = found(self) {
                return found;
            }
            let ended = self.process.try_wait().unwrap();
            assert!(
                ended.is_none() && started.elapsed() < HUNG,
                "no {what} in {}",
                self.said()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Waits until it says this.
    fn hear(&mut self, words: &str) {
        self.wait(words, |dev| dev.said().contains(words).then_some(()));
    }

    /// Waits until the first batch has failed; the reason.
    fn failure(&mut self) -> String {
        self.wait("failure", |dev| match dev.status().1.first() {
            Some((status, reason)) if status == "failed" => reason.clone(),
            _ => None,
        })
    }
}

/// A proof of the first batch that is a proof in form only.
fn wrong_proof(node: &Node) -> Vec<u8> {
    let witness = node.batch_witness(1).unwrap();
    let file = ProofFile {
        k: SHAPE,
        circuit: circuit::digest(&pipeline::blank(SHAPE)).unwrap(),
        srs: SrsLabel::development(),
        segment: FIRST,
        public: pipeline::public_values(&witness).to_vec(),
        proof: vec![0; 1_000],
        metadata: witness.statement.end().hash().to_vec(),
    };
    file.encode().unwrap()
}

#[test]
fn nothing_is_lost_over_kills_and_failures() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path();
    let batches = data.join("batches");

    // The batch cannot be proven, as its file cannot be written: each attempt waits longer than the last one.
    let obstacle = batches.join("batch-1.batch");
    fs::create_dir_all(&obstacle).unwrap();
    let mut dev = Dev::start(data, &[]);
    let first = dev.send(0);
    let reason = dev.failure();
    assert!(
        reason.contains("batch-1.batch cannot be written"),
        "{reason}"
    );
    dev.hear("tried again in 5 s");
    dev.hear("tried again in 10 s");
    assert_eq!(dev.status().0, [1, 0, 0]);
    let sealed = dev.batch(1);
    // Killed with a sealed batch.
    drop(dev);

    let genesis = Genesis::from_json(&genesis()).unwrap();
    let node = Node::open(&data.join("store.redb"), genesis, Config::default()).unwrap();
    assert_eq!(node.proof_status(1).unwrap(), ProofStatus::Sealed);
    assert_eq!(node.batch(1).unwrap().statement.hash(), sealed.batch_hash);
    node.record_proof(1, sealed.batch_hash, 0, 1, wrong_proof(&node))
        .unwrap();
    drop(node);
    fs::remove_dir(&obstacle).unwrap();

    // L1 refuses the proof that is there. Without a restart it is made anew.
    let mut dev = Dev::start(data, &[]);
    dev.has(&[&first]);
    let reason = dev.failure();
    assert!(
        reason.contains("L1 refused the proof of batch 1"),
        "{reason}"
    );
    assert_eq!(dev.status().0, [1, 0, 0]);
    let proof = Prover::proof_path(&batches, FIRST);
    dev.wait("proof", |_| proof.exists().then_some(()));
    // Killed with a finished proof, which node and L1 may or may not have taken yet.
    let said = dev.said();
    drop(dev);
    assert_eq!(said.matches("rollup contract at").count(), 1, "{said}");
    assert_eq!(said.matches("tried again").count(), 1, "{said}");
    let made = fs::read(&proof).unwrap();

    // The batch becomes final by the same proof.
    let mut dev = Dev::start(data, &[]);
    dev.has(&[&first]);
    let done = ([1, 1, 1], vec![]);
    dev.wait("final batch", |dev| (dev.status() == done).then_some(()));
    assert!(!dev.said().contains("budget"), "{}", dev.said());
    assert_eq!(fs::read(&proof).unwrap(), made);
    // Killed while the next batch is being proven.
    let second = dev.send(1);
    dev.hear("budget");
    let sealed = dev.batch(2);
    drop(dev);

    let dev = Dev::start(data, &["--no-prove"]);
    dev.has(&[&first, &second]);
    let waiting = ("sealed".to_owned(), None);
    assert_eq!(dev.status(), ([2, 1, 1], vec![waiting]));
    assert_eq!(dev.batch(2).batch_hash, sealed.batch_hash);
}
