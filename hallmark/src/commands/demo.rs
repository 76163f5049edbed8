//! `hallmark demo`: the whole line once, on an embedded L1.

use super::{
    print_json,
    sample::{
        CHAIN_ID, Order, Sample, amount, recipient, token_overdraft, token_transfer, transfer,
    },
};
use crate::{
    cli::{DemoArgs, Global, SUCCESS},
    home,
    ui::{Ui, group},
};
use alloy_primitives::U256;
use circuits::machine::MainMachine;
use eyre::{Result, WrapErr, bail, ensure, eyre};
use hallmark::{
    l1::{EmbeddedL1, SegmentProof, Verdict},
    pipeline::{self, PlannedSegment},
    plan,
};
use prover::{
    ProofFile, VerifyingKey, memory,
    segments::{ProvenSegment, Prover},
};
use sequencer::{BatchWitness, RpcProof, RpcProveStatus};
use serde_json::{Value, json};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// What L1 did.
struct Settled {
    deploy_verifier: u64,
    commit: u64,
    accepted: Verdict,
    tampered: Verdict,
}

pub(crate) fn run(global: &Global, args: &DemoArgs) -> Result<u8> {
    let ui = Ui::new();
    let started = Instant::now();
    memory::reset_peak();
    let prover = Prover::new(&home::directory(global)?, home::label(global)?);
    let directory = tempfile::tempdir().wrap_err("no temporary directory can be made")?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let senders = args.transfers + args.token_transfers.max(MARGINAL_SENDERS);
    let accounts = args.accounts.max(senders + 1);

    ui.say(format!("L2: genesis with {} accounts", group(accounts)));
    let sample = Sample::start(&directory.path().join("store.redb"), senders, accounts, now)?;
    ui.say(format!(
        "L2: JSON-RPC on {}, sending {} signed ETH transfers and {} of a token",
        sample.url(),
        args.transfers,
        args.token_transfers
    ));
    let witness = sample.batch(orders(args))?;
    let largest = pipeline::largest_shape(&prover, global.max_k);
    let segments = plan::plan(&witness, largest)?;
    let rows = pipeline::rows(&segments);
    ui.say(format!(
        "batch 1 sealed: payload of {} bytes, {} rows to prove",
        group(witness.payload.len() as u64),
        group(rows as u64)
    ));
    ui.say(pipeline::describe(&segments));

    let proven = prove(&prover, &witness, &segments, args, directory.path(), &ui)?;
    let files = publish(&sample, &witness, &proven)?;
    let settled = settle(&prover, &sample, &witness, &files, now, &ui)?;
    finalise(&sample, args, &ui)?;

    let marginal = Marginal::measure(&sample, args.transfers)?;
    sample.stop();
    let figures = figures(
        args, accounts, &segments, &proven, &settled, marginal, started,
    );
    if global.json {
        print_json(&figures);
    } else {
        table(&figures);
    }
    Ok(SUCCESS)
}

/// The transactions, each of a sender of its own. The last one of the token reverts.
fn orders(args: &DemoArgs) -> Vec<Order> {
    let all = args.transfers + args.token_transfers;
    (0..all)
        .map(|n| match n {
            _ if n < args.transfers => transfer(n, n),
            _ if n + 1 == all => token_overdraft(n, n),
            _ => token_transfer(n, n),
        })
        .collect()
}

/// Proves the batch; with `--keep` the batch file and its proofs stay.
fn prove(
    prover: &Prover,
    witness: &BatchWitness,
    segments: &[PlannedSegment],
    args: &DemoArgs,
    temporary: &std::path::Path,
    ui: &Ui,
) -> Result<Vec<ProvenSegment>> {
    let store = args
        .keep
        .clone()
        .unwrap_or_else(|| temporary.join("proofs"));
    if let Some(keep) = &args.keep {
        super::prove::write_batch(&keep.join("batch-1.batch"), witness)?;
    }
    let begun = Instant::now();
    let announce = |id, budget: &prover::Budget| ui.budget(id, budget);
    let proven = pipeline::prove(prover, witness, segments, &store, &announce, ui)?;
    ui.say(format!(
        "proven and verified in {:.1} s, keys and reference string included",
        begun.elapsed().as_secs_f64()
    ));
    Ok(proven)
}

