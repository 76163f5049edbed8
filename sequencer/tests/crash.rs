//! kill -9 at random moments: nothing that was acknowledged is lost.
//!
//! A child process runs a node, sends itself transactions over HTTP, seals batches and records
//! proofs, and prints a line after each acknowledgement. The parent kills it, opens the same store,
//! and looks for everything that was printed.

#![allow(missing_docs, clippy::unwrap_used)]

mod common;

use std::{
    collections::BTreeSet,
    env,
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::{Command, Stdio},
    sync::mpsc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use alloy_primitives::{Address, B256, U256, hex};
use common::*;
use sequencer::{
    BlockProduction, Config, Node, NodeError, PoolLimits, ProofStatus, SealPolicy, StoreError,
};
use serde_json::{Value, json};

const DIRECTORY: &str = "HALLMARK_CRASH_DIRECTORY";
const MODE: &str = "HALLMARK_CRASH_MODE";
const RECIPIENT: Address = Address::repeat_byte(0x42);
const ROUNDS: u32 = 12;

fn crash_config(production: BlockProduction) -> Config {
    let seal = SealPolicy {
        max_transactions: 9,
        ..SealPolicy::default()
    };
    let pool = PoolLimits {
        nonce_gap_wait: Duration::from_secs(20),
        ..PoolLimits::default()
    };
    Config {
        seal,
        pool,
        ..config(production)
    }
}

/// Prints past the test harness, which would hold the line back.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(format!("{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}

#[test]
#[ignore = "the child of the test below"]
fn child() {
    let directory = env::var(DIRECTORY).unwrap();
    let production = match env::var(MODE).unwrap().as_str() {
        "automine" => BlockProduction::Automine,
        _ => BlockProduction::Interval(Duration::from_millis(30)),
    };
    // The parent's last connections may still be closing: they hold its node.
    let path = Path::new(&directory).join("store.redb");
    let node = (0..100)
        .find_map(
            |_| match Node::open(&path, genesis(), crash_config(production)) {
                Err(NodeError::Store(StoreError::InUse(_))) => {
                    std::thread::sleep(Duration::from_millis(50));
                    None
                }
                opened => Some(opened.unwrap()),
            },
        )
        .unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime
        .block_on(node.start_rpc(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))))
        .unwrap();
    let address = server.address();

    // A prover that answers at once: two segments for each batch that has no proof yet.
    let mut sealed = node.subscribe_batches();
    let waiting: Vec<u64> = node
        .unfinished_batches()
        .unwrap()
        .into_iter()
        .filter_map(|(number, status)| (status == ProofStatus::Sealed).then_some(number))
        .collect();
    let prover = node.clone();
    std::thread::spawn(move || {
        let prove = |number: u64| {
            let hash = prover.batch(number).unwrap().statement.hash();
            say(&format!("sealed {number} {hash}"));
            for segment in 0..2 {
                prover
                    .record_proof(number, hash, segment, 2, proof(number, segment))
                    .unwrap();
                say(&format!("proof {number} {segment}"));
            }
        };
        waiting.into_iter().for_each(&prove);
        while let Ok(number) = sealed.blocking_recv() {
            prove(number);
        }
    });

    let senders: Vec<_> = (0..3_u8)
        .map(|index| {
            std::thread::spawn(move || {
                let sender = common::address(index);
                let next = rpc_ok(
                    address,
                    "eth_getTransactionCount",
                    json!([sender, "pending"]),
                );
                let first = next.as_str().unwrap().parse::<U256>().unwrap().to::<u64>();
                for nonce in first.. {
                    let raw = sign(&key(index), transfer(nonce, RECIPIENT, 1));
                    let hash = rpc_ok(
                        address,
                        "eth_sendRawTransaction",
                        json!([hex::encode_prefixed(&raw)]),
                    );
                    say(&format!("accepted {}", hash.as_str().unwrap()));
                }
            })
        })
        .collect();
    for sender in senders {
        sender.join().unwrap();
    }
}

/// Writes until the file system refuses.
#[test]
#[ignore = "the child of the test below"]
fn child_on_a_full_disk() {
    let directory = env::var(DIRECTORY).unwrap();
    let node = open(Path::new(&directory), crash_config(BlockProduction::Manual));
    for nonce in 0..1_000 {
        let mut large = transfer(nonce, RECIPIENT, 1);
        large.input = vec![1; 50_000].into();
        large.gas_limit = 3_000_000;
        large.max_fee_per_gas = BASE_FEE.into();
        match node.submit(sign(&key(0), large)) {
            Ok(hash) => say(&format!("accepted {hash}")),
            Err(error) => {
                say(&format!("error {error}"));
                return;
            }
        }
    }
}

fn proof(batch: u64, segment: u32) -> Vec<u8> {
    vec![(batch as u8) ^ (segment as u8); 3_000]
}

#[derive(Default)]
struct Acknowledged {
    transactions: BTreeSet<B256>,
    batches: BTreeSet<(u64, B256)>,
    proofs: BTreeSet<(u64, u32)>,
}

impl Acknowledged {
    fn note(&mut self, line: &str) -> bool {
        let words: Vec<_> = line.split(' ').collect();
        match words.as_slice() {
            ["accepted", hash] => self.transactions.insert(hash.parse().unwrap()),
            ["sealed", number, hash] => self
                .batches
                .insert((number.parse().unwrap(), hash.parse().unwrap())),
            ["proof", number, segment] => self
                .proofs
                .insert((number.parse().unwrap(), segment.parse().unwrap())),
            _ => false,
        }
    }

