//! `hallmark dev`: the local rollup for daily work.

use super::print_json;
use crate::{
    cli::{DevArgs, Global, SUCCESS},
    home,
    ui::Ui,
};
use alloy::signers::local::PrivateKeySigner;
use alloy_primitives::{U256, keccak256};
use eyre::{Result, WrapErr, ensure};
use hallmark::{l1::EmbeddedL1, pipeline, plan};
use protocol::{Genesis, genesis::GenesisAccount};
use prover::{Progress, ProofFile, SegmentId, segments::Prover};
use sequencer::{
    BlockProduction, Config, Node, Progress as NodeProgress, ProofStatus, RpcLimits, SealPolicy,
};
use serde_json::json;
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Accounts of the default genesis.
const ACCOUNTS: u64 = 10;
/// How often the prover looks for sealed batches.
const POLL: Duration = Duration::from_millis(500);
/// How long a stop may take before the process just ends.
const PATIENCE: Duration = Duration::from_secs(2);
/// The largest shape that is proven in without a setting: the keys of all shapes up to it go to the embedded L1.
const LARGEST_SHAPE: u32 = 17;

/// The development accounts: their keys follow from their numbers, so they are worth nothing anywhere.
fn accounts() -> Result<Vec<PrivateKeySigner>> {
    (0..ACCOUNTS)
        .map(|n| {
            let key = keccak256(format!("hallmark development account {n}"));
            PrivateKeySigner::from_bytes(&key).wrap_err("a development key")
        })
        .collect()
}

fn genesis(args: &DevArgs, now: u64) -> Result<Genesis> {
    if let Some(path) = &args.genesis {
        let text = std::fs::read_to_string(path)
            .wrap_err_with(|| format!("the genesis file {} cannot be read", path.display()))?;
        return Genesis::from_json(&text)
            .wrap_err_with(|| format!("the genesis file {}", path.display()));
    }
    let mut genesis = Genesis {
        chain_id: args.chain_id,
        // The same on every start, so that a kept chain is found again.
        timestamp: if args.data.is_some() { 0 } else { now },
        gas_limit: 30_000_000,
        base_fee: 1_000_000_000,
        coinbase: args.coinbase.unwrap_or_default(),
        accounts: Default::default(),
    };
    let balance = U256::from(10_000) * U256::from(10).pow(U256::from(18));
    for a in accounts()? {
        genesis.accounts.insert(
            a.address(),
            GenesisAccount {
                balance,
                ..Default::default()
            },
        );
    }
    Ok(genesis.complete()?)
}

pub(crate) fn run(global: &Global, args: &DevArgs) -> Result<u8> {
    let ui = Ui::new();
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let temporary = tempfile::tempdir().wrap_err("no temporary directory can be made")?;
    let data = args
        .data
        .clone()
        .unwrap_or_else(|| temporary.path().to_owned());
    std::fs::create_dir_all(&data)
        .wrap_err_with(|| format!("the directory {} cannot be made", data.display()))?;
    let genesis = genesis(args, now)?;
    let prover = Prover::new(&home::directory(global)?, home::label(global)?);
    let largest = global
        .max_k
        .unwrap_or_else(|| pipeline::largest_shape(&prover, None).min(LARGEST_SHAPE));
    let node = Node::open_with(
        &data.join("store.redb"),
        genesis.clone(),
        config(args, &genesis, largest),
        Arc::new(pipeline::provability()),
    )?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let rpc = runtime.block_on(node.start_rpc(args.listen))?;
    announce(global, args, &genesis, &rpc.url())?;

    let stop = Arc::new(AtomicBool::new(false));
    let (seen, unused) = (stop.clone(), temporary.path().to_owned());
    runtime.spawn(async move {
        // Without a signal handler the process simply ends, which loses nothing either.
        if tokio::signal::ctrl_c().await.is_ok() {
            seen.store(true, Ordering::SeqCst);
            tokio::time::sleep(PATIENCE).await;
            // A proof is under way. What is accepted, sealed and proven is in the store: the process may just end.
            let _ = std::fs::remove_dir_all(unused);
            std::process::exit(i32::from(SUCCESS));
        }
    });
    let stopped = || stop.load(Ordering::SeqCst);
    let outcome = if args.no_prove {
        while !stopped() {
            std::thread::sleep(POLL);
        }
        Ok(())
    } else {
        let worker = Worker {
            node: &node,
            prover,
            largest,
            genesis: &genesis,
            data: &data,
            ui: &ui,
            l1: None,
        };
        worker.work(&stopped)
    };
    runtime.block_on(rpc.stop());
    outcome?;
    Ok(SUCCESS)
}