/// Hands the proofs to the node and reads them back over JSON-RPC, as anybody can.
fn publish(
    sample: &Sample,
    witness: &BatchWitness,
    proven: &[ProvenSegment],
) -> Result<Vec<ProofFile>> {
    let batch = witness.statement.batch_number;
    let count = u32::try_from(proven.len())?;
    for (p, i) in proven.iter().zip(0u32..) {
        let bytes = p.file.encode()?;
        sample
            .node
            .record_proof(batch, witness.statement.hash(), i, count, bytes)?;
    }
    let published: RpcProof = sample.call("hallmark_getProof", [batch])?;
    ensure!(
        published.complete,
        "hallmark_getProof says that the proof of batch {batch} is not complete"
    );
    published
        .proofs
        .iter()
        .map(|p| Ok(ProofFile::decode(&p.proof)?))
        .collect()
}

/// Deploys the contracts, commits the batch, submits a tampered copy of the proof and then the proof.
fn settle(
    prover: &Prover,
    sample: &Sample,
    witness: &BatchWitness,
    files: &[ProofFile],
    now: u64,
    ui: &Ui,
) -> Result<Settled> {
    let statement = &witness.statement;
    let k = files.iter().map(|f| f.k);
    let (smallest, largest) = k.clone().min().zip(k.max()).unwrap_or((15, 15));
    let keys = (smallest..=largest)
        .map(|k| pipeline::verifying_key(prover, k, ui))
        .collect::<Result<Vec<_>>>()?;
    let keys: Vec<_> = keys.iter().map(AsRef::as_ref).collect();
    let mut l1 = EmbeddedL1::deploy(
        &keys,
        CHAIN_ID,
        &sample.genesis.header(),
        statement.previous_state_root,
        now,
    )?;
    ui.say(format!("L1: rollup contract at {}", l1.rollup));
    l1.set_time(statement.last_timestamp);
    let commit = l1.commit(statement, witness.payload.clone())?;
    ui.say(format!("L1: batch 1 committed for {} gas", group(commit)));

    let proofs = files
        .iter()
        .map(pipeline::for_l1)
        .collect::<Result<Vec<_>>>()?;
    let tampered = l1.prove(1, &tampered(&proofs, keys.first().copied())?)?;
    ensure!(
        !tampered.accepted && l1.state_root()? == statement.previous_state_root,
        "the contract accepted a tampered proof"
    );
    ui.say(format!(
        "L1: a tampered copy of the proof is refused: {}",
        tampered.reason
    ));
    let accepted = l1.prove(1, &proofs)?;
    if !accepted.accepted {
        bail!("L1 refused the proof: {}", accepted.reason);
    }
    ensure!(
        l1.state_root()? == statement.state_root,
        "L1 has another state root than the batch"
    );
    ui.say(format!(
        "L1: the proof is accepted for {} gas; state root {}",
        group(accepted.gas_used),
        statement.state_root
    ));
    Ok(Settled {
        deploy_verifier: l1.deploy_verifier,
        commit,
        accepted,
        tampered,
    })
}

/// The same proofs with one bit of the first evaluation turned: they look right and are not.
fn tampered(proofs: &[SegmentProof], key: Option<&VerifyingKey>) -> Result<Vec<SegmentProof>> {
    let mut proofs = proofs.to_vec();
    // Two points close the proof, the evaluations of 32 bytes stand before them.
    let at = key.map_or(0, |k| k.proof_bytes() - 128 - 32 * k.shape().evaluations) + 31;
    let first = proofs
        .first_mut()
        .ok_or_else(|| eyre!("there is no proof"))?;
    let mut bytes = first.proof.to_vec();
    *bytes
        .get_mut(at)
        .ok_or_else(|| eyre!("the proof is too short"))? ^= 1;
    first.proof = bytes.into();
    Ok(proofs)
}