    /// Everything acknowledged is in the store, and the store is whole.
    fn check(&self, node: &Node, address: SocketAddr) {
        let mut mined = 0;
        for hash in &self.transactions {
            let found = rpc_ok(address, "eth_getTransactionByHash", json!([hash]));
            assert_eq!(found["hash"], json!(hash), "{hash} is lost");
            if found["blockNumber"] != Value::Null {
                let receipt = rpc_ok(address, "eth_getTransactionReceipt", json!([hash]));
                assert_eq!(receipt["status"], "0x1");
                mined += 1;
            }
        }
        for (number, hash) in &self.batches {
            assert_eq!(node.batch(*number).unwrap().statement.hash(), *hash);
        }
        for (number, segment) in &self.proofs {
            let proofs = node.proofs(*number).unwrap();
            assert!(
                proofs
                    .proofs
                    .contains(&(*segment, proof(*number, *segment).into())),
                "proof {number} {segment} is lost"
            );
        }
        // What was not acknowledged may be there, but only whole.
        let balance = rpc_ok(address, "eth_getBalance", json!([RECIPIENT, "latest"]));
        let balance: U256 = balance.as_str().unwrap().parse().unwrap();
        let tip = rpc_ok(address, "eth_blockNumber", json!([]));
        let tip = tip.as_str().unwrap().parse::<U256>().unwrap().to::<u64>();
        let mut total = 0;
        let mut parent = Value::Null;
        for number in 0..=tip {
            let block = rpc_ok(
                address,
                "eth_getBlockByNumber",
                json!([format!("0x{number:x}"), false]),
            );
            if number > 0 {
                assert_eq!(block["parentHash"], parent);
            }
            parent = block["hash"].clone();
            total += block["transactions"].as_array().unwrap().len();
        }
        assert_eq!(balance, U256::from(total));
        assert!(total >= mined);
        let mut root = None;
        for number in 1..=node.latest_batch().unwrap() {
            let witness = node.batch_witness(number).unwrap();
            witness.check().unwrap();
            let statement = witness.statement;
            assert!(root.is_none_or(|root| root == statement.previous_state_root));
            root = Some(statement.state_root);
        }
    }
}

#[test]
fn nothing_acknowledged_is_lost() {
    let directory = tempfile::tempdir().unwrap();
    let mut acknowledged = Acknowledged::default();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for round in 0..ROUNDS {
        let mut child = Command::new(env::current_exe().unwrap())
            .args([
                "--ignored",
                "--exact",
                "child",
                "--nocapture",
                "--test-threads=1",
            ])
            .env(DIRECTORY, directory.path())
            .env(
                MODE,
                if round % 2 == 0 {
                    "automine"
                } else {
                    "interval"
                },
            )
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (lines, received) = mpsc::channel();
        let reader = std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = lines.send(line);
            }
        });
        // The clock starts with the first acknowledgement; a child that never speaks is a failure.
        let mut noted = 0;
        while noted == 0 {
            let line = received
                .recv_timeout(Duration::from_secs(120))
                .expect("the child is silent");
            noted += u32::from(acknowledged.note(&line));
        }
        std::thread::sleep(Duration::from_millis(20 + random() % 400));
        child.kill().unwrap();
        child.wait().unwrap();
        reader.join().unwrap();
        noted += received
            .try_iter()
            .map(|line| u32::from(acknowledged.note(&line)))
            .sum::<u32>();

        let node = open(directory.path(), crash_config(BlockProduction::Manual));
        let server = runtime
            .block_on(node.start_rpc(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))))
            .unwrap();
        acknowledged.check(&node, server.address());
        runtime.block_on(server.stop());
        println!("round {round}: {noted} acknowledgements");
    }
    assert!(acknowledged.transactions.len() > 50);
    assert!(!acknowledged.batches.is_empty() && !acknowledged.proofs.is_empty());
}

#[test]
fn a_full_disk_is_an_error_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    // Files end at 6 MiB; with the signal ignored, writing past that is an error as on a full disk.
    let child = Command::new("bash")
        .args(["-c", "trap '' XFSZ; ulimit -f 6144; exec \"$0\" \"$@\""])
        .arg(env::current_exe().unwrap())
        .args([
            "--ignored",
            "--exact",
            "child_on_a_full_disk",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(DIRECTORY, directory.path())
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&child.stdout).into_owned();
    let mut acknowledged = Acknowledged::default();
    for line in output.lines() {
        acknowledged.note(line);
    }
    assert!(acknowledged.transactions.len() > 5, "{output}");
    let error = output
        .lines()
        .find(|line| line.starts_with("error "))
        .unwrap_or_default();
    assert!(error.contains("store.redb cannot be used"), "{output}");

    let node = open(directory.path(), crash_config(BlockProduction::Manual));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let server = runtime
        .block_on(node.start_rpc(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))))
        .unwrap();
    acknowledged.check(&node, server.address());
    assert!(node.build_block().unwrap().transactions > 0);
}

/// The moment of the kill is random by nature; the clock's low digits will do.
fn random() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::from(now.subsec_nanos()).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40
}