fn config(args: &DevArgs, genesis: &Genesis, largest: u32) -> Config {
    Config {
        coinbase: args.coinbase.unwrap_or(genesis.coinbase),
        block_production: match args.block_time {
            Some(seconds) => BlockProduction::Interval(Duration::from_secs(seconds.max(1))),
            None => BlockProduction::Automine,
        },
        seal: SealPolicy {
            max_transactions: args.batch_transactions,
            max_age: Some(Duration::from_secs(args.batch_seconds)),
            max_rows: args.batch_rows,
            max_segment_rows: pipeline::capacity(largest) as u64,
            ..SealPolicy::default()
        },
        rpc: RpcLimits {
            allow_remote: args.allow_remote,
            ..RpcLimits::default()
        },
        ..Config::default()
    }
}

fn announce(global: &Global, args: &DevArgs, genesis: &Genesis, url: &str) -> Result<()> {
    let accounts = if args.genesis.is_some() {
        vec![]
    } else {
        accounts()?
    };
    if global.json {
        let accounts: Vec<_> = accounts
            .iter()
            .map(|a| json!({ "address": a.address(), "private_key": format!("0x{}", hex::encode(a.to_bytes())) }))
            .collect();
        print_json(&json!({ "rpc": url, "chain_id": genesis.chain_id, "accounts": accounts }));
        return Ok(());
    }
    println!("Hallmark development rollup\n");
    if !accounts.is_empty() {
        println!("Accounts (10,000 ether each; the keys are public, use them for nothing else)");
        for (i, a) in accounts.iter().enumerate() {
            println!("  ({i}) {}  0x{}", a.address(), hex::encode(a.to_bytes()));
        }
        println!();
    }
    println!("Chain id   {}", genesis.chain_id);
    println!("Base fee   {} wei", genesis.base_fee);
    println!("JSON-RPC   {url}\n");
    Ok(())
}

/// What proves and finalises the node's batches.
struct Worker<'a> {
    node: &'a Node,
    prover: Prover,
    /// Segments have 2^this rows at most.
    largest: u32,
    genesis: &'a Genesis,
    data: &'a Path,
    ui: &'a Ui,
    /// Deployed when the first proof is there.
    l1: Option<EmbeddedL1>,
}