/// Tells the node that L1 accepted the batch, and reads over JSON-RPC that it is final and who has what.
fn finalise(sample: &Sample, args: &DemoArgs, ui: &Ui) -> Result<()> {
    sample.node.set_finalized(1)?;
    let status: RpcProveStatus = sample.call("hallmark_proveStatus", ())?;
    ensure!(
        status.finalized.to::<u64>() == 1,
        "hallmark_proveStatus says that batch {} is final, not batch 1",
        status.finalized
    );
    let mut sum = U256::ZERO;
    for n in 0..args.transfers {
        let balance = sample.balance(recipient(n))?;
        ensure!(
            balance == amount(n),
            "account {} has {balance} wei, {} were sent",
            recipient(n),
            amount(n)
        );
        sum += balance;
    }
    let mut tokens = U256::ZERO;
    for n in args.transfers..args.transfers + args.token_transfers {
        tokens += sample.token_balance(recipient(n))?;
    }
    let given = args.token_transfers.saturating_sub(1);
    ensure!(
        ether(tokens) == format!("{given}.000"),
        "the receivers have {} tokens, {given} were sent",
        ether(tokens)
    );
    ui.say(format!(
        "L2: batch 1 is final; {} fresh accounts hold {} ether and {given} others a token each",
        args.transfers,
        ether(sum)
    ));
    Ok(())
}

/// Senders of token transfers in the batches that [`Marginal::measure`] makes.
const MARGINAL_SENDERS: u64 = 2;

/// Rows that one more transaction costs in a batch that has one of its kind already.
struct Marginal {
    eth_transfer: usize,
    erc20_transfer: usize,
    erc20_transfer_reverted: usize,
}

impl Marginal {
    /// Batches on the same chain, which are executed and not proven, against each other. Each is counted in one segment.
    fn measure(sample: &Sample, transfers: u64) -> Result<Self> {
        // The receivers are fresh; the senders may be any that the genesis has.
        let mut fresh = 1_000..;
        let mut rows = |transfers: u64, second: Option<fn(u64, u64) -> Order>| -> Result<usize> {
            let mut next = || fresh.next().unwrap_or(u64::MAX);
            let mut orders: Vec<_> = (0..transfers).map(|n| transfer(n, next())).collect();
            orders.push(token_transfer(transfers, next()));
            orders.extend(second.map(|order| order(transfers + 1, next())));
            pipeline::whole_rows(&sample.batch(orders)?)
        };
        let base = rows(1, None)?;
        let count = transfers.max(2);
        let more = rows(count, None)?.saturating_sub(base);
        let mut second = |order| Ok::<_, eyre::Report>(rows(1, Some(order))?.saturating_sub(base));
        Ok(Self {
            eth_transfer: more.div_ceil(count as usize - 1),
            erc20_transfer: second(token_transfer)?,
            erc20_transfer_reverted: second(token_overdraft)?,
        })
    }

    /// Rows of the demonstration's transactions.
    fn of(&self, args: &DemoArgs) -> usize {
        let (transfers, tokens) = (args.transfers as usize, args.token_transfers as usize);
        self.eth_transfer * transfers
            + self.erc20_transfer * tokens.saturating_sub(1)
            + self.erc20_transfer_reverted * tokens.min(1)
    }
}

fn figures(
    args: &DemoArgs,
    accounts: u64,
    segments: &[PlannedSegment],
    proven: &[ProvenSegment],
    settled: &Settled,
    marginal: Marginal,
    started: Instant,
) -> Value {
    let rows = pipeline::rows(segments);
    json!({
        "k": segments.iter().map(|s| s.k).max(),
        "segments": segments.len(),
        "advice_columns": MainMachine::get().machine.advice_columns(),
        "rows_total": rows,
        "rows_by_segment": segments.iter().map(|s| s.rows).collect::<Vec<_>>(),
        "rows_by_chip": pipeline::rows_by_chip(segments),
        "rows_shared": rows.saturating_sub(marginal.of(args)),
        "rows_per_transaction": {
            "eth_transfer": marginal.eth_transfer,
            "erc20_transfer": marginal.erc20_transfer,
            "erc20_transfer_reverted": marginal.erc20_transfer_reverted,
        },
        "prove_seconds": proven.iter().filter_map(|p| p.seconds).sum::<f64>(),
        "total_seconds": started.elapsed().as_secs_f64(),
        "peak_rss_bytes": memory::peak(),
        "proof_bytes": proven.iter().map(|p| p.file.proof.len()).sum::<usize>(),
        "l1_gas": {
            "deploy_verifier": settled.deploy_verifier,
            "commit": settled.commit,
            "prove": settled.accepted.gas_used,
            "prove_rejected": settled.tampered.gas_used,
        },
        "accepted": settled.accepted.accepted,
        "tampered_rejected": !settled.tampered.accepted,
        "transactions": args.transfers + args.token_transfers,
        "eth_transfers": args.transfers,
        "erc20_transfers": args.token_transfers,
        "accounts": accounts,
        "insecure_srs": proven.iter().any(|p| p.file.srs.is_insecure()),
    })
}

