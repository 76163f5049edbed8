//! `hallmark cost`: what a batch, or a transaction of each kind, costs to prove.

use super::{
    print_json,
    prove::read_batch,
    sample::{Order, Sample, recipient, token_overdraft, token_transfer, transfer},
};
use crate::{
    cli::{CostArgs, Global, SUCCESS},
    home,
    ui::{Ui, group},
};
use alloy::{
    network::TransactionBuilder,
    rpc::types::{AccessList, AccessListItem, TransactionRequest},
};
use alloy_primitives::B256;
use eyre::{Result, WrapErr};
use hallmark::{
    pipeline::{self, Cost},
    plan,
};
use prover::segments::Prover;
use sequencer::BatchWitness;
use serde_json::{Map, Value, json};
use std::path::Path;

/// Accounts in the state whose transfers are measured.
const ACCOUNTS: u64 = 1 << 16;
/// Transactions of each kind in a measured batch.
const EACH: u64 = 4;

pub(crate) fn run(global: &Global, args: &CostArgs) -> Result<u8> {
    let ui = Ui::new();
    let prover = Prover::new(&home::directory(global)?, home::label(global)?);
    if args.batches.is_empty() {
        let report = transactions(&prover, &ui)?;
        if global.json {
            print_json(&report);
        } else {
            print_transactions(&report);
        }
        return Ok(SUCCESS);
    }
    let largest = pipeline::largest_shape(&prover, global.max_k);
    let reports = args
        .batches
        .iter()
        .map(|path| batch(&prover, largest, path))
        .collect::<Result<Vec<_>>>()?;
    if global.json {
        print_json(&json!({ "batches": reports }));
    } else {
        reports.iter().for_each(print_batch);
    }
    Ok(SUCCESS)
}

/// What one batch file costs.
fn batch(prover: &Prover, largest: u32, path: &Path) -> Result<Value> {
    let witness = read_batch(path)?;
    let segments = plan::plan(&witness, largest)?;
    let rows = pipeline::rows(&segments);
    let capacity: usize = segments.iter().map(|s| pipeline::capacity(s.k)).sum();
    let seconds: f64 = segments
        .iter()
        .map(|s| pipeline::budget(prover, s.k).seconds)
        .sum();
    let blocks = witness.decode_payload()?.blocks;
    let profile = pipeline::profile(&witness)?;
    let by_transaction = profile
        .iter()
        .map(|(number, costs)| json!({ "transaction": number, "costs": table(costs) }));
    Ok(json!({
        "batch": path.display().to_string(),
        "blocks": blocks.len(),
        "transactions": blocks.iter().map(|b| b.transactions.len()).sum::<usize>(),
        "segments": segments.len(),
        "rows_total": rows,
        "rows_by_segment": segments.iter().map(|s| s.rows).collect::<Vec<_>>(),
        "rows_by_chip": pipeline::rows_by_chip(&segments),
        "k": segments.iter().map(|s| s.k).collect::<Vec<_>>(),
        "share_of_shape": rows as f64 / capacity.max(1) as f64,
        "prove_seconds_estimate": seconds,
        "by_transaction": by_transaction.collect::<Vec<_>>(),
    }))
}

/// What a transaction's rows are for.
fn table(costs: &[Cost]) -> Vec<Value> {
    let line = |c: &Cost| {
        json!({
            "name": c.name,
            "times": c.spent.times,
            "micro_instructions": c.spent.instructions,
            "rows": c.spent.rows(),
            "rows_by_chip": c.spent.rows_by_chip,
        })
    };
    costs.iter().map(line).collect()
}