impl Worker<'_> {
    /// Proves and finalises sealed batches until told to stop.
    fn work(mut self, stopped: &dyn Fn() -> bool) -> Result<()> {
        while !stopped() {
            // Batches become final in order: one that failed holds the later ones up.
            let next = self.node.unfinished_batches()?.into_iter().next();
            let number = match next {
                Some((number, status)) if !matches!(status, ProofStatus::Failed { .. }) => number,
                _ => {
                    std::thread::sleep(POLL);
                    continue;
                }
            };
            if let Err(error) = self.finalise(number) {
                self.ui.say(format!(
                    "batch {number} failed: {error:#}. Later batches wait for it; start again to try again"
                ));
                self.node.set_failed(number, format!("{error:#}"));
            }
        }
        Ok(())
    }

    /// Proves one batch, unless its proofs are in the store, and submits it to the embedded L1.
    fn finalise(&mut self, number: u64) -> Result<()> {
        if !self.node.proofs(number)?.complete() {
            self.prove(number)?;
        }
        let mut l1 = match self.l1.take() {
            Some(l1) => l1,
            None => self.deploy()?,
        };
        // The embedded L1 lives in memory: after a restart it is told again what was proven before.
        let outcome = (l1.committed()? + 1..=number).try_for_each(|n| self.submit(&mut l1, n));
        if outcome.is_ok() {
            // After a refusal the next attempt begins with a new L1.
            self.l1 = Some(l1);
        }
        outcome?;
        self.node.set_finalized(number)?;
        self.ui.say(format!("batch {number} is final"));
        Ok(())
    }

    fn prove(&self, number: u64) -> Result<()> {
        let batch = self.node.batch(number)?;
        let witness = self.node.batch_witness(number)?;
        let batches = self.data.join("batches");
        super::prove::write_batch(&batches.join(format!("batch-{number}.batch")), &witness)?;
        self.ui.say(format!(
            "batch {number}: blocks {} to {}, {} transactions",
            batch.statement.first_block, batch.statement.last_block, batch.transactions
        ));
        let segments = plan::plan(&witness, self.largest)?;
        self.ui
            .say(format!("batch {number}: {}", pipeline::describe(&segments)));
        let count = u32::try_from(segments.len())?;
        let current = AtomicU32::new(0);
        let tell = |u: &prover::Update| {
            let progress = NodeProgress {
                stage: u.stage.to_string(),
                segment: current.load(Ordering::Relaxed),
                done: (u.fraction.clamp(0.0, 1.0) * 10_000.0) as u16,
                elapsed_seconds: u.elapsed.as_secs(),
                left_seconds: Some(u.remaining.as_secs()),
            };
            self.node.set_progress(number, progress);
            self.ui.update(u);
        };
        let announce = |id: SegmentId, budget: &prover::Budget| {
            current.store(id.index, Ordering::Relaxed);
            self.ui.budget(id, budget);
        };
        let proven = pipeline::prove(
            &self.prover,
            &witness,
            &segments,
            &batches,
            &announce,
            &tell,
        )?;
        for (p, i) in proven.iter().zip(0u32..) {
            let bytes = p.file.encode()?;
            self.node
                .record_proof(number, batch.statement.hash(), i, count, bytes)?;
        }
        Ok(())
    }

    /// Commits and proves one batch on the embedded L1.
    fn submit(&self, l1: &mut EmbeddedL1, number: u64) -> Result<()> {
        let batch = self.node.batch(number)?;
        l1.set_time(batch.statement.last_timestamp);
        let commit = l1.commit(&batch.statement, batch.payload.clone())?;
        let proofs = self
            .node
            .proofs(number)?
            .proofs
            .iter()
            .map(|(_, bytes)| pipeline::for_l1(&ProofFile::decode(bytes)?))
            .collect::<Result<Vec<_>>>()?;
        let verdict = l1.prove(number, &proofs)?;
        ensure!(
            verdict.accepted,
            "L1 refused the proof of batch {number}: {}",
            verdict.reason
        );
        self.ui.say(format!(
            "L1: batch {number} committed for {commit} gas, proven for {} gas",
            verdict.gas_used
        ));
        Ok(())
    }

    fn deploy(&self) -> Result<EmbeddedL1> {
        let keys = (*pipeline::SHAPES.start()..=self.largest)
            .map(|k| pipeline::verifying_key(&self.prover, k, self.ui))
            .collect::<Result<Vec<_>>>()?;
        let keys: Vec<_> = keys.iter().map(AsRef::as_ref).collect();
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let l1 = EmbeddedL1::deploy(
            &keys,
            self.genesis.chain_id,
            &self.genesis.header(),
            protocol::field::to_bytes(&self.genesis.state()?.root),
            now,
        )?;
        self.ui.say(format!("L1: rollup contract at {}", l1.rollup));
        Ok(l1)
    }
}