/// The figures as a table.
fn table(f: &Value) {
    let n = |v: &Value| match (v.as_u64(), v.as_f64()) {
        (Some(n), _) => group(n),
        (None, Some(x)) => format!("{x:.1}"),
        _ => "-".to_owned(),
    };
    let by_chip = f["rows_by_chip"].as_object().map_or(String::new(), |m| {
        let parts: Vec<_> = m
            .iter()
            .map(|(chip, r)| format!("{chip} {}", n(r)))
            .collect();
        parts.join(", ")
    });
    let by_segment = f["rows_by_segment"].as_array().map_or(String::new(), |a| {
        a.iter().map(n).collect::<Vec<_>>().join(", ")
    });
    let gas = &f["l1_gas"];
    let lines = [
        (
            "transactions",
            format!(
                "{} ETH transfers, {} of a token, {} accounts in the state",
                n(&f["eth_transfers"]),
                n(&f["erc20_transfers"]),
                n(&f["accounts"])
            ),
        ),
        (
            "shape",
            format!(
                "2^{} rows x {} advice columns, segments: {}",
                f["k"], f["advice_columns"], f["segments"]
            ),
        ),
        ("rows", n(&f["rows_total"])),
        ("  by segment", by_segment),
        ("  by chip", by_chip),
        (
            "  per transfer",
            format!(
                "{} of ether, {} of the token, {} of one that reverts (marginal; {} are shared by the batch)",
                n(&f["rows_per_transaction"]["eth_transfer"]),
                n(&f["rows_per_transaction"]["erc20_transfer"]),
                n(&f["rows_per_transaction"]["erc20_transfer_reverted"]),
                n(&f["rows_shared"])
            ),
        ),
        (
            "proof",
            format!(
                "{} bytes in {} s; {} s in all",
                n(&f["proof_bytes"]),
                n(&f["prove_seconds"]),
                n(&f["total_seconds"])
            ),
        ),
        (
            "peak memory",
            format!(
                "{} MiB",
                group(f["peak_rss_bytes"].as_u64().unwrap_or(0) >> 20)
            ),
        ),
        (
            "L1 gas",
            format!(
                "commit {}, prove {}, a wrong proof {}",
                n(&gas["commit"]),
                n(&gas["prove"]),
                n(&gas["prove_rejected"])
            ),
        ),
        (
            "",
            format!("verifier deployed once for {}", n(&gas["deploy_verifier"])),
        ),
        (
            "verdict",
            "accepted by the contract; the tampered copy refused".to_owned(),
        ),
    ];
    println!();
    for (name, value) in lines {
        println!("  {name:<15} {value}");
    }
    if f["insecure_srs"] == true {
        println!(
            "  {:<15} development reference string: anybody can forge proofs over it",
            "warning"
        );
    }
}

/// Wei as ether with three decimals, for people.
fn ether(wei: U256) -> String {
    let milli = wei / U256::from(1_000_000_000_000_000u64);
    let thousand = U256::from(1000);
    format!(
        "{}.{:0>3}",
        milli / thousand,
        (milli % thousand).to_string()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ether_has_three_decimals() {
        assert_eq!(ether(U256::from(1_002_999_999_999_999_999u64)), "1.002");
        assert_eq!(ether(U256::ZERO), "0.000");
    }

    #[test]
    fn one_bit_of_the_first_proof_is_turned() {
        let proof = |bytes: Vec<u8>| SegmentProof {
            k: 15,
            end: Default::default(),
            proof: bytes.into(),
        };
        let proofs = [proof(vec![0; 40]), proof(vec![0; 40])];
        let changed = tampered(&proofs, None).unwrap();
        assert_eq!(changed[0].proof[31], 1);
        assert_eq!(changed[1], proofs[1]);
        assert!(tampered(&[proof(vec![0; 3])], None).is_err());
        assert!(tampered(&[], None).is_err());
    }
}