/// The kinds of transactions whose cost is measured: name, the order of a sender to the fresh account `to`, and whether the batch
/// without them has the token's code already.
type Kind = (&'static str, fn(u64, u64) -> Order, bool);

const KINDS: [Kind; 6] = [
    ("eth_transfer", transfer, false),
    (
        "eth_transfer_access_list",
        |sender, to| {
            let item = AccessListItem {
                address: recipient(to),
                storage_keys: vec![B256::with_last_byte(1)],
            };
            changed(transfer(sender, to), |r| {
                r.access_list(AccessList(vec![item]))
            })
        },
        false,
    ),
    (
        "eth_transfer_calldata_100",
        |sender, to| changed(transfer(sender, to), |r| r.with_input(vec![0xab; 100])),
        false,
    ),
    (
        "eth_transfer_legacy",
        |sender, to| changed(transfer(sender, to), |r| r.with_gas_price(3_000_000_000)),
        false,
    ),
    ("erc20_transfer", token_transfer, true),
    ("erc20_transfer_reverted", token_overdraft, true),
];

fn changed(order: Order, change: impl FnOnce(TransactionRequest) -> TransactionRequest) -> Order {
    Order {
        request: change(order.request),
        ..order
    }
}

/// Marginal rows of a transaction of each kind: a batch with some against a batch without them.
fn transactions(prover: &Prover, ui: &Ui) -> Result<Value> {
    let directory = tempfile::tempdir().wrap_err("no temporary directory can be made")?;
    ui.say(format!("a chain with {} accounts", group(ACCOUNTS)));
    let sample = Sample::start(&directory.path().join("store.redb"), 2 + EACH, ACCOUNTS, 0)?;
    let mut fresh = 0..;
    let mut batch = |token: bool, kind: Option<&Kind>| -> Result<BatchWitness> {
        let mut next = || fresh.next().unwrap_or(u64::MAX);
        let mut orders = vec![transfer(0, next())];
        if token {
            orders.push(token_transfer(EACH + 1, next()));
        }
        if let Some((_, order, _)) = kind {
            orders.extend((1..=EACH).map(|sender| order(sender, next())));
        }
        sample.batch(orders)
    };
    let base = pipeline::whole_rows(&batch(false, None)?)?;
    let with_token = pipeline::whole_rows(&batch(true, None)?)?;
    let (mut marginal, mut costs) = (Map::new(), Map::new());
    for kind in &KINDS {
        ui.say(format!("measuring {}", kind.0));
        let without = if kind.2 { with_token } else { base };
        let batch = batch(kind.2, Some(kind))?;
        let more = pipeline::whole_rows(&batch)?.saturating_sub(without);
        marginal.insert(kind.0.to_owned(), json!(more.div_ceil(EACH as usize)));
        // What they share counts in an earlier one.
        let last = pipeline::profile(&batch)?.pop_last();
        costs.insert(kind.0.to_owned(), json!(table(&last.unwrap_or_default().1)));
    }
    sample.stop();
    let transfer = marginal
        .get("eth_transfer")
        .and_then(Value::as_u64)
        .unwrap_or(0);
    let per_shape: Vec<_> = pipeline::SHAPES
        .map(|k| {
            let room = (pipeline::capacity(k) as u64).saturating_sub(base as u64);
            json!({
                "k": k,
                "rows": pipeline::capacity(k),
                "eth_transfers": room.checked_div(transfer).map_or(0, |n| n + 1),
                "prove_seconds_estimate": pipeline::budget(prover, k).seconds,
            })
        })
        .collect();
    Ok(json!({
        "accounts": ACCOUNTS,
        "rows_per_transaction": marginal,
        "costs_per_transaction": costs,
        "rows_shared": (base as u64).saturating_sub(transfer),
        "shapes": per_shape,
    }))
}

fn print_transactions(report: &Value) {
    println!(
        "rows, marginal, in a state of {} accounts",
        report["accounts"]
    );
    for (name, rows) in report["rows_per_transaction"]
        .as_object()
        .into_iter()
        .flatten()
    {
        println!("  {name:<28} {:>9}", group(rows.as_u64().unwrap_or(0)));
    }
    let shared = report["rows_shared"].as_u64().unwrap_or(0);
    println!("  {:<28} {:>9}", "shared by a batch", group(shared));
    for (name, costs) in (report["costs_per_transaction"].as_object())
        .into_iter()
        .flatten()
    {
        println!("\n{name}");
        print_costs(costs);
    }
    println!("\nshape       rows   transfers   seconds, by estimate");
    for s in report["shapes"].as_array().into_iter().flatten() {
        println!(
            "2^{:<4} {:>9} {:>11}   {:>7.0}",
            s["k"],
            group(s["rows"].as_u64().unwrap_or(0)),
            group(s["eth_transfers"].as_u64().unwrap_or(0)),
            s["prove_seconds_estimate"].as_f64().unwrap_or(0.0)
        );
    }
}

/// Lines of a transaction's costs that are printed; what is less is summed up.
const LINES: usize = 16;

fn print_costs(costs: &Value) {
    let number = |v: &Value| v.as_u64().unwrap_or(0);
    let lines = costs.as_array().map_or(&[][..], Vec::as_slice);
    let (shown, rest) = lines.split_at(lines.len().min(LINES));
    for c in shown {
        let chips = c["rows_by_chip"].as_object().into_iter().flatten();
        let chips: Vec<String> = chips
            .map(|(chip, n)| format!("{chip} {}", group(number(n))))
            .collect();
        println!(
            "    {:>9}  {:>4} x {}: {}",
            group(number(&c["rows"])),
            number(&c["times"]),
            c["name"].as_str().unwrap_or_default(),
            chips.join(", ")
        );
    }
    let rest: u64 = rest.iter().map(|c| number(&c["rows"])).sum();
    if rest > 0 {
        println!("    {:>9}  others", group(rest));
    }
}

fn print_batch(report: &Value) {
    println!("{}", report["batch"].as_str().unwrap_or_default());
    println!(
        "  {} transactions in {} blocks: {} rows, segments of {} rows in shapes {}, {:.0} % full, about {:.0} s",
        report["transactions"],
        report["blocks"],
        group(report["rows_total"].as_u64().unwrap_or(0)),
        report["rows_by_segment"],
        report["k"],
        100.0 * report["share_of_shape"].as_f64().unwrap_or(0.0),
        report["prove_seconds_estimate"].as_f64().unwrap_or(0.0)
    );
    for (chip, rows) in report["rows_by_chip"].as_object().into_iter().flatten() {
        println!("  {chip:<10} {:>9}", group(rows.as_u64().unwrap_or(0)));
    }
    for t in report["by_transaction"].as_array().into_iter().flatten() {
        println!("  transaction {}", t["transaction"]);
        print_costs(&t["costs"]);
    }
}
