//! `hallmark dev`: the local rollup for daily work.

mod schedule;
mod worker;

use self::worker::Worker;
use super::print_json;
use crate::{
    cli::{DevArgs, Global, SUCCESS},
    home,
    ui::Ui,
};
use alloy::signers::local::PrivateKeySigner;
use alloy_primitives::{U256, keccak256};
use eyre::{Result, WrapErr};
use hallmark::{door::Door, pipeline};
use protocol::{Genesis, genesis::GenesisAccount};
use prover::segments::Prover;
use sequencer::{BlockProduction, Config, Node, RpcLimits, SealPolicy};
use serde_json::json;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
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
        Arc::new(Door::new()?),
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
